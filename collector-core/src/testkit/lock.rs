//! The conformance suite for [`Lock`].
//!
//! An author of a lock implements [`LockHarness`] and calls [`lock_conformance!`](crate::lock_conformance) in a
//! test module: each promise of the trait's contract becomes a test of its own.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use async_trait::async_trait;
//! use collector_core::lock::{Lock, MemoryLock};
//! use collector_core::testkit::lock::LockHarness;
//!
//! struct InMemory(MemoryLock);
//!
//! #[async_trait]
//! impl LockHarness for InMemory {
//!     async fn handle(&self) -> Arc<dyn Lock> {
//!         Arc::new(self.0.clone())
//!     }
//!
//!     async fn pass(&self, time: Duration) {
//!         tokio::time::sleep(time).await;
//!     }
//!
//!     async fn outage(&self, _on: bool) -> bool {
//!         false
//!     }
//! }
//!
//! mod in_memory {
//!     use super::*;
//!     collector_core::lock_conformance!(
//!         InMemory(MemoryLock::new()),
//!         without: { Outage: "it lives in this process" }
//!     );
//! }
//! # fn main() {}
//! ```

mod cases;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::case::case_enum;
use crate::lock::Lock;
use cases::*;

/// Gives the suite the lock to check.
///
/// A harness on real time lets it pass by sleeping; one on tokio's paused time calls `tokio::time::pause()` when
/// it is made. The keys of a case are its own, so a service that others use too will do.
#[async_trait]
pub trait LockHarness: Send + Sync {
    /// One more process: a lock with its own connection to the same service.
    async fn handle(&self) -> Arc<dyn Lock>;

    /// Lets this time pass for the service.
    async fn pass(&self, time: Duration);

    /// Makes the service unreachable, or reachable again; `false` when the harness cannot.
    async fn outage(&self, on: bool) -> bool;

    /// The ttl the cases work with: several times what the service takes to answer, or they see leases expire
    /// that the machine was too slow for.
    fn ttl(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Calls a macro with every case: contract number, case, function, description.
#[doc(hidden)]
#[macro_export]
macro_rules! __lock_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { $($with)* cases:
            1 Partial partial "Answers come one per key, in order; the free subset is granted.";
            2 Refused refused "A held key is refused, also to the same process.";
            2 Independent independent "Keys are independent, however alike they look.";
            3 Release release "A released key is free; it is released once.";
            3 Expires expires "An expired key is free.";
            3 NotBefore not_before "A key does not expire before its ttl.";
            4 Renew renew "A renewal outlives the first ttl, by one ttl.";
            4 NoRevival no_revival "A renewal never brings back an expired or released key.";
            5 StaleOwner stale_owner "Who lost a key can neither renew nor release it; the new holder keeps it.";
            6 MinHold min_hold "`min_hold` keeps a released key taken until it is over.";
            7 Contenders contenders "Of many at once, one gets it.";
            8 Outage outage "An outage is an error, never an answer.";
        }
    };
}

__lock_cases!([case_enum] harness: [H]; bounds: [H: LockHarness + ?Sized];);

/// Makes a `#[tokio::test]` of every [`Case`](crate::testkit::lock::Case).
///
/// The argument is an expression that gives a [`LockHarness`](crate::testkit::lock::LockHarness); it is evaluated
/// in each test and may `.await`, or `return` to skip. Known exceptions are declared with a reason:
/// `lock_conformance!(harness, without: { Outage: "it lives in this process" })`.
///
/// The calling crate needs `tokio` with its `macros` feature.
#[macro_export]
macro_rules! lock_conformance {
    ($harness:expr $(,)?) => {
        $crate::lock_conformance!($harness, without: {});
    };
    ($harness:expr, without: { $($exception:ident: $reason:expr),* $(,)? } $(,)?) => {
        const EXCEPTIONS: &[($crate::testkit::lock::Case, &str)] =
            &[$(($crate::testkit::lock::Case::$exception, $reason)),*];
        $crate::__lock_cases! { [$crate::__conformance_tests] suite: lock; harness: $harness; }
    };
}
