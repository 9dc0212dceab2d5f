//! How much is asked of one host, and when it is left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Hosts remembered; beyond it those that are idle are forgotten.
const MOST_HOSTS: usize = 1_024;

/// What failures in a row may amount to before a host is left alone: three times no answer, or twenty bad ones. A few
/// pictures that are broken for good must not look like a host that is.
const PATIENCE: u32 = 20;

/// How long at first, and at most.
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// All hosts.
#[derive(Debug)]
pub(super) struct Hosts {
    known: Mutex<HashMap<String, Arc<Host>>>,
    at_once: usize,
}

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// What the failures in a row amount to.
    failures: u32,
    /// Rests in a row.
    rests: u32,
    rests_until: Option<Instant>,
}

/// How a host failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No connection, no answer in time, or it says that it is asked too often: it is the host.
    Host,
    /// A bad answer: it may be the host or the picture.
    Answer,
    /// The picture failed before: that it does again says nothing about the host.
    Again,
}

impl Fault {
    fn weight(self) -> u32 {
        match self {
            Self::Host => 7,
            Self::Answer => 1,
            Self::Again => 0,
        }
    }
}

/// A permission to ask a host once.
#[derive(Debug)]
pub(super) struct Visit {
    host: Arc<Host>,
    /// Whether it is the first one after a rest.
    is_probe: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Hosts {
    pub(super) fn new(at_once: usize) -> Self {
        Self { known: Mutex::default(), at_once }
    }

    /// Waits for a place at this host; when it is left alone, says how long still.
    pub(super) async fn visit(&self, name: &str, now: impl Fn() -> Instant) -> Result<Visit, Duration> {
        let host = self.host(name);
        host.admit(now())?;
        let permit = Arc::clone(&host.permits).acquire_owned().await.ok();
        // It may have gone bad while this one waited.
        host.admit(now())?;
        let is_probe = host.probe(now());
        Ok(Visit { host, is_probe, _permit: permit })
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut known = lock(&self.known);
        if known.len() >= MOST_HOSTS && !known.contains_key(name) {
            known.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let new = || {
            let permits = Arc::new(Semaphore::new(self.at_once));
            Arc::new(Host { permits, health: Mutex::default() })
        };
        Arc::clone(known.entry(name.to_owned()).or_insert_with(new))
    }
}

impl Host {
    fn admit(&self, now: Instant) -> Result<(), Duration> {
        match lock(&self.health).rests_until {
            Some(until) if until > now => Err(until - now),
            _ => Ok(()),
        }
    }

    /// After a rest one goes ahead; the others wait until it is back.
    fn probe(&self, now: Instant) -> bool {
        let mut health = lock(&self.health);
        let is_probe = health.failures >= PATIENCE;
        if is_probe {
            health.rests_until = Some(now + health.rest());
        }
        is_probe
    }
}

impl Health {
    fn rest(&self) -> Duration {
        (FIRST_REST * 2_u32.pow(self.rests.min(10))).min(LONGEST_REST)
    }
}

impl Visit {
    /// The host answered, whatever it said.
    pub(super) fn answered(self) {
        *lock(&self.host.health) = Health::default();
    }

    /// The host failed. `after` is what it asked for itself. Gives how long it is left alone when it had failed so often
    /// already that this is not the picture's fault.
    pub(super) fn failed(self, now: Instant, fault: Fault, after: Option<Duration>) -> Option<Duration> {
        let mut health = lock(&self.host.health);
        if self.is_probe {
            health.rests = health.rests.saturating_add(1);
        } else {
            health.failures = health.failures.saturating_add(fault.weight());
        }
        let rest = (health.failures >= PATIENCE).then(|| health.rest()).max(after);
        if let Some(rest) = rest {
            health.rests_until = Some(now + rest);
        }
        rest.filter(|_| self.is_probe)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn visit(hosts: &Hosts, name: &str) -> Result<Visit, Duration> {
        hosts.visit(name, Instant::now).await
    }

    async fn fail(hosts: &Hosts, name: &str, times: u32) {
        for _ in 0..times {
            visit(hosts, name).await.unwrap().failed(Instant::now(), Fault::Host, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_fails_in_a_row_is_left_alone_and_the_others_are_not() {
        let hosts = Hosts::new(4);
        fail(&hosts, "a", 3).await;
        let wait = visit(&hosts, "a").await.unwrap_err();
        assert!(wait > Duration::ZERO && wait <= FIRST_REST);
        visit(&hosts, "b").await.unwrap().answered();
        tokio::time::advance(wait).await;
        // One goes ahead, the next one waits for its return.
        let first = visit(&hosts, "a").await.unwrap();
        assert!(visit(&hosts, "a").await.is_err());
        first.answered();
        visit(&hosts, "a").await.unwrap().answered();
    }

    #[tokio::test(start_paused = true)]
    async fn rests_grow_up_to_the_longest() {
        let hosts = Hosts::new(1);
        fail(&hosts, "a", 3).await;
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            let wait = visit(&hosts, "a").await.unwrap_err();
            assert!(wait >= last && wait <= LONGEST_REST, "{wait:?} after {last:?}");
            last = wait;
            tokio::time::advance(wait).await;
            fail(&hosts, "a", 1).await;
        }
        assert_eq!(last, LONGEST_REST);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_a_place_do_not_all_try_a_host_that_went_bad() {
        let hosts = Arc::new(Hosts::new(1));
        fail(&hosts, "a", 2).await;
        let busy = visit(&hosts, "a").await.unwrap();
        let waiting = async { visit(&hosts, "a").await.is_err() };
        let ends = async {
            tokio::task::yield_now().await;
            busy.failed(Instant::now(), Fault::Host, None);
        };
        assert!(tokio::join!(waiting, ends).0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_host_asks_for_is_kept_from_the_first_time() {
        let hosts = Hosts::new(1);
        let asked = Duration::from_secs(7);
        visit(&hosts, "a").await.unwrap().failed(Instant::now(), Fault::Answer, Some(asked));
        assert_eq!(visit(&hosts, "a").await.unwrap_err(), asked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_bad_pictures_are_not_a_bad_host_and_many_are() {
        let hosts = Hosts::new(1);
        let fails =
            async |fault| visit(&hosts, "a").await.map(|visit| visit.failed(Instant::now(), fault, None));
        for _ in 0..100 {
            assert_eq!(fails(Fault::Again).await, Ok(None));
        }
        for _ in 0..PATIENCE {
            assert_eq!(fails(Fault::Answer).await, Ok(None), "the picture's fault");
        }
        let wait = fails(Fault::Answer).await.unwrap_err();
        tokio::time::advance(wait).await;
        assert_eq!(fails(Fault::Again).await, Ok(Some(2 * FIRST_REST)), "the host's fault, whoever asked");
    }

    #[tokio::test]
    async fn hosts_are_forgotten_before_they_fill_the_memory() {
        let hosts = Hosts::new(1);
        for number in 0..MOST_HOSTS * 3 {
            visit(&hosts, &number.to_string()).await.unwrap().answered();
        }
        assert!(lock(&hosts.known).len() <= MOST_HOSTS);
    }
}
