//! The vendor's JSON, as far as it is read. Private to this adapter.
//!
//! Rows have some sixty members, most of them figures that are passed on under their own names; so a row is read as its
//! members, each still unread, and a value of the wrong type costs that value only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use collector_core::error::Result;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use crate::mobile::User;
use crate::values::answer::misshapen;
use crate::values::lenient::{Count, Lenient, Part, Text};
use crate::values::list::List;

/// The outermost object of every answer, of all four kinds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Envelope<'a> {
    /// A number, or its digits as text.
    #[serde(borrow)]
    pub(super) code: Text<'a>,
    pub(super) message: Text<'a>,
    pub(super) msg: Text<'a>,
    /// `None` when there is no such member; `null` is one.
    #[serde(deserialize_with = "present")]
    pub(super) data: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The rows of an answer: a list, a list inside an object, or one of the ways to say that there are none.
///
/// # Errors
/// `Malformed` for anything else.
pub(super) fn rows(data: &RawValue) -> Result<Vec<&RawValue>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow)]
        list: List<'a>,
    }
    let text = data.get();
    let wrong = || misshapen("data", "a list");
    match text.as_bytes().first() {
        Some(b'[') => match serde_json::from_str(text) {
            Ok(List::Rows(rows)) => Ok(rows),
            _ => Err(misshapen("data", "a list of at most 5,000 rows")),
        },
        Some(b'{') if is_empty(text) => Ok(Vec::new()),
        Some(b'{') => match serde_json::from_str(text) {
            Ok(Inner { list: List::Rows(rows) }) => Ok(rows),
            _ => Err(wrong()),
        },
        _ if matches!(text, "null" | "\"\"") => Ok(Vec::new()),
        _ => Err(wrong()),
    }
}

/// Whether an object has no members.
pub(super) fn is_empty(object: &str) -> bool {
    object.bytes().all(|byte| b"{} \t\r\n".contains(&byte))
}

/// A row's members by name, each still unread.
#[derive(Debug)]
pub(super) struct Row<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Row<'a> {
    /// The members of a row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(raw: &'a RawValue) -> Result<Self, &'static str> {
        match serde_json::from_str(raw.get()) {
            Ok(Part::Value(members)) => Ok(Self(members)),
            Ok(Part::Missing | Part::Odd(_)) => Err("expected an object, found none"),
            Err(_) => Err("text that cannot be decoded"),
        }
    }

    fn member<T: Deserialize<'a> + Default>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// A text; numbers count as their digits.
    pub(super) fn text(&self, name: &str) -> Text<'a> {
        self.member(name).unwrap_or_default()
    }

    /// A number that is not negative.
    pub(super) fn count(&self, name: &str) -> Count {
        self.member(name).unwrap_or_default()
    }

    /// Any number, whole or not, also as text.
    pub(super) fn number(&self, name: &str) -> Lenient<Number> {
        let Some(raw) = self.0.get(name) else { return Lenient::Missing };
        match serde_json::from_str(raw.get()) {
            Ok(Value::Null) => Lenient::Missing,
            Ok(Value::Number(number)) => Lenient::Value(number),
            Ok(Value::String(text)) if text.trim().is_empty() => Lenient::Missing,
            Ok(Value::String(text)) => number_of(text.trim()).map_or(Lenient::Odd("text"), Lenient::Value),
            Ok(Value::Bool(_)) => Lenient::Odd("a flag"),
            Ok(Value::Array(_)) => Lenient::Odd("a list"),
            Ok(Value::Object(_)) => Lenient::Odd("an object"),
            Err(_) => Lenient::Odd("what is nested too deep"),
        }
    }

    /// A document inside a text; blank text says nothing.
    ///
    /// # Errors
    /// What is there instead.
    pub(super) fn document(&self, name: &str) -> Result<Option<Value>, &'static str> {
        match self.text(name) {
            Lenient::Missing => Ok(None),
            Lenient::Odd(found) => Err(found),
            Lenient::Value(text) if text.trim().is_empty() || text.trim() == "null" => Ok(None),
            Lenient::Value(text) => serde_json::from_str(&text).map(Some).map_err(|_| "no document"),
        }
    }
}

/// A number written as text; whole ones stay whole.
fn number_of(text: &str) -> Option<Number> {
    text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok().or_else(
        || {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
            Number::from_f64(text.parse().ok().filter(|_| plain)?)
        },
    )
}

/// The data of a profile asked of the platform.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LiveProfile<'a> {
    #[serde(borrow)]
    pub(super) user: Part<User<'a>>,
    pub(super) status_code: Count,
    pub(super) status_msg: Text<'a>,
}

/// The data of somebody's posts asked of the platform.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LiveVideos<'a> {
    #[serde(borrow)]
    pub(super) aweme_list: List<'a>,
    pub(super) max_cursor: Count,
    pub(super) has_more: Count,
    pub(super) status_code: Count,
    pub(super) status_msg: Text<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn rows_are_found_wherever_they_are() {
        for (text, count) in
            [("[1,2]", 2), ("{\"list\":[1]}", 1), ("[]", 0), ("{}", 0), ("{ }", 0), ("null", 0), ("\"\"", 0)]
        {
            assert_eq!(rows(&raw(text)).unwrap().len(), count, "{text}");
        }
        for text in ["7", "true", "\"US\"", "{\"rows\":[]}", "{\"list\":7}"] {
            assert!(rows(&raw(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn members_come_in_any_type() {
        let raw = raw(r#"{"a":"7","b":-3,"c":"0.25","d":"x","e":null,"f":{},"g":" ","h":"{\"15s\":2}",
            "i":"{","j":7000000000000000001,"k":"1e5"}"#);
        let row = Row::read(&raw).unwrap();
        assert_eq!(row.count("a").value(), Some(&7));
        assert!(row.count("b").value().is_none() && !row.count("b").is_missing());
        let number = |name: &str| row.number(name).value().map(ToString::to_string);
        assert_eq!(number("a").as_deref(), Some("7"));
        assert_eq!((number("b").as_deref(), number("c").as_deref()), (Some("-3"), Some("0.25")));
        assert_eq!(number("j").as_deref(), Some("7000000000000000001"));
        for name in ["d", "f", "k"] {
            assert!(matches!(row.number(name), Lenient::Odd(_)), "{name}");
        }
        for name in ["e", "g", "missing"] {
            assert!(row.number(name).is_missing(), "{name}");
        }
        assert_eq!(row.text("j").value().map(|text| &**text), Some("7000000000000000001"));
        assert_eq!(row.document("h").unwrap().unwrap()["15s"], 2);
        assert!(row.document("g").unwrap().is_none() && row.document("missing").unwrap().is_none());
        assert!(row.document("i").is_err() && row.document("f").is_err());
        assert!(Row::read(&RawValue::from_string("7".into()).unwrap()).is_err());
    }
}
