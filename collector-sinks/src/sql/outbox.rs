//! What sinks are owed: wishing, taking, settling.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts, Position, Record};
use collector_core::store::{Fate, Settled};
use collector_core::task::Task;
use sea_orm::Value;
use serde::de::DeserializeOwned;

use super::counters::Counter;
use super::dead::{self, Letter};
use super::owed::{Doubt, Owed};
use super::session::{Database, Row, Session, from_json, int, ints, json, text, time};
use super::sinks::{self, Sinks};
use super::statements::Insert;
use super::write::Write;

const WISH: Insert = Insert {
    table: "pending",
    columns: &["entity", "version", "owed", "since", "worker"],
    key: &["entity"],
    // Not `since`: the oldest wish that is still owed keeps its run waiting.
    update: &["version", "owed", "worker"],
};

const POSTPONE: Insert = Insert {
    table: "postponed",
    columns: &["entity", "sink", "not_before"],
    key: &["entity", "sink"],
    update: &["not_before"],
};

/// A version of an entity that sinks are to have.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) key: RecordKey,
    pub(super) version: u64,
    /// Whether nothing can be pending for it yet.
    pub(super) is_new: bool,
    /// The sinks, as bits; unknown ones are left out.
    pub(super) mask: u64,
    /// The commit that wishes it.
    pub(super) since: u64,
}

/// Writes wishes; each replaces an older one for the same entity.
pub(super) async fn owe(tx: &Session, sinks: &mut Sinks, wishes: &[Wish], worker: u64) -> Result<()> {
    let all = sinks.mask();
    let known = ints(wishes.iter().filter(|wish| !wish.is_new).map(|wish| wish.key.0));
    let mut before = HashMap::new();
    for row in tx.rows_in("SELECT entity, owed FROM @pending WHERE entity IN (?*)", &[], &known).await? {
        before.insert(row.int(0)?, row.int(1)?);
    }
    let mut rows = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let owed = before.get(&wish.key.0).copied().unwrap_or(0);
        let mask = wish.mask & all;
        sinks.wish(mask, owed);
        if owed | mask != 0 {
            rows.push([int(wish.key.0), int(wish.version), int(owed | mask), int(wish.since), int(worker)]);
        }
    }
    // A newer version does not wait for what the older one waited for.
    let stale = ints(before.into_keys());
    tx.run_in("DELETE FROM @postponed WHERE entity IN (?*)", &[], &stale).await?;
    tx.insert(&WISH, rows).await
}

/// Owes every living entity to sinks that were registered just now.
pub(super) async fn owe_everything(write: &Write, mask: u64, worker: u64) -> Result<()> {
    let living = write.counters.get(Counter::Entities);
    let since = write.counters.get(Counter::Commit);
    let tx = &write.tx;
    let pending = "UPDATE @pending SET owed = owed | ?, worker = ? \
                   WHERE entity IN (SELECT id FROM @entity WHERE merged_into IS NULL)";
    tx.run(pending, vec![int(mask), int(worker)]).await?;
    let rest = "INSERT INTO @pending (entity, version, owed, since, worker) \
                SELECT e.id, e.version, ?, ?, ? FROM @entity e WHERE e.merged_into IS NULL \
                AND NOT EXISTS (SELECT 1 FROM @pending p WHERE p.entity = e.id)";
    tx.run(rest, ints([mask, since, worker])).await?;
    for sink in Sinks::load(tx).await?.iter().filter(|sink| mask & sink.bit() != 0) {
        tx.run("UPDATE @sink SET wanted = wanted + ? WHERE id = ?", ints([living, sink.id])).await?;
    }
    Ok(())
}

/// The numbers of a registered worker and sink.
async fn parties(database: &Database, worker: &str, sink: &str) -> Result<Option<(u64, u64)>> {
    let tx = database.read().await?;
    let query = "SELECT w.id, s.id FROM @worker w, @sink s WHERE w.name = ? AND s.name = ?";
    let row = tx.one(query, vec![text(worker), text(sink)]).await?;
    row.map(|row| Ok((row.int(0)?, row.int(1)?))).transpose()
}

/// Takes changes owed to a sink, in the order of their keys; nothing for a worker or sink that is not registered.
pub(super) async fn take<E: DeserializeOwned>(
    database: &Database,
    owed: &Owed,
    sink: &str,
    worker: &str,
    max: usize,
    now: Timestamp,
) -> Result<Vec<Change<E>>> {
    let Some(numbers) = parties(database, worker, sink).await? else { return Ok(Vec::new()) };
    owed.introduce(worker, sink, numbers);
    let (worker, sink) = numbers;
    let doubt = Doubt::about(owed);
    let hint = owed.pick(worker, sink, max);
    // Begun after the keys were picked, so that it sees the commits which made them ready.
    let search = Search { tx: database.read().await?, worker, sink, now };
    let mut rows = search.due(max + hint.taken).await?;
    rows.extend(search.ready(&hint.ready).await?);
    let mut free = owed.take(worker, sink, rows.iter().take(max).map(|owed| owed.key));
    for unused in rows.iter().skip(max) {
        owed.add(1 << sink, &[unused.key]);
    }
    let mut changes = pick::<E>(rows, &mut free)?;
    if let Some(from) = hint.scan_from.filter(|_| changes.len() < max) {
        let want = max - changes.len();
        let limit = want + hint.taken + changes.len();
        let rows = search.scan(from, limit).await?;
        let reached_end = rows.len() < limit;
        let mut to = None;
        for row in rows {
            if changes.len() == max {
                break;
            }
            to = Some(row.key);
            let mut free = owed.take(worker, sink, [row.key]);
            changes.extend(pick::<E>(vec![row], &mut free)?);
        }
        owed.scanned(worker, sink, Some(from), if reached_end && changes.len() < max { None } else { to.or(Some(from)) });
    }
    doubt.clear();
    changes.sort_unstable_by_key(Change::key);
    Ok(changes)
}

/// An owed change as it is stored.
struct OwedRow {
    key: u64,
    version: u64,
    /// Facts and entity; `None` for one that is gone.
    record: Option<(String, String)>,
}

fn pick<E: DeserializeOwned>(rows: Vec<OwedRow>, free: &mut HashSet<u64>) -> Result<Vec<Change<E>>> {
    let mut changes = Vec::with_capacity(rows.len());
    for OwedRow { key, version, record } in rows {
        if !free.remove(&key) {
            continue;
        }
        let key = RecordKey(key);
        changes.push(match record {
            None => Change::Delete { key, version },
            Some((facts, body)) => {
                let entity = Arc::new(from_json(&body)?);
                Change::Put(Record { key, version, entity, facts: from_json(&facts)? })
            }
        });
    }
    Ok(changes)
}

/// A search for changes owed to one sink by one worker.
struct Search {
    tx: Session,
    worker: u64,
    sink: u64,
    now: Timestamp,
}

const OWED: &str = "SELECT p.entity, p.version, e.facts, e.body FROM @pending p JOIN @entity e ON e.id = p.entity \
                    WHERE p.worker = ? AND (p.owed & ?) <> 0 AND NOT EXISTS \
                    (SELECT 1 FROM @postponed w WHERE w.entity = p.entity AND w.sink = ? AND w.not_before > ?)";

impl Search {
    fn values(&self) -> Vec<Value> {
        vec![int(self.worker), int(1 << self.sink), int(self.sink), time(self.now)]
    }

    /// Changes whose time has come.
    async fn due(&self, max: usize) -> Result<Vec<OwedRow>> {
        let query = "SELECT w.entity FROM @postponed w JOIN @pending p ON p.entity = w.entity \
                     WHERE w.sink = ? AND w.not_before <= ? AND p.worker = ? ORDER BY w.not_before LIMIT ?";
        let values = vec![int(self.sink), time(self.now), int(self.worker), int(max as u64)];
        let rows = self.tx.rows(query, values).await?;
        let keys = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        self.ready(&keys).await
    }

    /// Those of the keys that are owed.
    async fn ready(&self, keys: &[u64]) -> Result<Vec<OwedRow>> {
        let query = format!("{OWED} AND p.entity IN (?*)");
        let rows = self.tx.rows_in(&query, &self.values(), &ints(keys.iter().copied())).await?;
        rows.iter().map(owed_row).collect()
    }

    /// Owed changes with keys above `from`, by key.
    async fn scan(&self, from: u64, max: usize) -> Result<Vec<OwedRow>> {
        let mut values = self.values();
        values.extend([int(from), int(max as u64)]);
        let rows = self.tx.rows(&format!("{OWED} AND p.entity > ? ORDER BY p.entity LIMIT ?"), values).await?;
        rows.iter().map(owed_row).collect()
    }
}

fn owed_row(row: &Row) -> Result<OwedRow> {
    let record = match row.text_or_null(3)? {
        Some(body) => Some((row.text(2)?, body)),
        None => None,
    };
    Ok(OwedRow { key: row.int(0)?, version: row.int(1)?, record })
}

/// What is pending for an entity.
struct Pending {
    version: u64,
    owed: u64,
    since: u64,
    worker: u64,
}

/// What settling leads to.
#[derive(Default)]
pub(super) struct Effects {
    /// Tasks that will mend what a sink could not use.
    pub(super) ask: Vec<Task>,
    /// Entities that facts gave a new version.
    pub(super) raised: Vec<u64>,
}

#[derive(Default)]
struct Plan {
    cleared: Vec<Value>,
    postponed: Vec<[Value; 3]>,
    letters: Vec<Letter>,
    facts: Vec<(RecordKey, Facts, Pending)>,
}

/// Writes what became of taken changes; does nothing for a sink that is not registered.
pub(super) async fn settle(
    write: &mut Write,
    sink: &str,
    settled: Vec<Settled>,
    position: Option<&Position>,
    now: Timestamp,
) -> Result<Effects> {
    let mut sinks = Sinks::load(&write.tx).await?;
    let mut pending = load(&write.tx, &settled).await?;
    let mut effects = Effects::default();
    let Some(one) = sinks.find(sink) else { return Ok(effects) };
    let (id, bit) = (one.id, one.bit());
    let mut plan = Plan::default();
    for Settled { key, version, fate } in settled {
        // A newer version was wished meanwhile: the old one is counted as superseded already.
        let current = |row: &Pending| row.version == version && row.owed & bit != 0;
        if !pending.get(&key.0).is_some_and(current) {
            continue;
        }
        if let Fate::Owed { not_before, ask } = fate {
            plan.postponed.push([int(key.0), int(id), time(not_before)]);
            effects.ask.extend(ask);
            continue;
        }
        let Some(row) = pending.remove(&key.0) else { continue };
        plan.cleared.push(int(key.0));
        match fate {
            Fate::Stored(facts) => {
                one.stored += 1;
                if !facts.is_empty() {
                    plan.facts.push((key, facts, row));
                }
            }
            Fate::Superseded | Fate::Owed { .. } => one.superseded += 1,
            Fate::Rejected(reason) => {
                one.rejected += 1;
                plan.letters.push(Letter::of_record(sink, key, version, reason));
            }
        }
    }
    clear(&write.tx, id, bit, &plan.cleared).await?;
    write.tx.insert(&POSTPONE, plan.postponed).await?;
    dead::bury(write, plan.letters, now).await?;
    effects.raised = raise(write, &mut sinks, bit, plan.facts).await?;
    sinks.save(&write.tx).await?;
    if let Some(position) = position {
        sinks::keep_position(&write.tx, id, position).await?;
    }
    Ok(effects)
}

async fn load(tx: &Session, settled: &[Settled]) -> Result<HashMap<u64, Pending>> {
    let keys = ints(settled.iter().map(|settled| settled.key.0));
    let query = "SELECT entity, version, owed, since, worker FROM @pending WHERE entity IN (?*)";
    let rows = tx.rows_in(query, &[], &keys).await?;
    let pending = |row: &Row| {
        let pending = Pending { version: row.int(1)?, owed: row.int(2)?, since: row.int(3)?, worker: row.int(4)? };
        Ok((row.int(0)?, pending))
    };
    rows.iter().map(pending).collect()
}

/// Takes a sink's bit from rows; what nobody is owed any more goes.
async fn clear(tx: &Session, sink: u64, bit: u64, keys: &[Value]) -> Result<()> {
    tx.run_in("DELETE FROM @pending WHERE owed = ? AND entity IN (?*)", &[int(bit)], keys).await?;
    let rest = "UPDATE @pending SET owed = owed - ? WHERE (owed & ?) <> 0 AND entity IN (?*)";
    tx.run_in(rest, &[int(bit), int(bit)], keys).await?;
    tx.run_in("DELETE FROM @postponed WHERE sink = ? AND entity IN (?*)", &[int(sink)], keys).await
}

/// Adds facts to entities; those that it changes get a new version, which the other sinks are owed.
async fn raise(
    write: &mut Write,
    sinks: &mut Sinks,
    reporter: u64,
    reported: Vec<(RecordKey, Facts, Pending)>,
) -> Result<Vec<u64>> {
    let keys = ints(reported.iter().map(|(key, ..)| key.0));
    let query = "SELECT id, facts FROM @entity WHERE id IN (?*) AND merged_into IS NULL";
    let mut known: HashMap<u64, Facts> = HashMap::new();
    for row in write.tx.rows_in(query, &[], &keys).await? {
        known.insert(row.int(0)?, row.json(1)?);
    }
    let mut raised = Vec::new();
    for (key, facts, pending) in reported {
        let Some(mut all) = known.remove(&key.0) else { continue };
        if facts.iter().all(|(name, value)| all.get(name) == Some(value)) {
            continue;
        }
        all.extend(facts);
        let version = pending.version + 1;
        let update = "UPDATE @entity SET version = ?, facts = ? WHERE id = ?";
        write.tx.run(update, vec![int(version), json(&all)?, int(key.0)]).await?;
        write.counters.add(Counter::Versions, 1);
        let wish = Wish { key, version, is_new: false, mask: !reporter, since: pending.since };
        owe(&write.tx, sinks, &[wish], pending.worker).await?;
        raised.push(key.0);
    }
    Ok(raised)
}

/// Gives what some workers owe, and what nobody owes, to another worker.
pub(super) async fn move_owner(write: &mut Write, from: &[u64], to: u64) -> Result<()> {
    let unowned = write.counters.get(Counter::Unowned) != 0;
    let from: Vec<Value> = ints(from.iter().copied().chain(unowned.then_some(0)));
    write.tx.run_in("UPDATE @pending SET worker = ? WHERE worker IN (?*)", &[int(to)], &from).await?;
    write.counters.set(Counter::Unowned, u64::from(to == 0));
    Ok(())
}
