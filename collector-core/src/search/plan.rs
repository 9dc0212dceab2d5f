//! What a backend gets: the query as tokens, keywords and plain numbers, and what it means for a document.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::document::{Document, flag};
use super::order::{Cursor, Order, Place};
use super::query::{Filter, Query, Scope, Term, Test};
use super::score::{Class, Relevance};
use super::tokens::{Phrase, keyword};
use super::{FieldKind, SearchField};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, RecordKey};

/// A handle is found by its beginning from this many characters on.
const MIN_PREFIX: usize = 2;

/// A comparison with indexed tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// One of the field's keywords is this.
    Keyword(SearchField, String),
    /// One of the field's keywords begins like this.
    Prefix(SearchField, String),
    /// One of the field's texts holds this phrase.
    Phrase(SearchField, Phrase),
}

/// One way to match a term, and what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it counts.
    pub class: Class,
    /// The comparison.
    pub is: Match,
}

/// A condition that holds for a document or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One of them holds.
    Any(Vec<Condition>),
    /// The comparison holds.
    Match(Match),
    /// The number lies between these two, both included. Never for an unknown one.
    Range(SearchField, i64, i64),
    /// The field has a value.
    Known(SearchField),
    /// It is one of these records.
    Among(Arc<BTreeSet<RecordKey>>),
}

/// A query that is ready to be answered.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Ranked terms: of each one part must match; the best that does is what it counts.
    pub ranked: Vec<Vec<Part>>,
    /// Must hold, all of them.
    pub required: Vec<Condition>,
    /// Must not hold, none of them.
    pub excluded: Vec<Condition>,
    /// The order.
    pub order: Order,
    /// Only creators behind this place are on the page.
    pub after: Option<Place>,
    /// Creators on the page.
    pub limit: usize,
    /// Fields whose values are counted.
    pub facets: Vec<SearchField>,
    digest: Digest,
}

impl Plan {
    /// Prepares a query that is asked at this moment.
    ///
    /// # Errors
    /// `ConfigInvalid` for what cannot be answered: too many parts, a term without a word, a cursor of another query.
    pub fn new(query: &Query, now: Timestamp) -> Result<Self> {
        query.check()?;
        let digest = query.digest();
        let after = match query.after {
            Some(cursor) => Some(cursor.place_in(digest).ok_or_else(|| {
                let message = "the cursor belongs to another query; ask with the words it was made for";
                Error::new(ErrorKind::ConfigInvalid, message)
            })?),
            None => None,
        };
        let mut plan = Self {
            ranked: Vec::new(),
            required: Vec::new(),
            excluded: Vec::new(),
            order: query.sorted_by().into(),
            after,
            limit: query.limit,
            facets: query.facets.clone(),
            digest,
        };
        query.terms.iter().try_for_each(|term| plan.add_term(term))?;
        query.filters.iter().try_for_each(|filter| plan.add_filter(filter, now))?;
        Ok(plan)
    }

    /// How well a document matches; `None` when it does not.
    pub fn relevance(&self, document: &Document) -> Option<Relevance> {
        let holds = |condition: &Condition| condition.holds(document);
        if !self.required.iter().all(holds) || self.excluded.iter().any(holds) {
            return None;
        }
        let weights = self.ranked.iter().map(|parts| {
            let matching = parts.iter().filter(|part| part.is.holds(document));
            matching.map(|part| part.class.weight()).max()
        });
        weights.sum::<Option<u32>>().map(Relevance)
    }

    /// Where a document that matches stands.
    pub fn place(&self, relevance: Relevance, document: &Document) -> Place {
        self.order.place(relevance.0, document.number(self.order.field), document.key)
    }

    /// The cursor for the page behind this place.
    pub fn cursor(&self, place: Place) -> Cursor {
        Cursor::new(self.digest, place)
    }

    fn add_term(&mut self, term: &Term) -> Result<()> {
        let parts = parts(term);
        if parts.is_empty() {
            let message = format!("{:?} holds neither a word nor an emoji", term.text);
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        if term.is_ranked() {
            self.ranked.push(parts);
            return Ok(());
        }
        let condition = any(parts.into_iter().map(|part| Condition::Match(part.is)).collect());
        if term.excluded {
            self.excluded.push(condition)
        } else {
            self.required.push(condition)
        }
        Ok(())
    }

    fn add_filter(&mut self, filter: &Filter, now: Timestamp) -> Result<()> {
        let tests = filter.any.iter().map(|test| condition(filter.field, test, now));
        let condition = any(tests.collect::<Result<_>>()?);
        if filter.excluded {
            self.excluded.push(condition)
        } else {
            self.required.push(condition)
        }
        Ok(())
    }
}

fn any(mut conditions: Vec<Condition>) -> Condition {
    match conditions.len() {
        1 => conditions.swap_remove(0),
        _ => Condition::Any(conditions),
    }
}

/// The ways in which a term can match, the best first.
fn parts(term: &Term) -> Vec<Part> {
    use SearchField::{Bio, FormerHandle, Handle, HashtagWords, Name};
    let phrase = Phrase::of(&term.text, term.prefix);
    let part = |class, is| Part { class, is };
    let words = |class, field| part(class, Match::Phrase(field, phrase.clone()));
    if let Scope::Field(field) = term.scope {
        return if phrase.is_empty() { Vec::new() } else { vec![words(Class::Bio, field)] };
    }
    let handle = keyword(term.text.trim().trim_start_matches('@'));
    let is_handle = !handle.is_empty() && !handle.contains(' ');
    let mut parts = Vec::new();
    if is_handle && (term.scope == Scope::Handle || !phrase.is_empty()) {
        parts.push(part(Class::Handle, Match::Keyword(Handle, handle.clone())));
        let is_long = handle.chars().count() >= MIN_PREFIX || term.prefix;
        if is_long && (term.scope != Scope::Handle || term.prefix) {
            parts.push(part(Class::HandlePrefix, Match::Prefix(Handle, handle.clone())));
        }
    }
    match term.scope {
        Scope::Handle if is_handle => parts.push(part(Class::Name, Match::Keyword(FormerHandle, handle))),
        Scope::Any if !phrase.is_empty() => parts.extend([
            words(Class::Name, Name),
            words(Class::Bio, Bio),
            words(Class::Hashtag, HashtagWords),
        ]),
        Scope::Who if !phrase.is_empty() => parts.push(words(Class::Name, Name)),
        _ => {}
    }
    parts
}

fn condition(field: SearchField, test: &Test, now: Timestamp) -> Result<Condition> {
    Ok(match test {
        Test::Is(name) if field.kind() == FieldKind::List => {
            let message = format!("nothing is known here about the list {name:?}");
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        Test::Is(value) => Condition::Match(Match::Keyword(field, keyword(value))),
        Test::Within(from, to) => {
            let bound = |bound: &Option<super::Bound>, open| bound.map_or(open, |bound| bound.at(now));
            Condition::Range(field, bound(from, i64::MIN), bound(to, i64::MAX))
        }
        Test::Known => Condition::Known(field),
        Test::Among(_, keys) => Condition::Among(Arc::clone(keys)),
    })
}

impl Condition {
    /// Whether it holds for this document.
    pub fn holds(&self, document: &Document) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(document)),
            Self::Match(comparison) => comparison.holds(document),
            Self::Range(field, from, to) => {
                document.number(*field).is_some_and(|value| (*from..=*to).contains(&value))
            }
            Self::Known(field) if field.is_number() => document.number(*field).is_some(),
            Self::Known(field) if field.is_column() => document.keywords.iter().any(|(of, _)| of == field),
            Self::Known(field) => document.known.contains(field),
            Self::Among(keys) => keys.contains(&document.key),
        }
    }
}

impl Match {
    /// Whether it holds for this document.
    pub fn holds(&self, document: &Document) -> bool {
        let any = |field: &SearchField, values: &[(SearchField, String)], is: &dyn Fn(&str) -> bool| {
            values.iter().any(|(of, value)| of == field && is(value))
        };
        match self {
            Self::Keyword(field, asked) => any(field, &document.keywords, &|value| value == asked),
            Self::Prefix(field, start) => {
                any(field, &document.keywords, &|value| value.starts_with(start.as_str()))
            }
            Self::Phrase(field, phrase) => any(field, &document.texts, &|text| phrase.is_in(text)),
        }
    }
}

impl From<bool> for Test {
    /// A flag's value.
    fn from(is: bool) -> Self {
        Self::Is(flag(is).to_owned())
    }
}
