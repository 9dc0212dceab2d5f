//! Who is simulated. Each vendor has a prefix, a rate limit, a ledger and a part of the population of its own.

use axum::http::Method;
use serde::{Deserialize, Serialize};

use super::{echotik, ensembledata, list, tiktok, web};

/// A vendor of the simulator; its name is the first part of its paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Vendor {
    /// EnsembleData's TikTok API.
    EnsembleData,
    /// A plain list of whole creators.
    List,
    /// TikTok's Research API.
    TikTok,
    /// TikTok One.
    TikTokOne,
    /// EchoTik: a database of creators with what they sell.
    EchoTik,
    /// Creators' pages: profiles like TikTok's, and a ranking site.
    Web,
}

impl Vendor {
    /// Every vendor.
    pub const ALL: [Self; 6] =
        [Self::EnsembleData, Self::List, Self::TikTok, Self::TikTokOne, Self::EchoTik, Self::Web];

    /// Its name, which is also the first part of its paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnsembleData => "ensembledata",
            Self::List => "list",
            Self::TikTok => "tiktok",
            Self::TikTokOne => "tiktokone",
            Self::EchoTik => "echotik",
            Self::Web => "web",
        }
    }

    /// Its paths, as the statistics count them.
    pub(super) fn endpoints(self) -> Vec<&'static str> {
        match self {
            Self::EnsembleData => ensembledata::Endpoint::ALL.map(ensembledata::Endpoint::path).to_vec(),
            Self::List => vec![list::CREATORS],
            Self::TikTok => tiktok::PATHS.to_vec(),
            Self::TikTokOne => tiktok::one::PATHS.to_vec(),
            Self::EchoTik => echotik::PATHS.to_vec(),
            Self::Web => web::ENDPOINTS.to_vec(),
        }
    }

    /// Under which of its paths a call counts.
    pub(super) fn endpoint(self, path: &str) -> Option<&'static str> {
        if self == Self::Web {
            return web::endpoint(path);
        }
        self.endpoints().into_iter().find(|known| *known == path)
    }

    /// Whether it takes calls of this method at all.
    pub(super) fn takes(self, method: &Method) -> bool {
        match self {
            Self::TikTok => method == Method::POST,
            _ => method == Method::GET,
        }
    }

    /// What draws for this vendor are salted with; the two oldest have purposes of their own.
    pub(super) const fn salt(self) -> u64 {
        (self as u64) << 40
    }
}
