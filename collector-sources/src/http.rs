//! The HTTP client all adapters share: the only place in this crate that builds one.
//!
//! [`Http::exchange`] makes one exchange and gives back any complete answer, whatever its status. It
//!
//! - brings its own TLS provider (ring) and the machine's trust roots, plus a private authority if one is given;
//!   nothing is installed for the process;
//! - takes no proxy from the environment, keeps no cookies, sends no `Referer`, retries nothing and never sleeps;
//! - follows redirects within one host (with or without `www.`) and never from `https` to `http`; any other redirect
//!   is an answer like the rest;
//! - reads the body in chunks, counts them *after* decompression against a cap, and takes each from the context's
//!   byte budget;
//! - ends with the context's stop signal and deadline;
//! - keeps only the headers in [`KEPT_HEADERS`] and those that begin with `x-ratelimit-`;
//! - shows no secret in any error: see [`Request`].
//!
//! # Errors of an exchange
//!
//! | what happened | kind | perhaps charged |
//! | --- | --- | --- |
//! | no connection: name, TCP, TLS, 5 s | `Unavailable` | no |
//! | no complete answer in time | `Timeout` | yes |
//! | connection cut or reset, body garbled | `Unavailable` | yes |
//! | body over the cap | `Malformed` | yes |
//! | stop signal | `Cancelled` | no |
//! | `https` on a machine without trust roots | `ConfigInvalid` | no |

mod config;
mod request;
mod secret;
mod status;
mod tls;
mod token;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use collector_core::context::{BytePermit, Context};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Payload;
use reqwest::header::HeaderMap;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response};
use url::Url;

pub use config::Address;
pub(crate) use config::{Common, Shown, Unusable, common, credential_fault, is_plain, plain, unusable};
pub use request::{Request, redact};
pub use reqwest::header::{HeaderName, HeaderValue};
pub use secret::Secret;
pub use status::{retry_after, status_error, status_kind, waiting};
pub use token::{Bearer, Grant, TokenCache};

/// Headers of an answer that are kept, besides `x-ratelimit-*`. Never cookies or credentials.
pub const KEPT_HEADERS: [&str; 4] = ["content-type", "date", "retry-after", "units_charged"];

/// Longer header values are not kept: none of those we know comes near.
const LONGEST_HEADER: usize = 256;

/// The same for headers that a source asks for: links are long.
const LONGEST_ASKED: usize = 8 << 10;

/// Room made at once for a body whose length is told.
const USUAL_BODY: usize = 256 << 10;

/// Redirects followed within one host before the last one is taken as the answer.
const MOST_REDIRECTS: usize = 3;

/// Settings of an [`Http`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Time for name, TCP and TLS together. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest silence while an answer is awaited or read. Default 30 s.
    pub idle_timeout: Duration,
    /// Longest exchange of a request that sets no timeout itself. Default 60 s.
    pub timeout: Duration,
    /// Largest body in bytes, after decompression. Default 32 MiB.
    pub max_body: usize,
    /// Certificates in PEM format of authorities to trust besides the machine's own. Default none.
    pub extra_ca: Option<Vec<u8>>,
    /// Headers of answers that are kept besides [`KEPT_HEADERS`]; they may be up to 8 KiB long. Default none.
    pub keep_headers: Vec<HeaderName>,
    /// Whether redirects within one host are followed; else each is an answer. Default on.
    pub follow_redirects: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            max_body: 32 << 20,
            extra_ca: None,
            keep_headers: Vec::new(),
            follow_redirects: true,
        }
    }
}

/// A client for one vendor. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Http {
    client: Client,
    max_body: usize,
    timeout: Duration,
    keep_headers: Vec<HeaderName>,
    untrusting: Option<String>,
}

impl Http {
    /// A client with these options.
    ///
    /// # Errors
    /// `ConfigInvalid` when the private authority's certificates cannot be read.
    pub fn new(options: &HttpOptions) -> Result<Self> {
        let tls = tls::configure(options.extra_ca.as_deref())?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls.config)
            .user_agent(concat!("collector/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.idle_timeout)
            .redirect(if options.follow_redirects { Policy::custom(redirect) } else { Policy::none() })
            // A referrer would carry the query, and with it the credential.
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|cause| {
                Error::new(ErrorKind::ConfigInvalid, "no HTTP client").caused_by(cause.without_url())
            })?;
        Ok(Self {
            client,
            max_body: options.max_body,
            timeout: options.timeout,
            keep_headers: options.keep_headers.clone(),
            untrusting: tls.untrusting,
        })
    }

    /// Sends `request` once and gives back the complete answer, whatever its status.
    ///
    /// # Errors
    /// See the [module's table](self#errors-of-an-exchange). Each error names the redacted URL.
    pub async fn exchange(&self, cx: &Context, request: Request) -> Result<Payload> {
        // Writing it out costs more than keeping it, and only errors and logs need it.
        let kept = request.clone();
        cx.note_request(|| format!("{} {}", kept.method(), kept.shown()));
        let done = cx.guard(self.send(cx, request)).await;
        done.map_err(|error| error.with("url", kept.shown()))
    }

    async fn send(&self, cx: &Context, request: Request) -> Result<Payload> {
        self.require_trust(request.url())?;
        let (started, cut_at) = (cx.clock().monotonic(), request.body_cut_at());
        let mut response = self.client.execute(request.build(self.timeout)).await.map_err(transport)?;
        let mut permit = BytePermit::default();
        let body = self.read_body(cx, &mut response, &mut permit, cut_at).await?;
        let mut payload = Payload::new(body, cx.now());
        payload.status = response.status().as_u16();
        payload.headers = kept(response.headers(), &self.keep_headers);
        payload.took = cx.clock().monotonic().saturating_duration_since(started);
        payload.permit = permit;
        Ok(payload)
    }

    fn require_trust(&self, url: &Url) -> Result<()> {
        match &self.untrusting {
            Some(why) if url.scheme() == "https" => Err(Error::new(
                ErrorKind::ConfigInvalid,
                "this machine trusts no certificate authority: install `ca-certificates` or give a private CA",
            )
            .caused_by(why.clone())),
            _ => Ok(()),
        }
    }

    async fn read_body(
        &self,
        cx: &Context,
        response: &mut Response,
        permit: &mut BytePermit,
        cut_at: Option<usize>,
    ) -> Result<Bytes> {
        let told = response.content_length().unwrap_or(0);
        if cut_at.is_none() {
            self.require_room(told)?;
        }
        // What is told need not come: room is made for a usual answer, and the rest as it comes.
        let mut body = Vec::with_capacity(usize::try_from(told).unwrap_or(0).min(USUAL_BODY));
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if let Some(most) = cut_at {
                let room = most.saturating_sub(body.len()).min(chunk.len());
                cx.byte_budget().grow(permit, room).await;
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
                if body.len() >= most {
                    break;
                }
                continue;
            }
            self.require_room(body.len() as u64 + chunk.len() as u64)?;
            cx.byte_budget().grow(permit, chunk.len()).await;
            body.extend_from_slice(&chunk);
        }
        // Kept until it is committed, and longer in memory: not with the room that growing took.
        body.shrink_to_fit();
        Ok(body.into())
    }

    fn require_room(&self, size: u64) -> Result<()> {
        if size <= self.max_body as u64 {
            return Ok(());
        }
        let message = format!(
            "the answer's body is larger than the cap: {size} bytes or more, {} allowed; raise the cap if it is right",
            self.max_body
        );
        Err(Error::new(ErrorKind::Malformed, message).maybe_charged())
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("max_body", &self.max_body)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What a failed transport means: see the module's table.
fn transport(error: reqwest::Error) -> Error {
    let (connect, timeout, builder) = (error.is_connect(), error.is_timeout(), error.is_builder());
    let cause = error.without_url();
    if builder {
        Error::new(ErrorKind::ConfigInvalid, "the request cannot be sent: correct the address")
            .caused_by(cause)
    } else if connect {
        Error::new(ErrorKind::Unavailable, "no connection").caused_by(cause)
    } else if timeout {
        Error::new(ErrorKind::Timeout, "no complete answer in time").caused_by(cause).maybe_charged()
    } else {
        Error::new(ErrorKind::Unavailable, "the answer was cut short").caused_by(cause).maybe_charged()
    }
}

fn kept(headers: &HeaderMap, besides: &[HeaderName]) -> Vec<(String, String)> {
    let keep = |name: &str| KEPT_HEADERS.contains(&name) || name.starts_with("x-ratelimit-");
    let fits = |name: &HeaderName, length: usize| match besides.contains(name) {
        true => length <= LONGEST_ASKED,
        false => keep(name.as_str()) && length <= LONGEST_HEADER,
    };
    headers
        .iter()
        .filter(|(name, value)| fits(name, value.len()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let previous = attempt.previous();
    let within = previous.last().is_some_and(|from| same_place(from, attempt.url()));
    if within && previous.len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// Whether what was meant for one URL may be sent to the other: one host, no step down from `https`.
fn same_place(from: &Url, to: &Url) -> bool {
    let same_port = from.port_or_known_default() == to.port_or_known_default();
    let secured =
        from.scheme() == "http" && to.scheme() == "https" && from.port().is_none() && to.port().is_none();
    let same_scheme = from.scheme() == to.scheme() && same_port;
    match (from.host_str(), to.host_str()) {
        (Some(a), Some(b)) => without_www(a) == without_www(b) && (same_scheme || secured),
        _ => false,
    }
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_within_its_host_and_never_loses_tls() {
        for (from, to, followed) in [
            ("https://a.test/x", "https://a.test/y", true),
            ("https://a.test/x", "https://www.a.test/x", true),
            ("https://www.a.test/x", "https://a.test/x", true),
            ("http://a.test/x", "https://a.test/x", true),
            ("https://a.test/x", "http://a.test/x", false),
            ("https://a.test/x", "https://b.test/x", false),
            ("https://a.test/x", "https://www.b.test/x", false),
            ("https://a.test/x", "https://a.test.evil.test/x", false),
            ("https://a.test/x", "https://a.test:8443/x", false),
            ("http://a.test:8080/x", "https://a.test/x", false),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:2/x", false),
        ] {
            let (a, b) = (Url::parse(from).unwrap(), Url::parse(to).unwrap());
            assert_eq!(same_place(&a, &b), followed, "{from} to {to}");
        }
    }

    #[test]
    fn only_listed_headers_of_sane_size_are_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "sid=1"),
            ("authorization", "x"),
            ("units_charged", "3"),
            ("x-ratelimit-remaining", "9"),
            ("content-type", "application/json"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.insert("date", HeaderValue::from_str(&"x".repeat(LONGEST_HEADER + 1)).unwrap());
        let mut names: Vec<_> = kept(&headers, &[]).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["content-type", "units_charged", "x-ratelimit-remaining"]);
        let asked = HeaderName::from_static("link");
        headers.insert(asked.clone(), HeaderValue::from_str(&"x".repeat(LONGEST_HEADER + 1)).unwrap());
        assert!(kept(&headers, &[asked]).iter().any(|(name, _)| name == "link"));
        assert!(!kept(&headers, &[]).iter().any(|(name, _)| name == "link"));
    }

    #[test]
    fn without_trust_roots_only_plain_http_is_sent() {
        let mut http = Http::new(&HttpOptions::default()).unwrap();
        http.untrusting = Some("no certificates".into());
        assert!(http.require_trust(&Url::parse("http://a.test/").unwrap()).is_ok());
        let error = http.require_trust(&Url::parse("https://a.test/").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.message().contains("ca-certificates"));
    }
}
