//! What is wrong with a configuration: every fault with its file, line and key.

use std::fmt;
use std::path::{Path, PathBuf};

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The key, as `jobs[0].query.regions`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what would be right. Never holds a secret.
    pub message: String,
}

/// All faults of a configuration, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    file: PathBuf,
    faults: Vec<Fault>,
}

impl Faults {
    pub(crate) fn new(file: &Path, mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self { file: file.to_owned(), faults }
    }

    /// The faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{}: ", self.file.display(), fault.line)?;
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            f.write_str(&fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Says that `given` is not known, which of `known` it may have meant, and which there are.
pub(crate) fn not_known<'a>(what: &str, given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let mut message = format!("unknown {what} `{given}`");
    if let Some(near) = nearest(given, &known) {
        message.push_str(&format!("; did you mean `{near}`?"));
    }
    if known.is_empty() {
        message.push_str("; there are none");
    } else {
        let separator = if message.ends_with('?') { " " } else { "; " };
        message.push_str(&format!("{separator}known: {}", known.join(", ")));
    }
    message
}

/// The known name that is nearest to what was given, if any is near.
pub(crate) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&given, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("tokn", &["type", "token", "base_url"]), Some("token"));
        assert_eq!(nearest("TOKEN", &["type", "token"]), Some("token"));
        assert_eq!(nearest("zzz", &["type", "token"]), None);
        assert_eq!(
            not_known("key", "tokn", ["type", "token"]),
            "unknown key `tokn`; did you mean `token`? known: type, token"
        );
        assert_eq!(not_known("key", "zzz", ["type"]), "unknown key `zzz`; known: type");
        assert_eq!(not_known("source", "x", []), "unknown source `x`; there are none");
    }
}
