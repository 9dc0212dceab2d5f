//! What a store keeps and can be asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::run::RunState;
use super::sink::SinkCounts;
use super::worker::Waiting;
use crate::clock::Timestamp;
use crate::domain::{Domain, Lost, Sighting};
use crate::error::ErrorKind;
use crate::id::{DeadId, Ids, Name, PayloadId, RecordKey, RunId};
use crate::sink::{Facts, Record};
use crate::task::{Cost, Task};

/// Everything countable in a store.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Counts {
    /// Living entities.
    pub entities: u64,
    /// Versions given to entities, deletions included.
    pub versions: u64,
    /// Sightings kept.
    pub sightings: u64,
    /// Answers kept (blobs).
    pub payloads: u64,
    /// Tasks by state: `ready`, `waiting`, `claimed`, `done`, `absent`, `dead`.
    pub tasks: BTreeMap<String, u64>,
    /// Open tasks by `source/kind`.
    pub open: BTreeMap<String, u64>,
    /// Balances by sink.
    pub sinks: BTreeMap<String, SinkCounts>,
    /// Dead letters.
    pub dead: u64,
    /// The same by source or sink, and by the kind of the failure.
    pub dead_by: BTreeMap<String, BTreeMap<ErrorKind, u64>>,
    /// What each account has spent in its present window.
    pub spent: BTreeMap<String, Cost>,
    /// Registered workers.
    pub workers: u64,
    /// Living workers that do not get on, each with its reason.
    pub waiting: BTreeMap<String, Waiting>,
    /// The newest runs, newest first, at most 20.
    pub runs: Vec<RunState>,
}

/// Everything known about one thing.
pub struct Known<D: Domain> {
    /// The record as sinks get it, made anew from the sightings.
    pub record: Record<D::Entity>,
    /// Its identities.
    pub ids: Ids,
    /// Weak identities that moved to somebody else.
    pub lost: Vec<Lost>,
    /// The latest sighting of each (source, aspect).
    pub sightings: Vec<Sighting<D::Item>>,
}

impl<D: Domain> std::fmt::Debug for Known<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("key", &self.record.key).field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// A task or change that was given up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
    /// Its number.
    pub id: DeadId,
    /// The source, or the sink that refused.
    pub part: String,
    /// The task, or the record, in words.
    pub what: String,
    /// The task, if it is one.
    pub task: Option<Task>,
    /// The record, if a sink refused it.
    pub record: Option<RecordKey>,
    /// What failed.
    pub kind: ErrorKind,
    /// In words.
    pub message: String,
    /// The answer that could not be used.
    pub payload: Option<PayloadId>,
    /// The run.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
}

/// A stored answer.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPayload {
    /// Its number.
    pub id: PayloadId,
    /// The source.
    pub source: Name,
    /// The status.
    pub status: u16,
    /// The kept headers.
    pub headers: Vec<(String, String)>,
    /// The bytes as received.
    pub body: bytes::Bytes,
    /// When it was first received.
    pub at: Timestamp,
}

/// A stored answer with the questions it answered: all that is needed to read it again.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAnswer {
    /// The answer.
    pub payload: StoredPayload,
    /// When it was received last; an answer that says the same is not stored again.
    pub last_at: Timestamp,
    /// What had been asked; empty when that is not known any more.
    pub tasks: Vec<Task>,
}

/// What a stored answer says when it is read again.
#[derive(Debug)]
pub struct ReadAgain<D: Domain> {
    /// The answer.
    pub payload: PayloadId,
    /// Whose it is.
    pub source: Name,
    /// When it was received last.
    pub at: Timestamp,
    /// What it says.
    pub items: Vec<D::Item>,
}

/// A record of which a source has said nothing for long.
#[derive(Debug, Clone, PartialEq)]
pub struct Stale {
    /// The record.
    pub key: RecordKey,
    /// Its identities.
    pub ids: Ids,
    /// When the source's last word was true; the epoch when there is none.
    pub seen_at: Timestamp,
}

/// How answers of one source and kind were filled on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The source.
    pub source: Name,
    /// The kind of call.
    pub kind: Name,
    /// Days since the epoch, in UTC.
    pub day: i32,
    /// Answers that could be read.
    pub answers: u64,
    /// Items in them.
    pub items: u64,
    /// In how many items each field was known, by the field's name.
    pub filled: BTreeMap<String, u64>,
}

impl Fill {
    /// Adds what another one says of the same source and kind.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.items += other.items;
        for (field, count) in &other.filled {
            match self.filled.get_mut(field) {
                Some(known) => *known += count,
                None => drop(self.filled.insert(field.clone(), *count)),
            }
        }
    }
}

/// What was taken out of a store about somebody.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Erased {
    /// The records that ended; each is owed to every sink as a deletion.
    pub records: Vec<RecordKey>,
    /// Every identity that was known, and is kept out from now on.
    #[serde(skip)]
    pub ids: Ids,
    /// What sinks had reported about them.
    #[serde(skip)]
    pub facts: Vec<Facts>,
    /// Sightings.
    pub sightings: u64,
    /// Days of history.
    pub days: u64,
    /// Answers that were about nobody else, and are gone.
    pub answers_removed: u64,
    /// Answers that show others, too, and were written again without them.
    pub answers_rewritten: u64,
    /// Tasks that asked about them.
    pub tasks: u64,
    /// Dead letters.
    pub letters: u64,
    /// Places on lists.
    pub places: u64,
}
