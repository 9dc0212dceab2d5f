//! What the vendor's statuses and texts mean: one table. Pure.
//!
//! The body comes first: an object with `data` is an answer whatever its status; see [`open`](super::parse).

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::task::{Absence, Payload};
use serde_json::value::RawValue;

use super::wire::{Fault, Text};
use crate::http::{Secret, status_kind, waiting};
use crate::values::answer::next_midnight;
use crate::values::text::shortened;

/// What a status says about the tasks of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An answer: there is nothing to get.
    Absent(Absence),
    /// A failure.
    Failure(ErrorKind),
}

/// One status of the vendor's list.
struct Row {
    status: u16,
    meaning: Meaning,
    /// The vendor's own sentence, where documented; some failures come with status 200 and only this.
    detail: Option<&'static str>,
    /// What it means, for the message.
    says: &'static str,
}

const fn absent(status: u16, absence: Absence, detail: Option<&'static str>, says: &'static str) -> Row {
    Row { status, meaning: Meaning::Absent(absence), detail, says }
}

const fn failure(status: u16, kind: ErrorKind, detail: Option<&'static str>, says: &'static str) -> Row {
    Row { status, meaning: Meaning::Failure(kind), detail, says }
}

/// The vendor's list, with what its documents or SDK say.
const TABLE: [Row; 21] = [
    failure(401, ErrorKind::Unauthorized, None, "the token was refused"),
    failure(403, ErrorKind::Unauthorized, None, "the token was refused"),
    absent(404, Absence::NotFound, None, "not found"),
    failure(422, ErrorKind::Rejected, None, "a parameter was refused"),
    failure(429, ErrorKind::RateLimited, None, "too many requests"),
    failure(
        462,
        ErrorKind::Rejected,
        Some("Url not valid. Check correct format on the documentation."),
        "the address of a post was not understood",
    ),
    absent(463, Absence::NotFound, Some("Invalid username or user id."), "no such user"),
    failure(
        464,
        ErrorKind::Rejected,
        Some("Number of passed IDs are more than the maximum allowed."),
        "too many ids in one call",
    ),
    failure(465, ErrorKind::Rejected, None, "the address of a video was not understood"),
    failure(466, ErrorKind::Rejected, Some("Invalid country code."), "the country was refused"),
    absent(469, Absence::Restricted, None, "the search term is blocked"),
    absent(471, Absence::Restricted, None, "the account is restricted"),
    absent(472, Absence::Private, None, "the account is private"),
    absent(473, Absence::NotFound, None, "no such user"),
    absent(
        474,
        Absence::Restricted,
        Some("This profile isn't available in your region."),
        "not shown in this region",
    ),
    failure(
        491,
        ErrorKind::Unauthorized,
        Some("Token not found, please sign up at https://dashboard.ensembledata.com/register"),
        "the token is unknown",
    ),
    failure(
        492,
        ErrorKind::Unauthorized,
        Some("Your email has not been verified."),
        "the account's e-mail is not verified",
    ),
    failure(
        493,
        ErrorKind::Unauthorized,
        Some("Subscription expired. Send an email at hello@ensembledata.com"),
        "the subscription has expired",
    ),
    failure(
        495,
        ErrorKind::QuotaExhausted,
        Some("Maximum requests limit reached for today. Send an email at hello@ensembledata.com"),
        "the day's units are used up",
    ),
    failure(500, ErrorKind::Unavailable, Some("Internal error."), "the vendor could not get it"),
    absent(520, Absence::Restricted, None, "the post is restricted"),
];

fn row(status: u16) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.status == status)
}

/// What an answer without data says.
#[derive(Debug, Default)]
pub(super) struct Complaint<'a> {
    /// The HTTP status.
    pub(super) status: u16,
    /// `code` or `error_code` of the body: some answers carry the real status there.
    pub(super) code: Option<u64>,
    /// `detail` of the body: a sentence, or a list of refused parameters.
    pub(super) detail: Option<&'a RawValue>,
    /// `retry_after` of the body, in seconds.
    pub(super) retry_after: Option<u64>,
}

/// What became of the call, told from an answer without data. The token is taken out of the vendor's message.
pub(super) fn meaning(
    complaint: &Complaint<'_>,
    payload: &Payload,
    token: &Secret,
) -> Result<Absence, Error> {
    let detail = Detail::read(complaint.detail);
    let status = effective_status(complaint, &detail);
    let (meaning, says) = match row(status) {
        // The web framework's own answer to an unknown path; missing people have statuses of their own.
        Some(_) if status == 404 && detail.text == "Not Found" => {
            (Meaning::Failure(ErrorKind::Rejected), "no such path: correct `base_url`")
        }
        Some(_) if status == 422 && detail.about_token => {
            (Meaning::Failure(ErrorKind::Unauthorized), "the token was refused")
        }
        Some(row) => (row.meaning, row.says),
        None => unlisted(status, &detail),
    };
    match meaning {
        Meaning::Absent(absence) => Ok(absence),
        Meaning::Failure(kind) => {
            let mut error = Error::new(kind, says).with("status", complaint.status);
            if status != complaint.status {
                error = error.with("code", status);
            }
            if !detail.text.is_empty() {
                error = error.with("vendor", shortened(&token.scrub(&detail.text)));
            }
            Err(timed(error, complaint, payload))
        }
    }
}

/// The failure of an answer that is no JSON at all: a proxy's page, an empty body.
pub(super) fn without_body(payload: &Payload, what: &'static str) -> Error {
    let kind = match row(payload.status).map(|row| row.meaning) {
        Some(Meaning::Failure(kind)) if payload.status != 422 => kind,
        // A page of somebody in between says nothing about whether a creator exists.
        Some(_) => ErrorKind::Unavailable,
        None if (300..400).contains(&payload.status) => ErrorKind::Rejected,
        None => ErrorKind::Unavailable,
    };
    timed(Error::new(kind, what).with("status", payload.status), &Complaint::default(), payload)
}

/// Adds the waits: an asked one, and the reset of the daily units at 00:00 UTC.
fn timed(error: Error, complaint: &Complaint<'_>, payload: &Payload) -> Error {
    let error = match complaint.retry_after {
        Some(secs) if payload.header("retry-after").is_none() => {
            error.retry_after(Duration::from_secs(secs.min(86_400)))
        }
        _ => waiting(error, payload),
    };
    match error.kind() {
        ErrorKind::QuotaExhausted => error.parked_until(next_midnight(payload.at)),
        _ => error,
    }
}

/// The status that counts: a listed one in the body, else one told by the vendor's sentence, else the answer's own.
fn effective_status(complaint: &Complaint<'_>, detail: &Detail) -> u16 {
    let code = complaint.code.and_then(|code| u16::try_from(code).ok()).filter(|code| row(*code).is_some());
    let told = || {
        let sentence = |row: &&Row| row.detail.is_some_and(|text| text == detail.text);
        TABLE.iter().find(sentence).map(|row| row.status).filter(|_| complaint.status < 400)
    };
    code.or_else(told).unwrap_or(complaint.status)
}

fn unlisted(status: u16, detail: &Detail) -> (Meaning, &'static str) {
    let kind = match status_kind(status) {
        Some(kind) => kind,
        // Status 200 and no data: a failure all the same.
        None if detail.text.is_empty() => ErrorKind::Malformed,
        None => ErrorKind::Rejected,
    };
    (Meaning::Failure(kind), "the answer has no data")
}

/// The vendor's message, as text.
#[derive(Debug, Default)]
struct Detail {
    text: String,
    about_token: bool,
}

impl Detail {
    fn read(raw: Option<&RawValue>) -> Self {
        let Some(json) = raw.map(RawValue::get) else { return Self::default() };
        if let Ok(faults) = serde_json::from_str::<Vec<Fault<'_>>>(json) {
            return Self::of_faults(&faults);
        }
        let text = serde_json::from_str::<Text<'_>>(json).unwrap_or_default();
        Self { text: text.value().map(|text| text.to_string()).unwrap_or_default(), about_token: false }
    }

    fn of_faults(faults: &[Fault<'_>]) -> Self {
        let mut detail = Self::default();
        for fault in faults.iter().take(10) {
            let place: Vec<&str> = fault.loc.iter().filter_map(Text::value).map(|name| &**name).collect();
            detail.about_token |= place.last() == Some(&"token");
            let between = if detail.text.is_empty() { "" } else { "; " };
            let message = fault.msg.value().map_or("", |message| message);
            detail.text.extend([between, &place.join("."), ": ", message]);
        }
        detail
    }
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    /// 2026-11-22T14:59:59Z
    const AT: Timestamp = Timestamp::from_secs(1_795_359_599);

    fn payload(status: u16) -> Payload {
        let mut payload = Payload::new("", AT);
        payload.status = status;
        payload
    }

    fn judge(status: u16, code: Option<u64>, detail: Option<&str>) -> Result<Absence, Error> {
        let raw = detail.map(|json| RawValue::from_string(json.to_owned()).unwrap());
        let complaint = Complaint { status, code, detail: raw.as_deref(), retry_after: None };
        meaning(&complaint, &payload(status), &Secret::from("0123456789abcdef"))
    }

    fn kind(status: u16, code: Option<u64>, detail: Option<&str>) -> ErrorKind {
        judge(status, code, detail).unwrap_err().kind()
    }

    /// One test per row of the table: as status, as code in a 200, and by its sentence alone.
    macro_rules! rows {
        ($($name:ident: $status:literal => $expected:expr, $detail:expr;)*) => {
            $(#[test]
            fn $name() {
                let expected: Meaning = $expected;
                let detail: Option<&str> = $detail;
                assert_eq!(row($status).unwrap().meaning, expected);
                assert_eq!(row($status).unwrap().detail, detail);
                let seen = |judged: Result<Absence, Error>| match judged {
                    Ok(absence) => Meaning::Absent(absence),
                    Err(error) => Meaning::Failure(error.kind()),
                };
                assert_eq!(seen(judge($status, None, None)), expected, "as status");
                assert_eq!(seen(judge(200, Some($status), None)), expected, "as code in a 200");
                if let Some(text) = detail {
                    let json = serde_json::to_string(text).unwrap();
                    assert_eq!(seen(judge($status, None, Some(&json))), expected, "with its sentence");
                    assert_eq!(seen(judge(200, None, Some(&json))), expected, "by its sentence alone");
                }
            })*

            #[test]
            fn no_row_goes_untested() {
                assert_eq!([$($status),*], TABLE.map(|row| row.status));
            }
        };
    }

    rows! {
        status_401: 401 => Meaning::Failure(ErrorKind::Unauthorized), None;
        status_403: 403 => Meaning::Failure(ErrorKind::Unauthorized), None;
        status_404: 404 => Meaning::Absent(Absence::NotFound), None;
        status_422: 422 => Meaning::Failure(ErrorKind::Rejected), None;
        status_429: 429 => Meaning::Failure(ErrorKind::RateLimited), None;
        status_462: 462 => Meaning::Failure(ErrorKind::Rejected),
            Some("Url not valid. Check correct format on the documentation.");
        status_463: 463 => Meaning::Absent(Absence::NotFound), Some("Invalid username or user id.");
        status_464: 464 => Meaning::Failure(ErrorKind::Rejected),
            Some("Number of passed IDs are more than the maximum allowed.");
        status_465: 465 => Meaning::Failure(ErrorKind::Rejected), None;
        status_466: 466 => Meaning::Failure(ErrorKind::Rejected), Some("Invalid country code.");
        status_469: 469 => Meaning::Absent(Absence::Restricted), None;
        status_471: 471 => Meaning::Absent(Absence::Restricted), None;
        status_472: 472 => Meaning::Absent(Absence::Private), None;
        status_473: 473 => Meaning::Absent(Absence::NotFound), None;
        status_474: 474 => Meaning::Absent(Absence::Restricted), Some("This profile isn't available in your region.");
        status_491: 491 => Meaning::Failure(ErrorKind::Unauthorized),
            Some("Token not found, please sign up at https://dashboard.ensembledata.com/register");
        status_492: 492 => Meaning::Failure(ErrorKind::Unauthorized), Some("Your email has not been verified.");
        status_493: 493 => Meaning::Failure(ErrorKind::Unauthorized),
            Some("Subscription expired. Send an email at hello@ensembledata.com");
        status_495: 495 => Meaning::Failure(ErrorKind::QuotaExhausted),
            Some("Maximum requests limit reached for today. Send an email at hello@ensembledata.com");
        status_500: 500 => Meaning::Failure(ErrorKind::Unavailable), Some("Internal error.");
        status_520: 520 => Meaning::Absent(Absence::Restricted), None;
    }

    #[test]
    fn statuses_off_the_list_follow_the_general_rules() {
        assert_eq!(kind(502, None, None), ErrorKind::Unavailable);
        assert_eq!(kind(504, None, None), ErrorKind::Unavailable);
        assert_eq!(kind(400, None, None), ErrorKind::Rejected);
        assert_eq!(kind(408, None, None), ErrorKind::Unavailable);
        assert_eq!(kind(301, None, None), ErrorKind::Rejected);
        assert_eq!(kind(200, None, None), ErrorKind::Malformed, "neither data nor detail");
        assert_eq!(kind(200, None, Some("\"something new\"")), ErrorKind::Rejected);
        assert_eq!(kind(500, Some(7), None), ErrorKind::Unavailable, "an unknown code is no status");
    }

    #[test]
    fn an_unknown_path_is_not_a_missing_creator() {
        let error = judge(404, None, Some("\"Not Found\"")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.message().contains("base_url"));
    }

    #[test]
    fn a_refused_token_is_a_matter_of_the_account() {
        let faults =
            r#"[{"loc":["query","token"],"msg":"ensure this value has at least 15 characters","type":"x"}]"#;
        let error = judge(422, None, Some(faults)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let faults = r#"[{"loc":["query","username"],"msg":"field required"},{"loc":["query",0],"msg":"bad","ctx":{}}]"#;
        let error = judge(422, None, Some(faults)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains("query.username: field required; query.0: bad"), "{error}");
    }

    #[test]
    fn spent_units_park_the_account_until_midnight_utc() {
        let error = judge(495, None, None).unwrap_err();
        assert_eq!(error.until().unwrap().to_string(), "2026-11-23T00:00:00Z");
    }

    #[test]
    fn a_wait_is_read_from_the_header_and_else_from_the_body() {
        let secret = Secret::default();
        let mut answer = payload(429);
        let complaint = Complaint { status: 429, retry_after: Some(7), ..Complaint::default() };
        let wait = |answer: &Payload| {
            meaning(&complaint, answer, &secret).unwrap_err().wait().map(|wait| wait.as_secs())
        };
        assert_eq!(wait(&answer), Some(7));
        answer.headers.push(("retry-after".into(), "9".into()));
        assert_eq!(wait(&answer), Some(9));
    }

    #[test]
    fn a_message_is_short_without_controls_and_without_the_token() {
        let detail = format!("\"bad\\u0007 0123456789abcdef {}\"", "x".repeat(500));
        let error = judge(422, None, Some(&detail)).unwrap_err().to_string();
        assert!(!error.contains("0123456789abcdef") && !error.contains('\u{7}'), "{error}");
        assert!(error.contains("[redacted]") && error.len() < 400, "{error}");
    }

    #[test]
    fn a_page_of_somebody_in_between_only_counts_for_the_whole_account() {
        for (status, expected) in [
            (200, ErrorKind::Unavailable),
            (404, ErrorKind::Unavailable),
            (422, ErrorKind::Unavailable),
            (463, ErrorKind::Unavailable),
            (502, ErrorKind::Unavailable),
            (302, ErrorKind::Rejected),
            (403, ErrorKind::Unauthorized),
            (429, ErrorKind::RateLimited),
            (495, ErrorKind::QuotaExhausted),
        ] {
            assert_eq!(without_body(&payload(status), "the answer is no JSON").kind(), expected, "{status}");
        }
    }
}
