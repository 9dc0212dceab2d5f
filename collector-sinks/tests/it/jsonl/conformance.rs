//! The contract of `Sink`, on a file of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use collector_core::id::RecordKey;
use collector_core::sink::Sink;
use collector_core::testkit::sink::{Found, Sample, SinkHarness};
use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the suite writes; `None` cannot be written as JSON.
struct Document(Option<Value>);

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => value.serialize(serializer),
            None => Err(serde::ser::Error::custom("a value that cannot be written")),
        }
    }
}

struct OneFile {
    path: PathBuf,
    _folder: TempDir,
}

impl OneFile {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { path: folder.path().join("changes.jsonl"), _folder: folder }
    }
}

#[derive(serde::Deserialize)]
struct Line {
    key: u64,
    version: u64,
    op: String,
    record: Option<Value>,
}

#[async_trait]
impl SinkHarness for OneFile {
    type Entity = Document;

    async fn sink(&self) -> Arc<dyn Sink<Document>> {
        Arc::new(JsonlSink::new(JsonlConfig::new(&self.path)))
    }

    fn make(&self, sample: &Sample) -> Document {
        Document(Some(json!({ "text": sample.text, "number": sample.number, "maybe": sample.maybe })))
    }

    fn shown(&self, value: &Document) -> Value {
        value.0.clone().unwrap()
    }

    /// Reads as the module's page tells readers to: the highest version of each key is the record.
    async fn read_back(&self) -> Vec<Found> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        let mut newest: BTreeMap<u64, Line> = BTreeMap::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            if newest.get(&line.key).is_none_or(|known| known.version < line.version) {
                newest.insert(line.key, line);
            }
        }
        let put = newest.into_values().filter(|line| line.op == "put");
        put.map(|line| Found::new(RecordKey(line.key), line.version, line.record.unwrap())).collect()
    }

    fn refused(&self) -> Option<Document> {
        Some(Document(None))
    }
}

collector_core::sink_conformance!(
    OneFile::new(),
    without: { Down: "a file is not reached over a network and asks for no credential" }
);
