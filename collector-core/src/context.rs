//! What every call is handed: stop signal, deadline, clock, account, byte budget.

mod bytes;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use bytes::{ByteBudget, BytePermit};
pub use requests::RequestLog;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::Name;

/// Handed to every call of a part; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    account: Option<Name>,
    deadline: Option<tokio::time::Instant>,
    budget: ByteBudget,
    requests: Option<RequestLog>,
}

impl Context {
    /// A context that is never stopped, on the machine's clock, with a byte budget of 64 MiB.
    pub fn detached() -> Self {
        Self::new(CancellationToken::new(), Arc::new(SystemClock), ByteBudget::new(64 << 20))
    }

    /// A context that ends with `stop`.
    pub fn new(stop: CancellationToken, clock: Arc<dyn Clock>, budget: ByteBudget) -> Self {
        Self { stop, clock, account: None, deadline: None, budget, requests: None }
    }

    /// The same for one call of an account, with its own stop signal and deadline.
    #[must_use]
    pub fn for_call(&self, account: Name, stop: CancellationToken, timeout: Duration) -> Self {
        Self {
            stop,
            clock: Arc::clone(&self.clock),
            account: Some(account),
            deadline: Some(self.clock.monotonic() + timeout),
            budget: self.budget.clone(),
            requests: self.requests.clone(),
        }
    }

    /// The same, with every request that is sent kept in `log`.
    #[must_use]
    pub fn logging_requests(mut self, log: &RequestLog) -> Self {
        self.requests = Some(log.clone());
        self
    }

    /// Notes a request that is about to be sent, as people may see it: without credentials. Costs nothing unless
    /// somebody asked for it.
    pub fn note_request(&self, shown: impl FnOnce() -> String) {
        if let Some(log) = &self.requests {
            log.add(shown());
        }
    }

    /// Fires when the call's work is no longer wanted: the run stops, or its leases are lost.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The account the call is booked on.
    pub fn account(&self) -> Option<&Name> {
        self.account.as_ref()
    }

    /// When the call is given up.
    pub fn deadline(&self) -> Option<tokio::time::Instant> {
        self.deadline
    }

    /// The budget all bodies in memory share.
    pub fn byte_budget(&self) -> &ByteBudget {
        &self.budget
    }

    /// Runs `work` until it ends, the stop signal fires, or the deadline passes.
    ///
    /// # Errors
    /// `Cancelled` after the stop signal, `Timeout` after the deadline, else what `work` says.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let deadline = async {
            match self.deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Error::new(ErrorKind::Cancelled, "stopped while waiting for an answer")),
            done = work => done,
            () = deadline => Err(Error::new(ErrorKind::Timeout, "no complete answer in time").maybe_charged()),
        }
    }
}
