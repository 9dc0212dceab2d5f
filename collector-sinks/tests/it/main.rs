//! Tests of the backends through their public interface.

#[cfg(feature = "jsonl")]
mod jsonl;
#[cfg(any(feature = "jsonl", feature = "sqlite"))]
mod limited;
#[cfg(feature = "sqlite")]
mod sql;
