//! Pages: a region's creators, rankings, searches, somebody's days and videos.

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan as _};
use serde_json::{Value, json};

use super::super::clock::date_of;
use super::super::population::Creator;
use super::super::vendor::Vendor;
use super::row::of_day;
use super::{EchoTikCall, Found};

/// Pages of a region's list, and of everything else.
const LIST_PAGES: u64 = 10_000;
const PAGES: u64 = 100_000;

/// Days back a trend can be asked for.
const MOST_DAYS: i32 = 180;

/// Ranks of a ranking.
const RANKS: usize = 100;

/// Hits of a search.
const HITS: u64 = 30;

impl EchoTikCall<'_> {
    pub(super) fn page(&self, path: &str) -> Found {
        match path.rsplit('/').next().unwrap_or_default() {
            "ranklist" => self.ranking(),
            "trend" => self.trend(),
            "items" => self.search(),
            _ if path.ends_with("/video/list") => self.videos(),
            _ => self.region_list(),
        }
    }

    /// Everybody of a market whom the vendor knows, as lists show them.
    fn of_region(&self, region: &str) -> impl Iterator<Item = Creator> {
        self.known_of_region(region).map(|index| self.world.row(index))
    }

    fn known_of_region(&self, region: &str) -> impl Iterator<Item = u32> {
        let everybody = self.world.population.of_country(region).iter().copied();
        everybody.filter(|index| self.world.knows(Vendor::EchoTik, *index))
    }

    fn region_list(&self) -> Found {
        let region = self.required("region")?;
        let bound = |name: &str| match self.query.get(name) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("parameter {name} is no number")),
        };
        let (least, most) = (bound("min_total_followers_cnt")?, bound("max_total_followers_cnt")?);
        let niche = self.query.get("influencer_category_name");
        let sorted =
            self.query.get("influencer_sort_field_v2").is_some() || self.query.get("sort_type").is_some();
        if !sorted && least.is_none() && most.is_none() && niche.is_none() {
            // Of a whole region only the page is made.
            let known: Vec<u32> = self.known_of_region(region).collect();
            return self.paged_as(known, LIST_PAGES, |index| self.row(&self.world.row(index)));
        }
        let wanted = |creator: &Creator| {
            least.is_none_or(|least| creator.followers >= least)
                && most.is_none_or(|most| creator.followers <= most)
                && niche.is_none_or(|niche| self.niche(creator) == niche)
        };
        let mut listed: Vec<Creator> = self.of_region(region).filter(wanted).collect();
        match self.query.get("influencer_sort_field_v2") {
            Some("1") => listed.sort_by_key(|creator| creator.followers),
            Some("3") => listed.sort_by_key(|creator| creator.videos),
            _ => {}
        }
        // Ascending unless told otherwise.
        if self.query.get("sort_type") == Some("1") {
            listed.reverse();
        }
        self.paged(listed.iter().map(|creator| self.row(creator)).collect(), LIST_PAGES)
    }

    fn ranking(&self) -> Found {
        let region = self.required("region")?;
        let date: Date = self.required("date")?.parse().map_err(|_| "date is no day".to_owned())?;
        let (first, end) = match self.number("rank_type")? {
            1 => (true, date + 1.day()),
            2 => (date.weekday() == Weekday::Monday, date + 7.days()),
            3 => (date.day() == 1, date + 1.month()),
            _ => return Err("rank_type is 1, 2 or 3".to_owned()),
        };
        let by_sales = match self.number("influencer_rank_field")? {
            1 => false,
            2 => true,
            _ => return Err("influencer_rank_field is 1 or 2".to_owned()),
        };
        // A ranking is there when its period is over and the vendor has caught up.
        let lag: Span = i64::from(self.config.echotik.ranking_lag_days).days();
        let is_there = first && end + lag <= self.clock.today();
        let mut ranked: Vec<(u64, Creator)> = if is_there {
            let value = |creator: &Creator| match self.world.population.commerce(creator) {
                Some(sold) if by_sales => sold.units_30d,
                None if by_sales => 0,
                _ => creator.followers / 700 + of_day(&self.world, creator, days(date)) % 97,
            };
            self.of_region(region)
                .map(|creator| (value(&creator), creator))
                .filter(|(value, _)| *value > 0)
                .collect()
        } else {
            Vec::new()
        };
        ranked.sort_by_key(|(value, creator)| (std::cmp::Reverse(*value), creator.index));
        ranked.truncate(RANKS);
        let row = |(value, creator): (u64, Creator)| {
            let (won, sold) = if by_sales { (0, value) } else { (value, 0) };
            json!({
                "user_id": creator.uid.to_string(), "unique_id": self.shown_handle(&creator),
                "nick_name": creator.name, "avatar": self.avatar(&creator), "region": creator.country,
                "category": self.niche(&creator), "ec_score": 3.5, "sales_flag": self.sales_flag(&creator),
                "total_followers_cnt": won, "total_digg_cnt": 0, "total_live_cnt": 0,
                "total_post_video_cnt": 0, "total_product_cnt": 0, "total_sale_cnt": sold,
                "total_sale_gmv_amt": sold * 7, "total_followers_history_cnt": creator.followers,
                "total_digg_history_cnt": creator.hearts / 4, "total_live_history_cnt": 3,
                "total_post_video_history_cnt": creator.videos, "total_product_history_cnt": 5,
                "total_sale_history_cnt": sold * 9, "total_sale_gmv_history_amt": sold * 63,
                "product_category_list": "601450-849288-601451:1", "most_category_id": "601450",
                "most_category_l2_id": "849288", "most_category_l3_id": "601451",
            })
        };
        self.paged(ranked.into_iter().map(row).collect(), PAGES)
    }

    fn search(&self) -> Found {
        let words = self.required("sk")?;
        if self.number("type")? != 1 {
            return Err("type: only creators are simulated".to_owned());
        }
        let size = self.number("size")?;
        if size == 0 || size > HITS {
            return Err(format!("size must be 1 to {HITS}"));
        }
        let region = self.query.get("region").filter(|region| !region.is_empty());
        let hits = self.world.people_called(words).into_iter();
        let known = hits.filter(|index| self.world.knows(Vendor::EchoTik, *index));
        let creators = known.map(|index| self.world.row(index));
        let rows: Vec<Value> = creators
            .filter(|creator| region.is_none_or(|region| creator.country == region))
            .take(size as usize)
            .map(|creator| {
                json!({
                    "user_id": creator.uid.to_string(), "unique_id": self.shown_handle(&creator),
                    "nick_name": creator.name, "avatar": self.avatar(&creator),
                    "category": self.niche(&creator), "region": creator.country, "contact_email": "",
                    "influencer_level": "3", "highlight": null, "total_followers_cnt": creator.followers,
                    "total_digg_cnt": creator.hearts / 4, "total_post_video_cnt": creator.videos,
                    "total_views_cnt": creator.hearts * 11, "total_live_cnt": 3, "total_live_views_cnt": 900,
                    "total_product_cnt": 5, "total_sale_cnt": 7, "total_sale_gmv_amt": 123.45,
                })
            })
            .collect();
        Ok(self.list(rows))
    }

    /// Somebody by number.
    fn by_uid(&self) -> Result<Option<Creator>, String> {
        let uid = self.number("user_id")?;
        let index = self.world.population.find_uid(uid);
        let known = index.filter(|index| self.world.knows(Vendor::EchoTik, *index));
        Ok(known.map(|index| self.world.present(index)))
    }

    /// Days with gaps, in no order inside a page; the present day is not there yet.
    fn trend(&self) -> Found {
        let day = |name: &str| -> Result<Date, String> {
            self.required(name)?.parse().map_err(|_| format!("{name} is no day"))
        };
        let (start, end) = (day("start_date")?, day("end_date")?);
        let today = self.clock.today();
        let oldest = today - i64::from(MOST_DAYS).days();
        if start > end || start < oldest {
            return Err(format!("start_date and end_date lie within the last {MOST_DAYS} days"));
        }
        let Some(creator) = self.by_uid()? else { return self.paged(Vec::new(), PAGES) };
        let mut rows: Vec<(i64, Value)> = Vec::new();
        let mut date = end.min(today.yesterday().unwrap_or(today));
        while date >= start {
            let number = days(date);
            let draw = of_day(&self.world, &creator, number);
            // On some days nothing changed.
            if !draw.is_multiple_of(7) {
                let ago = (days(today) - number) as u64;
                rows.push((
                    number,
                    json!({
                        "dt": date.to_string(), "user_id": creator.uid.to_string(),
                        "total_followers_cnt": followers_ago(&creator, ago),
                        "total_digg_cnt": creator.hearts / 4, "total_comments_cnt": creator.hearts / 40,
                        "total_shares_cnt": creator.hearts / 90, "total_views_cnt": creator.hearts * 11,
                        "total_post_video_cnt": creator.videos, "total_live_cnt": 3,
                        "total_followers_1d_cnt": draw as i64 % 40, "total_digg_1d_cnt": draw % 900,
                        "total_sale_1d_cnt": draw % 5, "total_sale_gmv_1d_amt": draw % 500,
                    }),
                ));
            }
            date = date.yesterday().unwrap_or(Date::MIN);
        }
        for page in rows.chunks_mut(super::TEN) {
            page.sort_by_key(|(number, _)| of_day(&self.world, &creator, *number));
        }
        self.paged(rows.into_iter().map(|(_, row)| row).collect(), PAGES)
    }

    /// Videos, as far as the vendor has them.
    fn videos(&self) -> Found {
        let creator = match self.query.get("unique_id") {
            Some(handle) => self.owner(handle),
            None => self.by_uid()?,
        };
        let Some(creator) = creator else { return self.paged(Vec::new(), PAGES) };
        let mut posts: Vec<_> = (0..creator.videos)
            .map(|index| self.world.post(&creator, index))
            .filter(|post| post.id % 5 != 0)
            .collect();
        if self.query.get("sort_type") != Some("1") {
            posts.reverse();
        }
        let row = |post: super::super::posts::Post| {
            json!({
                "video_id": post.id.to_string(), "user_id": creator.uid.to_string(),
                "unique_id": self.shown_handle(&creator),
                "video_desc": format!("{} #{}  ", post.caption, self.world.population.hashtag(post.hashtag)),
                "create_time": post.created_at.to_string(), "duration": post.duration_ms / 1_000,
                "width": "576", "height": "1024", "data_size": "1048576", "ratio": "720p",
                "created_by_ai": "false", "sales_flag": 0, "region": creator.country,
                "reflow_cover": format!("{}/video-cover/7/{}.jpg", super::PICTURE_HOST, post.id),
                "total_views_cnt": post.views, "total_digg_cnt": post.likes,
                "total_comments_cnt": post.comments, "total_shares_cnt": post.shares,
                "total_favorites_cnt": post.saves, "total_views_1d_cnt": 0, "total_digg_1d_cnt": 0,
                "total_video_sale_cnt": 0, "total_video_sale_gmv_amt": 0, "video_products": "[1729384756102938475]",
            })
        };
        self.paged(posts.into_iter().map(row).collect(), PAGES)
    }
}

/// Followers of a creator some days ago: fewer, and now and then more than a day later.
fn followers_ago(creator: &Creator, days: u64) -> u64 {
    creator.followers - (creator.followers / 2_000 * days).min(creator.followers / 2)
}

/// Days since 1970-01-01.
fn days(date: Date) -> i64 {
    (date - date_of(0)).get_days().into()
}
