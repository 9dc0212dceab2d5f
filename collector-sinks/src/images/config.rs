//! Options of the sink.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const fn count(number: usize) -> NonZeroUsize {
    match NonZeroUsize::new(number) {
        Some(number) => number,
        None => NonZeroUsize::MIN,
    }
}

/// Options of an [`ImagesSink`](super::ImagesSink).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ImagesConfig {
    /// The sink's name. Default `images`.
    pub name: String,
    /// The folder, made when it is not there. Default `images`.
    pub folder: PathBuf,
    /// Addresses that may be asked although they are not public, each with its port: a simulator on this machine.
    /// Links must name them as they stand here; a name that leads to one of them is still refused. Default none.
    pub allow: Vec<SocketAddr>,
    /// Downloads at once. Default 32.
    pub in_flight: NonZeroUsize,
    /// Downloads at once from one host, so that one that hangs leaves room for the others. Default 12.
    pub per_host: NonZeroUsize,
    /// Pictures written at once, each by one blocking thread. Default 2.
    pub writers: NonZeroUsize,
    /// Largest picture in bytes. Default 10 MiB.
    pub max_bytes: usize,
    /// Longest side in pixels. Default 8,192.
    pub max_side: u32,
    /// Most pixels of a picture. Default 40 million.
    pub max_pixels: u64,
    /// Longest wait for a connection, for an answer's beginning, and for each further part. Default 5 s.
    pub first_byte_timeout: Duration,
    /// Longest download, redirects included. Default 20 s.
    pub timeout: Duration,
    /// Whether a picture is on the disk, not only in the machine's memory, before it is reported. Default true.
    pub durable: bool,
}

impl Default for ImagesConfig {
    fn default() -> Self {
        Self {
            name: "images".to_owned(),
            folder: PathBuf::from("images"),
            allow: Vec::new(),
            in_flight: count(32),
            per_host: count(12),
            writers: count(2),
            max_bytes: 10 << 20,
            max_side: 8_192,
            max_pixels: 40_000_000,
            first_byte_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            durable: true,
        }
    }
}

impl ImagesConfig {
    /// The defaults, into this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// The most that a picture may be.
    pub(super) fn limits(&self) -> super::sniff::Limits {
        super::sniff::Limits { side: self.max_side, pixels: self.max_pixels }
    }
}
