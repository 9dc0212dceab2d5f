//! Replicas that start, stop and race: what they do to one store, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use collector_core::clock::Timestamp;
use collector_core::id::{Digest, Name, RunId};
use collector_core::schedule::{Schedule, SkipReason, When, decide};
use collector_core::store::{
    Fired, Firing, MemoryStore, RunEnd, RunSpec, Served, Server, Slot, SlotFate, SlotRow, Store,
};
use collector_core::task::Task;
use collector_core::testkit::store::TestDomain;
use std::time::Duration;

use super::oracle::Expected;
use super::{LINES, WINDOW};
use crate::bench::Failure;

/// Half of the starts and stops lie as near to the change as this, in seconds.
const NEAR: u64 = 3 * 3_600;
/// Longer than any window.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);

/// A small generator of numbers: the same seed, the same race.
#[derive(Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// The plan of a race: who is there when.
#[derive(Debug)]
pub(super) struct Race {
    schedules: Vec<Schedule>,
    pub(super) to: i64,
    /// From when until when each replica is there, in order.
    lives: Vec<Vec<(i64, i64)>>,
    seed: u64,
}

/// What the race left in the store.
#[derive(Debug)]
pub(super) struct Seen {
    /// How often each slot of each schedule was fired.
    fired: BTreeMap<(usize, i64), usize>,
    rows: Vec<Vec<SlotRow>>,
    /// Decisions that came too late.
    pub(super) refused: usize,
}

impl Race {
    pub(super) fn around(
        zone: &str,
        change: i64,
        restarts: usize,
        replicas: usize,
        seed: u64,
    ) -> Result<Self, Failure> {
        let (from, to) = (change - WINDOW, change + WINDOW);
        let mut schedules = Vec::new();
        for (line, catch_up, overlap) in LINES {
            schedules.push(Schedule::new(line, When::cron(line, zone)?).catch_up(catch_up).overlap(overlap));
        }
        let mut chance = Chance::new(seed);
        let mut lives = Vec::new();
        for replica in 0..replicas {
            let starts = restarts / replicas + usize::from(replica < restarts % replicas);
            let mut turns = BTreeSet::new();
            while turns.len() < 2 * starts {
                let turn = match chance.below(2) {
                    0 => from + chance.below(2 * WINDOW.unsigned_abs()).cast_signed(),
                    _ => change - NEAR.cast_signed() + chance.below(2 * NEAR).cast_signed(),
                };
                turns.insert(turn);
            }
            let turns: Vec<i64> = turns.into_iter().collect();
            lives.push(turns.chunks_exact(2).map(|life| (life[0], life[1])).collect());
        }
        Ok(Self { schedules, to, lives, seed })
    }

    /// How often a replica starts.
    pub(super) fn starts(&self) -> usize {
        self.lives.iter().map(Vec::len).sum()
    }

    /// When the first replica starts: no schedule is known before.
    pub(super) fn since(&self) -> i64 {
        self.lives.iter().flatten().map(|life| life.0).min().unwrap_or(self.to)
    }

    /// Whether somebody is there.
    pub(super) fn is_served(&self, at: i64) -> bool {
        self.lives.iter().flatten().any(|(from, to)| *from <= at && at < *to)
    }

    /// The moments at which somebody starts.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = i64> {
        self.lives.iter().flatten().map(|life| life.0)
    }

    /// How long the run of a slot takes, in seconds: some go on past the next slot.
    pub(super) fn run_takes(&self, schedule: usize, slot: i64) -> i64 {
        let seed = self.seed ^ ((schedule as u64) << 48) ^ slot.unsigned_abs();
        let mut chance = Chance::new(seed);
        match chance.below(4) {
            0 => chance.below(40 * 60).cast_signed() + 1,
            _ => chance.below(5 * 60).cast_signed() + 1,
        }
    }

    /// Runs it.
    pub(super) async fn run(&self) -> Result<Seen, Failure> {
        let store = MemoryStore::new(TestDomain);
        let names: Vec<Name> = self.schedules.iter().map(|schedule| Name::clone(&schedule.name)).collect();
        let served: Vec<Served> = self
            .schedules
            .iter()
            .map(|schedule| Served { name: Name::clone(&schedule.name), when: schedule.when.to_string() })
            .collect();
        let mut chance = Chance::new(self.seed ^ 1);
        let mut seen = Seen { fired: BTreeMap::new(), rows: Vec::new(), refused: 0 };
        // What happens next: somebody starts, something comes due, a run ends.
        let mut moments: BTreeSet<i64> = self.arrivals().collect();
        let mut ends: BTreeMap<i64, Vec<RunId>> = BTreeMap::new();
        while let Some(now) = moments.pop_first() {
            if now >= self.to {
                break;
            }
            let stamp = Timestamp::from_secs(now);
            for run in ends.remove(&now).unwrap_or_default() {
                store.end_run(run, RunEnd::Complete, stamp).await?;
            }
            let there: Vec<usize> = (0..self.lives.len())
                .filter(|replica| self.lives[*replica].iter().any(|(from, to)| *from <= now && now < *to))
                .collect();
            let mut decided = Vec::new();
            for replica in there {
                let id: Name = format!("replica-{replica}").into();
                let server = Server {
                    id: Name::clone(&id),
                    version: "1".into(),
                    config: Digest::of(b"c"),
                    ttl: FOR_EVER,
                };
                store.enlist(&server, &served, stamp).await?;
                // All of them look before one of them acts.
                for state in store.schedules().await? {
                    let Some(at) = names.iter().position(|name| *name == state.name) else { continue };
                    let verdict = decide(&self.schedules[at], &state.past(), stamp);
                    moments.extend(verdict.look_again.map(Timestamp::as_secs));
                    if verdict.fire.is_none() && verdict.skipped.is_empty() {
                        continue;
                    }
                    let slot = verdict.fire.map(|planned| self.slot(at, planned));
                    let schedule = Name::clone(&state.name);
                    let firing = Firing { schedule, turn: state.turn, skipped: verdict.skipped, slot };
                    decided.push((Name::clone(&id), at, firing));
                }
            }
            while !decided.is_empty() {
                let next = usize::try_from(chance.below(decided.len() as u64))?;
                let (id, at, firing) = decided.swap_remove(next);
                match store.fire(&id, &firing, stamp).await? {
                    Fired::Done(begun) => {
                        if let (Some(begun), Some(slot)) = (begun, &firing.slot) {
                            let planned = slot.planned.as_secs();
                            *seen.fired.entry((at, planned)).or_default() += 1;
                            let end = now + self.run_takes(at, planned);
                            moments.insert(end);
                            ends.entry(end).or_default().push(begun.run);
                        }
                    }
                    Fired::Stale => seen.refused += 1,
                    Fired::Outdated => return Err("nobody has a newer configuration".into()),
                }
            }
        }
        for name in &names {
            seen.rows.push(store.slots(name, usize::MAX).await?);
        }
        Ok(seen)
    }

    fn slot(&self, schedule: usize, planned: Timestamp) -> Slot {
        let job = self.schedules[schedule].name.to_string();
        let run = RunSpec { key: Digest::of(job.as_bytes()), job, fresh_for: Duration::ZERO };
        Slot { planned, run, roots: vec![Task::new("source", "kind", planned.to_string())] }
    }
}

impl Seen {
    /// Everything that became of a slot.
    pub(super) fn of(&self, schedule: usize, slot: i64) -> Vec<Expected> {
        let at = Timestamp::from_secs(slot);
        let rows = self.rows[schedule].iter().filter(|row| row.first <= at && at <= row.last);
        let mut fates: Vec<Expected> = rows
            .map(|row| match row.fate {
                SlotFate::Fired(_) => Expected::Fired,
                SlotFate::Skipped(SkipReason::Missed) => Expected::Missed,
                SlotFate::Skipped(SkipReason::Superseded) => Expected::Superseded,
                SlotFate::Skipped(SkipReason::Overlap) => Expected::Overlap,
                SlotFate::Skipped(SkipReason::Paused) => Expected::Open,
            })
            .collect();
        // Each time it was fired counts, whatever the rows say.
        let fired = self.fired.get(&(schedule, slot)).copied().unwrap_or(0);
        let told = fates.iter().filter(|fate| **fate == Expected::Fired).count();
        fates.extend(std::iter::repeat_n(Expected::Fired, fired.saturating_sub(told)));
        fates
    }

    /// The slots that were fired.
    pub(super) fn fired(&self, schedule: usize) -> Vec<i64> {
        self.fired.keys().filter(|(of, _)| *of == schedule).map(|(_, slot)| *slot).collect()
    }
}
