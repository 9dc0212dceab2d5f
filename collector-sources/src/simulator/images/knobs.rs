//! The knobs of the image host.

use serde::{Deserialize, Serialize};

/// What the image host does. Shares and rates are between 0 and 1: a *share* of creators or pictures, decided by the
/// seed; a *rate* of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureKnobs {
    /// Bytes of a picture, at least; at most 4 MiB. Default 8,192.
    pub bytes: usize,
    /// Milliseconds every answer waits, besides what the network takes. Default 0.
    pub latency_ms: u64,
    /// Share of creators whose profile carries links that have ended, the first time it is asked for. Default 0.
    pub expired_share: f64,
    /// Share of pictures that are gone: 404. Default 0.
    pub gone_share: f64,
    /// Share of pictures that are a page of HTML with status 200. Default 0.
    pub wrong_type_share: f64,
    /// Share of pictures that are always cut in the middle. Default 0.
    pub cut_share: f64,
    /// Rate of calls answered with a 503. Default 0.
    pub error_rate: f64,
    /// Rate of calls that are never answered. Default 0.
    pub hang_rate: f64,
}

impl Default for PictureKnobs {
    fn default() -> Self {
        Self {
            bytes: 8_192,
            latency_ms: 0,
            expired_share: 0.0,
            gone_share: 0.0,
            wrong_type_share: 0.0,
            cut_share: 0.0,
            error_rate: 0.0,
            hang_rate: 0.0,
        }
    }
}

/// The largest picture.
pub(in super::super) const MOST_BYTES: usize = 4 << 20;

impl PictureKnobs {
    /// The shares and rates, by name.
    pub(in super::super) fn shares(&self) -> [(&'static str, f64); 6] {
        [
            ("pictures.expired_share", self.expired_share),
            ("pictures.gone_share", self.gone_share),
            ("pictures.wrong_type_share", self.wrong_type_share),
            ("pictures.cut_share", self.cut_share),
            ("pictures.error_rate", self.error_rate),
            ("pictures.hang_rate", self.hang_rate),
        ]
    }
}
