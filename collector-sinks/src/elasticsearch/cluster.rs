//! The narrow part through which everything goes: one request, one whole answer, from a node that lives.
//!
//! Of the library only its general `send` is used, with methods and paths that Elasticsearch and OpenSearch share; it
//! neither retries nor looks for other nodes by itself.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use elasticsearch::Elasticsearch;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
pub(super) use elasticsearch::http::Method;
use elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use elasticsearch::http::response::Response;
use elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Host, Url};

use super::config::{ElasticsearchConfig, shown};
use super::error::{Lost, lost, malformed, refused};
use super::nodes::Turns;

/// The largest answer that is read: a page of a thousand large records.
const MAX_ANSWER: u64 = 256 << 20;

/// The longest wait a server may ask for.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// What a request and its answer are about, and with it how much of the answer may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Names and settings.
    Index,
    /// Records or questions.
    Records,
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Path and query; every part of it is a name that was checked.
    pub(super) path: String,
    pub(super) body: Body,
    pub(super) about: About,
    pub(super) timeout: Option<Duration>,
}

/// What is sent with a request.
#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    Json(Bytes),
    /// One JSON value per line.
    Lines(Bytes),
}

impl Request {
    /// A request about names and settings.
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: Body::None, about: About::Index, timeout: None }
    }

    /// The same with JSON.
    pub(super) fn json(self, body: &Value) -> Self {
        Self { body: Body::Json(body.to_string().into()), ..self }
    }

    /// The same for records or questions.
    pub(super) fn about_records(self) -> Self {
        Self { about: About::Records, ..self }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The node's address.
    pub(super) node: String,
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

impl Answer {
    /// The value it holds.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Its own text may quote the answer.
            let place = format!("line {}, column {}", error.line(), error.column());
            malformed(what, self).with("unreadable at", place)
        })
    }

    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..300)
    }
}

/// The nodes of one server or cluster, and the way to them.
pub(super) struct Cluster {
    nodes: Vec<Node>,
    turns: Turns,
    timeout: Duration,
}

struct Node {
    shown: String,
    client: Elasticsearch,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.nodes.iter().map(|node| &node.shown).collect();
        f.debug_struct("Cluster").field("nodes", &nodes).finish_non_exhaustive()
    }
}

impl Cluster {
    /// A client for the nodes of this configuration. Nothing is sent.
    ///
    /// # Errors
    /// `ConfigInvalid` for a configuration that cannot work, or certificates that cannot be read.
    pub(super) fn new(config: &ElasticsearchConfig) -> Result<Self> {
        config.validate()?;
        let nodes: Vec<Node> =
            config.nodes.iter().map(|node| Node::new(node, config)).collect::<Result<_>>()?;
        Ok(Self { turns: Turns::new(nodes.len()), nodes, timeout: config.timeout })
    }

    /// Sends a request to the first node that takes it. One that cannot be reached is passed over; a request that may
    /// have been carried out is not sent again.
    ///
    /// # Errors
    /// `Unavailable` when no node answers, `Timeout`, `Cancelled`.
    pub(super) async fn send(&self, cx: &Context, request: &Request) -> Result<Answer> {
        let mut failed = None;
        for at in self.turns.order(cx.clock().monotonic()) {
            let node = &self.nodes[at];
            match cx.guard(async { Ok(node.send(request, self.timeout).await) }).await? {
                Ok(answer) => {
                    self.turns.answered(at);
                    return Ok(answer);
                }
                Err((lost, error)) => {
                    self.turns.failed(at, cx.clock().monotonic());
                    tracing::debug!(node = node.shown, %error, "a search node did not answer");
                    if lost == Lost::InDoubt {
                        return Err(error);
                    }
                    failed.get_or_insert(error);
                }
            }
        }
        let nodes = self.nodes.len();
        let none = || Error::new(ErrorKind::ConfigInvalid, "search: there is no node");
        let error = failed.unwrap_or_else(none);
        Err(if nodes > 1 { error.with("nodes tried", nodes) } else { error })
    }

    /// Sends a request that must succeed.
    ///
    /// # Errors
    /// As for [`send`](Self::send), and what the server says.
    pub(super) async fn succeed(&self, cx: &Context, what: &str, request: &Request) -> Result<Answer> {
        let answer = self.send(cx, request).await?;
        if answer.is_success() { Ok(answer) } else { Err(refused(request.about, what, &answer)) }
    }
}

impl Node {
    fn new(url: &Url, config: &ElasticsearchConfig) -> Result<Self> {
        let unusable = |cause: String| {
            Error::new(ErrorKind::ConfigInvalid, "search: no client can be made for the node")
                .with("node", shown(url))
                .with("cause", cause)
        };
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url.clone()))
            .request_body_compression(config.compress)
            .enable_meta_header(false);
        if is_loopback(url) {
            // A proxy of the environment would look for its own machine.
            builder = builder.disable_proxy();
        }
        if let Some(credentials) = credentials(config) {
            builder = builder.auth(credentials);
        }
        if let Some(pem) = &config.ca_pem {
            builder = builder.cert_validation(CertificateValidation::Full(authorities(pem)?));
        }
        let transport = builder.build().map_err(|error| unusable(error.to_string()))?;
        Ok(Self { shown: shown(url), client: Elasticsearch::new(transport) })
    }

    async fn send(&self, request: &Request, timeout: Duration) -> Result<Answer, (Lost, Error)> {
        let timeout = request.timeout.unwrap_or(timeout);
        let failed = |error| lost(&self.shown, error, timeout);
        let response = self.begin(request, timeout).await.map_err(failed)?;
        let (status, content_type, retry_after) = read_head(&response);
        if response.content_length().is_some_and(|length| length > MAX_ANSWER) {
            let error =
                Error::new(ErrorKind::Malformed, "the node's answer is larger than any of ours can be");
            return Err((Lost::InDoubt, error.with("node", &self.shown)));
        }
        // What was carried out is not known without the rest.
        let body = response.bytes().await.map_err(|error| (Lost::InDoubt, failed(error).1))?;
        Ok(Answer { node: self.shown.clone(), status, content_type, retry_after, body })
    }

    async fn begin(&self, request: &Request, timeout: Duration) -> Result<Response, elasticsearch::Error> {
        let mut headers = HeaderMap::new();
        if matches!(request.body, Body::Lines(_)) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let body = match &request.body {
            Body::None => None,
            Body::Json(bytes) | Body::Lines(bytes) => Some(bytes.clone()),
        };
        self.client.send(request.method, &request.path, headers, None::<&()>, body, Some(timeout)).await
    }
}

fn read_head(response: &Response) -> (u16, String, Option<Duration>) {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let content_type = text(CONTENT_TYPE).unwrap_or("no content type");
    let content_type = content_type.chars().take(60).collect();
    // Dates are rare here, and the engine has a pause of its own.
    let wait = text(RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    (response.status_code().as_u16(), content_type, wait.map(|wait| wait.min(MAX_WAIT)))
}

fn credentials(config: &ElasticsearchConfig) -> Option<Credentials> {
    if let Some(key) = &config.api_key {
        return Some(Credentials::EncodedApiKey(key.expose().to_owned()));
    }
    let (user, password) = config.user.as_ref().zip(config.password.as_ref())?;
    Some(Credentials::Basic(user.clone(), password.expose().to_owned()))
}

fn authorities(pem: &str) -> Result<Certificate> {
    let unreadable = || {
        Error::new(
            ErrorKind::ConfigInvalid,
            "search: `ca_pem` holds no certificate; it begins with -----BEGIN CERTIFICATE-----",
        )
    };
    let chain = Certificate::from_pem(pem.as_bytes()).map_err(|_| unreadable())?;
    if pem.contains("-----BEGIN CERTIFICATE-----") { Ok(chain) } else { Err(unreadable()) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Waits, unless the caller is stopped meanwhile.
pub(super) async fn pause(cx: &Context, wait: Duration) -> Result<()> {
    let sleep = async {
        cx.clock().sleep(wait).await;
        Ok(())
    };
    cx.guard(sleep).await
}
