//! The image host: signed links that end, real pictures behind them, and failures on purpose.
//!
//! A picture is a pure function of the seed and its storage key, so each creator has another one. Its format is the
//! one its link ends in, but for some that say JPEG and are PNG, as it happens out there.

mod jpeg;
mod knobs;
mod png;
mod tally;
mod webp;

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;

use super::faults::{self, Delivery};
use super::links::signature;
use super::population::purpose;
use super::query::Query;
use super::random::{hash, unit};
use tally::{Outcome, Tally};

pub(super) use knobs::MOST_BYTES as MOST_PICTURE_BYTES;
pub use knobs::PictureKnobs;

/// Pixels across and down.
const SIDE: usize = 16;

const HTML_PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Just a moment</title></head><body></body></html>\n";

/// The image host's state.
#[derive(Debug, Default)]
pub(super) struct Images {
    tally: Tally,
    /// Creators whose profile was answered before.
    shown: Mutex<HashSet<u32>>,
}

/// One call to the image host.
#[derive(Debug)]
pub(super) struct PictureCall<'a> {
    pub(super) knobs: &'a PictureKnobs,
    pub(super) seed: u64,
    /// Unix seconds of the simulated now.
    pub(super) now: u64,
    /// What follows `/images/`.
    pub(super) path: &'a str,
    pub(super) query: &'a Query,
}

impl Images {
    /// Whether this profile is to carry links that have ended: the first time it is asked for, as out of a stale cache.
    pub(super) fn has_stale_links(&self, knobs: &PictureKnobs, seed: u64, creator: u32) -> bool {
        let is_first = self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(creator);
        is_first && unit(hash(seed, purpose::STALE_LINKS, creator.into())) < knobs.expired_share
    }

    /// What was asked and answered.
    pub(super) fn report(&self) -> Value {
        self.tally.report()
    }

    /// How often each picture was delivered whole.
    pub(super) fn subjects(&self) -> Value {
        self.tally.subjects()
    }

    pub(super) fn reset(&self) {
        self.tally.reset();
    }

    /// Answers a call for a picture.
    pub(super) async fn answer(self: &Arc<Self>, call: PictureCall<'_>) -> Response {
        let number = self.tally.begin();
        let outcome = call.outcome(number);
        self.tally.end(outcome, call.path);
        if call.knobs.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(call.knobs.latency_ms)).await;
        }
        match outcome {
            Outcome::Refused => plain(StatusCode::FORBIDDEN, "text/html", "<h1>403 Forbidden</h1>"),
            Outcome::Gone => plain(StatusCode::NOT_FOUND, "text/html", "<h1>404 Not Found</h1>"),
            Outcome::Error => plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "busy"),
            Outcome::Hung => std::future::pending::<Infallible>().await.into_response(),
            Outcome::WrongType => plain(StatusCode::OK, "image/jpeg", HTML_PAGE),
            Outcome::Cut => respond(call.picture(), Delivery::Cut),
            Outcome::Served => respond(call.picture(), Delivery::Whole),
        }
    }
}

/// What never happens is a response, too.
trait IntoResponse {
    fn into_response(self) -> Response;
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl PictureCall<'_> {
    fn outcome(&self, number: u64) -> Outcome {
        if !self.is_signed() {
            return Outcome::Refused;
        }
        let rolled = |purpose, index| unit(hash(self.seed, purpose, index));
        let call = rolled(purpose::PICTURE_FAULT, number);
        let picture = rolled(purpose::PICTURE_FATE, self.identity());
        let knobs = self.knobs;
        if call < knobs.error_rate {
            Outcome::Error
        } else if call < knobs.error_rate + knobs.hang_rate {
            Outcome::Hung
        } else if picture < knobs.gone_share {
            Outcome::Gone
        } else if picture < knobs.gone_share + knobs.wrong_type_share {
            Outcome::WrongType
        } else if picture < knobs.gone_share + knobs.wrong_type_share + knobs.cut_share {
            Outcome::Cut
        } else {
            Outcome::Served
        }
    }

    /// Whether the link was signed here for this path and has not ended.
    fn is_signed(&self) -> bool {
        let (expires, sent) = (self.query.get("x-expires"), self.query.get("x-signature"));
        let (Some(expires), Some(sent)) = (expires, sent) else { return false };
        let alive = expires.parse::<u64>().is_ok_and(|expires| expires > self.now);
        let nonce = sent.get(..signature::NONCE).unwrap_or_default();
        alive && sent.strip_suffix('=') == Some(&*signature::of(self.seed, nonce, expires, &[self.path]))
    }

    /// The storage key without size and format: what the picture shows.
    fn identity(&self) -> u64 {
        let key = self.path.split('~').next().unwrap_or_default();
        key.bytes().fold(self.seed, |sum, byte| hash(sum, purpose::PICTURE, byte.into()))
    }

    fn picture(&self) -> (&'static str, Vec<u8>) {
        let shown = Pattern::new(self.identity());
        let bytes = self.knobs.bytes;
        if self.path.ends_with(".webp") {
            ("image/webp", webp::encode(&shown, bytes))
        } else if self.identity().is_multiple_of(10) {
            ("image/jpeg", png::encode(&shown, bytes))
        } else {
            ("image/jpeg", jpeg::encode(&shown, bytes))
        }
    }
}

/// What a picture shows: a field of light and dark squares in two colours.
#[derive(Debug)]
pub(super) struct Pattern {
    rows: [u16; SIDE],
    /// Red, green, blue of the dark squares and of the light ones; each channel of the latter is the greater.
    dark: [u8; 3],
    light: [u8; 3],
}

impl Pattern {
    fn new(identity: u64) -> Self {
        let word = |at: u64| hash(identity, purpose::PICTURE, at);
        let mut rows = [0; SIDE];
        for (row, at) in rows.iter_mut().zip(0..) {
            *row = word(at) as u16;
        }
        let [red, green, blue, ..] = word(100).to_le_bytes();
        let dark = [red, green, blue].map(|channel| channel % 120);
        Self { rows, dark, light: dark.map(|channel| channel + 100) }
    }

    fn is_light(&self, x: usize, y: usize) -> bool {
        self.rows.get(y).is_some_and(|row| row >> (x % SIDE) & 1 == 1)
    }
}

fn plain(status: StatusCode, content_type: &'static str, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn respond((content_type, bytes): (&'static str, Vec<u8>), delivery: Delivery) -> Response {
    let (body, announced) = faults::body(Bytes::from(bytes), delivery, ());
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = announced {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

#[cfg(test)]
mod tests;
