//! TikTok One, part of the API for Business.

mod error;
mod kind;
mod options;
mod parse;
mod request;
mod seed;
mod wire;

use std::time::Duration;

use collector_core::context::Context;
use collector_core::creator::{CreatorSighting, id_kind};
use collector_core::error::Result;
use collector_core::id::{Ids, Name};
use collector_core::source::CallSpec;
use collector_core::task::{Cost, Page, Payload, Query, Task};
use url::Url;

use super::config::TikTokConfig;
use crate::http::{Http, Secret};
use crate::values::ident;
use kind::Kind;
use parse::Reader;
use request::Requests;

pub use options::OneOptions;

/// One partner's account.
#[derive(Debug)]
pub(super) struct One {
    name: Name,
    http: Http,
    requests: Requests,
    reader: Reader,
    timeout: Duration,
}

impl One {
    pub(super) fn new(name: &Name, http: Http, base: Url, config: TikTokConfig) -> Self {
        let TikTokConfig { access_token, account_id, keep_email, timeout, .. } = config;
        let reader = Reader::new(Secret::clone(&access_token), keep_email);
        let requests = Requests { base, token: access_token, account: account_id };
        Self { name: Name::clone(name), http, requests, reader, timeout }
    }

    pub(super) fn kinds(&self) -> Vec<Name> {
        Kind::ALL.into_iter().map(|kind| Name::from(kind.name())).collect()
    }

    pub(super) fn call(&self, kind: &str) -> Option<CallSpec> {
        let kind = Kind::from_name(kind)?;
        Some(CallSpec::new(kind.role()).worst_cost(Cost::units(1)).timeout(self.timeout))
    }

    pub(super) fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        seed::roots(&self.name, query)
    }

    pub(super) fn lookup(&self, ids: &Ids) -> Option<Task> {
        let handle = ident::handle(ids.get(id_kind::TIKTOK_HANDLE)?)?;
        Some(seed::creator(&self.name, &handle))
    }

    /// The list of labels is small, and only who may use the marketplace gets it.
    pub(super) async fn check(&self, cx: &Context) -> Result<()> {
        let request = self.requests.labels()?.timeout(self.timeout);
        self.reader.check(&self.http.exchange(cx, request).await?)
    }

    pub(super) async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let request = self.requests.serving(tasks)?.timeout(self.timeout);
        let mut payload = self.http.exchange(cx, request).await?;
        payload.cost = Some(Cost::units(1));
        Ok(payload)
    }

    pub(super) fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        let (kind, task) = Requests::kind_of(tasks)?;
        self.reader.read(kind, task, payload)
    }
}
