//! A source for the simulator's plain list, as somebody outside this workspace would write one.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::{self, Volatile};
use collector_core::id::{Digest, Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Cost, Malformed, Page, Payload, Query, Task};
use collector_sources::http::{Http, HttpOptions, Request, status_error};
use serde::Deserialize;
use url::Url;

const KIND: &str = "page";

/// Reads `/list/creators`, every page a root, because the number of pages is known.
pub(super) struct Roster {
    http: Http,
    base: Url,
    pages: u32,
    size: u32,
    volatile: Volatile,
}

impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Roster({} pages of {})", self.pages, self.size)
    }
}

#[derive(Debug, Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    items: Vec<Row<'a>>,
}

#[derive(Debug, Deserialize)]
struct Row<'a> {
    id: Box<str>,
    handle: Box<str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    bio: Cow<'a, str>,
    country: Option<Box<str>>,
    language: Option<Box<str>>,
    verified: Option<bool>,
    followers: Option<u64>,
    following: Option<u64>,
    likes: Option<u64>,
    videos: Option<u64>,
    avatar: Option<Box<str>>,
}

impl Roster {
    pub(super) fn new(url: &str, pages: u32, size: u32) -> Result<Self> {
        let base = Url::parse(url)
            .map_err(|error| Error::new(ErrorKind::ConfigInvalid, "bad address").caused_by(error))?;
        Ok(Self {
            http: Http::new(&HttpOptions::default())?,
            base,
            pages,
            size,
            volatile: Volatile::new(&[]),
        })
    }
}

#[async_trait]
impl Source for Roster {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        "roster"
    }

    fn kinds(&self) -> Vec<Name> {
        vec![KIND.into()]
    }

    fn call(&self, _kind: &str) -> CallSpec {
        CallSpec::new(Role::Discovery).timeout(Duration::from_secs(30))
    }

    fn seed(&self, _query: &Query) -> Result<Vec<Task>> {
        Ok((1..=self.pages).map(|page| Task::new("roster", KIND, page.to_string()).per_run()).collect())
    }

    fn lookup(&self, _ids: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let page = tasks.first().map_or("1", Task::subject);
        let mut url = self.base.clone();
        url.set_path("/list/creators");
        let request = Request::get(url).query("page", page).query("size", &self.size.to_string());
        self.http.exchange(cx, request).await
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        if let Some(error) = status_error(payload) {
            return Err(error);
        }
        let (rows, fingerprint): (Rows<'_>, _) =
            fingerprint::read(&payload.body, &self.volatile).map_err(|error| {
                Error::new(ErrorKind::Malformed, "the page is not a list of creators").caused_by(error)
            })?;
        let fingerprint = fingerprint.unwrap_or_else(|| Digest::of(&payload.body));
        let mut page = Page::answering(tasks.len(), fingerprint);
        page.cost = Some(Cost::units(1));
        page.items.reserve(rows.items.len());
        for (at, row) in rows.items.into_iter().enumerate() {
            if row.id.is_empty() {
                page.malformed.push(Malformed { part: format!("items[{at}].id"), reason: "is empty".into() });
                continue;
            }
            page.items.push(sighting(row));
        }
        Ok(page)
    }
}

fn sighting(row: Row<'_>) -> CreatorSighting {
    CreatorSighting {
        uid: Some(row.id),
        handle: Some(row.handle),
        name: Some(row.name.into()),
        bio: Some(row.bio.into()),
        country: row.country,
        language: row.language,
        verified: row.verified,
        followers: row.followers,
        following: row.following,
        likes: row.likes,
        videos: row.videos,
        avatar: row.avatar,
        ..CreatorSighting::showing(aspect::LIST_ROW)
    }
}
