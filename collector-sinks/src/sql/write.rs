//! A writing transaction with the books that are kept in every one of them.
//!
//! Rows that every transaction touches are written last and in one order (sinks, lanes, runs, budgets, totals): where
//! many processes write, nobody waits for them longer than a commit takes.

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::Name;
use collector_core::task::Cost;

use super::budgets;
use super::counters::{Counter, Counters};
use super::database::Database;
#[cfg(feature = "mysql")]
use super::error::short_of_numbers;
use super::lanes::Lanes;
use super::runs::RunBooks;
use super::session::Session;
use super::sinks::Sinks;
use super::values::text;

/// What a transaction is expected to add, at most: a wrong guess costs a second attempt.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(feature = "mysql"), expect(dead_code, reason = "in a file numbers are given one by one"))]
pub(super) struct Need {
    pub(super) entities: usize,
    pub(super) tasks: usize,
    pub(super) letters: usize,
    /// Exactly.
    pub(super) answers: usize,
    /// Exactly.
    pub(super) commits: usize,
}

/// See the [module page](self).
pub(super) struct Write {
    pub(super) tx: Session,
    pub(super) counters: Counters,
    pub(super) lanes: Lanes,
    pub(super) runs: RunBooks,
    sinks: Vec<Sinks>,
    refunds: Vec<(Name, Timestamp, Cost)>,
}

/// Sinks and runs are added while nobody else writes: with its row locked, others pass one by one.
#[cfg(feature = "mysql")]
mod gate {
    pub(super) const BESIDE: &str = "SELECT n FROM @counter WHERE id = 0{share}";
    pub(super) const ALONE: &str = "SELECT n FROM @counter WHERE id = 0{lock}";
}

impl Write {
    /// Begins a transaction beside others.
    #[cfg_attr(
        not(feature = "mysql"),
        expect(unused_variables, reason = "in a file numbers are given one by one")
    )]
    pub(super) async fn begin(database: &Database, need: Need) -> Result<Self> {
        #[cfg(feature = "mysql")]
        if let Some(drawn) = database.draw(need).await? {
            let tx = database.write().await?;
            tx.rows(gate::BESIDE, vec![]).await?;
            // Totals are added to, and need not be known.
            return Self::over(tx, Counters::default().drawing(drawn)).await;
        }
        let tx = database.write().await?;
        let counters = Counters::load(&tx).await?;
        Self::over(tx, counters).await
    }

    /// Begins a transaction that sees every total, and beside which nobody writes.
    pub(super) async fn alone(database: &Database) -> Result<Self> {
        Self::alone_adding(database, Need::default()).await
    }

    /// The same, when it adds something.
    pub(super) async fn alone_adding(database: &Database, need: Need) -> Result<Self> {
        #[cfg(feature = "mysql")]
        if let Some(drawn) = database.draw(need).await? {
            let tx = database.write().await?;
            tx.rows(gate::ALONE, vec![]).await?;
            let counters = Counters::load(&tx).await?;
            return Self::over(tx, counters.drawing(drawn)).await;
        }
        Self::begin(database, need).await
    }

    async fn over(tx: Session, counters: Counters) -> Result<Self> {
        let lanes = Lanes::load(&tx).await?;
        Ok(Self { tx, counters, lanes, runs: RunBooks::default(), sinks: Vec::new(), refunds: Vec::new() })
    }

    /// Writes the books and makes everything durable.
    pub(super) async fn commit(self) -> Result<()> {
        let Self { tx, counters, lanes, runs, sinks, mut refunds } = self;
        #[cfg(feature = "mysql")]
        if counters.is_short() {
            return Err(short_of_numbers(tx.place()));
        }
        for sinks in sinks {
            sinks.save(&tx).await?;
        }
        lanes.save(&tx).await?;
        runs.save(&tx).await?;
        refunds.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        for (account, window, over) in refunds {
            budgets::give_back(&tx, &account, window, over).await?;
        }
        counters.save(&tx).await?;
        tx.commit().await
    }

    /// Writes what was added to the sinks' balances when the transaction ends.
    pub(super) fn balance(&mut self, sinks: Sinks) {
        self.sinks.push(sinks);
    }

    /// Corrects a reservation when the transaction ends.
    pub(super) fn refund(&mut self, account: &Name, window: Timestamp, over: Cost) {
        self.refunds.push((Name::clone(account), window, over));
    }

    /// The next number of a kind of which few are given. Where many processes write, others that want one wait until
    /// the end: it is larger than all that became visible before.
    #[cfg_attr(
        not(feature = "mysql"),
        expect(clippy::unused_async, reason = "only a server has to be asked")
    )]
    pub(super) async fn number(&mut self, counter: Counter) -> Result<u64> {
        #[cfg(feature = "mysql")]
        if self.tx.dialect().is_shared() {
            return self.tx.draw(counter as u64).await;
        }
        Ok(self.counters.next(counter))
    }
}

/// The number of a worker that is registered.
pub(super) async fn worker_id(tx: &Session, name: &str) -> Result<Option<u64>> {
    let row = tx.one("SELECT id FROM @worker WHERE name = ?", vec![text(name)]).await?;
    row.map(|row| row.int(0)).transpose()
}
