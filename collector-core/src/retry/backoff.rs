//! Exponential back-off with full jitter.

use std::time::Duration;

use super::{Attempt, Decision, RetryPolicy};
use crate::error::Disposition;

/// Waits a random time up to `base * 2^n`, at most `cap`; gives up after `attempts` or `elapsed`.
///
/// Full jitter spreads a crowd of failed calls better than any fixed curve: it causes the least load of the
/// usual variants.
#[derive(Debug, Clone, PartialEq)]
pub struct ExponentialBackoff {
    base: Duration,
    cap: Duration,
    attempts: u32,
    elapsed: Duration,
}

impl Default for ExponentialBackoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
            attempts: 6,
            elapsed: Duration::from_secs(30 * 60),
        }
    }
}

impl ExponentialBackoff {
    /// With this first bound and this longest delay.
    #[must_use]
    pub fn delays(mut self, base: Duration, cap: Duration) -> Self {
        (self.base, self.cap) = (base, cap.max(base));
        self
    }

    /// With at most `attempts` attempts, the first one included.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// With at most `elapsed` between the first attempt and the last.
    #[must_use]
    pub fn elapsed(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }
}

impl RetryPolicy for ExponentialBackoff {
    fn decide(&self, attempt: &Attempt<'_>) -> Decision {
        if attempt.error.disposition() != Disposition::Retry {
            return Decision::GiveUp(format!("{} is not tried again", attempt.error.kind()));
        }
        if attempt.number >= self.attempts {
            return Decision::GiveUp(format!("{} of {} attempts", attempt.number, self.attempts));
        }
        let doubled = self.base.saturating_mul(1u32.checked_shl(attempt.number.saturating_sub(1).min(31)).unwrap_or(u32::MAX));
        let bound = doubled.min(self.cap);
        let jittered = bound.mul_f64(attempt.random.clamp(0.0, 1.0));
        // The other side's wait is a floor; the jitter comes on top so that the waiting do not return together.
        let delay = match attempt.error.wait() {
            Some(asked) => asked.saturating_add(jittered.min(asked.mul_f64(0.1))),
            None => jittered,
        };
        let left = self.elapsed.saturating_sub(attempt.elapsed);
        if delay > left {
            return Decision::GiveUp(format!(
                "{:.1} s since the first attempt, a wait of {:.1} s and a limit of {:.0} s",
                attempt.elapsed.as_secs_f64(),
                delay.as_secs_f64(),
                self.elapsed.as_secs_f64()
            ));
        }
        Decision::Retry(delay)
    }

    fn cap(&self) -> Duration {
        self.cap
    }
}
