//! The language in which posts are searched.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use super::super::clock::date_of;
use super::super::population::Creator;
use super::super::posts::{Post, find_post};
use super::super::random::mix;
use super::super::vendor::Vendor;
use super::{Refusal, TikTokCall, invalid};

pub(super) const FIELDS: [&str; 23] = [
    "id",
    "video_description",
    "create_time",
    "region_code",
    "share_count",
    "view_count",
    "like_count",
    "comment_count",
    "music_id",
    "hashtag_names",
    "username",
    "effect_ids",
    "playlist_id",
    "voice_to_text",
    "is_stem_verified",
    "favorites_count",
    "video_duration",
    "hashtag_info_list",
    "sticker_info_list",
    "effect_info_list",
    "video_mention_list",
    "video_label",
    "video_tag",
];

/// Of those who are looked through one by one, so many of the latest posts are.
const LATEST: u32 = 6;

/// A search, understood.
#[derive(Debug)]
pub(super) struct Search {
    and: Vec<Condition>,
    or: Vec<Condition>,
    not: Vec<Condition>,
    start: Date,
    end: Date,
    pub(super) max_count: usize,
    pub(super) cursor: usize,
    pub(super) search_id: Option<String>,
    /// What tells it apart from others, whatever its page.
    pub(super) key: String,
}

#[derive(Debug)]
struct Condition {
    field: String,
    operation: String,
    values: Vec<String>,
}

impl Search {
    pub(super) fn read(body: &Value, now: u64) -> Result<Self, Refusal> {
        let query = body["query"].as_object().ok_or_else(|| invalid("query is required"))?;
        let conditions = |name: &str| -> Result<Vec<Condition>, Refusal> {
            let list = query.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            list.iter().map(Condition::read).collect()
        };
        let (and, or, not) = (conditions("and")?, conditions("or")?, conditions("not")?);
        if and.is_empty() && or.is_empty() && not.is_empty() {
            return Err(invalid("query must have at least one condition"));
        }
        let day = |name: &str| {
            let text = body[name].as_str().unwrap_or_default();
            Date::strptime("%Y%m%d", text).map_err(|_| invalid(&format!("{name} is invalid")))
        };
        let (start, end) = (day("start_date")?, day("end_date")?);
        if end < start || start.saturating_add(30.days()) < end {
            return Err(invalid("end_date must be no more than 30 days after start_date"));
        }
        if end > date_of(now) {
            return Err(invalid("end_date is in the future"));
        }
        let max_count = body["max_count"].as_u64().unwrap_or(20) as usize;
        if !(1..=100).contains(&max_count) {
            return Err(invalid("max_count is invalid"));
        }
        let search_id = body["search_id"].as_str().map(str::to_owned);
        let cursor = body["cursor"].as_u64().unwrap_or(0) as usize;
        let key = format!("{} {start} {end} {max_count}", body["query"]);
        Ok(Self { and, or, not, start, end, max_count, cursor, search_id, key })
    }

    /// Its number: the same for all its pages, and another after a while.
    pub(super) fn id(&self, seed: u64, age: u64) -> String {
        let sum = self.key.bytes().fold(seed ^ age, |sum, byte| mix(sum ^ u64::from(byte)));
        format!("7{:018}", sum % 1_000_000_000_000_000_000)
    }

    /// All posts it means, the newest first.
    pub(super) fn matches(&self, call: &TikTokCall<'_>) -> Vec<(u32, u32)> {
        let mut found = BTreeSet::new();
        for (index, position) in self.candidates(call) {
            let author = call.world.listed(index);
            if author.private || !call.world.knows(Vendor::TikTok, index) || position >= author.videos {
                continue;
            }
            let post = call.world.post(&author, position);
            let hashtag = call.world.population.hashtag(post.hashtag);
            let fits = |condition: &Condition| condition.fits(&author, &post, hashtag);
            let made = date_of(post.created_at);
            let meant = (self.start..=self.end).contains(&made)
                && self.and.iter().all(fits)
                && (self.or.is_empty() || self.or.iter().any(fits))
                && !self.not.iter().any(fits);
            if meant {
                found.insert((std::cmp::Reverse(post.id), index, position));
            }
        }
        found.into_iter().map(|(_, index, position)| (index, position)).collect()
    }

    /// The posts that are looked at: few when a condition says which, else the latest of everybody.
    fn candidates(&self, call: &TikTokCall<'_>) -> Vec<(u32, u32)> {
        let population = call.world.population;
        for condition in self.and.iter().filter(|condition| matches!(&*condition.operation, "EQ" | "IN")) {
            let values = condition.values.iter();
            match &*condition.field {
                "hashtag_name" => {
                    let list = |hashtag: u32| {
                        (0..population.list_len(hashtag)).filter_map(move |at| population.listed(hashtag, at))
                    };
                    return values.filter_map(|name| population.find_hashtag(name)).flat_map(list).collect();
                }
                "username" => {
                    let posts = |index: u32| (0..call.world.listed(index).videos).map(move |at| (index, at));
                    return values.filter_map(|name| call.world.owner(name)).flat_map(posts).collect();
                }
                "video_id" => {
                    let post = |id: &String| find_post(population, id.parse().ok()?);
                    return values.filter_map(post).collect();
                }
                _ => {}
            }
        }
        (0..population.len()).flat_map(|index| (0..LATEST).map(move |at| (index, at))).collect()
    }
}

impl Condition {
    fn read(value: &Value) -> Result<Self, Refusal> {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let values = value["field_values"].as_array().map(|values| {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        let values = values.flatten().filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| invalid("field_values must be a list of strings"))?;
        let condition = Self { field: text("field_name"), operation: text("operation"), values };
        let only_equal =
            ["username", "region_code", "video_id", "hashtag_name", "keyword", "music_id", "effect_id"];
        let compared = ["create_date", "view_count", "comment_count"];
        let known = only_equal.contains(&&*condition.field) || compared.contains(&&*condition.field);
        let good = match &*condition.operation {
            "IN" => known,
            "EQ" => known && condition.values.len() == 1,
            "GT" | "GTE" | "LT" | "LTE" => {
                compared.contains(&&*condition.field) && condition.values.len() == 1
            }
            _ => false,
        };
        match good {
            true => Ok(condition),
            false => Err(invalid(&format!("Invalid condition on {}", condition.field))),
        }
    }

    fn fits(&self, author: &Creator, post: &Post, hashtag: &str) -> bool {
        self.values.iter().any(|value| {
            let number = |number: u64| value.parse().is_ok_and(|value: u64| self.compares(number, value));
            match &*self.field {
                "username" => author.handle == *value,
                "region_code" => author.country == value,
                "video_id" => post.id.to_string() == *value,
                "hashtag_name" => hashtag == value.to_lowercase(),
                "keyword" => {
                    let words = value.to_lowercase();
                    post.caption.to_lowercase().contains(&words) || hashtag.contains(&words)
                }
                "view_count" => number(post.views),
                "comment_count" => number(post.comments),
                "create_date" => {
                    let day = date_of(post.created_at).strftime("%Y%m%d").to_string();
                    day.parse().is_ok_and(number)
                }
                _ => false,
            }
        })
    }

    fn compares(&self, number: u64, value: u64) -> bool {
        match &*self.operation {
            "GT" => number > value,
            "GTE" => number >= value,
            "LT" => number < value,
            "LTE" => number <= value,
            _ => number == value,
        }
    }
}
