//! What is true of the made-up vendors' creators, who of the vendors knows what of them, and how many calls that takes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::vendor::Vendor;
use crate::failure::{Failure, Result};

/// Truths that are asked for at once.
const PAGE: usize = 1_000;

/// Creators that are compared one by one; of a demo that is larger the others are counted only.
pub(super) const MOST_CHECKED: usize = 50_000;

/// The days whose posts TikTok is asked for, and their seconds: the latest there are, in one window.
pub(super) const POSTED: (&str, &str) = ("2026-10-03", "2026-11-01");
const POSTED_SECONDS: std::ops::Range<u64> = 1_790_985_600..1_793_577_600;

/// Rows of a page: of a hashtag's list at EnsembleData, of a region's at EchoTik, of a search at TikTok, of the ranking.
const HASHTAG_PAGE: usize = 20;
const REGION_PAGE: usize = 10;
const SEARCH_PAGE: usize = 100;
const RANKING_PAGE: usize = 20;

/// What is true of one creator.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Person {
    pub(super) uid: String,
    pub(super) sec_uid: String,
    pub(super) handle: String,
    pub(super) first_handle: String,
    pub(super) first_handle_taken_by: Option<String>,
    pub(super) renamed: bool,
    pub(super) known_by: BTreeSet<String>,
    pub(super) ids_at: BTreeSet<String>,
    pub(super) behind_at: BTreeSet<String>,
    pub(super) name: String,
    pub(super) bio: String,
    pub(super) country: String,
    pub(super) language: String,
    pub(super) followers: u64,
    pub(super) following: u64,
    pub(super) hearts: u64,
    pub(super) videos: u64,
    pub(super) verified: bool,
    pub(super) private: bool,
    pub(super) has_shop: bool,
    pub(super) commerce: Option<Sold>,
    pub(super) avatar_uri: String,
    pub(super) posts: Vec<Post>,
}

/// What somebody sold in 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sold {
    pub(super) gmv_30d: u64,
    pub(super) ec_score: u64,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Post {
    created_at: u64,
    hashtag: String,
}

impl Person {
    /// Whether this vendor can be asked about them.
    pub(super) fn is_known_to(&self, vendor: &str) -> bool {
        self.known_by.contains(vendor)
    }

    /// Whether EnsembleData's lookups find them: by number, or by a handle that lists still show rightly.
    pub(super) fn is_looked_up(&self) -> bool {
        self.is_known_to("ensembledata") && (self.shows_ids() || !self.renamed)
    }

    /// Whether EnsembleData tells who they are by more than a handle.
    pub(super) fn shows_ids(&self) -> bool {
        self.ids_at.contains("ensembledata")
    }

    /// Whether somebody tells their counters as they are now: EchoTik may be days behind.
    pub(super) fn is_counted(&self) -> bool {
        let in_database = self.is_known_to("echotik") && !self.behind_at.contains("echotik");
        self.is_looked_up() || in_database || (self.is_known_to("web") && !self.renamed)
    }

    /// Whether TikTok's search shows them.
    fn is_searched(&self) -> bool {
        self.is_known_to("tiktok") && !self.private
    }
}

/// Everybody who is compared one by one, and the hashtags with the lengths of their lists.
#[derive(Debug)]
pub(super) struct People {
    pub(super) all: Vec<Person>,
    hashtags: BTreeMap<String, usize>,
    is_whole: bool,
}

impl People {
    /// Asks the simulator what is true.
    pub(super) async fn ask(vendor: &Vendor, population: u32) -> Result<Self> {
        let mut all = Vec::new();
        while all.len() < MOST_CHECKED {
            let page = vendor.lines(&format!("/truth?from={}&limit={PAGE}&posts=2", all.len())).await?;
            let is_last = page.len() < PAGE;
            let page = page.into_iter().map(serde_json::from_value).collect::<Result<Vec<Person>, _>>();
            all.extend(page.map_err(|error| {
                Failure::aborted(format!("the made-up vendors' truth cannot be read: {error}"))
            })?);
            if is_last {
                break;
            }
        }
        let lines = vendor.lines("/truth/hashtags").await?;
        let hashtag = |line: &Value| {
            let posts =
                line.get("posts").and_then(Value::as_u64).and_then(|posts| usize::try_from(posts).ok());
            Some((line.get("name")?.as_str()?.to_owned(), posts?))
        };
        let hashtags = lines.iter().filter_map(hashtag).collect();
        let is_whole = u32::try_from(all.len()) == Ok(population);
        Ok(Self { all, hashtags, is_whole })
    }

    /// The hashtags they post under.
    pub(super) fn hashtags(&self) -> Vec<&str> {
        self.hashtags.keys().map(String::as_str).collect()
    }

    /// Where they live.
    pub(super) fn countries(&self) -> BTreeSet<&str> {
        self.all.iter().map(|person| &*person.country).collect()
    }

    /// The calls each vendor must be asked to tell all it knows: the pages that show people, and one for each of those whom
    /// pages do not show whole. Unknown of a demo that is larger than what is compared.
    pub(super) fn least_calls(&self) -> Option<BTreeMap<&'static str, u64>> {
        let pages = |items: usize, size: usize| items.div_ceil(size).max(1);
        let known = |vendor: &str| self.all.iter().filter(|person| person.is_known_to(vendor)).count();
        // Its lists show everybody, also those whom its lookups do not find: nothing in them says who that is.
        let by_hashtag = self.hashtags.values().map(|posts| pages(*posts, HASHTAG_PAGE)).sum::<usize>();
        // A page of less than ten rows is the last one; its rows are whole.
        let listed = self.countries().into_iter().map(|country| {
            let of_country = |person: &&Person| person.country == country && person.is_known_to("echotik");
            self.all.iter().filter(of_country).count() / REGION_PAGE + 1
        });
        let ranked = pages(self.all.len(), RANKING_PAGE);
        let (searches, found) = self.searched();
        let least = [
            ("ensembledata", by_hashtag + self.all.len()),
            ("tiktok", searches.values().map(|posts| pages(*posts, SEARCH_PAGE)).sum::<usize>() + found),
            ("echotik", listed.sum()),
            ("web", ranked + known("web")),
        ];
        self.is_whole.then(|| least.map(|(vendor, calls)| (vendor, calls as u64)).into())
    }

    /// Posts that TikTok's searches show, by hashtag, and the people whose they are.
    fn searched(&self) -> (BTreeMap<&str, usize>, usize) {
        let mut searches: BTreeMap<&str, usize> = self.hashtags.keys().map(|name| (&**name, 0)).collect();
        let mut people = 0;
        for person in self.all.iter().filter(|person| person.is_searched()) {
            let posted: Vec<&Post> =
                person.posts.iter().filter(|post| POSTED_SECONDS.contains(&post.created_at)).collect();
            people += usize::from(!posted.is_empty());
            for post in posted {
                *searches.entry(&post.hashtag).or_default() += 1;
            }
        }
        (searches, people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(vendors: &[&str]) -> Person {
        let known_by = vendors.iter().map(|vendor| (*vendor).to_owned()).collect();
        let post = Post { created_at: POSTED_SECONDS.start, hashtag: "tea".into() };
        Person { known_by, country: "KR".into(), posts: vec![post], ..Person::default() }
    }

    #[test]
    fn the_least_calls_follow_from_who_knows_whom() {
        let mut all = vec![person(&["tiktok", "echotik", "web"]); 30];
        all.extend(vec![person(&["ensembledata"]); 12]);
        all[0].private = true;
        all[1].posts.clear();
        let hashtags = [("tea".to_owned(), 41)].into();
        let people = People { all, hashtags, is_whole: true };
        let least = people.least_calls().unwrap();
        // Three pages and everybody; a page and 28 who are found; three full pages and the empty one; three pages and 30.
        assert_eq!(least, [("ensembledata", 45), ("tiktok", 29), ("echotik", 4), ("web", 33)].into());
        assert_eq!(People { is_whole: false, ..people }.least_calls(), None);
    }

    #[test]
    fn a_database_that_is_days_behind_tells_no_counters_of_those_who_changed() {
        let kept = person(&["echotik"]);
        assert!(kept.is_counted());
        let behind = Person { behind_at: ["echotik".to_owned()].into(), ..kept };
        assert!(!behind.is_counted());
        assert!(Person { known_by: ["echotik".to_owned(), "web".to_owned()].into(), ..behind }.is_counted());
    }

    #[test]
    fn somebody_without_ids_is_looked_up_under_a_handle_that_stayed() {
        let stayed = person(&["ensembledata"]);
        assert!(stayed.is_looked_up() && stayed.is_counted());
        let moved = Person { renamed: true, ..stayed };
        assert!(!moved.is_looked_up() && !moved.is_counted());
        assert!(Person { ids_at: ["ensembledata".to_owned()].into(), ..moved }.is_looked_up());
    }
}
