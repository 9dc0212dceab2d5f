//! The section `[images]`.

use std::net::SocketAddr;

use collector_sinks::images::s3::BucketConfig;
use serde::{Deserialize, Serialize};
use url::Url;

use super::places::{self, Bucket, ImagesPlace};
use super::server;
use super::tree::Node;
use crate::sources::{ConfigPath, Secret};

/// Where pictures are kept, and what may be asked for them.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ImagesOptions {
    /// The place.
    pub url: ImagesPlace,
    /// Addresses with their ports that may be asked although they are not public: a simulator on this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<SocketAddr>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Table {
    url: Option<String>,
    allow: Vec<String>,
    endpoint: Option<String>,
    region: Option<String>,
    virtual_hosted: bool,
    conditional: Option<bool>,
    access_key: Option<Secret>,
    secret_key: Option<Secret>,
    ca_file: Option<ConfigPath>,
}

/// Keys that mean something to a bucket only.
const SERVER_KEYS: [&str; 7] =
    ["endpoint", "region", "virtual_hosted", "conditional", "access_key", "secret_key", "ca_file"];

pub(super) fn read(node: &Node<'_>) -> Option<ImagesOptions> {
    let table: Table = node.read()?;
    let url = match table.url.as_deref() {
        Some(url) if server::is_remote(url, &["s3", "http", "https"]) => bucket(node, url, &table)?,
        url => {
            server::refuse_keys(node, &SERVER_KEYS);
            match url {
                Some(url) => places::images(&node.get("url")?, url)?,
                None => ImagesPlace::default_in(node.document().dir()),
            }
        }
    };
    let addresses = node.get("allow").map(|list| list.elements().collect::<Vec<_>>()).unwrap_or_default();
    let allow = addresses.iter().zip(&table.allow).filter_map(|(node, text)| address(node, text)).collect();
    Some(ImagesOptions { url, allow })
}

fn bucket(node: &Node<'_>, url: &str, table: &Table) -> Option<ImagesPlace> {
    let place = node.get("url")?;
    let mut config = BucketConfig::at(url).map_err(|error| place.fault(error.message().to_owned())).ok()?;
    if let Some(endpoint) = &table.endpoint {
        let wrong = |error| node.fault_in("endpoint", format!("expected https://HOST:PORT: {error}"));
        config.endpoint = Some(Url::parse(endpoint).map_err(wrong).ok()?);
    }
    if let Some(region) = &table.region {
        config.region.clone_from(region);
    }
    config.virtual_hosted = table.virtual_hosted;
    config.conditional = table.conditional.unwrap_or(config.conditional);
    if let Some(file) = &table.ca_file {
        config.ca = server::read_pem(node, "ca_file", file)?;
    }
    let key = match (&table.access_key, &table.secret_key) {
        (Some(id), Some(secret)) => Some((id.clone(), secret.clone())),
        (None, None) => None,
        (Some(_), None) => {
            node.fault_in("access_key", "a key has two halves; add `secret_key`");
            None
        }
        (None, Some(_)) => {
            node.fault_in("secret_key", "a key has two halves; add `access_key`");
            None
        }
    };
    Some(ImagesPlace::Bucket(Box::new(Bucket { config, key, url: url.to_owned() })))
}

fn address(node: &Node<'_>, text: &str) -> Option<SocketAddr> {
    let address = text.parse();
    if address.is_err() {
        let form = "expected an address with its port, such as \"127.0.0.1:8080\"";
        node.fault(format!("{form}, found {text:?}"));
    }
    address.ok()
}
