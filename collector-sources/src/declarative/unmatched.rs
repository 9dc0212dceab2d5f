//! Paths that lead nowhere: said with the answer they were tried on.

use std::fmt;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Payload;
use serde::Serialize;
use serde_json::Value;

use super::error::shortened;
use super::plan::Kind;
use crate::http::Secret;
use crate::values::answer::body;

/// A path of a source file that leads nowhere in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unmatched {
    /// The key in the file.
    pub key: String,
    /// The path.
    pub path: String,
    /// In how many items it was looked for; none for a path into the answer as a whole.
    pub items: usize,
    /// The beginning of the item or answer that it was tried on.
    pub tried_on: String,
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` matches nothing", self.key, self.path)?;
        match self.items {
            0 => write!(f, " in {}", self.tried_on),
            1 => write!(f, " in the item {}", self.tried_on),
            many => write!(f, " in any of {many} items, such as {}", self.tried_on),
        }
    }
}

/// The paths of a kind that lead nowhere in an answer.
pub(super) fn unmatched(kind: &Kind, payload: &Payload, secrets: &[Secret]) -> Vec<Unmatched> {
    let Ok(answer) = serde_json::from_slice::<Value>(body(payload)) else { return Vec::new() };
    let key = |inside: &str| format!("calls.{}.{inside}", kind.call);
    let shown = |value: &Value| shortened(&value.to_string(), secrets);
    let mut lost = Vec::new();
    let Some((path, reader)) = kind.reader.items() else { return lost };
    let items = path.select(&answer);
    if items.is_empty() {
        let tried_on = shown(&answer);
        lost.push(Unmatched { key: key("items"), path: path.to_string(), items: 0, tried_on });
    }
    for field in &reader.fields {
        let found = items.iter().any(|item| !field.path.select(item).is_empty());
        if let (false, Some(first)) = (found, items.first()) {
            let (path, tried_on) = (field.path.to_string(), shown(first));
            lost.push(Unmatched { key: key(&field.key), path, items: items.len(), tried_on });
        }
    }
    lost
}

/// # Errors
/// `Malformed` when there are such paths, with all of them.
pub(super) fn refused(lost: &[Unmatched]) -> Result<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = lost.iter().map(Unmatched::to_string).collect();
    Err(Error::new(ErrorKind::Malformed, all.join("; ")))
}
