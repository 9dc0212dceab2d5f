//! Backends of [`collector_core`]: the SQL store of record, pictures in a directory, and the JSON Lines change log.
//!
//! | feature | module | what |
//! | --- | --- | --- |
//! | `sqlite` | [`sql`] | [`Store`](collector_core::store::Store) in one SQLite file |
//! | `images` | [`images`] | [`Sink`](collector_core::sink::Sink) that fetches pictures and keeps them in a directory |
//! | `jsonl` | [`jsonl`] | [`Sink`](collector_core::sink::Sink) that appends changes as JSON Lines |
//!
//! No feature is on by default; `full` turns all on. Nothing here spawns tasks, retries, waits for a clock or reads
//! the environment.

#[cfg(any(feature = "sqlite", feature = "jsonl"))]
mod file_lock;
#[cfg(feature = "images")]
pub mod images;
#[cfg(feature = "jsonl")]
pub mod jsonl;
#[cfg(feature = "sqlite")]
pub mod sql;
