//! TikTok One against the conformance suite of sources.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use serde_json::{Value, json};

const TOKEN: &str = "canary-access-token";

struct Vendor(ScriptServer);

fn creator(number: u64) -> Value {
    json!({ "handle_name": format!("user{number}"), "display_name": "X", "followers_count": number.to_string() })
}

fn page(creators: Vec<Value>, next: Option<&str>) -> Answer {
    let next: Option<u64> = next.map(|next| next.parse().unwrap());
    let info = match next {
        Some(next) => json!({ "page_size": 200, "total_page": next }),
        None => json!({ "page_size": 200, "total_page": 0 }),
    };
    let data = json!({ "creators": creators, "page_info": info });
    Answer::json(&json!({ "code": 0, "message": "OK", "request_id": "R", "data": data }))
}

fn failure(code: u64, message: &str) -> Answer {
    Answer::json(&json!({ "code": code, "message": message, "request_id": "R", "data": {} }))
}

#[async_trait]
impl SourceHarness for Vendor {
    type Item = CreatorSighting;

    async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
        let config = TikTokConfig {
            mode: Some(Mode::One),
            access_token: TOKEN.into(),
            account_id: "71".into(),
            base_url: Some(self.0.url().into()),
            ..TikTokConfig::default()
        };
        Arc::new(TikTok::new(config).unwrap())
    }

    async fn script(&self, answers: Vec<Answer>) {
        self.0.script(answers);
    }

    async fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    fn query(&self) -> Query {
        let keywords = vec!["tea".into()];
        Query { keywords, regions: vec!["KR".into()], hydrate: Some(false), ..Query::default() }
    }

    fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
        page(items.iter().map(|number| creator(*number)).collect(), next)
    }

    fn page_with_bad_item(&self, items: &[u64]) -> Answer {
        let mut creators: Vec<_> = items.iter().map(|number| creator(*number)).collect();
        creators.insert(1, json!({ "handle_name": [7] }));
        page(creators, None)
    }

    fn number(&self, item: &CreatorSighting) -> u64 {
        item.handle.as_deref().unwrap().trim_start_matches("user").parse().unwrap()
    }

    /// Pages are counted; there is no other cursor.
    fn cursors(&self) -> [String; 2] {
        ["2".into(), "3".into()]
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let mut failures = standard_failures();
        // The vendor reports what it does not know in JSON; a bare 404 is its gateway.
        failures.retain(|(answer, _)| answer.status != 404);
        failures.extend([
            (failure(40105, "bad"), ErrorKind::Unauthorized),
            (failure(40100, "QPD limit"), ErrorKind::QuotaExhausted),
            (failure(40007, "none"), ErrorKind::NotFound),
            (failure(40002, "bad"), ErrorKind::Rejected),
            (failure(41000, "bad"), ErrorKind::Blocked),
            (failure(51023, "bad"), ErrorKind::Unavailable),
        ]);
        failures
    }

    fn impossible(&self) -> Option<Query> {
        Some(Query { keywords: vec!["tea".into()], ..Query::default() })
    }

    fn secret(&self) -> Option<String> {
        Some(TOKEN.into())
    }
}

collector_core::source_conformance!(
    Vendor(ScriptServer::start().await.unwrap()),
    without: { RepeatedCursor: "pages are counted, and a page that says it is another is refused" }
);
