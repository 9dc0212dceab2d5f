//! The contract of `Store`, on tables of their own.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::store::Store;
use collector_core::testkit::store::{StoreHarness, TestDomain};
use collector_sinks::sql::SqlStore;

use super::{Tables, tables};

/// Gives stores on the same tables, emptied before each.
struct Emptied(Tables);

impl Emptied {
    async fn open(&self) -> Arc<dyn Store<TestDomain>> {
        Arc::new(SqlStore::open(&self.0.config(), Arc::new(TestDomain)).await.unwrap())
    }
}

#[async_trait]
impl StoreHarness for Emptied {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> {
        self.0.clear().await;
        self.open().await
    }

    /// The next process finds what is durable; the killed one's connections are gone, or not yet.
    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> {
        Some(self.open().await)
    }

    /// Each step is a few dozen round trips and a synchronised commit; the file's suite plays the many.
    fn seeds(&self) -> u64 {
        1
    }
}

collector_core::store_conformance!(match tables().await {
    Some(tables) => Emptied(tables),
    None => return,
});
