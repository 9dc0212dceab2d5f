//! The connections to one SQLite file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqliteTransactionMode, SqlxSqliteConnector,
    TransactionOptions, TransactionTrait,
};

use super::config::SqlConfig;
use super::dialect::Dialect;
use super::error::storage;
use super::session::Session;
use super::statements::{CHUNK, Texts};
use super::{migration, workers};
use crate::file_lock::FileLock;

/// How long a statement waits for another program's lock.
const BUSY: Duration = Duration::from_secs(10);
/// How long a caller queues for the one writing connection; only a backfill of millions of rows takes so long.
const QUEUE: Duration = Duration::from_secs(600);
/// Prepared statements kept per connection; there are about 150 texts, lists and inserts in nine sizes.
const STATEMENTS: usize = 512;
/// Pages in the log before they are moved to the database (64 MiB): the longer, the more often a page of the alias
/// tree, which every commit touches all over, is moved once instead of many times.
const CHECKPOINT_PAGES: &str = "16384";
/// Size the log file is cut back to after it was emptied.
const LOG_BYTES: &str = "67108864";

/// The connections to one database. Fields are dropped in order: readers first, the lock last.
pub(super) struct Database {
    readers: DatabaseConnection,
    writer: Option<DatabaseConnection>,
    texts: Arc<Texts>,
    file: Arc<Path>,
    _lock: Option<FileLock>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("file", &self.file).field("writes", &self.writer.is_some()).finish()
    }
}

impl Database {
    /// Opens for writing: alone, with the newest schema.
    ///
    /// Boxed, because the compiler does not see that futures of the pool can be sent when they are nested deeper.
    pub(super) fn open(config: &SqlConfig) -> BoxFuture<'_, Result<Self>> {
        Box::pin(Self::open_writer(config))
    }

    async fn open_writer(config: &SqlConfig) -> Result<Self> {
        config.validate()?;
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
        let database = Self { writer: Some(writer), ..Self::reading(config, Some(lock)).await? };
        let tx = database.write().await?;
        migration::migrate(&tx).await?;
        workers::bury_all(&tx).await?;
        tx.commit().await?;
        Ok(database)
    }

    /// Opens for reading, beside a writer or without one.
    pub(super) fn open_reader(config: &SqlConfig) -> BoxFuture<'_, Result<Self>> {
        Box::pin(async move {
            config.validate()?;
            let database = Self::reading(config, None).await?;
            let tx = database.read().await?;
            migration::require(&tx).await?;
            drop(tx);
            Ok(database)
        })
    }

    async fn reading(config: &SqlConfig, lock: Option<FileLock>) -> Result<Self> {
        let readers = pool(config, connect(config).read_only(true), config.readers).await?;
        Ok(Self {
            readers,
            writer: None,
            texts: Arc::new(Texts::new(Dialect::Sqlite, &config.table_prefix)),
            file: Arc::from(config.path.as_path()),
            _lock: lock,
        })
    }

    /// Begins a transaction that may write; waits for the one before it.
    pub(super) async fn write(&self) -> Result<Session> {
        let writer = self.writer.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Storage, "the store is open for reading only")
                .with("file", self.file.display())
        })?;
        self.begin(writer, SqliteTransactionMode::Immediate).await
    }

    /// Begins a transaction that sees one state of the database.
    pub(super) async fn read(&self) -> Result<Session> {
        self.begin(&self.readers, SqliteTransactionMode::Deferred).await
    }

    async fn begin(&self, connection: &DatabaseConnection, mode: SqliteTransactionMode) -> Result<Session> {
        let options =
            TransactionOptions { sqlite_transaction_mode: Some(mode), ..TransactionOptions::default() };
        let tx = connection.begin_with_options(options).await.map_err(|error| storage(&self.file, error))?;
        Ok(Session::new(tx, Arc::clone(&self.texts), Arc::clone(&self.file)))
    }

    /// Moves everything from the log into the database file.
    pub(super) async fn checkpoint(&self) -> Result<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let done = writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
        done.map(|_| ()).map_err(|error| storage(&self.file, error))
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
            storage(&config.path, DbErr::Conn(error))
        })?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}
