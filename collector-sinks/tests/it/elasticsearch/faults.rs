//! A server that misbehaves: nothing is lost, nothing that was stored is sent again, and each error says what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::sink::Wrote;
use serde_json::json;

use super::fake::{Answer, Fake};
use super::*;

async fn opened(config: ElasticsearchConfig) -> ElasticsearchSink {
    let sink = ElasticsearchSink::new(config).unwrap();
    sink.open(&Context::detached(), None).await.unwrap();
    sink
}

fn batch(keys: impl IntoIterator<Item = u64>) -> Vec<Change<Creator>> {
    keys.into_iter().map(|key| put(key, 1, named(&format!("h{key}")))).collect()
}

async fn refused(sink: &ElasticsearchSink) -> Error {
    sink.write(&Context::detached(), &batch(0..3)).await.unwrap_err()
}

fn number(action: &Value) -> u64 {
    u64::from_str_radix(action["_id"].as_str().unwrap(), 16).unwrap()
}

/// What a real cluster under load says: 20 % 429, 5 % 503, 1 % 400, some newer versions, and whole requests refused.
#[tokio::test]
async fn a_busy_cluster_loses_nothing_and_gets_nothing_twice() {
    const CHANGES: u64 = 3_000;
    let stored: Arc<Mutex<BTreeMap<u64, u32>>> = Arc::default();
    let counts = Arc::clone(&stored);
    let state = Mutex::new(7_u64);
    let fake = Fake::with_index(move |asked| {
        let mut state = state.lock().unwrap();
        let mut random = move || {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*state >> 33) % 100
        };
        match random() {
            0..10 => return Answer::json(429, json!({ "error": { "type": "circuit_breaking_exception" } })),
            10..15 => return Answer::html(503, "<html>busy</html>"),
            _ => {}
        }
        let mut stored = counts.lock().unwrap();
        Answer::bulk(asked, |action, _| {
            let key = number(action);
            match random() {
                _ if key % 100 == 7 => (400, "mapper_parsing_exception"),
                _ if key % 100 == 8 => (409, "version_conflict_engine_exception"),
                0..20 => (429, "rejected_execution_exception"),
                20..25 => (503, "unavailable_shards_exception"),
                _ => {
                    *stored.entry(key).or_default() += 1;
                    (201, "")
                }
            }
        })
    })
    .await;
    let sink = opened(ElasticsearchConfig { bulk_bytes: 40_000, ..fake.config() }).await;
    let (mut owed, mut rounds) = ((0..CHANGES).collect::<BTreeSet<_>>(), 0);
    let (mut superseded, mut rejected) = (0, 0);
    while !owed.is_empty() {
        rounds += 1;
        assert!(rounds < 1_000, "{} are owed for ever", owed.len());
        let keys: Vec<u64> = owed.iter().copied().take(500).collect();
        let Ok(written) = sink.write(&Context::detached(), &batch(keys.clone())).await else { continue };
        assert_eq!(written.outcomes.len(), keys.len());
        for (key, outcome) in keys.into_iter().zip(written.outcomes) {
            match outcome {
                Wrote::Stored(_) => assert_eq!(stored.lock().unwrap().get(&key), Some(&1)),
                Wrote::Superseded => superseded += 1,
                Wrote::Rejected(reason) => {
                    rejected += 1;
                    assert!(reason.contains("mapper_parsing") && !reason.contains("mina"), "{reason}");
                }
                Wrote::Retry { .. } => continue,
                other => panic!("{other:?}"),
            }
            owed.remove(&key);
        }
    }
    let stored = stored.lock().unwrap();
    assert_eq!((stored.len() as u64, superseded, rejected), (CHANGES * 98 / 100, 30, 30));
    assert!(stored.values().all(|times| *times == 1), "something that was stored was sent again");
}

#[tokio::test]
async fn bulks_are_bounded_and_halved_when_the_server_takes_less() {
    const TAKES: usize = 6_000;
    let fake = Fake::with_index(|asked| match asked.body.len() {
        0..TAKES => Answer::bulk(asked, |_, _| (201, "")),
        _ => Answer::html(413, "too large"),
    })
    .await;
    let sink = opened(ElasticsearchConfig { bulk_bytes: 20_000, ..fake.config() }).await;
    let mut changes = batch(0..100);
    let large = Creator { name: Some("long ".repeat(3_000).into()), ..named("large") };
    changes[50] = put(50, 1, large);
    let written = sink.write(&Context::detached(), &changes).await.unwrap();
    for (at, outcome) in written.outcomes.iter().enumerate() {
        match outcome {
            Wrote::Rejected(reason) if at == 50 => {
                assert!(reason.contains("http.max_content_length"), "{reason}")
            }
            outcome => assert_eq!(outcome, &Wrote::Stored(Facts::new()), "{at}"),
        }
    }
    let bulks = fake.bulks();
    assert!(bulks.iter().all(|bulk| bulk.body.len() <= 20_000 || bulk.items().len() == 1));
    let taken = bulks.iter().filter(|bulk| bulk.body.len() < TAKES).flat_map(|bulk| bulk.items());
    let keys: Vec<_> = taken.map(|(action, _)| number(&action)).collect();
    assert_eq!(keys, (0..100).filter(|key| *key != 50).collect::<Vec<_>>(), "each once, in order");
}

#[tokio::test]
async fn each_bulk_names_key_version_and_that_it_is_an_alias() {
    let fake = Fake::with_index(|asked| Answer::bulk(asked, |_, _| (201, ""))).await;
    let sink = opened(fake.config()).await;
    write(&sink, &[put(10, 4, named("a")), delete(11, 5)]).await;
    let bulk = fake.bulks().remove(0);
    assert_eq!(bulk.line, "POST /creators/_bulk?require_alias=true");
    let items = bulk.items();
    let action =
        |id: &str, version: u64| json!({ "_id": id, "version": version, "version_type": "external_gte" });
    assert_eq!(items[0].0, action("000000000000000a", 4));
    assert_eq!(items[1].0, action("000000000000000b", 5));
    assert_eq!(items[1].1, json!({ "record": { "key": "000000000000000b", "version": 5, "gone": true } }));
}

#[tokio::test]
async fn an_answer_that_is_none_puts_the_batch_in_doubt() {
    type Respond = fn(&super::fake::Asked) -> Answer;
    let whole = |asked: &super::fake::Asked| Answer::bulk(asked, |_, _| (201, ""));
    let rows: [(&str, Respond, ErrorKind); 7] = [
        ("a page", |_| Answer::html(200, "<html>welcome to our hotel</html>"), ErrorKind::Malformed),
        (
            "one item less",
            |asked| {
                let mut body: Value =
                    serde_json::from_str(&Answer::bulk(asked, |_, _| (201, "")).body).unwrap();
                body["items"].as_array_mut().unwrap().pop();
                Answer::json(200, body)
            },
            ErrorKind::Malformed,
        ),
        (
            "half of the JSON",
            |asked| {
                let mut answer = Answer::bulk(asked, |_, _| (201, ""));
                answer.body.truncate(40);
                answer
            },
            ErrorKind::Malformed,
        ),
        (
            "a cut transfer",
            |asked| Answer { cut: Some(40), ..Answer::bulk(asked, |_, _| (201, "")) },
            ErrorKind::Unavailable,
        ),
        ("a wrong password", |_| Answer::json(401, json!({ "error": "no" })), ErrorKind::Unauthorized),
        (
            "a missing right",
            |asked| Answer::bulk(asked, |_, _| (403, "security_exception")),
            ErrorKind::Unauthorized,
        ),
        (
            "no index",
            |asked| Answer::bulk(asked, |_, _| (404, "index_not_found_exception")),
            ErrorKind::Unavailable,
        ),
    ];
    for (what, respond, kind) in rows {
        let is_well = Arc::new(Mutex::new(false));
        let well = Arc::clone(&is_well);
        let fake =
            Fake::with_index(move |asked| if *well.lock().unwrap() { whole(asked) } else { respond(asked) })
                .await;
        let sink = opened(fake.config()).await;
        let error = refused(&sink).await;
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(!format!("{error:?}").contains("h1"), "{what} shows a record: {error:?}");
        // And goes on when the server does.
        *is_well.lock().unwrap() = true;
        assert_eq!(write(&sink, &batch(0..3)).await, Written::all_stored(3), "{what}");
    }
}

/// A run is never ended by the search server: these are the kinds that would.
#[tokio::test]
async fn no_answer_ends_a_run() {
    for status in [301, 400, 404, 405, 409, 418, 500] {
        for kind in ["", "too_many_nested_clauses", "index_not_found_exception"] {
            let answer = Answer::json(status, json!({ "error": { "type": kind }, "status": status }));
            let fake = Fake::with_index(move |_| answer.clone()).await;
            let error = refused(&opened(fake.config()).await).await;
            let ends =
                matches!(error.kind(), ErrorKind::ConfigInvalid | ErrorKind::Storage | ErrorKind::Cancelled);
            assert!(!ends, "{status} {kind}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_dead_node_is_passed_over() {
    let living = Fake::with_index(|asked| Answer::bulk(asked, |_, _| (201, ""))).await;
    let dead = Fake::closed().await;
    let nodes = [&dead, &living, &dead].map(|fake| fake.url().parse().unwrap());
    let sink = opened(ElasticsearchConfig::new(nodes, "creators")).await;
    for round in 0..6 {
        assert_eq!(write(&sink, &batch(0..2)).await, Written::all_stored(2), "{round}");
    }
    assert_eq!(living.bulks().len(), 6);
    drop(living);
    let error = refused(&sink).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("nodes tried: 3"), "{error}");
}

#[tokio::test]
async fn a_node_that_hangs_costs_one_timeout_and_is_then_left_out() {
    let hangs = Arc::new(Mutex::new(false));
    let is_hanging = Arc::clone(&hangs);
    let slow = Fake::with_index(move |asked| match *is_hanging.lock().unwrap() {
        true => Answer::html(0, ""),
        false => Answer::bulk(asked, |_, _| (201, "")),
    })
    .await;
    let config = ElasticsearchConfig { bulk_timeout: Duration::from_millis(300), ..slow.config() };
    let living = slow.beside(|asked| Answer::bulk(asked, |_, _| (201, ""))).await;
    let nodes = [&slow, &living].map(|fake| fake.url().parse().unwrap()).to_vec();
    let sink = opened(ElasticsearchConfig { nodes, ..config }).await;
    write(&sink, &batch(0..1)).await;
    *hangs.lock().unwrap() = true;
    let mut timeouts = 0;
    for _ in 0..8 {
        match sink.write(&Context::detached(), &batch(0..2)).await {
            Ok(written) => assert_eq!(written, Written::all_stored(2)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
                timeouts += 1;
            }
        }
    }
    assert_eq!(timeouts, 1, "it was asked again before its pause was over");
}

#[tokio::test]
async fn a_server_that_is_away_is_no_reason_not_to_start() {
    let closed = Fake::closed().await;
    let sink = ElasticsearchSink::new(closed.config()).unwrap();
    sink.open(&Context::detached(), None).await.unwrap();
    assert_eq!(refused(&sink).await.kind(), ErrorKind::Unavailable);
    // A wrong password will not become right by waiting.
    let fake = Fake::start(|_| Answer::json(401, json!("Unauthorized"))).await;
    let sink = ElasticsearchSink::new(fake.config()).unwrap();
    let error = sink.open(&Context::detached(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_check_says_which_part_failed_and_what_to_do() {
    let banner = || json!({ "version": { "number": "2.19.1", "distribution": "opensearch" } });
    let check = |respond: Box<dyn Fn(&str) -> Answer + Send + Sync>| async move {
        let fake = Fake::start(move |asked| respond(&asked.line)).await;
        let sink = ElasticsearchSink::new(fake.config()).unwrap();
        let error = sink.check(&Context::detached()).await.unwrap_err();
        assert!(fake.asked().iter().all(|asked| !asked.line.starts_with("PUT")), "a check wrote");
        (error.kind(), error.to_string())
    };
    let is = |(kind, text): (ErrorKind, String), expected: ErrorKind, parts: &[&str]| {
        assert_eq!(kind, expected, "{text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "`{part}` is missing: {text}"));
    };
    let page = |_: &str| Answer::html(200, "<html>grafana</html>");
    is(check(Box::new(page)).await, ErrorKind::Malformed, &["what it is", "text/html", "is the address"]);
    let other = |_: &str| Answer::json(200, json!({ "couchdb": "Welcome" }));
    is(check(Box::new(other)).await, ErrorKind::Malformed, &["is the address"]);
    let spring = |_: &str| Answer::json(404, json!({ "error": "Not Found", "status": 404, "path": "/" }));
    is(check(Box::new(spring)).await, ErrorKind::Malformed, &["404", "is the address"]);
    let login = |_: &str| {
        Answer::json(401, json!({ "error": { "type": "security_exception", "reason": "no such user" } }))
    };
    is(check(Box::new(login)).await, ErrorKind::Unauthorized, &["status: 401", "password", "no such user"]);
    let old = |_: &str| Answer::json(200, json!({ "version": { "number": "6.8.0" } }));
    is(check(Box::new(old)).await, ErrorKind::ConfigInvalid, &["6.8", "too old", "7.10"]);
    let alias = move |line: &str| match line {
        "GET /" => Answer::json(200, banner()),
        _ => Answer::json(
            403,
            json!({ "error": { "type": "security_exception", "reason": "no permissions for [get]" } }),
        ),
    };
    is(
        check(Box::new(alias)).await,
        ErrorKind::Unauthorized,
        &["which search index is in use", "right", "no permissions"],
    );
    let foreign = move |line: &str| match line {
        "GET /" => Answer::json(200, banner()),
        _ => Answer::json(200, json!({ "somebodys": { "aliases": { "creators": {} } } })),
    };
    is(check(Box::new(foreign)).await, ErrorKind::ConfigInvalid, &["taken", "somebodys"]);
}

#[tokio::test]
async fn a_reader_without_the_right_to_write_is_told_so() {
    let older = "creators-0123456789abcdef0123456789abcdef-1";
    let fake = Fake::start(move |asked| match asked.line.as_str() {
        "GET /" => Answer::json(403, json!({ "error": { "type": "security_exception" } })),
        "GET /_alias/creators" => Answer::json(200, json!({ older: {} })),
        line if line.ends_with("/_search") => Answer::json(200, json!({})),
        _ => {
            let item =
                json!({ "status": 403, "error": { "type": "security_exception", "reason": "no write" } });
            Answer::json(200, json!({ "items": [{ "index": item }] }))
        }
    })
    .await;
    let error = ElasticsearchSink::new(fake.config()).unwrap().check(&Context::detached()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(
        error.to_string().contains("cannot be written") && error.to_string().contains("no write"),
        "{error}"
    );
}

#[tokio::test]
async fn a_search_that_is_not_whole_is_an_error() {
    let found =
        json!({ "timed_out": false, "hits": { "total": { "value": 0, "relation": "eq" }, "hits": [] } });
    let late = json!({ "timed_out": true, "hits": found["hits"] });
    let shards = json!({ "error": { "type": "search_phase_execution_exception", "reason": "near 'mina'" } });
    let rows = [
        (Answer::json(200, found.clone()), None),
        (Answer::json(200, late), Some(ErrorKind::Timeout)),
        (Answer::json(503, shards), Some(ErrorKind::Unavailable)),
        (Answer::html(200, "<html>"), Some(ErrorKind::Malformed)),
        (Answer { cut: Some(20), ..Answer::json(200, found) }, Some(ErrorKind::Unavailable)),
    ];
    for (answer, expected) in rows {
        let shown = format!("{answer:?}");
        let fake = Fake::with_index(|_| Answer::html(500, "")).await;
        opened(fake.config()).await;
        let made =
            fake.asked().into_iter().find_map(|asked| asked.line.strip_prefix("PUT /").map(str::to_owned));
        let made = made.unwrap();
        let fake = Fake::start(move |asked| match asked.line.starts_with("GET") {
            true => Answer::json(200, json!({ made.clone(): {} })),
            false => answer.clone(),
        })
        .await;
        let index = ElasticsearchSearch::new(fake.config()).unwrap();
        let found = index.search(&Context::detached(), &Query::parse("mina").unwrap()).await;
        assert_eq!(found.as_ref().err().map(Error::kind), expected, "{shown}");
        assert!(!format!("{found:?}").contains("mina"), "{found:?}");
    }
}

#[tokio::test]
async fn no_secret_is_shown() {
    let fake = Fake::closed().await;
    let password = Some("hunter2".into());
    let config = ElasticsearchConfig { user: Some("writer".into()), password, ..fake.config() };
    let sink = ElasticsearchSink::new(config.clone()).unwrap();
    let index = ElasticsearchSearch::new(config.clone()).unwrap();
    let error = refused(&sink).await;
    for shown in [format!("{config:?}"), format!("{sink:?}"), format!("{index:?}"), format!("{error:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
