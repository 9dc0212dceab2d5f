//! What is to be got and what came back: queries, tasks, payloads, pages and outcomes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::context::BytePermit;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, Id, Name, RunId, TaskId, hash_parts};

/// What a run is asked to collect. Each source seeds tasks for the parts it can honour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// Handles to fetch, with or without a leading `@`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handles: Vec<String>,
    /// Strong identities to fetch, as `kind:value` (for example `tiktok:sec_uid:MS4wLj…`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// A list in the store whose members are fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Hashtags to search, without `#`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashtags: Vec<String>,
    /// Words to search for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Posts to fetch by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub posts: Vec<String>,
    /// ISO 3166 countries to restrict a search to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// The most pages to read of each search; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pages: Option<u32>,
    /// Whether to fetch the profile of everybody a search shows. By default of everybody whom the search does not
    /// show as fully as a profile would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hydrate: Option<bool>,
    /// What a custom source understands and nobody else does.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, serde_json::Value>,
    /// How sources are to do it, by name or type of the source; each says in its own page what it takes. Asks for
    /// nothing by itself, and goes with every slice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, serde_json::Value>,
}

impl Query {
    /// The most roots a source may seed from one slice.
    pub const MAX_ROOTS: usize = 1_000;

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
            && self.ids.is_empty()
            && self.list.is_none()
            && self.hashtags.is_empty()
            && self.keywords.is_empty()
            && self.posts.is_empty()
            && self.extra.is_empty()
    }

    /// The roots of one slice: each once, and not more than [`MAX_ROOTS`](Self::MAX_ROOTS).
    ///
    /// # Errors
    /// `ConfigInvalid` when there are more.
    pub fn roots(mut tasks: Vec<Task>) -> Result<Vec<Task>> {
        let mut seen = HashSet::with_capacity(tasks.len());
        tasks.retain(|task| seen.insert(task.id(RunId(0))));
        if tasks.len() > Self::MAX_ROOTS {
            let message =
                "the query begins with too many tasks at once: cut it with `Query::slices`, or ask for less";
            return Err(Error::new(ErrorKind::ConfigInvalid, message)
                .with("tasks", tasks.len())
                .with("at_most", Self::MAX_ROOTS));
        }
        Ok(tasks)
    }

    /// Cuts long lists so that no slice seeds more than [`MAX_ROOTS`](Self::MAX_ROOTS) roots.
    ///
    /// Search terms and `extra` stay together in the first slice. A list is in none: its members are in the store.
    pub fn slices(&self) -> Vec<Query> {
        let base = Query {
            regions: self.regions.clone(),
            max_pages: self.max_pages,
            hydrate: self.hydrate,
            options: self.options.clone(),
            ..Query::default()
        };
        let mut slices = Vec::new();
        let first = Query {
            hashtags: self.hashtags.clone(),
            keywords: self.keywords.clone(),
            extra: self.extra.clone(),
            ..base.clone()
        };
        if !first.is_empty() || self.is_empty() {
            slices.push(first);
        }
        for chunk in self.handles.chunks(Self::MAX_ROOTS) {
            slices.push(Query { handles: chunk.to_vec(), ..base.clone() });
        }
        for chunk in self.ids.chunks(Self::MAX_ROOTS) {
            slices.push(Query { ids: chunk.to_vec(), ..base.clone() });
        }
        for chunk in self.posts.chunks(Self::MAX_ROOTS) {
            slices.push(Query { posts: chunk.to_vec(), ..base.clone() });
        }
        slices
    }
}

/// How long an answer to a task stands for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Across runs, for the asking run's window: a profile.
    Window,
    /// For one run only, because the answer is a list that moves: a search page.
    Run,
}

/// Whom a task is about, when it is known: lets the store see that another task already got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The identity asked for.
    pub id: Id,
    /// The aspect the answer will show.
    pub aspect: Name,
}

/// One thing to get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    source: Name,
    kind: Name,
    subject: Arc<str>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, String>,
    scope: Scope,
    #[serde(default)]
    priority: i16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
}

impl Task {
    /// A task whose answer stands for the run's window: a profile, a post.
    pub fn new(source: impl Into<Name>, kind: impl Into<Name>, subject: impl Into<Arc<str>>) -> Self {
        Self {
            source: source.into(),
            kind: kind.into(),
            subject: subject.into(),
            params: BTreeMap::new(),
            scope: Scope::Window,
            priority: 0,
            not_before: None,
            target: None,
        }
    }

    /// Makes it a task of one run: a search page is asked again by the next run.
    #[must_use]
    pub fn per_run(mut self) -> Self {
        self.scope = Scope::Run;
        self
    }

    /// Adds a parameter; it is part of the task's identity.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// Sets the priority; higher is claimed first. Not part of the identity.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Keeps it from being claimed before `at`.
    #[must_use]
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.not_before = Some(at);
        self
    }

    /// Says whom it is about, so that a fresh sighting of the same aspect makes it superfluous.
    #[must_use]
    pub fn about(mut self, id: Id, aspect: impl Into<Name>) -> Self {
        self.target = Some(Target { id, aspect: aspect.into() });
        self
    }

    /// Makes it ask however fresh the last answer is: once in this run, whoever it is about.
    #[must_use]
    pub fn regardless_of_freshness(mut self) -> Self {
        self.target = None;
        self.per_run()
    }

    /// The source instance that gets it.
    pub fn source(&self) -> &Name {
        &self.source
    }

    /// The kind of call, in the source's own words.
    pub fn kind(&self) -> &Name {
        &self.kind
    }

    /// What is asked for: a handle, a hashtag, a post's id.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// All parameters, by name.
    pub fn params(&self) -> &BTreeMap<String, String> {
        &self.params
    }

    /// How long an answer stands.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Its priority.
    pub fn rank(&self) -> i16 {
        self.priority
    }

    /// The earliest moment it may be claimed.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// Whom it is about.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Its deterministic id; `run` only counts for tasks of one run.
    pub fn id(&self, run: RunId) -> TaskId {
        let run = match self.scope {
            Scope::Window => [0; 8],
            // One more than the number, so that run 0 differs from no run.
            Scope::Run => run.0.wrapping_add(1).to_le_bytes(),
        };
        let head = [self.source.as_bytes(), self.kind.as_bytes(), self.subject.as_bytes(), run.as_slice()];
        let params = self.params.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        TaskId(hash_parts(head.into_iter().chain(params)))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {}", self.source, self.kind, self.subject)?;
        self.params.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// What a call costs, in the vendor's units and in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// The vendor's units.
    pub units: u64,
    /// Requests sent.
    pub requests: u64,
}

impl Cost {
    /// One request of `units` units.
    pub const fn units(units: u64) -> Self {
        Self { units, requests: 1 }
    }

    /// Nothing.
    pub const fn none() -> Self {
        Self { units: 0, requests: 0 }
    }

    /// This cost `times` over.
    #[must_use]
    pub const fn times(self, times: u64) -> Self {
        Self { units: self.units.saturating_mul(times), requests: self.requests.saturating_mul(times) }
    }

    /// What is left after `other` is taken off; never below nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self {
            units: self.units.saturating_sub(other.units),
            requests: self.requests.saturating_sub(other.requests),
        }
    }
}

impl std::ops::Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            units: self.units.saturating_add(other.units),
            requests: self.requests.saturating_add(other.requests),
        }
    }
}

/// One complete answer as received: whatever the status, whatever the bytes.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The status; 200 for sources that have none.
    pub status: u16,
    /// The few headers worth keeping, names in lower case. Never credentials or cookies.
    pub headers: Vec<(String, String)>,
    /// The bytes, decompressed.
    pub body: Bytes,
    /// When the answer was complete.
    pub at: Timestamp,
    /// How long the exchange took.
    pub took: Duration,
    /// What the vendor says it charged, if the answer says so.
    pub cost: Option<Cost>,
    /// The share of the byte budget the body holds until it is committed.
    pub permit: BytePermit,
}

impl Payload {
    /// An answer with this body, status 200, complete at `at`.
    pub fn new(body: impl Into<Bytes>, at: Timestamp) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            at,
            took: Duration::ZERO,
            cost: None,
            permit: BytePermit::default(),
        }
    }

    /// The value of a kept header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is nothing to get. An answer, not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Absence {
    /// The vendor does not know it.
    NotFound,
    /// It exists and is private.
    Private,
    /// It exists and the vendor withholds it.
    Restricted,
    /// It was deleted.
    Deleted,
}

impl Absence {
    /// Its name in stores and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Private => "private",
            Self::Restricted => "restricted",
            Self::Deleted => "deleted",
        }
    }
}

/// What became of one task of a call.
#[derive(Debug)]
pub enum Outcome {
    /// Answered.
    Done,
    /// Answered: there is nothing.
    Absent(Absence),
    /// Not ready yet (a job the vendor is working on); ask again at `at`. Not an attempt.
    Later {
        /// When to ask again.
        at: Timestamp,
    },
    /// Begin again with this task instead (an expired cursor).
    Restart(Task),
    /// This task failed; its siblings did not.
    Failed(Error),
}

/// A part of an answer that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// Where in the answer: a path such as `data[3].author`.
    pub part: String,
    /// What was wrong with it.
    pub reason: String,
}

/// What an answer says, read by a source's pure `parse`.
#[derive(Debug)]
pub struct Page<I> {
    /// Sightings.
    pub items: Vec<I>,
    /// Tasks that follow: the next page, profiles of people seen.
    pub follow_ups: Vec<Task>,
    /// One outcome per task of the call, in the call's order.
    pub outcomes: Vec<Outcome>,
    /// Parts that could not be understood; each is counted and kept with the answer.
    pub malformed: Vec<Malformed>,
    /// The answer's contents without what changes from call to call.
    pub fingerprint: Digest,
    /// What the call cost, when the answer tells; else the worst cost stays booked.
    pub cost: Option<Cost>,
}

impl<I> Page<I> {
    /// A page that answers all `tasks` tasks with nothing in it yet.
    pub fn answering(tasks: usize, fingerprint: Digest) -> Self {
        Self {
            items: Vec::new(),
            follow_ups: Vec::new(),
            outcomes: std::iter::repeat_with(|| Outcome::Done).take(tasks).collect(),
            malformed: Vec::new(),
            fingerprint,
            cost: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_task_has_one_id_in_every_run_and_a_run_task_does_not() {
        let profile = Task::new("s", "profile", "x");
        assert_eq!(profile.id(RunId(1)), profile.id(RunId(2)));
        let page = Task::new("s", "page", "x").per_run();
        assert_ne!(page.id(RunId(1)), page.id(RunId(2)));
        assert_ne!(page.id(RunId(1)), Task::new("s", "page", "x").id(RunId(1)));
    }

    #[test]
    fn parameters_are_identity_and_priority_is_not() {
        let task = Task::new("s", "page", "x");
        assert_ne!(task.id(RunId(1)), task.clone().param("cursor", "20").id(RunId(1)));
        assert_eq!(task.id(RunId(1)), task.clone().priority(7).id(RunId(1)));
    }

    #[test]
    fn roots_are_distinct_and_not_too_many() {
        let tasks = |count: usize| (0..count).map(|n| Task::new("s", "k", (n / 2).to_string())).collect();
        assert_eq!(Query::roots(tasks(2 * Query::MAX_ROOTS)).unwrap().len(), Query::MAX_ROOTS);
        let error = Query::roots(tasks(2 * Query::MAX_ROOTS + 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.to_string().contains("1001"), "{error}");
        let paged = vec![Task::new("s", "k", "a"), Task::new("s", "k", "a").param("page", "2")];
        assert_eq!(Query::roots(paged).unwrap().len(), 2);
    }

    #[test]
    fn slices_keep_everything_and_stay_below_the_limit() {
        let query = Query {
            handles: (0..2_500).map(|i| format!("h{i}")).collect(),
            hashtags: vec!["a".into()],
            options: [("s".to_owned(), serde_json::json!({ "deep": true }))].into(),
            ..Query::default()
        };
        let slices = query.slices();
        assert!(slices.iter().all(|slice| slice.options == query.options));
        assert_eq!(slices.len(), 4);
        assert!(slices.iter().all(|slice| slice.handles.len() <= Query::MAX_ROOTS));
        assert_eq!(slices.iter().map(|slice| slice.handles.len()).sum::<usize>(), 2_500);
        assert_eq!(slices.iter().filter(|slice| !slice.hashtags.is_empty()).count(), 1);
    }
}
