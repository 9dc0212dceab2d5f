//! Backends of [`collector_core`]: the SQL store of record, pictures in a directory, the search index, tables and the JSON
//! Lines change log.
//!
//! | feature | module | what |
//! | --- | --- | --- |
//! | `sqlite` | [`sql`] | [`Store`](collector_core::store::Store) in one SQLite file |
//! | `mysql` | [`sql`] | the same on MySQL 8 or MariaDB, shared by many workers |
//! | `images` | [`images`] | [`Sink`](collector_core::sink::Sink) that fetches pictures and keeps them in a directory |
//! | `s3` | [`images::s3`] | the same in a bucket |
//! | `jsonl` | [`jsonl`] | [`Sink`](collector_core::sink::Sink) that appends changes as JSON Lines |
//! | `sheet` | [`sheet`] | tables as XLSX, CSV and JSON Lines, and creators as their rows |
//! | `tantivy` | [`tantivy`] | [`Sink`](collector_core::sink::Sink) and [`CreatorIndex`](collector_core::search::CreatorIndex) of creators in a folder |
//! | `elasticsearch` | [`elasticsearch`] | the same on OpenSearch or Elasticsearch |
//! | `redis` | [`redis`] | [`Lock`](collector_core::lock::Lock) and [`SharedRate`](collector_core::admission::SharedRate) for machines that share a Redis or Valkey |
//!
//! No feature is on by default; `full` turns all on. Nothing here retries, waits for a clock or reads the
//! environment; what blocks runs on the runtime's blocking threads.

#[cfg(any(feature = "images", feature = "jsonl", feature = "tantivy"))]
mod disk;
#[cfg(feature = "elasticsearch")]
pub mod elasticsearch;
#[cfg(any(feature = "sqlite", feature = "jsonl", feature = "tantivy"))]
mod file_lock;
#[cfg(feature = "images")]
pub mod images;
#[cfg(feature = "jsonl")]
pub mod jsonl;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "elasticsearch", feature = "mysql"))]
mod secret;
#[cfg(feature = "sheet")]
pub mod sheet;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
pub mod sql;
#[cfg(feature = "tantivy")]
pub mod tantivy;

/// Where the servers are that unit tests talk to.
#[cfg(all(test, any(feature = "mysql", feature = "s3")))]
#[path = "../tests/it/services.rs"]
mod services;
