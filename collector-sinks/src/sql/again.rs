//! Reading kept answers again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::{PayloadId, RecordKey, TaskId};
use collector_core::store::ledger::{Kept, Ledger};
use collector_core::store::{Committed, KeptAnswer, ReadAgain, StoredPayload};
use collector_core::task::Task;
use sea_orm::Value;

use super::commit::{self, Outcome, Target};
use super::counters::Counter;
use super::session::Session;
use super::sides::Sides;
use super::values::{Row, from_json_or_none, hash, int, ints, json, text};
use super::write::{Need, Write};
use super::{entities, expire, notes, payloads, tasks, workers};

/// Compressed bytes of answers that are read at once; one larger answer is read alone.
const BYTES: u64 = 4 << 20;

/// How many merges are followed from an entity to the one that goes on.
const MERGES: usize = 64;

/// Tasks that are looked at together when old answers are given the tasks they answered.
const PAGE: u64 = 1_000;

/// What an answer says again, without its items.
pub(super) struct Again {
    payload: PayloadId,
    source: collector_core::id::Name,
    at: Timestamp,
}

impl Again {
    pub(super) fn of<D: Domain>(answer: &ReadAgain<D>) -> Self {
        Self { payload: answer.payload, source: Arc::clone(&answer.source), at: answer.at }
    }
}

/// Kept answers behind one, in the order of their numbers.
pub(super) async fn answers(
    tx: &Session,
    source: Option<&str>,
    after: Option<PayloadId>,
    max: usize,
) -> Result<Vec<KeptAnswer>> {
    let after = int(after.map_or(0, |after| after.0));
    let (of, mut values) = match source {
        Some(source) => (" AND source = ?", vec![after, text(source)]),
        None => ("", vec![after]),
    };
    values.push(int(max as u64));
    let sizes = format!("SELECT id, LENGTH(body) FROM @payload WHERE id > ?{of} ORDER BY id LIMIT ?");
    let (mut ids, mut bytes) = (Vec::new(), 0);
    for row in tx.rows(&sizes, values).await? {
        bytes += row.int(1)?;
        if !ids.is_empty() && bytes > BYTES {
            break;
        }
        ids.push(row.int(0)?);
    }
    let query = format!("{ANSWER} WHERE id IN (?*)");
    let mut found = BTreeMap::new();
    for row in tx.rows_in(&query, &[], &ints(ids)).await? {
        let answer = read(&row)?;
        found.insert(answer.payload.id, answer);
    }
    Ok(found.into_values().collect())
}

/// One kept answer.
pub(super) async fn answer(tx: &Session, id: PayloadId) -> Result<Option<KeptAnswer>> {
    let row = tx.one(&format!("{ANSWER} WHERE id = ?"), vec![int(id.0)]).await?;
    row.as_ref().map(read).transpose()
}

const ANSWER: &str =
    "SELECT id, source, status, headers, codec, body, first_at, last_at, tasks FROM @payload";

fn read(row: &Row) -> Result<KeptAnswer> {
    let payload = StoredPayload {
        id: PayloadId(row.int(0)?),
        source: row.text(1)?.into(),
        status: row.small(2)?,
        headers: row.json(3)?,
        body: payloads::unpack(row.int(4)?, row.bytes(5)?)?,
        at: row.time(6)?,
    };
    let tasks: Vec<Task> = from_json_or_none(row.text_or_null(8)?.as_deref())?;
    Ok(KeptAnswer { payload, last_at: row.time(7)?, tasks })
}

/// Gives answers of an older program the tasks they answered, where one task was asked alone. Goes on behind a task;
/// gives the last one it looked at, `None` at the end.
pub(super) async fn name_tasks(tx: &Session, after: u64) -> Result<Option<u64>> {
    let query = "SELECT t.id, t.hash, l.source, l.kind, t.subject, t.priority, t.extra FROM @task t \
                 JOIN @lane l ON l.id = t.lane WHERE t.id > ? ORDER BY t.id LIMIT ?";
    let rows = tx.rows(query, ints([after, PAGE])).await?;
    let mut asked: HashMap<[u8; 16], Task> = HashMap::with_capacity(rows.len());
    let mut last = None;
    for row in &rows {
        last = Some(row.int(0)?);
        let (source, kind) = (row.text(2)?.into(), row.text(3)?.into());
        let task = tasks::task(&source, &kind, row.text(4)?, row.small(5)?, row.text_or_null(6)?)?;
        if !task.subject().is_empty() {
            asked.insert(payloads::request(&[TaskId(row.hash(1)?)]), task);
        }
    }
    let requests: Vec<Value> = asked.keys().copied().map(hash).collect();
    let unnamed = "SELECT id, request FROM @payload WHERE tasks IS NULL AND request IN (?*)";
    for row in tx.rows_in(unnamed, &[], &requests).await? {
        if let Some(task) = asked.get(&row.hash(1)?) {
            let values = vec![json(&[task])?, int(row.int(0)?)];
            tx.run("UPDATE @payload SET tasks = ? WHERE id = ?", values).await?;
        }
    }
    Ok(last)
}

/// Whether there are answers without tasks.
pub(super) async fn has_unnamed(tx: &Session) -> Result<bool> {
    Ok(tx.one("SELECT 1 FROM @payload WHERE tasks IS NULL LIMIT 1", vec![]).await?.is_some())
}

/// Writes what answers say again.
pub(super) async fn write<'a, D: Domain>(
    target: &Target<'a>,
    domain: &D,
    answers: &[Again],
    items: Vec<Vec<D::Item>>,
    note: Option<(&str, &str)>,
    now: Timestamp,
) -> Result<Outcome<'a, D::Entity>> {
    let entities = items.iter().map(Vec::len).sum();
    let need = Need { entities, commits: 1, ..Need::default() };
    let mut write = Write::begin(target.database, need).await?;
    let mut shows = shown(&write.tx, answers.iter().map(|answer| answer.payload)).await?;
    let mut ledger = Ledger::new(domain);
    for (answer, mut items) in answers.iter().zip(items) {
        if expire::was_dropped(&write.tx, &answer.source, answer.at).await? {
            items.clear();
        }
        let shows = shows.remove(&answer.payload).unwrap_or_default();
        ledger.add_again(&answer.source, answer.at, items, Kept { payload: answer.payload, shows });
    }
    target.barred.keep_out(&write.tx, &mut ledger).await?;
    let number = write.counters.next(Counter::Commit);
    let mut sides = Sides::load(&write.tx).await?;
    let loaded = entities::load(&write.tx, &mut ledger, &mut sides).await?;
    let mut changes = ledger.close(|| RecordKey(write.counters.next(Counter::EntityKey)))?;
    let payloads: Vec<Option<u64>> = answers.iter().map(|answer| Some(answer.payload.0)).collect();
    let wishes =
        entities::save(&mut write, &mut changes, &loaded, &mut sides, &payloads, number, now).await?;
    let mut committed = Committed { versions: wishes.len() as u64, ..Committed::default() };
    for counts in &changes.counts {
        committed.changed += counts.changed;
        committed.unchanged += counts.unchanged;
    }
    let owner = workers::acting(&mut write, target.worker, now).await?;
    let mask = commit::wish(&mut write, &wishes, owner).await?;
    if let Some((name, text)) = note {
        notes::put(&write.tx, name, Some(text)).await?;
    }
    let handing_over = target.handing_over.lock().await;
    write.commit().await?;
    Ok(Outcome { committed, owner, mask, changes: commit::warm(changes), _handing_over: handing_over })
}

/// Whom answers showed when they were read before.
pub(super) async fn shown(
    tx: &Session,
    answers: impl Iterator<Item = PayloadId>,
) -> Result<HashMap<PayloadId, Vec<RecordKey>>> {
    let payloads = ints(answers.map(|payload| payload.0));
    let mut links = Vec::new();
    for row in tx
        .rows_in("SELECT payload, entity FROM @payload_entity WHERE payload IN (?*)", &[], &payloads)
        .await?
    {
        links.push((PayloadId(row.int(0)?), row.int(1)?));
    }
    let mut into: HashMap<u64, u64> = HashMap::new();
    let mut ask: Vec<u64> = links.iter().map(|(_, entity)| *entity).collect();
    for _ in 0..MERGES {
        let query = "SELECT id, merged_into FROM @entity WHERE merged_into IS NOT NULL AND id IN (?*)";
        let mut next = Vec::new();
        for row in tx.rows_in(query, &[], &ints(ask)).await? {
            let (from, to) = (row.int(0)?, row.int(1)?);
            // One that was erased ends in itself.
            if from != to && into.insert(from, to).is_none() {
                next.push(to);
            }
        }
        if next.is_empty() {
            break;
        }
        ask = next;
    }
    let mut shown: HashMap<PayloadId, Vec<RecordKey>> = HashMap::new();
    for (payload, mut entity) in links {
        for _ in 0..MERGES {
            let Some(to) = into.get(&entity) else { break };
            entity = *to;
        }
        shown.entry(payload).or_default().push(RecordKey(entity));
    }
    Ok(shown)
}
