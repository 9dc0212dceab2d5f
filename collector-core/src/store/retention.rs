//! What a store keeps of what has been replaced or is over, and who sees to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Store;
use crate::clock::{Clock, Timestamp};
use crate::domain::Domain;
use crate::error::Result;

/// Which answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payloads {
    /// Every one.
    #[default]
    All,
    /// Of each request the latest, as long as it is asked again or some record or dead letter rests on it. What a record
    /// says can be read again from what is kept.
    Latest,
}

/// What a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Answers.
    pub payloads: Payloads,
    /// How long runs that have ended are kept, and tasks that were answered; at least as long as answers stay fresh for any
    /// run, because an answered task is what says so. `None` keeps them for ever.
    pub runs: Option<Duration>,
}

impl Retention {
    /// How long the latest answer to a request is kept that nobody asks any more and nothing rests on.
    pub const UNASKED: Duration = Duration::from_secs(30 * 86_400);

    /// How old figures of a day are before one day of each week stands for the week.
    pub const DAILY: i32 = 35;

    /// How old they are before one of four weeks stands for all of them.
    pub const WEEKLY: i32 = 400;

    /// For how many days it is kept how answers were filled.
    pub const FILLS: i32 = 60;
}

impl Default for Retention {
    fn default() -> Self {
        Self { payloads: Payloads::All, runs: Some(Duration::from_secs(90 * 86_400)) }
    }
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tidied {
    /// Answers.
    pub answers: u64,
    /// Answered tasks.
    pub tasks: u64,
    /// Ended runs.
    pub runs: u64,
    /// Days of figures.
    pub days: u64,
    /// Whether the store has been gone through.
    pub done: bool,
}

impl Tidied {
    /// Adds another batch.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.tasks += other.tasks;
        self.runs += other.runs;
        self.days += other.days;
        self.done = other.done;
    }

    /// Whether anything was removed.
    pub fn is_empty(&self) -> bool {
        self.answers + self.tasks + self.runs + self.days == 0
    }
}

/// When the store was gone through last.
const NOTE: &str = "tidied";

/// How long a store is left alone after it was gone through.
const REST: Duration = Duration::from_secs(20 * 3_600);

/// Removes what `keep` does not keep, in small batches beside whoever works, once a day; `None` when it was done within
/// the last hours. A `stop` ends it between two batches, and the next call goes on there.
///
/// # Errors
/// `Storage`.
pub async fn upkeep<D: Domain>(
    store: &dyn Store<D>,
    keep: &Retention,
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<Option<Tidied>> {
    let last = store.note(NOTE).await?.and_then(|text| text.parse::<Timestamp>().ok());
    if last.is_some_and(|last| clock.now().since(last) < REST && last <= clock.now()) {
        return Ok(None);
    }
    let mut tidied = Tidied::default();
    while !tidied.done && !stop.is_cancelled() {
        tidied.add(&store.tidy(keep, clock.now()).await?);
    }
    if tidied.done {
        store.put_note(NOTE, Some(&clock.now().to_string())).await?;
    }
    Ok(Some(tidied))
}
