//! What this process knows about owed changes without asking the database: which are ready, which are in flight.
//!
//! The `pending` table is the truth. This only saves searching it: keys that a commit just made ready are kept
//! here; everything else is found by scanning from `scan_from`. Whenever an outcome is in doubt (a caller went away
//! in the middle), the scan begins anew, so nothing is ever forgotten.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ready keys remembered per worker and sink; further ones are found by scanning.
const MAX_READY: usize = 16_384;

/// See the [module page](self).
#[derive(Debug, Default)]
pub(super) struct Owed(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By numbers of worker and sink.
    queues: HashMap<(u64, u64), Queue>,
    /// The same by names: what a guard can look up without waiting.
    names: HashMap<(String, String), (u64, u64)>,
}

#[derive(Debug)]
struct Queue {
    ready: BTreeSet<u64>,
    /// Keys above this may be owed without being in `ready`; `None` when there are none.
    scan_from: Option<u64>,
    taken: HashSet<u64>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { ready: BTreeSet::new(), scan_from: Some(0), taken: HashSet::new() }
    }
}

impl Queue {
    fn add(&mut self, key: u64) {
        if self.ready.len() < MAX_READY {
            self.ready.insert(key);
        } else {
            let before = key.saturating_sub(1);
            self.scan_from = Some(self.scan_from.map_or(before, |from| from.min(before)));
        }
    }
}

/// Where to look for owed changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hint {
    /// Keys that are probably owed.
    pub(super) ready: Vec<u64>,
    /// Where a scan for more begins.
    pub(super) scan_from: Option<u64>,
    /// How many are in flight: they are found again and left out.
    pub(super) taken: usize,
}

impl Owed {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that keys are owed to the sinks of `mask`. Whose they are is found out when they are taken.
    pub(super) fn add(&self, mask: u64, keys: &[u64]) {
        for ((_, sink), queue) in &mut self.known().queues {
            if mask & (1 << *sink) != 0 {
                keys.iter().for_each(|key| queue.add(*key));
            }
        }
    }

    /// Forgets a worker that is gone.
    pub(super) fn forget(&self, worker: u64) {
        let mut known = self.known();
        known.queues.retain(|(owner, _), _| *owner != worker);
        known.names.retain(|_, (owner, _)| *owner != worker);
    }

    /// Lets every scan begin anew.
    pub(super) fn rescan(&self) {
        self.known().queues.values_mut().for_each(|queue| queue.scan_from = Some(0));
    }

    /// Remembers the numbers of a worker and a sink.
    pub(super) fn introduce(&self, worker: &str, sink: &str, numbers: (u64, u64)) {
        self.known().names.insert((worker.to_owned(), sink.to_owned()), numbers);
    }

    /// Takes up to `max` ready keys that are not in flight.
    pub(super) fn pick(&self, worker: u64, sink: u64, max: usize) -> Hint {
        let mut known = self.known();
        let queue = known.queues.entry((worker, sink)).or_default();
        let free = queue.ready.iter().filter(|key| !queue.taken.contains(key));
        let ready: Vec<u64> = free.take(max).copied().collect();
        for key in &ready {
            queue.ready.remove(key);
        }
        Hint { ready, scan_from: queue.scan_from, taken: queue.taken.len() }
    }

    /// Keeps those of `keys` that are not in flight yet, and marks them as in flight.
    pub(super) fn take(&self, worker: u64, sink: u64, keys: impl IntoIterator<Item = u64>) -> HashSet<u64> {
        let mut known = self.known();
        let queue = known.queues.entry((worker, sink)).or_default();
        let mut free = HashSet::new();
        for key in keys {
            if queue.taken.insert(key) {
                queue.ready.remove(&key);
                free.insert(key);
            }
        }
        free
    }

    /// Notes how far a scan came; `None` when it reached the end.
    pub(super) fn scanned(&self, worker: u64, sink: u64, from: Option<u64>, to: Option<u64>) {
        let mut known = self.known();
        let queue = known.queues.entry((worker, sink)).or_default();
        // Unless somebody asked for an earlier place meanwhile.
        if queue.scan_from == from {
            queue.scan_from = to;
        }
    }

    /// Ends the flight of keys.
    fn release(&self, numbers: (u64, u64), keys: &[u64], again: bool) {
        if let Some(queue) = self.known().queues.get_mut(&numbers) {
            for key in keys {
                queue.taken.remove(key);
                if again {
                    queue.add(*key);
                }
            }
        }
    }
}

/// Until told otherwise, something may have been missed: dropping it makes every scan begin anew.
pub(super) struct Doubt<'a> {
    owed: &'a Owed,
    armed: bool,
}

impl<'a> Doubt<'a> {
    pub(super) fn about(owed: &'a Owed) -> Self {
        Self { owed, armed: true }
    }

    pub(super) fn clear(mut self) {
        self.armed = false;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.owed.rescan();
        }
    }
}

/// Keys that are being settled. Dropping it ends their flight; unless it was told that the outcome is durable, they
/// are offered again.
pub(super) struct Settling<'a> {
    owed: &'a Owed,
    /// `None` when nothing was taken in these names.
    numbers: Option<(u64, u64)>,
    keys: Vec<u64>,
    durable: bool,
}

impl<'a> Settling<'a> {
    pub(super) fn new(owed: &'a Owed, worker: &str, sink: &str, keys: Vec<u64>) -> Self {
        let numbers = owed.known().names.get(&(worker.to_owned(), sink.to_owned())).copied();
        Self { owed, numbers, keys, durable: false }
    }

    pub(super) fn durable(mut self) {
        self.durable = true;
    }
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        if let Some(numbers) = self.numbers {
            self.owed.release(numbers, &self.keys, !self.durable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(owed: &Owed) {
        // A first look creates the queue; its scan found nothing.
        owed.introduce("w", "s", (1, 0));
        assert_eq!(owed.pick(1, 0, 10), Hint { ready: vec![], scan_from: Some(0), taken: 0 });
        owed.scanned(1, 0, Some(0), None);
    }

    #[test]
    fn a_key_in_flight_is_not_offered_until_it_is_settled() {
        let owed = Owed::default();
        settled(&owed);
        owed.add(1, &[5]);
        assert_eq!(owed.pick(1, 0, 10).ready, [5]);
        assert_eq!(owed.take(1, 0, [5]), HashSet::from([5]));
        owed.add(1, &[5]);
        assert_eq!(owed.pick(1, 0, 10), Hint { ready: vec![], scan_from: None, taken: 1 });
        assert!(owed.take(1, 0, [5]).is_empty());
        Settling::new(&owed, "w", "s", vec![5]).durable();
        assert_eq!(owed.pick(1, 0, 10).ready, [5], "a newer version waited for it");
    }

    #[test]
    fn what_does_not_fit_is_found_by_scanning() {
        let owed = Owed::default();
        settled(&owed);
        let keys: Vec<u64> = (1..=MAX_READY as u64 + 2).collect();
        owed.add(1, &keys);
        assert_eq!(owed.pick(1, 0, 1).scan_from, Some(MAX_READY as u64));
    }

    #[test]
    fn doubt_makes_scans_begin_anew() {
        let owed = Owed::default();
        settled(&owed);
        Doubt::about(&owed).clear();
        assert_eq!(owed.pick(1, 0, 1).scan_from, None);
        drop(Doubt::about(&owed));
        assert_eq!(owed.pick(1, 0, 1).scan_from, Some(0));
        owed.take(1, 0, [9]);
        drop(Settling::new(&owed, "w", "s", vec![9]));
        assert_eq!(owed.pick(1, 0, 1).ready, [9], "an outcome that is not durable is offered again");
    }
}
