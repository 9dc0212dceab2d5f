//! Bytes to pages. Pure: the same stored answer reads the same next year.

mod list;
mod paging;
mod post;
mod posts;
mod profile;
mod row;

use std::collections::BTreeMap;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::id::Digest;
use collector_core::task::{Absence, Cost, Outcome, Page, Payload, Task};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::cost::Settings;
use super::error::{self, Complaint};
use super::kind::Kind;
use super::wire::{Count, Envelope, Lenient, Part, Slot};
use crate::http::Secret;
use crate::values::answer::{Fields, body, misshapen, unreadable};

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
        let print = fingerprint::json(body(payload), &self.volatile);
        Self::page_of(tasks, payload, price, print)
    }

    /// The same with a fingerprint that was taken while the answer was read.
    fn page_of(
        tasks: &[Task],
        payload: &Payload,
        price: Option<Cost>,
        print: Option<Digest>,
    ) -> Result<Page<CreatorSighting>> {
        let print = print.ok_or_else(|| {
            Error::new(ErrorKind::Malformed, "the answer is nested deeper than 127 levels")
                .with("bytes", payload.body.len())
        })?;
        let mut page = Page::answering(tasks.len(), print);
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

    /// The data of an answer, or that there is nothing to get.
    fn open<'a, T: Deserialize<'a>>(&self, payload: &'a Payload) -> Result<Answer<T>> {
        let envelope = serde_json::from_slice(body(payload)).map_err(|error| broken::<T>(payload, &error))?;
        self.understand(payload, envelope)
    }

    /// The same, with the fingerprint of the whole answer.
    fn open_and_compare<'a, T: Deserialize<'a>>(
        &self,
        payload: &'a Payload,
    ) -> Result<(Answer<T>, Option<Digest>)> {
        let (envelope, print) =
            fingerprint::read(body(payload), &self.volatile).map_err(|error| broken::<T>(payload, &error))?;
        Ok((self.understand(payload, envelope)?, print))
    }

    fn understand<'a, T>(&self, payload: &'a Payload, envelope: Part<Envelope<'a, T>>) -> Result<Answer<T>> {
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

/// Why the outermost object could not be read.
fn broken<'a, T: Deserialize<'a>>(payload: &'a Payload, error: &serde_json::Error) -> Error {
    unreadable::<Part<Envelope<'a, T>>>(payload, error, error::without_body)
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
