//! Bytes to pages. Pure: the same stored answer reads the same next year.

mod paging;
mod people;
mod user;
mod videos;

use std::borrow::Cow;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::id::Digest;
use collector_core::task::{Absence, Outcome, Page, Payload, Task};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::super::day::Day;
use super::error::{self, Complaint, Verdict};
use super::kind::Kind;
use super::note;
use super::wire::{Envelope, Fault};
use crate::http::Secret;
use crate::values::answer::{body, misshapen, unreadable};
use crate::values::lenient::{Part, Text};

/// Members that change from call to call and say nothing.
const VOLATILE: [&str; 2] = ["log_id", "search_id"];

/// What reading depends on besides the answer.
#[derive(Debug)]
pub(super) struct Reader {
    /// The credentials, which the vendor's messages may repeat.
    secrets: [Secret; 2],
    keep_email: bool,
    volatile: Volatile,
}

/// What an answer says as a whole.
enum Opened<T> {
    Data(T),
    Absent(Absence),
    /// Only asking again helps.
    Again,
    /// The token has to be got anew.
    TokenDied,
}

impl Reader {
    pub(super) fn new(secrets: [Secret; 2], keep_email: bool) -> Self {
        Self { secrets, keep_email, volatile: Volatile::new(&VOLATILE) }
    }

    /// Reads the answer to `task`.
    ///
    /// # Errors
    /// When the whole answer is a failure; see the adapter's page.
    pub(super) fn read(&self, kind: Kind, task: &Task, payload: &Payload) -> Result<Page<CreatorSighting>> {
        match kind {
            Kind::Profile => user::read(self, task, payload),
            Kind::Followers | Kind::Following => people::read(self, kind, task, payload),
            _ => videos::read(self, kind, task, payload),
        }
    }

    /// A page that answers the one task of a call with nothing in it yet.
    fn page(&self, payload: &Payload) -> Result<Page<CreatorSighting>> {
        Ok(Page { cost: payload.cost, ..Page::answering(1, self.fingerprint(payload)?) })
    }

    /// A page that says nothing but what became of the task.
    fn only(&self, payload: &Payload, outcome: Outcome) -> Result<Page<CreatorSighting>> {
        let mut page = self.page(payload)?;
        page.outcomes = vec![outcome];
        Ok(page)
    }

    fn fingerprint(&self, payload: &Payload) -> Result<Digest> {
        fingerprint::json(body(payload), &self.volatile).ok_or_else(|| {
            Error::new(ErrorKind::Malformed, "the answer is nested deeper than 127 levels")
                .with("bytes", payload.body.len())
        })
    }

    /// The data of an answer, or what is said instead.
    ///
    /// Some failures have status 200, and some answers with everything in them have status 500: the code decides.
    fn open<'a, T: Deserialize<'a>>(&self, kind: Kind, payload: &'a Payload) -> Result<Opened<T>> {
        let envelope: Part<Envelope<'a, T>> = serde_json::from_slice(body(payload))
            .map_err(|error| unreadable::<Part<Envelope<'a, T>>>(payload, &error, error::without_body))?;
        let Part::Value(Envelope { data, error }) = envelope else { return Err(misshapen("", "an object")) };
        let fault = match error {
            Part::Value(fault) => fault,
            Part::Missing | Part::Odd(_) => Fault::default(),
        };
        let [code, message, log_id] = [&fault.code, &fault.message, &fault.log_id].map(text);
        let well = code == "ok" || (code.is_empty() && message.is_empty());
        let may_be_well = matches!(payload.status, 200..=299 | 500);
        if well && may_be_well {
            match data {
                Part::Value(data) if payload.status != 500 || has_members(payload) => {
                    return Ok(Opened::Data(data));
                }
                Part::Odd(found) => {
                    return Err(misshapen("data", "an object").with("found", found));
                }
                Part::Value(_) | Part::Missing => {}
            }
        }
        let complaint = Complaint { code, message, log_id };
        match error::verdict(&complaint, kind, payload, &self.secrets) {
            Verdict::Absent(absence) => Ok(Opened::Absent(absence)),
            Verdict::Again => Ok(Opened::Again),
            Verdict::TokenDied => Ok(Opened::TokenDied),
            Verdict::Failed(error) => Err(error),
        }
    }

    /// The page of an answer without data.
    fn without_data<T>(
        &self,
        task: &Task,
        payload: &Payload,
        opened: Opened<T>,
    ) -> Result<Result<T, Page<CreatorSighting>>> {
        let outcome = match opened {
            Opened::Data(data) => return Ok(Ok(data)),
            Opened::Absent(absence) => Outcome::Absent(absence),
            Opened::Again => paging::again(task, payload),
            // Nothing was asked of the task yet; the next call gets a token first.
            Opened::TokenDied => Outcome::Later { at: payload.at },
        };
        self.only(payload, outcome).map(Err)
    }
}

/// Whether an answer says that the access token is no good: others of its status are about something else.
pub(super) fn refuses_token(payload: &Payload) -> bool {
    let code = |envelope: Part<Envelope<'_, IgnoredAny>>| match envelope {
        Part::Value(Envelope { error: Part::Value(fault), .. }) => error::is_of_token(text(&fault.code)),
        _ => true,
    };
    payload.status == 401 && serde_json::from_slice(body(payload)).map_or(true, code)
}

/// The day on which the answer's open span ended.
fn day_of(payload: &Payload) -> Day {
    payload.header(note::DAY).and_then(|day| day.parse().ok()).unwrap_or_else(|| Day::of(payload.at))
}

/// Whether an answer's data has anything in it: a failure's `data` is `{}`, too.
fn has_members(payload: &Payload) -> bool {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let outer: Option<Outer<'_>> = serde_json::from_slice(body(payload)).ok();
    outer.is_some_and(|outer| outer.data.get().bytes().any(|byte| !b"{} \t\r\n".contains(&byte)))
}

fn text<'t>(text: &'t Text<'_>) -> &'t str {
    text.value().map_or("", |text| text)
}

/// A text without the NUL characters that some have.
fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests;
