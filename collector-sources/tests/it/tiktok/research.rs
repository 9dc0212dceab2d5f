//! The Research API against the conformance suite of sources.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use serde_json::{Value, json};

const SECRET: &str = "canary-client-secret";

struct Vendor(ScriptServer);

impl Vendor {
    async fn start() -> Self {
        let server = ScriptServer::start().await.unwrap();
        let token = json!({ "access_token": "clt.made-up", "expires_in": 7_200, "token_type": "Bearer" });
        server.route("/v2/oauth/token/", Answer::json(&token));
        Self(server)
    }
}

fn video(number: u64) -> Value {
    let yesterday = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 86_400;
    json!({
        "id": 7_300_000_000_000_000_000_u64 + number,
        "create_time": yesterday,
        "username": format!("user{number}\0"),
        "region_code": "KR",
    })
}

fn page(videos: Vec<Value>, next: Option<&str>) -> Answer {
    let cursor: u64 = next.map_or(1, |next| next.parse().unwrap());
    let data = json!({
        "videos": videos, "cursor": cursor, "has_more": next.is_some(), "search_id": "7300000000000000001",
    });
    Answer::json(&json!({ "data": data, "error": { "code": "ok", "message": "", "log_id": "L" } }))
}

fn failure(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "code": code, "message": message, "log_id": "L" });
    Answer::status(status).body(json!({ "data": {}, "error": error }).to_string())
}

#[async_trait]
impl SourceHarness for Vendor {
    type Item = CreatorSighting;

    async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
        let config = TikTokConfig {
            mode: Some(Mode::Research),
            client_key: "made-up-key".into(),
            client_secret: SECRET.into(),
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
        Query { hashtags: vec!["tea".into()], hydrate: Some(false), ..Query::default() }
    }

    fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
        page(items.iter().map(|number| video(*number)).collect(), next)
    }

    fn page_with_bad_item(&self, items: &[u64]) -> Answer {
        let mut videos: Vec<_> = items.iter().map(|number| video(*number)).collect();
        videos.insert(1, json!({ "id": 7_300_000_000_000_099_999_u64, "username": [7] }));
        page(videos, None)
    }

    fn number(&self, item: &CreatorSighting) -> u64 {
        item.handle.as_deref().unwrap().trim_start_matches("user").parse().unwrap()
    }

    fn cursors(&self) -> [String; 2] {
        ["137".into(), "274".into()]
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let mut failures = standard_failures();
        // The vendor reports what it does not know in JSON; a bare 404 is its gateway.
        failures.retain(|(answer, _)| answer.status != 404);
        failures.extend([
            (failure(400, "invalid_params", "end_date is bad"), ErrorKind::Rejected),
            (failure(400, "invalid_params", "cannot find the user"), ErrorKind::NotFound),
            (failure(429, "daily_quota_limit_exceeded", ""), ErrorKind::QuotaExhausted),
            (failure(401, "scope_not_authorized", ""), ErrorKind::Unauthorized),
            (failure(200, "internal_error", ""), ErrorKind::Unavailable),
            (failure(500, "ok", ""), ErrorKind::Unavailable),
            (Answer::html("<html>gateway"), ErrorKind::Unavailable),
        ]);
        failures
    }

    fn impossible(&self) -> Option<Query> {
        Some(Query { ids: vec!["tiktok:uid:7".into()], ..Query::default() })
    }

    fn secret(&self) -> Option<String> {
        Some(SECRET.into())
    }
}

collector_core::source_conformance!(Vendor::start().await);
