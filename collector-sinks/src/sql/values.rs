//! Values on their way into a statement and out of a row.

use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use sea_orm::{QueryResult, TryGetable, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::unreadable;

/// A row; columns are named by position.
pub(super) struct Row(QueryResult);

impl Row {
    pub(super) fn new(row: QueryResult) -> Self {
        Self(row)
    }

    fn get<T: TryGetable>(&self, at: usize) -> Result<T> {
        self.0.try_get_by_index(at).map_err(|error| unreadable("column", error))
    }

    /// A number that is never negative.
    pub(super) fn int(&self, at: usize) -> Result<u64> {
        let value: i64 = self.get(at)?;
        u64::try_from(value).map_err(|error| unreadable("number", error))
    }

    /// The same, or NULL.
    pub(super) fn int_or_null(&self, at: usize) -> Result<Option<u64>> {
        let value: Option<i64> = self.get(at)?;
        value.map(u64::try_from).transpose().map_err(|error| unreadable("number", error))
    }

    /// A small number.
    pub(super) fn small<T: TryFrom<i64, Error: std::fmt::Display>>(&self, at: usize) -> Result<T> {
        let value: i64 = self.get(at)?;
        T::try_from(value).map_err(|error| unreadable("number", error))
    }

    pub(super) fn time(&self, at: usize) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.get(at)?))
    }

    pub(super) fn time_or_null(&self, at: usize) -> Result<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(at)?.map(Timestamp::from_millis))
    }

    pub(super) fn text(&self, at: usize) -> Result<String> {
        self.get(at)
    }

    pub(super) fn text_or_null(&self, at: usize) -> Result<Option<String>> {
        self.get(at)
    }

    /// Any number, or NULL.
    pub(super) fn signed_or_null(&self, at: usize) -> Result<Option<i64>> {
        self.get(at)
    }

    pub(super) fn bytes_or_null(&self, at: usize) -> Result<Option<Vec<u8>>> {
        self.get(at)
    }

    pub(super) fn bytes(&self, at: usize) -> Result<Vec<u8>> {
        self.get(at)
    }

    /// A hash of 16 bytes.
    pub(super) fn hash(&self, at: usize) -> Result<[u8; 16]> {
        let bytes: Vec<u8> = self.get(at)?;
        <[u8; 16]>::try_from(bytes.as_slice()).map_err(|error| unreadable("hash", error))
    }

    /// What was written as JSON; nothing for NULL.
    pub(super) fn json_or_none<T: DeserializeOwned + Default>(&self, at: usize) -> Result<T> {
        from_json_or_none(self.text_or_null(at)?.as_deref())
    }

    /// What was written as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, at: usize) -> Result<T> {
        from_json(&self.text(at)?)
    }
}

/// A tuple that a query for many rows gives, one by one or all in one value.
pub(super) trait Unpack: DeserializeOwned {
    /// The tuple of this row.
    fn unpack(row: &Row) -> Result<Self>;
}

/// A column of such a tuple.
pub(super) trait Cell: Sized {
    fn cell(row: &Row, at: usize) -> Result<Self>;
}

impl Cell for u64 {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        row.int(at)
    }
}

impl Cell for usize {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        row.small(at)
    }
}

impl Cell for Option<u64> {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        row.int_or_null(at)
    }
}

impl Cell for i64 {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        row.small(at)
    }
}

impl Cell for String {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        row.text(at)
    }
}

impl Cell for Option<String> {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        row.text_or_null(at)
    }
}

impl Cell for Packed {
    fn cell(row: &Row, at: usize) -> Result<Self> {
        Self::of(&row.text(at)?).ok_or_else(|| unreadable("hash", "not 16 bytes in hexadecimal digits"))
    }
}

macro_rules! unpack {
    ($($cell:ident $at:literal),*) => {
        impl<$($cell: Cell + DeserializeOwned),*> Unpack for ($($cell,)*) {
            fn unpack(row: &Row) -> Result<Self> {
                Ok(($($cell::cell(row, $at)?,)*))
            }
        }
    };
}

unpack!(A 0, B 1);
unpack!(A 0, B 1, C 2);
unpack!(A 0, B 1, C 2, D 3);
unpack!(A 0, B 1, C 2, D 3, E 4);
unpack!(A 0, B 1, C 2, D 3, E 4, F 5);

/// A hash as a database packs it: hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(pub(super) [u8; 16]);

impl Packed {
    fn of(text: &str) -> Option<Self> {
        let digits = |byte: &[u8]| u8::from_str_radix(std::str::from_utf8(byte).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(digits).collect();
        bytes?.try_into().ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Self::of(text).ok_or_else(|| serde::de::Error::custom("not a hash of 16 bytes"))
    }
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable("JSON", error))
}

pub(super) fn from_json_or_none<T: DeserializeOwned + Default>(text: Option<&str>) -> Result<T> {
    text.map_or_else(|| Ok(T::default()), from_json)
}

/// A number; what a database cannot hold becomes the largest it can.
pub(super) fn int(value: u64) -> Value {
    Value::BigInt(Some(i64::try_from(value).unwrap_or(i64::MAX)))
}

pub(super) fn int_or_null(value: Option<u64>) -> Value {
    value.map_or(Value::BigInt(None), int)
}

pub(super) fn signed(value: i64) -> Value {
    Value::BigInt(Some(value))
}

pub(super) fn time(at: Timestamp) -> Value {
    Value::BigInt(Some(at.as_millis()))
}

pub(super) fn time_or_null(at: Option<Timestamp>) -> Value {
    Value::BigInt(at.map(Timestamp::as_millis))
}

pub(super) fn millis(time: Duration) -> Value {
    int(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn text(value: impl Into<String>) -> Value {
    Value::String(Some(value.into()))
}

pub(super) fn text_or_null(value: Option<String>) -> Value {
    Value::String(value)
}

pub(super) fn hash(value: [u8; 16]) -> Value {
    Value::Bytes(Some(value.to_vec()))
}

pub(super) fn bytes(value: Vec<u8>) -> Value {
    Value::Bytes(Some(value))
}

/// About how many bytes a value is on its way to a server.
pub(super) fn bytes_of(value: &Value) -> usize {
    // A number, or a length before the bytes.
    9 + match value {
        Value::String(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        _ => 0,
    }
}

/// A value as JSON.
pub(super) fn json(value: &(impl Serialize + ?Sized)) -> Result<Value> {
    to_json(value).map(text)
}

/// The same as text.
pub(super) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Storage, "a value cannot be written as JSON").caused_by(error))
}

pub(super) fn ints(values: impl IntoIterator<Item = u64>) -> Vec<Value> {
    values.into_iter().map(int).collect()
}
