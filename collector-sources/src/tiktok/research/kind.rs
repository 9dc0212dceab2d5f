//! Kinds of call, and what is known of each before anything is asked.

use collector_core::source::Role;

/// Names of a task's parameters.
pub(super) mod param {
    /// Where a list goes on; absent on the first page.
    pub(crate) const CURSOR: &str = "cursor";
    /// The vendor's number of a search that goes on.
    pub(crate) const SEARCH_ID: &str = "search_id";
    /// First day of the span searched, as `YYYYMMDD`.
    pub(crate) const SINCE: &str = "since";
    /// Last day of it; absent when it ends on the day of the call.
    pub(crate) const UNTIL: &str = "until";
    /// Days of a span that ends on the day of the call.
    pub(crate) const DAYS: &str = "days";
    /// Countries in which the creators' accounts were made, with commas.
    pub(crate) const REGIONS: &str = "regions";
    /// Pages that may still be read, this one included; absent when there is no limit.
    pub(crate) const PAGES_LEFT: &str = "pages_left";
    /// `false` when nobody found is to be looked up.
    pub(crate) const HYDRATE: &str = "hydrate";
    /// `true` when people mentioned in posts are looked up, too.
    pub(crate) const MENTIONS: &str = "mentions";
    /// Empty pages in a row before this one.
    pub(crate) const EMPTY: &str = "empty";
    /// How often this very page was refused as expired.
    pub(crate) const AGAIN: &str = "again";
    /// How often the search was begun anew.
    pub(crate) const ANEW: &str = "anew";
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Posts whose caption has a word.
    Keyword,
    /// Posts with a hashtag.
    Hashtag,
    /// Posts of everybody in some countries.
    Region,
    /// Posts that use a sound.
    Sound,
    /// Posts by id, of one span of time.
    Posts,
    /// Somebody's own posts.
    UserVideos,
    /// A profile.
    Profile,
    /// A page of somebody's followers.
    Followers,
    /// A page of those somebody follows.
    Following,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Keyword,
        Self::Hashtag,
        Self::Region,
        Self::Sound,
        Self::Posts,
        Self::UserVideos,
        Self::Profile,
        Self::Followers,
        Self::Following,
    ];

    /// Its name in tasks.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Hashtag => "hashtag",
            Self::Region => "region",
            Self::Sound => "sound",
            Self::Posts => "posts",
            Self::UserVideos => "user_videos",
            Self::Profile => "profile",
            Self::Followers => "followers",
            Self::Following => "following",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it is for.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Profile | Self::UserVideos | Self::Posts => Role::Hydration,
            _ => Role::Discovery,
        }
    }

    /// Its path below the base address, and the slash at its end, which the vendor wants.
    pub(super) fn path(self) -> [&'static str; 3] {
        match self {
            Self::Profile => ["user", "info", ""],
            Self::Followers => ["user", "followers", ""],
            Self::Following => ["user", "following", ""],
            _ => ["video", "query", ""],
        }
    }

    /// Whether it is a list of people.
    pub(super) fn is_people(self) -> bool {
        matches!(self, Self::Followers | Self::Following)
    }

    /// The condition its subject goes into; `None` for what is no search of posts.
    pub(super) fn condition(self) -> Option<&'static str> {
        match self {
            Self::Keyword => Some("keyword"),
            Self::Hashtag => Some("hashtag_name"),
            Self::Region => Some("region_code"),
            Self::Sound => Some("music_id"),
            Self::Posts => Some("video_id"),
            Self::UserVideos => Some("username"),
            Self::Profile | Self::Followers | Self::Following => None,
        }
    }
}
