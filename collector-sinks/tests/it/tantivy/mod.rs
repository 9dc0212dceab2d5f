//! The search index in a folder.

mod conformance;
mod folder;
mod relevance;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, Result};
use collector_core::id::RecordKey;
use collector_core::search::{Query, Results};
use collector_core::sink::{Change, Facts, Record, Sink, Written};
use collector_sinks::tantivy::{TantivyConfig, TantivySearch, TantivySink};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("search");
    (folder, path)
}

fn named(handle: &str) -> Creator {
    Creator { platform: "tiktok".into(), handle: Some(handle.into()), ..Creator::default() }
}

fn put(key: u64, version: u64, creator: Creator) -> Change<Creator> {
    Change::Put(Record { key: RecordKey(key), version, entity: Arc::new(creator), facts: Facts::new() })
}

/// The sink as a new process opens it.
async fn open(path: &Path) -> Result<TantivySink> {
    let sink = TantivySink::new(TantivyConfig::new(path));
    sink.open(&Context::detached(), None).await?;
    Ok(sink)
}

async fn refused(path: &Path) -> Error {
    match open(path).await {
        Ok(_) => panic!("the sink opened"),
        Err(error) => error,
    }
}

async fn write(sink: &TantivySink, batch: &[Change<Creator>]) -> Written {
    sink.write(&Context::detached(), batch).await.unwrap()
}

/// Everybody a query finds, over as many pages as there are.
fn ask(index: &TantivySearch, text: &str) -> Results {
    let mut query = Query::parse(text).unwrap();
    query.limit = Query::MAX_LIMIT;
    let now = Context::detached().now();
    let mut all = index.answer(&query, now).unwrap();
    while all.next.is_some() {
        query.after = all.next;
        let page = index.answer(&query, now).unwrap();
        all.hits.extend(page.hits);
        all.next = page.next;
    }
    all
}

fn handles(index: &TantivySearch, text: &str) -> Vec<String> {
    ask(index, text).hits.into_iter().map(|hit| hit.creator.handle.unwrap().into()).collect()
}
