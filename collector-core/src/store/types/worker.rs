//! Workers: who works on a store, and what they hear.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Name;
use crate::sink::Position;

/// A worker's name: unique per process start.
pub type WorkerId = Name;

/// A worker that opens a store.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerInfo {
    /// Its name.
    pub id: WorkerId,
    /// How long it may be silent before others take over.
    pub ttl: Duration,
}

/// What a store says when it is opened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Opened {
    /// The last settled position of each sink, in the order asked.
    pub positions: Vec<Option<Position>>,
    /// Claims taken over from dead workers.
    pub taken_over: u64,
}

/// What a heartbeat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heartbeat {
    /// Whether this worker had been declared dead, because it was silent too long: then every claim and pending
    /// change it held belongs to somebody else. The heartbeat registers it anew.
    pub was_dead: bool,
    /// Claims taken over from dead workers.
    pub taken_over: u64,
}

/// Why a worker does not get on. It has one reason at a time, the first in the order lock, rate, sinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What it waits for: `lock`, `rate`, or a sink by its name.
    pub part: String,
    /// What is the matter with it, in a word: `unreachable`, `failing` when it answers and not as it should, `behind` when
    /// too much waits for it.
    pub problem: String,
    /// Since when.
    pub since: Timestamp,
    /// What it said last.
    pub error: String,
}

impl Waiting {
    /// The reason in two words, the same ones in the log, in metrics and in `status`: `lock unreachable`.
    pub fn reason(&self) -> String {
        format!("{} {}", self.part, self.problem)
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting: {} since {}", self.reason(), self.since)
    }
}
