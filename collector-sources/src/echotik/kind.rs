//! Kinds of call: one per endpoint, and what is known of each before anything is asked.

use std::time::Duration;

use collector_core::error::Result;
use collector_core::source::{CallSpec, Role};
use collector_core::task::{Cost, Task};

use super::config::RealTime;
use crate::values::call;

/// What one call can ask for at most: people, links, and rows of a page.
pub(super) const TEN: usize = 10;

/// The options calls depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    /// Whether links to pictures are converted.
    pub(super) pictures: bool,
    /// What a converted picture may cost.
    pub(super) picture_units: u32,
    pub(super) real_time: RealTime,
}

impl Settings {
    /// How calls of a kind are made.
    pub(super) fn spec(&self, kind: Kind) -> CallSpec {
        CallSpec::new(kind.role()).batch(kind.batch()).worst_cost(self.worst(kind)).timeout(self.timeout)
    }

    /// The most one call can cost.
    fn worst(&self, kind: Kind) -> Cost {
        match kind {
            Kind::Pictures => Cost::units(u64::from(self.picture_units) * TEN as u64),
            _ => Cost::units(1),
        }
    }

    /// What a successful call cost that asked for `tasks` things.
    pub(super) fn price(&self, kind: Kind, tasks: usize) -> Cost {
        match kind {
            Kind::Pictures => Cost::units(u64::from(self.picture_units) * tasks as u64),
            _ => Cost::units(1),
        }
    }
}

/// Names of a task's parameters.
pub(super) mod param {
    /// The page to read, from 1; absent on the first.
    pub(crate) const PAGE: &str = "page";
    /// The last row of the page before, by which a page that comes twice is known.
    pub(crate) const AFTER: &str = "after";
    /// The cursor to send; absent on the first page.
    pub(crate) const CURSOR: &str = "cursor";
    /// Pages that may still be read, this one included; absent when there is no limit.
    pub(crate) const PAGES_LEFT: &str = "pages_left";
    /// `false` when nobody found is to be looked up, `true` when everybody is; absent: those shown in part.
    pub(crate) const HYDRATE: &str = "hydrate";
    /// The first day of a ranking; absent while the latest one is looked for.
    pub(crate) const DATE: &str = "date";
    /// How many periods ago the ranking that is looked for was.
    pub(crate) const BACK: &str = "back";
    /// The vendor's codes of a ranking.
    pub(crate) const RANK_TYPE: &str = "rank_type";
    pub(crate) const RANK_FIELD: &str = "influencer_rank_field";
    /// The days of a trend.
    pub(crate) const FROM: &str = "from";
    pub(crate) const TO: &str = "to";
    /// Whose picture it is.
    pub(crate) const UID: &str = "uid";
    /// The country a search is restricted to.
    pub(crate) const REGION: &str = "region";
    /// `true` when this is the second attempt at what the vendor refused.
    pub(crate) const AGAIN: &str = "again";
    /// What to read of each creator once the keys are known.
    pub(crate) const VIDEOS_PAGES: &str = "videos_pages";
    pub(crate) const LIVE_VIDEOS_PAGES: &str = "live_videos_pages";
    pub(crate) const TREND_DAYS: &str = "trend_days";
    /// Filters of a list begin with this; the rest is the vendor's name.
    pub(crate) const FILTER: &str = "where.";
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the database has about people, by uid.
    Details,
    /// What the database has about people, by handle.
    DetailsByHandle,
    /// A page of a region's creators.
    List,
    /// A page of a ranking.
    Ranking,
    /// People found by words.
    Search,
    /// A page of what somebody posted.
    Videos,
    /// A page of somebody's figures day by day.
    Trend,
    /// Links to pictures that work.
    Pictures,
    /// A profile, asked of the platform.
    LiveProfile,
    /// A page of what somebody posted, asked of the platform.
    LiveVideos,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The vendor's database, a day old.
    Database,
    /// The platform, through the vendor.
    RealTime,
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::Details,
        Self::DetailsByHandle,
        Self::List,
        Self::Ranking,
        Self::Search,
        Self::Videos,
        Self::Trend,
        Self::Pictures,
        Self::LiveProfile,
        Self::LiveVideos,
    ];

    /// Name, path behind `/api/v3`, and the query parameter the subject goes into.
    fn facts(self) -> (&'static str, &'static [&'static str], &'static str) {
        match self {
            Self::Details => ("details", &["echotik", "influencer", "detail"], "user_ids"),
            Self::DetailsByHandle => {
                ("details_by_handle", &["echotik", "influencer", "detail"], "unique_ids")
            }
            Self::List => ("list", &["echotik", "influencer", "list"], "region"),
            Self::Ranking => ("ranking", &["echotik", "influencer", "ranklist"], "region"),
            Self::Search => ("search", &["echotik", "search", "items"], "sk"),
            Self::Videos => ("videos", &["echotik", "influencer", "video", "list"], "user_id"),
            Self::Trend => ("trend", &["echotik", "influencer", "trend"], "user_id"),
            Self::Pictures => ("pictures", &["echotik", "batch", "cover", "download"], "cover_urls"),
            Self::LiveProfile => ("live_profile", &["realtime", "influencer", "detail"], "unique_id"),
            Self::LiveVideos => ("live_videos", &["realtime", "influencer", "video", "list"], "unique_id"),
        }
    }

    /// Its name in tasks.
    pub(super) fn name(self) -> &'static str {
        self.facts().0
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its path below the base address.
    pub(super) fn path(self) -> impl Iterator<Item = &'static str> {
        ["api", "v3"].into_iter().chain(self.facts().1.iter().copied())
    }

    /// The query parameter the task's subject goes into.
    pub(super) fn subject(self) -> &'static str {
        self.facts().2
    }

    /// Who answers.
    pub(super) fn side(self) -> Side {
        match self {
            Self::LiveProfile | Self::LiveVideos => Side::RealTime,
            _ => Side::Database,
        }
    }

    /// What it is for.
    pub(super) fn role(self) -> Role {
        match self {
            Self::List | Self::Ranking | Self::Search => Role::Discovery,
            _ => Role::Hydration,
        }
    }

    /// The most tasks one call can serve.
    pub(super) fn batch(self) -> usize {
        match self {
            Self::Details | Self::DetailsByHandle | Self::Pictures => TEN,
            _ => 1,
        }
    }

    /// The most pages the vendor gives of it; `None` for what has no numbered pages.
    pub(super) fn pages(self) -> Option<u32> {
        match self {
            Self::List => Some(10_000),
            Self::Ranking | Self::Videos | Self::Trend => Some(100_000),
            _ => None,
        }
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
    fn every_kind_has_a_name_of_its_own_and_asks_for_ten_at_most() {
        let mut calls = std::collections::HashSet::new();
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert!(calls.insert((kind.path().collect::<Vec<_>>(), kind.subject())), "{kind:?}");
            assert!(matches!(kind.batch(), 1 | TEN));
        }
        assert_eq!(Kind::from_name("Details"), None);
    }

    #[test]
    fn a_call_costs_one_and_a_picture_what_is_set() {
        let settings = Settings {
            timeout: Duration::from_secs(1),
            pictures: true,
            picture_units: 2,
            real_time: RealTime::Off,
        };
        assert_eq!(settings.spec(Kind::Details).worst_cost, Cost::units(1));
        assert_eq!(settings.spec(Kind::Pictures).worst_cost, Cost::units(20));
        assert_eq!(settings.price(Kind::Pictures, 3), Cost::units(6));
        assert_eq!(settings.price(Kind::Details, 10), Cost::units(1));
    }
}
