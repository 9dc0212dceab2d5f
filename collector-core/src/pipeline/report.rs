//! What is told of a run: how it ended, what is missing and why, its counts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::id::RunId;
use crate::store::{DeadLetter, Parked, RunCounts, SinkCounts};

/// How a run ended, as far as this worker saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum End {
    /// Everything asked for was answered and is in every sink.
    Complete,
    /// Something is missing; the reasons say what.
    Partial,
    /// What is left waits for a parked account; run it again then.
    Parked {
        /// The first moment at which an account is let out, if known.
        until: Option<Timestamp>,
    },
    /// It was stopped; run it again to go on.
    Stopped,
    /// It was cancelled: what was not answered is not asked any more.
    Cancelled,
}

/// Dead letters of one part and kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadGroup {
    /// The source or sink.
    pub part: String,
    /// What failed.
    pub kind: ErrorKind,
    /// How many.
    pub count: u64,
    /// One of them, in words.
    pub example: String,
}

impl DeadGroup {
    /// Groups letters by part and kind, the largest group first.
    pub fn of(letters: &[DeadLetter]) -> Vec<Self> {
        let mut groups: BTreeMap<(&str, ErrorKind), Self> = BTreeMap::new();
        for letter in letters {
            let group = groups.entry((&letter.part, letter.kind)).or_insert_with(|| Self {
                part: letter.part.clone(),
                kind: letter.kind,
                count: 0,
                example: format!("{}: {}", letter.what, letter.message),
            });
            group.count += 1;
        }
        let mut groups: Vec<Self> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

/// How a run went. Everything in it was counted in the store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// The job's name.
    pub job: String,
    /// Whether it went on with an unfinished run.
    pub resumed: bool,
    /// How it ended.
    #[serde(flatten)]
    pub end: End,
    /// What is missing and why, one sentence each; empty exactly when it is complete.
    pub reasons: Vec<String>,
    /// The run's counts, from its beginning.
    pub counts: RunCounts,
    /// Tasks without an answer yet.
    pub open: u64,
    /// Each sink's balance since this worker began; what was pending then counts as wanted.
    pub sinks: BTreeMap<String, SinkCounts>,
    /// Accounts that are kept out.
    pub parked: Vec<Parked>,
    /// Dead letters of the run, grouped.
    pub dead: Vec<DeadGroup>,
    /// How long this worker worked on it.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
}

fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

impl RunReport {
    /// Whether both balances hold: `items = changed + unchanged + malformed`, and each sink's.
    pub fn balances(&self) -> bool {
        let counts = &self.counts;
        counts.items == counts.changed + counts.unchanged + counts.malformed
            && self.sinks.values().all(SinkCounts::balances)
    }
}

/// A sink's balance since `before`.
pub(super) fn since(before: SinkCounts, after: SinkCounts) -> SinkCounts {
    SinkCounts {
        wanted: after.wanted - before.wanted + before.pending,
        stored: after.stored - before.stored,
        superseded: after.superseded - before.superseded,
        rejected: after.rejected - before.rejected,
        pending: after.pending,
    }
}
