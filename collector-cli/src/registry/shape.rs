//! The keys of a table, asked of the type that reads it: nothing is listed by hand.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// More keys than any table needs; a type that asks for ever is asked no longer.
const MOST_REQUIRED: usize = 32;

/// The keys of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// All of them, in the order of the type; none when it takes any.
    pub(crate) keys: &'static [&'static str],
    /// Those it cannot do without.
    pub(crate) required: Vec<&'static str>,
}

impl Shape {
    /// Reads a `T` out of nothing, and gives it each key it misses.
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        let mut shape = Self::default();
        while shape.required.len() < MOST_REQUIRED {
            let mut keys = shape.keys;
            let read = T::deserialize(Table { given: &shape.required, keys: &mut keys });
            shape.keys = keys;
            match read {
                Err(Missing(Some(key))) if !shape.required.contains(&key) => shape.required.push(key),
                _ => break,
            }
        }
        shape
    }
}

/// Which key was missing, if that was it.
#[derive(Debug)]
struct Missing(Option<&'static str>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Missing {}

impl de::Error for Missing {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }

    fn missing_field(field: &'static str) -> Self {
        Self(Some(field))
    }
}

/// A table with these keys, each with a value that is whatever is asked for.
struct Table<'k> {
    given: &'k [&'static str],
    keys: &'k mut &'static [&'static str],
}

impl<'de> Deserializer<'de> for Table<'_> {
    type Error = Missing;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missing> {
        *self.keys = fields;
        visitor.visit_map(Entries(self.given))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missing> {
        visitor.visit_map(Entries(self.given))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Entries<'k>(&'k [&'static str]);

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Missing;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Missing> {
        let [key, rest @ ..] = self.0 else { return Ok(None) };
        self.0 = rest;
        seed.deserialize(StrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Missing> {
        seed.deserialize(Anything)
    }
}

/// A value of whatever type is asked for.
struct Anything;

macro_rules! gives {
    ($($asked:ident => $visit:ident($value:expr);)*) => {$(
        fn $asked<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missing> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Anything {
    type Error = Missing;

    gives! {
        deserialize_any => visit_str("x");
        deserialize_bool => visit_bool(true);
        deserialize_i8 => visit_i8(1);
        deserialize_i16 => visit_i16(1);
        deserialize_i32 => visit_i32(1);
        deserialize_i64 => visit_i64(1);
        deserialize_u8 => visit_u8(1);
        deserialize_u16 => visit_u16(1);
        deserialize_u32 => visit_u32(1);
        deserialize_u64 => visit_u64(1);
        deserialize_f32 => visit_f32(1.0);
        deserialize_f64 => visit_f64(1.0);
        deserialize_option => visit_some(Self);
        deserialize_map => visit_map(Entries(&[]));
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Missing> {
        visitor.visit_newtype_struct(self)
    }

    /// A span of time is two numbers to those who read it; any other struct is read out of nothing, and must do.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missing> {
        // What is missing inside is not missing in the table.
        visitor.visit_map(Entries(fields)).map_err(|_| Missing(None))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missing> {
        visitor.visit_seq(de::value::SeqDeserializer::new(std::iter::empty::<&str>()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missing> {
        visitor.visit_enum(First(variants.first().copied().unwrap_or_default()))
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The first variant of an enum.
struct First(&'static str);

impl<'de> EnumAccess<'de> for First {
    type Error = Missing;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Missing> {
        let name: StrDeserializer<'_, Missing> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for First {
    type Error = Missing;

    fn unit_variant(self) -> Result<(), Missing> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Missing> {
        seed.deserialize(Anything)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Missing> {
        Anything.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missing> {
        MapAccessDeserializer::new(Entries(fields)).deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use serde::Deserialize;

    use super::*;
    use crate::sources::{ConfigPath, Secret};

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its keys are looked at")]
    struct Table {
        token: Secret,
        cache: ConfigPath,
        wait: Duration,
        size: NonZeroUsize,
        mode: Mode,
        share: f64,
        tags: Vec<String>,
        optional: Option<u8>,
        #[serde(default)]
        flag: bool,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Fast,
        Slow,
    }

    #[test]
    fn all_keys_are_known_and_those_without_a_default_are_required() {
        let shape = Shape::of::<Table>();
        assert_eq!(
            shape.keys,
            ["token", "cache", "wait", "size", "mode", "share", "tags", "optional", "flag"]
        );
        assert_eq!(shape.required, ["token", "cache", "wait", "size", "mode", "share", "tags"]);
    }

    #[test]
    fn a_table_that_takes_any_key_has_no_list_of_them() {
        assert_eq!(Shape::of::<BTreeMap<String, String>>(), Shape::default());
    }
}
