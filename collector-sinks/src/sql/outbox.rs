//! What sinks are owed: one row per entity with the wanted version and the sinks that do not have it.

use std::collections::HashMap;

use collector_core::error::Result;
use collector_core::id::RecordKey;
use sea_orm::Value;

use super::counters::Counter;
use super::session::Session;
use super::sinks::Sinks;
use super::statements::Insert;
use super::values::{int, ints};
use super::write::Write;

const WISH: Insert = Insert {
    table: "pending",
    columns: &["entity", "version", "owed", "since", "worker"],
    key: &["entity"],
    // Of `since` the oldest stays: that wish keeps its run waiting.
    update: &["version", "owed", "since", "worker"],
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
    for row in tx
        .rows_in("SELECT entity, owed, since FROM @pending WHERE entity IN (?*){lock entity}", &[], &known)
        .await?
    {
        before.insert(row.int(0)?, (row.int(1)?, row.int(2)?));
    }
    let mut rows = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let (owed, since) = before.get(&wish.key.0).copied().unwrap_or((0, wish.since));
        let mask = wish.mask & all;
        sinks.wish(mask, owed);
        if owed | mask != 0 {
            rows.push([
                int(wish.key.0),
                int(wish.version),
                int(owed | mask),
                int(since.min(wish.since)),
                int(worker),
            ]);
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

/// Gives what some workers owe, and what nobody owes, to another worker.
pub(super) async fn move_owner(write: &mut Write, from: &[u64], to: u64) -> Result<()> {
    let unowned = unowned(write).await?;
    let from: Vec<Value> = ints(from.iter().copied().chain(unowned.then_some(0)));
    write.tx.run_in("UPDATE @pending SET worker = ? WHERE worker IN (?*)", &[int(to)], &from).await?;
    write.counters.set(Counter::Unowned, u64::from(to == 0));
    Ok(())
}

/// Whether some pending change may belong to nobody.
async fn unowned(write: &Write) -> Result<bool> {
    if !write.tx.dialect().is_shared() {
        return Ok(write.counters.get(Counter::Unowned) != 0);
    }
    let any = write.tx.one("SELECT 1 FROM @pending WHERE worker = 0 LIMIT 1", vec![]).await?;
    Ok(any.is_some())
}
