//! A source that answers from memory, by script.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::context::Context;
use crate::domain::Keyed;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, Ids, Name};
use crate::source::{CallSpec, Role, Source};
use crate::task::{Absence, Cost, Outcome, Page, Payload, Query, Task};

const PROFILE: &str = "profile";
const LIST: &str = "list";
const PAGE: &str = "page";

/// What a [`FakeSource`] yields; for [`LastWins<FakeItem>`](crate::domain::LastWins).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FakeItem {
    /// Its key.
    pub id: String,
    /// Something that can change.
    pub value: u64,
}

impl FakeItem {
    /// The item `id` with this value.
    pub fn new(id: impl Into<String>, value: u64) -> Self {
        Self { id: id.into(), value }
    }
}

impl Keyed for FakeItem {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
}

/// How one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer; the vendor never saw the call.
    NoAnswer(ErrorKind),
    /// No answer; the vendor may have charged the call.
    AnswerLost(ErrorKind),
    /// No answer; the vendor asks to wait so long.
    Wait(Duration),
    /// A complete answer that says it failed.
    Refusal(ErrorKind),
    /// A complete answer nobody can read.
    Garbage,
    /// Waits until the call is given up.
    Hang,
    /// `fetch` panics.
    Panic,
    /// The answer makes `parse` panic, each time it is read.
    ParsePanic,
}

/// A call as a [`FakeSource`] saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The kind of its tasks.
    pub kind: Name,
    /// The subject of each task.
    pub subjects: Vec<String>,
    /// When it came.
    pub at: Timestamp,
}

/// A [`Source`] over items in memory. Clones share everything, so a test keeps one and gives one away.
///
/// `handles` of a query become `profile` tasks (one item each, hydration), `hashtags` become `list` tasks (pages
/// of items, discovery). What is not there is answered as absent. `parse` is pure: everything is in the answer.
#[derive(Debug, Clone)]
pub struct FakeSource {
    name: Name,
    batch: usize,
    latency: Duration,
    hydrates: bool,
    looks_up: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    profiles: BTreeMap<String, FakeItem>,
    lists: BTreeMap<String, Vec<Vec<FakeItem>>>,
    failures: BTreeMap<String, VecDeque<Failure>>,
    calls: Vec<Call>,
    in_flight: usize,
    most_at_once: usize,
}

/// An answer's body: the format the fake speaks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Refused(ErrorKind),
    Panics,
    /// One per task: what there is, and the next page.
    Parts(Vec<Option<Part>>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    items: Vec<FakeItem>,
    next: Option<usize>,
}

impl FakeSource {
    /// A source of this name that knows nothing.
    pub fn new(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            batch: 1,
            latency: Duration::ZERO,
            hydrates: false,
            looks_up: false,
            state: Arc::default(),
        }
    }

    /// With up to `tasks` profiles a call.
    #[must_use]
    pub fn batch(mut self, tasks: usize) -> Self {
        self.batch = tasks.max(1);
        self
    }

    /// With answers that take this long by the call's clock.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Asks for the profile of everybody a list shows.
    #[must_use]
    pub fn hydrating(mut self) -> Self {
        self.hydrates = true;
        self
    }

    /// Offers its profiles to the engine's lookups.
    #[must_use]
    pub fn looking_up(mut self) -> Self {
        self.looks_up = true;
        self
    }

    /// Sets what a profile says from now on.
    pub fn profile(&self, id: impl Into<String>, value: u64) -> &Self {
        let item = FakeItem::new(id, value);
        self.state().profiles.insert(item.id.clone(), item);
        self
    }

    /// Sets the pages of a list.
    pub fn list(&self, tag: impl Into<String>, pages: Vec<Vec<FakeItem>>) -> &Self {
        self.state().lists.insert(tag.into(), pages);
        self
    }

    /// Makes the next calls that ask for `subject` fail like this, one after the other; then it answers again.
    pub fn fail(&self, subject: impl Into<String>, failures: impl IntoIterator<Item = Failure>) -> &Self {
        self.state().failures.entry(subject.into()).or_default().extend(failures);
        self
    }

    /// Every call, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How often a subject was asked for: the oracle for "never bought twice".
    pub fn times_asked(&self, subject: &str) -> usize {
        self.state().calls.iter().flat_map(|call| &call.subjects).filter(|asked| *asked == subject).count()
    }

    /// The most calls that were under way at one time.
    pub fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn task(&self, kind: &str, subject: &str) -> Task {
        let task = Task::new(Arc::clone(&self.name), kind, subject);
        if kind == LIST { task.per_run() } else { task }
    }

    fn answer(&self, tasks: &[Task]) -> Body {
        let state = self.state();
        Body::Parts(tasks.iter().map(|task| state.part(task)).collect())
    }

    fn fulfil(&self, failure: Option<Failure>, tasks: &[Task]) -> Result<Vec<u8>> {
        let body = match failure {
            None | Some(Failure::Hang) => self.answer(tasks),
            Some(Failure::NoAnswer(kind)) => return Err(Error::new(kind, "no answer, by script")),
            Some(Failure::AnswerLost(kind)) => {
                return Err(Error::new(kind, "the answer was lost, by script").maybe_charged());
            }
            Some(Failure::Wait(wait)) => {
                return Err(Error::new(ErrorKind::RateLimited, "asked to wait, by script").retry_after(wait));
            }
            Some(Failure::Refusal(kind)) => Body::Refused(kind),
            Some(Failure::Garbage) => return Ok(b"<html>by script".to_vec()),
            Some(Failure::Panic) => panic!("fetch panics, by script"),
            Some(Failure::ParsePanic) => Body::Panics,
        };
        serde_json::to_vec(&body).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "the fake cannot write its answer").caused_by(error)
        })
    }

    fn read_part(&self, page: &mut Page<FakeItem>, index: usize, task: &Task, part: Option<Part>) {
        let Some(part) = part else {
            page.outcomes[index] = Outcome::Absent(Absence::NotFound);
            return;
        };
        if self.hydrates && &**task.kind() == LIST {
            page.follow_ups.extend(part.items.iter().map(|item| self.task(PROFILE, &item.id)));
        }
        page.follow_ups
            .extend(part.next.map(|next| self.task(LIST, task.subject()).param(PAGE, next.to_string())));
        page.items.extend(part.items);
    }
}

impl State {
    fn part(&self, task: &Task) -> Option<Part> {
        if &**task.kind() == PROFILE {
            return self
                .profiles
                .get(task.subject())
                .map(|item| Part { items: vec![item.clone()], next: None });
        }
        let number: usize = task.get(PAGE).and_then(|page| page.parse().ok()).unwrap_or(0);
        let pages = self.lists.get(task.subject())?;
        let items = pages.get(number).cloned().unwrap_or_default();
        Some(Part { items, next: Some(number + 1).filter(|next| *next < pages.len()) })
    }

    fn begin(&mut self, call: Call) -> Option<Failure> {
        let failure = call.subjects.iter().find_map(|subject| self.failures.get_mut(subject)?.pop_front());
        self.calls.push(call);
        self.in_flight += 1;
        self.most_at_once = self.most_at_once.max(self.in_flight);
        failure
    }
}

/// Counts one call under way, also when it is given up or panics.
struct InFlight<'a>(&'a FakeSource);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

#[async_trait]
impl Source for FakeSource {
    type Item = FakeItem;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        vec![PROFILE.into(), LIST.into()]
    }

    fn call(&self, kind: &str) -> CallSpec {
        match kind {
            LIST => CallSpec::new(Role::Discovery),
            _ => CallSpec::new(Role::Hydration).batch(self.batch).worst_cost(Cost::units(self.batch as u64)),
        }
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        let profiles = query.handles.iter().map(|handle| self.task(PROFILE, handle));
        Ok(profiles.chain(query.hashtags.iter().map(|tag| self.task(LIST, tag))).collect())
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        ids.get("key").filter(|_| self.looks_up).map(|id| self.task(PROFILE, id))
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let kind = tasks.first().map_or_else(|| PROFILE.into(), |task| Arc::clone(task.kind()));
        let subjects = tasks.iter().map(|task| task.subject().to_owned()).collect();
        let failure = self.state().begin(Call { kind, subjects, at: cx.now() });
        let _in_flight = InFlight(self);
        cx.guard(async {
            cx.clock().sleep(self.latency).await;
            match failure {
                Some(Failure::Hang) => std::future::pending().await,
                _ => Ok(()),
            }
        })
        .await?;
        Ok(Payload::new(self.fulfil(failure, tasks)?, cx.now()))
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<FakeItem>> {
        let body = serde_json::from_slice(&payload.body).map_err(|error| {
            Error::new(ErrorKind::Malformed, "the answer is no answer of the fake").caused_by(error)
        })?;
        let parts = match body {
            Body::Refused(kind) => return Err(Error::new(kind, "refused, by script")),
            Body::Panics => panic!("parse panics, by script"),
            Body::Parts(parts) => parts,
        };
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        page.cost = Some(Cost::units(tasks.len() as u64));
        for (index, (task, part)) in tasks.iter().zip(parts).enumerate() {
            self.read_part(&mut page, index, task, part);
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(source: &FakeSource, task: &Task) -> Result<Page<FakeItem>> {
        let tasks = std::slice::from_ref(task);
        source.parse(tasks, &source.fetch(&Context::detached(), tasks).await?)
    }

    #[tokio::test]
    async fn pages_follow_each_other_and_end() {
        let source = FakeSource::new("fake").hydrating();
        source.list("tea", vec![vec![FakeItem::new("a", 1)], vec![], vec![FakeItem::new("b", 2)]]);
        let mut open = source.seed(&Query { hashtags: vec!["tea".into()], ..Query::default() }).unwrap();
        let (mut items, mut profiles) = (Vec::new(), Vec::new());
        while let Some(task) = open.pop() {
            let page = get(&source, &task).await.unwrap();
            items.extend(page.items.into_iter().map(|item| item.id));
            let (lists, found): (Vec<_>, Vec<_>) =
                page.follow_ups.into_iter().partition(|task| &**task.kind() == LIST);
            open.extend(lists);
            profiles.extend(found);
        }
        assert_eq!(items, ["a", "b"]);
        assert_eq!(profiles.iter().map(Task::subject).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(source.times_asked("tea"), 3);
    }

    #[tokio::test]
    async fn failures_come_in_order_and_end() {
        let source = FakeSource::new("fake");
        source.profile("a", 1).fail(
            "a",
            [
                Failure::NoAnswer(ErrorKind::Unavailable),
                Failure::AnswerLost(ErrorKind::Timeout),
                Failure::Wait(Duration::from_secs(9)),
                Failure::Refusal(ErrorKind::QuotaExhausted),
                Failure::Garbage,
            ],
        );
        let task = source.task(PROFILE, "a");
        let mut seen = Vec::new();
        for _ in 0..5 {
            let error = get(&source, &task).await.unwrap_err();
            seen.push((error.kind(), error.is_maybe_charged(), error.wait().is_some()));
        }
        assert_eq!(
            seen,
            [
                (ErrorKind::Unavailable, false, false),
                (ErrorKind::Timeout, true, false),
                (ErrorKind::RateLimited, false, true),
                (ErrorKind::QuotaExhausted, false, false),
                (ErrorKind::Malformed, false, false),
            ]
        );
        assert_eq!(get(&source, &task).await.unwrap().items, [FakeItem::new("a", 1)]);
        assert!(matches!(
            get(&source, &source.task(PROFILE, "nobody")).await.unwrap().outcomes[..],
            [Outcome::Absent(Absence::NotFound)]
        ));
        assert_eq!(source.times_asked("a"), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_ends_with_its_deadline_and_is_not_in_flight_any_more() {
        let source = FakeSource::new("fake");
        source.profile("a", 1).fail("a", [Failure::Hang]);
        let stop = tokio_util::sync::CancellationToken::new();
        let cx = Context::detached().for_call("account".into(), stop, Duration::from_secs(5));
        let error = source.fetch(&cx, &[source.task(PROFILE, "a")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!((source.most_at_once(), source.state().in_flight), (1, 0));
    }
}
