//! Who owns which identity.
//!
//! Hashes have no order, so a batch of new ones touches as many pages as the tree has, and each commit would write
//! all of them again. New aliases therefore go to a small table, and from there to the large one many at a time. Where
//! many processes write there is only the large one: its key is what stops two of them from adding the same somebody.

use std::collections::{HashMap, HashSet};

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
/// Refused when somebody else added the identity meanwhile: then everything is decided anew.
const FIRST: Insert = Insert { table: "alias", columns: &["hash", "entity"], key: &[], update: &[] };
const ALL: Insert =
    Insert { table: "alias", columns: &["hash", "entity"], key: &["hash"], update: &["entity"] };

/// The owners of those identities that have one; the last word on each comes last.
pub(super) async fn owners(tx: &Session, ids: &[IdHash]) -> Result<Vec<(IdHash, RecordKey)>> {
    find(tx, ids, "FROM @alias WHERE hash IN (?*)").await
}

/// The same, when who owns them is about to be decided: in the order of the hashes, so that others wait and do not
/// wait for each other.
pub(super) async fn owners_to_change(tx: &Session, ids: &[IdHash]) -> Result<Vec<(IdHash, RecordKey)>> {
    find(tx, ids, "FROM @alias WHERE hash IN (?*){lock hash}").await
}

async fn find(tx: &Session, ids: &[IdHash], from: &str) -> Result<Vec<(IdHash, RecordKey)>> {
    let keys: Vec<Value> = ids.iter().map(|id| hash(id.0)).collect();
    let columns = ["hex(hash)", "entity"];
    let mut owners: Vec<(Packed, u64)> = tx.packed_in(&columns, from, &keys).await?;
    if !tx.dialect().is_shared() {
        owners.append(&mut tx.packed_in(&columns, "FROM @alias_new WHERE hash IN (?*)", &keys).await?);
    }
    Ok(owners.into_iter().map(|(hash, entity)| (IdHash(hash.0), RecordKey(entity))).collect())
}

/// Writes who owns what now; `known` are the identities that had an owner before.
pub(super) async fn add(tx: &Session, owners: &[(IdHash, RecordKey)], known: &HashSet<IdHash>) -> Result<()> {
    let row = |(id, key): &(IdHash, RecordKey)| [hash(id.0), int(key.0)];
    if !tx.dialect().is_shared() {
        return tx.insert(&NEW, owners.iter().map(row).collect()).await;
    }
    let (before, new): (Vec<_>, Vec<_>) = owners.iter().partition(|(id, _)| known.contains(id));
    tx.insert(&FIRST, new.into_iter().map(row).collect()).await?;
    tx.insert(&ALL, before.into_iter().map(row).collect()).await
}

/// Frees identities, as far as these still own them: a handle they had once may be somebody else's.
pub(super) async fn free(tx: &Session, freed: &[(IdHash, RecordKey)]) -> Result<()> {
    let ids: Vec<IdHash> = freed.iter().map(|(id, _)| *id).collect();
    // The last word on each is the one that counts.
    let owners: HashMap<IdHash, RecordKey> = owners_to_change(tx, &ids).await?.into_iter().collect();
    let theirs = freed.iter().filter(|(id, key)| owners.get(id) == Some(key));
    let hashes: Vec<Value> = theirs.map(|(id, _)| hash(id.0)).collect();
    tx.run_in("DELETE FROM @alias WHERE hash IN (?*)", &[], &hashes).await?;
    tx.run_in("DELETE FROM @alias_new WHERE hash IN (?*)", &[], &hashes).await.map(|_| ())
}

/// Counts aliases that were added, and moves the new ones when there are enough of them.
pub(super) async fn settle(write: &mut Write, added: usize) -> Result<()> {
    if write.tx.dialect().is_shared() {
        return Ok(());
    }
    write.counters.add(Counter::NewAliases, added as u64);
    if write.counters.get(Counter::NewAliases) >= COLLECT {
        move_new(&write.tx).await?;
        write.counters.set(Counter::NewAliases, 0);
    }
    Ok(())
}

async fn move_new(tx: &Session) -> Result<()> {
    tx.insert_from(&ALL, "SELECT hash, entity FROM @alias_new WHERE 1 = 1 ORDER BY hash").await?;
    tx.run("DELETE FROM @alias_new", vec![]).await
}

/// Moves the new aliases however few they are, while nothing else is counted.
pub(super) async fn collect(tx: &Session) -> Result<()> {
    if tx.dialect().is_shared() {
        return Ok(());
    }
    move_new(tx).await?;
    tx.run("UPDATE @counter SET n = 0 WHERE id = ?", vec![int(Counter::NewAliases as u64)]).await
}
