//! The Research API.

mod error;
mod grant;
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
use super::day::Day;
use crate::http::{Grant, HeaderName, Http, TokenCache};
use crate::values::ident;
use grant::Credentials;
use kind::Kind;
use parse::Reader;
use request::Requests;

pub use options::ResearchOptions;

/// Requests for a token that one call can need.
const TOKEN_REQUESTS: u64 = 1;

/// What a call notes beside the answer, because reading must know it and the answer does not say it.
mod note {
    /// The UTC day on which an open span was taken to end.
    pub(super) const DAY: &str = "collector-day";
    /// `fresh` when the access token was got for this very call, else `kept`.
    pub(super) const TOKEN: &str = "collector-token";
}

/// One research project.
#[derive(Debug)]
pub(super) struct Research {
    name: Name,
    http: Http,
    requests: Requests,
    credentials: Credentials,
    tokens: TokenCache,
    reader: Reader,
    timeout: Duration,
}

impl Research {
    pub(super) fn new(name: &Name, http: Http, base: Url, config: TikTokConfig) -> Self {
        let TikTokConfig { client_key, client_secret, keep_email, timeout, .. } = config;
        let reader = Reader::new([client_key.clone(), client_secret.clone()], keep_email);
        Self {
            name: Name::clone(name),
            http,
            requests: Requests { base },
            credentials: Credentials { key: client_key, secret: client_secret },
            tokens: TokenCache::default(),
            reader,
            timeout,
        }
    }

    pub(super) fn kinds(&self) -> Vec<Name> {
        Kind::ALL.into_iter().map(|kind| Name::from(kind.name())).collect()
    }

    pub(super) fn call(&self, kind: &str) -> Option<CallSpec> {
        let kind = Kind::from_name(kind)?;
        let mut worst = price(kind);
        worst.requests += TOKEN_REQUESTS;
        Some(CallSpec::new(kind.role()).worst_cost(worst).timeout(self.timeout))
    }

    pub(super) fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        seed::roots(&self.name, query)
    }

    pub(super) fn lookup(&self, ids: &Ids) -> Option<Task> {
        let handle = ident::handle(ids.get(id_kind::TIKTOK_HANDLE)?)?;
        Some(seed::profile(&self.name, &handle))
    }

    /// A new token says that the address and the credentials are right, and costs nothing.
    pub(super) async fn check(&self, cx: &Context) -> Result<()> {
        self.grant(cx).await.map(drop)
    }

    async fn grant(&self, cx: &Context) -> Result<Grant> {
        let request = self.requests.grant(&self.credentials).timeout(self.timeout);
        self.credentials.read(&self.http.exchange(cx, request).await?)
    }

    pub(super) async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        // What cannot be asked needs no token.
        Requests::kind_of(tasks)?;
        let bearer = self.tokens.get(cx, async || self.grant(cx).await).await?;
        let today = Day::of(cx.now());
        let request = self.requests.serving(tasks, today)?.timeout(self.timeout);
        let request =
            request.secret_header(HeaderName::from_static("authorization"), "Bearer ", &bearer.token)?;
        let mut payload = self.http.exchange(cx, request).await?;
        if parse::refuses_token(&payload) {
            self.tokens.forget(&bearer.token).await;
        }
        let (kind, _) = Requests::kind_of(tasks)?;
        let mut cost = price(kind);
        cost.requests += if bearer.fresh { TOKEN_REQUESTS } else { 0 };
        payload.cost = Some(cost);
        payload.headers.push((note::DAY.to_owned(), today.to_string()));
        let token = if bearer.fresh { "fresh" } else { "kept" };
        payload.headers.push((note::TOKEN.to_owned(), token.to_owned()));
        Ok(payload)
    }

    pub(super) fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        let (kind, task) = Requests::kind_of(tasks)?;
        self.reader.read(kind, task, payload)
    }
}

/// What a call takes, whatever its answer: failures count, too. Lists of people have a quota of their own.
fn price(kind: Kind) -> Cost {
    Cost::units(if kind.is_people() { 0 } else { 1 })
}
