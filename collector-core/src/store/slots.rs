//! Schedules and their slots, as a store keeps them.

use std::time::Duration;

use serde::Serialize;

use super::{Begun, RunSpec, WorkerId};
use crate::clock::Timestamp;
use crate::id::{Digest, Name, RunId};
use crate::schedule::{Past, Pause, SkipReason, Skipped};
use crate::task::Task;

/// How long slots are kept that were fired or skipped.
pub const SLOTS_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// How many pauses are kept of which slots may still come.
const PAUSES: usize = 100;

/// A process that serves: it may fire slots while nobody serves with a newer configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name; that of its worker, if it has one.
    pub id: WorkerId,
    /// The program's version.
    pub version: String,
    /// The hash of what it was told to do.
    pub config: Digest,
    /// How long it may be silent before it counts no more.
    pub ttl: Duration,
}

/// A schedule that a server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its name.
    pub name: Name,
    /// Its moments, in words: with other ones it begins anew.
    pub when: String,
}

/// A schedule as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScheduleState {
    /// Its name.
    pub name: Name,
    /// Its moments, in words.
    pub when: String,
    /// When it was seen first with these moments.
    pub since: Timestamp,
    /// The newest slot that was fired or skipped: its planned moment.
    pub last: Option<Timestamp>,
    /// The run of the newest slot that was fired, and when that ended.
    pub run: Option<(RunId, Option<Timestamp>)>,
    /// When it was paused, as far as slots of that time may still come; oldest first.
    pub paused: Vec<Pause>,
    /// Grows with every change of what stands above.
    pub turn: u64,
}

impl ScheduleState {
    /// A schedule that is seen first now.
    pub fn new(served: &Served, now: Timestamp) -> Self {
        let Served { name, when } = served.clone();
        Self { name, when, since: now, last: None, run: None, paused: Vec::new(), turn: 0 }
    }

    /// Takes over other moments: what they would have been before was never planned. Tells whether they are other ones:
    /// for stores.
    pub fn begin_anew(&mut self, when: &str, now: Timestamp) -> bool {
        if self.when == when {
            return false;
        }
        self.when = when.to_owned();
        self.since = now;
        self.turn += 1;
        true
    }

    /// The newest moment about which nothing is to be decided any more.
    fn done(&self) -> Timestamp {
        self.last.map_or(self.since, |last| last.max(self.since))
    }

    /// What slots are decided from.
    pub fn past(&self) -> Past {
        Past {
            since: self.since,
            last: self.last,
            running: matches!(self.run, Some((_, None))),
            ended: self.run.and_then(|(_, ended)| ended),
            paused: self.paused.clone(),
        }
    }

    /// Whether it is paused at this moment.
    pub fn is_paused(&self) -> bool {
        self.paused.last().is_some_and(|pause| pause.to.is_none())
    }

    /// Begins or ends a pause; tells whether that changes anything: for stores.
    pub fn set_paused(&mut self, paused: bool, now: Timestamp) -> bool {
        if self.is_paused() == paused {
            return false;
        }
        match self.paused.last_mut() {
            Some(open) if !paused => open.to = Some(now),
            _ => self.paused.push(Pause { from: now, to: None }),
        }
        // Whoever plays with it forgets the oldest ones.
        let extra = self.paused.len().saturating_sub(PAUSES);
        self.paused.drain(..extra);
        self.turn += 1;
        true
    }

    /// Takes over what was decided about slots, whose run is `run` if one was fired: for stores. A decision that reaches
    /// further back than what is known changes nothing, and `false` is the answer.
    pub fn settle(&mut self, firing: &Firing, run: Option<RunId>) -> bool {
        let Some(newest) = firing.newest() else { return false };
        let first = firing.skipped.first().map_or(newest, |skip| skip.first);
        if self.turn != firing.turn || first <= self.done() {
            return false;
        }
        self.last = Some(newest);
        if let Some(run) = run {
            self.run = Some((run, None));
        }
        // A slot is due after its planned moment, so a pause that ended before it is of no use any more.
        self.paused.retain(|pause| pause.to.is_none_or(|to| to > newest));
        self.turn += 1;
        true
    }
}

/// What was decided about a schedule's slots, to be written in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// The schedule.
    pub schedule: Name,
    /// The turn of the state it was decided from.
    pub turn: u64,
    /// Slots that are skipped, oldest first.
    pub skipped: Vec<Skipped>,
    /// The slot that is fired, newer than those.
    pub slot: Option<Slot>,
}

impl Firing {
    /// The newest slot it decides about.
    pub fn newest(&self) -> Option<Timestamp> {
        let skipped = self.skipped.last().map(|skip| skip.last);
        self.slot.as_ref().map(|slot| slot.planned).max(skipped)
    }
}

/// A slot that is fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Its planned moment.
    pub planned: Timestamp,
    /// The run that begins with it.
    pub run: RunSpec,
    /// What the run begins with.
    pub roots: Vec<Task>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fired {
    /// It is written; with the run that began, if a slot was fired.
    Done(Option<Begun>),
    /// Somebody was faster, or the schedule was paused meanwhile: look again.
    Stale,
    /// Somebody serves with a newer configuration.
    Outdated,
}

/// What became of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotFate {
    /// It began this run.
    Fired(RunId),
    /// It was skipped.
    Skipped(SkipReason),
}

/// A slot that was fired, or a range of slots that were skipped for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlotRow {
    /// The planned moment of the first.
    pub first: Timestamp,
    /// The planned moment of the last.
    pub last: Timestamp,
    /// What became of them.
    pub fate: SlotFate,
    /// When that was decided.
    pub at: Timestamp,
}

impl SlotRow {
    /// The rows of a decision, oldest first. The first of them goes on with `before`, the newest row that is there, when
    /// both were skipped for the same reason: for stores.
    pub fn of(firing: &Firing, run: Option<RunId>, before: Option<&Self>, at: Timestamp) -> Vec<Self> {
        let skipped = |skip: &Skipped| Self {
            first: skip.first,
            last: skip.last,
            fate: SlotFate::Skipped(skip.reason),
            at,
        };
        let mut rows: Vec<Self> = firing.skipped.iter().map(skipped).collect();
        if let (Some(first), Some(before)) = (rows.first_mut(), before)
            && first.fate == before.fate
        {
            first.first = before.first;
        }
        if let (Some(slot), Some(run)) = (&firing.slot, run) {
            rows.push(Self { first: slot.planned, last: slot.planned, fate: SlotFate::Fired(run), at });
        }
        rows
    }
}
