//! A lock inside one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Acquired, Lease, LeaseOptions, Lock, LockKey, Released, Renewed};
use crate::error::Result;

/// Below this many keys nobody looks for expired ones.
const SWEEP_FLOOR: usize = 1_024;

/// A [`Lock`] inside one process, for a pipeline that runs alone and for tests.
///
/// Clones share their keys: each clone is one more contender. Expired keys are swept as new ones come, so at most
/// twice as many are kept as were held at the last sweep (and 1,024).
#[derive(Clone, Default)]
pub struct MemoryLock {
    table: Arc<Mutex<Table>>,
}

impl MemoryLock {
    /// A lock nobody holds anything of.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keys that are kept, expired ones that were not swept yet included.
    pub fn kept(&self) -> usize {
        self.table().keys.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change of the table is complete in itself, so a panic elsewhere cannot leave it half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLock").field("kept", &self.kept()).finish()
    }
}

#[async_trait]
impl Lock for MemoryLock {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        let now = Instant::now();
        let mut table = self.table();
        table.sweep(now);
        Ok(keys.iter().map(|key| table.acquire(key, options, now)).collect())
    }

    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
        let now = Instant::now();
        let mut table = self.table();
        Ok(leases.iter().map(|lease| table.renew(lease, now)).collect())
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        let now = Instant::now();
        let mut table = self.table();
        Ok(leases.iter().map(|lease| table.release(lease, now)).collect())
    }
}

#[derive(Default)]
struct Table {
    keys: HashMap<LockKey, Taken>,
    /// The size at which expired keys are looked for again.
    sweep_at: usize,
}

struct Taken {
    /// `None` once released: then only `min_hold` keeps the key, and nobody can renew it.
    owner: Option<u128>,
    since: Instant,
    until: Instant,
}

impl Table {
    /// Removes expired keys, seldom enough that an acquisition costs the same however many there are.
    fn sweep(&mut self, now: Instant) {
        if self.keys.len() >= self.sweep_at.max(SWEEP_FLOOR) {
            self.keys.retain(|_, taken| now < taken.until);
            self.sweep_at = self.keys.len().saturating_mul(2);
        }
    }

    fn acquire(&mut self, key: &LockKey, options: LeaseOptions, now: Instant) -> Acquired {
        if let Some(taken) = self.keys.get(key).filter(|taken| now < taken.until) {
            return Acquired::Held { remaining: Some(taken.until - now) };
        }
        let owner = rand::random();
        self.keys.insert(key.clone(), Taken { owner: Some(owner), since: now, until: now + options.ttl });
        Acquired::Granted(Lease::granted(key.clone(), owner, options, now))
    }

    fn renew(&mut self, lease: &Lease, now: Instant) -> Renewed {
        match self.held_by(lease, now) {
            Some(taken) => {
                taken.until = now + lease.options().ttl;
                Renewed::Held
            }
            None => Renewed::Lost,
        }
    }

    fn release(&mut self, lease: &Lease, now: Instant) -> Released {
        let Some(taken) = self.held_by(lease, now) else { return Released::NotOurs };
        taken.owner = None;
        taken.until = taken.since + lease.options().min_hold;
        if taken.until <= now {
            self.keys.remove(lease.key());
        }
        Released::Freed
    }

    fn held_by(&mut self, lease: &Lease, now: Instant) -> Option<&mut Taken> {
        self.keys.get_mut(lease.key()).filter(|taken| taken.owner == Some(lease.owner()) && now < taken.until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn keys(range: std::ops::Range<usize>) -> Vec<LockKey> {
        range.map(|i| LockKey(format!("s:profile:{i}").into())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn expired_keys_do_not_pile_up() {
        let lock = MemoryLock::new();
        let options = LeaseOptions { ttl: TTL, min_hold: Duration::ZERO };
        for round in 0..50 {
            let answers =
                lock.try_acquire_many(&keys(round * 1_000..(round + 1) * 1_000), options).await.unwrap();
            assert!(answers.iter().all(|answer| matches!(answer, Acquired::Granted(_))));
            tokio::time::advance(TTL).await;
        }
        assert!(lock.kept() <= 2 * SWEEP_FLOOR, "{} keys kept", lock.kept());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_keeps_what_is_held() {
        let lock = MemoryLock::new();
        let options = LeaseOptions { ttl: TTL, min_hold: Duration::ZERO };
        let all = keys(0..5_000);
        for chunk in all.chunks(100) {
            lock.try_acquire_many(chunk, options).await.unwrap();
        }
        let again = lock.clone().try_acquire_many(&all, options).await.unwrap();
        assert!(again.iter().all(|answer| matches!(answer, Acquired::Held { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_released_key_without_min_hold_is_forgotten_at_once() {
        let lock = MemoryLock::new();
        let answers = lock.try_acquire_many(&keys(0..10), LeaseOptions::default()).await.unwrap();
        let leases = answers.into_iter().filter_map(|answer| match answer {
            Acquired::Granted(lease) => Some(lease),
            Acquired::Held { .. } => None,
        });
        lock.release_many(leases.collect()).await.unwrap();
        assert_eq!(lock.kept(), 0);
    }
}
