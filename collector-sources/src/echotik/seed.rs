//! Tasks a query begins with, and those about one known creator. Pure.

use collector_core::creator::{aspect, id_kind};
use collector_core::error::Result;
use collector_core::id::{Id, Ids, Name};
use collector_core::task::{Query, Task};

use super::DATABASE;
use super::date::Period;
use super::kind::{Kind, param};
use super::options::{self, EchoTikOptions, Listing, Ranking};
use crate::values::ident;
use crate::values::named::{invalid, quoted, required};

/// Pages of a region that nobody asked for by name, of ten creators each: all of them would be thousands of calls.
const PAGES_UNASKED: u32 = 100;

/// Somebody known is fetched before somebody new is looked for.
const KNOWN_FIRST: i16 = 10;

/// What is read of each creator asked for, once the keys are known.
pub(super) const LISTS: [&str; 3] = [param::VIDEOS_PAGES, param::LIVE_VIDEOS_PAGES, param::TREND_DAYS];

/// The root tasks of a query.
///
/// # Errors
/// `ConfigInvalid` naming what this source cannot honour.
pub(super) fn roots(source: &Name, query: &Query) -> Result<Vec<Task>> {
    let mut seed = Seed {
        source,
        query,
        pages: query.max_pages,
        options: EchoTikOptions::of(source, query)?,
        regions: query.regions.iter().map(|text| region(text)).collect::<Result<_>>()?,
    };
    seed.refuse_no_pages()?;
    let mut tasks = Vec::new();
    for text in &query.handles {
        tasks
            .push(seed.with_lists(by_handle(source, &required(ident::handle(text), "TikTok handle", text)?)));
    }
    for text in &query.ids {
        tasks.push(seed.with_lists(by_id(source, text)?));
    }
    for text in &query.keywords {
        tasks.extend(seed.keyword(&required(ident::keyword(text), "search term", text)?));
    }
    let (mut listings, rankings) = (options::listings(query)?, options::rankings(query)?);
    if seed.regions.is_empty() && !(listings.is_empty() && rankings.is_empty()) {
        return Err(invalid(
            "EchoTik has lists and rankings by region only: add `regions`, such as [\"US\"]",
        ));
    }
    if listings.is_empty() && rankings.is_empty() && query.keywords.is_empty() && !query.hashtags.is_empty() {
        // The people of these regions are searched, and a hashtag is nothing that could be searched here.
        seed.pages = seed.pages.or(Some(PAGES_UNASKED));
        listings.push(Listing::default());
    }
    for region in &seed.regions {
        tasks.extend(listings.iter().map(|listing| seed.listing(region, listing)));
        tasks.extend(rankings.iter().map(|ranking| seed.ranking(region, ranking)));
    }
    Query::roots(tasks)
}

/// What the roots of one query are made from.
struct Seed<'a> {
    source: &'a Name,
    query: &'a Query,
    /// The most pages of each list.
    pages: Option<u32>,
    options: EchoTikOptions,
    regions: Vec<Box<str>>,
}

impl Seed<'_> {
    fn refuse_no_pages(&self) -> Result<()> {
        let named = ["listings", "rankings"].iter().any(|name| self.query.extra.contains_key(*name));
        let lists = named || !(self.regions.is_empty() || self.query.hashtags.is_empty());
        if self.query.max_pages == Some(0) && lists {
            return Err(invalid("`max_pages` is 0: leave it out or choose at least 1"));
        }
        Ok(())
    }

    /// The details, and what to read once the keys are known.
    fn with_lists(&self, details: Task) -> Task {
        let options = &self.options;
        let wanted = [options.videos_pages, options.live_videos_pages, options.trend_days];
        if wanted == [0; 3] {
            return details;
        }
        // Details that are fresh say nothing about the rest.
        let mut task = Task::new(Name::clone(self.source), Name::clone(details.kind()), details.subject())
            .priority(details.rank());
        for (name, count) in LISTS.into_iter().zip(wanted).filter(|(_, count)| *count > 0) {
            task = task.param(name, count.to_string());
        }
        task
    }

    fn keyword(&self, words: &str) -> Vec<Task> {
        let task = || self.hydrating(self.search(Kind::Search, words));
        if self.regions.is_empty() {
            return vec![task()];
        }
        self.regions.iter().map(|region| task().param(param::REGION, &**region)).collect()
    }

    fn listing(&self, region: &str, listing: &Listing) -> Task {
        let task = self.paged(self.search(Kind::List, region));
        filtered(task, listing.filters())
    }

    fn ranking(&self, region: &str, ranking: &Ranking) -> Task {
        let task = self
            .paged(self.search(Kind::Ranking, region))
            .param(param::RANK_TYPE, Period::from(ranking.period).code())
            .param(param::RANK_FIELD, ranking.by.code());
        let task = match &ranking.date {
            Some(date) => task.param(param::DATE, date),
            None => task.param(param::BACK, "1"),
        };
        let filters = [
            ("influencer_category_name", &ranking.category),
            ("product_category_id", &ranking.product_category_id),
        ];
        filtered(task, filters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))))
    }

    fn search(&self, kind: Kind, subject: &str) -> Task {
        Task::new(Name::clone(self.source), kind.name(), subject).per_run()
    }

    fn paged(&self, task: Task) -> Task {
        let task = self.hydrating(task);
        match self.pages {
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

fn filtered(task: Task, filters: impl IntoIterator<Item = (&'static str, String)>) -> Task {
    let add =
        |task: Task, (name, value): (&str, String)| task.param(format!("{}{name}", param::FILTER), value);
    filters.into_iter().fold(task, add)
}

/// The task that asks about a known creator: by number, which never moves, else by handle.
pub(super) fn lookup(source: &Name, ids: &Ids) -> Option<Task> {
    let uid = ids.get(id_kind::TIKTOK_UID).filter(|value| ident::is_uid(value));
    uid.map(|value| by_uid(source, value)).or_else(|| {
        let handle = ident::handle(ids.get(id_kind::TIKTOK_HANDLE)?)?;
        Some(by_handle(source, &handle))
    })
}

/// What the database has about whoever has this number.
pub(super) fn by_uid(source: &Name, uid: &str) -> Task {
    Task::new(Name::clone(source), Kind::Details.name(), uid)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_UID, uid), DATABASE)
}

/// What the database has about whoever has this handle.
pub(super) fn by_handle(source: &Name, handle: &str) -> Task {
    Task::new(Name::clone(source), Kind::DetailsByHandle.name(), handle)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_HANDLE, handle), DATABASE)
}

/// The profile of whoever has this handle, as the platform shows it.
pub(super) fn live_profile(source: &Name, handle: &str) -> Task {
    Task::new(Name::clone(source), Kind::LiveProfile.name(), handle)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::PROFILE)
}

fn by_id(source: &Name, text: &str) -> Result<Task> {
    let of = |kind: &str| text.trim().strip_prefix(kind)?.strip_prefix(':');
    if let Some(value) = of(id_kind::TIKTOK_UID) {
        let uid =
            required(Some(value).filter(|value| ident::is_uid(value)), "TikTok account's number", text)?;
        return Ok(by_uid(source, uid));
    }
    if let Some(value) = of(id_kind::TIKTOK_HANDLE) {
        return Ok(by_handle(source, &required(ident::handle(value), "TikTok handle", text)?));
    }
    let message = format!(
        "EchoTik finds people by `{}` or `{}` only: give one of these",
        id_kind::TIKTOK_UID,
        id_kind::TIKTOK_HANDLE
    );
    Err(invalid(&message).with("id", quoted(text)))
}

/// The vendor's code of a market: ISO 3166 alpha-2, `GB` and not `UK`.
fn region(text: &str) -> Result<Box<str>> {
    required(crate::values::text::country(text), "region of two letters, such as \"US\"", text)
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;
    use collector_core::task::Scope;
    use serde_json::json;

    use super::*;

    fn source() -> Name {
        Name::from("echotik")
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn asked(query: &Query) -> Vec<String> {
        roots(&source(), query).unwrap().iter().map(Task::to_string).collect()
    }

    #[test]
    fn each_part_of_a_query_has_its_kind_of_root() {
        let query = Query {
            handles: texts(&["@Mina.K", "mina.k"]),
            ids: texts(&["tiktok:uid:7000000000000000001", "tiktok:handle:Jo"]),
            keywords: texts(&[" Skin  Care "]),
            regions: texts(&["us", "UK"]),
            max_pages: Some(3),
            extra: [
                (
                    "listings".to_owned(),
                    json!([{"category": "Beauty", "sort": "followers", "min_followers": 5}]),
                ),
                ("rankings".to_owned(), json!([{"by": "sales", "period": "week"}])),
            ]
            .into(),
            ..Query::default()
        };
        let listing = |region: &str| {
            format!(
                "echotik/list {region} pages_left=3 where.influencer_category_name=Beauty \
                 where.influencer_sort_field_v2=1 where.min_total_followers_cnt=5 where.sort_type=1"
            )
        };
        let ranking = |region: &str| {
            format!("echotik/ranking {region} back=1 influencer_rank_field=2 pages_left=3 rank_type=2")
        };
        assert_eq!(
            asked(&query),
            [
                "echotik/details_by_handle mina.k",
                "echotik/details 7000000000000000001",
                "echotik/details_by_handle jo",
                "echotik/search skin care region=US",
                "echotik/search skin care region=GB",
                &listing("US"),
                &ranking("US"),
                &listing("GB"),
                &ranking("GB"),
            ]
        );
        let tasks = roots(&source(), &query).unwrap();
        assert_eq!(tasks[1].target().unwrap().id.to_string(), "tiktok:uid:7000000000000000001");
        assert_eq!((tasks[0].scope(), tasks[5].scope()), (Scope::Window, Scope::Run));
        assert!(tasks[0].rank() > tasks[5].rank(), "people known come before people to be found");
    }

    #[test]
    fn more_is_read_of_those_asked_for() {
        let query = Query {
            handles: texts(&["mina"]),
            options: [("echotik".to_owned(), json!({"trend_days": 90, "videos_pages": 2}))].into(),
            ..Query::default()
        };
        assert_eq!(asked(&query), ["echotik/details_by_handle mina trend_days=90 videos_pages=2"]);
        assert_eq!(roots(&source(), &query).unwrap()[0].target(), None);
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let refused = |change: fn(&mut Query)| {
            let mut query = Query::default();
            change(&mut query);
            let error = roots(&source(), &query).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            error.to_string()
        };
        assert!(refused(|q| q.handles = texts(&["two words"])).contains("two words"));
        assert!(refused(|q| q.ids = texts(&["tiktok:sec_uid:MS4wLjABAAAA"])).contains("tiktok:uid"));
        assert!(refused(|q| q.ids = texts(&["tiktok:uid:12x"])).contains("12x"));
        assert!(refused(|q| q.regions = texts(&["USA"])).contains("USA"));
        let listing = |value: serde_json::Value| [("listings".to_owned(), value)].into();
        assert!(refused(|q| q.extra = [("listings".to_owned(), json!([{}]))].into()).contains("regions"));
        for (value, part) in [
            (json!([{"categorie": "Beauty"}]), "categorie"),
            (json!({}), "listings"),
            (json!([{"min_interaction_rate": -1.0}]), "rate"),
            (json!([{"category": "a\nb"}]), "control"),
        ] {
            let query = Query { regions: texts(&["US"]), extra: listing(value), ..Query::default() };
            let error = roots(&source(), &query).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        for (date, period) in [("2026-11-24", "week"), ("2026-11-02", "month"), ("soon", "day")] {
            let extra =
                [("rankings".to_owned(), json!([{"by": "sales", "period": period, "date": date}]))].into();
            let query = Query { regions: texts(&["US"]), extra, ..Query::default() };
            assert!(roots(&source(), &query).unwrap_err().to_string().contains(date));
        }
        assert!(
            refused(|q| q.options = [("echotik".to_owned(), json!({"trend_days": 181}))].into())
                .contains("180")
        );
    }

    #[test]
    fn an_empty_query_and_what_others_understand_make_no_roots() {
        assert!(asked(&Query::default()).is_empty());
        let extra = [("pages".to_owned(), json!(3))].into();
        assert!(asked(&Query { extra, ..Query::default() }).is_empty());
        assert!(asked(&Query { regions: texts(&["US"]), ..Query::default() }).is_empty());
        assert!(asked(&Query { hashtags: texts(&["tea"]), ..Query::default() }).is_empty());
        assert!(asked(&Query { posts: texts(&["7234567890123456789"]), ..Query::default() }).is_empty());
    }

    #[test]
    fn of_hashtags_in_regions_the_regions_are_listed_unless_the_query_says_what_is() {
        let query = Query { hashtags: texts(&["tea"]), regions: texts(&["KR", "US"]), ..Query::default() };
        let most = ["echotik/list KR pages_left=100", "echotik/list US pages_left=100"];
        assert_eq!(asked(&query), most, "nobody asked for all of a region");
        let more = Query { max_pages: Some(700), ..query.clone() };
        assert_eq!(asked(&more), most.map(|task| task.replace("100", "700")));
        let extra = [("listings".to_owned(), json!([{"category": "Beauty"}]))].into();
        assert_eq!(asked(&Query { extra, ..query.clone() }).len(), 2);
        let searched = Query { keywords: texts(&["tea"]), ..query };
        assert_eq!(asked(&searched), ["echotik/search tea region=KR", "echotik/search tea region=US"]);
    }

    #[test]
    fn a_lookup_prefers_the_key_that_never_moves() {
        let handle = Id::new(id_kind::TIKTOK_HANDLE, "Mina");
        let uid = Id::new(id_kind::TIKTOK_UID, "7000000000000000001");
        let ids = Ids { strong: vec![uid], weak: vec![handle.clone()] };
        assert_eq!(lookup(&source(), &ids).unwrap().to_string(), "echotik/details 7000000000000000001");
        let weak = Ids { strong: vec![Id::new(id_kind::TIKTOK_SEC_UID, "MS4w")], weak: vec![handle] };
        assert_eq!(lookup(&source(), &weak).unwrap().to_string(), "echotik/details_by_handle mina");
        assert_eq!(lookup(&source(), &Ids { weak: vec![], ..weak }), None);
    }
}
