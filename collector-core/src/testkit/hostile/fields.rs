//! Values that are not what they were: null, renamed, of another type, random.

use std::mem::discriminant;

use serde_json::Value;

use super::super::case::{Checked, Violation, ensure};
use super::super::mutate::{junk, others, pointers, replacing, scrambled, survive};
use super::HostileHarness;
use super::stage::{Stage, Step, Verdict, describe, verdict};
use crate::task::Page;

/// Values of one answer that are spoilt, one at a time.
const MOST_PLACES: usize = 400;

/// Bodies made at random of each answer; the suite's own tests play it hundreds of times.
const SCRAMBLED: usize = if cfg!(test) { 400 } else { 2_000 };

/// The row that is spoilt: not the first and not the last, if there are others.
const SPOILT_ROW: usize = 1;

pub(super) async fn null_fields<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    spoil_each(harness, &[Spoilt::Null]).await
}

pub(super) async fn renamed_fields<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    spoil_each(harness, &[Spoilt::Renamed]).await
}

pub(super) async fn retyped_fields<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let retyped: Vec<_> =
        others().into_iter().filter(|value| !value.is_null()).map(Spoilt::Retyped).collect();
    spoil_each(harness, &retyped).await
}

#[derive(Debug, Clone)]
enum Spoilt {
    Null,
    Renamed,
    Retyped(Value),
}

impl Spoilt {
    /// The document with the value at `pointer` spoilt; `None` when it has no name, or is that already.
    fn put(&self, document: &Value, pointer: &str) -> Option<Value> {
        match self {
            Self::Null if document.pointer(pointer)?.is_null() => None,
            Self::Null => Some(replacing(document, pointer, Value::Null)),
            // Another value of the same type may say something: that an account was deleted.
            Self::Retyped(other) if discriminant(document.pointer(pointer)?) == discriminant(other) => None,
            Self::Retyped(other) => Some(replacing(document, pointer, other.clone())),
            Self::Renamed => {
                let (parent, name) = pointer.rsplit_once('/')?;
                let mut spoilt = document.clone();
                let object = spoilt.pointer_mut(parent)?.as_object_mut()?;
                let value = object.remove(&name.replace("~1", "/").replace("~0", "~"))?;
                object.insert(format!("{name}_renamed"), value);
                Some(spoilt)
            }
        }
    }
}

async fn spoil_each<H: HostileHarness + ?Sized>(harness: &H, ways: &[Spoilt]) -> Checked {
    let stage = Stage::set(harness).await?;
    let mut documents = 0;
    for step in &stage.steps {
        let Some(document) = stage.document(step)? else { continue };
        documents += 1;
        let rows = harness.rows().filter(|pointer| document.pointer(pointer).is_some_and(Value::is_array));
        let all = pointers(&document);
        let places = all.iter().filter(|place| is_spoilt(place, rows)).take(MOST_PLACES);
        for place in places {
            for way in ways {
                let Some(spoilt) = way.put(&document, place) else { continue };
                let what = format!("{way:?} at `{place}`");
                let payload = stage.payload_with(step, &spoilt)?;
                let said = stage.parse(step, &payload, &what)?;
                if let Ok(page) = &said {
                    judge(&stage, step, rows, place, way, page).map_err(|violation| {
                        Violation::new(format!("{what}: {violation}; it was read as {}", describe(&said)))
                    })?;
                } else if let Some(rows) = rows.filter(|rows| within_a_row(place, rows)) {
                    return Err(Violation::new(format!(
                        "{what}: one row at {rows} lost the whole page: {}",
                        describe(&said)
                    )));
                }
            }
        }
    }
    ensure!(documents > 0, "no answer of the recording is a document: implement `document`");
    Ok(())
}

/// Of rows only one is spoilt: the others are like it.
fn is_spoilt(place: &str, rows: Option<&str>) -> bool {
    match rows.and_then(|rows| place.strip_prefix(rows)?.strip_prefix('/')) {
        Some(below) => below.split('/').next() == Some(&SPOILT_ROW.to_string()),
        None => true,
    }
}

fn within_a_row(place: &str, rows: &str) -> bool {
    place.strip_prefix(rows).is_some_and(|below| below.starts_with('/'))
}

/// Whether a page with one spoilt value says what is left of it, and that something is lost.
fn judge<H: HostileHarness + ?Sized>(
    stage: &Stage<'_, H>,
    step: &Step,
    rows: Option<&str>,
    place: &str,
    way: &Spoilt,
    page: &Page<H::Item>,
) -> Checked {
    let keys = stage.keys(page);
    let lost: Vec<_> = step.keys.difference(&keys).collect();
    // A value about one person, or one beside the rows, may decide about all.
    let in_row = rows.is_some_and(|rows| within_a_row(place, rows));
    if in_row {
        ensure!(lost.len() <= 1, "one row cost {lost:?}");
    }
    // A null may be the vendor's way to say that there is nothing.
    if !in_row && matches!(way, Spoilt::Null) {
        return Ok(());
    }
    let failed = page.outcomes.iter().any(|outcome| matches!(outcome, crate::task::Outcome::Failed(_)));
    let told = failed || !page.malformed.is_empty();
    let emptied = keys.is_empty() && !step.keys.is_empty();
    ensure!(!emptied || told || is_other_emptiness(way), "everybody was lost without a word");
    if in_row && !matches!(way, Spoilt::Null) {
        // Whoever got another name is somebody else; whoever is gone must be told of.
        let gone = keys.len() < step.keys.len();
        ensure!(!gone || told, "{lost:?} was lost without a word");
    }
    Ok(())
}

/// Values that stand for nothing, as a null does.
fn is_other_emptiness(way: &Spoilt) -> bool {
    match way {
        Spoilt::Retyped(Value::Array(items)) => items.is_empty(),
        Spoilt::Retyped(Value::Object(fields)) => fields.is_empty(),
        Spoilt::Retyped(Value::String(text)) => text.is_empty(),
        _ => false,
    }
}

pub(super) async fn scrambled_bytes<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    for (seed, step) in (0..).zip(&stage.steps) {
        let answer = stage.recorded(step)?;
        let spoilt = scrambled(&answer.body, seed, SCRAMBLED);
        for body in junk().into_iter().chain(spoilt) {
            survive(&*stage.source, &step.tasks, answer.status, &body)?;
        }
    }
    Ok(())
}

/// Shared with the cases of transfers: a document that ends too early is no answer.
pub(super) fn is_no_answer<I>(said: &crate::error::Result<Page<I>>) -> bool {
    matches!(verdict(said), Verdict::Failed(_))
}
