//! Metrics as a contract: one [table](TABLE) of names, labels and meanings, from which the text that Prometheus reads
//! and the page `docs/metrics.md` are made.
//!
//! A [`Meter`] is an [`Observer`](crate::observe::Observer) that counts what happens; [`expose`] puts its counts and a
//! [`Snapshot`] of what is there into words. Nothing is registered anywhere: an embedder who has metrics of her own
//! appends this text to hers.
//!
//! ```
//! use collector_core::clock::Timestamp;
//! use collector_core::metrics::{Meter, Snapshot, expose};
//!
//! let meter = Meter::default();
//! // Pipeline::new(…).observer(meter.clone())
//! let text = expose(&meter, &Snapshot::new("1.2.3", Timestamp::from_secs(0)));
//! assert!(text.contains("collector_build_info{version=\"1.2.3\"} 1\n"));
//! ```
//!
//! A label's value is a name of the configuration or a word of a closed set: never a handle, a link, a key of a record or
//! a message.

mod expose;
mod meter;
mod page;
mod table;
mod text;

pub use expose::{Disk, Snapshot, expose};
pub use meter::Meter;
pub use page::page;
pub use table::{Form, LABELS, Metric, TABLE};
