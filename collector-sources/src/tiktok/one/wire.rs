//! The vendor's JSON, as far as it is read. Numbers may come as text, rates as `"3.2%"`.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::values::lenient::{Count, Flag, Part, Text};
use crate::values::list::List;

/// The outermost object of every answer.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Envelope<'a, T> {
    #[serde(default)]
    pub(super) code: Count,
    #[serde(default, borrow)]
    pub(super) message: Text<'a>,
    #[serde(default)]
    pub(super) request_id: Text<'a>,
    #[serde(default = "missing")]
    pub(super) data: Part<T>,
}

fn missing<T>() -> Part<T> {
    Part::Missing
}

/// A page of creators.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Creators<'a> {
    #[serde(borrow)]
    pub(super) creators: List<'a>,
    pub(super) page_info: Part<PageInfo>,
}

/// Where a list stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PageInfo {
    pub(super) page: Count,
    pub(super) total_number: Count,
    pub(super) total_page: Count,
    pub(super) has_more: Flag,
    pub(super) cursor: Count,
}

/// A creator, in a list or by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OneCreator<'a> {
    #[serde(borrow)]
    pub(super) handle_name: Text<'a>,
    /// Rankings have it here.
    pub(super) handle: Text<'a>,
    pub(super) creator_id: Text<'a>,
    pub(super) display_name: Text<'a>,
    pub(super) profile_image: Text<'a>,
    pub(super) bio: Text<'a>,
    pub(super) followers_count: Count,
    pub(super) following_count: Count,
    pub(super) likes_count: Count,
    pub(super) videos_count: Count,
    pub(super) country_code: Text<'a>,
    pub(super) median_views: Count,
    pub(super) engagement_rate: Value,
    pub(super) creator_price: Value,
    pub(super) currency: Text<'a>,
    pub(super) industry_labels: List<'a>,
    pub(super) content_labels: List<'a>,
}

/// A label: an object, or its name alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Label<'a> {
    #[serde(borrow)]
    pub(super) label_name: Text<'a>,
}

/// A page of somebody's posts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Posts<'a> {
    #[serde(borrow)]
    pub(super) posts: List<'a>,
    pub(super) page_info: Part<PageInfo>,
}

/// A post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OnePost<'a> {
    #[serde(borrow)]
    pub(super) video_id: Option<&'a RawValue>,
    pub(super) create_time: Text<'a>,
    pub(super) video_views: Count,
    pub(super) likes: Count,
    pub(super) comments: Count,
    pub(super) shares: Count,
    pub(super) caption_hashtags: List<'a>,
}
