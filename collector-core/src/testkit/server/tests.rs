//! The server does what it is told.

use std::time::Duration;

use serde_json::json;

use super::client::get;
use super::*;

#[tokio::test]
async fn answers_come_in_order_and_requests_are_seen() {
    let server = ScriptServer::start().await.unwrap();
    server.route("/robots.txt", Answer::status(404));
    server.script([Answer::json(&json!({"a": 1})), Answer::status(429).header("Retry-After", "7")]);
    let first = get(&server.url(), "/x?q=%41", "x-key: k\r\n").await.unwrap();
    assert_eq!((first.status, &first.body[..]), (200, &br#"{"a":1}"#[..]));
    assert_eq!(get(&server.url(), "/robots.txt", "").await.unwrap().status, 404);
    let second = get(&server.url(), "/y", "").await.unwrap();
    assert!(second.status == 429 && second.headers.contains(&("retry-after".into(), "7".into())));
    assert_eq!(get(&server.url(), "/z", "").await.unwrap().status, 500);
    let seen = server.seen();
    assert_eq!(seen.iter().map(Seen::path).collect::<Vec<_>>(), ["/x", "/y", "/z"]);
    assert_eq!((seen[0].query("q").as_deref(), seen[0].header("x-key")), (Some("A"), Some("k")));
    server.script([]);
    assert_eq!((server.seen(), server.unused()), (vec![], 0));
}

#[tokio::test]
async fn broken_answers_break_as_told() {
    let server = ScriptServer::start().await.unwrap();
    server.script([
        Answer::json(&json!([1, 2, 3])).cut_after(3),
        Answer::reset(),
        Answer::json(&json!([1, 2, 3])).drip(Duration::from_millis(1)),
        Answer::truncated(&json!([1, 2, 3]), 3),
        Answer::nested(1_000),
        Answer::big(100_000),
        Answer::html("<html>captcha"),
    ]);
    let mut answers = Vec::new();
    for _ in 0..7 {
        answers.push(get(&server.url(), "/", "").await);
    }
    let length = |n: usize| answers[n].as_ref().map(|got| (got.body.len(), got.promised)).unwrap();
    assert_eq!(length(0), (3, 7));
    assert!(answers[1].is_err());
    assert_eq!(length(2), (7, 7));
    assert_eq!(length(3), (3, 3));
    assert_eq!(length(4), (2_000, 2_000));
    assert_eq!(length(5), (100_000, 100_000));
    assert_eq!(length(6), (13, 13));
}

#[tokio::test]
async fn a_hanging_answer_never_comes_and_the_request_was_seen() {
    let server = ScriptServer::start().await.unwrap();
    server.script([Answer::hang()]);
    let url = server.url();
    tokio::select! {
        got = get(&url, "/", "") => panic!("answered: {got:?}"),
        () = server.until_seen(1) => {}
    }
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let server = ScriptServer::start().await.unwrap();
    let url = server.url();
    drop(server);
    while get(&url, "/", "").await.is_ok() {
        tokio::task::yield_now().await;
    }
}
