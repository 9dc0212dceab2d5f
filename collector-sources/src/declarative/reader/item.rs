//! Items: each as a sighting, or as what is wrong with it.

use std::borrow::Cow;

use collector_core::creator::{CreatorSighting, Field as Place};
use collector_core::task::Malformed;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::path::Path;
use super::super::walk::{NoItems, Seen, Want};
use super::field::Field;
use super::paths::Paths;
use crate::values::{Target, bio};

/// Malformed parts of one answer that are told one by one.
const MOST_MALFORMED: usize = 100;

/// Reads items.
#[derive(Debug, Clone)]
pub(in super::super) struct ItemReader {
    pub(super) paths: Paths,
    pub(in super::super) fields: Vec<Field>,
    matched: Option<usize>,
    aspect: Cow<'static, str>,
    keep_email: bool,
}

/// An item that was understood.
#[derive(Debug)]
pub(in super::super) struct Row {
    pub(in super::super) item: CreatorSighting,
    /// The subject it answers, in a batch.
    pub(in super::super) matched: Option<String>,
}

/// What an answer's items were.
#[derive(Debug, Default)]
pub(in super::super) struct Rows {
    pub(in super::super) rows: Vec<Row>,
    /// Elements, the unusable ones included.
    pub(in super::super) count: usize,
    pub(in super::super) malformed: Vec<Malformed>,
}

impl ItemReader {
    pub(in super::super) fn new(
        aspect: Cow<'static, str>,
        fields: Vec<Field>,
        matched: Option<Path>,
        keep_email: bool,
    ) -> Self {
        let mut paths = Paths::default();
        for field in &fields {
            paths.add(field.path.clone(), field.want());
        }
        let matched = matched.map(|path| paths.add(path, Want::One));
        Self { paths, fields, matched, aspect, keep_email }
    }

    /// Reads one item.
    pub(super) fn read<'de, D: Deserializer<'de>>(
        &self,
        item: D,
        rows: &mut Rows,
        at: &Path,
    ) -> Result<(), D::Error> {
        if self.paths.needs_tree() {
            let tree = Value::deserialize(item)?;
            self.read_tree(&tree, rows, at);
        } else {
            let mut slots = self.paths.trie.slots();
            self.paths.trie.read(item, &mut slots, &mut NoItems)?;
            self.take(self.paths.arrange(slots, None), rows, at);
        }
        Ok(())
    }

    pub(super) fn read_tree(&self, tree: &Value, rows: &mut Rows, at: &Path) {
        self.take(self.paths.of_tree(tree), rows, at);
    }

    /// Makes a row of what was seen.
    pub(super) fn take(&self, mut seen: Vec<Seen<'_>>, rows: &mut Rows, at: &Path) {
        let place = rows.count;
        rows.count += 1;
        let matched = self.matched.and_then(|slot| seen.get(slot)?.scalar()?.text().map(Cow::into_owned));
        let mut item = CreatorSighting { aspect: self.aspect.clone(), ..CreatorSighting::default() };
        let before = rows.malformed.len();
        for (field, seen) in self.fields.iter().zip(&mut seen) {
            let there = seen.is_there();
            let reason = match field.set(std::mem::take(seen), &mut item) {
                Ok(true) => continue,
                Ok(false) if !field.required => continue,
                Ok(false) if there => format!("`{}` has nothing, and is required", field.path),
                Ok(false) => format!("`{}` matches nothing, and is required", field.path),
                Err(reason) => reason,
            };
            if field.required || identifies(&field.target) {
                rows.malformed.truncate(before);
                return rows.refuse(at, place, &field.key, reason);
            }
            rows.refuse(at, place, &field.key, reason);
        }
        if item.uid.is_none() && item.sec_uid.is_none() && item.handle.is_none() && !self.is_about_subject() {
            rows.malformed.truncate(before);
            return rows.refuse(
                at,
                place,
                "",
                "it has no identity: no `uid`, `sec_uid` or `handle`".to_owned(),
            );
        }
        self.keep_private(&mut item);
        rows.rows.push(Row { item, matched });
    }

    /// Whether the answer says nothing of who it is about: then it is whoever was asked for.
    fn is_about_subject(&self) -> bool {
        !self.fields.iter().any(|field| identifies(&field.target))
    }

    /// Takes e-mail addresses out, unless they are to be kept.
    fn keep_private(&self, item: &mut CreatorSighting) {
        if let Some(email) = item.email.take() {
            item.has_email = Some(true);
            item.email = self.keep_email.then_some(email);
        }
        for (is_bio, text) in [(false, &mut item.name), (true, &mut item.bio)] {
            let Some(written) = text.as_deref().filter(|text| text.contains(['@', '＠'])) else { continue };
            let masked = bio::mask(written, self.keep_email);
            if !masked.has_email {
                continue;
            }
            if is_bio {
                item.has_email = Some(true);
                if item.email.is_none() {
                    item.email = masked.email.map(Into::into);
                }
            }
            *text = Some(masked.text.into());
        }
    }
}

fn identifies(target: &Target) -> bool {
    matches!(target, Target::Field(Place::Uid | Place::SecUid | Place::Handle))
}

impl Rows {
    pub(super) fn refuse(&mut self, at: &Path, place: usize, key: &str, reason: String) {
        if self.malformed.len() < MOST_MALFORMED {
            let part = if key.is_empty() { at.at(place) } else { format!("{} ({key})", at.at(place)) };
            self.malformed.push(Malformed { part, reason });
        }
    }
}
