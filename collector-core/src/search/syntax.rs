//! The query language: one line of text.
//!
//! ```text
//! country:kr,jp followers:10k..100k er:>=3% -shop "skin care" has:email last_post:<30d sort:followers
//! ```
//!
//! # Words
//! | written | finds |
//! | --- | --- |
//! | `뷰티 cream` | creators with both, each in handle, name, biography or hashtags |
//! | `"skin care"` | these words next to each other |
//! | `beaut*` | words that begin like this |
//! | `-shop` | leaves out those with it; works before everything below, too |
//! | `@mina` | whose handle is or was this |
//! | `#kbeauty` | with this hashtag: short for `hashtag:kbeauty` |
//! | `who:min*` | whose handle or name begins like this |
//! | `name:mina`, `bio:"skin care"` | in this text only; not ranked |
//!
//! Case, diacritics, full and half width make no difference. At most 15 words are ranked.
//!
//! # Conditions
//! All must hold. Values with commas between them: one must hold. A value with spaces stands in quotes; in quotes, `\"`
//! is a quote and `\\` a backslash.
//!
//! | written | holds for |
//! | --- | --- |
//! | `country:kr,jp` | either value; `-country:kr` for all others, those without a known country too |
//! | `followers:10k..100k`, `10k..`, `..100k` | a range, both ends included |
//! | `followers:>=10k`, `>10k`, `<=10k`, `<10k`, `=10000` | a comparison |
//! | `er:3%..`, `er:>0.03` | a share |
//! | `last_post:<30d` | less than 30 days ago; `>30d` more; `7d..30d` between |
//! | `created:2024`, `2024-05`, `2024-05-01`, `2023..2024`, `>=2024-05-01` | within the year, month or day (UTC) |
//! | `verified:yes`, `is:verified`, `-is:private` | a flag |
//! | `has:email`, `has:shop` | a flag that begins with `has_`; else a field that is known: `has:bio` |
//! | `known:country`, `unknown:country` | a value is known, or is not |
//! | `list:spring` | members of a list |
//!
//! Numbers may end in `k`, `m`, `b`, `천`, `만`, `억`; spans in `m`, `h`, `d`, `w`, `y` (365 days).
//!
//! # Order
//! `sort:followers` puts the most first, `sort:followers:asc` the fewest; creators without a value come last.
//! `sort:relevance` is the default when there are words.
//!
//! # Fields
//! [`SearchField`] is the table.

mod scan;
mod value;
mod write;

use std::fmt;

use super::tokens::columns;
use super::{Query, SearchField};
use crate::error::{Error, ErrorKind};

/// The most characters of a query.
pub const MAX_LENGTH: usize = 8_192;

/// The conditions that are no fields.
pub(super) const WORDS: [&str; 6] = ["has", "is", "known", "unknown", "who", "sort"];

/// What is wrong with a query's text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where it begins: bytes from the start of the text.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl SyntaxError {
    fn new(span: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        Self { start: span.start, end: span.end, message: message.into() }
    }

    /// The query with a line under it that points at the place.
    pub fn pointer(&self, text: &str) -> String {
        let before = text.get(..self.start).unwrap_or(text);
        let meant = text.get(self.start..self.end).unwrap_or_default();
        let width = |text: &str| text.chars().map(columns).sum::<usize>();
        format!("{text}\n{}{}", " ".repeat(width(before)), "^".repeat(width(meant).max(1)))
    }

    /// As the error of a query that cannot be honoured.
    pub fn into_error(self) -> Error {
        Error::new(ErrorKind::ConfigInvalid, self.message.clone()).with("byte", self.start).caused_by(self)
    }

    /// The character it points at, from 1.
    pub fn character(&self, text: &str) -> usize {
        text.get(..self.start).unwrap_or(text).chars().count() + 1
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

impl Query {
    /// Reads a query from its text; see the [syntax page](self).
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut query = Self::default();
        query.add(text)?;
        Ok(query)
    }

    /// Adds what this text asks, too.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn add(&mut self, text: &str) -> Result<(), SyntaxError> {
        if text.chars().nth(MAX_LENGTH).is_some() {
            let message = format!("the query is longer than {MAX_LENGTH} characters");
            return Err(SyntaxError::new(0..text.len(), message));
        }
        scan::read(self, text)
    }

    /// Adds one condition: `condition("followers", "10k..100k")` is `followers:10k..100k`.
    ///
    /// # Errors
    /// The fault, with its place in `value`.
    pub fn condition(&mut self, name: &str, value: &str) -> Result<(), SyntaxError> {
        scan::read_condition(self, name, value)
    }
}

/// All names a field has.
pub(super) fn names(is: impl Fn(SearchField) -> bool) -> impl Iterator<Item = &'static str> {
    let fields = SearchField::ALL.iter().copied().filter(move |field| is(*field));
    fields.flat_map(|field| std::iter::once(field.info().name).chain(field.info().aliases.iter().copied()))
}

#[cfg(test)]
mod tests;
