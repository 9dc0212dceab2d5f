//! What a fuzz target is: sources that read whatever comes, as the answer to calls of each of their kinds.

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

/// Any source of creators.
type AnySource = Arc<dyn Source<Item = CreatorSighting>>;

/// A source, and the calls whose answers it reads.
pub struct Reading {
    source: AnySource,
    calls: Vec<Vec<Task>>,
}

impl Reading {
    /// One call of each kind, and these besides. A second page is read differently from a first, and so is a batch.
    fn new(source: AnySource, mut besides: Vec<Vec<Task>>, dressed: impl Fn(Task) -> Task) -> Self {
        let task = |kind| dressed(Task::new(source.name(), kind, SUBJECT));
        besides.extend(source.kinds().into_iter().map(|kind| vec![task(kind)]));
        Self { source, calls: besides }
    }
}

/// It is a handle, a number and a word.
const SUBJECT: &str = "7012345678901234567";

const CREATORS: &str = include_str!("../../examples/configs/sites/creators.toml");
const RANKING: &str = include_str!("../../examples/configs/sites/ranking.toml");

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
    Reading::new(Arc::new(EnsembleData::new(config).expect("its options")), Vec::new(), |task| task)
}

fn echotik() -> Reading {
    let config = EchoTikConfig {
        username: "made-up-user".into(),
        password: "canary-password".into(),
        keep_email: true,
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
        ]
        .into_iter()
        .fold(task, |task, (name, value)| task.param(name, value))
    };
    Reading::new(Arc::new(EchoTik::new(config).expect("its options")), batches, dressed)
}

fn research() -> Reading {
    let config = TikTokConfig {
        mode: Some(Mode::Research),
        client_key: "made-up-key".into(),
        client_secret: "made-up-secret".into(),
        keep_email: true,
        ..TikTokConfig::default()
    };
    let spanned =
        |task: Task| task.param("since", "20200101").param("until", "20991231").param("mentions", "true");
    let second =
        spanned(Task::new("tiktok", "hashtag", "tea").param("cursor", "100").param("pages_left", "7"));
    Reading::new(Arc::new(TikTok::new(config).expect("its options")), vec![vec![second]], spanned)
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
    Reading::new(Arc::new(TikTok::new(config).expect("its options")), vec![vec![second]], |task| task)
}

fn web(site: Option<&str>) -> Reading {
    let site = site.map(|description| Site::from_toml(description, "site.toml").expect("a description"));
    let lists: &[&'static str] = match &site {
        Some(_) => &["top", "search", "ranking"],
        None => &[],
    };
    let lists =
        lists.iter().map(|list| vec![Task::new("web", "list", *list).param("pages_left", "9")]).collect();
    let contact = "https://team.example/bot".to_owned();
    let config = WebConfig { contact, site, keep_email: true, ..WebConfig::default() };
    Reading::new(Arc::new(Web::new(config).expect("its options")), lists, |task| task)
}

fn declarative(name: &str, text: &str) -> Reading {
    let config = DeclarativeConfig {
        file: name.into(),
        text: text.into(),
        keep_email: true,
        ..DeclarativeConfig::default()
    };
    let source = Declarative::unsigned(config).expect("a file of the reference");
    let calls = source.answers().into_iter().map(|answered| answered.tasks).collect();
    Reading::new(Arc::new(source), calls, |task| task)
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

/// A fuzz target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        use std::sync::LazyLock;

        static READINGS: LazyLock<Vec<$crate::Reading>> = LazyLock::new(|| $crate::readings($name));

        libfuzzer_sys::fuzz_target!(|body: &[u8]| $crate::read(&READINGS, body));
    };
}
