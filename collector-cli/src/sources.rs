//! The types of source that come with this workspace.

mod echotik;
mod tiktok;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::pipeline::SourceOptions;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde::Deserialize;

use crate::registry::{Built, Registry, SourceFactory};

/// All of them.
pub(crate) fn builtin() -> Registry {
    Registry::new()
        .with::<EnsembleDataFactory>("ensembledata")
        .with::<echotik::Factory>("echotik")
        .with::<tiktok::TikTokFactory>("tiktok")
}

/// A credential of a source: `{ env = "NAME" }` or `{ file = "PATH" }` in the configuration.
#[derive(Clone, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The credential itself, for the one who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A path in the configuration: it counts from the configuration file's folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConfigPath(PathBuf);

impl ConfigPath {
    /// The path, from the folder the command runs in.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// The keys of `[sources.ensembledata]` besides those every source has.
#[derive(Debug, Deserialize)]
struct EnsembleDataTable {
    token: Secret,
    base_url: Option<String>,
    timeout: Option<Duration>,
    #[serde(default)]
    long_calls: bool,
    long_timeout: Option<Duration>,
    depth: Option<u32>,
    #[serde(default)]
    author_stats: bool,
    #[serde(default)]
    alternative_method: bool,
    max_body: Option<NonZeroUsize>,
    #[serde(default)]
    keep_email: bool,
    ca_file: Option<ConfigPath>,
}

struct EnsembleDataFactory;

impl SourceFactory for EnsembleDataFactory {
    type Config = EnsembleDataTable;
    type Source = EnsembleData;

    fn build(name: &str, table: &EnsembleDataTable) -> Result<Built<EnsembleData>> {
        let defaults = EnsembleDataConfig::default();
        let config = EnsembleDataConfig {
            name: name.to_owned(),
            token: table.token.expose().into(),
            base_url: table.base_url.clone().unwrap_or(defaults.base_url),
            timeout: table.timeout.unwrap_or(defaults.timeout),
            long_calls: table.long_calls,
            long_timeout: table.long_timeout.unwrap_or(defaults.long_timeout),
            depth: table.depth.unwrap_or(defaults.depth),
            author_stats: table.author_stats,
            alternative_method: table.alternative_method,
            max_body: table.max_body.map_or(defaults.max_body, NonZeroUsize::get),
            keep_email: table.keep_email,
            extra_ca: table.ca_file.as_ref().map(|path| read_ca(path.as_path())).transpose()?,
            ..defaults
        };
        let in_flight = usize::try_from(config.in_flight).unwrap_or(usize::MAX);
        let limits = Limits { in_flight, per_second: config.per_second, burst: config.burst };
        Ok(Built {
            source: EnsembleData::new(config)?,
            options: SourceOptions { limits, ..SourceOptions::default() },
        })
    }
}

fn read_ca(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::new(ErrorKind::ConfigInvalid, "cannot read the certificates")
            .with("ca_file", path.display())
            .caused_by(error)
    })
}
