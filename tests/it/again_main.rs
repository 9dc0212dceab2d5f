#![allow(dead_code)]
mod again;
mod support;

use std::sync::{Arc, Mutex};
use async_trait::async_trait;
use collector_core::store::{MemoryStore, Store};
use collector_core::testkit::store::{Case, StoreHarness, TestDomain};
use collector_sinks::sql::{SqlConfig, SqlStore};

struct Memory;
#[async_trait]
impl StoreHarness for Memory {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> { Arc::new(MemoryStore::new(TestDomain)) }
    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> { None }
}
#[derive(Default)]
struct File(Mutex<Vec<tempfile::TempDir>>);
#[async_trait]
impl StoreHarness for File {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&SqlConfig::new(dir.path().join("x.db")), Arc::new(TestDomain)).await.unwrap();
        self.0.lock().unwrap().push(dir);
        Arc::new(store)
    }
    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> { None }
}
macro_rules! cases { ($($name:ident $case:ident;)*) => { $(
    mod $name {
        use super::*;
        #[tokio::test] async fn memory() { Case::$case.run(&Memory).await; }
        #[tokio::test] async fn file() { Case::$case.run(&File::default()).await; }
    })* } }
cases! { a ReadAgain; b Notes; c Fills; d History; e Erase; f Commit; g Unchanged; h Join; i Moved; j HandleOnly; k AnyOrder; l FollowUps; m StaleCommit; n Atomic; o OneAnswer; p Renamed; q Facts; r TakePending; s Lists; t Many; u Enqueue; v Fresh; }
