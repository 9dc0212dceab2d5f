//! When a run is over, and how it ended.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::handle::Handle;
use super::report::End;
use super::watch;
use super::worker::{Outlet, Slot};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{ErrorKind, Result};
use crate::id::RunId;
use crate::store::{RunEnd, RunState};

/// How often a waiting run looks at the store when nobody tells it anything.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How a run ends that has nothing left to do; `None` while it has.
pub(super) fn over(state: &RunState) -> Option<End> {
    watch::over(state).map(|end| match end {
        RunEnd::Complete => End::Complete,
        RunEnd::Partial => End::Partial,
        RunEnd::Cancelled => End::Cancelled,
    })
}

impl<D: Domain> Handle<D> {
    /// How a run ends, once it does.
    pub(super) async fn await_end(&self, run: RunId, stop: &CancellationToken) -> Result<End> {
        let worker = &self.worker;
        let mut progress = worker.progress.subscribe();
        let mut look_again = worker.tick() + LOOK_AGAIN;
        loop {
            self.failed()?;
            if stop.is_cancelled() {
                return Ok(End::Stopped);
            }
            progress.mark_unchanged();
            if worker.gauges.idle()
                && let Some(end) = self.look(run).await?
            {
                return Ok(end);
            }
            if worker.tick() >= look_again {
                look_again = worker.tick() + LOOK_AGAIN;
                // Other runs may keep this worker busy for ever.
                let ended = worker.store().run(run).await?.filter(|state| state.ended.is_some());
                if let Some(end) = ended.as_ref().and_then(over) {
                    return Ok(end);
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = progress.changed() => {}
                () = worker.parts.clock.sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Whether an idle worker has anything left to do for a run.
    async fn look(&self, run: RunId) -> Result<Option<End>> {
        let worker = &self.worker;
        let Some(state) = worker.store().run(run).await? else { return Ok(Some(End::Complete)) };
        if let Some(end) = over(&state) {
            return Ok(Some(end));
        }
        if state.open > 0 {
            return self.cannot_go_on().await;
        }
        let patience = worker.parts.settings.sink_patience;
        let tired = |outlet: &Outlet| {
            let since = outlet.stuck_since();
            since.is_some_and(|since| worker.tick().saturating_duration_since(since) >= patience)
        };
        if !worker.outlets.iter().any(tired) {
            return Ok(None);
        }
        worker.recount_owed().await?;
        let mut owing = worker.outlets.iter().filter(|outlet| outlet.owed.load(Ordering::SeqCst) > 0);
        Ok(owing.all(tired).then_some(End::Partial))
    }

    /// How it ends when no open task can be got now: their accounts are parked, their vendors have answered nothing for
    /// long, or nobody here gets them.
    async fn cannot_go_on(&self) -> Result<Option<End>> {
        let open = self.worker.store().counts().await?.open;
        let mut parked = false;
        for lane in open.keys() {
            // As long as one of the source's accounts may call, it goes on.
            for slot in self.slots_of(lane) {
                let admission = self.worker.account_of(slot).admission();
                match admission.parked() {
                    None if self.is_given_up(admission.silent_since()) => {}
                    None => return Ok(None),
                    // A format that has changed does not come back by waiting.
                    Some(park) => parked |= park.kind != ErrorKind::Malformed,
                }
            }
        }
        Ok(match (open.is_empty(), parked) {
            (true, _) => None,
            (false, true) => Some(End::Parked { until: self.first_out() }),
            (false, false) => Some(End::Partial),
        })
    }

    /// Whether a vendor that has answered nothing since then is waited for no longer.
    fn is_given_up(&self, silent_since: Option<tokio::time::Instant>) -> bool {
        let patience = self.worker.parts.settings.vendor_patience;
        silent_since.is_some_and(|since| self.worker.tick().saturating_duration_since(since) >= patience)
    }

    /// The slots that get the tasks of a lane written as `source/kind`: one for each account.
    pub(super) fn slots_of(&self, lane: &str) -> impl Iterator<Item = usize> {
        let gets =
            move |slot: &Slot<D>| slot.kinds.iter().any(|(_, kind)| format!("{}/{kind}", slot.name) == lane);
        self.worker.parts.slots.iter().enumerate().filter(move |(_, slot)| gets(slot)).map(|(at, _)| at)
    }

    fn first_out(&self) -> Option<Timestamp> {
        let accounts = self.worker.parts.accounts.iter();
        accounts.filter_map(|account| account.admission().parked().and_then(|park| park.until)).min()
    }
}
