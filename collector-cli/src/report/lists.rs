//! What `collector lists` prints.

use collector_core::clock::Timestamp;
use collector_core::store::ListInfo;
use serde::Serialize;

use super::{Rows, aligned, count, number, plain, when};

/// The lists of a store.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ListsReport {
    /// The lists, by name.
    pub lists: Vec<ListEntry>,
}

/// A list.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ListEntry {
    /// Its name.
    pub name: String,
    /// How many are on it.
    pub members: u64,
    /// How many of them are in the store.
    pub collected: u64,
    /// When it was last written.
    pub changed: Timestamp,
}

/// What `collector lists remove` prints.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ListRemoved {
    /// The list that is gone.
    pub name: String,
    /// How many were on it.
    pub members: u64,
}

impl ListEntry {
    pub(crate) fn new(list: ListInfo, collected: u64) -> Self {
        Self { name: list.name, members: list.members, collected, changed: list.changed }
    }
}

impl ListsReport {
    /// What people read.
    pub fn text(&self) -> String {
        if self.lists.is_empty() {
            return "There is no list yet: `collector import FILE --list NAME` makes one.".to_owned();
        }
        // The name comes last: its characters may be wide.
        let mut rows: Rows = vec![["members", "collected", "changed", "list"].map(str::to_owned).to_vec()];
        rows.extend(self.lists.iter().map(|list| {
            vec![number(list.members), number(list.collected), when(list.changed), plain(&list.name)]
        }));
        aligned(0, &rows)
    }
}

impl ListRemoved {
    /// What people read.
    pub fn text(&self) -> String {
        let members = count(self.members, "creator", "creators");
        format!("The list {} is gone; the {members} on it stay in the store.", plain(&self.name))
    }
}
