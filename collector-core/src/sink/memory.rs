//! A sink in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{BatchLimits, Change, Facts, Position, Record, Sink, Written, Wrote};
use crate::context::Context;
use crate::error::Result;
use crate::id::{Name, RecordKey};

/// A [`Sink`] in memory: the newest record per key, readable at any time.
///
/// Clones share their records. It remembers the versions of deleted records, so that a late write does not
/// bring one back; it grows with the number of keys, like any store.
pub struct MemorySink<T> {
    name: Name,
    limits: BatchLimits,
    slots: Arc<Mutex<BTreeMap<RecordKey, Slot<T>>>>,
}

struct Slot<T> {
    version: u64,
    /// `None` once deleted.
    record: Option<Record<T>>,
}

impl<T> MemorySink<T> {
    /// An empty sink called `memory`.
    pub fn new() -> Self {
        Self::named("memory")
    }

    /// An empty sink of this name.
    pub fn named(name: impl Into<Name>) -> Self {
        Self { name: name.into(), limits: BatchLimits::default(), slots: Arc::default() }
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The record of this key; `None` when there is none (any more).
    pub fn get(&self, key: RecordKey) -> Option<Record<T>> {
        self.slots().get(&key).and_then(|slot| slot.record.clone())
    }

    /// All records, by key.
    pub fn records(&self) -> Vec<Record<T>> {
        self.slots().values().filter_map(|slot| slot.record.clone()).collect()
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.slots().values().filter(|slot| slot.record.is_some()).count()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<RecordKey, Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for MemorySink<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for MemorySink<T> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), limits: self.limits, slots: Arc::clone(&self.slots) }
    }
}

impl<T> fmt::Debug for MemorySink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySink").field("name", &self.name).field("records", &self.len()).finish()
    }
}

#[async_trait]
impl<T: Send + Sync + 'static> Sink<T> for MemorySink<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        self.limits
    }

    async fn open(&self, _cx: &Context, _position: Option<Position>) -> Result<()> {
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn write(&self, _cx: &Context, batch: &[Change<T>]) -> Result<Written> {
        let mut slots = self.slots();
        let outcomes = batch.iter().map(|change| put(&mut slots, change)).collect();
        Ok(Written { outcomes, position: None })
    }
}

fn put<T>(slots: &mut BTreeMap<RecordKey, Slot<T>>, change: &Change<T>) -> Wrote {
    let version = change.version();
    if slots.get(&change.key()).is_some_and(|slot| slot.version >= version) {
        return Wrote::Superseded;
    }
    let record = match change {
        Change::Put(record) => Some(record.clone()),
        Change::Delete { .. } => None,
    };
    slots.insert(change.key(), Slot { version, record });
    Wrote::Stored(Facts::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: u64, version: u64, entity: &'static str) -> Change<&'static str> {
        let entity = Arc::new(entity);
        Change::Put(Record { key: RecordKey(key), version, entity, facts: Facts::new() })
    }

    #[tokio::test]
    async fn the_newest_version_stays_and_the_rest_is_superseded() {
        let sink = MemorySink::new();
        let delete = Change::Delete { key: RecordKey(2), version: 5 };
        let batch = [put(1, 2, "new"), put(1, 2, "again"), put(1, 1, "old"), delete, put(2, 5, "late")];
        let written = sink.clone().write(&Context::detached(), &batch).await.unwrap();
        let stored: Vec<_> = written.outcomes.iter().map(|wrote| matches!(wrote, Wrote::Stored(_))).collect();
        assert_eq!(stored, [true, false, false, true, false]);
        assert_eq!(sink.get(RecordKey(1)).map(|record| *record.entity), Some("new"));
        assert_eq!((sink.len(), sink.get(RecordKey(2)).is_none()), (1, true));
    }
}
