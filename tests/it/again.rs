//! A field that is renamed in mid-run is noticed and named; a mended mapping reads what was bought again; somebody who is
//! erased leaves no trace. All of it on the store in a file.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::admission::Limits;
use collector_core::clock::{Clock, SystemClock};
use collector_core::context::Context;
use collector_core::creator::{CreatorSighting, Creators, id_kind};
use collector_core::error::Result;
use collector_core::id::{Id, Ids, Name};
use collector_core::pipeline::{End, Job, Pipeline, RunReport, SourceOptions};
use collector_core::rebuild::Rebuild;
use collector_core::source::{CallSpec, Source};
use collector_core::store::Store;
use collector_core::task::{Page, Payload, Query, Task};
use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sources::ensembledata::EnsembleData;
use collector_sources::simulator::{Running, SimulatorConfig};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{change_log, ensembledata, handles, post, simulator, stats};

const CREATORS: u32 = 700;

/// Runs before the vendor renames a field.
const BEFORE: usize = 350;

/// What the vendor calls the followers from then on, in its two spellings.
const RENAMED: [(&str, &str); 2] = [("followerCount", "fansTotal"), ("follower_count", "fans_total")];

struct World {
    vendor: Running,
    store: Arc<dyn Store<Creators>>,
    folder: TempDir,
    handles: Vec<String>,
}

impl World {
    async fn new(creators: u32) -> Self {
        let vendor = simulator(SimulatorConfig { creators, ..SimulatorConfig::default() }).await;
        let folder = TempDir::new().unwrap();
        let store = Self::open(folder.path()).await;
        let handles = handles(&vendor.url(), creators).await;
        Self { vendor, store, folder, handles }
    }

    async fn open(folder: &Path) -> Arc<dyn Store<Creators>> {
        let config = SqlConfig::new(folder.join("c.db"));
        Arc::new(SqlStore::open(&config, Arc::new(Creators::default())).await.unwrap())
    }

    fn source(&self) -> EnsembleData {
        ensembledata(&self.vendor)
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log.jsonl")
    }

    async fn run(&self, name: &str, handles: &[String]) -> RunReport {
        let query = Query { handles: handles.to_vec(), ..Query::default() };
        self.ask(name, query).await
    }

    async fn ask(&self, name: &str, query: Query) -> RunReport {
        let limits = Limits { in_flight: 16, per_second: None, burst: None };
        let engine = Pipeline::new(Creators::default())
            .store(Arc::clone(&self.store))
            .sink(JsonlSink::new(JsonlConfig::new(self.log())))
            .source_with(self.source(), SourceOptions { limits, ..SourceOptions::default() })
            .build()
            .unwrap();
        engine.run(Job::new(name, query).fresh_for(Duration::ZERO), CancellationToken::new()).await.unwrap()
    }

    async fn calls(&self) -> u64 {
        stats(&self.vendor.url()).await["calls"].as_u64().unwrap_or(0)
    }

    async fn followers(&self) -> (usize, usize) {
        let (mut known, mut all, mut after) = (0, 0, None);
        loop {
            let keys = self.store.keys(after, 500).await.unwrap();
            let Some(last) = keys.last() else { return (known, all) };
            after = Some(*last);
            for one in self.store.known(&keys).await.unwrap() {
                all += 1;
                known += usize::from(one.record.entity.followers.is_some());
            }
        }
    }
}

/// A source whose mapping was mended: it knows the new name, too.
struct Mended(EnsembleData);

#[async_trait]
impl Source for Mended {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        self.0.name()
    }

    fn kinds(&self) -> Vec<Name> {
        self.0.kinds()
    }

    fn call(&self, kind: &str) -> CallSpec {
        self.0.call(kind)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        self.0.seed(query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        self.0.lookup(ids)
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.0.check(cx).await
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        self.0.fetch(cx, tasks).await
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        let text = String::from_utf8_lossy(&payload.body).into_owned();
        let text = RENAMED.iter().fold(text, |text, (old, new)| text.replace(new, old));
        let mut read = Payload::new(text.into_bytes(), payload.at);
        read.status = payload.status;
        read.headers.clone_from(&payload.headers);
        read.cost = payload.cost;
        self.0.parse(tasks, &read)
    }
}

#[tokio::test]
async fn a_renamed_field_is_named_within_200_calls_and_a_mended_mapping_reads_what_was_bought() {
    let world = World::new(CREATORS).await;
    let (first, rest) = world.handles.split_at(BEFORE);
    let report = world.run("before", first).await;
    assert_eq!(report.end, End::Complete, "{:?}", report.reasons);

    let before = world.calls().await;
    let renamed: std::collections::BTreeMap<&str, &str> = RENAMED.into();
    let knobs = serde_json::json!({ "renamed_fields": renamed });
    post(&world.vendor.url(), "/control", &knobs.to_string()).await;
    let report = world.run("renamed", rest).await;
    assert_eq!(report.end, End::Partial, "{report:?}");
    let made = world.calls().await - before;
    assert!(made <= 200, "{made} calls after the field was renamed");
    let reason = report.reasons.iter().find(|reason| reason.contains("drift")).unwrap();
    for part in ["ensembledata", "`followers`", "path: ", "ollower"] {
        assert!(reason.contains(part), "{part} is not named: {reason}");
    }
    let parked = world.store.parked().await.unwrap();
    assert!(parked[0].reason.contains("`followers`"), "{}", parked[0].reason);

    // Today's mapping makes nothing else of it: nothing changes, and nobody gets anything.
    let (known, all) = world.followers().await;
    assert!(known < all, "{known} of {all}");
    let versions = world.store.counts().await.unwrap().versions;
    let read = |source: Arc<dyn Source<Item = CreatorSighting>>| {
        Rebuild::new(Arc::clone(&world.store), vec![source], Arc::new(SystemClock))
    };
    let stop = CancellationToken::new();
    let same = read(Arc::new(world.source())).run(None, false, &stop, &|_| {}).await.unwrap();
    assert_eq!((same.versions, same.unreadable, same.without_tasks), (0, 0, 0), "{same:?}");
    assert_eq!(world.store.counts().await.unwrap().versions, versions);

    let calls = world.calls().await;
    let mended = read(Arc::new(Mended(world.source()))).run(None, false, &stop, &|_| {}).await.unwrap();
    assert_eq!(world.followers().await, (all, all), "everybody's are known");
    assert_eq!(mended.versions as usize, all - known, "only what changed is owed: {mended:?}");
    assert_eq!(world.calls().await, calls, "nothing is bought again");
}

#[tokio::test]
async fn a_rebuild_that_was_stopped_goes_on_where_it_was() {
    let world = World::new(CREATORS).await;
    world.run("all", &world.handles).await;
    let read = Rebuild::new(Arc::clone(&world.store), vec![Arc::new(world.source())], Arc::new(SystemClock));
    let stop = CancellationToken::new();
    let first = read.run(None, false, &stop, &|_| stop.cancel()).await;
    assert!(first.is_err());
    let rest = std::sync::atomic::AtomicUsize::new(0);
    let count = |_: &collector_core::rebuild::Rebuilt| {
        rest.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    };
    let done = read.run(None, false, &CancellationToken::new(), &count).await.unwrap();
    let answers = world.store.counts().await.unwrap().payloads;
    assert!(done.resumed && done.answers == answers, "{done:?} of {answers}");
    assert_eq!(rest.into_inner() as u64, answers.div_ceil(64) - 1, "the first batch was not read again");
    assert_eq!(world.store.note("rebuild").await.unwrap(), None);
}

#[tokio::test]
async fn somebody_who_is_erased_leaves_no_trace_and_does_not_come_back() {
    let world = World::new(60).await;
    world.run("all", &world.handles).await;
    let handle = world.handles.iter().max_by_key(|handle| handle.len()).unwrap().clone();
    let id = Id::new(id_kind::TIKTOK_HANDLE, handle.to_lowercase());
    let known = world.store.find(&id).await.unwrap().unwrap();
    let traces: Vec<String> = known.ids.iter().map(|id| id.value.to_string()).collect();
    assert!(traces.len() >= 3, "{traces:?}");
    world.store.put_list("with", std::slice::from_ref(&known.ids), SystemClock.now()).await.unwrap();
    let before = world.store.counts().await.unwrap();

    let erased = world.store.erase(&"w".into(), &known.ids, SystemClock.now()).await.unwrap();
    assert_eq!(erased.records, [known.record.key]);
    assert!(erased.answers_removed > 0 && erased.sightings > 0 && erased.places == 1, "{erased:?}");
    let counts = world.store.counts().await.unwrap();
    assert_eq!(counts.entities, before.entities - 1);
    no_trace(&world, &traces).await;

    // A later run asks about everybody, the vendor shows them again, and nothing of it is kept.
    let report = world.run("again", &world.handles).await;
    assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
    assert!(world.store.find(&id).await.unwrap().is_none());
    assert_eq!(world.store.counts().await.unwrap().entities, before.entities - 1);
    let lines = collector_sinks::jsonl::erase(&world.log(), &erased.records).await.unwrap();
    assert!(lines > 0);
    let log = std::fs::read_to_string(world.log()).unwrap();
    assert!(traces.iter().all(|trace| !log.contains(trace)), "the change log names them");
    assert!(!change_log_has(&world.log(), known.record.key.0));
    no_trace(&world, &traces).await;
}

#[tokio::test]
async fn somebody_who_is_erased_is_cut_out_of_answers_that_show_others() {
    let world = World::new(120).await;
    let first = crate::support::get(&world.vendor.url(), "/truth?from=0&limit=1").await;
    let first: serde_json::Value = serde_json::from_str(first.trim()).unwrap();
    let search = || Query {
        hashtags: vec![first["hashtags"][0].as_str().unwrap().to_owned()],
        hydrate: Some(false),
        ..Query::default()
    };
    world.ask("search", search()).await;
    let keys = world.store.keys(None, 1_000).await.unwrap();
    let everybody = world.store.known(&keys).await.unwrap();
    let longest = |ids: &Ids| ids.get(id_kind::TIKTOK_HANDLE).map_or(0, str::len);
    let who = everybody.iter().max_by_key(|known| longest(&known.ids)).unwrap();
    let traces: Vec<String> = who.ids.iter().map(|id| id.value.to_string()).collect();
    let others = || everybody.iter().filter(|known| known.record.key != who.record.key);

    let erased = world.store.erase(&"w".into(), &who.ids, SystemClock.now()).await.unwrap();
    assert!(erased.answers_rewritten > 0 && erased.records == [who.record.key], "{erased:?}");
    no_trace(&world, &traces).await;
    // A search that shows them again, and one that was under way, leave nothing either; the others are who they were.
    world.ask("again", search()).await;
    no_trace(&world, &traces).await;
    for other in others() {
        let known = world.store.known(&[other.record.key]).await.unwrap().pop().unwrap();
        assert_eq!(known.record.entity.handle, other.record.entity.handle);
        assert_eq!(known.ids, other.ids);
    }
    assert_eq!(world.store.counts().await.unwrap().entities as usize, others().count());
}

fn change_log_has(path: &Path, key: u64) -> bool {
    change_log(path).contains_key(&key)
}

/// Looks through every answer as it is kept.
async fn no_answer_shows(world: &World, traces: &[String]) {
    let mut after = None;
    loop {
        let page = world.store.answers(None, after, 64).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.payload.id);
        for answer in &page {
            let body = String::from_utf8_lossy(&answer.payload.body);
            let found = traces.iter().find(|trace| body.contains(&format!("\"{trace}\"")));
            assert_eq!(found, None, "answer {} shows them", answer.payload.id.0);
        }
    }
}

/// Looks through every answer, and every byte of the store's files.
async fn no_trace(world: &World, traces: &[String]) {
    no_answer_shows(world, traces).await;
    for file in ["c.db", "c.db-wal"] {
        let bytes = std::fs::read(world.folder.path().join(file)).unwrap_or_default();
        for trace in traces {
            let found = bytes.windows(trace.len()).position(|window| window == trace.as_bytes());
            assert_eq!(found, None, "{trace} stands in {file}");
        }
    }
}
