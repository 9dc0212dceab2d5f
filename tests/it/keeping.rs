//! What is not kept goes in small batches, beside whoever works; what a record rests on stays, and can be read again.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::admission::Limits;
use collector_core::clock::{Clock, SystemClock, Timestamp};
use collector_core::context::Context;
use collector_core::creator::{Creators, id_kind};
use collector_core::id::{Id, PayloadId};
use collector_core::pipeline::{End, Engine, Job, Pipeline, SourceOptions};
use collector_core::rebuild::Rebuild;
use collector_core::search::{self, CreatorIndex};
use collector_core::store::{Payloads, Retention, Store, Tidied, upkeep};
use collector_core::task::Query;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::{TantivyConfig, TantivySearch, TantivySink};
use collector_sources::ensembledata::EnsembleData;
use collector_sources::simulator::{Running, SimulatorConfig};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{ensembledata, get, handles, post, simulator};

const CREATORS: u32 = 250;
const DAY: Duration = Duration::from_secs(86_400);

/// The machine's clock, some days ahead.
#[derive(Debug, Default)]
struct Ahead(AtomicU64);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> tokio::time::Instant {
        SystemClock.monotonic()
    }

    async fn sleep(&self, time: Duration) {
        SystemClock.sleep(time).await;
    }
}

struct World {
    vendor: Running,
    folder: TempDir,
    store: Arc<dyn Store<Creators>>,
    clock: Arc<Ahead>,
    handles: Vec<String>,
    tag: String,
}

impl World {
    async fn new(config: SimulatorConfig) -> Self {
        let vendor = simulator(SimulatorConfig { creators: CREATORS, changed_share: 0.5, ..config }).await;
        let folder = TempDir::new().unwrap();
        let place = SqlConfig::new(folder.path().join("c.db"));
        let store = Arc::new(SqlStore::open(&place, Arc::new(Creators::default())).await.unwrap());
        let handles = handles(&vendor.url(), CREATORS).await;
        let first = get(&vendor.url(), "/truth?from=0&limit=1").await;
        let first: serde_json::Value = serde_json::from_str(first.trim()).unwrap();
        let tag = first["hashtags"][0].as_str().unwrap().to_owned();
        Self { vendor, folder, store, clock: Arc::default(), handles, tag }
    }

    fn source(&self) -> EnsembleData {
        ensembledata(&self.vendor)
    }

    fn engine(&self) -> Engine<Creators> {
        let limits = Limits { in_flight: 16, ..Limits::default() };
        Pipeline::new(Creators::default())
            .clock(Arc::<Ahead>::clone(&self.clock))
            .store(Arc::clone(&self.store))
            .source_with(self.source(), SourceOptions { limits, ..SourceOptions::default() })
            .build()
            .unwrap()
    }

    /// A day on which everybody is asked for, and a hashtag is searched; then it is over.
    async fn day(&self, generation: u32) {
        post(&self.vendor.url(), "/control", &format!("{{\"generation\":{generation}}}")).await;
        let options = serde_json::json!({ "posts_pages": 1 });
        let everybody = Query {
            handles: self.handles.clone(),
            options: [("ensembledata".to_owned(), options)].into(),
            ..Query::default()
        };
        let search = Query { hashtags: vec![self.tag.clone()], max_pages: Some(3), ..Query::default() };
        for (name, query) in [("everybody", everybody), ("search", search)] {
            let job = Job::new(name, query).fresh_for(DAY / 2);
            let report = self.engine().run(job, CancellationToken::new()).await.unwrap();
            assert_ne!(report.end, End::Stopped, "{:?}", report.reasons);
        }
        self.clock.0.fetch_add(DAY.as_secs(), Ordering::SeqCst);
    }

    async fn tidy(&self, keep: &Retention) -> (Tidied, usize) {
        let (mut tidied, mut batches) = (Tidied::default(), 0);
        while !tidied.done {
            tidied.add(&self.store.tidy(keep, self.clock.now()).await.unwrap());
            batches += 1;
            assert!(batches < 1_000, "it never ends: {tidied:?}");
        }
        (tidied, batches)
    }

    async fn answers(&self) -> BTreeSet<PayloadId> {
        let (mut after, mut ids) = (None, BTreeSet::new());
        loop {
            let page = self.store.answers(None, after, 500).await.unwrap();
            let Some(last) = page.last() else { return ids };
            after = Some(last.payload.id);
            ids.extend(page.iter().map(|answer| answer.payload.id));
        }
    }

    /// Everybody as they are merged.
    async fn everybody(&self) -> Vec<String> {
        let keys = self.store.keys(None, 10_000).await.unwrap();
        let known = self.store.known(&keys).await.unwrap();
        known.iter().map(|known| serde_json::to_string(&known.record.entity).unwrap()).collect()
    }
}

const LATEST: Retention =
    Retention { payloads: Payloads::Latest, runs: Some(Duration::from_secs(14 * 86_400)) };

#[tokio::test]
async fn of_each_request_the_latest_answer_is_kept_and_everything_can_be_read_again() {
    let world = World::new(SimulatorConfig { broken_profiles: 5, ..SimulatorConfig::default() }).await;
    for generation in 0..4 {
        world.day(generation).await;
    }
    let letters = world.store.dead_letters(1_000).await.unwrap();
    assert!(letters.len() >= 5, "{}", letters.len());
    let (before, merged) = (world.answers().await.len(), world.everybody().await);
    let (all, _) = world.tidy(&Retention { payloads: Payloads::All, runs: None }).await;
    assert_eq!(
        (all.answers, world.answers().await.len()),
        (0, before),
        "all are kept unless it is asked for"
    );

    let (tidied, _) = world.tidy(&LATEST).await;
    let left = world.answers().await;
    assert_eq!(left.len() as u64, before as u64 - tidied.answers);
    assert!(tidied.answers > u64::from(CREATORS), "{tidied:?} of {before}");
    assert_eq!(world.store.counts().await.unwrap().payloads, left.len() as u64, "they are counted");
    assert_eq!(world.everybody().await, merged);
    for letter in world.store.dead_letters(1_000).await.unwrap() {
        assert!(letter.payload.is_none_or(|payload| left.contains(&payload)), "{letter:?}");
    }
    // Read again, what is kept says what it said.
    let versions = world.store.counts().await.unwrap().versions;
    let reading =
        Rebuild::new(Arc::clone(&world.store), vec![Arc::new(world.source())], Arc::new(SystemClock));
    let read = reading.run(None, false, &CancellationToken::new(), &|_| {}).await.unwrap();
    assert_eq!((read.answers + read.unreadable, read.versions), (left.len() as u64, 0), "{read:?}");
    assert!(read.unreadable >= 5, "those of dead letters are kept, too: {read:?}");
    assert_eq!(world.store.counts().await.unwrap().versions, versions);
    assert_eq!(world.tidy(&LATEST).await.0.answers, 0, "nothing is left to be done");
}

#[tokio::test]
async fn what_nobody_asks_any_more_goes_after_a_month_unless_a_record_rests_on_it() {
    let world = World::new(SimulatorConfig::default()).await;
    world.day(0).await;
    let merged = world.everybody().await;
    world.clock.0.fetch_add(40 * DAY.as_secs(), Ordering::SeqCst);
    let (tidied, _) = world.tidy(&LATEST).await;
    let (left, counts) = (world.answers().await, world.store.counts().await.unwrap());
    assert!(left.len() as u32 >= CREATORS, "profiles and posts are what records rest on: {}", left.len());
    assert_eq!(
        counts.tasks.get("done").copied().unwrap_or(0) + counts.tasks.get("absent").copied().unwrap_or(0),
        0
    );
    assert!(tidied.tasks > u64::from(CREATORS), "{tidied:?}");
    assert_eq!(counts.runs.len(), 2, "of each job the newest run stays");
    assert_eq!(world.everybody().await, merged);
    // Who was answered is known by the sighting, too: inside its window nobody is asked again.
    let asked = crate::support::stats(&world.vendor.url()).await["calls"].as_u64().unwrap();
    let handles = Query { handles: world.handles.clone(), ..Query::default() };
    let job = Job::new("again", handles).fresh_for(100 * DAY);
    let report = world.engine().run(job, CancellationToken::new()).await.unwrap();
    let after = crate::support::stats(&world.vendor.url()).await["calls"].as_u64().unwrap();
    assert!(report.counts.fresh > u64::from(CREATORS) * 9 / 10, "{report:?}");
    assert!(after - asked <= u64::from(CREATORS) / 10, "{} calls", after - asked);
}

#[tokio::test]
async fn one_day_of_each_week_stands_for_what_is_old() {
    let world = World::new(SimulatorConfig::default()).await;
    for generation in 0..16 {
        world.day(generation).await;
    }
    world.clock.0.fetch_add(60 * DAY.as_secs(), Ordering::SeqCst);
    let days = async || {
        let id = Id::new(id_kind::TIKTOK_HANDLE, world.handles[0].to_lowercase());
        let key = world.store.find(&id).await.unwrap().unwrap().record.key;
        world.store.history(key).await.unwrap()
    };
    let before = days().await;
    let (tidied, _) = world.tidy(&Retention::default()).await;
    let after = days().await;
    assert!(tidied.days > 0 && after.len() < before.len(), "{} of {}", after.len(), before.len());
    let weeks: BTreeSet<i32> = before.iter().map(|day| day.day.div_euclid(7)).collect();
    assert_eq!(after.iter().map(|day| day.day.div_euclid(7)).collect::<BTreeSet<_>>(), weeks);
    assert_eq!(after.last(), before.last(), "the newest of a week is the one that stays");
    for day in &after {
        let of_week = |other: &&collector_core::domain::Day| other.day.div_euclid(7) == day.day.div_euclid(7);
        assert_eq!(before.iter().rfind(of_week), Some(day));
    }
}

#[tokio::test]
async fn it_works_beside_a_run_and_goes_on_after_it_was_stopped() {
    let world = World::new(SimulatorConfig::default()).await;
    for generation in 0..3 {
        world.day(generation).await;
    }
    // Between two batches it is given up, and opened by another process.
    let first = world.store.tidy(&LATEST, world.clock.now()).await.unwrap();
    assert!(first.answers > 0 && !first.done, "{first:?}");
    let world = {
        let World { vendor, folder, store, clock, handles, tag } = world;
        drop(store);
        let place = SqlConfig::new(folder.path().join("c.db"));
        let store = Arc::new(SqlStore::open(&place, Arc::new(Creators::default())).await.unwrap());
        World { vendor, folder, store, clock, handles, tag }
    };
    let stop = CancellationToken::new();
    let tidying = async {
        let mut removed = Tidied::default();
        while !removed.done {
            removed.add(&world.store.tidy(&LATEST, world.clock.now()).await.unwrap());
            tokio::task::yield_now().await;
        }
        removed
    };
    let (removed, ()) = tokio::join!(tidying, world.day(3));
    assert!(removed.answers > 0, "{removed:?}");
    let done = upkeep(&*world.store, &LATEST, &[], &*world.clock, &stop).await.unwrap().unwrap();
    assert!(done.done);
    assert_eq!(upkeep(&*world.store, &LATEST, &[], &*world.clock, &stop).await.unwrap(), None, "once a day");
    let read = Rebuild::new(Arc::clone(&world.store), vec![Arc::new(world.source())], Arc::new(SystemClock));
    let read = read.run(None, false, &stop, &|_| {}).await.unwrap();
    assert_eq!((read.versions, read.without_tasks), (0, 0), "{read:?}");
    // What comes free is used again: as much again does not make the file larger.
    let size = || std::fs::metadata(world.folder.path().join("c.db")).unwrap().len();
    for generation in 4..6 {
        world.day(generation).await;
        world.tidy(&LATEST).await;
    }
    let settled = size();
    for generation in 6..9 {
        world.day(generation).await;
        world.tidy(&LATEST).await;
    }
    assert!(size() <= settled * 11 / 10, "{} after {settled}", size());
}

#[tokio::test]
async fn what_a_vendor_lets_nobody_keep_is_neither_shown_nor_found_and_comes_in_as_new() {
    let world = World::new(SimulatorConfig::default()).await;
    let place = TantivyConfig::new(world.folder.path().join("search"));
    let run = async |name: &str, handles: &[String]| {
        let limits = Limits { in_flight: 16, ..Limits::default() };
        let options = SourceOptions { limits, keep_for: Some(30 * DAY), ..SourceOptions::default() };
        let engine = Pipeline::new(Creators::default())
            .clock(Arc::<Ahead>::clone(&world.clock))
            .store(Arc::clone(&world.store))
            .sink(TantivySink::new(place.clone()))
            .source_with(world.source(), options)
            .build()
            .unwrap();
        let query = Query { handles: handles.to_vec(), ..Query::default() };
        let job = Job::new(name, query).fresh_for(100 * DAY);
        let report = engine.run(job, CancellationToken::new()).await.unwrap();
        assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
        report.counts.answers
    };
    let found = async |text: &str| {
        let index = TantivySearch::open(world.folder.path().join("search")).unwrap();
        index.search(&Context::detached(), &search::Query::parse(text).unwrap()).await.unwrap()
    };
    let days_pass = |days: u64| world.clock.0.fetch_add(days * DAY.as_secs(), Ordering::SeqCst);
    let (old, young) = world.handles.split_at(CREATORS as usize / 2);
    run("old", old).await;
    days_pass(20);
    run("young", young).await;
    assert_eq!(found("").await.total, u64::from(CREATORS));
    days_pass(15);

    assert_eq!(run("young again", young).await, 0, "what is kept is fresh");
    let counts = world.store.counts().await.unwrap();
    assert_eq!((counts.entities as usize, counts.sightings as usize), (young.len(), young.len()));
    assert_eq!(found("").await.total as usize, young.len());
    let moment = world.clock.now() - 30 * DAY;
    for answer in world.store.answers(None, None, 10_000).await.unwrap() {
        assert!(answer.last_at >= moment, "{:?} was got at {}", answer.payload.id, answer.last_at);
    }
    for handle in &world.handles {
        let stays = young.contains(handle);
        let shown = world.store.find(&Id::new(id_kind::TIKTOK_HANDLE, handle.to_lowercase())).await.unwrap();
        assert_eq!(shown.is_some(), stays, "{handle} in the store");
        let hits = found(handle).await.hits;
        let hit = hits.iter().any(|hit| hit.creator.handle.as_deref() == Some(&**handle));
        assert_eq!(hit, stays, "{handle} in the index");
    }
    assert_eq!(
        run("old again", old).await as usize,
        old.len(),
        "they are asked, however long answers are fresh"
    );
    assert_eq!(world.store.counts().await.unwrap().entities, u64::from(CREATORS));
    assert_eq!(found("").await.total, u64::from(CREATORS));
}
