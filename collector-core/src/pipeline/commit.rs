//! Writes finished calls together, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::worker::Worker;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind};
use crate::id::Name;
use crate::lock::Lease;
use crate::observe::Event;
use crate::store::{Committed, FinishedCall, Verdict};

/// The most items in one transaction, unless a single call has more: larger ones save nothing, hold up the sinks and
/// keep more in memory.
const MOST_ITEMS: usize = 1_000;

/// Transactions at once. The store writes them one after the other; while one is written the next one is prepared.
const AT_ONCE: usize = 2;

/// A finished call on its way into the store.
pub(super) struct Landing<D: Domain> {
    pub(super) call: FinishedCall<D>,
    pub(super) leases: Vec<Lease>,
    /// The account whose budget its commit corrects.
    pub(super) booked: Option<usize>,
    /// Its place in the window, free again when it is committed.
    pub(super) slot: OwnedSemaphorePermit,
}

/// Commits until the stage that starts calls is gone and nothing is left.
pub(super) async fn run<D: Domain>(
    worker: Arc<Worker<D>>,
    mut landings: mpsc::UnboundedReceiver<Landing<D>>,
) {
    let window = worker.parts.settings.commit_window;
    let mut batch = Vec::with_capacity(window);
    let mut writes = JoinSet::new();
    loop {
        tokio::select! {
            more = landings.recv_many(&mut batch, window) => if more == 0 { break },
            Some(write) = writes.join_next() => {
                ended(&worker, Some(write));
                continue;
            }
        }
        gather(&worker, &mut landings, &mut batch, &mut writes).await;
        while !batch.is_empty() {
            let rest = batch.split_off(fitting(&batch));
            let part = std::mem::replace(&mut batch, rest);
            while writes.len() >= AT_ONCE {
                ended(&worker, writes.join_next().await);
            }
            writes.spawn(land(Arc::clone(&worker), part));
        }
    }
    while let Some(write) = writes.join_next().await {
        ended(&worker, Some(write));
    }
}

/// How many of these calls make one transaction: at least one.
fn fitting<D: Domain>(batch: &[Landing<D>]) -> usize {
    let mut items = 0;
    let more = batch.iter().take_while(|landing| {
        items += landing.call.items.len();
        items <= MOST_ITEMS
    });
    more.count().max(1)
}

/// Waits a little for company, and longer while a transaction is running: larger ones cost less. Not while something
/// waits for this one: follow-ups, a stop, or because nothing else is running.
async fn gather<D: Domain>(
    worker: &Worker<D>,
    landings: &mut mpsc::UnboundedReceiver<Landing<D>>,
    batch: &mut Vec<Landing<D>>,
    writes: &mut JoinSet<()>,
) {
    let window = worker.parts.settings.commit_window;
    let deadline = worker.tick() + worker.parts.settings.commit_linger;
    let full = |batch: &[Landing<D>]| {
        batch.len() >= window
            || batch.iter().map(|landing| landing.call.items.len()).sum::<usize>() >= MOST_ITEMS
    };
    let hurry = |batch: &[Landing<D>]| {
        batch.iter().any(|landing| !landing.call.follow_ups.is_empty())
            || worker.drain.is_cancelled()
            || worker.gauges.running.load(Ordering::SeqCst) == 0
    };
    while !full(batch) && (!writes.is_empty() || !hurry(batch)) {
        let room = window - batch.len();
        tokio::select! {
            more = landings.recv_many(batch, room) => if more == 0 { return },
            Some(write) = writes.join_next() => ended(worker, Some(write)),
            () = tokio::time::sleep_until(deadline), if writes.is_empty() => return,
        }
    }
}

/// A transaction that panics would be missed for ever.
fn ended<D: Domain>(worker: &Worker<D>, write: Option<Result<(), JoinError>>) {
    if let Some(Err(error)) = write {
        worker.fail(Error::new(ErrorKind::Unexpected, "a commit ended abnormally").caused_by(error));
    }
}

/// Writes a part of the window, and says that its places are free.
async fn land<D: Domain>(worker: Arc<Worker<D>>, part: Vec<Landing<D>>) {
    let size = part.len();
    if !worker.has_failed() {
        write(&worker, part).await;
    }
    worker.gauges.finished.fetch_sub(size, Ordering::SeqCst);
    worker.wake.notify_one();
    worker.progressed();
}

async fn write<D: Domain>(worker: &Worker<D>, batch: Vec<Landing<D>>) {
    let mut calls = Vec::with_capacity(batch.len());
    let mut leases = Vec::with_capacity(batch.len());
    let mut slots = Vec::with_capacity(batch.len());
    let mut lanes = Vec::new();
    let mut accounts = Vec::new();
    let mut verdicts: BTreeMap<(Name, Name), Verdicts> = BTreeMap::new();
    for landing in batch {
        for task in &landing.call.tasks {
            let verdicts = verdicts.entry(lane(&task.claimed.task)).or_default();
            match &task.verdict {
                Verdict::Done => verdicts.done += 1,
                Verdict::Absent(_) => verdicts.absent += 1,
                Verdict::Dead { .. } => verdicts.dead += 1,
                Verdict::Later(_) | Verdict::Retry { .. } => {
                    verdicts.again += 1;
                    lanes.push(lane(&task.claimed.task));
                }
                Verdict::Restart(task) => {
                    verdicts.again += 1;
                    lanes.push(lane(task));
                }
            }
        }
        lanes.extend(landing.call.follow_ups.iter().map(lane));
        accounts.extend(landing.booked);
        calls.push(landing.call);
        leases.extend(landing.leases);
        slots.push(landing.slot);
    }
    let count = calls.len();
    let shown = match worker.shown_in(calls.iter()).await {
        Ok(shown) => shown,
        Err(error) => return worker.fail(error),
    };
    let began = worker.tick();
    let committed = worker.store().commit(&worker.id, calls, worker, worker.now()).await;
    let took = worker.tick().saturating_duration_since(began);
    // Only now: until the answer is durable nobody else may ask for the same.
    worker.keeper.release(leases).await;
    match committed {
        Ok(committed) => {
            for account in accounts {
                worker.booked[account].fetch_sub(1, Ordering::SeqCst);
            }
            lanes.sort();
            lanes.dedup();
            lanes.iter().for_each(|(source, kind)| worker.wet(source, kind));
            announce(worker, count, verdicts, &committed, took);
            if let Err(error) = worker.count_shown(shown).await {
                worker.fail(error);
            }
        }
        Err(error) => worker.fail(error),
    }
    drop(slots);
}

/// How many tasks of a lane were answered how.
#[derive(Debug, Default)]
struct Verdicts {
    done: usize,
    absent: usize,
    dead: usize,
    again: usize,
}

fn lane(task: &crate::task::Task) -> (Name, Name) {
    (Arc::clone(task.source()), Arc::clone(task.kind()))
}

fn announce<D: Domain>(
    worker: &Worker<D>,
    calls: usize,
    verdicts: BTreeMap<(Name, Name), Verdicts>,
    committed: &Committed,
    took: Duration,
) {
    if committed.versions > 0 {
        for outlet in &worker.outlets {
            outlet.owed.fetch_add(committed.versions, Ordering::SeqCst);
            outlet.marks.committed(worker.tick(), committed.versions);
            outlet.moves();
            outlet.wake.notify_one();
        }
    }
    if !committed.stale.is_empty() {
        tracing::warn!(
            tasks = committed.stale.len(),
            "answers came for tasks that others have taken over; they are kept"
        );
    }
    worker.observe(&Event::Committed {
        calls,
        tasks: verdicts.values().map(|verdicts| verdicts.done + verdicts.absent).sum(),
        dead: verdicts.values().map(|verdicts| verdicts.dead).sum(),
        changed: committed.changed,
        unchanged: committed.unchanged,
        opened: committed.enqueued,
        took,
    });
    for ((source, kind), Verdicts { done, absent, dead, again }) in verdicts {
        worker.observe(&Event::Answered { source, kind, done, absent, dead, again });
    }
}
