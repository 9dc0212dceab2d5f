//! Conformance suites and fakes for authors of adapters (feature `testkit`).

mod case;
pub mod lock;
pub mod retry;
pub mod sink;
pub mod store;

pub use case::{Checked, Violation};
