//! The EchoTik adapter against the conformance suite of sources.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use collector_sources::echotik::{EchoTik, EchoTikConfig};
use serde_json::{Value, json};

const PASSWORD: &str = "canary-password-0123456789";

struct Vendor(ScriptServer);

fn row(number: u64) -> Value {
    json!({
        "user_id": format!("68000000000000{number:05}"), "unique_id": format!("user{number}"),
        "nick_name": format!("User {number}"), "region": "US", "off_mark": 0,
        "total_followers_cnt": 1_000 + number, "total_post_video_cnt": 7, "seller_id": null,
    })
}

/// Somebody whose account is gone: fills a page, and is nobody.
fn gone(number: u64) -> Value {
    json!({ "user_id": format!("69000000000000{number:05}"), "off_mark": 1, "total_followers_cnt": 1 })
}

/// A page; one with a page after it is full.
fn page(mut rows: Vec<Value>, next: Option<&str>) -> Answer {
    if let Some(next) = next {
        let next: u64 = next.parse().unwrap();
        rows.extend((rows.len() as u64..10).map(|place| gone(10 * next + place)));
    }
    let id = "11111111-2222-4333-a444-555555555555";
    Answer::json(&json!({ "code": 0, "message": "success", "data": rows, "requestId": id }))
}

#[async_trait]
impl SourceHarness for Vendor {
    type Item = CreatorSighting;

    async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
        let config = EchoTikConfig {
            username: "made-up-user".into(),
            password: PASSWORD.into(),
            base_url: self.0.url().into(),
            ..EchoTikConfig::default()
        };
        Arc::new(EchoTik::new(config).unwrap())
    }

    async fn script(&self, answers: Vec<Answer>) {
        self.0.script(answers);
    }

    async fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    fn query(&self) -> Query {
        Query {
            regions: vec!["US".into()],
            extra: [("listings".to_owned(), json!([{ "category": "Food & Beverage" }]))].into(),
            hydrate: Some(false),
            ..Query::default()
        }
    }

    fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
        page(items.iter().map(|number| row(*number)).collect(), next)
    }

    fn page_with_bad_item(&self, items: &[u64]) -> Answer {
        let mut rows: Vec<_> = items.iter().map(|number| row(*number)).collect();
        rows.insert(1, json!({ "user_id": {}, "unique_id": [], "total_followers_cnt": 5 }));
        page(rows, None)
    }

    fn number(&self, item: &CreatorSighting) -> u64 {
        item.handle.as_deref().unwrap().trim_start_matches("user").parse().unwrap()
    }

    fn cursors(&self) -> [String; 2] {
        ["2".into(), "3".into()]
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let mut failures = standard_failures();
        // A path that is not there is a wrong address; whom the vendor does not have it leaves out.
        failures.retain(|(answer, _)| answer.status != 404);
        let said = |code: Value, message: &str| {
            Answer::json(&json!({ "code": code, "message": message, "data": null }))
        };
        let spent = "Usage Limit Exceeded, Please Contact Administrator to Increase Quota";
        failures.extend([
            (Answer::status(404), ErrorKind::Rejected),
            (Answer::status(500).body(spent), ErrorKind::QuotaExhausted),
            (said(json!(500), spent), ErrorKind::QuotaExhausted),
            (said(json!("401"), "auth error"), ErrorKind::Unauthorized),
            (said(json!(40_001), "bad parameter"), ErrorKind::Rejected),
            (said(json!(500), ""), ErrorKind::Rejected),
            (said(json!(429), "rate limit"), ErrorKind::RateLimited),
        ]);
        failures
    }

    fn impossible(&self) -> Option<Query> {
        Some(Query { regions: vec!["Korea".into()], ..Query::default() })
    }

    fn secret(&self) -> Option<String> {
        Some(PASSWORD.into())
    }
}

collector_core::source_conformance!(
    Vendor(ScriptServer::start().await.unwrap()),
    without: { RepeatedCursor: "pages are numbered: a page that comes twice is known by its last row" }
);
