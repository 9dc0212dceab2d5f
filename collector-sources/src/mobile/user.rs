//! People, and the pictures they show.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::values::lenient::{self, Count, Flag, Lenient, Part, Text};

/// A user: mobile keys in snake case, web keys in camel case, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User<'a> {
    #[serde(borrow)]
    pub(crate) uid: Text<'a>,
    pub(crate) id: Text<'a>,
    pub(crate) sec_uid: Text<'a>,
    #[serde(rename = "secUid")]
    pub(crate) web_sec_uid: Text<'a>,
    pub(crate) unique_id: Text<'a>,
    #[serde(rename = "uniqueId")]
    pub(crate) web_unique_id: Text<'a>,
    pub(crate) nickname: Text<'a>,
    pub(crate) signature: Text<'a>,
    pub(crate) language: Text<'a>,
    pub(crate) region: Text<'a>,
    pub(crate) follower_count: Count,
    pub(crate) following_count: Count,
    pub(crate) total_favorited: Count,
    pub(crate) favoriting_count: Count,
    pub(crate) aweme_count: Count,
    pub(crate) verified: Flag,
    pub(crate) custom_verify: Text<'a>,
    pub(crate) enterprise_verify_reason: Text<'a>,
    pub(crate) verification_type: Count,
    pub(crate) secret: Flag,
    #[serde(rename = "privateAccount")]
    pub(crate) private_account: Flag,
    pub(crate) is_private_account: Flag,
    pub(crate) user_canceled: Flag,
    pub(crate) with_commerce_entry: Flag,
    pub(crate) with_shop_entry: Flag,
    pub(crate) with_fusion_shop_entry: Flag,
    pub(crate) commerce_user_level: Count,
    pub(crate) create_time: Count,
    /// Told by one of the vendor's two ways to a profile only.
    pub(crate) category: Text<'a>,
    pub(crate) ins_id: Text<'a>,
    pub(crate) twitter_id: Text<'a>,
    pub(crate) youtube_channel_id: Text<'a>,
    pub(crate) avatar_uri: Text<'a>,
    pub(crate) avatar_larger: Part<Image<'a>>,
    pub(crate) avatar_medium: Part<Image<'a>>,
    #[serde(rename = "avatarLarger")]
    pub(crate) web_avatar_larger: Text<'a>,
    #[serde(rename = "avatarMedium")]
    pub(crate) web_avatar_medium: Text<'a>,
}

/// Counters beside a merged user.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Stats {
    pub(crate) follower_count: Count,
    pub(crate) following_count: Count,
    pub(crate) heart_count: Count,
    pub(crate) heart: Count,
    pub(crate) video_count: Count,
    pub(crate) digg_count: Count,
}

/// A picture in several formats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Image<'a> {
    #[serde(borrow)]
    pub(crate) uri: Text<'a>,
    pub(crate) url_list: Formats<'a>,
}

/// The link to take from a picture's list: the last JPEG, else the first of any format.
#[derive(Debug, Default)]
pub(crate) struct Formats<'a> {
    first: Option<Cow<'a, str>>,
    last_jpeg: Option<Cow<'a, str>>,
}

impl<'a> Formats<'a> {
    pub(crate) fn best(&self) -> Option<&str> {
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
