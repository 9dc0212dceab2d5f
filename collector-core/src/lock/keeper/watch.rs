//! What a keeper watches: when each lease is renewed next, and when it is given up.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Lease, LockKey, Renewed};

/// The times of a lease, as parts of its ttl.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    ttl: Duration,
}

impl Pace {
    pub(super) fn of(ttl: Duration) -> Self {
        Self { ttl }
    }

    /// From one renewal to the next.
    pub(super) fn interval(self) -> Duration {
        self.ttl / 3
    }

    /// How long one try may take, and from a failed one to the next: two fit into an interval.
    pub(super) fn attempt(self) -> Duration {
        self.ttl / 6
    }

    /// How much earlier than due a lease is renewed to share a call with others. Without it, leases that began
    /// one by one would be renewed one by one.
    pub(super) fn slack(self) -> Duration {
        self.ttl / 12
    }

    /// How long before its end a lease is given up: timers fire late, and the work needs time to stop.
    pub(super) fn margin(self) -> Duration {
        self.ttl / 20
    }
}

/// One grant. The key alone would not do: it can be lost and granted again while the old lease is still around.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct GrantId {
    owner: u128,
    key: LockKey,
}

impl GrantId {
    fn of(lease: &Lease) -> Self {
        Self { owner: lease.owner(), key: lease.key().clone() }
    }
}

#[derive(Debug)]
struct Watched {
    lease: Lease,
    /// When it is renewed next; `None` while a renewal is under way.
    due: Option<Instant>,
    /// When it is given up.
    deadline: Instant,
}

/// The leases of a keeper, by grant, by next renewal and by deadline.
#[derive(Debug, Default)]
pub(super) struct WatchList {
    grants: HashMap<GrantId, Watched>,
    due: BTreeSet<(Instant, GrantId)>,
    deadlines: BTreeSet<(Instant, GrantId)>,
    closed: bool,
}

impl WatchList {
    pub(super) fn len(&self) -> usize {
        self.grants.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The next moment at which something is to be done.
    pub(super) fn next_event(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        due.into_iter().chain(deadline).min()
    }

    pub(super) fn add(&mut self, lease: Lease) {
        let pace = Pace::of(lease.options().ttl);
        let watched =
            Watched { due: Some(lease.since() + pace.interval()), deadline: deadline(&lease), lease };
        let id = GrantId::of(&watched.lease);
        self.due.extend(watched.due.map(|at| (at, id.clone())));
        self.deadlines.insert((watched.deadline, id.clone()));
        self.grants.insert(id, watched);
    }

    pub(super) fn remove(&mut self, lease: &Lease) {
        self.take(&GrantId::of(lease));
    }

    fn take(&mut self, id: &GrantId) -> Option<Lease> {
        let watched = self.grants.remove(id)?;
        self.deadlines.remove(&(watched.deadline, id.clone()));
        if let Some(at) = watched.due {
            self.due.remove(&(at, id.clone()));
        }
        Some(watched.lease)
    }

    /// Declares lost whatever is at its deadline; gives the number.
    pub(super) fn give_up(&mut self, now: Instant) -> usize {
        let mut lost = 0;
        while let Some((_, id)) = self.deadlines.first().filter(|(at, _)| *at <= now).cloned() {
            self.lose(&id);
            lost += 1;
        }
        lost
    }

    /// Declares everything lost and takes nothing more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.due.clear();
        self.deadlines.clear();
        self.grants.drain().for_each(|(_, watched)| watched.lease.declare_lost());
    }

    /// Takes up to `max` leases to renew, if one of them is due. They come back through
    /// [`settle`](Self::settle) or [`postpone`](Self::postpone).
    pub(super) fn take_due(&mut self, now: Instant, max: usize) -> Vec<Lease> {
        let mut batch = Vec::new();
        if self.due.first().is_none_or(|(at, _)| now < *at) {
            return batch;
        }
        while let Some((at, id)) = self.due.pop_first() {
            let Some(watched) = self.grants.get_mut(&id) else { continue };
            let soon = now + Pace::of(watched.lease.options().ttl).slack();
            if batch.len() == max || soon < at {
                self.due.insert((at, id));
                break;
            }
            watched.due = None;
            batch.push(watched.lease.clone());
        }
        batch
    }

    /// Notes the answer to a renewal asked for at `asked`. One for a lease that was released or lost meanwhile
    /// changes nothing.
    pub(super) fn settle(&mut self, lease: &Lease, answer: Renewed, asked: Instant) {
        let id = GrantId::of(lease);
        match answer {
            Renewed::Lost => self.lose(&id),
            Renewed::Held => {
                let Some(watched) = self.grants.get_mut(&id) else { return };
                watched.lease.renewed(asked);
                self.deadlines.remove(&(watched.deadline, id.clone()));
                watched.deadline = deadline(&watched.lease);
                self.deadlines.insert((watched.deadline, id));
                self.postpone(lease, asked + Pace::of(lease.options().ttl).interval());
            }
        }
    }

    /// Renews it at `at`.
    pub(super) fn postpone(&mut self, lease: &Lease, at: Instant) {
        let id = GrantId::of(lease);
        if let Some(watched) = self.grants.get_mut(&id)
            && watched.due.is_none()
        {
            watched.due = Some(at);
            self.due.insert((at, id));
        }
    }

    fn lose(&mut self, id: &GrantId) {
        if let Some(lease) = self.take(id) {
            lease.declare_lost();
        }
    }
}

fn deadline(lease: &Lease) -> Instant {
    let until = lease.valid_until();
    until.checked_sub(Pace::of(lease.options().ttl).margin()).unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use super::super::super::LeaseOptions;
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn lease(n: u128, since: Instant) -> Lease {
        let options = LeaseOptions { ttl: TTL, min_hold: Duration::ZERO };
        Lease::granted(LockKey(format!("k{n}").into()), n, options, since)
    }

    fn check(list: &WatchList) {
        let waiting = list.grants.values().filter(|watched| watched.due.is_some()).count();
        assert_eq!(list.due.len(), waiting);
        assert_eq!(list.deadlines.len(), list.grants.len());
    }

    #[test]
    fn leases_that_began_one_by_one_are_renewed_together() {
        let start = Instant::now();
        let mut list = WatchList::default();
        (0..20u64).for_each(|n| list.add(lease(n.into(), start + Duration::from_secs(n))));
        assert!(
            list.take_due(start + TTL / 3 - Duration::from_millis(1), 500).is_empty(),
            "nothing is due yet"
        );
        // The slack is five seconds: those that began at 0, 1 … 5.
        assert_eq!(list.take_due(start + TTL / 3, 500).len(), 6);
        assert!(list.take_due(start + TTL / 3, 500).is_empty(), "the next is not due");
        check(&list);
    }

    #[test]
    fn a_batch_has_its_limit_and_the_rest_stays_due() {
        let start = Instant::now();
        let mut list = WatchList::default();
        (0..1_200).for_each(|n| list.add(lease(n, start)));
        let sizes: Vec<_> = (0..4).map(|_| list.take_due(start + TTL / 3, 500).len()).collect();
        assert_eq!(sizes, [500, 500, 200, 0]);
        check(&list);
    }

    #[test]
    fn an_answer_for_a_released_lease_changes_nothing() {
        let start = Instant::now();
        let mut list = WatchList::default();
        let lease = lease(1, start);
        list.add(lease.clone());
        assert_eq!(list.take_due(start + TTL / 3, 500).len(), 1);
        list.remove(&lease);
        list.settle(&lease, Renewed::Held, start + TTL / 3);
        list.postpone(&lease, start + TTL / 2);
        assert_eq!((list.len(), list.next_event()), (0, None));
        check(&list);
    }

    #[test]
    fn an_old_lease_does_not_end_the_watch_over_a_new_one_of_its_key() {
        let start = Instant::now();
        let options = LeaseOptions { ttl: TTL, min_hold: Duration::ZERO };
        let old = Lease::granted(LockKey("k".into()), 1, options, start);
        let new = Lease::granted(LockKey("k".into()), 2, options, start + TTL);
        let mut list = WatchList::default();
        list.add(new);
        list.remove(&old);
        list.settle(&old, Renewed::Lost, start);
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn a_lease_is_given_up_before_its_end_and_once() {
        let start = Instant::now();
        let mut list = WatchList::default();
        let lease = lease(1, start);
        list.add(lease.clone());
        let end = lease.valid_until();
        assert_eq!(list.give_up(end - TTL / 20 - Duration::from_millis(1)), 0);
        assert_eq!(list.give_up(end - TTL / 20), 1);
        assert!(lease.lost().is_cancelled());
        assert_eq!(list.give_up(end), 0);
        check(&list);
    }
}
