//! One step of copying: some rows out of the source, and into the target whole or not at all.

use collector_core::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use sea_orm::Value;

use super::super::database::Database;
use super::tables::{Most, Table};

impl Most {
    /// Few enough to be held in memory on both sides, many enough that a commit's wait does not count.
    pub(super) const AT_ONCE: Self = Self { rows: 2_000, bytes: 8 << 20 };
}

/// The next rows of a table behind a key.
pub(super) async fn read(
    database: &Database,
    table: &Table,
    after: Option<&[Value]>,
    most: Most,
) -> Result<Vec<Vec<Value>>> {
    let read = || -> BoxFuture<'_, _> {
        Box::pin(async move { table.read(&database.read().await?, after, most).await })
    };
    database.call(read).await
}

/// The largest key of a table.
pub(super) async fn last(database: &Database, table: &Table) -> Result<Option<Vec<Value>>> {
    let last = || -> BoxFuture<'_, _> { Box::pin(async move { table.last(&database.read().await?).await }) };
    database.call(last).await
}

/// How many rows of a table are copied, as the database counts them.
pub(super) async fn count(database: &Database, table: &Table) -> Result<u64> {
    let count =
        || -> BoxFuture<'_, _> { Box::pin(async move { table.count(&database.read().await?).await }) };
    database.call_long(count).await
}

/// Writes the rows behind a key. Where the target stands is read in the same transaction, so an attempt that may have
/// been committed is not made twice, and somebody else's rows are noticed.
pub(super) async fn write(
    database: &Database,
    table: &Table,
    after: Option<&[Value]>,
    rows: &[Vec<Value>],
) -> Result<()> {
    let Some(end) = rows.last().map(|row| table.key_of(row)) else { return Ok(()) };
    let end = &end;
    let write = || -> BoxFuture<'_, _> {
        Box::pin(async move {
            let tx = database.write().await?;
            let stands = table.last(&tx).await?;
            if stands.as_ref() == Some(end) {
                return Ok(());
            }
            if stands.as_deref() != after {
                let message = "somebody else writes to the target while it is being filled; end them, empty the \
                               target and begin anew";
                let error = Error::new(ErrorKind::Storage, message).with("table", table.name);
                return Err(tx.place().name(error));
            }
            table.write(&tx, rows).await?;
            tx.commit().await
        })
    };
    database.call(write).await
}
