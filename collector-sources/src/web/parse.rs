//! Pages to sightings. Pure: the same stored page reads the same next year.

use std::borrow::Cow;

use collector_core::creator::{CreatorSighting, aspect, canonical_handle};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::id::{Digest, Name};
use collector_core::task::{Absence, Malformed, Outcome, Page, Payload, Task};
use scraper::ElementRef;
use serde_json::Value;
use url::Url;

use super::error;
use super::extract::{Taken, View};
use super::html::Document;
use super::plan::{FieldPlan, ListPlan, Plan, ProfilePlan};
use super::request::{self, Pages, kind, param};
use super::{charset, frame, tiktok};
use crate::http::redact;
use crate::values::bio;

/// Rows read of one page.
const MOST_ROWS: usize = 2_000;

/// The header under which the address is kept that answered in the end.
pub(super) const REACHED: &str = "x-reached";

/// What reading depends on besides the page.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) source: Name,
    pub(super) pages: Pages,
    pub(super) keep_email: bool,
}

impl Reader {
    /// Reads the answer to a task.
    ///
    /// # Errors
    /// When the whole answer is a failure; see the adapter's page.
    pub(super) fn read(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        let [task] = tasks else {
            let message = "a page answers one task";
            return Err(Error::new(ErrorKind::Unexpected, message).with("tasks", tasks.len()));
        };
        let address = match payload.header(REACHED).and_then(|reached| Url::parse(reached).ok()) {
            Some(reached) => reached,
            None => self.pages.address(task)?,
        };
        let shown = redact(&address);
        let mut page = match error::judge(payload).map_err(|error| error.with("page", &shown))? {
            Some(absence) => absent(absence),
            None => self.read_page(task, payload, &address).map_err(|error| error.with("page", shown))?,
        };
        for seen in &mut page.items {
            finish(seen, self.keep_email);
        }
        page.fingerprint = contents(&page);
        page.cost = payload.cost;
        Ok(page)
    }

    fn read_page(&self, task: &Task, payload: &Payload, address: &Url) -> Result<Page<CreatorSighting>> {
        let text = charset::text(payload);
        match &self.pages {
            Pages::Tiktok(_) => tiktok::read(task, &text, address),
            Pages::Site(plan) => {
                let document = Document::parse(&text, Some(address))?;
                let shown = redact(address);
                let reading = Reading {
                    reader: self,
                    plan,
                    task,
                    text: &text,
                    view: View::new(&document, &shown),
                    address,
                };
                match &**task.kind() {
                    kind::LIST => reading.list(request::list(plan, task)?),
                    _ => match &plan.profile {
                        Some(profile) => reading.profile(profile),
                        None => Err(Error::new(
                            ErrorKind::ConfigInvalid,
                            "the site's description has no `[profile]`",
                        )),
                    },
                }
            }
        }
    }
}

/// One page of a described site.
struct Reading<'a> {
    reader: &'a Reader,
    plan: &'a Plan,
    task: &'a Task,
    text: &'a str,
    view: View<'a>,
    address: &'a Url,
}

impl Reading<'_> {
    fn profile(&self, profile: &ProfilePlan) -> Result<Page<CreatorSighting>> {
        let html = &self.view.document.html;
        if profile.absent.as_ref().is_some_and(|css| html.select(&css.selector).next().is_some()) {
            return Ok(absent(Absence::NotFound));
        }
        let mut seen = CreatorSighting::showing(aspect::PROFILE);
        let mut malformed = Vec::new();
        let mut missing = 0;
        self.view.fill(&profile.fields, None, &mut seen, |field, taken| {
            missing += usize::from(matches!(taken, Taken::Nothing(_)));
            malformed.push(Malformed { part: field.place.key.clone(), reason: self.reason(&taken) });
        });
        let before = seen.clone();
        self.view.fill_standard(&profile.standard, &mut seen, &mut malformed);
        let required = profile.fields.iter().filter(|field| !field.place.optional).count();
        // Values that stand in the description say nothing about the page.
        let nothing = if required > 0 {
            missing == required
        } else {
            seen == CreatorSighting::showing(aspect::PROFILE)
        };
        if nothing && seen == before {
            return Err(error::challenge(self.text).unwrap_or_else(|| {
                let message =
                    "nothing of the page's description was found: look at the page, and mend the selectors";
                Error::new(ErrorKind::Malformed, message).with("missing", listed(&malformed))
            }));
        }
        let mut page = Page::answering(1, Digest::default());
        page.malformed = malformed;
        page.outcomes = vec![settle(self.task, &mut seen, &mut page.malformed)];
        page.items = vec![seen];
        Ok(page)
    }

    fn list(&self, list: &ListPlan) -> Result<Page<CreatorSighting>> {
        let html = &self.view.document.html;
        let rows: Vec<_> = html.select(&list.rows.selector).take(MOST_ROWS).collect();
        let mut page = Page::answering(1, Digest::default());
        let next = self.next(list, rows.first().copied(), &mut page.malformed)?;
        if rows.is_empty() && !self.may_be_the_end(list) && !self.says_it_is_empty(list) {
            let part = format!("lists.{}.rows", self.task.subject());
            let reason = format!("finds nothing: css `{}` matches no element of the page", list.rows.text);
            if next.is_none() {
                let remedy = "; if the list is over, say in `empty` what such a page shows";
                let reason = if self.is_counted() { reason + remedy } else { reason };
                let nobody = || Error::new(ErrorKind::Malformed, format!("`{part}` {reason}"));
                return Err(error::challenge(self.text).unwrap_or_else(nobody));
            }
            // A page may show nobody and lead on; when each does, it is the selector.
            page.malformed.push(Malformed { part, reason });
        }
        let mut missing = Missing::new(list, rows.len());
        for (at, row) in rows.into_iter().enumerate() {
            self.row(list, at, row, &mut page, &mut missing);
        }
        missing.tell(&mut page.malformed, self.view.shown);
        page.follow_ups.extend(next);
        Ok(page)
    }

    fn row(
        &self,
        list: &ListPlan,
        at: usize,
        row: ElementRef<'_>,
        page: &mut Page<CreatorSighting>,
        missing: &mut Missing<'_>,
    ) {
        let mut seen = CreatorSighting::showing(aspect::LIST_ROW);
        let mut unfit = Vec::new();
        let part = |field: &FieldPlan| format!("row {} {}", at + 1, field.place.key);
        let mut nothing = Vec::new();
        self.view.fill(&list.fields, Some(row), &mut seen, |field, taken| match &taken {
            Taken::Nothing(_) => nothing.push(field.place.key.clone()),
            _ => unfit.push(Malformed { part: part(field), reason: self.reason(&taken) }),
        });
        if seen.handle.is_none() && seen.uid.is_none() && seen.sec_uid.is_none() {
            let reason = format!(
                "the row says not whom it is about{}; on {}",
                unfit.first().map(|first| format!(": {}", first.reason)).unwrap_or_default(),
                self.view.shown
            );
            page.malformed.push(Malformed { part: format!("row {}", at + 1), reason });
            missing.nobody += 1;
            return;
        }
        missing.row(at, &nothing);
        page.malformed.extend(unfit);
        if let Some(profile) = &list.profile {
            self.look_up(self.view.take(profile, Some(row)), &seen, at, page);
        } else if self.hydrates() && self.makes_profiles() {
            page.follow_ups
                .extend(seen.handle.as_deref().map(|handle| request::profile(&self.reader.source, handle)));
        }
        page.items.push(seen);
    }

    /// The page a row leads to.
    fn look_up(&self, link: Taken, seen: &CreatorSighting, at: usize, page: &mut Page<CreatorSighting>) {
        if !self.hydrates() {
            return;
        }
        let url = match &link {
            Taken::Value(Value::String(link)) => self.view.document.link(link),
            _ => None,
        };
        match (url.filter(|url| self.plan.owns(url)), seen.handle.as_deref()) {
            (Some(url), Some(handle)) => {
                page.follow_ups.push(request::profile(&self.reader.source, handle).param(param::URL, url));
            }
            _ => page.malformed.push(Malformed {
                part: format!("row {} lists.{}.profile", at + 1, self.task.subject()),
                reason: match link {
                    Taken::Value(_) => "no link to a page of the site: add its host to `hosts`".to_owned(),
                    taken => self.reason(&taken),
                },
            }),
        }
    }

    fn hydrates(&self) -> bool {
        self.task.get(param::HYDRATE) != Some("false") && self.plan.profile.is_some()
    }

    fn makes_profiles(&self) -> bool {
        self.plan.profile.as_ref().is_some_and(|profile| profile.url.contains("{handle}"))
    }

    /// Whether a page without anybody need not say so: pages that are counted end with one that is empty. But it has to be
    /// the site's, and not that of somebody in between.
    fn may_be_the_end(&self, list: &ListPlan) -> bool {
        let frame = self.task.get(param::FRAME).filter(|_| self.is_counted() && list.empty.is_none());
        frame.is_some_and(|frame| frame::is_in(&self.view.document.html, frame))
    }

    /// Whether the page was reached by counting, not by a link and not as the first.
    fn is_counted(&self) -> bool {
        self.task.get(param::URL).is_none() && self.task.get(param::PAGE).is_some()
    }

    fn says_it_is_empty(&self, list: &ListPlan) -> bool {
        let html = &self.view.document.html;
        list.empty.as_ref().is_some_and(|css| html.select(&css.selector).next().is_some())
    }

    /// The task for the next page, if there is one and it is wanted.
    fn next(
        &self,
        list: &ListPlan,
        row: Option<ElementRef<'_>>,
        malformed: &mut Vec<Malformed>,
    ) -> Result<Option<Task>> {
        let left: u64 = self.task.get(param::PAGES_LEFT).and_then(|left| left.parse().ok()).unwrap_or(1);
        if left <= 1 {
            return Ok(None);
        }
        let (name, value) = match &list.next {
            Some(place) => match self.view.take(place, None) {
                Taken::Value(Value::String(link)) => match self.view.document.link(&link) {
                    Some(url) if url == *self.address => {
                        let message = "the link to the next page leads to the page it stands on";
                        return Err(Error::new(ErrorKind::Malformed, message));
                    }
                    Some(url) if self.plan.owns(&url) => (param::URL, url.to_string()),
                    _ => {
                        let reason =
                            "the link to the next page leads to another site: add its host to `hosts`"
                                .to_owned();
                        malformed.push(Malformed { part: place.key.clone(), reason });
                        return Ok(None);
                    }
                },
                // The last page has none.
                Taken::Value(_) | Taken::Nothing(_) => return Ok(None),
                Taken::Unfit(reason) => {
                    malformed.push(Malformed { part: place.key.clone(), reason });
                    return Ok(None);
                }
            },
            None if list.url.contains("{page}") && row.is_some() => {
                let page =
                    self.task.get(param::PAGE).and_then(|page| page.parse().ok()).unwrap_or(list.first_page);
                (param::PAGE, page.saturating_add(list.step).to_string())
            }
            None => return Ok(None),
        };
        let task = Task::new(Name::clone(self.task.source()), kind::LIST, self.task.subject()).per_run();
        let task = self.task.params().iter().fold(task, |task, (name, value)| task.param(name, value));
        let task = task.param(name, value).param(param::PAGES_LEFT, (left - 1).to_string());
        let frame = row.filter(|_| name == param::PAGE && list.empty.is_none()).and_then(frame::around);
        Ok(Some(frame.into_iter().fold(task, |task, frame| task.param(param::FRAME, frame))))
    }

    fn reason(&self, taken: &Taken) -> String {
        match taken {
            Taken::Nothing(place) => format!(
                "{place} matches nothing on {}: mend it, or write `optional = true` if it may be missing",
                self.view.shown
            ),
            Taken::Unfit(reason) => format!("{reason}, on {}", self.view.shown),
            Taken::Value(_) => format!("not a value of this kind, on {}", self.view.shown),
        }
    }
}

/// Counts in how many rows each field stands nowhere, so that one wrong selector is told once.
struct Missing<'a> {
    list: &'a ListPlan,
    rows: usize,
    /// By key: the rows without it.
    without: std::collections::BTreeMap<String, Vec<usize>>,
    nobody: usize,
}

impl<'a> Missing<'a> {
    fn new(list: &'a ListPlan, rows: usize) -> Self {
        Self { list, rows, without: Default::default(), nobody: 0 }
    }

    fn row(&mut self, at: usize, keys: &[String]) {
        for key in keys {
            self.without.entry(key.clone()).or_default().push(at);
        }
    }

    fn tell(self, malformed: &mut Vec<Malformed>, shown: &str) {
        let read = self.rows - self.nobody;
        for (key, rows) in self.without {
            let place = self.list.fields.iter().find(|field| field.place.key == key);
            let place = place.map(|field| field.place.origin.shown()).unwrap_or_default();
            let remedy = "mend it, or write `optional = true` if it may be missing";
            if rows.len() == read {
                let reason = format!("{place} matches nothing in any of {read} rows of {shown}: {remedy}");
                malformed.push(Malformed { part: key, reason });
            } else {
                malformed.extend(rows.into_iter().map(|at| Malformed {
                    part: format!("row {} {key}", at + 1),
                    reason: format!("{place} matches nothing in this row of {shown}: {remedy}"),
                }));
            }
        }
    }
}

/// Whether the page shows whom it was asked for. One that shows somebody else is a sighting of that somebody.
pub(super) fn settle(task: &Task, seen: &mut CreatorSighting, malformed: &mut Vec<Malformed>) -> Outcome {
    let asked = task.subject();
    let shown = if &**task.kind() == kind::PROFILE_BY_UID { &mut seen.uid } else { &mut seen.handle };
    match shown {
        None => {
            *shown = Some(asked.into());
            Outcome::Done
        }
        Some(shown) if canonical_handle(shown) == canonical_handle(asked) => Outcome::Done,
        Some(shown) => {
            let reason = format!("asked for {asked:?}, the page shows {shown:?}: moved or renamed");
            malformed.push(Malformed { part: "identity".to_owned(), reason });
            Outcome::Absent(Absence::NotFound)
        }
    }
}

/// A page that says there is nobody.
pub(super) fn absent(absence: Absence) -> Page<CreatorSighting> {
    let mut page = Page::answering(1, Digest::default());
    page.outcomes = vec![Outcome::Absent(absence)];
    page
}

/// Masks addresses, and adds the links of the biography.
fn finish(seen: &mut CreatorSighting, keep_email: bool) {
    let mut address = seen.email.take().map(String::from);
    let mut has_email = address.is_some() || seen.has_email == Some(true);
    for text in [&mut seen.name, &mut seen.bio].into_iter().flatten() {
        let masked = bio::mask(text, keep_email);
        has_email |= masked.has_email;
        address = address.or(masked.email);
        *text = masked.text.into();
    }
    for value in seen.extra.values_mut() {
        if let Value::String(text) = value {
            let masked = bio::mask(text, keep_email);
            has_email |= masked.has_email;
            *text = masked.text;
        }
    }
    if let Some(about) = &seen.bio {
        let known = &mut seen.links;
        let news: Vec<_> = bio::links(about).into_iter().filter(|link| !known.contains(link)).collect();
        known.extend(news);
    }
    seen.has_email = if has_email { Some(true) } else { seen.has_email };
    seen.email = address.filter(|_| keep_email).map(Into::into);
}

/// What a page says, without what changes from visit to visit.
fn contents(page: &Page<CreatorSighting>) -> Digest {
    let parts = (&page.items, &page.follow_ups, &page.malformed, format!("{:?}", page.outcomes));
    let json = serde_json::to_vec(&parts).unwrap_or_default();
    fingerprint::json(&json, &Volatile::default()).unwrap_or_else(|| Digest::of(&json))
}

/// The parts that are missing, for one line.
fn listed(malformed: &[Malformed]) -> String {
    let parts: Vec<Cow<'_, str>> = malformed.iter().take(5).map(|part| Cow::from(&part.reason)).collect();
    parts.join("; ")
}
