//! Joins configuration, requests and parsing into a [`Source`].

use std::time::Duration;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Cost, Page, Payload, Query, Task};
use url::Url;

use super::config::WebConfig;
use super::error::is_login;
use super::gate::{Gate, redirected};
use super::parse::{REACHED, Reader};
use super::plan::Plan;
use super::request::{self, Pages, kind, param};
use crate::http::Http;

/// Redirects followed to a page.
const MOST_HOPS: usize = 5;

/// One website. See the [module](super) for what it collects.
#[derive(Debug)]
pub struct Web {
    name: Name,
    timeout: Duration,
    http: Http,
    gate: Gate,
    reader: Reader,
}

impl Web {
    /// An instance with these options. Sends nothing yet.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every option that is wrong, or every key of the site's description.
    pub fn new(config: WebConfig) -> Result<Self> {
        let checked = config.validate()?;
        let http = Http::new(&config.http())?;
        let pages = match &config.site {
            Some(site) => Pages::Site(Plan::new(site, Some(&checked.base))?),
            None => Pages::Tiktok(checked.base),
        };
        let name = Name::from(config.name);
        let reader = Reader { source: Name::clone(&name), pages, keep_email: config.keep_email };
        Ok(Self { name, timeout: config.timeout, http, gate: Gate::new(checked.agent), reader })
    }

    /// The site's host: whatever it asks of its visitors counts for all instances that visit it.
    pub fn host(&self) -> &str {
        self.reader.pages.base().host_str().unwrap_or_default()
    }

    /// Fetches a page, and the pages it redirects to, each with the site's leave.
    async fn visit(&self, cx: &Context, address: Url, requests: &mut u64) -> Result<Payload> {
        let mut url = address;
        for hop in 0..=MOST_HOPS {
            self.gate.pass(&self.http, cx, &url, hop == 0, requests).await?;
            *requests += 1;
            let mut payload = self.http.exchange(cx, self.gate.request(url.clone())).await?;
            if hop > 0 {
                payload.headers.push((REACHED.to_owned(), url.to_string()));
            }
            let next = (300..400).contains(&payload.status).then(|| redirected(&url, &payload)).flatten();
            match next.filter(|next| self.reader.pages.owns(next) && !is_login(next.as_str())) {
                Some(next) if hop < MOST_HOPS => url = next,
                _ => return Ok(payload),
            }
        }
        Err(Error::new(ErrorKind::Unexpected, "the loop over redirects has an end"))
    }

    /// Tries the description on one page.
    async fn try_on(&self, cx: &Context, task: Task) -> Result<()> {
        let tasks = [task];
        let payload = self.fetch(cx, &tasks).await?;
        let page = self.parse(&tasks, &payload)?;
        match page.malformed.as_slice() {
            [] => Ok(()),
            faults => {
                let shown: Vec<_> = faults
                    .iter()
                    .take(5)
                    .map(|fault| format!("`{}`: {}", fault.part, fault.reason))
                    .collect();
                let message = format!("the site's description does not fit a page: {}", shown.join("; "));
                Err(Error::new(ErrorKind::Malformed, message).with("faults", faults.len()))
            }
        }
    }
}

#[async_trait]
impl Source for Web {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        self.reader.pages.kinds()
    }

    fn call(&self, kind: &str) -> CallSpec {
        let role = if kind == kind::LIST { Role::Discovery } else { Role::Hydration };
        // A page, the rules before it, and a redirect of each.
        let worst = Cost { units: 0, requests: 4 };
        CallSpec::new(role).worst_cost(worst).timeout(self.timeout.saturating_mul(2))
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        self.reader.pages.roots(&self.name, query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        self.reader.pages.lookup(&self.name, ids)
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        let Pages::Site(plan) = &self.reader.pages else {
            let mut address = self.reader.pages.base().clone();
            address.set_path("/@tiktok");
            // Whether profiles may be read is in the rules; no page is asked for.
            return self.gate.pass(&self.http, cx, &address, false, &mut 0).await;
        };
        let searches = |url: &str| url.contains("{keyword}") || url.contains("{hashtag}");
        if let Some((list, _)) = plan.lists.iter().find(|(_, list)| !searches(&list.url)) {
            let task = Task::new(Name::clone(&self.name), kind::LIST, list.as_str());
            self.try_on(cx, task.per_run().param(param::PAGES_LEFT, "1")).await?;
        }
        match plan.profile.as_ref().and_then(|profile| profile.example.as_deref()) {
            Some(example) => self.try_on(cx, request::profile(&self.name, example)).await,
            None => Ok(()),
        }
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let [task] = tasks else {
            return Err(
                Error::new(ErrorKind::Unexpected, "a page answers one task").with("tasks", tasks.len())
            );
        };
        let mut requests = 0;
        let mut payload = self.visit(cx, self.reader.pages.address(task)?, &mut requests).await?;
        payload.cost = Some(Cost { units: 0, requests });
        Ok(payload)
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        self.reader.read(tasks, payload)
    }
}
