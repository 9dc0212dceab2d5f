//! The vendor's JSON, as far as it is read. Private to this adapter.
//!
//! Everything is optional, unknown keys are skipped, and a single value of the wrong type costs that value only:
//! see [`Lenient`]. Keys are declared once per spelling instead of as aliases, because answers may hold both.

mod listing;
mod live;
mod remapped;
mod user;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) use crate::mobile::{Post, PostId, Stats, User};
pub(super) use crate::values::lenient::{Count, Lenient, Part, Text};
pub(super) use listing::{Listing, MOST_ROWS};
pub(super) use live::{LiveData, LiveRow};
pub(super) use remapped::Remapped;
pub(super) use user::{PersonRow, Profile};

/// The outermost object of every answer.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Envelope<'a, T> {
    #[serde(default)]
    pub(super) data: Slot<T>,
    #[serde(default, rename = "nextCursor")]
    pub(super) next_cursor: Count,
    #[serde(default, borrow)]
    pub(super) detail: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) code: Count,
    #[serde(default)]
    pub(super) error_code: Count,
    #[serde(default)]
    pub(super) retry_after: Count,
}

/// A member whose absence, `null` and value mean three things.
#[derive(Debug, Default)]
pub(super) enum Slot<T> {
    #[default]
    Missing,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slot<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            Some(value) => Self::Value(value),
            None => Self::Null,
        })
    }
}

/// One entry of a validation error's `detail`.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Fault<'a> {
    #[serde(borrow)]
    pub(super) loc: Vec<Text<'a>>,
    pub(super) msg: Text<'a>,
}
