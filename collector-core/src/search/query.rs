//! What is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::order::{Cursor, Direction, Sort};
use super::{FieldKind, SearchField};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, RecordKey};

/// Where a term is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Handle, name, biography and hashtags; ranked.
    #[default]
    Any,
    /// Handle and name; ranked. With [`Term::prefix`] it completes what somebody is typing.
    Who,
    /// Present and former handles, as a whole; ranked.
    Handle,
    /// One [text](FieldKind::Text) field; not ranked.
    Field(SearchField),
}

/// A text that must be found, or must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Words that stand next to each other.
    pub text: String,
    /// Where.
    pub scope: Scope,
    /// Whether the last word may go on.
    pub prefix: bool,
    /// Whether creators with it are left out.
    pub excluded: bool,
}

impl Term {
    /// A text anywhere.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), scope: Scope::Any, prefix: false, excluded: false }
    }
}

/// An end of a range; it belongs to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// A number; millionths for shares, milliseconds since 1970 for moments.
    At(i64),
    /// A moment this long ago when the query is asked.
    Ago(Duration),
}

impl Bound {
    pub(super) fn at(self, now: Timestamp) -> i64 {
        match self {
            Self::At(value) => value,
            Self::Ago(span) => (now - span).as_millis(),
        }
    }
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Test {
    /// This keyword, flag (`yes`, `no`) or list.
    Is(String),
    /// In this range; an end that is missing is open.
    Within(Option<Bound>, Option<Bound>),
    /// Any value.
    Known,
    /// One of the members of the list with this name.
    Among(String, Arc<BTreeSet<RecordKey>>),
}

/// A condition on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The field.
    pub field: SearchField,
    /// One of them must hold.
    pub any: Vec<Test>,
    /// Whether creators for whom one holds are left out; those whose value is not known then stay in.
    pub excluded: bool,
}

impl Filter {
    /// A condition that must hold.
    pub fn new(field: SearchField, any: impl Into<Vec<Test>>) -> Self {
        Self { field, any: any.into(), excluded: false }
    }

    /// A condition that must not hold.
    pub fn not(field: SearchField, any: impl Into<Vec<Test>>) -> Self {
        Self { excluded: true, ..Self::new(field, any) }
    }
}

/// What is asked: all terms and all filters must hold.
///
/// [`parse`](Self::parse) reads it from text; `Display` writes the text of terms, filters and sort.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// Texts; at most 15 that are ranked and not excluded.
    pub terms: Vec<Term>,
    /// Conditions.
    pub filters: Vec<Filter>,
    /// The order; `None` is relevance if there is a ranked term, else followers.
    pub sort: Option<Sort>,
    /// Creators on a page, at most [`Query::MAX_LIMIT`].
    pub limit: usize,
    /// Where the page begins.
    pub after: Option<Cursor>,
    /// Fields whose values are counted over all creators found.
    pub facets: Vec<SearchField>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            filters: Vec::new(),
            sort: None,
            limit: 20,
            after: None,
            facets: Vec::new(),
        }
    }
}

impl Query {
    /// The most creators on a page.
    pub const MAX_LIMIT: usize = 1_000;

    /// The most terms and filters.
    pub const MAX_ITEMS: usize = 64;

    /// The most values of one filter.
    pub const MAX_VALUES: usize = 1_000;

    /// Everybody.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those whose handle or name begins with `text`, most followers first: completes what somebody is typing.
    pub fn completing(text: impl Into<String>, limit: usize) -> Self {
        let term = Term { scope: Scope::Who, prefix: true, ..Term::new(text) };
        Self { terms: vec![term], sort: Some(by_followers()), limit, ..Self::default() }
    }

    /// The same with one more filter.
    #[must_use]
    pub fn with(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// What it is sorted by.
    pub fn sorted_by(&self) -> Sort {
        self.sort.unwrap_or_else(|| {
            let is_ranked = self.terms.iter().any(|term| term.is_ranked());
            if is_ranked { Sort::Relevance } else { by_followers() }
        })
    }

    /// The names of the lists it asks for.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        let of_lists = self.filters.iter().filter(|filter| filter.field.kind() == FieldKind::List);
        of_lists.flat_map(|filter| &filter.any).filter_map(|test| match test {
            Test::Is(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The same with the members of each list it asks for. Lists are kept elsewhere and change by themselves, so
    /// no index knows them.
    ///
    /// # Errors
    /// What `members` says of a list.
    pub fn with_lists<E>(
        mut self,
        mut members: impl FnMut(&str) -> std::result::Result<BTreeSet<RecordKey>, E>,
    ) -> std::result::Result<Self, E> {
        for filter in self.filters.iter_mut().filter(|filter| filter.field.kind() == FieldKind::List) {
            for test in &mut filter.any {
                if let Test::Is(name) = test {
                    *test = Test::Among(name.clone(), Arc::new(members(name)?));
                }
            }
        }
        Ok(self)
    }

    /// What it asks, without paging and facets: a cursor belongs to one of these.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }

    /// Refuses what no backend can answer.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::ConfigInvalid, message));
        let ranked = self.terms.iter().filter(|term| term.is_ranked()).count();
        if ranked > super::score::MAX_TERMS {
            let most = super::score::MAX_TERMS;
            return refuse(format!(
                "the query has {ranked} words, and {most} are the most; quote what belongs together"
            ));
        }
        let items = self.terms.len() + self.filters.len();
        if items > Self::MAX_ITEMS {
            return refuse(format!("the query has {items} parts; {} are the most", Self::MAX_ITEMS));
        }
        if !(1..=Self::MAX_LIMIT).contains(&self.limit) {
            return refuse(format!(
                "a page of {} is not possible; from 1 to {} are",
                self.limit,
                Self::MAX_LIMIT
            ));
        }
        if let Some(field) = self.facets.iter().find(|field| !field.info().facet) {
            return refuse(format!("the values of `{field}` cannot be counted"));
        }
        if let Sort::By(field, _) = self.sorted_by()
            && !field.is_number()
        {
            return refuse(format!("`{field}` cannot be sorted by; a number, a share or a time can"));
        }
        self.filters.iter().try_for_each(Filter::check)
    }
}

fn by_followers() -> Sort {
    Sort::By(SearchField::Followers, Direction::Descending)
}

impl Term {
    /// Whether it counts for relevance.
    pub(super) fn is_ranked(&self) -> bool {
        !self.excluded && !matches!(self.scope, Scope::Field(_))
    }
}

impl Filter {
    fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::ConfigInvalid, message));
        let field = self.field;
        if self.any.is_empty() || self.any.len() > Query::MAX_VALUES {
            let most = Query::MAX_VALUES;
            return refuse(format!("`{field}` has {} values; from 1 to {most} are possible", self.any.len()));
        }
        for test in &self.any {
            let fits = match test {
                Test::Is(_) => matches!(field.kind(), FieldKind::Keyword | FieldKind::Flag | FieldKind::List),
                Test::Within(..) => field.is_number(),
                Test::Known => field.kind() != FieldKind::List,
                Test::Among(..) => field.kind() == FieldKind::List,
            };
            if !fits {
                return refuse(format!("`{field}` cannot be compared like this"));
            }
        }
        Ok(())
    }
}
