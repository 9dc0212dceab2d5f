//! Paths that are read together, and what each of them led to.

use serde_json::Value;

use super::super::path::Path;
use super::super::walk::{Seen, Trie, Want};
use super::value::scalar;

/// A set of paths that are read together: in one go where that can be done, the rest from a tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Paths {
    pub(super) trie: Trie,
    /// Where each path's value is: in the trie's slots, or in those of the tree.
    pub(super) all: Vec<(Path, Want, Option<usize>)>,
}

impl Paths {
    pub(super) fn add(&mut self, path: Path, want: Want) -> usize {
        let slot = path.steps().and_then(|steps| self.trie.add(steps, want));
        self.all.push((path, want, slot));
        self.all.len() - 1
    }

    pub(super) fn needs_tree(&self) -> bool {
        self.all.iter().any(|(_, _, slot)| slot.is_none())
    }

    /// The values in the order of the paths.
    pub(super) fn arrange<'a>(&self, mut slots: Vec<Seen<'a>>, tree: Option<&'a Value>) -> Vec<Seen<'a>> {
        let take = |(path, want, slot): &(Path, Want, Option<usize>)| match (slot, tree) {
            (Some(slot), _) => slots.get_mut(*slot).map(std::mem::take).unwrap_or_default(),
            (None, Some(tree)) => selected(path, *want, tree),
            (None, None) => Seen::Nothing,
        };
        self.all.iter().map(take).collect()
    }

    pub(super) fn of_tree<'a>(&self, tree: &'a Value) -> Vec<Seen<'a>> {
        self.all.iter().map(|(path, want, _)| selected(path, *want, tree)).collect()
    }
}

/// What a path selects in a tree, as the walk would have seen it.
fn selected<'a>(path: &Path, want: Want, tree: &'a Value) -> Seen<'a> {
    let found = path.select(tree);
    match want {
        Want::Json | Want::One => {
            let first = found.iter().find(|value| !value.is_null()).or(found.first());
            first.map_or(Seen::Nothing, |value| match (want, value) {
                (_, Value::Null) => Seen::Null,
                (Want::Json, value) => Seen::Json((*value).clone()),
                (_, value) => scalar(value),
            })
        }
        Want::Many if found.is_empty() => Seen::Nothing,
        Want::Many => {
            let each = |value: &&'a Value| match value {
                Value::Array(list) => list.iter().collect::<Vec<_>>(),
                value => vec![*value],
            };
            let scalars = found.iter().flat_map(each).filter_map(|value| match scalar(value) {
                Seen::Scalar(scalar) => Some(scalar),
                _ => None,
            });
            Seen::List(scalars.collect())
        }
    }
}
