//! A run that waits for its accounts' resets instead of ending parked.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{End, Engine, Job, RunReport};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::Result;

/// How long is slept at once, and at most twice as long at the end: a machine that was put to sleep meanwhile finds out
/// soon after that the time has come.
const NAP: Duration = Duration::from_secs(300);

impl<D: Domain> Engine<D> {
    /// As [`run`](Self::run), but a run that ends parked waits for the first account to come back and goes on. It ends when
    /// it is complete or partial, when nothing tells when an account comes back, or when `stop` fires. `waits` is told
    /// before each wait how far the run has come and until when it waits.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_through(
        &self,
        job: Job,
        stop: CancellationToken,
        waits: &(dyn Fn(&RunReport, Timestamp) + Send + Sync),
    ) -> Result<RunReport> {
        let began = self.parts.clock.monotonic();
        loop {
            let mut report = self.run(job.clone(), stop.clone()).await?;
            report.took = self.parts.clock.monotonic().saturating_duration_since(began);
            let Some(at) = self.goes_on_at(&report) else { return Ok(report) };
            waits(&report, at);
            if !self.wait_until(at, &stop).await {
                return Ok(report);
            }
        }
    }

    /// When a parked run can go on: at the first reset, or when an account that waits for a person is tried again.
    fn goes_on_at(&self, report: &RunReport) -> Option<Timestamp> {
        if !matches!(report.end, End::Parked { .. }) {
            return None;
        }
        let ours = |name: &str| self.parts.accounts.iter().any(|account| &*account.name == name);
        let parked = report.parked.iter().filter(|park| ours(&park.account));
        parked.filter_map(|park| park.until.or_else(|| park.tries_at())).min()
    }

    /// Waits; tells whether the time has come.
    async fn wait_until(&self, at: Timestamp, stop: &CancellationToken) -> bool {
        let clock = &self.parts.clock;
        loop {
            let left = at.since(clock.now());
            if left.is_zero() {
                return !stop.is_cancelled();
            }
            let nap = if left > 2 * NAP { NAP } else { left };
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = clock.sleep(nap) => {}
            }
        }
    }
}
