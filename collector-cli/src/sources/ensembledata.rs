//! EnsembleData out of its table in the configuration.

use std::num::NonZeroUsize;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde::Deserialize;

use super::{ConfigPath, Secret, read_ca};
use crate::registry::{Built, SourceFactory};

/// The keys of `[sources.ensembledata]` besides those every source has.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
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

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = EnsembleData;

    fn build(name: &str, table: &Table) -> Result<Built<EnsembleData>> {
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
