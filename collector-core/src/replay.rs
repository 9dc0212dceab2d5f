//! Stored answers, read once more instead of being bought again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::context::{BytePermit, Context};
use crate::domain::Domain;
use crate::error::Result;
use crate::id::{DeadId, Ids, Name, PayloadId, RunId, TaskId};
use crate::source::{CallSpec, Source};
use crate::store::{DeadLetter, Store, StoredPayload};
use crate::task::{Cost, Outcome, Page, Payload, Query, Task};

/// The answers that tasks which were given up have in the store, for a [`Replayed`] source. Each is served once.
#[derive(Debug, Default)]
pub struct Answers(Mutex<HashMap<TaskId, PayloadId>>);

impl Answers {
    /// No answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are left to serve.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks at dead letters of `source` and keeps the answers that can be read now; gives whose these are. Asks nobody.
    ///
    /// An answer to several tasks at once is not kept: a letter knows one of them.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn gather<D: Domain>(
        &self,
        source: &dyn Source<Item = D::Item>,
        store: &dyn Store<D>,
        letters: &[DeadLetter],
    ) -> Result<Vec<DeadId>> {
        let mut mended = Vec::new();
        for letter in letters {
            let Some((task, payload)) = letter.task.as_ref().zip(letter.payload) else { continue };
            if &**task.source() != source.name() || source.call(task.kind()).tasks != 1 {
                continue;
            }
            let Some(stored) = store.payload(payload).await? else { continue };
            if reads(source, task, stored) && self.keep(task, payload) {
                mended.push(letter.id);
            }
        }
        Ok(mended)
    }

    /// Keeps an answer; `false` when there is one for the same task already.
    fn keep(&self, task: &Task, payload: PayloadId) -> bool {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = key(task);
        let is_new = !answers.contains_key(&id);
        answers.entry(id).or_insert(payload);
        is_new
    }

    fn take(&self, task: &Task) -> Option<PayloadId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(task))
    }
}

/// A task, whichever run it is of: a source does not learn the run.
fn key(task: &Task) -> TaskId {
    task.id(RunId(0))
}

/// Whether a source makes anything of a stored answer today.
fn reads<I: Send + Sync + 'static>(
    source: &dyn Source<Item = I>,
    task: &Task,
    stored: StoredPayload,
) -> bool {
    let read = AssertUnwindSafe(|| source.parse(std::slice::from_ref(task), &payload(stored)));
    let Ok(Ok(page)) = catch_unwind(read) else { return false };
    matches!(page.outcomes.as_slice(), [Outcome::Done | Outcome::Absent(_)])
}

/// A stored answer as if it had just come, with the time at which it came. It costs nothing again.
pub(crate) fn payload(stored: StoredPayload) -> Payload {
    Payload {
        status: stored.status,
        headers: stored.headers,
        body: stored.body,
        at: stored.at,
        took: Duration::ZERO,
        cost: Some(Cost::none()),
        permit: BytePermit::default(),
    }
}

/// A source that serves stored [`Answers`] where there are any, and asks the source it wraps where there are none.
pub struct Replayed<D: Domain> {
    inner: Arc<dyn Source<Item = D::Item>>,
    store: Arc<dyn Store<D>>,
    answers: Arc<Answers>,
}

impl<D: Domain> std::fmt::Debug for Replayed<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replayed").field("source", &self.inner.name()).finish_non_exhaustive()
    }
}

impl<D: Domain> Replayed<D> {
    /// `inner` with these answers of `store` in front.
    pub fn new(
        inner: Arc<dyn Source<Item = D::Item>>,
        store: Arc<dyn Store<D>>,
        answers: Arc<Answers>,
    ) -> Self {
        Self { inner, store, answers }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a wrapper that forgets a method changes the source it wraps")]
impl<D: Domain> Source for Replayed<D> {
    type Item = D::Item;

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn kinds(&self) -> Vec<Name> {
        self.inner.kinds()
    }

    fn call(&self, kind: &str) -> CallSpec {
        self.inner.call(kind)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        self.inner.seed(query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        self.inner.lookup(ids)
    }

    fn follows(&self, task: &Task) -> Vec<(Name, u64)> {
        self.inner.follows(task)
    }

    async fn used(&self, cx: &Context) -> Result<Option<Cost>> {
        self.inner.used(cx).await
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.inner.check(cx).await
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        if let [task] = tasks
            && let Some(id) = self.answers.take(task)
            && let Some(stored) = self.store.payload(id).await?
        {
            return Ok(payload(stored));
        }
        self.inner.fetch(cx, tasks).await
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<Self::Item>> {
        let mut page = self.inner.parse(tasks, payload)?;
        // What was paid for once is not paid for by reading it again.
        if payload.cost == Some(Cost::none()) {
            page.cost = Some(Cost::none());
        }
        Ok(page)
    }
}
