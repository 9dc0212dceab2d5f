//! Tests of the backends through their public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

#[cfg(feature = "elasticsearch")]
mod elasticsearch;
#[cfg(feature = "jsonl")]
mod jsonl;
#[cfg(any(feature = "jsonl", feature = "sqlite"))]
mod limited;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod sql;
#[cfg(feature = "tantivy")]
mod tantivy;
