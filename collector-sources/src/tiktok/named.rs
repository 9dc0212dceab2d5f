//! Parts of a query that both APIs take.

/// An ISO 3166 country of two letters, in capitals.
pub(super) fn country(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}
