//! One transaction for finished calls: answers, entities, verdicts, follow-ups, outbox.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::{RecordKey, RunId};
use collector_core::store::ledger::{Changes, EntityChange, Ledger};
use collector_core::store::{Committed, Enqueued, FinishedCall, Lookup, Verdict, WorkerId};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};

use super::barred::{self, Barred};
use super::counters::Counter;
use super::database::Database;
use super::enqueue::{Ask, enqueue};
use super::outbox::{self, Wish};
use super::owed::Warm;
use super::payloads::{self, Answer, Kept, Packed};
use super::sides::Sides;
use super::sinks::Sinks;
use super::tasks;
use super::values::{from_json, to_json};
use super::verdicts::{self, Ending};
use super::write::{Need, Write};
use super::{entities, expire, workers};

/// What a commit leaves to be done once it is durable.
pub(super) struct Outcome<'a, E> {
    pub(super) committed: Committed,
    /// The worker that owes the changes.
    pub(super) owner: u64,
    /// The sinks that are owed, as bits.
    pub(super) mask: u64,
    /// The changes, by key; `None` for one that is to be read back.
    pub(super) changes: Vec<(u64, Option<Warm<E>>)>,
    /// Until it is dropped, no later commit becomes durable.
    pub(super) _handing_over: MutexGuard<'a, ()>,
}

/// What is remembered of a call whose items went to the ledger.
struct Landed {
    run: RunId,
    /// Whether one of its tasks was still claimed: else it counts for no run and has no follow-ups.
    current: bool,
}

/// What calls said, for as many attempts as it takes: the first consumes the items.
pub(super) struct Items<I> {
    first: std::sync::Mutex<Option<Vec<Vec<I>>>>,
    /// As JSON, which is how they are kept anyway; where nobody else writes, the first attempt is the only one.
    again: Vec<String>,
}

impl<I: Serialize + DeserializeOwned> Items<I> {
    /// Takes the items out of the calls.
    pub(super) fn of<D: Domain<Item = I>>(calls: &mut [FinishedCall<D>], repeats: bool) -> Result<Self> {
        Self::new(calls.iter_mut().map(|call| std::mem::take(&mut call.items)).collect(), repeats)
    }

    /// Takes items, by call.
    pub(super) fn new(items: Vec<Vec<I>>, repeats: bool) -> Result<Self> {
        let again = if repeats { items.iter().map(to_json).collect::<Result<_>>()? } else { Vec::new() };
        Ok(Self { first: Some(items).into(), again })
    }

    /// The items, by call.
    pub(super) fn give(&self) -> Result<Vec<Vec<I>>> {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(items) => Ok(items),
            None => self.again.iter().map(|items| from_json(items)).collect(),
        }
    }
}

/// What calls said, with what can be made of it before a transaction begins.
pub(super) struct Said<'a, D: Domain> {
    pub(super) calls: &'a [FinishedCall<D>],
    /// The answers' bodies as they are stored, by call.
    pub(super) packed: &'a [Option<Packed>],
}

/// Where and for whom calls are written.
pub(super) struct Target<'a> {
    pub(super) database: &'a Database,
    pub(super) handing_over: &'a Mutex<()>,
    pub(super) worker: &'a WorkerId,
    pub(super) lookup: &'a dyn Lookup,
    pub(super) barred: &'a Barred,
}

/// Writes finished calls.
pub(super) async fn commit<'a, D: Domain>(
    target: &Target<'a>,
    domain: &D,
    said: &Said<'_, D>,
    items: Vec<Vec<D::Item>>,
    now: Timestamp,
) -> Result<Outcome<'a, D::Entity>> {
    let Said { calls, .. } = *said;
    let Target { database, handing_over, worker, lookup, barred } = *target;
    let need = need(calls, &items);
    // Before the transaction: somebody else may be writing meanwhile.
    let mut ledger = Ledger::new(domain);
    for (call, items) in calls.iter().zip(items) {
        let at = call.payload.as_ref().map_or(now, |payload| payload.at);
        ledger.add(&call.source, at, items);
    }
    let mut write = Write::begin(database, need).await?;
    let out = barred.keep_out(&write.tx, &mut ledger).await?;
    let mut cut = barred::cut(calls, &out);
    for (call, rest) in expire::late(&write.tx, calls, now).await? {
        ledger.leave_out(call);
        cut.insert(call, rest);
    }
    let number = write.counters.next(Counter::Commit);
    let mut committed = Committed::default();
    let payloads = answers(&mut write, said, &cut, &mut committed).await?;
    let landed = land(&mut write, worker, calls, &payloads, number, now, &mut committed).await?;
    let mut sides = Sides::load(&write.tx).await?;
    let loaded = entities::load(&write.tx, &mut ledger, &mut sides).await?;
    let mut changes = ledger.close(|| RecordKey(write.counters.next(Counter::EntityKey)))?;
    let wishes =
        entities::save(&mut write, &mut changes, &loaded, &mut sides, &payloads, number, now).await?;
    count_items(&mut write, &landed, &changes, number, &mut committed);
    let owner = workers::acting(&mut write, worker, now).await?;
    let mask = wish(&mut write, &wishes, owner).await?;
    committed.versions = wishes.len() as u64;
    let asks = asks(calls, &landed, &changes, lookup);
    let wanted = barred.wanted(&write.tx, asks.1.iter().map(|ask| &ask.task)).await?;
    follow(&mut write, asks, &wanted, now, &mut committed).await?;
    barred::forget_tasks(&write.tx, calls, &out).await?;
    let handing_over = handing_over.lock().await;
    write.commit().await?;
    Ok(Outcome { committed, owner, mask, changes: warm(changes), _handing_over: handing_over })
}

/// What the calls may add. How many tasks the answers lead to is a guess: few sources look somebody up.
fn need<D: Domain>(calls: &[FinishedCall<D>], items: &[Vec<D::Item>]) -> Need {
    let items: usize = items.iter().map(Vec::len).sum();
    let tasks: usize = calls.iter().map(|call| call.tasks.len()).sum();
    let followed: usize = calls.iter().map(|call| call.follow_ups.len()).sum();
    Need {
        entities: items,
        tasks: 2 * items + tasks + followed,
        letters: tasks,
        answers: calls.iter().filter(|call| call.payload.is_some()).count(),
        commits: 1,
    }
}

/// The changes as sinks will want them. What days tell that came along is not at hand.
pub(super) fn warm<D: Domain>(changes: Changes<D>) -> Vec<(u64, Option<Warm<D::Entity>>)> {
    let changed = changes.entities.into_iter().filter(|change| change.changed);
    let put = changed.map(|change| {
        let EntityChange { key, version, entity, facts, history, .. } = change;
        (key.0, history.is_empty().then_some(Warm { version, record: Some((entity, facts)) }))
    });
    let gone = changes
        .joined
        .iter()
        .map(|joined| (joined.key.0, Some(Warm { version: joined.version, record: None })));
    put.chain(gone).collect()
}

/// Deletions as sinks will want them.
pub(super) fn gone<E>(wishes: &[Wish]) -> Vec<(u64, Option<Warm<E>>)> {
    wishes.iter().map(|wish| (wish.key.0, Some(Warm { version: wish.version, record: None }))).collect()
}

/// Keeps the answers; gives the number of each call's.
async fn answers<D: Domain>(
    write: &mut Write,
    Said { calls, packed }: &Said<'_, D>,
    cut: &HashMap<usize, barred::Rest>,
    committed: &mut Committed,
) -> Result<Vec<Option<u64>>> {
    let each = calls.iter().zip(*packed).enumerate();
    let answers: Vec<Answer<'_>> =
        each.filter_map(|(at, (call, packed))| answer(call, packed.as_ref()?, cut.get(&at))).collect();
    let mut kept = payloads::keep(write, &answers).await?.into_iter();
    let mut numbers = Vec::with_capacity(calls.len());
    for call in *calls {
        let one: Option<Kept> = if call.payload.is_some() { kept.next() } else { None };
        committed.blobs += u64::from(one.is_some_and(|kept| kept.is_new));
        numbers.push(one.map(|kept| kept.id));
    }
    Ok(numbers)
}

fn answer<'a, D: Domain>(
    call: &'a FinishedCall<D>,
    packed: &'a Packed,
    cut: Option<&'a barred::Rest>,
) -> Option<Answer<'a>> {
    let asked = call.tasks.iter().map(|task| &task.claimed.task);
    Some(Answer {
        source: &call.source,
        tasks: call.tasks.iter().map(|task| task.claimed.id).collect(),
        // Of one that shows somebody erased it is not kept who was asked about.
        asked: if cut.is_some_and(|cut| cut.asked) { Vec::new() } else { asked.collect() },
        cut: cut.map(|cut| &cut.body),
        fingerprint: call.fingerprint,
        packed,
        payload: call.payload.as_ref()?,
        malformed: &call.malformed,
    })
}

/// Deals with the tasks of the calls, and counts calls whose claims are current.
async fn land<D: Domain>(
    write: &mut Write,
    worker: &WorkerId,
    calls: &[FinishedCall<D>],
    payloads: &[Option<u64>],
    number: u64,
    now: Timestamp,
    committed: &mut Committed,
) -> Result<Vec<Landed>> {
    let ids = calls.iter().flat_map(|call| &call.tasks).map(|task| task.claimed.id);
    let held = tasks::held(&write.tx, worker, ids).await?;
    let mut ended = HashSet::new();
    let mut endings = Vec::with_capacity(held.len());
    let mut landed = Vec::with_capacity(calls.len());
    for (call, payload) in calls.iter().zip(payloads) {
        let mut run = call.tasks.first().map_or(RunId(0), |task| task.claimed.run);
        let mut current = false;
        for task in &call.tasks {
            let claimed = &task.claimed;
            let holds =
                held.get(&claimed.id).filter(|held| held.under(claimed.claim) && ended.insert(claimed.id));
            let Some(held) = holds else {
                committed.stale.push(claimed.id);
                continue;
            };
            if !std::mem::replace(&mut current, true) {
                // Another one than at the claim, if that one was cancelled meanwhile.
                run = held.run;
            }
            endings.push(Ending {
                held: *held,
                task: &claimed.task,
                verdict: &task.verdict,
                payload: *payload,
            });
        }
        if current {
            count_call(write, run, call, number);
            if let Some((account, window, over)) = &call.refund {
                write.refund(account, *window, *over);
            }
        }
        landed.push(Landed { run, current });
    }
    verdicts::apply(write, &endings, number, now).await?;
    Ok(landed)
}

fn count_call<D: Domain>(write: &mut Write, run: RunId, call: &FinishedCall<D>, number: u64) {
    let malformed = call.malformed.len() as u64;
    let books = write.runs.of(run);
    books.last_commit = Some(number);
    books.counts.answers += u64::from(call.payload.is_some());
    books.counts.malformed += malformed;
    books.counts.items += malformed;
    books.counts.cost = books.counts.cost + call.cost;
}

fn count_items<D: Domain>(
    write: &mut Write,
    landed: &[Landed],
    changes: &Changes<D>,
    number: u64,
    committed: &mut Committed,
) {
    for (call, counts) in landed.iter().zip(&changes.counts) {
        committed.changed += counts.changed;
        committed.unchanged += counts.unchanged;
        if call.current {
            let books = write.runs.of(call.run);
            books.last_commit = Some(number);
            books.counts.changed += counts.changed;
            books.counts.unchanged += counts.unchanged;
            books.counts.malformed += counts.malformed;
            books.counts.items += counts.changed + counts.unchanged + counts.malformed;
        }
    }
}

pub(super) async fn wish(write: &mut Write, wishes: &[Wish], owner: u64) -> Result<u64> {
    let mut sinks = Sinks::load(&write.tx).await?;
    outbox::owe(&write.tx, &mut sinks, wishes, owner).await?;
    let mask = sinks.mask();
    write.balance(sinks);
    Ok(mask)
}

/// What follows from the answers, and how many of it; then whom to ask about what they showed.
fn asks<D: Domain>(
    calls: &[FinishedCall<D>],
    landed: &[Landed],
    changes: &Changes<D>,
    lookup: &dyn Lookup,
) -> (usize, Vec<Ask>) {
    let mut asks = Vec::new();
    for (call, landed) in calls.iter().zip(landed).filter(|(_, landed)| landed.current) {
        let depth = call.tasks.iter().map(|task| task.claimed.depth).max().unwrap_or(0) + 1;
        let again = call.tasks.iter().filter_map(|task| match &task.verdict {
            Verdict::Restart(again) => Some(again.clone()),
            _ => None,
        });
        let tasks = call.follow_ups.iter().cloned();
        asks.extend(tasks.map(|task| Ask { run: landed.run, depth, again: false, task }));
        asks.extend(again.map(|task| Ask { run: landed.run, depth, again: true, task }));
    }
    let followed = asks.len();
    let moved = changes.moved.iter().map(|(call, ids)| (call, lookup.moved(ids)));
    let grown = changes.grown.iter().map(|(call, ids)| (call, lookup.grown(ids)));
    for (call, tasks) in moved.chain(grown) {
        if let Some(landed) = landed.get(*call) {
            // Somebody found is a root again, however deep the answer lay.
            asks.extend(tasks.into_iter().map(|task| Ask { run: landed.run, depth: 0, again: false, task }));
        }
    }
    (followed, asks)
}

/// Adds what follows, but nothing about somebody who was erased.
async fn follow(
    write: &mut Write,
    (followed, asks): (usize, Vec<Ask>),
    wanted: &[bool],
    now: Timestamp,
    committed: &mut Committed,
) -> Result<()> {
    let dropped = wanted.iter().take(followed).filter(|wanted| !**wanted).count();
    let followed = followed - dropped;
    let asks = asks.into_iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(ask, _)| ask).collect();
    let answers = enqueue(write, asks, now).await?;
    let new = answers.iter().take(followed).filter(|answer| **answer == Enqueued::New).count();
    committed.enqueued = new as u64;
    committed.skipped = (followed - new) as u64;
    Ok(())
}
