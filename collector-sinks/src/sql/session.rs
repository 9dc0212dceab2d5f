//! One transaction's statements.

use std::sync::Arc;

use collector_core::error::Result;
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, Value};

use super::dialect::Dialect;
use super::error::{Place, storage, too_large};
use super::statements::{CHUNK, Insert, Texts, cuts};
use super::values::{Row, Unpack, bytes_of};

/// One transaction. Dropped without [`commit`](Self::commit), it leaves nothing behind.
pub(super) struct Session {
    tx: DatabaseTransaction,
    texts: Arc<Texts>,
    place: Arc<Place>,
    /// Whether it may lock rows: it writes.
    locks: bool,
}

impl Session {
    pub(super) fn new(tx: DatabaseTransaction, texts: Arc<Texts>, place: Arc<Place>, locks: bool) -> Self {
        Self { tx, texts, place, locks }
    }

    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<()> {
        let Self { tx, place, .. } = self;
        tx.commit().await.map_err(|error| storage(&place, error))
    }

    /// Ends a transaction that has changed nothing. Where others write it is waited for: until then it keeps tables
    /// from being changed, and its connection from being used.
    pub(super) async fn end(self) {
        if self.dialect().is_shared() {
            // What was asked is answered; a connection that fails now is thrown away.
            self.tx.rollback().await.unwrap_or_default();
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A name with the table prefix.
    #[cfg(feature = "mysql")]
    pub(super) fn named(&self, template: &str) -> String {
        self.texts.plain(template, false)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.texts.dialect
    }

    /// The most bytes of values in one insert.
    pub(super) fn insert_bytes(&self) -> usize {
        self.texts.insert_bytes
    }

    /// Runs a statement of the schema.
    pub(super) async fn define(&self, template: &str) -> Result<()> {
        let done = self.tx.execute_unprepared(&self.texts.plain(template, false)).await;
        done.map(|_| ()).map_err(|error| storage(&self.place, error))
    }

    /// Runs a statement of the schema that may have been run by an attempt that ended half way.
    #[cfg(feature = "mysql")]
    pub(super) async fn define_again(&self, template: &str) -> Result<()> {
        match self.tx.execute_unprepared(&self.texts.plain(template, false)).await {
            Err(error) if !super::error::is_there_already(&error) => Err(storage(&self.place, error)),
            _ => Ok(()),
        }
    }

    /// Runs a statement.
    pub(super) async fn run(&self, template: &str, values: Vec<Value>) -> Result<()> {
        self.execute(self.texts.plain(template, self.locks), values).await.map(|_| ())
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
        self.query(self.texts.plain(template, self.locks), values).await
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

    /// The rows of a query for many keys, as tuples of numbers, texts and NULLs: `from` follows the list of columns,
    /// `(?*)` is the list of keys. Bytes go as `hex(…)` into [`Packed`](super::values::Packed).
    pub(super) async fn packed_in<T: Unpack>(
        &self,
        columns: &[&str],
        from: &str,
        keys: &[Value],
    ) -> Result<Vec<T>> {
        let (query, packed) = self.texts.pack(columns, from);
        let mut rows = Vec::new();
        for row in self.rows_in(&query, &[], keys).await? {
            if packed {
                rows.append(&mut row.json(0)?);
            } else {
                rows.push(T::unpack(&row)?);
            }
        }
        Ok(rows)
    }

    /// The next number of a counter's row, which stays locked until the end.
    #[cfg(feature = "mysql")]
    pub(super) async fn draw(&self, counter: u64) -> Result<u64> {
        use super::keys::DRAW;
        use super::values::int;
        let sql = self.texts.plain(DRAW, self.locks);
        let statement =
            Statement::from_sql_and_values(self.texts.dialect.backend(), sql, [int(1), int(counter)]);
        let done = self.tx.execute_raw(statement).await.map_err(|error| storage(&self.place, error))?;
        Ok(done.last_insert_id())
    }

    /// Inserts what a query gives.
    pub(super) async fn insert_from(&self, insert: &Insert, query: &str) -> Result<()> {
        self.execute(self.texts.insert_from(insert, query), vec![]).await.map(|_| ())
    }

    /// Inserts rows.
    pub(super) async fn insert<const N: usize>(&self, insert: &Insert, rows: Vec<[Value; N]>) -> Result<()> {
        debug_assert_eq!(N, insert.columns.len());
        let limit = self.texts.insert_bytes;
        if limit == usize::MAX {
            return self.insert_run(insert, rows).await;
        }
        // No statement may be larger than the server's packet.
        let mut run = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        for row in rows {
            let size: usize = row.iter().map(bytes_of).sum();
            if size > self.texts.row_bytes {
                return Err(too_large(&self.place, insert.table, size, self.texts.row_bytes));
            }
            if bytes + size > limit && !run.is_empty() {
                self.insert_run(insert, std::mem::take(&mut run)).await?;
                bytes = 0;
            }
            bytes += size;
            run.push(row);
        }
        self.insert_run(insert, run).await
    }

    async fn insert_run<const N: usize>(&self, insert: &Insert, rows: Vec<[Value; N]>) -> Result<()> {
        let most = self.texts.rows_at_once(N);
        // A row that meets itself changes nothing.
        let cuts = cuts(rows.len(), most, !insert.key.is_empty());
        let mut rows = rows.into_iter();
        for (take, size) in cuts {
            let mut values: Vec<Value> = Vec::with_capacity(size * N);
            values.extend(rows.by_ref().take(take).flatten());
            while values.len() < size * N {
                values.extend_from_within((take - 1) * N..take * N);
            }
            self.execute(self.texts.insert(insert, size), values).await?;
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
        (self.texts.list(template, self.locks, count), values)
    }

    async fn execute(&self, sql: String, values: Vec<Value>) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.texts.dialect.backend(), sql, values);
        let done = self.tx.execute_raw(statement).await.map_err(|error| storage(&self.place, error))?;
        Ok(done.rows_affected())
    }

    async fn query(&self, sql: String, values: Vec<Value>) -> Result<Vec<Row>> {
        let statement = Statement::from_sql_and_values(self.texts.dialect.backend(), sql, values);
        let rows = self.tx.query_all_raw(statement).await.map_err(|error| storage(&self.place, error))?;
        Ok(rows.into_iter().map(Row::new).collect())
    }
}
