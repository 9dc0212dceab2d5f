//! Creators' pages on the web out of their table in the configuration.

use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_sources::web::{Site, Web, WebConfig};

use super::table::{limits, vendor_options, vendor_table};
use super::{ConfigPath, read_description};
use crate::registry::{Built, SourceFactory};

vendor_table! {
    /// The keys of `[sources.web]` besides those every source has.
    pub(super) struct Table {
        /// How the site's operator can reach whoever runs this: sent with every request.
        contact: String,
        /// The site's description; TikTok's profile pages without one.
        file: Option<ConfigPath>,
    }
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = Web;

    fn build(name: &str, table: &Table) -> Result<Built<Web>> {
        let config = vendor_options!(name, table, usual => WebConfig {
            contact: table.contact.clone(),
            site: table.file.as_ref().map(site).transpose()?,
        });
        let limits = limits(config.in_flight, Some(config.rate()), Some(1));
        let source = Web::new(config)?;
        let host = Some(source.host().into());
        Ok(Built { source, options: SourceOptions { host, limits, ..SourceOptions::default() } })
    }
}

fn site(path: &ConfigPath) -> Result<Site> {
    let (file, text) = read_description(path.as_path())?;
    Site::from_toml(&text, &file)
}
