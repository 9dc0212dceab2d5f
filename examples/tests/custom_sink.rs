//! The sink of the example keeps the whole contract of `Sink`.

#[allow(dead_code, reason = "the example's own program is not run here")]
#[path = "../custom_sink.rs"]
mod example;

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::creator::Creator;
use collector_core::id::RecordKey;
use collector_core::sink::Sink;
use collector_core::testkit::sink::{Found, Sample, SinkHarness};
use example::{CsvFile, Row, read};
use serde_json::{Value, json};
use tempfile::TempDir;

struct OneFile(TempDir);

impl OneFile {
    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("creators.csv")
    }
}

#[async_trait]
impl SinkHarness for OneFile {
    type Entity = Creator;

    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        Arc::new(CsvFile::new(self.path()))
    }

    fn make(&self, sample: &Sample) -> Creator {
        let name = sample.maybe.as_deref().map(Into::into);
        Creator {
            handle: Some(format!("{}: {}", sample.number, sample.text).into()),
            name,
            ..Creator::default()
        }
    }

    fn shown(&self, value: &Creator) -> Value {
        json!({ "handle": value.handle, "name": value.name })
    }

    async fn read_back(&self) -> Vec<Found> {
        let rows = read(&self.path()).expect("a file that can be read").into_values();
        let found = |Row { key, version, handle, name, .. }: Row| {
            Some(Found::new(RecordKey(key), version, json!({ "handle": handle?, "name": name })))
        };
        rows.filter_map(found).collect()
    }

    fn refused(&self) -> Option<Creator> {
        Some(Creator::default())
    }
}

collector_core::sink_conformance!(
    OneFile(TempDir::new().expect("a folder")),
    without: {
        Position: "versions in the file say where it stands",
        Down: "a file is not reached over a network and asks for no credential",
    }
);
