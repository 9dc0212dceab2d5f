//! Search: one query model, one tokeniser, one order, whatever the backend.
//!
//! A [`Query`] is built in code or read from its [text](Query::parse): `country:kr followers:10k..100k -shop "skin
//! care" has:email sort:followers`; the [syntax page](syntax) explains it. [`Plan`] is what a backend gets: the
//! query as tokens and plain numbers. [`Document`] is what it indexes of a record. Everything that decides who is
//! found and in which order is in this module, so each backend returns the same creators in the same order:
//! [`MemoryIndex`] is the reference, and `testkit::search` compares another with it.
//!
//! # Relevance
//! Each term of the text counts with the best place it is found in: see [`Class`]. A place is worth more than any
//! number of terms in lesser places. Equal ones are ordered by followers, most first, then by key.
//!
//! # Personal data
//! An e-mail address is in no document: [`SearchField::HasEmail`] only says that one is known, and what looks like
//! an address in a text is left out of its tokens.

mod document;
mod field;
mod memory;
mod order;
mod plan;
mod query;
mod score;
pub mod syntax;
pub mod tokens;

use async_trait::async_trait;
use serde::Serialize;

pub use document::Document;
pub use field::{FieldKind, SearchField, SearchFieldInfo};
pub use memory::MemoryIndex;
pub use order::{Cursor, Direction, Order, Place, Sort};
pub use plan::{Condition, Match, Part, Plan};
pub use query::{Bound, Filter, Query, Scope, Term, Test};
pub use score::{Class, Relevance};

use crate::context::Context;
use crate::creator::Creator;
use crate::error::Result;
use crate::id::RecordKey;
use crate::sink::Facts;

/// A creator that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// The record's key.
    pub key: RecordKey,
    /// The version that was indexed.
    pub version: u64,
    /// Where the terms were found; zero without terms.
    #[serde(skip_serializing_if = "Relevance::is_zero")]
    pub relevance: Relevance,
    /// The merged view, without an e-mail address.
    pub creator: Creator,
    /// What sinks reported.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
}

/// How many of the creators found have a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetCount {
    /// The value, as a filter takes it.
    pub value: String,
    /// Creators.
    pub count: u64,
}

/// The values of one field among all creators found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// The field.
    pub field: SearchField,
    /// The most frequent values, at most [`Facet::MAX_VALUES`]; equal ones by name.
    pub values: Vec<FacetCount>,
    /// Values that are not listed.
    pub more: u64,
    /// Creators for whom the field is not known.
    pub unknown: u64,
}

impl Facet {
    /// The most values a facet lists.
    pub const MAX_VALUES: usize = 50;

    /// A facet of counted values, each value once.
    pub fn new(field: SearchField, counts: impl IntoIterator<Item = (String, u64)>, unknown: u64) -> Self {
        let counts = counts.into_iter().map(|(value, count)| FacetCount { value, count });
        let mut values: Vec<FacetCount> = counts.collect();
        values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        let more = values.len().saturating_sub(Self::MAX_VALUES) as u64;
        values.truncate(Self::MAX_VALUES);
        Self { field, values, more, unknown }
    }
}

/// A page of creators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// Creators found, exactly, on all pages.
    pub total: u64,
    /// This page.
    pub hits: Vec<Hit>,
    /// The facets that were asked for, in that order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<Facet>,
    /// Where the next page begins; `None` on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// An index of creators that can be asked.
///
/// # Contract
/// Checked by `testkit::search` against [`MemoryIndex`].
/// 1. It finds the creators for which [`Plan::relevance`] is `Some`, in the order of [`Plan::place`].
/// 2. `total` and facets count all of them, whatever the page.
/// 3. A cursor gives those behind its place: over several pages each creator that did not change is there once.
#[async_trait]
pub trait CreatorIndex: Send + Sync + 'static {
    /// Finds creators.
    ///
    /// # Errors
    /// `ConfigInvalid` for a query that cannot be answered, `Unavailable` and `Storage` for the index.
    async fn search(&self, cx: &Context, query: &Query) -> Result<Results>;
}
