//! The section `[search]`.

use std::time::Duration;

use collector_sinks::elasticsearch::ElasticsearchConfig;
use serde::Deserialize;
use url::Url;

use super::places::{self, SearchPlace};
use super::server;
use super::tree::Node;
use crate::sources::{ConfigPath, Secret};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Table {
    url: Option<String>,
    nodes: Vec<String>,
    user: Option<String>,
    password: Option<Secret>,
    api_key: Option<Secret>,
    ca_file: Option<ConfigPath>,
    timeout: Option<Duration>,
    compress: bool,
    shards: Option<u32>,
    replicas: Option<u32>,
}

/// Keys that mean something to a server only.
const SERVER_KEYS: [&str; 9] =
    ["nodes", "user", "password", "api_key", "ca_file", "timeout", "compress", "shards", "replicas"];

/// `None` inside when there is no section: then nothing is indexed.
pub(super) fn read(root: &Node<'_>) -> Option<Option<SearchPlace>> {
    let Some(node) = root.get("search") else { return Some(None) };
    let table: Table = node.read()?;
    let place = match table.url.as_deref() {
        Some(url) if server::is_remote(url, &["http", "https"]) => cluster(&node, url, &table)?,
        url => {
            server::refuse_keys(&node, &SERVER_KEYS);
            match url {
                Some(url) => places::search(&node.get("url")?, url)?,
                None => SearchPlace::default_in(root.document().dir()),
            }
        }
    };
    Some(Some(place))
}

fn cluster(node: &Node<'_>, url: &str, table: &Table) -> Option<SearchPlace> {
    let place = node.get("url")?;
    server::refuse_password(&place, url)?;
    let refused = |error: collector_core::error::Error| place.fault(error.message().to_owned());
    let mut config = ElasticsearchConfig::at(url).map_err(refused).ok()?;
    for (element, text) in node.get("nodes").iter().flat_map(Node::elements).zip(&table.nodes) {
        match Url::parse(text) {
            Ok(url) => config.nodes.push(url),
            Err(error) => {
                element.fault(format!("expected a node's address, such as \"https://host:9200\": {error}"));
            }
        }
    }
    config.user = table.user.clone().or(config.user);
    config.password = table.password.as_ref().map(|secret| secret.expose().into());
    config.api_key = table.api_key.as_ref().map(|secret| secret.expose().into());
    if let Some(file) = &table.ca_file {
        config.ca_pem = server::read_pem(node, "ca_file", file)?;
    }
    config.timeout = table.timeout.unwrap_or(config.timeout);
    config.compress = table.compress;
    config.shards = table.shards.unwrap_or(config.shards);
    config.replicas = table.replicas.unwrap_or(config.replicas);
    // Without its secrets it is not asked, and an empty one would be refused.
    if place.env().is_some() {
        config.validate().map_err(refused).ok()?;
    }
    Some(SearchPlace::Server(Box::new(config)))
}
