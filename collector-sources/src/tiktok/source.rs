//! Joins configuration, requests and parsing into a [`Source`].

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::id::{Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Page, Payload, Query, Task};

use super::config::{Mode, TikTokConfig};
use super::one::One;
use super::research::Research;
use crate::http::Http;

/// One TikTok instance. See the [module](super) for what it collects.
#[derive(Debug)]
pub struct TikTok {
    name: Name,
    api: Api,
}

#[derive(Debug)]
enum Api {
    Research(Box<Research>),
    One(Box<One>),
}

impl TikTok {
    /// An instance with these options. Sends nothing yet.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every option that is wrong, or that no mode was chosen.
    pub fn new(config: TikTokConfig) -> Result<Self> {
        let (mode, base) = config.validate()?;
        let http = Http::new(&config.http())?;
        let name = Name::from(config.name.as_str());
        let api = match mode {
            Mode::Research => Api::Research(Box::new(Research::new(&name, http, base, config))),
            Mode::One => Api::One(Box::new(One::new(&name, http, base, config))),
        };
        Ok(Self { name, api })
    }
}

#[async_trait]
impl Source for TikTok {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        match &self.api {
            Api::Research(research) => research.kinds(),
            Api::One(one) => one.kinds(),
        }
    }

    fn call(&self, kind: &str) -> CallSpec {
        let known = match &self.api {
            Api::Research(research) => research.call(kind),
            Api::One(one) => one.call(kind),
        };
        known.unwrap_or_else(|| CallSpec::new(Role::Hydration))
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        match &self.api {
            Api::Research(research) => research.seed(query),
            Api::One(one) => one.seed(query),
        }
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        match &self.api {
            Api::Research(research) => research.lookup(ids),
            Api::One(one) => one.lookup(ids),
        }
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        match &self.api {
            Api::Research(research) => research.check(cx).await,
            Api::One(one) => one.check(cx).await,
        }
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        match &self.api {
            Api::Research(research) => research.fetch(cx, tasks).await,
            Api::One(one) => one.fetch(cx, tasks).await,
        }
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        match &self.api {
            Api::Research(research) => research.parse(tasks, payload),
            Api::One(one) => one.parse(tasks, payload),
        }
    }
}
