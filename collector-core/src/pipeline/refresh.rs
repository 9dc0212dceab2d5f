//! Asks again about those who are known, the oldest word first: so the whole pool stays alive at a steady price.

use std::time::Duration;

use serde::Serialize;

use super::Engine;
use super::worker::{Parts, Slot};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::Result;
use crate::id::{Name, RunId};
use crate::store::{Budget, Enqueued, Reserved, Stale};
use crate::task::{Cost, Task};

/// Asks again about those who are known already, the oldest word first. Part of a [`Job`](super::Job).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refresh {
    /// Whose last word from a source is older than this is asked about again; who never got one, too.
    #[serde(serialize_with = "as_millis")]
    pub older_than: Duration,
    /// At most so many are asked about a day (in UTC), of each source.
    pub per_day: u64,
}

fn as_millis<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(time.as_millis())
}

const DAY: Duration = Duration::from_secs(86_400);

/// Records looked at together.
const PAGE: usize = 10_000;
/// Parts of a day's number that are booked, and then asked about, one after the other: a crash between the two costs one.
const PARTS: u64 = 16;
/// The smallest of them, and the largest.
const SMALLEST: u64 = 16;
const CHUNK: u64 = 1_000;
/// Records that are tried to find out which side of somebody a source's lookups show.
const SAMPLE: usize = 1_000;

/// Adds the tasks of a run that asks again; gives how many are new. Done once more after a crash, it goes on where it was:
/// whom the run asks about already is passed over.
pub(super) async fn enqueue<D: Domain>(
    parts: &Parts<D>,
    run: RunId,
    job: &str,
    refresh: &Refresh,
) -> Result<u64> {
    let mut new = 0;
    let sources: Vec<&Slot<D>> = parts.sources().collect();
    for slot in sources {
        if let Some(aspect) = aspect(parts, slot).await? {
            new += of_source(parts, run, job, refresh, (slot, &*aspect)).await?;
        }
    }
    Ok(new)
}

impl<D: Domain> Engine<D> {
    /// Whom a run that [asks again](Refresh) would ask about at this moment, at most. Asks nobody and writes nothing.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn to_refresh(&self, refresh: &Refresh) -> Result<Vec<Task>> {
        let (parts, mut tasks) = (&self.parts, Vec::new());
        let before = parts.clock.now() - refresh.older_than;
        let most = usize::try_from(refresh.per_day).unwrap_or(usize::MAX);
        let sources: Vec<&Slot<D>> = parts.sources().collect();
        for slot in sources {
            let Some(aspect) = aspect(parts, slot).await? else { continue };
            let stale = parts.store.stale((&*slot.name, &*aspect), before, None, most).await?;
            tasks.append(&mut lookups(parts, slot, &stale));
        }
        Ok(tasks)
    }
}

/// The side of somebody that a source's lookups show; `None` when it can be asked about nobody who is known.
async fn aspect<D: Domain>(parts: &Parts<D>, slot: &Slot<D>) -> Result<Option<Name>> {
    for key in parts.store.keys(None, SAMPLE).await? {
        let Some(ids) = parts.store.ids(key).await? else { continue };
        let task = parts.lookup(slot, &ids);
        if let Some(target) = task.as_ref().and_then(Task::target) {
            return Ok(Some(Name::clone(&target.aspect)));
        }
    }
    Ok(None)
}

/// The tasks that ask about records, as far as the source can be asked about them.
fn lookups<D: Domain>(parts: &Parts<D>, slot: &Slot<D>, stale: &[Stale]) -> Vec<Task> {
    stale.iter().filter_map(|one| parts.lookup(slot, &one.ids)).collect()
}

async fn of_source<D: Domain>(
    parts: &Parts<D>,
    run: RunId,
    job: &str,
    refresh: &Refresh,
    (slot, aspect): (&Slot<D>, &str),
) -> Result<u64> {
    // A budget like a vendor's, in its own row: it holds for every process and after every crash.
    let budget = Budget {
        account: format!("refresh {job}/{}", slot.name).into(),
        units: None,
        requests: Some(refresh.per_day),
        window: DAY,
        offset: Duration::ZERO,
    };
    let now = parts.clock.now();
    let most = (refresh.per_day / PARTS).clamp(SMALLEST, CHUNK);
    let (mut new, mut after) = (0, None);
    let mut booked: Option<Booked> = None;
    'pages: while new < refresh.per_day {
        let before = now - refresh.older_than;
        let page = parts.store.stale((&*slot.name, aspect), before, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.seen_at, last.key));
        let mut tasks = lookups(parts, slot, &page);
        while !tasks.is_empty() {
            let held = match booked {
                Some(held) => held,
                None => match book(parts, &budget, most.min(refresh.per_day - new)).await? {
                    Some(held) => *booked.insert(held),
                    None => break 'pages,
                },
            };
            let most = tasks.len().min(usize::try_from(held.people).unwrap_or(usize::MAX));
            let chunk: Vec<Task> = tasks.drain(..most).collect();
            // Whom the vendor does not know any more was answered inside the window, and counts for nothing.
            let answers = parts.store.enqueue(run, chunk, now).await?;
            let added = answers.iter().filter(|answer| **answer == Enqueued::New).count() as u64;
            new += added;
            booked = Some(Booked { people: held.people - added, ..held }).filter(|held| held.people > 0);
        }
    }
    if let Some(Booked { people, window }) = booked {
        parts.store.settle_cost(&budget.account, window, Cost { units: 0, requests: people }).await?;
    }
    Ok(new)
}

/// People of a day's number who were booked and are not asked about yet.
#[derive(Debug, Clone, Copy)]
struct Booked {
    people: u64,
    window: Timestamp,
}

/// Books at most so many of the day's number; `None` when nothing is left of it.
async fn book<D: Domain>(parts: &Parts<D>, budget: &Budget, most: u64) -> Result<Option<Booked>> {
    let mut people = most;
    while people > 0 {
        let cost = Cost { units: 0, requests: people };
        if let Reserved::Granted { window } = parts.store.reserve(budget, cost, parts.clock.now()).await? {
            return Ok(Some(Booked { people, window }));
        }
        people /= 2;
    }
    Ok(None)
}
