//! The conformance suite for [`CreatorIndex`]: every backend finds the same creators in the same order.
//!
//! An author of a backend implements [`SearchHarness`] and calls [`search_conformance!`](crate::search_conformance) in
//! a test module. The suite writes creators through the backend's sink and asks its index; the answers are judged by
//! hand, or compared with those of [`MemoryIndex`](crate::search::MemoryIndex).
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use collector_core::creator::Creator;
//! use collector_core::search::{CreatorIndex, MemoryIndex};
//! use collector_core::sink::Sink;
//! use collector_core::testkit::search::SearchHarness;
//!
//! struct InMemory(MemoryIndex);
//!
//! #[async_trait]
//! impl SearchHarness for InMemory {
//!     async fn sink(&self) -> Arc<dyn Sink<Creator>> {
//!         Arc::new(self.0.clone())
//!     }
//!
//!     async fn index(&self) -> Arc<dyn CreatorIndex> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! mod in_memory {
//!     use super::*;
//!     collector_core::search_conformance!(InMemory(MemoryIndex::new()));
//! }
//! # fn main() {}
//! ```

mod cases;
mod judged;
mod population;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

pub use population::Population;

use super::case::case_enum;
use crate::creator::Creator;
use crate::search::CreatorIndex;
use crate::sink::Sink;
use cases::*;

/// Gives the suite an index to check, on a place of its own that is empty at first.
#[async_trait]
pub trait SearchHarness: Send + Sync {
    /// What writes the index. The suite opens it.
    async fn sink(&self) -> Arc<dyn Sink<Creator>>;

    /// What asks it; called after the sink was opened.
    async fn index(&self) -> Arc<dyn CreatorIndex>;

    /// Waits until what was written can be found.
    async fn settle(&self) {}
}

/// Calls a macro with every case: contract number, case, function, description.
#[doc(hidden)]
#[macro_export]
macro_rules! __search_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { $($with)* cases:
            1 Judged judged "Queries judged by hand find whom they should, in that order.";
            1 Same same "Random queries over a random population find what the reference finds.";
            1 Fields fields "Every field can be asked for, sorted by and counted as the table says, as in the reference.";
            1 Completes completes "What somebody is typing is completed, and members of lists are found, as in the reference.";
            2 Counts counts "Totals and facets count everybody, whatever the page.";
            3 Paging paging "Pages have no gap and no repeat.";
            3 Moving moving "Also while creators come, change and go.";
            3 OtherQuery other_query "A cursor of another query is refused.";
        }
    };
}

__search_cases!([case_enum]
    harness: [H];
    bounds: [H: SearchHarness + ?Sized];
);

/// Makes a `#[tokio::test]` of every [`Case`](crate::testkit::search::Case).
///
/// The argument is an expression that gives a [`SearchHarness`](crate::testkit::search::SearchHarness) on a new, empty
/// place; it is evaluated in each test. Known exceptions are declared with a reason, as in
/// [`sink_conformance!`](crate::sink_conformance).
#[macro_export]
macro_rules! search_conformance {
    ($harness:expr $(,)?) => {
        $crate::search_conformance!($harness, without: {});
    };
    ($harness:expr, without: { $($exception:ident: $reason:expr),* $(,)? } $(,)?) => {
        const EXCEPTIONS: &[($crate::testkit::search::Case, &str)] =
            &[$(($crate::testkit::search::Case::$exception, $reason)),*];
        $crate::__search_cases! { [$crate::__conformance_tests] suite: search; harness: $harness; }
    };
}
