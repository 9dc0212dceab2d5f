//! What a fuzz target is: sources that read whatever comes, as the answer to calls of each of their kinds.

mod samples;

use std::path::Path;
use std::sync::Arc;

use collector_core::creator::CreatorSighting;
use collector_core::source::Source;
use collector_core::task::Task;
use collector_core::testkit::mutate;
use collector_sources::declarative::{Declarative, DeclarativeConfig, EXAMPLES};
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use collector_sources::web::{Site, Web, WebConfig};

use samples::Samples;

/// Any source of creators.
pub type AnySource = Arc<dyn Source<Item = CreatorSighting>>;

/// A source, the calls whose answers it reads, and answers to begin with.
pub struct Reading {
    /// The source.
    pub source: AnySource,
    /// The tasks of each call.
    pub calls: Vec<Vec<Task>>,
    /// Bodies.
    pub seeds: Vec<Vec<u8>>,
}

impl Reading {
    /// One call of each kind, and these besides. A second page is read differently from a first, and so is a batch.
    ///
    /// What was asked for in a recorded answer is asked for here: an answer about somebody else is read less far.
    fn new(
        source: AnySource,
        samples: &Samples,
        mut besides: Vec<Vec<Task>>,
        dressed: impl Fn(Task) -> Task,
    ) -> Self {
        let task = |kind: &str| {
            let recorded = samples.task(source.name(), kind);
            dressed(recorded.unwrap_or_else(|| Task::new(source.name(), kind, SUBJECT)))
        };
        besides.extend(source.kinds().into_iter().map(|kind| vec![task(&kind)]));
        Self { source, calls: besides, seeds: samples.bodies().collect() }
    }
}

/// It is a handle, a number and a word.
const SUBJECT: &str = "7012345678901234567";

const CREATORS: &str = include_str!("../../examples/configs/sites/creators.toml");
const RANKING: &str = include_str!("../../examples/configs/sites/ranking.toml");

/// Pages of the described sites.
const PAGES: [&str; 3] = [
    include_str!("../../collector-sources/tests/fixtures/web/top.html"),
    include_str!("../../collector-sources/tests/fixtures/web/profile.html"),
    include_str!("../../collector-sources/tests/fixtures/web/ranking.html"),
];

/// What the target of this name reads with, with made-up credentials; nothing is sent.
///
/// # Panics
/// When there is none, or its options are wrong.
pub fn readings(name: &str) -> Vec<Reading> {
    match name {
        "declarative" => EXAMPLES.map(|(name, text)| declarative(name, text)).into(),
        "echotik" => vec![echotik()],
        "ensembledata" => vec![ensembledata()],
        "tiktok" => vec![research(), one()],
        "web" => vec![web(None), web(Some(CREATORS)), web(Some(RANKING))],
        _ => panic!("no target is called {name}: add it here"),
    }
}

fn ensembledata() -> Reading {
    let config = EnsembleDataConfig {
        token: "canary0123456789".into(),
        long_calls: true,
        keep_email: true,
        ..EnsembleDataConfig::default()
    };
    // A page in the middle of a list, and one that ends where posts are too old.
    let page = |kind: &'static str, subject: &'static str| {
        let task = Task::new("ensembledata", kind, subject).param("cursor", "20").param("pages_left", "7");
        vec![task.param("hydrate", "true").param("since", "1700000000")]
    };
    let besides = vec![
        vec![
            Task::new("ensembledata", "posts", "7300000000000000001"),
            Task::new("ensembledata", "posts", "7300000000000000002"),
        ],
        page("hashtag", "tea"),
        page("user_posts", "mina.kwon"),
        page("followers", SUBJECT),
    ];
    let dressed = |task: Task| {
        ["posts_pages", "followers_pages", "following_pages", "liked_pages", "comments_pages"]
            .into_iter()
            .fold(task, |task, name| task.param(name, "2"))
    };
    let source = Arc::new(EnsembleData::new(config).expect("its options"));
    Reading::new(source, &Samples::of("ensembledata"), besides, dressed)
}

fn echotik() -> Reading {
    let config = EchoTikConfig {
        username: "made-up-user".into(),
        password: "canary-password".into(),
        keep_email: true,
        pictures: true,
        real_time: RealTime::Always,
        ..EchoTikConfig::default()
    };
    let details = |subject: &'static str| Task::new("echotik", "details", subject).param("trend_days", "7");
    let handle = |subject: &'static str| Task::new("echotik", "details_by_handle", subject);
    let batches = vec![
        vec![details("7000000000000000001"), details(SUBJECT)],
        vec![handle("mina.made.up"), handle("rank.1")],
        vec![Task::new("echotik", "list", "US").param("page", "2").param("after", "1")],
    ];
    // What any kind wants to know, each of them takes.
    let dressed = |task: Task| {
        [
            ("rank_type", "2"),
            ("influencer_rank_field", "2"),
            ("back", "1"),
            ("uid", SUBJECT),
            ("pages_left", "9"),
            ("videos_pages", "2"),
            ("live_videos_pages", "2"),
            ("trend_days", "7"),
        ]
        .into_iter()
        .fold(task, |task, (name, value)| task.param(name, value))
    };
    let source = Arc::new(EchoTik::new(config).expect("its options"));
    Reading::new(source, &Samples::of("echotik"), batches, dressed)
}

fn research() -> Reading {
    let config = TikTokConfig {
        mode: Some(Mode::Research),
        client_key: "made-up-key".into(),
        client_secret: "made-up-secret".into(),
        keep_email: true,
        ..TikTokConfig::default()
    };
    // The days of the recorded answers: a post of another day is left out unread.
    let spanned =
        |task: Task| task.param("since", "20241101").param("until", "20241120").param("mentions", "true");
    let second =
        spanned(Task::new("tiktok", "hashtag", "tea").param("cursor", "100").param("pages_left", "7"));
    let source = Arc::new(TikTok::new(config).expect("its options"));
    Reading::new(source, &Samples::of("tiktok-research"), vec![vec![second]], spanned)
}

fn one() -> Reading {
    let config = TikTokConfig {
        mode: Some(Mode::One),
        access_token: "canary-access-token".into(),
        account_id: "71".into(),
        keep_email: true,
        ..TikTokConfig::default()
    };
    let second = Task::new("tiktok", "discover", "KR").param("page", "2").param("min_followers", "7");
    let source = Arc::new(TikTok::new(config).expect("its options"));
    Reading::new(source, &Samples::of("tiktok-one"), vec![vec![second]], |task| task)
}

fn web(site: Option<&str>) -> Reading {
    let file = if site.is_some() { "" } else { "web" };
    let site = site.map(|description| Site::from_toml(description, "site.toml").expect("a description"));
    let lists: &[&'static str] = match &site {
        Some(_) => &["top", "search", "ranking"],
        None => &[],
    };
    let mut lists: Vec<Vec<Task>> =
        lists.iter().map(|list| vec![Task::new("web", "list", *list).param("pages_left", "9")]).collect();
    lists.push(vec![Task::new("web", "profile", "mina.k")]);
    let contact = "https://team.example/bot".to_owned();
    let config = WebConfig { contact, site, keep_email: true, ..WebConfig::default() };
    let reading =
        Reading::new(Arc::new(Web::new(config).expect("its options")), &Samples::of(file), lists, |task| {
            task
        });
    match file {
        "" => Reading { seeds: PAGES.map(|page| page.as_bytes().to_vec()).into(), ..reading },
        _ => reading,
    }
}

fn declarative(name: &str, text: &str) -> Reading {
    let config = DeclarativeConfig {
        file: name.into(),
        text: text.into(),
        keep_email: true,
        ..DeclarativeConfig::default()
    };
    let source = Declarative::unsigned(config).expect("a file of the reference");
    let answers = source.answers();
    let calls = answers.iter().map(|answered| answered.tasks.clone()).collect();
    let reading = Reading::new(Arc::new(source), &Samples::of(""), calls, |task| task);
    Reading { seeds: answers.into_iter().map(|answered| answered.payload.body.to_vec()).collect(), ..reading }
}

/// Reads these bytes with each of them.
///
/// # Panics
/// When a `parse` panics, or gives another number of outcomes than it was given tasks.
pub fn read(readings: &[Reading], body: &[u8]) {
    for reading in readings {
        mutate::fuzz(&*reading.source, &reading.calls, body);
    }
}

/// Writes the answers to begin with into the folder that `SEEDS` names, if it does.
///
/// # Panics
/// When they cannot be written.
pub fn seed(readings: &[Reading]) {
    let Some(folder) = std::env::var_os("SEEDS") else { return };
    for (number, seed) in readings.iter().flat_map(|reading| &reading.seeds).enumerate() {
        std::fs::write(Path::new(&folder).join(number.to_string()), seed).expect("the folder of seeds");
    }
}

/// A fuzz target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        use std::sync::LazyLock;

        static READINGS: LazyLock<Vec<$crate::Reading>> = LazyLock::new(|| $crate::readings($name));

        libfuzzer_sys::fuzz_target!(
            init: $crate::seed(&READINGS),
            |body: &[u8]| $crate::read(&READINGS, body)
        );
    };
}
