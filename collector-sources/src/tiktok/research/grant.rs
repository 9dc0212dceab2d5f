//! The access token: what is asked, and what the answer means.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Payload;
use serde::Deserialize;

use super::super::secrets::told;
use crate::http::{Grant, Secret, status_kind, waiting};
use crate::values::answer::{body, misshapen, unreadable};
use crate::values::lenient::{Count, Part, Text};

/// What the vendor says a token is good for, when an answer does not say it.
const LASTS: u64 = 7_200;

/// A research project's key and secret.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) key: Secret,
    pub(super) secret: Secret,
}

/// The answer, flat both ways.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    access_token: Text<'a>,
    expires_in: Count,
    error: Text<'a>,
    error_description: Text<'a>,
    log_id: Text<'a>,
}

/// What the errors of the token endpoint mean: the status is documented for none, so the name decides.
const TABLE: [(&str, ErrorKind); 10] = [
    ("invalid_client", ErrorKind::Unauthorized),
    ("invalid_request", ErrorKind::Unauthorized),
    ("unsupported_grant_type", ErrorKind::Unauthorized),
    ("invalid_grant", ErrorKind::Unauthorized),
    ("invalid_scope", ErrorKind::Unauthorized),
    ("unauthorized_client", ErrorKind::Unauthorized),
    ("unsupported_response_type", ErrorKind::Unauthorized),
    ("access_denied", ErrorKind::Unauthorized),
    ("server_error", ErrorKind::Unavailable),
    ("temporarily_unavailable", ErrorKind::Unavailable),
];

impl Credentials {
    /// Reads the answer of the token endpoint.
    ///
    /// # Errors
    /// `Unauthorized` when the credentials are refused, `Unavailable` when it may work later.
    pub(super) fn read(&self, payload: &Payload) -> Result<Grant> {
        let answer: Part<Answer<'_>> = serde_json::from_slice(body(payload))
            .map_err(|error| unreadable::<Part<Answer<'_>>>(payload, &error, without_body))?;
        let Part::Value(answer) = answer else { return Err(misshapen("", "an object")) };
        match answer.access_token.value() {
            Some(token) if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(misshapen("access_token", "a token that a header can carry"))
            }
            Some(token) => {
                let lasts = Duration::from_secs(answer.expires_in.value().copied().unwrap_or(LASTS));
                Ok(Grant { token: Secret::from(token.as_ref()), lasts })
            }
            None => Err(self.refused(payload, &answer)),
        }
    }

    fn refused(&self, payload: &Payload, answer: &Answer<'_>) -> Error {
        let name = answer.error.value().map_or("", |name| name);
        let listed = TABLE.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        let kind = listed.unwrap_or_else(|| match status_kind(payload.status) {
            Some(ErrorKind::RateLimited) => ErrorKind::RateLimited,
            // Also seen with status 200 and nothing that says why.
            _ => ErrorKind::Unavailable,
        });
        let message = match kind {
            ErrorKind::Unauthorized => "no access token: `client_key` or `client_secret` was refused",
            _ => "no access token came",
        };
        let told = |text: &str| told(text, &[&self.key, &self.secret]);
        let mut error = Error::new(kind, message).with("status", payload.status);
        for (label, text) in
            [("error", &answer.error), ("vendor", &answer.error_description), ("log_id", &answer.log_id)]
        {
            if let Some(text) = text.value().filter(|text| !text.is_empty()) {
                error = error.with(label, told(text));
            }
        }
        waiting(error, payload)
    }
}

/// An answer that is no JSON says nothing of the credentials, whatever its status, but for a plain refusal.
fn without_body(payload: &Payload, what: &'static str) -> Error {
    let kind = match payload.status {
        401 => ErrorKind::Unauthorized,
        429 => ErrorKind::RateLimited,
        300..=399 => ErrorKind::Rejected,
        _ => ErrorKind::Unavailable,
    };
    let error = Error::new(kind, "no access token came").with("answer", what).with("status", payload.status);
    waiting(error, payload)
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    fn read(status: u16, body: &str) -> Result<Grant> {
        let mut payload = Payload::new(body.to_owned(), Timestamp::from_secs(1_795_359_599));
        payload.status = status;
        Credentials { key: "made-up-key".into(), secret: "made-up-secret".into() }.read(&payload)
    }

    #[test]
    fn a_token_comes_with_its_time() {
        let grant = read(200, r#"{"access_token":"clt.1","expires_in":60,"token_type":"Bearer"}"#).unwrap();
        assert_eq!((grant.token.expose(), grant.lasts.as_secs()), ("clt.1", 60));
        assert_eq!(read(200, r#"{"access_token":"clt.1"}"#).unwrap().lasts.as_secs(), LASTS);
    }

    #[test]
    fn every_error_of_the_list_has_its_kind_at_every_status() {
        for (name, kind) in TABLE {
            for status in [200, 400, 401, 500] {
                let body =
                    format!(r#"{{"error":"{name}","error_description":"made-up-secret","log_id":"L"}}"#);
                let error = read(status, &body).unwrap_err();
                assert_eq!(error.kind(), kind, "{name} {status}");
                let shown = error.to_string();
                assert!(shown.contains(name) && shown.contains("L") && !shown.contains("made-up"), "{shown}");
            }
        }
    }

    #[test]
    fn whatever_else_comes_is_tried_again() {
        for (status, body, kind) in [
            (200, "{}", ErrorKind::Unavailable),
            (200, r#"{"error":"something_new"}"#, ErrorKind::Unavailable),
            (429, r#"{"error":"something_new"}"#, ErrorKind::RateLimited),
            (502, "<html>", ErrorKind::Unavailable),
            (404, "<html>", ErrorKind::Unavailable),
            (401, "", ErrorKind::Unauthorized),
            (200, "{\"access_token\":\"a", ErrorKind::Unavailable),
            (200, r#"{"access_token":"a\nb"}"#, ErrorKind::Malformed),
            (200, "[]", ErrorKind::Malformed),
        ] {
            assert_eq!(read(status, body).unwrap_err().kind(), kind, "{status} {body}");
        }
    }
}
