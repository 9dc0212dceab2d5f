//! The vendor's JSON, as far as it is read. Everything is optional: zeros and empty lists are often left out.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::values::lenient::{Count, Flag, Part, Text};
use crate::values::list::List;

/// The outermost object of every answer but that of the token.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Envelope<'a, T> {
    #[serde(default = "missing")]
    pub(super) data: Part<T>,
    #[serde(default, borrow)]
    pub(super) error: Part<Fault<'a>>,
}

fn missing<T>() -> Part<T> {
    Part::Missing
}

/// What the vendor says about the call; also there when all is well.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault<'a> {
    #[serde(borrow)]
    pub(super) code: Text<'a>,
    pub(super) message: Text<'a>,
    pub(super) log_id: Text<'a>,
}

/// A page of posts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Videos<'a> {
    #[serde(borrow)]
    pub(super) videos: List<'a>,
    pub(super) cursor: Count,
    pub(super) has_more: Flag,
    pub(super) search_id: Text<'a>,
}

/// A post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Video<'a> {
    /// A number that can exceed 64 bits: its digits are taken as they stand.
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    /// One example has the id here.
    pub(super) video_id: Option<&'a RawValue>,
    pub(super) create_time: Count,
    pub(super) username: Text<'a>,
    pub(super) region_code: Text<'a>,
    pub(super) hashtag_names: List<'a>,
    pub(super) video_mention_list: List<'a>,
    pub(super) view_count: Count,
    pub(super) like_count: Count,
    pub(super) comment_count: Count,
    pub(super) share_count: Count,
    pub(super) video_tag: Option<&'a RawValue>,
}

/// What a post is marked with, in either spelling.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VideoTag<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) video_tag_type: Text<'a>,
    pub(super) number: Count,
    pub(super) video_tag_number: Count,
}

/// A profile. The handle is not among it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    pub(super) display_name: Text<'a>,
    pub(super) bio_description: Text<'a>,
    pub(super) bio_url: Text<'a>,
    #[serde(rename = "bio_URL")]
    pub(super) bio_url_in_capitals: Text<'a>,
    pub(super) avatar_url: Text<'a>,
    pub(super) is_verified: Flag,
    pub(super) follower_count: Count,
    pub(super) following_count: Count,
    pub(super) likes_count: Count,
    pub(super) video_count: Count,
}

/// A page of people.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct People<'a> {
    #[serde(borrow)]
    pub(super) user_followers: List<'a>,
    pub(super) user_following: List<'a>,
    pub(super) cursor: Count,
    pub(super) has_more: Flag,
}

/// One of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Person<'a> {
    #[serde(borrow)]
    pub(super) username: Text<'a>,
    pub(super) display_name: Text<'a>,
}
