//! What a query can ask for here besides people: `extra.listings`, `extra.rankings` and `options.echotik`.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Query;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::date::{Date, Period};

/// The key of these options in a query, besides the instance's own name.
pub(super) const KEY: &str = "echotik";

/// The most days back a trend can be asked for.
const MOST_DAYS: u32 = 180;

/// How a query is served: the value of `options.echotik`, or of `options` under the instance's name. Each page costs a
/// call.
///
/// ```toml
/// query.handles = ["@somebody"]
/// query.options.echotik = { trend_days = 90, videos_pages = 2 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EchoTikOptions {
    /// Pages of ten videos to read, from the vendor's database, of each creator asked for. Default 0.
    pub videos_pages: u32,
    /// Pages of videos to read, from the platform itself, of each creator asked for. Default 0.
    pub live_videos_pages: u32,
    /// Days of figures to fill in, of each creator asked for: ten a call, 180 at most. Default 0.
    pub trend_days: u32,
}

impl EchoTikOptions {
    /// The options of a query for the instance `source`.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the option that is unknown or cannot be honoured.
    pub(super) fn of(source: &str, query: &Query) -> Result<Self> {
        let Some(value) = query.options.get(source).or_else(|| query.options.get(KEY)) else {
            return Ok(Self::default());
        };
        let place = format!("query.options.{KEY}");
        let options: Self =
            serde_json::from_value(value.clone()).map_err(|error| invalid(error.to_string(), &place))?;
        if options.trend_days > MOST_DAYS {
            let days = options.trend_days;
            return Err(invalid(format!("`trend_days` is {days}: EchoTik has {MOST_DAYS} at most"), &place));
        }
        Ok(options)
    }
}

/// A list of a region's creators to read: an entry of `extra.listings`. Needs `regions`, one sweep for each.
///
/// ```toml
/// query.regions = ["US"]
/// query.extra.listings = [{ category = "Beauty", sort = "followers", min_followers = 10000 }]
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listing {
    /// The creators' niche, in the vendor's words, such as `Beauty` or `Food & Beverage`.
    pub category: Option<String>,
    /// The category of the products they sell, by the vendor's number.
    pub product_category_id: Option<String>,
    /// Only those linked with this shop, by its number.
    pub seller_id: Option<String>,
    /// What the list is ordered by, largest first. Default the vendor's own order.
    pub sort: Option<Sort>,
    /// Smallest first.
    pub ascending: bool,
    /// The creators' language, such as `en`.
    pub language: Option<String>,
    /// The creators' gender in the vendor's words; known in the US only.
    pub gender: Option<String>,
    /// Whether their showcase is open.
    pub showcase: Option<bool>,
    /// How they sell.
    pub sells: Option<Sells>,
    /// At least this many followers.
    pub min_followers: Option<u64>,
    /// At most this many followers.
    pub max_followers: Option<u64>,
    /// At least this many likes on their videos.
    pub min_likes: Option<u64>,
    /// At most this many likes on their videos.
    pub max_likes: Option<u64>,
    /// At least this many views.
    pub min_views: Option<u64>,
    /// At most this many views.
    pub max_views: Option<u64>,
    /// At least this many views in seven days.
    pub min_views_7d: Option<u64>,
    /// At most this many views in seven days.
    pub max_views_7d: Option<u64>,
    /// At least this interaction rate, as the vendor has it.
    pub min_interaction_rate: Option<f64>,
    /// At most this interaction rate, as the vendor has it.
    pub max_interaction_rate: Option<f64>,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sort {
    /// Followers.
    Followers,
    /// Followers won in thirty days.
    FollowersWon,
    /// Videos.
    Videos,
    /// Average views.
    Views,
    /// Interaction rate.
    InteractionRate,
    /// Products promoted.
    Products,
}

/// How somebody sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sells {
    /// In videos.
    Video,
    /// In lives.
    Live,
    /// In both.
    Both,
    /// From a showcase.
    Showcase,
}

impl Listing {
    /// The filters by the vendor's names.
    pub(super) fn filters(&self) -> Vec<(&'static str, String)> {
        let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        let count = |value: Option<u64>| value.map(|count| count.to_string());
        let rate = |value: Option<f64>| value.map(|rate| rate.to_string());
        let direction = self.sort.map(|_| if self.ascending { "0" } else { "1" }.to_owned());
        [
            ("influencer_category_name", text(&self.category)),
            ("product_category_id", text(&self.product_category_id)),
            ("seller_id", text(&self.seller_id)),
            ("influencer_sort_field_v2", self.sort.map(|sort| (sort as u32 + 1).to_string())),
            ("sort_type", direction),
            ("influencer_language", text(&self.language)),
            ("gender", text(&self.gender)),
            ("show_case_flag", self.showcase.map(|open| u32::from(open).to_string())),
            ("sales_flag", self.sells.map(|sells| (sells as u32 + 1).to_string())),
            ("min_total_followers_cnt", count(self.min_followers)),
            ("max_total_followers_cnt", count(self.max_followers)),
            ("min_total_digg_cnt", count(self.min_likes)),
            ("max_total_digg_cnt", count(self.max_likes)),
            ("min_total_views_cnt", count(self.min_views)),
            ("max_total_views_cnt", count(self.max_views)),
            ("min_total_views_7d_cnt", count(self.min_views_7d)),
            ("max_total_views_7d_cnt", count(self.max_views_7d)),
            ("min_interaction_rate", rate(self.min_interaction_rate)),
            ("max_interaction_rate", rate(self.max_interaction_rate)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    fn fault(&self) -> Option<String> {
        let texts =
            [&self.category, &self.product_category_id, &self.seller_id, &self.language, &self.gender];
        let odd = |text: &String| text.chars().count() > 200 || text.contains(char::is_control);
        let rates = [self.min_interaction_rate, self.max_interaction_rate];
        if texts.into_iter().flatten().any(odd) {
            Some("a text is longer than 200 characters, or has control characters".to_owned())
        } else if rates.into_iter().flatten().any(|rate| !rate.is_finite() || rate < 0.0) {
            Some("an interaction rate is negative or no number".to_owned())
        } else {
            None
        }
    }
}

/// A ranking to read: an entry of `extra.rankings`. Needs `regions`, one sweep for each.
///
/// ```toml
/// query.regions = ["US"]
/// query.max_pages = 10
/// query.extra.rankings = [{ by = "sales", period = "week" }]
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    /// What it ranks by.
    pub by: RankBy,
    /// How long it counts.
    pub period: RankPeriod,
    /// Its first day, such as `2026-11-23`: a Monday for a week, the 1st for a month. By default the latest there is.
    #[serde(default)]
    pub date: Option<String>,
    /// Only creators of this niche, in the vendor's words.
    #[serde(default)]
    pub category: Option<String>,
    /// Only those who sell products of this category, by the vendor's number.
    #[serde(default)]
    pub product_category_id: Option<String>,
}

/// What a ranking ranks by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RankBy {
    /// Followers won.
    Followers,
    /// Units sold.
    Sales,
}

impl RankBy {
    /// The vendor's code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Followers => "1",
            Self::Sales => "2",
        }
    }
}

/// How long a ranking counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RankPeriod {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

impl From<RankPeriod> for Period {
    fn from(period: RankPeriod) -> Self {
        match period {
            RankPeriod::Day => Self::Day,
            RankPeriod::Week => Self::Week,
            RankPeriod::Month => Self::Month,
        }
    }
}

impl Ranking {
    fn fault(&self) -> Option<String> {
        let text = self.date.as_deref()?;
        let shown: String = text.chars().take(40).collect();
        match Date::parse(text) {
            None => Some(format!("`date` is {shown:?}: write a day such as \"2026-11-23\"")),
            Some(day) if !Period::from(self.period).begins(day) => Some(format!(
                "`date` is {shown:?}: rankings of a week begin on a Monday, those of a month on the 1st"
            )),
            Some(_) => None,
        }
    }
}

/// The lists a query asks for.
///
/// # Errors
/// `ConfigInvalid` naming what is unknown or cannot be honoured.
pub(super) fn listings(query: &Query) -> Result<Vec<Listing>> {
    read(query, "listings", Listing::fault)
}

/// The rankings a query asks for.
///
/// # Errors
/// `ConfigInvalid` naming what is unknown or cannot be honoured.
pub(super) fn rankings(query: &Query) -> Result<Vec<Ranking>> {
    read(query, "rankings", Ranking::fault)
}

fn read<T: DeserializeOwned>(query: &Query, name: &str, fault: fn(&T) -> Option<String>) -> Result<Vec<T>> {
    let Some(value) = query.extra.get(name) else { return Ok(Vec::new()) };
    let place = format!("query.extra.{name}");
    let entries: Vec<T> =
        serde_json::from_value(value.clone()).map_err(|error| invalid(error.to_string(), &place))?;
    match entries.iter().find_map(fault) {
        Some(fault) => Err(invalid(fault, &place)),
        None => Ok(entries),
    }
}

fn invalid(message: impl Into<String>, place: &str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message).with("in", place)
}
