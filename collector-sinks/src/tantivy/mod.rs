//! A search index in a folder, in this process: [`TantivySink`] writes it, [`TantivySearch`] asks it.
//!
//! # Collects
//! What [`Document`](collector_core::search::Document) says, and the record itself, without an e-mail address, to show
//! what was found.
//!
//! # Requests and cost
//! A commit per batch. On two cores an index of millions answers within milliseconds.
//!
//! # Options
//! See [`TantivyConfig`].
//!
//! # Limits
//! One process writes to an index; a second one is refused and told who holds it. Any number of processes may ask it
//! meanwhile, and see what was committed before each question. Asking takes a lock file in the folder for a moment, so
//! a reader needs to be able to write there.
//!
//! The folder holds one index and a file `current` that names it. When a newer program indexes other tokens or fields,
//! its sink makes a new index from what the old one keeps, beside it, and then replaces the file: whoever asks has the old
//! one until then. A crash on the way leaves the old one in use.
//!
//! Versions of deleted records stay in the index, so that a late write does not bring one back.
//!
//! # Errors
//! `Storage` for what folder and disk refuse and for a damaged index; `ConfigInvalid` for a folder that holds something
//! else, and for asking where there is no index.
//!
//! # Example
//! ```no_run
//! use collector_core::context::Context;
//! use collector_core::search::{CreatorIndex, Query};
//! use collector_sinks::tantivy::TantivySearch;
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let index = TantivySearch::open("search")?;
//! let query = Query::parse("country:kr followers:10k..100k \"skin care\"")?;
//! for hit in index.search(&Context::detached(), &query).await?.hits {
//!     println!("{:?}", hit.creator.handle);
//! }
//! # Ok(())
//! # }
//! ```

mod collect;
mod config;
mod error;
mod folder;
mod mapping;
mod query;
mod rebuild;
mod search;
mod sink;
mod versions;
mod writer;

use std::path::Path;

use collector_core::error::Result;

pub use config::TantivyConfig;
pub use rebuild::TantivyRebuild;
pub use search::TantivySearch;
pub use sink::TantivySink;

/// Runs blocking work beside the runtime. The library panics on some damaged files; that is an error here.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => Err(error::damaged(path, "the search index cannot be read").caused_by(panic)),
    }
}
