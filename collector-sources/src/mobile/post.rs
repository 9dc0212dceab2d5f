//! Posts.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::user::User;
use crate::values::lenient::{self, Count, Flag, Lenient, Part, Text};

/// Hashtags kept of one post.
const MOST_HASHTAGS: usize = 50;

/// A post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Post<'a> {
    #[serde(borrow)]
    pub(crate) aweme_id: Text<'a>,
    /// Searches wrap the post in an object of their own.
    pub(crate) aweme_info: Option<&'a RawValue>,
    /// What a search's card shows; 1 is a post.
    #[serde(rename = "type")]
    pub(crate) card: Count,
    pub(crate) create_time: Count,
    pub(crate) desc: Text<'a>,
    pub(crate) is_top: Flag,
    pub(crate) author: Part<User<'a>>,
    pub(crate) statistics: Part<Statistics>,
    pub(crate) text_extra: Hashtags<'a>,
    pub(crate) cha_list: Hashtags<'a>,
}

/// The id of a row that cannot be read as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PostId<'a> {
    #[serde(borrow)]
    pub(crate) aweme_id: Text<'a>,
}

/// Figures of a post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Statistics {
    pub(crate) play_count: Count,
    pub(crate) digg_count: Count,
    pub(crate) comment_count: Count,
    pub(crate) share_count: Count,
}

/// Names of hashtags, from either list of a post that has them.
#[derive(Debug, Default)]
pub(crate) struct Hashtags<'a>(pub(crate) Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Hashtags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut names = Vec::new();
        lenient::each(deserializer, |tag: Part<Hashtag<'a>>| {
            let Part::Value(Hashtag { hashtag_name, web_hashtag_name, cha_name }) = tag else { return };
            let named = [hashtag_name, web_hashtag_name, cha_name];
            if let Some(Lenient::Value(name)) = named.into_iter().find(|name| name.value().is_some())
                && !name.is_empty()
                && names.len() < MOST_HASHTAGS
            {
                names.push(name);
            }
        })?;
        Ok(Self(names))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hashtag<'a> {
    #[serde(borrow)]
    hashtag_name: Text<'a>,
    #[serde(rename = "HashtagName")]
    web_hashtag_name: Text<'a>,
    cha_name: Text<'a>,
}
