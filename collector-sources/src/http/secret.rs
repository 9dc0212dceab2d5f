//! A credential that cannot be printed by accident.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// What stands in for a secret wherever one would have been shown.
pub(crate) const REDACTED: &str = "[redacted]";

/// A credential: no `Display`, no `Serialize`, and a `Debug` that says nothing, not even the length.
#[derive(Clone, Default)]
pub struct Secret(Box<str>);

impl Secret {
    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` without the secret, for messages of the other side that may repeat what we sent.
    pub fn scrub(&self, text: &str) -> String {
        if self.is_empty() { text.to_owned() } else { text.replace(&*self.0, REDACTED) }
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value.into_boxed_str())
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn scrub_takes_every_occurrence_and_an_empty_secret_takes_none() {
        assert_eq!(Secret::from("abc").scrub("abc-abcd"), "[redacted]-[redacted]d");
        assert_eq!(Secret::default().scrub("abc"), "abc");
    }
}
