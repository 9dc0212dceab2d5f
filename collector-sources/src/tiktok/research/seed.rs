//! Tasks a query begins with, and those about one known creator. Pure.

use std::collections::BTreeSet;

use collector_core::creator::{aspect, id_kind};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Id, Name};
use collector_core::task::{Query, Task};
use serde_json::Value;

use super::super::day::{Day, Window};
use super::super::named::country;
use super::kind::{Kind, param};
use super::options::{ResearchOptions, Span};
use crate::values::ident;
use crate::values::named::{invalid, quoted, required};

/// Somebody known is fetched before somebody new is looked for.
const KNOWN_FIRST: i16 = 10;

/// The most posts one search asks for by id.
const POSTS_PER_CALL: usize = 100;

/// The key of `extra` under which a query names sounds by their ids.
const SOUNDS: &str = "sounds";

/// The key of `extra` that asks for everybody in the query's regions.
const WHOLE_REGIONS: &str = "whole_regions";

/// The root tasks of a query.
///
/// # Errors
/// `ConfigInvalid` naming what this source cannot honour.
pub(super) fn roots(source: &Name, query: &Query) -> Result<Vec<Task>> {
    let (options, span) = ResearchOptions::of(source, query)?;
    let searches = !query.hashtags.is_empty() || !query.keywords.is_empty() || !query.extra.is_empty();
    if query.max_pages == Some(0) && searches {
        return Err(invalid("`max_pages` is 0: leave it out or choose at least 1"));
    }
    let regions = query.regions.iter().map(|text| required(country(text), "region", text));
    let regions = regions.collect::<Result<BTreeSet<String>>>()?;
    let seed = Seed { source, query, options, span, regions };
    let mut tasks = Vec::new();
    for text in &query.handles {
        seed.creator(&required(ident::handle(text), "handle", text)?, &mut tasks);
    }
    for text in &query.ids {
        seed.creator(&handle_of(text)?, &mut tasks);
    }
    for text in &query.hashtags {
        tasks.extend(seed.search(Kind::Hashtag, &required(ident::hashtag(text), "hashtag", text)?));
    }
    for text in &query.keywords {
        tasks.extend(seed.search(Kind::Keyword, &required(ident::keyword(text), "keyword", text)?));
    }
    tasks.extend(seed.posts()?);
    tasks.extend(seed.sounds()?);
    tasks.extend(seed.whole_regions()?);
    Query::roots(tasks).map_err(|error| error.with("or", "search a shorter span"))
}

/// What the roots of one query are made from.
struct Seed<'a> {
    source: &'a Name,
    query: &'a Query,
    options: ResearchOptions,
    span: Span,
    regions: BTreeSet<String>,
}

impl Seed<'_> {
    /// The profile, and the lists that are read besides.
    fn creator(&self, handle: &str, tasks: &mut Vec<Task>) {
        tasks.push(profile(self.source, handle));
        if self.options.own_posts {
            let about = |task: Task| {
                task.about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::OWN_POSTS).priority(KNOWN_FIRST)
            };
            tasks.extend(self.spanned(Kind::UserVideos, handle).into_iter().map(about));
        }
        let lists = [
            (Kind::Followers, self.options.followers_pages),
            (Kind::Following, self.options.following_pages),
        ];
        for (kind, pages) in lists.into_iter().filter(|(_, pages)| *pages > 0) {
            let task = Task::new(Name::clone(self.source), kind.name(), handle).per_run();
            tasks.push(self.hydrating(task.param(param::PAGES_LEFT, pages.to_string())));
        }
    }

    /// A search of posts: one root per window of a fixed span, one root altogether of an open one, which is cut when it is
    /// known how it ends.
    fn search(&self, kind: Kind, subject: &str) -> Vec<Task> {
        let dressed = |task: Task| {
            let mut task = self.hydrating(task);
            if kind != Kind::Region && !self.regions.is_empty() {
                let regions: Vec<&str> = self.regions.iter().map(String::as_str).collect();
                task = task.param(param::REGIONS, regions.join(","));
            }
            if self.options.mentions {
                task = task.param(param::MENTIONS, "true");
            }
            match self.query.max_pages {
                Some(pages) => task.param(param::PAGES_LEFT, pages.to_string()),
                None => task,
            }
        };
        self.spanned(kind, subject).into_iter().map(dressed).collect()
    }

    fn spanned(&self, kind: Kind, subject: &str) -> Vec<Task> {
        let task = || Task::new(Name::clone(self.source), kind.name(), subject).per_run();
        match self.span {
            Span::Last(days) => vec![task().param(param::DAYS, days.to_string())],
            Span::From(since) => vec![task().param(param::SINCE, since.to_string())],
            Span::Between(since, until) => {
                Window::all(since, until).into_iter().map(|window| within(task(), window)).collect()
            }
        }
    }

    fn hydrating(&self, task: Task) -> Task {
        match self.query.hydrate {
            Some(false) => task.param(param::HYDRATE, "false"),
            _ => task,
        }
    }

    /// Posts by id. The vendor wants to know when they were made, and their ids tell: those of one window go together.
    fn posts(&self) -> Result<Vec<Task>> {
        let mut dated = BTreeSet::new();
        for text in &self.query.posts {
            let made = |id: &String| Some((made_on(id.parse().ok()?), id.clone()));
            dated.insert(required(ident::post(text).as_ref().and_then(made), "post id or link", text)?);
        }
        let mut groups: Vec<(Window, Vec<String>)> = Vec::new();
        for (day, id) in dated {
            match groups.last_mut() {
                Some((window, ids)) if window.since >= day.minus(29) && ids.len() < POSTS_PER_CALL => {
                    window.until = day;
                    ids.push(id);
                }
                _ => groups.push((Window { since: day, until: day }, vec![id])),
            }
        }
        let task = |(window, ids): (Window, Vec<String>)| {
            let task = Task::new(Name::clone(self.source), Kind::Posts.name(), ids.join(","));
            self.hydrating(within(task, window)).priority(KNOWN_FIRST)
        };
        Ok(groups.into_iter().map(task).collect())
    }

    /// Posts that use the sounds of `extra.sounds`.
    fn sounds(&self) -> Result<Vec<Task>> {
        let Some(sounds) = self.query.extra.get(SOUNDS) else { return Ok(Vec::new()) };
        let wrong = || invalid("`extra.sounds` is a list of sounds' ids, each in quotes");
        let mut tasks = Vec::new();
        for value in sounds.as_array().ok_or_else(wrong)? {
            let text = value.as_str().ok_or_else(wrong)?;
            let id = required(Some(text.trim()).filter(|id| ident::is_post_id(id)), "sound id", text)?;
            tasks.extend(self.search(Kind::Sound, id));
        }
        Ok(tasks)
    }

    /// Everybody who posts in the query's regions, when `extra.whole_regions` asks for it.
    fn whole_regions(&self) -> Result<Vec<Task>> {
        match self.query.extra.get(WHOLE_REGIONS) {
            None | Some(Value::Bool(false)) => Ok(Vec::new()),
            Some(Value::Bool(true)) if !self.regions.is_empty() => {
                Ok(self.regions.iter().flat_map(|region| self.search(Kind::Region, region)).collect())
            }
            Some(Value::Bool(true)) => {
                Err(invalid("`extra.whole_regions` needs `regions`: name at least one"))
            }
            Some(_) => Err(invalid("`extra.whole_regions` is true or false")),
        }
    }
}

/// A search of one window.
pub(super) fn within(task: Task, window: Window) -> Task {
    task.param(param::SINCE, window.since.to_string()).param(param::UNTIL, window.until.to_string())
}

/// The profile of whoever has this handle.
pub(super) fn profile(source: &Name, handle: &str) -> Task {
    Task::new(Name::clone(source), Kind::Profile.name(), handle)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::PROFILE)
}

/// The day a post was made on: the upper half of its id counts seconds.
fn made_on(id: u64) -> Day {
    Day::of(collector_core::clock::Timestamp::from_secs((id >> 32) as i64))
}

fn handle_of(text: &str) -> Result<String> {
    let value = text.trim().strip_prefix(id_kind::TIKTOK_HANDLE).and_then(|rest| rest.strip_prefix(':'));
    match value {
        Some(value) => required(ident::handle(value), "handle", text),
        None => Err(Error::new(
            ErrorKind::ConfigInvalid,
            format!("TikTok's Research API finds people by handle only: give `{}:…`", id_kind::TIKTOK_HANDLE),
        )
        .with("id", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn seeded(query: Query) -> Vec<String> {
        roots(&"tiktok".into(), &query).unwrap().iter().map(Task::to_string).collect()
    }

    fn with_options(query: Query, options: Value) -> Query {
        Query { options: [("tiktok".to_owned(), options)].into(), ..query }
    }

    #[test]
    fn each_part_of_a_query_has_its_roots() {
        let query = Query {
            handles: texts(&["@Mina.K", "mina.k"]),
            ids: texts(&["tiktok:handle:Jo"]),
            hashtags: texts(&["#KBeauty"]),
            keywords: texts(&[" skin  care"]),
            regions: texts(&["us", "KR"]),
            max_pages: Some(2),
            hydrate: Some(false),
            extra: [("sounds".to_owned(), json!(["7016547803243022337"]))].into(),
            ..Query::default()
        };
        let query = with_options(query, json!({ "days": 7, "followers_pages": 2, "mentions": true }));
        assert_eq!(
            seeded(query),
            [
                "tiktok/profile mina.k",
                "tiktok/followers mina.k hydrate=false pages_left=2",
                "tiktok/profile jo",
                "tiktok/followers jo hydrate=false pages_left=2",
                "tiktok/hashtag kbeauty days=7 hydrate=false mentions=true pages_left=2 regions=KR,US",
                "tiktok/keyword skin care days=7 hydrate=false mentions=true pages_left=2 regions=KR,US",
                "tiktok/sound 7016547803243022337 days=7 hydrate=false mentions=true pages_left=2 regions=KR,US",
            ]
        );
    }

    #[test]
    fn a_fixed_span_is_cut_at_once_and_an_open_one_later() {
        let query = || Query { hashtags: texts(&["x"]), ..Query::default() };
        assert_eq!(
            seeded(with_options(query(), json!({ "since": "2026-01-01", "until": "2026-02-15" }))),
            [
                "tiktok/hashtag x since=20260117 until=20260215",
                "tiktok/hashtag x since=20260101 until=20260116",
            ]
        );
        assert_eq!(
            seeded(with_options(query(), json!({ "since": "2026-01-01" }))),
            ["tiktok/hashtag x since=20260101"]
        );
    }

    #[test]
    fn posts_of_one_window_are_asked_for_together() {
        let made = |day: &str| (day.parse::<Day>().unwrap().begin().as_secs() as u64) << 32;
        let posts = [made("20260101"), made("20260130"), made("20260131") + 1].map(|id| id.to_string());
        let shown = seeded(Query { posts: posts.to_vec(), ..Query::default() });
        let [a, b, c] = posts;
        assert_eq!(
            shown,
            [
                format!("tiktok/posts {a},{b} since=20260101 until=20260130"),
                format!("tiktok/posts {c} since=20260131 until=20260131"),
            ]
        );
    }

    #[test]
    fn whole_regions_are_searched_when_asked() {
        let extra = [("whole_regions".to_owned(), json!(true))].into();
        let query = Query { regions: texts(&["kr", "jp"]), extra, ..Query::default() };
        assert_eq!(seeded(query), ["tiktok/region JP days=30", "tiktok/region KR days=30"]);
        let handles = Query { handles: texts(&["a"]), regions: texts(&["kr"]), ..Query::default() };
        assert_eq!(seeded(handles), ["tiktok/profile a"]);
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let refused = |change: fn(&mut Query)| {
            let mut query = Query::default();
            change(&mut query);
            let error = roots(&"tiktok".into(), &query).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            error.to_string()
        };
        assert!(refused(|q| q.handles = texts(&["two words"])).contains("\"two words\""));
        assert!(refused(|q| q.ids = texts(&["tiktok:uid:7"])).contains("by handle only"));
        assert!(refused(|q| q.regions = texts(&["Korea"])).contains("\"Korea\""));
        assert!(refused(|q| q.posts = texts(&["12a"])).contains("12a"));
        assert!(refused(|q| q.extra = [("sounds".to_owned(), json!([7]))].into()).contains("in quotes"));
        assert!(
            refused(|q| q.extra = [("whole_regions".to_owned(), json!(true))].into()).contains("`regions`")
        );
        assert!(
            refused(|q| {
                q.hashtags = texts(&["x"]);
                q.max_pages = Some(0);
            })
            .contains("max_pages")
        );
        assert!(roots(&"t".into(), &Query::default()).unwrap().is_empty());
    }
}
