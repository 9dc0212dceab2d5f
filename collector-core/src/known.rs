//! Names that were mistyped: what is said of one that is not known.

/// How alike two names are at least when one may have been meant by the other.
const ALIKE: f64 = 0.5;

/// The known name that is nearest to what was given, in any case, if any is near.
///
/// ```
/// assert_eq!(collector_core::known::nearest("tokn", ["type", "token"]), Some("token"));
/// ```
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&given, &name.to_lowercase());
    let known = known.into_iter().map(|name| (likeness(name), name));
    let near = known.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    near.map(|(_, name)| name)
}

/// Says that `given` is not known, and which of `known` it may have meant.
pub fn mistyped<'a>(what: &str, given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = nearest(given, known).map(|near| format!("; did you mean `{near}`?"));
    format!("unknown {what} `{given}`{}", near.unwrap_or_default())
}

/// Says that `given` is not known, which of `known` it may have meant, and which there are.
pub fn not_known<'a>(what: &str, given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let message = mistyped(what, given, known.iter().copied());
    if known.is_empty() {
        return message + "; there are none";
    }
    let separator = if message.ends_with('?') { " " } else { "; " };
    format!("{message}{separator}known: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("tokn", ["type", "token", "base_url"]), Some("token"));
        assert_eq!(nearest("TOKEN", ["type", "token"]), Some("token"));
        assert_eq!(nearest("zzz", ["type", "token"]), None);
        assert_eq!(mistyped("flag", "privat", ["private"]), "unknown flag `privat`; did you mean `private`?");
        assert_eq!(
            not_known("key", "tokn", ["type", "token"]),
            "unknown key `tokn`; did you mean `token`? known: type, token"
        );
        assert_eq!(not_known("key", "zzz", ["type"]), "unknown key `zzz`; known: type");
        assert_eq!(not_known("source", "x", []), "unknown source `x`; there are none");
    }
}
