//! End-to-end and crash suites, and the benchmarks of the whole.
//!
//! The benchmarks are commands, not timed tests:
//! `cargo run --release -p collector-tests --bin bench -- WORKLOAD … --json`.

pub mod bench;
pub mod services;
