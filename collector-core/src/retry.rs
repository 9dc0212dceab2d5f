//! When a failed task is tried again.

mod backoff;

use std::time::Duration;

pub use backoff::ExponentialBackoff;

use crate::error::Error;

/// A failed attempt, with everything a decision may depend on.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Which attempt failed, from 1.
    pub number: u32,
    /// Time since the task's first attempt.
    pub elapsed: Duration,
    /// What went wrong.
    pub error: &'a Error,
    /// A random number from 0 up to but not including 1, so that decisions stay pure.
    pub random: f64,
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this wait.
    Retry(Duration),
    /// Give up, because of this limit.
    GiveUp(String),
}

/// Decides whether and when a failed task is tried again.
///
/// # Contract
/// Checked by `testkit::retry`.
/// 1. Pure \[`Pure`\].
/// 2. Ends: from some attempt on it gives up, whatever the error \[`Bounded`\].
/// 3. Never earlier than `error.wait()`; if that exceeds what is left, it gives up \[`Wait`\].
/// 4. A kind whose disposition is not `Retry` is never tried again \[`Permanent`\].
/// 5. Delays stay within the policy's cap, at every `random` from 0 to 1 \[`Cap`\].
pub trait RetryPolicy: Send + Sync + 'static {
    /// The decision.
    fn decide(&self, attempt: &Attempt<'_>) -> Decision;

    /// The longest delay it gives on its own; a longer one only comes from the other side's wait.
    fn cap(&self) -> Duration;
}
