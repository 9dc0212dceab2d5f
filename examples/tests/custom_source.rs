//! The source of the example keeps the whole contract of `Source`.

#[allow(dead_code, reason = "the example's own program is not run here")]
#[path = "../custom_source.rs"]
mod example;

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use example::{Review, Reviews};
use serde_json::{Value, json};

struct Shop(ScriptServer);

fn rows(items: &[u64]) -> Vec<Value> {
    items.iter().map(|id| json!({ "id": id, "product": "tea", "stars": 5 })).collect()
}

#[async_trait]
impl SourceHarness for Shop {
    type Item = Review;

    async fn source(&self) -> Arc<dyn Source<Item = Review>> {
        Arc::new(Reviews::new(&self.0.url(), "canary-token").expect("an instance"))
    }

    async fn script(&self, answers: Vec<Answer>) {
        self.0.script(answers);
    }

    async fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    fn query(&self) -> Query {
        Query { keywords: vec!["tea & 차".into()], ..Query::default() }
    }

    fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
        Answer::json(&json!({ "reviews": rows(items), "next": next }))
    }

    fn page_with_bad_item(&self, items: &[u64]) -> Answer {
        let mut rows = rows(items);
        rows.insert(1, json!({ "id": "no number" }));
        Answer::json(&json!({ "reviews": rows }))
    }

    fn number(&self, item: &Review) -> u64 {
        item.id
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let refusal = |code: &str| Answer::json(&json!({ "error": { "code": code } }));
        let mut failures = standard_failures();
        failures.push((refusal("daily_limit"), ErrorKind::QuotaExhausted));
        failures.push((refusal("bad_token"), ErrorKind::Unauthorized));
        failures.push((refusal("something new"), ErrorKind::Rejected));
        failures.push((Answer::json(&json!({})), ErrorKind::Malformed));
        failures
    }

    fn impossible(&self) -> Option<Query> {
        Some(Query { regions: vec!["KR".into()], ..self.query() })
    }

    fn secret(&self) -> Option<String> {
        Some("canary-token".into())
    }
}

collector_core::source_conformance!(Shop(ScriptServer::start().await.expect("a server")));
