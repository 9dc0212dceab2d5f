//! Where creators come from: one module per vendor, the HTTP client they share, and a simulator.
//!
//! Each adapter implements [`collector_core::source::Source`]: it turns a query into tasks, makes one exchange per
//! call, and reads the answer without side effects. The engine does everything else: retry, rate, budget, schedule.
//!
//! Nothing is compiled that is not asked for:
//!
//! | feature | module | what |
//! | --- | --- | --- |
//! | `ensembledata` | `ensembledata` | EnsembleData's TikTok API: profiles, searches, posts, followers, comments |
//! | `http` | `http` | the client the adapters share, for adapters of your own |
//! | `sheet` | `sheet` | lists of people in XLSX, CSV, JSON Lines and plain text |
//! | `simulator` | `simulator` | a server that speaks the vendors' wire formats over a made-up population |
//! | `values` | `values` | conversions of single values, by name |
//! | `full` | | all of them |
//!
//! The crate installs nothing process-wide, reads no environment and no files, and spawns nothing but the simulator.

pub mod duration;
#[cfg(feature = "ensembledata")]
pub mod ensembledata;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "sheet")]
pub mod sheet;
#[cfg(feature = "simulator")]
pub mod simulator;
#[cfg(feature = "values")]
pub mod values;
