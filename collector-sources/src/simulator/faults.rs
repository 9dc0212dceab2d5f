//! Failures on purpose: which call gets one, and what it does to the answer.
//!
//! Which call fails follows from the seed and the number of the call alone. The numbers walk the unit interval in
//! steps of the golden ratio, which fills it evenly: after any hundred calls a rate of 10 % has hit ten of them,
//! give or take one or two.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::answer::Answer;
use super::config::{SimulatorConfig, Truncation};
use super::json::Json;
use super::population::purpose;
use super::random::{hash, unit};

/// Deeper than any parser that guards its stack accepts.
const DEEP_LEVELS: usize = 300;

/// Pieces in which a trickling body comes.
const TRICKLE_PIECES: u32 = 10;

const PADDING_PIECE: usize = 64 << 10;

/// How long a cut connection stays open after its last byte, so that the byte is read before the reset.
const LAST_BYTE_GRACE: Duration = Duration::from_millis(2);

const GOLDEN_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

const HTML_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment</title></head>\
    <body><h1>Temporarily unavailable</h1><p>Please try again later.</p></body></html>\n";

const CAPTCHA_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Security check</title></head>\
    <body><div id=\"captcha_container\" class=\"captcha-verify-container\">\
    <p>Drag the slider to fit the puzzle</p></div></body></html>\n";

/// One kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Error,
    Html,
    Captcha,
    Truncated,
    Slow,
    Oversize,
    Deep,
    Mistyped,
}

impl Fault {
    /// The name in the statistics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Html => "html",
            Self::Captcha => "captcha",
            Self::Truncated => "truncated",
            Self::Slow => "slow",
            Self::Oversize => "oversize",
            Self::Deep => "deep",
            Self::Mistyped => "mistyped",
        }
    }

    /// Decides what goes wrong with a call, if anything.
    pub(super) fn draw(config: &SimulatorConfig, call: u64) -> Option<Self> {
        let burst = call / u64::from(config.error_burst.max(1));
        if evenly(config.seed, 0, burst) < config.error_rate {
            return Some(Self::Error);
        }
        let mut roll = evenly(config.seed, 1, call);
        let rates = [
            (config.html_rate, Self::Html),
            (config.captcha_rate, Self::Captcha),
            (config.truncate_rate, Self::Truncated),
            (config.slow_rate, Self::Slow),
            (config.oversize_rate, Self::Oversize),
            (config.deep_rate, Self::Deep),
            (config.mistyped_rate, Self::Mistyped),
        ];
        for (rate, fault) in rates {
            if roll < rate {
                return Some(fault);
            }
            roll -= rate;
        }
        None
    }

    /// The page of a proxy that answers before the vendor sees the call.
    pub(super) fn page_before_work(self) -> Option<Answer> {
        match self {
            Self::Html => Some(Answer::html(HTML_PAGE)),
            Self::Captcha => Some(Answer::html(CAPTCHA_PAGE)),
            _ => None,
        }
    }

    /// Whether what arrives is still the whole answer, so that what was paid for was also delivered.
    pub(super) fn delivers(self) -> bool {
        self != Self::Truncated
    }
}

/// How the bytes of an answer travel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delivery {
    Whole,
    /// The connection closes half way.
    Cut,
    Trickle(Duration),
    /// Padded with a member of this many bytes.
    Padded(u64),
}

/// Changes an answer as a fault and the renamed fields want it and says how to send it.
pub(super) fn distort(answer: &mut Answer, fault: Option<Fault>, config: &SimulatorConfig) -> Delivery {
    if !config.renamed_fields.is_empty() {
        answer.body = rename_fields(&answer.body, config);
    }
    match fault {
        Some(Fault::Truncated) if config.truncate == Truncation::Json => {
            answer.body.truncate(answer.body.len() / 2);
            Delivery::Whole
        }
        Some(Fault::Truncated) => Delivery::Cut,
        Some(Fault::Slow) => Delivery::Trickle(Duration::from_millis(config.slow_body_ms)),
        Some(Fault::Oversize) => Delivery::Padded(config.oversize_bytes),
        Some(Fault::Deep) => {
            answer.body = with_deep_member(&answer.body);
            Delivery::Whole
        }
        Some(Fault::Mistyped) => {
            answer.body = mistype(&answer.body);
            Delivery::Whole
        }
        Some(Fault::Error | Fault::Html | Fault::Captcha) | None => Delivery::Whole,
    }
}

/// Builds the body; `held` lives as long as bytes are on their way. Also tells the length to announce, when it is
/// not the body's own.
pub(super) fn body<G: Send + Sync + 'static>(
    bytes: Bytes,
    delivery: Delivery,
    held: G,
) -> (Body, Option<usize>) {
    match delivery {
        Delivery::Whole => (Body::from(bytes), None),
        Delivery::Cut => {
            let announced = bytes.len();
            (cut(bytes, held), Some(announced))
        }
        Delivery::Trickle(over) => (trickle(bytes, over, held), None),
        Delivery::Padded(length) => (padded(&bytes, length, held), None),
    }
}

/// A number in `0.0..1.0` for each call; any run of calls covers the interval evenly.
fn evenly(seed: u64, sequence: u64, call: u64) -> f64 {
    unit(hash(seed, purpose::FAULT, sequence).wrapping_add(call.wrapping_mul(GOLDEN_STEP)))
}

/// Writes members under new names. Works on the text: in compact JSON a quoted word before a colon is always a name,
/// because quotes inside strings are escaped.
fn rename_fields(body: &Bytes, config: &SimulatorConfig) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else { return body.clone() };
    let mut text = text.to_owned();
    for (from, to) in &config.renamed_fields {
        text = text.replace(&member(from), &member(to));
    }
    Bytes::from(text)
}

fn member(name: &str) -> String {
    let mut json = Json::default();
    json.string(name);
    json.into_string() + ":"
}

fn with_deep_member(body: &Bytes) -> Bytes {
    let nested = "[".repeat(DEEP_LEVELS) + &"]".repeat(DEEP_LEVELS);
    prefixed(body, &format!("{{\"nested\":{nested},"))
}

/// Puts text in front of an object in place of its opening brace.
fn prefixed(object: &Bytes, prefix: &str) -> Bytes {
    let Some(rest) = object.strip_prefix(b"{") else { return object.clone() };
    let mut bytes = Vec::with_capacity(prefix.len() + rest.len());
    bytes.extend_from_slice(prefix.as_bytes());
    bytes.extend_from_slice(rest);
    Bytes::from(bytes)
}

fn mistype(body: &Bytes) -> Bytes {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    Bytes::from(swap_types(value).to_string())
}

fn swap_types(value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(flag) => Value::from(u8::from(flag)),
        Value::Number(number) => Value::from(number.to_string()),
        Value::String(text) => match text.parse::<u64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(text),
        },
        Value::Array(items) => items.into_iter().map(swap_types).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let swapped = match (name.as_str(), value) {
                    ("nickname" | "name", Value::String(text)) => serde_json::json!({ "text": text }),
                    (_, value) => swap_types(value),
                };
                (name, swapped)
            })
            .collect(),
    }
}

fn cut<G: Send + Sync + 'static>(bytes: Bytes, held: G) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    Body::from_stream(stream::unfold((0, half, held), |(step, half, held)| async move {
        match step {
            0 => Some((Ok(half.clone()), (1, half, held))),
            1 => {
                tokio::time::sleep(LAST_BYTE_GRACE).await;
                let reset = io::Error::new(io::ErrorKind::ConnectionReset, "cut on purpose");
                Some((Err(reset), (2, half, held)))
            }
            _ => None,
        }
    }))
}

fn trickle<G: Send + Sync + 'static>(bytes: Bytes, over: Duration, held: G) -> Body {
    let piece = bytes.len().div_ceil(TRICKLE_PIECES as usize).max(1);
    Body::from_stream(stream::unfold((bytes, held), move |(mut rest, held)| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(over / TRICKLE_PIECES).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, io::Error>(next), (rest, held)))
    }))
}

/// Streams the padding from one small buffer, so that a padded answer costs the simulator no memory.
fn padded<G: Send + Sync + 'static>(bytes: &Bytes, length: u64, held: G) -> Body {
    let opening = Bytes::from_static(b"{\"padding\":\"");
    let closing = prefixed(bytes, "\",");
    let missing = length.saturating_sub((opening.len() + closing.len()) as u64);
    let piece = Bytes::from(vec![b'x'; PADDING_PIECE]);
    let start = (Some(opening), missing, Some(closing), held);
    Body::from_stream(stream::unfold(start, move |(opening, missing, closing, held)| {
        let piece = piece.clone();
        async move {
            let (chunk, next) = match (opening, missing, closing) {
                (Some(opening), _, closing) => (opening, (None, missing, closing, held)),
                (None, 0, closing) => (closing?, (None, 0, None, held)),
                (None, missing, closing) => {
                    let size = missing.min(PADDING_PIECE as u64);
                    (piece.slice(..size as usize), (None, missing - size, closing, held))
                }
            };
            Some((Ok::<_, io::Error>(chunk), next))
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(config: &SimulatorConfig, fault: Fault) -> Vec<u64> {
        (0..1_000).filter(|call| Fault::draw(config, *call) == Some(fault)).collect()
    }

    #[test]
    fn rates_are_met_evenly_and_repeat() {
        let config = SimulatorConfig {
            error_rate: 0.1,
            html_rate: 0.05,
            slow_rate: 0.2,
            ..SimulatorConfig::default()
        };
        let errors = hits(&config, Fault::Error);
        assert!((98..=102).contains(&errors.len()), "{}", errors.len());
        assert_eq!(errors, hits(&config, Fault::Error));
        let other = SimulatorConfig { seed: 43, ..config.clone() };
        assert_ne!(errors, hits(&other, Fault::Error));
        assert!((150..=210).contains(&hits(&config, Fault::Slow).len()));
        assert!(hits(&config, Fault::Deep).is_empty());
    }

    #[test]
    fn everything_fails_at_one_and_nothing_at_zero() {
        let none = SimulatorConfig::default();
        assert!((0..1_000).all(|call| Fault::draw(&none, call).is_none()));
        let all = SimulatorConfig { mistyped_rate: 1.0, ..SimulatorConfig::default() };
        assert_eq!(hits(&all, Fault::Mistyped).len(), 1_000);
    }

    #[test]
    fn bursts_fail_in_a_row_at_the_same_rate() {
        let config = SimulatorConfig { error_rate: 0.1, error_burst: 5, ..SimulatorConfig::default() };
        let errors = hits(&config, Fault::Error);
        assert!((90..=110).contains(&errors.len()), "{}", errors.len());
        assert!(errors.chunks(5).all(|burst| burst[4] - burst[0] == 4));
    }

    #[test]
    fn only_member_names_are_renamed() {
        let mut config = SimulatorConfig::default();
        config.renamed_fields.insert("uniqueId".to_owned(), "handle".to_owned());
        let body = r#"{"uniqueId":"uniqueId","text":"\"uniqueId\":1","uniqueIds":2}"#;
        let renamed = rename_fields(&Bytes::from(body), &config);
        assert_eq!(renamed, r#"{"handle":"uniqueId","text":"\"uniqueId\":1","uniqueIds":2}"#.as_bytes());
    }

    #[test]
    fn types_are_swapped_throughout() {
        let swapped = mistype(&Bytes::from(r#"{"id":"7","n":[1,true],"nickname":"x","bio":"y","z":null}"#));
        let value: Value = serde_json::from_slice(&swapped).unwrap();
        assert_eq!(value, serde_json::json!({"id":7,"n":["1",1],"nickname":{"text":"x"},"bio":"y","z":null}));
    }

    #[test]
    fn a_deep_member_defeats_a_guarded_parser() {
        let deep = with_deep_member(&Bytes::from(r#"{"data":1}"#));
        assert!(serde_json::from_slice::<Value>(&deep).unwrap_err().to_string().contains("recursion"));
        let unchanged = Bytes::from("[1]");
        assert_eq!(with_deep_member(&unchanged), unchanged);
    }
}
