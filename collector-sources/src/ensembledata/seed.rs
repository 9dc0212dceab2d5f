//! Tasks: those a query begins with, those about one known creator, and those an answer leads to. Pure.

use std::collections::HashSet;

use collector_core::creator::{aspect, id_kind};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Id, Ids, Name};
use collector_core::task::{Query, Task};

use super::ident;
use super::request::{Kind, param};

/// Somebody known is fetched before somebody new is looked for.
const KNOWN_FIRST: i16 = 10;

/// The root tasks of a query.
///
/// # Errors
/// `ConfigInvalid` naming what this source cannot honour.
pub(super) fn roots(source: &Name, query: &Query) -> Result<Vec<Task>> {
    refuse_what_nobody_here_can(query)?;
    let mut tasks = Vec::new();
    for text in &query.handles {
        tasks.push(by_handle(source, &required(ident::handle(text), "handle", text)?));
    }
    for text in &query.ids {
        tasks.push(by_id(source, text)?);
    }
    for text in &query.hashtags {
        tasks.push(hashtag(source, query, &required(ident::hashtag(text), "hashtag", text)?));
    }
    for text in &query.posts {
        let id = required(Some(text.trim()).filter(|id| ident::is_post_id(id)), "post id", text)?;
        tasks.push(Task::new(Name::clone(source), Kind::Posts.name(), id).priority(KNOWN_FIRST));
    }
    let mut seen = HashSet::new();
    tasks.retain(|task| seen.insert((Name::clone(task.kind()), task.subject().to_owned())));
    if tasks.len() > Query::MAX_ROOTS {
        return Err(
            invalid("the query has too many roots: cut it with `Query::slices`").with("roots", tasks.len())
        );
    }
    Ok(tasks)
}

/// The task that asks about a known creator: by `secUid`, which never moves, else by handle.
pub(super) fn lookup(source: &Name, ids: &Ids) -> Option<Task> {
    let sec_uid = ids.get(id_kind::TIKTOK_SEC_UID).filter(|value| ident::is_sec_uid(value));
    sec_uid.map(|value| by_sec_uid(source, value)).or_else(|| {
        let handle = ident::handle(ids.get(id_kind::TIKTOK_HANDLE)?)?;
        Some(by_handle(source, &handle))
    })
}

/// The profile of whoever has this handle.
pub(super) fn by_handle(source: &Name, handle: &str) -> Task {
    Task::new(Name::clone(source), Kind::Profile.name(), handle)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::PROFILE)
}

/// The profile of whoever has this `secUid`.
pub(super) fn by_sec_uid(source: &Name, sec_uid: &str) -> Task {
    Task::new(Name::clone(source), Kind::ProfileBySecUid.name(), sec_uid)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_SEC_UID, sec_uid), aspect::PROFILE)
}

/// The page of a hashtag after `page`; `None` when the query's limit is reached.
pub(super) fn next_page(page: &Task, cursor: u64, empty: u32) -> Option<Task> {
    let mut next = Task::new(Name::clone(page.source()), Kind::Hashtag.name(), page.subject())
        .per_run()
        .priority(page.rank())
        .param(param::CURSOR, cursor.to_string());
    if empty > 0 {
        next = next.param(param::EMPTY, empty.to_string());
    }
    if let Some(hydrate) = page.get(param::HYDRATE) {
        next = next.param(param::HYDRATE, hydrate);
    }
    match page.get(param::PAGES_LEFT).and_then(|left| left.parse::<u32>().ok()) {
        None => Some(next),
        Some(0 | 1) => None,
        Some(left) => Some(next.param(param::PAGES_LEFT, (left - 1).to_string())),
    }
}

fn hashtag(source: &Name, query: &Query, name: &str) -> Task {
    let mut task = Task::new(Name::clone(source), Kind::Hashtag.name(), name).per_run();
    if query.hydrate == Some(false) {
        task = task.param(param::HYDRATE, "false");
    }
    if let Some(pages) = query.max_pages {
        task = task.param(param::PAGES_LEFT, pages.to_string());
    }
    task
}

fn by_id(source: &Name, text: &str) -> Result<Task> {
    let of = |kind: &str| text.trim().strip_prefix(kind)?.strip_prefix(':');
    if let Some(value) = of(id_kind::TIKTOK_SEC_UID) {
        return Ok(by_sec_uid(
            source,
            required(Some(value).filter(|value| ident::is_sec_uid(value)), "secUid", text)?,
        ));
    }
    if let Some(value) = of(id_kind::TIKTOK_HANDLE) {
        return Ok(by_handle(source, &required(ident::handle(value), "handle", text)?));
    }
    let message = format!(
        "EnsembleData finds people by `{}` or `{}` only: give one of these",
        id_kind::TIKTOK_SEC_UID,
        id_kind::TIKTOK_HANDLE
    );
    Err(invalid(&message).with("id", quoted(text)))
}

fn refuse_what_nobody_here_can(query: &Query) -> Result<()> {
    if !query.keywords.is_empty() {
        return Err(invalid("this adapter searches hashtags only: ask another source for `keywords`"));
    }
    if !query.regions.is_empty() {
        return Err(invalid(
            "EnsembleData cannot restrict a hashtag to `regions`: leave them out, or filter afterwards",
        ));
    }
    if query.max_pages == Some(0) && !query.hashtags.is_empty() {
        return Err(invalid("`max_pages` is 0: leave it out or choose at least 1"));
    }
    Ok(())
}

fn required<T>(value: Option<T>, what: &'static str, text: &str) -> Result<T> {
    value.ok_or_else(|| {
        invalid(&format!("not a TikTok {what}: correct it or leave it out")).with(what, quoted(text))
    })
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message)
}

/// The beginning of a text from outside, with control characters escaped.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collector_core::id::RunId;
    use collector_core::task::Scope;

    const SEC_UID: &str = "MS4wLjABAAAAmade-up_0123456789";

    fn source() -> Name {
        Name::from("ensembledata")
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn refused(query: &Query) -> String {
        let error = roots(&source(), query).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        error.to_string()
    }

    #[test]
    fn each_part_of_a_query_has_its_kind_of_root() {
        let query = Query {
            handles: texts(&["@Mina.K"]),
            ids: vec![format!("tiktok:sec_uid:{SEC_UID}"), "tiktok:handle:Jo".into()],
            hashtags: texts(&["#KBeauty"]),
            posts: texts(&["7234567890123456789"]),
            ..Query::default()
        };
        let tasks = roots(&source(), &query).unwrap();
        let shown: Vec<String> = tasks.iter().map(Task::to_string).collect();
        assert_eq!(
            shown,
            [
                "ensembledata/profile mina.k",
                &format!("ensembledata/profile_by_secuid {SEC_UID}"),
                "ensembledata/profile jo",
                "ensembledata/hashtag kbeauty",
                "ensembledata/posts 7234567890123456789",
            ]
        );
        let about = tasks[0].target().unwrap();
        assert_eq!((about.id.to_string().as_str(), &*about.aspect), ("tiktok:handle:mina.k", "profile"));
        assert_eq!(tasks[1].target().unwrap().id.to_string(), format!("tiktok:sec_uid:{SEC_UID}"));
        assert_eq!(tasks[3].scope(), Scope::Run);
        assert!(tasks[0].rank() > tasks[3].rank(), "people known come before people to be found");
    }

    #[test]
    fn the_same_thing_twice_is_one_root() {
        let query = Query { handles: texts(&["mina", "@Mina", "MINA"]), ..Query::default() };
        let tasks = roots(&source(), &query).unwrap();
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0].id(RunId(1)), roots(&source(), &query).unwrap()[0].id(RunId(1)));
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let with = |change: fn(&mut Query)| {
            let mut query = Query::default();
            change(&mut query);
            refused(&query)
        };
        assert!(with(|q| q.handles = texts(&["ok", "two words"])).contains("\"two words\""));
        assert!(with(|q| q.ids = texts(&["tiktok:uid:7"])).contains("tiktok:uid:7"));
        assert!(with(|q| q.ids = texts(&["tiktok:sec_uid:short"])).contains("short"));
        assert!(with(|q| q.hashtags = texts(&["#"])).contains("\"#\""));
        assert!(with(|q| q.posts = texts(&["12a"])).contains("12a"));
        assert!(with(|q| q.keywords = texts(&["beauty"])).contains("keywords"));
        assert!(with(|q| q.regions = texts(&["KR"])).contains("regions"));
        assert!(
            with(|q| {
                q.hashtags = texts(&["x"]);
                q.max_pages = Some(0)
            })
            .contains("max_pages")
        );
        assert!(with(|q| q.handles = (0..1_001).map(|i| format!("h{i}")).collect()).contains("1001"));
    }

    #[test]
    fn an_empty_query_and_what_others_understand_make_no_roots() {
        assert!(roots(&source(), &Query::default()).unwrap().is_empty());
        let extra = [("pages".to_owned(), serde_json::json!(3))].into();
        assert!(roots(&source(), &Query { extra, ..Query::default() }).unwrap().is_empty());
    }

    #[test]
    fn a_lookup_prefers_the_key_that_never_moves() {
        let handle = Id::new(id_kind::TIKTOK_HANDLE, "mina");
        let ids = Ids { strong: vec![Id::new(id_kind::TIKTOK_SEC_UID, SEC_UID)], weak: vec![handle.clone()] };
        assert_eq!(lookup(&source(), &ids).unwrap().kind().as_ref(), "profile_by_secuid");
        let weak = Ids { strong: vec![Id::new(id_kind::TIKTOK_UID, "71")], weak: vec![handle] };
        assert_eq!(lookup(&source(), &weak).unwrap().to_string(), "ensembledata/profile mina");
        assert_eq!(lookup(&source(), &Ids { weak: vec![], ..weak }), None);
    }

    #[test]
    fn the_next_page_carries_what_the_root_asked() {
        let query =
            Query { hashtags: texts(&["x"]), hydrate: Some(false), max_pages: Some(2), ..Query::default() };
        let root = roots(&source(), &query).unwrap().remove(0);
        let second = next_page(&root, 20, 0).unwrap();
        assert_eq!(second.to_string(), "ensembledata/hashtag x cursor=20 hydrate=false pages_left=1");
        assert_eq!(second.scope(), Scope::Run);
        assert_eq!(next_page(&second, 40, 0), None);
        let endless = Task::new("ensembledata", "hashtag", "x");
        assert_eq!(
            next_page(&endless, 20, 2).unwrap().to_string(),
            "ensembledata/hashtag x cursor=20 empty=2"
        );
    }
}
