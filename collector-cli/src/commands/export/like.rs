//! The rows of somebody's sheet, in its order and with its columns; ours to the right.

use std::collections::HashSet;
use std::path::Path;

use collector_core::id::Ids;
use collector_core::sheet::Cell;
use collector_core::store::known_of;
use collector_sinks::sheet::creators::{Status, cells, columns};
use collector_sinks::sheet::{Column, Format};
use collector_sources::sheet::{Form, Imported, Sheet, Verdict, import};

use super::super::files;
use super::rows::{Row, Rows, STEP};
use crate::args::SheetChoice;
use crate::compose::AnyStore;
use crate::failure::Result;

/// What is added to a name of ours that the sheet has already.
const SUFFIX: &str = "collector";

/// A sheet that was read, and how far it was written.
pub(super) struct Like {
    sheet: Sheet,
    imported: Imported,
    width: usize,
    ours: Vec<String>,
    format: Option<Format>,
    kept: bool,
    next: usize,
}

impl Like {
    pub(super) fn read(path: &Path, choice: &SheetChoice, format: Format) -> Result<Self> {
        let columns = files::columns(choice)?;
        let sheet = files::sheet(path, choice)?;
        let imported = import(&sheet, &columns).map_err(|error| files::wrong(path, error))?;
        let is_text = matches!(sheet.form, Form::Csv { .. } | Form::Words { .. });
        // The sheet's own delimiter goes on into a .csv; .tsv says which one it wants.
        let format = match (&sheet.form, format) {
            (Form::Csv { delimiter, .. }, Format::Csv { delimiter: b',' }) => {
                u8::try_from(*delimiter).ok().map(|delimiter| Format::Csv { delimiter })
            }
            _ => None,
        };
        let width = sheet.width();
        let ours = named(&imported.columns.names);
        Ok(Self { sheet, imported, width, ours, format, kept: is_text, next: 0 })
    }

    /// A row of the sheet, filled up to its width.
    fn foreign(&self, at: usize) -> Vec<Cell> {
        let mut cells = self.sheet.rows[at].cells.clone();
        cells.resize(self.width, Cell::Empty);
        cells
    }

    fn head(&self, at: usize) -> Row {
        let mut cells = self.foreign(at);
        if self.imported.columns.header == Some(at) {
            cells.extend(self.ours.iter().map(|name| Cell::text(name.as_str())));
        }
        Row { head: true, cells, status: None }
    }
}

/// Our columns' names, none of which the sheet has.
fn named(theirs: &[String]) -> Vec<String> {
    let taken: HashSet<String> = theirs.iter().map(|name| name.trim().to_lowercase()).collect();
    let free = |name: &str| {
        let names = std::iter::once(name.to_owned())
            .chain(std::iter::once(format!("{name} ({SUFFIX})")))
            .chain((2_u32..).map(|number| format!("{name} ({SUFFIX} {number})")));
        let mut names = names.filter(|name| !taken.contains(name));
        names.next()
    };
    columns().into_iter().filter_map(free).collect()
}

impl Rows for Like {
    fn format(&self) -> Option<Format> {
        self.format
    }

    fn columns(&self) -> Vec<Column> {
        let theirs = (0..self.width).map(|at| {
            let name = self.imported.columns.names.get(at).cloned().unwrap_or_default();
            // What came out of a text file may go back into one: it is no more dangerous than it was.
            Column { name, kept: self.kept }
        });
        theirs.chain(self.ours.iter().map(|name| Column::new(name.as_str()))).collect()
    }

    fn needs_names(&self) -> bool {
        self.imported.columns.header.is_none()
    }

    async fn next(&mut self, store: &AnyStore) -> Result<Vec<Row>> {
        let end = (self.next + STEP).min(self.sheet.rows.len());
        let range = std::mem::replace(&mut self.next, end)..end;
        let member = |at: usize| {
            let member = self.imported.rows[at].member?;
            self.imported.members.get(member)
        };
        let asked: Vec<Ids> = range.clone().map(|at| member(at).cloned().unwrap_or_default()).collect();
        let known = known_of(&**store, &asked).await?;
        let mut rows = Vec::with_capacity(range.len());
        for ((at, asked), known) in range.zip(&asked).zip(&known) {
            let status = match self.imported.rows[at].verdict {
                Verdict::Header => {
                    rows.push(self.head(at));
                    continue;
                }
                Verdict::Blank => None,
                Verdict::NotRecognised { .. } => Some(Status::NotRecognised),
                Verdict::Recognised | Verdict::Twice { .. } => {
                    Some(Status::of(known.as_ref().map(|known| &*known.record.entity), asked))
                }
            };
            let mut all = self.foreign(at);
            if let Some(status) = status {
                all.extend(cells(status, known.as_ref()));
            }
            rows.push(Row { head: false, cells: all, status });
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_columns_never_have_a_name_of_theirs() {
        let theirs = ["Followers".to_owned(), "status".to_owned(), "status (collector)".to_owned()];
        let ours = named(&theirs);
        assert_eq!(ours.len(), columns().len());
        assert!(ours.contains(&"followers (collector)".to_owned()), "{ours:?}");
        assert!(
            ours.contains(&"status (collector 2)".to_owned()) && ours.contains(&"as_of".to_owned()),
            "{ours:?}"
        );
    }
}
