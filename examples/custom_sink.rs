//! A sink of your own: creators as one CSV file, written anew as a whole with every batch.
//!
//! ```sh
//! cargo run --example custom_sink -- creators.csv http://127.0.0.1:8080 simulated-token1 HANDLE HANDLE …
//! ```
//!
//! The engine may offer a batch twice, late, or after a crash. Two habits make a sink safe: the version of each record is
//! kept beside it and never goes back, and nothing is called stored before it is on the disk. `tests/custom_sink.rs` holds
//! it to the whole contract of `Sink`. (For sheets that people open there is `collector_sinks::sheet`.)

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::{Creator, Creators};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::pipeline::{Job, Pipeline};
use collector_core::sink::{BatchLimits, Change, Facts, Position, Sink, Written, Wrote};
use collector_core::task::Query;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// A line of the file. A deleted record keeps its line, without a handle: else a late write would bring it back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) key: u64,
    pub(crate) version: u64,
    pub(crate) handle: Option<String>,
    pub(crate) name: Option<String>,
    followers: Option<u64>,
}

/// The sink.
#[derive(Debug)]
pub(crate) struct CsvFile {
    path: PathBuf,
    rows: Mutex<BTreeMap<u64, Row>>,
}

impl CsvFile {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), rows: Mutex::default() }
    }

    /// What one change becomes, and the row it leaves.
    fn take(rows: &BTreeMap<u64, Row>, change: &Change<Creator>) -> (Wrote, Option<Row>) {
        let (key, version) = (change.key().0, change.version());
        if rows.get(&key).is_some_and(|known| known.version >= version) {
            return (Wrote::Superseded, None);
        }
        let mut row = Row { key, version, handle: None, name: None, followers: None };
        if let Change::Put(record) = change {
            let Creator { handle: Some(handle), name, followers, .. } = &*record.entity else {
                // For good: it becomes a dead letter, its neighbours are written.
                return (Wrote::Rejected("a creator without a handle has no place in the file".into()), None);
            };
            (row.handle, row.name) = (Some(handle.to_string()), name.as_ref().map(ToString::to_string));
            row.followers = *followers;
        }
        (Wrote::Stored(Facts::new()), Some(row))
    }
}

pub(crate) fn read(path: &Path) -> Result<BTreeMap<u64, Row>> {
    match csv::Reader::from_path(path) {
        Ok(mut file) => file.deserialize().map(|row| row.map(|row: Row| (row.key, row))).collect(),
        Err(error) => match error.kind() {
            csv::ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            _ => Err(error),
        },
    }
    .map_err(|error| failed(path, error))
}

/// Written beside the old file, which it then replaces: a crash leaves one or the other, never half of one.
fn write(path: &Path, rows: &BTreeMap<u64, Row>) -> Result<()> {
    let new = path.with_extension("csv.new");
    let written = || -> std::result::Result<(), csv::Error> {
        let mut csv = csv::Writer::from_writer(File::create(&new)?);
        rows.values().try_for_each(|row| csv.serialize(row))?;
        csv.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(std::fs::rename(&new, path)?)
    };
    written().map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: csv::Error) -> Error {
    Error::new(ErrorKind::Storage, "the file cannot be used").with("file", path.display()).caused_by(error)
}

#[async_trait]
impl Sink<Creator> for CsvFile {
    fn name(&self) -> &str {
        "csv"
    }

    /// One write at a time, and large ones: each costs the whole file.
    fn limits(&self) -> BatchLimits {
        BatchLimits { items: 5_000, in_flight: 1, ..BatchLimits::default() }
    }

    /// The versions in the file say where it stands: it needs no position.
    async fn open(&self, _cx: &Context, _position: Option<Position>) -> Result<()> {
        *self.rows.lock().await = read(&self.path)?;
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        read(&self.path).map(drop)
    }

    async fn write(&self, _cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        let mut rows = self.rows.lock().await;
        let (mut after, mut outcomes) = (rows.clone(), Vec::with_capacity(batch.len()));
        for change in batch {
            let (outcome, row) = Self::take(&after, change);
            after.extend(row.map(|row| (row.key, row)));
            outcomes.push(outcome);
        }
        // What blocks runs beside the runtime. Only what is on the disk becomes what we know.
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &after).map(|()| after)).await;
        *rows = written
            .map_err(|panic| Error::new(ErrorKind::Unexpected, "writing panicked").caused_by(panic))??;
        Ok(Written { outcomes, position: None })
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, base_url, token, handles @ ..] = &args[..] else {
        return Err("give FILE VENDOR_URL TOKEN HANDLE …".into());
    };
    let (base_url, token) = (base_url.as_str().into(), token.as_str().into());
    let engine = Pipeline::<Creators>::new(Creators::default())
        .source(EnsembleData::new(EnsembleDataConfig { base_url, token, ..EnsembleDataConfig::default() })?)
        .sink(CsvFile::new(path))
        .build()?;
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        collector_examples::asked_to_stop().await;
        on_signal.cancel();
    });
    let query = Query { handles: handles.to_vec(), ..Query::default() };
    let report = engine.run(Job::new("to csv", query), stop).await?;
    println!("{:?}: {} creators written to {path}", report.end, report.sinks["csv"].stored);
    Ok(())
}
