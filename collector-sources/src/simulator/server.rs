//! The server: takes calls, lets limits, faults and latency have their way, and answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::serve::ListenerExt as _;
use axum::{Router, serve};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::answer::{Answer, Endpoint};
use super::bucket::{Bucket, Limit, whole_seconds};
use super::clock::{Clock, FARTHEST_SECONDS, Ledger};
use super::config::{RetryAfter, SimulatorConfig, SimulatorError};
use super::echotik::EchoTikCall;
use super::effects::{Effects, World};
use super::ensembledata::VendorCall;
use super::faults::{self, Delivery, Fault};
use super::images::{Images, PictureCall};
use super::links::Links;
use super::list::{ListCall, Pages};
use super::population::{Population, purpose};
use super::query::Query;
use super::random::hash;
use super::stats::Stats;
use super::tiktok::one::OneCall;
use super::tiktok::{self, TikTokCall};
use super::vendor::Vendor;
use super::web::{self, PageCall};
use super::{control, truth};

/// Longer queries are refused; a hundred post ids take two thousand bytes.
const MAX_QUERY_BYTES: usize = 8 << 10;

/// Longer bodies are refused: knobs, and what clients post.
const MAX_BODY_BYTES: usize = 256 << 10;

/// How long a stop waits for calls on their way.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The simulator, before it runs.
#[derive(Debug)]
pub struct Simulator;

/// A simulator that serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts serving in the present tokio runtime; returns once the address is listened on.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Invalid`] when a knob is out of range, [`SimulatorError::Bind`] when the address cannot be
    /// listened on.
    pub async fn start(config: SimulatorConfig) -> Result<Running, SimulatorError> {
        config.validate()?;
        let bind = |source| SimulatorError::Bind { address: config.bind, source };
        let listener = TcpListener::bind(config.bind).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let url = format!("http://{address}");

        let links_begin = config.public_url.clone().unwrap_or_else(|| url.clone());
        let router = router(Arc::new(Shared::new(config, links_begin)));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            // Without it the last packet of an answer waits for the client's acknowledgement.
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            let until = async {
                // Gone or sent, both mean stop.
                drop(stopped.await);
            };
            if let Err(error) = serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "simulator stopped serving");
            }
        });
        Ok(Running { url, stop: Some(stop), server })
    }
}

impl Running {
    /// The address to reach it at, such as `http://127.0.0.1:40123`, without a slash at the end.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Stops taking calls and waits, for at most five seconds, until those on their way are answered.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if tokio::time::timeout(STOP_PATIENCE, &mut self.server).await.is_err() {
            tracing::warn!("simulator stopped with calls unanswered");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The knobs with what follows from them, replaced as a whole.
#[derive(Debug)]
pub(super) struct Knobs {
    pub(super) config: SimulatorConfig,
    pub(super) effects: Effects,
    limit: Option<Limit>,
    /// Grows with every change.
    epoch: u64,
}

impl Knobs {
    fn new(config: SimulatorConfig, epoch: u64) -> Arc<Self> {
        let effects = Effects::from(&config);
        let limit = Limit::new(config.per_second, config.burst);
        Arc::new(Self { config, effects, limit, epoch })
    }
}

/// What a vendor keeps about its clients.
#[derive(Debug, Default)]
struct Desk {
    bucket: Bucket,
    ledger: Ledger,
    /// Where lists of people have a quota of their own.
    lists: Ledger,
}

/// One call as it came in.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The path below the vendor's prefix.
    pub(super) path: &'a str,
    pub(super) query: Query,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Everything the handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) population: Population,
    knobs: RwLock<Arc<Knobs>>,
    clock: Clock,
    stats: Arc<Stats>,
    images: Arc<Images>,
    pages: Pages,
    /// One per vendor: each limits its own clients.
    desks: BTreeMap<Vendor, Desk>,
    /// Calls that passed the rate limit.
    calls: AtomicU64,
    links_begin: String,
}

impl Shared {
    fn new(config: SimulatorConfig, links_begin: String) -> Self {
        Self {
            population: Population::with_hashtags(config.seed, config.creators, config.hashtag_count()),
            knobs: RwLock::new(Knobs::new(config, 0)),
            clock: Clock::default(),
            stats: Arc::default(),
            images: Arc::default(),
            pages: Pages::default(),
            desks: Vendor::ALL.into_iter().map(|vendor| (vendor, Desk::default())).collect(),
            calls: AtomicU64::new(0),
            links_begin,
        }
    }

    pub(super) fn knobs(&self) -> Arc<Knobs> {
        Arc::clone(&self.knobs.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_knobs(&self, body: &[u8]) -> Result<Arc<Knobs>, String> {
        let mut knobs = self.knobs.write().unwrap_or_else(PoisonError::into_inner);
        *knobs = Knobs::new(control::changed(&knobs.config, body)?, knobs.epoch + 1);
        Ok(Arc::clone(&knobs))
    }

    /// Takes one call through limit, faults and latency to its answer.
    async fn call(&self, vendor: Vendor, desk: &Desk, call: &Call<'_>) -> Response {
        let endpoint = Endpoint::of(vendor, call.path);
        let mut in_flight = self.stats.begin(endpoint);
        let knobs = self.knobs();
        if knobs.config.dead.contains(&vendor) {
            let answer = Answer::detail(503, "Service Unavailable");
            self.stats.answered(endpoint, &answer, None);
            return respond(answer, Delivery::Whole, None, in_flight);
        }
        if let Err(wait) = desk.bucket.take(knobs.limit) {
            let mut answer = too_many(wait, knobs.config.retry_after);
            match vendor {
                Vendor::TikTok => answer.body = tiktok::too_fast(false).into(),
                Vendor::TikTokOne => (answer.status, answer.body) = (200, tiktok::too_fast(true).into()),
                _ => {}
            }
            self.stats.answered(endpoint, &answer, None);
            return respond(answer, Delivery::Whole, None, in_flight);
        }
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let drawn = Fault::draw(&knobs.config, number);
        let mut answer = self.work(vendor, desk, call, &knobs, number, drawn);
        in_flight.asks_for(&answer.subjects);
        // A call that is refused for its parameters never gets as far as failing inside.
        let fault = drawn.filter(|fault| *fault != Fault::Error || answer.status == 500);
        let delivery = faults::distort(&mut answer, fault, &knobs.config);
        self.stats.answered(endpoint, &answer, fault);
        let latency = latency(&knobs.config, number);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let units = (answer.units > 0 && knobs.config.units_header).then_some(answer.units);
        respond(answer, delivery, units, in_flight)
    }

    fn work(
        &self,
        vendor: Vendor,
        desk: &Desk,
        call: &Call<'_>,
        knobs: &Knobs,
        number: u64,
        fault: Option<Fault>,
    ) -> Answer {
        if let Some(page) = fault.and_then(Fault::page_before_work) {
            return page;
        }
        let (now, seed) = (self.clock.now(), self.population.seed());
        let world = World { population: &self.population, effects: &knobs.effects };
        let (config, query) = (&knobs.config, &call.query);
        let links = Links::new(&self.links_begin, now, seed, number);
        let fails = fault == Some(Fault::Error);
        match vendor {
            Vendor::List => ListCall { world, config, query, links, now, epoch: knobs.epoch, fails }
                .answer(call.path, &self.pages),
            Vendor::EchoTik => {
                let (clock, ledger, headers) = (&self.clock, &desk.ledger, call.headers);
                EchoTikCall { world, config, clock, ledger, query, headers, links, number, fails }
                    .answer(call.path)
            }
            Vendor::EnsembleData => {
                let (clock, ledger, images) = (&self.clock, &desk.ledger, &*self.images);
                VendorCall { world, config, clock, ledger, query, links, images, number, fails }
                    .answer(call.path)
            }
            Vendor::TikTok => {
                let (clock, ledger, lists) = (&self.clock, &desk.ledger, &desk.lists);
                let (headers, body) = (call.headers, call.body);
                TikTokCall { world, config, clock, ledger, lists, query, headers, body, links, number, fails }
                    .answer(call.path)
            }
            Vendor::TikTokOne => {
                OneCall { world, config, query, headers: call.headers, number, fails }.answer(call.path)
            }
            Vendor::Web => PageCall { world, config, query, links, fails }.answer(call.path),
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let vendors = Vendor::ALL.into_iter().fold(Router::new(), |router, vendor| {
        let handler = move |State(shared): State<Arc<Shared>>, request: Request| async move {
            serve_vendor(&shared, vendor, request).await
        };
        router.route(&format!("/{}/{{*path}}", vendor.name()), any(handler))
    });
    vendors
        .route("/robots.txt", get(robots))
        .route("/images/{*path}", get(image))
        .route("/stats", get(stats))
        .route("/stats/reset", post(reset_stats))
        .route("/truth", get(tell_truth))
        .route("/truth/hashtags", get(tell_hashtags))
        .route("/control", get(tell_knobs).post(change_knobs))
        .route("/control/clock", post(advance_clock))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared)
}

async fn image(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let knobs = shared.knobs();
    let call = PictureCall {
        knobs: &knobs.config.pictures,
        seed: shared.population.seed(),
        now: shared.clock.now(),
        path: uri.path().strip_prefix("/images/").unwrap_or_default(),
        query: &Query::parse(uri.query().unwrap_or_default()),
    };
    shared.images.answer(call).await
}

/// Visitors look for it at the root, whatever part of the host they want to see.
async fn robots(State(shared): State<Arc<Shared>>) -> Response {
    let endpoint = Endpoint::of(Vendor::Web, "/robots.txt");
    let in_flight = shared.stats.begin(endpoint);
    let answer = web::robots(&shared.knobs().config);
    shared.stats.answered(endpoint, &answer, None);
    respond(answer, Delivery::Whole, None, in_flight)
}

async fn serve_vendor(shared: &Shared, vendor: Vendor, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let raw = parts.uri.query().unwrap_or_default();
    let Some(desk) = shared.desks.get(&vendor).filter(|_| vendor.takes(&parts.method)) else {
        return plain(Answer::detail(405, "Method Not Allowed"));
    };
    if raw.len() > MAX_QUERY_BYTES {
        return plain(Answer::detail(414, "Request-URI Too Long"));
    }
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return plain(Answer::detail(413, "Content Too Large"));
    };
    let prefix = vendor.name().len() + 1;
    let call = Call {
        path: parts.uri.path().get(prefix..).unwrap_or_default(),
        query: Query::parse(raw),
        headers: &parts.headers,
        body: &body,
    };
    shared.call(vendor, desk, &call).await
}

async fn stats(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let query = Query::parse(uri.query().unwrap_or_default());
    let with_subjects = query.get("subjects") == Some("true");
    let mut report = shared.stats.report(with_subjects);
    report["pictures"] = shared.images.report();
    if with_subjects {
        report["subjects"]["/images"] = shared.images.subjects();
    }
    let knobs = shared.knobs();
    for (vendor, desk) in &shared.desks {
        report["bucket"][vendor.name()] = json!(knobs.limit.map(|limit| {
            let (tokens, wait) = desk.bucket.level(limit);
            json!({ "tokens": tokens, "next_token_ms": wait.as_millis() as u64 })
        }));
    }
    plain(Answer::json(200, report.to_string()))
}

async fn reset_stats(State(shared): State<Arc<Shared>>) -> Response {
    shared.stats.reset();
    shared.images.reset();
    plain(Answer::json(200, "{}"))
}

async fn tell_truth(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let query = Query::parse(uri.query().unwrap_or_default());
    lines(truth::creators(shared, &query))
}

async fn tell_hashtags(State(shared): State<Arc<Shared>>) -> Response {
    lines(Body::from(truth::hashtags(&shared.population)))
}

async fn tell_knobs(State(shared): State<Arc<Shared>>) -> Response {
    plain(Answer::json(200, json!(shared.knobs().config).to_string()))
}

async fn change_knobs(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    plain(match shared.change_knobs(&body) {
        Ok(knobs) => Answer::json(200, json!(knobs.config).to_string()),
        Err(error) => refused(&error),
    })
}

async fn advance_clock(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    plain(match control::advance(&body) {
        Ok(seconds) if shared.clock.advance(seconds) => Answer::json(
            200,
            json!({ "now_s": shared.clock.now(), "today": shared.clock.today().to_string() }).to_string(),
        ),
        Ok(_) => refused(&format!("the clock goes at most {FARTHEST_SECONDS} seconds ahead in total")),
        Err(error) => refused(&error),
    })
}

fn refused(error: &str) -> Answer {
    Answer::json(400, json!({ "error": error }).to_string())
}

fn too_many(wait: Duration, dialect: RetryAfter) -> Answer {
    let seconds = whole_seconds(wait);
    let answer = Answer::detail(429, "Rate limit exceeded.");
    match dialect {
        RetryAfter::Absent => answer,
        RetryAfter::Seconds => Answer { retry_after: Some(seconds.to_string()), ..answer },
        RetryAfter::HttpDate => Answer { retry_after: Some(http_date_after(wait)), ..answer },
        RetryAfter::Body => {
            Answer::json(429, json!({ "detail": "Rate limit exceeded.", "retry_after": seconds }).to_string())
        }
    }
}

/// A date by the real clock, which is the client's, in whole seconds and never too early.
fn http_date_after(wait: Duration) -> String {
    let wait = SignedDuration::from_secs(whole_seconds(wait) as i64 + 1);
    let date = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
    date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn latency(config: &SimulatorConfig, number: u64) -> Duration {
    let jitter = hash(config.seed, purpose::JITTER, number) % (config.jitter_ms + 1);
    Duration::from_millis(config.latency_ms + jitter)
}

fn plain(answer: Answer) -> Response {
    respond(answer, Delivery::Whole, None, ())
}

fn lines(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// Puts an answer on the wire; `held` is kept until its last byte when the body takes its time.
fn respond<G: Send + Sync + 'static>(
    answer: Answer,
    delivery: Delivery,
    units: Option<u64>,
    held: G,
) -> Response {
    let (body, announced) = faults::body(answer.body, delivery, held);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(length) = announced {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(units) = units {
        headers.insert("units_charged", HeaderValue::from(units));
    }
    if let Some(after) = answer.retry_after.and_then(|after| HeaderValue::try_from(after).ok()) {
        headers.insert(header::RETRY_AFTER, after);
    }
    response
}
