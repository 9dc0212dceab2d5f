//! Tasks a query begins with, and those about one known creator. Pure.

use collector_core::creator::{aspect, id_kind};
use collector_core::error::Result;
use collector_core::id::{Id, Ids, Name};
use collector_core::task::{Query, Task};

use super::follow::LISTS;
use super::kind::{Kind, param};
use super::options::{EnsembleDataOptions, Search};
use crate::values::ident;
use crate::values::named::{invalid, quoted, required};

/// Somebody known is fetched before somebody new is looked for.
const KNOWN_FIRST: i16 = 10;

/// The key of `extra` under which a query names sounds by their ids.
const SOUNDS: &str = "sounds";

/// The root tasks of a query.
///
/// # Errors
/// `ConfigInvalid` naming what this source cannot honour.
pub(super) fn roots(source: &Name, query: &Query, long_calls: bool) -> Result<Vec<Task>> {
    refuse_no_pages(query)?;
    let options = EnsembleDataOptions::of(source, query, long_calls)?;
    let seed = Seed { source, query, options };
    let mut tasks = Vec::new();
    for text in &query.handles {
        let handle = required(ident::handle(text), "handle", text)?;
        tasks.push(seed.with_lists(by_handle(source, &handle)));
    }
    for text in &query.ids {
        tasks.push(seed.with_lists(by_id(source, text)?));
    }
    for text in &query.hashtags {
        tasks.push(seed.hashtag(&required(ident::hashtag(text), "hashtag", text)?));
    }
    for text in &query.keywords {
        tasks.extend(seed.keyword(&required(ident::keyword(text), "keyword", text)?));
    }
    for text in &query.posts {
        tasks.push(seed.post(&required(ident::post(text), "post id or link", text)?));
    }
    tasks.extend(seed.sounds()?);
    Query::roots(tasks)
}

/// What the roots of one query are made from.
struct Seed<'a> {
    source: &'a Name,
    query: &'a Query,
    options: EnsembleDataOptions,
}

impl Seed<'_> {
    /// The profile, and which lists to read once it is known.
    fn with_lists(&self, profile: Task) -> Task {
        let options = &self.options;
        let pages =
            [options.posts_pages, options.followers_pages, options.following_pages, options.liked_pages];
        if pages == [0; 4] {
            return profile;
        }
        let own_posts_only = pages.iter().skip(1).all(|pages| *pages == 0);
        let mut task = Task::new(Name::clone(self.source), Name::clone(profile.kind()), profile.subject())
            .priority(profile.rank());
        if let Some(target) = profile.target().filter(|_| own_posts_only) {
            // A profile that is fresh says nothing about posts.
            task = task.about(target.id.clone(), aspect::OWN_POSTS);
        }
        for (name, pages) in LISTS.into_iter().zip(pages).filter(|(_, pages)| *pages > 0) {
            task = task.param(name, pages.to_string());
        }
        if let Some(since) = options.since().filter(|_| options.posts_pages > 0) {
            task = task.param(param::SINCE, since.as_secs().to_string());
        }
        self.hydrating(task)
    }

    fn hashtag(&self, name: &str) -> Task {
        match self.options.recent_days {
            Some(days) => {
                self.hydrating(self.search(Kind::HashtagRecent, name).param(param::DAYS, days.to_string()))
            }
            None => self.paged(self.search(Kind::Hashtag, name)),
        }
    }

    fn keyword(&self, words: &str) -> Vec<Task> {
        let task = |search: &Search| match search {
            Search::Posts => self.paged(self.of_posts(self.search(Kind::Keyword, words))),
            Search::AllPosts => self.hydrating(self.of_posts(self.search(Kind::KeywordFull, words))),
            Search::Users => self.paged(self.search(Kind::UserSearch, words)),
            Search::Lives => self.paged(self.seen_from(self.search(Kind::Lives, words))),
        };
        self.options.search.iter().map(task).collect()
    }

    fn post(&self, id: &str) -> Task {
        let task = Task::new(Name::clone(self.source), Kind::Posts.name(), id).priority(KNOWN_FIRST);
        match self.options.comments_pages {
            0 => task,
            pages => self.hydrating(task.param(param::COMMENTS_PAGES, pages.to_string())),
        }
    }

    /// Posts that use the sounds of `extra.sounds`.
    fn sounds(&self) -> Result<Vec<Task>> {
        let Some(sounds) = self.query.extra.get(SOUNDS) else { return Ok(Vec::new()) };
        let wrong = || invalid("`extra.sounds` is a list of sounds' ids, each in quotes");
        let id = |value: &serde_json::Value| {
            let text = value.as_str().ok_or_else(wrong)?;
            required(Some(text.trim()).filter(|id| ident::is_post_id(id)), "sound id", text)
                .map(|id| self.paged(self.search(Kind::SoundPosts, id)))
        };
        sounds.as_array().ok_or_else(wrong)?.iter().map(id).collect()
    }

    fn search(&self, kind: Kind, subject: &str) -> Task {
        Task::new(Name::clone(self.source), kind.name(), subject).per_run()
    }

    fn of_posts(&self, task: Task) -> Task {
        let mut task = self.seen_from(task);
        if self.options.period > 0 {
            task = task.param(param::PERIOD, self.options.period.to_string());
        }
        if let Some(code) = self.options.order.code() {
            task = task.param(param::SORTING, code);
        }
        if self.options.match_exactly { task.param(param::EXACT, "true") } else { task }
    }

    fn seen_from(&self, task: Task) -> Task {
        match self.options.country() {
            Some(country) => task.param(param::COUNTRY, country),
            None => task,
        }
    }

    fn paged(&self, task: Task) -> Task {
        let task = self.hydrating(task);
        match self.query.max_pages {
            Some(pages) => task.param(param::PAGES_LEFT, pages.to_string()),
            None => task,
        }
    }

    fn hydrating(&self, task: Task) -> Task {
        match self.query.hydrate {
            Some(hydrate) => task.param(param::HYDRATE, hydrate.to_string()),
            None => task,
        }
    }
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

fn refuse_no_pages(query: &Query) -> Result<()> {
    let searches = !query.hashtags.is_empty() || !query.keywords.is_empty();
    if query.max_pages == Some(0) && searches {
        return Err(invalid("`max_pages` is 0: leave it out or choose at least 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;
    use collector_core::id::RunId;
    use collector_core::task::Scope;

    use super::*;

    const SEC_UID: &str = "MS4wLjABAAAAmade-up_0123456789";

    fn source() -> Name {
        Name::from("ensembledata")
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn refused(query: &Query) -> String {
        let error = roots(&source(), query, false).unwrap_err();
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
        let tasks = roots(&source(), &query, false).unwrap();
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
        let tasks = roots(&source(), &query, false).unwrap();
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0].id(RunId(1)), roots(&source(), &query, false).unwrap()[0].id(RunId(1)));
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
        assert!(with(|q| q.keywords = texts(&[" "])).contains("keyword"));
        assert!(with(|q| q.extra = [("sounds".into(), serde_json::json!([7]))].into()).contains("in quotes"));
        assert!(with(|q| q.extra = [("sounds".into(), serde_json::json!(["x"]))].into()).contains("\"x\""));
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
        assert!(roots(&source(), &Query::default(), false).unwrap().is_empty());
        let regions = Query { regions: texts(&["KR"]), ..Query::default() };
        assert!(roots(&source(), &regions, false).unwrap().is_empty());
        let extra = [("pages".to_owned(), serde_json::json!(3))].into();
        assert!(roots(&source(), &Query { extra, ..Query::default() }, false).unwrap().is_empty());
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

    fn asked(mut query: Query, options: serde_json::Value) -> Vec<String> {
        query.options = [("ensembledata".to_owned(), options)].into();
        roots(&source(), &query, true).unwrap().iter().map(Task::to_string).collect()
    }

    #[test]
    fn keywords_search_what_the_options_say() {
        let query = || Query { keywords: texts(&[" Skin  Care "]), max_pages: Some(3), ..Query::default() };
        assert_eq!(asked(query(), serde_json::json!({})), ["ensembledata/keyword skin care pages_left=3"]);
        let options = serde_json::json!({
            "search": ["posts", "all_posts", "users", "lives"],
            "period": 30, "order": "likes", "seen_from": "kr", "match_exactly": true,
        });
        assert_eq!(
            asked(query(), options),
            [
                "ensembledata/keyword skin care country=KR exact=true pages_left=3 period=30 sorting=1",
                "ensembledata/keyword_full skin care country=KR exact=true period=30 sorting=1",
                "ensembledata/user_search skin care pages_left=3",
                "ensembledata/lives skin care country=KR pages_left=3",
            ]
        );
    }

    #[test]
    fn lists_of_a_creator_are_asked_for_with_the_profile() {
        let query = || Query { handles: texts(&["mina"]), hydrate: Some(false), ..Query::default() };
        let options = serde_json::json!({ "posts_pages": 2, "posts_since": "2026-01-31" });
        assert_eq!(
            asked(query(), options),
            ["ensembledata/profile mina hydrate=false posts_pages=2 since=1769817600"]
        );
        let task = |options: serde_json::Value| {
            let query = Query { options: [("ensembledata".to_owned(), options)].into(), ..query() };
            roots(&source(), &query, false).unwrap().remove(0)
        };
        let posts = task(serde_json::json!({ "posts_pages": 1 }));
        assert_eq!(&*posts.target().unwrap().aspect, aspect::OWN_POSTS, "a fresh profile has no posts");
        let followers = task(serde_json::json!({ "posts_pages": 1, "followers_pages": 1 }));
        assert_eq!(followers.target(), None, "nothing that is fresh stands for followers");
        assert_eq!(&*task(serde_json::json!({})).target().unwrap().aspect, aspect::PROFILE);
    }

    #[test]
    fn a_hashtag_is_one_long_call_when_asked_and_sounds_and_comments_have_their_tasks() {
        let query = Query {
            hashtags: texts(&["x"]),
            posts: texts(&["https://www.tiktok.com/@mina/video/7234567890123456789"]),
            extra: [("sounds".to_owned(), serde_json::json!(["7016547803243022337"]))].into(),
            ..Query::default()
        };
        assert_eq!(
            asked(query, serde_json::json!({ "recent_days": 7, "comments_pages": 4 })),
            [
                "ensembledata/hashtag_recent x days=7",
                "ensembledata/posts 7234567890123456789 comments_pages=4",
                "ensembledata/sound_posts 7016547803243022337",
            ]
        );
    }
}
