//! A second vendor: the simulator's plain list, read by a source of its own.

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Digest, Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Page, Payload, Query, Task};
use collector_sources::http::{Http, HttpOptions, Request};
use serde::Deserialize;
use url::Url;

const PAGE: u32 = 500;

#[derive(Deserialize)]
struct Rows {
    items: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: Option<Box<str>>,
    handle: Box<str>,
    name: Box<str>,
    bio: Box<str>,
    country: Box<str>,
    followers: u64,
    as_of: Option<Timestamp>,
}

/// Reads every page of the list, whatever is asked for.
pub(crate) struct Roster {
    http: Http,
    url: String,
    pages: u32,
}

impl Roster {
    pub(crate) fn new(url: &str, creators: u32) -> Self {
        let http = Http::new(&HttpOptions::default()).unwrap();
        Self { http, url: format!("{url}/list/creators"), pages: creators.div_ceil(PAGE) }
    }
}

#[async_trait]
impl Source for Roster {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        "roster"
    }

    fn kinds(&self) -> Vec<Name> {
        vec!["page".into()]
    }

    fn call(&self, _: &str) -> CallSpec {
        CallSpec::new(Role::Discovery)
    }

    fn seed(&self, _: &Query) -> Result<Vec<Task>> {
        Ok((1..=self.pages).map(|page| Task::new("roster", "page", page.to_string()).per_run()).collect())
    }

    fn lookup(&self, _: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, _: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let request = Request::get(Url::parse(&self.url).unwrap());
        let request = request.query("size", &PAGE.to_string()).query("page", tasks[0].subject());
        self.http.exchange(cx, request).await
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        let rows: Rows = serde_json::from_slice(&payload.body)
            .map_err(|error| Error::new(ErrorKind::Malformed, "no list of creators").caused_by(error))?;
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        page.items = rows.items.into_iter().map(sighting).collect();
        Ok(page)
    }
}

fn sighting(row: Row) -> CreatorSighting {
    CreatorSighting {
        uid: row.id,
        handle: Some(row.handle),
        as_of: row.as_of,
        name: Some(row.name),
        bio: Some(row.bio),
        country: Some(row.country),
        followers: Some(row.followers),
        ..CreatorSighting::showing(aspect::LIST_ROW)
    }
}
