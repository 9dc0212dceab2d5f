//! A source whose answers a closure writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::context::{BytePermit, Context};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Digest, Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Absence, Cost, Outcome, Page, Payload, Query, Task};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A call as the script sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// Calls before it that asked for the same first subject.
    pub(crate) before: usize,
    pub(crate) kind: String,
    pub(crate) tasks: Vec<Task>,
    pub(crate) at: Timestamp,
}

impl Asked {
    pub(crate) fn subject(&self) -> &str {
        self.tasks[0].subject()
    }

    pub(crate) fn subjects(&self) -> Vec<&str> {
        self.tasks.iter().map(Task::subject).collect()
    }
}

/// What the script has the vendor do.
pub(crate) enum Reply<I> {
    /// Answers.
    Say(Said<I>),
    /// Answers with bytes nobody can read.
    Garbage,
    /// Does not answer.
    Fail(Error),
    /// Never comes back.
    Hang,
    /// Brings the adapter to panic while fetching.
    PanicInFetch,
    /// Brings the adapter to panic while parsing.
    PanicInParse,
}

impl<I> Reply<I> {
    pub(crate) fn fail(kind: ErrorKind) -> Self {
        Self::Fail(Error::new(kind, "scripted"))
    }

    /// A 429 that asks for a wait.
    pub(crate) fn slow_down(wait: Duration) -> Self {
        Self::Fail(Error::new(ErrorKind::RateLimited, "too fast").retry_after(wait))
    }
}

impl<I> From<Said<I>> for Reply<I> {
    fn from(said: Said<I>) -> Self {
        Self::Say(said)
    }
}

/// The fate of one task of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Fate {
    Done,
    Absent,
    Failed(ErrorKind),
    Later(Timestamp),
    Restart(Task),
}

/// An answer; it travels as JSON, so that parsing is as pure as a real source's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Said<I> {
    pub(crate) items: Vec<I>,
    pub(crate) follow_ups: Vec<Task>,
    /// One per task; all done when empty.
    pub(crate) fates: Vec<Fate>,
    pub(crate) cost: Option<Cost>,
    /// Makes the body this much longer.
    pub(crate) filler: String,
}

impl<I> Said<I> {
    pub(crate) fn items(items: impl IntoIterator<Item = I>) -> Self {
        let items = items.into_iter().collect();
        Self { items, follow_ups: Vec::new(), fates: Vec::new(), cost: None, filler: String::new() }
    }

    pub(crate) fn nothing() -> Self {
        Self::items([])
    }

    pub(crate) fn then(mut self, follow_ups: impl IntoIterator<Item = Task>) -> Self {
        self.follow_ups.extend(follow_ups);
        self
    }

    pub(crate) fn fates(mut self, fates: impl IntoIterator<Item = Fate>) -> Self {
        self.fates.extend(fates);
        self
    }

    pub(crate) fn costs(mut self, units: u64) -> Self {
        self.cost = Some(Cost::units(units));
        self
    }
}

/// A call that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) kind: String,
    pub(crate) subjects: Vec<String>,
    pub(crate) at: Timestamp,
}

#[derive(Default)]
struct Log {
    made: Vec<Made>,
    answered: usize,
    running: usize,
    most_at_once: usize,
    held: usize,
    most_held: usize,
}

type Script<I> = dyn Fn(&Asked) -> Reply<I> + Send + Sync;
type Lookup = dyn Fn(&Ids) -> Option<Task> + Send + Sync;
/// Units by the number of calls made.
type Used = dyn Fn(usize) -> u64 + Send + Sync;
type Seed = dyn Fn(&Query) -> Result<Vec<Task>> + Send + Sync;

/// A source that asks a closure what to answer. Clones share their log.
///
/// Its kinds are `thing` (hydration) and `page` (discovery); a handle seeds a `thing`, a hashtag a `page`.
pub(crate) struct Scripted<I> {
    name: Name,
    kinds: Vec<(Name, CallSpec)>,
    takes: Duration,
    script: Arc<Script<I>>,
    lookup: Arc<Lookup>,
    seed: Arc<Seed>,
    used: Option<Arc<Used>>,
    log: Arc<Mutex<Log>>,
}

impl<I> Clone for Scripted<I> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            kinds: self.kinds.clone(),
            takes: self.takes,
            script: Arc::clone(&self.script),
            lookup: Arc::clone(&self.lookup),
            seed: Arc::clone(&self.seed),
            used: self.used.clone(),
            log: Arc::clone(&self.log),
        }
    }
}

impl Scripted<super::Thing> {
    /// A source that answers every subject with a thing of that key.
    pub(crate) fn willing(name: &str) -> Self {
        Self::new(name, |asked: &Asked| {
            Said::items(asked.subjects().into_iter().map(|key| super::Thing::new(key, "known"))).into()
        })
    }
}

impl<I> Scripted<I> {
    pub(crate) fn new(name: &str, script: impl Fn(&Asked) -> Reply<I> + Send + Sync + 'static) -> Self {
        let own: Name = name.into();
        let seed = move |query: &Query| {
            let things =
                query.handles.iter().map(|handle| Task::new(Arc::clone(&own), "thing", handle.as_str()));
            let pages =
                query.hashtags.iter().map(|tag| Task::new(Arc::clone(&own), "page", tag.as_str()).per_run());
            Ok(things.chain(pages).collect())
        };
        Self {
            name: name.into(),
            kinds: vec![
                ("page".into(), CallSpec::new(Role::Discovery)),
                ("thing".into(), CallSpec::new(Role::Hydration)),
            ],
            takes: Duration::from_millis(100),
            script: Arc::new(script),
            lookup: Arc::new(|_| None),
            seed: Arc::new(seed),
            used: None,
            log: Arc::default(),
        }
    }

    /// Sets how calls of a kind are made.
    pub(crate) fn kind(mut self, kind: &str, spec: CallSpec) -> Self {
        self.kinds.retain(|(name, _)| &**name != kind);
        self.kinds.push((kind.into(), spec));
        self
    }

    /// Sets how long a call takes.
    pub(crate) fn takes(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    pub(crate) fn lookup(mut self, lookup: impl Fn(&Ids) -> Option<Task> + Send + Sync + 'static) -> Self {
        self.lookup = Arc::new(lookup);
        self
    }

    /// Sets what the vendor says was used, by the number of calls made.
    pub(crate) fn used(mut self, used: impl Fn(usize) -> u64 + Send + Sync + 'static) -> Self {
        self.used = Some(Arc::new(used));
        self
    }

    pub(crate) fn seeding(
        mut self,
        seed: impl Fn(&Query) -> Result<Vec<Task>> + Send + Sync + 'static,
    ) -> Self {
        self.seed = Arc::new(seed);
        self
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// Every call made.
    pub(crate) fn made(&self) -> Vec<Made> {
        self.log().made.clone()
    }

    /// The number of calls made.
    pub(crate) fn calls(&self) -> usize {
        self.log().made.len()
    }

    /// The number of calls that got their answer.
    pub(crate) fn answered(&self) -> usize {
        self.log().answered
    }

    /// How often this subject was asked for.
    pub(crate) fn asked_for(&self, subject: &str) -> usize {
        self.log().made.iter().filter(|made| made.subjects.iter().any(|one| one == subject)).count()
    }

    /// The subject asked for most often, and how often.
    pub(crate) fn most_asked(&self) -> usize {
        let mut counts = std::collections::HashMap::new();
        for subject in self.log().made.iter().flat_map(|made| &made.subjects) {
            *counts.entry(subject.clone()).or_insert(0) += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    /// The subjects of calls of a kind, in order.
    pub(crate) fn subjects(&self, kind: &str) -> Vec<String> {
        let log = self.log();
        log.made.iter().filter(|made| made.kind == kind).flat_map(|made| made.subjects.clone()).collect()
    }

    /// The most calls that ran at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.log().most_at_once
    }

    /// The most bytes of bodies that were in memory at once.
    pub(crate) fn most_held(&self) -> usize {
        self.log().most_held
    }
}

/// Counts a running call, also when it is dropped in the middle.
struct Running<'a>(&'a Mutex<Log>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap().running -= 1;
    }
}

/// A body that is counted as long as somebody has it.
struct Body {
    bytes: Vec<u8>,
    log: Arc<Mutex<Log>>,
}

impl Body {
    fn new(bytes: Vec<u8>, log: Arc<Mutex<Log>>) -> Self {
        {
            let mut log = log.lock().unwrap();
            log.held += bytes.len();
            log.most_held = log.most_held.max(log.held);
        }
        Self { bytes, log }
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.log.lock().unwrap().held -= self.bytes.len();
    }
}

#[async_trait]
impl<I> Source for Scripted<I>
where
    I: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Item = I;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        self.kinds.iter().map(|(kind, _)| Arc::clone(kind)).collect()
    }

    fn call(&self, kind: &str) -> CallSpec {
        let known = self.kinds.iter().find(|(name, _)| &**name == kind);
        known.map_or_else(|| CallSpec::new(Role::Hydration), |(_, spec)| spec.clone())
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        (self.seed)(query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        (self.lookup)(ids)
    }

    async fn used(&self, cx: &Context) -> Result<Option<Cost>> {
        cx.clock().sleep(self.takes).await;
        Ok(self.used.as_ref().map(|used| Cost { units: used(self.calls()), requests: 0 }))
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let subjects: Vec<String> = tasks.iter().map(|task| task.subject().to_owned()).collect();
        let asked = {
            let mut log = self.log();
            let before = log.made.iter().filter(|made| made.subjects.first() == subjects.first()).count();
            let kind = tasks[0].kind().to_string();
            log.made.push(Made { kind: kind.clone(), subjects, at: cx.now() });
            log.running += 1;
            log.most_at_once = log.most_at_once.max(log.running);
            Asked { number: log.made.len(), before, kind, tasks: tasks.to_vec(), at: cx.now() }
        };
        let running = Running(&self.log);
        let reply = (self.script)(&asked);
        cx.clock().sleep(self.takes).await;
        let body = match reply {
            Reply::Say(said) => serde_json::to_vec(&said).unwrap(),
            Reply::Garbage => format!("<html>{}</html>", asked.subject()).into_bytes(),
            Reply::Fail(error) => return Err(error),
            Reply::Hang => std::future::pending().await,
            Reply::PanicInFetch => panic!("scripted panic in fetch"),
            Reply::PanicInParse => b"panic".to_vec(),
        };
        let mut permit = BytePermit::default();
        cx.byte_budget().grow(&mut permit, body.len()).await;
        drop(running);
        self.log().answered += 1;
        let body = bytes::Bytes::from_owner(Body::new(body, Arc::clone(&self.log)));
        Ok(Payload { permit, ..Payload::new(body, cx.now()) })
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<I>> {
        assert!(&payload.body[..] != b"panic", "scripted panic in parse");
        let said: Said<I> = serde_json::from_slice(&payload.body)
            .map_err(|error| Error::new(ErrorKind::Malformed, "not an answer of ours").caused_by(error))?;
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        if !said.fates.is_empty() {
            page.outcomes = said.fates.into_iter().map(outcome).collect();
        }
        (page.items, page.follow_ups, page.cost) = (said.items, said.follow_ups, said.cost);
        Ok(page)
    }
}

fn outcome(fate: Fate) -> Outcome {
    match fate {
        Fate::Done => Outcome::Done,
        Fate::Absent => Outcome::Absent(Absence::NotFound),
        Fate::Failed(kind) => Outcome::Failed(Error::new(kind, "scripted")),
        Fate::Later(at) => Outcome::Later { at },
        Fate::Restart(task) => Outcome::Restart(task),
    }
}
