//! Which of the replicas tells what all of them see.

use std::sync::Arc;
use std::time::Duration;

use collector_core::error::ErrorChain;
use collector_core::id::Digest;
use collector_core::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey, Renewed};
use tokio::time::Instant;

/// How long a replica that vanished keeps the others from telling.
const LEASE: LeaseOptions = LeaseOptions { ttl: Duration::from_secs(60), min_hold: Duration::ZERO };

/// Holds the lease, or tries to.
pub(super) struct Leader {
    /// `None` where there cannot be another process.
    lock: Option<Arc<dyn Lock>>,
    key: LockKey,
    lease: Option<Lease>,
}

impl Leader {
    /// Of those who use this store.
    pub(super) fn new(lock: Option<Arc<dyn Lock>>, store: &str) -> Self {
        let key = LockKey(format!("collector:alerts:{}", Digest::of(store.as_bytes())).into());
        Self { lock, key, lease: None }
    }

    /// Whether this process tells. While the lock cannot be asked, whoever told last goes on: twice is better than never.
    pub(super) async fn leads(&mut self) -> bool {
        let Some(lock) = &self.lock else { return true };
        if let Some(lease) = &self.lease {
            let asked = Instant::now();
            match lock.renew_many(std::slice::from_ref(lease)).await {
                Ok(renewed) if renewed.first() == Some(&Renewed::Held) => {
                    lease.renewed(asked);
                    return true;
                }
                Ok(_) => self.lease = None,
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "the lock does not say who tells");
                    return true;
                }
            }
        }
        match lock.try_acquire_many(std::slice::from_ref(&self.key), LEASE).await.map(|mut keys| keys.pop()) {
            Ok(Some(Acquired::Granted(lease))) => {
                self.lease = Some(lease);
                true
            }
            _ => false,
        }
    }

    /// Lets another one tell.
    pub(super) async fn resign(&mut self) {
        if let (Some(lock), Some(lease)) = (&self.lock, self.lease.take()) {
            // If it cannot be released, it ends by itself.
            drop(lock.release_many(vec![lease]).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use collector_core::lock::MemoryLock;

    use super::*;

    #[tokio::test]
    async fn one_of_two_tells_and_the_other_takes_over() {
        let lock = MemoryLock::new();
        let mut one = Leader::new(Some(Arc::new(lock.clone())), "a");
        let mut two = Leader::new(Some(Arc::new(lock.clone())), "a");
        let mut other = Leader::new(Some(Arc::new(lock)), "b");
        assert!(one.leads().await && one.leads().await);
        assert!(!two.leads().await && other.leads().await);
        one.resign().await;
        assert!(two.leads().await && !one.leads().await);
        assert!(Leader::new(None, "a").leads().await);
    }
}
