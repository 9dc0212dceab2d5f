//! What the vendor's codes mean: one table. The status is 200 for most failures, so the code decides. Pure.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::task::{Absence, Payload};

use super::super::secrets::told;
use crate::http::{Secret, status_kind, waiting};
use crate::values::answer::next_midnight;

/// How long the vendor wants to be left alone after too many requests in a minute.
const MINUTE_WAIT: Duration = Duration::from_secs(5 * 60);

/// What a code says about the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Absent(Absence),
    Failure(ErrorKind),
    /// Too many requests: in a minute, or in the day.
    Throttled,
}

struct Row {
    code: u64,
    meaning: Meaning,
    says: &'static str,
}

const fn absent(code: u64, absence: Absence, says: &'static str) -> Row {
    Row { code, meaning: Meaning::Absent(absence), says }
}

const fn account(code: u64, says: &'static str) -> Row {
    Row { code, meaning: Meaning::Failure(ErrorKind::Unauthorized), says }
}

const fn refused(code: u64, says: &'static str) -> Row {
    Row { code, meaning: Meaning::Failure(ErrorKind::Rejected), says }
}

const fn failure(code: u64, kind: ErrorKind, says: &'static str) -> Row {
    Row { code, meaning: Meaning::Failure(kind), says }
}

/// The vendor's list.
const TABLE: [Row; 38] = [
    refused(40000, "a parameter was refused"),
    account(40001, "the app has no permission for this"),
    refused(40002, "a parameter was refused"),
    account(40003, "forbidden"),
    refused(40006, "wrong version of the API: correct `base_url`"),
    absent(40007, Absence::NotFound, "no such creator"),
    refused(40008, "the vendor does not have this"),
    refused(40009, "not in the sandbox"),
    refused(40051, "wrong version of the API: correct `base_url`"),
    Row { code: 40100, meaning: Meaning::Throttled, says: "too many requests" },
    account(40101, "the app's id or secret was refused"),
    account(40102, "the access token has expired: get a new one"),
    account(40103, "the refresh token has expired: get a new access token"),
    account(40104, "the access token is empty"),
    account(40105, "the access token was refused"),
    account(40106, "the user of the token was refused"),
    account(40107, "the refresh token was refused"),
    account(40110, "the authorisation code was refused"),
    account(40113, "the app is forbidden"),
    account(40117, "the app may not do this"),
    account(40118, "the app is not on the vendor's list of those who may"),
    absent(40121, Absence::NotFound, "not a creator of the marketplace"),
    absent(40122, Absence::Restricted, "the creator's country is not allowed"),
    account(40124, "the developer was turned down"),
    account(40125, "the developer has no permission"),
    account(40130, "the scope is not authorised"),
    account(40131, "the user's authorisation failed"),
    failure(40132, ErrorKind::RateLimited, "too many requests"),
    refused(40200, "the task failed"),
    refused(40201, "the task is not ready"),
    refused(40202, "two writes at once"),
    refused(40400, "no such path: correct `base_url`"),
    refused(40700, "the request was refused"),
    failure(41000, ErrorKind::Blocked, "the vendor shuts the app out"),
    refused(41001, "the vendor has taken this off"),
    refused(41002, "the vendor has taken a field off"),
    failure(50000, ErrorKind::Unavailable, "the vendor could not answer"),
    failure(50002, ErrorKind::Unavailable, "the vendor could not answer in time"),
];

/// What became of the call, told from an answer whose code is a failure.
pub(super) fn meaning(
    code: Option<u64>,
    message: &str,
    request_id: &str,
    payload: &Payload,
    token: &Secret,
) -> Result<Absence, Error> {
    let row = TABLE.iter().find(|row| Some(row.code) == code);
    let (kind, says) = match (row, code) {
        (Some(Row { meaning: Meaning::Absent(absence), .. }), _) => return Ok(*absence),
        (Some(Row { meaning: Meaning::Failure(kind), says, .. }), _) => (*kind, *says),
        (Some(Row { meaning: Meaning::Throttled, says, .. }), _) => (throttled(message), *says),
        (None, Some(51000..=51999)) => (ErrorKind::Unavailable, "a service inside could not answer"),
        (None, code) => (unlisted(code, payload.status), "the answer has no data"),
    };
    let mut error = Error::new(kind, says).with("status", payload.status);
    if let Some(code) = code {
        error = error.with("code", code);
    }
    for (label, text) in [("vendor", message), ("request_id", request_id)] {
        if !text.is_empty() {
            error = error.with(label, told(text, &[token]));
        }
    }
    Err(timed(error, payload))
}

/// The failure of an answer that is no JSON at all.
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

/// One code stands for the limits of a second, of a minute and of the day; only the message tells.
fn throttled(message: &str) -> ErrorKind {
    let message = message.to_lowercase();
    let of_the_day = ["qpd", "per day", "daily", "a day"].iter().any(|words| message.contains(words));
    if of_the_day { ErrorKind::QuotaExhausted } else { ErrorKind::RateLimited }
}

fn unlisted(code: Option<u64>, status: u16) -> ErrorKind {
    match (status_kind(status), code) {
        // Missing people have codes of their own.
        (Some(ErrorKind::NotFound), _) | (None, Some(_)) => ErrorKind::Rejected,
        (Some(kind), _) => kind,
        (None, None) => ErrorKind::Malformed,
    }
}

fn timed(error: Error, payload: &Payload) -> Error {
    let error = waiting(error, payload);
    match error.kind() {
        ErrorKind::QuotaExhausted => error.parked_until(next_midnight(payload.at)),
        ErrorKind::RateLimited if error.wait().is_none() => error.retry_after(MINUTE_WAIT),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    /// 2026-11-22T14:59:59Z
    const AT: Timestamp = Timestamp::from_secs(1_795_359_599);

    fn judge(code: Option<u64>, status: u16, message: &str) -> Result<Absence, Error> {
        let mut payload = Payload::new("", AT);
        payload.status = status;
        meaning(code, message, "R1", &payload, &"made-up-token".into())
    }

    fn kind(code: u64) -> ErrorKind {
        judge(Some(code), 200, "").unwrap_err().kind()
    }

    #[test]
    fn refused_requests_fail_their_task() {
        for code in
            [40000, 40002, 40006, 40008, 40009, 40051, 40200, 40201, 40202, 40400, 40700, 41001, 41002]
        {
            assert_eq!(kind(code), ErrorKind::Rejected, "{code}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_account_parks_it() {
        for code in [
            40001, 40003, 40101, 40102, 40103, 40104, 40105, 40106, 40107, 40110, 40113, 40117, 40118, 40124,
            40125, 40130, 40131,
        ] {
            assert_eq!(kind(code), ErrorKind::Unauthorized, "{code}");
        }
        assert_eq!(kind(41000), ErrorKind::Blocked);
    }

    #[test]
    fn missing_people_are_answers() {
        assert_eq!(judge(Some(40007), 200, "").unwrap(), Absence::NotFound);
        assert_eq!(judge(Some(40121), 200, "").unwrap(), Absence::NotFound);
        assert_eq!(judge(Some(40122), 200, "").unwrap(), Absence::Restricted);
    }

    #[test]
    fn a_minutes_limit_is_waited_for_and_a_days_limit_parks() {
        let minute = judge(Some(40100), 200, "Too many requests, QPM limit").unwrap_err();
        assert_eq!((minute.kind(), minute.wait()), (ErrorKind::RateLimited, Some(MINUTE_WAIT)));
        assert_eq!(kind(40132), ErrorKind::RateLimited);
        let day = judge(Some(40100), 200, "Too many requests: QPD limit reached").unwrap_err();
        assert_eq!(day.kind(), ErrorKind::QuotaExhausted);
        assert_eq!(day.until().unwrap().to_string(), "2026-11-23T00:00:00Z");
    }

    #[test]
    fn the_vendors_own_failures_are_tried_again() {
        for code in [50000, 50002, 51000, 51001, 51010, 51023, 51999] {
            assert_eq!(kind(code), ErrorKind::Unavailable, "{code}");
        }
    }

    #[test]
    fn codes_off_the_list_follow_the_status() {
        assert_eq!(kind(49999), ErrorKind::Rejected);
        assert_eq!(judge(Some(49999), 503, "").unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(judge(None, 404, "").unwrap_err().kind(), ErrorKind::Rejected);
        assert_eq!(judge(None, 200, "").unwrap_err().kind(), ErrorKind::Malformed);
    }

    #[test]
    fn a_message_carries_the_request_id_and_no_token() {
        let error = judge(Some(40105), 200, "made-up-token is bad").unwrap_err().to_string();
        assert!(error.contains("R1") && !error.contains("made-up"), "{error}");
    }
}
