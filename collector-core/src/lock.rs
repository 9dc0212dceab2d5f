//! The lock that keeps machines from doing the same thing twice. Correctness never rests on it: the claim is the
//! fence.

mod keeper;
mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use keeper::Keeper;
pub use memory::MemoryLock;

use crate::error::Result;

/// What is locked: `source:kind:subject`. Holds nothing but public names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockKey(pub Arc<str>);

impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseOptions {
    /// How long it lasts without renewal.
    pub ttl: Duration,
    /// How long the key stays taken after the lease began, even when it is released earlier: keeps another
    /// deployment from fetching the same subject again.
    pub min_hold: Duration,
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(60), min_hold: Duration::ZERO }
    }
}

/// A held lock. Tells of its own loss.
///
/// Dropping a lease releases nothing: the engine releases, and the ttl is the net.
#[derive(Debug, Clone)]
pub struct Lease {
    key: LockKey,
    owner: u128,
    granted: Instant,
    options: LeaseOptions,
    state: Arc<LeaseState>,
}

#[derive(Debug)]
struct LeaseState {
    valid_until: std::sync::Mutex<Instant>,
    lost: CancellationToken,
}

impl Lease {
    /// A lease granted to `owner`. `asked` is the moment *before* the request was sent: the time the answer took
    /// is not ours.
    pub fn granted(key: LockKey, owner: u128, options: LeaseOptions, asked: Instant) -> Self {
        let state = LeaseState {
            valid_until: std::sync::Mutex::new(asked + Self::safe(options.ttl)),
            lost: CancellationToken::new(),
        };
        Self { key, owner, granted: asked, options, state: Arc::new(state) }
    }

    /// The part of a ttl that is ours for sure: clocks drift, so 1 % and 2 ms are taken off.
    fn safe(ttl: Duration) -> Duration {
        ttl.saturating_sub(ttl / 100).saturating_sub(Duration::from_millis(2))
    }

    /// What is locked.
    pub fn key(&self) -> &LockKey {
        &self.key
    }

    /// The random owner: what tells this holder from every other.
    pub fn owner(&self) -> u128 {
        self.owner
    }

    /// When the lease began.
    pub fn since(&self) -> Instant {
        self.granted
    }

    /// How it was asked for.
    pub fn options(&self) -> LeaseOptions {
        self.options
    }

    /// Until when it is ours if nobody renews it.
    pub fn valid_until(&self) -> Instant {
        *self.state.valid_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether it is ours at `now`.
    pub fn is_held(&self, now: Instant) -> bool {
        !self.state.lost.is_cancelled() && now < self.valid_until()
    }

    /// Fires when it is lost; never later than [`valid_until`](Self::valid_until).
    pub fn lost(&self) -> &CancellationToken {
        &self.state.lost
    }

    /// Notes a renewal asked for at `asked`. A lost lease stays lost.
    pub fn renewed(&self, asked: Instant) {
        let mut until = self.state.valid_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *until = (*until).max(asked + Self::safe(self.options.ttl));
    }

    /// Declares it lost.
    pub fn declare_lost(&self) {
        self.state.lost.cancel();
    }
}

/// The answer for one key.
#[derive(Debug)]
pub enum Acquired {
    /// It is ours.
    Granted(Lease),
    /// Somebody else has it, for at most this long if they vanish.
    Held {
        /// The rest of the other's ttl, if known.
        remaining: Option<Duration>,
    },
}

/// The answer for one renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// Still ours, for another ttl.
    Held,
    /// Gone; never taken again by a renewal.
    Lost,
}

/// The answer for one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It was ours and is free (or stays taken until its `min_hold` is over).
    Freed,
    /// It was not ours any more; the present holder's lock stays.
    NotOurs,
}

/// A lock service.
///
/// # Contract
/// Checked by `testkit::lock`; the case's name stands in brackets.
/// 1. Answers come one per key, in order; the free subset is granted \[`Partial`\].
/// 2. A held key is refused, also to the same process \[`Refused`\]; keys are independent \[`Independent`\].
/// 3. A released key is free \[`Release`\]; an expired one too, and not before \[`Expires`, `NotBefore`\].
/// 4. A renewal outlives the first ttl \[`Renew`\]; it never brings back a lost key \[`NoRevival`\].
/// 5. Who lost a key can neither renew nor release it; the new holder keeps it \[`StaleOwner`\].
/// 6. `min_hold` keeps a released key taken until it is over \[`MinHold`\].
/// 7. Of many at once, one gets it \[`Contenders`\].
/// 8. `Held` is an answer and an outage is an `Err`: never mixed \[`Outage`\].
#[async_trait]
pub trait Lock: Send + Sync + 'static {
    /// Tries to take keys, each once, without waiting.
    ///
    /// # Errors
    /// `Unavailable` when the service cannot be asked: then nothing is known and nothing may be started.
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>>;

    /// Renews leases for their ttl.
    ///
    /// # Errors
    /// `Unavailable`; the leases then run towards their end.
    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>>;

    /// Gives leases back.
    ///
    /// # Errors
    /// `Unavailable`; the keys then expire by themselves.
    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>>;
}
