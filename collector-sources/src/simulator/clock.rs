//! The simulated clock and the units bought on each of its days.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Days whose usage is remembered, as many as the history endpoint can be asked for.
const KEPT_DAYS: usize = 400;

/// The farthest the clock can be moved ahead in total: ten years.
pub(super) const FARTHEST_SECONDS: u64 = 10 * 365 * 86_400;

/// The wall clock, moved ahead on request.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead_seconds: AtomicU64,
}

impl Clock {
    /// Unix seconds of the simulated now.
    pub(super) fn now(&self) -> u64 {
        wall_millis() / 1_000 + self.ahead_seconds.load(Ordering::Relaxed)
    }

    pub(super) fn today(&self) -> Date {
        date_of(self.now())
    }

    /// Moves the clock ahead; false when it would go farther than [`FARTHEST_SECONDS`].
    pub(super) fn advance(&self, seconds: u64) -> bool {
        let moved = |ahead: u64| ahead.checked_add(seconds).filter(|total| *total <= FARTHEST_SECONDS);
        self.ahead_seconds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved).is_ok()
    }
}

/// Unix milliseconds of the real now.
pub(super) fn wall_millis() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// The UTC day of a moment in unix seconds.
pub(super) fn date_of(unix_seconds: u64) -> Date {
    timestamp(unix_seconds).to_zoned(TimeZone::UTC).date()
}

/// A moment in unix seconds; moments beyond the calendar become its start.
pub(super) fn timestamp(unix_seconds: u64) -> Timestamp {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or_default()
}

/// Units bought per day.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    days: Mutex<BTreeMap<Date, u64>>,
}

impl Ledger {
    /// Sets one unit of a day aside, unless the day's limit is reached.
    ///
    /// Setting it aside before the work keeps calls that run side by side from passing the limit together.
    pub(super) fn reserve(&self, day: Date, limit: Option<u64>) -> bool {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let used = days.entry(day).or_default();
        if limit.is_some_and(|limit| *used >= limit) {
            return false;
        }
        *used += 1;
        while days.len() > KEPT_DAYS {
            days.pop_first();
        }
        true
    }

    /// Replaces the unit set aside by what the work really cost.
    pub(super) fn settle(&self, day: Date, cost: u64) {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = days.get_mut(&day) {
            *used = (*used + cost).saturating_sub(1);
        }
    }

    pub(super) fn used(&self, day: Date) -> u64 {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(&day).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_ahead_only_and_within_ten_years() {
        let clock = Clock::default();
        let before = clock.now();
        assert!(clock.advance(86_400));
        assert!(clock.now() >= before + 86_400);
        assert!(!clock.advance(u64::MAX));
        assert!(!clock.advance(FARTHEST_SECONDS));
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        assert_eq!(date_of(1_793_491_199).to_string(), "2026-10-31");
        assert_eq!(date_of(1_793_491_200).to_string(), "2026-11-01");
        assert_eq!(timestamp(u64::MAX), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn reservations_stop_at_the_limit_and_settle_to_the_cost() {
        let (ledger, day) = (Ledger::default(), date_of(1_793_491_200));
        assert!(ledger.reserve(day, Some(3)));
        ledger.settle(day, 0);
        assert_eq!(ledger.used(day), 0);
        assert!(ledger.reserve(day, Some(3)));
        ledger.settle(day, 2);
        assert!(ledger.reserve(day, Some(3)));
        ledger.settle(day, 1);
        assert!(!ledger.reserve(day, Some(3)), "three of three are used");
        assert!(ledger.reserve(date_of(1_793_577_600), Some(3)), "the next day starts anew");
    }

    #[test]
    fn only_the_last_days_are_remembered() {
        let ledger = Ledger::default();
        for day in 0..1_000 {
            assert!(ledger.reserve(date_of(day * 86_400), None));
        }
        assert_eq!(ledger.days.lock().unwrap().len(), KEPT_DAYS);
        assert_eq!(ledger.used(date_of(999 * 86_400)), 1);
    }
}
