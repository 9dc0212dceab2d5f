//! The rate limit: a token bucket that refills continuously.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The limit in force: calls per second and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub(super) per_second: f64,
    pub(super) burst: f64,
}

impl Limit {
    pub(super) fn new(per_second: Option<f64>, burst: Option<f64>) -> Option<Self> {
        let per_second = per_second?;
        // Below one call per second a second's worth would never add up to a call.
        Some(Self { per_second, burst: burst.unwrap_or(per_second).max(1.0) })
    }
}

/// A bucket of permits for calls; starts full.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    level: Mutex<Option<Level>>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Takes a permit, or says how long until there is one. A refusal takes nothing.
    pub(super) fn take(&self, limit: Option<Limit>) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(limit) = limit else {
            // Without a limit the bucket forgets, so a limit set later starts with a full burst.
            *level = None;
            return Ok(());
        };
        let mut filled = refill(*level, limit, Instant::now());
        let taken = if filled.tokens >= 1.0 {
            filled.tokens -= 1.0;
            Ok(())
        } else {
            Err(wait_for_one(filled.tokens, limit))
        };
        *level = Some(filled);
        taken
    }

    /// The permits at hand and the wait for the next call.
    pub(super) fn level(&self, limit: Limit) -> (f64, Duration) {
        let level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = refill(*level, limit, Instant::now()).tokens;
        (tokens, if tokens >= 1.0 { Duration::ZERO } else { wait_for_one(tokens, limit) })
    }
}

/// Permits follow from elapsed time alone: a timer per permit would lose a fifth of them to its grain.
fn refill(level: Option<Level>, limit: Limit, now: Instant) -> Level {
    let tokens = level.map_or(limit.burst, |level| {
        let gained = now.saturating_duration_since(level.at).as_secs_f64() * limit.per_second;
        (level.tokens + gained).min(limit.burst)
    });
    Level { tokens, at: now }
}

fn wait_for_one(tokens: f64, limit: Limit) -> Duration {
    Duration::try_from_secs_f64((1.0 - tokens) / limit.per_second).unwrap_or(Duration::MAX)
}

/// Whole seconds to wait, rounded up, so that who waits them is never early.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).clamp(1, 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_burst_then_one_per_interval() {
        let bucket = Bucket::default();
        let limit = Limit::new(Some(10.0), Some(3.0));
        for _ in 0..3 {
            assert!(bucket.take(limit).is_ok());
        }
        let wait = bucket.take(limit).unwrap_err();
        assert!(wait <= Duration::from_millis(100) && wait > Duration::from_millis(99), "{wait:?}");
        assert_eq!(bucket.take(limit).unwrap_err(), wait, "a refusal costs nothing");
        tokio::time::advance(Duration::from_millis(101)).await;
        assert!(bucket.take(limit).is_ok());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(
            (0..9).filter(|_| bucket.take(limit).is_ok()).count(),
            3,
            "no more than the burst piles up"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_burst_defaults_to_a_second_and_no_limit_is_none() {
        assert_eq!(Limit::new(Some(25.0), None).unwrap().burst, 25.0);
        assert_eq!(Limit::new(Some(0.5), None).unwrap().burst, 1.0);
        assert_eq!(Limit::new(None, Some(5.0)), None);
        let bucket = Bucket::default();
        assert!((0..1_000).all(|_| bucket.take(None).is_ok()));
    }

    #[test]
    fn waits_round_up_to_at_least_a_second() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(3)), 3);
        assert_eq!(whole_seconds(Duration::MAX), 86_400);
    }
}
