//! Takes the fingerprint of a document while it is read, so that its text is gone through once.
//!
//! [`Tee`] stands between a format and a type: it hands every value on, and hashes it on the way as
//! [`Node`](super::Node) would. What cannot be seen on the way (raw values, enums, bytes) it leaves to a second pass.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{Node, Tag, Volatile, mix};

/// A deserializer whose value is hashed into `hash` while it is read.
pub(super) struct Tee<'h, 'n, D> {
    pub(super) inner: D,
    pub(super) node: Node<'n>,
    pub(super) hash: &'h Cell<u128>,
    /// Set when something went by unseen.
    pub(super) blind: &'n Cell<bool>,
}

impl<'h, 'n, D> Tee<'h, 'n, D> {
    fn over<V>(&self, inner: V) -> Tee<'h, 'n, V> {
        Tee { inner, node: self.node, hash: self.hash, blind: self.blind }
    }

    fn inside<'i, S>(&self, inner: S, hash: &'i Cell<u128>) -> Tee<'i, 'n, S> {
        Tee { inner, node: self.node, hash, blind: self.blind }
    }
}

macro_rules! handed_on {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.over(visitor);
            self.inner.$method(visitor)
        })*
    };
}

macro_rules! unseen {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.blind.set(true);
            self.inner.$method(visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Tee<'_, '_, D> {
    type Error = D::Error;

    handed_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_option deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier
    }

    unseen! { deserialize_i128 deserialize_u128 deserialize_bytes deserialize_byte_buf }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.hash.set(self.node.deserialize(self.inner)?);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.over(visitor);
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // Formats hand out text as it stands under names of their own.
        self.blind.set(true);
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.over(visitor);
        self.inner.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.over(visitor);
        self.inner.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.over(visitor);
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.blind.set(true);
        self.inner.deserialize_enum(name, variants, visitor)
    }
}

macro_rules! hashed {
    ($($method:ident($kind:ty))*) => {
        $(fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.hash.set(self.node.$method::<E>(value)?);
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Tee<'_, '_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    hashed! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.hash.set(self.node.visit_str::<E>(value)?);
        self.inner.visit_borrowed_str(value)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.hash.set(self.node.visit_unit::<E>()?);
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.hash.set(self.node.visit_unit::<E>()?);
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.over(deserializer);
        self.inner.visit_some(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.hash.set(Tag::Array as u128);
        let elements = self.over(elements);
        self.inner.visit_seq(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let sum = Cell::new(0);
        let members = Members { members: self.inside(members, &sum), key: None };
        let value = self.inner.visit_map(members)?;
        self.hash.set(mix(Tag::Object as u128, sum.get()));
        Ok(value)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.blind.set(true);
        self.inner.visit_enum(variant)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Tee<'_, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.over(deserializer);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Tee<'_, '_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let hash = Cell::new(0);
        let seed = self.inside(seed, &hash);
        let element = self.inner.next_element_seed(seed)?;
        if element.is_some() {
            self.hash.set(mix(self.hash.get(), hash.get()));
        }
        Ok(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The members of an object; its hash is the sum of theirs.
struct Members<'h, 'n, A> {
    members: Tee<'h, 'n, A>,
    /// The hash of the last key; `None` for a volatile one.
    key: Option<u128>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, '_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let key = Cell::new(None);
        let seed = Key { inner: seed, volatile: self.members.node.volatile, hash: &key };
        let found = self.members.inner.next_key_seed(seed)?;
        self.key = key.get();
        Ok(found)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let Some(key) = self.key else { return self.members.inner.next_value_seed(seed) };
        let hash = Cell::new(0);
        let seed = self.members.inside(seed, &hash);
        let value = self.members.inner.next_value_seed(seed)?;
        self.members.hash.set(self.members.hash.get().wrapping_add(mix(key, hash.get())));
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.members.inner.size_hint()
    }
}

/// A key on its way.
struct Key<'h, 'n, S> {
    inner: S,
    volatile: &'n Volatile,
    hash: &'h Cell<Option<u128>>,
}

impl<'h, 'n, S> Key<'h, 'n, S> {
    fn over<V>(&self, inner: V) -> Key<'h, 'n, V> {
        Key { inner, volatile: self.volatile, hash: self.hash }
    }

    fn see(&self, key: &str) {
        self.hash.set(super::key_hash(self.volatile, key));
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.over(deserializer);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Key<'_, '_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.over(visitor);
        self.inner.deserialize_str(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Key<'_, '_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<V::Value, E> {
        self.see(key);
        self.inner.visit_str(key)
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<V::Value, E> {
        self.see(key);
        self.inner.visit_borrowed_str(key)
    }
}
