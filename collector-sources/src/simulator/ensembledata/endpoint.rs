//! The paths the vendor knows.

/// What can be asked of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Endpoint {
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
}

impl Endpoint {
    pub(in super::super) const ALL: [Self; 19] = [
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
    ];

    /// The path below the vendor's prefix.
    pub(in super::super) fn path(self) -> &'static str {
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
        }
    }

    pub(in super::super) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }
}
