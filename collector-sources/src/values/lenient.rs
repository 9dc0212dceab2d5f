//! Values that may come in another type than documented, or not at all.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A single value: missing or `null`, readable, or of a type nothing can be made of.
#[derive(Debug, Default)]
pub(crate) enum Lenient<T> {
    #[default]
    Missing,
    Value(T),
    /// What was found instead.
    Odd(&'static str),
}

/// Text; numbers count as their digits, so that ids above 2^53 survive.
pub(crate) type Text<'a> = Lenient<Cow<'a, str>>;
/// A number that is not negative; text of digits counts as one.
pub(crate) type Count = Lenient<u64>;
/// A flag: `true`, `1`, `"1"` and `"true"` are set.
pub(crate) type Flag = Lenient<bool>;

impl<T> Lenient<T> {
    /// The value, if there is a readable one.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing | Self::Odd(_) => None,
        }
    }

    /// This if it was sent at all, else the other.
    pub(crate) fn or<'s>(&'s self, other: &'s Self) -> &'s Self {
        match self {
            Self::Missing => other,
            sent => sent,
        }
    }

    /// Whether nothing was sent.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl Lenient<bool> {
    /// Whether the flag was sent and is set.
    pub(crate) fn is_set(&self) -> bool {
        matches!(self, Self::Value(true))
    }
}

/// What can be made of the scalars of JSON.
pub(crate) trait Scalar<'de>: Sized {
    fn text(text: &str) -> Lenient<Self>;
    fn borrowed(text: &'de str) -> Lenient<Self> {
        Self::text(text)
    }
    fn unsigned(number: u64) -> Lenient<Self>;
    fn signed(number: i64) -> Lenient<Self>;
    fn float(_: f64) -> Lenient<Self> {
        Lenient::Odd("a fraction")
    }
    fn flag(_: bool) -> Lenient<Self> {
        Lenient::Odd("a flag")
    }
}

impl<'de: 'a, 'a> Scalar<'de> for Cow<'a, str> {
    fn text(text: &str) -> Lenient<Self> {
        Lenient::Value(Cow::Owned(text.to_owned()))
    }
    fn borrowed(text: &'de str) -> Lenient<Self> {
        Lenient::Value(Cow::Borrowed(text))
    }
    fn unsigned(number: u64) -> Lenient<Self> {
        Lenient::Value(Cow::Owned(number.to_string()))
    }
    fn signed(number: i64) -> Lenient<Self> {
        Lenient::Value(Cow::Owned(number.to_string()))
    }
}

impl Scalar<'_> for u64 {
    fn text(text: &str) -> Lenient<Self> {
        match text.trim() {
            "" => Lenient::Missing,
            digits => digits.parse().map_or(Lenient::Odd("text"), Lenient::Value),
        }
    }
    fn unsigned(number: u64) -> Lenient<Self> {
        Lenient::Value(number)
    }
    fn signed(_: i64) -> Lenient<Self> {
        Lenient::Odd("a negative number")
    }
    fn float(number: f64) -> Lenient<Self> {
        // Up to 2^53 every whole number is exact.
        let exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
        if exact { Lenient::Value(number as u64) } else { Lenient::Odd("a fraction") }
    }
}

impl Scalar<'_> for bool {
    fn text(text: &str) -> Lenient<Self> {
        match text {
            "" => Lenient::Missing,
            "0" | "false" | "False" => Lenient::Value(false),
            "1" | "true" | "True" => Lenient::Value(true),
            _ => Lenient::Odd("text"),
        }
    }
    fn unsigned(number: u64) -> Lenient<Self> {
        Lenient::Value(number != 0)
    }
    fn signed(_: i64) -> Lenient<Self> {
        Lenient::Odd("a negative number")
    }
    fn flag(flag: bool) -> Lenient<Self> {
        Lenient::Value(flag)
    }
}

impl<'de, T: Scalar<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Scalar<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::borrowed(text))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::text(text))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::unsigned(number))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or_else(|_| T::signed(number), T::unsigned))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::float(number))
    }
    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(T::flag(flag))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Lenient::Missing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Lenient::Odd("a list"))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Lenient::Odd("an object"))
    }
}

/// An object that is a part of another: missing or `null`, readable, or no object at all.
#[derive(Debug, Default)]
pub(crate) enum Part<T> {
    #[default]
    Missing,
    Value(T),
    /// What was found instead.
    Odd(&'static str),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor(PhantomData))
    }
}

struct PartVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PartVisitor<T> {
    type Value = Part<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Part::Value)
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Part::Missing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Part::Odd("a list"))
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Part::Odd("text"))
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Part::Odd("a number"))
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Part::Odd("a number"))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Part::Odd("a number"))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Part::Odd("a flag"))
    }
}

/// Hands each element of a list to `take` without keeping the list; anything but a list has no elements.
pub(crate) fn each<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    take: impl FnMut(T),
) -> Result<(), D::Error> {
    deserializer.deserialize_any(EachVisitor { take, element: PhantomData })
}

struct EachVisitor<F, T> {
    take: F,
    element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for EachVisitor<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            (self.take)(element);
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        IgnoredAny.visit_map(map).map(drop)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        serde_json::from_str::<Text<'_>>(json).unwrap().value().map(|text| text.to_string())
    }

    fn count(json: &str) -> Count {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn text_takes_numbers_beyond_2_to_the_53() {
        assert_eq!(text("\"x\"").as_deref(), Some("x"));
        assert_eq!(text("\"x\\n\"").as_deref(), Some("x\n"));
        assert_eq!(text("7234567890123456789").as_deref(), Some("7234567890123456789"));
        for json in ["null", "1.5", "true", "{\"a\":[1]}", "[1]"] {
            assert_eq!(text(json), None, "{json}");
        }
    }

    #[test]
    fn counts_take_text_and_refuse_what_is_none() {
        for (json, number) in [("12", 12), ("\"12\"", 12), ("12.0", 12), ("18446744073709551615", u64::MAX)] {
            assert_eq!(count(json).value().copied(), Some(number), "{json}");
        }
        assert!(count("null").is_missing() && count("\"\"").is_missing());
        for json in ["-1", "1.5", "1e300", "true", "\"1.2M\"", "{}", "[]"] {
            assert!(matches!(count(json), Lenient::Odd(_)), "{json}");
        }
    }

    #[test]
    fn flags_take_every_spelling_seen() {
        for (json, set) in
            [("true", true), ("1", true), ("\"1\"", true), ("false", false), ("0", false), ("\"0\"", false)]
        {
            assert_eq!(serde_json::from_str::<Flag>(json).unwrap().value().copied(), Some(set), "{json}");
        }
        assert!(matches!(serde_json::from_str::<Flag>("\"maybe\"").unwrap(), Lenient::Odd(_)));
    }

    #[test]
    fn a_part_of_the_wrong_type_costs_itself_only() {
        #[derive(Deserialize)]
        struct Outer {
            part: Part<Inner>,
            after: u8,
        }
        #[derive(Deserialize)]
        struct Inner {
            a: u8,
        }
        for json in ["null", "[{}]", "\"x\"", "1", "-1", "1.5", "true"] {
            let outer: Outer = serde_json::from_str(&format!("{{\"part\":{json},\"after\":7}}")).unwrap();
            assert!(!matches!(outer.part, Part::Value(_)), "{json}");
            assert_eq!(outer.after, 7);
        }
        let outer: Outer = serde_json::from_str("{\"part\":{\"a\":1},\"after\":7}").unwrap();
        assert!(matches!(outer.part, Part::Value(Inner { a: 1 })));
    }
}
