//! Where things are kept: `scheme:path` is this machine, `scheme://host` a server.

use std::fmt;
use std::path::{Path, PathBuf};

use collector_core::known::not_known;
use collector_sinks::elasticsearch::ElasticsearchConfig;
use collector_sinks::images::s3::BucketConfig;
use collector_sinks::redis::RedisConfig;
use collector_sinks::sql::{ServerConfig, SqlConfig};
use serde::{Serialize, Serializer};

use super::tree::Node;
use crate::sources::Secret;

/// The file the store is kept in when the configuration does not say.
const DEFAULT_STORE: &str = "collector.db";

/// The folder a search index is kept in when its section does not say.
const DEFAULT_INDEX: &str = "search";

/// The folder pictures are kept in when the configuration does not say.
const DEFAULT_IMAGES: &str = "images";

/// Where the store of record is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorePlace {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// In memory: gone when the command ends.
    Memory,
    /// A database on a server, which many processes may use at once.
    Server(Box<SqlConfig>),
}

impl StorePlace {
    pub(super) fn default_in(dir: &Path) -> Self {
        Self::Sqlite(dir.join(DEFAULT_STORE))
    }

    /// Reads `sqlite:PATH`, `memory:` or `mysql://user@host/database`; a path counts from `dir`.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn parse(dir: &Path, url: &str) -> Result<Self, String> {
        let (scheme, path) = split(url, "sqlite:collector.db")?;
        match scheme {
            "mysql" | "mariadb" => {
                let config = SqlConfig::on(ServerConfig::new(url, ""));
                config.validate().map_err(|error| error.message().to_owned())?;
                Ok(Self::Server(Box::new(config)))
            }
            "sqlite" => Ok(Self::Sqlite(dir.join(local_path(url, scheme, path, DEFAULT_STORE)?))),
            "memory" => empty(path, scheme).map(|()| Self::Memory),
            _ => Err(not_known("store", scheme, ["sqlite", "mysql", "memory"])),
        }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
            Self::Server(config) => f.write_str(config.server.as_ref().map_or("", |server| &server.url)),
        }
    }
}

impl Serialize for StorePlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the search index is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchPlace {
    /// An index of this machine, in a folder.
    Tantivy(PathBuf),
    /// An index on a server.
    Server(Box<ElasticsearchConfig>),
}

impl SearchPlace {
    pub(super) fn default_in(dir: &Path) -> Self {
        Self::Tantivy(dir.join(DEFAULT_INDEX))
    }

    /// Reads `tantivy:PATH` or `https://host:9200/index`; a path counts from `dir`.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn parse(dir: &Path, url: &str) -> Result<Self, String> {
        let (scheme, path) = split(url, "tantivy:search")?;
        match scheme {
            "tantivy" => Ok(Self::Tantivy(dir.join(local_path(url, scheme, path, DEFAULT_INDEX)?))),
            "http" | "https" => {
                let config = ElasticsearchConfig::at(url).map_err(|error| error.message().to_owned())?;
                Ok(Self::Server(Box::new(config)))
            }
            _ => Err(not_known("search index", scheme, ["tantivy", "https", "http"])),
        }
    }
}

impl fmt::Display for SearchPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tantivy(path) => write!(f, "tantivy:{}", path.display()),
            Self::Server(config) => {
                let node = config.nodes.first().map_or("", |node| node.as_str().trim_end_matches('/'));
                write!(f, "{node}/{}", config.index)
            }
        }
    }
}

impl Serialize for SearchPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the lock is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LockPlace {
    /// In this process.
    Memory,
    /// On a server that machines share.
    Redis(Box<RedisConfig>),
}

impl fmt::Display for LockPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Redis(config) => f.write_str(&config.address()),
        }
    }
}

impl Serialize for LockPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where pictures are kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ImagesPlace {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Box<Bucket>),
}

/// A bucket and who we are to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Bucket {
    /// Where it is.
    pub config: BucketConfig,
    /// Name and secret of a key; without one the environment says who we are.
    pub key: Option<(Secret, Secret)>,
    /// As it stands in the configuration.
    pub url: String,
}

impl ImagesPlace {
    pub(super) fn default_in(dir: &Path) -> Self {
        Self::Folder(dir.join(DEFAULT_IMAGES))
    }
}

impl fmt::Display for ImagesPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file:{}", path.display()),
            Self::Bucket(bucket) => f.write_str(&bucket.url),
        }
    }
}

impl Serialize for ImagesPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where JSON Lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonlPlace {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl JsonlPlace {
    /// `-` is standard output; another path counts from `dir`. `None` for an empty path.
    pub fn new(dir: &Path, path: &Path) -> Option<Self> {
        match path.as_os_str() {
            name if name.is_empty() => None,
            name if name == "-" => Some(Self::Stdout),
            _ => Some(Self::File(dir.join(path))),
        }
    }

    /// The path; `-` for standard output.
    pub fn as_path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Stdout => Path::new("-"),
        }
    }
}

impl fmt::Display for JsonlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_path().display())
    }
}

impl Serialize for JsonlPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn store(node: &Node<'_>, url: &str) -> Option<StorePlace> {
    StorePlace::parse(node.document().dir(), url).map_err(|wrong| node.fault(wrong)).ok()
}

pub(super) fn search(node: &Node<'_>, url: &str) -> Option<SearchPlace> {
    SearchPlace::parse(node.document().dir(), url).map_err(|wrong| node.fault(wrong)).ok()
}

pub(super) fn lock(node: &Node<'_>, url: &str) -> Option<LockPlace> {
    let place = split(url, "memory:").and_then(|(scheme, path)| match scheme {
        "memory" => empty(path, scheme).map(|()| LockPlace::Memory),
        _ => Err(not_known("lock", scheme, ["memory", "redis", "rediss"])),
    });
    place.map_err(|wrong| node.fault(wrong)).ok()
}

pub(super) fn images(node: &Node<'_>, url: &str) -> Option<ImagesPlace> {
    let place = split(url, "file:images").and_then(|(scheme, path)| match scheme {
        "file" => Ok(ImagesPlace::Folder(node.document().dir().join(local_path(
            url,
            scheme,
            path,
            DEFAULT_IMAGES,
        )?))),
        _ => Err(not_known("place for pictures", scheme, ["file", "s3", "https", "http"])),
    });
    place.map_err(|wrong| node.fault(wrong)).ok()
}

/// Messages never repeat what follows the scheme: it may hold a password.
fn split<'a>(url: &'a str, example: &str) -> Result<(&'a str, &'a str), String> {
    let is_scheme =
        |scheme: &str| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let parts = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
    parts.ok_or_else(|| format!("expected scheme:path, such as {example:?}"))
}

fn empty(path: &str, scheme: &str) -> Result<(), String> {
    if path.is_empty() { Ok(()) } else { Err(format!("`{scheme}:` takes nothing behind the colon")) }
}

fn local_path<'a>(url: &str, scheme: &str, path: &'a str, example: &str) -> Result<&'a Path, String> {
    if path.starts_with("//") {
        return Err(format!(
            "`{scheme}://` would be a server; a file is written {scheme}:{example} or {scheme}:/dir/{example}"
        ));
    }
    // Anything behind `?` would be options, which are keys of their own here.
    if path.is_empty() || url.contains(['?', '\0']) {
        return Err(format!("expected a file's name, such as \"{scheme}:{example}\""));
    }
    Ok(Path::new(path))
}
