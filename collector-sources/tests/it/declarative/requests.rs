//! What is sent: credentials, tokens, bodies, batches, lists and jobs.

use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::{Clock, Timestamp};
use collector_core::context::{ByteBudget, Context};
use collector_core::creator::CreatorSighting;
use collector_core::error::{ErrorKind, Result};
use collector_core::source::Source;
use collector_core::task::{Absence, Outcome, Page, Query, Task};
use collector_core::testkit::fakes::ManualClock;
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_sources::declarative::{Declarative, EXAMPLES};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{SECRET, secret_of, source};

async fn call(source: &Declarative, cx: &Context, tasks: &[Task]) -> Result<Page<CreatorSighting>> {
    source.parse(tasks, &source.fetch(cx, tasks).await?)
}

fn example(name: &str, server: &ScriptServer) -> Arc<Declarative> {
    let (_, text) = EXAMPLES.iter().find(|(known, _)| *known == name).unwrap();
    // The tokens of the tests come from the same server.
    let text = text.replace("https://export.example", &server.url());
    source(&text, &server.url(), secret_of(&text))
}

fn file(auth: &str) -> String {
    format!(
        "base_url = \"https://api.example\"\n[auth]\n{auth}\nsecret = \"s\"\n[calls.one]\nsubject = \"handle\"\n\
         path = \"/u/{{subject}}\"\nfields = {{ handle = \"$.h\" }}\n"
    )
}

fn shown(page: &Page<CreatorSighting>) -> Vec<String> {
    page.follow_ups.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn each_credential_is_sent_where_it_belongs() {
    let server = ScriptServer::start().await.unwrap();
    let basic = "Basic bWU6Y2FuYXJ5LXNlY3JldCswLzE=";
    for (auth, header, expected) in [
        ("type = \"header\"\nname = \"X-Key\"\nprefix = \"Key \"", "x-key", format!("Key {SECRET}")),
        ("type = \"bearer\"", "authorization", format!("Bearer {SECRET}")),
        ("type = \"basic\"\nuser = \"me\"", "authorization", basic.to_owned()),
    ] {
        let source = source(&file(auth), &server.url(), Some("s"));
        server.script([Answer::json(&json!({ "h": "tea" }))]);
        let tasks = source.seed(&Query { handles: vec!["@Tea/Room".into()], ..Query::default() }).unwrap();
        source.fetch(&Context::detached(), &tasks).await.unwrap();
        let seen = server.seen().remove(0);
        assert_eq!(seen.header(header), Some(&*expected), "{auth}");
        assert_eq!(seen.target, "/u/tea%2Froom");
    }
    let source = source(&file("type = \"query\"\nname = \"k\""), &server.url(), Some("s"));
    server.script([Answer::json(&json!({ "h": "tea" }))]);
    let tasks = source.seed(&Query { handles: vec!["tea".into()], ..Query::default() }).unwrap();
    source.fetch(&Context::detached(), &tasks).await.unwrap();
    assert_eq!(server.seen()[0].query("k").as_deref(), Some(SECRET));
}

#[tokio::test]
async fn a_token_is_got_once_for_all_calls_and_again_when_it_has_ended() {
    let server = ScriptServer::start().await.unwrap();
    let text = file(&format!("type = \"oauth\"\ntoken_url = \"{}/token\"\nclient_id = \"me\"", server.url()));
    let source = source(&text, &server.url(), Some("s"));
    let clock = ManualClock::starting_at(Timestamp::from_secs(1_800_000_000));
    let cx = Context::new(
        CancellationToken::new(),
        Arc::clone(&clock) as Arc<dyn Clock>,
        ByteBudget::new(1 << 20),
    );
    let tasks = source.seed(&Query { handles: vec!["tea".into()], ..Query::default() }).unwrap();
    let token = |name: &str| Answer::json(&json!({ "access_token": name, "expires_in": 3_600 }));
    let person = Answer::json(&json!({ "h": "tea" }));

    // Eight at once, and one token: whoever comes while it is got waits for it.
    let mut answers = vec![token("first")];
    answers.extend(std::iter::repeat_n(person.clone(), 8));
    server.script(answers);
    let calls = (0..8).map(|_| source.fetch(&cx, &tasks));
    let done: Vec<_> = futures_util::future::join_all(calls).await;
    assert!(done.iter().all(Result::is_ok));
    let seen = server.seen();
    assert_eq!(seen.iter().filter(|seen| seen.path() == "/token").count(), 1);
    assert!(seen[0].carries("grant_type=client_credentials") && seen[0].carries(SECRET));
    assert!(seen.iter().skip(1).all(|seen| seen.header("authorization") == Some("Bearer first")));

    // It ends by the clock.
    clock.advance(Duration::from_secs(3_600));
    server.script([token("second"), person.clone()]);
    source.fetch(&cx, &tasks).await.unwrap();
    assert_eq!(server.seen()[1].header("authorization"), Some("Bearer second"));

    // It ends before its time: the call fails in a way that is tried again, with a new one.
    server.script([Answer::status(401), token("third"), person.clone()]);
    assert_eq!(source.fetch(&cx, &tasks).await.unwrap_err().kind(), ErrorKind::Unavailable);
    source.fetch(&cx, &tasks).await.unwrap();
    assert_eq!(server.seen()[2].header("authorization"), Some("Bearer third"));
}

#[tokio::test]
async fn a_token_that_never_worked_is_the_accounts_fault() {
    let server = ScriptServer::start().await.unwrap();
    let text = file(&format!(
        "type = \"oauth\"\ntoken_url = \"{}/token\"\nclient_id = \"me\"\nsend = \"basic\"",
        server.url()
    ));
    let source = source(&text, &server.url(), Some("s"));
    let tasks = source.seed(&Query { handles: vec!["tea".into()], ..Query::default() }).unwrap();
    let cx = Context::detached();
    server.script([Answer::json(&json!({ "access_token": "t" })), Answer::status(401)]);
    assert_eq!(call(&source, &cx, &tasks).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    let granted = &server.seen()[0];
    assert!(
        granted.header("authorization").unwrap().starts_with("Basic ") && !granted.carries("client_secret")
    );
    for (answer, kind) in [
        (Answer::status(400), ErrorKind::Unauthorized),
        (Answer::status(503), ErrorKind::Unavailable),
        (Answer::status(429).header("retry-after", "9"), ErrorKind::RateLimited),
    ] {
        let fresh = self::source(&text, &server.url(), Some("s"));
        server.script([answer]);
        let error = fresh.fetch(&cx, &tasks).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
}

#[tokio::test]
async fn a_list_is_hydrated_by_batches_in_which_whoever_is_missing_is_not_found() {
    let server = ScriptServer::start().await.unwrap();
    let source = example("insta.toml", &server);
    let cx = Context::detached();
    let query = Query {
        hashtags: vec!["tea".into()],
        regions: vec!["KR".into()],
        max_pages: Some(2),
        ..Query::default()
    };
    let roots = source.seed(&query).unwrap();
    assert_eq!(roots.len(), 1);
    server.script([Answer::json(
        &json!({ "data": { "users": [{ "pk": 1 }, { "pk": 2 }, { "pk": 3 }], "next": 20 } }),
    )]);
    let page = call(&source, &cx, &roots).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&server.seen()[0].body).unwrap();
    assert_eq!(body, json!({ "tag": "tea", "country": "KR", "page": {} }));
    assert_eq!(page.follow_ups.len(), 4);
    let (people, next): (Vec<_>, Vec<_>) =
        page.follow_ups.into_iter().partition(|task| &**task.kind() == "profiles");
    assert_eq!(source.call("profiles").tasks, 10);

    server.script([Answer::json(&json!({ "data": { "users": [], "next": "more" } }))]);
    let last = call(&source, &cx, &next).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&server.seen()[0].body).unwrap();
    assert_eq!(body["page"], json!({ "after": 20 }), "a number stays a number");
    assert!(last.follow_ups.is_empty(), "two pages were wanted: {:?}", shown(&last));

    server.script([Answer::json(
        &json!({ "profiles": [{ "pk": 3, "username": "c" }, { "pk": 1, "username": "a" }] }),
    )]);
    let page = call(&source, &cx, &people).await.unwrap();
    assert_eq!(server.seen()[0].query("ids").as_deref(), Some("1,2,3"));
    assert!(matches!(page.outcomes[..], [Outcome::Done, Outcome::Absent(Absence::NotFound), Outcome::Done]));
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.cost.unwrap().units, 2);

    // One row that cannot be used fails whoever did not come back, and nobody else.
    let rows = json!({ "profiles": [{ "pk": {}, "username": [] }, { "pk": 1, "username": "a" }] });
    server.script([Answer::json(&rows)]);
    let page = call(&source, &cx, &people).await.unwrap();
    assert!(matches!(page.outcomes[..], [Outcome::Done, Outcome::Failed(_), Outcome::Failed(_)]));
}

#[tokio::test]
async fn a_job_is_submitted_polled_and_downloaded() {
    let server = ScriptServer::start().await.unwrap();
    let source = example("export.toml", &server);
    server.route("/oauth/token", Answer::json(&json!({ "access_token": "t", "expires_in": 3_600 })));
    let cx = Context::detached();
    let roots = source.seed(&Query { keywords: vec!["green tea".into()], ..Query::default() }).unwrap();
    server.script([Answer::json(&json!({ "job": { "id": 88 } }))]);
    let submitted = call(&source, &cx, &roots).await.unwrap();
    assert_eq!(server.seen()[0].method, "POST");
    let poll = submitted.follow_ups;
    assert_eq!(poll[0].get("job"), Some("88"));

    server.script([Answer::json(&json!({ "job": { "state": "running" } }))]);
    let payload = source.fetch(&cx, &poll).await.unwrap();
    let waiting = source.parse(&poll, &payload).unwrap();
    assert_eq!(server.seen()[0].target, "/exports/88");
    let Outcome::Later { at } = waiting.outcomes[0] else { panic!("{:?}", waiting.outcomes) };
    assert_eq!(at.since(payload.at), Duration::from_secs(20));
    let mut late = payload.clone();
    late.at = payload.at + Duration::from_secs(7_201);
    assert!(
        matches!(source.parse(&poll, &late).unwrap().outcomes[..], [Outcome::Failed(_)]),
        "it is given up"
    );

    server.script([
        Answer::json(&json!({ "job": { "state": "done" } })),
        Answer::json(&json!({ "rows": [{ "id": 1, "name": "a", "fans": 5 }] })),
    ]);
    let ready = call(&source, &cx, &poll).await.unwrap();
    let people = call(&source, &cx, &ready.follow_ups).await.unwrap();
    assert_eq!(server.seen()[1].target, "/exports/88/rows");
    assert_eq!(people.items[0].followers, Some(5));
    let posts = server.seen().iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(posts, 0, "nothing was submitted again");
}

#[tokio::test]
async fn a_submission_whose_answer_was_lost_is_not_sent_again() {
    let server = ScriptServer::start().await.unwrap();
    let source = example("export.toml", &server);
    server.route("/oauth/token", Answer::json(&json!({ "access_token": "t" })));
    let cx = Context::detached();
    let roots = source.seed(&Query { keywords: vec!["tea".into()], ..Query::default() }).unwrap();
    let whole = Answer::json(&json!({ "job": { "id": 88 } }));
    for answer in [
        whole.clone().cut_after(4),
        Answer::reset(),
        Answer::status(502),
        Answer::truncated(&json!({ "job": 1 }), 5),
    ] {
        server.script([answer.clone()]);
        let error = call(&source, &cx, &roots).await.unwrap_err();
        assert!(error.is_maybe_charged(), "{answer:?}: {error:?}");
        assert_eq!(error.disposition(), collector_core::error::Disposition::FailTask, "{answer:?}");
    }
    // The vendor says that it took nothing.
    for answer in [Answer::status(503), Answer::status(429)] {
        server.script([answer.clone()]);
        let error = call(&source, &cx, &roots).await.unwrap_err();
        assert_eq!(error.disposition(), collector_core::error::Disposition::Retry, "{answer:?}");
    }
}

#[tokio::test]
async fn check_says_which_paths_lead_nowhere_and_what_they_were_tried_on() {
    let server = ScriptServer::start().await.unwrap();
    let source = example("insta.toml", &server);
    let cx = Context::detached();
    let users = json!({ "data": { "users": [{ "pk": 1, "name": "tea" }], "next": null } });
    server.script([Answer::json(&users)]);
    let error = source.check(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(
        error.message(),
        "calls.search.fields.handle: `$.username` matches nothing in the item {\"name\":\"tea\",\"pk\":1}"
    );
    server.script([Answer::json(&json!({ "data": { "users": [{ "pk": 1, "username": "tea" }] } }))]);
    source.check(&cx).await.unwrap();
}
