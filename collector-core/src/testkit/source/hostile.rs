//! Bytes no vendor should send.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::case::{Checked, Violation, ensure};
use super::super::server::Answer;
use super::SourceHarness;
use super::cases::root;
use crate::clock::Timestamp;
use crate::source::Source;
use crate::task::{Payload, Task};

/// Places in a good page at which it is cut or spoilt.
const PLACES: usize = 200;

/// Values of a good page that are replaced, one at a time.
const VALUES: usize = 200;

const STATUSES: [u16; 4] = [200, 404, 429, 500];

pub(super) async fn hostile<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    let good = [
        harness.page(&[0, 1, 2], Some(&harness.cursors()[0])),
        harness.page(&[], None),
        harness.page_with_bad_item(&[1]),
    ];
    let refusals = harness.failures().into_iter().map(|(answer, _)| answer);
    let bodies =
        junk().into_iter().chain(good.into_iter().chain(refusals).flat_map(|answer| variants(&answer.body)));
    for body in bodies {
        for status in STATUSES {
            must_survive(&source, &root, status, &body)?;
        }
    }
    Ok(())
}

fn must_survive<I: Send + Sync + 'static>(
    source: &Arc<dyn Source<Item = I>>,
    root: &Task,
    status: u16,
    body: &[u8],
) -> Checked {
    let mut payload = Payload::new(body.to_vec(), Timestamp::from_secs(1_795_359_599));
    payload.status = status;
    for (name, value) in [("retry-after", "-99999999999999999999"), ("content-type", "\u{fffd};=,")] {
        payload.headers.push((name.into(), value.into()));
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| source.parse(std::slice::from_ref(root), &payload)));
    let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
    let said =
        parsed.map_err(|_| Violation::new(format!("`parse` panicked on status {status} with {shown:?}")))?;
    if let Ok(page) = said {
        let outcomes = page.outcomes.len();
        ensure!(outcomes == 1, "one task, {outcomes} outcomes on status {status} with {shown:?}");
    }
    Ok(())
}

/// Bytes that have nothing to do with the format.
fn junk() -> Vec<Vec<u8>> {
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

/// A body, spoilt in every way: cut, a byte replaced, a value replaced.
fn variants(body: &[u8]) -> Vec<Vec<u8>> {
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

/// Where the values of a JSON document are.
fn pointers(value: &Value) -> Vec<String> {
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

fn replaced(value: &Value, pointer: &str) -> Vec<Value> {
    let others = [
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
    ];
    let put = |other: Value| {
        let mut spoilt = value.clone();
        if let Some(place) = spoilt.pointer_mut(pointer) {
            *place = other;
        }
        spoilt
    };
    others.into_iter().map(put).collect()
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
}
