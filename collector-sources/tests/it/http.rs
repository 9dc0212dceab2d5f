//! The HTTP client against a server that does everything a server should not.

use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::SystemClock;
use collector_core::context::{ByteBudget, Context};
use collector_core::error::{Error, ErrorKind};
use collector_core::id::Name;
use collector_core::task::Payload;
use collector_sources::http::{Http, HttpOptions, Request, Secret};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::scripted::{Reply, Scripted, head};

const SECRET: &str = "canary-in-a-coalmine";

fn options() -> HttpOptions {
    HttpOptions { max_body: 1 << 20, ..HttpOptions::default() }
}

fn request(url: &str) -> Request {
    Request::get(Url::parse(url).unwrap()).query("cursor", "20").secret_query("token", &Secret::from(SECRET))
}

/// Sends one request to a server with these replies.
async fn exchange(replies: Vec<Reply>) -> (Result<Payload, Error>, Scripted) {
    let server = Scripted::start(replies).await;
    let http = Http::new(&options()).unwrap();
    let answer = http.exchange(&Context::detached(), request(&server.url("/path"))).await;
    (answer, server)
}

/// The failure, after looking for the secret in it.
fn failure(answer: Result<Payload, Error>) -> Error {
    let error = answer.unwrap_err();
    let everything = format!("{error} {error:?}");
    assert!(!everything.contains(SECRET), "{everything}");
    assert!(everything.contains("token=[redacted]"), "{everything}");
    error
}

fn seen(error: &Error) -> (ErrorKind, bool) {
    (error.kind(), error.is_maybe_charged())
}

#[tokio::test]
async fn a_whole_answer_is_given_back_whatever_its_status() {
    let headers =
        ["Content-Type: application/json", "units_charged: 3", "Set-Cookie: sid=1", "X-RateLimit-Reset: 5"];
    let (answer, server) =
        exchange(vec![Reply::answer("495 Whatever", &headers, b"{\"detail\":\"x\"}")]).await;
    let payload = answer.unwrap();
    assert_eq!((payload.status, &payload.body[..]), (495, &b"{\"detail\":\"x\"}"[..]));
    assert_eq!(payload.header("units_charged"), Some("3"));
    assert_eq!(payload.header("x-ratelimit-reset"), Some("5"));
    assert_eq!(payload.header("set-cookie"), None);
    let sent = server.requests().concat().to_lowercase();
    assert!(sent.starts_with(&format!("get /path?cursor=20&token={SECRET} http/1.1")), "{sent}");
    assert!(sent.contains(concat!("user-agent: collector/", env!("CARGO_PKG_VERSION"))), "{sent}");
    assert!(sent.contains("accept-encoding: ") && sent.contains("gzip"), "{sent}");
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable_and_free() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let http = Http::new(&options()).unwrap();
    let error = failure(http.exchange(&Context::detached(), request(&url)).await);
    assert_eq!(seen(&error), (ErrorKind::Unavailable, false));
}

#[tokio::test]
async fn a_cut_or_reset_body_is_unavailable_and_perhaps_charged() {
    let mut half = head("200 OK", &[], 1_000);
    half.extend_from_slice(b"{\"data\":");
    for reply in
        [Reply::Bytes(half.clone()), Reply::Reset(half), Reply::Reset(Vec::new()), Reply::Bytes(Vec::new())]
    {
        let shown = format!("{reply:?}");
        let (answer, server) = exchange(vec![reply]).await;
        assert_eq!(seen(&failure(answer)), (ErrorKind::Unavailable, true), "{shown}");
        assert_eq!(server.requests().len(), 1, "sent again: {shown}");
    }
}

#[tokio::test]
async fn garbled_compression_is_unavailable() {
    let (answer, _server) =
        exchange(vec![Reply::answer("200 OK", &["content-encoding: gzip"], b"no gzip at all")]).await;
    assert_eq!(seen(&failure(answer)), (ErrorKind::Unavailable, true));
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_after_decompression() {
    // 8 KiB that become 8 MiB.
    let bomb = include_bytes!("../fixtures/http/zeros-8mib.gz");
    let replies = [
        Reply::answer("200 OK", &["content-encoding: gzip"], bomb),
        Reply::answer("200 OK", &[], &vec![b'0'; (1 << 20) + 1]),
    ];
    for reply in replies {
        let (answer, _server) = exchange(vec![reply]).await;
        let error = failure(answer);
        assert_eq!(seen(&error), (ErrorKind::Malformed, true));
        assert!(error.message().contains("1048576 allowed"), "{error}");
    }
    let (answer, _server) = exchange(vec![Reply::answer("200 OK", &[], &vec![b'0'; 1 << 20])]).await;
    assert_eq!(answer.unwrap().body.len(), 1 << 20);
}

#[tokio::test]
async fn a_body_holds_its_share_of_the_budget_until_it_is_dropped() {
    let server = Scripted::start(vec![Reply::answer("200 OK", &[], &[b'0'; 10 * 1024])]).await;
    let budget = ByteBudget::new(64 << 10);
    let cx = Context::new(CancellationToken::new(), Arc::new(SystemClock), budget.clone());
    let payload = Http::new(&options()).unwrap().exchange(&cx, request(&server.url("/"))).await.unwrap();
    assert_eq!(payload.permit.bytes(), 10 * 1024);
    assert_eq!(budget.available(), 54 << 10);
    drop(payload);
    assert_eq!(budget.available(), 64 << 10);
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed_and_to_another_is_an_answer() {
    let moved = |to: &str| Reply::answer("302 Found", &[&format!("location: {to}")], b"");
    let (answer, server) =
        exchange(vec![moved("/elsewhere?x=1"), Reply::answer("200 OK", &[], b"here")]).await;
    assert_eq!(&answer.unwrap().body[..], b"here");
    let second = server.requests().remove(1).to_lowercase();
    assert!(second.starts_with("get /elsewhere?x=1 ") && !second.contains("referer"), "{second}");

    let other = Scripted::start(vec![Reply::answer("200 OK", &[], b"stolen")]).await;
    let (answer, _server) = exchange(vec![moved(&other.url(&format!("/?token={SECRET}")))]).await;
    let payload = answer.unwrap();
    assert_eq!((payload.status, payload.body.len()), (302, 0));
    assert!(!format!("{payload:?}").contains(SECRET));
    assert!(other.requests().is_empty(), "the other host was asked");
}

#[tokio::test]
async fn a_ring_of_redirects_ends() {
    let (answer, server) = exchange(vec![Reply::answer("302 Found", &["location: /again"], b"")]).await;
    assert_eq!(answer.unwrap().status, 302);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_hanging_server_is_left_when_the_stop_signal_fires() {
    for sent in [Vec::new(), head("200 OK", &[], 100)] {
        let server = Scripted::start(vec![Reply::Hang(sent)]).await;
        let stop = CancellationToken::new();
        let cx = Context::new(stop.clone(), Arc::new(SystemClock), ByteBudget::new(1 << 20));
        let http = Http::new(&options()).unwrap();
        let call = http.exchange(&cx, request(&server.url("/")));
        let stopping = async {
            while server.requests().is_empty() {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        let (answer, ()) = tokio::join!(call, stopping);
        assert_eq!(seen(&failure(answer)), (ErrorKind::Cancelled, false));
    }
}

#[tokio::test]
async fn a_hanging_server_is_left_at_the_deadline_or_the_requests_own_timeout() {
    let server = Scripted::start(vec![Reply::Hang(head("200 OK", &[], 100))]).await;
    let http = Http::new(&options()).unwrap();
    let short = Duration::from_millis(50);
    let cx = Context::detached().for_call(Name::from("a"), CancellationToken::new(), short);
    let error = failure(http.exchange(&cx, request(&server.url("/"))).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
    let error = failure(http.exchange(&Context::detached(), request(&server.url("/")).timeout(short)).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn silence_in_the_middle_of_a_body_is_a_timeout() {
    let mut half = head("200 OK", &[], 100);
    half.extend_from_slice(b"{\"data\":");
    let server = Scripted::start(vec![Reply::Hang(half)]).await;
    let http = Http::new(&HttpOptions { idle_timeout: Duration::from_millis(50), ..options() }).unwrap();
    let error = failure(http.exchange(&Context::detached(), request(&server.url("/"))).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn a_body_that_trickles_for_ever_ends_at_the_deadline() {
    let server = Scripted::start(vec![Reply::Drip(head("200 OK", &[], 1 << 20))]).await;
    let cx =
        Context::detached().for_call(Name::from("a"), CancellationToken::new(), Duration::from_millis(100));
    let error = failure(Http::new(&options()).unwrap().exchange(&cx, request(&server.url("/"))).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn an_address_nothing_can_be_sent_to_is_a_matter_of_configuration() {
    let http = Http::new(&options()).unwrap();
    let error = failure(http.exchange(&Context::detached(), request("ftp://127.0.0.1/x")).await);
    assert_eq!(seen(&error), (ErrorKind::ConfigInvalid, false));
}
