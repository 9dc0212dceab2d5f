//! Taking somebody out of every table.
//!
//! First they are kept out; then answers and tasks are looked through, a few at a time and beside whoever works; at the end
//! what is theirs goes in one transaction, with the record that says who they are.

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::erase::{Cut, Traces, is_about};
use collector_core::error::Result;
use collector_core::id::{Digest, Id, IdHash, Ids, PayloadId, RecordKey, RunId};
use collector_core::store::ledger::EntityRow;
use collector_core::store::{Committed, Erased};
use collector_core::task::Task;
use sea_orm::Value;

use super::commit::{self, Outcome, Target};
use super::counters::Counter;
use super::database::Database;
use super::outbox::Wish;
use super::session::Session;
use super::sides::Sides;
use super::tasks::State;
use super::values::{bytes, from_json_or_none, hash, int, ints, text, time};
use super::write::{Need, Write};
use super::{again, aliases, entities, payloads, tasks, workers};

/// Rows looked at together.
const PAGE: u64 = 1_000;

/// Whom it is about.
pub(super) struct Who {
    ids: Ids,
    traces: Traces,
}

impl Who {
    async fn of<D: Domain>(tx: &Session, ids: &Ids) -> Result<(Self, Vec<EntityRow<D::Item>>)> {
        let rows = found::<D>(tx, ids).await?;
        let mut ids = ids.clone();
        rows.iter().for_each(|row| ids.include(row.ids.clone()));
        let lost: Vec<_> = rows.iter().flat_map(|row| row.lost.iter().cloned()).collect();
        let traces = Traces::of(&ids, &lost);
        Ok((Self { ids, traces }, rows))
    }
}

/// Keeps somebody out from now on: first of all, so that whatever comes while the rest is looked through shows them no
/// more. Until the [end](erase) the record says who they are, so a call that was killed is done by the same call again.
pub(super) async fn keep_out<D: Domain>(target: &Target<'_>, ids: &Ids) -> Result<Who> {
    let tx = target.database.write().await?;
    let (who, _) = Who::of::<D>(&tx, ids).await?;
    target.barred.add(&tx, &who.ids).await?;
    tx.commit().await?;
    Ok(who)
}

/// Looks through every answer, a few at a time: they may be named in one that is about somebody else. Nobody waits for
/// it; only where they are found something is written.
pub(super) async fn look_through(database: &Database, who: &Who, erased: &mut Erased) -> Result<()> {
    let mut after = None;
    let last = database.call(|| newest_answer(database)).await?;
    while after.is_none_or(|PayloadId(after)| after < last) {
        let read = || async {
            let tx = database.read().await?;
            let page = again::answers(&tx, None, after, PAGE as usize).await;
            tx.end().await;
            page
        };
        let page = database.call(read).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.payload.id);
        let named = page.iter().filter(|answer| {
            who.traces.are_in(&answer.payload.body)
                || answer.tasks.iter().any(|task| is_about(task, &who.traces))
        });
        let named: Vec<u64> = named.map(|answer| answer.payload.id.0).collect();
        if named.is_empty() {
            continue;
        }
        let cut = || async {
            let mut write = Write::begin(database, Need::default()).await?;
            let mut cut = Erased::default();
            cut_answers(&mut write, &who.traces, &named, &mut cut).await?;
            write.commit().await?;
            Ok(cut)
        };
        let cut = database.call(cut).await?;
        erased.answers_removed += cut.answers_removed;
        erased.answers_rewritten += cut.answers_rewritten;
    }
    Ok(())
}

async fn newest_answer(database: &Database) -> Result<u64> {
    let tx = database.read().await?;
    let row = tx.one("SELECT MAX(id) FROM @payload", vec![]).await;
    tx.end().await;
    row?.map_or(Ok(0), |row| Ok(row.int_or_null(0)?.unwrap_or(0)))
}

/// Ends open tasks about them as answered with nothing, and forgets of all what was asked; a few at a time.
pub(super) async fn end_tasks(
    database: &Database,
    who: &Who,
    now: Timestamp,
    erased: &mut Erased,
) -> Result<()> {
    let mut after = 0;
    loop {
        let read = || async {
            let tx = database.read().await?;
            let page = tasks_about(&tx, &who.traces, after).await;
            tx.end().await;
            page
        };
        let Some((last, theirs)) = database.call(read).await? else { return Ok(()) };
        after = last;
        if theirs.is_empty() {
            continue;
        }
        let end = || async {
            let mut write = Write::begin(database, Need::default()).await?;
            end_these(&mut write, &theirs, now).await?;
            write.commit().await
        };
        database.call(end).await?;
        erased.tasks += theirs.len() as u64;
    }
}

/// Takes what is theirs out, in one transaction: the record, what was said of them, the answers that showed them.
pub(super) async fn erase<'a, D: Domain>(
    target: &Target<'a>,
    ids: &Ids,
    erased: &mut Erased,
    now: Timestamp,
) -> Result<Outcome<'a, D::Entity>> {
    let mut write = Write::begin(target.database, Need { commits: 1, ..Need::default() }).await?;
    let (Who { ids, traces }, rows) = Who::of::<D>(&write.tx, ids).await?;
    *erased = Erased { ids, ..Erased::default() };
    for row in &rows {
        erased.records.push(row.key);
        erased.sightings += row.sightings.len() as u64;
        erased.facts.push(row.facts.clone());
    }
    let number = write.counters.next(Counter::Commit);
    let keys = with_joined(&write.tx, &rows).await?;
    // What came since it was looked through.
    let linked = linked(&write.tx, &keys).await?;
    let wishes = end_entities(&mut write, &rows, &keys, number, erased).await?;
    let had = rows.iter().flat_map(|row| row.lost.iter().map(|lost| &lost.id));
    let had: Vec<IdHash> = erased.ids.iter().chain(had).map(Id::hash).collect();
    let freed = rows.iter().flat_map(|row| had.iter().map(|id| (*id, row.key)));
    aliases::free(&write.tx, &freed.collect::<Vec<_>>()).await?;
    cut_answers(&mut write, &traces, &linked, erased).await?;
    erased.letters = forget_letters(&write.tx, &traces, &rows).await?;
    erased.places = leave_lists(&write.tx, &traces).await?;
    let owner = workers::acting(&mut write, target.worker, now).await?;
    let mask = commit::wish(&mut write, &wishes, owner).await?;
    let changes = commit::gone(&wishes);
    let handing_over = target.handing_over.lock().await;
    write.commit().await?;
    let committed = Committed { versions: wishes.len() as u64, ..Committed::default() };
    Ok(Outcome { committed, owner, mask, changes, _handing_over: handing_over })
}

/// Whoever these identities belong to.
async fn found<D: Domain>(tx: &Session, ids: &Ids) -> Result<Vec<EntityRow<D::Item>>> {
    let hashes: Vec<IdHash> = ids.iter().map(Id::hash).collect();
    let mut keys: Vec<RecordKey> =
        aliases::owners_to_change(tx, &hashes).await?.into_iter().map(|(_, key)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut sides = Sides::load(tx).await?;
    entities::rows::<D>(tx, keys, &mut sides).await
}

/// Ends the entities; what is left of one is its number, with the version of its deletion.
async fn end_entities<I>(
    write: &mut Write,
    rows: &[EntityRow<I>],
    keys: &[Value],
    commit: u64,
    erased: &mut Erased,
) -> Result<Vec<Wish>> {
    let mut wishes = Vec::with_capacity(rows.len());
    for row in rows {
        let version = row.version + 1;
        let end = "UPDATE @entity SET version = ?, merged_into = id, digest = ?, ids = '{}', lost = NULL, \
                   facts = NULL WHERE id = ?";
        write.tx.run(end, vec![int(version), hash(Digest::default().0), int(row.key.0)]).await?;
        write.counters.take(Counter::Entities, 1);
        write.counters.add(Counter::Versions, 1);
        write.counters.take(Counter::Sightings, row.sightings.len() as u64);
        wishes.push(Wish { key: row.key, version, is_new: false, mask: u64::MAX, since: commit });
    }
    write.tx.run_in("DELETE FROM @sighting WHERE entity IN (?*)", &[], keys).await?;
    erased.days = write.tx.run_in("DELETE FROM @history WHERE entity IN (?*)", &[], keys).await?;
    write.tx.run_in("DELETE FROM @payload_entity WHERE entity IN (?*)", &[], keys).await?;
    Ok(wishes)
}

/// Their keys, with those of records that were joined into them: they have days and links of their own.
async fn with_joined<I>(tx: &Session, rows: &[EntityRow<I>]) -> Result<Vec<Value>> {
    let mut all: Vec<u64> = rows.iter().map(|row| row.key.0).collect();
    let mut next = all.clone();
    while !next.is_empty() {
        let joined = "SELECT id FROM @entity WHERE merged_into IN (?*)";
        let found = tx.rows_in(joined, &[], &ints(next)).await?;
        next = found.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        next.retain(|key| !all.contains(key));
        all.extend(&next);
    }
    Ok(ints(all))
}

/// The answers that showed them.
async fn linked(tx: &Session, keys: &[Value]) -> Result<Vec<u64>> {
    let query = "SELECT DISTINCT payload FROM @payload_entity WHERE entity IN (?*)";
    let mut linked: Vec<u64> =
        tx.rows_in(query, &[], keys).await?.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    linked.sort_unstable();
    Ok(linked)
}

/// Takes them out of these answers.
async fn cut_answers(write: &mut Write, traces: &Traces, ids: &[u64], erased: &mut Erased) -> Result<()> {
    let mut compressor = payloads::compressor()?;
    let mut gone = Vec::new();
    // One by one: what is held at once is one answer, however many there are.
    for id in ids {
        let Some(answer) = again::answer(&write.tx, PayloadId(*id)).await? else { continue };
        if answer.tasks.iter().any(|task| is_about(task, traces)) {
            gone.push(int(*id));
            continue;
        }
        match traces.cut(&answer.payload.body) {
            Cut::Untouched => {}
            Cut::Nothing => gone.push(int(*id)),
            Cut::Rest(rest) => {
                let packed = payloads::pack(&mut compressor, &rest);
                let rewrite = "UPDATE @payload SET codec = ?, body = ?, malformed = NULL WHERE id = ?";
                write.tx.run(rewrite, vec![int(packed.codec), bytes(packed.body), int(*id)]).await?;
                erased.answers_rewritten += 1;
            }
        }
    }
    erased.answers_removed += gone.len() as u64;
    write.counters.take(Counter::Payloads, gone.len() as u64);
    // Sightings are found by their record, and those are whom the answers showed.
    let shown = again::shown(&write.tx, ids.iter().map(|id| PayloadId(*id))).await?;
    for (payload, keys) in shown.iter().filter(|(payload, _)| gone.contains(&int(payload.0))) {
        let keys = ints(keys.iter().map(|key| key.0));
        let forget = "UPDATE @sighting SET payload = NULL WHERE payload = ? AND entity IN (?*)";
        write.tx.run_in(forget, &[int(payload.0)], &keys).await?;
    }
    write.tx.run_in("DELETE FROM @dead WHERE payload IN (?*)", &[], &gone).await?;
    write.tx.run_in("DELETE FROM @payload_entity WHERE payload IN (?*)", &[], &gone).await?;
    write.tx.run_in("DELETE FROM @payload WHERE id IN (?*)", &[], &gone).await.map(|_| ())
}

/// The tasks about them in a page behind one, and the last one of the page; `None` at the end.
async fn tasks_about(tx: &Session, traces: &Traces, after: u64) -> Result<Option<(u64, Vec<u64>)>> {
    let query = "SELECT t.id, l.source, l.kind, t.subject, t.extra FROM @task t \
                 JOIN @lane l ON l.id = t.lane WHERE t.id > ? ORDER BY t.id LIMIT ?";
    let rows = tx.rows(query, ints([after, PAGE])).await?;
    let (mut last, mut theirs) = (None, Vec::new());
    for row in &rows {
        let id = row.int(0)?;
        last = Some(id);
        let (subject, extra) = (row.text(3)?, row.text_or_null(4)?);
        let named = |text: &str| traces.are_in(text.as_bytes());
        if !named(&subject) && !extra.as_deref().is_some_and(named) {
            continue;
        }
        let task: Task = tasks::task(&row.text(1)?.into(), &row.text(2)?.into(), subject, 0, extra)?;
        if is_about(&task, traces) {
            theirs.push(id);
        }
    }
    Ok(last.map(|last| (last, theirs)))
}

async fn end_these(write: &mut Write, theirs: &[u64], now: Timestamp) -> Result<()> {
    let query = "SELECT id, state, lane, run FROM @task WHERE id IN (?*){lock id}";
    for row in write.tx.rows_in(query, &[], &ints(theirs.iter().copied())).await? {
        let task = row.int(0)?;
        if row.int(1)? <= State::Claimed as u64 {
            end_task(write, task, row.int(2)?, row.int(3)?, now).await?;
        }
        let forget = "UPDATE @task SET subject = '', extra = NULL WHERE id = ?";
        write.tx.run(forget, vec![int(task)]).await?;
    }
    Ok(())
}

async fn end_task(write: &mut Write, task: u64, lane: u64, run: u64, now: Timestamp) -> Result<()> {
    let end = "UPDATE @task SET state = ?, worker = NULL, claim = NULL, not_before = NULL, finished_at = ? \
               WHERE id = ?";
    let values = vec![int(State::Absent as u64), time(now), int(task)];
    write.tx.run(end, values).await?;
    write.lanes.count(lane, -1);
    write.counters.add(Counter::Absent, 1);
    let mut runs = vec![run];
    for row in write.tx.rows("SELECT run FROM @run_task WHERE task = ?", vec![int(task)]).await? {
        runs.push(row.int(0)?);
    }
    for run in runs {
        let books = write.runs.of(RunId(run));
        books.open -= 1;
        books.counts.absent += 1;
    }
    Ok(())
}

async fn forget_letters<I>(tx: &Session, traces: &Traces, rows: &[EntityRow<I>]) -> Result<u64> {
    let mut theirs = Vec::new();
    for row in tx.rows("SELECT id, what, message, entity FROM @dead", vec![]).await? {
        let named = traces.are_in(row.text(1)?.as_bytes()) || traces.are_in(row.text(2)?.as_bytes());
        let entity = row.int_or_null(3)?;
        if named || rows.iter().any(|row| Some(row.key.0) == entity) {
            theirs.push(int(row.int(0)?));
        }
    }
    tx.run_in("DELETE FROM @dead WHERE id IN (?*)", &[], &theirs).await
}

async fn leave_lists(tx: &Session, traces: &Traces) -> Result<u64> {
    let mut places = 0;
    for row in tx.rows("SELECT list, place, ids FROM @list_member", vec![]).await? {
        let (list, place) = (row.text(0)?, row.int(1)?);
        let ids: Ids = from_json_or_none(Some(&row.text(2)?))?;
        if ids.iter().any(|id| traces.is(&id.value)) {
            let leave = "DELETE FROM @list_member WHERE list = ? AND place = ?";
            tx.run(leave, vec![text(list), int(place)]).await?;
            places += 1;
        }
    }
    if places > 0 {
        let empty = "DELETE FROM @list WHERE name NOT IN (SELECT list FROM @list_member)";
        tx.run(empty, vec![]).await?;
    }
    Ok(places)
}
