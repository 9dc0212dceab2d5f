//! Parts of a query that both APIs take, and how those that cannot be used are named.

use collector_core::error::{Error, ErrorKind, Result};

/// An ISO 3166 country of two letters, in capitals.
pub(super) fn country(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// The value, or which part of the query is none.
pub(super) fn required<T>(value: Option<T>, what: &'static str, text: &str) -> Result<T> {
    value.ok_or_else(|| {
        invalid(&format!("not a TikTok {what}: correct it or leave it out")).with(what, quoted(text))
    })
}

pub(super) fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message)
}

/// The beginning of a text from outside, with control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}
