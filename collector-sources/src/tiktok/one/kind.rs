//! Kinds of call.

use collector_core::source::Role;

/// Names of a task's parameters; the others are the vendor's own filters.
pub(super) mod param {
    /// The words searched for.
    pub(crate) const KEYWORD: &str = "keyword_search";
    /// The page; absent for the first.
    pub(crate) const PAGE: &str = "page";
    /// Where a list of posts goes on.
    pub(crate) const CURSOR: &str = "cursor";
    /// Pages that may still be read, this one included; absent when there is no limit.
    pub(crate) const PAGES_LEFT: &str = "pages_left";
    /// `false` when nobody found is to be looked up, `true` when everybody is.
    pub(crate) const HYDRATE: &str = "hydrate";
    /// Bounds of a search, by which one that is cut off is divided.
    pub(crate) const MIN_FOLLOWERS: &str = "min_followers";
    pub(crate) const MAX_FOLLOWERS: &str = "max_followers";
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page of the marketplace's creators of one country.
    Discover,
    /// One of them.
    Creator,
    /// A page of somebody's posts.
    Videos,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Discover, Self::Creator, Self::Videos];

    /// Its name in tasks.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Creator => "creator",
            Self::Videos => "creator_videos",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it is for.
    pub(super) fn role(self) -> Role {
        if self == Self::Discover { Role::Discovery } else { Role::Hydration }
    }

    /// Its path below the base address, and the slash at its end.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::Discover => &["tto", "tcm", "creator", "discover", ""],
            Self::Creator => &["tto", "tcm", "creator", "public", ""],
            Self::Videos => &["tto", "tcm", "creator", "public", "video", "list", ""],
        }
    }
}
