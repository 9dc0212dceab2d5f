//! Joins configuration, requests and parsing into a [`Source`].

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::id::{Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Cost, Page, Payload, Query, Task};

use super::config::EnsembleDataConfig;
use super::cost::Settings;
use super::kind::Kind;
use super::parse::Reader;
use super::request::Requests;
use super::seed;
use crate::http::Http;

/// One EnsembleData instance. See the [module](super) for what it collects.
#[derive(Debug)]
pub struct EnsembleData {
    name: Name,
    settings: Settings,
    http: Http,
    requests: Requests,
    reader: Reader,
}

impl EnsembleData {
    /// An instance with these options. Sends nothing yet.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every option that is wrong.
    pub fn new(config: EnsembleDataConfig) -> Result<Self> {
        let base = config.validate()?;
        let http = Http::new(&config.http())?;
        let settings = config.settings();
        let EnsembleDataConfig { name, token, keep_email, .. } = config;
        let reader = Reader::new(token.clone(), keep_email, settings);
        let requests = Requests { base, token, settings };
        Ok(Self { name: Name::from(name), settings, http, requests, reader })
    }

    /// The units used so far on the vendor's present day, which ends at 00:00 UTC. Costs nothing.
    ///
    /// # Errors
    /// As for a call: `Unauthorized`, `Unavailable` …
    pub async fn used_units(&self, cx: &Context) -> Result<u64> {
        let payload = self.http.exchange(cx, self.requests.used_units(cx.now())).await?;
        self.reader.used_units(&payload)
    }
}

#[async_trait]
impl Source for EnsembleData {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        // Calls that nobody may make should not decide how small a budget can be: the longest cost hundreds of units.
        let made = Kind::ALL.into_iter().filter(|kind| self.settings.long_calls || !kind.is_long());
        made.map(|kind| Name::from(kind.name())).collect()
    }

    fn call(&self, kind: &str) -> CallSpec {
        Kind::from_name(kind).map_or_else(|| CallSpec::new(Role::Hydration), |kind| self.settings.spec(kind))
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        seed::roots(&self.name, query, self.settings.long_calls)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        seed::lookup(&self.name, ids)
    }

    async fn used(&self, cx: &Context) -> Result<Option<Cost>> {
        Ok(Some(Cost { units: self.used_units(cx).await?, requests: 0 }))
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.used_units(cx).await.map(drop)
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let mut payload = self.http.exchange(cx, self.requests.serving(tasks)?).await?;
        payload.cost = self.reader.charged(&payload);
        Ok(payload)
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        self.reader.read(tasks, payload)
    }
}
