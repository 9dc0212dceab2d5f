//! [`ElasticsearchSearch`]: asks an index.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::error::Result;
use collector_core::search::{CreatorIndex, Plan, Query, Results};
use tokio::time::Instant;

use super::cluster::{Cluster, Method, Request, pause};
use super::collect::results;
use super::config::ElasticsearchConfig;
use super::error::{Fault, refused};
use super::index::{Alias, missing, other_format};
use super::query;

/// How long it is believed that the index in use is of our format. It changes when a newer program comes.
const BELIEVED: Duration = Duration::from_secs(30);

/// Asks an index. Cheap to clone; a question sees what was written a second before it.
#[derive(Debug, Clone)]
pub struct ElasticsearchSearch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ElasticsearchConfig,
    cluster: Cluster,
    /// When the index in use was last seen to be of our format.
    seen: Mutex<Option<Instant>>,
}

impl ElasticsearchSearch {
    /// An index to ask; nothing is sent before the first question.
    ///
    /// # Errors
    /// `ConfigInvalid` for a configuration that cannot work.
    pub fn new(config: ElasticsearchConfig) -> Result<Self> {
        let cluster = Cluster::new(&config)?;
        Ok(Self(Arc::new(Inner { config, cluster, seen: Mutex::new(None) })))
    }
}

/// When an index is replaced, a node lets go of the old one before it knows that the name leads to the new one, and a
/// question in between fails: how many
/// milliseconds to wait before it is asked again.
const SWAPPING: [u64; 4] = [50, 150, 400, 800];

#[async_trait]
impl CreatorIndex for ElasticsearchSearch {
    async fn search(&self, cx: &Context, query: &Query) -> Result<Results> {
        let plan = Plan::new(query, cx.now())?;
        self.0.look(cx).await?;
        self.0.ask(cx, &plan).await
    }
}

impl Inner {
    /// Sees whether the index in use is one that this program can ask.
    async fn look(&self, cx: &Context) -> Result<()> {
        let now = cx.clock().monotonic();
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|seen| now.saturating_duration_since(seen) < BELIEVED) {
            return Ok(());
        }
        let (alias, config) = (&self.config.index, &self.config);
        match (Alias { cluster: &self.cluster, config }).current(cx).await? {
            None => Err(missing(alias)),
            Some(name) if !name.is_current(alias) => Err(other_format(alias, name.as_str())),
            Some(_) => {
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
                Ok(())
            }
        }
    }

    async fn ask(&self, cx: &Context, plan: &Plan) -> Result<Results> {
        // Some of the creators are no answer.
        let path = format!("/{}/_search?allow_partial_search_results=false", self.config.index);
        let request = Request::new(Method::Post, path).json(&query::search(plan)).about_records();
        let mut answer = self.cluster.send(cx, &request).await?;
        for millis in SWAPPING {
            if answer.status < 500 || !Fault::of_answer(&answer).is("search_phase_execution_exception") {
                break;
            }
            pause(cx, Duration::from_millis(millis)).await?;
            answer = self.cluster.send(cx, &request).await?;
        }
        if answer.is_success() {
            return results(plan, &answer);
        }
        if Fault::of_answer(&answer).is("index_not_found_exception") {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Err(missing(&self.config.index));
        }
        Err(refused(request.about, "the search index does not answer the question", &answer))
    }
}
