//! The conformance suite for [`Sink`].
//!
//! An author of a sink implements [`SinkHarness`] and calls [`sink_conformance!`](crate::sink_conformance) in a
//! test module: each promise of the trait's contract becomes a test of its own.
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use collector_core::sink::{MemorySink, Sink};
//! use collector_core::testkit::sink::{Found, Sample, SinkHarness};
//! use serde_json::{Value, json};
//!
//! struct InMemory(MemorySink<Value>);
//!
//! #[async_trait]
//! impl SinkHarness for InMemory {
//!     type Entity = Value;
//!
//!     async fn sink(&self) -> Arc<dyn Sink<Value>> {
//!         Arc::new(self.0.clone())
//!     }
//!
//!     fn make(&self, sample: &Sample) -> Value {
//!         json!({ "text": sample.text, "number": sample.number, "maybe": sample.maybe })
//!     }
//!
//!     fn shown(&self, value: &Value) -> Value {
//!         value.clone()
//!     }
//!
//!     async fn read_back(&self) -> Vec<Found> {
//!         let found = |record: &collector_core::sink::Record<Value>| {
//!             Found::new(record.key, record.version, (*record.entity).clone())
//!         };
//!         self.0.records().iter().map(found).collect()
//!     }
//! }
//!
//! mod in_memory {
//!     use super::*;
//!     collector_core::sink_conformance!(
//!         InMemory(MemorySink::new()),
//!         without: {
//!             RejectedOne: "it refuses nothing",
//!             Position: "it keeps no place",
//!             Down: "it lives in this process",
//!         }
//!     );
//! }
//! # fn main() {}
//! ```

mod cases;
mod sample;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

pub use sample::Sample;

use super::case::case_enum;
use crate::id::RecordKey;
use crate::sink::Sink;
use cases::*;

/// A record as it is found in a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its key.
    pub key: RecordKey,
    /// Its version.
    pub version: u64,
    /// What the sink shows of it.
    pub shown: Value,
}

impl Found {
    /// A record found.
    pub fn new(key: RecordKey, version: u64, shown: Value) -> Self {
        Self { key, version, shown }
    }
}

/// What the backend of a sink does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// It works.
    Works,
    /// It cannot be reached.
    Down,
    /// It refuses the credential.
    Refuses,
}

/// Gives the suite the sink to check, on a place of its own that is empty at first: a new file, index, prefix.
#[async_trait]
pub trait SinkHarness: Send + Sync {
    /// What the records hold.
    type Entity: Send + Sync + 'static;

    /// The sink as one more process finds it: what was stored is there, nothing is open. The suite opens it.
    async fn sink(&self) -> Arc<dyn Sink<Self::Entity>>;

    /// A value that holds everything of `sample` the sink can keep.
    fn make(&self, sample: &Sample) -> Self::Entity;

    /// What [`read_back`](Self::read_back) shows of this value: all of it for a sink that keeps all, else the
    /// part that it keeps.
    fn shown(&self, value: &Self::Entity) -> Value;

    /// What the place holds now, deleted records left out; read by other means than the sink's own memory.
    async fn read_back(&self) -> Vec<Found>;

    /// A value the sink refuses; `None` when it takes everything.
    fn refused(&self) -> Option<Self::Entity> {
        None
    }

    /// Makes the backend behave like this for sinks given from now on; `false` when the harness cannot.
    async fn backend(&self, _does: Backend) -> bool {
        false
    }
}

/// Calls a macro with every case: contract number, case, function, description.
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { $($with)* cases:
            1 Outcomes outcomes "One outcome per change; name and limits are constant and sane.";
            2 RoundTrip round_trip "What is stored is read back unchanged by the next process.";
            3 Twice twice "The same batch twice, or one key twice in a batch, leaves one record.";
            4 OlderVersion older_version "An older version never replaces a newer one.";
            4 Delete delete "A deleted record is gone and a late write does not bring it back.";
            5 Empty empty "An empty batch is fine.";
            5 Limit limit "A batch of the limit is fine.";
            6 RejectedOne rejected_one "One refused change does not cost its neighbours.";
            7 Parallel parallel "Writers at once do not spoil each other.";
            8 Position position "Nothing behind the position it is opened at remains.";
            9 Down down "Down is `Unavailable`, a refused credential `Unauthorized`.";
        }
    };
}

__sink_cases!([case_enum]
    harness: [H];
    bounds: [H: SinkHarness + ?Sized];
);

/// Makes a `#[tokio::test]` of every [`Case`](crate::testkit::sink::Case).
///
/// The argument is an expression that gives a [`SinkHarness`](crate::testkit::sink::SinkHarness) on a new, empty
/// place; it is evaluated in each test and may `.await`, or `return` to skip. Known exceptions are declared with
/// a reason: `sink_conformance!(harness, without: { Position: "it keeps no place" })`.
///
/// The calling crate needs `tokio` with its `macros` feature.
#[macro_export]
macro_rules! sink_conformance {
    ($harness:expr $(,)?) => {
        $crate::sink_conformance!($harness, without: {});
    };
    ($harness:expr, without: { $($exception:ident: $reason:expr),* $(,)? } $(,)?) => {
        const EXCEPTIONS: &[($crate::testkit::sink::Case, &str)] =
            &[$(($crate::testkit::sink::Case::$exception, $reason)),*];
        $crate::__sink_cases! { [$crate::__conformance_tests] suite: sink; harness: $harness; }
    };
}
