//! Random creators and random queries, each from a seed.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::creator::{Creator, PostStats, SourceAsOf};
use crate::id::RecordKey;
use crate::search::{Query, SearchField};
use crate::sink::{Change, Facts, Record};

/// Words of names, biographies and hashtags: scripts, emoji, marks, widths, parts of each other.
const WORDS: [&str; 28] = [
    "mina",
    "Mina",
    "min",
    "beauty",
    "kbeauty",
    "skin",
    "care",
    "SKIN",
    "ｓｋｉｎ",
    "crème",
    "L'Oréal",
    "뷰티",
    "뷰",
    "리뷰",
    "뷰티크리에이터",
    "크림",
    "メイク",
    "ﾒｲｸ",
    "犬",
    "柴犬の日",
    "💄",
    "👩🏽‍🍳",
    "🇰🇷",
    "#뷰티",
    "@mina",
    "K뷰티lab",
    "ёлка",
    "กาแฟ",
];

const HANDLES: [&str; 6] = ["mina", "mina.kim", "min", "beauty_lab", "skin", "뷰티"];
const COUNTRIES: [&str; 4] = ["KR", "US", "JP", "kr"];
const CATEGORIES: [&str; 4] = ["Skin Care", "Food", "뷰티", "skin care"];
const NUMBERS: [u64; 8] = [0, 1, 9_999, 10_000, 50_000, 100_000, 1_000_000, u64::MAX];

/// What queries are made of.
const PARTS: [&str; 60] = [
    "mina",
    "min*",
    "-mina",
    "뷰",
    "뷰티",
    "\"뷰티 크림\"",
    "\"skin care\"",
    "skin",
    "크리에",
    "リ",
    "ﾒｲｸ",
    "💄",
    "👩‍🍳",
    "creme",
    "loreal",
    "елка",
    "กา",
    "犬",
    "@mina",
    "-@min",
    "#뷰티",
    "#kbeauty",
    "who:mi*",
    "who:뷰*",
    "name:min",
    "-bio:skin",
    "hashtag_words:뷰",
    "\"mina 뷰\"",
    "\"skin c\"*",
    "beauty_lab",
    "mina.kim",
    "country:kr",
    "country:kr,us",
    "-country:kr",
    "unknown:country",
    "known:bio",
    "unknown:name",
    "has:email",
    "-has:email",
    "email:no",
    "is:verified",
    "-is:private",
    "followers:10k..100k",
    "f:..9999",
    "f:>1m",
    "-f:10k..",
    "f:0,1",
    "er:3%..",
    "er:<1%",
    "unknown:er",
    "last_post:<30d",
    "last_post:>30d",
    "created:2024",
    "as_of:<7d",
    "category:\"skin care\"",
    "tier:micro,mid",
    "source:a",
    "known:followers",
    "link:shop.example",
    "mention:mina",
];

const SORTS: [&str; 8] = [
    "sort:relevance",
    "sort:followers",
    "sort:followers:asc",
    "sort:er",
    "sort:er:asc",
    "sort:last_post",
    "sort:as_of:asc",
    "",
];

/// A source of random creators and queries. One seed, one sequence.
#[derive(Debug, Clone)]
pub struct Population {
    state: u64,
    now: Timestamp,
}

impl Population {
    /// The sequence of this seed, as seen at this moment.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self { state: seed.wrapping_mul(2).wrapping_add(1), now }
    }

    /// A change that puts a random creator.
    pub fn put(&mut self, key: u64, version: u64) -> Change<Creator> {
        let entity = Arc::new(self.creator());
        Change::Put(Record { key: RecordKey(key), version, entity, facts: Facts::new() })
    }

    /// A random creator.
    pub fn creator(&mut self) -> Creator {
        Creator {
            platform: self.pick(&["tiktok", "tiktok", "elsewhere"]).into(),
            uid: self.maybe(3, |by| by.below(1_000).to_string().into()),
            sec_uid: self.maybe(3, |by| format!("Sec{}", by.below(1_000)).into()),
            handle: self.maybe(5, |by| by.pick(&HANDLES).into()),
            former_handles: self.list(1, &HANDLES),
            name: self.maybe(5, |by| by.text(2)),
            bio: self.maybe(4, |by| by.text(6)),
            links: self.list(1, &["https://www.shop.example/a", "mailto:a@b.example"]),
            language: self.maybe(3, |by| by.pick(&["ko", "en"]).into()),
            country: self.maybe(4, |by| by.pick(&COUNTRIES).into()),
            categories: self.list(3, &CATEGORIES),
            verified: self.maybe(3, |by| by.below(2) == 0),
            private: self.maybe(3, |by| by.below(2) == 0),
            account_type: self.maybe(3, |by| by.pick(&["Business", "personal"]).into()),
            has_shop: self.maybe(3, |by| by.below(2) == 0),
            has_email: self.maybe(3, |by| by.below(2) == 0),
            created_at: self.maybe(3, |by| Timestamp::from_secs(1_690_000_000 + by.below(60_000_000) as i64)),
            followers: self.maybe(6, |by| by.pick(&NUMBERS)),
            following: self.maybe(3, |by| by.pick(&NUMBERS)),
            likes: self.maybe(3, |by| by.below(10_000)),
            videos: self.maybe(3, |by| by.below(500)),
            gmv_30d: self.maybe(3, |by| by.pick(&NUMBERS)),
            units_30d: self.maybe(3, |by| by.below(500)),
            avg_price: self.maybe(3, |by| by.below(10_000)),
            currency: self.maybe(3, |by| by.pick(&["USD", "krw"]).into()),
            ec_score: self.maybe(3, |by| by.below(501)),
            avatar: self.maybe(2, |_| "https://images.example/a.jpg".into()),
            posts: self.maybe(3, Self::posts),
            sources: self.sources(),
            ..Creator::default()
        }
    }

    /// A random query: a few parts, an order, facets.
    pub fn query(&mut self) -> Query {
        loop {
            let parts: Vec<&str> = (0..1 + self.below(3)).map(|_| self.pick(&PARTS)).collect();
            let text = format!("{} {}", parts.join(" "), self.pick(&SORTS));
            // Two parts together can ask for nothing that can be answered.
            let Ok(mut query) = Query::parse(&text) else { continue };
            let facets = SearchField::ALL.iter().filter(|field| field.info().facet);
            query.facets = facets.copied().filter(|_| self.below(4) == 0).collect();
            query.limit = 1 + self.below(30) as usize;
            return query;
        }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64);
        from[at as usize]
    }

    /// Something in all but one of `of` cases.
    fn maybe<T>(&mut self, of: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(of) > 0).then(|| make(self))
    }

    fn list(&mut self, most: u64, from: &[&str]) -> Vec<Box<str>> {
        (0..self.below(most + 1)).map(|_| self.pick(from).into()).collect()
    }

    fn text(&mut self, most: u64) -> Box<str> {
        let words: Vec<&str> = (0..1 + self.below(most)).map(|_| self.pick(&WORDS)).collect();
        words.join(" ").into()
    }

    fn posts(&mut self) -> PostStats {
        PostStats {
            seen: self.below(12) as u32,
            avg_views: self.maybe(2, |by| by.pick(&NUMBERS)),
            median_views: self.maybe(2, |by| by.below(100_000)),
            avg_likes: self.maybe(2, |by| by.below(10_000)),
            avg_comments: self.maybe(2, |by| by.below(1_000)),
            avg_shares: self.maybe(2, |by| by.below(100)),
            engagement_rate: self.maybe(3, |by| by.below(100_000) as f64 / 1e6),
            hashtags: self.list(3, &["KBeauty", "뷰티", "스킨케어", "mina"]),
            last_post_at: self.maybe(3, |by| by.moment(60)),
        }
    }

    fn sources(&mut self) -> Vec<SourceAsOf> {
        let names = ["a", "b", "c"];
        let some = names.into_iter().filter(|_| self.below(2) == 0).collect::<Vec<_>>();
        let source =
            |source: &str, as_of| SourceAsOf { source: source.into(), aspect: "profile".into(), as_of };
        some.into_iter().map(|name| source(name, self.moment(20))).collect()
    }

    /// A moment within the last days.
    fn moment(&mut self, days: u64) -> Timestamp {
        Timestamp::from_secs(self.now.as_secs() - self.below(days * 86_400) as i64)
    }
}
