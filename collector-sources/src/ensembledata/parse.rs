//! Bytes to pages. Pure: the same stored answer reads the same next year.

mod bio;
mod list;
mod paging;
mod person;
mod post;
mod posts;
mod profile;
mod row;

use std::collections::BTreeMap;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::id::Digest;
use collector_core::task::{Absence, Cost, Malformed, Outcome, Page, Payload, Task};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

use super::cost::Settings;
use super::error::{self, Complaint};
use super::kind::Kind;
use super::wire::{Count, Envelope, Lenient, Part, Slot, Text};
use crate::http::Secret;

/// The header that says what a call cost.
const UNITS_CHARGED: &str = "units_charged";

/// Members that change from call to call and say nothing. Video links expire in their path, so that leaving out the
/// query is not enough for them.
const VOLATILE: [&str; 9] = [
    "unique_id_modify_time",
    "play_addr",
    "play_addr_h264",
    "play_addr_bytevc1",
    "download_addr",
    "download_suffix_logo_addr",
    "bit_rate",
    "misc_download_addrs",
    "cookie_download",
];

/// How much of a page of somebody in between is searched for what it is.
const PAGE_HEAD: usize = 64 << 10;

/// What reading depends on besides the answer.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) token: Secret,
    pub(super) keep_email: bool,
    pub(super) settings: Settings,
    volatile: Volatile,
}

impl Reader {
    pub(super) fn new(token: Secret, keep_email: bool, settings: Settings) -> Self {
        Self { token, keep_email, settings, volatile: Volatile::new(&VOLATILE) }
    }

    /// Reads the answer to `tasks`.
    ///
    /// # Errors
    /// When the whole answer is a failure; see the adapter's page.
    pub(super) fn read(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        match Kind::of(tasks)? {
            kind @ (Kind::Profile | Kind::ProfileBySecUid) => profile::read(self, kind, tasks, payload),
            Kind::Posts => posts::read(self, tasks, payload),
            kind => list::read(self, kind, tasks, payload),
        }
    }

    /// The units used on one day, over all platforms.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub(super) fn used_units(&self, payload: &Payload) -> Result<u64> {
        match self.open::<Part<BTreeMap<String, Count>>>(payload)? {
            Answer::Data { data: Part::Value(platforms), .. } => Ok(platforms
                .values()
                .filter_map(Lenient::value)
                .fold(0, |sum, units| sum.saturating_add(*units))),
            Answer::Data { .. } | Answer::Absent(_) => Err(misshapen("data", "an object of numbers")),
        }
    }

    /// What the call cost, as far as that is known before its answer is read: what the vendor says, and nothing for
    /// calls that it refused or failed to serve.
    pub(super) fn charged(&self, payload: &Payload) -> Option<Cost> {
        let free = matches!(payload.status, 422 | 429 | 491..=495 | 500..=519 | 521..);
        // Some answers carry data although their status is a failure.
        let failed = || free && self.open::<IgnoredAny>(payload).is_err();
        charged(payload).or_else(|| failed().then(|| Cost::units(0)))
    }

    /// A page that answers `tasks` with nothing in it yet.
    fn page(&self, tasks: &[Task], payload: &Payload, price: Option<Cost>) -> Result<Page<CreatorSighting>> {
        let mut page = Page::answering(tasks.len(), self.fingerprint(payload)?);
        page.cost = charged(payload).or(price);
        Ok(page)
    }

    fn absent(
        &self,
        tasks: &[Task],
        payload: &Payload,
        price: Option<Cost>,
        absence: Absence,
    ) -> Result<Page<CreatorSighting>> {
        let mut page = self.page(tasks, payload, price)?;
        page.outcomes.fill_with(|| Outcome::Absent(absence));
        Ok(page)
    }

    fn fingerprint(&self, payload: &Payload) -> Result<Digest> {
        fingerprint::json(body(payload), &self.volatile).ok_or_else(|| {
            Error::new(ErrorKind::Malformed, "the answer is nested deeper than 127 levels")
                .with("bytes", payload.body.len())
        })
    }

    /// The data of an answer, or that there is nothing to get.
    fn open<'a, T: Deserialize<'a>>(&self, payload: &'a Payload) -> Result<Answer<T>> {
        let envelope: Part<Envelope<'a, T>> =
            serde_json::from_slice(body(payload)).map_err(|error| unreadable::<T>(payload, &error))?;
        let envelope = match envelope {
            Part::Value(envelope) => envelope,
            Part::Missing | Part::Odd(_) => return Err(misshapen("", "an object")),
        };
        let complaint = Complaint {
            status: payload.status,
            code: envelope.code.value().or(envelope.error_code.value()).copied(),
            detail: envelope.detail,
            retry_after: envelope.retry_after.value().copied(),
        };
        match envelope.data {
            Slot::Value(data) => Ok(Answer::Data { data, next_cursor: envelope.next_cursor }),
            Slot::Null if is_answer(&complaint) => Ok(Answer::Absent(Absence::NotFound)),
            Slot::Null | Slot::Missing => {
                error::meaning(&complaint, payload, &self.token).map(Answer::Absent)
            }
        }
    }
}

/// What an answer says as a whole.
enum Answer<T> {
    /// There is data; the cursor is the one beside it.
    Data { data: T, next_cursor: Count },
    /// There is nothing to get.
    Absent(Absence),
}

/// Whether `"data":null` is the answer "nobody", and not an ornament of a failure.
fn is_answer(complaint: &Complaint<'_>) -> bool {
    matches!(complaint.status, 200..=299 | 463 | 473)
        && complaint.detail.is_none()
        && complaint.code.is_none()
}

/// What the vendor says the call cost.
fn charged(payload: &Payload) -> Option<Cost> {
    let header = || Some(Cost::units(payload.header(UNITS_CHARGED)?.trim().parse().ok()?));
    payload.cost.or_else(header)
}

/// The body without the byte order mark some proxies put before it.
fn body(payload: &Payload) -> &[u8] {
    payload.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&payload.body)
}

/// Why a body could not be read: no JSON, half of it, or JSON of another shape. Never shows any of it.
fn unreadable<'a, T: Deserialize<'a>>(payload: &'a Payload, error: &serde_json::Error) -> Error {
    let bytes = body(payload).trim_ascii_start();
    let json = matches!(bytes.first(), Some(b'{' | b'['));
    match error.classify() {
        _ if bytes.is_empty() => error::without_body(payload, "the answer is empty"),
        _ if is_captcha(bytes) => Error::new(ErrorKind::Blocked, "a captcha page came instead of an answer")
            .with("status", payload.status),
        _ if !json => error::without_body(payload, "the answer is no JSON"),
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
    match serde_path_to_error::deserialize::<_, Part<Envelope<'a, T>>>(&mut deserializer) {
        Ok(_) => String::new(),
        Err(error) => error.path().to_string(),
    }
}

fn misshapen(path: &str, expected: &str) -> Error {
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
struct Fields<'n> {
    place: &'n str,
    malformed: &'n mut Vec<Malformed>,
}

impl Fields<'_> {
    /// The value; one of an impossible type is noted and left out.
    fn take<'v, T>(&mut self, name: &str, value: &'v Lenient<T>) -> Option<&'v T> {
        match value {
            Lenient::Value(value) => Some(value),
            Lenient::Missing => None,
            Lenient::Odd(found) => self.refuse(name, &format!("cannot be used: found {found}")),
        }
    }

    /// The number or flag; one of an impossible type is noted and left out.
    fn copy<T: Copy>(&mut self, name: &str, value: &Lenient<T>) -> Option<T> {
        self.take(name, value).copied()
    }

    /// The text, if it says something.
    fn text<'v>(&mut self, name: &str, value: &'v Text<'_>) -> Option<&'v str> {
        self.take(name, value).map(|text| &**text).filter(|text| !text.trim().is_empty())
    }

    /// The object; anything else is noted and left out.
    fn part<'v, T>(&mut self, name: &str, part: &'v Part<T>) -> Option<&'v T> {
        match part {
            Part::Value(value) => Some(value),
            Part::Missing => None,
            Part::Odd(found) => self.refuse(name, &format!("expected an object, found {found}")),
        }
    }

    fn refuse<T>(&mut self, name: &str, reason: &str) -> Option<T> {
        self.malformed.push(Malformed { part: format!("{}.{name}", self.place), reason: reason.to_owned() });
        None
    }
}
