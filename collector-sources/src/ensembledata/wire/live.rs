//! People who are live: little in the row itself, the rest as JSON inside a text.

use serde::Deserialize;

use crate::mobile::User;
use crate::values::lenient::{Count, Part, Text};

/// A row of a search for lives.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct LiveRow<'a> {
    #[serde(borrow)]
    pub(in super::super) lives: Part<Live<'a>>,
}

/// One live.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Live<'a> {
    #[serde(borrow)]
    pub(in super::super) author: Part<User<'a>>,
    /// A document of its own: [`LiveData`].
    pub(in super::super) rawdata: Text<'a>,
}

/// What `rawdata` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct LiveData<'a> {
    #[serde(borrow)]
    pub(in super::super) owner: Part<LiveOwner<'a>>,
}

/// The one who is live.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct LiveOwner<'a> {
    #[serde(borrow)]
    pub(in super::super) bio_description: Text<'a>,
    pub(in super::super) follow_info: Part<FollowInfo>,
}

/// Counters of the one who is live.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct FollowInfo {
    pub(in super::super) follower_count: Count,
    pub(in super::super) following_count: Count,
}
