//! How a query is to be served here: `query.options.tiktok`.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Query;
use serde::{Deserialize, Serialize};

use super::super::day::Day;

/// The key of these options in a query, besides the instance's own name.
const KEY: &str = "tiktok";

/// The longest span: longer ones are more windows than a query may have roots.
const MOST_DAYS: u32 = 5_000;

/// What a query may say about how the Research API serves it: the value of `options.tiktok`, or of `options` under the
/// instance's name.
///
/// ```toml
/// [[jobs]]
/// name = "skin care"
/// query.keywords = ["skin care"]
/// query.regions = ["KR", "US"]
/// query.options.tiktok = { since = "2026-01-01", until = "2026-06-30" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResearchOptions {
    /// Searches posts of so many days up to now, 1 to 5,000. Default 30.
    pub days: u32,
    /// A day such as `2026-01-31`: searches posts from it on, instead of `days`. Default none.
    pub since: Option<String>,
    /// The last day of posts searched; needs `since`. Default: the day of the call.
    pub until: Option<String>,
    /// Looks up people who are mentioned in the posts found, too. Default off.
    pub mentions: bool,
    /// Reads the posts of each creator asked for, over as many days as is searched. Default off.
    pub own_posts: bool,
    /// Pages of a hundred followers to read of each creator asked for. Default 0.
    pub followers_pages: u32,
    /// Pages of a hundred accounts followed to read of each creator asked for. Default 0.
    pub following_pages: u32,
}

impl Default for ResearchOptions {
    fn default() -> Self {
        Self {
            days: 30,
            since: None,
            until: None,
            mentions: false,
            own_posts: false,
            followers_pages: 0,
            following_pages: 0,
        }
    }
}

/// The days a query's searches cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// Up to the day of the call.
    Last(u32),
    /// From a day up to the day of the call.
    From(Day),
    /// Fixed.
    Between(Day, Day),
}

impl ResearchOptions {
    /// The options of a query for the instance `source`, and the span they mean.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the option that is unknown or cannot be honoured.
    pub(super) fn of(source: &str, query: &Query) -> Result<(Self, Span)> {
        let value = query.options.get(source).or_else(|| query.options.get(KEY));
        let options: Self = match value {
            Some(value) => {
                serde_json::from_value(value.clone()).map_err(|error| invalid(error.to_string()))?
            }
            None => Self::default(),
        };
        let span = options.span().map_err(invalid)?;
        Ok((options, span))
    }

    fn span(&self) -> Result<Span, String> {
        let day = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Day::written(text).map(Some).ok_or_else(|| {
                let shown: String = text.chars().take(40).collect();
                format!("`{name}` is {shown:?}: write a day from 1970 on, such as \"2026-01-31\"")
            }),
        };
        match (day("since", &self.since)?, day("until", &self.until)?) {
            (None, Some(_)) => Err("`until` needs `since`".to_owned()),
            (Some(since), Some(until)) if until < since => {
                Err("`until` is before `since`: exchange them".to_owned())
            }
            (Some(since), Some(until)) if until.minus(MOST_DAYS) > since => {
                Err(format!("`since` and `until` are more than {MOST_DAYS} days apart: ask for less at once"))
            }
            (Some(since), Some(until)) => Ok(Span::Between(since, until)),
            (Some(since), None) => Ok(Span::From(since)),
            (None, None) if !(1..=MOST_DAYS).contains(&self.days) => {
                Err(format!("`days` is {}: choose 1 to {MOST_DAYS}", self.days))
            }
            (None, None) => Ok(Span::Last(self.days)),
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message).with("in", format!("query.options.{KEY}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(options: Value) -> Result<(ResearchOptions, Span)> {
        let options = [(KEY.to_owned(), options)].into();
        ResearchOptions::of("second", &Query { options, ..Query::default() })
    }

    #[test]
    fn a_span_is_open_or_fixed() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(of(json!({})).unwrap().1, Span::Last(30));
        assert_eq!(of(json!({ "since": "2026-01-31" })).unwrap().1, Span::From(day("20260131")));
        let fixed = of(json!({ "since": "2026-01-01", "until": "2026-01-31" })).unwrap().1;
        assert_eq!(fixed, Span::Between(day("20260101"), day("20260131")));
    }

    #[test]
    fn what_cannot_be_honoured_is_named_with_what_can() {
        for (options, words) in [
            (json!({ "days": 0 }), "1 to 5000"),
            (json!({ "dayz": 7 }), "`dayz`"),
            (json!({ "until": "2026-01-31" }), "needs `since`"),
            (json!({ "since": "2026-02-01", "until": "2026-01-31" }), "before `since`"),
            (json!({ "since": "1971-01-01", "until": "2026-01-31" }), "5000 days"),
            (json!({ "since": "yesterday" }), "\"yesterday\""),
            (json!(7), "query.options.tiktok"),
        ] {
            let error = of(options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(error.to_string().contains(words), "{words:?} in {error}");
        }
    }
}
