//! [`ElasticsearchSink`]: writes batches of changes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{BatchLimits, Change, Position, Sink, Written};
use tokio::sync::RwLock;

use super::bulk::Bulk;
use super::check::check;
use super::cluster::Cluster;
use super::config::ElasticsearchConfig;
use super::index::Alias;

/// With this wait, a bulk and the server's refresh each second, a change can be found within two seconds.
const AGE: Duration = Duration::from_millis(500);

/// Changes at once.
const ITEMS: usize = 1_000;

/// Batches at once: one is written while the next is made.
const IN_FLIGHT: usize = 2;

/// A sink that writes a search index on a server. See the [module page](super).
#[derive(Debug)]
pub struct ElasticsearchSink {
    config: ElasticsearchConfig,
    cluster: Cluster,
    bulk: Bulk,
    /// Whether the index was seen to be there and of our format. Who prepares it has it alone.
    ready: Arc<RwLock<bool>>,
}

impl ElasticsearchSink {
    /// A sink for this index; nothing is sent before it is opened.
    ///
    /// # Errors
    /// `ConfigInvalid` for a configuration that cannot work.
    pub fn new(config: ElasticsearchConfig) -> Result<Self> {
        let cluster = Cluster::new(&config)?;
        let bulk = Bulk::new(&config);
        Ok(Self { config, cluster, bulk, ready: Arc::default() })
    }

    /// Sees to it that there is an index of our format.
    async fn prepare(&self, cx: &Context) -> Result<()> {
        if *self.ready.read().await {
            return Ok(());
        }
        let mut ready = self.ready.write().await;
        if !*ready {
            let name = Alias { cluster: &self.cluster, config: &self.config }.ensure(cx).await?;
            tracing::debug!(index = name.as_str(), "the search index is ready");
            *ready = true;
        }
        Ok(())
    }
}

#[async_trait]
impl Sink<Creator> for ElasticsearchSink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { items: ITEMS, age: AGE, in_flight: IN_FLIGHT }
    }

    /// A server that is away is no reason not to work: what is owed to it stays owed, and the index is looked for
    /// with the first batch.
    async fn open(&self, cx: &Context, _position: Option<Position>) -> Result<()> {
        *self.ready.write().await = false;
        match self.prepare(cx).await {
            Err(error) if is_passing(&error) => {
                tracing::warn!(sink = self.config.name, %error, "the search server cannot be used yet; its changes stay pending");
                Ok(())
            }
            prepared => prepared,
        }
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        check(cx, &self.cluster, &self.config).await
    }

    async fn write(&self, cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        if batch.is_empty() {
            return Ok(Written::all_stored(0));
        }
        self.prepare(cx).await.map_err(pausing)?;
        match self.bulk.write(cx, &self.cluster, &self.config.index, batch).await {
            Ok(outcomes) => Ok(Written { outcomes, position: None }),
            Err(error) => {
                // The index may have been replaced or removed: it is looked at again.
                *self.ready.write().await = false;
                Err(error)
            }
        }
    }
}

fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited)
}

/// While a run is going on, an index that somebody spoiled pauses this sink; it is no reason to end the run.
fn pausing(error: Error) -> Error {
    match error.kind() {
        ErrorKind::ConfigInvalid | ErrorKind::Storage => {
            Error::new(ErrorKind::Unavailable, error.message().to_owned()).caused_by(error)
        }
        _ => error,
    }
}
