//! The days of a thing, and what they tell.

use std::collections::HashMap;

use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts};
use collector_core::store::{DayFigures, Known};

use super::database::Database;
use super::session::Session;
use super::values::{from_json, ints};

/// The days of some entities, the oldest first.
async fn of(tx: &Session, keys: &[u64]) -> Result<HashMap<u64, Vec<DayFigures>>> {
    let columns = ["entity", "day", "figures"];
    let from = "FROM @history WHERE entity IN (?*)";
    let rows: Vec<(u64, i64, String)> = tx.packed_in(&columns, from, &ints(keys.iter().copied())).await?;
    let mut days: HashMap<u64, Vec<DayFigures>> = HashMap::new();
    for (key, day, figures) in rows {
        let day = i32::try_from(day).unwrap_or(i32::MAX);
        days.entry(key).or_default().push(DayFigures { day, figures: from_json(&figures)? });
    }
    for days in days.values_mut() {
        days.sort_by_key(|day| day.day);
        // A list of keys is filled up with its last one.
        days.dedup_by_key(|day| day.day);
    }
    Ok(days)
}

/// The days of one.
pub(super) async fn days(tx: &Session, key: RecordKey) -> Result<Vec<DayFigures>> {
    Ok(of(tx, &[key.0]).await?.remove(&key.0).unwrap_or_default())
}

/// What days tell; one alone tells nothing.
fn trend<D: Domain>(domain: &D, days: Option<&Vec<DayFigures>>) -> Facts {
    days.filter(|days| days.len() > 1).map(|days| domain.trend(days)).unwrap_or_default()
}

/// Adds to changes what their days tell. A record's first version has no past.
pub(super) async fn add_trends<D: Domain>(
    database: &Database,
    domain: &D,
    changes: &mut [Change<D::Entity>],
) -> Result<()> {
    let old = |change: &&Change<D::Entity>| matches!(change, Change::Put(record) if record.version > 1);
    let keys: Vec<u64> = changes.iter().filter(old).map(|change| change.key().0).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let tx = database.read().await?;
    let days = of(&tx, &keys).await;
    tx.end().await;
    let days = days?;
    for change in changes {
        if let Change::Put(record) = change {
            record.facts.extend(trend(domain, days.get(&record.key.0)));
        }
    }
    Ok(())
}

/// The same for everything that is known.
pub(super) async fn add_to_known<D: Domain>(tx: &Session, domain: &D, known: &mut [Known<D>]) -> Result<()> {
    let old = known.iter().filter(|known| known.record.version > 1);
    let keys: Vec<u64> = old.map(|known| known.record.key.0).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let days = of(tx, &keys).await?;
    for known in known {
        known.record.facts.extend(trend(domain, days.get(&known.record.key.0)));
    }
    Ok(())
}
