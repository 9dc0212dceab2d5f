//! Any source against a vendor on its worst day.
//!
//! An author records good answers, and this suite makes the bad ones out of them: it refuses for speed in four dialects,
//! repeats a cursor, lets a total shrink, doubles and reorders rows, cuts, bloats, stalls and resets answers, ends the
//! token, spoils every field, and drops or stops the call at every await. [`source`](super::source) checks the trait's
//! contract; this suite checks what vendors really did to somebody.
//!
//! [`HostileHarness`] says how a source is made that speaks to an address, what it is asked, and what a vendor in good
//! order answers; [`source_hostile!`](crate::source_hostile) makes a test of each [`Case`]. One harness is one query, so
//! a source with profiles and searches has a module for each. It serves a source in Rust and one in a file alike.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use collector_core::source::Source;
//! # use collector_core::task::Query;
//! # use collector_core::testkit::hostile::{HostileHarness, Recording, Token};
//! # use collector_core::testkit::server::Answer;
//! # struct AcmeItem { handle: String }
//! # fn acme_at(_url: String) -> Arc<dyn Source<Item = AcmeItem>> { unimplemented!() }
//! struct Search;
//!
//! impl HostileHarness for Search {
//!     type Item = AcmeItem;
//!
//!     fn source(&self, base_url: &str) -> Arc<dyn Source<Item = AcmeItem>> {
//!         acme_at(format!("{base_url}/v1"))
//!     }
//!
//!     fn query(&self) -> Query {
//!         Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() }
//!     }
//!
//!     fn recording(&self) -> Recording {
//!         let page = |text: &str| Answer::status(200).header("content-type", "application/json").body(text.to_owned());
//!         Recording::new()
//!             .answer("/v1/search", &[], page(r#"{"rows":[{"handle":"ana"},{"handle":"ben"}],"next":"2"}"#))
//!             .answer("/v1/search", &[("cursor", "2")], page(r#"{"rows":[{"handle":"kim"}],"next":null}"#))
//!     }
//!
//!     fn key(&self, item: &AcmeItem) -> String {
//!         item.handle.clone()
//!     }
//!
//!     fn rows(&self) -> Option<&'static str> {
//!         Some("/rows")
//!     }
//! }
//!
//! # fn main() {}
//! mod search {
//!     # use super::Search;
//!     collector_core::source_hostile!(Search, without: { ShrinkingTotal: "the vendor tells no total" });
//! }
//! ```

mod bomb;
mod cancel;
mod fields;
mod lists;
mod recording;
mod stage;
#[cfg(test)]
mod tests;
mod token;
mod transport;

use std::sync::Arc;

use serde_json::Value;

use super::case::case_enum;
use super::server::Answer;
use crate::source::Source;
use crate::task::Query;
use cancel::{drop_everywhere, stop_everywhere};
use fields::{null_fields, renamed_fields, retyped_fields, scrambled_bytes};
use lists::{duplicate_rows, reordered_rows, repeated_cursor, shrinking_total};
use token::expiring_token;
use transport::{
    bare_429, big_page, compression_bomb, html_page, rate_limit_reset, reset_mid_body, retry_after_date,
    retry_after_seconds, slow_drip, truncated_json,
};

pub use recording::{Recording, Token};

/// What an author tells about a source and its vendor.
///
/// The recording needs what the cases are about: rows of at least three different people on the first page and two on
/// a second one for the cases of lists. A case that cannot be played with it says what is missing.
pub trait HostileHarness: Send + Sync {
    /// What the source yields.
    type Item: Send + Sync + 'static;

    /// A new instance that speaks to this address, which has no final slash.
    fn source(&self, base_url: &str) -> Arc<dyn Source<Item = Self::Item>>;

    /// What it is asked. Everything that follows from it is asked, too: `hydrate: Some(false)` keeps a search to its
    /// pages.
    fn query(&self) -> Query;

    /// What a vendor in good order answers.
    fn recording(&self) -> Recording;

    /// What tells an item from all others of the recording: a handle, a number.
    fn key(&self, item: &Self::Item) -> String;

    /// Where an answer's document has the array of rows, as a JSON pointer; `None` when it is about one person.
    fn rows(&self) -> Option<&'static str> {
        None
    }

    /// Where an answer's document has the number of rows there are altogether; `None` when the vendor does not tell.
    fn total(&self) -> Option<&'static str> {
        None
    }

    /// The document in an answer: its body as JSON. A vendor that hides JSON in a page has it taken out here.
    fn document(&self, answer: &Answer) -> Option<Value> {
        serde_json::from_slice(&answer.body).ok()
    }

    /// The answer with another document.
    fn with_document(&self, answer: &Answer, document: &Value) -> Answer {
        answer.clone().body(document.to_string())
    }

    /// How the credential ends.
    fn token(&self) -> Token {
        Token::Fixed(Answer::status(401))
    }

    /// The largest body it takes, in bytes after decompression. At least 12 MiB, for the big page.
    fn max_body(&self) -> usize {
        32 << 20
    }
}

/// Calls a macro with every case: contract number, case, function, description.
#[doc(hidden)]
#[macro_export]
macro_rules! __hostile_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { $($with)* cases:
            6 RetryAfterSeconds retry_after_seconds "429 with `Retry-After` in seconds: the wait is kept.";
            6 RetryAfterDate retry_after_date "429 with `Retry-After` as a date: the wait is kept.";
            6 RateLimitReset rate_limit_reset "429 with `X-RateLimit-Reset`: the wait is kept.";
            6 Bare429 bare_429 "429 with a page of somebody in between and no hint: `RateLimited`.";
            3 RepeatedCursor repeated_cursor "A page that leads to itself ends the search or fails.";
            3 ShrinkingTotal shrinking_total "A total that shrinks on the way loses nobody who was delivered.";
            3 DuplicateRows duplicate_rows "Rows that come twice, on one page and on two, harm nothing.";
            3 ReorderedRows reordered_rows "Rows in another order, also across pages, are the same people.";
            6 TruncatedJson truncated_json "A transfer that is complete and a document that is not: never an answer.";
            6 HtmlPage html_page "HTML with status 200: never an answer, and never `absent`.";
            5 CompressionBomb compression_bomb "A body that grows beyond the cap when it is unpacked is refused.";
            5 SlowDrip slow_drip "A byte now and then: `Timeout` at the deadline, perhaps charged.";
            5 ResetMidBody reset_mid_body "A reset in mid-body is `Unavailable` and may have been charged.";
            6 ExpiringToken expiring_token "A token that ends is `Unauthorized`, or renewed if the source got it itself.";
            4 NullFields null_fields "A null costs its own row at most, and nothing gets lost without a word.";
            4 RenamedFields renamed_fields "A renamed field costs its own row at most, and is no absence.";
            4 RetypedFields retyped_fields "A value of another type costs its own row at most.";
            9 ScrambledBytes scrambled_bytes "`parse` survives thousands of random changes, the same each time.";
            5 BigPage big_page "A page of 10 MB is read like a small one, and its bytes are given back.";
            7 DropEverywhere drop_everywhere "A call dropped at any await holds nothing and breaks no later call.";
            7 StopEverywhere stop_everywhere "A call stopped at any await ends at once as `Cancelled`.";
        }
    };
}

__hostile_cases!([case_enum] harness: [H]; bounds: [H: HostileHarness + ?Sized];);

/// Makes a `#[tokio::test]` of every [`Case`](crate::testkit::hostile::Case).
///
/// The argument is an expression that gives a [`HostileHarness`](crate::testkit::hostile::HostileHarness). Cases that
/// make no sense for a vendor are declared with a reason:
/// `source_hostile!(Profile, without: { RepeatedCursor: "a profile has no pages" })`. One module holds one call.
///
/// The calling crate needs `tokio` with its `macros` feature.
#[macro_export]
macro_rules! source_hostile {
    ($harness:expr $(,)?) => {
        $crate::source_hostile!($harness, without: {});
    };
    ($harness:expr, without: { $($exception:ident: $reason:expr),* $(,)? } $(,)?) => {
        const EXCEPTIONS: &[($crate::testkit::hostile::Case, &str)] =
            &[$(($crate::testkit::hostile::Case::$exception, $reason)),*];
        $crate::__hostile_cases! { [$crate::__conformance_tests] suite: hostile; harness: $harness; }
    };
}
