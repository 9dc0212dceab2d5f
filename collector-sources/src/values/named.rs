//! Parts of a query that cannot be used, and how they are named.

use collector_core::error::{Error, ErrorKind, Result};

/// The longest beginning of a text from outside that is repeated, in characters.
const SHOWN: usize = 80;

/// The value, or which part of the query is none.
#[cfg(any(feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
pub(crate) fn required<T>(value: Option<T>, what: &'static str, text: &str) -> Result<T> {
    value.ok_or_else(|| {
        invalid(&format!("not a {what}: correct it or leave it out")).with("found", quoted(text))
    })
}

/// A query that cannot be honoured.
pub(crate) fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message)
}

/// The beginning of a text from outside, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(SHOWN).collect::<String>())
}
