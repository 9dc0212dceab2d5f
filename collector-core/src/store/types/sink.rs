//! What becomes of changes at sinks.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::RecordKey;
use crate::sink::Facts;
use crate::task::Task;

/// What became of one taken change.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Its key.
    pub key: RecordKey,
    /// Its version.
    pub version: u64,
    /// What became of it.
    pub fate: Fate,
}

/// See [`Settled`].
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Durable in the sink, which reported these facts.
    Stored(Facts),
    /// The sink had it.
    Superseded,
    /// Refused for good.
    Rejected(String),
    /// Still owed, not before that time; with tasks that will mend it.
    Owed {
        /// The earliest moment to offer it again.
        not_before: Timestamp,
        /// What to ask first (an expired link), for the newest run.
        ask: Vec<Task>,
    },
}

/// A sink's balance: `wanted = stored + superseded + rejected + pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SinkCounts {
    /// Changes owed since the sink was registered.
    pub wanted: u64,
    /// Stored.
    pub stored: u64,
    /// Replaced by a newer version before, or known to the sink.
    pub superseded: u64,
    /// Refused.
    pub rejected: u64,
    /// Still owed.
    pub pending: u64,
}

impl SinkCounts {
    /// Whether the balance holds.
    pub fn balances(&self) -> bool {
        self.wanted == self.stored + self.superseded + self.rejected + self.pending
    }
}
