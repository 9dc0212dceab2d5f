//! The conformance suite for [`Source`].
//!
//! An author of a source implements [`SourceHarness`], which says how the vendor's wire format writes pages and
//! failures, and calls [`source_conformance!`](crate::source_conformance) in a test module: each promise of the
//! trait's contract becomes a test of its own. A [`ScriptServer`](super::server::ScriptServer) does the rest:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use async_trait::async_trait;
//! # use collector_core::error::ErrorKind;
//! # use collector_core::source::Source;
//! # use collector_core::task::Query;
//! # use collector_core::testkit::server::{Answer, ScriptServer, Seen};
//! # use collector_core::testkit::source::{SourceHarness, standard_failures};
//! # use serde_json::json;
//! # struct AcmeItem { id: u64 }
//! # fn acme_at(_url: String, _token: &str) -> Arc<dyn Source<Item = AcmeItem>> { unimplemented!() }
//! struct Acme {
//!     server: ScriptServer,
//! }
//!
//! #[async_trait]
//! impl SourceHarness for Acme {
//!     type Item = AcmeItem;
//!
//!     async fn source(&self) -> Arc<dyn Source<Item = AcmeItem>> {
//!         acme_at(self.server.url(), "canary-token")
//!     }
//!
//!     async fn script(&self, answers: Vec<Answer>) {
//!         self.server.script(answers);
//!     }
//!
//!     async fn seen(&self) -> Vec<Seen> {
//!         self.server.seen()
//!     }
//!
//!     fn query(&self) -> Query {
//!         Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() }
//!     }
//!
//!     fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
//!         let items: Vec<_> = items.iter().map(|id| json!({ "id": id })).collect();
//!         Answer::json(&json!({ "items": items, "next": next }))
//!     }
//!
//!     fn page_with_bad_item(&self, items: &[u64]) -> Answer {
//!         let mut items: Vec<_> = items.iter().map(|id| json!({ "id": id })).collect();
//!         items.push(json!({ "id": "no number" }));
//!         Answer::json(&json!({ "items": items, "next": null }))
//!     }
//!
//!     fn number(&self, item: &AcmeItem) -> u64 {
//!         item.id
//!     }
//!
//!     fn failures(&self) -> Vec<(Answer, ErrorKind)> {
//!         let mut failures = standard_failures();
//!         failures.push((Answer::json(&json!({ "error": "daily limit" })), ErrorKind::QuotaExhausted));
//!         failures
//!     }
//!
//!     fn secret(&self) -> Option<String> {
//!         Some("canary-token".into())
//!     }
//! }
//! ```

mod cases;
mod hostile;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use super::case::case_enum;
use super::server::{Answer, Seen};
use crate::error::ErrorKind;
use crate::source::Source;
use crate::task::Query;
use cases::*;
use hostile::hostile;

/// Gives the suite the source to check and tells it the vendor's wire format.
#[async_trait]
pub trait SourceHarness: Send + Sync {
    /// What the source yields.
    type Item: Send + Sync + 'static;

    /// The source, speaking to the scripted server.
    async fn source(&self) -> Arc<dyn Source<Item = Self::Item>>;

    /// Answers the next calls like this, one after the other; forgets what was scripted and seen before.
    async fn script(&self, answers: Vec<Answer>);

    /// The requests since the last [`script`](Self::script), calls beside the one asked for left out.
    async fn seen(&self) -> Vec<Seen>;

    /// A query that seeds exactly one root: a search with pages.
    fn query(&self) -> Query;

    /// A page of that search with these items in the vendor's format; `next` is the vendor's cursor, `None` its
    /// way to say that this was the last page.
    fn page(&self, items: &[u64], next: Option<&str>) -> Answer;

    /// A last page with these items and, somewhere among them, one that cannot be understood.
    fn page_with_bad_item(&self, items: &[u64]) -> Answer;

    /// The number of an item that [`page`](Self::page) wrote.
    fn number(&self, item: &Self::Item) -> u64;

    /// Answers that report a failure, by status or inside a 200, and the kind each means (`NotFound` also as
    /// outcome). Begin with [`standard_failures`] where the vendor uses HTTP as it is meant.
    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        standard_failures()
    }

    /// Two cursors the vendor could give: hard to send for cursors that are opaque, numbers where they are.
    fn cursors(&self) -> [String; 2] {
        ["a&b=c+d/e%20f?g#h".into(), "커서 é\u{301} \"quoted\" == ✓".into()]
    }

    /// A query the source understands and cannot honour; `None` when there is none.
    fn impossible(&self) -> Option<Query> {
        None
    }

    /// The credential it sends; `None` when it has none.
    fn secret(&self) -> Option<String> {
        None
    }
}

/// What the statuses of HTTP mean.
pub fn standard_failures() -> Vec<(Answer, ErrorKind)> {
    vec![
        (Answer::status(401), ErrorKind::Unauthorized),
        (Answer::status(404), ErrorKind::NotFound),
        (Answer::status(429).header("retry-after", "7"), ErrorKind::RateLimited),
        (Answer::status(500), ErrorKind::Unavailable),
        (Answer::status(503), ErrorKind::Unavailable),
    ]
}

/// Calls a macro with every case: contract number, case, function, description.
#[doc(hidden)]
#[macro_export]
macro_rules! __source_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { $($with)* cases:
            1 Pure pure "Same input, same result, in every instance.";
            2 Seeds seeds "Seeds have distinct ids and its own name and kinds; the impossible is refused.";
            3 Pages pages "Every item once over three pages, from the root and from each stored task.";
            3 EmptyPage empty_page "An empty page with a cursor is not the end; one without is.";
            3 RepeatedCursor repeated_cursor "A repeated cursor is an error, not an endless search.";
            4 Outcomes outcomes "One outcome per task.";
            4 BadItem bad_item "One bad item does not lose the page and is counted.";
            5 OneExchange one_exchange "One request; any complete answer is kept as it came, at once.";
            5 CutBody cut_body "A cut answer is `Unavailable` and may have been charged.";
            5 Timeout timeout "No complete answer in time is `Timeout` and may have been charged.";
            6 Kinds kinds "A failure has the right kind, by status and inside a 200.";
            7 Stops stops "A call ends at once when it is stopped.";
            8 Secrets secrets "No secret in any error, `Debug`, task or kept header.";
            9 Hostile hostile "`parse` never panics, whatever the bytes.";
        }
    };
}

__source_cases!([case_enum] harness: [H]; bounds: [H: SourceHarness + ?Sized];);

/// Makes a `#[tokio::test]` of every [`Case`](crate::testkit::source::Case).
///
/// The argument is an expression that gives a [`SourceHarness`](crate::testkit::source::SourceHarness); it is
/// evaluated in each test and may `.await`, or `return` to skip. Known exceptions are declared with a reason:
/// `source_conformance!(harness, without: { EmptyPage: "the vendor ends a search with an empty page" })`.
///
/// The calling crate needs `tokio` with its `macros` feature.
#[macro_export]
macro_rules! source_conformance {
    ($harness:expr $(,)?) => {
        $crate::source_conformance!($harness, without: {});
    };
    ($harness:expr, without: { $($exception:ident: $reason:expr),* $(,)? } $(,)?) => {
        const EXCEPTIONS: &[($crate::testkit::source::Case, &str)] =
            &[$(($crate::testkit::source::Case::$exception, $reason)),*];
        $crate::__source_cases! { [$crate::__conformance_tests] suite: source; harness: $harness; }
    };
}
