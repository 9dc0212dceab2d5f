//! The vendor's price list: what a call may cost at most, and what it cost when the answer does not say.

use std::time::Duration;

use collector_core::source::CallSpec;
use collector_core::task::{Cost, Task};

use super::kind::{Kind, param};
use super::wire::MOST_ROWS;

/// Posts the vendor reads from the platform at a time for one account.
const OWN_POSTS_PER_PAGE: u64 = 10;

/// Rows of a keyword search's page.
const KEYWORD_PAGE: u64 = 20;

/// The most pages a read of a whole hashtag takes, and how many of them cost a unit.
const RECENT_PAGES: u64 = 250;
const RECENT_PAGES_PER_UNIT: u64 = 10;

/// Posts a whole keyword search sells for a unit; those that hold the keyword are dearer.
const FULL_POSTS_PER_UNIT: u64 = 20;
const FULL_EXACT_POSTS_PER_UNIT: u64 = 10;

/// The options calls depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    pub(super) long_timeout: Duration,
    pub(super) long_calls: bool,
    /// Pages of ten of somebody's own posts that one call reads.
    pub(super) depth: u32,
    /// Whether keyword searches bring their authors' counters, a unit each.
    pub(super) author_stats: bool,
    pub(super) alternative_method: bool,
}

impl Settings {
    /// How calls of a kind are made.
    pub(super) fn spec(&self, kind: Kind) -> CallSpec {
        let timeout = if kind.is_long() { self.long_timeout } else { self.timeout };
        CallSpec::new(kind.role()).batch(kind.batch()).worst_cost(self.worst(kind)).timeout(timeout)
    }

    /// The most one call can cost.
    fn worst(&self, kind: Kind) -> Cost {
        let depth = u64::from(self.depth);
        Cost::units(match kind {
            Kind::UserPosts => 1 + depth,
            Kind::UserPostsBySecUid => depth,
            Kind::Posts => 2 * kind.batch() as u64,
            Kind::Keyword if self.author_stats => 1 + KEYWORD_PAGE,
            Kind::HashtagRecent => RECENT_PAGES / RECENT_PAGES_PER_UNIT,
            Kind::KeywordFull => MOST_ROWS as u64 / FULL_EXACT_POSTS_PER_UNIT,
            Kind::UserSearch | Kind::Followers | Kind::Followings | Kind::Lives => 2,
            Kind::Profile
            | Kind::ProfileBySecUid
            | Kind::Hashtag
            | Kind::Keyword
            | Kind::SoundPosts
            | Kind::LikedPosts
            | Kind::Comments => 1,
        })
    }

    /// What a call cost that brought `rows` rows; `None` rows when there was nobody. `None` when the price
    /// depends on what only the vendor knows.
    pub(super) fn price(&self, kind: Kind, tasks: &[Task], rows: Option<usize>) -> Option<Cost> {
        let got = rows.unwrap_or(0) as u64;
        let asks = |name| tasks.iter().any(|task| task.get(name).is_some());
        let depth = got.div_ceil(OWN_POSTS_PER_PAGE).min(u64::from(self.depth));
        // Calls that find nothing are charged too, normally with one unit.
        let units = match kind {
            Kind::UserPosts => 1 + depth,
            Kind::UserPostsBySecUid => depth,
            Kind::Posts => 2 * got,
            Kind::Keyword if self.author_stats => 1 + got,
            // Charged by pages read, and posts that are too old are left out of them.
            Kind::HashtagRecent => return None,
            Kind::KeywordFull if asks(param::EXACT) => got.div_ceil(FULL_EXACT_POSTS_PER_UNIT),
            Kind::KeywordFull => got.div_ceil(FULL_POSTS_PER_UNIT),
            Kind::UserSearch => 2,
            Kind::Followers | Kind::Followings if rows.is_some() => 2,
            Kind::Lives if asks(param::COUNTRY) => 2,
            _ => 1,
        };
        Some(Cost::units(units.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use collector_core::source::Role;

    use super::*;

    fn settings(depth: u32, author_stats: bool) -> Settings {
        Settings {
            timeout: Duration::from_secs(30),
            long_timeout: Duration::from_secs(900),
            long_calls: true,
            depth,
            author_stats,
            alternative_method: false,
        }
    }

    fn price(kind: Kind, rows: Option<usize>) -> Option<u64> {
        settings(10, false).price(kind, &[], rows).map(|cost| cost.units)
    }

    #[test]
    fn own_posts_cost_by_the_pages_they_took() {
        // The vendor's own examples: nobody, no posts, 100 and more posts, 45 posts, 15 posts before the date.
        let rows = [None, Some(0), Some(101), Some(45), Some(15)];
        assert_eq!(rows.map(|rows| price(Kind::UserPosts, rows).unwrap()), [1, 1, 11, 6, 3]);
        assert_eq!(rows.map(|rows| price(Kind::UserPostsBySecUid, rows).unwrap()), [1, 1, 10, 5, 2]);
    }

    #[test]
    fn searches_cost_by_what_they_brought_where_the_vendor_says_so() {
        let exact = [Task::new("e", "keyword_full", "x").param(param::EXACT, "true")];
        let full = |tasks: &[Task]| settings(1, false).price(Kind::KeywordFull, tasks, Some(1_300)).unwrap();
        assert_eq!((full(&[]).units, full(&exact).units), (65, 130));
        assert_eq!(price(Kind::KeywordFull, Some(0)), Some(1));
        assert_eq!(price(Kind::Keyword, Some(15)), Some(1));
        assert_eq!(settings(1, true).price(Kind::Keyword, &[], Some(15)), Some(Cost::units(16)));
        assert_eq!(price(Kind::HashtagRecent, Some(10)), None, "charged by pages that are not shown");
        assert_eq!((price(Kind::Followers, Some(0)), price(Kind::Followers, None)), (Some(2), Some(1)));
        assert_eq!(price(Kind::Posts, Some(0)), Some(1));
        let seen_from = [Task::new("e", "lives", "x").param(param::COUNTRY, "US")];
        assert_eq!(settings(1, false).price(Kind::Lives, &seen_from, Some(3)), Some(Cost::units(2)));
        assert_eq!(price(Kind::Lives, Some(3)), Some(1));
    }

    #[test]
    fn no_price_is_above_the_worst() {
        for (depth, author_stats) in [(1, false), (1, true), (7, false)] {
            let settings = settings(depth, author_stats);
            for kind in Kind::ALL {
                let most = match kind {
                    Kind::Posts => 100,
                    Kind::Keyword => 20,
                    _ => MOST_ROWS,
                };
                for rows in [None, Some(0), Some(1), Some(most)] {
                    let tasks = [Task::new("e", kind.name(), "x").param(param::EXACT, "true")];
                    let price = settings.price(kind, &tasks, rows).unwrap_or_default();
                    assert!(price.units <= settings.spec(kind).worst_cost.units, "{kind:?} {rows:?}");
                }
            }
        }
    }

    #[test]
    fn long_calls_have_a_time_limit_of_their_own() {
        let spec = settings(1, false).spec(Kind::KeywordFull);
        assert_eq!((spec.timeout, spec.role), (Duration::from_secs(900), Role::Discovery));
        assert_eq!(settings(1, false).spec(Kind::Keyword).timeout, Duration::from_secs(30));
    }
}
