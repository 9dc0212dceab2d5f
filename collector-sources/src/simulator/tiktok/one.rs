//! TikTok One: the marketplace's creators. The status is 200, whatever the answer.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::config::SimulatorConfig;
use super::super::effects::World;
use super::super::population::Creator;
use super::super::query::Query;
use super::super::vendor::Vendor;

pub(in super::super) const PATHS: [&str; 4] = [DISCOVER, PUBLIC, VIDEOS, LABELS];
const DISCOVER: &str = "/tto/tcm/creator/discover/";
const PUBLIC: &str = "/tto/tcm/creator/public/";
const VIDEOS: &str = "/tto/tcm/creator/public/video/list/";
const LABELS: &str = "/tto/tcm/category/label/";

/// One call to TikTok One.
#[derive(Debug)]
pub(in super::super) struct OneCall<'a> {
    pub(in super::super) world: World<'a>,
    pub(in super::super) config: &'a SimulatorConfig,
    pub(in super::super) query: &'a Query,
    pub(in super::super) headers: &'a HeaderMap,
    pub(in super::super) number: u64,
    pub(in super::super) fails: bool,
}

impl OneCall<'_> {
    pub(in super::super) fn answer(&self, path: &str) -> Answer {
        let sent = self.headers.get("access-token").and_then(|token| token.to_str().ok());
        if !PATHS.contains(&path) {
            return self.failed(40400, "no such path");
        }
        match sent {
            None | Some("") => return self.failed(40104, "Access token is empty"),
            Some(token) if token != self.config.token => {
                return self.failed(40105, "Access token is incorrect or has been revoked");
            }
            Some(_) => {}
        }
        if self.fails {
            return self.failed(50000, "System error");
        }
        if self.query.get("tto_tcm_account_id").is_none_or(str::is_empty) {
            return self.failed(40002, "tto_tcm_account_id is required");
        }
        match path {
            DISCOVER => self.discover(),
            PUBLIC => self.public(),
            VIDEOS => self.videos(),
            _ => self.data(&json!({ "industry_labels": [], "content_labels": [] }), Vec::new()),
        }
    }

    fn discover(&self) -> Answer {
        let countries: Vec<String> = self
            .query
            .get("country_codes")
            .and_then(|list| serde_json::from_str(list).ok())
            .unwrap_or_default();
        let [country] = countries.as_slice() else {
            return self.failed(40002, "country_codes must be a list of one country");
        };
        let number = |name: &str, usual: u64| match self.query.get(name) {
            None => Some(usual),
            Some(text) => text.parse::<u64>().ok(),
        };
        let (Some(page), Some(size), Some(least), Some(most)) = (
            number("page", 1).filter(|page| *page > 0),
            number("page_size", 20).filter(|size| (10..=200).contains(size)),
            number("min_followers", 0),
            number("max_followers", u64::MAX),
        ) else {
            return self.failed(40002, "a number is invalid");
        };
        let words = self.query.get("keyword_search").unwrap_or_default().to_lowercase();
        let fits = |creator: &Creator| {
            creator.country == country
                && (least..=most).contains(&creator.followers)
                && self.is_member(creator)
                && [&creator.name, &creator.bio, &creator.handle]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&words))
        };
        let everybody = (0..self.world.population.len()).map(|index| self.world.present(index));
        let found: Vec<Creator> = everybody.filter(fits).take(self.config.tiktok.cut_off as usize).collect();
        let from = ((page - 1).saturating_mul(size) as usize).min(found.len());
        let to = (from + size as usize).min(found.len());
        let rows: Vec<Value> =
            found.get(from..to).unwrap_or_default().iter().map(|creator| self.row(creator)).collect();
        let total = found.len() as u64;
        let info = json!({ "page": page, "page_size": size, "total_number": total, "total_page": total.div_ceil(size) });
        let subject = format!("{country} {words} {least}-{most}#{page}");
        self.data(&json!({ "creators": rows, "page_info": info }), vec![subject])
    }

    /// Rows have no biography; every other number is text.
    fn row(&self, creator: &Creator) -> Value {
        let number = |number: u64| match creator.index.is_multiple_of(2) {
            true => json!(number),
            false => json!(number.to_string()),
        };
        json!({
            "handle_name": creator.handle,
            "display_name": creator.name,
            "profile_image": format!("https://pictures.example/{}.jpeg", creator.avatar_uri),
            "followers_count": number(creator.followers),
            "following_count": number(creator.following),
            "likes_count": number(creator.hearts),
            "videos_count": number(u64::from(creator.videos)),
        })
    }

    fn is_member(&self, creator: &Creator) -> bool {
        !creator.private && self.world.knows(Vendor::TikTokOne, creator.index)
    }

    /// The creator a call asks for.
    fn creator(&self) -> Result<Creator, Answer> {
        let handle = self.query.get("handle_name").unwrap_or_default();
        let index = self.world.owner(handle).ok_or_else(|| self.failed(40007, "Creator does not exist"))?;
        let creator = self.world.present(index);
        if self.is_member(&creator) { Ok(creator) } else { Err(self.failed(40121, "Not a TCM creator")) }
    }

    fn public(&self) -> Answer {
        let creator = match self.creator() {
            Ok(creator) => creator,
            Err(answer) => return answer,
        };
        let mut row = self.row(&creator);
        row["creator_id"] = json!(format!("9{}", creator.index));
        row["bio"] = json!(creator.bio);
        row["median_views"] = json!(self.world.post(&creator, 0).views);
        row["engagement_rate"] = json!("3.2%");
        row["creator_price"] = json!("120");
        row["currency"] = json!("USD");
        let label = self.world.population.hashtag(creator.hashtags[0]);
        row["content_labels"] = json!([{ "label_id": "1", "label_name": label }]);
        row["industry_labels"] = json!([]);
        self.data(&row, vec![creator.handle])
    }

    fn videos(&self) -> Answer {
        let creator = match self.creator() {
            Ok(creator) => creator,
            Err(answer) => return answer,
        };
        let number =
            |name: &str, usual: u32| self.query.get(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let (from, size) = (number("cursor", 0).min(creator.videos), number("limit", 20).clamp(1, 50));
        let to = (from + size).min(creator.videos);
        let posts: Vec<Value> = (from..to)
            .map(|position| {
                let post = self.world.post(&creator, position);
                let at = super::super::clock::timestamp(post.created_at);
                json!({
                    "video_id": post.id.to_string(), "caption": post.caption, "likes": post.likes,
                    "comments": post.comments, "shares": post.shares, "video_views": post.views,
                    "create_time": at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                    "caption_hashtags": [self.world.population.hashtag(post.hashtag)],
                    "collaboration_status": "NONE",
                })
            })
            .collect();
        let info = json!({ "has_more": to < creator.videos, "cursor": to });
        self.data(&json!({ "posts": posts, "page_info": info }), vec![format!("{}#{from}", creator.handle)])
    }

    fn data(&self, data: &Value, subjects: Vec<String>) -> Answer {
        self.envelope(0, "OK", data).charged(0, subjects)
    }

    fn failed(&self, code: u32, message: &str) -> Answer {
        self.envelope(code, message, &json!({}))
    }

    fn envelope(&self, code: u32, message: &str, data: &Value) -> Answer {
        let id = format!("2026{:028X}", self.number);
        let body = json!({ "code": code, "message": message, "request_id": id, "data": data });
        Answer::json(200, body.to_string())
    }
}
