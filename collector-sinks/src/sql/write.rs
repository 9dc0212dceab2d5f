//! A writing transaction with the books that are kept in every one of them.

use collector_core::error::Result;

use super::counters::Counters;
use super::database::Database;
use super::lanes::Lanes;
use super::runs::RunBooks;
use super::session::Session;
use super::values::text;

/// See the [module page](self).
pub(super) struct Write {
    pub(super) tx: Session,
    pub(super) counters: Counters,
    pub(super) lanes: Lanes,
    pub(super) runs: RunBooks,
}

impl Write {
    pub(super) async fn begin(database: &Database) -> Result<Self> {
        let tx = database.write().await?;
        let counters = Counters::load(&tx).await?;
        let lanes = Lanes::load(&tx).await?;
        Ok(Self { tx, counters, lanes, runs: RunBooks::default() })
    }

    /// Writes the books and makes everything durable.
    pub(super) async fn commit(self) -> Result<()> {
        let Self { tx, counters, lanes, runs } = self;
        lanes.save(&tx).await?;
        runs.save(&tx).await?;
        counters.save(&tx).await?;
        tx.commit().await
    }
}

/// The number of a worker that is registered.
pub(super) async fn worker_id(tx: &Session, name: &str) -> Result<Option<u64>> {
    let row = tx.one("SELECT id FROM @worker WHERE name = ?", vec![text(name)]).await?;
    row.map(|row| row.int(0)).transpose()
}
