//! The section `[store]`.

use std::time::Duration;

use collector_core::store::Payloads;
use collector_sinks::sql::{Migrate, ServerConfig, SqlConfig, SslMode};
use serde::Deserialize;

use super::KeepOptions;
use super::places::{self, StorePlace};
use super::server;
use super::tree::Node;
use crate::sources::{ConfigPath, Secret};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Table {
    url: Option<String>,
    password: Option<Secret>,
    ssl_mode: Option<SslMode>,
    ssl_ca: Option<ConfigPath>,
    table_prefix: Option<String>,
    connections: Option<u32>,
    connect_timeout: Option<Duration>,
    call_timeout: Option<Duration>,
    patience: Option<Duration>,
    migrate: Option<Migrate>,
    payloads: Payloads,
    runs: Option<Duration>,
}

/// The shortest time for which it is kept what ran.
const LEAST: Duration = Duration::from_secs(86_400);

/// Keys that mean something to a server only.
const SERVER_KEYS: [&str; 9] = [
    "password",
    "ssl_mode",
    "ssl_ca",
    "table_prefix",
    "connections",
    "connect_timeout",
    "call_timeout",
    "patience",
    "migrate",
];

pub(super) fn read(root: &Node<'_>) -> Option<(StorePlace, KeepOptions)> {
    let default = || StorePlace::default_in(root.document().dir());
    let Some(node) = root.get("store") else { return Some((default(), KeepOptions::default())) };
    let table: Table = node.read()?;
    let mut keep = KeepOptions { payloads: table.payloads, ..KeepOptions::default() };
    if let Some(runs) = table.runs {
        if runs < LEAST {
            node.fault_in("runs", "expected at least \"1d\"; what was answered is known by it");
        }
        keep.runs = runs;
    }
    let place = match table.url.as_deref() {
        Some(url) if server::is_remote(url, &["mysql", "mariadb"]) => database(&node, url, &table),
        url => {
            server::refuse_keys(&node, &SERVER_KEYS);
            url.map_or_else(|| Some(default()), |url| places::store(&node.get("url")?, url))
        }
    };
    Some((place?, keep))
}

fn database(node: &Node<'_>, url: &str, table: &Table) -> Option<StorePlace> {
    let place = node.get("url")?;
    server::refuse_password(&place, url)?;
    let default = ServerConfig::new(url, "");
    let server = ServerConfig {
        password: table.password.as_ref().map_or("", Secret::expose).into(),
        ssl_mode: table.ssl_mode.unwrap_or_default(),
        ssl_ca: table.ssl_ca.as_ref().map(|path| path.as_path().to_owned()),
        connections: table.connections.unwrap_or(default.connections),
        connect_timeout: table.connect_timeout.unwrap_or(default.connect_timeout),
        call_timeout: table.call_timeout.unwrap_or(default.call_timeout),
        patience: table.patience.unwrap_or(default.patience),
        migrate: table.migrate.unwrap_or_default(),
        ..default
    };
    let config =
        SqlConfig { table_prefix: table.table_prefix.clone().unwrap_or_default(), ..SqlConfig::on(server) };
    config.validate().map_err(|error| place.fault(error.message().to_owned())).ok()?;
    Some(StorePlace::Server(Box::new(config)))
}
