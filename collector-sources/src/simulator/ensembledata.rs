//! EnsembleData's endpoints: what is checked in which order, and what each call answers and costs.
//!
//! The order of checks is the vendor's: parameters (422), token (491), e-mail (492), subscription (493), units
//! of the day (495), work. Only work is charged.

mod comment;
mod constants;
mod endpoint;
mod feeds;
mod live;
mod parameters;
mod people;
pub(super) mod post;
mod remapped;
mod searches;
pub(super) mod user;

use std::collections::BTreeSet;

use serde_json::json;

pub(super) use self::endpoint::Endpoint;
use self::user::{Counters, Scene};
use super::answer::Answer;
use super::clock::{Clock, Ledger, date_of};
use super::config::{AccountState, LastCursor, ListLocation, ProfileShape, SimulatorConfig, UnknownUser};
use super::effects::World;
use super::images::Images;
use super::json::Json;
use super::links::Links;
use super::population::Creator;
use super::posts::find_post;
use super::query::Query;
use super::random::mix;
use super::vendor::Vendor;

/// Posts on one page of a hashtag's list.
const PAGE: u32 = 20;

/// Ids one multi-info call may name.
const MAX_IDS: usize = 100;

/// Days one history call may ask for.
const MAX_HISTORY_DAYS: i64 = 366;

const PROFILE_BYTES: usize = 9 << 10;
const POST_BYTES: usize = 12 << 10;

/// One call to the vendor and everything its answer depends on.
#[derive(Debug)]
pub(super) struct VendorCall<'a> {
    pub(super) world: World<'a>,
    pub(super) config: &'a SimulatorConfig,
    pub(super) clock: &'a Clock,
    pub(super) ledger: &'a Ledger,
    pub(super) query: &'a Query,
    pub(super) links: Links<'a>,
    pub(super) images: &'a Images,
    /// The number of the call, which decides the order of keys.
    pub(super) number: u64,
    /// Whether the work is to fail inside the vendor.
    pub(super) fails: bool,
}

impl VendorCall<'_> {
    /// Checks the call in the vendor's order and does its work.
    pub(super) fn answer(&self, path: &str) -> Answer {
        let Some(endpoint) = Endpoint::of_path(path) else {
            return Answer::detail(404, "Not Found");
        };
        if let Some(refused) = self.refuse(endpoint) {
            return refused;
        }
        match endpoint {
            Endpoint::UsedUnits => self.free(Self::used_units),
            Endpoint::History => self.free(Self::history),
            Endpoint::UserInfo => self.charge(Self::user_info),
            Endpoint::UserInfoFromSecUid => self.charge(Self::user_info_from_sec_uid),
            Endpoint::HashtagPosts => self.charge(Self::hashtag_posts),
            Endpoint::PostMultiInfo => self.charge(Self::post_multi_info),
            Endpoint::UserPosts => self.charge(Self::user_posts),
            Endpoint::UserPostsFromSecUid => self.charge(Self::user_posts_from_sec_uid),
            Endpoint::UserSearch => self.charge(Self::user_search),
            Endpoint::UserFollowers => self.charge(Self::followers),
            Endpoint::UserFollowings => self.charge(Self::followings),
            Endpoint::UserLikedPosts => self.charge(Self::liked_posts),
            Endpoint::HashtagRecent => self.charge(Self::hashtag_recent),
            Endpoint::KeywordSearch => self.charge(Self::keyword_search),
            Endpoint::KeywordFull => self.charge(Self::keyword_full),
            Endpoint::PostInfo => self.charge(Self::post_info),
            Endpoint::PostComments => self.charge(Self::post_comments),
            Endpoint::MusicPosts => self.charge(Self::music_posts),
            Endpoint::LiveSearch => self.charge(Self::live_search),
        }
    }

    fn refuse(&self, endpoint: Endpoint) -> Option<Answer> {
        if let Some(problems) = parameters::problems(endpoint, self.query) {
            return Some(Answer::json(422, json!({ "detail": problems }).to_string()));
        }
        let known = self.query.get("token") == Some(self.config.token.as_str());
        if !known || self.config.account == AccountState::TokenUnknown {
            let detail = "Token not found, please sign up at https://dashboard.ensembledata.com/register";
            return Some(Answer::detail(491, detail));
        }
        None
    }

    /// Usage endpoints cost nothing and work for accounts in any state.
    fn free(&self, work: fn(&Self) -> Answer) -> Answer {
        if self.fails { internal_error() } else { work(self) }
    }

    fn charge(&self, work: fn(&Self) -> Answer) -> Answer {
        match self.config.account {
            AccountState::EmailUnverified => return Answer::detail(492, "Your email has not been verified."),
            AccountState::Expired => {
                return Answer::detail(493, "Subscription expired. Send an email at hello@ensembledata.com");
            }
            AccountState::Active | AccountState::TokenUnknown => {}
        }
        let day = self.clock.today();
        if !self.ledger.reserve(day, self.config.units_per_day) {
            let detail = "Maximum requests limit reached for today. Send an email at hello@ensembledata.com";
            return Answer::detail(495, detail);
        }
        let answer = if self.fails { internal_error() } else { work(self) };
        self.ledger.settle(day, answer.units);
        answer
    }

    fn used_units(&self) -> Answer {
        let asked = self.query.get("date").unwrap_or_default();
        // Older documents write the day without dashes; text that is no day simply has no usage.
        let day = asked.parse().or_else(|_| jiff::civil::Date::strptime("%Y%m%d", asked));
        let used = day.map_or(0, |day| self.ledger.used(day));
        self.data(
            json!({ "tiktok": used, "instagram": 0, "youtube": 0, "reddit": 0, "twitch": 0 }).to_string(),
        )
    }

    fn history(&self) -> Answer {
        let days = self.query.get("days").and_then(parameters::integer).unwrap_or_default();
        let now = self.clock.now();
        let rows: Vec<_> = (0..days.clamp(0, MAX_HISTORY_DAYS) as u64)
            .map(|back| date_of(now.saturating_sub(back * 86_400)))
            .map(|day| {
                let used = self.ledger.used(day);
                json!({ "date": day.to_string(), "tiktok": used, "instagram": 0, "twitch": 0, "youtube": 0, "reddit": 0 })
            })
            .collect();
        self.data(json!(rows).to_string())
    }

    fn user_info(&self) -> Answer {
        let asked = self.query.get("username").unwrap_or_default();
        let owner = self.world.owner(asked).filter(|index| self.world.knows(Vendor::EnsembleData, *index));
        let answer = match owner {
            Some(index) => self.profile(index, self.config.profile_shape),
            None => self.nobody(asked, self.config.profile_shape),
        };
        answer.charged(1, vec![asked.to_ascii_lowercase()])
    }

    fn user_info_from_sec_uid(&self) -> Answer {
        let asked = self.query.get("secUid").unwrap_or_default();
        let owner = self
            .world
            .population
            .find_sec_uid(asked)
            .filter(|index| self.world.knows(Vendor::EnsembleData, *index));
        let answer = match owner {
            Some(index) => self.profile(index, ProfileShape::Mobile),
            None => self.nobody(asked, ProfileShape::Mobile),
        };
        answer.charged(1, vec![asked.to_owned()])
    }

    fn nobody(&self, asked: &str, shape: ProfileShape) -> Answer {
        match self.config.unknown_user {
            UnknownUser::Null => self.data("null".to_owned()),
            UnknownUser::UserNull => self.data(r#"{"user":null}"#.to_owned()),
            UnknownUser::Empty => self.data("{}".to_owned()),
            UnknownUser::Invalid => Answer::detail(463, "Invalid username or user id."),
            UnknownUser::NotFound => Answer::detail(473, "User not found."),
            UnknownUser::NearMiss => {
                let sum = asked.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)));
                self.profile((sum % u64::from(self.world.population.len().max(1))) as u32, shape)
            }
        }
    }

    fn profile(&self, index: u32, shape: ProfileShape) -> Answer {
        if self.world.broken(index) {
            return self.data(r#"{"user":[17],"stats":{"followerCount":"many"}}"#.to_owned());
        }
        let creator = self.world.present(index);
        let seed = self.world.population.seed();
        let stale =
            self.images.has_stale_links(&self.config.pictures, seed, index).then(|| self.links.ended());
        let links = stale.as_ref().unwrap_or(&self.links);
        let scene = Scene { links, ..self.scene(&creator, Counters::Real) };
        let mut json = Json::with_capacity(PROFILE_BYTES);
        json.open('{').key("data").open('{');
        match shape {
            ProfileShape::Merged => scene.merged_profile(&mut json),
            ProfileShape::Mobile => {
                json.key("user").open('{');
                scene.mobile_members(&mut json);
                if self.query.get("alternative_method").and_then(parameters::boolean) == Some(true) {
                    json.text("category", "Beauty");
                }
                json.close('}');
            }
            ProfileShape::Flat => scene.mobile_members(&mut json),
        }
        json.close('}').close('}');
        Answer::json(self.config.success_status, json.into_string())
    }

    fn hashtag_posts(&self) -> Answer {
        let asked = self.query.get("name").unwrap_or_default();
        let sent = self.query.get("cursor").and_then(parameters::integer).unwrap_or_default();
        let cursor = u32::try_from(sent.max(0)).unwrap_or(u32::MAX);
        let hashtag = self.world.population.find_hashtag(asked);
        let page = hashtag.map_or_else(ListPage::default, |hashtag| self.list_page(hashtag, cursor));

        let mut json = Json::with_capacity(page.posts.len() * POST_BYTES + 64);
        json.open('{');
        match self.config.list_location {
            ListLocation::Data => {
                self.next_cursor(&mut json, &page, sent);
                self.listed_posts(&mut json, "data", &page);
            }
            ListLocation::DataData | ListLocation::DataPosts => {
                let name = if self.config.list_location == ListLocation::DataData { "data" } else { "posts" };
                json.key("data").open('{');
                if self.number.is_multiple_of(2) {
                    self.next_cursor(&mut json, &page, sent);
                    self.listed_posts(&mut json, name, &page);
                } else {
                    self.listed_posts(&mut json, name, &page);
                    self.next_cursor(&mut json, &page, sent);
                }
                json.close('}');
            }
        }
        json.close('}');
        let subject = format!("{}#{cursor}", asked.to_lowercase());
        Answer::json(self.config.success_status, json.into_string()).charged(1, vec![subject])
    }

    /// The posts at a cursor. Cursors count positions; empty pages on purpose take up positions too.
    fn list_page(&self, hashtag: u32, cursor: u32) -> ListPage {
        let length = self.world.population.list_len(hashtag);
        let middle = length / 2 / PAGE * PAGE;
        let gap = if middle == 0 { 0 } else { self.config.empty_pages.saturating_mul(PAGE) };
        let (first_half_ends, total) = (if gap == 0 { length } else { middle }, length.saturating_add(gap));
        if cursor >= total {
            return ListPage::default();
        }
        let (from, to, next) = if cursor < first_half_ends {
            let to = (cursor + PAGE).min(first_half_ends);
            (cursor, to, to)
        } else if cursor - middle < gap {
            (0, 0, cursor.saturating_add(PAGE).min(middle.saturating_add(gap)))
        } else {
            let to = (cursor - gap + PAGE).min(length);
            (cursor - gap, to, to + gap)
        };
        let from = if to > from { from.saturating_sub(self.config.duplicates) } else { from };
        let posts =
            (from..to).filter_map(|position| self.world.population.listed(hashtag, position)).collect();
        ListPage { posts, next: (next < total).then_some(next) }
    }

    fn next_cursor(&self, json: &mut Json, page: &ListPage, sent: i64) {
        match (page.next, self.config.last_cursor) {
            (Some(next), _) => {
                json.int("nextCursor", u64::from(next));
            }
            (None, LastCursor::Absent) => {}
            (None, LastCursor::Null) => {
                json.key("nextCursor").raw("null");
            }
            (None, LastCursor::Same) => {
                json.key("nextCursor").raw(&sent.to_string());
            }
        }
    }

    fn listed_posts(&self, json: &mut Json, name: &str, page: &ListPage) {
        json.key(name).open('[');
        for (index, position) in &page.posts {
            let author = self.world.listed(*index);
            self.post(json, &author, *position, false);
        }
        json.close(']');
    }

    fn post_multi_info(&self) -> Answer {
        let asked = self.query.get("ids").unwrap_or_default();
        let ids: BTreeSet<&str> = asked.split(';').map(str::trim).filter(|id| !id.is_empty()).collect();
        if asked.split(';').filter(|id| !id.trim().is_empty()).count() > MAX_IDS {
            return Answer::detail(464, "Number of passed IDs are more than the maximum allowed.");
        }
        let short = self.query.get("new_version").and_then(parameters::boolean) == Some(true);
        let mut json = Json::with_capacity(ids.len() * POST_BYTES + 64);
        let mut delivered = Vec::with_capacity(ids.len());
        json.open('{').key("data").open('[');
        for id in ids {
            if self.post_by_id(&mut json, id, short) {
                delivered.push(id.to_owned());
            }
        }
        json.close(']').close('}');
        let units = 2 * delivered.len() as u64;
        Answer::json(self.config.success_status, json.into_string()).charged(units, delivered)
    }

    /// Writes the post with an id; false, and nothing written, when there is none to show.
    fn post_by_id(&self, json: &mut Json, id: &str, short: bool) -> bool {
        if self.config.missing_posts.contains(id) {
            return false;
        }
        let found = id.parse().ok().and_then(|id| find_post(self.world.population, id));
        let Some((index, position)) =
            found.filter(|(index, _)| self.world.knows(Vendor::EnsembleData, *index))
        else {
            return false;
        };
        if self.config.broken_posts.contains(id) {
            json.open('{')
                .text("aweme_id", id)
                .key("author")
                .raw("17")
                .key("statistics")
                .raw("\"?\"")
                .close('}');
            return true;
        }
        let author = self.world.present(index);
        self.post(json, &author, position, short);
        true
    }

    fn post(&self, json: &mut Json, author: &Creator, position: u32, short: bool) {
        let counters = if self.config.zero_counters { Counters::Zero } else { Counters::Real };
        let with_video = self.query.get("download_video").and_then(parameters::boolean) == Some(true);
        let style = post::Style { short, download: short && with_video, ..post::Style::default() };
        self.styled_post(json, author, position, counters, style);
    }

    fn styled_post(
        &self,
        json: &mut Json,
        author: &Creator,
        position: u32,
        counters: Counters,
        style: post::Style,
    ) {
        let post = self.world.post(author, position);
        let hashtag = (post.hashtag, self.world.population.hashtag(post.hashtag));
        post::write(json, &post, hashtag, &self.scene(author, counters), style);
    }

    fn scene<'s>(&'s self, creator: &'s Creator, counters: Counters) -> Scene<'s> {
        Scene {
            creator,
            counters,
            has_ids: self.world.shows_ids(Vendor::EnsembleData, creator.index),
            dated: false,
            links: &self.links,
            now: self.clock.now(),
            order: self.number,
            seed: self.world.population.seed(),
        }
    }

    fn data(&self, json: String) -> Answer {
        Answer::json(self.config.success_status, format!("{{\"data\":{json}}}"))
    }
}

/// The posts of one page, as creator and position, and where the next page begins.
#[derive(Debug, Default)]
struct ListPage {
    posts: Vec<(u32, u32)>,
    next: Option<u32>,
}

fn internal_error() -> Answer {
    Answer::detail(500, "Internal error.")
}
