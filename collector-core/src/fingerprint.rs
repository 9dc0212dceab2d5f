//! Fingerprints of JSON answers: equal when two answers say the same, whatever the order of their keys.
//!
//! Vendors send the same profile with keys in another order, a new request id and newly signed links. A
//! fingerprint leaves these out, so that an answer that says nothing new is seen to be nothing new.

mod reading;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use xxhash_rust::xxh3::xxh3_128;

use self::reading::Tee;
use crate::id::Digest;

/// What changes from call to call in a source's answers and says nothing: request ids, server times.
///
/// Links need no naming: the query of a signed `http` or `https` link never counts, because signatures expire.
#[derive(Debug, Clone, Default)]
pub struct Volatile {
    keys: Vec<Box<str>>,
    /// One bit for each length (modulo 64) that a key has: most keys of an answer are told apart by it alone.
    lengths: u64,
}

impl Volatile {
    /// Leaves out the values of these object keys, at any depth.
    pub fn new(keys: &[&str]) -> Self {
        Self {
            keys: keys.iter().map(|&key| key.into()).collect(),
            lengths: keys.iter().fold(0, |bits, key| bits | length_bit(key)),
        }
    }

    fn contains(&self, key: &str) -> bool {
        self.lengths & length_bit(key) != 0 && self.keys.iter().any(|volatile| **volatile == *key)
    }
}

fn length_bit(key: &str) -> u64 {
    1 << (key.len() % 64)
}

/// The fingerprint of a JSON document; `None` when it is not valid JSON, or nested deeper than 127 levels.
///
/// The order of an object's keys does not count, that of an array's elements does. Numbers count as they are
/// written: `1` and `1.0` differ. Not for identities: it does not resist forgery.
pub fn json(body: &[u8], volatile: &Volatile) -> Option<Digest> {
    let text = std::str::from_utf8(body).ok()?;
    let (mut hash, wide) = hash_document(text, volatile)?;
    if wide {
        (hash, _) = hash_document(&quote_wide_integers(text), volatile)?;
    }
    Some(Digest(hash.to_be_bytes()))
}

/// Reads a JSON document and takes its fingerprint, which is what [`json`] says, in one go.
///
/// # Errors
/// What `serde_json` says when the document cannot be read as a `T`.
pub fn read<'de, T: Deserialize<'de>>(
    body: &'de [u8],
    volatile: &Volatile,
) -> serde_json::Result<(T, Option<Digest>)> {
    match read_seed(body, volatile, PhantomData) {
        Ok((value, digest)) => Ok((value, Some(digest))),
        // A type may pass over what has no fingerprint: text that is no UTF-8, or lies too deep.
        Err(_) => Ok((serde_json::from_slice(body)?, json(body, volatile))),
    }
}

/// The same for a type that is read with a seed, of documents that have a fingerprint.
///
/// # Errors
/// What `serde_json` says when the document cannot be read, or has no fingerprint.
pub fn read_seed<'de, S: DeserializeSeed<'de>>(
    body: &'de [u8],
    volatile: &Volatile,
    seed: S,
) -> serde_json::Result<(S::Value, Digest)> {
    let text = std::str::from_utf8(body).map_err(Error::custom)?;
    let (wide, blind, hash) = (Cell::new(false), Cell::new(false), Cell::new(0));
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = Node { volatile, wide: &wide };
    let value = seed.deserialize(Tee { inner: &mut deserializer, node, hash: &hash, blind: &blind })?;
    deserializer.end()?;
    // What could not be seen on the way is looked for in a second pass.
    let digest = match wide.get() || blind.get() {
        true => json(body, volatile).ok_or_else(|| Error::custom("nested too deep"))?,
        false => Digest(hash.get().to_be_bytes()),
    };
    Ok((value, digest))
}

/// The hash of a document, and whether it has integers that do not fit 64 bits.
fn hash_document(text: &str, volatile: &Volatile) -> Option<(u128, bool)> {
    let document = Node { volatile, wide: &Cell::new(false) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let hash = document.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some((hash, document.wide.get()))
}

/// Makes strings of the integers that may not fit 64 bits: as floating-point numbers, neighbours would be equal.
/// That it takes some more does no harm: a document without wide integers is another document anyway.
///
/// `text` is valid JSON, so a digit or `-` outside a string begins a number.
fn quote_wide_integers(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (before, token) = rest.split_at(at);
        quoted.push_str(before);
        let (token, after) = token.split_at(token_length(token));
        match is_wide_integer(token) {
            // The escaped NUL keeps it apart from an ordinary string of digits.
            true => quoted.extend(["\"\\u0000", token, "\""]),
            false => quoted.push_str(token),
        }
        rest = after;
    }
    quoted.push_str(rest);
    quoted
}

/// The length of the string or number that `text` begins with.
fn token_length(text: &str) -> usize {
    if !text.starts_with('"') {
        return text
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(text.len());
    }
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    // The opening quote, what stands before the closing one, the closing one.
    end.map_or(text.len(), |inside| inside + 2)
}

/// Whether it may not fit 64 bits: 19 digits are the least that do not.
fn is_wide_integer(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    digits.len() >= 19 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Keeps values of different types apart.
#[derive(Clone, Copy)]
enum Tag {
    Null,
    Bool,
    Unsigned,
    Signed,
    Float,
    String,
    Array,
    Object,
}

/// Mixes two hashes so that their order matters.
fn mix(first: u128, second: u128) -> u128 {
    let mut both = [0; 32];
    both[..16].copy_from_slice(&first.to_le_bytes());
    both[16..].copy_from_slice(&second.to_le_bytes());
    xxh3_128(&both)
}

fn leaf(tag: Tag, bytes: &[u8]) -> u128 {
    xxh3_128(bytes).wrapping_add(tag as u128)
}

/// A signed link without its query, because signatures change from call to call; anything else as it is.
///
/// Text that merely begins with a link has spaces, and counts in full.
pub(crate) fn without_signature(text: &str) -> Cow<'_, str> {
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return Cow::Borrowed(text);
    }
    let (address, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
    match address.split_once('?') {
        // Without a way out of the loop, so that it runs many bytes at a time.
        Some(_) if text.bytes().fold(false, |found, byte| found | byte.is_ascii_whitespace()) => {
            Cow::Borrowed(text)
        }
        Some((_, query)) if !is_signed(query) => Cow::Borrowed(text),
        Some((path, _)) if fragment.is_empty() => Cow::Borrowed(path),
        Some((path, _)) => Cow::Owned([path, fragment].concat()),
        None => Cow::Borrowed(text),
    }
}

/// Whether a query holds a signature, an expiry or a one-time token, by the names of its parameters.
fn is_signed(query: &str) -> bool {
    let volatile = |name: &str| ["expire", "sign", "token", "nonce"].iter().any(|part| name.contains(part));
    query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .any(|name| volatile(&name.to_ascii_lowercase()))
}

/// Hashes one value as it is read. Its depth is bounded by `serde_json`.
#[derive(Clone, Copy)]
struct Node<'a> {
    volatile: &'a Volatile,
    /// Set when an integer that does not fit 64 bits counted.
    wide: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = u128;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u128, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<u128, E> {
        Ok(leaf(Tag::Null, &[]))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<u128, E> {
        Ok(leaf(Tag::Bool, &[value.into()]))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u128, E> {
        Ok(leaf(Tag::Unsigned, &value.to_le_bytes()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u128, E> {
        Ok(leaf(Tag::Signed, &value.to_le_bytes()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<u128, E> {
        // 2^63: from here on a number without a fraction may be an integer that was too wide for `visit_i64`.
        if value.abs() >= 9_223_372_036_854_775_808.0 {
            self.wide.set(true);
        }
        Ok(leaf(Tag::Float, &value.to_le_bytes()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u128, E> {
        Ok(leaf(Tag::String, without_signature(value).as_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<u128, A::Error> {
        let mut hash = Tag::Array as u128;
        while let Some(element) = elements.next_element_seed(self)? {
            hash = mix(hash, element);
        }
        Ok(hash)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u128, A::Error> {
        let mut sum = 0_u128;
        while let Some(key) = members.next_key_seed(Key(self.volatile))? {
            match key {
                Some(key) => sum = sum.wrapping_add(mix(key, members.next_value_seed(self)?)),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(mix(Tag::Object as u128, sum))
    }
}

/// Hashes a key; `None` for a volatile one.
struct Key<'a>(&'a Volatile);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<u128>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u128>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<u128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<u128>, E> {
        Ok(key_hash(self.0, key))
    }
}

/// The hash of a key; `None` for a volatile one.
fn key_hash(volatile: &Volatile, key: &str) -> Option<u128> {
    (!volatile.contains(key)).then(|| xxh3_128(key.as_bytes()))
}

#[cfg(test)]
mod tests;
