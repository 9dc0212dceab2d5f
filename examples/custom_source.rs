//! Somebody else's JSON API as a source: a kind of task of its own, pages, failures inside a 200.
//!
//! ```sh
//! cargo run --example custom_source -- 57
//! ```
//!
//! The API is a shop's reviews: `GET /v1/reviews?product=tea&cursor=…` answers
//! `{"reviews": [{"id": 1, "product": "tea", "stars": 4}], "next": "10"}`. The program serves it itself, with a failure
//! now and then. `tests/custom_source.rs` holds the source to the whole contract of `Source`.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::extract::{Query as Params, State};
use axum::{Json, Router, http::StatusCode, routing};
use collector_core::context::Context;
use collector_core::domain::{Keyed, LastWins};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Digest, Ids, Name};
use collector_core::pipeline::{Job, Pipeline};
use collector_core::sink::MemorySink;
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Malformed, Page, Payload, Query, Task};
use collector_sources::http::{HeaderName, Http, HttpOptions, Request, Secret, status_error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

/// What is collected.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Review {
    pub(crate) id: u64,
    product: String,
    stars: u8,
}

impl Keyed for Review {
    fn key(&self) -> Cow<'_, str> {
        Cow::Owned(self.id.to_string())
    }
}

/// The vendor's answer. Rows stay `Value` at first, so that one bad row does not lose the page.
#[derive(Deserialize)]
struct Answer {
    reviews: Option<Vec<Value>>,
    next: Option<String>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
}

/// One configured instance.
#[derive(Debug)]
pub(crate) struct Reviews {
    address: Url,
    token: Secret,
    http: Http,
}

impl Reviews {
    const NAME: &str = "reviews";
    const PAGE: &str = "page";

    pub(crate) fn new(base: &str, token: &str) -> Result<Self> {
        let address = Url::parse(base).and_then(|base| base.join("v1/reviews")).map_err(|error| {
            Error::new(ErrorKind::ConfigInvalid, "the address is no URL")
                .with("address", base)
                .caused_by(error)
        })?;
        Ok(Self { address, token: token.into(), http: Http::new(&HttpOptions::default())? })
    }

    /// The credential is kept beside the request: no error or log can show it.
    fn request(&self, task: &Task) -> Result<Request> {
        let request = Request::get(self.address.clone()).query("product", task.subject());
        let request = match task.get("cursor") {
            Some(cursor) => request.query("cursor", cursor),
            None => request,
        };
        request.secret_header(HeaderName::from_static("authorization"), "Bearer ", &self.token)
    }
}

#[async_trait]
impl Source for Reviews {
    type Item = Review;

    fn name(&self) -> &str {
        Self::NAME
    }

    fn kinds(&self) -> Vec<Name> {
        vec![Self::PAGE.into()]
    }

    fn call(&self, _kind: &str) -> CallSpec {
        CallSpec::new(Role::Discovery)
    }

    /// Pages belong to the run: the next run reads them all again, whatever was fresh.
    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        if !query.regions.is_empty() {
            return Err(Error::new(ErrorKind::ConfigInvalid, "reviews know no regions: leave `regions` out"));
        }
        let mut words = query.keywords.clone();
        words.sort_unstable();
        words.dedup();
        Ok(words.into_iter().map(|word| Task::new(Self::NAME, Self::PAGE, word).per_run()).collect())
    }

    /// It cannot be asked about one known review.
    fn lookup(&self, _ids: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        let task = Task::new(Self::NAME, Self::PAGE, "");
        let payload = self.fetch(cx, std::slice::from_ref(&task)).await?;
        self.parse(&[task], &payload).map(drop)
    }

    /// One exchange, no retry, no waiting: both are the engine's. A 500 is an answer, too.
    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        self.http.exchange(cx, self.request(&tasks[0])?).await
    }

    /// Pure: the engine keeps the answer and may read it again next year. The kind of an error decides what follows:
    /// a retry, a pause of the account, a dead letter.
    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<Review>> {
        if let Some(failure) = status_error(payload) {
            return Err(failure);
        }
        let answer: Answer = serde_json::from_slice(&payload.body).map_err(|error| {
            Error::new(ErrorKind::Malformed, "the answer is no page of reviews").caused_by(error)
        })?;
        if let Some(Refusal { code }) = answer.error {
            let kind = match code.as_str() {
                "daily_limit" => ErrorKind::QuotaExhausted,
                "bad_token" => ErrorKind::Unauthorized,
                _ => ErrorKind::Rejected,
            };
            return Err(Error::new(kind, "the vendor refuses the call").with("code", code));
        }
        let rows = answer.reviews.ok_or_else(|| {
            Error::new(ErrorKind::Malformed, "the answer has neither `reviews` nor `error`")
        })?;
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        for (at, row) in rows.into_iter().enumerate() {
            match serde_json::from_value(row) {
                Ok(review) => page.items.push(review),
                Err(error) => {
                    page.malformed
                        .push(Malformed { part: format!("reviews[{at}]"), reason: error.to_string() });
                }
            }
        }
        // An empty page with a cursor is not the end; a cursor that stands still would never end.
        if answer.next.is_some() && answer.next.as_deref() == tasks[0].get("cursor") {
            return Err(Error::new(ErrorKind::Malformed, "the answer gives the cursor it was asked with"));
        }
        page.follow_ups.extend(answer.next.map(|cursor| {
            Task::new(Self::NAME, Self::PAGE, tasks[0].subject()).per_run().param("cursor", cursor)
        }));
        Ok(page)
    }
}

/// The shop: ten reviews a page, and every third call fails.
async fn shop(
    State((reviews, calls)): State<(u64, Arc<AtomicUsize>)>,
    Params(asked): Params<Vec<(String, String)>>,
) -> std::result::Result<Json<Value>, StatusCode> {
    if calls.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let get = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let from: u64 = get("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let to = from.saturating_add(10).min(reviews);
    let rows: Vec<Value> =
        (from..to).map(|id| json!({ "id": id, "product": get("product"), "stars": id % 5 + 1 })).collect();
    Ok(Json(json!({ "reviews": rows, "next": (to < reviews).then(|| to.to_string()) })))
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let reviews: u64 = std::env::args().nth(1).map_or(Ok(30), |count| count.parse())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/", listener.local_addr()?);
    let app = Router::new().route("/v1/reviews", routing::get(shop)).with_state((reviews, Arc::default()));
    let shop = tokio::spawn(async move { axum::serve(listener, app).await });

    let sink = MemorySink::named("memory");
    let engine = Pipeline::new(LastWins::new())
        .source(Reviews::new(&address, "a-token")?)
        .sink(sink.clone())
        .build()?;
    let query = Query { keywords: vec!["tea".into()], ..Query::default() };
    let report = engine.run(Job::new("reviews", query), CancellationToken::new()).await?;
    shop.abort();
    println!("{:?}: {} reviews, {} retries", report.end, sink.records().len(), report.counts.retries);
    Ok(())
}
