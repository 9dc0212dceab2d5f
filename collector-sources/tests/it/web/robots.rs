//! What a site asks of its visitors is asked for first, once, and obeyed.

use std::sync::Arc;
use std::time::Duration;

use collector_core::context::Context;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::{Cost, Query, Task};
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_sources::web::{Web, WebConfig};

use super::CONTACT;

const SITE: &str = r#"
base_url = "https://site.example"
[profile]
url = "/people/{handle}"
[profile.fields]
name = { css = "h1" }
"#;

const PAGE: &str = "<h1>Mina</h1>";

async fn site(robots: Answer, pages: usize) -> (ScriptServer, Web) {
    let server = ScriptServer::start().await.unwrap();
    let pages = std::iter::repeat_with(|| Answer::html(PAGE)).take(pages);
    server.script(std::iter::once(robots).chain(pages));
    let web = super::described(SITE, server.url());
    (server, web)
}

fn task(web: &Web, handle: &str) -> Task {
    let query = Query { handles: vec![handle.into()], ..Query::default() };
    web.seed(&query).unwrap().remove(0)
}

async fn visit(web: &Web, handle: &str) -> Result<Option<Cost>, collector_core::error::Error> {
    let payload = web.fetch(&Context::detached(), &[task(web, handle)]).await?;
    assert_eq!(web.parse(&[task(web, handle)], &payload)?.items.len(), 1);
    Ok(payload.cost)
}

fn paths(server: &ScriptServer) -> Vec<String> {
    server.seen().iter().map(|seen| seen.path().to_owned()).collect()
}

fn text(status: u16, body: &str) -> Answer {
    Answer::status(status).body(body.to_owned())
}

#[tokio::test]
async fn rules_are_asked_for_once_and_counted_and_every_request_says_who_asks() {
    let (server, web) = site(text(200, "User-agent: *\nDisallow: /private"), 3).await;
    assert_eq!(visit(&web, "a").await.unwrap(), Some(Cost { units: 0, requests: 2 }));
    assert_eq!(visit(&web, "b").await.unwrap(), Some(Cost { units: 0, requests: 1 }));
    assert_eq!(paths(&server), ["/robots.txt", "/people/a", "/people/b"]);
    for seen in server.seen() {
        let agent = seen.header("user-agent").unwrap().to_owned();
        assert!(agent.starts_with("collector/") && agent.contains(CONTACT), "{agent}");
        assert_eq!(seen.header("cookie"), None);
    }
}

#[tokio::test]
async fn calls_at_once_ask_for_the_rules_once() {
    let (server, web) = site(text(200, ""), 20).await;
    let web = Arc::new(web);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..20 {
        let web = Arc::clone(&web);
        calls.spawn(async move { visit(&web, &format!("user{number}")).await.unwrap() });
    }
    let costs: Vec<_> = calls.join_all().await;
    assert_eq!(paths(&server).iter().filter(|path| *path == "/robots.txt").count(), 1);
    assert_eq!(costs.iter().flatten().map(|cost| cost.requests).sum::<u64>(), 21);
}

#[tokio::test]
async fn what_is_forbidden_is_not_asked_for() {
    let (server, web) = site(text(200, "User-agent: Collector\nDisallow: /people/a$\n"), 1).await;
    let error = visit(&web, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("robots.txt") && error.to_string().contains("/people/a"), "{error}");
    visit(&web, "ab").await.unwrap();
    assert_eq!(paths(&server), ["/robots.txt", "/people/ab"]);
}

#[tokio::test]
async fn a_site_without_rules_allows_everything_and_one_that_cannot_say_allows_nothing() {
    for status in [400, 401, 403, 404, 410] {
        let (server, web) = site(text(status, "User-agent: *\nDisallow: /"), 1).await;
        visit(&web, "a").await.unwrap();
        assert_eq!(paths(&server).len(), 2, "{status}");
    }
    for (status, kind) in
        [(500, ErrorKind::Unavailable), (503, ErrorKind::Unavailable), (429, ErrorKind::RateLimited)]
    {
        let (server, web) = site(text(status, "").header("retry-after", "9"), 1).await;
        let error = visit(&web, "a").await.unwrap_err();
        assert_eq!((error.kind(), error.wait()), (kind, Some(Duration::from_secs(9))), "{status}");
        assert_eq!(paths(&server), ["/robots.txt"]);
    }
    let (server, web) = site(Answer::reset(), 1).await;
    assert_eq!(visit(&web, "a").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(paths(&server), ["/robots.txt"]);
}

#[tokio::test]
async fn rules_are_found_after_up_to_five_redirects() {
    for (hops, found) in [(1, true), (5, true), (6, false)] {
        let server = ScriptServer::start().await.unwrap();
        let redirects = (0..hops).map(|hop| text(301, "").header("location", format!("/elsewhere/{hop}")));
        let rules = text(200, "User-agent: *\nDisallow: /people");
        server.script(redirects.chain([rules, Answer::html(PAGE)]));
        let web = super::described(SITE, server.url());
        // Rules that are too far away are none.
        let forbidden = visit(&web, "a").await.err().map(|error| error.kind()) == Some(ErrorKind::Rejected);
        assert_eq!(forbidden, found, "{hops}");
    }
}

#[tokio::test]
async fn of_endless_rules_the_first_500_kib_are_read() {
    let mut rules = "User-agent: *\nDisallow: /people/a\n".to_owned();
    rules.push_str(&"# filler\n".repeat(200_000));
    rules.push_str("Disallow: /\n");
    let (_server, web) = site(text(200, &rules), 1).await;
    assert_eq!(visit(&web, "a").await.unwrap_err().kind(), ErrorKind::Rejected);
    visit(&web, "b").await.unwrap();
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_without_a_request() {
    let (server, web) = site(text(200, "User-agent: *\nCrawl-delay: 60"), 2).await;
    visit(&web, "a").await.unwrap();
    let early = visit(&web, "b").await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::RateLimited);
    let wait = early.wait().unwrap();
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(paths(&server), ["/robots.txt", "/people/a"]);
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_site_and_only_with_leave() {
    let server = ScriptServer::start().await.unwrap();
    let web = super::described(SITE, server.url());
    let to = |location: &str| text(302, "").header("location", location);
    server.script([text(200, "User-agent: *\nDisallow: /closed"), to("/people/b?x=1"), Answer::html(PAGE)]);
    assert_eq!(visit(&web, "a").await.unwrap(), Some(Cost { units: 0, requests: 3 }));
    assert_eq!(paths(&server), ["/robots.txt", "/people/a", "/people/b"]);

    server.script([to("/closed/a")]);
    assert_eq!(visit(&web, "a").await.unwrap_err().kind(), ErrorKind::Rejected);
    server.script([to("https://other.example/a")]);
    assert_eq!(visit(&web, "a").await.unwrap_err().kind(), ErrorKind::Rejected);
    server.script([to("/login?next=a"), Answer::html(PAGE)]);
    assert_eq!(visit(&web, "a").await.unwrap_err().kind(), ErrorKind::Blocked);
    server.script(std::iter::repeat_with(|| to("/people/a")).take(20));
    assert_eq!(visit(&web, "a").await.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(paths(&server).len(), 6, "a circle of redirects has an end");
}

#[tokio::test]
async fn checking_tiktok_asks_for_the_rules_only() {
    for (rules, allowed) in
        [("User-agent: *\nDisallow: /search?", true), ("User-agent: *\nDisallow: /@", false)]
    {
        let server = ScriptServer::start().await.unwrap();
        server.script([text(200, rules)]);
        let config = WebConfig {
            contact: CONTACT.into(),
            base_url: Some(server.url().into()),
            ..WebConfig::default()
        };
        let web = Web::new(config).unwrap();
        assert_eq!(web.check(&Context::detached()).await.is_ok(), allowed, "{rules}");
        assert_eq!(paths(&server), ["/robots.txt"]);
    }
}
