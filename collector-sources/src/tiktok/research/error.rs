//! What the vendor's codes and messages mean: two tables. Pure.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::task::{Absence, Payload};

use super::super::secrets::told;
use super::kind::Kind;
use super::note;
use crate::http::{Secret, status_kind, waiting};
use crate::values::answer::next_midnight;

/// How long to stay away after too many requests, when the answer does not say: its clients have found this enough.
const BURST_WAIT: Duration = Duration::from_secs(10);

/// What an answer without data says about the task.
#[derive(Debug)]
pub(super) enum Verdict {
    /// There is nothing to get.
    Absent(Absence),
    /// The access token died before its time.
    TokenDied,
    /// The same page has to be asked for again, after a while.
    Again,
    /// A failure.
    Failed(Error),
}

/// What a code or a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Of the token.
    Token,
    /// Of an approval that is missing.
    Approval,
    /// The message decides.
    Told,
    Absent(Absence),
    Again,
    Failure(ErrorKind),
}

/// The vendor's codes.
const CODES: [(&str, Meaning, &str); 13] = [
    ("access_token_invalid", Meaning::Token, "the access token was refused"),
    ("invalid_token", Meaning::Token, "the access token was refused"),
    ("scope_not_authorized", Meaning::Approval, "the project is not approved for this"),
    ("permission_denied", Meaning::Approval, "the project is not approved for this"),
    ("scope_permission_missed", Meaning::Failure(ErrorKind::Unauthorized), "the token lacks the scope"),
    ("invalid_params", Meaning::Told, "the request was refused"),
    ("invalid_param", Meaning::Told, "the request was refused"),
    ("invalid_request", Meaning::Told, "the request was refused"),
    ("invalid_file_upload", Meaning::Failure(ErrorKind::Rejected), "the upload was refused"),
    ("rate_limit_exceeded", Meaning::Failure(ErrorKind::RateLimited), "too many requests"),
    (
        "daily_quota_limit_exceeded",
        Meaning::Failure(ErrorKind::QuotaExhausted),
        "the day's requests are used up",
    ),
    ("internal_error", Meaning::Failure(ErrorKind::Unavailable), "the vendor could not answer"),
    ("timeout", Meaning::Failure(ErrorKind::Unavailable), "the vendor could not answer in time"),
];

/// The vendor's messages: all these words in any case. The first row that fits counts.
const MESSAGES: [(&[&str], Meaning, &str); 9] = [
    (&["search id", "is invalid or expired"], Meaning::Again, "the search has expired"),
    (&["invalid count or cursor"], Meaning::Again, "the page was refused"),
    (&["cannot find the user"], Meaning::Absent(Absence::NotFound), "no such user"),
    (
        &["api cannot return this user's information"],
        Meaning::Absent(Absence::Restricted),
        "the vendor withholds the user",
    ),
    (&["is private"], Meaning::Absent(Absence::Private), "private"),
    (&["information cannot be returned"], Meaning::Absent(Absence::Private), "private"),
    (&["something is wrong"], Meaning::Failure(ErrorKind::Unavailable), "the vendor could not answer"),
    (&["something went wrong"], Meaning::Failure(ErrorKind::Unavailable), "the vendor could not answer"),
    (&["fields is required"], Meaning::Failure(ErrorKind::Rejected), "the request names no fields"),
];

/// What the vendor says when it gives no data.
#[derive(Debug, Default)]
pub(super) struct Complaint<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) log_id: &'a str,
}

/// What became of the call, told from an answer without data. Credentials are taken out of the vendor's message.
pub(super) fn verdict(
    complaint: &Complaint<'_>,
    kind: Kind,
    payload: &Payload,
    secrets: &[Secret; 2],
) -> Verdict {
    let (meaning, says) = meaning(complaint, payload.status, kind);
    let kind = match meaning {
        Meaning::Absent(absence) => return Verdict::Absent(absence),
        Meaning::Again => return Verdict::Again,
        Meaning::Token if payload.header(note::TOKEN) == Some("kept") => return Verdict::TokenDied,
        // A list of people needs an approval of its own; the rest goes on without it.
        Meaning::Approval if kind.is_people() => ErrorKind::Rejected,
        Meaning::Token | Meaning::Approval => ErrorKind::Unauthorized,
        Meaning::Told => ErrorKind::Rejected,
        Meaning::Failure(kind) => kind,
    };
    let mut error = Error::new(kind, says).with("status", payload.status);
    let [key, secret] = secrets;
    for (label, text) in
        [("code", complaint.code), ("vendor", complaint.message), ("log_id", complaint.log_id)]
    {
        if !text.is_empty() {
            error = error.with(label, told(text, &[key, secret]));
        }
    }
    Verdict::Failed(timed(error, payload))
}

/// Whether a code is about the access token.
pub(super) fn is_of_token(code: &str) -> bool {
    CODES.iter().any(|(known, meaning, _)| *known == code && *meaning == Meaning::Token)
}

/// The failure of an answer that is no JSON at all: a gateway's page, an empty body.
pub(super) fn without_body(payload: &Payload, what: &'static str) -> Error {
    let kind = match payload.status {
        401 => ErrorKind::Unauthorized,
        429 => ErrorKind::RateLimited,
        300..=399 => ErrorKind::Rejected,
        // A page of somebody in between says nothing about whether a creator exists.
        _ => ErrorKind::Unavailable,
    };
    timed(Error::new(kind, what).with("status", payload.status), payload)
}

fn meaning(complaint: &Complaint<'_>, status: u16, kind: Kind) -> (Meaning, &'static str) {
    let message = complaint.message.to_lowercase();
    let told = MESSAGES.iter().find(|(words, ..)| words.iter().all(|word| message.contains(word)));
    let told = told.map(|(_, meaning, says)| (*meaning, *says));
    match CODES.iter().find(|(code, ..)| *code == complaint.code) {
        Some((_, Meaning::Told, says)) => told.unwrap_or((Meaning::Told, says)),
        Some((_, meaning, says)) => (*meaning, says),
        None => told.unwrap_or_else(|| by_status(status, kind)),
    }
}

/// A code that is on no list, or none.
fn by_status(status: u16, kind: Kind) -> (Meaning, &'static str) {
    let meaning = match status_kind(status) {
        // Whoever keeps a list to themselves.
        Some(_) if status == 403 && kind.is_people() => Meaning::Absent(Absence::Private),
        // Missing people have messages of their own.
        Some(ErrorKind::NotFound) => {
            return (Meaning::Failure(ErrorKind::Rejected), "no such path: correct `base_url`");
        }
        Some(kind) => Meaning::Failure(kind),
        None => Meaning::Failure(ErrorKind::Malformed),
    };
    (meaning, "the answer has no data")
}

/// Adds the waits: an asked one, the usual one after too many requests, and the reset of the quota at 00:00 UTC.
fn timed(error: Error, payload: &Payload) -> Error {
    let error = waiting(error, payload);
    match error.kind() {
        ErrorKind::QuotaExhausted => error.parked_until(next_midnight(payload.at)),
        ErrorKind::RateLimited if error.wait().is_none() => error.retry_after(BURST_WAIT),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    /// 2026-11-22T14:59:59Z
    const AT: Timestamp = Timestamp::from_secs(1_795_359_599);

    fn payload(status: u16, token: &str) -> Payload {
        let mut payload = Payload::new("", AT);
        payload.status = status;
        payload.headers.push((note::TOKEN.to_owned(), token.to_owned()));
        payload
    }

    fn judge(kind: Kind, status: u16, code: &str, message: &str) -> Verdict {
        let complaint = Complaint { code, message, log_id: "2026" };
        verdict(&complaint, kind, &payload(status, "fresh"), &["made-up-key".into(), "made-up-secret".into()])
    }

    fn failure(kind: Kind, status: u16, code: &str, message: &str) -> Error {
        match judge(kind, status, code, message) {
            Verdict::Failed(error) => error,
            other => panic!("{code} {message}: {other:?}"),
        }
    }

    /// One test per documented row, with the status it is documented with.
    macro_rules! rows {
        ($($name:ident: $status:literal $code:literal $message:literal => $pattern:pat,)*) => {
            $(#[test]
            fn $name() {
                let verdict = judge(Kind::Profile, $status, $code, $message);
                let kind = match &verdict {
                    Verdict::Failed(error) => Some(error.kind()),
                    _ => None,
                };
                assert!(matches!((&verdict, kind), $pattern), "{verdict:?}");
            })*

            #[test]
            fn no_row_goes_untested() {
                let codes = [$($code),*];
                assert!(CODES.iter().all(|(code, ..)| codes.contains(code)));
                let messages = [$($message.to_lowercase()),*];
                let tested = |words: &&[&str]| {
                    messages.iter().any(|message| words.iter().all(|word| message.contains(word)))
                };
                assert!(MESSAGES.iter().all(|(words, ..)| tested(words)));
            }
        };
    }

    rows! {
        token_invalid: 401 "access_token_invalid" "The access token is invalid or not found in the request."
            => (_, Some(ErrorKind::Unauthorized)),
        token_invalid_otherwise: 401 "invalid_token" "" => (_, Some(ErrorKind::Unauthorized)),
        scope_not_authorized: 401 "scope_not_authorized" "The user did not authorize the scope."
            => (_, Some(ErrorKind::Unauthorized)),
        permission_denied: 403 "permission_denied" "" => (_, Some(ErrorKind::Unauthorized)),
        scope_missed: 400 "scope_permission_missed" "" => (_, Some(ErrorKind::Unauthorized)),
        refused: 400 "invalid_params" "end_date is bad" => (_, Some(ErrorKind::Rejected)),
        refused_otherwise: 400 "invalid_param" "" => (_, Some(ErrorKind::Rejected)),
        refused_request: 400 "invalid_request" "" => (_, Some(ErrorKind::Rejected)),
        upload: 400 "invalid_file_upload" "" => (_, Some(ErrorKind::Rejected)),
        burst: 429 "rate_limit_exceeded" "" => (_, Some(ErrorKind::RateLimited)),
        day: 429 "daily_quota_limit_exceeded" "" => (_, Some(ErrorKind::QuotaExhausted)),
        internal: 500 "internal_error" "Something went wrong. Please try again later."
            => (_, Some(ErrorKind::Unavailable)),
        timeout: 504 "timeout" "" => (_, Some(ErrorKind::Unavailable)),
        search_id: 400 "invalid_params" "Search Id 7300 is invalid or expired" => (Verdict::Again, _),
        count_or_cursor: 400 "invalid_params" "Invalid count or cursor" => (Verdict::Again, _),
        nobody: 400 "invalid_params" "`username: nobody7` is invalid: cannot find the user"
            => (Verdict::Absent(Absence::NotFound), _),
        withheld: 400 "invalid_params" "API cannot return this user's information"
            => (Verdict::Absent(Absence::Restricted), _),
        private: 400 "invalid_params" "This user's list is private" => (Verdict::Absent(Absence::Private), _),
        not_returned: 400 "invalid_params" "The information cannot be returned"
            => (Verdict::Absent(Absence::Private), _),
        generic: 400 "invalid_params" "Something is wrong. Please try again later."
            => (_, Some(ErrorKind::Unavailable)),
        fields: 400 "invalid_params" "Fields is required, a,b" => (_, Some(ErrorKind::Rejected)),
    }

    #[test]
    fn a_token_that_was_kept_has_only_died() {
        let complaint = Complaint { code: "access_token_invalid", ..Complaint::default() };
        let secrets = [Secret::default(), Secret::default()];
        let judged = |token| verdict(&complaint, Kind::Profile, &payload(401, token), &secrets);
        assert!(matches!(judged("kept"), Verdict::TokenDied));
        assert!(matches!(judged("fresh"), Verdict::Failed(error) if error.kind() == ErrorKind::Unauthorized));
    }

    #[test]
    fn lists_of_people_that_are_not_approved_or_hidden_park_nobody() {
        let kind = |status, code| failure(Kind::Followers, status, code, "").kind();
        assert_eq!(kind(401, "scope_not_authorized"), ErrorKind::Rejected);
        assert!(matches!(judge(Kind::Following, 403, "", ""), Verdict::Absent(Absence::Private)));
    }

    #[test]
    fn codes_off_the_list_follow_the_general_rules() {
        let kind = |status, code| failure(Kind::Profile, status, code, "").kind();
        assert_eq!(kind(500, "ok"), ErrorKind::Unavailable);
        assert_eq!(kind(403, "new"), ErrorKind::Unauthorized);
        assert_eq!(kind(404, ""), ErrorKind::Rejected);
        assert_eq!(kind(400, "new"), ErrorKind::Rejected);
        assert_eq!(kind(200, ""), ErrorKind::Malformed);
        assert_eq!(kind(200, "internal_error"), ErrorKind::Unavailable, "a 200 can be a failure");
    }

    #[test]
    fn waits_are_asked_ones_or_the_usual_ones() {
        let burst = failure(Kind::Profile, 429, "rate_limit_exceeded", "");
        assert_eq!(burst.wait(), Some(BURST_WAIT));
        let mut asked = payload(429, "kept");
        asked.headers.push(("retry-after".into(), "7".into()));
        assert_eq!(without_body(&asked, "x").wait(), Some(Duration::from_secs(7)));
        let day = failure(Kind::Profile, 429, "daily_quota_limit_exceeded", "");
        assert_eq!(day.until().unwrap().to_string(), "2026-11-23T00:00:00Z");
    }

    #[test]
    fn a_message_carries_the_log_id_and_no_credential() {
        let error = failure(Kind::Keyword, 400, "invalid_params", "made-up-key clt.9 is bad").to_string();
        assert!(error.contains("2026") && !error.contains("made-up") && !error.contains("clt."), "{error}");
    }

    #[test]
    fn a_page_of_somebody_in_between_only_counts_for_the_whole_account() {
        for (status, expected) in [
            (200, ErrorKind::Unavailable),
            (404, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (302, ErrorKind::Rejected),
            (401, ErrorKind::Unauthorized),
            (429, ErrorKind::RateLimited),
        ] {
            assert_eq!(without_body(&payload(status, "fresh"), "no JSON").kind(), expected, "{status}");
        }
    }
}
