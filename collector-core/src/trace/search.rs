//! Tries the values of an answer one by one, whole objects first.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use serde_json::Value;

use super::edit::{self, Path, Step};
use super::reading::Reading;
use super::{Trace, Traced, Unused, special};
use crate::error::Result;

/// Ways a single value can be changed: see [`edit::changed`].
const WAYS: usize = 2;

/// The work of one trace.
pub(super) struct Search<'a> {
    read: &'a dyn Fn(&Value) -> Result<Reading>,
    answer: &'a Value,
    before: Reading,
    /// Readings that may still be made.
    left: usize,
    /// By field, the values it depends on.
    found: BTreeMap<String, Vec<Path>>,
    unused: Vec<Path>,
    /// By field, the values that count only when those are missing.
    instead: BTreeMap<String, Vec<Path>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        read: &'a dyn Fn(&Value) -> Result<Reading>,
        answer: &'a Value,
        before: Reading,
        left: usize,
    ) -> Self {
        let (found, instead) = (BTreeMap::new(), BTreeMap::new());
        Self { read, answer, before, left, found, unused: Vec::new(), instead }
    }

    pub(super) fn run(mut self, cut: bool) -> Trace {
        self.look_at(Path::new());
        let fields: Vec<String> = self.found.keys().cloned().collect();
        for field in fields.iter().filter(|field| !is_special(field)) {
            self.look_behind(field);
        }
        self.into_trace(cut)
    }

    /// Notes what the value at a path is read for; of an object or list, what each value in it is.
    fn look_at(&mut self, path: Path) {
        let value = edit::at(self.answer, &path).unwrap_or(&Value::Null);
        let children = edit::children(value, &path);
        let depends = self.depends(slice::from_ref(&path));
        if depends.is_empty() {
            self.unused.push(path);
        } else if children.is_empty() {
            for field in depends {
                self.found.entry(field).or_default().push(path.clone());
            }
        } else {
            let news: Vec<Path> = children.into_iter().filter(|child| self.is_news(child)).collect();
            self.look_at_halves(&news);
        }
    }

    /// Looks at many values; those that nothing depends on are told together, with few readings.
    fn look_at_halves(&mut self, paths: &[Path]) {
        let (first, second) = paths.split_at(paths.len() / 2);
        for half in [first, second] {
            match half {
                [] => {}
                [one] => self.look_at(one.clone()),
                many if self.depends(many).is_empty() => self.unused.extend_from_slice(many),
                many => self.look_at_halves(many),
            }
        }
    }

    /// Whether there is anything at a path, and another row has not told what it is read for.
    fn is_news(&self, path: &[Step]) -> bool {
        let holds = edit::at(self.answer, path).is_some_and(|value| edit::count(value).0 > 0);
        let shown = edit::shown(path);
        holds && !self.found.values().flatten().any(|known| edit::shown(known) == shown)
    }

    /// Looks for values that a field is read from when those it comes from now are missing.
    fn look_behind(&mut self, field: &str) {
        let paths = self.found.get(field).cloned().unwrap_or_default();
        let without = edit::without(self.answer, &paths);
        let Some(before) = self.spend(&without).and_then(Result::ok) else { return };
        // A value that items stand or fall with has nothing behind it.
        if before.is_shaped_like(&self.before) {
            let unused = self.unused.clone();
            self.look_into(&without, &unused, &before, field);
        }
    }

    fn look_into(&mut self, answer: &Value, paths: &[Path], before: &Reading, field: &str) {
        if paths.is_empty() || !self.moves(answer, paths, before, field) {
            return;
        }
        let [path] = paths else {
            let (first, second) = paths.split_at(paths.len() / 2);
            self.look_into(answer, first, before, field);
            self.look_into(answer, second, before, field);
            return;
        };
        let value = edit::at(answer, path).unwrap_or(&Value::Null);
        let children = edit::children(value, path);
        if children.is_empty() {
            self.instead.entry(field.to_owned()).or_default().push(path.clone());
        } else {
            self.look_into(answer, &children, before, field);
        }
    }

    /// What depends on the values at these paths: found by changing them, else by leaving them out. Changes that
    /// move fields tell more than those that move whole items.
    fn depends(&mut self, paths: &[Path]) -> BTreeSet<String> {
        let mut depends = BTreeSet::new();
        for answer in tries(self.answer, paths) {
            let Some(read) = self.spend(&answer) else { return depends };
            let differing = differences(&read, &self.before);
            if differing.iter().any(|name| !is_special(name)) {
                return differing;
            }
            if depends.is_empty() {
                depends = differing;
            }
        }
        depends
    }

    /// Whether a field depends on the values at these paths, in an answer that was read as `before`.
    fn moves(&mut self, answer: &Value, paths: &[Path], before: &Reading, field: &str) -> bool {
        tries(answer, paths)
            .any(|answer| self.spend(&answer).is_some_and(|read| differences(&read, before).contains(field)))
    }

    /// Reads an answer, if that may still be done.
    fn spend(&mut self, answer: &Value) -> Option<Result<Reading>> {
        self.left = self.left.checked_sub(1)?;
        Some((self.read)(answer))
    }

    fn into_trace(self, cut: bool) -> Trace {
        let fields = self.fields();
        let mut unused = self.unused();
        // The value may be used in one row and not in another.
        let used = |path: &String| {
            fields.iter().any(|field| field.from.contains(path) || field.else_from.contains(path))
        };
        unused.retain(|unused| !used(&unused.path));
        Trace { fields, unused, empty: edit::count(self.answer).1, cut, complete: self.left > 0 }
    }

    fn fields(&self) -> Vec<Traced> {
        let traced = |(name, paths): (&String, &Vec<Path>)| {
            let from = shown(paths);
            let mut else_from = self.instead.get(name).map(|paths| shown(paths)).unwrap_or_default();
            else_from.retain(|path| !from.contains(path));
            Traced { field: name.clone(), value: self.before.example(name), from, else_from }
        };
        let mut fields: Vec<Traced> = self.found.iter().map(traced).collect();
        // What is no field comes last; its bracket would sort it first.
        fields.sort_by_key(|field| is_special(&field.field));
        fields
    }

    fn unused(&self) -> Vec<Unused> {
        let mut unused: Vec<Unused> = Vec::new();
        let used = |path: &&Path| self.instead.values().flatten().any(|used| used.starts_with(path));
        for path in self.unused.iter().filter(|path| !used(path)) {
            let (shown, value) = (edit::shown(path), edit::at(self.answer, path).unwrap_or(&Value::Null));
            // The same place in several rows is one finding.
            if unused.iter().all(|known| known.path != shown) {
                let single = if value.is_object() || value.is_array() { Value::Null } else { value.clone() };
                unused.push(Unused { path: shown, values: edit::count(value).0, value: single });
            }
        }
        unused
    }
}

/// Paths as people write them, each once.
fn shown(paths: &[Path]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for path in paths.iter().map(|path| edit::shown(path)) {
        if !shown.contains(&path) {
            shown.push(path);
        }
    }
    shown
}

/// The answer with the values at these paths other than they are, in every way there is.
fn tries<'t>(answer: &'t Value, paths: &'t [Path]) -> impl Iterator<Item = Value> + 't {
    let changed = (0..WAYS).filter_map(move |way| edit::changed(answer, paths, way));
    changed.chain(std::iter::once_with(move || edit::without(answer, paths)))
}

fn differences(read: &Result<Reading>, before: &Reading) -> BTreeSet<String> {
    match read {
        Ok(reading) => reading.differences(before),
        Err(_) => BTreeSet::from([special::ANSWER.to_owned()]),
    }
}

fn is_special(name: &str) -> bool {
    name.starts_with('(')
}
