//! What this process knows about owed changes without asking the database: which are ready, which are in flight.
//!
//! The `pending` table is the truth. This saves searching it and reading back what was written a moment ago: changes
//! that a commit just made ready are kept here, the newest few thousand with their records; everything else is found
//! by scanning from `scan_from`. Whenever an outcome is in doubt (a caller went away in the middle), the scan begins
//! anew, so nothing is ever forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use collector_core::clock::Timestamp;
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts, Record};

/// Ready changes remembered per worker and sink; further ones are found by scanning.
const MAX_READY: usize = 16_384;
/// How many of them with their records.
const MAX_WARM: usize = 8_192;

/// The numbers of a worker and of a sink.
pub(super) type Parties = (u64, u64);

/// See the [module page](self).
pub(super) struct Owed<E>(Mutex<Known<E>>);

struct Known<E> {
    queues: HashMap<Parties, Queue<E>>,
    /// The same by names: what a guard can look up without waiting.
    names: HashMap<(String, String), Parties>,
}

/// A change as it was committed.
pub(super) struct Warm<E> {
    pub(super) version: u64,
    /// The merged view with its facts; `None` for one that is gone.
    pub(super) record: Option<(Arc<E>, Facts)>,
}

impl<E> Clone for Warm<E> {
    fn clone(&self) -> Self {
        let record = self.record.as_ref().map(|(entity, facts)| (Arc::clone(entity), facts.clone()));
        Self { version: self.version, record }
    }
}

impl<E> Warm<E> {
    fn change(self, key: u64) -> Change<E> {
        let (key, version) = (RecordKey(key), self.version);
        match self.record {
            Some((entity, facts)) => Change::Put(Record { key, version, entity, facts }),
            None => Change::Delete { key, version },
        }
    }
}

struct Queue<E> {
    ready: BTreeMap<u64, Option<Warm<E>>>,
    warm: usize,
    /// Keys above this may be owed without being in `ready`; `None` when there are none.
    scan_from: Option<u64>,
    taken: HashSet<u64>,
    /// When the next change may be due that a sink wanted later; `None` when there is none.
    next_due: Option<Timestamp>,
}

impl<E> Default for Queue<E> {
    /// Nothing is known yet: everything must be looked for.
    fn default() -> Self {
        let next_due = Some(Timestamp::from_millis(i64::MIN));
        Self { ready: BTreeMap::new(), warm: 0, scan_from: Some(0), taken: HashSet::new(), next_due }
    }
}

impl<E> Queue<E> {
    fn add(&mut self, key: u64, warm: Option<Warm<E>>) {
        if let (Some(Some(known)), Some(late)) = (self.ready.get(&key), &warm)
            && known.version > late.version
        {
            return;
        }
        self.remove(key);
        if self.ready.len() >= MAX_READY {
            let before = key.saturating_sub(1);
            self.scan_from = Some(self.scan_from.map_or(before, |from| from.min(before)));
            return;
        }
        let warm = warm.filter(|_| self.warm < MAX_WARM);
        self.warm += usize::from(warm.is_some());
        self.ready.insert(key, warm);
    }

    fn remove(&mut self, key: u64) -> Option<Option<Warm<E>>> {
        let removed = self.ready.remove(&key);
        self.warm -= usize::from(matches!(removed, Some(Some(_))));
        removed
    }
}

/// What a look at a queue gives, and where to look for more.
pub(super) struct Picked<E> {
    /// Changes that need no database; they are in flight now.
    pub(super) changes: Vec<Change<E>>,
    /// Keys that are probably owed.
    pub(super) cold: Vec<u64>,
    /// Whether postponed changes may be due.
    pub(super) due: bool,
    /// Where a scan for more begins.
    pub(super) scan_from: Option<u64>,
    /// How many are in flight: they are found again and left out.
    pub(super) taken: usize,
}

impl<E> Default for Owed<E> {
    fn default() -> Self {
        Self(Mutex::new(Known { queues: HashMap::new(), names: HashMap::new() }))
    }
}

impl<E> Owed<E> {
    fn known(&self) -> MutexGuard<'_, Known<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a worker owes a change to the sinks of `mask`.
    pub(super) fn add(&self, worker: u64, mask: u64, key: u64, warm: Option<&Warm<E>>) {
        for ((owner, sink), queue) in &mut self.known().queues {
            if *owner == worker && mask & (1 << *sink) != 0 {
                queue.add(key, warm.cloned());
            }
        }
    }

    /// Forgets a worker that is gone.
    pub(super) fn forget(&self, worker: u64) {
        let mut known = self.known();
        known.queues.retain(|(owner, _), _| *owner != worker);
        known.names.retain(|_, (owner, _)| *owner != worker);
    }

    /// Forgets which numbers belong to a worker's name.
    pub(super) fn unname(&self, worker: &str) {
        self.known().names.retain(|(name, _), _| name != worker);
    }

    /// Lets every search begin anew.
    pub(super) fn rescan(&self) {
        for queue in self.known().queues.values_mut() {
            queue.scan_from = Some(0);
            queue.next_due = Queue::<E>::default().next_due;
        }
    }

    /// Remembers the numbers of a worker and a sink.
    pub(super) fn introduce(&self, worker: &str, sink: &str, parties: Parties) {
        self.known().names.insert((worker.to_owned(), sink.to_owned()), parties);
    }

    /// The numbers of a worker and a sink that were introduced.
    pub(super) fn parties(&self, worker: &str, sink: &str) -> Option<Parties> {
        self.known().names.get(&(worker.to_owned(), sink.to_owned())).copied()
    }

    /// Takes up to `max` ready changes that are not in flight.
    pub(super) fn pick(&self, parties: Parties, max: usize, now: Timestamp) -> Picked<E> {
        let mut known = self.known();
        let queue = known.queues.entry(parties).or_default();
        let mut picked = Picked {
            changes: Vec::new(),
            cold: Vec::new(),
            due: queue.next_due.is_some_and(|at| at <= now),
            scan_from: queue.scan_from,
            taken: queue.taken.len(),
        };
        let free = queue.ready.keys().filter(|key| !queue.taken.contains(key));
        let keys: Vec<u64> = free.take(max).copied().collect();
        for key in keys {
            match queue.remove(key).flatten() {
                Some(warm) => {
                    queue.taken.insert(key);
                    picked.changes.push(warm.change(key));
                }
                None => picked.cold.push(key),
            }
        }
        picked
    }

    /// Marks a key as in flight; `false` when it is already.
    pub(super) fn take(&self, parties: Parties, key: u64) -> bool {
        let mut known = self.known();
        let queue = known.queues.entry(parties).or_default();
        let free = queue.taken.insert(key);
        if free {
            queue.remove(key);
        }
        free
    }

    /// Notes how far a scan came; `None` when it reached the end.
    pub(super) fn scanned(&self, parties: Parties, from: u64, to: Option<u64>) {
        if let Some(queue) = self.known().queues.get_mut(&parties)
            // Unless somebody asked for an earlier place meanwhile.
            && queue.scan_from == Some(from)
        {
            queue.scan_from = to;
        }
    }

    /// Notes when the next postponed change is due, as the database knows it.
    pub(super) fn due_at(&self, parties: Parties, next: Option<Timestamp>) {
        if let Some(queue) = self.known().queues.get_mut(&parties) {
            queue.next_due = next;
        }
    }

    /// Notes that a change was postponed.
    pub(super) fn postponed(&self, parties: Parties, until: Timestamp) {
        if let Some(queue) = self.known().queues.get_mut(&parties) {
            queue.next_due = Some(queue.next_due.map_or(until, |at| at.min(until)));
        }
    }

    /// Ends the flight of some keys, and offers them again or not.
    pub(super) fn release(&self, parties: Parties, keys: &[u64], again: bool) {
        let mut known = self.known();
        let Some(queue) = known.queues.get_mut(&parties) else { return };
        for key in keys {
            queue.taken.remove(key);
            if again && !queue.ready.contains_key(key) {
                queue.add(*key, None);
            }
        }
    }
}

/// Until told otherwise, something may have been missed: dropping it makes every search begin anew.
pub(super) struct Doubt<'a, E> {
    owed: &'a Owed<E>,
    armed: bool,
}

impl<'a, E> Doubt<'a, E> {
    pub(super) fn about(owed: &'a Owed<E>) -> Self {
        Self { owed, armed: true }
    }

    pub(super) fn clear(mut self) {
        self.armed = false;
    }
}

impl<E> Drop for Doubt<'_, E> {
    fn drop(&mut self) {
        if self.armed {
            self.owed.rescan();
        }
    }
}

/// Keys in flight. Dropping it ends their flight and offers them again.
pub(super) struct Flight<'a, E> {
    owed: &'a Owed<E>,
    /// `None` when nothing was taken in these names.
    parties: Option<Parties>,
    pub(super) keys: Vec<u64>,
    again: bool,
}

impl<'a, E> Flight<'a, E> {
    pub(super) fn of(owed: &'a Owed<E>, parties: Option<Parties>, keys: Vec<u64>) -> Self {
        Self { owed, parties, keys, again: true }
    }

    /// The flight ends, and what became of the changes is durable.
    pub(super) fn landed(mut self) {
        self.again = false;
    }

    /// The flight goes on: the caller has the changes.
    pub(super) fn goes_on(mut self) {
        self.parties = None;
    }
}

impl<E> Drop for Flight<'_, E> {
    fn drop(&mut self) {
        if let Some(parties) = self.parties {
            self.owed.release(parties, &self.keys, self.again);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn quiet() -> Owed<u8> {
        let owed = Owed::default();
        // A first look creates the queue; the search after it finds nothing.
        let first = owed.pick((1, 0), 10, NOW);
        assert_eq!((first.scan_from, first.due), (Some(0), true));
        owed.scanned((1, 0), 0, None);
        owed.due_at((1, 0), None);
        owed
    }

    fn warm(version: u64) -> Warm<u8> {
        Warm { version, record: Some((Arc::new(0), Facts::new())) }
    }

    #[test]
    fn a_change_in_flight_is_not_offered_until_it_lands() {
        let owed = quiet();
        owed.add(1, 1, 5, Some(&warm(1)));
        assert_eq!(owed.pick((1, 0), 10, NOW).changes.len(), 1);
        owed.add(1, 1, 5, Some(&warm(2)));
        let again = owed.pick((1, 0), 10, NOW);
        assert_eq!((again.changes.len(), again.scan_from, again.due, again.taken), (0, None, false, 1));
        assert!(!owed.take((1, 0), 5));
        Flight::of(&owed, Some((1, 0)), vec![5]).landed();
        let newer = owed.pick((1, 0), 10, NOW).changes;
        assert_eq!(newer.first().map(Change::version), Some(2), "a newer version waited for it");
    }

    #[test]
    fn an_older_change_never_takes_the_place_of_a_newer_one() {
        let owed = quiet();
        owed.add(1, 1, 5, Some(&warm(2)));
        owed.add(1, 1, 5, Some(&warm(1)));
        let picked = owed.pick((1, 0), 10, NOW).changes;
        assert_eq!(picked.iter().map(Change::version).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn another_workers_change_is_not_offered() {
        let owed = quiet();
        owed.add(2, 1, 5, Some(&warm(1)));
        owed.add(1, 2, 6, Some(&warm(1)));
        assert!(owed.pick((1, 0), 10, NOW).changes.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_found_by_scanning() {
        let owed = quiet();
        let keys = MAX_READY as u64 + 2;
        (1..=keys).for_each(|key| owed.add(1, 1, key, Some(&warm(1))));
        let picked = owed.pick((1, 0), MAX_READY, NOW);
        assert_eq!((picked.changes.len(), picked.cold.len()), (MAX_WARM, MAX_READY - MAX_WARM));
        assert_eq!(picked.scan_from, Some(MAX_READY as u64));
    }

    #[test]
    fn doubt_makes_searches_begin_anew() {
        let owed = quiet();
        Doubt::about(&owed).clear();
        assert_eq!(owed.pick((1, 0), 1, NOW).scan_from, None);
        drop(Doubt::about(&owed));
        let picked = owed.pick((1, 0), 1, NOW);
        assert_eq!((picked.scan_from, picked.due), (Some(0), true));
    }

    #[test]
    fn a_flight_that_nobody_ends_is_offered_again() {
        let owed = quiet();
        owed.add(1, 1, 9, Some(&warm(1)));
        owed.pick((1, 0), 1, NOW);
        drop(Flight::of(&owed, Some((1, 0)), vec![9]));
        assert_eq!(owed.pick((1, 0), 1, NOW).cold, [9]);
        owed.take((1, 0), 9);
        Flight::of(&owed, Some((1, 0)), vec![9]).goes_on();
        assert!(!owed.take((1, 0), 9));
    }

    #[test]
    fn the_earliest_postponed_change_decides_when_to_look() {
        let owed = quiet();
        owed.postponed((1, 0), Timestamp::from_millis(9));
        owed.postponed((1, 0), Timestamp::from_millis(20));
        assert!(!owed.pick((1, 0), 1, Timestamp::from_millis(8)).due);
        assert!(owed.pick((1, 0), 1, Timestamp::from_millis(9)).due);
    }
}
