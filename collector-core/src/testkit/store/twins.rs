//! x
use super::{StoreHarness, TestDomain};
use crate::store::{MemoryStore, Store};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
#[derive(Default)]
pub(super) struct InMemory(Mutex<Option<Arc<dyn Store<TestDomain>>>>);
#[async_trait]
impl StoreHarness for InMemory {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> {
        let store: Arc<dyn Store<TestDomain>> = Arc::new(MemoryStore::new(TestDomain));
        *self.0.lock().unwrap() = Some(Arc::clone(&store));
        store
    }
    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> {
        self.0.lock().unwrap().clone()
    }
}
