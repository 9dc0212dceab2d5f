//! When jobs run by themselves: cron lines with a time zone, intervals, and what becomes of slots that come due while nobody
//! is there, while the run before goes on, or while a person has paused it.
//!
//! A *slot* is one planned moment of a schedule. It is identified by that moment, not by when somebody looked: so a clock
//! that is set back repeats none, and any number of replicas that look at the same past come to the same verdict. Which of
//! them fires it, is decided in the store ([`Store::fire`](crate::store::Store::fire)).
//!
//! ```
//! use std::time::Duration;
//! use collector_core::clock::Timestamp;
//! use collector_core::schedule::{CatchUp, Past, Schedule, When, decide};
//!
//! # fn main() -> collector_core::error::Result<()> {
//! let schedule = Schedule::new("k-beauty", When::cron("0 3 * * *", "Asia/Seoul")?).catch_up(CatchUp::Latest);
//! let stamp = |text: &str| text.parse::<Timestamp>().expect("a time");
//! let past = Past { since: stamp("2026-03-01T00:00:00Z"), ..Past::default() };
//! // Nobody was there for two days.
//! let verdict = decide(&schedule, &past, stamp("2026-03-03T12:00:00Z"));
//! assert_eq!(verdict.fire, Some(stamp("2026-03-02T18:00:00Z")));
//! assert_eq!(verdict.skipped[0].first, stamp("2026-03-01T18:00:00Z"));
//! assert_eq!(verdict.look_again, Some(stamp("2026-03-03T18:00:00Z")));
//! # Ok(())
//! # }
//! ```

mod decide;
mod line;
#[cfg(test)]
mod tests;
mod when;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use decide::{ON_TIME, Past, Pause, SkipReason, Skipped, Verdict, decide};
pub use when::{LONGEST, SHORTEST, When};

use crate::id::{Digest, Name};

/// What becomes of slots that came due while nobody was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are missed. On time is what is less than [`ON_TIME`] late.
    None,
    /// The newest is made up for, however late; it takes the place of the others.
    #[default]
    Latest,
}

/// What becomes of a slot that comes due while the run of the one before goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is skipped.
    #[default]
    Skip,
    /// It waits for the end of that run; of several the newest does.
    Queue,
}

/// A named schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name: a job's.
    pub name: Name,
    /// Its moments.
    pub when: When,
    /// Over which time schedules of the same moments are spread; see [`delay`](Self::delay).
    pub jitter: Duration,
    /// What becomes of slots that came due while nobody was there.
    pub catch_up: CatchUp,
    /// What becomes of a slot that comes due while the run of the one before goes on.
    pub overlap: Overlap,
}

impl Schedule {
    /// A schedule without jitter that makes up for the latest slot and skips overlapping ones.
    pub fn new(name: impl Into<Name>, when: When) -> Self {
        Self {
            name: name.into(),
            when,
            jitter: Duration::ZERO,
            catch_up: CatchUp::default(),
            overlap: Overlap::default(),
        }
    }

    /// With its slots put off by a part of this time.
    #[must_use]
    pub fn jitter(mut self, span: Duration) -> Self {
        self.jitter = span;
        self
    }

    /// With this rule for what nobody was there for.
    #[must_use]
    pub fn catch_up(mut self, rule: CatchUp) -> Self {
        self.catch_up = rule;
        self
    }

    /// With this rule for what comes due while the run before goes on.
    #[must_use]
    pub fn overlap(mut self, rule: Overlap) -> Self {
        self.overlap = rule;
        self
    }

    /// How long after its planned moment a slot is due: a part of the jitter that follows from the name alone, so that it
    /// is the same on every machine and every day.
    pub fn delay(&self) -> Duration {
        let span = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        let [a, b, c, d, e, f, g, h, ..] = Digest::of(self.name.as_bytes()).0;
        match span {
            0 => Duration::ZERO,
            span => Duration::from_millis(u64::from_be_bytes([a, b, c, d, e, f, g, h]) % span),
        }
    }
}
