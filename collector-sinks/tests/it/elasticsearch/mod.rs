//! The search index on a server: a real one where there is one, and one in this process that misbehaves.

mod conformance;
mod faults;
mod rebuilding;
mod replacing;
mod rights;
mod server;
mod tls;

mod fake;
mod small_cluster;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::elasticsearch::Elasticsearch;
use ::elasticsearch::auth::Credentials;
use ::elasticsearch::http::Method;
use ::elasticsearch::http::headers::HeaderMap;
use ::elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::id::RecordKey;
use collector_core::search::{CreatorIndex, Query, Results};
use collector_core::sink::{Change, Facts, Record, Sink, Written};
use collector_sinks::elasticsearch::{ElasticsearchConfig, ElasticsearchSearch, ElasticsearchSink};
use serde_json::Value;
use url::Url;

/// The address of a server for tests, such as `http://127.0.0.1:19201`, with user and password where it wants them.
const SERVER: &str = "COLLECTOR_TEST_SEARCH";
/// With `1`, a missing server fails the test.
const REQUIRED: &str = "COLLECTOR_REQUIRE_SERVICES";

/// An index of its own on the real server; its indexes are removed in the end.
#[derive(Clone)]
struct Place(Arc<Inner>);

struct Inner {
    /// Without user and password.
    url: Url,
    login: Option<(String, String)>,
    index: String,
}

impl Place {
    /// `None` when there is no server and none is required.
    fn new() -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let Some(url) = std::env::var(SERVER).ok().filter(|url| !url.is_empty()) else {
            let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
            assert!(!required, "{SERVER} is not set, and {REQUIRED}=1 asks for it");
            eprintln!("skipped: {SERVER} names no search server");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let index = format!("collector-test-{}-{number}", std::process::id());
        let mut url: Url = url.parse().unwrap();
        let login = url.password().map(|password| (url.username().to_owned(), password.to_owned()));
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        Some(Self(Arc::new(Inner { url, login, index })))
    }

    /// `None` also for a server that lets everybody in.
    fn with_users() -> Option<Self> {
        let place = Self::new()?;
        if place.0.login.is_none() {
            eprintln!("skipped: the server that {SERVER} names has no users");
            return None;
        }
        Some(place)
    }

    fn index(&self) -> &str {
        &self.0.index
    }

    fn config(&self) -> ElasticsearchConfig {
        let (user, password) = self.0.login.clone().unzip();
        let config = ElasticsearchConfig::new([self.0.url.clone()], self.index());
        ElasticsearchConfig { user, password: password.map(Into::into), ..config }
    }

    fn sink(&self) -> ElasticsearchSink {
        ElasticsearchSink::new(self.config()).unwrap()
    }

    async fn opened(&self) -> ElasticsearchSink {
        let sink = self.sink();
        sink.open(&Context::detached(), None).await.unwrap();
        sink
    }

    fn search(&self) -> ElasticsearchSearch {
        ElasticsearchSearch::new(self.config()).unwrap()
    }

    /// Makes what was written visible without waiting for the server to do so.
    async fn refresh(&self) {
        self.0.call(Method::Post, &format!("/{}/_refresh", self.index()), None).await;
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.0.call(method, path, body).await
    }

    /// The indexes of this place.
    async fn indexes(&self) -> Vec<String> {
        let (_, found) = self.call(Method::Get, &format!("/{}-*", self.index()), None).await;
        found.as_object().unwrap().keys().cloned().collect()
    }

    /// Everybody a query finds, over as many pages as there are.
    async fn ask(&self, text: &str) -> Results {
        let (index, cx) = (self.search(), Context::detached());
        let mut query = Query::parse(text).unwrap();
        query.limit = Query::MAX_LIMIT;
        let mut all = index.search(&cx, &query).await.unwrap();
        while all.next.is_some() {
            query.after = all.next;
            let page = index.search(&cx, &query).await.unwrap();
            all.hits.extend(page.hits);
            all.next = page.next;
        }
        all
    }

    async fn handles(&self, text: &str) -> Vec<String> {
        self.refresh().await;
        self.ask(text).await.hits.into_iter().map(|hit| hit.creator.handle.unwrap().into()).collect()
    }
}

impl Inner {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut builder =
            TransportBuilder::new(SingleNodeConnectionPool::new(self.url.clone())).disable_proxy();
        if let Some((user, password)) = self.login.clone() {
            builder = builder.auth(Credentials::Basic(user, password));
        }
        let transport = builder.build().unwrap();
        let body = body.map(|body| body.to_string());
        let sent =
            Elasticsearch::new(transport).send(method, path, HeaderMap::new(), None::<&()>, body, None).await;
        let answer = sent.unwrap();
        let status = answer.status_code().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}

impl Drop for Inner {
    /// On a thread and a runtime of its own: the test's is busy with dropping this.
    fn drop(&mut self) {
        let (url, login) = (self.url.clone(), self.login.take());
        let inner = Self { url, login, index: std::mem::take(&mut self.index) };
        if inner.index.is_empty() {
            return;
        }
        let remove = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(inner.call(Method::Delete, &format!("/{}-*", inner.index), None));
            std::mem::forget(inner);
        };
        drop(std::thread::spawn(remove).join());
    }
}

fn named(handle: &str) -> Creator {
    Creator { platform: "tiktok".into(), handle: Some(handle.into()), ..Creator::default() }
}

fn put(key: u64, version: u64, creator: Creator) -> Change<Creator> {
    Change::Put(Record { key: RecordKey(key), version, entity: Arc::new(creator), facts: Facts::new() })
}

fn delete(key: u64, version: u64) -> Change<Creator> {
    Change::Delete { key: RecordKey(key), version }
}

async fn write(sink: &ElasticsearchSink, batch: &[Change<Creator>]) -> Written {
    sink.write(&Context::detached(), batch).await.unwrap()
}
