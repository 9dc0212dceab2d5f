//! Taking somebody out of every table.

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::erase::{Cut, Traces, is_about};
use collector_core::error::Result;
use collector_core::id::{Digest, Id, IdHash, Ids, RecordKey, RunId};
use collector_core::store::ledger::EntityRow;
use collector_core::store::{Committed, Erased};
use collector_core::task::Task;
use sea_orm::Value;

use super::commit::{self, Outcome, Target};
use super::counters::Counter;
use super::outbox::Wish;
use super::session::Session;
use super::sides::Sides;
use super::tasks::State;
use super::values::{bytes, from_json_or_none, hash, int, ints, text, time};
use super::write::{Need, Write};
use super::{again, aliases, entities, payloads, tasks, workers};

/// Rows looked at together.
const PAGE: u64 = 1_000;

/// Takes everything about somebody out, in one transaction.
pub(super) async fn erase<'a, D: Domain>(
    target: &Target<'a>,
    ids: &Ids,
    now: Timestamp,
) -> Result<(Erased, Outcome<'a, D::Entity>)> {
    let mut write = Write::begin(target.database, Need { commits: 1, ..Need::default() }).await?;
    let mut erased = Erased { ids: ids.clone(), ..Erased::default() };
    let rows = found::<D>(&write.tx, ids).await?;
    let mut lost = Vec::new();
    for row in &rows {
        erased.records.push(row.key);
        erased.sightings += row.sightings.len() as u64;
        erased.ids.include(row.ids.clone());
        erased.facts.push(row.facts.clone());
        lost.extend(row.lost.iter().cloned());
    }
    target.barred.add(&write.tx, &erased.ids).await?;
    let traces = Traces::of(&erased.ids, &lost);
    let number = write.counters.next(Counter::Commit);
    let wishes = end_entities(&mut write, &rows, number, &mut erased).await?;
    let owned = erased.ids.iter().chain(lost.iter().map(|lost| &lost.id)).map(Id::hash).collect();
    forget_aliases(&write.tx, owned, &rows).await?;
    cut_answers(&mut write, &traces, &mut erased).await?;
    end_tasks(&mut write, &traces, now, &mut erased).await?;
    erased.letters = forget_letters(&write.tx, &traces, &rows).await?;
    erased.places = leave_lists(&write.tx, &traces).await?;
    let owner = workers::acting(&mut write, target.worker, now).await?;
    let mask = commit::wish(&mut write, &wishes, owner).await?;
    let changes = commit::gone(&wishes);
    let handing_over = target.handing_over.lock().await;
    write.commit().await?;
    let committed = Committed { versions: wishes.len() as u64, ..Committed::default() };
    Ok((erased, Outcome { committed, owner, mask, changes, _handing_over: handing_over }))
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
    // With those that were joined into them: they have days and links of their own.
    let mut all: Vec<u64> = rows.iter().map(|row| row.key.0).collect();
    let mut next = all.clone();
    while !next.is_empty() {
        let joined = "SELECT id FROM @entity WHERE merged_into IN (?*)";
        let found = write.tx.rows_in(joined, &[], &ints(next)).await?;
        next = found.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        next.retain(|key| !all.contains(key));
        all.extend(&next);
    }
    let keys = ints(all);
    write.tx.run_in("DELETE FROM @sighting WHERE entity IN (?*)", &[], &keys).await?;
    erased.days = write.tx.run_in("DELETE FROM @history WHERE entity IN (?*)", &[], &keys).await?;
    write.tx.run_in("DELETE FROM @payload_entity WHERE entity IN (?*)", &[], &keys).await?;
    Ok(wishes)
}

async fn forget_aliases<I>(tx: &Session, owned: Vec<IdHash>, rows: &[EntityRow<I>]) -> Result<()> {
    // A handle they had once may be somebody else's.
    let theirs = |key: &RecordKey| rows.iter().any(|row| row.key == *key);
    let owners = aliases::owners_to_change(tx, &owned).await?;
    let hashes: Vec<Value> =
        owners.into_iter().filter(|(_, key)| theirs(key)).map(|(id, _)| hash(id.0)).collect();
    tx.run_in("DELETE FROM @alias WHERE hash IN (?*)", &[], &hashes).await?;
    tx.run_in("DELETE FROM @alias_new WHERE hash IN (?*)", &[], &hashes).await.map(|_| ())
}

/// Looks through every answer: they may be named in one that is about somebody else.
async fn cut_answers(write: &mut Write, traces: &Traces, erased: &mut Erased) -> Result<()> {
    let mut compressor = payloads::compressor()?;
    let mut after = None;
    let mut gone = Vec::new();
    loop {
        let page = again::answers(&write.tx, None, after, PAGE as usize).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.payload.id);
        for answer in page {
            let id = answer.payload.id.0;
            if answer.tasks.iter().any(|task| is_about(task, traces)) {
                gone.push(int(id));
                continue;
            }
            match traces.cut(&answer.payload.body) {
                Cut::Untouched => {}
                Cut::Nothing => gone.push(int(id)),
                Cut::Rest(rest) => {
                    let packed = payloads::pack(&mut compressor, &rest);
                    let rewrite = "UPDATE @payload SET codec = ?, body = ?, malformed = NULL WHERE id = ?";
                    write.tx.run(rewrite, vec![int(packed.codec), bytes(packed.body), int(id)]).await?;
                    erased.answers_rewritten += 1;
                }
            }
        }
    }
    erased.answers_removed = gone.len() as u64;
    write.counters.take(Counter::Payloads, gone.len() as u64);
    write.tx.run_in("UPDATE @sighting SET payload = NULL WHERE payload IN (?*)", &[], &gone).await?;
    write.tx.run_in("DELETE FROM @dead WHERE payload IN (?*)", &[], &gone).await?;
    write.tx.run_in("DELETE FROM @payload_entity WHERE payload IN (?*)", &[], &gone).await?;
    write.tx.run_in("DELETE FROM @payload WHERE id IN (?*)", &[], &gone).await.map(|_| ())
}

/// Ends open tasks about them as answered with nothing, and forgets of all what was asked.
async fn end_tasks(write: &mut Write, traces: &Traces, now: Timestamp, erased: &mut Erased) -> Result<()> {
    let mut after = 0;
    loop {
        let query = "SELECT t.id, t.state, t.lane, t.run, l.source, l.kind, t.subject, t.extra FROM @task t \
                     JOIN @lane l ON l.id = t.lane WHERE t.id > ? ORDER BY t.id LIMIT ?";
        let rows = write.tx.rows(query, ints([after, PAGE])).await?;
        let mut theirs = Vec::new();
        for row in &rows {
            after = row.int(0)?;
            let (subject, extra) = (row.text(6)?, row.text_or_null(7)?);
            let named = |text: &str| traces.are_in(text.as_bytes());
            if !named(&subject) && !extra.as_deref().is_some_and(named) {
                continue;
            }
            let task: Task = tasks::task(&row.text(4)?.into(), &row.text(5)?.into(), subject, 0, extra)?;
            if is_about(&task, traces) {
                let open = row.int(1)? <= State::Claimed as u64;
                theirs.push((after, row.int(2)?, row.int(3)?, open));
            }
        }
        for (task, lane, run, open) in theirs {
            erased.tasks += 1;
            if open {
                end_task(write, task, lane, run, now).await?;
            }
            let forget = "UPDATE @task SET subject = '', extra = NULL WHERE id = ?";
            write.tx.run(forget, vec![int(task)]).await?;
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
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
