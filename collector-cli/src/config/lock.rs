//! The section `[lock]`.

use std::time::Duration;

use collector_core::lock::LeaseOptions;
use collector_sinks::redis::RedisConfig;
use serde::{Deserialize, Serialize};

use super::as_text;
use super::places::{self, LockPlace};
use super::server;
use super::tree::Node;
use crate::sources::{ConfigPath, Secret};

/// The lock, and how leases are asked for.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LockOptions {
    /// The place.
    pub url: LockPlace,
    /// How long a lease lasts without renewal. Default 60 seconds.
    #[serde(serialize_with = "as_text")]
    pub ttl: Duration,
    /// How long a subject stays taken after its lease began, even when the work ended: what keeps machines that share
    /// the lock and no store from asking for the same twice. Default none.
    #[serde(serialize_with = "as_text")]
    pub min_hold: Duration,
    /// That a lock of this process alone is meant, although others could use the same store.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub single_process: bool,
}

impl Default for LockOptions {
    fn default() -> Self {
        let LeaseOptions { ttl, min_hold } = LeaseOptions::default();
        Self { url: LockPlace::Memory, ttl, min_hold, single_process: false }
    }
}

impl LockOptions {
    /// Whether other processes would not see what it holds, and nobody said that this is meant.
    pub(super) fn is_lonely(&self) -> bool {
        matches!(self.url, LockPlace::Memory) && !self.single_process
    }

    /// How leases are asked for.
    pub(crate) fn lease(&self) -> LeaseOptions {
        LeaseOptions { ttl: self.ttl, min_hold: self.min_hold }
    }
}

/// What is wrong with a lonely lock beside a store that others may use.
pub(super) const LONELY: &str = "the store is on a server, where other processes may work, and `memory:` locks this \
     process alone; write redis://HOST/0, or single_process = true when there will never be another";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Table {
    url: Option<String>,
    ttl: Option<Duration>,
    min_hold: Option<Duration>,
    single_process: bool,
    user: Option<String>,
    password: Option<Secret>,
    ca_file: Option<ConfigPath>,
    prefix: Option<String>,
}

/// Keys that mean something to a server only.
const SERVER_KEYS: [&str; 4] = ["user", "password", "ca_file", "prefix"];

pub(super) fn read(root: &Node<'_>) -> Option<LockOptions> {
    let Some(node) = root.get("lock") else { return Some(LockOptions::default()) };
    let table: Table = node.read()?;
    let url = match table.url.as_deref() {
        Some(url) if server::is_remote(url, &["redis", "rediss", "valkey", "valkeys"]) => {
            redis(&node, url, &table)?
        }
        url => {
            server::refuse_keys(&node, &SERVER_KEYS);
            match url {
                Some(url) => places::lock(&node.get("url")?, url)?,
                None => LockPlace::Memory,
            }
        }
    };
    let default = LockOptions::default();
    Some(LockOptions {
        url,
        ttl: table.ttl.unwrap_or(default.ttl),
        min_hold: table.min_hold.unwrap_or(default.min_hold),
        single_process: table.single_process,
    })
}

fn redis(node: &Node<'_>, url: &str, table: &Table) -> Option<LockPlace> {
    let place = node.get("url")?;
    server::refuse_password(&place, url)?;
    let mut config = RedisConfig::parse(url).map_err(|error| place.fault(error.message().to_owned())).ok()?;
    if let Some(user) = &table.user {
        config = config.user(user);
    }
    if let Some(password) = &table.password {
        config = config.password(password.expose());
    }
    if let Some(prefix) = &table.prefix {
        config = config.prefix(prefix);
    }
    if let Some(file) = &table.ca_file {
        config = config.ca(server::read_file(node, "ca_file", file)?);
    }
    Some(LockPlace::Redis(Box::new(config)))
}
