//! A source of numbers, sound or wrong in one thing.

use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::super::super::server::client::{Got, get};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, Ids, Name};
use crate::source::{CallSpec, Role, Source};
use crate::task::{Absence, Malformed, Outcome, Page, Payload, Query, Task};

pub(super) const FIRST_TOKEN: &str = "token-of-the-morning";
pub(super) const SECOND_TOKEN: &str = "token-of-the-evening";
pub(super) const CAP: usize = 2 << 20;

/// What a toy is wrong in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Sound,
    NoSeconds,
    NoDates,
    NoReset,
    HintlessIsUnavailable,
    FollowsRepeated,
    BelievesTotal,
    RefusesDuplicates,
    WantsOrder,
    TakesHalfJson,
    HtmlIsNobody,
    UnpacksAll,
    LateIsUnavailable,
    TakesReset,
    KeepsToken,
    EndedIsAbsent,
    NullLosesPage,
    RenamedIsNobody,
    TypeLosesPage,
    SlicesText,
    SmallCap,
    StaysBusy,
    StopIsTimeout,
}

use Flaw::*;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToyItem {
    pub(super) id: u64,
}

pub(super) struct Toy {
    flaw: Flaw,
    url: String,
    token: Mutex<Option<String>>,
    busy: AtomicBool,
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

impl Toy {
    pub(super) fn new(flaw: Flaw, url: &str) -> Self {
        Self { flaw, url: url.into(), token: Mutex::new(None), busy: AtomicBool::new(false) }
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        *self.token.lock().unwrap() = Some(token.into());
        self
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    async fn token(&self) -> Result<String> {
        let kept = self.token.lock().unwrap().clone();
        if let Some(token) = kept {
            return Ok(token);
        }
        let got = get(&self.url, "/token", "").await;
        let got = got.map_err(|_| Error::new(ErrorKind::Unavailable, "no token"))?;
        let answer: Value = serde_json::from_slice(&got.body).map_err(|_| malformed("no token"))?;
        let token = answer["token"].as_str().unwrap_or_default().to_owned();
        *self.token.lock().unwrap() = Some(token.clone());
        Ok(token)
    }

    async fn exchange(&self, task: &Task) -> Result<Got> {
        let headers = format!("authorization: Bearer {}\r\n", self.token().await?);
        let cursor = task.get("cursor").map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let target = format!("/search?q={}{cursor}", task.subject());
        let cut = || Error::new(ErrorKind::Unavailable, "the answer was cut short").maybe_charged();
        let got = match get(&self.url, &target, &headers).await {
            Err(error) if self.has(TakesReset) && error.kind() == std::io::ErrorKind::ConnectionReset => {
                Got { status: 200, headers: Vec::new(), body: "{}".into(), promised: 2 }
            }
            got => got.map_err(|_| cut())?,
        };
        if got.body.len() < got.promised {
            return Err(cut());
        }
        self.unpacked(got)
    }

    fn unpacked(&self, mut got: Got) -> Result<Got> {
        let packed = got.headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip");
        let cap = match self.flaw {
            UnpacksAll => u64::MAX,
            SmallCap => 512 << 10,
            _ => CAP as u64,
        };
        if packed {
            let mut body = Vec::new();
            let unpacked = flate2::read::GzDecoder::new(&got.body[..]);
            unpacked.take(cap.saturating_add(1)).read_to_end(&mut body).map_err(|_| malformed("no gzip"))?;
            got.body = body.into();
        }
        if got.body.len() as u64 > cap {
            return Err(malformed("the body is larger than the cap").maybe_charged());
        }
        Ok(got)
    }

    fn refusal(&self, payload: &Payload) -> Option<Error> {
        let error = |kind| Some(Error::new(kind, format!("status {}", payload.status)));
        match payload.status {
            401 if self.fixed() => error(ErrorKind::Unauthorized),
            // It is got anew by the next call.
            401 => error(ErrorKind::Unavailable),
            429 => Some(self.waiting(payload)),
            200 => None,
            _ => error(ErrorKind::Unavailable),
        }
    }

    fn fixed(&self) -> bool {
        self.token.lock().unwrap().as_deref() == Some("configured")
    }

    fn waiting(&self, payload: &Payload) -> Error {
        let after = payload.header("retry-after");
        let seconds = after.filter(|_| !self.has(NoSeconds)).and_then(|text| text.parse().ok());
        let date = || {
            let until = jiff::fmt::rfc2822::parse(after.filter(|_| !self.has(NoDates))?).ok()?;
            let sent = jiff::fmt::rfc2822::parse(payload.header("date")?).ok()?;
            u64::try_from(until.timestamp().as_second() - sent.timestamp().as_second()).ok()
        };
        let reset = || payload.header("x-ratelimit-reset").filter(|_| !self.has(NoReset))?.parse().ok();
        let hinted = after.is_some() || payload.header("x-ratelimit-reset").is_some();
        let kind = match self.flaw {
            HintlessIsUnavailable if !hinted => ErrorKind::Unavailable,
            _ => ErrorKind::RateLimited,
        };
        let error = Error::new(kind, "slow down");
        match seconds.or_else(date).or_else(reset) {
            Some(wait) => error.retry_after(Duration::from_secs(wait)),
            None => error,
        }
    }

    /// The document, and whether it is no answer but taken for one.
    fn read(&self, body: &[u8]) -> Result<Option<Value>> {
        let text = String::from_utf8_lossy(body);
        if self.has(SlicesText) {
            // In the middle of a character, this panics.
            assert!(body.first() != Some(&b'{') || text.len() == body.len() || text.len() < 4);
        }
        match serde_json::from_slice(body) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_eof() && self.has(TakesHalfJson) => Ok(None),
            Err(_) if text.starts_with('<') && self.has(HtmlIsNobody) => Ok(None),
            Err(_) => Err(malformed("no JSON")),
        }
    }

    fn row(&self, index: usize, row: &Value, page: &mut Page<ToyItem>) -> Result<()> {
        let fields = ["id", "name", "tags"];
        let null = row.is_null() || fields.iter().any(|field| row.get(field).is_some_and(Value::is_null));
        if null && self.has(NullLosesPage) {
            return Err(malformed("a null"));
        }
        let odd = match row.get("id") {
            Some(Value::Null) | None => false,
            Some(id) => !id.is_u64(),
        };
        if odd && self.has(TypeLosesPage) {
            return Err(malformed("an id that is no number"));
        }
        match row["id"].as_u64() {
            Some(id) => page.items.push(ToyItem { id }),
            None => {
                let part = format!("rows[{index}]");
                page.malformed.push(Malformed { part, reason: "no id".into() });
            }
        }
        Ok(())
    }

    fn rows(&self, value: &Value, task: &Task, page: &mut Page<ToyItem>) -> Result<()> {
        let rows = match value.get("rows") {
            Some(Value::Array(rows)) => rows.as_slice(),
            Some(Value::Null) => &[],
            None if self.has(RenamedIsNobody) && value.get("rows_renamed").is_some() => {
                page.outcomes.fill_with(|| Outcome::Absent(Absence::NotFound));
                &[]
            }
            _ => return Err(malformed("no rows")),
        };
        for (index, row) in rows.iter().enumerate() {
            self.row(index, row, page)?;
        }
        let ids: Vec<_> = page.items.iter().map(|item| item.id).collect();
        if self.has(RefusesDuplicates) && (1..ids.len()).any(|at| ids[..at].contains(&ids[at])) {
            return Err(malformed("an id that comes twice"));
        }
        // Values of other types may be larger than their neighbours: only what the recording has is in order.
        let known = ids.iter().all(|id| *id < 100) && page.malformed.is_empty();
        let repeats = (1..ids.len()).any(|at| ids[..at].contains(&ids[at]));
        if self.has(WantsOrder) && known && !repeats && !ids.is_sorted() {
            return Err(malformed("ids that fall"));
        }
        if self.has(BelievesTotal) && value["total"] == 1 && task.get("cursor").is_some() {
            page.items.truncate(1);
        }
        Ok(())
    }

    fn next(&self, value: &Value, task: &Task) -> Result<Option<Task>> {
        let next = match value.get("next") {
            None | Some(Value::Null) => return Ok(None),
            Some(next) => next.as_str().ok_or_else(|| malformed("the cursor is no text"))?,
        };
        if task.get("cursor") == Some(next) && !self.has(FollowsRepeated) {
            return Err(malformed("the cursor leads back to its own page"));
        }
        Ok(Some(Task::new("toy", "search", task.subject()).per_run().param("cursor", next)))
    }
}

#[async_trait]
impl Source for Toy {
    type Item = ToyItem;

    fn name(&self) -> &str {
        "toy"
    }

    fn kinds(&self) -> Vec<Name> {
        vec!["search".into()]
    }

    fn call(&self, _kind: &str) -> CallSpec {
        CallSpec::new(Role::Discovery)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        let task = |word: &String| Task::new("toy", "search", word.as_str()).per_run();
        Ok(query.keywords.iter().map(task).collect())
    }

    fn lookup(&self, _ids: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        if self.has(StaysBusy) && self.busy.swap(true, Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, "busy"));
        }
        let said = cx.guard(self.exchange(&tasks[0])).await;
        self.busy.store(false, Ordering::Relaxed);
        let got = said.map_err(|error| match (self.flaw, error.kind()) {
            (LateIsUnavailable, ErrorKind::Timeout) => {
                Error::new(ErrorKind::Unavailable, "late").maybe_charged()
            }
            (StopIsTimeout, ErrorKind::Cancelled) => Error::new(ErrorKind::Timeout, "stopped"),
            _ => error,
        })?;
        if got.status == 401 && !self.fixed() && !self.has(KeepsToken) {
            *self.token.lock().unwrap() = None;
        }
        let mut payload = Payload::new(got.body, cx.now());
        payload.status = got.status;
        payload.headers = got.headers;
        Ok(payload)
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<ToyItem>> {
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        if payload.status == 401 && self.has(EndedIsAbsent) {
            page.outcomes.fill_with(|| Outcome::Absent(Absence::Restricted));
            return Ok(page);
        }
        if let Some(refusal) = self.refusal(payload) {
            return Err(refusal);
        }
        let Some(value) = self.read(&payload.body)? else { return Ok(page) };
        self.rows(&value, &tasks[0], &mut page)?;
        let next = self.next(&value, &tasks[0])?;
        page.follow_ups.extend(next);
        Ok(page)
    }
}
