//! An answer as a whole: what its bytes are when they are not what was expected, and what single values of it are worth.

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind};
use collector_core::task::{Malformed, Payload};
use serde::Deserialize;
use serde_json::error::Category;

use super::lenient::{Lenient, Part, Text};

/// How much of a page of somebody in between is searched for what it is.
const PAGE_HEAD: usize = 64 << 10;

/// The first moment of the UTC day after `at`, when most vendors' days begin.
pub(crate) fn next_midnight(at: Timestamp) -> Timestamp {
    Timestamp::from_secs((i64::from(at.day()) + 1) * 86_400)
}

/// The body without the byte order mark some proxies put before it.
pub(crate) fn body(payload: &Payload) -> &[u8] {
    payload.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&payload.body)
}

/// Why a body could not be read: no JSON, half of it, or JSON of another shape. Never shows any of it.
///
/// `T` is what was expected; `without_body` tells what an answer that is no JSON means by its status.
pub(crate) fn unreadable<'a, T: Deserialize<'a>>(
    payload: &'a Payload,
    error: &serde_json::Error,
    without_body: impl Fn(&Payload, &'static str) -> Error,
) -> Error {
    let bytes = body(payload).trim_ascii_start();
    let json = matches!(bytes.first(), Some(b'{' | b'['));
    match error.classify() {
        _ if bytes.is_empty() => without_body(payload, "the answer is empty"),
        _ if is_captcha(bytes) => Error::new(ErrorKind::Blocked, "a captcha page came instead of an answer")
            .with("status", payload.status),
        _ if !json => without_body(payload, "the answer is no JSON"),
        Category::Eof | Category::Io => Error::new(ErrorKind::Unavailable, "the answer was cut short")
            .with("status", payload.status)
            .with("bytes", bytes.len())
            .maybe_charged(),
        Category::Syntax => Error::new(ErrorKind::Malformed, "the answer is broken JSON, or nested too deep")
            .with("line", error.line())
            .with("column", error.column()),
        Category::Data => misshapen(&path_of_fault::<T>(bytes), "the documented shape"),
    }
}

/// Where a document stops having the expected shape. Reads it again: only failures pay for knowing the path.
fn path_of_fault<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => String::new(),
        Err(error) => error.path().to_string(),
    }
}

pub(crate) fn misshapen(path: &str, expected: &str) -> Error {
    let path = if path.is_empty() { "the whole answer" } else { path };
    Error::new(ErrorKind::Malformed, format!("the answer has not the documented shape: expected {expected}"))
        .with("at", path)
}

fn is_captcha(bytes: &[u8]) -> bool {
    let head = bytes.get(..PAGE_HEAD).unwrap_or(bytes);
    let word = b"captcha";
    bytes.first() == Some(&b'<') && head.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Takes values out of one object, noting those that cannot be used.
pub(crate) struct Fields<'n> {
    pub(crate) place: &'n str,
    pub(crate) malformed: &'n mut Vec<Malformed>,
}

impl Fields<'_> {
    /// The value; one of an impossible type is noted and left out.
    pub(crate) fn take<'v, T>(&mut self, name: &str, value: &'v Lenient<T>) -> Option<&'v T> {
        match value {
            Lenient::Value(value) => Some(value),
            Lenient::Missing => None,
            Lenient::Odd(found) => self.refuse(name, &format!("cannot be used: found {found}")),
        }
    }

    /// The number or flag; one of an impossible type is noted and left out.
    pub(crate) fn copy<T: Copy>(&mut self, name: &str, value: &Lenient<T>) -> Option<T> {
        self.take(name, value).copied()
    }

    /// The text, if it says something.
    pub(crate) fn text<'v>(&mut self, name: &str, value: &'v Text<'_>) -> Option<&'v str> {
        self.take(name, value).map(|text| &**text).filter(|text| !text.trim().is_empty())
    }

    /// The object; anything else is noted and left out.
    pub(crate) fn part<'v, T>(&mut self, name: &str, part: &'v Part<T>) -> Option<&'v T> {
        match part {
            Part::Value(value) => Some(value),
            Part::Missing => None,
            Part::Odd(found) => self.refuse(name, &format!("expected an object, found {found}")),
        }
    }

    pub(crate) fn refuse<T>(&mut self, name: &str, reason: &str) -> Option<T> {
        self.malformed.push(Malformed { part: format!("{}.{name}", self.place), reason: reason.to_owned() });
        None
    }
}
