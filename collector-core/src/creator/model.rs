//! The merged view of a creator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Field;
use crate::clock::Timestamp;
use crate::id::Name;

/// Who said something, and when it was true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAsOf {
    /// The source.
    pub source: Name,
    /// The side of the creator it showed: see [`aspect`](super::aspect).
    pub aspect: Name,
    /// When it was true.
    pub as_of: Timestamp,
}

/// A value that is not modelled, as a source has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extra {
    /// The value.
    pub value: Value,
    /// Who said it: an index into [`Creator::sources`].
    #[serde(default, skip_serializing_if = "is_first")]
    pub from: usize,
}

fn is_first(index: &usize) -> bool {
    *index == 0
}

/// Figures over a creator's latest posts: at most 12, pinned ones left out.
///
/// Each average is over the posts for which the figure is known, rounded to the nearest whole number, half up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostStats {
    /// Posts counted.
    pub seen: u32,
    /// Average times played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_views: Option<u64>,
    /// Median of times played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_views: Option<u64>,
    /// Average likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_likes: Option<u64>,
    /// Average comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_comments: Option<u64>,
    /// Average shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_shares: Option<u64>,
    /// Mean of (likes + comments + shares) / views, to six decimals: 0.05 is 5 %. Over posts that were viewed
    /// and have at least one of the three; an unknown one adds nothing. At most 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engagement_rate: Option<f64>,
    /// Hashtags without `#`, the most used first, at most 30.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashtags: Vec<Box<str>>,
    /// When the latest of them was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_post_at: Option<Timestamp>,
}

/// Everything known about one creator. A field that is `None` or empty is not known.
///
/// [`Field`] is the table of fields; [`said_by`](Self::said_by) tells who said which.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Creator {
    /// The platform: an open name, such as `tiktok`.
    pub platform: Name,
    /// The platform's number for the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Box<str>>,
    /// The platform's second key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sec_uid: Option<Box<str>>,
    /// The handle as shown, without `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<Box<str>>,
    /// Handles shown before, latest first, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub former_handles: Vec<Box<str>>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Biography.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<Box<str>>,
    /// Links to elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Box<str>>,
    /// ISO 639-1 language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Box<str>>,
    /// ISO 3166 country of residence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Box<str>>,
    /// Categories in the source's words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Box<str>>,
    /// Verified by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Private account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
    /// `business`, `personal` … in the source's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_type: Option<Box<str>>,
    /// Has a shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_shop: Option<bool>,
    /// Shows an e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_email: Option<bool>,
    /// The e-mail address; only when keeping it is switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    /// When the account was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Followers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
    /// Accounts followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub following: Option<u64>,
    /// Likes received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// Posts published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub videos: Option<u64>,
    /// Sold in the last 30 days, in hundredths of [`currency`](Self::currency).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gmv_30d: Option<u64>,
    /// Pieces sold in the last 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_30d: Option<u64>,
    /// Average price, in hundredths of [`currency`](Self::currency).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_price: Option<u64>,
    /// ISO 4217 currency of the amounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Box<str>>,
    /// How well the account sells, in hundredths of a point of the source's scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec_score: Option<u64>,
    /// Figures over the latest posts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posts: Option<PostStats>,
    /// Link to the avatar, as signed by the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<Box<str>>,
    /// Who has shown this creator: the one that says most first, equal ones by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceAsOf>,
    /// Who said what: an index into `sources` for each field that is not from the first of them. Most creators
    /// have one source, and then this is empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub from: BTreeMap<Field, usize>,
    /// What is not modelled, by the sources' own names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<Box<str>, Extra>,
}

impl Creator {
    /// Who said this field's value; `None` when it has none. For `posts`, who showed most of those counted.
    ///
    /// Former handles come from several sightings, and each value in [`extra`](Self::extra) has its own source.
    pub fn said_by(&self, field: Field) -> Option<&SourceAsOf> {
        let known = match field {
            Field::FormerHandles | Field::Extra => false,
            Field::Posts => self.posts.is_some(),
            stated => stated.value_in(self).is_some(),
        };
        known.then(|| self.from.get(&field).copied().unwrap_or(0)).and_then(|index| self.sources.get(index))
    }
}
