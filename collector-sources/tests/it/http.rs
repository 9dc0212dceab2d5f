//! The HTTP client against a server that does everything a server should not.

use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::SystemClock;
use collector_core::context::{ByteBudget, Context};
use collector_core::error::{Error, ErrorKind};
use collector_core::id::Name;
use collector_core::task::Payload;
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_sources::http::{Http, HttpOptions, Request, Secret};
use tokio_util::sync::CancellationToken;
use url::Url;

const SECRET: &str = "canary-in-a-coalmine";

fn options() -> HttpOptions {
    HttpOptions { max_body: 1 << 20, ..HttpOptions::default() }
}

fn request(url: &str) -> Request {
    Request::get(Url::parse(url).unwrap()).query("cursor", "20").secret_query("token", &Secret::from(SECRET))
}

/// 200 with this body.
fn good(body: impl Into<bytes::Bytes>) -> Answer {
    Answer::status(200).body(body)
}

async fn serving(answers: Vec<Answer>) -> ScriptServer {
    let server = ScriptServer::start().await.unwrap();
    server.script(answers);
    server
}

fn at(server: &ScriptServer, path: &str) -> Request {
    request(&format!("{}{path}", server.url()))
}

/// Sends one request to a server with these answers.
async fn exchange(answers: Vec<Answer>) -> (Result<Payload, Error>, ScriptServer) {
    let server = serving(answers).await;
    let http = Http::new(&options()).unwrap();
    let answer = http.exchange(&Context::detached(), at(&server, "/path")).await;
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
    let whole = Answer::status(495).header("Content-Type", "application/json").header("units_charged", "3");
    let whole = whole.header("Set-Cookie", "sid=1").header("X-RateLimit-Reset", "5");
    let (answer, server) = exchange(vec![whole.body("{\"detail\":\"x\"}")]).await;
    let payload = answer.unwrap();
    assert_eq!((payload.status, &payload.body[..]), (495, &b"{\"detail\":\"x\"}"[..]));
    assert_eq!(payload.header("units_charged"), Some("3"));
    assert_eq!(payload.header("x-ratelimit-reset"), Some("5"));
    assert_eq!(payload.header("set-cookie"), None);
    let [sent] = &server.seen()[..] else { panic!("{:?}", server.seen()) };
    assert_eq!((&*sent.method, &*sent.target), ("GET", &*format!("/path?cursor=20&token={SECRET}")));
    assert_eq!(sent.header("user-agent"), Some(concat!("collector/", env!("CARGO_PKG_VERSION"))));
    assert!(sent.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip")), "{sent:?}");
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
    let whole = || good(format!("{{\"data\":{}}}", "0".repeat(1_000)));
    for broken in [whole().cut_after(8), whole().reset_after(8), Answer::reset(), Answer::closed()] {
        let shown = format!("{broken:?}");
        let (answer, server) = exchange(vec![broken]).await;
        assert_eq!(seen(&failure(answer)), (ErrorKind::Unavailable, true), "{shown}");
        assert_eq!(server.seen().len(), 1, "sent again: {shown}");
    }
}

#[tokio::test]
async fn garbled_compression_is_unavailable() {
    let (answer, _server) = exchange(vec![good("no gzip at all").header("content-encoding", "gzip")]).await;
    assert_eq!(seen(&failure(answer)), (ErrorKind::Unavailable, true));
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_after_decompression() {
    // 8 KiB that become 8 MiB.
    let bomb: &[u8] = include_bytes!("../fixtures/http/zeros-8mib.gz");
    let large = [good(bomb).header("content-encoding", "gzip"), good(vec![b'0'; (1 << 20) + 1])];
    for large in large {
        let (answer, _server) = exchange(vec![large]).await;
        let error = failure(answer);
        assert_eq!(seen(&error), (ErrorKind::Malformed, true));
        assert!(error.message().contains("1048576 allowed"), "{error}");
    }
    let (answer, _server) = exchange(vec![good(vec![b'0'; 1 << 20])]).await;
    assert_eq!(answer.unwrap().body.len(), 1 << 20);
}

#[tokio::test]
async fn a_body_holds_its_share_of_the_budget_until_it_is_dropped() {
    let server = serving(vec![good(vec![b'0'; 10 * 1024])]).await;
    let budget = ByteBudget::new(64 << 10);
    let cx = Context::new(CancellationToken::new(), Arc::new(SystemClock), budget.clone());
    let payload = Http::new(&options()).unwrap().exchange(&cx, at(&server, "/")).await.unwrap();
    assert_eq!(payload.permit.bytes(), 10 * 1024);
    assert_eq!(budget.available(), 54 << 10);
    drop(payload);
    assert_eq!(budget.available(), 64 << 10);
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed_and_to_another_is_an_answer() {
    let moved = |to: &str| Answer::status(302).header("location", to).body("");
    let (answer, server) = exchange(vec![moved("/elsewhere?x=1"), good("here")]).await;
    assert_eq!(&answer.unwrap().body[..], b"here");
    let second = server.seen().remove(1);
    assert_eq!((&*second.method, &*second.target), ("GET", "/elsewhere?x=1"));
    assert_eq!(second.header("referer"), None);

    let other = serving(vec![good("stolen")]).await;
    let (answer, _server) = exchange(vec![moved(&format!("{}/?token={SECRET}", other.url()))]).await;
    let payload = answer.unwrap();
    assert_eq!((payload.status, payload.body.len()), (302, 0));
    assert!(!format!("{payload:?}").contains(SECRET));
    assert!(other.seen().is_empty(), "the other host was asked");
}

#[tokio::test]
async fn a_ring_of_redirects_ends() {
    let again = Answer::status(302).header("location", "/again").body("");
    let (answer, server) = exchange(vec![again; 10]).await;
    assert_eq!(answer.unwrap().status, 302);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_hanging_server_is_left_when_the_stop_signal_fires() {
    for hanging in [Answer::hang(), good(vec![b'0'; 100]).stall_after(0)] {
        let server = serving(vec![hanging]).await;
        let stop = CancellationToken::new();
        let cx = Context::new(stop.clone(), Arc::new(SystemClock), ByteBudget::new(1 << 20));
        let http = Http::new(&options()).unwrap();
        let call = http.exchange(&cx, at(&server, "/"));
        let stopping = async {
            server.until_seen(1).await;
            stop.cancel();
        };
        let (answer, ()) = tokio::join!(call, stopping);
        assert_eq!(seen(&failure(answer)), (ErrorKind::Cancelled, false));
    }
}

#[tokio::test]
async fn a_hanging_server_is_left_at_the_deadline_or_the_requests_own_timeout() {
    let server = serving(vec![good(vec![b'0'; 100]).stall_after(0); 2]).await;
    let http = Http::new(&options()).unwrap();
    let short = Duration::from_millis(50);
    let cx = Context::detached().for_call(Name::from("a"), CancellationToken::new(), short);
    let error = failure(http.exchange(&cx, at(&server, "/")).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
    let error = failure(http.exchange(&Context::detached(), at(&server, "/").timeout(short)).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn silence_in_the_middle_of_a_body_is_a_timeout() {
    let server = serving(vec![good(vec![b'0'; 100]).stall_after(8)]).await;
    let http = Http::new(&HttpOptions { idle_timeout: Duration::from_millis(50), ..options() }).unwrap();
    let error = failure(http.exchange(&Context::detached(), at(&server, "/")).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn a_body_that_trickles_for_ever_ends_at_the_deadline() {
    let server = serving(vec![good(vec![b'0'; 1 << 20]).drip(Duration::from_millis(5))]).await;
    let cx =
        Context::detached().for_call(Name::from("a"), CancellationToken::new(), Duration::from_millis(100));
    let error = failure(Http::new(&options()).unwrap().exchange(&cx, at(&server, "/")).await);
    assert_eq!(seen(&error), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn an_address_nothing_can_be_sent_to_is_a_matter_of_configuration() {
    let http = Http::new(&options()).unwrap();
    let error = failure(http.exchange(&Context::detached(), request("ftp://127.0.0.1/x")).await);
    assert_eq!(seen(&error), (ErrorKind::ConfigInvalid, false));
}
