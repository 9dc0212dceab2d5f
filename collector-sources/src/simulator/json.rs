//! A minimal writer of compact JSON.
//!
//! The hot answers are written straight into one buffer: building a `serde_json::Value` for each of them would
//! cost more than everything else the simulator does.

use std::fmt::Write as _;

/// A buffer that puts the commas itself: one goes before every member that does not open its container.
#[derive(Debug, Default)]
pub(super) struct Json(String);

impl Json {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Writes a key and leaves the value to the next call.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.separate();
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
        self
    }

    pub(super) fn open(&mut self, bracket: char) -> &mut Self {
        self.separate();
        self.0.push(bracket);
        self
    }

    pub(super) fn close(&mut self, bracket: char) -> &mut Self {
        self.0.push(bracket);
        self
    }

    /// Appends text that is already JSON: a value, or a run of members without outer braces.
    pub(super) fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.0.push_str(json);
        self
    }

    pub(super) fn string(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.0.push('"');
        escape_into(&mut self.0, value);
        self.0.push('"');
        self
    }

    /// Writes a string value of several pieces that need no escaping, such as a link.
    pub(super) fn plain(&mut self, pieces: &[&str]) -> &mut Self {
        self.separate();
        self.0.push('"');
        for piece in pieces {
            self.0.push_str(piece);
        }
        self.0.push('"');
        self
    }

    pub(super) fn number(&mut self, value: u64) -> &mut Self {
        self.separate();
        push_number(&mut self.0, value);
        self
    }

    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).string(value)
    }

    /// Writes a member whose value needs no escaping.
    pub(super) fn plain_member(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).plain(&[value])
    }

    pub(super) fn int(&mut self, key: &str, value: u64) -> &mut Self {
        self.key(key).number(value)
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key).raw(if value { "true" } else { "false" })
    }

    pub(super) fn digit(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key).raw(if value { "1" } else { "0" })
    }

    /// Writes a 64-bit number as a JSON string, the way ids travel.
    pub(super) fn id(&mut self, key: &str, value: u64) -> &mut Self {
        self.key(key);
        self.0.push('"');
        push_number(&mut self.0, value);
        self.0.push('"');
        self
    }

    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':' | b',')) {
            self.0.push(',');
        }
    }
}

/// Appends a number in decimal.
pub(super) fn push_number(out: &mut String, value: u64) {
    // Writing to a String cannot fail; the trait only has no way to say so.
    let _infallible = write!(out, "{value}");
}

/// Appends `value` with JSON's escapes, without the quotes around it.
pub(super) fn escape_into(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut json = Json::default();
        json.open('{')
            .text("bio", "a \"b\"\\\n\u{1}뷰")
            .int("n", u64::MAX)
            .flag("yes", true)
            .digit("one", true);
        json.id("id", 7).key("list").open('[').number(1).string("x").plain(&["a", "b"]).open('{').close('}');
        json.close(']').raw("\"k\":null").close('}');
        let value: serde_json::Value = serde_json::from_str(&json.into_string()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "bio": "a \"b\"\\\n\u{1}뷰", "n": u64::MAX, "yes": true, "one": 1, "id": "7",
                "list": [1, "x", "ab", {}], "k": null
            })
        );
    }
}
