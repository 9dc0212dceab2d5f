//! EchoTik out of its table in the configuration.

use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};

use super::Secret;
use super::table::{limits, vendor_table};
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
        let (shared, defaults) = (table.shared(), EchoTikConfig::default());
        let config = EchoTikConfig {
            name: name.to_owned(),
            username: table.username.expose().into(),
            password: table.password.expose().into(),
            base_url: shared.base_url.cloned().unwrap_or(defaults.base_url),
            timeout: shared.timeout.unwrap_or(defaults.timeout),
            pictures: table.pictures,
            picture_units: table.picture_units,
            real_time: table.real_time,
            max_body: shared.max_body(defaults.max_body),
            keep_email: shared.keep_email,
            extra_ca: shared.extra_ca()?,
            ..defaults
        };
        let limits = limits(config.in_flight, config.per_second, config.burst);
        Ok(Built {
            source: EchoTik::new(config)?,
            options: SourceOptions { limits, ..SourceOptions::default() },
        })
    }
}
