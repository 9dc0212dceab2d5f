//! Everything that was bought, read once more: after a mapping was mended, kept answers say what they should have said.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::PayloadId;
use crate::replay;
use crate::source::Source;
use crate::store::{KeptAnswer, ReadAgain, Store, WorkerId};
use crate::task::Page;

/// Answers that are read and written together.
const BATCH: usize = 64;

/// How often it is said that somebody works here: well within the time a worker may be silent.
const BEAT: Duration = Duration::from_secs(10);

/// What was read again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rebuilt {
    /// Answers that could be read.
    pub answers: u64,
    /// Answers that cannot be read.
    pub unreadable: u64,
    /// Answers of sources that are not there.
    pub without_source: u64,
    /// Answers of which it is not known any more what had been asked.
    pub without_tasks: u64,
    /// What the answers say.
    pub items: u64,
    /// Of that, what changed something.
    pub changed: u64,
    /// Versions given: what the sinks are owed.
    pub versions: u64,
    /// Whether an earlier attempt had done a part of it.
    pub resumed: bool,
}

/// How far it is: kept with what it writes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    after: u64,
    done: Rebuilt,
}

/// Reads kept answers again and merges what they say. Nobody is asked, and no task is opened.
pub struct Rebuild<D: Domain> {
    store: Arc<dyn Store<D>>,
    sources: Vec<Arc<dyn Source<Item = D::Item>>>,
    clock: Arc<dyn Clock>,
    worker: WorkerId,
}

impl<D: Domain> std::fmt::Debug for Rebuild<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.sources.iter().map(|source| source.name()).collect();
        f.debug_struct("Rebuild").field("sources", &names).finish_non_exhaustive()
    }
}

impl<D: Domain> Rebuild<D> {
    /// Reads the answers of a store by what these sources make of them today.
    pub fn new(
        store: Arc<dyn Store<D>>,
        sources: Vec<Arc<dyn Source<Item = D::Item>>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let worker = format!("rebuild-{}-{:016x}", std::process::id(), rand::random::<u64>()).into();
        Self { store, sources, clock, worker }
    }

    /// Reads every answer, or those of one source, and goes on where an earlier attempt ended unless `afresh`. What it
    /// changed is owed to the sinks. `watch` is told after each batch.
    ///
    /// # Errors
    /// `Cancelled` when `stop` fires: the same call goes on. `Storage`.
    pub async fn run(
        &self,
        only: Option<&str>,
        afresh: bool,
        stop: &CancellationToken,
        watch: &(dyn Fn(&Rebuilt) + Send + Sync),
    ) -> Result<Rebuilt> {
        let done = self.read_all(only, afresh, stop, watch).await;
        let closed = self.store.close(&self.worker).await;
        let done = done?;
        closed?;
        Ok(done)
    }

    async fn read_all(
        &self,
        only: Option<&str>,
        afresh: bool,
        stop: &CancellationToken,
        watch: &(dyn Fn(&Rebuilt) + Send + Sync),
    ) -> Result<Rebuilt> {
        let note = only.map_or_else(|| "rebuild".to_owned(), |source| format!("rebuild {source}"));
        let mut place = self.place(&note, afresh).await?;
        let mut beat = None;
        loop {
            if stop.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "stopped while answers were read again"));
            }
            let now = self.clock.monotonic();
            if beat.is_none_or(|last| now.saturating_duration_since(last) >= BEAT) {
                self.store.heartbeat(&self.worker, self.clock.now()).await?;
                beat = Some(now);
            }
            let after = Some(PayloadId(place.after)).filter(|after| after.0 > 0);
            let kept = self.store.answers(only, after, BATCH).await?;
            let Some(last) = kept.last() else { break };
            place.after = last.payload.id.0;
            let mut said = Vec::with_capacity(kept.len());
            for answer in kept {
                said.extend(self.read(answer, &mut place.done));
            }
            self.write(said, &note, &mut place).await?;
            watch(&place.done);
        }
        self.store.put_note(&note, None).await?;
        Ok(place.done)
    }

    async fn place(&self, note: &str, afresh: bool) -> Result<Place> {
        let known = if afresh { None } else { self.store.note(note).await? };
        // A note that cannot be read is one of another program: everything is read from the beginning.
        let mut place: Place = known.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        place.done.resumed = place.after > 0;
        Ok(place)
    }

    /// What an answer says today.
    fn read(&self, answer: KeptAnswer, done: &mut Rebuilt) -> Option<ReadAgain<D>> {
        let KeptAnswer { payload, last_at, tasks } = answer;
        let Some(source) = self.sources.iter().find(|source| source.name() == &*payload.source) else {
            done.without_source += 1;
            return None;
        };
        if tasks.is_empty() {
            done.without_tasks += 1;
            return None;
        }
        let (id, name) = (payload.id, Arc::clone(&payload.source));
        let mut payload = replay::payload(payload);
        payload.at = last_at;
        let read = AssertUnwindSafe(|| source.parse(&tasks, &payload));
        let Ok(Ok(Page { items, .. })) = catch_unwind(read) else {
            done.unreadable += 1;
            return None;
        };
        done.answers += 1;
        done.items += items.len() as u64;
        Some(ReadAgain { payload: id, source: name, at: last_at, items })
    }

    async fn write(&self, said: Vec<ReadAgain<D>>, note: &str, place: &mut Place) -> Result<()> {
        // What a batch changes is only known behind it: the note that is kept with it lags one batch in these two.
        let text = serde_json::to_string(&place).map_err(|error| {
            Error::new(ErrorKind::Storage, "how far it is cannot be written as JSON").caused_by(error)
        })?;
        let now = self.clock.now();
        let committed = self.store.read_again(&self.worker, said, Some((note, &text)), now).await?;
        place.done.changed += committed.changed;
        place.done.versions += committed.versions;
        Ok(())
    }
}
