//! The `collector` command as a library: build your own with one more source in five lines.
//!
//! ```no_run
//! # use collector_cli::{Built, SourceFactory};
//! # struct Acme;
//! # impl SourceFactory for Acme {
//! #     type Config = std::collections::BTreeMap<String, String>;
//! #     type Source = collector_cli::AnySource;
//! #     fn build(_: &str, _: &Self::Config) -> collector_core::error::Result<Built<Self::Source>> {
//! #         Err(collector_core::error::Error::new(collector_core::error::ErrorKind::ConfigInvalid, "no"))
//! #     }
//! # }
//! fn main() -> std::process::ExitCode {
//!     collector_cli::App::new().source::<Acme>("acme").run()
//! }
//! ```
//!
//! The configuration may then hold `[sources.acme]`, or any table with `type = "acme"`.
//!
//! # Output
//!
//! Data goes to standard output, logs and progress to standard error. `--json` prints one object; its keys are
//! documented beside the types that are printed: see [`report`]. The process ends with a code of [`Exit`].

pub mod allocator;
mod app;
mod args;
mod commands;
mod compose;
pub mod config;
mod disk;
mod exit;
mod failure;
pub mod ids;
mod logging;
mod monitor;
mod notify;
mod output;
mod progress;
mod registry;
pub mod report;
mod signals;
mod sources;
mod upkeep;

pub use app::App;

pub use exit::{Exit, Signal};
pub use failure::{Failure, Result};
pub use registry::{AnySource, Built, Registry, SourceFactory};
pub use sources::{ConfigPath, Secret};
