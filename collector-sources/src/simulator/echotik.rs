//! EchoTik's endpoints: its database of creators, and the platform in real time.
//!
//! The order of checks: credentials (401), parameters (a `code`), the account's requests (500 with a text), work. Only
//! successful work is counted.

mod knobs;
mod lists;
mod row;

use std::fmt::Write as _;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use serde_json::{Value, json};

pub use self::knobs::EchoTikKnobs;
use super::answer::Answer;
use super::clock::{Clock, Ledger};
use super::config::SimulatorConfig;
use super::effects::World;
use super::ensembledata::post::{self, Style};
use super::ensembledata::user::{Counters, Scene};
use super::json::Json;
use super::links::Links;
use super::population::{Creator, purpose};
use super::query::Query;
use super::random::{hash, unit};
use super::vendor::Vendor;

/// What can be asked of the vendor, by path.
pub(super) const PATHS: [&str; 10] = [
    DETAIL,
    "/api/v3/echotik/influencer/list",
    "/api/v3/echotik/influencer/ranklist",
    "/api/v3/echotik/influencer/trend",
    "/api/v3/echotik/influencer/video/list",
    "/api/v3/echotik/search/items",
    PICTURES,
    LIVE_DETAIL,
    LIVE_VIDEOS,
    REGION,
];

const DETAIL: &str = "/api/v3/echotik/influencer/detail";
const PICTURES: &str = "/api/v3/echotik/batch/cover/download";
const LIVE_DETAIL: &str = "/api/v3/realtime/influencer/detail";
const LIVE_VIDEOS: &str = "/api/v3/realtime/influencer/video/list";
const REGION: &str = "/api/v3/realtime/influencer/region";

/// What one call may ask for: ids, handles, links, rows of a page.
const TEN: usize = 10;

/// Posts of a real-time page.
const LIVE_PAGE: u32 = 12;

/// The host of the vendor's store of pictures, which answers 403 to everybody.
const PICTURE_HOST: &str = "https://echosell-images.tos-ap-southeast-1.volces.com";

/// The code of a refused parameter. Which number it is, nobody has documented.
const BAD_PARAMETER: i64 = 10_001;

/// The account's requests have no day: they are counted on one that never ends.
const EVER: Date = Date::ZERO;

/// One call to the vendor and everything its answer depends on.
#[derive(Debug)]
pub(super) struct EchoTikCall<'a> {
    pub(super) world: World<'a>,
    pub(super) config: &'a SimulatorConfig,
    pub(super) clock: &'a Clock,
    pub(super) ledger: &'a Ledger,
    pub(super) query: &'a Query,
    pub(super) headers: &'a HeaderMap,
    pub(super) links: Links<'a>,
    /// The number of the call, which decides the order of rows.
    pub(super) number: u64,
    /// Whether the work is to fail inside the vendor.
    pub(super) fails: bool,
}

/// Which of the envelopes an answer comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Envelope {
    /// `message` and `requestId`.
    Full,
    /// `message` alone.
    NoRequest,
    /// `msg`.
    Short,
}

/// What a call found, or the parameter that is wrong with it.
type Found = Result<Value, String>;

impl EchoTikCall<'_> {
    /// Checks the call in the vendor's order and does its work.
    pub(super) fn answer(&self, path: &str) -> Answer {
        let Some(path) = PATHS.into_iter().find(|known| *known == path) else {
            return Answer::json(404, json!({ "status": 404, "error": "Not Found" }).to_string());
        };
        if !self.is_let_in() {
            let refused = json!({ "code": 401, "message": "auth error", "data": null });
            return Answer::json(401, refused.to_string());
        }
        let envelope = match path {
            LIVE_DETAIL | LIVE_VIDEOS => Envelope::Short,
            PICTURES => Envelope::NoRequest,
            _ => Envelope::Full,
        };
        // The parameters are looked at first, and nothing is counted that is refused for them.
        let found = self.work(path);
        if let Err(problem) = &found {
            return self.wrapped(envelope, BAD_PARAMETER, problem, &Value::Null);
        }
        if !self.ledger.reserve(EVER, self.config.echotik.quota) {
            return Answer {
                content_type: "text/plain",
                ..Answer::json(500, "Usage Limit Exceeded, Please Contact Administrator to Increase Quota")
            };
        }
        let live = path.starts_with("/api/v3/realtime/");
        let risk = unit(hash(self.config.seed, purpose::FAULT, self.number)) < self.config.echotik.risk_rate;
        let (answer, units) = match found {
            _ if live && (risk || self.fails) => {
                (self.wrapped(envelope, 500, "risk control", &Value::Null), 0)
            }
            _ if self.fails => {
                (Answer::json(500, json!({ "error": "Internal Server Error" }).to_string()), 0)
            }
            Ok(data) => {
                // Converting pictures is free.
                (self.wrapped(envelope, 0, "success", &data), u64::from(path != PICTURES))
            }
            Err(_) => (self.wrapped(envelope, BAD_PARAMETER, "", &Value::Null), 0),
        };
        self.ledger.settle(EVER, units);
        let subjects = if answer.status == 200 { self.subjects(path) } else { Vec::new() };
        answer.charged(units, subjects)
    }

    fn is_let_in(&self) -> bool {
        let knobs = &self.config.echotik;
        let wanted = format!("Basic {}", STANDARD.encode(format!("{}:{}", knobs.username, knobs.password)));
        self.headers.get(AUTHORIZATION).is_some_and(|given| given.as_bytes() == wanted.as_bytes())
    }

    fn work(&self, path: &str) -> Found {
        match path {
            DETAIL => self.details(),
            PICTURES => self.pictures(),
            LIVE_DETAIL => Ok(self.live_detail(self.required("unique_id")?)),
            LIVE_VIDEOS => self.live_videos(self.required("unique_id")?),
            REGION => {
                let asked = self.required("unique_id")?;
                Ok(self.owner(asked).map_or(Value::Null, |creator| Value::from(creator.country)))
            }
            other => self.page(other),
        }
    }

    /// A parameter that must be there.
    fn required(&self, name: &str) -> Result<&str, String> {
        let given = self.query.get(name).filter(|value| !value.is_empty());
        given.ok_or_else(|| format!("parameter {name} is required"))
    }

    /// A parameter that must be a whole number.
    fn number(&self, name: &str) -> Result<u64, String> {
        self.required(name)?.parse().map_err(|_| format!("parameter {name} is no number"))
    }

    /// The rows of the page asked for, of `all`.
    fn paged(&self, all: Vec<Value>, most: u64) -> Found {
        self.paged_as(all, most, |row| row)
    }

    /// The page asked for, of `all`, as rows.
    fn paged_as<T>(&self, all: Vec<T>, most: u64, row: impl Fn(T) -> Value) -> Found {
        let (page, mut size) = (self.number("page_num")?, self.number("page_size")?);
        if page == 0 || page > most {
            return Err(format!("page_num must be 1 to {most}"));
        }
        if size > TEN as u64 && self.config.echotik.clamp_pages {
            size = TEN as u64;
        }
        if size == 0 || size > TEN as u64 {
            return Err(format!("page_size must be 1 to {TEN}"));
        }
        let from = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
        let rows: Vec<Value> = all.into_iter().skip(from).take(size as usize).map(row).collect();
        Ok(self.list(rows))
    }

    /// A list in the form in force.
    fn list(&self, rows: Vec<Value>) -> Value {
        match (&self.config.echotik, rows.is_empty()) {
            (knobs, true) if knobs.null_when_empty => Value::Null,
            (knobs, _) if knobs.wrapped_lists => json!({ "list": rows }),
            _ => Value::from(rows),
        }
    }

    /// Whoever has a handle today, as far as the vendor knows.
    fn owner(&self, handle: &str) -> Option<Creator> {
        let index = self.world.owner(&handle.to_lowercase())?;
        self.world.knows(Vendor::EchoTik, index).then(|| self.world.present(index))
    }

    /// Up to ten people by id or handle: in an order of its own, without those it does not have.
    fn details(&self) -> Found {
        let (name, asked) = match (self.query.get("user_ids"), self.query.get("unique_ids")) {
            (Some(ids), None) => ("user_ids", ids),
            (None, Some(handles)) => ("unique_ids", handles),
            _ => return Err("one of user_ids and unique_ids is required".to_owned()),
        };
        let asked: Vec<&str> = asked.split(',').filter(|one| !one.is_empty()).collect();
        if asked.is_empty() || asked.len() > TEN {
            return Err(format!("{name} takes 1 to {TEN}"));
        }
        let find = |one: &&str| {
            if name == "unique_ids" {
                return self.owner(one);
            }
            let index = self.world.population.find_uid(one.parse().ok()?)?;
            self.world.knows(Vendor::EchoTik, index).then(|| self.world.present(index))
        };
        let kept = |creator: Creator| self.world.kept(creator.index);
        let found: Vec<Creator> = asked.iter().filter_map(find).map(kept).collect();
        let mut rows: Vec<Value> = found
            .iter()
            .map(|creator| {
                // Whose row is broken comes as something that is no row.
                if self.world.broken(creator.index) {
                    Value::from("<unserializable>")
                } else {
                    self.row(creator)
                }
            })
            .collect();
        rows.sort_by_cached_key(|row| {
            hash(self.number, 0, row["user_id"].as_str().map_or(0, |id| id.len() as u64))
        });
        if self.number.is_multiple_of(2) {
            rows.reverse();
        }
        Ok(self.list(rows))
    }

    /// Links that work, for up to ten names of pictures.
    fn pictures(&self) -> Found {
        let asked: Vec<&str> = self.required("cover_urls")?.split(',').collect();
        if asked.len() > TEN {
            return Err(format!("cover_urls takes at most {TEN}"));
        }
        let converted = asked.into_iter().filter_map(|name| Some((name, self.picture(name)?)));
        Ok(if self.config.echotik.pictures_as_object {
            Value::Object(converted.map(|(name, link)| (name.to_owned(), Value::from(link))).collect())
        } else {
            converted.map(|(name, link)| json!({ name: link })).collect()
        })
    }

    fn picture(&self, name: &str) -> Option<String> {
        let path = name.strip_prefix(PICTURE_HOST)?.strip_prefix("/user-avatar/")?;
        let (_, file) = path.split_once('/')?;
        let index = self.world.population.find_sec_uid(file.strip_suffix(".jpg")?)?;
        Some(self.link(&self.world.present(index).avatar_uri))
    }

    fn link(&self, uri: &str) -> String {
        let mut json = Json::with_capacity(256);
        self.links.picture(&mut json, uri, "~c5_1080x1080.jpeg");
        serde_json::from_str(&json.into_string()).unwrap_or_default()
    }

    fn live_detail(&self, handle: &str) -> Value {
        let logs = json!({ "impr_id": self.request_id() });
        let Some(creator) = self.owner(handle) else {
            return json!({ "status_code": 10_202, "status_msg": "user doesn't exist", "log_pb": logs });
        };
        let mut user = Json::with_capacity(4 << 10);
        user.open('{');
        self.scene(&creator).mobile_members(&mut user);
        user.close('}');
        let user: Value = serde_json::from_str(&user.into_string()).unwrap_or_default();
        json!({ "user": user, "status_code": 0, "status_msg": "", "log_pb": logs, "extra": self.extra() })
    }

    fn live_videos(&self, handle: &str) -> Found {
        let offset: u64 = match self.required("offset")? {
            "0" => u64::MAX,
            text => text.parse().map_err(|_| "offset is no number".to_owned())?,
        };
        let Some(creator) = self.owner(handle) else {
            return Ok(json!({ "status_code": 10_202, "status_msg": "user doesn't exist", "has_more": 0 }));
        };
        let posts = (0..creator.videos).map(|index| self.world.post(&creator, index));
        let older: Vec<_> = posts.filter(|post| post.created_at * 1_000 < offset).collect();
        let shown = older.get(..LIVE_PAGE as usize).unwrap_or(&older);
        let scene = self.scene(&creator);
        let list: Vec<Value> = shown
            .iter()
            .map(|one| {
                let mut json = Json::with_capacity(12 << 10);
                let hashtag = (one.hashtag, self.world.population.hashtag(one.hashtag));
                post::write(&mut json, one, hashtag, &scene, Style { short: true, ..Style::default() });
                serde_json::from_str(&json.into_string()).unwrap_or_default()
            })
            .collect();
        let cursor = shown.last().map_or(0, |last| last.created_at * 1_000);
        Ok(json!({
            "status_code": 0, "min_cursor": self.clock.now() * 1_000, "max_cursor": cursor,
            "has_more": u8::from(older.len() > shown.len()), "aweme_list": list, "extra": self.extra(),
        }))
    }

    fn scene<'s>(&'s self, creator: &'s Creator) -> Scene<'s> {
        Scene {
            creator,
            counters: Counters::Real,
            has_ids: true,
            dated: false,
            links: &self.links,
            now: self.clock.now(),
            order: self.number,
            seed: self.world.population.seed(),
        }
    }

    fn extra(&self) -> Value {
        json!({ "fatal_item_ids": [], "logid": self.request_id(), "now": self.clock.now() * 1_000 })
    }

    fn request_id(&self) -> String {
        let id = hash(self.config.seed, purpose::SIGNATURE, self.number);
        format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", id as u32, id as u16, id & 0xfff, id >> 52, id >> 16)
    }

    fn wrapped(&self, envelope: Envelope, code: i64, message: &str, data: &Value) -> Answer {
        let mut body = String::with_capacity(1 << 10);
        let code = if self.config.echotik.code_as_text { format!("\"{code}\"") } else { code.to_string() };
        let name = if envelope == Envelope::Short { "msg" } else { "message" };
        // Writing to text cannot fail.
        let _written = write!(body, "{{\"code\":{code},\"{name}\":{},\"data\":{data}", Value::from(message));
        if envelope == Envelope::Full {
            let _written = write!(body, ",\"requestId\":\"{}\"", self.request_id());
        }
        body.push('}');
        if self.config.echotik.control_characters {
            // What the vendor does: line breaks as they are, and whatever else was typed.
            body = body.replace("\\n", "\n\u{b}");
        }
        Answer::json(200, body)
    }

    /// What was asked for, for the count of things bought twice.
    fn subjects(&self, path: &str) -> Vec<String> {
        let all = ["user_ids", "unique_ids", "cover_urls"];
        if let Some(asked) = all.iter().find_map(|name| self.query.get(name)) {
            return asked.split(',').map(str::to_lowercase).collect();
        }
        let parts = ["region", "sk", "user_id", "unique_id", "date", "page_num", "offset"];
        let parts: Vec<&str> = parts.iter().filter_map(|name| self.query.get(name)).collect();
        vec![format!("{}#{}", path.rsplit('/').next().unwrap_or_default(), parts.join("#"))]
    }
}
