//! A sink that keeps a log.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::context::Context;
use crate::error::Result;
use crate::id::{Name, RecordKey};
use crate::sink::{BatchLimits, Change, MemorySink, Position, Record, Sink, Written};

/// A [`MemorySink`] that also keeps every batch it was given. Clones share everything.
pub struct RecordingSink<T> {
    inner: MemorySink<T>,
    log: Arc<Mutex<Log<T>>>,
}

struct Log<T> {
    opened: Vec<Option<Position>>,
    writes: Vec<Vec<Change<T>>>,
}

impl<T> RecordingSink<T> {
    /// An empty sink of this name.
    pub fn named(name: impl Into<Name>) -> Self {
        let log = Log { opened: Vec::new(), writes: Vec::new() };
        Self { inner: MemorySink::named(name), log: Arc::new(Mutex::new(log)) }
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: BatchLimits) -> Self {
        self.inner = self.inner.with_limits(limits);
        self
    }

    /// The newest record per key, by key.
    pub fn records(&self) -> Vec<Record<T>> {
        self.inner.records()
    }

    /// The newest record of this key.
    pub fn get(&self, key: RecordKey) -> Option<Record<T>> {
        self.inner.get(key)
    }

    /// Every batch, in order.
    pub fn writes(&self) -> Vec<Vec<Change<T>>> {
        self.log().writes.clone()
    }

    /// How often a record was written, whatever the outcome.
    pub fn times_written(&self, key: RecordKey) -> usize {
        self.log().writes.iter().flatten().filter(|change| change.key() == key).count()
    }

    /// The position of every `open`, in order.
    pub fn opened(&self) -> Vec<Option<Position>> {
        self.log().opened.clone()
    }

    fn log(&self) -> MutexGuard<'_, Log<T>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for RecordingSink<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), log: Arc::clone(&self.log) }
    }
}

impl<T> fmt::Debug for RecordingSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingSink")
            .field("sink", &self.inner)
            .field("writes", &self.log().writes.len())
            .finish()
    }
}

#[async_trait]
impl<T: Send + Sync + 'static> Sink<T> for RecordingSink<T> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn limits(&self) -> BatchLimits {
        self.inner.limits()
    }

    async fn open(&self, cx: &Context, position: Option<Position>) -> Result<()> {
        self.log().opened.push(position.clone());
        self.inner.open(cx, position).await
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.inner.check(cx).await
    }

    async fn write(&self, cx: &Context, batch: &[Change<T>]) -> Result<Written> {
        self.log().writes.push(batch.to_vec());
        self.inner.write(cx, batch).await
    }
}
