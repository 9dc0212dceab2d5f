//! How a query is to be served here: `query.options.tiktok`.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Query;
use serde::{Deserialize, Serialize};

/// The key of these options in a query, besides the instance's own name.
const KEY: &str = "tiktok";

/// What a query may say about how TikTok One serves it: the value of `options.tiktok`, or of `options` under the
/// instance's name. Filters are the vendor's own; those left out are not sent.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OneOptions {
    /// The least followers. Default none.
    pub min_followers: Option<u64>,
    /// The most followers. Default none.
    pub max_followers: Option<u64>,
    /// The least median of views. Default none.
    pub min_median_views: Option<u64>,
    /// The most. Default none.
    pub max_median_views: Option<u64>,
    /// The least engagement, as the vendor counts it. Default none.
    pub min_engagement_rate: Option<f64>,
    /// The most. Default none.
    pub max_engagement_rate: Option<f64>,
    /// Languages, in the vendor's codes. Default none.
    pub languages: Vec<String>,
    /// Labels of content, by their ids. Default none.
    pub content_label_ids: Vec<String>,
    /// Labels of industries, by their ids. Default none.
    pub industry_label_ids: Vec<String>,
    /// The order: `RELEVANCE`, `FOLLOWERS`, `MEDIAN_VIEWS` or `ENGAGEMENT_RATE`. Default the vendor's.
    pub sort_field: Option<String>,
    /// Pages of their posts to read of each creator asked for. Default 0.
    pub posts_pages: u32,
}

/// The orders the vendor knows.
const ORDERS: [&str; 4] = ["RELEVANCE", "FOLLOWERS", "MEDIAN_VIEWS", "ENGAGEMENT_RATE"];

impl OneOptions {
    /// The options of a query for the instance `source`.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the option that is unknown or cannot be honoured.
    pub(super) fn of(source: &str, query: &Query) -> Result<Self> {
        let Some(value) = query.options.get(source).or_else(|| query.options.get(KEY)) else {
            return Ok(Self::default());
        };
        let options: Self =
            serde_json::from_value(value.clone()).map_err(|error| invalid(error.to_string()))?;
        options.fault().map_or(Ok(options), |fault| Err(invalid(fault)))
    }

    /// The filters a search sends, by the vendor's names.
    pub(super) fn filters(&self) -> Vec<(&'static str, String)> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let rate = |value: Option<f64>| value.map(|value| value.to_string());
        let list = |values: &[String]| (!values.is_empty()).then(|| serde_json::json!(values).to_string());
        let filters = [
            ("min_followers", number(self.min_followers)),
            ("max_followers", number(self.max_followers)),
            ("min_median_views", number(self.min_median_views)),
            ("max_median_views", number(self.max_median_views)),
            ("min_engagement_rate", rate(self.min_engagement_rate)),
            ("max_engagement_rate", rate(self.max_engagement_rate)),
            ("languages", list(&self.languages)),
            ("content_label_ids", list(&self.content_label_ids)),
            ("industry_label_ids", list(&self.industry_label_ids)),
            ("sort_field", self.sort_field.clone()),
        ];
        filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn fault(&self) -> Option<String> {
        let crossed = |name: &str, crossed: bool| {
            crossed.then(|| format!("`min_{name}` is above `max_{name}`: exchange them"))
        };
        let above = |least: Option<u64>, most: Option<u64>| least.zip(most).is_some_and(|(a, b)| a > b);
        let rates = self.min_engagement_rate.zip(self.max_engagement_rate);
        crossed("followers", above(self.min_followers, self.max_followers))
            .or(crossed("median_views", above(self.min_median_views, self.max_median_views)))
            .or(crossed("engagement_rate", rates.is_some_and(|(a, b)| a > b)))
            .or_else(|| {
                let unknown = self.sort_field.as_deref().filter(|order| !ORDERS.contains(order))?;
                let shown: String = unknown.chars().take(40).collect();
                Some(format!("`sort_field` is {shown:?}: the vendor knows {ORDERS:?}"))
            })
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message).with("in", format!("query.options.{KEY}"))
}
