//! TikTok's Research API, after its published description: a token for a key and a secret, a search of posts with a
//! language of its own, profiles, and lists of people. [`one`] is TikTok One.

mod knobs;
pub(super) mod one;
mod search;

use axum::http::HeaderMap;
use jiff::fmt::strtime;
use serde_json::{Value, json};

use super::answer::Answer;
use super::clock::{Clock, Ledger, timestamp};
use super::config::SimulatorConfig;
use super::effects::World;
use super::graph::{list_position, tied_at};
use super::json::Json;
use super::links::Links;
use super::population::purpose;
use super::query::Query;
use super::random::hash;
use super::vendor::Vendor;
use search::Search;

pub use knobs::TikTokKnobs;

/// The key that belongs to the simulator's token, which is the client's secret here.
const CLIENT_KEY: &str = "simulated-client-key";

pub(super) const PATHS: [&str; 5] = [TOKEN, VIDEOS, USER, FOLLOWERS, FOLLOWING];
const TOKEN: &str = "/v2/oauth/token/";
const VIDEOS: &str = "/v2/research/video/query/";
const USER: &str = "/v2/research/user/info/";
const FOLLOWERS: &str = "/v2/research/user/followers/";
const FOLLOWING: &str = "/v2/research/user/following/";

const USER_FIELDS: [&str; 9] = [
    "display_name",
    "bio_description",
    "avatar_url",
    "is_verified",
    "follower_count",
    "following_count",
    "likes_count",
    "video_count",
    "bio_url",
];

/// One call to the Research API.
#[derive(Debug)]
pub(super) struct TikTokCall<'a> {
    pub(super) world: World<'a>,
    pub(super) config: &'a SimulatorConfig,
    pub(super) clock: &'a Clock,
    /// Requests of the day but those for lists of people, which have a ledger of their own.
    pub(super) ledger: &'a Ledger,
    pub(super) lists: &'a Ledger,
    pub(super) query: &'a Query,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) links: Links<'a>,
    /// The number of this call.
    pub(super) number: u64,
    pub(super) fails: bool,
}

/// A refusal: status, code, message.
type Refusal = (u16, &'static str, String);

impl TikTokCall<'_> {
    pub(super) fn answer(&self, path: &str) -> Answer {
        if path == TOKEN {
            return self.token();
        }
        self.work(path).unwrap_or_else(|(status, code, message)| self.envelope(status, "{}", code, &message))
    }

    fn work(&self, path: &str) -> Result<Answer, Refusal> {
        if !PATHS.contains(&path) {
            return Err((404, "invalid_request", "Unsupported path(Janus)".to_owned()));
        }
        self.require_token()?;
        let is_list = path == FOLLOWERS || path == FOLLOWING;
        let knobs = &self.config.tiktok;
        if is_list && !knobs.lists_approved {
            let message = "The user did not authorize the scope required for completing this request.";
            return Err((401, "scope_not_authorized", message.to_owned()));
        }
        let (ledger, limit) = match is_list {
            true => (self.lists, knobs.list_requests_per_day),
            false => (self.ledger, knobs.requests_per_day),
        };
        if !ledger.reserve(self.clock.today(), Some(limit)) {
            return Err((429, "daily_quota_limit_exceeded", "Daily quota limit exceeded".to_owned()));
        }
        if self.fails {
            let message = "Something went wrong. Please try again later.";
            return Err((500, "internal_error", message.to_owned()));
        }
        let body: Value = serde_json::from_slice(self.body)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| invalid("The request body is not valid JSON"))?;
        match path {
            VIDEOS => self.videos(&body),
            USER => self.user(&body),
            _ => self.people(&body, path == FOLLOWERS),
        }
    }

    fn now(&self) -> u64 {
        self.clock.now()
    }

    /// A token says when it was given, so that nothing needs to be kept.
    fn token(&self) -> Answer {
        let flat = |status: u16, error: &str, description: &str| {
            let body = json!({ "error": error, "error_description": description, "log_id": self.log_id() });
            Answer::json(status, body.to_string())
        };
        let kind = self.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return flat(400, "invalid_request", "Only `application/x-www-form-urlencoded` is supported.");
        }
        let form = Query::parse(std::str::from_utf8(self.body).unwrap_or_default());
        let Some(secret) = form.get("client_secret") else {
            return flat(400, "invalid_request", "The client_secret is missed in the request.");
        };
        if form.get("grant_type") != Some("client_credentials") {
            return flat(400, "unsupported_grant_type", "Grant type is not supported.");
        }
        if form.get("client_key") != Some(CLIENT_KEY) || secret != self.config.token {
            return flat(401, "invalid_client", "Client key or secret is incorrect.");
        }
        if self.fails {
            return flat(500, "server_error", "Something is wrong.");
        }
        let (now, lasts) = (self.now(), self.config.tiktok.token_seconds);
        let token = format!("clt.{now:x}.{:016x}", self.signature(now));
        let body = json!({ "access_token": token, "expires_in": lasts, "token_type": "Bearer" });
        Answer::json(200, body.to_string())
    }

    fn signature(&self, issued: u64) -> u64 {
        hash(self.world.population.seed(), purpose::SIGNATURE, issued)
    }

    fn require_token(&self) -> Result<(), Refusal> {
        let sent =
            self.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let good = sent.split_once(' ').and_then(|(scheme, token)| {
            let (issued, signature) = token.strip_prefix("clt.")?.split_once('.')?;
            let issued = u64::from_str_radix(issued, 16).ok()?;
            let signed = signature == format!("{:016x}", self.signature(issued));
            let lives = (issued..issued + self.config.tiktok.token_seconds).contains(&self.now());
            (scheme.eq_ignore_ascii_case("bearer") && signed && lives).then_some(())
        });
        good.ok_or_else(|| {
            let message = "The access token is invalid or not found in the request.";
            (401, "access_token_invalid", message.to_owned())
        })
    }

    /// The wanted fields: a comma list, blanks tolerated.
    fn fields(&self, known: &[&str]) -> Result<Vec<&str>, Refusal> {
        let fields: Vec<&str> =
            self.query.get("fields").unwrap_or_default().split(',').map(str::trim).collect();
        if fields == [""] {
            return Err(invalid(&format!("Fields is required, {}", known.join(","))));
        }
        match fields.iter().find(|field| !known.contains(field)) {
            Some(unknown) => Err(invalid(&format!("Invalid field: {unknown}"))),
            None => Ok(fields),
        }
    }

    fn videos(&self, body: &Value) -> Result<Answer, Refusal> {
        let fields = self.fields(&search::FIELDS)?;
        let search = Search::read(body, self.now())?;
        let matches = search.matches(self);
        let expected =
            search.id(self.world.population.seed(), self.now() / self.config.tiktok.search_seconds.max(1));
        let lost = self.config.tiktok.lost_searches;
        let draw = hash(self.world.population.seed(), purpose::QUIRK, self.number);
        if search.cursor > 0 {
            let sent = search.search_id.as_deref().unwrap_or_default();
            if sent != expected || super::random::unit(draw) < lost {
                return Err(invalid(&format!("Search Id {sent} is invalid or expired")));
            }
        }
        let from = search.cursor.min(matches.len());
        let to = (from + search.max_count).min(matches.len());
        let more = to < matches.len();
        let shown = matches.get(from..to).unwrap_or_default().iter().filter(|(index, position)| {
            let post = u64::from(*index) << 10 | u64::from(*position);
            super::random::unit(hash(self.world.population.seed(), purpose::QUIRK, !post))
                >= self.config.tiktok.deleted_share
        });
        let videos: Vec<String> =
            shown.map(|(index, position)| self.video(*index, *position, &fields)).collect();
        let mut members = Vec::new();
        if !matches.is_empty() {
            members.push(("videos", format!("[{}]", videos.join(","))));
            members.push(("search_id", format!("\"{expected}\"")));
        }
        let cursor = if more { from + search.max_count } else { to };
        members.push(("cursor", cursor.to_string()));
        members.push(("has_more", more.to_string()));
        let subject = format!("{}#{}", search.key, search.cursor);
        Ok(self.data(members).charged(0, vec![subject]))
    }

    fn video(&self, index: u32, position: u32, fields: &[&str]) -> String {
        let author = self.world.listed(index);
        let post = self.world.post(&author, position);
        let hashtag = self.world.population.hashtag(post.hashtag);
        // Some names carry characters that are none.
        let nul = if (index + position).is_multiple_of(7) { "\0" } else { "" };
        let values = [
            ("id", json!(post.id)),
            ("username", json!(format!("{}{nul}", author.handle))),
            ("region_code", json!(author.country)),
            ("create_time", json!(post.created_at)),
            ("video_description", json!(format!("{} #{hashtag}", post.caption))),
            ("hashtag_names", json!([hashtag])),
            ("view_count", json!(post.views)),
            ("like_count", json!(post.likes)),
            ("comment_count", json!(post.comments)),
            ("share_count", json!(post.shares)),
            ("favorites_count", json!(post.saves)),
            ("video_duration", json!(post.duration_ms / 1_000)),
            ("video_mention_list", json!([])),
        ];
        // Zeros and empty lists are left out every other time.
        let omits = (self.number + u64::from(position)).is_multiple_of(2);
        let says = |value: &Value| !omits || !(value == &json!(0) || value == &json!([]));
        let members = values.into_iter().filter(|(name, value)| fields.contains(name) && says(value));
        object(members.map(|(name, value)| (name, value.to_string())).collect(), u64::from(position))
    }

    /// The creator a call asks for.
    fn creator(&self, body: &Value) -> Result<u32, Refusal> {
        let handle = body["username"].as_str().unwrap_or_default();
        if handle.is_empty() {
            return Err(invalid("username is required"));
        }
        let known = |index: &u32| self.world.knows(Vendor::TikTok, *index);
        let index = self
            .world
            .owner(handle)
            .filter(known)
            .ok_or_else(|| invalid(&format!("`username: {handle}` is invalid: cannot find the user")))?;
        match self.world.present(index).private {
            true => Err(invalid("API cannot return this user's information")),
            false => Ok(index),
        }
    }

    fn user(&self, body: &Value) -> Result<Answer, Refusal> {
        let fields = self.fields(&USER_FIELDS)?;
        let index = self.creator(body)?;
        if self.world.broken(index) {
            return Ok(self
                .data(vec![("display_name", "[17]".to_owned()), ("follower_count", "\"many\"".to_owned())]));
        }
        let creator = self.world.present(index);
        let mut picture = Json::default();
        self.links.picture(&mut picture, &creator.avatar_uri, "~c5_168x168.jpeg");
        let picture: Value = serde_json::from_str(&picture.into_string()).unwrap_or_default();
        let values = [
            ("display_name", json!(creator.name)),
            ("bio_description", json!(creator.bio)),
            ("avatar_url", picture),
            ("is_verified", json!(creator.verified)),
            ("follower_count", json!(creator.followers)),
            ("following_count", json!(creator.following)),
            ("likes_count", json!(creator.hearts)),
            ("video_count", json!(creator.videos)),
        ];
        let members = values.into_iter().filter(|(name, _)| fields.contains(name));
        let members = members.map(|(name, value)| (name, value.to_string())).collect();
        let mut answer = self.data(members);
        if self.config.tiktok.data_with_500 && index.is_multiple_of(5) {
            answer.status = 500;
        }
        let handle = body["username"].as_str().unwrap_or_default().to_lowercase();
        Ok(answer.charged(0, vec![handle]))
    }

    fn people(&self, body: &Value, followers: bool) -> Result<Answer, Refusal> {
        let index = self.creator(body)?;
        let (name, people) = match followers {
            true => ("user_followers", self.world.followers(index)),
            false if self.world.hides_followings(index) => {
                return Err(invalid("The information cannot be returned because the user's list is private"));
            }
            false => ("user_following", self.world.followings(index)),
        };
        let most = body["max_count"].as_u64().unwrap_or(20);
        if !(1..=100).contains(&most) {
            return Err(invalid("max_count is invalid"));
        }
        // Pages come shorter than asked for.
        let size = (most as usize).saturating_sub((self.number % 30) as usize).max(1);
        let from = list_position(body["cursor"].as_u64().unwrap_or(0)).min(people.len());
        let to = (from + size).min(people.len());
        let row = |index: &u32| {
            let person = self.world.present(*index);
            json!({ "display_name": person.name, "username": person.handle }).to_string()
        };
        let rows: Vec<String> = people.get(from..to).unwrap_or_default().iter().map(row).collect();
        let cursor = to.checked_sub(1).map_or(0, tied_at);
        let members = vec![
            (name, format!("[{}]", rows.join(","))),
            ("cursor", cursor.to_string()),
            ("has_more", (to < people.len()).to_string()),
        ];
        let handle = body["username"].as_str().unwrap_or_default().to_lowercase();
        Ok(self.data(members).charged(0, vec![format!("{handle}/{name}#{from}")]))
    }

    fn data(&self, members: Vec<(&str, String)>) -> Answer {
        self.envelope(200, &object(members, self.number), "ok", "")
    }

    fn envelope(&self, status: u16, data: &str, code: &str, message: &str) -> Answer {
        let error = json!({ "code": code, "message": message, "log_id": self.log_id() }).to_string();
        Answer::json(status, object(vec![("data", data.to_owned()), ("error", error)], self.number))
    }

    fn log_id(&self) -> String {
        let at = strtime::format("%Y%m%d%H%M%S", &timestamp(self.now()).to_zoned(jiff::tz::TimeZone::UTC));
        format!("{}{:020X}", at.unwrap_or_default(), self.number)
    }
}

/// An object whose members begin with another one from call to call.
fn object(mut members: Vec<(&str, String)>, turn: u64) -> String {
    let turn = (turn % members.len().max(1) as u64) as usize;
    members.rotate_left(turn);
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn invalid(message: &str) -> Refusal {
    (400, "invalid_params", message.to_owned())
}

/// What too many requests in too short a time are answered with.
pub(super) fn too_fast(one: bool) -> String {
    if one {
        json!({ "code": 40100, "message": "Too many requests: QPM limit", "request_id": "0", "data": {} })
            .to_string()
    } else {
        let error = json!({ "code": "rate_limit_exceeded", "message": "Too many requests", "log_id": "0" });
        json!({ "data": {}, "error": error }).to_string()
    }
}
