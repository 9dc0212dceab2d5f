//! Single values, as what they are wanted.

use std::borrow::Cow;

use serde_json::Value;

use super::super::walk::{Scalar, Seen};

/// A value of a tree, as the walk would have seen it.
pub(super) fn scalar(value: &Value) -> Seen<'_> {
    match value {
        Value::Null => Seen::Null,
        Value::Bool(flag) => Seen::Scalar(Scalar::Flag(*flag)),
        Value::String(text) => Seen::Scalar(Scalar::Text(Cow::Borrowed(text))),
        Value::Number(number) => Seen::Scalar(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Scalar::Unsigned(number),
            (None, Some(number)) => Scalar::Signed(number),
            (None, None) => Scalar::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::Array(_) => Seen::Odd("a list"),
        Value::Object(_) => Seen::Odd("an object"),
    }
}

impl Scalar<'_> {
    /// The text of it; of a fraction none.
    pub(in super::super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Unsigned(number) => Some(number.to_string().into()),
            Self::Signed(number) => Some(number.to_string().into()),
            Self::Flag(flag) => Some(flag.to_string().into()),
            Self::Float(number) if number.fract() == 0.0 => Some(number.to_string().into()),
            Self::Float(_) => None,
        }
    }

    /// The number, also written as text.
    pub(in super::super) fn number(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            // Up to 2^53 every whole number is exact.
            Self::Float(number)
                if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number) =>
            {
                Some(*number as u64)
            }
            _ => None,
        }
    }

    /// Whether it says yes: neither `false` nor 0 nor an empty text.
    pub(in super::super) fn is_set(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Unsigned(number) => *number != 0,
            Self::Signed(_) => true,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !matches!(&**text, "" | "0" | "false" | "False" | "no"),
        }
    }

    pub(in super::super) fn to_json(&self) -> Value {
        match self {
            Self::Flag(flag) => Value::from(*flag),
            Self::Unsigned(number) => Value::from(*number),
            Self::Signed(number) => Value::from(*number),
            Self::Float(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_ref()),
        }
    }

    fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Flag(flag) => Scalar::Flag(flag),
            Self::Unsigned(number) => Scalar::Unsigned(number),
            Self::Signed(number) => Scalar::Signed(number),
            Self::Float(number) => Scalar::Float(number),
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
        }
    }
}

impl Seen<'_> {
    /// The single value.
    pub(in super::super) fn scalar(&self) -> Option<&Scalar<'_>> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(super) fn into_owned(self) -> Seen<'static> {
        match self {
            Self::Nothing => Seen::Nothing,
            Self::Null => Seen::Null,
            Self::Scalar(scalar) => Seen::Scalar(scalar.into_owned()),
            Self::List(list) => Seen::List(list.into_iter().map(Scalar::into_owned).collect()),
            Self::Json(value) => Seen::Json(value),
            Self::Odd(what) => Seen::Odd(what),
        }
    }
}
