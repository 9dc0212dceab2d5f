//! One byte budget over all answers in memory, so that 64 large bodies at once cannot exhaust it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are handed out in steps of this size, so that the semaphore's counter cannot overflow.
const STEP: usize = 1024;

/// A budget of bytes shared by all calls of a pipeline.
///
/// A body that grows asks for its share as it arrives. When nothing is left, one call at a time may go
/// beyond the budget up to its own cap: otherwise several half-read bodies could wait for each other for ever.
#[derive(Clone)]
pub struct ByteBudget {
    steps: Arc<Semaphore>,
    overdraft: Arc<Semaphore>,
    limit: usize,
}

impl ByteBudget {
    /// A budget of `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        let steps = bytes.div_ceil(STEP).clamp(1, Semaphore::MAX_PERMITS);
        Self { steps: Arc::new(Semaphore::new(steps)), overdraft: Arc::new(Semaphore::new(1)), limit: bytes }
    }

    /// The budget in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes not handed out.
    pub fn available(&self) -> usize {
        self.steps.available_permits() * STEP
    }

    /// Takes `bytes` more for `permit`, waiting until they or the overdraft are free.
    pub async fn grow(&self, permit: &mut BytePermit, bytes: usize) {
        permit.bytes += bytes;
        let needed = permit.bytes.div_ceil(STEP).saturating_sub(permit.steps);
        if needed == 0 || permit.overdraft.is_some() {
            return;
        }
        let count = u32::try_from(needed).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.steps).try_acquire_many_owned(count) {
            permit.hold(more, needed);
            return;
        }
        tokio::select! {
            biased;
            more = Arc::clone(&self.steps).acquire_many_owned(count) => {
                if let Ok(more) = more { permit.hold(more, needed); }
            }
            over = Arc::clone(&self.overdraft).acquire_owned() => permit.overdraft = over.ok(),
        }
    }
}

impl fmt::Debug for ByteBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteBudget({} of {} bytes free)", self.available(), self.limit)
    }
}

/// The share of the budget one answer holds, given back when it is dropped.
///
/// A clone holds nothing: the bytes are shared with the original, which still answers for them.
#[derive(Default)]
pub struct BytePermit {
    held: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
    steps: usize,
    bytes: usize,
}

impl BytePermit {
    /// The bytes it stands for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn hold(&mut self, more: OwnedSemaphorePermit, steps: usize) {
        self.steps += steps;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
    }
}

impl Clone for BytePermit {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for BytePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BytePermit({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_answer_gives_its_bytes_back() {
        let budget = ByteBudget::new(10 * STEP);
        let mut permit = BytePermit::default();
        budget.grow(&mut permit, 3 * STEP).await;
        budget.grow(&mut permit, 10).await;
        assert_eq!(budget.available(), 6 * STEP);
        drop(permit);
        assert_eq!(budget.available(), 10 * STEP);
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_at_a_time_may_go_beyond_and_the_rest_wait() {
        let budget = ByteBudget::new(2 * STEP);
        let (mut a, mut b, mut c) = (BytePermit::default(), BytePermit::default(), BytePermit::default());
        budget.grow(&mut a, STEP).await;
        budget.grow(&mut b, STEP).await;
        budget.grow(&mut a, 5 * STEP).await; // takes the overdraft
        let waits = tokio::time::timeout(std::time::Duration::from_secs(5), budget.grow(&mut c, STEP)).await;
        assert!(waits.is_err(), "a third body grew although budget and overdraft are taken");
        drop(a);
        let mut c = BytePermit::default();
        budget.grow(&mut c, STEP).await;
        assert_eq!(budget.available(), 0);
    }
}
