//! Bytes to pages. Pure: the same stored answer reads the same next year.

mod creator;
mod discover;
mod posts;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::id::{Digest, Name};
use collector_core::task::{Absence, Malformed, Outcome, Page, Payload, Task};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error;
use super::kind::{Kind, param};
use super::wire::Envelope;
use crate::http::Secret;
use crate::values::answer::{body, misshapen, unreadable};
use crate::values::lenient::{Part, Text};

/// What reading depends on besides the answer.
#[derive(Debug)]
pub(super) struct Reader {
    token: Secret,
    keep_email: bool,
    volatile: Volatile,
}

/// All is well, and all is well with a part of what was asked.
const WELL: [u64; 2] = [0, 20_001];

impl Reader {
    pub(super) fn new(token: Secret, keep_email: bool) -> Self {
        Self { token, keep_email, volatile: Volatile::new(&["request_id"]) }
    }

    /// Reads the answer to `task`.
    ///
    /// # Errors
    /// When the whole answer is a failure; see the adapter's page.
    pub(super) fn read(&self, kind: Kind, task: &Task, payload: &Payload) -> Result<Page<CreatorSighting>> {
        match kind {
            Kind::Discover => discover::read(self, task, payload),
            Kind::Creator => creator::read(self, task, payload),
            Kind::Videos => posts::read(self, task, payload),
        }
    }

    /// Whether an answer says that all is well.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub(super) fn check(&self, payload: &Payload) -> Result<()> {
        self.open::<IgnoredAny>(payload).map(drop)
    }

    /// A page that answers the one task of a call with nothing in it yet.
    fn page(&self, payload: &Payload) -> Result<Page<CreatorSighting>> {
        Ok(Page { cost: payload.cost, ..Page::answering(1, self.fingerprint(payload)?) })
    }

    fn absent(&self, payload: &Payload, absence: Absence) -> Result<Page<CreatorSighting>> {
        let mut page = self.page(payload)?;
        page.outcomes = vec![Outcome::Absent(absence)];
        Ok(page)
    }

    fn fingerprint(&self, payload: &Payload) -> Result<Digest> {
        fingerprint::json(body(payload), &self.volatile).ok_or_else(|| {
            Error::new(ErrorKind::Malformed, "the answer is nested deeper than 127 levels")
                .with("bytes", payload.body.len())
        })
    }

    /// The data of an answer, or that there is nothing to get.
    fn open<'a, T: Deserialize<'a>>(&self, payload: &'a Payload) -> Result<Result<T, Absence>> {
        let envelope: Part<Envelope<'a, T>> = serde_json::from_slice(body(payload))
            .map_err(|error| unreadable::<Part<Envelope<'a, T>>>(payload, &error, error::without_body))?;
        let Part::Value(envelope) = envelope else { return Err(misshapen("", "an object")) };
        let code = envelope.code.value().copied();
        if code.is_some_and(|code| WELL.contains(&code)) && (200..=299).contains(&payload.status) {
            return match envelope.data {
                Part::Value(data) => Ok(Ok(data)),
                Part::Missing => Ok(Err(Absence::NotFound)),
                Part::Odd(found) => Err(misshapen("data", "an object").with("found", found)),
            };
        }
        let [message, request_id] = [&envelope.message, &envelope.request_id].map(text);
        error::meaning(code, message, request_id, payload, &self.token).map(Err)
    }
}

fn text<'t>(text: &'t Text<'_>) -> &'t str {
    text.value().map_or("", |text| text)
}

fn odd(place: &str, found: &str) -> Malformed {
    Malformed { part: place.to_owned(), reason: format!("expected a list, found {found}") }
}

/// The page of a list that comes after `task`'s, at `place` of it; `None` when the asked number of pages is read.
fn following(task: &Task, name: &str, place: u64) -> Option<Task> {
    let left = match task.get(param::PAGES_LEFT).and_then(|left| left.parse::<u32>().ok()) {
        Some(0 | 1) => return None,
        left => left.map(|left| left - 1),
    };
    let next = without(task, &[name, param::PAGES_LEFT]).param(name, place.to_string());
    Some(match left {
        Some(left) => next.param(param::PAGES_LEFT, left.to_string()),
        None => next,
    })
}

/// The same task without some of its parameters.
fn without(task: &Task, dropped: &[&str]) -> Task {
    let mut other = Task::new(Name::clone(task.source()), Name::clone(task.kind()), task.subject())
        .per_run()
        .priority(task.rank());
    for (name, value) in task.params().iter().filter(|(name, _)| !dropped.contains(&name.as_str())) {
        other = other.param(name, value);
    }
    other
}

#[cfg(test)]
mod tests;
