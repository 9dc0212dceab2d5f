//! Takes what is wanted out of an answer: values beside the items, and the items as sightings.

mod field;
mod item;
mod paths;
mod value;

use std::marker::PhantomData;

use collector_core::fingerprint::{self, Volatile};
use collector_core::id::Digest;
use serde::Deserializer;
use serde_json::Value;

pub(super) use self::field::Field;
pub(super) use self::item::{ItemReader, Row, Rows};
use self::paths::Paths;
use super::path::{Path, Step};
use super::walk::{Items, NoItems, Scalar, Seen, Want};

/// How items are found.
#[derive(Debug, Clone)]
enum Way {
    /// There are none.
    None,
    /// Each where the walk passes.
    Marked,
    /// The one item's values are read beside the others; from this path on.
    Joined(usize),
    /// From the tree.
    Tree,
}

/// Reads answers of one kind.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    paths: Paths,
    items: Option<(Path, ItemReader)>,
    way: Way,
    /// Whether the place where items are is there at all.
    presence: Option<usize>,
}

/// What an answer says.
#[derive(Debug)]
pub(super) struct Document {
    /// The fingerprint of the whole answer.
    pub(super) print: Digest,
    pub(super) seen: Vec<Seen<'static>>,
    pub(super) rows: Rows,
    /// Whether items could have been there: `None` when their place is missing.
    pub(super) items: Option<bool>,
}

/// Collects the paths beside the items.
#[derive(Debug, Default)]
pub(super) struct ReaderBuilder(Paths);

impl ReaderBuilder {
    /// Adds a path; its value will be at this place.
    pub(super) fn add(&mut self, path: &Path) -> usize {
        self.0.add(path.clone(), Want::One)
    }

    /// The reader, which finds items at the end of a path.
    pub(super) fn build(mut self, items: Option<(Path, ItemReader)>) -> Reader {
        let Some((path, item)) = items else {
            return Reader { paths: self.0, items: None, way: Way::None, presence: None };
        };
        let own = self.0.all.len();
        let Some(steps) = path.steps().map(<[Step]>::to_vec) else {
            return Reader { paths: self.0, items: Some((path, item)), way: Way::Tree, presence: None };
        };
        let each = steps.iter().position(|step| *step == Step::Each);
        let before = steps.get(..each.unwrap_or(steps.len())).unwrap_or_default();
        let place = Path::parse(&written(before)).ok();
        let presence = place.map(|path| self.0.add(path, Want::One));
        let way = if each.is_some() {
            let joined = self.0.trie.mark_items(&steps);
            if joined && !self.0.needs_tree() { Way::Marked } else { Way::Tree }
        } else {
            let start = self.0.all.len();
            let mut with = self.0.clone();
            for (inner, want, _) in &item.paths.all {
                let whole = format!("{}{}", path, inner.to_string().trim_start_matches('$'));
                if let Ok(whole) = Path::parse(&whole) {
                    with.add(whole, *want);
                }
            }
            if with.needs_tree() || with.all.len() != start + item.paths.all.len() {
                Way::Tree
            } else {
                self.0 = with;
                Way::Joined(start)
            }
        };
        debug_assert!(self.0.all.len() >= own);
        Reader { paths: self.0, items: Some((path, item)), way, presence }
    }
}

/// Plain steps as a path.
fn written(steps: &[Step]) -> String {
    let mut text = "$".to_owned();
    for step in steps {
        match step {
            Step::Member(name) => text.push_str(&format!("['{name}']")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Each => text.push_str("[*]"),
        }
    }
    text
}

/// Hands items to their reader.
struct Sink<'r> {
    reader: &'r ItemReader,
    path: &'r Path,
    rows: &'r mut Rows,
}

impl<'de> Items<'de> for Sink<'_> {
    fn item<D: Deserializer<'de>>(&mut self, item: D) -> Result<(), D::Error> {
        self.reader.read(item, self.rows, self.path)
    }
}

impl Reader {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is no JSON, or nested too deep.
    pub(super) fn read(&self, body: &[u8], volatile: &Volatile) -> Result<Document, serde_json::Error> {
        let mut rows = Rows::default();
        let (seen, print): (Vec<Seen<'static>>, Digest) = match (&self.way, &self.items) {
            (Way::Tree, _) | (Way::None, _) if self.paths.needs_tree() || matches!(self.way, Way::Tree) => {
                let (tree, print) = fingerprint::read_seed(body, volatile, PhantomData::<Value>)?;
                if let Some((path, item)) = &self.items {
                    let one = path.steps().is_some_and(|steps| !steps.contains(&Step::Each));
                    // One that is `null` is nobody; in a list it is an element that cannot be used.
                    let found = path.select(&tree).into_iter().filter(|found| !(one && found.is_null()));
                    found.for_each(|found| item.read_tree(found, &mut rows, path));
                }
                (own(self.paths.of_tree(&tree)), print)
            }
            (Way::Marked, Some((path, reader))) => {
                let (seen, print) = self.walk(body, volatile, &mut Sink { reader, path, rows: &mut rows })?;
                (own(seen), print)
            }
            (Way::Joined(start), Some((path, reader))) => {
                let (mut seen, print) = self.walk(body, volatile, &mut NoItems)?;
                let item = seen.split_off(*start);
                match self.presence.and_then(|at| seen.get(at)) {
                    Some(Seen::Odd("an object")) => reader.take(item, &mut rows, path),
                    Some(Seen::Null | Seen::Nothing) | None => {}
                    Some(_) => {
                        rows.count = 1;
                        rows.refuse(
                            path,
                            0,
                            "",
                            "it is no object; of a list, write `[*]` at the path's end".to_owned(),
                        );
                    }
                }
                (own(seen), print)
            }
            _ => {
                let (seen, print) = self.walk(body, volatile, &mut NoItems)?;
                (own(seen), print)
            }
        };
        let list =
            self.items.as_ref().and_then(|(path, _)| path.steps()).is_some_and(|s| s.contains(&Step::Each));
        let items = match (&self.way, self.presence.and_then(|at| seen.get(at))) {
            (_, Some(Seen::Nothing)) => None,
            // A text without a letter is a list without an item, as a `null` is; any other value is no list.
            (_, Some(Seen::Scalar(Scalar::Text(text)))) if list && text.is_empty() => Some(true),
            (_, Some(Seen::Scalar(_))) if list => None,
            (Way::Joined(_), Some(Seen::Null)) => Some(false),
            _ => Some(true),
        };
        Ok(Document { print, seen, rows, items })
    }

    /// What stands beside the items, which go to `items`; without a tree.
    fn walk<'b>(
        &self,
        body: &'b [u8],
        volatile: &Volatile,
        items: &mut impl Items<'b>,
    ) -> Result<(Vec<Seen<'b>>, Digest), serde_json::Error> {
        let mut slots = self.paths.trie.slots();
        let ((), print) = fingerprint::read_seed(body, volatile, self.paths.trie.seed(&mut slots, items))?;
        Ok((self.paths.arrange(slots, None), print))
    }

    /// The paths of items and of their fields, for those who look for paths that match nothing.
    pub(super) fn items(&self) -> Option<&(Path, ItemReader)> {
        self.items.as_ref()
    }
}

/// Values that outlive the answer's bytes: there are few beside the items.
fn own(seen: Vec<Seen<'_>>) -> Vec<Seen<'static>> {
    seen.into_iter().map(Seen::into_owned).collect()
}
