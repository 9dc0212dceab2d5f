//! Where records go.

mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use memory::MemorySink;

use crate::context::Context;
use crate::error::Result;
use crate::id::RecordKey;

/// What sinks reported about a record: picture keys, hashes. By name.
pub type Facts = BTreeMap<String, serde_json::Value>;

/// One entity at one version, with what sinks reported about it.
#[derive(Debug)]
pub struct Record<T> {
    /// Its key: stable for ever.
    pub key: RecordKey,
    /// Its version: grows with every change.
    pub version: u64,
    /// The merged view.
    pub entity: Arc<T>,
    /// What sinks reported.
    pub facts: Facts,
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Self {
        Self {
            key: self.key,
            version: self.version,
            entity: Arc::clone(&self.entity),
            facts: self.facts.clone(),
        }
    }
}

/// A change to project.
#[derive(Debug)]
pub enum Change<T> {
    /// The record is now this.
    Put(Record<T>),
    /// The record is gone: erased, or joined into another.
    Delete {
        /// Its key.
        key: RecordKey,
        /// The version of the deletion.
        version: u64,
    },
}

impl<T> Change<T> {
    /// The key.
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Put(record) => record.key,
            Self::Delete { key, .. } => *key,
        }
    }

    /// The version.
    pub fn version(&self) -> u64 {
        match self {
            Self::Put(record) => record.version,
            Self::Delete { version, .. } => *version,
        }
    }
}

impl<T> Clone for Change<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Put(record) => Self::Put(record.clone()),
            Self::Delete { key, version } => Self::Delete { key: *key, version: *version },
        }
    }
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrote {
    /// Durable in the sink, with what it has to report (usually nothing).
    Stored(Facts),
    /// The sink already has this or a newer version.
    Superseded,
    /// The sink will never take it; it becomes a dead letter.
    Rejected(String),
    /// Not now; offer it again.
    Retry {
        /// The earliest moment, if the sink knows.
        after: Option<Duration>,
    },
    /// The record is out of date (an expired link): every source that knows how asks once more, then the change is
    /// offered again, newer if the answer was. Without such a source it becomes a dead letter, as if rejected; the
    /// record's next version is offered anew.
    Refresh(String),
}

/// A sink's own place after a write, for sinks that can go back to it: an offset in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub String);

/// The result of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// One per change, in order.
    pub outcomes: Vec<Wrote>,
    /// Where the sink stands now. The store keeps it in the transaction that settles the batch and hands it to
    /// [`Sink::open`] after a restart.
    pub position: Option<Position>,
}

impl Written {
    /// All stored, nothing to report.
    pub fn all_stored(count: usize) -> Self {
        Self { outcomes: vec![Wrote::Stored(Facts::new()); count], position: None }
    }
}

/// How changes are handed to a sink. Bytes are the sink's own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most changes in one write; at least 1.
    pub items: usize,
    /// How long the oldest change waits for company.
    pub age: Duration,
    /// Writes at once; at least 1. A sink that has a [`Position`] takes one at a time.
    pub in_flight: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { items: 1_000, age: Duration::from_millis(200), in_flight: 1 }
    }
}

/// A projection of records.
///
/// # Contract
/// Checked by `testkit::sink`; the case's name stands in brackets.
/// 1. `write` gives one outcome per change, in order; `Err` puts the whole batch in doubt \[`Outcomes`\].
/// 2. What is `Stored` is durable and can be read back unchanged: emoji, NUL, 19-digit numbers, nulls \[`RoundTrip`\].
/// 3. The same batch twice, or one key twice in a batch, leaves one record: the newest version \[`Twice`\].
/// 4. An older version never replaces a newer one, nor brings back a deleted record \[`OlderVersion`, `Delete`\].
/// 5. An empty batch is fine \[`Empty`\]; a batch of `limits().items` too \[`Limit`\].
/// 6. One refused change does not cost its neighbours \[`RejectedOne`\].
/// 7. Writers at once do not spoil each other, up to `limits().in_flight` \[`Parallel`\].
/// 8. After `open(position)` nothing behind that position remains \[`Position`\].
/// 9. A backend that is down is `Unavailable`, one that refuses the credential `Unauthorized` \[`Down`\].
#[async_trait]
pub trait Sink<T: Send + Sync + 'static>: Send + Sync + 'static {
    /// The sink's name: constant, unique in a pipeline.
    fn name(&self) -> &str;

    /// How it wants its batches.
    fn limits(&self) -> BatchLimits;

    /// Prepares it for writing. `position` is what the last settled write reported; a sink with positions
    /// takes away whatever it wrote after it.
    ///
    /// # Errors
    /// `ConfigInvalid`, `Unavailable`, `Unauthorized`, `Storage`.
    async fn open(&self, cx: &Context, position: Option<Position>) -> Result<()>;

    /// Tries the backend without writing.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    async fn check(&self, cx: &Context) -> Result<()>;

    /// Writes a batch.
    ///
    /// # Errors
    /// The whole batch is in doubt and will be offered again.
    async fn write(&self, cx: &Context, batch: &[Change<T>]) -> Result<Written>;
}
