//! The conformance suite of [`RetryPolicy`]: one function per case of its contract.
//!
//! ```
//! use collector_core::retry::ExponentialBackoff;
//! use collector_core::testkit::retry;
//!
//! # fn main() -> Result<(), retry::Violation> {
//! retry::all(&ExponentialBackoff::default())
//! # }
//! ```

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::error::{Disposition, Error, ErrorKind};
use crate::retry::{Attempt, Decision, RetryPolicy};

/// Random situations per case; from a fixed seed, so that a failure can be repeated.
const SITUATIONS: usize = 2_000;
const SEED: u64 = 20_260_101;

/// No policy in its right mind tries this often.
const MANY_ATTEMPTS: u32 = 10_000;

/// The ends and the middle of what [`Attempt::random`] may be.
const RANDOMS: [f64; 3] = [0.0, 0.5, 1.0 - f64::EPSILON / 2.0];

/// A case of the contract that a policy does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The case's name, as in the contract.
    pub case: &'static str,
    /// In which situation, and what the policy did.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.detail)
    }
}

impl std::error::Error for Violation {}

/// Every case.
///
/// # Errors
/// The first case that the policy does not keep.
pub fn all(policy: &dyn RetryPolicy) -> Result<(), Violation> {
    pure(policy)?;
    bounded(policy)?;
    wait(policy)?;
    permanent(policy)?;
    cap(policy)
}

/// `Pure`: the same attempt gets the same decision, whatever was decided in between.
///
/// # Errors
/// When the policy does not keep it.
pub fn pure(policy: &dyn RetryPolicy) -> Result<(), Violation> {
    let situations: Vec<Situation> = situations(any_kind).collect();
    let first: Vec<Decision> = situations.iter().map(|situation| situation.decide(policy)).collect();
    // Backwards, so that the decision before is another one.
    for (situation, first) in situations.iter().zip(first).rev() {
        let second = situation.decide(policy);
        require(second == first, "Pure", || format!("{situation}: {first:?} at first, then {second:?}"))?;
    }
    Ok(())
}

/// `Bounded`: from some attempt on it gives up, even if no time passes, and stays with it.
///
/// # Errors
/// When the policy does not keep it.
pub fn bounded(policy: &dyn RetryPolicy) -> Result<(), Violation> {
    for failure in failures().filter(|failure| failure.is_retried()) {
        for asked in [None, Some(Duration::ZERO), Some(Duration::from_millis(10))] {
            for random in RANDOMS {
                let situation =
                    Situation { number: 1, elapsed: Duration::ZERO, random, error: failure.error(asked) };
                ends(policy, situation)?;
            }
        }
    }
    Ok(())
}

/// Repeats a failing task until the policy gives up.
fn ends(policy: &dyn RetryPolicy, mut situation: Situation) -> Result<(), Violation> {
    while let Decision::Retry(delay) = situation.decide(policy) {
        situation.number += 1;
        situation.elapsed = situation.elapsed.saturating_add(delay);
        let number = situation.number;
        require(number <= MANY_ATTEMPTS, "Bounded", || format!("{situation}: still tries again"))?;
    }
    let gave_up = situation.number;
    for later in [gave_up.saturating_add(1), gave_up.saturating_mul(2), MANY_ATTEMPTS, u32::MAX] {
        situation.number = later;
        let decision = situation.decide(policy);
        let given_up = matches!(decision, Decision::GiveUp(_));
        require(given_up, "Bounded", || {
            format!("{situation}: {decision:?} although it gave up at attempt {gave_up}")
        })?;
    }
    Ok(())
}

/// `Wait`: never earlier than the other side asked; a wait without end is not begun.
///
/// # Errors
/// When the policy does not keep it.
pub fn wait(policy: &dyn RetryPolicy) -> Result<(), Violation> {
    for situation in situations(retried_kind) {
        let (decision, asked) = (situation.decide(policy), situation.error.wait());
        let kept = match (&decision, asked) {
            (Decision::Retry(_), Some(Duration::MAX)) => false,
            (Decision::Retry(delay), Some(asked)) => *delay >= asked,
            _ => true,
        };
        require(kept, "Wait", || format!("{situation}: {decision:?}"))?;
    }
    Ok(())
}

/// `Permanent`: what the table of errors does not call worth a retry is never tried again.
///
/// # Errors
/// When the policy does not keep it.
pub fn permanent(policy: &dyn RetryPolicy) -> Result<(), Violation> {
    for failure in failures().filter(|failure| !failure.is_retried()) {
        for mut situation in situations(any_kind).take(SITUATIONS / 10) {
            situation.error = failure.error(situation.error.wait());
            let decision = situation.decide(policy);
            let given_up = matches!(decision, Decision::GiveUp(_));
            require(given_up, "Permanent", || format!("{situation}: {decision:?}"))?;
        }
    }
    Ok(())
}

/// `Cap`: a delay of its own is within the cap; what it adds to the other side's wait is, too.
///
/// # Errors
/// When the policy does not keep it.
pub fn cap(policy: &dyn RetryPolicy) -> Result<(), Violation> {
    let cap = policy.cap();
    for situation in situations(retried_kind) {
        let decision = situation.decide(policy);
        let limit = situation.error.wait().unwrap_or_default().saturating_add(cap);
        let within = !matches!(decision, Decision::Retry(delay) if delay > limit);
        require(within, "Cap", || format!("{situation}: {decision:?} with a cap of {cap:?}"))?;
    }
    Ok(())
}

fn require(kept: bool, case: &'static str, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    match kept {
        true => Ok(()),
        false => Err(Violation { case, detail: detail() }),
    }
}

/// A kind of failure: what decides whether it is worth a retry.
#[derive(Clone, Copy)]
struct Failure {
    kind: ErrorKind,
    charged: bool,
}

fn failures() -> impl Iterator<Item = Failure> {
    ErrorKind::ALL.into_iter().flat_map(|kind| [false, true].map(|charged| Failure { kind, charged }))
}

fn any_kind(_: Failure) -> bool {
    true
}

fn retried_kind(failure: Failure) -> bool {
    failure.is_retried()
}

impl Failure {
    fn is_retried(self) -> bool {
        self.kind.disposition(self.charged) == Disposition::Retry
    }

    fn error(self, wait: Option<Duration>) -> Error {
        let mut error = Error::new(self.kind, "made to fail");
        if self.charged {
            error = error.maybe_charged();
        }
        match wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

/// An attempt that owns its error.
struct Situation {
    number: u32,
    elapsed: Duration,
    random: f64,
    error: Error,
}

impl Situation {
    fn decide(&self, policy: &dyn RetryPolicy) -> Decision {
        let Self { number, elapsed, random, ref error } = *self;
        policy.decide(&Attempt { number, elapsed, error, random })
    }
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, elapsed, random, error } = self;
        write!(f, "attempt {number} after {elapsed:?}, {}", error.kind())?;
        if error.is_maybe_charged() {
            f.write_str(", perhaps charged")?;
        }
        if let Some(wait) = error.wait() {
            write!(f, ", asked to wait {wait:?}")?;
        }
        write!(f, ", random {random}")
    }
}

/// Random situations with failures of these kinds, extreme ones among them.
fn situations(wanted: fn(Failure) -> bool) -> impl Iterator<Item = Situation> {
    let failures: Vec<Failure> = failures().filter(|failure| wanted(*failure)).collect();
    let mut random = StdRng::seed_from_u64(SEED);
    // `ErrorKind::ALL` has retried and permanent kinds, so nobody goes away empty-handed.
    std::iter::repeat_with(move || {
        failures.choose(&mut random).map(|failure| situation(*failure, &mut random))
    })
    .flatten()
    .take(SITUATIONS)
}

fn situation(failure: Failure, random: &mut StdRng) -> Situation {
    let wait = match random.random_range(0..8) {
        0..3 => None,
        3 => Some(Duration::ZERO),
        4 => Some(Duration::MAX),
        _ => Some(some_time(random)),
    };
    Situation {
        number: if random.random_bool(0.05) { u32::MAX } else { random.random_range(1..12) },
        elapsed: match random.random_range(0..8) {
            0 => Duration::MAX,
            1..4 => some_time(random),
            _ => Duration::ZERO,
        },
        random: match random.random_bool(0.5) {
            true => random.random(),
            false => RANDOMS[random.random_range(0..RANDOMS.len())],
        },
        error: failure.error(wait),
    }
}

/// From a millisecond to some twelve days, each order of magnitude alike.
fn some_time(random: &mut StdRng) -> Duration {
    let magnitude: u32 = random.random_range(1..31);
    Duration::from_millis(random.random_range(1..1_u64 << magnitude))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::retry::ExponentialBackoff;

    /// A good policy whose decisions somebody has tampered with.
    struct Broken<F>(F);

    impl<F: Fn(&Attempt<'_>, Decision) -> Decision + Send + Sync + 'static> RetryPolicy for Broken<F> {
        fn decide(&self, attempt: &Attempt<'_>) -> Decision {
            (self.0)(attempt, ExponentialBackoff::default().decide(attempt))
        }

        fn cap(&self) -> Duration {
            ExponentialBackoff::default().cap()
        }
    }

    fn broken(
        tamper: impl Fn(&Attempt<'_>, Decision) -> Decision + Send + Sync + 'static,
    ) -> Result<(), &'static str> {
        all(&Broken(tamper)).map_err(|violation| violation.case)
    }

    fn retried(attempt: &Attempt<'_>) -> bool {
        attempt.error.disposition() == Disposition::Retry
    }

    fn given_up() -> Decision {
        Decision::GiveUp("enough".into())
    }

    #[test]
    fn good_policies_pass() {
        assert_eq!(all(&ExponentialBackoff::default()), Ok(()));
        let eager = ExponentialBackoff::default().delays(Duration::ZERO, Duration::ZERO).attempts(1_000);
        assert_eq!(all(&eager), Ok(()));
        let single = ExponentialBackoff::default().attempts(1).elapsed(Duration::ZERO);
        assert_eq!(all(&single), Ok(()));
        assert_eq!(broken(|_, decision| decision), Ok(()));
        assert_eq!(broken(|_, _| given_up()), Ok(()));
    }

    #[test]
    fn a_policy_that_remembers_is_caught() {
        let calls = AtomicU32::new(0);
        let moody = move |_: &Attempt<'_>, decision| match calls.fetch_add(1, Ordering::Relaxed) % 5 {
            0 => given_up(),
            _ => decision,
        };
        assert_eq!(broken(moody), Err("Pure"));
    }

    #[test]
    fn a_policy_with_jitter_of_its_own_is_caught() {
        let own = |_: &Attempt<'_>, decision| match decision {
            Decision::Retry(delay) => {
                Decision::Retry(delay + Duration::from_nanos(rand::rng().random_range(0..1 << 40)))
            }
            decision => decision,
        };
        assert_eq!(broken(own), Err("Pure"));
    }

    #[test]
    fn a_policy_that_never_gives_up_is_caught() {
        let endless = |attempt: &Attempt<'_>, decision| match attempt.error.wait() {
            None if retried(attempt) => Decision::Retry(Duration::from_secs(1)),
            _ => decision,
        };
        assert_eq!(broken(endless), Err("Bounded"));
        // Bounded by time alone: without a delay no time passes.
        let timed = |attempt: &Attempt<'_>, decision| match decision {
            Decision::GiveUp(_) if retried(attempt) && attempt.elapsed.is_zero() => {
                Decision::Retry(attempt.error.wait().unwrap_or_default().mul_f64(attempt.random))
            }
            decision => decision,
        };
        assert_eq!(broken(timed), Err("Bounded"));
    }

    #[test]
    fn a_policy_that_begins_again_is_caught() {
        let relapsing = |attempt: &Attempt<'_>, decision| match attempt.number {
            u32::MAX if retried(attempt) && attempt.error.wait().is_none() => Decision::Retry(Duration::ZERO),
            _ => decision,
        };
        assert_eq!(broken(relapsing), Err("Bounded"));
    }

    #[test]
    fn a_policy_that_comes_back_too_early_is_caught() {
        let hasty = |attempt: &Attempt<'_>, decision| match decision {
            Decision::Retry(delay) if attempt.error.wait() > Some(Duration::from_secs(5)) => {
                Decision::Retry(delay / 2)
            }
            decision => decision,
        };
        assert_eq!(broken(hasty), Err("Wait"));
        let capped = |_: &Attempt<'_>, decision| match decision {
            Decision::Retry(delay) => Decision::Retry(delay.min(Duration::from_secs(60))),
            decision => decision,
        };
        assert_eq!(broken(capped), Err("Wait"));
    }

    #[test]
    fn a_policy_that_waits_for_ever_is_caught() {
        let patient = |attempt: &Attempt<'_>, decision| match attempt.error.wait() {
            Some(wait) if retried(attempt) && attempt.number < 6 => Decision::Retry(wait),
            _ => decision,
        };
        assert_eq!(broken(patient), Err("Wait"));
    }

    #[test]
    fn a_policy_that_tries_the_hopeless_again_is_caught() {
        for hopeless in failures().filter(|failure| !failure.is_retried()) {
            let stubborn = move |attempt: &Attempt<'_>, decision| match attempt.error.kind() == hopeless.kind
                && attempt.error.is_maybe_charged() == hopeless.charged
                && attempt.number == 1
            {
                true => Decision::Retry(Duration::from_secs(1)),
                false => decision,
            };
            assert_eq!(broken(stubborn), Err("Permanent"), "{}", hopeless.kind);
        }
    }

    #[test]
    fn a_policy_that_exceeds_its_cap_is_caught() {
        let slow = |attempt: &Attempt<'_>, decision| match decision {
            Decision::Retry(delay) if attempt.error.wait().is_none() && attempt.random > 0.99 => {
                Decision::Retry(delay + Duration::from_secs(60))
            }
            decision => decision,
        };
        assert_eq!(broken(slow), Err("Cap"));
        let slower = |attempt: &Attempt<'_>, decision| match decision {
            Decision::Retry(delay) if attempt.error.wait().is_some() => {
                Decision::Retry(delay + Duration::from_secs(61))
            }
            decision => decision,
        };
        assert_eq!(broken(slower), Err("Cap"));
    }

    #[test]
    fn a_violation_says_in_which_situation() {
        let violation = all(&Broken(|_: &Attempt<'_>, _| Decision::Retry(Duration::ZERO))).unwrap_err();
        let text = violation.to_string();
        assert!(text.starts_with("Bounded: attempt ") && text.contains("still tries again"), "{text}");
    }
}
