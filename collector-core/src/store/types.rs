//! What goes into a store and comes out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::{Domain, Lost, Sighting};
use crate::error::ErrorKind;
use crate::id::{ClaimNo, DeadId, Digest, Ids, Name, PayloadId, RecordKey, RunId, TaskId};
use crate::sink::{Facts, Position, Record};
use crate::task::{Absence, Cost, Malformed, Payload, Task};

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

/// What a heartbeat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heartbeat {
    /// Whether this worker had been declared dead, because it was silent too long: then every claim and pending
    /// change it held belongs to somebody else. The heartbeat registers it anew.
    pub was_dead: bool,
    /// Claims taken over from dead workers.
    pub taken_over: u64,
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

/// A limit of an account for a window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// The account.
    pub account: Name,
    /// Units a window, if limited.
    pub units: Option<u64>,
    /// Requests a window, if limited.
    pub requests: Option<u64>,
    /// The window's length; windows are counted from `offset` after the epoch.
    pub window: Duration,
    /// The time of day (for a window of a day) at which the vendor resets.
    pub offset: Duration,
}

impl Budget {
    /// The window that `now` lies in: its first moment.
    pub fn window_at(&self, now: Timestamp) -> Timestamp {
        let length = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX).max(1);
        let offset = i64::try_from(self.offset.as_millis()).unwrap_or(0);
        let into = (now.as_millis() - offset).rem_euclid(length);
        Timestamp::from_millis(now.as_millis() - into)
    }

    /// The first moment of the window after the one `now` lies in.
    pub fn reset_after(&self, now: Timestamp) -> Timestamp {
        self.window_at(now) + self.window
    }

    /// How many calls of `cost` fit after `spent`.
    pub fn fits(&self, spent: Cost, cost: Cost) -> u64 {
        let units = match (self.units, cost.units) {
            (Some(limit), per) if per > 0 => limit.saturating_sub(spent.units) / per,
            _ => u64::MAX,
        };
        let requests = match (self.requests, cost.requests) {
            (Some(limit), per) if per > 0 => limit.saturating_sub(spent.requests) / per,
            _ => u64::MAX,
        };
        units.min(requests)
    }
}

/// The answer to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Booked in the window that begins at this time.
    Granted {
        /// The window's first moment.
        window: Timestamp,
    },
    /// It does not fit; the window ends at this time.
    Until(Timestamp),
}

/// An account that is kept out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parked {
    /// The account.
    pub account: Name,
    /// Until when; `None` until somebody lets it in.
    pub until: Option<Timestamp>,
    /// Why, as a kind.
    pub kind: ErrorKind,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
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
