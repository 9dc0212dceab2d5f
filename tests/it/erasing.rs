//! An erasure that could not be finished is finished by the next one, also where the store has forgotten already.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector_core::creator::Creators;
use collector_core::store::Store;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sources::simulator::SimulatorConfig;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{built, handles, simulator, start};

/// The names of a folder's files, at any depth.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_erasure_left_behind_goes_with_the_next_one() {
    let vendor = simulator(SimulatorConfig { creators: 5, ..SimulatorConfig::default() }).await;
    let folder = TempDir::new().unwrap();
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n[search]\nurl = \"tantivy:search\"\n[jsonl]\npath = \"log.jsonl\"\n\
         [sources.ensembledata]\nbase_url = \"{}/ensembledata\"\ntoken = {{ env = \"COLLECTOR_TEST_TOKEN\" }}\n",
        vendor.url(),
    );
    std::fs::write(folder.path().join("collector.toml"), config).unwrap();
    let handles = handles(&vendor.url(), 5).await;
    let command = async |args: &[&str]| {
        let child = start(&built("collector"), folder.path(), args);
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        (output.status.code(), output)
    };
    let (code, output) = command(&["run", "--handles", &handles.join(","), "--json"]).await;
    assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (search, aside) = (folder.path().join("search"), folder.path().join("aside"));
    let log = || std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    assert!(log().contains(&handles[0]));

    // The index is away: the store forgets, and then nothing goes on.
    std::fs::rename(&search, &aside).unwrap();
    std::fs::write(&search, "not a folder").unwrap();
    let (code, _) = command(&["erase", &handles[0], "--yes", "--json"]).await;
    assert_ne!(code, Some(0));
    assert_eq!(command(&["show", &handles[0]]).await.0, Some(1), "the store has forgotten");
    assert!(log().contains(&handles[0]), "and the change log has not: there is something left to do");
    std::fs::remove_file(&search).unwrap();
    std::fs::rename(&aside, &search).unwrap();

    let (code, output) = command(&["erase", &handles[0], "--yes", "--json"]).await;
    assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["lines"].as_u64(), &report["records"]), (Some(1), &Value::Array(vec![])), "{report}");
    assert!(!log().contains(&handles[0]) && log().contains(&handles[1]));

    // Of somebody whom nobody knows nothing is looked for: the index stays as it is.
    let before = files(&search);
    let (code, output) = command(&["erase", "nobody.of.that.name", "--yes", "--json"]).await;
    assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["lines"].as_u64(), report["pictures"].as_u64()), (Some(0), Some(0)), "{report}");
    assert_eq!(files(&search), before);

    // One that was cut off before the store forgot has left nothing behind: whoever lives keeps their lines.
    let line = log().lines().find(|line| line.contains(&handles[1])).map(str::to_owned).unwrap();
    let key = serde_json::from_str::<Value>(&line).unwrap()["key"].clone();
    let config = SqlConfig::new(folder.path().join("collector.db"));
    let store: SqlStore<Creators> = SqlStore::open(&config, Arc::new(Creators::default())).await.unwrap();
    let note = serde_json::json!({ "records": [key], "facts": [] }).to_string();
    store.put_note("erase", Some(&note)).await.unwrap();
    drop(store);
    let (code, output) = command(&["erase", "nobody.of.that.name", "--yes", "--json"]).await;
    assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(log().contains(&line));
    vendor.stop().await;
}
