//! Releases that are owed: of keys we may hold without knowing it.
//!
//! When the answer to an acquisition is lost, or whoever asked gave up waiting, the keys may be taken by owners that
//! nobody remembers; they would stay taken for a whole ttl. When the answer to a release is lost, a `min_hold` may not
//! be kept. Both are put right by releasing again, which is harmless when the key is not ours.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use collector_core::lock::LockKey;
use tokio::time::Instant;

/// Beyond this many the oldest are forgotten: their keys expire by themselves.
const MOST: usize = 10_000;
/// The most that are paid before one acquisition.
pub(super) const AT_ONCE: usize = 500;
/// How long to wait before a key that was not ours is asked for again: a request that was lost with its connection
/// may still be carried out.
const AGAIN: Duration = Duration::from_secs(1);

/// One release that is owed.
#[derive(Debug, Clone)]
pub(super) struct Debt {
    pub(super) key: LockKey,
    pub(super) owner: u128,
    /// Until when the key is to stay taken.
    pub(super) hold_until: Instant,
    /// When the server has surely freed the key by itself.
    pub(super) forget_at: Instant,
    /// When it is to be paid.
    pub(super) due: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Debts(Mutex<Vec<Debt>>);

impl Debts {
    /// Takes those that are due.
    pub(super) fn take_due(&self, now: Instant) -> Vec<Debt> {
        let mut debts = self.list();
        if debts.is_empty() {
            return Vec::new();
        }
        let mut due = Vec::new();
        for debt in std::mem::take(&mut *debts) {
            if debt.forget_at <= now {
                continue;
            }
            if debt.due <= now && due.len() < AT_ONCE { due.push(debt) } else { debts.push(debt) }
        }
        due
    }

    /// Asks again later for a key that was not ours.
    pub(super) fn again(&self, debt: Debt, now: Instant) {
        self.add([Debt { due: now + AGAIN, ..debt }]);
    }

    pub(super) fn add(&self, more: impl IntoIterator<Item = Debt>) {
        let mut debts = self.list();
        debts.extend(more);
        let over = debts.len().saturating_sub(MOST);
        debts.drain(..over);
    }

    fn list(&self) -> MutexGuard<'_, Vec<Debt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Debts of a call that has no answer yet: they are owed when it is dropped before it was
/// [settled](Self::settled).
pub(super) struct Unanswered<'a> {
    debts: &'a Debts,
    owed: Vec<Debt>,
}

impl<'a> Unanswered<'a> {
    pub(super) fn new(debts: &'a Debts, owed: Vec<Debt>) -> Self {
        Self { debts, owed }
    }

    /// The answer came; gives what it was about.
    pub(super) fn settled(mut self) -> Vec<Debt> {
        std::mem::take(&mut self.owed)
    }

    pub(super) fn owed(&self) -> &[Debt] {
        &self.owed
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.debts.add(std::mem::take(&mut self.owed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debt(n: usize, now: Instant) -> Debt {
        let key = LockKey(format!("k{n}").into());
        Debt { key, owner: 1, hold_until: now, forget_at: now + 3 * AGAIN, due: now }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_settled_is_owed_until_it_is_surely_free() {
        let (debts, now) = (Debts::default(), Instant::now());
        drop(Unanswered::new(&debts, vec![debt(1, now)]));
        assert_eq!(Unanswered::new(&debts, vec![debt(2, now)]).settled().len(), 1);
        let due = debts.take_due(now);
        assert_eq!(due.iter().map(|debt| &*debt.key.0).collect::<Vec<_>>(), ["k1"]);
        debts.again(due[0].clone(), now);
        assert!(debts.take_due(now).is_empty(), "asked again at once");
        debts.again(debts.take_due(now + AGAIN).remove(0), now + AGAIN);
        assert!(debts.take_due(now + 3 * AGAIN).is_empty() && debts.list().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_bounded_in_number_and_in_what_is_paid_at_once() {
        let (debts, now) = (Debts::default(), Instant::now());
        debts.add((0..MOST + 7).map(|n| debt(n, now)));
        let due = debts.take_due(now);
        assert_eq!((due.len(), &*due[0].key.0), (AT_ONCE, "k7"));
        assert_eq!(debts.list().len(), MOST - AT_ONCE);
    }
}
