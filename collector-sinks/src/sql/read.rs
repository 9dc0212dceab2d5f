//! Questions that change nothing.

use std::collections::BTreeMap;

use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::{Id, Ids, RecordKey};
use collector_core::store::{Counts, Known, SinkCounts};

use super::counters::{Counter, Counters};
use super::session::Session;
use super::sides::Sides;
use super::values::int;
use super::{aliases, budgets, dead, entities, history, runs, workers};

/// How many runs are listed.
const RUNS: u64 = 20;

/// Everything known about the thing with this identity.
pub(super) async fn find<D: Domain>(tx: &Session, domain: &D, id: &Id) -> Result<Option<Known<D>>> {
    let Some((_, key)) = aliases::owners(tx, &[id.hash()]).await?.pop() else { return Ok(None) };
    let mut sides = Sides::load(tx).await?;
    let found = entities::rows::<D>(tx, vec![key], &mut sides).await?;
    let mut known: Vec<_> = found.into_iter().map(|row| entities::known(domain, row)).collect();
    history::add_to_known(tx, domain, &mut known).await?;
    Ok(known.pop())
}

/// The identities of a living record.
pub(super) async fn ids(tx: &Session, key: RecordKey) -> Result<Option<Ids>> {
    let query = "SELECT ids FROM @entity WHERE id = ? AND merged_into IS NULL";
    let row = tx.one(query, vec![int(key.0)]).await?;
    row.map(|row| row.json(0)).transpose()
}

/// Everything countable.
pub(super) async fn counts(tx: &Session) -> Result<Counts> {
    let counters = Counters::load(tx).await?;
    Ok(Counts {
        entities: counters.get(Counter::Entities),
        versions: counters.get(Counter::Versions),
        sightings: counters.get(Counter::Sightings),
        payloads: counters.get(Counter::Payloads),
        tasks: tasks(tx, &counters).await?,
        open: open(tx).await?,
        sinks: balances(tx).await?,
        dead: single(tx, "SELECT COUNT(*) FROM @dead").await?,
        dead_by: dead::by_part_and_kind(tx).await?,
        spent: budgets::all_spent(tx).await?.into_iter().collect(),
        workers: single(tx, "SELECT COUNT(*) FROM @worker WHERE state = 1").await?,
        waiting: workers::waiting(tx).await?,
        runs: runs::newest_first(tx, RUNS).await?,
    })
}

async fn single(tx: &Session, query: &str) -> Result<u64> {
    tx.one(query, vec![]).await?.map_or(Ok(0), |row| row.int(0))
}

/// Open tasks are counted in their indexes, ended ones by counters: the table itself is never walked.
async fn tasks(tx: &Session, counters: &Counters) -> Result<BTreeMap<String, u64>> {
    let counted = [
        ("ready", single(tx, "SELECT COUNT(*) FROM @task WHERE state = 0").await?),
        ("waiting", single(tx, "SELECT COUNT(*) FROM @task WHERE state = 1").await?),
        ("claimed", single(tx, "SELECT COUNT(*) FROM @task WHERE state = 2").await?),
        ("done", counters.get(Counter::Done)),
        ("absent", counters.get(Counter::Absent)),
        ("dead", counters.get(Counter::Dead)),
    ];
    Ok(counted
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| (state.to_owned(), count))
        .collect())
}

async fn open(tx: &Session) -> Result<BTreeMap<String, u64>> {
    let rows = tx.rows("SELECT source, kind, open FROM @lane WHERE open > 0", vec![]).await?;
    rows.iter().map(|row| Ok((format!("{}/{}", row.text(0)?, row.text(1)?), row.int(2)?))).collect()
}

async fn balances(tx: &Session) -> Result<BTreeMap<String, SinkCounts>> {
    let mut balances = BTreeMap::new();
    for row in tx.rows("SELECT id, name, wanted, `stored`, superseded, rejected FROM @sink", vec![]).await? {
        let bit = 1 << row.small::<u32>(0)?;
        let pending = tx.one("SELECT COUNT(*) FROM @pending WHERE (owed & ?) <> 0", vec![int(bit)]).await?;
        let counts = SinkCounts {
            wanted: row.int(2)?,
            stored: row.int(3)?,
            superseded: row.int(4)?,
            rejected: row.int(5)?,
            pending: pending.map_or(Ok(0), |row| row.int(0))?,
        };
        balances.insert(row.text(1)?, counts);
    }
    Ok(balances)
}
