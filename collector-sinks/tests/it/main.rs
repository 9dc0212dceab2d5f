//! Tests of the backends through their public interface.

#[cfg(feature = "jsonl")]
mod jsonl;
#[cfg(feature = "sqlite")]
mod sql;
