//! Where in an answer each field came from: found out, not declared.
//!
//! [`Source::parse`] is pure, so an answer can be read again with one value changed, and what changes in the page is
//! what that value is read for. A value whose change moves nothing is not used; one that counts only when others are
//! missing is found by leaving those out. That works for every source whose answers are JSON, needs no second table
//! that could go stale, and cannot claim a mapping that is not there.
//!
//! The work is bounded: lists in the answer are cut to their first [`ROWS`] elements, and no more than [`MOST_READS`]
//! readings, or [`MOST_BYTES`] bytes of them, are made.

mod edit;
mod reading;
mod search;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::source::Source;
use crate::task::{Payload, Task};
use search::Search;

/// Elements of each list in the answer that are looked at.
pub const ROWS: usize = 3;

/// Readings of the answer at most.
pub const MOST_READS: usize = 5_000;

/// Bytes of all readings together at most.
pub const MOST_BYTES: usize = 1 << 30;

/// What [`trace`] names that is no field of an item.
pub mod special {
    /// How many items, or parts of items, there are.
    pub const ITEMS: &str = "(items)";
    /// The tasks that follow.
    pub const FOLLOW_UPS: &str = "(follow-ups)";
    /// What became of the tasks.
    pub const OUTCOMES: &str = "(outcomes)";
    /// The parts that were refused.
    pub const MALFORMED: &str = "(malformed)";
    /// What the call cost.
    pub const COST: &str = "(cost)";
    /// Whether the answer can be read at all.
    pub const ANSWER: &str = "(answer)";
}

/// Where each field of a page came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trace {
    /// Every field that depends on the answer, by name.
    pub fields: Vec<Traced>,
    /// Values of the answer that nothing depends on.
    pub unused: Vec<Unused>,
    /// Values that hold nothing: null, empty text, empty lists. What they would be read for cannot be seen.
    pub empty: usize,
    /// Whether lists were cut to their first elements.
    pub cut: bool,
    /// Whether everything was tried; else fields may lack paths, and `unused` may hold what is used.
    pub complete: bool,
}

/// One field, and the paths it came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Traced {
    /// Its name in the item's JSON, such as `posts[].views`; one of [`special`] for what is no field.
    pub field: String,
    /// The value of the first item that has it; null for what is no field.
    pub value: Value,
    /// The paths it depends on, such as `data.data[].statistics.play_count`.
    pub from: Vec<String>,
    /// Paths that count only when those are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub else_from: Vec<String>,
}

/// Values that nothing depends on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Unused {
    /// The path of the value, or of the object or list that holds them all.
    pub path: String,
    /// How many values stand there.
    pub values: usize,
    /// The value, when it is one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// Finds out where in `payload` each field of the page came from.
///
/// # Errors
/// `Malformed` when the body is no JSON; else what the source says of an answer that is a failure as a whole.
pub fn trace<I>(source: &dyn Source<Item = I>, tasks: &[Task], payload: &Payload) -> Result<Trace>
where
    I: Serialize + Send + Sync + 'static,
{
    within(source, tasks, payload, MOST_READS)
}

/// The same with another limit.
fn within<I>(source: &dyn Source<Item = I>, tasks: &[Task], payload: &Payload, reads: usize) -> Result<Trace>
where
    I: Serialize + Send + Sync + 'static,
{
    let body = payload.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&payload.body);
    let mut answer: Value = serde_json::from_slice(body).map_err(|error| {
        Error::new(ErrorKind::Malformed, "the answer is no JSON: it has no paths to trace").caused_by(error)
    })?;
    let cut = edit::cut(&mut answer, ROWS);
    let read = |answer: &Value| reading::read(source, tasks, payload, answer);
    let before = read(&answer)?;
    let reads = reads.min(MOST_BYTES / answer.to_string().len().max(1));
    Ok(Search::new(&read, &answer, before, reads).run(cut))
}
