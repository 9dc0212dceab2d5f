//! Two files against the conformance suite: a cursor in a body with a key in a header, and links in headers with a key in
//! the query.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use serde_json::{Value, json};

use super::{SECRET, source};

fn user(number: &u64) -> Value {
    json!({ "id": 7_000 + number, "name": format!("user{number}"), "stats": { "fans": number } })
}

fn number(item: &CreatorSighting) -> u64 {
    item.handle.as_deref().unwrap().trim_start_matches("user").parse().unwrap()
}

/// Items with one that is none among them.
fn with_bad(items: &[u64]) -> Vec<Value> {
    let mut users: Vec<_> = items.iter().map(user).collect();
    users.insert(1, json!({ "id": [], "name": {} }));
    users
}

fn query() -> Query {
    Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() }
}

/// More searches than a source may begin with.
fn impossible() -> Query {
    Query { hashtags: (0..=Query::MAX_ROOTS).map(|number| format!("tea{number}")).collect(), ..query() }
}

mod cursor_in_a_body {
    use super::*;

    const FILE: &str = r#"
        base_url = "https://api.example"
        [auth]
        type = "header"
        name = "x-api-key"
        secret = "key"
        [[errors]]
        path = "$.error"
        equals = "spent"
        kind = "quota_exhausted"
        message = "$.text"
        [[errors]]
        status = 418
        kind = "private"
        [calls.search]
        subject = "hashtag"
        path = "/search"
        body = { tag = "{subject}" }
        items = "$.data.users[*]"
        paging = { type = "cursor", in = "body", param = "page.after", cursor = "$.data.next" }
        fields = { uid = "$.id", handle = "$.name", followers = "$.stats.fans" }
    "#;

    struct Vendor(ScriptServer);

    fn page(users: Vec<Value>, next: Option<&str>) -> Answer {
        Answer::json(&json!({ "data": { "users": users, "next": next } }))
    }

    #[async_trait]
    impl SourceHarness for Vendor {
        type Item = CreatorSighting;

        async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
            source(FILE, &self.0.url(), Some("key"))
        }
        async fn script(&self, answers: Vec<Answer>) {
            self.0.script(answers);
        }
        async fn seen(&self) -> Vec<Seen> {
            self.0.seen()
        }
        fn query(&self) -> Query {
            query()
        }
        fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
            page(items.iter().map(user).collect(), next)
        }
        fn page_with_bad_item(&self, items: &[u64]) -> Answer {
            page(with_bad(items), None)
        }
        fn number(&self, item: &CreatorSighting) -> u64 {
            number(item)
        }
        fn failures(&self) -> Vec<(Answer, ErrorKind)> {
            let mut failures = standard_failures();
            let spent = json!({ "error": "spent", "text": "no more today" });
            failures.push((Answer::json(&spent), ErrorKind::QuotaExhausted));
            failures.push((Answer::status(418), ErrorKind::NotFound));
            failures.push((Answer::html("<html>Are you a robot? CAPTCHA"), ErrorKind::Blocked));
            failures.push((Answer::html("<html>maintenance"), ErrorKind::Unavailable));
            failures.push((Answer::json(&json!({ "data": { "people": [] } })), ErrorKind::Malformed));
            failures
                .push((Answer::json(&json!({ "data": { "users": [{ "pk": 1 }] } })), ErrorKind::Malformed));
            failures
        }
        fn impossible(&self) -> Option<Query> {
            Some(impossible())
        }
        fn secret(&self) -> Option<String> {
            Some(SECRET.into())
        }
    }

    collector_core::source_conformance!(Vendor(ScriptServer::start().await.unwrap()));
}

mod links_in_headers {
    use super::*;

    const FILE: &str = r#"
        base_url = "https://api.example/v1"
        [auth]
        type = "query"
        name = "api_key"
        secret = "key"
        [calls.search]
        subject = "hashtag"
        path = "/tags/{subject}/users"
        items = "$[*]"
        paging = { type = "link" }
        fields = { uid = "$.id", handle = "$.name", followers = "$.stats['fans']" }
    "#;

    struct Vendor(ScriptServer);

    impl Vendor {
        fn page(&self, users: Vec<Value>, next: Option<&str>) -> Answer {
            let answer = Answer::json(&Value::from(users));
            let Some(next) = next else { return answer };
            let mut url: url::Url = format!("{}/v1/tags/tea/users", self.0.url()).parse().unwrap();
            // Vendors repeat the credential in their links.
            url.query_pairs_mut().append_pair("api_key", SECRET).append_pair("after", next);
            answer.header("link", format!("<{url}>; rel=\"next\""))
        }
    }

    #[async_trait]
    impl SourceHarness for Vendor {
        type Item = CreatorSighting;

        async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
            source(FILE, &format!("{}/v1", self.0.url()), Some("key"))
        }
        async fn script(&self, answers: Vec<Answer>) {
            self.0.script(answers);
        }
        async fn seen(&self) -> Vec<Seen> {
            self.0.seen()
        }
        fn query(&self) -> Query {
            query()
        }
        fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
            self.page(items.iter().map(user).collect(), next)
        }
        fn page_with_bad_item(&self, items: &[u64]) -> Answer {
            self.page(with_bad(items), None)
        }
        fn number(&self, item: &CreatorSighting) -> u64 {
            number(item)
        }
        fn impossible(&self) -> Option<Query> {
            Some(impossible())
        }
        fn secret(&self) -> Option<String> {
            Some(SECRET.into())
        }
    }

    collector_core::source_conformance!(Vendor(ScriptServer::start().await.unwrap()));
}
