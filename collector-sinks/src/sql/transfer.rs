//! Moving a store: every row of one database into another, of any kind.
//!
//! Tables are copied one after the other in the order of their keys, some thousand rows in a transaction. So the largest
//! key at the target says how far it is: killed anywhere, the next attempt goes on there, and nothing is doubled.

mod adopt;
mod digest;
mod marks;
mod steps;
mod tables;
#[cfg(feature = "sqlite")]
#[cfg(test)]
mod tests;

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::Name;
use futures_util::future::BoxFuture;
use futures_util::try_join;

pub use self::digest::Contents;

use self::marks::Stage;
use self::tables::{Most, Table};
use super::aliases;
use super::config::SqlConfig;
use super::database::Database;

/// Moves all rows of one store into an empty one: from a file to a server, back, or from any to any.
///
/// What belongs to a machine stays behind: workers, their claims (a claimed task is open at the target), and what the
/// sinks have. At the target each sink registers anew and is owed everything, unless it is [adopted](Self::adopt).
///
/// Nobody may work in either store meanwhile. The source is changed in nothing that its users see.
#[derive(Debug)]
pub struct Transfer {
    source: Database,
    target: Database,
    tables: Vec<Table>,
    most: Most,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Rows of a table were copied, all in all so many by this transfer.
    Copied {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u64,
    },
    /// Rows of a table were compared, all in all so many.
    Compared {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u64,
    },
}

/// Whoever wants to know how it gets on.
pub type Watch<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MovedTable {
    /// Its name, without prefix.
    pub name: &'static str,
    /// What the source has.
    pub source: Contents,
    /// What the target has.
    pub target: Contents,
    /// Rows that this transfer copied; those of earlier attempts do not count.
    pub copied: u64,
}

impl MovedTable {
    /// Whether the target has what the source has.
    pub fn is_whole(&self) -> bool {
        self.source == self.target
    }
}

/// What became of all tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// The tables, in the order of the schema.
    pub tables: Vec<MovedTable>,
    /// Whether an earlier transfer had copied and compared everything: then the source was compared with what it was at
    /// that time, and the target, which may have been worked in since, was left alone.
    pub before: bool,
}

impl Moved {
    /// Whether every table is whole.
    pub fn is_whole(&self) -> bool {
        self.tables.iter().all(MovedTable::is_whole)
    }
}

impl Transfer {
    /// Opens both stores, and refuses what cannot be moved. Nothing is copied yet.
    ///
    /// # Errors
    /// `ConfigInvalid` when there is no source, when both are the same store, when the target holds something else than an
    /// transfer of this source, and when a worker is alive in either before every row is there. `Storage` when another process
    /// writes to one of the files, or a database refuses.
    pub async fn open(from: &SqlConfig, to: &SqlConfig, now: Timestamp) -> Result<Self> {
        if from == to {
            let message = "source and target are the same store; name another one as the target";
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        #[cfg(feature = "sqlite")]
        require_file(from).await?;
        let (source, target) = (Database::open(from).await?, Database::open(to).await?);
        let transfer = Self { source, target, tables: tables::copied(), most: Most::AT_ONCE };
        refuse_workers(&transfer.source, now).await?;
        let stage = transfer.stage(transfer.identity(now).await?).await;
        // Once every row is there, the target may be worked in.
        if !matches!(stage, Ok(Stage::Filled(_))) {
            refuse_workers(&transfer.target, now).await?;
        }
        stage.map(|_| transfer)
    }

    /// Copies what the target lacks, then compares every table: row by row, on both sides. A table that differs is in
    /// the report and no error.
    ///
    /// # Errors
    /// `Storage`; `ConfigInvalid` when the source was worked in since an earlier attempt, or somebody began to work in
    /// either store; `Cancelled` when `cx` is stopped. What was copied stays, and the next transfer goes on.
    pub async fn run(&self, cx: &Context, watch: Watch<'_>) -> Result<Moved> {
        let source = self.identity(cx.now()).await?;
        match self.stage(source).await? {
            Stage::Filled(fingerprint) => return self.recognise(fingerprint, cx, watch).await,
            Stage::Begun => self.require_unchanged(cx).await?,
            Stage::Empty => self.mark(|tx| Box::pin(marks::begin(tx, source))).await?,
        }
        let mut copied = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            copied.push(self.copy(table, cx, watch).await?);
        }
        let moved = self.compare(&copied, cx, watch).await?;
        refuse_workers(&self.source, cx.now()).await?;
        refuse_workers(&self.target, cx.now()).await?;
        if moved.is_whole() {
            let contents: Vec<_> = moved.tables.iter().map(|table| table.source).collect();
            let fingerprint = digest::fingerprint(&self.tables, &contents);
            self.mark(|tx| Box::pin(marks::filled(tx, fingerprint))).await?;
        }
        Ok(moved)
    }

    /// Registers a sink at the target as one that has what it has at the source: for one whose data was copied, too.
    /// It is owed only what it was owed there. Does nothing when the source does not know it, or the target does.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn adopt(&self, sink: &Name) -> Result<()> {
        let source = &self.source;
        let look = || -> BoxFuture<'_, _> {
            Box::pin(async move { adopt::owed(&source.read().await?, sink).await })
        };
        let Some(owed) = source.call(look).await? else { return Ok(()) };
        let (target, owed) = (&self.target, &owed);
        let register = || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let tx = target.write().await?;
                adopt::register(&tx, sink, owed).await?;
                tx.commit().await
            })
        };
        target.call_long(register).await
    }

    async fn copy(&self, table: &Table, cx: &Context, watch: Watch<'_>) -> Result<u64> {
        let mut after = steps::last(&self.target, table).await?;
        let mut copied = 0;
        loop {
            require_going(cx)?;
            let rows = steps::read(&self.source, table, after.as_deref(), self.most).await?;
            let Some(last) = rows.last().map(|row| table.key_of(row)) else { return Ok(copied) };
            steps::write(&self.target, table, after.as_deref(), &rows).await?;
            after = Some(last);
            copied += rows.len() as u64;
            watch(Step::Copied { table: table.name, rows: copied });
        }
    }

    async fn compare(&self, copied: &[u64], cx: &Context, watch: Watch<'_>) -> Result<Moved> {
        let seen = |table, rows| watch(Step::Compared { table, rows });
        let (source, target) = try_join!(
            Contents::of_all(&self.source, &self.tables, cx, &seen),
            Contents::of_all(&self.target, &self.tables, cx, &|_, _| ()),
        )?;
        Ok(self.report(&source, &target, copied, false))
    }

    fn report(&self, source: &[Contents], target: &[Contents], copied: &[u64], before: bool) -> Moved {
        let sides = source.iter().zip(target).zip(copied);
        let tables = self.tables.iter().zip(sides).map(|(table, ((source, target), copied))| MovedTable {
            name: table.name,
            source: *source,
            target: *target,
            copied: *copied,
        });
        Moved { tables: tables.collect(), before }
    }

    /// An earlier transfer had everything: it still is everything if the source is as it was.
    async fn recognise(&self, fingerprint: u64, cx: &Context, watch: Watch<'_>) -> Result<Moved> {
        let seen = |table, rows| watch(Step::Compared { table, rows });
        let source = Contents::of_all(&self.source, &self.tables, cx, &seen).await?;
        if digest::fingerprint(&self.tables, &source) != fingerprint {
            return Err(worked_in());
        }
        Ok(self.report(&source, &source, &vec![0; self.tables.len()], true))
    }

    /// Refuses to go on when the source was worked in since: its counters come first, and tell.
    async fn require_unchanged(&self, cx: &Context) -> Result<()> {
        let Some(counters) = self.tables.iter().find(|table| table.name == "counter") else { return Ok(()) };
        let counters = std::slice::from_ref(counters);
        let target = Contents::of_all(&self.target, counters, cx, &|_, _| ()).await?;
        let source = Contents::of_all(&self.source, counters, cx, &|_, _| ()).await?;
        let began = target.iter().any(|counters| counters.rows > 0);
        if began && source != target { Err(worked_in()) } else { Ok(()) }
    }

    async fn identity(&self, now: Timestamp) -> Result<u64> {
        let database = &self.source;
        let identify = || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let tx = database.write().await?;
                aliases::collect(&tx).await?;
                let identity = marks::identity(&tx, now).await?;
                tx.commit().await?;
                Ok(identity)
            })
        };
        database.call(identify).await
    }

    async fn stage(&self, source: u64) -> Result<Stage> {
        let (database, tables) = (&self.target, &self.tables);
        let look = || -> BoxFuture<'_, _> {
            Box::pin(async move { marks::stage(&database.read().await?, source, tables).await })
        };
        database.call(look).await
    }

    /// Notes something at the target.
    async fn mark<F>(&self, note: F) -> Result<()>
    where
        F: for<'a> Fn(&'a super::session::Session) -> BoxFuture<'a, Result<()>> + Send + Sync,
    {
        let (database, note) = (&self.target, &note);
        let write = || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let tx = database.write().await?;
                note(&tx).await?;
                tx.commit().await
            })
        };
        database.call(write).await
    }
}

async fn refuse_workers(database: &Database, now: Timestamp) -> Result<()> {
    let look = || -> BoxFuture<'_, _> {
        Box::pin(async move { marks::refuse_workers(&database.read().await?, now).await })
    };
    database.call(look).await
}

fn worked_in() -> Error {
    let message = "the source was worked in since its rows began to be moved; empty the target (another file, database \
                   or `table_prefix`) and begin anew";
    Error::new(ErrorKind::ConfigInvalid, message)
}

fn require_going(cx: &Context) -> Result<()> {
    if cx.stop().is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "stopped; the same transfer goes on where it was"));
    }
    Ok(())
}

/// A file that is not there would be made.
#[cfg(feature = "sqlite")]
async fn require_file(config: &SqlConfig) -> Result<()> {
    if config.path.as_os_str().is_empty() || tokio::fs::try_exists(&config.path).await.unwrap_or(true) {
        return Ok(());
    }
    let message = "there is no store to move; look at the source's path";
    Err(Error::new(ErrorKind::ConfigInvalid, message).with("file", config.path.display()))
}
