//! What can be set about the store.

#[cfg(feature = "mysql")]
mod server;

use std::path::PathBuf;

use collector_core::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

#[cfg(feature = "mysql")]
pub(super) use server::Address;
#[cfg(feature = "mysql")]
pub use server::{Migrate, Secret, ServerConfig, SslMode};

/// Where the store is and what it may use: a SQLite file ([`new`](Self::new)) or a database on a server
/// ([`on`](Self::on)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// The SQLite file; it is made when it does not exist. Empty for a store on a server.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub path: PathBuf,
    /// The server; none for a file.
    #[cfg(feature = "mysql")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerConfig>,
    /// Put before every table's name, so that several stores can share one database. Empty by default; lower-case
    /// letters, digits and `_`.
    #[serde(default)]
    pub table_prefix: String,
    /// Page cache of a file's writing connection, in MiB. 8 by default; more helped nothing when it was measured.
    #[serde(default = "default_cache_mib")]
    pub cache_mib: u32,
    /// Connections for reading a file. 2 by default.
    #[serde(default = "default_readers")]
    pub readers: u32,
}

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

fn default_cache_mib() -> u32 {
    8
}

fn default_readers() -> u32 {
    2
}

impl SqlConfig {
    /// The store in this file, everything else by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            #[cfg(feature = "mysql")]
            server: None,
            table_prefix: String::new(),
            cache_mib: default_cache_mib(),
            readers: default_readers(),
        }
    }

    /// The store on this server, everything else by default.
    #[cfg(feature = "mysql")]
    pub fn on(server: ServerConfig) -> Self {
        Self { server: Some(server), ..Self::new("") }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all values that cannot be used.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        self.check_place(&mut faults);
        self.check_prefix(&mut faults);
        if !(1..=1_024).contains(&self.cache_mib) {
            faults.push(format!("cache_mib {} is not between 1 and 1024", self.cache_mib));
        }
        if !(1..=64).contains(&self.readers) {
            faults.push(format!("readers {} is not between 1 and 64", self.readers));
        }
        told(&faults)
    }

    /// Checks what counts when connections are given by the caller.
    #[cfg(feature = "mysql")]
    pub(super) fn validate_prefix(&self) -> Result<()> {
        let mut faults = Vec::new();
        self.check_prefix(&mut faults);
        told(&faults)
    }

    fn check_prefix(&self, faults: &mut Vec<String>) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.table_prefix.len() > 32 || !self.table_prefix.chars().all(plain) {
            faults.push(format!(
                "table_prefix {:?} has something else than at most 32 of a-z, 0-9 and _",
                self.table_prefix
            ));
        }
    }

    #[cfg(feature = "mysql")]
    fn check_place(&self, faults: &mut Vec<String>) {
        match &self.server {
            Some(_) if !is_empty(&self.path) => {
                faults.push("path and server exclude each other; leave one out".to_owned());
            }
            Some(server) => server.faults(faults),
            None => self.check_path(faults),
        }
    }

    #[cfg(not(feature = "mysql"))]
    fn check_place(&self, faults: &mut Vec<String>) {
        self.check_path(faults);
    }

    fn check_path(&self, faults: &mut Vec<String>) {
        if is_empty(&self.path) {
            faults.push("path is empty".to_owned());
        }
    }
}

fn told(faults: &[String]) -> Result<()> {
    if faults.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::ConfigInvalid, faults.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let config = SqlConfig { table_prefix: "a;b".into(), cache_mib: 0, readers: 0, ..SqlConfig::new("") };
        let message = config.validate().unwrap_err().to_string();
        for part in ["path", "table_prefix", "cache_mib", "readers"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(SqlConfig::new("a.db").validate().is_ok());
    }
}
