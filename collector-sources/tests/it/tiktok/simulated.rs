//! Both APIs against the simulator, which was written from the vendor's description and shares no type with the adapter.

use std::collections::{BTreeMap, BTreeSet};

use collector_core::context::Context;
use collector_core::creator::{Creator, CreatorSighting, Creators};
use collector_core::error::{Error, ErrorKind};
use collector_core::pipeline::{End, Job, Pipeline};
use collector_core::sink::MemorySink;
use collector_core::source::Source;
use collector_core::task::{Absence, Outcome, Page, Query, Task};
use collector_sources::http::{Http, HttpOptions, Request};
use collector_sources::simulator::{Running, Simulator, SimulatorConfig, TikTokKnobs};
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

#[derive(Debug, Deserialize)]
struct Truth {
    handle: String,
    name: String,
    bio: String,
    country: String,
    followers: u64,
    following: u64,
    hearts: u64,
    videos: u64,
    verified: bool,
    private: bool,
    broken_profile: bool,
    known_by: Vec<String>,
    #[serde(default)]
    posts: Vec<TruePost>,
}

#[derive(Debug, Deserialize)]
struct TruePost {
    id: String,
    created_at: i64,
}

/// A simulator, a year ahead, so that all its posts are in the past whenever this runs.
struct World(Running);

impl World {
    async fn start(config: SimulatorConfig) -> Self {
        let world = Self(Simulator::start(config).await.unwrap());
        world.advance(365 * 86_400).await;
        world
    }

    async fn exchange(&self, request: impl FnOnce(Url) -> Request, path: &str) -> String {
        let url = Url::parse(&format!("{}{path}", self.0.url())).unwrap();
        let http = Http::new(&HttpOptions::default()).unwrap();
        let payload = http.exchange(&Context::detached(), request(url)).await.unwrap();
        assert_eq!(payload.status, 200);
        String::from_utf8(payload.body.to_vec()).unwrap()
    }

    async fn advance(&self, seconds: u64) {
        let body = json!({ "advance_s": seconds }).to_string();
        self.exchange(|url| Request::post(url, "application/json", body), "/control/clock").await;
    }

    async fn truths(&self, everybody: u32) -> Vec<Truth> {
        let lines = self.exchange(Request::get, &format!("/truth?limit={everybody}&posts=6")).await;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn stats(&self) -> Value {
        serde_json::from_str(&self.exchange(Request::get, "/stats").await).unwrap()
    }

    fn research(&self, secret: &str) -> TikTok {
        let config = TikTokConfig {
            mode: Some(Mode::Research),
            client_key: "simulated-client-key".into(),
            client_secret: secret.into(),
            base_url: Some(format!("{}/tiktok", self.0.url()).into()),
            ..TikTokConfig::default()
        };
        TikTok::new(config).unwrap()
    }

    fn one(&self, token: &str) -> TikTok {
        let config = TikTokConfig {
            mode: Some(Mode::One),
            access_token: token.into(),
            account_id: "71".into(),
            base_url: Some(format!("{}/tiktokone", self.0.url()).into()),
            ..TikTokConfig::default()
        };
        TikTok::new(config).unwrap()
    }
}

fn creators(creators: u32) -> SimulatorConfig {
    SimulatorConfig { creators, ..SimulatorConfig::default() }
}

async fn call(source: &TikTok, tasks: &[Task]) -> Result<Page<CreatorSighting>, Error> {
    let payload = source.fetch(&Context::detached(), tasks).await?;
    source.parse(tasks, &payload)
}

fn profile(source: &TikTok, handle: &str) -> Task {
    source.seed(&Query { handles: vec![handle.to_owned()], ..Query::default() }).unwrap().remove(0)
}

/// Runs a query through the engine; gives what came out, by handle.
async fn collected(source: TikTok, query: Query) -> BTreeMap<String, Creator> {
    let sink = MemorySink::new();
    let engine = Pipeline::new(Creators::default()).source(source).sink(sink.clone()).build().unwrap();
    let report = engine.run(Job::new("everybody", query), CancellationToken::new()).await.unwrap();
    assert_eq!(report.end, End::Complete, "{report:?}");
    let records = sink.records().into_iter().map(|record| record.entity.as_ref().clone());
    records.map(|creator| (creator.handle.as_deref().unwrap().to_owned(), creator)).collect()
}

fn everywhere(truths: &[Truth]) -> Query {
    let regions: BTreeSet<String> = truths.iter().map(|truth| truth.country.clone()).collect();
    let extra = [("whole_regions".to_owned(), json!(true))].into();
    Query { regions: regions.into_iter().collect(), extra, ..Query::default() }
}

fn check(seen: &Creator, truth: &Truth) {
    assert_eq!(seen.name.as_deref(), Some(&*truth.name));
    assert_eq!(
        (seen.followers, seen.following, seen.likes, seen.videos),
        (Some(truth.followers), Some(truth.following), Some(truth.hearts), Some(truth.videos))
    );
    assert_eq!(seen.country.as_deref(), Some(&*truth.country));
    assert!(seen.avatar.is_some());
    if truth.bio.contains('@') {
        assert_eq!(seen.has_email, Some(true));
        assert!(!seen.bio.as_deref().unwrap().contains('@'));
    } else {
        assert_eq!(seen.bio.as_deref().unwrap_or_default(), truth.bio);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_research_project_finds_everybody_who_posted_in_the_span_and_what_is_true_of_them() {
    let tiktok = TikTokKnobs { data_with_500: true, ..TikTokKnobs::default() };
    let config = SimulatorConfig { tiktok, unknown_share: 0.08, ..creators(200) };
    let secret = config.token.clone();
    let world = World::start(config).await;
    let truths = world.truths(200).await;
    let options = json!({ "since": "2026-09-20", "until": "2026-10-31" });
    let query = Query { options: [("tiktok".to_owned(), options)].into(), ..everywhere(&truths) };
    let found = collected(world.research(&secret), query).await;
    // 2026-09-20 up to the end of 2026-10-31.
    let span = 1_789_862_400..1_793_491_200;
    let shows = |truth: &&Truth| !truth.private && truth.known_by.iter().any(|vendor| vendor == "tiktok");
    let posted = |truth: &&Truth| truth.posts.iter().any(|post| span.contains(&post.created_at));
    let expected: Vec<&Truth> = truths.iter().filter(shows).filter(posted).collect();
    assert!(expected.len() > 100 && expected.len() < truths.len(), "{}", expected.len());
    assert_eq!(
        found.keys().collect::<BTreeSet<_>>(),
        expected.iter().map(|truth| &truth.handle).collect::<BTreeSet<_>>()
    );
    for truth in &expected {
        let seen = &found[&truth.handle];
        check(seen, truth);
        assert_eq!(seen.verified, Some(truth.verified));
        let latest = truth.posts.iter().filter(|post| span.contains(&post.created_at));
        assert_eq!(seen.posts.as_ref().unwrap().seen as usize, latest.count(), "{}", truth.handle);
    }
    let stats = world.stats().await;
    let info = &stats["endpoints"]["/tiktok/v2/research/user/info/"];
    assert_eq!(
        (&info["calls"], &info["bought_more_than_once"]),
        (&json!(expected.len()), &json!(0)),
        "{info}"
    );
    assert_eq!(stats["endpoints"]["/tiktok/v2/oauth/token/"]["calls"], 1, "one token for all calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_finds_the_whole_marketplace_of_a_country_beyond_the_cut_off() {
    let config = creators(1_500);
    let token = config.token.clone();
    let world = World::start(config).await;
    let truths = world.truths(1_500).await;
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for truth in truths.iter().filter(|truth| !truth.private) {
        *sizes.entry(&truth.country).or_default() += 1;
    }
    let (country, size) = sizes.into_iter().max_by_key(|(_, size)| *size).unwrap();
    assert!(size > 300, "{size} are not enough to be cut off");
    let extra = [("whole_regions".to_owned(), json!(true))].into();
    let query = Query { regions: vec![country.to_owned()], extra, ..Query::default() };
    let found = collected(world.one(&token), query).await;
    let expected: Vec<&Truth> =
        truths.iter().filter(|truth| !truth.private && truth.country == country).collect();
    assert_eq!(
        found.keys().collect::<BTreeSet<_>>(),
        expected.iter().map(|truth| &truth.handle).collect::<BTreeSet<_>>()
    );
    for truth in expected {
        let seen = &found[&truth.handle];
        check(seen, truth);
        assert_eq!(seen.extra["creator_price_currency"].value, "USD");
        assert_eq!(seen.categories.len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_dies_early_costs_a_call_and_nothing_else() {
    let config = creators(10);
    let secret = config.token.clone();
    let world = World::start(config).await;
    let truths = world.truths(10).await;
    let open = truths.iter().find(|truth| !truth.private && !truth.broken_profile).unwrap();
    let source = world.research(&secret);
    let tasks = [profile(&source, &open.handle)];
    call(&source, &tasks).await.unwrap();
    world.advance(7_200).await;
    let outcomes =
        [call(&source, &tasks).await.unwrap().outcomes, call(&source, &tasks).await.unwrap().outcomes];
    assert!(matches!(outcomes[0][..], [Outcome::Later { .. }]), "{outcomes:?}");
    assert!(matches!(outcomes[1][..], [Outcome::Done]), "{outcomes:?}");
    let wrong = world.research("wrong").check(&Context::detached()).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Unauthorized);
    source.check(&Context::detached()).await.unwrap();
}

#[tokio::test]
async fn missing_and_withheld_people_are_answers() {
    let config = creators(100);
    let (secret, token) = (config.token.clone(), config.token.clone());
    let world = World::start(config).await;
    let truths = world.truths(100).await;
    let hidden = &truths.iter().find(|truth| truth.private).unwrap().handle;
    for (source, withheld) in
        [(world.research(&secret), Absence::Restricted), (world.one(&token), Absence::NotFound)]
    {
        let nobody = call(&source, &[profile(&source, "nobody.at.all")]).await.unwrap();
        assert!(matches!(nobody.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{:?}", nobody.outcomes);
        let found = call(&source, &[profile(&source, hidden)]).await.unwrap();
        assert!(
            matches!(found.outcomes[..], [Outcome::Absent(why)] if why == withheld),
            "{:?}",
            found.outcomes
        );
    }
}

#[tokio::test]
async fn both_quotas_end_at_midnight_and_lists_need_an_approval() {
    let quotas = TikTokKnobs { requests_per_day: 2, list_requests_per_day: 1, ..TikTokKnobs::default() };
    let config = SimulatorConfig { tiktok: quotas, ..creators(300) };
    let secret = config.token.clone();
    let world = World::start(config).await;
    let truths = world.truths(300).await;
    let open = truths.iter().find(|truth| !truth.private && !truth.broken_profile).unwrap();
    let source = world.research(&secret);
    let options = [("tiktok".to_owned(), json!({ "followers_pages": 9 }))].into();
    let query = Query { handles: vec![open.handle.clone()], options, ..Query::default() };
    let [profile, followers] = source.seed(&query).unwrap().try_into().unwrap();
    let page = call(&source, std::slice::from_ref(&followers)).await.unwrap();
    assert!(page.items.len() > 60 && page.malformed.is_empty(), "{}", page.items.len());
    for tasks in [[profile], [followers.clone()]] {
        let mut said = None;
        for _ in 0..3 {
            said = call(&source, &tasks).await.err();
        }
        let error = said.unwrap();
        assert_eq!(error.kind(), ErrorKind::QuotaExhausted);
        assert!(error.until().unwrap().to_string().ends_with("T00:00:00Z"));
    }
    let body = json!({ "tiktok": { "lists_approved": false } }).to_string();
    world.exchange(|url| Request::post(url, "application/json", body), "/control").await;
    let refused = call(&source, &[followers]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected, "the account goes on without lists");
}

#[tokio::test]
async fn a_list_of_people_is_read_to_its_end() {
    let config = creators(400);
    let secret = config.token.clone();
    let world = World::start(config).await;
    let truths = world.truths(400).await;
    let source = world.research(&secret);
    let open = truths.iter().find(|truth| !truth.private).unwrap();
    let options = [("tiktok".to_owned(), json!({ "followers_pages": 50 }))].into();
    let query =
        Query { handles: vec![open.handle.clone()], hydrate: Some(false), options, ..Query::default() };
    let mut next = source.seed(&query).unwrap().pop();
    let mut seen = BTreeSet::new();
    while let Some(task) = next.take() {
        let page = call(&source, &[task]).await.unwrap();
        assert!(matches!(page.outcomes[..], [Outcome::Done]), "{:?}", page.outcomes);
        for person in &page.items {
            assert!(seen.insert(person.handle.clone().unwrap()), "{person:?} came twice");
        }
        next = page.follow_ups.into_iter().next();
    }
    let handles: BTreeSet<&str> = truths.iter().map(|truth| &*truth.handle).collect();
    assert!(seen.len() > 200 && seen.iter().all(|handle| handles.contains(&**handle)), "{}", seen.len());
}

#[tokio::test]
async fn own_posts_and_posts_by_id_are_what_was_published() {
    let config = creators(60);
    let (secret, token) = (config.token.clone(), config.token.clone());
    let world = World::start(config).await;
    let truths = world.truths(60).await;
    let open = truths.iter().find(|truth| !truth.private && truth.posts.len() == 6).unwrap();
    let ids: Vec<String> = open.posts.iter().map(|post| post.id.clone()).collect();
    let source = world.research(&secret);
    let mut seen = BTreeSet::new();
    let query = Query { posts: ids.clone(), hydrate: Some(false), ..Query::default() };
    for task in source.seed(&query).unwrap() {
        for person in call(&source, &[task]).await.unwrap().items {
            assert_eq!(person.handle.as_deref(), Some(&*open.handle));
            seen.extend(person.posts.into_iter().map(|post| post.id.into_string()));
        }
    }
    assert_eq!(seen, ids.iter().cloned().collect());

    let one = world.one(&token);
    let options = [("tiktok".to_owned(), json!({ "posts_pages": 1 }))].into();
    let query = Query { handles: vec![open.handle.clone()], options, ..Query::default() };
    let videos = one.seed(&query).unwrap().pop().unwrap();
    let page = call(&one, &[videos]).await.unwrap();
    let posts = &page.items[0].posts;
    for truth in &open.posts {
        let post = posts.iter().find(|post| *post.id == *truth.id).unwrap();
        assert_eq!(post.created_at.map(|at| at.as_secs()), Some(truth.created_at));
    }
}
