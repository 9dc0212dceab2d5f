//! Spoilt answers for a `parse` that must survive all of them: by plan, at random, and from a fuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::case::{Checked, Violation, ensure};
use super::server::Answer;
use crate::clock::Timestamp;
use crate::source::Source;
use crate::task::{Payload, Task};

/// Places in a body at which it is cut or spoilt.
const PLACES: usize = 200;

/// Values of a document that are replaced, one at a time.
const VALUES: usize = 200;

/// The moment every spoilt answer came.
const AT: Timestamp = Timestamp::from_secs(1_795_359_599);

/// Reads `body` as the answer to `tasks`: whatever it is, `parse` says so without a panic, one outcome per task.
///
/// # Errors
/// How the promise is broken, with the beginning of the body.
pub fn survive<I: Send + Sync + 'static>(
    source: &dyn Source<Item = I>,
    tasks: &[Task],
    status: u16,
    body: &[u8],
) -> Checked {
    let mut payload = Payload::new(body.to_vec(), AT);
    payload.status = status;
    for (name, value) in [("retry-after", "-99999999999999999999"), ("content-type", "\u{fffd};=,")] {
        payload.headers.push((name.into(), value.into()));
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| source.parse(tasks, &payload)));
    let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
    let said =
        parsed.map_err(|_| Violation::new(format!("`parse` panicked on status {status} with {shown:?}")))?;
    if let Ok(page) = said {
        let (tasks, outcomes) = (tasks.len(), page.outcomes.len());
        ensure!(outcomes == tasks, "{tasks} tasks, {outcomes} outcomes on status {status} with {shown:?}");
    }
    Ok(())
}

/// Reads `body` as the answer to one task of every kind the source has: what a fuzzer calls.
///
/// # Panics
/// When a `parse` panics, or gives another number of outcomes than it was given tasks.
pub fn fuzz<I: Send + Sync + 'static>(source: &dyn Source<Item = I>, body: &[u8]) {
    for kind in source.kinds() {
        let task = Task::new(source.name(), &*kind, "7012345678901234567");
        for status in [200, 500] {
            if let Err(violation) = survive(source, std::slice::from_ref(&task), status, body) {
                panic!("{kind}: {violation}");
            }
        }
    }
}

/// Bytes that have nothing to do with any format.
pub fn junk() -> Vec<Vec<u8>> {
    let mut junk: Vec<Vec<u8>> =
        ["", " ", "\0", "null", "[]", "{}", "\"\"", "0", "-", "{", "[{\"", "\u{feff}{}", "NaN"]
            .map(|text| text.as_bytes().to_vec())
            .into();
    junk.push(vec![0xff; 1_000]);
    junk.push(b"<!doctype html><html><body><div><script>{\"a\":".to_vec());
    junk.push("<div>".repeat(20_000).into_bytes());
    junk.push(Answer::nested(100_000).body.to_vec());
    junk.push("{\"a\":".repeat(100_000).into_bytes());
    junk.push(Answer::big(1 << 20).body.to_vec());
    junk
}

/// A body, spoilt by plan: cut, a byte replaced, a value replaced.
pub fn variants(body: &[u8]) -> Vec<Vec<u8>> {
    let step = (body.len() / PLACES).max(1);
    let mut variants: Vec<Vec<u8>> = (0..=body.len()).step_by(step).map(|end| body[..end].to_vec()).collect();
    for at in (0..body.len()).step_by(step) {
        for byte in [0xff, b'"', b'0', b'{'] {
            let mut spoilt = body.to_vec();
            spoilt[at] = byte;
            variants.push(spoilt);
        }
    }
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let replaced =
            pointers(&value).into_iter().take(VALUES).flat_map(|pointer| replaced(&value, &pointer));
        variants.extend(replaced.map(|value| value.to_string().into_bytes()));
    }
    variants
}

/// So many bodies, each spoilt in one to four places at random; the same for the same `seed`.
pub fn scrambled(body: &[u8], seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = StdRng::seed_from_u64(seed);
    std::iter::repeat_with(move || {
        let mut spoilt = body.to_vec();
        for _ in 0..random.random_range(1..=4) {
            scramble(&mut spoilt, &mut random);
        }
        spoilt
    })
    .take(count)
}

/// What a scrambled byte becomes: what means something in some format, and what means nothing in any.
const BYTES: &[u8] = b"\"{}[],:\\0-9eEu<>&;/!\n\0\xff\xc3\xed";

/// What is put into the middle.
const TOKENS: [&str; 12] = [
    "null",
    "-1",
    "1e999",
    "99999999999999999999",
    "0.1",
    "\"\\ud800\"",
    "\\u0000",
    "{}",
    "[[[[",
    "\u{202e}é👩‍👩‍👧",
    "</script>",
    "&#x110000;",
];

fn scramble(body: &mut Vec<u8>, random: &mut StdRng) {
    let at = random.random_range(0..=body.len());
    let to = (at + random.random_range(1..=32)).min(body.len());
    match random.random_range(0..6) {
        0 => {
            if let Some(byte) = body.get_mut(at) {
                *byte = BYTES[random.random_range(0..BYTES.len())];
            }
        }
        1 => drop(body.drain(at..to)),
        2 => {
            let copy = body[at..to].to_vec();
            body.splice(at..at, copy);
        }
        3 => body.truncate(at),
        4 => {
            let token = TOKENS[random.random_range(0..TOKENS.len())];
            body.splice(at..to, token.bytes());
        }
        _ => {
            let other = random.random_range(0..=body.len());
            let to = (other + 32).min(body.len());
            let copy = body[other..to].to_vec();
            body.splice(at..at, copy);
        }
    }
}

/// Where the values of a JSON document are, as JSON pointers; the whole first.
pub fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(n, item)| (n.to_string(), item)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field)).collect()
        }
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(step, child)| {
        pointers(child).into_iter().map(move |rest| format!("/{step}{rest}")).collect::<Vec<_>>()
    });
    std::iter::once(String::new()).chain(below).collect()
}

/// Values of every other type and size, to stand where one was.
pub fn others() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e308),
        json!(0.1),
        json!(""),
        json!("\u{0}\u{202e}é👩‍👩‍👧"),
        json!("-99999999999999999999"),
        json!([]),
        json!({}),
        json!([null, [], {}]),
        json!({"": null, "id": {"id": []}}),
    ]
}

/// The document with another value at this place.
pub fn replacing(value: &Value, pointer: &str, other: Value) -> Value {
    let mut spoilt = value.clone();
    if let Some(place) = spoilt.pointer_mut(pointer) {
        *place = other;
    }
    spoilt
}

fn replaced(value: &Value, pointer: &str) -> Vec<Value> {
    others().into_iter().map(|other| replacing(value, pointer, other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_document_is_replaced() {
        let value = json!({"items": [{"id": 1, "a/b": null}], "next": "c"});
        let places = pointers(&value);
        assert_eq!(places, ["", "/items", "/items/0", "/items/0/a~1b", "/items/0/id", "/next"]);
        assert!(places.iter().all(|place| value.pointer(place).is_some()));
        let spoilt = replaced(&value, "/items/0/id");
        assert_eq!(spoilt[0], json!({"items": [{"id": null, "a/b": null}], "next": "c"}));
    }

    #[test]
    fn one_seed_scrambles_one_way_and_another_seed_another() {
        let body = br#"{"items":[{"id":1},{"id":2}],"next":"c"}"#;
        let all = |seed| scrambled(body, seed, 200).collect::<Vec<_>>();
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
        assert!(all(1).iter().filter(|spoilt| spoilt[..] != body[..]).count() > 150);
        assert_eq!(scrambled(b"", 7, 50).count(), 50, "also an empty body can be scrambled");
    }
}
