//! The suite itself: a right source passes every case, and every case fails for a source that breaks its promise.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::server::ScriptServer;
use super::super::server::client::{Got, get};
use super::*;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::id::{Digest, Ids, Name};
use crate::source::{CallSpec, Role};
use crate::task::{Malformed, Outcome, Page, Payload, Task};

const SECRET: &str = "canary-7f3a9";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Sound,
    RandomSeeds,
    ImpureParse,
    SeedsNothingAsSomething,
    SeedsTwice,
    WrongName,
    TakesImpossible,
    RawCursor,
    IgnoresCursor,
    LosesLastPage,
    RepeatsItems,
    StopsAtEmpty,
    FollowsRepeated,
    NoOutcome,
    OneOutcome,
    BadItemLosesPage,
    BadItemUnseen,
    Retries,
    StatusIsError,
    DropsHeaders,
    Reformats,
    TakesCut,
    CutUncharged,
    TimeoutIsUnavailable,
    QuotaIsDone,
    UnknownIsRejected,
    LosesWait,
    StopIsTimeout,
    KeepsCookies,
    SecretInError,
    SecretInTask,
    PanicsOnTypes,
    PanicsOnBytes,
}

use Flaw::*;

/// Which cases must catch which flaw.
const CAUGHT: &[(Flaw, &[Case])] = &[
    (RandomSeeds, &[Case::Pure]),
    (ImpureParse, &[Case::Pure]),
    (SeedsNothingAsSomething, &[Case::Seeds]),
    (SeedsTwice, &[Case::Seeds]),
    (WrongName, &[Case::Seeds]),
    (TakesImpossible, &[Case::Seeds]),
    (RawCursor, &[Case::Pages]),
    (IgnoresCursor, &[Case::Pages]),
    (LosesLastPage, &[Case::Pages]),
    (RepeatsItems, &[Case::Pages]),
    (StopsAtEmpty, &[Case::EmptyPage]),
    (FollowsRepeated, &[Case::RepeatedCursor]),
    (NoOutcome, &[Case::Outcomes, Case::Hostile]),
    (OneOutcome, &[Case::Outcomes]),
    (BadItemLosesPage, &[Case::BadItem]),
    (BadItemUnseen, &[Case::BadItem]),
    (Retries, &[Case::OneExchange]),
    (StatusIsError, &[Case::OneExchange]),
    (DropsHeaders, &[Case::OneExchange]),
    (Reformats, &[Case::OneExchange]),
    (TakesCut, &[Case::CutBody]),
    (CutUncharged, &[Case::CutBody]),
    (TimeoutIsUnavailable, &[Case::Timeout]),
    (QuotaIsDone, &[Case::Kinds]),
    (UnknownIsRejected, &[Case::Kinds]),
    (LosesWait, &[Case::Kinds]),
    (StopIsTimeout, &[Case::Stops]),
    (KeepsCookies, &[Case::Secrets]),
    (SecretInError, &[Case::Secrets]),
    (SecretInTask, &[Case::Secrets]),
    (PanicsOnTypes, &[Case::Hostile]),
    (PanicsOnBytes, &[Case::Hostile]),
];

/// A vendor of numbers: `{"items": [{"id": 1}], "next": "…"}`, or `{"error": "quota"}`.
struct Numbers {
    flaw: Flaw,
    url: String,
    counter: AtomicUsize,
}

impl Numbers {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn root(&self, subject: &str) -> Task {
        let name = if self.has(WrongName) { "other" } else { "numbers" };
        let task = Task::new(name, "search", subject).per_run();
        match self.flaw {
            RandomSeeds => task.param("salt", rand::random::<u64>().to_string()),
            SecretInTask => task.param("token", SECRET),
            _ => task,
        }
    }

    fn target(&self, task: &Task) -> String {
        let mut target = format!("/search?q={}", task.subject());
        match task.get("cursor") {
            Some(cursor) if self.has(RawCursor) => {
                write!(target, "&cursor={}", cursor.replace([' ', '"'], "+")).unwrap();
            }
            Some(cursor) if !self.has(IgnoresCursor) => {
                target.push_str("&cursor=");
                cursor.bytes().for_each(|byte| write!(target, "%{byte:02X}").unwrap());
            }
            _ => {}
        }
        target
    }

    async fn exchange(&self, task: &Task) -> Result<Got> {
        let headers = format!("authorization: Bearer {SECRET}\r\n");
        let got = get(&self.url, &self.target(task), &headers).await;
        let cut = || {
            let error = Error::new(ErrorKind::Unavailable, "the answer was cut short");
            if self.has(CutUncharged) { error } else { error.maybe_charged() }
        };
        let got = got.map_err(|_| cut())?;
        if got.body.len() < got.promised && !self.has(TakesCut) {
            return Err(cut());
        }
        Ok(got)
    }

    fn payload(&self, cx: &Context, got: Got) -> Result<Payload> {
        if self.has(StatusIsError) && got.status != 200 {
            return Err(Error::new(ErrorKind::Unavailable, "bad status"));
        }
        let body = if self.has(Reformats) { got.body.to_ascii_uppercase().into() } else { got.body };
        let mut payload = Payload::new(body, cx.now());
        payload.status = got.status;
        let kept = |name: &str| match self.flaw {
            KeepsCookies => true,
            DropsHeaders => false,
            _ => name == "retry-after",
        };
        payload.headers = got.headers.into_iter().filter(|(name, _)| kept(name)).collect();
        Ok(payload)
    }

    fn refusal(&self, payload: &Payload) -> Option<Error> {
        let kind = match payload.status {
            200 => return None,
            401 => ErrorKind::Unauthorized,
            404 if self.has(UnknownIsRejected) => ErrorKind::Rejected,
            404 => ErrorKind::NotFound,
            429 => ErrorKind::RateLimited,
            _ => ErrorKind::Unavailable,
        };
        let message = match self.flaw {
            SecretInError => String::from_utf8_lossy(&payload.body).into_owned(),
            _ => format!("status {}", payload.status),
        };
        let error = Error::new(kind, message);
        let wait = payload.header("retry-after").and_then(|wait| wait.parse().ok());
        Some(match wait {
            Some(wait) if !self.has(LosesWait) => error.retry_after(std::time::Duration::from_secs(wait)),
            _ => error,
        })
    }

    fn read(&self, body: &[u8]) -> Result<Value> {
        if self.has(PanicsOnBytes) {
            std::str::from_utf8(body).unwrap();
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Error::new(ErrorKind::Malformed, "no JSON").caused_by(error))?;
        if value["error"] == "quota" && !self.has(QuotaIsDone) {
            return Err(Error::new(ErrorKind::QuotaExhausted, "the day's quota is used up"));
        }
        Ok(value)
    }

    fn read_items(&self, value: &Value, page: &mut Page<u64>) -> Result<()> {
        let empty = Vec::new();
        for (index, item) in value["items"].as_array().unwrap_or(&empty).iter().enumerate() {
            match item["id"].as_u64() {
                Some(id) => page.items.push(id),
                None if self.has(PanicsOnTypes) => panic!("an id that is no number"),
                None if self.has(BadItemLosesPage) => {
                    return Err(Error::new(ErrorKind::Malformed, "a bad item"));
                }
                None if self.has(BadItemUnseen) => {}
                None => {
                    page.malformed.push(Malformed { part: format!("items[{index}]"), reason: "no id".into() })
                }
            }
        }
        if self.has(RepeatsItems) {
            page.items.extend(page.items.first().copied());
        }
        Ok(())
    }

    fn next(&self, value: &Value, task: &Task, page: &Page<u64>) -> Result<Option<Task>> {
        let Some(cursor) = value["next"].as_str() else { return Ok(None) };
        let stops = page.items.is_empty() && self.has(StopsAtEmpty);
        if stops || (self.has(LosesLastPage) && task.get("cursor").is_some()) {
            return Ok(None);
        }
        if task.get("cursor") == Some(cursor) && !self.has(FollowsRepeated) {
            return Err(Error::new(ErrorKind::Malformed, "the cursor leads back to its own page"));
        }
        Ok(Some(self.root(task.subject()).param("cursor", cursor)))
    }
}

#[async_trait]
impl Source for Numbers {
    type Item = u64;

    fn name(&self) -> &str {
        "numbers"
    }

    fn kinds(&self) -> Vec<Name> {
        vec!["search".into()]
    }

    fn call(&self, _kind: &str) -> CallSpec {
        CallSpec::new(Role::Discovery).batch(3)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        if !query.regions.is_empty() && !self.has(TakesImpossible) {
            return Err(
                Error::new(ErrorKind::ConfigInvalid, "numbers have no regions").with("key", "regions")
            );
        }
        if query.is_empty() && self.has(SeedsNothingAsSomething) {
            return Ok(vec![self.root("everything")]);
        }
        let mut words: Vec<_> = query.keywords.iter().chain(&query.handles).collect();
        if !self.has(SeedsTwice) {
            words.dedup();
        }
        Ok(words.into_iter().map(|word| self.root(word)).collect())
    }

    fn lookup(&self, _ids: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let work = async {
            let mut got = self.exchange(&tasks[0]).await?;
            if self.has(Retries) && got.status >= 500 {
                got = self.exchange(&tasks[0]).await?;
            }
            self.payload(cx, got)
        };
        cx.guard(work).await.map_err(|error| match (self.flaw, error.kind()) {
            (TimeoutIsUnavailable, ErrorKind::Timeout) => {
                Error::new(ErrorKind::Unavailable, "late").maybe_charged()
            }
            (StopIsTimeout, ErrorKind::Cancelled) => Error::new(ErrorKind::Timeout, "stopped"),
            _ => error,
        })
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<u64>> {
        if let Some(refusal) = self.refusal(payload) {
            return Err(refusal);
        }
        let value = self.read(&payload.body)?;
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        self.read_items(&value, &mut page)?;
        let next = self.next(&value, &tasks[0], &page)?;
        page.follow_ups.extend(next);
        match self.flaw {
            NoOutcome => page.outcomes.clear(),
            OneOutcome => page.outcomes = vec![Outcome::Done],
            ImpureParse => page.items.push(self.counter.fetch_add(1, Ordering::Relaxed) as u64),
            _ => {}
        }
        Ok(page)
    }
}

struct Twin {
    flaw: Flaw,
    server: ScriptServer,
}

impl Twin {
    async fn with(flaw: Flaw) -> Self {
        Self { flaw, server: ScriptServer::start().await.unwrap() }
    }
}

fn items(numbers: &[u64]) -> Vec<Value> {
    numbers.iter().map(|id| json!({ "id": id })).collect()
}

#[async_trait]
impl SourceHarness for Twin {
    type Item = u64;

    async fn source(&self) -> Arc<dyn Source<Item = u64>> {
        Arc::new(Numbers { flaw: self.flaw, url: self.server.url(), counter: AtomicUsize::new(0) })
    }

    async fn script(&self, answers: Vec<Answer>) {
        self.server.script(answers);
    }

    async fn seen(&self) -> Vec<Seen> {
        self.server.seen()
    }

    fn query(&self) -> Query {
        Query { keywords: vec!["prime".into()], ..Query::default() }
    }

    fn page(&self, numbers: &[u64], next: Option<&str>) -> Answer {
        Answer::json(&json!({ "items": items(numbers), "next": next }))
    }

    fn page_with_bad_item(&self, numbers: &[u64]) -> Answer {
        let mut items = items(numbers);
        items.insert(1, json!({ "id": "no number" }));
        Answer::json(&json!({ "items": items }))
    }

    fn number(&self, item: &u64) -> u64 {
        *item
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let mut failures = standard_failures();
        failures.push((Answer::json(&json!({ "error": "quota" })), ErrorKind::QuotaExhausted));
        failures.push((Answer::html("<html>log in"), ErrorKind::Malformed));
        failures
    }

    fn impossible(&self) -> Option<Query> {
        Some(Query { regions: vec!["KR".into()], ..self.query() })
    }

    fn secret(&self) -> Option<String> {
        Some(SECRET.into())
    }
}

mod twin {
    use super::{Flaw, Twin};
    crate::source_conformance!(Twin::with(Flaw::Sound).await);
}

#[tokio::test]
async fn every_flaw_is_caught_by_its_cases() {
    for (flaw, cases) in CAUGHT {
        for case in *cases {
            let checked = case.check(&Twin::with(*flaw).await).await;
            assert!(checked.is_err(), "{case:?} does not notice {flaw:?}");
            let violation = checked.unwrap_err().to_string();
            assert!(!violation.contains(SECRET) || *flaw == SecretInTask, "{case:?} tells the secret");
        }
    }
}

#[test]
fn every_case_fails_for_some_flaw() {
    for case in Case::ALL {
        assert!(CAUGHT.iter().any(|(_, cases)| cases.contains(case)), "no source breaks {case:?}");
    }
}
