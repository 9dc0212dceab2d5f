//! Who owns which identity.
//!
//! Hashes have no order, so a batch of new ones touches as many pages as the tree has, and each commit would write
//! all of them again. New aliases therefore go to a small table, and from there to the large one many at a time.

use collector_core::error::Result;
use collector_core::id::{IdHash, RecordKey};
use sea_orm::Value;

use super::counters::Counter;
use super::session::Session;
use super::statements::Insert;
use super::values::{Packed, hash, int};
use super::write::Write;

/// Aliases collected before they are moved: few enough for a small tree, many enough to be worth a walk through the
/// large one.
const COLLECT: u64 = 16_384;

const NEW: Insert =
    Insert { table: "alias_new", columns: &["hash", "entity"], key: &["hash"], update: &["entity"] };
const ALL: Insert =
    Insert { table: "alias", columns: &["hash", "entity"], key: &["hash"], update: &["entity"] };

/// The owners of those identities that have one; the last word on each comes last.
pub(super) async fn owners(tx: &Session, ids: &[IdHash]) -> Result<Vec<(IdHash, RecordKey)>> {
    let keys: Vec<Value> = ids.iter().map(|id| hash(id.0)).collect();
    let columns = ["hex(hash)", "entity"];
    let mut owners: Vec<(Packed, u64)> =
        tx.packed_in(&columns, "FROM @alias WHERE hash IN (?*)", &keys).await?;
    owners.append(&mut tx.packed_in(&columns, "FROM @alias_new WHERE hash IN (?*)", &keys).await?);
    Ok(owners.into_iter().map(|(hash, entity)| (IdHash(hash.0), RecordKey(entity))).collect())
}

/// Writes who owns what now.
pub(super) async fn add(tx: &Session, owners: &[(IdHash, RecordKey)]) -> Result<()> {
    let rows = owners.iter().map(|(id, key)| [hash(id.0), int(key.0)]).collect();
    tx.insert(&NEW, rows).await
}

/// Counts aliases that were added, and moves the new ones when there are enough of them.
pub(super) async fn settle(write: &mut Write, added: usize) -> Result<()> {
    write.counters.add(Counter::NewAliases, added as u64);
    if write.counters.get(Counter::NewAliases) >= COLLECT {
        write.tx.insert_from(&ALL, "SELECT hash, entity FROM @alias_new WHERE 1 = 1 ORDER BY hash").await?;
        write.tx.run("DELETE FROM @alias_new", vec![]).await?;
        write.counters.set(Counter::NewAliases, 0);
    }
    Ok(())
}
