//! Kinds of call: one per endpoint, and what is known of each before anything is asked.

use collector_core::error::Result;
use collector_core::source::Role;
use collector_core::task::Task;

use crate::values::call;

/// The most posts one call may ask for; the vendor answers 464 to more.
const POSTS_PER_CALL: usize = 100;

/// Names of a task's parameters.
pub(super) mod param {
    /// The cursor to send; absent on the first page.
    pub(crate) const CURSOR: &str = "cursor";
    /// The second cursor of some lists; absent on the first page.
    pub(crate) const PAGE_TOKEN: &str = "page_token";
    /// Empty pages in a row before this one.
    pub(crate) const EMPTY: &str = "empty";
    /// Pages that may still be read, this one included; absent when there is no limit.
    pub(crate) const PAGES_LEFT: &str = "pages_left";
    /// `false` when nobody found is to be looked up, `true` when everybody is; absent: those without counters.
    pub(crate) const HYDRATE: &str = "hydrate";
    /// The second key of the account whose list is asked for.
    pub(crate) const SEC_UID: &str = "sec_uid";
    /// Unix seconds: older posts are neither asked for nor kept.
    pub(crate) const SINCE: &str = "since";
    /// Days back from now: the vendor leaves out older posts.
    pub(crate) const DAYS: &str = "days";
    /// The vendor's code of a search's period.
    pub(crate) const PERIOD: &str = "period";
    /// The vendor's code of a search's order.
    pub(crate) const SORTING: &str = "sorting";
    /// The country a search is seen from.
    pub(crate) const COUNTRY: &str = "country";
    /// `true` when a keyword must stand in the caption.
    pub(crate) const EXACT: &str = "exact";
    /// Pages of lists to read once somebody's keys, or a post, are known.
    pub(crate) const POSTS_PAGES: &str = "posts_pages";
    pub(crate) const FOLLOWERS_PAGES: &str = "followers_pages";
    pub(crate) const FOLLOWING_PAGES: &str = "following_pages";
    pub(crate) const LIKED_PAGES: &str = "liked_pages";
    pub(crate) const COMMENTS_PAGES: &str = "comments_pages";
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A profile by handle.
    Profile,
    /// A profile by `secUid`.
    ProfileBySecUid,
    /// Somebody's own posts by handle.
    UserPosts,
    /// Somebody's own posts by `secUid`.
    UserPostsBySecUid,
    /// Posts by id, many at a time.
    Posts,
    /// A page of a hashtag's posts.
    Hashtag,
    /// All posts of a hashtag that are not older than some days.
    HashtagRecent,
    /// A page of posts found by a keyword.
    Keyword,
    /// All posts found by a keyword.
    KeywordFull,
    /// A page of people found by a keyword.
    UserSearch,
    /// A page of people who are live, found by a keyword.
    Lives,
    /// A page of posts that use a sound.
    SoundPosts,
    /// A page of somebody's followers.
    Followers,
    /// A page of those somebody follows.
    Followings,
    /// A page of posts somebody liked.
    LikedPosts,
    /// A page of a post's comments.
    Comments,
}

/// How a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paging {
    /// It comes as a whole.
    Whole,
    /// The cursor counts what was read: it grows.
    Offset,
    /// The cursor is the time of the last row: it falls.
    Time,
}

/// What an answer's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Posts with their authors.
    Posts,
    /// Posts of the one who was asked about, with real counters.
    OwnPosts,
    /// People.
    People,
    /// Comments with their writers.
    Comments,
    /// People who are live.
    Lives,
}

/// What is known of a kind.
struct Facts {
    name: &'static str,
    path: &'static [&'static str],
    /// The query parameter the task's subject goes into.
    subject: &'static str,
    rows: Rows,
    paging: Paging,
}

const fn facts(
    name: &'static str,
    path: &'static [&'static str],
    subject: &'static str,
    rows: Rows,
    paging: Paging,
) -> Facts {
    Facts { name, path, subject, rows, paging }
}

impl Kind {
    pub(super) const ALL: [Self; 16] = [
        Self::Profile,
        Self::ProfileBySecUid,
        Self::UserPosts,
        Self::UserPostsBySecUid,
        Self::Posts,
        Self::Hashtag,
        Self::HashtagRecent,
        Self::Keyword,
        Self::KeywordFull,
        Self::UserSearch,
        Self::Lives,
        Self::SoundPosts,
        Self::Followers,
        Self::Followings,
        Self::LikedPosts,
        Self::Comments,
    ];

    fn facts(self) -> Facts {
        use Paging::{Offset, Time, Whole};
        match self {
            Self::Profile => facts("profile", &["user", "info"], "username", Rows::People, Whole),
            Self::ProfileBySecUid => {
                facts("profile_by_secuid", &["user", "info-from-secuid"], "secUid", Rows::People, Whole)
            }
            Self::UserPosts => facts("user_posts", &["user", "posts"], "username", Rows::OwnPosts, Time),
            Self::UserPostsBySecUid => {
                facts("user_posts_by_secuid", &["user", "posts-from-secuid"], "secUid", Rows::OwnPosts, Time)
            }
            Self::Posts => facts("posts", &["post", "multi-info"], "ids", Rows::Posts, Whole),
            Self::Hashtag => facts("hashtag", &["hashtag", "posts"], "name", Rows::Posts, Offset),
            Self::HashtagRecent => {
                facts("hashtag_recent", &["hashtag", "recent-posts"], "name", Rows::Posts, Whole)
            }
            Self::Keyword => facts("keyword", &["keyword", "search"], "name", Rows::Posts, Offset),
            Self::KeywordFull => {
                facts("keyword_full", &["keyword", "full-search"], "name", Rows::Posts, Whole)
            }
            Self::UserSearch => facts("user_search", &["user", "search"], "keyword", Rows::People, Offset),
            Self::Lives => facts("lives", &["live", "search"], "keyword", Rows::Lives, Offset),
            Self::SoundPosts => facts("sound_posts", &["music", "posts"], "music_id", Rows::Posts, Offset),
            Self::Followers => facts("followers", &["user", "followers"], "id", Rows::People, Time),
            Self::Followings => facts("followings", &["user", "followings"], "id", Rows::People, Time),
            Self::LikedPosts => facts("liked_posts", &["user", "liked-posts"], "secUid", Rows::Posts, Time),
            Self::Comments => facts("comments", &["post", "comments"], "aweme_id", Rows::Comments, Offset),
        }
    }

    /// Its name in tasks.
    pub(super) fn name(self) -> &'static str {
        self.facts().name
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its path below the base address.
    pub(super) fn path(self) -> impl Iterator<Item = &'static str> {
        std::iter::once("tt").chain(self.facts().path.iter().copied())
    }

    /// The query parameter the task's subject goes into.
    pub(super) fn subject(self) -> &'static str {
        self.facts().subject
    }

    /// What an answer's rows are.
    pub(super) fn rows(self) -> Rows {
        self.facts().rows
    }

    /// How its list goes on.
    pub(super) fn paging(self) -> Paging {
        self.facts().paging
    }

    /// Whether the vendor works on one call for minutes.
    pub(super) fn is_long(self) -> bool {
        matches!(self, Self::HashtagRecent | Self::KeywordFull)
    }

    /// What it is for.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Profile
            | Self::ProfileBySecUid
            | Self::UserPosts
            | Self::UserPostsBySecUid
            | Self::Posts => Role::Hydration,
            _ => Role::Discovery,
        }
    }

    /// The most tasks one call can serve.
    pub(super) fn batch(self) -> usize {
        if self == Self::Posts { POSTS_PER_CALL } else { 1 }
    }

    /// The kind all tasks of one call share.
    ///
    /// # Errors
    /// `Rejected` for no task, an unknown kind, tasks of several kinds or more than one call can serve.
    pub(super) fn of(tasks: &[Task]) -> Result<Self> {
        call::kind_of(tasks, Self::from_name, Self::batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_path_of_its_own() {
        let mut paths = std::collections::HashSet::new();
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert!(paths.insert(kind.path().collect::<Vec<_>>()), "{kind:?}");
        }
        assert_eq!(Kind::from_name("Profile"), None);
    }

    #[test]
    fn people_known_are_hydrated_and_the_rest_is_discovery() {
        assert_eq!(Kind::UserPosts.role(), Role::Hydration);
        assert_eq!(Kind::Followers.role(), Role::Discovery);
        assert_eq!((Kind::Posts.batch(), Kind::Hashtag.batch()), (100, 1));
    }
}
