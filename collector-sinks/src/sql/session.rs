//! Connections, and one transaction's statements.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, QueryResult, SqliteTransactionMode, SqlxSqliteConnector,
    Statement, TransactionOptions, TransactionTrait, TryGetable, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::config::SqlConfig;
use super::dialect::Dialect;
use super::error::{storage, unreadable};
use super::statements::{CHUNK, Insert, Texts, powers};
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
            Error::new(ErrorKind::Storage, "the store is open for reading only").with("file", self.file.display())
        })?;
        self.begin(writer, SqliteTransactionMode::Immediate).await
    }

    /// Begins a transaction that sees one state of the database.
    pub(super) async fn read(&self) -> Result<Session> {
        self.begin(&self.readers, SqliteTransactionMode::Deferred).await
    }

    async fn begin(&self, connection: &DatabaseConnection, mode: SqliteTransactionMode) -> Result<Session> {
        let options = TransactionOptions { sqlite_transaction_mode: Some(mode), ..TransactionOptions::default() };
        let tx = connection.begin_with_options(options).await.map_err(|error| storage(&self.file, error))?;
        Ok(Session { tx, texts: Arc::clone(&self.texts), file: Arc::clone(&self.file) })
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
            let error = sea_orm::RuntimeErr::SqlxError(Arc::new(error));
            storage(&config.path, sea_orm::DbErr::Conn(error))
        })?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// One transaction. Dropped without [`commit`](Self::commit), it leaves nothing behind.
pub(super) struct Session {
    tx: DatabaseTransaction,
    texts: Arc<Texts>,
    file: Arc<Path>,
}

impl Session {
    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<()> {
        let Self { tx, file, .. } = self;
        tx.commit().await.map_err(|error| storage(&file, error))
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Runs a statement of the schema.
    pub(super) async fn define(&self, template: &str) -> Result<()> {
        let done = self.tx.execute_unprepared(&self.texts.schema(template)).await;
        done.map(|_| ()).map_err(|error| storage(&self.file, error))
    }

    /// Runs a statement.
    pub(super) async fn run(&self, template: &str, values: Vec<Value>) -> Result<()> {
        self.execute(self.texts.plain(template), values).await.map(|_| ())
    }

    /// Runs a statement for many keys: `(?*)` is the list, and the last values of the statement. Gives how many rows
    /// matched; of a statement that sets what is set already, servers differ in that number.
    pub(super) async fn run_in(&self, template: &str, before: &[Value], keys: &[Value]) -> Result<u64> {
        let mut matched = 0;
        for chunk in keys.chunks(CHUNK) {
            let (sql, values) = self.list(template, before, chunk);
            matched += self.execute(sql, values).await?;
        }
        Ok(matched)
    }

    /// The rows of a query.
    pub(super) async fn rows(&self, template: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        self.query(self.texts.plain(template), values).await
    }

    /// The first row of a query.
    pub(super) async fn one(&self, template: &str, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.rows(template, values).await?.into_iter().next())
    }

    /// The rows of a query for many keys: `(?*)` is the list, and the last values of the statement.
    pub(super) async fn rows_in(&self, template: &str, before: &[Value], keys: &[Value]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let (sql, values) = self.list(template, before, chunk);
            rows.append(&mut self.query(sql, values).await?);
        }
        Ok(rows)
    }

    /// Inserts rows.
    pub(super) async fn insert<const N: usize>(&self, insert: &Insert, rows: Vec<[Value; N]>) -> Result<()> {
        debug_assert_eq!(N, insert.columns.len());
        let most = self.texts.rows_at_once(N);
        let cuts = powers(rows.len(), most);
        let mut rows = rows.into_iter();
        for count in cuts {
            let values: Vec<Value> = rows.by_ref().take(count).flatten().collect();
            self.execute(self.texts.insert(insert, count), values).await?;
        }
        Ok(())
    }

    /// Lists are filled up with their last key, so that few lengths occur; a key twice in a list changes nothing.
    fn list(&self, template: &str, before: &[Value], keys: &[Value]) -> (String, Vec<Value>) {
        let count = keys.len().next_power_of_two();
        let mut values = Vec::with_capacity(before.len() + count);
        values.extend_from_slice(before);
        values.extend_from_slice(keys);
        if let Some(last) = keys.last() {
            values.resize(before.len() + count, last.clone());
        }
        (self.texts.list(template, count), values)
    }

    async fn execute(&self, sql: String, values: Vec<Value>) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.texts.dialect.backend(), sql, values);
        let done = self.tx.execute_raw(statement).await.map_err(|error| storage(&self.file, error))?;
        Ok(done.rows_affected())
    }

    async fn query(&self, sql: String, values: Vec<Value>) -> Result<Vec<Row>> {
        let statement = Statement::from_sql_and_values(self.texts.dialect.backend(), sql, values);
        let rows = self.tx.query_all_raw(statement).await.map_err(|error| storage(&self.file, error))?;
        Ok(rows.into_iter().map(Row).collect())
    }
}

/// A row; columns are named by position.
pub(super) struct Row(QueryResult);

impl Row {
    fn get<T: TryGetable>(&self, at: usize) -> Result<T> {
        self.0.try_get_by_index(at).map_err(|error| unreadable("column", error))
    }

    /// A number that is never negative.
    pub(super) fn int(&self, at: usize) -> Result<u64> {
        let value: i64 = self.get(at)?;
        u64::try_from(value).map_err(|error| unreadable("number", error))
    }

    /// The same, or NULL.
    pub(super) fn int_or_null(&self, at: usize) -> Result<Option<u64>> {
        let value: Option<i64> = self.get(at)?;
        value.map(u64::try_from).transpose().map_err(|error| unreadable("number", error))
    }

    /// A small number.
    pub(super) fn small<T: TryFrom<i64, Error: std::fmt::Display>>(&self, at: usize) -> Result<T> {
        let value: i64 = self.get(at)?;
        T::try_from(value).map_err(|error| unreadable("number", error))
    }

    pub(super) fn time(&self, at: usize) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.get(at)?))
    }

    pub(super) fn time_or_null(&self, at: usize) -> Result<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(at)?.map(Timestamp::from_millis))
    }

    pub(super) fn text(&self, at: usize) -> Result<String> {
        self.get(at)
    }

    pub(super) fn text_or_null(&self, at: usize) -> Result<Option<String>> {
        self.get(at)
    }

    pub(super) fn bytes(&self, at: usize) -> Result<Vec<u8>> {
        self.get(at)
    }

    /// A hash of 16 bytes.
    pub(super) fn hash(&self, at: usize) -> Result<[u8; 16]> {
        let bytes: Vec<u8> = self.get(at)?;
        <[u8; 16]>::try_from(bytes.as_slice()).map_err(|error| unreadable("hash", error))
    }

    /// What was written as JSON; nothing for NULL.
    pub(super) fn json_or_none<T: DeserializeOwned + Default>(&self, at: usize) -> Result<T> {
        self.text_or_null(at)?.map_or_else(|| Ok(T::default()), |text| from_json(&text))
    }

    /// What was written as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, at: usize) -> Result<T> {
        from_json(&self.text(at)?)
    }
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable("JSON", error))
}

/// A number; what a database cannot hold becomes the largest it can.
pub(super) fn int(value: u64) -> Value {
    Value::BigInt(Some(i64::try_from(value).unwrap_or(i64::MAX)))
}

pub(super) fn int_or_null(value: Option<u64>) -> Value {
    value.map_or(Value::BigInt(None), int)
}

pub(super) fn signed(value: i64) -> Value {
    Value::BigInt(Some(value))
}

pub(super) fn time(at: Timestamp) -> Value {
    Value::BigInt(Some(at.as_millis()))
}

pub(super) fn time_or_null(at: Option<Timestamp>) -> Value {
    Value::BigInt(at.map(Timestamp::as_millis))
}

pub(super) fn millis(time: Duration) -> Value {
    int(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn text(value: impl Into<String>) -> Value {
    Value::String(Some(value.into()))
}

pub(super) fn text_or_null(value: Option<String>) -> Value {
    Value::String(value)
}

pub(super) fn hash(value: [u8; 16]) -> Value {
    Value::Bytes(Some(value.to_vec()))
}

pub(super) fn bytes(value: Vec<u8>) -> Value {
    Value::Bytes(Some(value))
}

/// A value as JSON.
pub(super) fn json(value: &(impl Serialize + ?Sized)) -> Result<Value> {
    let written = serde_json::to_string(value);
    let written = written.map_err(|error| {
        Error::new(ErrorKind::Storage, "a value cannot be written as JSON").caused_by(error)
    })?;
    Ok(text(written))
}

pub(super) fn ints(values: impl IntoIterator<Item = u64>) -> Vec<Value> {
    values.into_iter().map(int).collect()
}
