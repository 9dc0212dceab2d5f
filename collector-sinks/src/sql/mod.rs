//! The store of record in SQL: [`SqlStore`].
//!
//! # Collects
//! Tasks, answers as received, sightings, merged entities, daily history, the outbox, budgets, dead letters: all of
//! it in one SQLite file, changed by one transaction per method of [`Store`](collector_core::store::Store).
//!
//! # Requests and cost
//! One connection writes, a few read. A commit makes a few statements per table, each for many rows, and visits the
//! tables one after the other, so that each pass stays in one B-tree. Merged entities are not stored: they are a
//! function of the sightings, and those committed a moment ago are handed to the sinks without reading anything back.
//! `examples/store_speed.rs` measures it.
//!
//! On a server (MySQL 8, MariaDB 10.6 or newer) any number of processes work at the same time. What is read to be
//! changed is locked in the order of its keys; keys are drawn in blocks ahead of the transaction, and rows that all
//! transactions touch are written last. What others changed meanwhile is done again as a whole, with full jitter, and a
//! server that is away is waited for: a caller sees neither. Every attempt is bounded in time.
//!
//! # Options
//! See [`SqlConfig`]; `ServerConfig` for a server.
//!
//! # Rights on a server
//! `SELECT`, `INSERT`, `UPDATE`, `DELETE` on the database; `CREATE` and `INDEX` too for whoever makes the tables
//! (`migrate = "auto"`). With `migrate = "check"` the first four are enough. MySQL 8 takes passwords over an encrypted
//! connection only: leave `ssl_mode` at `preferred` or stricter.
//!
//! # Limits
//! One process writes to a file: a second one is refused and told who holds it. Any number of processes read beside
//! it, with [`SqlStore::open_reader`]. The file must lie on a local disk: SQLite's write-ahead log does not work on
//! network file systems. At most 62 sinks are registered for the life of a file; every registered sink is owed every
//! change, whether it is configured at the moment or not.
//!
//! # Errors
//! `Storage` for everything that disk, file or database refuse, naming the file and a remedy. `ConfigInvalid` for
//! a configuration that cannot be honoured. Nothing that was acknowledged is lost by either.
//!
//! # Example
//! ```no_run
//! # use std::sync::Arc;
//! # use collector_core::domain::{Keyed, LastWins};
//! # use collector_sinks::sql::{SqlConfig, SqlStore};
//! # #[derive(Clone, serde::Serialize, serde::Deserialize)] struct Video { id: String }
//! # impl Keyed for Video { fn key(&self) -> std::borrow::Cow<'_, str> { self.id.as_str().into() } }
//! # async fn example() -> collector_core::error::Result<()> {
//! let store = SqlStore::open(&SqlConfig::new("videos.db"), Arc::new(LastWins::<Video>::new())).await?;
//! # drop(store);
//! # Ok(())
//! # }
//! ```

mod again;
mod aliases;
mod barred;
mod budgets;
mod cancel;
mod claim;
mod commit;
mod config;
mod counters;
mod database;
mod dead;
mod dialect;
mod enqueue;
mod entities;
mod erase;
mod error;
mod expire;
mod fills;
mod history;
#[cfg(feature = "mysql")]
mod keys;
mod lanes;
mod lists;
mod migration;
mod notes;
mod outbox;
mod owed;
mod payloads;
mod read;
#[cfg(feature = "mysql")]
mod repeat;
mod runs;
mod schema;
mod session;
mod settle;
mod sides;
mod sinks;
mod slots;
mod stale;
mod statements;
mod store;
mod take;
mod tasks;
#[cfg(all(test, feature = "mysql"))]
mod texts;
mod tidy;
mod transfer;
mod values;
mod verdicts;
mod workers;
mod write;

pub use config::SqlConfig;
#[cfg(feature = "mysql")]
pub use config::{Migrate, Secret, ServerConfig, SslMode};
pub use store::SqlStore;
pub use transfer::{Contents, Moved, MovedTable, Step, Transfer, Watch};
