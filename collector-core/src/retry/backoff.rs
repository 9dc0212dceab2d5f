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

    /// The longest delay after attempt `number`, from 1.
    fn bound(&self, number: u32) -> Duration {
        let doublings = number.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }
}

/// A part of a duration. Of what is no part (not a number, more than 1) the whole: waiting longer does no harm.
fn scaled(whole: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * part).map_or(whole, |scaled| scaled.min(whole))
}

impl RetryPolicy for ExponentialBackoff {
    fn decide(&self, attempt: &Attempt<'_>) -> Decision {
        if attempt.error.disposition() != Disposition::Retry {
            return Decision::GiveUp(format!("{} is not tried again", attempt.error.kind()));
        }
        if attempt.number >= self.attempts {
            return Decision::GiveUp(format!("{} of {} attempts", attempt.number, self.attempts));
        }
        let jittered = scaled(self.bound(attempt.number), attempt.random);
        // The other side's wait is a floor; the jitter comes on top so that the waiting do not return together.
        // A wait of nothing does not take the back-off away.
        let delay = match attempt.error.wait() {
            Some(asked) => asked.saturating_add(jittered.min(asked / 10)).max(jittered),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

    fn decide(
        policy: &ExponentialBackoff,
        number: u32,
        elapsed: u64,
        random: f64,
        error: &Error,
    ) -> Decision {
        policy.decide(&Attempt { number, elapsed: Duration::from_secs(elapsed), error, random })
    }

    fn unavailable() -> Error {
        Error::new(ErrorKind::Unavailable, "down")
    }

    fn asked(wait: Duration) -> Error {
        unavailable().retry_after(wait)
    }

    fn reason(decision: Decision) -> String {
        match decision {
            Decision::GiveUp(reason) => reason,
            Decision::Retry(delay) => panic!("tries again after {delay:?}"),
        }
    }

    #[test]
    fn delays_double_up_to_the_cap_and_jitter_takes_any_part() {
        let policy = ExponentialBackoff::default()
            .delays(Duration::from_secs(1), Duration::from_secs(5))
            .attempts(100);
        for (number, bound) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5), (32, 5), (33, 5), (99, 5)] {
            let bound = Duration::from_secs(bound);
            assert_eq!(decide(&policy, number, 0, 0.0, &unavailable()), Decision::Retry(Duration::ZERO));
            assert_eq!(decide(&policy, number, 0, 0.5, &unavailable()), Decision::Retry(bound / 2));
            let Decision::Retry(longest) = decide(&policy, number, 0, BELOW_ONE, &unavailable()) else {
                panic!("gave up at {number}");
            };
            assert!(longest <= bound && longest >= bound - Duration::from_micros(1), "{number}: {longest:?}");
        }
        assert_eq!(policy.cap(), Duration::from_secs(5));
    }

    #[test]
    fn it_gives_up_after_its_attempts_and_says_so() {
        let policy = ExponentialBackoff::default().attempts(3);
        assert!(matches!(decide(&policy, 2, 0, 0.5, &unavailable()), Decision::Retry(_)));
        assert_eq!(reason(decide(&policy, 3, 0, 0.5, &unavailable())), "3 of 3 attempts");
        reason(decide(&policy, u32::MAX, 0, 0.5, &unavailable()));
        let none = policy.attempts(0);
        assert_eq!(reason(decide(&none, 1, 0, 0.5, &unavailable())), "1 of 1 attempts");
    }

    #[test]
    fn it_gives_up_when_the_time_does_not_suffice_and_says_so() {
        let policy = ExponentialBackoff::default()
            .delays(Duration::from_secs(10), Duration::from_secs(10))
            .elapsed(Duration::from_secs(100));
        assert_eq!(decide(&policy, 1, 95, 0.5, &unavailable()), Decision::Retry(Duration::from_secs(5)));
        let reason = reason(decide(&policy, 1, 96, 0.5, &unavailable()));
        assert_eq!(reason, "96.0 s since the first attempt, a wait of 5.0 s and a limit of 100 s");
    }

    #[test]
    fn it_never_comes_back_earlier_than_asked_even_beyond_its_cap() {
        let policy = ExponentialBackoff::default();
        let wait = Duration::from_secs(600);
        assert_eq!(decide(&policy, 1, 0, 0.0, &asked(wait)), Decision::Retry(wait));
        // Attempt 1 may wait half a second of its own.
        assert_eq!(
            decide(&policy, 1, 0, 0.5, &asked(wait)),
            Decision::Retry(wait + Duration::from_millis(250))
        );
        // What comes on top stays within a tenth.
        let late = policy.attempts(20);
        assert_eq!(
            decide(&late, 10, 0, 0.5, &asked(Duration::from_secs(40))),
            Decision::Retry(Duration::from_secs(44))
        );
    }

    #[test]
    fn a_wait_of_nothing_does_not_take_the_backoff_away() {
        let policy = ExponentialBackoff::default();
        assert_eq!(
            decide(&policy, 2, 0, 0.5, &asked(Duration::ZERO)),
            Decision::Retry(Duration::from_millis(500))
        );
    }

    #[test]
    fn a_wait_longer_than_what_is_left_is_not_begun() {
        let policy = ExponentialBackoff::default().elapsed(Duration::from_secs(100));
        assert!(matches!(decide(&policy, 1, 40, 0.0, &asked(Duration::from_secs(60))), Decision::Retry(_)));
        reason(decide(&policy, 1, 41, 0.0, &asked(Duration::from_secs(60))));
        reason(decide(&policy, 1, 0, 0.0, &asked(Duration::MAX)));
    }

    #[test]
    fn a_permanent_kind_is_not_tried_again() {
        let refused = Error::new(ErrorKind::Rejected, "no").retry_after(Duration::from_secs(1));
        assert_eq!(
            reason(decide(&ExponentialBackoff::default(), 1, 0, 0.5, &refused)),
            "rejected is not tried again"
        );
        let charged = Error::new(ErrorKind::Unexpected, "what").maybe_charged();
        reason(decide(&ExponentialBackoff::default(), 1, 0, 0.5, &charged));
    }

    #[test]
    fn no_setting_and_no_attempt_makes_it_panic() {
        let widest = ExponentialBackoff::default()
            .delays(Duration::MAX, Duration::ZERO)
            .attempts(u32::MAX)
            .elapsed(Duration::MAX);
        assert_eq!(widest.cap(), Duration::MAX, "the cap is never below the base");
        for random in [f64::NAN, f64::INFINITY, -1.0, 0.0, 0.5, BELOW_ONE, 1.0, 2.0] {
            for number in [0, 1, 2, 32, 33, u32::MAX - 1] {
                for error in [unavailable(), asked(Duration::ZERO), asked(Duration::MAX)] {
                    decide(&widest, number, 0, random, &error);
                    decide(&widest, number, u64::MAX, random, &error);
                }
            }
        }
    }
}
