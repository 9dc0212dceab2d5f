//! Asks a site what visitors may do before anything else is asked: `robots.txt`, once a day for each host.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Payload;
use reqwest::header::{HeaderValue, USER_AGENT};
use tokio::time::Instant;
use url::Url;

use super::robots::{MOST_BYTES, Robots};
use crate::http::{Http, Request, redact, waiting};

/// The name rules for us are written under.
pub(super) const TOKEN: &str = "collector";

/// How long rules are believed.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// How long old rules stand in for ones that cannot be had.
const STALE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Redirects followed to a `robots.txt`; beyond them there is none.
const MOST_HOPS: usize = 5;

/// The longest pause between requests that is kept: whoever asks for more is answered with this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Hosts remembered; a site has a few.
const MOST_HOSTS: usize = 1_000;

/// What sites ask of visitors, and when each was visited last.
pub(super) struct Gate {
    agent: HeaderValue,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// One scheme, host and port.
#[derive(Debug, Default)]
struct Host {
    /// Held while rules are fetched, so that they are fetched once however many calls wait for them.
    rules: tokio::sync::Mutex<Option<(Arc<Robots>, Instant)>>,
    /// The earliest moment of the next request.
    next: Mutex<Option<Instant>>,
}

impl Gate {
    pub(super) fn new(agent: HeaderValue) -> Self {
        Self { agent, hosts: Mutex::default() }
    }

    /// A request for a page that says who asks.
    pub(super) fn request(&self, url: Url) -> Request {
        Request::get(url).header(USER_AGENT, self.agent.clone())
    }

    /// Whether the page may be asked for now; counts the requests that were needed to find out. A page that follows a
    /// redirect is part of the same visit and waits for nothing.
    ///
    /// # Errors
    /// `Rejected` when the rules forbid it, `RateLimited` when it is too early, else why the rules cannot be had.
    pub(super) async fn pass(
        &self,
        http: &Http,
        cx: &Context,
        url: &Url,
        first: bool,
        requests: &mut u64,
    ) -> Result<()> {
        let host = self.host(url);
        let robots = self.rules(http, cx, &host, url, requests).await?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        if !robots.allows(TOKEN, &path) {
            let message =
                "the site's robots.txt forbids this page to us: ask the site, or leave the page out";
            return Err(Error::new(ErrorKind::Rejected, message).with("url", redact(url)).with("as", TOKEN));
        }
        match robots.crawl_delay(TOKEN).filter(|_| first) {
            Some(pause) => host.start(cx.clock().monotonic(), pause.min(LONGEST_PAUSE)),
            None => Ok(()),
        }
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let authority = url.origin().ascii_serialization();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MOST_HOSTS && !hosts.contains_key(&authority) {
            hosts.clear();
        }
        Arc::clone(hosts.entry(authority).or_default())
    }

    async fn rules(
        &self,
        http: &Http,
        cx: &Context,
        host: &Host,
        url: &Url,
        requests: &mut u64,
    ) -> Result<Arc<Robots>> {
        let mut known = cx.guard(async { Ok(host.rules.lock().await) }).await?;
        let now = cx.clock().monotonic();
        let age = known.as_ref().map(|(_, at)| now.saturating_duration_since(*at));
        if let (Some((robots, _)), Some(age)) = (&*known, age)
            && age < FRESH
        {
            return Ok(Arc::clone(robots));
        }
        match self.ask(http, cx, url, requests).await {
            Ok(robots) => {
                let robots = Arc::new(robots);
                *known = Some((Arc::clone(&robots), now));
                Ok(robots)
            }
            Err(error) => match (&*known, age) {
                (Some((robots, _)), Some(age)) if age < STALE && error.kind() != ErrorKind::Cancelled => {
                    Ok(Arc::clone(robots))
                }
                _ => Err(error),
            },
        }
    }

    /// Fetches the rules. A site that has none allows everything; one that cannot answer allows nothing for now.
    async fn ask(&self, http: &Http, cx: &Context, page: &Url, requests: &mut u64) -> Result<Robots> {
        let mut url = page.clone();
        url.set_path("/robots.txt");
        url.set_query(None);
        url.set_fragment(None);
        for _ in 0..=MOST_HOPS {
            *requests += 1;
            let payload = http.exchange(cx, self.request(url.clone()).cut_at(MOST_BYTES)).await?;
            match payload.status {
                200..=299 => return Ok(Robots::parse(&payload.body)),
                300..=399 => match redirected(&url, &payload) {
                    Some(next) => url = next,
                    None => return Ok(Robots::default()),
                },
                429 => return Err(unreachable(ErrorKind::RateLimited, &payload, &url)),
                400..=499 => return Ok(Robots::default()),
                _ => return Err(unreachable(ErrorKind::Unavailable, &payload, &url)),
            }
        }
        Ok(Robots::default())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl Host {
    /// Begins a request now, or says when one may begin.
    fn start(&self, now: Instant, pause: Duration) -> Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match *next {
            Some(at) if at > now => {
                let message = "the site's robots.txt asks for a pause between requests: nothing was sent";
                Err(Error::new(ErrorKind::RateLimited, message).retry_after(at - now))
            }
            _ => {
                *next = Some(now + pause);
                Ok(())
            }
        }
    }
}

fn unreachable(kind: ErrorKind, payload: &Payload, url: &Url) -> Error {
    let message = "the site's robots.txt cannot be had, so nothing may be asked for";
    waiting(Error::new(kind, message).with("status", payload.status).with("url", redact(url)), payload)
}

/// Where an answer sends us, when a visitor may follow: never away from TLS, and to another host only by its name.
pub(super) fn redirected(from: &Url, payload: &Payload) -> Option<Url> {
    let to = from.join(payload.header("location")?).ok()?;
    let secure = to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    let named = to.host_str() == from.host_str()
        || matches!(to.host(), Some(url::Host::Domain(name)) if name.contains('.'));
    let plain = to.username().is_empty() && to.password().is_none();
    (secure && named && plain).then_some(to)
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    #[test]
    fn a_redirect_is_followed_only_where_a_visitor_may_go() {
        for (from, to, followed) in [
            ("https://a.test/x", "/y", true),
            ("https://a.test/x", "https://b.test/robots.txt", true),
            ("https://a.test/x", "http://a.test/x", false),
            ("http://a.test/x", "https://a.test/x", true),
            ("https://a.test/x", "https://10.0.0.1/x", false),
            ("https://a.test/x", "https://localhost/x", false),
            ("https://a.test/x", "https://me:pw@b.test/x", false),
            ("http://127.0.0.1:80/x", "/y", true),
            ("https://a.test/x", "file:///etc/passwd", false),
        ] {
            let mut payload = Payload::new("", Timestamp::default());
            payload.headers = vec![("location".into(), to.into())];
            assert_eq!(redirected(&Url::parse(from).unwrap(), &payload).is_some(), followed, "{from} {to}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_kept_between_the_beginnings_of_requests() {
        let (host, pause) = (Host::default(), Duration::from_secs(10));
        let begin = Instant::now();
        host.start(begin, pause).unwrap();
        let early = host.start(begin + Duration::from_secs(4), pause).unwrap_err();
        assert_eq!((early.kind(), early.wait()), (ErrorKind::RateLimited, Some(Duration::from_secs(6))));
        host.start(begin + pause, pause).unwrap();
        assert!(host.start(begin + pause, pause).is_err());
    }
}
