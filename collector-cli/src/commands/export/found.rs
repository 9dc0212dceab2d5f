//! Whoever a search finds, in its order.

use std::sync::Arc;

use collector_core::context::Context;
use collector_core::id::RecordKey;
use collector_core::search::{CreatorIndex, Query};
use collector_sinks::sheet::creators::Status;

use super::super::search::Asked;
use super::rows::{Row, Rows, STEP, row};
use crate::compose::AnyStore;
use crate::failure::Result;

/// A search, and how far it was written. A page begins behind the last creator of the one before, so nobody is written
/// twice while a run goes on; what is written of them is what the store knows now.
pub(super) struct Found {
    index: Arc<dyn CreatorIndex>,
    cx: Context,
    /// What finds the next page; `None` behind the last.
    next: Option<Query>,
}

impl Found {
    pub(super) fn new(Asked { index, mut query }: Asked) -> Self {
        query.limit = STEP;
        Self { index, cx: Context::detached(), next: Some(query) }
    }
}

impl Rows for Found {
    async fn next(&mut self, store: &AnyStore) -> Result<Vec<Row>> {
        while let Some(mut query) = self.next.take() {
            let page = self.index.search(&self.cx, &query).await?;
            query.after = page.next;
            self.next = page.next.map(|_| query);
            let keys: Vec<RecordKey> = page.hits.iter().map(|hit| hit.key).collect();
            let known = store.known(&keys).await?;
            // Empty when everybody on the page was deleted meanwhile: no end of the rows.
            if !known.is_empty() {
                return Ok(known.iter().map(|known| row(Status::Known, Some(known))).collect());
            }
        }
        Ok(Vec::new())
    }
}
