//! What every test sets its scene with: a scripted source, sinks and stores with faults, and a world to put them in.

mod sink;
mod source;
mod store;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::{Timestamp, TokioClock};
use collector_core::domain::{Domain, Keyed, LastWins};
use collector_core::id::Id;
use collector_core::lock::{LeaseOptions, MemoryLock};
use collector_core::pipeline::{Engine, Job, Pipeline, RunReport};
use collector_core::sink::MemorySink;
use collector_core::store::{Counts, MemoryStore, Store};
use collector_core::task::Query;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub(crate) use sink::{Trick, TrickySink};
pub(crate) use source::{Asked, Fate, Reply, Said, Scripted};
pub(crate) use store::{Gate, GatedLock, GatedStore};

/// When every test begins: a midnight, so that days are counted from it.
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(20_000 * 86_400);

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Something with a key and a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thing {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Thing {
    pub(crate) fn new(key: &str, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

impl Keyed for Thing {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
}

pub(crate) type Things = LastWins<Thing>;

pub(crate) fn thing_id(key: &str) -> Id {
    Id::new("key", key)
}

/// A clock, a store, a lock and a sink that outlive the engines put between them.
pub(crate) struct World<D: Domain> {
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) domain: Arc<D>,
    pub(crate) store: MemoryStore<D>,
    pub(crate) lock: MemoryLock,
    pub(crate) sink: MemorySink<D::Entity>,
}

impl World<Things> {
    pub(crate) fn of_things() -> Self {
        Self::of(Things::new())
    }

    /// What the sink has: key and value, sorted.
    pub(crate) fn stored(&self) -> Vec<(String, String)> {
        things_in(&self.sink)
    }
}

impl<D: Domain> World<D> {
    pub(crate) fn of(domain: D) -> Self {
        let domain = Arc::new(domain);
        Self {
            clock: TokioClock::starting_at(BEGIN),
            store: MemoryStore::new(Arc::clone(&domain)),
            domain,
            lock: MemoryLock::new(),
            sink: MemorySink::named("sink"),
        }
    }

    /// A pipeline with everything but a source.
    pub(crate) fn pipeline(&self) -> Pipeline<D> {
        self.bare().sink(self.sink.clone())
    }

    /// A pipeline without source and sink.
    pub(crate) fn bare(&self) -> Pipeline<D> {
        Pipeline::new(Arc::clone(&self.domain))
            .clock(Arc::<TokioClock>::clone(&self.clock))
            .store(self.store.clone())
            .lock(self.lock.clone(), LeaseOptions::default())
    }

    pub(crate) async fn counts(&self) -> Counts {
        self.store.counts().await.unwrap()
    }

    pub(crate) async fn tasks(&self, state: &str) -> u64 {
        self.counts().await.tasks.get(state).copied().unwrap_or(0)
    }

    /// Nothing is held by anybody: no lease, no claim, no worker on the list.
    pub(crate) async fn assert_left_tidy(&self) {
        let counts = self.counts().await;
        assert_eq!(self.lock.kept(), 0, "leases are left");
        assert_eq!(counts.workers, 0, "workers are left");
        assert_eq!(counts.tasks.get("claimed"), None, "claims are left");
        for (name, sink) in &counts.sinks {
            assert!(sink.balances(), "sink {name} does not balance: {sink:?}");
        }
    }
}

/// What a sink of things has: key and value, sorted.
pub(crate) fn things_in(sink: &MemorySink<Option<Thing>>) -> Vec<(String, String)> {
    let things = sink.records().into_iter().filter_map(|record| (*record.entity).clone());
    let mut pairs: Vec<_> = things.map(|thing| (thing.key, thing.value)).collect();
    pairs.sort();
    pairs
}

/// Awaits something that must not take longer than this on the virtual clock.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => panic!("not done within {limit:?} of virtual time"),
    }
}

/// Runs a job to its end.
pub(crate) async fn run<D: Domain>(engine: &Engine<D>, job: Job) -> RunReport {
    let report = within(6 * HOUR, engine.run(job, CancellationToken::new())).await.unwrap();
    assert!(report.balances(), "{report:#?}");
    report
}

/// A job that asks for these handles.
pub(crate) fn handles<S: AsRef<str>>(handles: impl IntoIterator<Item = S>) -> Job {
    let handles = handles.into_iter().map(|handle| handle.as_ref().to_owned()).collect();
    Job::new("job", Query { handles, ..Query::default() })
}

/// A job that asks for `count` handles: `h000`, `h001` …
pub(crate) fn many(count: usize) -> Job {
    handles(numbered(count))
}

pub(crate) fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|i| format!("h{i:03}"))
}

/// A job that asks for a hashtag.
pub(crate) fn hashtag(tag: &str) -> Job {
    Job::new("tag", Query { hashtags: vec![tag.into()], ..Query::default() })
}
