//! What the vendor's statuses, codes and texts mean: one table. Pure.
//!
//! Two failures show the number 500: the account's quota is used up, and the platform did not answer. So the text is
//! looked at before the number.

use collector_core::error::{Error, ErrorKind};
use collector_core::task::Payload;

use super::kind::Side;
use crate::http::{Secret, status_kind, waiting};
use crate::values::text::shortened;

/// How much of an answer that is no JSON is searched for the vendor's words.
const HEAD: usize = 64 << 10;

/// What the vendor says about the account, wherever it says it, in lower case. Earlier rows win: the sentence about the
/// quota ends with the word that others use for a throttle.
const WORDS: [(&str, ErrorKind, &str); 6] = [
    ("usage limit exceeded", ErrorKind::QuotaExhausted, "the account's requests are used up"),
    ("auth error", ErrorKind::Unauthorized, "user name or password were refused"),
    ("unauthorized", ErrorKind::Unauthorized, "user name or password were refused"),
    ("rate limit", ErrorKind::RateLimited, "too many requests"),
    ("too many requests", ErrorKind::RateLimited, "too many requests"),
    ("quota", ErrorKind::RateLimited, "too many requests"),
];

/// What an answer says about itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// The HTTP status.
    pub(super) status: u16,
    /// The vendor's code, when the body has a readable one.
    pub(super) code: Option<i64>,
    /// The vendor's message, or the beginning of a body that is no JSON.
    pub(super) message: &'a str,
}

impl Said<'_> {
    /// Whether the call succeeded. One client met 200 where others meet 0.
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status) && matches!(self.code, Some(0 | 200))
    }

    /// The failure of an answer that is no success.
    pub(super) fn meaning(&self, side: Side) -> (ErrorKind, &'static str) {
        let text = self.message.to_lowercase();
        let numbers = [i64::from(self.status), self.code.unwrap_or(0)];
        let is = |number: i64| numbers.contains(&number);
        if let Some((_, kind, says)) = WORDS.iter().find(|(words, ..)| text.contains(words)) {
            (*kind, says)
        } else if is(401) || is(403) {
            (ErrorKind::Unauthorized, "user name or password were refused")
        } else if is(429) {
            (ErrorKind::RateLimited, "too many requests")
        } else {
            self.without_words(side)
        }
    }

    fn without_words(&self, side: Side) -> (ErrorKind, &'static str) {
        match (status_kind(self.status), self.code, side) {
            (Some(ErrorKind::NotFound), ..) => (ErrorKind::Rejected, "no such path: correct `base_url`"),
            (Some(ErrorKind::Unavailable), ..) => (ErrorKind::Unavailable, "the vendor could not get it"),
            (Some(kind), ..) => (kind, "the request was refused"),
            (None, None, _) => (ErrorKind::Malformed, "the answer has no `code`"),
            (None, Some(500), Side::RealTime) => {
                (ErrorKind::Unavailable, "the platform did not answer the vendor")
            }
            (None, Some(_), _) => (ErrorKind::Rejected, "the request was refused"),
        }
    }
}

/// The error an answer that is no success stands for. The credentials are taken out of the vendor's message.
pub(super) fn failure(said: &Said<'_>, side: Side, payload: &Payload, secrets: &[Secret]) -> Error {
    let (kind, says) = said.meaning(side);
    let mut error = Error::new(kind, says).with("status", said.status);
    if let Some(code) = said.code {
        error = error.with("code", code);
    }
    if !said.message.trim().is_empty() {
        let message = secrets.iter().fold(said.message.to_owned(), |text, secret| secret.scrub(&text));
        error = error.with("vendor", shortened(&message));
    }
    waiting(error, payload)
}

/// The failure of an answer that is no JSON at all: a gateway's page, plain text, an empty body.
pub(super) fn without_body(payload: &Payload, what: &'static str, side: Side) -> Error {
    let head = payload.body.get(..HEAD).unwrap_or(&payload.body);
    let text = String::from_utf8_lossy(head);
    let said = Said { status: payload.status, code: None, message: &text };
    let kind = match said.meaning(side).0 {
        // Somebody in between: an answer of the vendor would have been JSON.
        ErrorKind::Malformed => ErrorKind::Unavailable,
        kind => kind,
    };
    // Not its text: nobody knows whose it is.
    waiting(Error::new(kind, what).with("status", payload.status), payload)
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    fn kind(side: Side, status: u16, code: Option<i64>, message: &str) -> ErrorKind {
        let said = Said { status, code, message };
        assert!(!said.is_good());
        said.meaning(side).0
    }

    #[test]
    fn every_row_of_the_table() {
        use ErrorKind::*;
        use Side::*;
        let spent = "Usage Limit Exceeded, Please Contact Administrator to Increase Quota";
        for (side, status, code, message, expected) in [
            (Database, 401, None, "", Unauthorized),
            (Database, 403, None, "", Unauthorized),
            (Database, 200, Some(401), "", Unauthorized),
            (RealTime, 200, Some(403), "", Unauthorized),
            (Database, 200, Some(1), "Auth Error", Unauthorized),
            (Database, 500, None, "Unauthorized client", Unauthorized),
            (Database, 500, None, spent, QuotaExhausted),
            (Database, 500, Some(500), spent, QuotaExhausted),
            (RealTime, 200, Some(500), spent, QuotaExhausted),
            (RealTime, 200, Some(500), "risk control", Unavailable),
            (RealTime, 200, Some(500), "", Unavailable),
            (Database, 200, Some(500), "", Rejected),
            (Database, 200, Some(40_001), "bad parameter", Rejected),
            (RealTime, 200, Some(40_001), "bad parameter", Rejected),
            (Database, 429, None, "", RateLimited),
            (Database, 200, Some(429), "", RateLimited),
            (Database, 200, Some(7), "Rate limit reached", RateLimited),
            (Database, 200, Some(7), "over quota", RateLimited),
            (Database, 500, Some(500), "oops", Unavailable),
            (RealTime, 502, None, "<html>", Unavailable),
            (Database, 400, Some(400), "", Rejected),
            (Database, 404, None, "", Rejected),
            (Database, 302, None, "", Rejected),
            (Database, 200, None, "", Malformed),
        ] {
            assert_eq!(kind(side, status, code, message), expected, "{side:?} {status} {code:?} {message}");
        }
        for (status, code) in [(200, 0), (200, 200), (206, 0)] {
            assert!(Said { status, code: Some(code), message: "over quota" }.is_good());
        }
        assert!(!Said { status: 500, code: Some(0), message: "" }.is_good());
    }

    #[test]
    fn a_page_of_somebody_in_between_says_nothing_about_a_creator() {
        for (status, body, expected) in [
            (200, "<html>", ErrorKind::Unavailable),
            (200, "", ErrorKind::Unavailable),
            (503, "<html>", ErrorKind::Unavailable),
            (500, "Usage Limit Exceeded, Please Contact", ErrorKind::QuotaExhausted),
            (401, "", ErrorKind::Unauthorized),
            (404, "", ErrorKind::Rejected),
            (429, "slow down", ErrorKind::RateLimited),
        ] {
            let mut payload = Payload::new(body, Timestamp::from_secs(0));
            payload.status = status;
            assert_eq!(without_body(&payload, "x", Side::Database).kind(), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_message_is_short_without_controls_and_credentials() {
        let text = format!("bad\u{7} s3cret-canary {}", "x".repeat(500));
        let said = Said { status: 200, code: Some(9), message: &text };
        let mut payload = Payload::new("", Timestamp::from_secs(0));
        payload.headers.push(("retry-after".into(), "9".into()));
        let error = failure(&said, Side::Database, &payload, &["s3cret-canary".into()]);
        assert_eq!(error.wait().map(|wait| wait.as_secs()), Some(9));
        let shown = error.to_string();
        assert!(!shown.contains("canary") && !shown.contains('\u{7}') && shown.len() < 400, "{shown}");
    }
}
