//! Queries to tasks, and tasks to addresses. Pure.

use collector_core::creator::{aspect, id_kind};
use collector_core::error::Result;
use collector_core::id::{Id, Ids, Name};
use collector_core::task::{Query, Task};
use serde_json::Value;
use url::Url;

use super::plan::{ListPlan, Plan};
use crate::values::ident;
use crate::values::named::{invalid, quoted};

/// Kinds of calls.
pub(super) mod kind {
    /// The page about one creator, by handle.
    pub(in super::super) const PROFILE: &str = "profile";
    /// The same by the platform's number.
    pub(in super::super) const PROFILE_BY_UID: &str = "profile_by_uid";
    /// A page with several creators; the subject is the list's name.
    pub(in super::super) const LIST: &str = "list";
}

/// Parameters of tasks.
pub(super) mod param {
    /// The address of the page, when another page led to it.
    pub(in super::super) const URL: &str = "url";
    /// The number of the page.
    pub(in super::super) const PAGE: &str = "page";
    /// What is searched.
    pub(in super::super) const KEYWORD: &str = "keyword";
    /// Which hashtag is searched.
    pub(in super::super) const HASHTAG: &str = "hashtag";
    /// Pages that may still be read, with this one.
    pub(in super::super) const PAGES_LEFT: &str = "pages_left";
    /// A selector of what rows stood in on the page before: an empty page that has it is the site's own.
    pub(in super::super) const FRAME: &str = "frame";
    /// Whether everybody found is looked up.
    pub(in super::super) const HYDRATE: &str = "hydrate";
}

/// The key of `extra` under which a query names lists of a site.
const LISTS: &str = "lists";

/// Somebody known is fetched before somebody new is looked for.
const KNOWN_FIRST: i16 = 10;

/// What there is to ask.
#[derive(Debug)]
pub(super) enum Pages {
    /// TikTok's profiles, below this address.
    Tiktok(Url),
    /// A site that is described.
    Site(Plan),
}

impl Pages {
    pub(super) fn base(&self) -> &Url {
        match self {
            Self::Tiktok(base) => base,
            Self::Site(plan) => &plan.base,
        }
    }

    fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Tiktok(_) => None,
            Self::Site(plan) => Some(plan),
        }
    }

    /// Whether an address belongs to the site.
    pub(super) fn owns(&self, url: &Url) -> bool {
        match self {
            Self::Tiktok(base) => url.origin() == base.origin() || tiktok_host(base, url),
            Self::Site(plan) => plan.owns(url),
        }
    }

    /// The kinds of calls there are.
    pub(super) fn kinds(&self) -> Vec<Name> {
        let by = |placeholder: &str| match self {
            Self::Tiktok(_) => true,
            Self::Site(plan) => plan.profile.as_ref().is_some_and(|page| page.url.contains(placeholder)),
        };
        let lists = self.plan().is_some_and(|plan| !plan.lists.is_empty());
        [(kind::PROFILE, by("{handle}")), (kind::PROFILE_BY_UID, by("{uid}")), (kind::LIST, lists)]
            .into_iter()
            .filter(|(_, made)| *made)
            .map(|(kind, _)| Name::from(kind))
            .collect()
    }

    fn makes(&self, kind: &str) -> bool {
        self.kinds().iter().any(|known| **known == *kind)
    }

    /// The root tasks of a query.
    ///
    /// # Errors
    /// `ConfigInvalid` naming what the site cannot honour.
    pub(super) fn roots(&self, source: &Name, query: &Query) -> Result<Vec<Task>> {
        if query.max_pages == Some(0) {
            return Err(invalid("`max_pages` is 0: leave it out or choose at least 1"));
        }
        let mut tasks = Vec::new();
        for text in &query.handles {
            let handle = self.handle(text).ok_or_else(|| {
                invalid("not a handle: correct it or leave it out").with("handle", quoted(text))
            })?;
            tasks.push(self.by_handle(source, &handle)?);
        }
        for text in &query.ids {
            tasks.push(self.by_id(source, text)?);
        }
        for (texts, name) in [(&query.keywords, param::KEYWORD), (&query.hashtags, param::HASHTAG)] {
            for text in texts {
                tasks.extend(self.searches(source, query, name, text)?);
            }
        }
        tasks.extend(self.lists(source, query)?);
        Query::roots(tasks)
    }

    /// The task that asks about somebody known.
    pub(super) fn lookup(&self, source: &Name, ids: &Ids) -> Option<Task> {
        let handle = ids.get(id_kind::TIKTOK_HANDLE).and_then(|handle| self.handle(handle));
        if let Some(task) = handle.and_then(|handle| self.by_handle(source, &handle).ok()) {
            return Some(task);
        }
        let uid = ids.get(id_kind::TIKTOK_UID).filter(|uid| ident::is_uid(uid))?;
        self.makes(kind::PROFILE_BY_UID).then(|| by_uid(source, uid))
    }

    /// A handle as this site's pages are asked by it.
    fn handle(&self, text: &str) -> Option<String> {
        match self {
            Self::Tiktok(_) => ident::handle(text),
            Self::Site(_) => {
                let bare = text.trim();
                let bare = bare.strip_prefix('@').unwrap_or(bare);
                let good =
                    |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '?' | '#' | '@');
                let fits = (1..=100).contains(&bare.chars().count());
                (fits && bare.chars().all(good)).then(|| bare.to_lowercase())
            }
        }
    }

    fn by_handle(&self, source: &Name, handle: &str) -> Result<Task> {
        if !self.makes(kind::PROFILE) {
            return Err(invalid(
                "the site's description has no `[profile]` by `{handle}`: add it, or leave the handles out",
            ));
        }
        Ok(profile(source, handle))
    }

    fn by_id(&self, source: &Name, text: &str) -> Result<Task> {
        let of = |kind: &str| text.trim().strip_prefix(kind)?.strip_prefix(':');
        if let Some(handle) = of(id_kind::TIKTOK_HANDLE).and_then(|handle| self.handle(handle)) {
            return self.by_handle(source, &handle);
        }
        match of(id_kind::TIKTOK_UID).filter(|uid| ident::is_uid(uid) && self.makes(kind::PROFILE_BY_UID)) {
            Some(uid) => Ok(by_uid(source, uid)),
            None => {
                let kinds = if self.makes(kind::PROFILE_BY_UID) {
                    "`tiktok:handle` or `tiktok:uid`"
                } else {
                    "`tiktok:handle`"
                };
                Err(invalid(&format!("pages are found by {kinds} only: give one of these"))
                    .with("id", quoted(text)))
            }
        }
    }

    /// Every list that is a search by this; none on TikTok, whose robots.txt forbids its search pages.
    fn searches(&self, source: &Name, query: &Query, name: &'static str, text: &str) -> Result<Vec<Task>> {
        let Some(plan) = self.plan() else { return Ok(Vec::new()) };
        let term = if name == param::KEYWORD { ident::keyword(text) } else { ident::hashtag(text) };
        let Some(term) = term else {
            return Err(
                invalid(&format!("not a {name}: correct it or leave it out")).with(name, quoted(text))
            );
        };
        let holder = format!("{{{name}}}");
        let searches = plan
            .lists
            .iter()
            .filter(|(_, list)| list.url.contains(&holder))
            .map(|(list, plan)| first_page(source, query, list, plan).param(name, term.as_str()));
        Ok(searches.collect())
    }

    /// The lists a query names.
    fn lists(&self, source: &Name, query: &Query) -> Result<Vec<Task>> {
        let (Some(plan), Some(named)) = (self.plan(), query.extra.get(LISTS)) else { return Ok(Vec::new()) };
        let wrong = || invalid("`extra.lists` is a list of names of the site's lists, each in quotes");
        let task = |name: &Value| {
            let name = name.as_str().ok_or_else(wrong)?;
            let Some(list) = plan.lists.get(name) else {
                let known: Vec<_> = plan.lists.keys().map(String::as_str).collect();
                let message =
                    format!("the site's description has no such list: choose one of {}", known.join(", "));
                return Err(invalid(&message).with("list", quoted(name)));
            };
            if list.url.contains("{keyword}") || list.url.contains("{hashtag}") {
                return Err(invalid(
                    "this list is a search: name what is searched in `keywords` or `hashtags`",
                )
                .with("list", quoted(name)));
            }
            Ok(first_page(source, query, name, list))
        };
        named.as_array().ok_or_else(wrong)?.iter().map(task).collect()
    }

    /// The address of a task's page.
    ///
    /// # Errors
    /// `ConfigInvalid` for a task that is none of ours.
    pub(super) fn address(&self, task: &Task) -> Result<Url> {
        let wrong = |message: &str| invalid(message).with("task", task);
        if let Some(url) = task.get(param::URL) {
            let url = Url::parse(url).ok().filter(|url| self.owns(url));
            return url.ok_or_else(|| wrong("the task's address is none of the site's"));
        }
        let template = match (self, &**task.kind()) {
            (Self::Tiktok(_), kind::PROFILE | kind::PROFILE_BY_UID) => "/@{handle}{uid}",
            (Self::Site(plan), kind::PROFILE | kind::PROFILE_BY_UID) => {
                &plan.profile.as_ref().ok_or_else(|| wrong("the site's description has no `[profile]`"))?.url
            }
            (Self::Site(plan), kind::LIST) => &self::list(plan, task)?.url,
            _ => return Err(wrong("this source makes no such call")),
        };
        let by_uid = &**task.kind() == kind::PROFILE_BY_UID;
        let subject = |wanted: bool| if wanted { task.subject() } else { "" };
        let page = match task.get(param::PAGE) {
            Some(page) => page.to_owned(),
            None => self
                .plan()
                .and_then(|plan| plan.lists.get(task.subject()))
                .map_or(1, |list| list.first_page)
                .to_string(),
        };
        let filled = fill(
            template,
            &[
                ("handle", subject(!by_uid)),
                ("uid", subject(by_uid)),
                ("page", &page),
                (param::KEYWORD, task.get(param::KEYWORD).unwrap_or_default()),
                (param::HASHTAG, task.get(param::HASHTAG).unwrap_or_default()),
            ],
        );
        join(self.base(), &filled).ok_or_else(|| wrong("the page's `url` makes no address"))
    }
}

/// The list a task is about.
pub(super) fn list<'a>(plan: &'a Plan, task: &Task) -> Result<&'a ListPlan> {
    plan.lists.get(task.subject()).ok_or_else(|| {
        let known: Vec<_> = plan.lists.keys().map(String::as_str).collect();
        invalid(&format!("the site's description has no such list: choose one of {}", known.join(", ")))
            .with("task", task)
    })
}

/// The page of whoever has this handle.
pub(super) fn profile(source: &Name, handle: &str) -> Task {
    Task::new(Name::clone(source), kind::PROFILE, handle)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_HANDLE, handle.to_lowercase()), aspect::PROFILE)
}

fn by_uid(source: &Name, uid: &str) -> Task {
    Task::new(Name::clone(source), kind::PROFILE_BY_UID, uid)
        .priority(KNOWN_FIRST)
        .about(Id::new(id_kind::TIKTOK_UID, uid), aspect::PROFILE)
}

fn first_page(source: &Name, query: &Query, name: &str, list: &ListPlan) -> Task {
    let pages = query.max_pages.unwrap_or(list.max_pages).min(list.max_pages);
    let task = Task::new(Name::clone(source), kind::LIST, name)
        .per_run()
        .param(param::PAGES_LEFT, pages.to_string());
    match query.hydrate {
        Some(hydrate) => task.param(param::HYDRATE, hydrate.to_string()),
        None => task,
    }
}

/// An address that counts from the base, also where the base has a path.
fn join(base: &Url, address: &str) -> Option<Url> {
    if address.contains("://") {
        return Url::parse(address).ok();
    }
    let base = base.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/{}", address.trim_start_matches('/'))).ok()
}

/// A template with its placeholders filled, each value encoded. In one pass, so that no value is a template.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            encode(value, &mut filled);
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Whether both are hosts of TikTok, which sends visitors from one to the other.
fn tiktok_host(base: &Url, url: &Url) -> bool {
    let tiktok =
        |url: &Url| url.host_str().is_some_and(|host| host == "tiktok.com" || host.ends_with(".tiktok.com"));
    tiktok(base) && tiktok(url) && url.scheme() == "https"
}
