//! What becomes of records.

use std::sync::Arc;
use std::time::Duration;

use collector_core::creator::Creator;
use collector_core::error::ErrorKind;
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts, Record, Sink, Wrote};
use collector_core::testkit::server::{Answer, ScriptServer};
use serde_json::Value;

use super::stage::{NOW, Stage, address, after, creator, is_silent, picture, problem, record, reported};
use crate::images::{AVATAR, Problem};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_picture_is_kept_under_its_hash_and_reported() {
    let stage = Stage::new().await;
    stage.host.route("/a/b.jpeg", picture("one"));
    let fact = stage.stored(&stage.shows(&stage.link("/a/b.jpeg?width=9"))).await;
    let kept = fact.kept().unwrap();
    let bytes = picture("one").body;
    assert_eq!(kept.hash, blake3::hash(&bytes).to_hex().to_string());
    assert_eq!(kept.key, format!("{}/{}.png", &kept.hash.chars().take(2).collect::<String>(), kept.hash));
    assert_eq!(
        (kept.media_type.as_str(), kept.bytes, kept.width, kept.height),
        ("image/png", bytes.len() as u64, 2, 3)
    );
    assert_eq!(fact.link, stage.link("/a/b.jpeg?width=9"));
    assert_eq!(stage.place.keys().await, [kept.key.as_str()]);
    assert_eq!(stage.place.read(&kept.key).await, bytes);
}

#[tokio::test]
async fn a_picture_whose_link_is_known_is_not_fetched_again() {
    let stage = Stage::new().await;
    stage.host.script([picture("one"), picture("two")]);
    let path = "/tos/00112233445566778899.png";
    let record = stage.shows(&stage.link(&format!("{path}?x-expires=1900000000&x-signature=a")));
    let fact = stage.stored(&record).await;
    assert_eq!(fact.link, path);
    // Another signature, and another host that is not even there.
    for link in [
        stage.link(&format!("{path}?x-expires=1900003600&x-signature=b")),
        format!("http://p2.example.com{path}?x-signature=c"),
    ] {
        let mut next = after(&record, &fact);
        next.entity = Arc::new(creator(Some(&link), NOW));
        assert!(is_silent(&stage.write_one(&next).await), "{link}");
    }
    assert_eq!(stage.host.seen().len(), 1);
    let mut other = after(&record, &fact);
    other.entity = Arc::new(creator(Some(&stage.link("/tos/99887766554433221100.png?x-signature=a")), NOW));
    assert_ne!(stage.stored(&other).await.kept(), fact.kept());
    assert_eq!(stage.host.seen().len(), 2);
}

#[tokio::test]
async fn a_picture_fetched_a_moment_ago_is_not_fetched_again_although_its_fact_was_lost() {
    let stage = Stage::new().await;
    stage.host.script([picture("one"), picture("two")]);
    let record = stage.shows(&stage.link("/a.png"));
    let fact = stage.stored(&record).await;
    // A newer version came meanwhile, without the fact.
    let newer = Record { version: 2, ..record.clone() };
    assert_eq!(stage.stored(&newer).await, fact);
    assert_eq!(stage.host.seen().len(), 1);
    stage.clock.advance(HOUR);
    assert_ne!(stage.stored(&newer).await, fact);
}

#[tokio::test]
async fn the_same_bytes_behind_two_links_are_one_file() {
    let stage = Stage::new().await;
    for path in ["/a", "/b"] {
        stage.host.route(path, picture("same"));
    }
    let records = [record(1, 1, Some(&stage.link("/a"))), record(2, 1, Some(&stage.link("/b")))];
    let facts: Vec<_> = stage.write(&records).await.iter().filter_map(reported).collect();
    assert_eq!(facts.len(), 2);
    assert_eq!((facts[0].kept(), stage.place.keys().await.len()), (facts[1].kept(), 1));
}

#[tokio::test]
async fn a_record_without_a_picture_loses_the_fact_about_its_last_one() {
    let stage = Stage::new().await;
    stage.host.route("/a", picture("one"));
    assert!(is_silent(&stage.write_one(&record(1, 1, None)).await));
    let shown = stage.shows(&stage.link("/a"));
    let mut bare = after(&shown, &stage.stored(&shown).await);
    bare.entity = Arc::new(creator(None, NOW));
    assert_eq!(stage.write_one(&bare).await, Wrote::Stored(Facts::from([(AVATAR.to_owned(), Value::Null)])));
    bare.facts = Facts::from([(AVATAR.to_owned(), Value::Null)]);
    assert!(is_silent(&stage.write_one(&bare).await));
}

/// The same record with another link, shown at another time.
fn showing(record: &Record<Creator>, link: &str, seen: i64) -> Record<Creator> {
    Record { entity: Arc::new(creator(Some(link), seen)), ..record.clone() }
}

#[tokio::test]
async fn an_ended_link_is_asked_for_once_and_the_newer_one_is_fetched() {
    let stage = Stage::new().await;
    stage.host.script([picture("one")]);
    let link =
        |expires: i64| stage.link(&format!("/pictures/0011223344556677?x-expires={expires}&x-signature=a"));
    let record = stage.shows(&link(NOW));
    for _ in 0..3 {
        assert!(
            matches!(stage.write_one(&record).await, Wrote::Refresh(_)),
            "the source has not answered yet"
        );
        stage.clock.advance(Duration::from_secs(5));
    }
    assert!(stage.host.seen().is_empty(), "a link that says it has ended was asked for");
    let newer = showing(&record, &link(NOW + 3_600), NOW + 12);
    assert!(stage.stored(&newer).await.kept().is_some());
    assert_eq!(stage.host.seen().len(), 1);
}

#[tokio::test]
async fn a_link_that_is_refused_again_is_a_fact_and_is_not_asked_for_soon() {
    for status in [401, 403, 410] {
        let stage = Stage::new().await;
        let refuse = || Answer::status(status);
        stage.host.route("/pictures/0011223344556677", refuse());
        let link =
            |signature: &str| stage.link(&format!("/pictures/0011223344556677?x-signature={signature}"));
        let record = stage.shows(&link("a"));
        assert!(matches!(stage.write_one(&record).await, Wrote::Refresh(_)));
        let newer = showing(&record, &link("b"), NOW + 3);
        let fact = stage.stored(&newer).await;
        assert_eq!(fact.missing().unwrap().problem, Problem::Ended);
        // Days of other news about the record cost no question; once the host has changed its mind, it is fetched.
        for day in 0..5 {
            let again = showing(&after(&newer, &fact), &link("c"), NOW + 86_400 * day);
            assert!(is_silent(&stage.write_one(&again).await), "day {day}");
            stage.clock.advance(24 * HOUR);
        }
        stage.host.route("/pictures/0011223344556677", picture("back"));
        let again = showing(&after(&newer, &fact), &link("d"), NOW + 86_400 * 6);
        assert!(stage.stored(&again).await.kept().is_some());
    }
}

#[tokio::test]
async fn a_source_that_repeats_an_ended_link_is_not_asked_for_ever() {
    let stage = Stage::new().await;
    let link = stage.link(&format!("/a?x-expires={}", NOW - 60));
    let record = stage.shows(&link);
    assert!(matches!(stage.write_one(&record).await, Wrote::Refresh(_)));
    assert_eq!(
        stage.problem(&showing(&record, &link, NOW + 9)).await,
        Problem::Ended,
        "a newer answer, the same link"
    );

    // A source that nobody can ask: time decides.
    let silent = record_of(7, &link);
    assert!(matches!(stage.write_one(&silent).await, Wrote::Refresh(_)));
    stage.clock.advance(Duration::from_secs(601));
    assert_eq!(stage.problem(&silent).await, Problem::Ended);
}

fn record_of(key: u64, link: &str) -> Record<Creator> {
    record(key, 1, Some(link))
}

#[tokio::test]
async fn what_is_gone_is_a_fact_until_a_week_later() {
    let stage = Stage::new().await;
    stage.host.script([Answer::status(404), picture("back")]);
    let record = stage.shows(&stage.link("/a"));
    let fact = stage.stored(&record).await;
    assert_eq!(fact.missing().unwrap().problem, Problem::Gone);
    let next = after(&record, &fact);
    assert!(is_silent(&stage.write_one(&next).await));
    stage.clock.advance(6 * 24 * HOUR);
    assert!(is_silent(&stage.write_one(&next).await));
    assert_eq!(stage.host.seen().len(), 1);
    stage.clock.advance(24 * HOUR);
    assert!(stage.stored(&next).await.kept().is_some());
}

#[tokio::test]
async fn a_host_that_fails_is_tried_later_and_not_for_ever() {
    let stage = Stage::new().await;
    stage.host.script((0..9).map(|_| Answer::status(503)));
    let record = stage.shows(&stage.link("/a"));
    let (mut tries, mut waited) = (0, Duration::ZERO);
    let last = loop {
        let before = stage.host.seen().len();
        match stage.write_one(&record).await {
            Wrote::Retry { after: Some(wait) } => {
                assert!(wait > Duration::ZERO, "at once");
                stage.clock.advance(wait);
                waited += wait;
            }
            other => break other,
        }
        tries += stage.host.seen().len() - before;
        assert!(tries <= 4 && waited < HOUR);
    };
    assert_eq!((problem(&last), stage.host.seen().len()), (Problem::Unavailable, 4));
    // Soon it may work again.
    let next = after(&record, &reported(&last).unwrap());
    assert!(is_silent(&stage.write_one(&next).await));
    stage.clock.advance(HOUR);
    stage.host.script([picture("back")]);
    assert!(stage.stored(&next).await.kept().is_some());
}

#[tokio::test]
async fn a_host_says_when_to_come_back() {
    let stage = Stage::new().await;
    stage.host.script([Answer::status(429).header("retry-after", "40"), picture("x")]);
    let record = stage.shows(&stage.link("/a"));
    let forty = Duration::from_secs(40);
    assert_eq!(stage.write_one(&record).await, Wrote::Retry { after: Some(forty) });
    stage.clock.advance(forty / 2);
    assert_eq!(stage.write_one(&record).await, Wrote::Retry { after: Some(forty / 2) }, "asked too early");
    assert_eq!(stage.host.seen().len(), 1);
    stage.clock.advance(forty / 2);
    assert!(stage.stored(&record).await.kept().is_some());
}

#[tokio::test]
async fn a_cut_or_reset_answer_is_tried_again() {
    let stage = Stage::new().await;
    for answer in [picture("x").cut_after(20), Answer::reset()] {
        stage.host.script([answer, picture("x")]);
        let record = stage.shows(&stage.link("/a"));
        assert!(matches!(stage.write_one(&record).await, Wrote::Retry { .. }));
        stage.clock.advance(Duration::from_secs(600));
        assert!(stage.stored(&record).await.kept().is_some());
        stage.clock.advance(HOUR);
    }
}

#[tokio::test]
async fn a_host_that_hangs_keeps_nobody_else() {
    let stage = Stage::with(|config| {
        config.first_byte_timeout = Duration::from_millis(300);
        config.per_host = std::num::NonZeroUsize::new(4).unwrap();
        config.in_flight = std::num::NonZeroUsize::new(8).unwrap();
    })
    .await;
    let good = ScriptServer::start().await.unwrap();
    good.route("/good", picture("good"));
    // A sink of its own that may ask both.
    let both = Stage::with(|config| {
        config.allow = vec![address(&stage.host), address(&good)];
        config.first_byte_timeout = Duration::from_millis(300);
        config.per_host = std::num::NonZeroUsize::new(4).unwrap();
        config.in_flight = std::num::NonZeroUsize::new(8).unwrap();
    })
    .await;
    for path in 0..40 {
        stage.host.route(format!("/{path}"), Answer::hang());
    }
    let hanging: Vec<_> = (0..40).map(|n| record(n, 1, Some(&stage.link(&format!("/{n}"))))).collect();
    let fine = record(99, 1, Some(&format!("{}/good", good.url())));
    let hang = both.write(&hanging);
    let work = async {
        // The hanging ones hold all places their host can have.
        tokio::task::yield_now().await;
        tokio::time::timeout(Duration::from_millis(250), both.write_one(&fine)).await
    };
    let (hung, worked) = tokio::join!(hang, work);
    assert!(reported(&worked.expect("it waited for the other host")).is_some());
    assert!(hung.iter().all(|wrote| matches!(wrote, Wrote::Retry { after: Some(_) })), "{hung:?}");
    // Three in a row were enough; who waited for a place was not even sent.
    let asked_again = tokio::time::timeout(Duration::from_millis(100), both.write(&hanging)).await;
    assert!(asked_again.is_ok(), "a host that hangs was asked again at once");
}

#[tokio::test]
async fn a_stop_leaves_what_is_not_there_yet_for_later() {
    let stage = Stage::new().await;
    stage.host.route("/a", Answer::hang());
    let record = stage.shows(&stage.link("/a"));
    let stop = async {
        tokio::task::yield_now().await;
        stage.cx.stop().cancel();
    };
    assert_eq!(tokio::join!(stage.write_one(&record), stop).0, Wrote::Retry { after: None });
}

#[tokio::test]
async fn a_forbidden_link_is_a_fact_that_stays_the_same() {
    let stage = Stage::new().await;
    let record = stage.shows("http://169.254.169.254/latest?token=secret");
    let fact = stage.stored(&record).await;
    assert_eq!(fact.missing().unwrap().problem, Problem::Forbidden);
    assert!(!serde_json::to_string(&fact).unwrap().contains("secret"));
    stage.clock.advance(HOUR);
    assert!(is_silent(&stage.write_one(&after(&record, &fact)).await), "each version would make another");
}

#[tokio::test]
async fn bad_neighbours_cost_a_picture_nothing() {
    let stage = Stage::new().await;
    stage.host.route("/good", picture("good"));
    stage.host.route("/gone", Answer::status(404));
    stage.host.route("/page", Answer::html("<html>".repeat(20)));
    let link = |path: &str| stage.link(path);
    let records = [
        record(1, 1, Some("file:///etc/passwd")),
        record(2, 1, Some(&link("/gone"))),
        record(3, 1, Some(&link("/good"))),
        record(4, 1, None),
        record(5, 1, Some(&link("/page"))),
        record(6, 1, Some(&link(&format!("/x?expires={NOW}")))),
    ];
    let wrote = stage.write(&records).await;
    let problems = [0, 1, 4].map(|at: usize| problem(&wrote[at]));
    assert_eq!(problems, [Problem::Forbidden, Problem::Gone, Problem::Unusable]);
    assert!(reported(&wrote[2]).unwrap().kept().is_some());
    assert!(is_silent(&wrote[3]) && matches!(wrote[5], Wrote::Refresh(_)));
}

#[tokio::test]
async fn of_one_record_in_a_batch_only_the_newest_version_counts() {
    let stage = Stage::new().await;
    stage.host.script([picture("new")]);
    let old = record(1, 4, Some(&stage.link("/old")));
    let new = record(1, 5, Some(&stage.link("/new")));
    let gone = Change::Delete { key: RecordKey(2), version: 9 };
    let batch =
        [Change::Put(new), Change::Put(old), gone, Change::Put(record(2, 8, Some(&stage.link("/2"))))];
    let wrote = stage.sink.write(&stage.cx, &batch).await.unwrap().outcomes;
    assert!(reported(&wrote[0]).unwrap().kept().is_some());
    assert_eq!((&wrote[1], &wrote[3]), (&Wrote::Superseded, &Wrote::Superseded));
    assert!(is_silent(&wrote[2]));
    assert_eq!(stage.host.seen().len(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told_before_anything_is_fetched() {
    let stage = Stage::new().await;
    let file = stage.place.scratch().join("file");
    std::fs::write(&file, "x").unwrap();
    for folder in [file.clone(), file.join("below")] {
        let sink = crate::images::ImagesSink::new(crate::images::ImagesConfig::new(folder)).unwrap();
        let sink: &dyn Sink<Creator> = &sink;
        for done in [sink.check(&stage.cx).await, sink.open(&stage.cx, None).await] {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::ConfigInvalid);
        }
    }
    let new = crate::images::ImagesConfig::new(stage.place.scratch().join("a/b/c"));
    let sink = crate::images::ImagesSink::new(new).unwrap();
    Sink::<Creator>::check(&sink, &stage.cx).await.unwrap();
    assert!(!stage.place.scratch().join("a").exists(), "a check wrote something");
}

#[tokio::test]
async fn no_report_holds_a_signature() {
    let stage = Stage::new().await;
    stage.host.route("/a", Answer::status(418));
    let record = stage.shows(&stage.link("/a?x-signature=hunter2"));
    let wrote = stage.write_one(&record).await;
    assert!(!format!("{wrote:?}").contains("hunter2"));
}
