//! The adapters from outside: recorded answers, a scripted server, and the simulator.
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking, in its helpers too")]

#[cfg(feature = "ensembledata")]
mod conformance;
#[cfg(feature = "declarative")]
mod declarative;
#[cfg(feature = "echotik")]
mod echotik;
#[cfg(feature = "echotik")]
mod echotik_conformance;
#[cfg(all(feature = "ensembledata", feature = "simulator"))]
mod effects;
#[cfg(feature = "ensembledata")]
mod ensembledata;
#[cfg(feature = "full")]
mod fuzzed;
#[cfg(feature = "http")]
mod hostile;
#[cfg(feature = "http")]
mod http;
#[cfg(all(feature = "echotik", feature = "ensembledata", feature = "tiktok", feature = "web"))]
mod model;
#[cfg(all(feature = "ensembledata", feature = "simulator"))]
mod simulated;
#[cfg(all(feature = "echotik", feature = "ensembledata", feature = "simulator"))]
mod simulated_echotik;
#[cfg(all(feature = "ensembledata", feature = "simulator"))]
mod simulated_lists;
#[cfg(feature = "tiktok")]
mod tiktok;
#[cfg(feature = "web")]
mod web;
