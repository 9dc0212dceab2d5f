//! EchoTik out of its table in the configuration.

use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};

use super::Secret;
use super::table::{limits, vendor_options, vendor_table};
use crate::registry::{Built, SourceFactory};

vendor_table! {
    /// The keys of `[sources.echotik]` besides those every source has.
    pub(super) struct Table {
        username: Secret,
        password: Secret,
        #[serde(default)]
        pictures: bool,
        #[serde(default)]
        picture_units: u32,
        #[serde(default)]
        real_time: RealTime,
    }
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = EchoTik;

    fn build(name: &str, table: &Table) -> Result<Built<EchoTik>> {
        let config = vendor_options!(name, table, usual => EchoTikConfig {
            username: table.username.expose().into(),
            password: table.password.expose().into(),
            pictures: table.pictures,
            picture_units: table.picture_units,
            real_time: table.real_time,
        });
        let limits = limits(config.in_flight, config.per_second, config.burst);
        Ok(Built {
            source: EchoTik::new(config)?,
            options: SourceOptions { limits, ..SourceOptions::default() },
        })
    }
}
