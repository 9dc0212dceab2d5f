//! Crashes, locks and foreign files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind};
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts, Position, Record, Sink};
use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
use tempfile::TempDir;

use crate::limited;

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("changes.jsonl");
    (folder, path)
}

fn put(key: u64) -> Change<String> {
    let entity = Arc::new(format!("record {key}"));
    Change::Put(Record { key: RecordKey(key), version: 1, entity, facts: Facts::new() })
}

/// The sink as a new process opens it.
async fn open(path: &Path, position: Option<&Position>) -> Result<Arc<dyn Sink<String>>, Error> {
    let sink: Arc<dyn Sink<String>> = Arc::new(JsonlSink::new(JsonlConfig::new(path)));
    sink.open(&Context::detached(), position.cloned()).await?;
    Ok(sink)
}

async fn refused(path: &Path, position: Option<&Position>) -> Error {
    match open(path, position).await {
        Ok(_) => panic!("the sink opened"),
        Err(error) => error,
    }
}

async fn write(sink: &Arc<dyn Sink<String>>, keys: std::ops::Range<u64>) -> Position {
    let batch: Vec<_> = keys.map(put).collect();
    sink.write(&Context::detached(), &batch).await.unwrap().position.unwrap()
}

fn lines(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {text:?}");
    text.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn what_was_written_and_not_acknowledged_is_written_once() {
    let (_folder, path) = folder();
    let sink = open(&path, None).await.unwrap();
    let acknowledged = write(&sink, 0..2).await;
    // The process dies between this write and its settling.
    write(&sink, 2..4).await;
    drop(sink);
    let sink = open(&path, Some(&acknowledged)).await.unwrap();
    assert_eq!(lines(&path), [0, 1]);
    write(&sink, 2..4).await;
    assert_eq!(lines(&path), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_crash_before_the_first_acknowledgement_leaves_nothing_twice() {
    let (_folder, path) = folder();
    write(&open(&path, None).await.unwrap(), 0..3).await;
    let sink = open(&path, None).await.unwrap();
    assert_eq!(lines(&path), Vec::<u64>::new());
    write(&sink, 0..3).await;
    assert_eq!(lines(&path), [0, 1, 2]);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off() {
    let (_folder, path) = folder();
    let acknowledged = write(&open(&path, None).await.unwrap(), 0..2).await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"{\"key\":2,\"vers");
    std::fs::write(&path, bytes).unwrap();
    let sink = open(&path, Some(&acknowledged)).await.unwrap();
    write(&sink, 2..3).await;
    assert_eq!(lines(&path), [0, 1, 2]);

    // Also when it is the first one.
    drop(sink);
    std::fs::write(&path, b"{\"k").unwrap();
    let sink = open(&path, None).await.unwrap();
    write(&sink, 0..1).await;
    assert_eq!(lines(&path), [0]);
}

#[tokio::test]
async fn a_log_that_was_moved_away_begins_anew() {
    let (_folder, path) = folder();
    let acknowledged = write(&open(&path, None).await.unwrap(), 0..2).await;
    std::fs::remove_file(&path).unwrap();
    let sink = open(&path, Some(&acknowledged)).await.unwrap();
    let after = write(&sink, 2..3).await;
    assert_eq!(lines(&path), [2]);
    assert_eq!(after.0, std::fs::metadata(&path).unwrap().len().to_string());
}

#[tokio::test]
async fn a_log_that_lost_acknowledged_lines_is_refused_with_both_numbers() {
    let (_folder, path) = folder();
    let acknowledged = write(&open(&path, None).await.unwrap(), 0..2).await;
    std::fs::write(&path, b"{\"key\":0}\n").unwrap();
    let error = refused(&path, Some(&acknowledged)).await;
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(message.contains("10 bytes") && message.contains(&acknowledged.0), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), b"{\"key\":0}\n", "a refused file is not touched");
}

#[tokio::test]
async fn a_file_that_is_not_a_change_log_is_refused_and_not_touched() {
    let (_folder, path) = folder();
    let acknowledged = write(&open(&path, None).await.unwrap(), 0..1).await;
    let length: usize = acknowledged.0.parse().unwrap();
    let other = format!("{{\"key\":{}", "0".repeat(length));
    for (contents, position) in [("my diary\n", None), ("{}\n", None), (other.as_str(), Some(&acknowledged))]
    {
        std::fs::write(&path, contents).unwrap();
        let error = refused(&path, position).await;
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), contents);
    }
    let nonsense = Position("tomorrow".into());
    assert_eq!(refused(&path, Some(&nonsense)).await.kind(), ErrorKind::ConfigInvalid);
}

#[tokio::test]
async fn a_second_writer_is_told_who_has_the_file() {
    let (_folder, path) = folder();
    let first = open(&path, None).await.unwrap();
    let error = refused(&path, None).await;
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    // The holder itself may open it again.
    first.open(&Context::detached(), None).await.unwrap();
    drop(first);
    open(&path, None).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let (folder, _) = folder();
    let path = folder.path().join("nowhere").join("changes.jsonl");
    let sink = JsonlSink::new(JsonlConfig::new(&path));
    let checked = Sink::<String>::check(&sink, &Context::detached()).await.unwrap_err();
    let opened = refused(&path, None).await;
    for error in [checked, opened] {
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
    let config = JsonlConfig::new(folder.path());
    let error = Sink::<String>::check(&JsonlSink::new(config), &Context::detached()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
}

/// A batch of which the file system takes only a part leaves whole lines, and the next one goes on behind them.
#[tokio::test]
async fn a_write_that_fails_half_way_leaves_whole_lines() {
    let Some(path) = limited::inside("jsonl::file::a_write_that_fails_half_way_leaves_whole_lines", 8) else {
        return;
    };
    let path = path.join("changes.jsonl");
    let sink = open(&path, None).await.unwrap();
    write(&sink, 0..10).await;
    let large: Vec<_> = (10..1_000).map(put).collect();
    let error = sink.write(&Context::detached(), &large).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("changes.jsonl"), "{error}");
    let after = write(&sink, 10..12).await;
    assert_eq!(lines(&path), (0..12).collect::<Vec<_>>());
    assert_eq!(after.0, std::fs::metadata(&path).unwrap().len().to_string());
}
