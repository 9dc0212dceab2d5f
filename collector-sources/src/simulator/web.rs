//! Creators' pages: profiles as TikTok's pages have them, and a ranking with a page for each creator.
//!
//! `robots.txt` stands at the root, where visitors look for it.

mod profile;
mod ranking;

use super::answer::Answer;
use super::config::{PageShape, SimulatorConfig};
use super::effects::World;
use super::links::Links;
use super::query::Query;
use super::vendor::Vendor;

/// Paths as the statistics count them.
pub(super) const ENDPOINTS: [&str; 4] = ["/@handle", "/ranking", "/creators", "/robots.txt"];

/// What is asked of visitors unless the knob says otherwise: profiles and the ranking are open, searches are not.
pub(super) const ROBOTS: &str = "User-agent: CrawlerOfNobody\nDisallow: /\n\nUser-agent: *\nAllow: /web/@\n\
                                 Disallow: /web/search?\nDisallow: */embed/\nDisallow: /web/link\n";

/// One call for a page.
#[derive(Debug)]
pub(super) struct PageCall<'a> {
    pub(super) world: World<'a>,
    pub(super) config: &'a SimulatorConfig,
    pub(super) query: &'a Query,
    pub(super) links: Links<'a>,
    pub(super) fails: bool,
}

/// Under which path a call counts.
pub(super) fn endpoint(path: &str) -> Option<&'static str> {
    let of =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'));
    match path {
        "/ranking" => Some("/ranking"),
        "/robots.txt" => Some("/robots.txt"),
        _ if of("/@") => Some("/@handle"),
        _ if of("/creators/") => Some("/creators"),
        _ => None,
    }
}

impl PageCall<'_> {
    pub(super) fn answer(&self, path: &str) -> Answer {
        if self.fails {
            return page(500, "<h1>Internal Server Error</h1>".to_owned());
        }
        if let Some(handle) = path.strip_prefix("/@") {
            return profile::answer(self, handle).charged(0, vec![handle.to_owned()]);
        }
        match path.strip_prefix("/creators/") {
            Some(handle) => ranking::creator(self, handle).charged(0, vec![format!("creators/{handle}")]),
            None if path == "/ranking" => ranking::list(self),
            None => page(404, "<h1>Not Found</h1>".to_owned()),
        }
    }

    /// Who has this handle, or this number, as far as these pages know anybody.
    fn owner(&self, name: &str) -> Option<u32> {
        let number = name.parse().ok().and_then(|uid| self.world.population.find_uid(uid));
        let index = number.or_else(|| self.world.owner(&name.to_lowercase()))?;
        self.world.knows(Vendor::Web, index).then_some(index)
    }

    /// The shape of a creator's page.
    fn shape(&self, index: u32) -> PageShape {
        match self.config.page_shape {
            PageShape::Mixed => match index % 8 {
                0 => PageShape::Sigi,
                1 => PageShape::Next,
                2 => PageShape::Rounded,
                _ => PageShape::Universal,
            },
            shape => shape,
        }
    }
}

/// What is asked of visitors.
pub(super) fn robots(config: &SimulatorConfig) -> Answer {
    let text = config.robots.clone().unwrap_or_else(|| ROBOTS.to_owned());
    Answer { content_type: "text/plain; charset=utf-8", ..Answer::json(200, text) }
}

fn page(status: u16, body: String) -> Answer {
    Answer { content_type: "text/html; charset=utf-8", ..Answer::json(status, body) }
}

/// Text for a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// JSON for a script: nothing in it ends the script.
fn in_script(json: &serde_json::Value) -> String {
    json.to_string().replace('<', "\\u003C")
}

/// A number as pages write it: exact below ten thousand, then with one decimal of thousands or millions.
fn abbreviated(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}.{}K", number / 1_000, number % 1_000 / 100),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// The number behind an abbreviation.
fn rounded(number: u64) -> u64 {
    match number {
        0..10_000 => number,
        10_000..1_000_000 => number / 100 * 100,
        _ => number / 100_000 * 100_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_and_what_is_behind_them_agree() {
        for (number, text, behind) in
            [(9_999, "9999", 9_999), (123_432, "123.4K", 123_400), (1_234_567, "1.2M", 1_200_000)]
        {
            assert_eq!((abbreviated(number).as_str(), rounded(number)), (text, behind));
        }
    }

    #[test]
    fn calls_count_under_the_path_they_ask_for() {
        assert_eq!(endpoint("/@mina"), Some("/@handle"));
        assert_eq!(endpoint("/creators/mina"), Some("/creators"));
        assert_eq!(endpoint("/@mina/video/1"), None);
        assert!(ENDPOINTS.iter().all(|path| endpoint(path).is_some() || *path == "/creators"));
    }
}
