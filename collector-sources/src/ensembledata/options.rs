//! How a query is to be served here: `query.options.ensembledata`.

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Query;
use serde::{Deserialize, Serialize};

/// The key of these options in a query, besides the instance's own name.
pub(super) const KEY: &str = "ensembledata";

/// The periods the vendor's searches know, in days; 0 is all time.
const PERIODS: [u32; 6] = [0, 1, 7, 30, 90, 180];

/// What a query may say about how it is served: the value of `options.ensembledata`, or of `options` under the
/// instance's name. Every list below costs a call a page.
///
/// ```toml
/// [[jobs]]
/// name = "skin care"
/// query.keywords = ["skin care"]
/// query.options.ensembledata = { search = ["posts", "users"], period = 30 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleDataOptions {
    /// What keywords search. Default `["posts"]`.
    pub search: Vec<Search>,
    /// Only posts of this many days: 0 for all time, 1, 7, 30, 90 or 180. Default 0.
    pub period: u32,
    /// The order of posts found by a keyword. Default `relevance`.
    pub order: Order,
    /// Two letters: searches by keyword as seen from this country. Does not restrict their results to it. Default none.
    pub seen_from: Option<String>,
    /// Only posts whose caption holds the keyword literally. Default off.
    pub match_exactly: bool,
    /// Reads each hashtag in one long call, without posts older than this many days. Needs `long_calls`. Default none.
    pub recent_days: Option<u32>,
    /// Pages of their own posts to read of each creator asked for. Default 0.
    pub posts_pages: u32,
    /// A day such as `2026-01-31`: own posts older than it are not read. Default none.
    pub posts_since: Option<String>,
    /// Pages of a hundred followers to read of each creator asked for. Default 0.
    pub followers_pages: u32,
    /// Pages of a hundred accounts followed to read of each creator asked for. Default 0.
    pub following_pages: u32,
    /// Pages of liked posts to read of each creator asked for. Default 0.
    pub liked_pages: u32,
    /// Pages of thirty comments to read of each post asked for. Default 0.
    pub comments_pages: u32,
}

impl Default for EnsembleDataOptions {
    fn default() -> Self {
        Self {
            search: vec![Search::Posts],
            period: 0,
            order: Order::Relevance,
            seen_from: None,
            match_exactly: false,
            recent_days: None,
            posts_pages: 0,
            posts_since: None,
            followers_pages: 0,
            following_pages: 0,
            liked_pages: 0,
            comments_pages: 0,
        }
    }
}

/// What a keyword searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Search {
    /// Posts, page by page.
    Posts,
    /// All posts in one long call. Needs `long_calls`.
    AllPosts,
    /// People, page by page.
    Users,
    /// People who are live, page by page.
    Lives,
}

/// An order of posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// The platform's own.
    Relevance,
    /// The most liked first.
    Likes,
    /// The latest first.
    Recent,
}

impl Order {
    /// The vendor's code; `None` for its default.
    pub(super) fn code(self) -> Option<&'static str> {
        match self {
            Self::Relevance => None,
            Self::Likes => Some("1"),
            Self::Recent => Some("2"),
        }
    }
}

impl EnsembleDataOptions {
    /// The options of a query for the instance `source`.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the option that is unknown or cannot be honoured.
    pub(super) fn of(source: &str, query: &Query, long_calls: bool) -> Result<Self> {
        let Some(value) = query.options.get(source).or_else(|| query.options.get(KEY)) else {
            return Ok(Self::default());
        };
        let options: Self =
            serde_json::from_value(value.clone()).map_err(|error| invalid(error.to_string()))?;
        let fault = options.fault().or_else(|| options.long_fault(query, long_calls));
        fault.map_or(Ok(options), |fault| Err(invalid(fault)))
    }

    /// The day before which own posts are not read.
    pub(super) fn since(&self) -> Option<Timestamp> {
        start_of_day(self.posts_since.as_deref()?)
    }

    /// The country searches are seen from, in the vendor's spelling.
    pub(super) fn country(&self) -> Option<String> {
        let code = self.seen_from.as_deref()?.to_ascii_uppercase();
        // The vendor's own list of examples has this one among ISO codes.
        Some(if code == "GB" { "UK".to_owned() } else { code })
    }

    fn fault(&self) -> Option<String> {
        let is_country = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !PERIODS.contains(&self.period) {
            Some(format!("`period` is {}: the vendor knows {PERIODS:?}", self.period))
        } else if self.search.is_empty() {
            Some("`search` is empty: name what keywords search, or leave it out".to_owned())
        } else if self.recent_days == Some(0) {
            Some("`recent_days` is 0: choose at least 1".to_owned())
        } else if self.seen_from.as_deref().is_some_and(|code| !is_country(code)) {
            Some(format!("`seen_from` is {:?}: write two letters, such as \"KR\"", shown(&self.seen_from)))
        } else if self.posts_since.is_some() && self.since().is_none() {
            let found = shown(&self.posts_since);
            Some(format!("`posts_since` is {found:?}: write a day from 1970 on, such as \"2026-01-31\""))
        } else {
            None
        }
    }

    fn long_fault(&self, query: &Query, long_calls: bool) -> Option<String> {
        let all_posts = self.search.contains(&Search::AllPosts) && !query.keywords.is_empty();
        let recent = self.recent_days.is_some() && !query.hashtags.is_empty();
        let asked = if all_posts { "`search = [\"all_posts\"]`" } else { "`recent_days`" };
        (!long_calls && (all_posts || recent)).then(|| {
            format!("{asked} makes calls that run for minutes: set `long_calls = true` in the source's settings, or leave it out")
        })
    }
}

fn start_of_day(day: &str) -> Option<Timestamp> {
    let plain = day.len() == "YYYY-MM-DD".len();
    let start: Timestamp = format!("{day}T00:00:00Z").parse().ok()?;
    (plain && start.as_millis() >= 0).then_some(start)
}

/// The beginning of a text from outside.
fn shown(text: &Option<String>) -> String {
    text.iter().flat_map(|text| text.chars()).take(40).collect()
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message).with("in", format!("query.options.{KEY}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn query(options: Value) -> Query {
        Query {
            keywords: vec!["x".into()],
            hashtags: vec!["y".into()],
            options: [(KEY.to_owned(), options)].into(),
            ..Query::default()
        }
    }

    fn refused(options: Value) -> String {
        let error = EnsembleDataOptions::of("ensembledata", &query(options), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        error.to_string()
    }

    #[test]
    fn options_stand_under_the_type_or_the_instance() {
        let mut query = query(json!({ "period": 7 }));
        assert_eq!(EnsembleDataOptions::of("second", &query, false).unwrap().period, 7);
        query.options.insert("second".into(), json!({ "period": 30 }));
        assert_eq!(EnsembleDataOptions::of("second", &query, false).unwrap().period, 30);
        query.options.clear();
        assert_eq!(EnsembleDataOptions::of("second", &query, false).unwrap(), EnsembleDataOptions::default());
    }

    #[test]
    fn what_cannot_be_honoured_is_named_with_what_can() {
        for (options, words) in [
            (json!({ "period": 14 }), ["`period` is 14", "180"]),
            (json!({ "perod": 7 }), ["`perod`", "`period`"]),
            (json!({ "search": [] }), ["`search`", "leave it out"]),
            (json!({ "search": ["people"] }), ["`people`", "`users`"]),
            (json!({ "search": ["all_posts"] }), ["all_posts", "`long_calls = true`"]),
            (json!({ "recent_days": 7 }), ["`recent_days`", "`long_calls = true`"]),
            (json!({ "recent_days": 0 }), ["`recent_days` is 0", "at least 1"]),
            (json!({ "seen_from": "KOR" }), ["\"KOR\"", "two letters"]),
            (json!({ "posts_since": "yesterday" }), ["\"yesterday\"", "2026-01-31"]),
            (json!({ "posts_since": "1969-01-01" }), ["1969", "1970"]),
            (json!(7), ["7", "query.options.ensembledata"]),
        ] {
            let error = refused(options);
            assert!(words.iter().all(|word| error.contains(word)), "{words:?} in {error}");
        }
    }

    #[test]
    fn long_calls_are_allowed_by_the_setting_and_only_matter_where_they_are_made() {
        let long = json!({ "search": ["all_posts"], "recent_days": 7 });
        assert!(EnsembleDataOptions::of("e", &query(long.clone()), true).is_ok());
        let handles = Query { keywords: vec![], hashtags: vec![], ..query(long) };
        assert!(EnsembleDataOptions::of("e", &handles, false).is_ok(), "a slice of handles makes none");
    }

    #[test]
    fn days_and_countries_are_put_in_the_vendors_words() {
        let options: EnsembleDataOptions =
            serde_json::from_value(json!({ "posts_since": "2026-01-31", "seen_from": "gb" })).unwrap();
        assert_eq!(options.since(), Some(Timestamp::from_secs(1_769_817_600)));
        assert_eq!(options.country().as_deref(), Some("UK"));
    }
}
