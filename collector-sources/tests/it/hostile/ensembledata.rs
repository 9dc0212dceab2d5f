//! EnsembleData: a profile, a search, a batch of posts.

use std::sync::Arc;

use collector_core::creator::CreatorSighting;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::hostile::{HostileHarness, Recording, Token};
use collector_core::testkit::server::Answer;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::{Value, json};

fn source(base_url: &str) -> Arc<dyn Source<Item = CreatorSighting>> {
    let base_url = format!("{base_url}/apis").into();
    let config =
        EnsembleDataConfig { token: "canary0123456789".into(), base_url, ..EnsembleDataConfig::default() };
    Arc::new(EnsembleData::new(config).unwrap())
}

fn key(item: &CreatorSighting) -> String {
    item.uid.as_deref().or(item.handle.as_deref()).unwrap_or_default().to_owned()
}

fn token() -> Token {
    Token::Fixed(Answer::status(491).body(r#"{"detail":"token not found"}"#))
}

macro_rules! fixture {
    ($name:literal) => {
        Answer::status(200)
            .header("content-type", "application/json")
            .body(include_str!(concat!("../../fixtures/ensembledata/", $name)))
    };
}

mod profile {
    use super::*;

    struct Profile;

    impl HostileHarness for Profile {
        type Item = CreatorSighting;

        fn source(&self, base_url: &str) -> Arc<dyn Source<Item = CreatorSighting>> {
            source(base_url)
        }

        fn query(&self) -> Query {
            Query { handles: vec!["mina.kwon".into()], ..Query::default() }
        }

        fn recording(&self) -> Recording {
            Recording::new().answer("/apis/tt/user/info", &[], fixture!("profile-merged.json"))
        }

        fn key(&self, item: &CreatorSighting) -> String {
            key(item)
        }

        fn token(&self) -> Token {
            token()
        }
    }

    collector_core::source_hostile!(Profile, without: {
        RepeatedCursor: "a profile has no pages",
        ShrinkingTotal: "a profile has no pages",
        DuplicateRows: "a profile has no rows",
        ReorderedRows: "a profile has no rows",
    });
}

mod hashtag {
    use super::*;

    struct Hashtag;

    fn post(number: u64) -> Value {
        json!({
            "aweme_id": format!("73000000000000{number:05}"),
            "create_time": 1_795_000_000 + number,
            "desc": "tea #tea",
            "statistics": { "play_count": 10 * number, "digg_count": number, "comment_count": 0 },
            "author": {
                "uid": format!("68000000000000{number:05}"),
                "sec_uid": format!("MS4wLjABAAAAmadeUp_-user{number:017}"),
                "unique_id": format!("user{number}"),
                "follower_count": 100 + number,
            },
        })
    }

    fn page(numbers: std::ops::Range<u64>, next: Option<u64>) -> Answer {
        let posts: Vec<_> = numbers.map(post).collect();
        Answer::json(&json!({ "data": { "data": posts, "nextCursor": next }, "units_charged": 1 }))
    }

    impl HostileHarness for Hashtag {
        type Item = CreatorSighting;

        fn source(&self, base_url: &str) -> Arc<dyn Source<Item = CreatorSighting>> {
            source(base_url)
        }

        fn query(&self) -> Query {
            Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() }
        }

        fn recording(&self) -> Recording {
            Recording::new().answer("/apis/tt/hashtag/posts", &[], page(1..4, Some(20))).answer(
                "/apis/tt/hashtag/posts",
                &[("cursor", "20")],
                page(4..7, None),
            )
        }

        fn key(&self, item: &CreatorSighting) -> String {
            key(item)
        }

        fn rows(&self) -> Option<&'static str> {
            Some("/data/data")
        }

        fn token(&self) -> Token {
            token()
        }
    }

    collector_core::source_hostile!(Hashtag, without: { ShrinkingTotal: "the vendor tells no total" });
}

mod posts {
    use super::*;

    struct Posts;

    impl HostileHarness for Posts {
        type Item = CreatorSighting;

        fn source(&self, base_url: &str) -> Arc<dyn Source<Item = CreatorSighting>> {
            source(base_url)
        }

        fn query(&self) -> Query {
            let posts = ["7300000000000000001", "7300000000000000002", "7300000000000000008"];
            Query { posts: posts.map(str::to_owned).into(), hydrate: Some(false), ..Query::default() }
        }

        fn recording(&self) -> Recording {
            let post = |id: &str, number: u64| {
                json!({
                    "aweme_id": id,
                    "create_time": 1_795_000_000,
                    "statistics": { "play_count": 1_000, "digg_count": 10 },
                    "author": { "uid": format!("68000000000000{number:05}"), "unique_id": format!("user{number}") },
                })
            };
            let posts = [
                post("7300000000000000001", 1),
                post("7300000000000000002", 2),
                post("7300000000000000008", 3),
            ];
            Recording::new().answer("/apis/tt/post/multi-info", &[], Answer::json(&json!({ "data": posts })))
        }

        fn key(&self, item: &CreatorSighting) -> String {
            key(item)
        }

        fn rows(&self) -> Option<&'static str> {
            Some("/data")
        }

        fn token(&self) -> Token {
            token()
        }
    }

    collector_core::source_hostile!(Posts, without: {
        RepeatedCursor: "a batch has no pages",
        ShrinkingTotal: "a batch has no pages",
        DuplicateRows: "a batch has no second page",
        ReorderedRows: "a batch has no second page",
    });
}
