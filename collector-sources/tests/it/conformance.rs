//! The EnsembleData adapter against the conformance suite of sources.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::{Value, json};

const TOKEN: &str = "canary0123456789";

struct Vendor(ScriptServer);

fn post(number: u64) -> Value {
    json!({
        "aweme_id": format!("73000000000000{number:05}"),
        "create_time": 1_795_000_000,
        "author": { "uid": format!("68000000000000{number:05}"), "unique_id": format!("user{number}") },
    })
}

fn page(posts: Vec<Value>, next: Option<&str>) -> Answer {
    let next = next.map(|next| next.parse::<u64>().unwrap());
    Answer::json(&json!({ "data": { "data": posts, "nextCursor": next }, "units_charged": 1 }))
}

#[async_trait]
impl SourceHarness for Vendor {
    type Item = CreatorSighting;

    async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
        let config = EnsembleDataConfig {
            token: TOKEN.into(),
            base_url: self.0.url().into(),
            ..EnsembleDataConfig::default()
        };
        Arc::new(EnsembleData::new(config).unwrap())
    }

    async fn script(&self, answers: Vec<Answer>) {
        self.0.script(answers);
    }

    async fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    fn query(&self) -> Query {
        Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() }
    }

    fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
        page(items.iter().map(|number| post(*number)).collect(), next)
    }

    fn page_with_bad_item(&self, items: &[u64]) -> Answer {
        let mut posts: Vec<_> = items.iter().map(|number| post(*number)).collect();
        posts.insert(1, json!({ "aweme_id": "7300000000000099999", "author": 7 }));
        page(posts, None)
    }

    fn number(&self, item: &CreatorSighting) -> u64 {
        item.handle.as_deref().unwrap().trim_start_matches("user").parse().unwrap()
    }

    fn cursors(&self) -> [String; 2] {
        ["20".into(), "40".into()]
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let mut failures = standard_failures();
        // The vendor reports what it does not know in JSON; a bare 404 is its gateway.
        failures.retain(|(answer, _)| answer.status != 404);
        failures.push((Answer::status(491).body(r#"{"detail":"token not found"}"#), ErrorKind::Unauthorized));
        failures.push((
            Answer::status(495).body(r#"{"detail":"Maximum requests limit reached for today"}"#),
            ErrorKind::QuotaExhausted,
        ));
        failures
    }

    fn secret(&self) -> Option<String> {
        Some(TOKEN.into())
    }
}

collector_core::source_conformance!(
    Vendor(ScriptServer::start().await.unwrap()),
    without: { RepeatedCursor: "the vendor ends a list by giving the cursor back that was sent" }
);
