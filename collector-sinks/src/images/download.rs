//! One download: from a link to a picture's bytes, or to the reason why there are none.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use collector_core::context::{ByteBudget, BytePermit};
use reqwest::header::{CONTENT_ENCODING, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};

use super::client::NotPublic;
use super::hosts::Fault;
use super::link::Link;
use super::sniff::{self, Flaw, Kind, Limits, Size, TELLING};

/// Redirects followed, each checked like the first link.
const MOST_REDIRECTS: usize = 3;

/// The longest wait a host can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// All pictures in memory share so many bytes; see [`ByteBudget`].
const MEMORY: usize = 32 << 20;

/// A picture, looked through and whole.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    pub(super) kind: Kind,
    pub(super) size: Size,
    /// Given back when the picture is written.
    pub(super) _permit: BytePermit,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The link has ended, or is refused: a newer one may work.
    Ended(String),
    /// There is no such picture.
    Gone,
    /// The host could not answer. It may say when to come back.
    Busy { fault: Fault, after: Option<Duration>, why: String },
    /// What came is not kept.
    Unusable(String),
    /// The link, or where it leads to, must not be asked for.
    Forbidden(String),
}

/// Fetches pictures.
#[derive(Debug)]
pub(super) struct Downloader {
    client: Client,
    allow: Vec<SocketAddr>,
    limits: Limits,
    max_bytes: usize,
    timeout: Duration,
    memory: ByteBudget,
}

impl Downloader {
    pub(super) fn new(client: Client, config: &super::ImagesConfig) -> Self {
        Self {
            client,
            allow: config.allow.clone(),
            limits: config.limits(),
            max_bytes: config.max_bytes,
            timeout: config.timeout,
            memory: ByteBudget::new(MEMORY.max(config.max_bytes)),
        }
    }

    /// Reads a link as one that this downloader may ask for.
    pub(super) fn link(&self, text: &str) -> Result<Link, Trouble> {
        Link::parse(text, &self.allow).map_err(Trouble::Forbidden)
    }

    /// Downloads what is behind a link.
    pub(super) async fn fetch(&self, link: &Link) -> Result<Picture, Trouble> {
        match tokio::time::timeout(self.timeout, self.follow(link)).await {
            Ok(done) => done,
            Err(_) => Err(busy(Fault::Host, format!("no whole picture within {:?}", self.timeout))),
        }
    }

    async fn follow(&self, link: &Link) -> Result<Picture, Trouble> {
        let mut link = link.clone();
        for _ in 0..=MOST_REDIRECTS {
            let response =
                self.client.get(link.url().clone()).send().await.map_err(|error| transport(&error))?;
            if !response.status().is_redirection() {
                return self.read(response).await;
            }
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.ok_or_else(|| Trouble::Unusable("a redirect that leads nowhere".to_owned()))?;
            link = link.join(to, &self.allow).map_err(Trouble::Forbidden)?;
        }
        Err(Trouble::Unusable(format!("more than {MOST_REDIRECTS} redirects")))
    }

    async fn read(&self, response: Response) -> Result<Picture, Trouble> {
        if let Some(trouble) = refused(response.status(), response.headers()) {
            return Err(trouble);
        }
        // Nobody asked for it, and what is packed can unpack to anything.
        if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(Trouble::Unusable("the answer is compressed".to_owned()));
        }
        let mut permit = BytePermit::default();
        let bytes = self.body(response, &mut permit).await?;
        let (kind, size) = sniff::inspect(&bytes, self.limits).map_err(|flaw| unusable(&flaw))?;
        Ok(Picture { bytes, kind, size, _permit: permit })
    }

    async fn body(&self, mut response: Response, permit: &mut BytePermit) -> Result<Bytes, Trouble> {
        self.require_room(response.content_length().unwrap_or(0))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            self.require_room(body.len() as u64 + chunk.len() as u64)?;
            self.memory.grow(permit, chunk.len()).await;
            let was_telling = body.len() >= TELLING;
            body.extend_from_slice(&chunk);
            // A page instead of a picture is not read to its end.
            if !was_telling && body.len() >= TELLING && sniff::kind(&body).is_none() {
                return Err(unusable(&Flaw::Foreign));
            }
        }
        Ok(body.freeze())
    }

    fn require_room(&self, size: u64) -> Result<(), Trouble> {
        if size <= self.max_bytes as u64 {
            return Ok(());
        }
        Err(Trouble::Unusable(format!("it is larger than {} bytes", self.max_bytes)))
    }
}

fn busy(fault: Fault, why: String) -> Trouble {
    Trouble::Busy { fault, after: None, why }
}

fn unusable(flaw: &Flaw) -> Trouble {
    Trouble::Unusable(flaw.to_string())
}

/// What an answer that is no picture means; `None` for one that may be.
fn refused(status: StatusCode, headers: &HeaderMap) -> Option<Trouble> {
    match status.as_u16() {
        200 => None,
        401 | 403 | 410 => Some(Trouble::Ended(format!("the host answers {}", status.as_u16()))),
        404 => Some(Trouble::Gone),
        status @ (408 | 425 | 429 | 500..=599) => {
            let fault = if status == 429 { Fault::Host } else { Fault::Answer };
            let why = format!("the host answers {status}");
            Some(Trouble::Busy { fault, after: waiting(headers), why })
        }
        other => Some(Trouble::Unusable(format!("the host answers {other}"))),
    }
}

/// How long the host asks to wait: seconds or a date.
pub(super) fn waiting(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// What a failed transport means. The message is the plain cause: links carry signatures.
fn transport(error: &reqwest::Error) -> Trouble {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(one) = cause {
        if one.is::<NotPublic>() {
            return Trouble::Forbidden(one.to_string());
        }
        cause = one.source();
    }
    let (fault, why) = if error.is_timeout() {
        (Fault::Host, "the host does not answer in time")
    } else if error.is_connect() {
        (Fault::Host, "no connection to the host")
    } else {
        (Fault::Answer, "the answer was cut short")
    };
    busy(fault, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_means_one_thing() {
        let mean = |status| refused(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
        assert_eq!(mean(200), None);
        for status in [401, 403, 410] {
            assert!(matches!(mean(status), Some(Trouble::Ended(_))), "{status}");
        }
        assert_eq!(mean(404), Some(Trouble::Gone));
        for status in [408, 425, 429, 500, 502, 503, 504, 522] {
            assert!(matches!(mean(status), Some(Trouble::Busy { .. })), "{status}");
        }
        for status in [201, 204, 206, 304, 400, 402, 405, 451] {
            assert!(matches!(mean(status), Some(Trouble::Unusable(_))), "{status}");
        }
    }

    #[test]
    fn a_host_says_when_to_come_back_within_bounds() {
        let says = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            waiting(&headers)
        };
        assert_eq!(says("7"), Some(Duration::from_secs(7)));
        assert_eq!(says("99999999"), Some(LONGEST_WAIT));
        assert_eq!(says("Mon, 01 Jan 2001 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(says("soon"), None);
    }
}
