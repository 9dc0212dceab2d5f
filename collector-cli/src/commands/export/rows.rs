//! Where exported rows come from.

use collector_core::creator::Creators;
use collector_core::id::{Ids, RecordKey};
use collector_core::sheet::Cell;
use collector_core::store::{Known, known_of};
use collector_sinks::sheet::creators::{Status, cells, columns};
use collector_sinks::sheet::{Column, Format};

use super::super::lists;
use crate::compose::AnyStore;
use crate::failure::Result;

/// Rows that are read and written together.
pub(super) const STEP: usize = 500;

/// A row to write.
pub(super) struct Row {
    /// Whether it is a header, or stands where one would.
    pub(super) head: bool,
    /// Its cells.
    pub(super) cells: Vec<Cell>,
    /// What is known of the creator it names; `None` for rows that are not about anybody.
    pub(super) status: Option<Status>,
}

/// Rows, some at a time.
pub(super) trait Rows {
    /// The format, when these rows want a variant of the one asked for.
    fn format(&self) -> Option<Format> {
        None
    }

    /// The columns: ours, unless these rows bring others.
    fn columns(&self) -> Vec<Column> {
        ours()
    }

    /// Whether the columns' names are a row of their own, in front.
    fn needs_names(&self) -> bool {
        true
    }

    /// The next rows; none at the end.
    fn next(&mut self, store: &AnyStore) -> impl Future<Output = Result<Vec<Row>>>;
}

pub(super) fn ours() -> Vec<Column> {
    columns().into_iter().map(Column::new).collect()
}

pub(super) fn row(status: Status, known: Option<&Known<Creators>>) -> Row {
    Row { head: false, cells: cells(status, known), status: Some(status) }
}

/// Everybody in the store.
#[derive(Default)]
pub(super) struct Everybody {
    after: Option<RecordKey>,
}

impl Rows for Everybody {
    async fn next(&mut self, store: &AnyStore) -> Result<Vec<Row>> {
        let keys = store.keys(self.after, STEP).await?;
        self.after = keys.last().copied().or(self.after);
        Ok(store.known(&keys).await?.iter().map(|known| row(Status::Known, Some(known))).collect())
    }
}

/// Everybody on a list.
pub(super) struct Listed {
    left: std::vec::IntoIter<Ids>,
}

impl Listed {
    pub(super) async fn new(store: &AnyStore, name: &str) -> Result<Self> {
        Ok(Self { left: lists::members(store, name).await?.into_iter() })
    }
}

impl Rows for Listed {
    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![Column::new("asked_for")];
        columns.extend(ours());
        columns
    }

    async fn next(&mut self, store: &AnyStore) -> Result<Vec<Row>> {
        let asked: Vec<Ids> = self.left.by_ref().take(STEP).collect();
        let known = known_of(&**store, &asked).await?;
        let rows = asked.iter().zip(&known).map(|(asked, known)| {
            let status = Status::of(known.as_ref().map(|known| &*known.record.entity), asked);
            let mut row = row(status, known.as_ref());
            let name = asked.weak.first().or(asked.strongest()).map(|id| id.value.to_string());
            row.cells.insert(0, name.map_or(Cell::Empty, Cell::text));
            row
        });
        Ok(rows.collect())
    }
}
