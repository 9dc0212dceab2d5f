//! The contract of `Store`, on a SQLite file of its own per store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use collector_core::store::Store;
use collector_core::testkit::store::{StoreHarness, TestDomain};
use collector_sinks::sql::{SqlConfig, SqlStore};
use tempfile::TempDir;

/// Gives stores in a folder of its own.
struct Files {
    folder: TempDir,
    given: Mutex<Vec<PathBuf>>,
}

impl Files {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), given: Mutex::default() }
    }

    async fn open(&self, path: &Path) -> Arc<dyn Store<TestDomain>> {
        Arc::new(SqlStore::open(&SqlConfig::new(path), Arc::new(TestDomain)).await.unwrap())
    }

    fn next(&self) -> (Option<PathBuf>, PathBuf) {
        let mut given = self.given.lock().unwrap();
        let last = given.last().cloned();
        let next = self.folder.path().join(format!("{}.db", given.len()));
        given.push(next.clone());
        (last, next)
    }
}

#[async_trait]
impl StoreHarness for Files {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> {
        let (_, path) = self.next();
        self.open(&path).await
    }

    /// The next process finds the files as a killed one left them: a copy of database and log, nothing closed.
    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> {
        let (last, path) = self.next();
        let last = last?;
        for suffix in ["", "-wal"] {
            let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
            std::fs::copy(with(&last), with(&path)).unwrap();
        }
        Some(self.open(&path).await)
    }

    /// Each seed is a new file with its own synchronised commits.
    fn seeds(&self) -> u64 {
        25
    }
}

collector_core::store_conformance!(
    Files::new(),
    without: {
        Reopen: "one process writes to a file, so what its predecessor held is free at once, not after its ttl; \
                 see `files::everything_committed_is_there_in_the_next_process`"
    }
);
