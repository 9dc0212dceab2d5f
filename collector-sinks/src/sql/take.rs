//! Taking changes that a sink is owed.

use std::collections::HashMap;

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::RecordKey;
use collector_core::sink::Change;
use sea_orm::Value;

use super::database::Database;
use super::owed::{Doubt, Flight, Owed, Parties, Picked};
use super::session::Session;
use super::sides::Sides;
use super::values::{Row, int, ints, text, time};
use super::{entities, history};

/// Takes changes owed to a sink, in the order of their keys; none for a worker or sink that is not registered.
///
/// What was committed a moment ago is at hand; only the rest is searched and made anew from the sightings.
pub(super) async fn take<D: Domain>(
    database: &Database,
    domain: &D,
    owed: &Owed<D::Entity>,
    (worker, sink): (&str, &str),
    max: usize,
    now: Timestamp,
) -> Result<Vec<Change<D::Entity>>> {
    let Some(parties) = parties(database, owed, worker, sink).await? else { return Ok(Vec::new()) };
    let doubt = Doubt::about(owed);
    let mut picked = owed.pick(parties, max, now);
    let mut changes = std::mem::take(&mut picked.changes);
    let keys = changes.iter().map(|change| change.key().0).collect();
    let mut flight = Flight::of(owed, Some(parties), keys);
    history::add_to_changes(database, domain, &mut changes).await?;
    let more = max - changes.len();
    let others = database.is_shared() && !changes.is_empty();
    if others || picked.due || !picked.cold.is_empty() || (picked.scan_from.is_some() && more > 0) {
        // Begun after the look at the queue, so that it sees the commits which made those keys ready.
        let search = Search { tx: database.read().await?, parties, now };
        let newer =
            if others { search.outdated(owed, &mut changes, &mut flight.keys).await? } else { vec![] };
        let mut found = search.run(owed, &picked, more, &mut flight.keys).await?;
        found.extend(newer);
        changes.extend(search.records(domain, found).await?);
        search.tx.end().await;
        changes.sort_unstable_by_key(Change::key);
    }
    flight.goes_on();
    doubt.clear();
    Ok(changes)
}

async fn parties<E>(
    database: &Database,
    owed: &Owed<E>,
    worker: &str,
    sink: &str,
) -> Result<Option<Parties>> {
    if let Some(known) = owed.parties(worker, sink) {
        return Ok(Some(known));
    }
    let tx = database.read().await?;
    let query = "SELECT w.id, s.id FROM @worker w, @sink s WHERE w.name = ? AND s.name = ?";
    let row = tx.one(query, vec![text(worker), text(sink)]).await?;
    tx.end().await;
    let Some(row) = row else { return Ok(None) };
    let parties = (row.int(0)?, row.int(1)?);
    owed.introduce(worker, sink, parties);
    Ok(Some(parties))
}

/// A change that was found.
struct Found {
    key: u64,
    version: u64,
    is_gone: bool,
}

const OWED: &str = "SELECT p.entity, p.version, e.merged_into FROM @pending p JOIN @entity e ON e.id = p.entity \
                    WHERE p.worker = ? AND (p.owed & ?) <> 0 AND NOT EXISTS \
                    (SELECT 1 FROM @postponed w WHERE w.entity = p.entity AND w.sink = ? AND w.not_before > ?)";

/// A search for changes that one worker owes one sink.
struct Search {
    tx: Session,
    parties: Parties,
    now: Timestamp,
}

impl Search {
    /// Finds up to `max` changes that are not in flight and puts their keys into `flight`.
    async fn run<E>(
        &self,
        owed: &Owed<E>,
        picked: &Picked<E>,
        max: usize,
        flight: &mut Vec<u64>,
    ) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut take = |row: Found, found: &mut Vec<Found>| {
            if owed.take(self.parties, row.key) {
                flight.push(row.key);
                found.push(row);
            }
        };
        let mut known = self.ready(&picked.cold).await?;
        if picked.due {
            let (due, next) = self.due(max + picked.taken).await?;
            owed.due_at(self.parties, next);
            known.extend(due);
        }
        for row in known {
            if found.len() < max {
                take(row, &mut found);
            } else {
                owed.add(self.parties.0, 1 << self.parties.1, row.key, None);
            }
        }
        if let Some(from) = picked.scan_from.filter(|_| found.len() < max) {
            // Those in flight and those just found come up again.
            let limit = max + picked.taken + found.len();
            let rows = self.scan(from, limit).await?;
            let mut to = if rows.len() < limit { None } else { rows.last().map(|row| row.key) };
            for row in rows {
                if found.len() == max {
                    // Before this key, so that the next scan begins with it.
                    to = Some(row.key - 1);
                    break;
                }
                take(row, &mut found);
            }
            owed.scanned(self.parties, from, to);
        }
        Ok(found)
    }

    /// Drops changes that another process has replaced since they were committed here; gives those that are still
    /// this worker's, at their newer version.
    async fn outdated<E>(
        &self,
        owed: &Owed<E>,
        changes: &mut Vec<Change<E>>,
        flight: &mut Vec<u64>,
    ) -> Result<Vec<Found>> {
        let keys: Vec<u64> = changes.iter().map(|change| change.key().0).collect();
        let known = self.ready(&keys).await?.into_iter().map(|row| (row.key, row));
        let mut known: HashMap<u64, Found> = known.collect();
        let mut gone = Vec::new();
        changes.retain(|change| match known.get(&change.key().0).map(|row| row.version) {
            Some(version) if version == change.version() => {
                known.remove(&change.key().0);
                true
            }
            Some(_) => false,
            None => {
                gone.push(change.key().0);
                false
            }
        });
        flight.retain(|key| !gone.contains(key));
        owed.release(self.parties, &gone, false);
        Ok(known.into_values().collect())
    }

    fn values(&self) -> Vec<Value> {
        let (worker, sink) = self.parties;
        vec![int(worker), int(1 << sink), int(sink), time(self.now)]
    }

    /// Those of the keys that are owed.
    async fn ready(&self, keys: &[u64]) -> Result<Vec<Found>> {
        let query = format!("{OWED} AND p.entity IN (?*)");
        let rows = self.tx.rows_in(&query, &self.values(), &ints(keys.iter().copied())).await?;
        rows.iter().map(found).collect()
    }

    /// Postponed changes whose time has come, and when to look again.
    async fn due(&self, max: usize) -> Result<(Vec<Found>, Option<Timestamp>)> {
        let (worker, sink) = self.parties;
        let query = "SELECT w.entity FROM @postponed w JOIN @pending p ON p.entity = w.entity \
                     WHERE w.sink = ? AND w.not_before <= ? AND p.worker = ? ORDER BY w.not_before LIMIT ?";
        let values = vec![int(sink), time(self.now), int(worker), int(max as u64)];
        let rows = self.tx.rows(query, values).await?;
        let keys = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        let next = if keys.len() == max {
            Some(self.now)
        } else {
            let query = "SELECT MIN(not_before) FROM @postponed WHERE sink = ? AND not_before > ?";
            let row = self.tx.one(query, vec![int(sink), time(self.now)]).await?;
            row.map_or(Ok(None), |row| row.time_or_null(0))?
        };
        Ok((self.ready(&keys).await?, next))
    }

    /// Owed changes with keys above `from`, by key.
    async fn scan(&self, from: u64, max: usize) -> Result<Vec<Found>> {
        let mut values = self.values();
        values.extend([int(from), int(max as u64)]);
        let query = format!("{OWED} AND p.entity > ? ORDER BY p.entity LIMIT ?");
        let rows = self.tx.rows(&query, values).await?;
        rows.iter().map(found).collect()
    }

    /// The changes with their records, made from the sightings in the same state of the database.
    async fn records<D: Domain>(&self, domain: &D, found: Vec<Found>) -> Result<Vec<Change<D::Entity>>> {
        let living = found.iter().filter(|found| !found.is_gone).map(|found| RecordKey(found.key)).collect();
        let mut sides = Sides::load(&self.tx).await?;
        let rows = entities::rows::<D>(&self.tx, living, &mut sides).await?;
        let gone = found.into_iter().filter(|found| found.is_gone);
        let gone = gone.map(|found| Change::Delete { key: RecordKey(found.key), version: found.version });
        let mut known: Vec<_> = rows.into_iter().map(|row| entities::known(domain, row)).collect();
        history::add_to_known(&self.tx, domain, &mut known).await?;
        Ok(known.into_iter().map(|known| Change::Put(known.record)).chain(gone).collect())
    }
}

fn found(row: &Row) -> Result<Found> {
    Ok(Found { key: row.int(0)?, version: row.int(1)?, is_gone: row.int_or_null(2)?.is_some() })
}
