//! Ends submitted runs that have nothing left to do, also when nobody waits for them: else the next job of the same name
//! and query would go on with them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::worker::Worker;
use crate::domain::Domain;
use crate::error::Result;
use crate::id::RunId;
use crate::observe::Event;
use crate::store::{RunEnd, RunState};

/// How often unfinished runs are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Runs looked at in one round; the others wait for their turn.
const ROUND: usize = 64;

/// Runs that were submitted and have not ended.
#[derive(Debug, Default)]
pub(super) struct Watched {
    runs: Mutex<VecDeque<RunId>>,
    added: Notify,
}

impl Watched {
    /// Looks after a run until it has ended.
    pub(super) fn add(&self, run: RunId) {
        self.put_back(run);
        self.added.notify_one();
    }

    fn put_back(&self, run: RunId) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if !runs.contains(&run) {
            runs.push_back(run);
        }
    }

    fn take(&self, max: usize) -> Vec<RunId> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let count = runs.len().min(max);
        runs.drain(..count).collect()
    }

    fn is_empty(&self) -> bool {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// How a run ended that has nothing left to do; `None` while it has.
pub(super) fn over(state: &RunState) -> Option<RunEnd> {
    let end = if state.counts.dead == 0 { RunEnd::Complete } else { RunEnd::Partial };
    match state.ended {
        // A dead letter that is opened again opens its run again.
        Some((_, end)) => (state.open == 0 || end == RunEnd::Cancelled).then_some(end),
        None => (state.open == 0 && state.pending == 0).then_some(end),
    }
}

/// The stage: looks at submitted runs until the worker ends, and once more then.
pub(super) async fn run<D: Domain>(worker: Arc<Worker<D>>) {
    while !worker.finish.is_cancelled() {
        tokio::select! {
            () = worker.finish.cancelled() => {}
            () = worker.watched.added.notified(), if worker.watched.is_empty() => {}
            () = worker.parts.clock.sleep(LOOK_AGAIN), if !worker.watched.is_empty() => {}
        }
        let most = if worker.finish.is_cancelled() { usize::MAX } else { ROUND };
        for run in worker.watched.take(most) {
            match settle(&worker, run).await {
                Ok(true) => {}
                Ok(false) => worker.watched.put_back(run),
                Err(error) => return worker.fail(error),
            }
        }
    }
}

/// Ends a run that has nothing left to do; tells whether it has ended.
async fn settle<D: Domain>(worker: &Worker<D>, run: RunId) -> Result<bool> {
    let Some(state) = worker.store().run(run).await? else { return Ok(true) };
    let Some(mut end) = over(&state) else { return Ok(false) };
    if state.ended.is_none() {
        match worker.missed(run, &state.job).await? {
            None => return Ok(false),
            Some(missed) if !missed.is_empty() => {
                tracing::warn!(%run, job = state.job, missed = missed.join("; "), "a run brought less than expected");
                end = RunEnd::Partial;
            }
            Some(_) => {}
        }
        worker.store().end_run(run, end, worker.now()).await?;
        worker.expect_no_more(run).await?;
        worker.observe(&Event::RunEnded { run, end });
        worker.progressed();
    }
    Ok(true)
}
