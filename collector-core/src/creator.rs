//! Creators: what sources say about them, and the one view merged from it all.
//!
//! A source yields [`CreatorSighting`]s. [`Creators`] is the [`Domain`](crate::domain::Domain) that merges the
//! latest of them into a [`Creator`]; [`Field`] is the table of what is merged and how, and
//! [`Creators::explain`] says who said what.

mod content;
mod explain;
mod field;
mod fill;
mod handles;
mod merge;
mod model;
mod posts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use explain::{Explained, Explanation, Said};
pub use field::{Field, FieldInfo, FieldType, FieldValue};
pub(crate) use fill::growth_in;
pub use fill::{DayCount, Growth};
pub use handles::canonical_handle;
pub use merge::Creators;
pub use model::{Creator, Extra, PostStats, SourceAsOf};

use crate::clock::Timestamp;

/// The kinds of identity a creator has, as `platform:what`.
pub mod id_kind {
    /// TikTok's number for an account: strong.
    pub const TIKTOK_UID: &str = "tiktok:uid";
    /// TikTok's second key for an account: strong.
    pub const TIKTOK_SEC_UID: &str = "tiktok:sec_uid";
    /// A TikTok handle in lower case, without `@`: weak.
    pub const TIKTOK_HANDLE: &str = "tiktok:handle";
}

/// The sides of a creator a sighting can show.
pub mod aspect {
    /// A profile: everything the vendor knows about the account.
    pub const PROFILE: &str = "profile";
    /// The author of a post: name and bio for sure, counters perhaps.
    pub const POST_AUTHOR: &str = "post_author";
    /// The author of a post, with counters for sure.
    pub const COUNTED_AUTHOR: &str = "counted_author";
    /// Somebody's own posts, the latest together, and the author with counters.
    pub const OWN_POSTS: &str = "own_posts";
    /// The writer of a comment: name and bio, no counters.
    pub const COMMENT_WRITER: &str = "comment_writer";
    /// Somebody who is live.
    pub const LIVE_HOST: &str = "live_host";
    /// A row of a list.
    pub const LIST_ROW: &str = "list_row";
}

/// Figures of one post.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostSeen {
    /// The platform's id of the post.
    pub id: Box<str>,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Times played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<u64>,
    /// Likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// Comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<u64>,
    /// Shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Hashtags in the caption, without `#`, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashtags: Vec<Box<str>>,
    /// Whether it is pinned, so neither new nor typical.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// What a creator had on one day. A figure that is `None` was not said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DayFigures {
    /// Days since 1970-01-01 in UTC, as [`Timestamp::day`] counts them.
    pub day: i32,
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
}

/// What one source said about one creator. A field that is `None` was not said: unknown is not a value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreatorSighting {
    /// The platform's number for the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Box<str>>,
    /// The platform's second key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sec_uid: Option<Box<str>>,
    /// The handle as shown, without `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<Box<str>>,
    /// Which side of the creator this shows: see [`aspect`].
    pub aspect: Cow<'static, str>,
    /// When it was true, if the vendor says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
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
    /// Categories in the vendor's words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Box<str>>,
    /// Verified by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Private account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
    /// `business`, `personal` … in the vendor's words.
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
    /// Link to the avatar, as signed by the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<Box<str>>,
    /// Posts shown with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub posts: Vec<PostSeen>,
    /// Figures of other days. They fill in the daily history, and say nothing about now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<DayFigures>,
    /// What we do not model, typed as the vendor has it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<Box<str>, serde_json::Value>,
}

impl CreatorSighting {
    /// A sighting that shows this side and says nothing yet.
    pub fn showing(aspect: &'static str) -> Self {
        Self { aspect: Cow::Borrowed(aspect), ..Self::default() }
    }
}
