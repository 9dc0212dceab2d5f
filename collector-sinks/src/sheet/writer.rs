//! A table, written row by row.

use std::io::{Seek, Write};
use std::path::Path;

use collector_core::error::Result;
use collector_core::sheet::Cell;

use super::json_lines::JsonLines;
use super::text::Text;
use super::workbook::Workbook;

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A workbook with one sheet.
    Xlsx,
    /// Text with columns.
    Csv {
        /// What stands between columns.
        delimiter: u8,
    },
    /// One object a line.
    JsonLines,
}

impl Format {
    /// The format that a file's name says: `.xlsx`, `.csv`, `.tsv`, `.jsonl`, `.ndjson`.
    pub fn of(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "xlsx" => Some(Self::Xlsx),
            "csv" => Some(Self::Csv { delimiter: b',' }),
            "tsv" => Some(Self::Csv { delimiter: b'\t' }),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether its text is written as it is, even where a spreadsheet would run it.
    pub kept: bool,
}

impl Column {
    /// A column whose text is made harmless.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), kept: false }
    }

    /// A column whose text is written as it is.
    pub fn kept(name: impl Into<String>) -> Self {
        Self { name: name.into(), kept: true }
    }
}

enum Inner<W: Write + Seek + Send> {
    Xlsx(Box<Workbook<W>>),
    Text(Box<Text<W>>),
    Json(JsonLines<W>),
}

/// Writes one table. Nothing is complete before [`finish`](Self::finish).
pub struct SheetWriter<W: Write + Seek + Send> {
    columns: Vec<Column>,
    inner: Inner<W>,
}

impl<W: Write + Seek + Send> std::fmt::Debug for SheetWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SheetWriter").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}

impl<W: Write + Seek + Send> SheetWriter<W> {
    /// Begins a table. Temporary files of a workbook are made in the folder `temporary`.
    ///
    /// # Errors
    /// `Storage`; `ConfigInvalid` for more columns than the format takes.
    pub fn new(format: Format, out: W, columns: Vec<Column>, temporary: &Path) -> Result<Self> {
        let inner = match format {
            Format::Xlsx => Inner::Xlsx(Box::new(Workbook::new(out, &columns, temporary)?)),
            Format::Csv { delimiter } => Inner::Text(Box::new(Text::new(out, delimiter)?)),
            Format::JsonLines => Inner::Json(JsonLines::new(out)),
        };
        Ok(Self { columns, inner })
    }

    /// Writes the columns' names as a row; a format that has them in every row needs none.
    ///
    /// # Errors
    /// As for [`row`](Self::row).
    pub fn names(&mut self) -> Result<()> {
        let names: Vec<Cell> = self.columns.iter().map(|column| Cell::text(column.name.as_str())).collect();
        self.head(&names)
    }

    /// Writes a row that is no data, such as a header; a format that has names in every row leaves it out.
    ///
    /// # Errors
    /// As for [`row`](Self::row).
    pub fn head(&mut self, cells: &[Cell]) -> Result<()> {
        match &mut self.inner {
            Inner::Xlsx(book) => book.row(cells, true),
            Inner::Text(text) => text.row(cells, &self.columns),
            Inner::Json(_) => Ok(()),
        }
    }

    /// Writes a row; missing cells at its end are empty.
    ///
    /// # Errors
    /// `Storage`; `ConfigInvalid` for more rows than the format takes.
    pub fn row(&mut self, cells: &[Cell]) -> Result<()> {
        match &mut self.inner {
            Inner::Xlsx(book) => book.row(cells, false),
            Inner::Text(text) => text.row(cells, &self.columns),
            Inner::Json(lines) => lines.row(cells, &self.columns),
        }
    }

    /// Completes the table and gives back where it was written.
    ///
    /// # Errors
    /// `Storage`.
    pub fn finish(self) -> Result<W> {
        match self.inner {
            Inner::Xlsx(book) => book.finish(),
            Inner::Text(text) => text.finish(),
            Inner::Json(lines) => lines.finish(),
        }
    }
}
