//! One task that renews all leases of a process and tells of those that are lost.

mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Acquired, Lease, LeaseOptions, Lock, LockKey, Renewed};
use crate::error::{Error, ErrorKind, Result};
use watch::{Pace, WatchList};

/// The most keys in one call: a longer one would keep a single-threaded service from everybody else.
const MAX_CALL: usize = 500;

/// Holds leases for a whole process: acquires and releases through it, renews every third of a ttl in
/// batches, and declares a lease lost before it can be somebody else's.
///
/// The renewing is done by [`run`](Self::run), which the owner spawns; nothing here spawns.
///
/// # Promises
/// 1. [`Lease::lost`] fires no later than [`Lease::valid_until`] while `run` runs, whatever the service does:
///    refuse, fail or hang. It fires at a twentieth of the ttl before that, so that the work has time to stop.
/// 2. When `run` ends, for whatever reason, every lease still watched is declared lost and none is granted any
///    more: nobody would renew them.
/// 3. A released lease is not renewed, and an answer that comes late never revives a lost one.
/// 4. A lease is renewed in at most one call at a time, of at most 500 leases.
pub struct Keeper {
    lock: Arc<dyn Lock>,
    options: LeaseOptions,
    list: Mutex<WatchList>,
    /// Tells the loop that something is to be done earlier than it thought.
    earlier: Notify,
}

impl Keeper {
    /// A keeper that asks `lock` for leases with these options.
    pub fn new(lock: Arc<dyn Lock>, options: LeaseOptions) -> Self {
        Self { lock, options, list: Mutex::default(), earlier: Notify::new() }
    }

    /// Takes what is free of `keys` and watches it; answers come one per key, in order.
    ///
    /// # Errors
    /// `Unavailable` when the service fails or does not answer within a third of the ttl; what was granted
    /// until then is given back. `Cancelled` when [`run`](Self::run) has ended. `Unexpected` when the service
    /// does not answer for every key.
    pub async fn acquire(&self, keys: Vec<LockKey>) -> Result<Vec<Acquired>> {
        let mut answers = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(MAX_CALL) {
            match self.ask(chunk).await {
                Ok(more) => answers.extend(more),
                Err(error) => {
                    self.release(granted(&answers).cloned().collect()).await;
                    return Err(error);
                }
            }
        }
        let answers = refuse_expired(answers);
        if !self.watch(granted(&answers)) {
            self.release(granted(&answers).cloned().collect()).await;
            return Err(Error::new(
                ErrorKind::Cancelled,
                "the lock's keeper has stopped; no lease would be renewed",
            ));
        }
        Ok(answers)
    }

    /// Stops watching, then gives back. A service that cannot be reached is logged: the ttl frees the keys.
    pub async fn release(&self, leases: Vec<Lease>) {
        {
            let mut list = self.list();
            leases.iter().for_each(|lease| list.remove(lease));
        }
        let mut rest = leases;
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(MAX_CALL));
            self.give_back(std::mem::replace(&mut rest, later)).await;
        }
    }

    /// Leases that are held and renewed.
    pub fn watched(&self) -> usize {
        self.list().len()
    }

    /// Renews and gives up leases until `stop` fires. Stop it after the last lease was released: see promise 2.
    pub fn run(self: Arc<Self>, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        // Made here, not at the first poll: a task can be aborted before it was ever polled.
        let closing = CloseOnDrop(self);
        async move { closing.0.renew_until(&stop).await }
    }

    async fn renew_until(&self, stop: &CancellationToken) {
        let mut renewals = FuturesUnordered::new();
        loop {
            let now = Instant::now();
            self.give_up(now);
            while let Some(batch) = self.take_due(now) {
                renewals.push(self.renew(batch));
            }
            let next = self.list().next_event();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = until(next) => {}
                () = self.earlier.notified() => {}
                Some(()) = renewals.next() => {}
            }
        }
    }

    async fn ask(&self, keys: &[LockKey]) -> Result<Vec<Acquired>> {
        let limit = Pace::of(self.options.ttl).interval();
        let asked = timeout(limit, self.lock.as_ref().try_acquire_many(keys, self.options)).await;
        let answers = asked.unwrap_or_else(|_| Err(no_answer("acquire", limit)))?;
        match answers.len() == keys.len() {
            true => Ok(answers),
            false => Err(wrong_count("acquire", keys.len(), answers.len())),
        }
    }

    async fn give_back(&self, leases: Vec<Lease>) {
        let (count, limit) = (leases.len(), Pace::of(self.options.ttl).interval());
        let released = timeout(limit, self.lock.as_ref().release_many(leases)).await;
        if let Err(error) = released.unwrap_or_else(|_| Err(no_answer("release", limit))) {
            tracing::warn!(count, error = ?error, "leases could not be released and end with their ttl");
        }
    }

    async fn renew(&self, leases: Vec<Lease>) {
        // Before the request: the time the answer takes is not ours.
        let asked = Instant::now();
        let limit = Pace::of(self.options.ttl).attempt();
        let answers = timeout(limit, self.lock.as_ref().renew_many(&leases)).await;
        match answers.unwrap_or_else(|_| Err(no_answer("renew", limit))) {
            Ok(answers) if answers.len() == leases.len() => self.settle(&leases, &answers, asked),
            Ok(answers) => self.postpone(&leases, asked, &wrong_count("renew", leases.len(), answers.len())),
            Err(error) => self.postpone(&leases, asked, &error),
        }
    }

    fn settle(&self, leases: &[Lease], answers: &[Renewed], asked: Instant) {
        let lost = answers.iter().filter(|answer| **answer == Renewed::Lost).count();
        {
            let mut list = self.list();
            leases.iter().zip(answers).for_each(|(lease, answer)| list.settle(lease, *answer, asked));
        }
        if lost > 0 {
            tracing::warn!(lost, "leases were lost: their keys expired or belong to somebody else");
        }
    }

    fn postpone(&self, leases: &[Lease], asked: Instant, error: &Error) {
        let again = asked + Pace::of(self.options.ttl).attempt();
        {
            let mut list = self.list();
            leases.iter().for_each(|lease| list.postpone(lease, again));
        }
        tracing::warn!(count = leases.len(), error = ?error, "leases could not be renewed and are tried again");
    }

    fn give_up(&self, now: Instant) {
        let lost = self.list().give_up(now);
        if lost > 0 {
            tracing::warn!(lost, "leases are given up: they were not renewed in time");
        }
    }

    fn take_due(&self, now: Instant) -> Option<Vec<Lease>> {
        Some(self.list().take_due(now, MAX_CALL)).filter(|batch| !batch.is_empty())
    }

    /// Watches these leases, unless the keeper has stopped.
    fn watch<'a>(&self, leases: impl Iterator<Item = &'a Lease>) -> bool {
        let mut list = self.list();
        if list.is_closed() {
            return false;
        }
        let before = list.next_event();
        leases.for_each(|lease| list.add(lease.clone()));
        let sooner = match (before, list.next_event()) {
            (Some(before), Some(after)) => after < before,
            (None, after) => after.is_some(),
            (Some(_), None) => false,
        };
        if sooner {
            self.earlier.notify_one();
        }
        true
    }

    fn list(&self) -> MutexGuard<'_, WatchList> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("options", &self.options).field("watched", &self.watched()).finish()
    }
}

/// Declares everything lost when the loop ends, also when its task is aborted or the lock panics.
struct CloseOnDrop(Arc<Keeper>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.list().close();
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn granted(answers: &[Acquired]) -> impl Iterator<Item = &Lease> {
    answers.iter().filter_map(|answer| match answer {
        Acquired::Granted(lease) => Some(lease),
        Acquired::Held { .. } => None,
    })
}

/// A lease whose end passed while its answer was under way may be somebody else's already.
fn refuse_expired(mut answers: Vec<Acquired>) -> Vec<Acquired> {
    let now = Instant::now();
    for answer in &mut answers {
        if matches!(answer, Acquired::Granted(lease) if !lease.is_held(now)) {
            *answer = Acquired::Held { remaining: None };
        }
    }
    answers
}

fn no_answer(call: &'static str, limit: std::time::Duration) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the lock service did not answer in time; check that it is up and reachable",
    )
    .with("call", call)
    .with("waited", format!("{limit:?}"))
}

fn wrong_count(call: &'static str, asked: usize, answered: usize) -> Error {
    Error::new(ErrorKind::Unexpected, "the lock did not answer once per key; its implementation is at fault")
        .with("call", call)
        .with("asked", asked)
        .with("answered", answered)
}

#[cfg(test)]
mod tests;
