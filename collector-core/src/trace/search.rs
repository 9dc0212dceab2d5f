//! Tries the values of an answer one by one, whole objects first.

use std::collections::{BTreeMap, BTreeSet};

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
        self.look_at(&[]);
        let fields: Vec<String> = self.found.keys().cloned().collect();
        for field in fields.iter().filter(|field| !is_special(field)) {
            self.look_behind(field);
        }
        self.into_trace(cut)
    }

    /// Notes what the value at a path is read for; of an object or list, what each value in it is.
    fn look_at(&mut self, path: &[Step]) {
        let answer = self.answer;
        let Some(value) = edit::at(answer, path) else { return };
        if edit::count(value).0 == 0 {
            return;
        }
        let depends = self.depends(answer, path, &self.before.clone());
        let children = edit::children(value, path);
        if depends.is_empty() {
            self.unused.push(path.to_vec());
        } else if children.is_empty() {
            for field in depends {
                self.found.entry(field).or_default().push(path.to_vec());
            }
        } else {
            children.iter().for_each(|child| self.look_at(child));
        }
    }

    /// Looks for values that a field is read from when those it comes from now are missing.
    fn look_behind(&mut self, field: &str) {
        let paths = self.found.get(field).cloned().unwrap_or_default();
        let without = paths.iter().fold(self.answer.clone(), |answer, path| edit::without(&answer, path));
        let Some(before) = self.spend(&without).and_then(Result::ok) else { return };
        // A value that items stand or fall with has nothing behind it.
        if !before.is_shaped_like(&self.before) {
            return;
        }
        for path in self.unused.clone() {
            self.look_into(&without, &path, &before, field);
        }
    }

    fn look_into(&mut self, answer: &Value, path: &[Step], before: &Reading, field: &str) {
        let Some(value) = edit::at(answer, path) else { return };
        if edit::count(value).0 == 0 || !self.depends(answer, path, before).contains(field) {
            return;
        }
        let children = edit::children(value, path);
        if children.is_empty() {
            self.instead.entry(field.to_owned()).or_default().push(path.to_vec());
        }
        for child in children {
            self.look_into(answer, &child, before, field);
        }
    }

    /// What depends on the value at a path: found by changing it, else by leaving it out. Changes that move fields
    /// tell more than those that move whole items.
    fn depends(&mut self, answer: &Value, path: &[Step], before: &Reading) -> BTreeSet<String> {
        let changed = (0..WAYS).filter_map(|way| edit::changed(answer, path, way));
        let tries: Vec<Value> = changed.chain([edit::without(answer, path)]).collect();
        let mut depends = BTreeSet::new();
        for answer in &tries {
            let Some(read) = self.spend(answer) else { return depends };
            let differing = match read {
                Ok(reading) => reading.differences(before),
                Err(_) => BTreeSet::from([special::ANSWER.to_owned()]),
            };
            if differing.iter().any(|name| !is_special(name)) {
                return differing;
            }
            if depends.is_empty() {
                depends = differing;
            }
        }
        depends
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
        let used = |path: &String| fields.iter().any(|field| field.from.contains(path));
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

fn is_special(name: &str) -> bool {
    name.starts_with('(')
}
