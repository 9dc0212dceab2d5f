//! What keeps an account's calls apart: a pace of its own, or its part of a shared rate.

use std::time::Duration;

use tokio::time::Instant;

use super::{Pace, pool::Pool};

/// The one or the other.
#[derive(Debug)]
pub(super) enum Throttle {
    /// This process calls alone.
    Own(Pace),
    /// Others call on the same account.
    Shared(Pool),
}

impl Throttle {
    /// The rate in calls a second, if there is one.
    pub(super) fn rate(&self) -> Option<f64> {
        match self {
            Self::Own(pace) => pace.rate(),
            Self::Shared(pool) => Some(pool.rate().per_second()),
        }
    }

    /// Whether a call could start by then.
    pub(super) fn opens_by(&mut self, soon: Instant, now: Instant) -> bool {
        match self {
            Self::Own(pace) => pace.next(now) <= soon,
            Self::Shared(pool) => !pool.is_down(),
        }
    }

    /// Takes the right to one call.
    ///
    /// # Errors
    /// The moment to look again.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        match self {
            Self::Own(pace) => pace.take(now),
            Self::Shared(pool) => pool.take(now),
        }
    }

    /// A call was accepted.
    pub(super) fn answered(&mut self, now: Instant) {
        if let Self::Own(pace) = self {
            pace.answered(now);
        }
    }

    /// A call was refused as too fast, and nothing is sent for `hold`.
    pub(super) fn refused(&mut self, now: Instant, hold: Duration) {
        match self {
            Self::Own(pace) => pace.refused(now, hold),
            Self::Shared(pool) => pool.refused(),
        }
    }
}
