//! What failures mean: the rules of the file first, then what HTTP means. Pure.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::known::not_known;
use collector_core::task::{Absence, Payload};
use serde::de::IgnoredAny;

use super::reader::Document;
use super::walk::{Scalar, Seen};
use crate::http::{Secret, status_error, waiting};
use crate::values::answer;

/// Longest part of the vendor's words that is shown.
const LONGEST_MESSAGE: usize = 200;

/// The longest wait that a body can ask for.
const LONGEST_WAIT: u64 = 86_400;

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An answer: there is nothing to get.
    Absent(Absence),
    /// A failure.
    Failure(ErrorKind),
}

const MEANINGS: [(&str, Meaning); 11] = [
    ("unauthorized", Meaning::Failure(ErrorKind::Unauthorized)),
    ("quota_exhausted", Meaning::Failure(ErrorKind::QuotaExhausted)),
    ("rate_limited", Meaning::Failure(ErrorKind::RateLimited)),
    ("blocked", Meaning::Failure(ErrorKind::Blocked)),
    ("unavailable", Meaning::Failure(ErrorKind::Unavailable)),
    ("rejected", Meaning::Failure(ErrorKind::Rejected)),
    ("malformed", Meaning::Failure(ErrorKind::Malformed)),
    ("not_found", Meaning::Absent(Absence::NotFound)),
    ("private", Meaning::Absent(Absence::Private)),
    ("restricted", Meaning::Absent(Absence::Restricted)),
    ("deleted", Meaning::Absent(Absence::Deleted)),
];

impl Meaning {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let known = MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning);
        known.ok_or_else(|| not_known("kind", name, MEANINGS.map(|(known, _)| known)))
    }
}

/// A rule, with the places of its values in the reader of a kind.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) status: Option<u16>,
    pub(super) value: Option<usize>,
    pub(super) equals: Option<Scalar<'static>>,
    pub(super) meaning: Meaning,
    pub(super) message: Option<usize>,
    pub(super) wait: Option<usize>,
}

impl Rule {
    fn fits(&self, payload: &Payload, document: Option<&Document>) -> bool {
        let stands = |slot: usize| {
            let Some(Seen::Scalar(found)) = document.and_then(|document| document.seen.get(slot)) else {
                // Whatever is there is something.
                let odd = document.and_then(|document| document.seen.get(slot));
                return self.equals.is_none() && matches!(odd, Some(Seen::Odd(_)));
            };
            match &self.equals {
                None => found.is_set(),
                Some(equals) => found == equals || (found.text().is_some() && found.text() == equals.text()),
            }
        };
        self.status.is_none_or(|status| status == payload.status) && self.value.is_none_or(stands)
    }
}

/// What an answer means that a rule or its status calls a failure; `None` for one that is to be read.
pub(super) fn judge(
    rules: &[Rule],
    payload: &Payload,
    document: Option<&Document>,
    secrets: &[Secret],
) -> Option<Result<Absence, Error>> {
    let Some(rule) = rules.iter().find(|rule| rule.fits(payload, document)) else {
        return status_error(payload).map(Err);
    };
    let kind = match rule.meaning {
        Meaning::Absent(absence) => return Some(Ok(absence)),
        Meaning::Failure(kind) => kind,
    };
    let text = |slot: Option<usize>| document?.seen.get(slot?)?.scalar()?.text();
    let mut error = Error::new(kind, "the vendor reports a failure").with("status", payload.status);
    for (name, slot) in [("found", rule.value), ("vendor", rule.message)] {
        if let Some(text) = text(slot) {
            error = error.with(name, shortened(&text, secrets));
        }
    }
    let asked = rule.wait.and_then(|slot| document?.seen.get(slot)?.scalar()?.number());
    Some(Err(match asked {
        Some(seconds) if payload.header("retry-after").is_none() => {
            error.retry_after(Duration::from_secs(seconds.min(LONGEST_WAIT)))
        }
        _ => waiting(error, payload),
    }))
}

/// A message from outside: short, on one line, without secrets.
pub(super) fn shortened(text: &str, secrets: &[Secret]) -> String {
    let text = secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text));
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Why a body could not be read. Shows none of it.
pub(super) fn unreadable(payload: &Payload, error: &serde_json::Error) -> Error {
    answer::unreadable::<IgnoredAny>(payload, error, |payload, what| {
        Error::new(ErrorKind::Unavailable, what).with("status", payload.status)
    })
}
