//! A search index on OpenSearch or Elasticsearch: [`ElasticsearchSink`] writes it, [`ElasticsearchSearch`] asks it,
//! [`ElasticsearchRebuild`] makes it anew from the store.
//!
//! # Collects
//! What [`Document`](collector_core::search::Document) says, and the record itself, without an e-mail address, to show
//! what was found. The fields are those of [`SearchField`](collector_core::search::SearchField), and no others are
//! taken. Texts are cut into tokens by core; the server only cuts at the spaces between them.
//!
//! # Requests and cost
//! A bulk per batch, each of its items judged by itself: what was stored is never sent again because of its neighbours.
//! A search is one request, also with facets. The index in use is looked up with the first search and every 30 seconds.
//!
//! # Options
//! See [`ElasticsearchConfig`].
//!
//! # Limits
//! Tested with OpenSearch 2.19 and Elasticsearch 8.19; only requests are used that both have.
//!
//! The configured name is an alias. The index behind it carries its format in its name. When a newer program indexes
//! other tokens or fields, its sink ends writing to the old index, makes a new one from what that one keeps, and gives
//! it the alias in one step: whoever asks has the old one until then, and what is written meanwhile stays pending. A
//! process that ends on the way leaves the old one in use, and the next one goes on.
//!
//! A rebuild also makes a new index beside the old one, from the store. The old one answers until then and takes no
//! changes: those stay pending, and go into the new one. A rebuild that dies holds the old index for two minutes (60 s and
//! `bulk_timeout`); then the next write, or the next rebuild, ends it. A clock that is wrong by more makes a rebuild fail;
//! nothing is lost by it.
//!
//! Versions of deleted records stay in the index, so that a late write does not bring one back. The server itself would
//! forget them after `index.gc_deletes`, and with each restart. A rebuild leaves them behind.
//!
//! Of a facet with more than a thousand values, how many are not listed is the server's estimate; with more than one
//! shard, its counts are, too. A phrase whose last word may go on, and has more than 19 characters, is looked for with
//! the first thousand words that begin like it.
//!
//! Nodes take turns. One that does not answer is left out for a while and then tried by one request. A request that may
//! have been carried out is not sent to another node.
//!
//! # Rights
//! On `{index}` and `{index}-*`, and nothing on the cluster unless it says so:
//!
//! | who | Elasticsearch | OpenSearch |
//! | --- | --- | --- |
//! | asks | `read`, `view_index_metadata` | `read`, `indices:admin/aliases/get` |
//! | writes | these and `index` | these and `index`, `indices:admin/mappings/get`; on the cluster `indices:data/write/bulk` |
//! | makes an index, replaces one of another format, rebuilds | `read`, `index`, `manage` | those of who writes and `manage`, `create_index` |
//!
//! Who also has `monitor` on the cluster (`cluster:monitor/main`) is told by a check when the server is too old; for others
//! that step is left out. The rights on Elasticsearch are tested; those on OpenSearch are not (the tests' node has no users).
//!
//! # Errors
//! `ConfigInvalid` for a configuration that cannot work, for a name that is taken, and for asking where there is no
//! index; `Unauthorized` for a refused login or a missing right; `Unavailable`, `Timeout` and `RateLimited` for the
//! cluster; `Malformed` for answers of another kind of server. Reasons that may quote a record or a question are
//! shown by their kind only.
//!
//! # Example
//! ```no_run
//! use collector_core::context::Context;
//! use collector_core::search::{CreatorIndex, Query};
//! use collector_sinks::elasticsearch::{ElasticsearchConfig, ElasticsearchSearch};
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = ElasticsearchConfig::at("https://reader@search.example:9200/creators")?;
//! config.password = Some("from a file of its own".into());
//! let index = ElasticsearchSearch::new(config)?;
//! let query = Query::parse("country:kr followers:10k..100k \"skin care\"")?;
//! for hit in index.search(&Context::detached(), &query).await?.hits {
//!     println!("{:?}", hit.creator.handle);
//! }
//! # Ok(())
//! # }
//! ```

mod bulk;
mod check;
mod cluster;
mod collect;
mod config;
mod copy;
mod error;
mod index;
mod judge;
mod lease;
mod mapping;
mod nodes;
mod query;
mod rebuild;
mod search;
mod sink;

pub use config::ElasticsearchConfig;
pub use rebuild::ElasticsearchRebuild;
pub use search::ElasticsearchSearch;
pub use sink::ElasticsearchSink;

pub use crate::secret::Secret;
