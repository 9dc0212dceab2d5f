//! Counts in the stores themselves: the change log's lines and the database's rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::Value;

use super::Failure;

/// What a change log holds.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Lines.
    pub(super) lines: usize,
    /// Lines that repeat a key and version.
    pub(super) repeated: usize,
    /// Handles of the records that live at its end, as often as they occur.
    pub(super) handles: BTreeMap<String, usize>,
    /// Keys that live at its end.
    pub(super) keys: BTreeSet<u64>,
}

/// Reads a change log; a torn or unreadable line is an error.
pub(super) fn read_log(path: &Path) -> Result<Log, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Log::default()),
        Err(error) => return Err(error.into()),
    };
    let mut log = Log::default();
    let mut seen = BTreeSet::new();
    let mut latest: BTreeMap<u64, (u64, Option<String>)> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let row: Value = serde_json::from_str(line)
            .map_err(|error| format!("line {} of {}: {error}", at + 1, path.display()))?;
        let key = row["key"].as_u64().ok_or("a line without key")?;
        let version = row["version"].as_u64().ok_or("a line without version")?;
        log.lines += 1;
        if !seen.insert((key, version)) {
            log.repeated += 1;
        }
        let put = row["op"] == "put";
        let handle = put.then(|| row["record"]["handle"].as_str().unwrap_or_default().to_lowercase());
        if latest.get(&key).is_none_or(|(known, _)| *known <= version) {
            latest.insert(key, (version, handle));
        }
    }
    for (key, (_, handle)) in latest {
        if let Some(handle) = handle {
            log.keys.insert(key);
            *log.handles.entry(handle).or_insert(0) += 1;
        }
    }
    Ok(log)
}

/// A database opened for counting.
#[derive(Debug)]
pub(super) struct Rows(DatabaseConnection);

impl Rows {
    pub(super) async fn open(path: &Path) -> Result<Self, Failure> {
        Ok(Self(Database::connect(format!("sqlite:{}?mode=ro", path.display())).await?))
    }

    /// The first column of the first row.
    pub(super) async fn count(&self, sql: &str) -> Result<i64, Failure> {
        let row = self.0.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
        Ok(row.ok_or("no row")?.try_get_by_index(0)?)
    }

    /// The first column of every row.
    pub(super) async fn texts(&self, sql: &str) -> Result<Vec<String>, Failure> {
        let rows = self.0.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }
}
