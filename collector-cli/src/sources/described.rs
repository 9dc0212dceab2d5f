//! A JSON API that a file describes, out of its table in the configuration.

use std::collections::BTreeMap;

use collector_core::error::Result;
use collector_core::task::{Payload, Task};
use collector_sources::declarative::{Declarative, DeclarativeConfig, Unmatched};
use collector_sources::http::Address;
use serde::Deserialize;

use super::{ConfigPath, Secret, read_ca, read_description};
use crate::registry::{Built, SourceFactory};

/// The keys of a source that a file describes, besides those every source has.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    file: ConfigPath,
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    base_url: Option<Address>,
    #[serde(default)]
    keep_email: bool,
    ca_file: Option<ConfigPath>,
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = Declarative;

    fn build(name: &str, table: &Table) -> Result<Built<Declarative>> {
        let (file, text) = read_description(table.file.as_path())?;
        let source = Declarative::new(DeclarativeConfig {
            name: name.to_owned(),
            file,
            text,
            secrets: table
                .secrets
                .iter()
                .map(|(name, secret)| (name.clone(), secret.expose().into()))
                .collect(),
            base_url: table.base_url.clone(),
            keep_email: table.keep_email,
            extra_ca: table.ca_file.as_ref().map(|path| read_ca(path.as_path())).transpose()?,
        })?;
        Ok(Built { options: source.options(), source })
    }

    fn unmatched(source: &Declarative, tasks: &[Task], payload: &Payload) -> Vec<String> {
        source.unmatched(tasks, payload).iter().map(Unmatched::to_string).collect()
    }
}
