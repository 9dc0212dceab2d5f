//! Hands changes to one sink and settles what became of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::waiting::Part;
use super::worker::Worker;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorChain, ErrorKind, Result};
use crate::observe::Event;
use crate::sink::{Change, Written, Wrote};
use crate::store::{Fate, Settled};
use crate::task::Task;

/// The pause after a sink fails as a whole: doubled up to the longest. One that is up again is soon found to be so.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause before a change is offered again that the sink could not take now.
const OFFER_AGAIN: Duration = Duration::from_secs(1);
/// The pause after a change asked for a newer version of its record.
const REFRESH: Duration = Duration::from_secs(5);
/// How often a stage looks for changes that became due or were taken over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Projects to the sink number `at` until the worker finishes.
pub(super) async fn run<D: Domain>(worker: Arc<Worker<D>>, at: usize) {
    let limits = worker.parts.sinks[at].limits();
    let mut writes: JoinSet<Result<bool>> = JoinSet::new();
    let mut pause = FIRST_PAUSE;
    while !worker.finish.is_cancelled() {
        while writes.len() >= limits.in_flight {
            follow(&worker, writes.join_next().await, &mut pause).await;
        }
        wait_for_company(&worker, at, limits.items, limits.age, !writes.is_empty()).await;
        let sink = worker.parts.sinks[at].name();
        let batch = match worker.store().take_pending(sink, &worker.id, limits.items, worker.now()).await {
            Ok(batch) => batch,
            Err(error) => return worker.fail(error),
        };
        if batch.is_empty() {
            tokio::select! {
                () = worker.finish.cancelled() => {}
                () = worker.outlets[at].wake.notified() => {}
                () = worker.parts.clock.sleep(LOOK_AGAIN) => {}
                Some(written) = writes.join_next() => follow(&worker, Some(written), &mut pause).await,
            }
            continue;
        }
        let worker = Arc::clone(&worker);
        writes.spawn(async move { write(&worker, at, batch).await });
    }
    // What is being written gets its time; what it settles need not be written again.
    while let Some(written) = writes.join_next().await {
        follow(&worker, Some(written), &mut pause).await;
    }
}

/// After a write: a sink that failed is left alone for a while.
async fn follow<D: Domain>(
    worker: &Worker<D>,
    written: Option<Result<Result<bool>, tokio::task::JoinError>>,
    pause: &mut Duration,
) {
    match written {
        Some(Ok(Ok(true))) => *pause = FIRST_PAUSE,
        Some(Ok(Ok(false))) => {
            tokio::select! {
                () = worker.finish.cancelled() => {}
                () = worker.parts.clock.sleep(*pause) => {}
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
        }
        Some(Ok(Err(error))) => worker.fail(error),
        Some(Err(join)) => {
            worker.fail(Error::new(ErrorKind::Unexpected, "a projection ended abnormally").caused_by(join))
        }
        None => {}
    }
}

/// Larger batches cost less; a full one goes at once, and so does everything when nothing more is coming.
async fn wait_for_company<D: Domain>(worker: &Worker<D>, at: usize, items: usize, age: Duration, busy: bool) {
    let outlet = &worker.outlets[at];
    let deadline = worker.tick() + age;
    let enough = || outlet.owed.load(Ordering::SeqCst) >= items as u64 || (worker.gauges.idle() && !busy);
    while !enough() && !worker.finish.is_cancelled() && !worker.drain.is_cancelled() {
        tokio::select! {
            () = outlet.wake.notified() => {}
            () = tokio::time::sleep_until(deadline) => return,
        }
    }
}

/// Writes a batch and settles it; `false` when the sink failed as a whole.
async fn write<D: Domain>(worker: &Worker<D>, at: usize, batch: Vec<Change<D::Entity>>) -> Result<bool> {
    let sink = &worker.parts.sinks[at];
    let timeout = worker.parts.settings.sink_timeout;
    let written =
        AssertUnwindSafe(tokio::time::timeout(timeout, sink.write(&worker.cx, &batch))).catch_unwind().await;
    let written = match written {
        Ok(Ok(written)) => written.and_then(|written| complete(written, batch.len())),
        Ok(Err(_)) => {
            Err(Error::new(ErrorKind::Timeout, format!("the sink did not answer within {timeout:?}")))
        }
        Err(_) => Err(Error::new(ErrorKind::Unexpected, "the sink panicked")),
    };
    match written {
        Ok(written) => {
            worker.outlets[at].works();
            worker.troubles.works(Part::Sink(at));
            settle(worker, at, &batch, written).await?;
            Ok(true)
        }
        // Nobody reads any more (a closed pipe): that ends the run, quietly.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Cancelled | ErrorKind::Storage | ErrorKind::ConfigInvalid
            ) =>
        {
            Err(error)
        }
        Err(error) => {
            fail(worker, at, &batch, &error).await?;
            Ok(false)
        }
    }
}

fn complete(written: Written, changes: usize) -> Result<Written> {
    if written.outcomes.len() == changes {
        return Ok(written);
    }
    let message = format!("the sink gave {} outcomes for {changes} changes", written.outcomes.len());
    Err(Error::new(ErrorKind::Unexpected, message))
}

async fn settle<D: Domain>(
    worker: &Worker<D>,
    at: usize,
    batch: &[Change<D::Entity>],
    written: Written,
) -> Result<()> {
    let now = worker.now();
    let (mut stored, mut rejected, mut owed) = (0, 0, 0);
    let mut settled = Vec::with_capacity(batch.len());
    for (change, outcome) in batch.iter().zip(written.outcomes) {
        let fate = match outcome {
            Wrote::Stored(facts) => {
                stored += 1;
                Fate::Stored(facts)
            }
            Wrote::Superseded => Fate::Superseded,
            Wrote::Rejected(reason) => {
                rejected += 1;
                Fate::Rejected(reason)
            }
            Wrote::Retry { after } => {
                owed += 1;
                Fate::Owed { not_before: now + after.unwrap_or(OFFER_AGAIN), ask: Vec::new() }
            }
            Wrote::Refresh(reason) => {
                tracing::debug!(record = %change.key(), reason, "a sink asks for a newer version");
                let fate = refresh(worker, change, reason).await?;
                match fate {
                    Fate::Rejected(_) => rejected += 1,
                    Fate::Owed { .. } => owed += 1,
                    Fate::Stored(_) | Fate::Superseded => {}
                }
                fate
            }
        };
        settled.push(Settled { key: change.key(), version: change.version(), fate });
    }
    let sink = worker.parts.sinks[at].name();
    let count = settled.len() - owed;
    worker.store().settle(sink, &worker.id, settled, written.position, now).await?;
    let outlet = &worker.outlets[at];
    if count == 0 {
        outlet.holds(worker.tick())
    } else {
        outlet.moves()
    }
    // Saturating: changes taken over from others were never counted here.
    let less = |owed: u64| Some(owed.saturating_sub(count as u64));
    outlet.owed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).unwrap_or_default();
    outlet.marks.settled(count as u64);
    worker.observe(&Event::Settled { sink: sink.into(), stored, rejected, owed });
    worker.wake.notify_one();
    worker.progressed();
    Ok(())
}

/// Asks again whoever can tell more about the record, and puts the change off until they may have answered. Where there
/// is nobody to ask, no newer version will come of waiting: the change is refused, as its letter says.
async fn refresh<D: Domain>(worker: &Worker<D>, change: &Change<D::Entity>, reason: String) -> Result<Fate> {
    // Erased or joined meanwhile: the deletion is a change of its own.
    let Some(ids) = worker.store().ids(change.key()).await? else { return Ok(Fate::Superseded) };
    // The sink says that the freshest answer is out of date. What two sources name is one task to the store.
    let lookups = worker.parts.sources().filter_map(|slot| worker.parts.lookup(slot, &ids));
    let ask: Vec<Task> = lookups.map(Task::regardless_of_freshness).collect();
    if ask.is_empty() {
        return Ok(Fate::Rejected(format!("{reason}; no source can be asked for a newer version")));
    }
    Ok(Fate::Owed { not_before: worker.now() + REFRESH, ask })
}

/// The whole batch is in doubt: it stays owed.
async fn fail<D: Domain>(
    worker: &Worker<D>,
    at: usize,
    batch: &[Change<D::Entity>],
    error: &Error,
) -> Result<()> {
    let sink = worker.parts.sinks[at].name();
    tracing::debug!(sink, kind = %error.kind(), error = %ErrorChain(error), "a sink failed; its changes stay pending");
    worker.outlets[at].failed(worker.tick(), error);
    worker.troubles.failed(Part::Sink(at), sink, error, worker.now());
    worker.observe(&Event::SinkPaused { sink: sink.into(), kind: error.kind(), pause: FIRST_PAUSE });
    let now: Timestamp = worker.now();
    let owed = |change: &Change<D::Entity>| Settled {
        key: change.key(),
        version: change.version(),
        fate: Fate::Owed { not_before: now, ask: Vec::new() },
    };
    worker.store().settle(sink, &worker.id, batch.iter().map(owed).collect(), None, now).await?;
    worker.progressed();
    Ok(())
}
