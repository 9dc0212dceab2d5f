//! What can be set about the index.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the index is and what its writer may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TantivyConfig {
    /// The folder; it is made when it does not exist.
    pub path: PathBuf,
    /// The sink's name in the store and in reports. `search` by default.
    #[serde(default = "default_name")]
    pub name: String,
    /// Bytes of tokens the writer holds before it writes a part of the index: 15,000,000 to 1,000,000,000.
    /// 20,000,000 by default; more than that makes a first index of millions somewhat faster.
    #[serde(default = "default_heap")]
    pub heap: usize,
}

fn default_name() -> String {
    "search".to_owned()
}

fn default_heap() -> usize {
    20_000_000
}

impl TantivyConfig {
    /// An index in this folder, everything else by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), name: default_name(), heap: default_heap() }
    }
}
