//! Creators' pages on the web out of their table in the configuration.

use std::num::NonZeroUsize;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::web::{Site, Web, WebConfig};
use serde::Deserialize;

use super::{ConfigPath, read_ca, read_description};
use crate::registry::{Built, SourceFactory};

/// The keys of `[sources.web]` besides those every source has.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    /// How the site's operator can reach whoever runs this: sent with every request.
    contact: String,
    /// The site's description; TikTok's profile pages without one.
    file: Option<ConfigPath>,
    base_url: Option<String>,
    timeout: Option<Duration>,
    max_body: Option<NonZeroUsize>,
    #[serde(default)]
    keep_email: bool,
    ca_file: Option<ConfigPath>,
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = Web;

    fn build(name: &str, table: &Table) -> Result<Built<Web>> {
        let defaults = WebConfig::default();
        let config = WebConfig {
            name: name.to_owned(),
            contact: table.contact.clone(),
            site: table.file.as_ref().map(site).transpose()?,
            base_url: table.base_url.clone(),
            timeout: table.timeout.unwrap_or(defaults.timeout),
            max_body: table.max_body.map_or(defaults.max_body, NonZeroUsize::get),
            keep_email: table.keep_email,
            extra_ca: table.ca_file.as_ref().map(|path| read_ca(path.as_path())).transpose()?,
            ..defaults
        };
        let in_flight = usize::try_from(config.in_flight).unwrap_or(usize::MAX);
        let limits = Limits { in_flight, per_second: Some(config.rate()), burst: Some(1) };
        let source = Web::new(config)?;
        let host = Some(source.host().into());
        Ok(Built { source, options: SourceOptions { host, limits, ..SourceOptions::default() } })
    }
}

fn site(path: &ConfigPath) -> Result<Site> {
    let (file, text) = read_description(path.as_path())?;
    Site::from_toml(&text, &file)
}
