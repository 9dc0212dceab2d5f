//! Numbers that only grow (keys, claims, commits) and totals that would be slow to count.
//!
//! Where one process writes, a transaction reads all of them and writes what changed. Where many do, keys are drawn
//! [ahead](super::keys) of the transaction, and totals are added to at its end: nobody waits for a row that every
//! transaction touches longer than its last statements take.

use collector_core::error::Result;

#[cfg(feature = "mysql")]
use super::keys::Drawn;
use super::session::Session;
use super::statements::Insert;
use super::values::int;
#[cfg(feature = "mysql")]
use super::values::signed;

/// What is counted. The discriminant is the row; row 0 is the gate of [`Write`](super::write::Write).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    /// The last key given to an entity.
    EntityKey = 1,
    /// The last key given to a task.
    TaskKey,
    /// The last number given to an answer.
    PayloadKey,
    /// The last number given to a dead letter.
    DeadKey,
    /// The last number given to a run.
    RunKey,
    /// The last number given to a worker.
    WorkerKey,
    /// The last claim.
    Claim,
    /// The last commit.
    Commit,
    /// Living entities.
    Entities,
    /// Versions given.
    Versions,
    /// Sightings kept.
    Sightings,
    /// Answers kept.
    Payloads,
    /// Tasks answered.
    Done,
    /// Tasks answered with nothing.
    Absent,
    /// Tasks given up.
    Dead,
    /// Not 0 when pending changes may belong to nobody. Where one process writes.
    Unowned,
    /// Aliases that are not in their large table yet; one that was written twice counts twice. Where one process
    /// writes.
    NewAliases,
}

/// How many rows there are.
pub(super) const COUNTERS: usize = Counter::NewAliases as usize + 1;

const SAVE: Insert = Insert { table: "counter", columns: &["id", "n"], key: &["id"], update: &["n"] };

/// The totals, in the order of their rows.
#[cfg(feature = "mysql")]
const TOTALS: std::ops::RangeInclusive<usize> = Counter::Entities as usize..=Counter::Dead as usize;

/// All counters, inside one transaction.
#[derive(Debug, Default)]
pub(super) struct Counters {
    loaded: [u64; COUNTERS],
    change: [i64; COUNTERS],
    /// The keys of this transaction, where many processes write.
    #[cfg(feature = "mysql")]
    drawn: Option<Drawn>,
}

impl Counters {
    pub(super) async fn load(tx: &Session) -> Result<Self> {
        let mut loaded = [0; COUNTERS];
        for row in tx.rows("SELECT id, n FROM @counter", vec![]).await? {
            let id: usize = row.small(0)?;
            if let Some(slot) = loaded.get_mut(id) {
                *slot = row.int(1)?;
            }
        }
        Ok(Self { loaded, ..Self::default() })
    }

    /// The same with keys drawn ahead.
    #[cfg(feature = "mysql")]
    pub(super) fn drawing(self, drawn: Drawn) -> Self {
        Self { drawn: Some(drawn), ..self }
    }

    pub(super) async fn save(&self, tx: &Session) -> Result<()> {
        #[cfg(feature = "mysql")]
        if self.drawn.is_some() {
            return self.add_totals(tx).await;
        }
        let changes = self.change.iter().zip(&self.loaded).enumerate();
        let changed = changes.filter(|(_, (change, _))| **change != 0);
        let rows = changed
            .map(|(id, (change, loaded))| [int(id as u64), int(loaded.saturating_add_signed(*change))]);
        tx.insert(&SAVE, rows.collect()).await
    }

    #[cfg(feature = "mysql")]
    async fn add_totals(&self, tx: &Session) -> Result<()> {
        let totals = self.change.get(TOTALS).unwrap_or_default();
        if totals.iter().all(|change| *change == 0) {
            return Ok(());
        }
        let cases: String = TOTALS.map(|id| format!(" WHEN {id} THEN ?")).collect();
        let (first, last) = (TOTALS.start(), TOTALS.end());
        let add = format!(
            "UPDATE @counter SET n = n + CASE id{cases} ELSE 0 END WHERE id BETWEEN {first} AND {last}"
        );
        tx.run(&add, totals.iter().map(|change| signed(*change)).collect()).await
    }

    /// Whether the keys drawn were too few: then those given since must not be written.
    #[cfg(feature = "mysql")]
    pub(super) fn is_short(&self) -> bool {
        self.drawn.as_ref().is_some_and(Drawn::is_short)
    }

    pub(super) fn get(&self, counter: Counter) -> u64 {
        let at = counter as usize;
        self.loaded[at].saturating_add_signed(self.change[at])
    }

    /// Gives the next number.
    pub(super) fn next(&mut self, counter: Counter) -> u64 {
        #[cfg(feature = "mysql")]
        if let Some(drawn) = &mut self.drawn {
            return drawn.next(counter);
        }
        self.add(counter, 1);
        self.get(counter)
    }

    pub(super) fn add(&mut self, counter: Counter, count: u64) {
        let slot = &mut self.change[counter as usize];
        *slot = slot.saturating_add_unsigned(count);
    }

    pub(super) fn set(&mut self, counter: Counter, to: u64) {
        let at = counter as usize;
        self.change[at] = to.cast_signed().saturating_sub(self.loaded[at].cast_signed());
    }

    pub(super) fn take(&mut self, counter: Counter, count: u64) {
        let slot = &mut self.change[counter as usize];
        *slot = slot.saturating_sub_unsigned(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_totals_go_both_ways() {
        let mut counters = Counters::default();
        counters.loaded[Counter::TaskKey as usize] = 5;
        assert_eq!((counters.next(Counter::TaskKey), counters.next(Counter::TaskKey)), (6, 7));
        counters.add(Counter::Done, 3);
        counters.take(Counter::Done, 1);
        assert_eq!(counters.get(Counter::Done), 2);
        counters.set(Counter::TaskKey, 0);
        assert_eq!(counters.get(Counter::TaskKey), 0);
    }
}
