//! Numbers for rows that many processes add at once, drawn ahead of the transaction that uses them.
//!
//! A counter's row that is changed inside a long transaction makes every other one wait. So blocks of numbers are drawn
//! in statements of their own; what a transaction does not use is never used. Numbers of one kind grow from block to
//! block, and only commits and answers are drawn exactly when they are needed, because their order means something.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use collector_core::error::Result;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement, TransactionTrait};
use tokio::sync::Mutex;

use super::counters::{COUNTERS, Counter};
use super::error::{Place, storage, unreadable};
use super::statements::Texts;
use super::values::int;
use super::write::Need;

/// Numbers drawn at once of those that are drawn ahead.
const BLOCK: u64 = 4_096;
/// The most by which a need is multiplied after it was estimated too low.
const MOST_GENEROUS: u64 = 1 << 12;
/// Where numbers begin that are given although there are none left. They never become durable.
const UNUSABLE: u64 = 1 << 61;

/// Draws a number inside or outside of a transaction: it comes back as the last inserted id of this connection.
pub(super) const DRAW: &str = "UPDATE @counter SET n = LAST_INSERT_ID(n + ?) WHERE id = ?";

/// The numbers of one process.
#[derive(Debug)]
pub(super) struct Keys {
    ahead: Mutex<[Range<u64>; COUNTERS]>,
    generosity: AtomicU64,
}

impl Default for Keys {
    fn default() -> Self {
        Self { ahead: Mutex::new([const { 0..0 }; COUNTERS]), generosity: AtomicU64::new(1) }
    }
}

impl Keys {
    /// Draws what a transaction needs.
    pub(super) async fn draw(self: &Arc<Self>, source: Source<'_>, need: Need) -> Result<Drawn> {
        let generosity = self.generosity.load(Ordering::Relaxed);
        let mut drawn = Drawn { numbers: [const { 0..0 }; COUNTERS], given: 0, keys: Arc::clone(self) };
        let estimated = [
            (Counter::EntityKey, need.entities),
            (Counter::TaskKey, need.tasks),
            (Counter::DeadKey, need.letters),
        ];
        let mut ahead = self.ahead.lock().await;
        for (counter, count) in estimated {
            let count = count as u64 * generosity;
            let numbers = &mut ahead[counter as usize];
            if numbers.end - numbers.start < count {
                *numbers = source.block(counter, count.max(BLOCK)).await?;
            }
            let cut = numbers.start + count;
            drawn.numbers[counter as usize] = numbers.start..cut;
            numbers.start = cut;
        }
        drop(ahead);
        for (counter, count) in [(Counter::PayloadKey, need.answers), (Counter::Commit, need.commits)] {
            if count > 0 {
                drawn.numbers[counter as usize] = source.block(counter, count as u64).await?;
            }
        }
        Ok(drawn)
    }
}

/// Where numbers are drawn.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) pool: &'a DatabaseConnection,
    pub(super) texts: &'a Texts,
    pub(super) place: &'a Place,
    /// Whether no connection can be in the middle of a transaction that somebody gave up.
    pub(super) is_ours: bool,
}

impl Source<'_> {
    async fn block(self, counter: Counter, count: u64) -> Result<Range<u64>> {
        let last = self.draw(counter, count).await.map_err(|error| storage(self.place, error))?;
        let from = last.checked_sub(count).ok_or_else(|| unreadable("a counter", last))?;
        Ok(from + 1..last + 1)
    }

    async fn draw(self, counter: Counter, count: u64) -> Result<u64, DbErr> {
        let text = self.texts.plain(DRAW, true);
        let values = [int(count), int(counter as u64)];
        let statement = Statement::from_sql_and_values(self.texts.dialect.backend(), text, values);
        if self.is_ours {
            return Ok(self.pool.execute_raw(statement).await?.last_insert_id());
        }
        let tx = self.pool.begin().await?;
        let last = tx.execute_raw(statement).await?.last_insert_id();
        tx.commit().await?;
        Ok(last)
    }
}

/// The numbers of one transaction.
#[derive(Debug)]
pub(super) struct Drawn {
    numbers: [Range<u64>; COUNTERS],
    /// How many were given beyond those drawn.
    given: u64,
    keys: Arc<Keys>,
}

impl Drawn {
    pub(super) fn next(&mut self, counter: Counter) -> u64 {
        if let Some(number) = self.numbers[counter as usize].next() {
            return number;
        }
        if self.given == 0 {
            let more = |generosity: u64| Some((generosity * 4).min(MOST_GENEROUS));
            // Only an update that changes nothing fails, and this one always changes something.
            self.keys.generosity.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).unwrap_or_default();
        }
        self.given += 1;
        UNUSABLE + self.given
    }

    pub(super) fn is_short(&self) -> bool {
        self.given > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_drawn_is_not_to_be_written_and_more_is_drawn_next_time() {
        let keys = Arc::new(Keys::default());
        let mut drawn = Drawn { numbers: [const { 0..0 }; COUNTERS], given: 0, keys: Arc::clone(&keys) };
        drawn.numbers[Counter::TaskKey as usize] = 7..9;
        assert_eq!((drawn.next(Counter::TaskKey), drawn.next(Counter::TaskKey)), (7, 8));
        assert!(!drawn.is_short());
        assert_ne!(drawn.next(Counter::TaskKey), drawn.next(Counter::TaskKey));
        assert!(drawn.is_short());
        assert_eq!(keys.generosity.load(Ordering::Relaxed), 4);
    }
}
