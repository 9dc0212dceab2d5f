//! Access tokens: got once, through the same exchange, counted, replaced when they die, and never shown.

use collector_core::context::{Context, RequestLog};
use collector_core::creator::CreatorSighting;
use collector_core::error::{ErrorKind, Result};
use collector_core::source::Source;
use collector_core::task::{Outcome, Page, Query, Task};
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use serde_json::json;

const TOKEN_PATH: &str = "/v2/oauth/token/";

fn source(server: &ScriptServer) -> TikTok {
    let config = TikTokConfig {
        mode: Some(Mode::Research),
        client_key: "made-up-key".into(),
        client_secret: "made-up+secret/&".into(),
        base_url: Some(server.url().into()),
        ..TikTokConfig::default()
    };
    TikTok::new(config).unwrap()
}

fn token(number: u32) -> Answer {
    Answer::json(
        &json!({ "access_token": format!("clt.{number}"), "expires_in": 7_200, "token_type": "Bearer" }),
    )
}

fn profile() -> Answer {
    let data = json!({ "display_name": "Mina", "follower_count": 3_000_000_000_u64, "likes_count": 9 });
    Answer::json(&json!({ "data": data, "error": { "code": "ok", "message": "ok" } }))
}

fn dead() -> Answer {
    let error = json!({ "code": "access_token_invalid", "message": "The access token clt.1 is invalid" });
    Answer::status(401).body(json!({ "data": {}, "error": error }).to_string())
}

fn task(source: &TikTok) -> Task {
    source.seed(&Query { handles: vec!["mina".into()], ..Query::default() }).unwrap().remove(0)
}

async fn call(source: &TikTok, cx: &Context) -> Result<Page<CreatorSighting>> {
    let tasks = [task(source)];
    let payload = source.fetch(cx, &tasks).await?;
    source.parse(&tasks, &payload)
}

#[tokio::test]
async fn one_token_serves_all_calls_and_its_request_is_counted() {
    let server = ScriptServer::start().await.unwrap();
    server.script([token(1), profile(), profile()]);
    let (source, log) = (source(&server), RequestLog::default());
    let cx = Context::detached().logging_requests(&log);
    let requests: Vec<u64> = [call(&source, &cx).await, call(&source, &cx).await]
        .map(|page| page.unwrap().cost.unwrap().requests)
        .into();
    assert_eq!(requests, [2, 1], "the first call got the token");
    let seen = server.seen();
    assert_eq!(seen.iter().filter(|seen| seen.path() == TOKEN_PATH).count(), 1);
    assert!(seen[0].carries("made-up+secret/&") && seen[0].carries("client_credentials"));
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer clt.1"));
    let shown = log.requests().join("\n");
    assert_eq!(log.requests().len(), 3, "{shown}");
    assert!(!shown.contains("clt.") && !shown.contains("made-up"), "{shown}");
}

#[tokio::test]
async fn a_token_that_dies_is_replaced_and_the_task_asked_again() {
    let server = ScriptServer::start().await.unwrap();
    server.script([token(1), profile(), dead(), token(2), profile()]);
    let (source, cx) = (source(&server), Context::detached());
    call(&source, &cx).await.unwrap();
    let page = call(&source, &cx).await.unwrap();
    assert!(matches!(page.outcomes[..], [Outcome::Later { .. }]), "{:?}", page.outcomes);
    let page = call(&source, &cx).await.unwrap();
    assert!(matches!(page.outcomes[..], [Outcome::Done]), "{:?}", page.outcomes);
    assert_eq!(server.seen()[4].header("authorization"), Some("Bearer clt.2"));
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_the_accounts_fault() {
    let server = ScriptServer::start().await.unwrap();
    server.script([token(1), dead()]);
    let error = call(&source(&server), &Context::detached()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!error.to_string().contains("clt."), "{error}");
}

#[tokio::test]
async fn refused_credentials_are_told_by_a_call_and_by_the_check() {
    let server = ScriptServer::start().await.unwrap();
    let refusal =
        json!({ "error": "invalid_client", "error_description": "bad made-up-key", "log_id": "L1" });
    server.route(TOKEN_PATH, Answer::json(&refusal));
    let (source, cx) = (source(&server), Context::detached());
    for error in [call(&source, &cx).await.unwrap_err(), source.check(&cx).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let text = error.to_string();
        assert!(
            text.contains("invalid_client") && text.contains("L1") && !text.contains("made-up"),
            "{text}"
        );
    }
    assert!(server.seen().is_empty(), "nothing is asked without a token");
}

#[tokio::test]
async fn calls_at_once_share_one_token() {
    let server = ScriptServer::start().await.unwrap();
    server.script([token(1), profile(), profile(), profile()]);
    let (source, cx) = (source(&server), Context::detached());
    let (a, b, c) = tokio::join!(call(&source, &cx), call(&source, &cx), call(&source, &cx));
    let requests: u64 = [a, b, c].map(|page| page.unwrap().cost.unwrap().requests).iter().sum();
    assert_eq!(requests, 4);
}
