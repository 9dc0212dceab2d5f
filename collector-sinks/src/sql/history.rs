//! What the days of a thing tell.

use std::collections::HashMap;

use collector_core::domain::{Day, Domain};
use collector_core::error::Result;
use collector_core::sink::{Change, Record};
use collector_core::store::Known;

use super::database::Database;
use super::session::Session;
use super::values::{from_json, ints};

/// The days of some entities, the oldest first.
async fn of(tx: &Session, keys: &[u64]) -> Result<HashMap<u64, Vec<Day>>> {
    let columns = ["entity", "day", "figures"];
    let from = "FROM @history WHERE entity IN (?*)";
    let rows: Vec<(u64, i64, String)> = tx.packed_in(&columns, from, &ints(keys.iter().copied())).await?;
    let mut days: HashMap<u64, Vec<Day>> = HashMap::new();
    for (key, day, figures) in rows {
        let day = i32::try_from(day).unwrap_or(i32::MAX);
        days.entry(key).or_default().push(Day { day, figures: from_json(&figures)? });
    }
    for days in days.values_mut() {
        days.sort_by_key(|day| day.day);
        // A list of keys is filled up with its last one.
        days.dedup_by_key(|day| day.day);
    }
    Ok(days)
}

/// Adds to records what their days tell; one day alone tells nothing.
async fn add<'a, D: Domain>(
    tx: &Session,
    domain: &D,
    records: impl Iterator<Item = &'a mut Record<D::Entity>>,
) -> Result<()> {
    let records: Vec<_> = records.collect();
    if records.is_empty() {
        return Ok(());
    }
    let keys: Vec<u64> = records.iter().map(|record| record.key.0).collect();
    let days = of(tx, &keys).await?;
    for record in records {
        if let Some(days) = days.get(&record.key.0).filter(|days| days.len() > 1) {
            record.facts.extend(domain.trend(days));
        }
    }
    Ok(())
}

/// Adds their trends to records.
pub(super) async fn add_to_known<D: Domain>(tx: &Session, domain: &D, known: &mut [Known<D>]) -> Result<()> {
    add(tx, domain, known.iter_mut().map(|known| &mut known.record)).await
}

/// Adds their trends to changes that were at hand. A first version has none there: one that brought days with it is
/// not kept at hand.
pub(super) async fn add_to_changes<D: Domain>(
    database: &Database,
    domain: &D,
    changes: &mut [Change<D::Entity>],
) -> Result<()> {
    let old = |change: &Change<D::Entity>| matches!(change, Change::Put(record) if record.version > 1);
    if !changes.iter().any(old) {
        return Ok(());
    }
    let tx = database.read().await?;
    let records = changes.iter_mut().filter_map(|change| match change {
        Change::Put(record) if record.version > 1 => Some(record),
        _ => None,
    });
    let added = add(&tx, domain, records).await;
    tx.end().await;
    added
}
