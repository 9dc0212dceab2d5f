//! Searches: posts by keyword, page by page or whole, a whole hashtag, and lives.
//!
//! A keyword finds the posts of the hashtag it names, alone or among other words: they hold it in their captions.

use super::super::answer::Answer;
use super::super::config::ListLocation;
use super::super::json::Json;
use super::super::posts::posted_at;
use super::user::Counters;
use super::{PAGE, POST_BYTES, VendorCall, live, parameters, post, remapped};

/// A page of posts that must hold the keyword.
const EXACT_PAGE: usize = 10;

const LIVES_PAGE: usize = 20;

const DAY: u64 = 86_400;

/// Every so many calls a page has a card that is no post.
const OTHER_CARDS: u64 = 3;

/// The price of a whole read: pages read for a unit, and posts for a unit.
const PAGES_PER_UNIT: u64 = 10;
const POSTS_PER_UNIT: u64 = 20;

/// A post: whose, and which of theirs.
type Place = (u32, u32);

impl VendorCall<'_> {
    pub(super) fn keyword_search(&self) -> Answer {
        if let Some(refused) = self.wrong_country() {
            return refused;
        }
        let asked = self.query.get("name").unwrap_or_default();
        let found = self.found(asked);
        let page = if self.flag("match_exactly") { EXACT_PAGE } else { PAGE as usize };
        let (from, to) = self.window(found.len(), page);
        let counted = self.flag("get_author_stats");
        let repeated = if from > 0 { self.config.duplicates as usize } else { 0 };
        let places = found.get(from.saturating_sub(repeated)..to).unwrap_or_default();
        let mut json = self.opened();
        json.key("data").open('[');
        if self.number.is_multiple_of(OTHER_CARDS) {
            json.raw(r#"{"type":4,"doc_type":20,"user_list":[],"feedback_type":"user"}"#);
        }
        self.cards(&mut json, places, counted);
        json.close(']');
        if to < found.len() {
            json.int("nextCursor", to as u64);
        }
        let units = if counted { 1 + places.len() as u64 } else { 1 };
        self.closed(json).charged(units, vec![format!("{}#{from}", asked.to_lowercase())])
    }

    pub(super) fn keyword_full(&self) -> Answer {
        if let Some(refused) = self.wrong_country() {
            return refused;
        }
        let asked = self.query.get("name").unwrap_or_default();
        let found = self.found(asked);
        let mut json = Json::with_capacity(found.len() * POST_BYTES + 64);
        // The documents and the vendor's own example disagree; the knob for lists decides here, too.
        let inside = self.config.list_location == ListLocation::DataPosts;
        json.open('{').key("data");
        if inside {
            json.open('{').key("data");
        }
        json.open('[');
        self.cards(&mut json, &found, false);
        json.close(']').close('}');
        if inside {
            json.close('}');
        }
        let per_unit = if self.flag("match_exactly") { POSTS_PER_UNIT / 2 } else { POSTS_PER_UNIT };
        let units = (found.len() as u64).div_ceil(per_unit).max(1);
        Answer::json(self.config.success_status, json.into_string())
            .charged(units, vec![asked.to_lowercase()])
    }

    pub(super) fn hashtag_recent(&self) -> Answer {
        let asked = self.query.get("name").unwrap_or_default();
        let hashtag = self.world.population.find_hashtag(asked);
        let most = self.query.get("max_cursor").and_then(parameters::integer).unwrap_or(10_000).max(0);
        let all: Vec<Place> = hashtag.map_or_else(Vec::new, |hashtag| self.places(hashtag));
        let read: Vec<Place> = all.into_iter().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        let since = self.clock.now().saturating_sub(self.number("days") * DAY);
        let kept = read.iter().filter(|place| self.posted(place) >= since);
        let remap = self.query.get("remap_output").and_then(parameters::boolean) != Some(false);
        let mut json = self.opened();
        if remap {
            json.id("id", 1_600_000 + u64::from(hashtag.unwrap_or_default()))
                .raw(r#""description":"","is_commerce":false"#)
                .int("video_count", read.len() as u64)
                .int("view_count", 123_456_789_000);
        }
        json.key(if remap { "posts" } else { "data" }).open('[');
        for (index, position) in kept {
            let author = self.world.listed(*index);
            if remap {
                let post = self.world.post(&author, *position);
                let hashtag = (post.hashtag, self.world.population.hashtag(post.hashtag));
                remapped::write(&mut json, &post, hashtag, &self.scene(&author, Counters::Zero));
            } else {
                self.post(&mut json, &author, *position, false);
            }
        }
        json.close(']');
        let pages = (read.len() as u64).div_ceil(u64::from(PAGE));
        self.closed(json).charged((pages / PAGES_PER_UNIT).max(1), vec![asked.to_lowercase()])
    }

    pub(super) fn live_search(&self) -> Answer {
        let asked = self.query.get("keyword").unwrap_or_default();
        let hashtag = self.named(asked);
        let mut hosts: Vec<u32> = hashtag
            .map_or_else(Vec::new, |hashtag| self.places(hashtag))
            .into_iter()
            .map(|(index, _)| index)
            .filter(|index| self.world.is_live(*index))
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        let (from, to) = self.window(hosts.len(), LIVES_PAGE);
        let title = hashtag.map_or("", |hashtag| self.world.population.hashtag(hashtag));
        let mut json = self.opened();
        json.key("lives").open('[');
        for host in hosts.get(from..to).unwrap_or_default() {
            live::write(&mut json, title, &self.scene(&self.world.present(*host), Counters::Missing));
        }
        json.close(']');
        if to < hosts.len() {
            json.int("nextCursor", to as u64);
        }
        let seen_from = self.query.get("country").is_some_and(|country| !country.is_empty());
        self.closed(json).charged(1 + u64::from(seen_from), vec![format!("{}#{from}", asked.to_lowercase())])
    }

    /// Writes posts as a search's cards.
    fn cards(&self, json: &mut Json, places: &[Place], counted: bool) {
        let counters = if counted { Counters::Real } else { Counters::Zero };
        let style = post::Style { searched: true, ..post::Style::default() };
        for (index, position) in places {
            let author = if counted { self.world.present(*index) } else { self.world.listed(*index) };
            let id = self.world.post(&author, *position).id;
            json.open('{').int("type", 1).key("aweme_info");
            self.styled_post(json, &author, *position, counters, style);
            json.int("doc_type", 183)
                .int("doc_id", id)
                .id("provider_doc_id_str", id)
                .plain_member("feedback_type", "video")
                .close('}');
        }
    }

    /// The posts a keyword finds, in the order asked for.
    fn found(&self, keyword: &str) -> Vec<Place> {
        let mut found = self.named(keyword).map_or_else(Vec::new, |hashtag| self.places(hashtag));
        let days = self.number("period");
        if days > 0 {
            let since = self.clock.now().saturating_sub(days * DAY);
            found.retain(|place| self.posted(place) >= since);
        }
        match self.query.get("sorting") {
            Some("1") => found.sort_by_cached_key(|(index, position)| {
                std::cmp::Reverse(self.world.post(&self.world.listed(*index), *position).likes)
            }),
            Some("2") => found.sort_by_cached_key(|place| std::cmp::Reverse(self.posted(place))),
            _ => {}
        }
        found
    }

    fn named(&self, words: &str) -> Option<u32> {
        words.split_whitespace().find_map(|word| self.world.population.find_hashtag(word))
    }

    fn places(&self, hashtag: u32) -> Vec<Place> {
        let population = self.world.population;
        (0..population.list_len(hashtag)).filter_map(|at| population.listed(hashtag, at)).collect()
    }

    fn posted(&self, (index, position): &Place) -> u64 {
        let population = self.world.population;
        posted_at(population.seed(), &population.creator(*index), *position)
    }

    fn wrong_country(&self) -> Option<Answer> {
        let country = self.query.get("country").unwrap_or_default();
        let right = country.is_empty()
            || country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic());
        (!right).then(|| Answer::detail(466, "Invalid country code."))
    }
}
