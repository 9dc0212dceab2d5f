//! People, and the pictures they show.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use super::Slot;
use crate::values::lenient::{self, Count, Flag, Lenient, Part, Text};

/// The data of a profile answer. When `user` is missing, the data may be the user itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Profile<'a> {
    #[serde(borrow)]
    pub(in super::super) user: Slot<Part<User<'a>>>,
    pub(in super::super) stats: Part<Stats>,
}

/// A user: mobile keys in snake case, web keys in camel case, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct User<'a> {
    #[serde(borrow)]
    pub(in super::super) uid: Text<'a>,
    pub(in super::super) id: Text<'a>,
    pub(in super::super) sec_uid: Text<'a>,
    #[serde(rename = "secUid")]
    pub(in super::super) web_sec_uid: Text<'a>,
    pub(in super::super) unique_id: Text<'a>,
    #[serde(rename = "uniqueId")]
    pub(in super::super) web_unique_id: Text<'a>,
    pub(in super::super) nickname: Text<'a>,
    pub(in super::super) signature: Text<'a>,
    pub(in super::super) language: Text<'a>,
    pub(in super::super) region: Text<'a>,
    pub(in super::super) follower_count: Count,
    pub(in super::super) following_count: Count,
    pub(in super::super) total_favorited: Count,
    pub(in super::super) favoriting_count: Count,
    pub(in super::super) aweme_count: Count,
    pub(in super::super) verified: Flag,
    pub(in super::super) custom_verify: Text<'a>,
    pub(in super::super) enterprise_verify_reason: Text<'a>,
    pub(in super::super) verification_type: Count,
    pub(in super::super) secret: Flag,
    #[serde(rename = "privateAccount")]
    pub(in super::super) private_account: Flag,
    pub(in super::super) is_private_account: Flag,
    pub(in super::super) user_canceled: Flag,
    pub(in super::super) with_commerce_entry: Flag,
    pub(in super::super) with_shop_entry: Flag,
    pub(in super::super) with_fusion_shop_entry: Flag,
    pub(in super::super) commerce_user_level: Count,
    pub(in super::super) create_time: Count,
    /// Told by one of the vendor's two ways to a profile only.
    pub(in super::super) category: Text<'a>,
    pub(in super::super) ins_id: Text<'a>,
    pub(in super::super) twitter_id: Text<'a>,
    pub(in super::super) youtube_channel_id: Text<'a>,
    pub(in super::super) avatar_uri: Text<'a>,
    pub(in super::super) avatar_larger: Part<Image<'a>>,
    pub(in super::super) avatar_medium: Part<Image<'a>>,
    #[serde(rename = "avatarLarger")]
    pub(in super::super) web_avatar_larger: Text<'a>,
    #[serde(rename = "avatarMedium")]
    pub(in super::super) web_avatar_medium: Text<'a>,
}

/// Counters beside a merged user.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct Stats {
    pub(in super::super) follower_count: Count,
    pub(in super::super) following_count: Count,
    pub(in super::super) heart_count: Count,
    pub(in super::super) heart: Count,
    pub(in super::super) video_count: Count,
    pub(in super::super) digg_count: Count,
}

/// A picture in several formats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Image<'a> {
    #[serde(borrow)]
    pub(in super::super) uri: Text<'a>,
    pub(in super::super) url_list: Formats<'a>,
}

/// The link to take from a picture's list: the last JPEG, else the first of any format.
#[derive(Debug, Default)]
pub(in super::super) struct Formats<'a> {
    first: Option<Cow<'a, str>>,
    last_jpeg: Option<Cow<'a, str>>,
}

impl<'a> Formats<'a> {
    pub(in super::super) fn best(&self) -> Option<&str> {
        self.last_jpeg.as_deref().or(self.first.as_deref())
    }

    fn offer(&mut self, link: Cow<'a, str>) {
        let path = link.split('?').next().unwrap_or_default();
        if path.ends_with(".jpeg") || path.ends_with(".jpg") {
            self.last_jpeg = Some(link);
        } else if self.first.is_none() {
            self.first = Some(link);
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Formats<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut formats = Self::default();
        lenient::each(deserializer, |link: Text<'a>| {
            if let Lenient::Value(link) = link {
                formats.offer(link);
            }
        })?;
        Ok(formats)
    }
}

/// A row of a list of people: the person, or an object with the person in it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct PersonRow<'a> {
    /// Of a search.
    #[serde(borrow)]
    pub(in super::super) user_info: Slot<Part<User<'a>>>,
    /// Of a list of comments.
    pub(in super::super) user: Slot<Part<User<'a>>>,
}
