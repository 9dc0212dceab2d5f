//! The part of the page about one source: where each kind of call has each field.

use std::collections::{BTreeMap, BTreeSet};

use collector_core::creator::Field;
use collector_core::trace::{Trace, trace};

use super::page::{Failure, code, row};
use super::samples::{AnySource, Sample};

/// The paths of one field in one kind of call.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Places {
    from: BTreeSet<String>,
    else_from: BTreeSet<String>,
}

/// What one kind of call is read for.
#[derive(Debug, Default)]
struct Kind {
    below: String,
    fields: BTreeMap<String, Places>,
}

/// The part of the page about one source, whose answers are in this file.
///
/// # Errors
/// When there is no answer of some kind of call, or one that cannot be read or says nothing.
pub(crate) fn mapping(
    heading: &str,
    file: &str,
    source: &AnySource,
    samples: &[Sample],
) -> Result<String, Failure> {
    for kind in source.kinds() {
        if samples.iter().all(|sample| *sample.kind != *kind) {
            let place = format!("tests/fixtures/model/{file}.jsonl");
            return Err(format!("{heading}: {place} has no answer of the kind `{kind}`: add one").into());
        }
    }
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for sample in samples {
        let task = sample.task(source);
        let found = trace(&*sample.reader(source), std::slice::from_ref(&task), &sample.payload());
        let trace = found.map_err(|error| format!("{heading}: {task}: {error}"))?;
        if !trace.complete || trace.fields.iter().all(|traced| !is_modelled(&traced.field)) {
            return Err(
                format!("{heading}: the answer to {task} is too large to trace, or holds nothing").into()
            );
        }
        let mut name = sample.kind.clone();
        if let Some(script) = &sample.script {
            name = format!("{name} in `{script}`");
        }
        add(&trace, &sample.subject, kinds.entry(name).or_default());
    }
    kinds.values_mut().for_each(tidy);
    let mut text = format!("\n### {heading}\n\n| kind | below |\n| --- | --- |\n");
    for (name, kind) in &kinds {
        let below = if kind.below.is_empty() { String::new() } else { code(&kind.below) };
        row(&mut text, &[name, &below]);
    }
    // By field, and the kinds that read it from the same places.
    let mut fields: BTreeMap<(usize, &str), BTreeMap<&Places, Vec<&str>>> = BTreeMap::new();
    for (name, kind) in &kinds {
        for (field, places) in &kind.fields {
            fields.entry((order(field), field)).or_default().entry(places).or_default().push(name);
        }
    }
    text.push_str("\n| field | from | else | in |\n| --- | --- | --- | --- |\n");
    for ((_, field), places) in fields {
        for (at, (places, kinds)) in places.into_iter().enumerate() {
            let name = if at == 0 { code(field) } else { String::new() };
            row(&mut text, &[&name, &paths(&places.from), &paths(&places.else_from), &kinds.join(", ")]);
        }
    }
    Ok(text)
}

/// Adds what a trace found about fields of the model.
fn add(trace: &Trace, subject: &str, kind: &mut Kind) {
    for traced in trace.fields.iter().filter(|traced| is_modelled(&traced.field)) {
        // A list of texts is one field.
        let places = kind.fields.entry(traced.field.trim_end_matches("[]").to_owned()).or_default();
        places.from.extend(traced.from.iter().map(|path| without(subject, path)));
        places.else_from.extend(traced.else_from.iter().map(|path| without(subject, path)));
    }
}

/// A path in which what was asked for is no key: another answer has another one there.
fn without(subject: &str, path: &str) -> String {
    let path = format!(".{path}.").replace(&format!(".{subject}."), ".{subject}.");
    path.trim_matches('.').to_owned()
}

/// Whether it is a field of a sighting that says something about somebody.
fn is_modelled(field: &str) -> bool {
    !field.starts_with('(') && !matches!(field, "as_of" | "aspect")
}

/// Fields in the order of the table, then posts, days and the rest.
fn order(field: &str) -> usize {
    let name = field.split(['.', '[']).next().unwrap_or_default();
    Field::ALL.iter().position(|known| known.name() == name).unwrap_or(Field::ALL.len())
}

/// Puts several answers of a kind together, and takes what all its paths begin with away from them.
fn tidy(kind: &mut Kind) {
    for Places { from, else_from } in kind.fields.values_mut() {
        // Read first only where something else was missing.
        from.retain(|path| !else_from.contains(path));
    }
    let all: Vec<&String> =
        kind.fields.values().flat_map(|places| places.from.iter().chain(&places.else_from)).collect();
    let mut below: Option<Vec<&str>> = None;
    for path in all {
        let steps: Vec<&str> = path.split('.').collect();
        let parents = steps.get(..steps.len() - 1).unwrap_or_default();
        let shared = match &below {
            None => parents.len(),
            Some(below) => below.iter().zip(parents).take_while(|(a, b)| a == b).count(),
        };
        below = Some(parents.iter().take(shared).copied().collect());
    }
    kind.below = below.unwrap_or_default().join(".");
    let length = if kind.below.is_empty() { 0 } else { kind.below.len() + 1 };
    let short = |paths: &BTreeSet<String>| {
        paths.iter().map(|path| path.get(length..).unwrap_or_default().to_owned()).collect()
    };
    for places in kind.fields.values_mut() {
        *places = Places { from: short(&places.from), else_from: short(&places.else_from) };
    }
}

fn paths(paths: &BTreeSet<String>) -> String {
    paths.iter().map(|path| code(path)).collect::<Vec<_>>().join(", ")
}
