//! The EchoTik adapter against the simulator, which was written from the vendor's documentation and shares no type with
//! it: whole runs, compared with what is true of the population and with what the simulator counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use collector_core::creator::{Creator, Creators};
use collector_core::id::Id;
use collector_core::pipeline::{End, Engine, Job, Pipeline, RunReport};
use collector_core::sink::MemorySink;
use collector_core::store::{MemoryStore, Store};
use collector_core::task::Query;
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};
use collector_sources::ensembledata::EnsembleDataConfig;
use collector_sources::simulator::{EchoTikKnobs, SimulatorConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::effects::Roster;
use crate::simulated::World;

/// What is true of one creator.
#[derive(Debug, Clone, Deserialize)]
struct Truth {
    uid: String,
    sec_uid: String,
    handle: String,
    name: String,
    bio: String,
    country: String,
    followers: u64,
    following: u64,
    hearts: u64,
    videos: u64,
    has_shop: bool,
    verified: bool,
    avatar_uri: String,
    commerce: Option<Commerce>,
    known_by: Vec<String>,
    broken_profile: bool,
    posts: Vec<TruePost>,
}

#[derive(Debug, Clone, Deserialize)]
struct Commerce {
    gmv_30d: u64,
    units_30d: u64,
    avg_price: u64,
    ec_score: u64,
}

#[derive(Debug, Clone, Deserialize)]
struct TruePost {
    id: String,
    views: u64,
}

/// A simulator, and what a run against it leaves behind.
struct Bench {
    world: World,
    store: Arc<MemoryStore<Creators>>,
    sink: MemorySink<Creator>,
}

impl Bench {
    async fn start(config: SimulatorConfig) -> Self {
        let world = World::with(config, EnsembleDataConfig::default()).await;
        let store = Arc::new(MemoryStore::new(Creators::default()));
        Self { world, store, sink: MemorySink::new() }
    }

    fn source(&self, options: EchoTikConfig) -> EchoTik {
        let EchoTikKnobs { username, password, .. } = EchoTikKnobs::default();
        let base_url = format!("{}/echotik", self.world.simulator.url()).into();
        let config =
            EchoTikConfig { base_url, username: username.into(), password: password.into(), ..options };
        EchoTik::new(config).unwrap()
    }

    fn pipeline(&self) -> Pipeline<Creators> {
        Pipeline::new(Creators::default()).store(Arc::clone(&self.store)).sink(self.sink.clone())
    }

    async fn run(&self, engine: Engine<Creators>, query: Query) -> RunReport {
        engine.run(Job::new("made up", query), CancellationToken::new()).await.unwrap()
    }

    async fn truths(&self) -> Vec<Truth> {
        self.world.truth("/truth?limit=100000&posts=12").await
    }

    fn records(&self) -> BTreeMap<String, Creator> {
        let records = self.sink.records().into_iter().map(|record| record.entity.as_ref().clone());
        records.map(|creator| (creator.uid.as_deref().unwrap().to_owned(), creator)).collect()
    }

    /// One task is given up, and it asked for this.
    async fn only_dead_letter(&self, subject: &str) {
        let letters = self.store.dead_letters(10).await.unwrap();
        let [letter] = &letters[..] else { panic!("{letters:?}") };
        assert_eq!(letter.task.as_ref().unwrap().subject(), subject);
    }

    /// How often the vendor was called at all.
    async fn all_calls(&self) -> u64 {
        let stats: Vec<Value> = self.world.truth("/stats").await;
        let endpoints = stats[0]["endpoints"].as_object().unwrap();
        let vendors = endpoints.iter().filter(|(path, _)| path.starts_with("/echotik/"));
        vendors.map(|(_, counted)| counted["calls"].as_u64().unwrap()).sum()
    }

    /// How often a path of the vendor was called.
    async fn calls(&self, path: &str) -> u64 {
        let stats: Vec<Value> = self.world.truth("/stats").await;
        stats[0]["endpoints"][format!("/echotik/api/v3{path}")]["calls"].as_u64().unwrap_or(0)
    }
}

fn config(creators: u32) -> SimulatorConfig {
    SimulatorConfig { creators, ..SimulatorConfig::default() }
}

/// White space counts once: the vendor's control characters are read as blanks.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn check(creator: &Creator, truth: &Truth) {
    assert_eq!(creator.handle.as_deref(), Some(&*truth.handle));
    assert_eq!(creator.name.as_deref(), Some(&*truth.name));
    assert_eq!(creator.country.as_deref(), Some(&*truth.country));
    assert_eq!((creator.followers, creator.likes), (Some(truth.followers), Some(truth.hearts)));
    assert_eq!(creator.following.unwrap_or(0), truth.following);
    assert_eq!((creator.videos, creator.has_shop), (Some(truth.videos), Some(truth.has_shop)));
    if !truth.bio.contains('@') {
        assert_eq!(words(creator.bio.as_deref().unwrap_or_default()), words(&truth.bio));
    }
    let sold = truth.commerce.as_ref();
    let known = |value: Option<u64>| value.filter(|value| *value > 0);
    assert_eq!(creator.gmv_30d, sold.map(|sold| sold.gmv_30d));
    assert_eq!(creator.ec_score, known(sold.map(|sold| sold.ec_score)));
    assert_eq!(creator.currency.as_deref(), sold.map(|_| "USD"));
    // Only where the vendor tells them in a form that can stand beside turnover.
    assert_eq!(creator.avg_price, sold.map(|sold| sold.avg_price).filter(|_| truth.country == "US"));
    assert!(creator.units_30d.is_none_or(|units| Some(units) == sold.map(|sold| sold.units_30d)));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_all_regions_are_the_population() {
    for echotik in [EchoTikKnobs::default(), {
        let mut knobs = EchoTikKnobs::default();
        (knobs.code_as_text, knobs.wrapped_lists, knobs.null_when_empty) = (true, true, true);
        knobs
    }] {
        let bench = Bench::start(SimulatorConfig { echotik, ..config(300) }).await;
        let truths = bench.truths().await;
        let mut regions: Vec<String> = truths.iter().map(|truth| truth.country.clone()).collect();
        regions.sort_unstable();
        regions.dedup();
        let pages: usize = regions
            .iter()
            .map(|region| truths.iter().filter(|truth| truth.country == *region).count() / 10 + 1)
            .sum();
        let query =
            Query { regions, extra: [("listings".to_owned(), json!([{}]))].into(), ..Query::default() };
        let engine = bench.pipeline().source(bench.source(EchoTikConfig::default())).build().unwrap();
        let report = bench.run(engine, query).await;
        assert_eq!(report.end, End::Complete, "{report:?}");
        let records = bench.records();
        assert_eq!(records.len(), truths.len());
        truths.iter().for_each(|truth| check(&records[&truth.uid], truth));
        assert!(truths.iter().any(|truth| truth.commerce.is_some() && truth.country == "US"));
        assert!(records.values().any(|creator| creator.units_30d.is_some()));
        assert_eq!(
            bench.calls("/echotik/influencer/list").await,
            pages as u64,
            "a page each, and no other call"
        );
        assert_eq!(bench.calls("/echotik/influencer/detail").await, 0, "a row shows as much as details");
    }
}

/// What the promise of ten a call is shown with.
const EVERYBODY: u32 = 5_000;

/// Ten a call, and whose row is broken fails alone.
#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_handles_are_five_hundred_calls() {
    let bench = Bench::start(SimulatorConfig { broken_profiles: 1, ..config(EVERYBODY) }).await;
    let truths = bench.truths().await;
    let (broken, whole): (Vec<_>, Vec<_>) = truths.iter().partition(|truth| truth.broken_profile);
    assert_eq!((broken.len(), whole.len()), (1, 4_999));
    let engine = bench.pipeline().source(bench.source(EchoTikConfig::default())).build().unwrap();
    let query =
        Query { handles: truths.iter().map(|truth| truth.handle.clone()).collect(), ..Query::default() };
    let report = bench.run(engine, query).await;
    assert_eq!(report.end, End::Partial, "{report:?}");
    assert_eq!(bench.calls("/echotik/influencer/detail").await, 500);
    assert_eq!(bench.all_calls().await, 500, "and no other call");

    let counts = bench.store.counts().await.unwrap();
    let tasks = |state: &str| counts.tasks.get(state).copied().unwrap_or(0);
    assert_eq!((counts.entities, counts.dead, counts.payloads), (4_999, 1, 500));
    assert_eq!((tasks("done"), tasks("dead"), counts.tasks.values().sum::<u64>()), (4_999, 1, 5_000));
    let records = bench.records();
    assert_eq!(records.len(), 4_999);
    whole.iter().for_each(|truth| check(&records[&truth.uid], truth));
    bench.only_dead_letter(&broken[0].handle).await;
}

/// The same when others show people: who was seen is looked up by number.
#[tokio::test(flavor = "multi_thread")]
async fn an_enricher_asks_for_ten_at_a_time() {
    let bench = Bench::start(SimulatorConfig { broken_profiles: 1, ..config(EVERYBODY) }).await;
    let engine = bench
        .pipeline()
        .source(Roster::new(&bench.world.simulator.url(), EVERYBODY))
        .enrich(bench.source(EchoTikConfig::default()))
        .build()
        .unwrap();
    let report = bench.run(engine, Query::default()).await;
    assert_eq!(report.end, End::Partial, "{report:?}");
    assert_eq!(bench.calls("/echotik/influencer/detail").await, 500);
    assert_eq!(bench.all_calls().await, 500, "and no other call");
    let truths = bench.truths().await;
    let records = bench.records();
    let (broken, whole): (Vec<_>, Vec<_>) = truths.iter().partition(|truth| truth.broken_profile);
    assert_eq!((broken.len(), whole.len()), (1, 4_999));
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.entities, counts.dead, records.len()), (5_000, 1, 5_000));
    whole.iter().for_each(|truth| check(&records[&truth.uid], truth));
    bench.only_dead_letter(&broken[0].uid).await;
    assert_eq!(records[&broken[0].uid].gmv_30d, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_bring_videos_days_and_pictures_along() {
    let mut knobs = EchoTikKnobs::default();
    (knobs.uncopied_share, knobs.risk_rate) = (0.3, 0.2);
    let bench = Bench::start(SimulatorConfig { echotik: knobs, ..config(20) }).await;
    let truths = bench.truths().await;
    let options = EchoTikConfig { pictures: true, real_time: RealTime::Always, ..EchoTikConfig::default() };
    let engine = bench.pipeline().source(bench.source(options)).build().unwrap();
    let query = Query {
        handles: truths.iter().map(|truth| truth.handle.clone()).collect(),
        options: [(
            "echotik".to_owned(),
            json!({ "trend_days": 30, "videos_pages": 2, "live_videos_pages": 1 }),
        )]
        .into(),
        ..Query::default()
    };
    let report = bench.run(engine, query).await;
    assert_eq!(report.end, End::Complete, "{report:?}");
    let records = bench.records();
    assert_eq!(records.len(), truths.len());
    let mut days = 0;
    for truth in &truths {
        let creator = &records[&truth.uid];
        check(creator, truth);
        assert_eq!(creator.sec_uid.as_deref(), Some(&*truth.sec_uid), "the platform tells it");
        assert_eq!(creator.verified, Some(truth.verified));
        let avatar = creator.avatar.as_deref().unwrap();
        assert!(avatar.contains("/images/") && avatar.contains(&truth.avatar_uri), "{avatar}");
        let posts = creator.posts.as_ref().unwrap();
        assert_eq!(u64::from(posts.seen), truth.videos.min(12).min(u64::from(posts.seen)));
        assert!(posts.seen > 0);
        let key = bench.store.find(&Id::new("tiktok:uid", &*truth.uid)).await.unwrap().unwrap().record.key;
        let history = bench.store.history(key).await.unwrap();
        days += history.len();
        assert!(history.is_sorted_by_key(|day| day.day));
        assert!(history.iter().all(|day| day.figures[0].is_some_and(|count| count > 0)), "{history:?}");
    }
    assert!(days > truths.len() * 20, "{days} days");
    assert_eq!(bench.calls("/echotik/influencer/detail").await, 2);
    assert!(bench.calls("/echotik/batch/cover/download").await <= 20, "up to ten a call");
    let views = &truths[0].posts;
    assert!(views.iter().all(|post| post.views > 0 && !post.id.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_ranking_is_found_and_looked_up() {
    let mut knobs = EchoTikKnobs::default();
    knobs.ranking_lag_days = 2;
    let bench = Bench::start(SimulatorConfig { echotik: knobs, ..config(400) }).await;
    let rankings = json!([{ "by": "sales", "period": "day" }]);
    let query = Query {
        regions: vec!["US".into()],
        max_pages: Some(1),
        extra: [("rankings".to_owned(), rankings)].into(),
        ..Query::default()
    };
    let engine = bench.pipeline().source(bench.source(EchoTikConfig::default())).build().unwrap();
    let report = bench.run(engine, query).await;
    assert_eq!(report.end, End::Complete, "{report:?}");
    let truths = bench.truths().await;
    let by_uid: BTreeMap<&str, &Truth> = truths.iter().map(|truth| (truth.uid.as_str(), truth)).collect();
    let mut ranked: Vec<(u64, u64)> = Vec::new();
    for (uid, creator) in bench.records() {
        let truth = by_uid[uid.as_str()];
        check(&creator, truth);
        let rank = creator.extra["ranking"].value["rank"].as_u64().unwrap();
        ranked.push((rank, truth.commerce.as_ref().unwrap().units_30d));
    }
    ranked.sort_unstable();
    assert!(!ranked.is_empty() && ranked.len() <= 10);
    assert!(ranked.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "{ranked:?}");
    assert_eq!(
        bench.calls("/echotik/influencer/ranklist").await,
        3,
        "yesterday's and the day before's are not there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_used_up_is_parked_and_nobody_is_lost() {
    let mut knobs = EchoTikKnobs::default();
    knobs.quota = Some(3);
    let bench = Bench::start(SimulatorConfig { echotik: knobs, ..config(100) }).await;
    let truths = bench.truths().await;
    let engine = bench.pipeline().source(bench.source(EchoTikConfig::default())).build().unwrap();
    let query =
        Query { handles: truths.iter().map(|truth| truth.handle.clone()).collect(), ..Query::default() };
    let report = bench.run(engine, query).await;
    assert_eq!(report.end, End::Parked { until: None }, "{report:?}");
    assert!(bench.store.dead_letters(10).await.unwrap().is_empty());
    assert!(bench.records().len() <= 30);
    let parked = bench.store.parked().await.unwrap();
    assert_eq!(parked[0].until, None, "nobody knows when it is let out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_knows_a_part_says_so_and_checks_its_credentials() {
    let bench = Bench::start(SimulatorConfig { unknown_share: 0.2, renamed_share: 0.1, ..config(100) }).await;
    let truths = bench.truths().await;
    let engine = bench.pipeline().source(bench.source(EchoTikConfig::default())).build().unwrap();
    let query =
        Query { handles: truths.iter().map(|truth| truth.handle.clone()).collect(), ..Query::default() };
    let report = bench.run(engine, query).await;
    assert_eq!(report.end, End::Complete, "{report:?}");
    let known: Vec<&Truth> =
        truths.iter().filter(|truth| truth.known_by.iter().any(|vendor| vendor == "echotik")).collect();
    let records = bench.records();
    assert!(known.len() < truths.len() && records.len() == known.len());
    known.iter().for_each(|truth| check(&records[&truth.uid], truth));

    use collector_core::source::Source as _;
    let good = bench.source(EchoTikConfig::default());
    good.check(&bench.world.cx).await.unwrap();
    let base_url = format!("{}/echotik", bench.world.simulator.url()).into();
    let wrong =
        EchoTikConfig { base_url, username: "who".into(), password: "wrong".into(), ..Default::default() };
    let error = EchoTik::new(wrong).unwrap().check(&bench.world.cx).await.unwrap_err();
    assert_eq!(error.kind(), collector_core::error::ErrorKind::Unauthorized);
}
