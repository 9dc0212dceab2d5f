//! The vendor's JSON, as far as it is read. Private to this adapter.
//!
//! Everything is optional, unknown keys are skipped, and a single value of the wrong type costs that value only:
//! see [`Lenient`]. Keys are declared once per spelling instead of as aliases, because answers may hold both.

mod lenient;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) use lenient::{Count, Flag, Lenient, Part, Text};

/// More rows than any endpoint returns at once; a longer list is refused before it fills the memory.
pub(super) const MOST_ROWS: usize = 5_000;

/// Hashtags kept of one post.
const MOST_HASHTAGS: usize = 50;

/// The outermost object of every answer.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Envelope<'a, T> {
    #[serde(default)]
    pub(super) data: Slot<T>,
    #[serde(default, rename = "nextCursor")]
    pub(super) next_cursor: Count,
    #[serde(default, borrow)]
    pub(super) detail: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) code: Count,
    #[serde(default)]
    pub(super) error_code: Count,
    #[serde(default)]
    pub(super) retry_after: Count,
}

/// A member whose absence, `null` and value mean three things.
#[derive(Debug, Default)]
pub(super) enum Slot<T> {
    #[default]
    Missing,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slot<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            Some(value) => Self::Value(value),
            None => Self::Null,
        })
    }
}

/// One entry of a validation error's `detail`.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Fault<'a> {
    #[serde(borrow)]
    pub(super) loc: Vec<Text<'a>>,
    pub(super) msg: Text<'a>,
}

/// The data of a profile answer. When `user` is missing, the data may be the user itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile<'a> {
    #[serde(borrow)]
    pub(super) user: Slot<Part<User<'a>>>,
    pub(super) stats: Part<Stats>,
}

/// A user: mobile keys in snake case, web keys in camel case, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    pub(super) uid: Text<'a>,
    pub(super) id: Text<'a>,
    pub(super) sec_uid: Text<'a>,
    #[serde(rename = "secUid")]
    pub(super) web_sec_uid: Text<'a>,
    pub(super) unique_id: Text<'a>,
    #[serde(rename = "uniqueId")]
    pub(super) web_unique_id: Text<'a>,
    pub(super) nickname: Text<'a>,
    pub(super) signature: Text<'a>,
    pub(super) language: Text<'a>,
    pub(super) region: Text<'a>,
    pub(super) follower_count: Count,
    pub(super) following_count: Count,
    pub(super) total_favorited: Count,
    pub(super) favoriting_count: Count,
    pub(super) aweme_count: Count,
    pub(super) verified: Flag,
    pub(super) custom_verify: Text<'a>,
    pub(super) enterprise_verify_reason: Text<'a>,
    pub(super) verification_type: Count,
    pub(super) secret: Flag,
    #[serde(rename = "privateAccount")]
    pub(super) private_account: Flag,
    pub(super) is_private_account: Flag,
    pub(super) user_canceled: Flag,
    pub(super) with_commerce_entry: Flag,
    pub(super) with_shop_entry: Flag,
    pub(super) with_fusion_shop_entry: Flag,
    pub(super) commerce_user_level: Count,
    pub(super) create_time: Count,
    pub(super) ins_id: Text<'a>,
    pub(super) twitter_id: Text<'a>,
    pub(super) youtube_channel_id: Text<'a>,
    pub(super) avatar_uri: Text<'a>,
    pub(super) avatar_larger: Part<Image<'a>>,
    pub(super) avatar_medium: Part<Image<'a>>,
    #[serde(rename = "avatarLarger")]
    pub(super) web_avatar_larger: Text<'a>,
    #[serde(rename = "avatarMedium")]
    pub(super) web_avatar_medium: Text<'a>,
}

/// Counters beside a merged user.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Stats {
    pub(super) follower_count: Count,
    pub(super) following_count: Count,
    pub(super) heart_count: Count,
    pub(super) heart: Count,
    pub(super) video_count: Count,
    pub(super) digg_count: Count,
}

/// A picture in several formats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Image<'a> {
    #[serde(borrow)]
    pub(super) uri: Text<'a>,
    pub(super) url_list: Formats<'a>,
}

/// The link to take from a picture's list: the last JPEG, else the first of any format.
#[derive(Debug, Default)]
pub(super) struct Formats<'a> {
    first: Option<Cow<'a, str>>,
    last_jpeg: Option<Cow<'a, str>>,
}

impl<'a> Formats<'a> {
    pub(super) fn best(&self) -> Option<&str> {
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

/// A post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Post<'a> {
    #[serde(borrow)]
    pub(super) aweme_id: Text<'a>,
    /// Searches wrap the post in an object of their own.
    pub(super) aweme_info: Option<&'a RawValue>,
    pub(super) create_time: Count,
    pub(super) desc: Text<'a>,
    pub(super) is_top: Flag,
    pub(super) author: Part<User<'a>>,
    pub(super) statistics: Part<Statistics>,
    pub(super) text_extra: Hashtags<'a>,
    pub(super) cha_list: Hashtags<'a>,
}

/// The id of a row that cannot be read as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PostId<'a> {
    #[serde(borrow)]
    pub(super) aweme_id: Text<'a>,
}

/// Figures of a post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    pub(super) play_count: Count,
    pub(super) digg_count: Count,
    pub(super) comment_count: Count,
    pub(super) share_count: Count,
}

/// Names of hashtags, from either list of a post that has them.
#[derive(Debug, Default)]
pub(super) struct Hashtags<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Hashtags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut names = Vec::new();
        lenient::each(deserializer, |tag: Part<Hashtag<'a>>| {
            let Part::Value(Hashtag { hashtag_name, cha_name }) = tag else { return };
            if let (Lenient::Value(name), _) | (_, Lenient::Value(name)) = (hashtag_name, cha_name)
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
    cha_name: Text<'a>,
}

/// A list of posts, each still unread: at `data`, or inside it with the cursor beside it.
#[derive(Debug)]
pub(super) struct Posts<'a> {
    pub(super) rows: Vec<&'a RawValue>,
    pub(super) next_cursor: Count,
    /// Where the rows were, for the paths of malformed ones.
    pub(super) place: &'static str,
}

impl<'de: 'a, 'a> Deserialize<'de> for Posts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PostsVisitor(PhantomData))
    }
}

struct PostsVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for PostsVisitor<'a> {
    type Value = Posts<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of posts, or an object with one")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let rows = RowsVisitor(PhantomData).visit_seq(seq)?;
        Ok(Posts { rows, next_cursor: Count::Missing, place: "data" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut posts = Posts { rows: Vec::new(), next_cursor: Count::Missing, place: "data" };
        let (mut empty, mut listed) = (true, false);
        while let Some(key) = map.next_key::<String>()? {
            empty = false;
            match LISTS.iter().find(|(name, _)| *name == key) {
                Some((_, place)) => {
                    listed = true;
                    if let Some(Rows(rows)) = map.next_value()? {
                        (posts.rows, posts.place) = (rows, place);
                    }
                }
                None if key == "nextCursor" => posts.next_cursor = map.next_value()?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        // `{}` is an answer that has nothing; an object without a list is one nobody here knows.
        if listed || empty { Ok(posts) } else { Err(A::Error::custom("no list of posts")) }
    }
}

/// Where an object may have its list of posts.
const LISTS: [(&str, &str); 3] =
    [("data", "data.data"), ("posts", "data.posts"), ("aweme_list", "data.aweme_list")];

struct Rows<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Rows<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor(PhantomData)).map(Self)
    }
}

struct RowsVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for RowsVisitor<'a> {
    type Value = Vec<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of posts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = seq.next_element()? {
            if rows.len() == MOST_ROWS {
                return Err(A::Error::custom(format_args!("more than {MOST_ROWS} posts in one answer")));
            }
            rows.push(row);
        }
        Ok(rows)
    }
}
