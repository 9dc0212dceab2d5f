//! A change log in JSON Lines: [`JsonlSink`].
//!
//! # Collects
//! Every change, one JSON object a line, in the order it was written:
//!
//! ```json
//! {"key":7,"version":3,"op":"put","record":{"name":"x"},"facts":{"avatar":"img/ab"}}
//! {"key":7,"version":4,"op":"delete"}
//! ```
//!
//! `facts` is left out when no sink reported any. A reader keeps the highest version of each key; that is the record.
//!
//! # Requests and cost
//! One write and one synchronisation of the file per batch.
//!
//! # Options
//! See [`JsonlConfig`].
//!
//! # Limits
//! Each change is in the file once, also after a crash: the store keeps the length of the file with what it
//! acknowledged, and [`open`](collector_core::sink::Sink::open) cuts the file back to it. One process writes to a file;
//! a second one is refused and told who holds it. The file only grows; to begin a new one, stop, move the file away
//! and start: what is written then are later changes only.
//!
//! The path `-` writes to standard output. That cannot be cut back, so changes come at least once there: after a
//! crash, what was not acknowledged is printed again.
//!
//! # Errors
//! `Storage` for what file and disk refuse, and for a file that is shorter than what was acknowledged.
//! `ConfigInvalid` for a path that holds something else. `Cancelled` when the reader of standard output has gone.
//!
//! # Example
//! ```
//! use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
//!
//! let sink = JsonlSink::new(JsonlConfig::new("creators.jsonl"));
//! # drop(sink);
//! ```

mod config;
mod erase;
mod error;
mod line;
mod sink;

pub use config::JsonlConfig;
pub use erase::erase;
pub use sink::JsonlSink;
