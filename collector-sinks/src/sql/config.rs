//! What can be set about the store.

use std::path::PathBuf;

use collector_core::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// Where the store is and what it may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// The SQLite file; it is made when it does not exist.
    pub path: PathBuf,
    /// Put before every table's name, so that several stores can share one database. Empty by default; lower-case
    /// letters, digits and `_`.
    #[serde(default)]
    pub table_prefix: String,
    /// Page cache of the writing connection, in MiB. 8 by default; more helped nothing when it was measured.
    #[serde(default = "default_cache_mib")]
    pub cache_mib: u32,
    /// Connections for reading. 2 by default.
    #[serde(default = "default_readers")]
    pub readers: u32,
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
            table_prefix: String::new(),
            cache_mib: default_cache_mib(),
            readers: default_readers(),
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all values that cannot be used.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        if self.path.as_os_str().is_empty() {
            faults.push("path is empty".to_owned());
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.table_prefix.len() > 32 || !self.table_prefix.chars().all(plain) {
            faults.push(format!(
                "table_prefix {:?} has something else than at most 32 of a-z, 0-9 and _",
                self.table_prefix
            ));
        }
        if !(1..=1_024).contains(&self.cache_mib) {
            faults.push(format!("cache_mib {} is not between 1 and 1024", self.cache_mib));
        }
        if !(1..=64).contains(&self.readers) {
            faults.push(format!("readers {} is not between 1 and 64", self.readers));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::ConfigInvalid, faults.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let config = SqlConfig { path: PathBuf::new(), table_prefix: "a;b".into(), cache_mib: 0, readers: 0 };
        let message = config.validate().unwrap_err().to_string();
        for part in ["path", "table_prefix", "cache_mib", "readers"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(SqlConfig::new("a.db").validate().is_ok());
    }
}
