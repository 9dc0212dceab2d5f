//! TikTok's own APIs. Research: a profile, a search, followers, with a token the source gets itself. One: a creator, a
//! search, somebody's posts.

use std::sync::Arc;

use collector_core::task::{Query, Task};
use collector_core::testkit::hostile::{Recording, Token};
use collector_core::testkit::server::Answer;
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use serde_json::{Value, json};

use super::{Creators, Play, survives_scrambling};

mod research {
    use super::*;

    const TOKEN_PATH: &str = "/v2/oauth/token/";

    fn source(base_url: &str) -> Arc<Creators> {
        let config = TikTokConfig {
            mode: Some(Mode::Research),
            client_key: "made-up-key".into(),
            client_secret: "made-up-secret".into(),
            base_url: Some(base_url.into()),
            ..TikTokConfig::default()
        };
        Arc::new(TikTok::new(config).unwrap())
    }

    fn token() -> Token {
        let grant = |token: &str| {
            Answer::json(&json!({ "access_token": token, "expires_in": 7_200, "token_type": "Bearer" }))
        };
        let error = json!({ "code": "access_token_invalid", "message": "The access token is invalid", "log_id": "L" });
        Token::Renewed {
            path: TOKEN_PATH.to_owned(),
            answers: Box::new([grant("clt.first"), grant("clt.second")]),
            first: "clt.first".to_owned(),
            ended: Answer::status(401).body(json!({ "data": {}, "error": error }).to_string()),
        }
    }

    fn good(data: Value) -> Answer {
        Answer::json(&json!({ "data": data, "error": { "code": "ok", "message": "", "log_id": "L" } }))
    }

    /// The span searched is fixed, and so are the days of its posts.
    const SPAN: [&str; 2] = ["2024-11-01", "2024-11-20"];
    const POSTED: u64 = 1_731_000_000;

    fn video(number: u64) -> Value {
        json!({
            "id": (POSTED << 32) + number, "create_time": POSTED, "username": format!("user{number}"),
            "region_code": "KR", "hashtag_names": ["tea", "cakes"], "view_count": 10 * number, "like_count": number,
            "comment_count": 1, "share_count": 0, "video_mention_list": ["user99"],
            "video_tag": { "type": "Branded type", "number": 2 },
        })
    }

    fn videos(numbers: std::ops::Range<u64>, cursor: u64, has_more: bool) -> Answer {
        let videos: Vec<_> = numbers.map(video).collect();
        good(
            json!({ "videos": videos, "cursor": cursor, "has_more": has_more, "search_id": "7300000000000000001" }),
        )
    }

    fn spanned(query: Query) -> Query {
        let options = json!({ "since": SPAN[0], "until": SPAN[1] });
        Query { options: [("tiktok".to_owned(), options)].into(), hydrate: Some(false), ..query }
    }

    fn profile() -> Answer {
        good(json!({
            "display_name": "Mina", "bio_description": "tea", "bio_url": "https://shop.example/mina",
            "avatar_url": "https://p16.cdn.example/a.jpg", "is_verified": false, "follower_count": 1_200,
            "following_count": 30, "likes_count": 40_000, "video_count": 77,
        }))
    }

    fn followers(numbers: std::ops::Range<u64>, cursor: u64, has_more: bool) -> Answer {
        let people: Vec<_> = numbers
            .map(|number| json!({ "username": format!("user{number}"), "display_name": format!("User {number}") }))
            .collect();
        good(json!({ "user_followers": people, "cursor": cursor, "has_more": has_more }))
    }

    mod profile {
        use super::*;

        fn play() -> Play {
            let query = Query { handles: vec!["mina".into()], ..Query::default() };
            let recording = Recording::new().answer("/v2/research/user/info/", &[], super::profile());
            Play::new(source, query, recording, token())
        }

        collector_core::source_hostile!(play(), without: {
            RepeatedCursor: "a profile has no pages",
            ShrinkingTotal: "a profile has no pages",
            DuplicateRows: "a profile has no rows",
            ReorderedRows: "a profile has no rows",
        });
    }

    mod hashtag {
        use super::*;

        fn play() -> Play {
            let query = spanned(Query { hashtags: vec!["tea".into()], ..Query::default() });
            let path = "/v2/research/video/query/";
            let recording = Recording::new().answer(path, &[], videos(1..5, 100, true)).answer(
                path,
                &[("cursor", "100")],
                videos(5..8, 200, false),
            );
            Play::new(source, query, recording, token()).rows("/data/videos")
        }

        collector_core::source_hostile!(play(), without: { ShrinkingTotal: "the vendor tells no total" });
    }

    mod followers {
        use super::*;

        fn play() -> Play {
            let options = json!({ "followers_pages": 5 });
            let query = Query {
                handles: vec!["mina".into()],
                options: [("tiktok".to_owned(), options)].into(),
                hydrate: Some(false),
                ..Query::default()
            };
            let path = "/v2/research/user/followers/";
            let recording = Recording::new()
                .answer("/v2/research/user/info/", &[], super::profile())
                .answer(path, &[], super::followers(1..5, 1_700_000_000, true))
                .answer(path, &[("cursor", "1700000000")], super::followers(5..8, 1_600_000_000, false));
            Play::new(source, query, recording, token()).rows("/data/user_followers")
        }

        collector_core::source_hostile!(play(), without: { ShrinkingTotal: "the vendor tells no total" });
    }

    #[test]
    fn every_kind_survives_answers_that_were_changed_at_random() {
        let source = source("http://vendor.test");
        let body = |answer: Answer| String::from_utf8(answer.body.to_vec()).unwrap();
        let posts = body(videos(1..5, 100, true));
        let people = body(followers(1..5, 1_700_000_000, true));
        for (seed, kind) in (0..).zip(source.kinds()) {
            let body = match &*kind {
                "profile" => body(profile()),
                "followers" => people.clone(),
                "following" => people.replace("user_followers", "user_following"),
                _ => posts.clone(),
            };
            let task =
                Task::new("tiktok", kind, "mina").param("since", "20241101").param("until", "20241120");
            let second = task.clone().param("cursor", "50").param("search_id", "7300000000000000001");
            let tasks = if matches!(task.kind().as_ref(), "followers" | "following" | "profile") {
                vec![task]
            } else {
                vec![task, second]
            };
            for task in tasks {
                survives_scrambling(&*source, &[task], seed, &body);
            }
        }
    }
}

mod one {
    use super::*;

    fn source(base_url: &str) -> Arc<Creators> {
        let config = TikTokConfig {
            mode: Some(Mode::One),
            access_token: "canary-access-token".into(),
            account_id: "71".into(),
            base_url: Some(base_url.into()),
            ..TikTokConfig::default()
        };
        Arc::new(TikTok::new(config).unwrap())
    }

    fn answer(code: u64, data: Value) -> Answer {
        Answer::json(&json!({ "code": code, "message": "OK", "request_id": "R", "data": data }))
    }

    fn token() -> Token {
        Token::Fixed(answer(40_105, json!({})))
    }

    fn creator(number: u64) -> Value {
        json!({
            "handle_name": format!("user{number}"), "creator_id": format!("c{number}"), "display_name": "Mina",
            "profile_image": "https://p16.cdn.example/a.jpg", "bio": "tea", "followers_count": 1_000 + number,
            "following_count": 3, "likes_count": "900", "videos_count": 12, "country_code": "KR", "median_views": 700,
            "engagement_rate": "3.2%", "creator_price": 120.5, "currency": "USD",
            "industry_labels": [{ "label_id": "1", "label_name": "Food" }], "content_labels": ["Tea"],
        })
    }

    fn creators(numbers: std::ops::Range<u64>, page: u64) -> Answer {
        let creators: Vec<_> = numbers.map(creator).collect();
        let info = json!({ "page": page, "page_size": 200, "total_number": 10, "total_page": 3 });
        answer(0, json!({ "creators": creators, "page_info": info }))
    }

    fn posts(numbers: std::ops::Range<u64>, cursor: u64, has_more: bool) -> Answer {
        let post = |number: u64| {
            json!({
                "video_id": format!("73000000000000{number:05}"), "create_time": "2026-11-20 10:00:00",
                "video_views": 900, "likes": 80, "comments": 7, "shares": 6, "caption_hashtags": ["tea"],
            })
        };
        let posts: Vec<_> = numbers.map(post).collect();
        answer(0, json!({ "posts": posts, "page_info": { "has_more": has_more, "cursor": cursor } }))
    }

    mod profile {
        use super::*;

        fn play() -> Play {
            let query = Query { handles: vec!["user7".into()], ..Query::default() };
            let recording =
                Recording::new().answer("/tto/tcm/creator/public/", &[], answer(0, super::creator(7)));
            Play::new(source, query, recording, token())
        }

        collector_core::source_hostile!(play(), without: {
            RepeatedCursor: "a profile has no pages",
            ShrinkingTotal: "a profile has no pages",
            DuplicateRows: "a profile has no rows",
            ReorderedRows: "a profile has no rows",
        });
    }

    mod discover {
        use super::*;

        fn play() -> Play {
            let query = Query {
                keywords: vec!["tea".into()],
                regions: vec!["KR".into()],
                hydrate: Some(false),
                ..Query::default()
            };
            let path = "/tto/tcm/creator/discover/";
            let recording = Recording::new()
                .answer(path, &[], creators(1..5, 1))
                .answer(path, &[("page", "2")], creators(5..9, 2))
                .answer(path, &[("page", "3")], creators(9..11, 3));
            Play::new(source, query, recording, token())
                .rows("/data/creators")
                .total("/data/page_info/total_page")
        }

        collector_core::source_hostile!(play());
    }

    #[test]
    fn every_kind_survives_answers_that_were_changed_at_random() {
        let source = source("http://vendor.test");
        let task = |kind: &'static str, subject: &'static str| Task::new("tiktok", kind, subject);
        for (seed, (task, answer)) in (0..).zip([
            (task("creator", "user7"), answer(0, creator(7))),
            (task("discover", "KR"), creators(1..5, 1)),
            (task("discover", "KR").param("page", "2"), creators(5..9, 2)),
            (task("creator_videos", "user7").param("pages_left", "3"), posts(1..5, 50, true)),
            (task("creator_videos", "user7").param("cursor", "50"), posts(5..9, 100, true)),
        ]) {
            survives_scrambling(&*source, &[task], seed, str::from_utf8(&answer.body).unwrap());
        }
    }
}
