//! Numbers that only grow (keys, claims, commits) and totals that would be slow to count.

use collector_core::error::Result;

use super::session::Session;
use super::statements::Insert;
use super::values::int;

/// What is counted. The discriminant is the row.
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
    /// Not 0 when pending changes may belong to nobody.
    Unowned,
    /// Aliases that are not in their large table yet; one that was written twice counts twice.
    NewAliases,
}

const COUNTERS: usize = Counter::NewAliases as usize + 1;

const SAVE: Insert = Insert { table: "counter", columns: &["id", "n"], key: &["id"], update: &["n"] };

/// All counters, inside one transaction.
#[derive(Debug, Default)]
pub(super) struct Counters {
    now: [u64; COUNTERS],
    loaded: [u64; COUNTERS],
}

impl Counters {
    pub(super) async fn load(tx: &Session) -> Result<Self> {
        let mut now = [0; COUNTERS];
        for row in tx.rows("SELECT id, n FROM @counter", vec![]).await? {
            let id: usize = row.small(0)?;
            if let Some(slot) = now.get_mut(id) {
                *slot = row.int(1)?;
            }
        }
        Ok(Self { now, loaded: now })
    }

    pub(super) async fn save(&self, tx: &Session) -> Result<()> {
        let pairs = self.now.iter().zip(&self.loaded).enumerate();
        let changed = pairs.filter(|(_, (now, loaded))| now != loaded);
        let rows = changed.map(|(id, (now, _))| [int(id as u64), int(*now)]).collect();
        tx.insert(&SAVE, rows).await
    }

    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.now[counter as usize]
    }

    /// Gives the next number.
    pub(super) fn next(&mut self, counter: Counter) -> u64 {
        self.add(counter, 1);
        self.get(counter)
    }

    pub(super) fn add(&mut self, counter: Counter, count: u64) {
        self.now[counter as usize] += count;
    }

    pub(super) fn set(&mut self, counter: Counter, to: u64) {
        self.now[counter as usize] = to;
    }

    pub(super) fn take(&mut self, counter: Counter, count: u64) {
        let slot = &mut self.now[counter as usize];
        *slot = slot.saturating_sub(count);
    }
}
