//! Runs, and what they count.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{Digest, RunId};
use crate::task::Cost;

/// A run to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    /// The job's name, for people.
    pub job: String,
    /// What makes it the same run: an unfinished one with this key is resumed.
    pub key: Digest,
    /// How long an answer stays fresh.
    pub fresh_for: Duration,
}

/// The run that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Begun {
    /// Its number.
    pub run: RunId,
    /// Whether it was unfinished and goes on.
    pub resumed: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Everything answered and everywhere.
    Complete,
    /// Something is missing; the report says what.
    Partial,
    /// Given up on request: what nobody else waits for is not asked any more.
    Cancelled,
}

impl RunEnd {
    /// Its name in stores and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A run's counts, kept with everything it commits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// Tasks added.
    pub tasks: u64,
    /// Tasks that were fresh and not asked.
    pub fresh: u64,
    /// Tasks answered.
    pub done: u64,
    /// Tasks answered with "there is nothing".
    pub absent: u64,
    /// Tasks that became dead letters.
    pub dead: u64,
    /// Calls that brought an answer.
    pub answers: u64,
    /// Attempts that failed and were or will be repeated.
    pub retries: u64,
    /// Things said in answers: `changed + unchanged + malformed`.
    pub items: u64,
    /// Items that changed an entity.
    pub changed: u64,
    /// Items that told nothing new.
    pub unchanged: u64,
    /// Parts that could not be understood.
    pub malformed: u64,
    /// What was spent.
    pub cost: Cost,
}

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunState {
    /// Its number.
    pub run: RunId,
    /// The job's name.
    pub job: String,
    /// When it began.
    pub began: Timestamp,
    /// When and how it ended.
    pub ended: Option<(Timestamp, RunEnd)>,
    /// Its tasks that are not answered yet.
    pub open: u64,
    /// Its counts.
    pub counts: RunCounts,
    /// Changes that some sink does not have yet, of those this run caused and those that were owed when it began.
    pub pending: u64,
}
