//! Bytes to pages. Pure: the same stored answer reads the same next year.

mod details;
mod figures;
mod list;
mod live;
mod person;
mod pictures;
mod trend;
mod videos;

use std::borrow::Cow;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::task::{Cost, Outcome, Page, Payload, Task};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::error::{self, Said};
use super::kind::{Kind, Settings, Side};
use super::wire::Envelope;
use crate::http::Secret;
use crate::values::answer::{body, misshapen, unreadable};
use crate::values::lenient::{Lenient, Part};

/// Members that change from call to call and say nothing. Video links expire in their path, so that leaving out the
/// query is not enough for them.
const VOLATILE: [&str; 14] = [
    "requestId",
    "log_pb",
    "extra",
    "rid",
    "unique_id_modify_time",
    "play_addr",
    "play_addr_h264",
    "play_addr_bytevc1",
    "download_addr",
    "download_suffix_logo_addr",
    "bit_rate",
    "misc_download_addrs",
    "cookie_download",
    "global_doodle_config",
];

/// The database is computed once a day: what it says was true a day ago at best.
const LAG: Duration = Duration::from_secs(86_400);

/// What reading depends on besides the answer.
#[derive(Debug)]
pub(super) struct Reader {
    secrets: Vec<Secret>,
    keep_email: bool,
    settings: Settings,
    volatile: Volatile,
}

/// The data of an answer, or that the vendor refused.
enum Answer<'a> {
    Data(&'a RawValue),
    /// The platform's side refused with a code nobody has documented: it is worth a second attempt, not a third.
    Refused(Error),
}

impl Reader {
    pub(super) fn new(secrets: Vec<Secret>, keep_email: bool, settings: Settings) -> Self {
        Self { secrets, keep_email, settings, volatile: Volatile::new(&VOLATILE) }
    }

    /// Reads the answer to `tasks`.
    ///
    /// # Errors
    /// When the whole answer is a failure; see the adapter's page.
    pub(super) fn read(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        let kind = Kind::of(tasks)?;
        let bytes = without_controls(body(payload));
        let answer = self.open(kind.side(), payload, &bytes)?;
        let digest = fingerprint::json(&bytes, &self.volatile).ok_or_else(|| {
            Error::new(ErrorKind::Malformed, "the answer is nested deeper than 127 levels")
                .with("bytes", bytes.len())
        })?;
        let mut page = Page::answering(tasks.len(), digest);
        page.cost = payload.cost.or_else(|| Some(self.settings.price(kind, tasks.len())));
        let data = match answer {
            Answer::Data(data) => data,
            Answer::Refused(error) => {
                page.cost = Some(Cost::units(0));
                page.outcomes = live::refused(tasks, error);
                return Ok(page);
            }
        };
        match kind {
            Kind::Details | Kind::DetailsByHandle => {
                details::read(self, kind, tasks, payload, data, &mut page)?
            }
            Kind::List | Kind::Ranking | Kind::Search => {
                list::read(self, kind, tasks, payload, data, &mut page)?;
            }
            Kind::Videos => videos::read(self, tasks, payload, data, &mut page)?,
            Kind::Trend => trend::read(tasks, data, &mut page)?,
            Kind::Pictures => pictures::read(tasks, data, &mut page)?,
            Kind::LiveProfile => live::profile(self, tasks, data, &mut page)?,
            Kind::LiveVideos => live::videos(self, tasks, data, &mut page)?,
        }
        Ok(page)
    }

    /// Whether an answer to [`check`](super::request::Requests::check) shows that the credentials are accepted.
    ///
    /// # Errors
    /// What the answer says instead.
    pub(super) fn accepted(&self, payload: &Payload) -> Result<()> {
        let bytes = without_controls(body(payload));
        match self.open(Side::Database, payload, &bytes) {
            Ok(_) => Ok(()),
            // The vendor has looked at the picture's name: it let us in.
            Err(error) if error.kind() == ErrorKind::Rejected && (200..300).contains(&payload.status) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// What the call cost, as far as that is known before its answer is read: only successes are charged. `None` when
    /// nobody can tell.
    pub(super) fn charged(&self, tasks: &[Task], payload: &Payload) -> Option<Cost> {
        let kind = Kind::of(tasks).ok()?;
        if !(200..300).contains(&payload.status) {
            return Some(Cost::units(0));
        }
        let bytes = without_controls(body(payload));
        let envelope: Part<Envelope<'_>> = serde_json::from_slice(&bytes).ok()?;
        let Part::Value(envelope) = envelope else { return None };
        let code = code(&envelope)?;
        let good = Said { status: payload.status, code: Some(code), message: "" }.is_good();
        Some(if good { self.settings.price(kind, tasks.len()) } else { Cost::units(0) })
    }

    /// The data of an answer.
    fn open<'a>(&self, side: Side, payload: &Payload, bytes: &'a [u8]) -> Result<Answer<'a>> {
        let envelope: Part<Envelope<'a>> =
            serde_json::from_slice(bytes).map_err(|error| broken(payload, bytes, side, &error))?;
        let Part::Value(envelope) = envelope else { return Err(misshapen("", "an object")) };
        let message = envelope.message.value().or(envelope.msg.value()).map_or("", |text| text);
        let said = Said { status: payload.status, code: code(&envelope), message };
        if !said.is_good() {
            let error = error::failure(&said, side, payload, &self.secrets);
            let refused = error.kind() == ErrorKind::Rejected && (200..300).contains(&payload.status);
            return if refused && side == Side::RealTime { Ok(Answer::Refused(error)) } else { Err(error) };
        }
        envelope.data.map(Answer::Data).ok_or_else(|| misshapen("data", "a member, be it `null`"))
    }
}

/// The vendor's code; it comes as a number or as text.
fn code(envelope: &Envelope<'_>) -> Option<i64> {
    envelope.code.value().and_then(|code| code.trim().parse().ok())
}

/// A body in which every control character is a blank. The vendor writes them raw into texts, where JSON has none;
/// between values they are blanks anyway.
fn without_controls(body: &[u8]) -> Cow<'_, [u8]> {
    if body.iter().all(|byte| *byte >= b' ') {
        return Cow::Borrowed(body);
    }
    Cow::Owned(body.iter().map(|byte| if *byte < b' ' { b' ' } else { *byte }).collect())
}

/// Why a body could not be read. JSON that breaks off or breaks is the line's fault, and comes right another time.
fn broken(payload: &Payload, bytes: &[u8], side: Side, error: &serde_json::Error) -> Error {
    let json = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io if json => {
            let said = Said { status: payload.status, code: None, message: "" };
            match said.meaning(side).0 {
                kind @ (ErrorKind::Unauthorized | ErrorKind::RateLimited) => {
                    Error::new(kind, "the answer is broken JSON")
                }
                _ => Error::new(ErrorKind::Unavailable, "the answer is broken JSON").maybe_charged(),
            }
            .with("status", payload.status)
            .with("bytes", bytes.len())
        }
        _ => unreadable::<Part<Envelope<'_>>>(payload, error, |payload, what| {
            error::without_body(payload, what, side)
        }),
    }
}

/// When what the database says was true, if it was asked at `at`.
fn as_of(at: Timestamp) -> Timestamp {
    at - LAG
}

/// The text of a member, if it says something.
fn said<'v>(value: &'v Lenient<Cow<'_, str>>) -> Option<&'v str> {
    value.value().map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// Makes each task's outcome the same.
fn all(page: &mut Page<CreatorSighting>, outcome: impl Fn() -> Outcome) {
    page.outcomes.fill_with(outcome);
}
