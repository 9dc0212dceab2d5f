//! The lock that machines share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::error::Result;
use collector_core::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey, Released, Renewed};
use tokio::time::Instant;

use super::Redis;
use super::debts::{Debt, Debts, Unanswered};
use super::scripts::{Entry, Scripts, TAKEN};

/// The longest time that is asked for: beyond it the server's own clock arithmetic would overflow.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A [`Lock`] on Redis or Valkey: one round trip per batch, whatever part of it is free.
///
/// A key lives under its owner's random number and expires by itself. A lost key is never set again by a renewal, and
/// a released one with time left of its `min_hold` belongs to nobody until then. When the answer to an acquisition is
/// lost, the next acquisition through the same lock gives back first what nobody knows of.
///
/// Clones share what they owe; each is one more contender.
#[derive(Clone)]
pub struct RedisLock {
    redis: Redis,
    scripts: Arc<Scripts>,
    debts: Arc<Debts>,
}

impl RedisLock {
    /// A lock on this server.
    pub fn new(redis: Redis) -> Self {
        Self { redis, scripts: Arc::default(), debts: Arc::default() }
    }

    /// Gives back what may be ours without anybody knowing.
    async fn pay_debts(&self) -> Result<()> {
        let due = self.debts.take_due(Instant::now());
        if due.is_empty() {
            return Ok(());
        }
        let unanswered = Unanswered::new(&self.debts, due);
        let answers = self.give_back(unanswered.owed()).await?;
        let now = Instant::now();
        for (debt, answer) in unanswered.settled().into_iter().zip(answers) {
            if answer == 0 {
                self.debts.again(debt, now);
            }
        }
        Ok(())
    }

    async fn give_back(&self, debts: &[Debt]) -> Result<Vec<i64>> {
        let now = Instant::now();
        let entries: Vec<_> = debts
            .iter()
            .map(|debt| Entry {
                key: &debt.key,
                owner: debt.owner,
                millis: millis(debt.hold_until.saturating_duration_since(now)),
            })
            .collect();
        self.redis.each("release", &self.scripts.release, &entries).await
    }
}

#[async_trait]
impl Lock for RedisLock {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.pay_debts().await?;
        // Before the request: the time the answer takes is not ours.
        let asked = Instant::now();
        let unanswered =
            Unanswered::new(&self.debts, keys.iter().map(|key| taken(key, options, asked)).collect());
        let ttl = lasting(options.ttl);
        let entries: Vec<_> = unanswered
            .owed()
            .iter()
            .map(|debt| Entry { key: &debt.key, owner: debt.owner, millis: ttl })
            .collect();
        let answers = self.redis.each("acquire", &self.scripts.acquire, &entries).await?;
        let asked_for = unanswered.settled().into_iter();
        Ok(asked_for.zip(answers).map(|(debt, answer)| acquired(debt, answer, options, asked)).collect())
    }

    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
        let entries: Vec<_> = leases
            .iter()
            .map(|lease| Entry {
                key: lease.key(),
                owner: lease.owner(),
                millis: lasting(lease.options().ttl),
            })
            .collect();
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.redis.each("renew", &self.scripts.renew, &entries).await?;
        Ok(answers
            .into_iter()
            .map(|answer| if answer == 1 { Renewed::Held } else { Renewed::Lost })
            .collect())
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let unanswered = Unanswered::new(&self.debts, leases.iter().map(held).collect());
        let answers = self.give_back(unanswered.owed()).await?;
        unanswered.settled();
        Ok(answers
            .into_iter()
            .map(|answer| if answer == 1 { Released::Freed } else { Released::NotOurs })
            .collect())
    }
}

impl fmt::Debug for RedisLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLock").field("redis", &self.redis).finish_non_exhaustive()
    }
}

/// What is owed if the answer to this acquisition is lost. No work was begun under it, so `min_hold` does not count.
fn taken(key: &LockKey, options: LeaseOptions, asked: Instant) -> Debt {
    Debt {
        key: key.clone(),
        owner: rand::random(),
        hold_until: asked,
        // The request may have been carried out late, by at most about as long as it was waited for.
        forget_at: asked + options.ttl.min(LONGEST) * 2,
        due: asked,
    }
}

/// What is owed if the answer to this lease's release is lost.
fn held(lease: &Lease) -> Debt {
    let LeaseOptions { ttl, min_hold } = lease.options();
    let now = Instant::now();
    Debt {
        key: lease.key().clone(),
        owner: lease.owner(),
        hold_until: lease.since() + min_hold.min(LONGEST),
        forget_at: now + ttl.min(LONGEST),
        due: now,
    }
}

fn acquired(asked_for: Debt, answer: i64, options: LeaseOptions, asked: Instant) -> Acquired {
    match u64::try_from(answer) {
        Ok(rest) => Acquired::Held { remaining: Some(Duration::from_millis(rest)) },
        Err(_) if answer == TAKEN => {
            Acquired::Granted(Lease::granted(asked_for.key, asked_for.owner, options, asked))
        }
        // A key that was set without an end: not by us.
        Err(_) => Acquired::Held { remaining: None },
    }
}

/// Whole milliseconds, rounded up.
fn millis(time: Duration) -> u64 {
    let time = time.min(LONGEST);
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A ttl in milliseconds; the server takes none of zero.
fn lasting(ttl: Duration) -> u64 {
    millis(ttl).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_bounded() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_millis(7)), 7);
        assert_eq!(lasting(Duration::ZERO), 1);
        assert_eq!(millis(Duration::MAX), millis(LONGEST));
    }
}
