//! What can be turned at TikTok.

use serde::{Deserialize, Serialize};

/// TikTok's two APIs: their quotas, and their moods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TikTokKnobs {
    /// Research: requests a day but those for lists of people.
    pub requests_per_day: u64,
    /// Research: requests a day for lists of people.
    pub list_requests_per_day: u64,
    /// Research: seconds an access token lives.
    pub token_seconds: u64,
    /// Research: seconds after which searches on their way are forgotten.
    pub search_seconds: u64,
    /// Research: share of later pages that are refused as expired, from 0 to 1.
    pub lost_searches: f64,
    /// Research: share of posts that are missing from pages, from 0 to 1.
    pub deleted_share: f64,
    /// Research: one profile in five comes whole with status 500.
    pub data_with_500: bool,
    /// Research: whether the project may read lists of people.
    pub lists_approved: bool,
    /// One: creators at which a search is cut off.
    pub cut_off: u64,
}

impl Default for TikTokKnobs {
    fn default() -> Self {
        Self {
            requests_per_day: 1_000,
            list_requests_per_day: 20_000,
            token_seconds: 7_200,
            search_seconds: 3_600,
            lost_searches: 0.0,
            deleted_share: 0.0,
            data_with_500: false,
            lists_approved: true,
            cut_off: 250,
        }
    }
}

impl TikTokKnobs {
    /// Its knobs that are shares of a whole.
    pub(in super::super) fn shares(&self) -> [(&'static str, f64); 2] {
        [("tiktok.lost_searches", self.lost_searches), ("tiktok.deleted_share", self.deleted_share)]
    }
}
