//! Why a value cannot be read, with its place.

use std::fmt;

use collector_core::known::not_known;
use serde::de::{self, Expected, Unexpected};

use super::tree::Node;

/// Where a value stands.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) key: String,
}

/// Why a value cannot be read; its place is added on the way out.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// `None` when the fault was noted already.
    pub(super) message: Option<String>,
    /// Whether the message still wants to say what was found.
    tell_found: bool,
    /// The key that is missing, if that is the fault.
    missing: Option<&'static str>,
    pub(super) place: Option<Place>,
}

impl Wrong {
    pub(super) fn new(message: String) -> Self {
        Self { message: Some(message), tell_found: false, missing: None, place: None }
    }

    fn expecting(expected: &dyn Expected) -> Self {
        Self { tell_found: true, ..Self::new(format!("expected {}", form(expected))) }
    }

    pub(super) fn at(mut self, node: &Node<'_>) -> Self {
        if self.place.is_some() {
            return self;
        }
        if let Some(name) = self.missing {
            // The key is there when its value was wrong: that was said already.
            self.message = node.get(name).is_none().then(|| format!("missing key `{name}`"));
        } else if self.tell_found {
            let found = node.quoted();
            self.message = self.message.map(|message| format!("{message}, found {found}"));
        }
        self.place = Some(node.place());
        self
    }
}

/// What serde expects, in words for people who do not know Rust.
fn form(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let words = match expected.as_str() {
        "a string" | "string" | "path string" | "a character" => "text in quotes",
        "a boolean" => "true or false",
        "u64" | "usize" => "a whole number from 0",
        "u32" => "a whole number from 0 to 4294967295",
        "u16" => "a whole number from 0 to 65535",
        "u8" => "a whole number from 0 to 255",
        "i64" | "isize" | "i32" => "a whole number",
        "f64" | "f32" => "a number",
        "a sequence" => "a list in square brackets",
        "a map" => "a table",
        other if other.starts_with("a nonzero") => "a whole number from 1",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    words.to_owned()
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("wrong"))
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expecting(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expecting(expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(not_known("value", variant, expected.iter().copied()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(not_known("key", field, expected.iter().copied()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::new(format!("missing key `{field}`")) }
    }
}
