//! A vendor-neutral list of whole creators, page by page: the plainest source there can be.
//!
//! Pages are rendered when first asked for and then kept, up to a limit, so that serving them costs next to nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::json;

use super::answer::Answer;
use super::clock::timestamp;
use super::config::SimulatorConfig;
use super::effects::World;
use super::json::Json;
use super::links::Links;
use super::query::Query;
use super::vendor::Vendor;

/// The path of the list.
pub(super) const CREATORS: &str = "/creators";

const DEFAULT_SIZE: u32 = 100;
const MAX_SIZE: u32 = 1_000;
const ROW_BYTES: usize = 640;

/// Bytes of pages kept at most; pages beyond it are rendered each time.
const MAX_KEPT_BYTES: usize = 96 << 20;

/// Links in kept pages must not grow old.
const KEPT_SECONDS: u64 = 3_600;

/// Rendered pages of the world as it is.
#[derive(Debug, Default)]
pub(super) struct Pages {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pages: HashMap<(u32, u32), Bytes>,
    bytes: usize,
    /// The state of the knobs and the hour the pages belong to.
    version: (u64, u64),
}

/// One call to the list.
#[derive(Debug)]
pub(super) struct ListCall<'a> {
    pub(super) world: World<'a>,
    pub(super) config: &'a SimulatorConfig,
    pub(super) query: &'a Query,
    pub(super) links: Links<'a>,
    pub(super) now: u64,
    /// Grows whenever a knob changes.
    pub(super) epoch: u64,
    pub(super) fails: bool,
}

impl ListCall<'_> {
    pub(super) fn answer(&self, path: &str, pages: &Pages) -> Answer {
        if path != CREATORS {
            return Answer::detail(404, "Not Found");
        }
        let (page, size) =
            match (self.number("page", 1, u32::MAX), self.number("size", DEFAULT_SIZE, MAX_SIZE)) {
                (Ok(page), Ok(size)) => (page, size),
                (Err(refused), _) | (_, Err(refused)) => return refused,
            };
        if self.fails {
            return Answer::json(500, r#"{"error":"internal error"}"#);
        }
        let version = (self.epoch, self.now / KEPT_SECONDS);
        let body = pages.get((page, size), version).unwrap_or_else(|| {
            let body = Bytes::from(self.render(page, size));
            pages.keep((page, size), version, &body);
            body
        });
        let subject = if size == DEFAULT_SIZE { page.to_string() } else { format!("{page}/{size}") };
        Answer::json(self.config.success_status, body).charged(0, vec![subject])
    }

    fn number(&self, name: &str, default: u32, most: u32) -> Result<u32, Answer> {
        let Some(text) = self.query.get(name) else { return Ok(default) };
        text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| {
            let error = format!("`{name}` is not a number from 1 to {most}");
            Answer::json(400, json!({ "error": error }).to_string())
        })
    }

    fn render(&self, page: u32, size: u32) -> String {
        let everybody = self.world.population.len();
        let from = (page - 1).saturating_mul(size).min(everybody);
        let to = from.saturating_add(size).min(everybody);
        let mut json = Json::with_capacity((to - from) as usize * ROW_BYTES + 32);
        json.open('{').key("items").open('[');
        for index in (from..to).filter(|index| self.world.knows(Vendor::List, *index)) {
            self.row(&mut json, index);
        }
        json.close(']').int("total", u64::from(everybody));
        if to < everybody {
            json.int("next", u64::from(page) + 1);
        }
        json.close('}');
        json.into_string()
    }

    fn row(&self, json: &mut Json, index: u32) {
        let creator = self.world.row(index);
        json.open('{');
        if self.world.shows_ids(Vendor::List, index) {
            json.id("id", creator.uid);
        }
        json.text("handle", &creator.handle)
            .text("name", &creator.name)
            .text("bio", &creator.bio)
            .text("country", creator.country)
            .text("language", creator.language)
            .flag("verified", creator.verified)
            .int("followers", creator.followers)
            .int("following", creator.following)
            .int("likes", creator.hearts)
            .int("videos", u64::from(creator.videos))
            .key("avatar");
        self.links.picture(json, &creator.avatar_uri, "~c5_720x720.jpeg");
        json.text("created_at", &timestamp(creator.created_at).to_string());
        if self.config.stale_days > 0 {
            let behind = u64::from(self.config.stale_days) * 86_400;
            json.text("as_of", &timestamp(self.now.saturating_sub(behind)).to_string());
        }
        json.close('}');
    }
}

impl Pages {
    fn get(&self, page: (u32, u32), version: (u64, u64)) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version == version { kept.pages.get(&page).cloned() } else { None }
    }

    fn keep(&self, page: (u32, u32), version: (u64, u64), body: &Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != version {
            *kept = Kept { version, ..Kept::default() };
        }
        if kept.bytes + body.len() <= MAX_KEPT_BYTES && kept.pages.insert(page, body.clone()).is_none() {
            kept.bytes += body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_pages_are_bounded_and_forgotten_when_the_world_changes() {
        let pages = Pages::default();
        let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
        for page in 0..200 {
            pages.keep((page, 100), (1, 1), &megabyte);
        }
        assert_eq!(pages.kept.lock().unwrap().bytes, MAX_KEPT_BYTES);
        assert!(pages.get((0, 100), (1, 1)).is_some());
        assert!(pages.get((199, 100), (1, 1)).is_none(), "no room was left");
        assert!(pages.get((0, 100), (2, 1)).is_none(), "a knob was turned");
        assert!(pages.get((0, 100), (1, 2)).is_none(), "links grew old");
        pages.keep((0, 100), (2, 1), &Bytes::from("y"));
        assert_eq!(pages.kept.lock().unwrap().bytes, 1);
    }
}
