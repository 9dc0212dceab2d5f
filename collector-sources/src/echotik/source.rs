//! Joins configuration, requests and parsing into a [`Source`].

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::id::{Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Page, Payload, Query, Task};

use super::config::EchoTikConfig;
use super::kind::{Kind, Settings};
use super::parse::Reader;
use super::request::Requests;
use super::{follow, seed};
use crate::http::Http;

/// One EchoTik instance. See the [module](super) for what it collects.
#[derive(Debug)]
pub struct EchoTik {
    name: Name,
    settings: Settings,
    http: Http,
    requests: Requests,
    reader: Reader,
}

impl EchoTik {
    /// An instance with these options. Sends nothing yet.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every option that is wrong.
    pub fn new(config: EchoTikConfig) -> Result<Self> {
        let base = config.validate()?;
        let http = Http::new(&config.http())?;
        let (settings, basic) = (config.settings(), config.basic());
        let EchoTikConfig { name, username, password, keep_email, .. } = config;
        let reader = Reader::new(vec![password, basic.clone(), username], keep_email, settings);
        let requests = Requests { base, basic, settings };
        Ok(Self { name: Name::from(name), settings, http, requests, reader })
    }
}

#[async_trait]
impl Source for EchoTik {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        Kind::ALL.into_iter().map(|kind| Name::from(kind.name())).collect()
    }

    fn call(&self, kind: &str) -> CallSpec {
        Kind::from_name(kind).map_or_else(|| CallSpec::new(Role::Hydration), |kind| self.settings.spec(kind))
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        seed::roots(&self.name, query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        seed::lookup(&self.name, ids)
    }

    fn follows(&self, task: &Task) -> Vec<(Name, u64)> {
        let most = follow::at_most(&self.settings, task);
        most.into_iter().map(|(kind, tasks)| (Name::from(kind.name()), tasks)).collect()
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        let payload = self.http.exchange(cx, self.requests.check()?).await?;
        self.reader.accepted(&payload)
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let mut payload = self.http.exchange(cx, self.requests.serving(tasks, cx.now())?).await?;
        payload.cost = self.reader.charged(tasks, &payload);
        Ok(payload)
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        self.reader.read(tasks, payload)
    }
}
