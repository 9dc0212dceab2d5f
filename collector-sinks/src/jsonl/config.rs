//! What can be set about the change log.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where the change log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonlConfig {
    /// The file; it is made when it does not exist. `-` is standard output.
    pub path: PathBuf,
    /// The sink's name in the store and in reports. `jsonl` by default; two logs of one pipeline need two names.
    #[serde(default = "default_name")]
    pub name: String,
}

fn default_name() -> String {
    "jsonl".to_owned()
}

impl JsonlConfig {
    /// A log in this file, everything else by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), name: default_name() }
    }

    /// Whether it goes to standard output.
    pub fn is_stdout(&self) -> bool {
        self.path == Path::new("-")
    }
}
