//! Where creators come from: one module per vendor, the HTTP client they share, and a simulator.
//!
//! Each adapter implements [`collector_core::source::Source`]: it turns a query into tasks, makes one exchange per
//! call, and reads the answer without side effects. The engine does everything else: retry, rate, budget, schedule.
//!
//! Nothing is compiled that is not asked for:
//!
//! | feature | module | what |
//! | --- | --- | --- |
//! | `declarative` | `declarative` | any JSON API, described in a TOML file |
//! | `echotik` | `echotik` | EchoTik: its database of creators with what they sell, and the platform in real time |
//! | `ensembledata` | `ensembledata` | EnsembleData's TikTok API: profiles, searches, posts, followers, comments |
//! | `http` | `http` | the client the adapters share, for adapters of your own |
//! | `sheet` | `sheet` | lists of people in XLSX, CSV, JSON Lines and plain text |
//! | `simulator` | `simulator` | a server that speaks the vendors' wire formats over a made-up population |
//! | `tiktok` | `tiktok` | TikTok's own APIs: Research for approved researchers, TikTok One for partners |
//! | `values` | `values` | conversions of single values, by name |
//! | `web` | `web` | creators' pages: TikTok profiles, and any site that is described in a file |
//! | `full` | | all of them |
//!
//! The crate installs nothing process-wide, reads no environment and no files, and spawns nothing but the simulator.

#[cfg(feature = "declarative")]
pub mod declarative;
pub mod duration;
#[cfg(feature = "echotik")]
pub mod echotik;
#[cfg(feature = "ensembledata")]
pub mod ensembledata;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "echotik", feature = "ensembledata"))]
mod mobile;
#[cfg(feature = "sheet")]
pub mod sheet;
#[cfg(feature = "simulator")]
pub mod simulator;
#[cfg(feature = "tiktok")]
pub mod tiktok;
#[cfg(any(feature = "values", feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
pub mod values;
#[cfg(feature = "web")]
pub mod web;
