//! EchoTik: a batch of details, a list, a profile asked of the platform.

use std::sync::Arc;

use collector_core::task::{Query, Task};
use collector_core::testkit::hostile::{Recording, Token};
use collector_core::testkit::server::Answer;
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};
use serde_json::{Value, json};

use super::{Creators, Play, survives_scrambling};

fn configured(base_url: &str, real_time: RealTime) -> Arc<Creators> {
    let config = EchoTikConfig {
        username: "made-up-user".into(),
        password: "canary-password-0123456789".into(),
        base_url: base_url.into(),
        pictures: false,
        real_time,
        ..EchoTikConfig::default()
    };
    Arc::new(EchoTik::new(config).unwrap())
}

fn source(base_url: &str) -> Arc<Creators> {
    configured(base_url, RealTime::Off)
}

fn token() -> Token {
    Token::Fixed(Answer::json(&json!({ "code": 401, "message": "auth error", "data": null })))
}

fn row(number: u64) -> Value {
    json!({
        "user_id": format!("68000000000000{number:05}"), "unique_id": format!("user{number}"),
        "nick_name": format!("User {number}"), "signature": "tea", "region": "US", "language": "en", "off_mark": 0,
        "category": "Food & Beverage", "ec_score": 4.37, "total_followers_cnt": 1_000 + number,
        "total_followers_30d_cnt": -5, "total_digg_cnt": "900", "total_post_video_cnt": 7, "seller_id": null,
        "avatar": "https://p16.cdn.example/a.jpg", "total_sale_gmv_30d_amt": 1_234.56,
    })
}

fn rows(numbers: std::ops::Range<u64>) -> Answer {
    let rows: Vec<_> = numbers.map(row).collect();
    Answer::json(&json!({ "code": 0, "message": "success", "data": rows, "requestId": "R" }))
}

mod details {
    use super::*;

    fn play() -> Play {
        let ids = (1..5).map(|number| format!("tiktok:uid:68000000000000{number:05}")).collect();
        let query = Query { ids, ..Query::default() };
        let recording = Recording::new().answer("/api/v3/echotik/influencer/detail", &[], rows(1..5));
        Play::new(source, query, recording, token()).rows("/data")
    }

    collector_core::source_hostile!(play(), without: {
        RepeatedCursor: "a batch has no pages",
        ShrinkingTotal: "a batch has no pages",
        DuplicateRows: "a batch has no second page",
        ReorderedRows: "a batch has no second page",
    });
}

mod list {
    use super::*;

    fn play() -> Play {
        let query = Query {
            regions: vec!["US".into()],
            extra: [("listings".to_owned(), json!([{ "category": "Food & Beverage" }]))].into(),
            hydrate: Some(false),
            ..Query::default()
        };
        let path = "/api/v3/echotik/influencer/list";
        // A page that is not full is the last.
        let recording = Recording::new()
            .answer(path, &[], rows(1..11))
            .answer(path, &[("page_num", "2")], rows(11..21))
            .answer(path, &[("page_num", "3")], rows(21..24));
        Play::new(source, query, recording, token()).rows("/data")
    }

    collector_core::source_hostile!(play(), without: { ShrinkingTotal: "the vendor tells no total" });
}

mod live_profile {
    use super::*;

    fn live(base_url: &str) -> Arc<Creators> {
        configured(base_url, RealTime::Always)
    }

    fn play() -> Play {
        let query = Query { handles: vec!["mina.made.up".into()], ..Query::default() };
        let nobody = Answer::json(&json!({ "code": 0, "message": "success", "data": [] }));
        let profile = Answer::status(200)
            .header("content-type", "application/json")
            .body(include_str!("../../fixtures/echotik/live-profile.json"));
        let recording = Recording::new().answer("/api/v3/realtime/influencer/detail", &[], profile).answer(
            "/api/v3/echotik/influencer/detail",
            &[],
            nobody,
        );
        Play::new(live, query, recording, token())
    }

    collector_core::source_hostile!(play(), without: {
        RepeatedCursor: "a profile has no pages",
        ShrinkingTotal: "a profile has no pages",
        DuplicateRows: "a profile has no rows",
        ReorderedRows: "a profile has no rows",
    });
}

#[test]
fn every_kind_survives_answers_that_were_changed_at_random() {
    let source = configured("http://vendor.test", RealTime::Always);
    let task = |kind: &'static str, subject: &'static str| Task::new("echotik", kind, subject);
    let [details, ranking, trend, videos, profile] = [
        include_str!("../../fixtures/echotik/details.json"),
        include_str!("../../fixtures/echotik/ranking.json"),
        include_str!("../../fixtures/echotik/trend.json"),
        include_str!("../../fixtures/echotik/videos.json"),
        include_str!("../../fixtures/echotik/live-profile.json"),
    ];
    let list = String::from_utf8(rows(1..11).body.to_vec()).unwrap();
    let pictures =
        json!({ "code": 0, "data": [{ "https://echosell-images.tos-ap-southeast-1.volces.com/a.jpg":
        "https://p16.cdn.example/a.jpg?x-expires=1" }] })
        .to_string();
    let post = json!({
        "aweme_id": "7300000000000000001", "create_time": 1_795_000_000, "desc": "tea #tea",
        "statistics": { "play_count": 1_000, "digg_count": 10 },
        "author": { "uid": "6800000000000000001", "unique_id": "mina.made.up" },
    });
    let live = json!({ "code": 0, "msg": "success", "data": {
        "aweme_list": [post], "max_cursor": 1_794_000_000_000_u64, "has_more": 1, "status_code": 0 } })
    .to_string();
    let ranked =
        task("ranking", "US").param("rank_type", "1").param("influencer_rank_field", "1").param("back", "1");
    let trended = task("trend", "7000000000000000001").param("from", "2026-11-01").param("to", "2026-11-20");
    let picture = task("pictures", "https://echosell-images.tos-ap-southeast-1.volces.com/a.jpg");
    let cases: Vec<(Vec<Task>, &str)> = vec![
        (vec![task("details", "7000000000000000001"), task("details", "7000000000000000004")], details),
        (vec![task("details_by_handle", "mina.made.up"), task("details_by_handle", "nobody")], details),
        (vec![task("list", "US")], &list),
        (vec![task("list", "US").param("page", "2").param("after", "1")], &list),
        (vec![task("search", "tea")], &list),
        (vec![ranked], ranking),
        (vec![trended], trend),
        (vec![task("videos", "7000000000000000001").param("pages_left", "3")], videos),
        (vec![picture.param("uid", "7000000000000000001")], &pictures),
        (vec![task("live_profile", "mina.made.up")], profile),
        (vec![task("live_videos", "mina.made.up").param("pages_left", "3")], &live),
    ];
    for kind in source.kinds() {
        assert!(cases.iter().any(|(tasks, _)| **tasks[0].kind() == *kind), "{kind} is missing");
    }
    for (seed, (tasks, body)) in (0..).zip(cases) {
        survives_scrambling(&*source, &tasks, seed, body);
    }
}
