//! The connections to one SQLite file: one writes, a few read.

use std::sync::Arc;
use std::time::Duration;

use collector_core::error::Result;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};

use super::{Database, Link};
use crate::file_lock::FileLock;
use crate::sql::config::SqlConfig;
use crate::sql::dialect::Dialect;
use crate::sql::error::{Place, storage};
use crate::sql::statements::{CHUNK, Texts};
use crate::sql::{migration, workers};

/// How long a statement waits for another program's lock.
const BUSY: Duration = Duration::from_secs(10);
/// How long a caller queues for the one writing connection; only a backfill of millions of rows takes so long.
const QUEUE: Duration = Duration::from_secs(600);
/// Prepared statements kept per connection; there are about 150 texts, lists and inserts in eight sizes.
const STATEMENTS: usize = 512;
/// Page cache of a reading connection; negative means KiB.
const READER_CACHE: &str = "-512";
/// Pages in the log before they are moved to the database (64 MiB): the longer, the more often a page of the alias
/// tree, which every commit touches all over, is moved once instead of many times.
const CHECKPOINT_PAGES: &str = "16384";
/// Size the log file is cut back to after it was emptied.
const LOG_BYTES: &str = "67108864";

/// The connections to one file. Fields are dropped in order: readers first, the lock last.
pub(super) struct File {
    readers: DatabaseConnection,
    writer: Option<DatabaseConnection>,
    _lock: Option<FileLock>,
}

/// Opens for writing: alone, with the newest schema.
pub(super) async fn open(config: &SqlConfig) -> Result<Database> {
    let lock = FileLock::acquire(&config.path).await?;
    let options = connect(config)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", LOG_BYTES)
        // What a statement may have to undo stays in memory.
        .pragma("temp_store", "MEMORY")
        // Negative means KiB.
        .pragma("cache_size", format!("-{}", u64::from(config.cache_mib) * 1024));
    let writer = pool(config, options, 1).await?;
    let database = reading(config, Some(writer), Some(lock)).await?;
    let tx = database.write().await?;
    migration::migrate(&tx).await?;
    workers::bury_all(&tx).await?;
    tx.commit().await?;
    Ok(database)
}

/// Opens for reading, beside a writer or without one.
pub(super) async fn open_reader(config: &SqlConfig) -> Result<Database> {
    let database = reading(config, None, None).await?;
    let tx = database.read().await?;
    migration::require(&tx).await?;
    drop(tx);
    Ok(database)
}

async fn reading(
    config: &SqlConfig,
    writer: Option<DatabaseConnection>,
    lock: Option<FileLock>,
) -> Result<Database> {
    // Every commit of the writer makes a reader forget its pages: more than one transaction needs would only lie there.
    let options = connect(config).read_only(true).pragma("cache_size", READER_CACHE);
    let readers = pool(config, options, config.readers).await?;
    Ok(Database {
        texts: Arc::new(Texts::new(Dialect::Sqlite, &config.table_prefix)),
        place: Arc::new(Place::File(config.path.clone())),
        link: Link::File(File { readers, writer, _lock: lock }),
    })
}

impl File {
    pub(super) fn writes(&self) -> bool {
        self.writer.is_some()
    }

    pub(super) async fn begin(&self, writes: bool) -> Result<DatabaseTransaction, DbErr> {
        let (connection, mode) = match &self.writer {
            Some(writer) if writes => (writer, SqliteTransactionMode::Immediate),
            _ => (&self.readers, SqliteTransactionMode::Deferred),
        };
        let options =
            TransactionOptions { sqlite_transaction_mode: Some(mode), ..TransactionOptions::default() };
        connection.begin_with_options(options).await
    }

    /// Moves everything from the log into the database file.
    pub(super) async fn checkpoint(&self) -> Result<(), DbErr> {
        let Some(writer) = &self.writer else { return Ok(()) };
        writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.map(|_| ())
    }
}

impl File {
    /// Writes the whole file anew: pages that were freed, and what stood on others before, are gone with the old one. Tells
    /// whether the log could be emptied, too: somebody who reads keeps it.
    pub(super) async fn shred(&self) -> Result<bool, DbErr> {
        let Some(writer) = &self.writer else { return Ok(true) };
        writer.execute_unprepared("VACUUM").await?;
        let empty = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        let Some(row) = writer.query_one_raw(empty).await? else { return Ok(true) };
        let busy: i64 = row.try_get_by_index(0)?;
        Ok(busy == 0)
    }
}

fn connect(config: &SqlConfig) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&config.path)
        .busy_timeout(BUSY)
        .statement_cache_capacity(STATEMENTS)
        // Rows cross threads in groups of this size.
        .row_buffer_size(CHUNK)
        .disable_statement_logging()
}

async fn pool(config: &SqlConfig, options: SqliteConnectOptions, size: u32) -> Result<DatabaseConnection> {
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(QUEUE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| {
            let error = RuntimeErr::SqlxError(Arc::new(error));
            storage(&Place::File(config.path.clone()), DbErr::Conn(error))
        })?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}
