//! Tasks a query begins with, and those about one known creator. Pure.

use std::collections::BTreeSet;

use collector_core::creator::{aspect, id_kind};
use collector_core::error::Result;
use collector_core::id::{Id, Name};
use collector_core::task::{Query, Task};
use serde_json::Value;

use super::super::named::country;
use super::kind::{Kind, param};
use super::options::OneOptions;
use crate::values::ident;
use crate::values::named::{invalid, quoted, required};

/// Somebody known is fetched before somebody new is looked for.
const KNOWN_FIRST: i16 = 10;

/// The key of `extra` that asks for everybody in the query's regions.
const WHOLE_REGIONS: &str = "whole_regions";

/// The longest words a search takes, in characters.
const LONGEST_WORDS: usize = 100;

/// The root tasks of a query.
///
/// # Errors
/// `ConfigInvalid` naming what this source cannot honour.
pub(super) fn roots(source: &Name, query: &Query) -> Result<Vec<Task>> {
    let options = OneOptions::of(source, query)?;
    let whole = match query.extra.get(WHOLE_REGIONS) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return Err(invalid("`extra.whole_regions` is true or false")),
    };
    let searches = whole || !query.keywords.is_empty();
    if searches && query.max_pages == Some(0) {
        return Err(invalid("`max_pages` is 0: leave it out or choose at least 1"));
    }
    if searches && query.regions.is_empty() {
        return Err(invalid("TikTok One searches one country at a time: name `regions`"));
    }
    let mut tasks = Vec::new();
    for text in
        query.handles.iter().map(|text| Ok(text.as_str())).chain(query.ids.iter().map(|text| handle_of(text)))
    {
        let text = text?;
        let handle = required(ident::handle(text), "handle", text)?;
        tasks.push(creator(source, &handle));
        if options.posts_pages > 0 {
            let about = Id::new(id_kind::TIKTOK_HANDLE, handle.as_str());
            let task = Task::new(Name::clone(source), Kind::Videos.name(), handle)
                .per_run()
                .priority(KNOWN_FIRST)
                .about(about, aspect::OWN_POSTS);
            tasks.push(task.param(param::PAGES_LEFT, options.posts_pages.to_string()));
        }
    }
    let regions = query.regions.iter().map(|text| required(country(text), "region", text));
    for region in regions.collect::<Result<BTreeSet<String>>>()? {
        let search = || search(source, query, &options, &region);
        for text in &query.keywords {
            let fits = ident::keyword(text).filter(|words| words.chars().count() <= LONGEST_WORDS);
            tasks.push(search().param(param::KEYWORD, required(fits, "keyword", text)?));
        }
        tasks.extend(whole.then(search));
    }
    Query::roots(tasks)
}

fn search(source: &Name, query: &Query, options: &OneOptions, region: &str) -> Task {
    let mut task = Task::new(Name::clone(source), Kind::Discover.name(), region).per_run();
    for (name, value) in options.filters() {
        task = task.param(name, value);
    }
    if let Some(hydrate) = query.hydrate {
        task = task.param(param::HYDRATE, hydrate.to_string());
    }
    match query.max_pages {
        Some(pages) => task.param(param::PAGES_LEFT, pages.to_string()),
        None => task,
    }
}

/// The creator who has this handle.
pub(super) fn creator(source: &Name, handle: &str) -> Task {
    Task::new(Name::clone(source), Kind::Creator.name(), handle)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::PROFILE)
}

fn handle_of(text: &str) -> Result<&str> {
    let value = text.trim().strip_prefix(id_kind::TIKTOK_HANDLE).and_then(|rest| rest.strip_prefix(':'));
    value.ok_or_else(|| {
        invalid("TikTok One finds people by handle only: give `tiktok:handle:…`").with("id", quoted(text))
    })
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;
    use serde_json::json;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn every_country_is_searched_by_itself() {
        let options = json!({ "min_followers": 1000, "languages": ["ko"], "posts_pages": 1 });
        let query = Query {
            handles: texts(&["@Mina"]),
            ids: texts(&["tiktok:handle:mina"]),
            keywords: texts(&["skin care"]),
            regions: texts(&["us", "kr"]),
            max_pages: Some(3),
            options: [("tiktok".to_owned(), options)].into(),
            ..Query::default()
        };
        let shown: Vec<String> = roots(&"t".into(), &query).unwrap().iter().map(Task::to_string).collect();
        assert_eq!(
            shown,
            [
                "t/creator mina",
                "t/creator_videos mina pages_left=1",
                "t/discover KR keyword_search=skin care languages=[\"ko\"] min_followers=1000 pages_left=3",
                "t/discover US keyword_search=skin care languages=[\"ko\"] min_followers=1000 pages_left=3",
            ]
        );
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let refused = |query: Query| {
            let error = roots(&"t".into(), &query).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            error.to_string()
        };
        let with =
            |options: Value| Query { options: [("tiktok".to_owned(), options)].into(), ..Query::default() };
        let query = Query::default;
        // TikTok One searches people, not posts.
        assert!(roots(&"t".into(), &Query { hashtags: texts(&["x"]), ..query() }).unwrap().is_empty());
        assert!(refused(Query { keywords: texts(&["x"]), ..query() }).contains("name `regions`"));
        assert!(refused(Query { ids: texts(&["tiktok:uid:7"]), ..query() }).contains("by handle only"));
        assert!(refused(with(json!({ "min_followers": 2, "max_followers": 1 }))).contains("exchange them"));
        assert!(refused(with(json!({ "sort_field": "LIKES" }))).contains("MEDIAN_VIEWS"));
        assert!(refused(with(json!({ "days": 7 }))).contains("`days`"));
        assert!(roots(&"t".into(), &query()).unwrap().is_empty());
    }
}
