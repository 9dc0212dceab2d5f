//! Settling: what became of taken changes, and what that leads to.

use std::collections::{BTreeMap, HashMap};

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RecordKey;
use collector_core::sink::{Facts, Position};
use collector_core::store::{Fate, Settled};
use collector_core::task::Task;
use sea_orm::Value;

use super::counters::Counter;
use super::dead::{self, Letter};
use super::entities;
use super::outbox::{self, Wish};
use super::session::Session;
use super::sinks::{self, Sink, Sinks};
use super::statements::Insert;
use super::values::{Row, int, ints, json, time};
use super::write::{Need, Write};

const POSTPONE: Insert = Insert {
    table: "postponed",
    columns: &["entity", "sink", "not_before"],
    key: &["entity", "sink"],
    update: &["not_before"],
};

/// What settling leads to.
#[derive(Default)]
pub(super) struct Effects {
    /// Tasks that will mend what a sink could not use.
    pub(super) ask: Vec<Task>,
    /// Entities that facts gave a new version, with the worker that owes them.
    pub(super) raised: Vec<(u64, u64)>,
    /// The earliest time a change was postponed to.
    pub(super) postponed: Option<Timestamp>,
}

/// What is pending for an entity.
struct Pending {
    version: u64,
    owed: u64,
    since: u64,
    worker: u64,
}

/// Keys by version: rows are cleared at the settled version only.
type Keys = BTreeMap<u64, Vec<Value>>;

/// Fates that leave more than a count behind.
struct Special {
    key: RecordKey,
    version: u64,
    fate: Fate,
}

impl Special {
    /// The entity, if the sink reports facts about it.
    fn reports(&self) -> Option<u64> {
        matches!(self.fate, Fate::Stored(_)).then_some(self.key.0)
    }
}

/// What settling may add.
pub(super) fn need(settled: &[Settled]) -> Need {
    let asked = |settled: &Settled| match &settled.fate {
        Fate::Owed { ask, .. } => ask.len(),
        _ => 0,
    };
    let letters = settled.iter().filter(|settled| matches!(settled.fate, Fate::Rejected(_))).count();
    Need { tasks: settled.iter().map(asked).sum(), letters, ..Need::default() }
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
    let mut effects = Effects::default();
    let Some(one) = sinks.find(sink) else { return Ok(effects) };
    let (mut stored, mut superseded, mut specials) = (Keys::new(), Keys::new(), Vec::new());
    let mut settled_keys = Vec::with_capacity(settled.len());
    for Settled { key, version, fate } in settled {
        if !matches!(fate, Fate::Owed { .. }) {
            settled_keys.push(int(key.0));
        }
        match fate {
            Fate::Stored(facts) if facts.is_empty() => stored.entry(version).or_default().push(int(key.0)),
            Fate::Superseded => superseded.entry(version).or_default().push(int(key.0)),
            fate => specials.push(Special { key, version, fate }),
        }
    }
    unpostpone(&write.tx, one, &settled_keys).await?;
    one.stored += clear(&write.tx, one, &stored).await?;
    one.superseded += clear(&write.tx, one, &superseded).await?;
    let facts = special(write, one, specials, &mut effects, now).await?;
    let (id, bit) = (one.id, one.bit());
    effects.raised = raise(write, &mut sinks, bit, facts).await?;
    write.balance(sinks);
    if let Some(position) = position {
        sinks::keep_position(&write.tx, id, position).await?;
    }
    Ok(effects)
}

/// Takes a sink's bit from the rows that still have the settled version; gives how many had it. A row with a newer
/// version stays: the older wish was counted as superseded when it was replaced.
async fn clear(tx: &Session, sink: &Sink, keys: &Keys) -> Result<u64> {
    let mut cleared = 0;
    for (version, keys) in keys {
        let (bit, version) = (int(sink.bit()), int(*version));
        let last = "DELETE FROM @pending WHERE owed = ? AND version = ? AND entity IN (?*)";
        let gone = tx.run_in(last, &[bit.clone(), version.clone()], keys).await?;
        cleared += gone;
        if gone < keys.len() as u64 {
            let rest = "UPDATE @pending SET owed = owed - ? WHERE (owed & ?) <> 0 AND version = ? AND entity IN (?*)";
            cleared += tx.run_in(rest, &[bit.clone(), bit, version], keys).await?;
        }
    }
    Ok(cleared)
}

/// What was postponed and is settled now waits no more.
async fn unpostpone(tx: &Session, sink: &Sink, keys: &[Value]) -> Result<()> {
    let any = "SELECT 1 FROM @postponed WHERE sink = ? LIMIT 1";
    if tx.one(any, vec![int(sink.id)]).await?.is_some() {
        tx.run_in("DELETE FROM @postponed WHERE sink = ? AND entity IN (?*)", &[int(sink.id)], keys).await?;
    }
    Ok(())
}

/// Deals with refusals, postponements and facts; gives the facts that count.
async fn special(
    write: &mut Write,
    sink: &mut Sink,
    specials: Vec<Special>,
    effects: &mut Effects,
    now: Timestamp,
) -> Result<Vec<(RecordKey, Facts, Pending)>> {
    entities::lock(&write.tx, &ints(specials.iter().filter_map(Special::reports))).await?;
    let mut pending = load(&write.tx, &specials).await?;
    let (mut cleared, mut postponed, mut letters, mut reported) =
        (Keys::new(), Vec::new(), Vec::new(), Vec::new());
    for Special { key, version, fate } in specials {
        let current = |row: &Pending| row.version == version && row.owed & sink.bit() != 0;
        if !pending.get(&key.0).is_some_and(current) {
            continue;
        }
        if let Fate::Owed { not_before, ask } = fate {
            postponed.push([int(key.0), int(sink.id), time(not_before)]);
            effects.postponed = effects.postponed.into_iter().chain([not_before]).min();
            effects.ask.extend(ask);
            continue;
        }
        let Some(row) = pending.remove(&key.0) else { continue };
        cleared.entry(version).or_default().push(int(key.0));
        match fate {
            Fate::Stored(facts) => {
                sink.stored += 1;
                reported.push((key, facts, row));
            }
            Fate::Rejected(reason) => {
                sink.rejected += 1;
                letters.push(Letter::of_record(&sink.name, key, version, reason));
            }
            Fate::Superseded | Fate::Owed { .. } => sink.superseded += 1,
        }
    }
    clear(&write.tx, sink, &cleared).await?;
    write.tx.insert(&POSTPONE, postponed).await?;
    dead::bury(write, letters, now).await?;
    Ok(reported)
}

async fn load(tx: &Session, specials: &[Special]) -> Result<HashMap<u64, Pending>> {
    let keys = ints(specials.iter().map(|special| special.key.0));
    let query = "SELECT entity, version, owed, since, worker FROM @pending WHERE entity IN (?*){lock entity}";
    let rows = tx.rows_in(query, &[], &keys).await?;
    let pending = |row: &Row| {
        let pending =
            Pending { version: row.int(1)?, owed: row.int(2)?, since: row.int(3)?, worker: row.int(4)? };
        Ok((row.int(0)?, pending))
    };
    rows.iter().map(pending).collect()
}

/// Adds facts to entities; those that it changes get a new version, which the other sinks are owed.
async fn raise(
    write: &mut Write,
    sinks: &mut Sinks,
    reporter: u64,
    reported: Vec<(RecordKey, Facts, Pending)>,
) -> Result<Vec<(u64, u64)>> {
    let keys = ints(reported.iter().map(|(key, ..)| key.0));
    let query = "SELECT id, facts FROM @entity WHERE id IN (?*) AND merged_into IS NULL";
    let mut known: HashMap<u64, Facts> = HashMap::new();
    for row in write.tx.rows_in(query, &[], &keys).await? {
        known.insert(row.int(0)?, row.json_or_none(1)?);
    }
    let mut wishes: BTreeMap<u64, Vec<Wish>> = BTreeMap::new();
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
        // The commit that led here keeps waiting until the other sinks have the facts too.
        let wish = Wish { key, version, is_new: false, mask: !reporter, since: pending.since };
        wishes.entry(pending.worker).or_default().push(wish);
    }
    let mut raised = Vec::new();
    for (worker, wishes) in wishes {
        outbox::owe(&write.tx, sinks, &wishes, worker).await?;
        raised.extend(wishes.iter().map(|wish| (worker, wish.key.0)));
    }
    Ok(raised)
}
