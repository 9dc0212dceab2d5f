//! EnsembleData out of its table in the configuration.

use std::time::Duration;

use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};

use super::Secret;
use super::table::{limits, vendor_options, vendor_table};
use crate::registry::{Built, SourceFactory};

vendor_table! {
    /// The keys of `[sources.ensembledata]` besides those every source has.
    pub(super) struct Table {
        token: Secret,
        #[serde(default)]
        long_calls: bool,
        long_timeout: Option<Duration>,
        depth: Option<u32>,
        #[serde(default)]
        author_stats: bool,
        #[serde(default)]
        alternative_method: bool,
    }
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = EnsembleData;

    fn build(name: &str, table: &Table) -> Result<Built<EnsembleData>> {
        let config = vendor_options!(name, table, usual => EnsembleDataConfig {
            token: table.token.expose().into(),
            long_calls: table.long_calls,
            long_timeout: table.long_timeout.unwrap_or(usual.long_timeout),
            depth: table.depth.unwrap_or(usual.depth),
            author_stats: table.author_stats,
            alternative_method: table.alternative_method,
        });
        let limits = limits(config.in_flight, config.per_second, config.burst);
        Ok(Built {
            source: EnsembleData::new(config)?,
            options: SourceOptions { limits, ..SourceOptions::default() },
        })
    }
}
