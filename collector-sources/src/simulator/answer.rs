//! What an endpoint decides to answer, before faults and latency have their way with it.

use bytes::Bytes;

/// The endpoints that count in the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    UserInfo,
    UserInfoFromSecUid,
    HashtagPosts,
    PostMultiInfo,
    UserPosts,
    UserPostsFromSecUid,
    UserSearch,
    UserFollowers,
    UserFollowings,
    UserLikedPosts,
    HashtagRecent,
    KeywordSearch,
    KeywordFull,
    PostInfo,
    PostComments,
    MusicPosts,
    LiveSearch,
    UsedUnits,
    History,
    ListCreators,
    /// Any other path under a vendor's prefix.
    Unknown,
}

impl Endpoint {
    pub(super) const ALL: [Self; 21] = [
        Self::UserInfo,
        Self::UserInfoFromSecUid,
        Self::HashtagPosts,
        Self::PostMultiInfo,
        Self::UserPosts,
        Self::UserPostsFromSecUid,
        Self::UserSearch,
        Self::UserFollowers,
        Self::UserFollowings,
        Self::UserLikedPosts,
        Self::HashtagRecent,
        Self::KeywordSearch,
        Self::KeywordFull,
        Self::PostInfo,
        Self::PostComments,
        Self::MusicPosts,
        Self::LiveSearch,
        Self::UsedUnits,
        Self::History,
        Self::ListCreators,
        Self::Unknown,
    ];

    /// The path below the vendor's prefix, which is also the name in the statistics.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::UserInfo => "/tt/user/info",
            Self::UserInfoFromSecUid => "/tt/user/info-from-secuid",
            Self::HashtagPosts => "/tt/hashtag/posts",
            Self::PostMultiInfo => "/tt/post/multi-info",
            Self::UserPosts => "/tt/user/posts",
            Self::UserPostsFromSecUid => "/tt/user/posts-from-secuid",
            Self::UserSearch => "/tt/user/search",
            Self::UserFollowers => "/tt/user/followers",
            Self::UserFollowings => "/tt/user/followings",
            Self::UserLikedPosts => "/tt/user/liked-posts",
            Self::HashtagRecent => "/tt/hashtag/recent-posts",
            Self::KeywordSearch => "/tt/keyword/search",
            Self::KeywordFull => "/tt/keyword/full-search",
            Self::PostInfo => "/tt/post/info",
            Self::PostComments => "/tt/post/comments",
            Self::MusicPosts => "/tt/music/posts",
            Self::LiveSearch => "/tt/live/search",
            Self::UsedUnits => "/customer/get-used-units",
            Self::History => "/customer/get-history",
            Self::ListCreators => "/list/creators",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn of_path(path: &str) -> Self {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path).unwrap_or(Self::Unknown)
    }
}

/// A complete answer and what it costs.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    /// Units charged; an answer that charges says so in a header.
    pub(super) units: u64,
    /// What was asked for and is now paid for, for the count of things bought twice.
    pub(super) subjects: Vec<String>,
    pub(super) retry_after: Option<String>,
}

impl Answer {
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: body.into(),
            units: 0,
            subjects: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn html(body: &'static str) -> Self {
        Self { content_type: "text/html; charset=utf-8", ..Self::json(200, body) }
    }

    /// An error in the vendor's form.
    pub(super) fn detail(status: u16, detail: &str) -> Self {
        Self::json(status, serde_json::json!({ "detail": detail }).to_string())
    }

    pub(super) fn charged(self, units: u64, subjects: Vec<String>) -> Self {
        Self { units, subjects, ..self }
    }
}
