//! From core's plan to this library's queries.

use std::ops::Bound;
use std::path::Path;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::RecordKey;
use collector_core::search::tokens::Phrase;
use collector_core::search::{Condition, Match, Part, Plan, SearchField};
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, ExistsQuery, Occur,
    PhrasePrefixQuery, PhraseQuery, Query, RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::error::{damaged, index as refused};
use super::mapping::{GONE_VALUE, Mapping};

/// Behind every token that begins with the text before it: tokens hold no such character.
const LAST: char = char::MAX;

/// The most words the end of a phrase may stand for; each takes memory while the phrase is looked for.
const MAX_ENDS: u32 = 50_000;

/// Builds queries on one index.
pub(super) struct Builder<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) searcher: &'a Searcher,
    pub(super) path: &'a Path,
}

impl Builder<'_> {
    /// The query whose score is the plan's relevance.
    pub(super) fn plan(&self, plan: &Plan) -> Result<BooleanQuery> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for parts in &plan.ranked {
            let parts = parts.iter().map(|part| self.part(part)).collect::<Result<_>>()?;
            clauses.push((Occur::Must, Box::new(DisjunctionMaxQuery::new(parts))));
        }
        for condition in &plan.required {
            clauses.push((Occur::Must, unscored(self.condition(condition)?)));
        }
        if clauses.is_empty() {
            clauses.push((Occur::Must, unscored(Box::new(AllQuery))));
        }
        for condition in &plan.excluded {
            clauses.push((Occur::MustNot, self.excluded(condition)?));
        }
        clauses.push((Occur::MustNot, term(self.mapping.gone, GONE_VALUE)));
        Ok(BooleanQuery::new(clauses))
    }

    /// A part with the constant score of its class. The weights are exact in 32-bit floating point.
    fn part(&self, part: &Part) -> Result<Box<dyn Query>> {
        Ok(Box::new(ConstScoreQuery::new(self.matches(&part.is)?, part.class.weight() as f32)))
    }

    /// A condition that must not hold. A phrase stands here twice: when a phrase alone is excluded, the library (0.27)
    /// asks it for documents that it is already behind, and a debug build stops at that; two of them it goes through
    /// together, and that way knows no such question.
    fn excluded(&self, condition: &Condition) -> Result<Box<dyn Query>> {
        let query = self.condition(condition)?;
        Ok(match condition {
            Condition::Match(Match::Phrase(_, words)) if words.tokens.len() > 1 => {
                Box::new(BooleanQuery::union(vec![query.box_clone(), query]))
            }
            _ => query,
        })
    }

    fn condition(&self, condition: &Condition) -> Result<Box<dyn Query>> {
        Ok(match condition {
            Condition::Any(conditions) => {
                let queries =
                    conditions.iter().map(|condition| self.condition(condition)).collect::<Result<_>>()?;
                Box::new(BooleanQuery::union(queries))
            }
            Condition::Match(comparison) => self.matches(comparison)?,
            Condition::Range(field, from, to) => {
                let field = self.field(*field)?;
                let bound = |number| Bound::Included(Term::from_field_i64(field, number));
                Box::new(RangeQuery::new(bound(*from), bound(*to)))
            }
            Condition::Known(field) if field.is_column() => {
                Box::new(ExistsQuery::new(field.name().to_owned(), false))
            }
            Condition::Known(field) => term(self.mapping.known, field.name()),
            Condition::Among(keys) => {
                let key = |RecordKey(key): &RecordKey| Term::from_field_u64(self.mapping.key, *key);
                Box::new(TermSetQuery::new(keys.iter().map(key)))
            }
        })
    }

    fn matches(&self, comparison: &Match) -> Result<Box<dyn Query>> {
        Ok(match comparison {
            Match::Keyword(field, value) => term(self.field(*field)?, value),
            Match::Prefix(field, start) => prefix(self.field(*field)?, start),
            Match::Phrase(field, words) => self.phrase(self.field(*field)?, words)?,
        })
    }

    fn field(&self, field: SearchField) -> Result<Field> {
        self.mapping
            .field(field)
            .ok_or_else(|| damaged(self.path, &format!("the index has no field `{field}`")))
    }
}

impl Builder<'_> {
    fn phrase(&self, field: Field, phrase: &Phrase) -> Result<Box<dyn Query>> {
        let (last, before) = match phrase.tokens.split_last() {
            None => return Ok(Box::new(EmptyQuery)),
            Some((token, [])) if phrase.prefix => return Ok(prefix(field, token)),
            Some((token, [])) => return Ok(term(field, token)),
            Some(tokens) => tokens,
        };
        let terms = before.iter().chain([last]).map(|token| Term::from_field_text(field, token)).collect();
        if !phrase.prefix {
            return Ok(Box::new(PhraseQuery::new(terms)));
        }
        let mut query = PhrasePrefixQuery::new(terms);
        // All of them, or some creators would not be found; and no more, because room is made for each.
        query.set_max_expansions(self.ends(field, last)?);
        Ok(Box::new(query))
    }

    /// How many words of a field begin like this.
    fn ends(&self, field: Field, start: &str) -> Result<u32> {
        let failed = |error| refused(self.path, "cannot read the words of the search index", error);
        let end = format!("{start}{LAST}");
        let mut most = 1;
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(field).map_err(failed)?;
            let mut words = index
                .terms()
                .range()
                .ge(start)
                .lt(&end)
                .into_stream()
                .map_err(|error| failed(error.into()))?;
            let mut count = 0;
            while words.advance() {
                count += 1;
                if count > MAX_ENDS {
                    let message = format!(
                        "more than {MAX_ENDS} words begin with {start:?}; write more of the last one"
                    );
                    return Err(Error::new(ErrorKind::ConfigInvalid, message));
                }
            }
            most = most.max(count);
        }
        Ok(most)
    }
}

fn unscored(query: Box<dyn Query>) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, 0.0))
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn prefix(field: Field, start: &str) -> Box<dyn Query> {
    let from = Term::from_field_text(field, start);
    let to = Term::from_field_text(field, &format!("{start}{LAST}"));
    Box::new(RangeQuery::new(Bound::Included(from), Bound::Excluded(to)))
}
