//! Conformance suites and fakes for authors of adapters (feature `testkit`).
//!
//! A suite checks the numbered contract of a trait, one test per case: [`source`], [`sink`], [`store`], [`lock`],
//! [`retry`], [`search`]. [`fakes`] and [`faults`] stand in for the parts an author does not write; [`server`] answers HTTP by
//! script, faults included; [`proxy`] puts faults between a client and a real server. [`hostile`] drives any source against
//! a vendor that does what vendors do on their worst day, out of good answers that were recorded; [`mutate`] spoils answers
//! for tests and fuzzers.

mod case;
pub mod fakes;
pub mod faults;
pub mod hostile;
pub mod lock;
pub mod mocks;
pub mod mutate;
pub mod proxy;
pub mod retry;
pub mod search;
pub mod server;
pub mod sink;
pub mod source;
pub mod store;

pub use case::{Checked, Violation};
