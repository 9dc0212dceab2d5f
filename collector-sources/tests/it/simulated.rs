//! The adapter against the simulator, which was written from the vendor's documentation and shares no type with it:
//! what the adapter reads is compared with what is true of the population.

use std::collections::{BTreeMap, BTreeSet};

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::creator::{CreatorSighting, PostSeen};
use collector_core::error::{Error, ErrorKind};
use collector_core::source::Source;
use collector_core::task::{Absence, Outcome, Page, Query, Task};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use collector_sources::http::{Http, HttpOptions, Request};
use collector_sources::simulator::{
    AccountState, LastCursor, ListLocation, ProfileShape, RetryAfter, Running, Simulator, SimulatorConfig,
    Truncation, UnknownUser,
};
use serde::Deserialize;
use url::Url;

/// What is true of one creator.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Truth {
    pub(crate) uid: String,
    pub(crate) sec_uid: String,
    pub(crate) handle: String,
    pub(crate) name: String,
    pub(crate) bio: String,
    pub(crate) country: String,
    pub(crate) language: String,
    pub(crate) followers: u64,
    pub(crate) following: u64,
    pub(crate) hearts: u64,
    pub(crate) likes_given: u64,
    pub(crate) videos: u64,
    pub(crate) verified: bool,
    pub(crate) private: bool,
    pub(crate) has_shop: bool,
    pub(crate) avatar_uri: String,
    pub(crate) created_at: i64,
    #[serde(default)]
    pub(crate) posts: Vec<TruePost>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TruePost {
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) hashtag: String,
    pub(crate) views: u64,
    pub(crate) likes: u64,
    pub(crate) comments: u64,
    pub(crate) shares: u64,
    pub(crate) pinned: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TrueHashtag {
    pub(crate) name: String,
    pub(crate) posts: usize,
}

/// A running simulator and the adapter that asks it.
pub(crate) struct World {
    pub(crate) simulator: Running,
    pub(crate) source: EnsembleData,
    pub(crate) cx: Context,
}

impl World {
    pub(crate) async fn start(config: SimulatorConfig) -> Self {
        Self::with(config, EnsembleDataConfig::default()).await
    }

    /// With these options of the adapter besides address and token.
    pub(crate) async fn with(config: SimulatorConfig, options: EnsembleDataConfig) -> Self {
        let token = config.token.as_str().into();
        let simulator = Simulator::start(config).await.unwrap();
        let base_url = format!("{}/ensembledata", simulator.url()).into();
        let source = EnsembleData::new(EnsembleDataConfig { base_url, token, ..options });
        Self { simulator, source: source.unwrap(), cx: Context::detached() }
    }

    pub(crate) async fn truth<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Vec<T> {
        let url = Url::parse(&format!("{}{path}", self.simulator.url())).unwrap();
        let http = Http::new(&HttpOptions::default()).unwrap();
        let payload = http.exchange(&self.cx, Request::get(url)).await.unwrap();
        let lines = std::str::from_utf8(&payload.body).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn call(&self, tasks: &[Task]) -> Result<Page<CreatorSighting>, Error> {
        let payload = self.source.fetch(&self.cx, tasks).await?;
        self.source.parse(tasks, &payload)
    }

    pub(crate) fn seed(&self, query: Query) -> Vec<Task> {
        self.source.seed(&query).unwrap()
    }
}

pub(crate) fn creators(creators: u32) -> SimulatorConfig {
    SimulatorConfig { creators, ..SimulatorConfig::default() }
}

/// Checks a profile against the truth.
fn check_profile(seen: &CreatorSighting, truth: &Truth) {
    assert_eq!(seen.uid.as_deref(), Some(&*truth.uid));
    assert_eq!(seen.sec_uid.as_deref(), Some(&*truth.sec_uid));
    assert_eq!(seen.handle.as_deref(), Some(&*truth.handle));
    assert_eq!(seen.name.as_deref(), Some(&*truth.name));
    // The vendor leaves it empty for some.
    assert!(seen.country.as_deref().is_none_or(|country| country == truth.country), "{:?}", seen.country);
    assert_eq!(seen.language.as_deref(), Some(&*truth.language));
    assert_eq!(
        (seen.followers, seen.following, seen.likes, seen.videos),
        (Some(truth.followers), Some(truth.following), Some(truth.hearts), Some(truth.videos))
    );
    assert_eq!(seen.extra.get("likes_given").and_then(serde_json::Value::as_u64), Some(truth.likes_given));
    assert_eq!(
        (seen.verified, seen.private, seen.has_shop),
        (Some(truth.verified), Some(truth.private), Some(truth.has_shop))
    );
    assert_eq!(seen.extra.get("avatar_uri").and_then(serde_json::Value::as_str), Some(&*truth.avatar_uri));
    assert!(seen.avatar.as_deref().is_some_and(|link| link.contains(".jpeg")), "{:?}", seen.avatar);
    let bio = seen.bio.as_deref().unwrap();
    if truth.bio.contains('@') {
        assert_eq!(seen.has_email, Some(true), "{}", truth.bio);
        assert!(!bio.contains('@'), "{bio}");
    } else {
        assert_eq!((bio, seen.has_email), (&*truth.bio, None));
    }
}

#[tokio::test]
async fn profiles_are_what_is_true_in_every_shape() {
    for profile_shape in [ProfileShape::Merged, ProfileShape::Mobile, ProfileShape::Flat] {
        let world = World::start(SimulatorConfig { profile_shape, ..creators(40) }).await;
        let truths: Vec<Truth> = world.truth("/truth?limit=40").await;
        assert_eq!(truths.len(), 40);
        let mut countries = 0;
        for truth in &truths {
            let query = Query {
                handles: vec![format!("@{}", truth.handle.to_uppercase())],
                ids: vec![format!("tiktok:sec_uid:{}", truth.sec_uid)],
                ..Query::default()
            };
            for task in world.seed(query) {
                let page = world.call(std::slice::from_ref(&task)).await.unwrap();
                assert!(matches!(page.outcomes[..], [Outcome::Done]), "{task}: {:?}", page.outcomes);
                assert_eq!(page.malformed, []);
                check_profile(&page.items[0], truth);
                countries += usize::from(page.items[0].country.is_some());
            }
        }
        assert!(countries > 60, "{countries} of 80 answers had a country");
        assert_eq!(world.source.used_units(&world.cx).await.unwrap(), 80);
        world.simulator.stop().await;
    }
}

#[tokio::test]
async fn posts_are_what_is_true_and_each_task_gets_its_own() {
    let probe = World::start(creators(30)).await;
    let truths: Vec<Truth> = probe.truth("/truth?limit=30&posts=3").await;
    let posts: BTreeMap<String, (Truth, TruePost)> = truths
        .iter()
        .flat_map(|truth| truth.posts.iter().map(|post| (post.id.clone(), (truth.clone(), post.clone()))))
        .collect();
    let ids: Vec<String> = posts.keys().take(60).cloned().collect();
    let config = SimulatorConfig {
        broken_posts: BTreeSet::from([ids[5].clone()]),
        missing_posts: BTreeSet::from([ids[7].clone(), ids[8].clone()]),
        ..creators(30)
    };
    let world = World::start(config).await;
    let tasks = world.seed(Query { posts: ids.clone(), ..Query::default() });
    let page = world.call(&tasks).await.unwrap();
    for (index, outcome) in page.outcomes.iter().enumerate() {
        match (index, outcome) {
            (5, Outcome::Failed(error)) => assert_eq!(error.kind(), ErrorKind::Malformed),
            (7 | 8, Outcome::Absent(Absence::NotFound)) => {}
            (_, Outcome::Done) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(page.malformed, []);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for author in &page.items {
        assert_eq!((author.followers, author.videos), (None, None), "zero counters are unknown");
        for post in &author.posts {
            let (truth, expected) = &posts[&*post.id];
            assert_eq!(author.uid.as_deref(), Some(&*truth.uid));
            check_post(post, expected);
            assert!(seen.insert(&post.id));
        }
    }
    assert_eq!(seen.len(), 57);
    assert_eq!(page.cost.unwrap().units, 2 * 58, "the broken one was returned, so it was paid");
    assert_eq!(world.source.used_units(&world.cx).await.unwrap(), 2 * 58);
}

fn check_post(seen: &PostSeen, truth: &TruePost) {
    assert_eq!(seen.created_at, Some(Timestamp::from_secs(truth.created_at)));
    assert_eq!(
        (seen.views, seen.likes, seen.comments, seen.shares),
        (Some(truth.views), Some(truth.likes), Some(truth.comments), Some(truth.shares))
    );
    assert!(
        seen.hashtags.iter().any(|name| **name == *truth.hashtag.to_lowercase()),
        "{:?} {truth:?}",
        seen.hashtags
    );
    assert_eq!(seen.pinned, truth.pinned);
}

/// Follows a hashtag from its root to its end and gives back every post seen, how often, and all profile tasks.
async fn walk(world: &World, root: Task) -> (BTreeMap<String, u32>, BTreeSet<String>) {
    let (mut posts, mut profiles) = (BTreeMap::new(), BTreeSet::new());
    let mut next = Some(root);
    while let Some(task) = next.take() {
        let page = world.call(std::slice::from_ref(&task)).await.unwrap();
        assert!(matches!(page.outcomes[..], [Outcome::Done]), "{task}: {:?}", page.outcomes);
        assert_eq!(page.malformed, []);
        for post in page.items.iter().flat_map(|author| &author.posts) {
            *posts.entry(post.id.to_string()).or_default() += 1;
        }
        for task in page.follow_ups {
            match &**task.kind() {
                "hashtag" => assert!(next.replace(task).is_none(), "two next pages"),
                _ => profiles.extend([task.to_string()]),
            }
        }
    }
    (posts, profiles)
}

#[tokio::test]
async fn a_hashtag_is_read_to_its_end_wherever_list_and_cursor_are() {
    for (list_location, last_cursor, empty_pages, duplicates) in [
        (ListLocation::DataData, LastCursor::Absent, 0, 0),
        (ListLocation::DataPosts, LastCursor::Null, 2, 0),
        (ListLocation::Data, LastCursor::Same, 1, 3),
    ] {
        let config = SimulatorConfig {
            list_location,
            last_cursor,
            empty_pages,
            duplicates,
            hashtags: Some(2),
            ..creators(60)
        };
        let world = World::start(config).await;
        let hashtags: Vec<TrueHashtag> = world.truth("/truth/hashtags").await;
        let hashtag = hashtags.iter().max_by_key(|hashtag| hashtag.posts).unwrap();
        assert!(hashtag.posts > 40, "{hashtags:?}");
        let root = world.seed(Query { hashtags: vec![hashtag.name.clone()], ..Query::default() }).remove(0);
        let (posts, profiles) = walk(&world, root).await;
        assert_eq!(posts.len(), hashtag.posts, "{list_location:?}");
        assert_eq!(posts.values().all(|times| *times == 1), duplicates == 0, "posts that came again");
        assert!(!profiles.is_empty() && profiles.iter().all(|task| task.contains("/profile_by_secuid ")));
    }
}

#[tokio::test]
async fn authors_without_stable_ids_are_looked_up_by_handle() {
    let world = World::start(SimulatorConfig { no_id_share: 1.0, ..creators(60) }).await;
    let hashtag = world.truth::<TrueHashtag>("/truth/hashtags").await.remove(0);
    let root = world.seed(Query { hashtags: vec![hashtag.name], ..Query::default() }).remove(0);
    let (_, profiles) = walk(&world, root).await;
    assert!(!profiles.is_empty() && profiles.iter().all(|task| task.contains("/profile ")), "{profiles:?}");
}

#[tokio::test]
async fn nobody_is_not_found_however_the_vendor_says_it() {
    for unknown_user in [
        UnknownUser::Null,
        UnknownUser::UserNull,
        UnknownUser::Empty,
        UnknownUser::Invalid,
        UnknownUser::NotFound,
        UnknownUser::NearMiss,
    ] {
        let world = World::start(SimulatorConfig { unknown_user, ..creators(5) }).await;
        let query = Query { handles: vec!["nobody.has.this".into()], ..Query::default() };
        let page = world.call(&world.seed(query)).await.unwrap();
        assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{unknown_user:?}");
        assert_eq!(page.items.len(), usize::from(unknown_user == UnknownUser::NearMiss));
        assert_eq!(page.cost.unwrap().units, 1);
    }
}

#[tokio::test]
async fn whatever_goes_wrong_has_its_kind() {
    use ErrorKind::{Blocked, Malformed, QuotaExhausted, RateLimited, Timeout, Unauthorized, Unavailable};
    let all = |change: fn(&mut SimulatorConfig)| {
        let mut config = creators(5);
        change(&mut config);
        config
    };
    for (config, kind) in [
        (all(|c| c.error_rate = 1.0), Unavailable),
        (all(|c| c.html_rate = 1.0), Unavailable),
        (all(|c| c.captcha_rate = 1.0), Blocked),
        (all(|c| c.truncate_rate = 1.0), Unavailable),
        (all(|c| (c.truncate_rate, c.truncate) = (1.0, Truncation::Json)), Unavailable),
        (all(|c| c.deep_rate = 1.0), Malformed),
        (all(|c| (c.oversize_rate, c.oversize_bytes) = (1.0, 40 << 20)), Malformed),
        (all(|c| c.broken_profiles = 5), Malformed),
        (all(|c| c.units_per_day = Some(0)), QuotaExhausted),
        (all(|c| (c.per_second, c.burst) = (Some(0.001), Some(1.0))), RateLimited),
        (all(|c| c.account = AccountState::TokenUnknown), Unauthorized),
        (all(|c| c.account = AccountState::EmailUnverified), Unauthorized),
        (all(|c| c.account = AccountState::Expired), Unauthorized),
        (all(|c| c.latency_ms = 60_000), Timeout),
    ] {
        let shown = format!("{config:?}");
        let world = World::start(config).await;
        let truth = world.truth::<Truth>("/truth?limit=1").await.remove(0);
        let tasks = world.seed(Query { handles: vec![truth.handle], ..Query::default() });
        let stop = world.cx.stop().clone();
        let account = collector_core::id::Name::from("a");
        // Only the server that never answers is meant to meet this deadline.
        let patience = std::time::Duration::from_millis(if kind == Timeout { 50 } else { 30_000 });
        let world = World { cx: world.cx.for_call(account, stop, patience), ..world };
        if kind == RateLimited {
            world.call(&tasks).await.unwrap();
        }
        let error = world.call(&tasks).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?} {shown}");
        assert_eq!(error.until().is_some(), kind == QuotaExhausted);
        assert_eq!(error.wait().is_some(), kind == RateLimited);
    }
}

#[tokio::test]
async fn a_wait_is_understood_in_every_form() {
    for (retry_after, told) in [
        (RetryAfter::Seconds, true),
        (RetryAfter::HttpDate, true),
        (RetryAfter::Body, true),
        (RetryAfter::Absent, false),
    ] {
        let config = SimulatorConfig { per_second: Some(0.01), burst: Some(1.0), retry_after, ..creators(5) };
        let world = World::start(config).await;
        let tasks = world.seed(Query { handles: vec!["x".into()], ..Query::default() });
        world.call(&tasks).await.unwrap();
        let wait = world.call(&tasks).await.unwrap_err().wait().map(|wait| wait.as_secs());
        // A call every hundred seconds; those the test itself takes are gone.
        assert_eq!(wait.is_some(), told, "{retry_after:?}");
        assert!(wait.is_none_or(|wait| (30..=101).contains(&wait)), "{retry_after:?} {wait:?}");
    }
}

#[tokio::test]
async fn values_of_changed_type_do_not_lose_the_profile() {
    let world = World::start(SimulatorConfig { mistyped_rate: 1.0, ..creators(5) }).await;
    let truth = world.truth::<Truth>("/truth?limit=1").await.remove(0);
    let tasks = world.seed(Query { handles: vec![truth.handle.clone()], ..Query::default() });
    let page = world.call(&tasks).await.unwrap();
    let seen = &page.items[0];
    assert!(matches!(page.outcomes[..], [Outcome::Done]));
    assert_eq!(seen.uid.as_deref(), Some(&*truth.uid));
    assert_eq!((seen.followers, seen.verified), (Some(truth.followers), Some(truth.verified)));
    assert_eq!(page.malformed.iter().map(|m| m.part.as_str()).collect::<Vec<_>>(), ["data.user.nickname"]);
}

#[tokio::test]
async fn data_with_a_failure_status_and_missing_headers_are_understood() {
    let world =
        World::start(SimulatorConfig { success_status: 422, units_header: false, ..creators(5) }).await;
    let truth = world.truth::<Truth>("/truth?limit=1").await.remove(0);
    let page = world
        .call(&world.seed(Query { handles: vec![truth.handle.clone()], ..Query::default() }))
        .await
        .unwrap();
    check_profile(&page.items[0], &truth);
    assert_eq!(page.cost.unwrap().units, 1);
}

#[tokio::test]
async fn the_same_profile_has_the_same_fingerprint_until_it_changes() {
    let fingerprint = async |generation: u32| {
        let world = World::start(SimulatorConfig { generation, changed_share: 1.0, ..creators(5) }).await;
        let truth = world.truth::<Truth>("/truth?limit=1").await.remove(0);
        let tasks = world.seed(Query { handles: vec![truth.handle], ..Query::default() });
        // Order of keys, signatures and times change with every answer.
        let first = world.call(&tasks).await.unwrap().fingerprint;
        assert_eq!(world.call(&tasks).await.unwrap().fingerprint, first);
        first
    };
    assert_ne!(fingerprint(0).await, fingerprint(1).await);
}
