//! Repeating a transaction that a shared server could not finish: bounded, with full jitter.
//!
//! Every method of a store is safe to repeat. What others hold or change at the same moment is tried again at once
//! and all over; a server that is away is waited for, as long as the configuration says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use collector_core::clock::{Clock, SystemClock, Timestamp};
use collector_core::error::{Error, Result};
use tokio::time::{Instant, sleep, timeout};

use super::error::{Place, Trouble, gave_up, timed_out, trouble};

/// Attempts against other workers. With eight workers on the same few rows a transaction seldom needs more than four.
const CONFLICTS: u32 = 24;
/// The longest pause after the first conflict; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How calls are bounded.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Of one attempt.
    pub(super) attempt: Duration,
    /// Of all attempts at a server that is away.
    pub(super) patience: Duration,
    /// Who answers.
    pub(super) place: Arc<Place>,
    /// Whether it does.
    pub(super) away: Arc<Away>,
}

/// Since when the server is away, if it is. The log says it once, in the words that the engine has for the other servers.
#[derive(Debug, Default)]
pub(super) struct Away(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    away_since: Option<Timestamp>,
    answered: Option<Instant>,
}

impl Away {
    /// An attempt that `started` then failed. One that began before the server answered another says nothing new.
    fn begins(&self, started: Instant, error: &Error) {
        let mut seen = self.seen();
        if seen.away_since.is_none() && seen.answered.is_none_or(|answered| answered <= started) {
            let now = *seen.away_since.insert(SystemClock.now());
            tracing::warn!(part = "store", %error, "waiting: store unreachable since {now}");
        }
    }

    fn is_over(&self) {
        let mut seen = self.seen();
        seen.answered = Some(Instant::now());
        if let Some(since) = seen.away_since.take() {
            tracing::info!(part = "store", "no longer waiting: store unreachable since {since}");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    /// Makes attempts until one succeeds, or none may any more. Gives its result, and whether it was the first.
    ///
    /// `distrust` is told when connections lead nowhere, and when that attempt began: newer ones have not been tried by
    /// it. Else callers that wait for a server which has just come back would take each other's connections away.
    pub(super) async fn repeat<T, F: Future<Output = Result<T>>>(
        &self,
        mut attempt: impl FnMut() -> F,
        distrust: impl Fn(Instant),
    ) -> Result<(T, bool)> {
        let began = Instant::now();
        let (mut attempts, mut conflicts) = (0, 0);
        loop {
            attempts += 1;
            let started = Instant::now();
            let done = timeout(self.attempt, attempt()).await;
            let error = match done.unwrap_or_else(|_| Err(timed_out(&self.place, self.attempt))) {
                Ok(done) => {
                    self.away.is_over();
                    return Ok((done, attempts == 1));
                }
                Err(error) => error,
            };
            let pause = match trouble(&error) {
                Trouble::Conflict => {
                    conflicts += 1;
                    (conflicts < CONFLICTS).then(|| pause_after(conflicts, rand::random()))
                }
                Trouble::Away | Trouble::ReadOnly => {
                    distrust(started);
                    self.away.begins(started, &error);
                    let pause = pause_after(attempts + 4, rand::random());
                    (began.elapsed() + pause < self.patience).then_some(pause)
                }
                Trouble::Lasting => None,
            };
            let Some(pause) = pause else { return Err(gave_up(error, attempts, began.elapsed())) };
            tracing::debug!(%error, attempt = attempts, "transaction repeated");
            sleep(pause).await;
        }
    }
}

/// Any time below a bound that doubles with each failure.
fn pause_after(failures: u32, random: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(random)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use collector_core::error::ErrorKind;

    use super::*;

    fn limits() -> Limits {
        let place = Place::Server { host: "h".into(), database: "d".into() };
        Limits {
            attempt: Duration::from_secs(2),
            patience: Duration::from_secs(30),
            place: Arc::new(place),
            away: Arc::default(),
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_have_full_jitter() {
        assert_eq!(pause_after(1, 1.0), FIRST_PAUSE);
        assert_eq!(pause_after(3, 1.0), 4 * FIRST_PAUSE);
        assert_eq!(pause_after(200, 1.0), LONGEST_PAUSE);
        assert_eq!(pause_after(200, 0.0), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_is_waited_for_and_not_for_ever() {
        let (limits, tries, distrusted) = (limits(), Cell::new(0), Cell::new(0));
        let began = Instant::now();
        let silent = || async {
            tries.set(tries.get() + 1);
            std::future::pending::<Result<()>>().await
        };
        let distrust = |started: Instant| {
            distrusted.set(distrusted.get() + 1);
            assert_eq!(started.elapsed(), limits.attempt, "what was made since then has not been tried");
        };
        let error = limits.repeat(silent, distrust).await.unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error}");
        assert!(limits.away.seen().away_since.is_some(), "it is still away");
        limits.repeat(|| async { Ok(1) }, |_| ()).await.unwrap();
        assert_eq!(limits.away.seen().away_since, None);
        assert!((Duration::from_secs(26)..=Duration::from_secs(33)).contains(&began.elapsed()));
        assert!(tries.get() > 5 && tries.get() == distrusted.get());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_succeeds_late_says_so() {
        let (limits, tries) = (limits(), Cell::new(0));
        let second = || async {
            tries.set(tries.get() + 1);
            if tries.get() == 1 { std::future::pending().await } else { Ok(7) }
        };
        assert_eq!(limits.repeat(second, |_| ()).await.unwrap(), (7, false));
        assert_eq!(limits.repeat(|| async { Ok(8) }, |_| ()).await.unwrap(), (8, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_told_at_once() {
        let (limits, tries) = (limits(), Cell::new(0));
        let wrong = || async {
            tries.set(tries.get() + 1);
            Err::<(), _>(Error::new(ErrorKind::Storage, "wrong"))
        };
        limits.repeat(wrong, |_| ()).await.unwrap_err();
        assert_eq!(tries.get(), 1);
    }
}
