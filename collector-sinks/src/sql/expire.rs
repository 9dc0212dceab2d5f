//! Drops what a source gave and nobody may keep any longer, a few rows at a time.
//!
//! What was said goes first, then that it was asked, at the end the answers: as long as there are some, it is seen that
//! something is left. From the first batch on a note says how far, so that nothing older comes back beside it.

use std::collections::HashSet;

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::{PayloadId, RecordKey};
use collector_core::store::ledger::{Changes, Ledger};
use collector_core::store::{Committed, Expired, FinishedCall, PROMPT, Place, Tidied};
use sea_orm::Value;

use super::barred::Rest;
use super::commit::{self, Outcome, Target};
use super::counters::Counter;
use super::entities::{self, Loaded};
use super::session::Session;
use super::sides::Sides;
use super::tasks::State;
use super::tidy::{self, ANSWERS, ROWS};
use super::values::{int, ints, signed, text};
use super::write::{Need, Write};
use super::{notes, workers};

/// Records merged anew in a batch.
const RECORDS: usize = 500;

/// How much later than a younger answer an older one may have been committed: numbers grow with time only so far.
const LATE: std::time::Duration = std::time::Duration::from_secs(3_600);

const SIGHTINGS: u8 = 0;
const TASKS: u8 = 1;

/// Of which source, and what came last before when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Old<'a> {
    pub(super) source: &'a str,
    pub(super) before: Timestamp,
}

/// Drops one batch; beside it nobody writes.
pub(super) async fn expire<'a, D: Domain>(
    target: &Target<'a>,
    domain: &D,
    old: Old<'_>,
    place: Place,
    now: Timestamp,
) -> Result<(Expired, Option<Outcome<'a, D::Entity>>)> {
    let need = Need { commits: 1, ..Need::default() };
    let mut write = Write::alone_adding(target.database, need).await?;
    let mut removed = Tidied::default();
    let mut wishes = Vec::new();
    let mut changes = None;
    let behind = |stage, after| Some(Place { stage, after });
    let next = match place.stage {
        SIGHTINGS => {
            remember(&write.tx, old).await?;
            let page = page(&write.tx, old, place.after).await?;
            if !page.old.is_empty() {
                let (owed, decided) = merge_anew(&mut write, domain, old, &page, &mut removed, now).await?;
                (wishes, changes) = (owed, Some(decided));
            }
            removed.days = forget_days(&write.tx, old, &page, changes.as_ref()).await?;
            page.next.map_or(behind(TASKS, 0), |after| behind(SIGHTINGS, after))
        }
        TASKS => {
            let (next, gone) = tasks(&mut write, old, place.after).await?;
            removed.tasks = gone;
            next.map_or(behind(TASKS + 1, 0), |after| behind(TASKS, after))
        }
        stage => {
            let (next, gone) = answers(&mut write, old, place.after).await?;
            removed.answers = gone;
            next.and_then(|after| behind(stage, after))
        }
    };
    removed.done = next.is_none();
    let expired = Expired { removed, next };
    let Some(changes) = changes.filter(|_| !wishes.is_empty()) else {
        write.commit().await?;
        return Ok((expired, None));
    };
    let owner = workers::acting(&mut write, target.worker, now).await?;
    let mask = commit::wish(&mut write, &wishes, owner).await?;
    let committed = Committed { versions: wishes.len() as u64, ..Committed::default() };
    let handing_over = target.handing_over.lock().await;
    write.commit().await?;
    let outcome =
        Outcome { committed, owner, mask, changes: commit::warm(changes), _handing_over: handing_over };
    Ok((expired, Some(outcome)))
}

fn note(source: &str) -> String {
    format!("expired {source}")
}

/// The moment before which it was dropped what a source gave.
async fn moment(tx: &Session, source: &str) -> Result<Option<Timestamp>> {
    Ok(notes::get(tx, &note(source)).await?.and_then(|text| text.parse().ok()))
}

async fn remember(tx: &Session, old: Old<'_>) -> Result<()> {
    if moment(tx, old.source).await?.is_some_and(|known| known >= old.before) {
        return Ok(());
    }
    notes::put(tx, &note(old.source), Some(&old.before.to_string())).await
}

/// Whether what came at a moment is among what was dropped of its source.
pub(super) async fn was_dropped(tx: &Session, source: &str, at: Timestamp) -> Result<bool> {
    Ok(moment(tx, source).await?.is_some_and(|before| at < before))
}

/// What is kept of the answers of calls that come so late that they are among what was dropped: that they were answered.
pub(super) async fn late<D: Domain>(
    tx: &Session,
    calls: &[FinishedCall<D>],
    now: Timestamp,
) -> Result<Vec<(usize, Rest)>> {
    let mut late = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let Some(payload) = call.payload.as_ref().filter(|payload| payload.at + PROMPT < now) else {
            continue;
        };
        if was_dropped(tx, &call.source, payload.at).await? {
            late.push((at, Rest { body: bytes::Bytes::new(), asked: true }));
        }
    }
    Ok(late)
}

/// Records in the order of their keys.
struct Page {
    /// Those of whom the source says something.
    shown: Vec<u64>,
    /// Those of them of whom it said something too long ago.
    old: Vec<RecordKey>,
    /// Answers that came again since.
    anew: HashSet<u64>,
    /// Where the next page begins.
    next: Option<u64>,
}

async fn page(tx: &Session, old: Old<'_>, after: u64) -> Result<Page> {
    let sides = Sides::load(tx).await?.of(old.source);
    let query =
        "SELECT entity, side, seen_at, payload FROM @sighting WHERE entity > ? ORDER BY entity, side LIMIT ?";
    let rows = if sides.is_empty() { Vec::new() } else { tx.rows(query, ints([after, ROWS])).await? };
    let is_last = (rows.len() as u64) < ROWS;
    let (mut shown, mut candidates): (Vec<u64>, Vec<(u64, Option<u64>)>) = (Vec::new(), Vec::new());
    let mut ended = None;
    let mut last = None;
    for row in &rows {
        let entity = row.int(0)?;
        if last.is_some_and(|last| last != entity) {
            ended = last;
            if candidates.len() >= RECORDS {
                break;
            }
        }
        last = Some(entity);
        if !sides.contains(&row.int(1)?) {
            continue;
        }
        if shown.last() != Some(&entity) {
            shown.push(entity);
        }
        if row.time(2)? < old.before {
            candidates.push((entity, row.int_or_null(3)?));
        }
    }
    let next = if is_last && candidates.len() < RECORDS { None } else { ended.or(last) };
    if let Some(next) = next {
        // What is shown of the last one may go on behind the page.
        shown.retain(|entity| *entity <= next);
        candidates.retain(|(entity, _)| *entity <= next);
    }
    let came_in: Vec<u64> = candidates.iter().filter_map(|(_, payload)| *payload).collect();
    let anew = anew(tx, &came_in, old.before).await?;
    candidates.retain(|(_, payload)| payload.is_none_or(|payload| !anew.contains(&payload)));
    let mut old: Vec<RecordKey> = candidates.into_iter().map(|(entity, _)| RecordKey(entity)).collect();
    old.dedup();
    Ok(Page { shown, old, anew, next })
}

/// Of these answers, those that are kept and came again since a moment.
async fn anew(tx: &Session, ids: &[u64], since: Timestamp) -> Result<HashSet<u64>> {
    let mut anew = HashSet::new();
    let query = "SELECT id, last_at FROM @payload WHERE id IN (?*)";
    for row in tx.rows_in(query, &[], &ints(ids.iter().copied())).await? {
        if row.time(1)? >= since {
            anew.insert(row.int(0)?);
        }
    }
    Ok(anew)
}

/// Takes out what was said too long ago, and writes who is left.
async fn merge_anew<D: Domain>(
    write: &mut Write,
    domain: &D,
    old: Old<'_>,
    page: &Page,
    removed: &mut Tidied,
    now: Timestamp,
) -> Result<(Vec<super::outbox::Wish>, Changes<D>)> {
    let mut ledger = Ledger::new(domain);
    let (mut sides, mut loaded) = (Sides::load(&write.tx).await?, Loaded::default());
    entities::load_these(&write.tx, &mut ledger, page.old.clone(), &mut sides, &mut loaded).await?;
    let before = loaded.sightings();
    ledger.drop_sightings(|sighting, origin| {
        let anew = origin.is_some_and(|PayloadId(answer)| page.anew.contains(&answer));
        *sighting.source == *old.source && sighting.seen_at < old.before && !anew
    });
    let mut changes = ledger.close(|| RecordKey(write.counters.next(Counter::EntityKey)))?;
    let number = write.counters.next(Counter::Commit);
    let wishes = entities::save(write, &mut changes, &loaded, &mut sides, &[], number, now).await?;
    let left: usize = changes.entities.iter().map(|change| change.sightings).sum();
    removed.sightings = before.saturating_sub(left as u64);
    removed.records = changes.joined.len() as u64;
    Ok((wishes, changes))
}

/// Forgets the figures of the days before of everybody the source shows, and all of those who ended.
async fn forget_days<D: Domain>(
    tx: &Session,
    old: Old<'_>,
    page: &Page,
    changes: Option<&Changes<D>>,
) -> Result<u64> {
    let shown = ints(page.shown.iter().copied());
    let day = signed(i64::from(old.before.day()));
    let days = tx.run_in("DELETE FROM @history WHERE day < ? AND entity IN (?*)", &[day], &shown).await?;
    let ended = changes.iter().flat_map(|changes| changes.joined.iter().map(|joined| joined.key.0));
    let rest = tx.run_in("DELETE FROM @history WHERE entity IN (?*)", &[], &ints(ended)).await?;
    Ok(days + rest)
}

/// Forgets that tasks of the source were answered: what is gone is asked again.
async fn tasks(write: &mut Write, old: Old<'_>, after: u64) -> Result<(Option<u64>, u64)> {
    let tx = &write.tx;
    let mut lanes = HashSet::new();
    for row in tx.rows("SELECT id FROM @lane WHERE source = ?", vec![text(old.source)]).await? {
        lanes.insert(row.int(0)?);
    }
    let query = "SELECT id, state, finished_at, lane FROM @task WHERE id > ? ORDER BY id LIMIT ?";
    let rows = if lanes.is_empty() { Vec::new() } else { tx.rows(query, ints([after, ROWS])).await? };
    let (mut last, mut gone, mut counted) = (None, Vec::new(), Vec::new());
    for row in &rows {
        let id = row.int(0)?;
        last = Some(id);
        let state = State::of(row.int(1)?)?;
        if matches!(state, State::Done | State::Absent)
            && lanes.contains(&row.int(3)?)
            && row.time_or_null(2)?.is_some_and(|at| at < old.before)
        {
            gone.push(int(id));
            counted.extend(state.counter());
        }
    }
    tx.run_in("DELETE FROM @run_task WHERE task IN (?*)", &[], &gone).await?;
    tx.run_in("DELETE FROM @task WHERE id IN (?*)", &[], &gone).await?;
    counted.into_iter().for_each(|counter| write.counters.take(counter, 1));
    Ok((last.filter(|_| rows.len() as u64 == ROWS), gone.len() as u64))
}

/// Drops answers that did not come again since.
async fn answers(write: &mut Write, old: Old<'_>, after: u64) -> Result<(Option<u64>, u64)> {
    let tx = &write.tx;
    // Those that came first since need not be looked at. Only the columns before the body are read of others' answers.
    let edge = tidy::number_at(tx, old.before + LATE).await?;
    let query = "SELECT id, source FROM @payload WHERE id > ? AND id <= ? ORDER BY id LIMIT ?";
    let rows = tx.rows(query, ints([after, edge, ROWS])).await?;
    let (mut last, mut theirs) = (None, Vec::new());
    for row in &rows {
        if theirs.len() == ANSWERS {
            break;
        }
        last = Some(row.int(0)?);
        if row.text(1)? == old.source {
            theirs.extend(last);
        }
    }
    let gone: Vec<Value> = ints(tidy::old(tx, &theirs, old.before).await?);
    tx.run_in("UPDATE @dead SET payload = NULL WHERE payload IN (?*)", &[], &gone).await?;
    tx.run_in("DELETE FROM @payload_entity WHERE payload IN (?*)", &[], &gone).await?;
    tx.run_in("DELETE FROM @payload WHERE id IN (?*)", &[], &gone).await?;
    write.counters.take(Counter::Payloads, gone.len() as u64);
    Ok((last, gone.len() as u64))
}
