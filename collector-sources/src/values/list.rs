//! A list inside an answer, its rows still unread.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// More rows than any vendor returns at once; a longer list is refused before it fills the memory.
const MOST_ROWS: usize = 5_000;

/// A list whose rows are read one by one, so that one of them cannot spoil the others: missing or `null`, there, or
/// no list at all.
#[derive(Debug, Default)]
pub(crate) enum List<'a> {
    #[default]
    Missing,
    Rows(Vec<&'a RawValue>),
    /// What was found instead.
    Odd(&'static str),
}

impl<'a> List<'a> {
    /// The rows; none when there is no list.
    pub(crate) fn rows(&self) -> &[&'a RawValue] {
        match self {
            Self::Rows(rows) => rows,
            Self::Missing | Self::Odd(_) => &[],
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ListVisitor<'a> {
    type Value = List<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = seq.next_element()? {
            if rows.len() == MOST_ROWS {
                return Err(A::Error::custom(format_args!("more than {MOST_ROWS} rows in one answer")));
            }
            rows.push(row);
        }
        Ok(List::Rows(rows))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| List::Odd("an object"))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(List::Missing)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(List::Odd("text"))
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(List::Odd("a number"))
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(List::Odd("a number"))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(List::Odd("a number"))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(List::Odd("a flag"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_missing_there_or_odd() {
        let list = |json| serde_json::from_str::<List<'_>>(json).unwrap();
        assert_eq!(
            list("[1, {\"a\": [2]}]").rows().iter().map(|row| row.get()).collect::<Vec<_>>(),
            ["1", "{\"a\": [2]}"]
        );
        assert!(matches!(list("null"), List::Missing));
        for odd in ["{}", "\"x\"", "1", "-1", "1.5", "true"] {
            assert!(matches!(list(odd), List::Odd(_)) && list(odd).rows().is_empty(), "{odd}");
        }
    }

    #[test]
    fn a_list_beyond_all_bounds_is_refused() {
        let long = format!("[{}0]", "0,".repeat(MOST_ROWS));
        assert!(serde_json::from_str::<List<'_>>(&long).unwrap_err().to_string().contains("5000"));
    }
}
