//! What becomes of the slots that have come due: a pure function of the schedule, its past and the time.

use serde::{Deserialize, Serialize};

use super::{CatchUp, Overlap, Schedule};
use crate::clock::Timestamp;

/// What came due less than this ago is on time: nobody looks at every moment.
pub const ON_TIME: std::time::Duration = std::time::Duration::from_secs(60);

/// What is known of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// When it was seen first: slots up to then never existed.
    pub since: Timestamp,
    /// The newest slot that was fired or skipped. It never goes back, so a clock that does neither repeats nor loses any.
    pub last: Option<Timestamp>,
    /// Whether the run of its last slot goes on.
    pub running: bool,
    /// When the run of its last slot ended.
    pub ended: Option<Timestamp>,
    /// When it was paused, oldest first.
    pub paused: Vec<Pause>,
}

/// A time in which a schedule is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it goes on.
    pub to: Option<Timestamp>,
}

impl Pause {
    fn holds(&self, due: Timestamp) -> bool {
        self.from <= due && self.to.is_none_or(|to| due < to)
    }
}

/// Why a slot was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Nobody was there to fire it, and it is not made up for.
    Missed,
    /// A newer one took its place.
    Superseded,
    /// The run before it was still going on.
    Overlap,
    /// The schedule was paused.
    Paused,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Missed, Self::Superseded, Self::Overlap, Self::Paused];

    /// Its name in stores and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Superseded => "superseded",
            Self::Overlap => "overlap",
            Self::Paused => "paused",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// Every slot from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The planned moment of the first.
    pub first: Timestamp,
    /// The planned moment of the last.
    pub last: Timestamp,
    /// Why.
    pub reason: SkipReason,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Slots that are skipped, oldest first.
    pub skipped: Vec<Skipped>,
    /// The slot that is fired: its planned moment. Newer than any that is skipped.
    pub fire: Option<Timestamp>,
    /// Whether a slot waits for the end of the run before it: then it is worth looking when that ends.
    pub waits: bool,
    /// When something comes due next, if ever.
    pub look_again: Option<Timestamp>,
}

/// Decides about every slot that has come due.
///
/// Of the slots that are due only the newest can fire. It is skipped when the schedule is paused, when the run before it was
/// going on and overlapping ones are skipped, or when it is late and nothing is made up for; with [`Overlap::Queue`] it
/// waits for that run. An older one was paused or overlapped, or else a newer one took its place; without catching up,
/// it was missed.
pub fn decide(schedule: &Schedule, past: &Past, now: Timestamp) -> Verdict {
    Decision { schedule, past, now }.verdict()
}

struct Decision<'a> {
    schedule: &'a Schedule,
    past: &'a Past,
    now: Timestamp,
}

impl Decision<'_> {
    fn verdict(&self) -> Verdict {
        let done = self.past.last.map_or(self.past.since, |last| last.max(self.past.since));
        let mut verdict = Verdict::default();
        let newest = self.due_before(self.now + MOMENT).filter(|newest| *newest > done);
        if let Some(newest) = newest {
            verdict.skipped = self.older(done, newest);
            match self.fate_of_newest(newest) {
                Fate::Fire => verdict.fire = Some(newest),
                Fate::Wait => verdict.waits = true,
                Fate::Skip(reason) => push(&mut verdict.skipped, newest, newest, reason),
            }
        }
        let next = self.schedule.when.after(newest.unwrap_or(done));
        verdict.look_again = next.map(|next| next + self.schedule.delay());
        verdict
    }

    /// The newest slot that came due before this moment.
    fn due_before(&self, moment: Timestamp) -> Option<Timestamp> {
        self.schedule.when.before(moment - self.schedule.delay())
    }

    fn due(&self, slot: Timestamp) -> Timestamp {
        slot + self.schedule.delay()
    }

    /// Why a slot cannot have fired when it was due, if it cannot.
    fn held(&self, slot: Timestamp) -> Option<SkipReason> {
        let due = self.due(slot);
        if self.past.paused.iter().any(|pause| pause.holds(due)) {
            return Some(SkipReason::Paused);
        }
        (self.schedule.overlap == Overlap::Skip && self.overlaps(due)).then_some(SkipReason::Overlap)
    }

    /// Whether the run before a slot was going on when it was due.
    fn overlaps(&self, due: Timestamp) -> bool {
        self.past.running || self.past.ended.is_some_and(|ended| due < ended)
    }

    fn fate_of_newest(&self, newest: Timestamp) -> Fate {
        if let Some(reason) = self.held(newest) {
            return Fate::Skip(reason);
        }
        // Nothing begins while it is paused, also what was due before.
        if self.past.paused.iter().any(|pause| pause.holds(self.now)) {
            return Fate::Skip(SkipReason::Missed);
        }
        if self.past.running {
            return Fate::Wait;
        }
        let could = self.past.ended.map_or(self.due(newest), |ended| ended.max(self.due(newest)));
        let late = self.now.since(could) >= ON_TIME;
        if late && self.schedule.catch_up == CatchUp::None {
            return Fate::Skip(SkipReason::Missed);
        }
        Fate::Fire
    }

    fn reason_of_older(&self, slot: Timestamp) -> SkipReason {
        if let Some(reason) = self.held(slot) {
            return reason;
        }
        // It waited in the queue until a newer one came.
        if self.schedule.catch_up == CatchUp::Latest || self.overlaps(self.due(slot)) {
            return SkipReason::Superseded;
        }
        SkipReason::Missed
    }

    /// What becomes of the slots between two. The reason changes only where a pause begins or ends and where the last run
    /// ended, so that years of them take a few steps.
    fn older(&self, done: Timestamp, newest: Timestamp) -> Vec<Skipped> {
        let pauses = self.past.paused.iter().flat_map(|pause| [Some(pause.from), pause.to]);
        let mut changes: Vec<Timestamp> =
            pauses.chain([self.past.ended]).flatten().filter(|change| *change > self.due(done)).collect();
        changes.sort_unstable();
        let mut skipped = Vec::new();
        let mut behind = done;
        let ends = changes.into_iter().map(Some).chain([None]);
        for end in ends {
            let last = match end {
                Some(end) => self.due_before(end).filter(|last| *last < newest),
                None => None,
            };
            let last = last.or_else(|| self.schedule.when.before(newest));
            let first = self.schedule.when.after(behind);
            if let (Some(first), Some(last)) = (first, last)
                && first <= last
            {
                push(&mut skipped, first, last, self.reason_of_older(first));
                behind = last;
            }
        }
        skipped
    }
}

enum Fate {
    Fire,
    Wait,
    Skip(SkipReason),
}

/// The shortest time there is.
const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

fn push(skipped: &mut Vec<Skipped>, first: Timestamp, last: Timestamp, reason: SkipReason) {
    match skipped.last_mut() {
        Some(before) if before.reason == reason => before.last = last,
        _ => skipped.push(Skipped { first, last, reason }),
    }
}
