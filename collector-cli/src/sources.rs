//! The types of source that come with this workspace.

mod described;
mod echotik;
mod ensembledata;
mod table;
mod tiktok;
mod web;

use std::fmt;
use std::path::{Path, PathBuf};

use collector_core::error::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::registry::Registry;

/// All of them.
pub(crate) fn builtin() -> Registry {
    Registry::new()
        .with::<ensembledata::Factory>("ensembledata")
        .with::<echotik::Factory>("echotik")
        .with::<tiktok::Factory>("tiktok")
        .with::<web::Factory>("web")
        .with::<described::Factory>("http")
}

/// A credential of a source: `{ env = "NAME" }` or `{ file = "PATH" }` in the configuration.
#[derive(Clone, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The credential itself, for the one who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A path in the configuration: it counts from the configuration file's folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConfigPath(PathBuf);

impl ConfigPath {
    /// The path, from the folder the command runs in.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

fn read_ca(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::new(ErrorKind::ConfigInvalid, "cannot read the certificates")
            .with("ca_file", path.display())
            .caused_by(error)
    })
}

/// The name and the text of a file that describes a source.
pub(crate) fn read_description(path: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::new(ErrorKind::ConfigInvalid, "cannot read the file that describes the source")
            .with("file", path.display())
            .caused_by(error)
    })?;
    Ok((path.display().to_string(), text))
}
