//! Random sequences, played on the store and on a naive model of it, compared after each step.

mod outbox;
mod people;
mod tasks;

use std::fmt;

use super::clause::Clause;
use super::stage::{Stage, at};
use super::{Case, StoreHarness};
use crate::clock::Timestamp;

const STEPS: u32 = 40;
const SINKS: [&str; 2] = ["a", "b"];

/// Plays the sequences of [`StoreHarness::seeds`] seeds.
pub(super) async fn model(harness: &dyn StoreHarness) {
    for seed in 0..harness.seeds() {
        let stage = Stage::new(harness, &SINKS).await;
        let other = stage.begin("other", tasks::WINDOW, at(0)).await;
        let mut world = World {
            clause: Case::Model.clause(),
            dice: Dice(seed),
            place: Place { seed, step: 0, what: "begin" },
            now: 0,
            people: people::People::default(),
            outbox: outbox::Outbox::new(SINKS),
            tasks: tasks::Tasks::new([stage.run, other]),
            stage,
        };
        for step in 1..=STEPS {
            world.place.step = step;
            world.step().await;
            world.compare().await;
        }
    }
}

/// The store, the model of it, and where in which sequence they are.
struct World {
    stage: Stage,
    clause: Clause,
    dice: Dice,
    place: Place,
    now: i64,
    people: people::People,
    outbox: outbox::Outbox,
    tasks: tasks::Tasks,
}

impl World {
    fn now(&self) -> Timestamp {
        at(self.now)
    }

    async fn step(&mut self) {
        self.now += 1 + self.dice.below(5) as i64;
        match self.dice.below(10) {
            0..=3 => self.observe().await,
            4 => self.take().await,
            5 | 6 => self.settle().await,
            7 => self.enqueue().await,
            8 => self.claim().await,
            _ => self.finish().await,
        }
    }

    async fn compare(&self) {
        let counts = self.stage.counts().await;
        self.compare_people(&counts).await;
        self.compare_outbox(&counts);
        self.compare_tasks(&counts).await;
        let dead = self.tasks.dead_count() + self.outbox.rejected();
        self.same("dead letters", counts.dead, dead);
        self.stage.balanced(self.clause).await;
    }

    #[track_caller]
    fn same<T: PartialEq + fmt::Debug>(&self, what: impl fmt::Display, seen: T, expected: T) {
        self.clause.same(format_args!("{}: {what}", self.place), seen, expected);
    }

    #[track_caller]
    fn holds(&self, what: impl fmt::Display, ok: bool, seen: impl fmt::Debug) {
        self.clause.holds(format_args!("{}: {what}", self.place), ok, seen);
    }
}

/// Where a difference showed, to play it again.
#[derive(Debug, Clone, Copy)]
struct Place {
    seed: u64,
    step: u32,
    what: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, step {} ({})", self.seed, self.step, self.what)
    }
}

/// SplitMix64: small, and the same sequence for a seed whatever a library's next version does.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
