//! The section `[notify]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::as_text;
use super::server;
use super::tree::Node;
use crate::sources::{ConfigPath, Secret};

/// Who is told what goes wrong. Addresses are secrets: whoever knows one can write there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NotifyOptions {
    /// Is sent each message as JSON.
    #[serde(skip)]
    pub webhook: Option<Address>,
    /// Is sent each message in Slack's form, which many programs understand: `{"text": …}`.
    #[serde(skip)]
    pub slack: Option<Address>,
    /// Is asked again and again while nothing is wrong that somebody has to act on: its silence is the alarm.
    #[serde(skip)]
    pub heartbeat: Option<Address>,
    /// How often. Default 1 minute.
    #[serde(serialize_with = "as_text")]
    pub heartbeat_every: Duration,
    /// By which method. Default `GET`.
    pub heartbeat_method: Method,
    /// Free space in MB below which a disk is low. Default 2,048.
    pub disk_low_mb: u64,
    /// How long after its time a job is late. Default 15 minutes.
    #[serde(serialize_with = "as_text")]
    pub late_after: Duration,
    /// Certificates in PEM format to trust besides the machine's own.
    #[serde(skip)]
    pub(crate) ca: Option<Vec<u8>>,
}

impl Default for NotifyOptions {
    fn default() -> Self {
        Self {
            webhook: None,
            slack: None,
            heartbeat: None,
            heartbeat_every: Duration::from_secs(60),
            heartbeat_method: Method::Get,
            disk_low_mb: 2_048,
            late_after: Duration::from_secs(15 * 60),
            ca: None,
        }
    }
}

impl NotifyOptions {
    /// Whether there is anybody to tell.
    pub(crate) fn is_somebody_told(&self) -> bool {
        self.webhook.is_some() || self.slack.is_some() || self.heartbeat.is_some()
    }
}

/// How a heartbeat is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Method {
    /// Without a body.
    Get,
    /// With an empty one.
    Post,
}

/// An address that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The address, for the one who sends there.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Table {
    webhook: Option<Secret>,
    slack: Option<Secret>,
    heartbeat: Option<Secret>,
    heartbeat_every: Option<Duration>,
    heartbeat_method: Option<Method>,
    disk_low_mb: Option<u64>,
    late_after: Option<Duration>,
    ca_file: Option<ConfigPath>,
}

/// Nobody is told where there is no section.
pub(super) fn read(root: &Node<'_>) -> Option<NotifyOptions> {
    let default = NotifyOptions::default();
    let Some(node) = root.get("notify") else { return Some(default) };
    let table: Table = node.read()?;
    for (key, span) in [("heartbeat_every", table.heartbeat_every), ("late_after", table.late_after)] {
        if span.is_some_and(|span| span < Duration::from_secs(1)) {
            node.fault_in(key, "expected a second or more, such as \"1m\"");
        }
    }
    if table.heartbeat.is_none() {
        for key in ["heartbeat_every", "heartbeat_method"] {
            if let Some(node) = node.get(key) {
                node.fault("there is no heartbeat; add heartbeat = { env = \"NAME\" }, or leave the key out");
            }
        }
    }
    let ca = match &table.ca_file {
        Some(file) => Some(server::read_file(&node, "ca_file", file)?).filter(|pem| !pem.is_empty()),
        None => None,
    };
    Some(NotifyOptions {
        webhook: address(&node, "webhook", table.webhook),
        slack: address(&node, "slack", table.slack),
        heartbeat: address(&node, "heartbeat", table.heartbeat),
        heartbeat_every: table.heartbeat_every.unwrap_or(default.heartbeat_every),
        heartbeat_method: table.heartbeat_method.unwrap_or(default.heartbeat_method),
        disk_low_mb: table.disk_low_mb.unwrap_or(default.disk_low_mb),
        late_after: table.late_after.unwrap_or(default.late_after),
        ca,
    })
}

/// The message of a fault never holds the address: it is a secret.
fn address(node: &Node<'_>, key: &str, secret: Option<Secret>) -> Option<Address> {
    // Where secrets are left alone they are empty.
    let secret = secret.filter(|secret| !secret.expose().is_empty())?;
    let url = Url::parse(secret.expose()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        node.fault_in(key, "what the secret holds is no address; it begins with https://");
    }
    url.map(Address)
}
