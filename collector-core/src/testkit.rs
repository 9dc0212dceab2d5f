//! Conformance suites and fakes for authors of adapters (feature `testkit`).

pub mod retry;
pub mod store;
