//! An index is made anew while it is asked: every search finds everybody, and what comes out is what was there.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use collector_core::context::Context;
use collector_core::creator::Creators;
use collector_core::pipeline::{End, Job, Pipeline, SourceOptions};
use collector_core::search::{CreatorIndex, Query};
use collector_core::store::{MemoryStore, Store};
use collector_sinks::tantivy::{TantivyConfig, TantivyRebuild, TantivySearch, TantivySink};
use collector_sources::simulator::SimulatorConfig;
use collector_tests::services;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{built, ensembledata, get, handles, simulator, start, stats};

const CREATORS: u32 = 400;

/// Everybody a query finds, in order, as they are shown.
async fn all(index: &TantivySearch, text: &str) -> Vec<String> {
    let (cx, mut hits) = (Context::detached(), Vec::new());
    let mut query = Query::parse(text).unwrap();
    query.limit = 100;
    loop {
        let page = index.search(&cx, &query).await.unwrap();
        hits.extend(page.hits.iter().map(|hit| serde_json::to_string(hit).unwrap()));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return hits,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn searches_notice_nothing_of_an_index_that_is_made_anew() {
    let vendor = simulator(SimulatorConfig { creators: CREATORS, ..SimulatorConfig::default() }).await;
    let folder = TempDir::new().unwrap();
    let place = TantivyConfig::new(folder.path().join("search"));
    let store: Arc<dyn Store<Creators>> = Arc::new(MemoryStore::new(Creators::default()));
    let engine = Pipeline::new(Creators::default())
        .store(Arc::clone(&store))
        .sink(TantivySink::new(place.clone()))
        .source_with(ensembledata(&vendor), SourceOptions::default())
        .build()
        .unwrap();
    let query = collector_core::task::Query {
        handles: handles(&vendor.url(), CREATORS).await,
        ..collector_core::task::Query::default()
    };
    let report = engine.run(Job::new("all", query), CancellationToken::new()).await.unwrap();
    assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
    drop(engine);
    let calls = stats(&vendor.url()).await["calls"].clone();

    let index = Arc::new(TantivySearch::open(folder.path().join("search")).unwrap());
    let queries = ["", "followers:>1000", "verified:yes", "country:KR sort:followers"];
    let mut before = Vec::new();
    for query in queries {
        before.push(all(&index, query).await);
    }
    assert_eq!(before[0].len(), CREATORS as usize);
    let (done, searches) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let searching = {
        let (done, searches, index, expected) =
            (Arc::clone(&done), Arc::clone(&searches), Arc::clone(&index), before.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                for (query, expected) in queries.iter().zip(&expected) {
                    let found =
                        index.search(&Context::detached(), &Query::parse(query).unwrap()).await.unwrap();
                    assert_eq!(found.total, expected.len() as u64, "{query:?}");
                    searches.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    };
    for _ in 0..3 {
        let mut fresh = TantivyRebuild::begin(&place).await.unwrap();
        let mut after = None;
        loop {
            let keys = store.keys(after, 50).await.unwrap();
            let Some(last) = keys.last() else { break };
            after = Some(*last);
            let known = store.known(&keys).await.unwrap();
            fresh.add(known.into_iter().map(|known| known.record).collect()).await.unwrap();
        }
        fresh.finish().await.unwrap();
        let so_far = searches.load(Ordering::SeqCst);
        crate::support::until("searches in the new index", async || {
            searches.load(Ordering::SeqCst) > so_far + queries.len() as u64
        })
        .await;
    }
    done.store(true, Ordering::SeqCst);
    searching.await.unwrap();
    for (query, before) in queries.iter().zip(&before) {
        assert_eq!(&all(&index, query).await, before, "{query:?}");
    }
    assert_eq!(stats(&vendor.url()).await["calls"], calls, "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_make_the_index_on_a_server_anew() {
    let Some(server) = services::search().filter(|server| !server.contains('@')) else { return };
    let vendor = simulator(SimulatorConfig { creators: 40, ..SimulatorConfig::default() }).await;
    let (folder, index) = (TempDir::new().unwrap(), format!("reindex-{:08x}", rand::random::<u32>()));
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n[search]\nurl = \"{server}/{index}\"\n[sources.ensembledata]\n\
         base_url = \"{}/ensembledata\"\ntoken = {{ env = \"COLLECTOR_TEST_TOKEN\" }}\n",
        vendor.url(),
    );
    std::fs::write(folder.path().join("collector.toml"), config).unwrap();
    let handles = handles(&vendor.url(), 40).await.join(",");
    let command = async |args: &[&str]| {
        let child = start(&built("collector"), folder.path(), args);
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    command(&["run", "--handles", &handles, "--json"]).await;
    let used = async || get(&server, &format!("/_alias/{index}")).await;
    let before = used().await;
    let report = command(&["rebuild", "--search", "--json"]).await;
    assert_eq!((&report["indexed"], &report["exit"]), (&40.into(), &"complete".into()), "{report}");
    assert_ne!(used().await, before, "another index is in use");
    let count: serde_json::Value =
        serde_json::from_str(&get(&server, &format!("/{index}/_count")).await).unwrap();
    assert_eq!(count["count"], 40);

    let (before, one) = (used().await, handles.split(',').next().unwrap());
    command(&["erase", one, "--yes", "--json"]).await;
    assert_ne!(used().await, before, "what stood in the old one's files is gone with it");
    let stats: serde_json::Value =
        serde_json::from_str(&get(&server, &format!("/{index}/_stats/docs")).await).unwrap();
    assert_eq!(stats["_all"]["primaries"]["docs"]["deleted"], 0, "{stats}");
    let kept: serde_json::Value =
        serde_json::from_str(&get(&server, &format!("/{index}/_search?size=100")).await).unwrap();
    let kept: Vec<_> = kept["hits"]["hits"].as_array().unwrap().iter().map(|hit| &hit["_source"]).collect();
    let (gone, known): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|source| source["record"]["gone"] == true);
    assert_eq!((known.len(), gone.len()), (39, 1), "{gone:?}");
    let tombstone = gone[0].as_object().unwrap();
    assert!(tombstone.keys().eq(["record"]), "{gone:?}");
    assert!(tombstone["record"].as_object().unwrap().keys().eq(["gone", "key", "version"]), "{gone:?}");
    vendor.stop().await;
}
