//! Tasks on their way: added, claimed, given back, answered.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::ErrorKind;
use crate::id::{ClaimNo, Digest, Name, RunId, TaskId};
use crate::task::{Absence, Cost, Malformed, Payload, Task};

/// What `enqueue` did with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Enqueued {
    /// Open now.
    New,
    /// Was open already.
    Joined,
    /// Was answered inside the window.
    Fresh,
}

/// What became of an added task, as its run counts it: for stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// Open now, by this run.
    New,
    /// Open by another run; this one waits for it now.
    JoinedNow,
    /// This run waits for it already.
    JoinedBefore,
    /// Answered inside the window.
    Fresh,
    /// Answered or given up by this very run.
    AnsweredHere,
}

impl From<Added> for Enqueued {
    fn from(added: Added) -> Self {
        match added {
            Added::New => Self::New,
            Added::JoinedNow | Added::JoinedBefore => Self::Joined,
            Added::Fresh | Added::AnsweredHere => Self::Fresh,
        }
    }
}

/// Permission to claim tasks of one source and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanePermit {
    /// The source.
    pub source: Name,
    /// The kind.
    pub kind: Name,
    /// The most tasks.
    pub max: usize,
}

/// A claimed task.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// Its id.
    pub id: TaskId,
    /// The task.
    pub task: Task,
    /// The run it is answered for.
    pub run: RunId,
    /// The claim.
    pub claim: ClaimNo,
    /// Attempts that failed before.
    pub attempts: u32,
    /// When the first attempt was made; `None` before it.
    pub first_attempt: Option<Timestamp>,
    /// How many follow-ups lie between it and a root.
    pub depth: u32,
}

/// What `claim` gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims {
    /// The tasks.
    pub tasks: Vec<Claimed>,
    /// When the next task that is waiting for its time becomes claimable, over all lanes asked for.
    pub next_at: Option<Timestamp>,
    /// Open tasks (claimed ones included) per lane asked for, in order.
    pub open: Vec<u64>,
}

/// A claimed task that goes back.
#[derive(Debug, Clone, PartialEq)]
pub struct GiveBack {
    /// The task.
    pub id: TaskId,
    /// The claim under which it is held.
    pub claim: ClaimNo,
    /// When it may be claimed again; at once when `None`.
    pub not_before: Option<Timestamp>,
    /// Whether an attempt was made.
    pub attempted: bool,
}

/// What becomes of a task when its call is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Answered.
    Done,
    /// Answered: there is nothing.
    Absent(Absence),
    /// Ask again at that time; not an attempt.
    Later(Timestamp),
    /// Answered by another task that begins again.
    Restart(Task),
    /// Try again at that time; an attempt.
    Retry {
        /// When.
        at: Timestamp,
        /// What failed.
        kind: ErrorKind,
        /// In words.
        message: String,
    },
    /// Given up.
    Dead {
        /// What failed.
        kind: ErrorKind,
        /// In words, with attempts and limits.
        message: String,
    },
}

/// A claimed task with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedTask {
    /// The task as it was claimed.
    pub claimed: Claimed,
    /// What became of it.
    pub verdict: Verdict,
}

/// A finished call: everything that is written together.
pub struct FinishedCall<D: Domain> {
    /// The source.
    pub source: Name,
    /// Its tasks; at least one.
    pub tasks: Vec<FinishedTask>,
    /// The answer, if one came.
    pub payload: Option<Payload>,
    /// The answer's contents without what changes from call to call; of its bytes when it could not be read.
    pub fingerprint: Digest,
    /// What it said.
    pub items: Vec<D::Item>,
    /// What follows from it.
    pub follow_ups: Vec<Task>,
    /// Parts that could not be understood.
    pub malformed: Vec<Malformed>,
    /// What it cost (or may have cost).
    pub cost: Cost,
    /// A reservation to correct: account, window, and how much of it was not spent.
    pub refund: Option<(Name, Timestamp, Cost)>,
}

impl<D: Domain> std::fmt::Debug for FinishedCall<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subjects = self.tasks.iter().map(|task| (&task.claimed.task, &task.verdict));
        f.debug_struct("FinishedCall")
            .field("tasks", &subjects.collect::<Vec<_>>())
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Items that changed an entity.
    pub changed: u64,
    /// Items that told nothing new.
    pub unchanged: u64,
    /// Entities with a new version, so owed to every sink.
    pub versions: u64,
    /// Follow-up tasks that are open now.
    pub enqueued: u64,
    /// Follow-up tasks that were open or fresh already.
    pub skipped: u64,
    /// New blobs written.
    pub blobs: u64,
    /// Tasks whose claim was not current any more: their state did not change.
    pub stale: Vec<TaskId>,
}
