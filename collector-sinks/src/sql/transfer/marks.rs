//! Who a store is, where its rows came from, and whether they are all there: kept beside the schema's version.

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::Digest;

use super::super::migration::{note, value};
use super::super::session::Session;
use super::super::values::time;
use super::tables::Table;

/// A number that no other store has.
const IDENTITY: &str = "identity";
/// The identity of the store that the rows come from.
const FROM: &str = "moved from";
/// The fingerprint of the source's rows once all of them are here.
const ALL: &str = "moved";

/// How far the target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has nothing.
    Empty,
    /// It has some of the source's rows.
    Begun,
    /// It has all of them, which had this fingerprint.
    Filled(u64),
}

/// A number out of bytes that a database's signed number holds; never 0.
pub(super) fn number(bytes: &[u8]) -> u64 {
    let hash = Digest::of(bytes).0;
    (u128::from_be_bytes(hash) as u64 >> 1).max(1)
}

/// The source's identity; it is given one when it has none.
pub(super) async fn identity(tx: &Session, now: Timestamp) -> Result<u64> {
    let known = value(tx, IDENTITY).await?;
    if known != 0 {
        return Ok(known);
    }
    let new = number(format!("{:?} {now} {}", tx.place(), std::process::id()).as_bytes());
    note(tx, IDENTITY, new).await?;
    Ok(new)
}

/// How far the target is with this source.
///
/// # Errors
/// `ConfigInvalid` when it is the source itself, or has something that is not this source's.
pub(super) async fn stage(tx: &Session, source: u64, tables: &[Table]) -> Result<Stage> {
    let refused = |message: &str| Err(tx.place().name(Error::new(ErrorKind::ConfigInvalid, message)));
    if value(tx, IDENTITY).await? == source {
        return refused("source and target are the same store; name another one as the target");
    }
    let from = value(tx, FROM).await?;
    if from == source {
        return Ok(match value(tx, ALL).await? {
            0 => Stage::Begun,
            fingerprint => Stage::Filled(fingerprint),
        });
    }
    if from != 0 {
        return refused(
            "the target has rows of another store; choose an empty one: another file, database or `table_prefix`",
        );
    }
    for table in tables {
        if table.last(tx).await?.is_some() {
            return refused("the target is not empty; choose another file, database or `table_prefix`");
        }
    }
    if tx.one("SELECT 1 FROM @sink LIMIT 1", vec![]).await?.is_some() {
        return refused(
            "somebody has worked in the target already; choose another file, database or `table_prefix`",
        );
    }
    Ok(Stage::Empty)
}

/// Notes whose rows are coming.
pub(super) async fn begin(tx: &Session, source: u64) -> Result<()> {
    note(tx, FROM, source).await
}

/// Notes that all rows are there.
pub(super) async fn filled(tx: &Session, fingerprint: u64) -> Result<()> {
    note(tx, ALL, fingerprint).await
}

/// Refuses a store in which somebody works.
pub(super) async fn refuse_workers(tx: &Session, now: Timestamp) -> Result<()> {
    let alive = "SELECT name FROM @worker WHERE state <> 0 AND beat >= ? - ttl ORDER BY id LIMIT 1";
    let Some(row) = tx.one(alive, vec![time(now)]).await? else { return Ok(()) };
    let message = "a worker is working in the store; stop it first, or wait until it is taken for dead";
    let error = Error::new(ErrorKind::ConfigInvalid, message).with("worker", row.text(0)?);
    Err(tx.place().name(error))
}
