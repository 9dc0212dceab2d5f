//! Sources that a file describes: pages with numbers, a cursor in a body, a batch; and the files of the reference.

use std::sync::Arc;

use collector_core::task::Query;
use collector_core::testkit::hostile::{Recording, Token};
use collector_core::testkit::server::Answer;
use collector_sources::declarative::{Declarative, DeclarativeConfig, EXAMPLES};
use serde_json::{Value, json};

use super::{Creators, Play, survives};

const FILE: &str = r#"
base_url = "https://api.example/v1"

[auth]
type = "header"
name = "x-api-key"
secret = "key"

[calls.search]
subject = "hashtag"
path = "/search"
body = { tag = "{subject}" }
items = "$.data.users[*]"
paging = { type = "cursor", in = "body", param = "after", cursor = "$.data.next" }
fields = { uid = "$.id", handle = "$.name", followers = "$.stats.fans" }

[calls.everybody]
subject = "extra.everybody"
path = "/people"
items = "$.items[*]"
paging = { type = "page", size = 4, size_param = "size", total = "$.total" }
fields = { uid = "$.id", handle = "$.name", followers = "$.stats.fans" }

[calls.profiles]
subject = "uid"
path = "/profiles"
query = { ids = "{subjects}" }
items = "$.profiles[*]"
batch = { size = 10, match = "$.id" }
fields = { uid = "$.id", handle = "$.name", bio = "$.about", followers = "$.stats.fans" }
"#;

fn source(base_url: &str) -> Arc<Creators> {
    let config = DeclarativeConfig {
        name: "api".into(),
        file: "api.toml".into(),
        text: FILE.into(),
        secrets: [("key".to_owned(), "canary-secret".into())].into(),
        base_url: Some(format!("{base_url}/v1").into()),
        ..DeclarativeConfig::default()
    };
    Arc::new(Declarative::new(config).unwrap_or_else(|error| panic!("{error}")))
}

fn token() -> Token {
    Token::Fixed(Answer::status(401).body(r#"{"error":"the key has ended"}"#))
}

fn user(number: u64) -> Value {
    json!({
        "id": format!("68000000000000{number:05}"), "name": format!("user{number}"), "about": "tea",
        "stats": { "fans": 100 + number },
    })
}

fn users(numbers: std::ops::Range<u64>) -> Vec<Value> {
    numbers.map(user).collect()
}

mod cursor {
    use super::*;

    fn play() -> Play {
        let query = Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() };
        let page = |numbers, next: Option<&str>| {
            Answer::json(&json!({ "data": { "users": users(numbers), "next": next } }))
        };
        let recording = Recording::new().answer("/v1/search", &[], page(1..5, Some("c2"))).answer(
            "/v1/search",
            &[("after", "c2")],
            page(5..8, None),
        );
        Play::new(source, query, recording, token()).rows("/data/users")
    }

    collector_core::source_hostile!(play(), without: { ShrinkingTotal: "the vendor tells no total" });
}

mod page {
    use super::*;

    fn play() -> Play {
        let extra = [("everybody".to_owned(), json!(true))].into();
        let query = Query { extra, hydrate: Some(false), ..Query::default() };
        let page = |numbers| Answer::json(&json!({ "items": users(numbers), "total": 11 }));
        let recording = Recording::new()
            .answer("/v1/people", &[], page(1..5))
            .answer("/v1/people", &[("page", "2")], page(5..9))
            .answer("/v1/people", &[("page", "3")], page(9..12));
        Play::new(source, query, recording, token()).rows("/items").total("/total")
    }

    collector_core::source_hostile!(play());
}

mod batch {
    use super::*;

    fn play() -> Play {
        let ids = (1..5).map(|number| format!("tiktok:uid:68000000000000{number:05}")).collect();
        let query = Query { ids, ..Query::default() };
        let recording =
            Recording::new().answer("/v1/profiles", &[], Answer::json(&json!({ "profiles": users(1..5) })));
        Play::new(source, query, recording, token()).rows("/profiles")
    }

    collector_core::source_hostile!(play(), without: {
        RepeatedCursor: "a batch has no pages",
        ShrinkingTotal: "a batch has no pages",
        DuplicateRows: "a batch has no second page",
        ReorderedRows: "a batch has no second page",
    });
}

#[test]
fn every_answer_of_the_reference_survives_being_changed_at_random() {
    let mut answers = 0;
    for (name, text) in EXAMPLES {
        let config =
            DeclarativeConfig { file: name.into(), text: text.into(), ..DeclarativeConfig::default() };
        let source = Declarative::unsigned(config).unwrap();
        for answered in source.answers() {
            let Ok(body) = str::from_utf8(&answered.payload.body) else { continue };
            answers += 1;
            // Some of them are refusals.
            survives(&source, &answered.tasks, answers, body);
        }
    }
    assert!(answers >= 10, "{answers} answers are too few");
}
