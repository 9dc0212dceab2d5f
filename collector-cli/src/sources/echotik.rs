//! EchoTik out of its table in the configuration.

use std::num::NonZeroUsize;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};
use serde::Deserialize;

use super::{ConfigPath, Secret, read_ca};
use crate::registry::{Built, SourceFactory};

/// The keys of `[sources.echotik]` besides those every source has.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    username: Secret,
    password: Secret,
    base_url: Option<String>,
    timeout: Option<Duration>,
    #[serde(default)]
    pictures: bool,
    #[serde(default)]
    picture_units: u32,
    #[serde(default)]
    real_time: RealTime,
    max_body: Option<NonZeroUsize>,
    #[serde(default)]
    keep_email: bool,
    ca_file: Option<ConfigPath>,
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = EchoTik;

    fn build(name: &str, table: &Table) -> Result<Built<EchoTik>> {
        let defaults = EchoTikConfig::default();
        let config = EchoTikConfig {
            name: name.to_owned(),
            username: table.username.expose().into(),
            password: table.password.expose().into(),
            base_url: table.base_url.clone().unwrap_or(defaults.base_url),
            timeout: table.timeout.unwrap_or(defaults.timeout),
            pictures: table.pictures,
            picture_units: table.picture_units,
            real_time: table.real_time,
            max_body: table.max_body.map_or(defaults.max_body, NonZeroUsize::get),
            keep_email: table.keep_email,
            extra_ca: table.ca_file.as_ref().map(|path| read_ca(path.as_path())).transpose()?,
            ..defaults
        };
        let in_flight = usize::try_from(config.in_flight).unwrap_or(usize::MAX);
        let limits = Limits { in_flight, per_second: config.per_second, burst: config.burst };
        Ok(Built {
            source: EchoTik::new(config)?,
            options: SourceOptions { limits, ..SourceOptions::default() },
        })
    }
}
