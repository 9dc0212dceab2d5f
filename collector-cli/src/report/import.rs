//! What `collector import` prints.

use std::path::Path;

use collector_sources::sheet::{Columns, Form, Imported, RowCounts, Sheet, Verdict};
use serde::Serialize;

use super::{Rows, aligned, count, number, plain};
use crate::exit::Exit;

/// How many rows that were not recognised are shown; all are in the report beside the file.
const EXAMPLES: usize = 10;

/// How a file was imported.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// `complete`, or `partial` when a row was not recognised.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// The file.
    pub file: String,
    /// How it was understood: `format` and what goes with it.
    pub form: Form,
    /// The columns: `used` (role, index), `guessed`, `names`.
    pub columns: Columns,
    /// The header's row, if there is one.
    pub header: Option<u64>,
    /// What the rows became; they add up to `rows`.
    pub counts: RowCounts,
    /// The list that was written; `null` for a dry run.
    pub list: Option<ListReport>,
    /// The file with what became of every row; `null` for a dry run.
    pub report: Option<String>,
    /// The first rows that were not recognised, at most 10.
    pub not_recognised: Vec<RowExample>,
}

/// A list that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListReport {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: u64,
    /// How many it had before; 0 for a new one.
    pub before: u64,
}

/// A row that was not recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RowExample {
    /// Its number.
    pub row: u64,
    /// Why.
    pub reason: String,
}

impl ImportReport {
    pub(crate) fn new(file: &Path, sheet: &Sheet, imported: &Imported) -> Self {
        let counts = imported.counts();
        let exit = if counts.not_recognised > 0 { Exit::Partial } else { Exit::Complete };
        let refused = imported.rows.iter().filter_map(|row| match &row.verdict {
            Verdict::NotRecognised { reason } => Some(RowExample { row: row.row, reason: reason.clone() }),
            _ => None,
        });
        Self {
            exit: exit.as_str(),
            code: exit.code(),
            file: file.display().to_string(),
            form: sheet.form.clone(),
            header: imported.columns.header.and_then(|at| sheet.rows.get(at)).map(|row| row.number),
            columns: imported.columns.clone(),
            counts,
            list: None,
            report: None,
            not_recognised: refused.take(EXAMPLES).collect(),
        }
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self.counts.not_recognised > 0 { Exit::Partial } else { Exit::Complete }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n{}", plain(&self.file), plain(&self.form.to_string()), self.rows());
        if !self.not_recognised.is_empty() {
            text.push_str("\nnot recognised\n");
            for example in &self.not_recognised {
                text.push_str(&format!("  row {}: {}\n", example.row, plain(&example.reason)));
            }
            let more = self.counts.not_recognised - self.not_recognised.len() as u64;
            if more > 0 {
                text.push_str(&format!("  and {} more\n", number(more)));
            }
        }
        match &self.list {
            Some(list) => text.push_str(&format!("\nnext\n  - collector run --list {:?}\n", list.name)),
            None => text.push_str("\nnothing was written: this was a dry run\n"),
        }
        text
    }

    fn rows(&self) -> String {
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        let header = self.header.map_or_else(|| "none".to_owned(), |row| format!("row {row}"));
        let hint = if self.columns.guessed { "  (guessed; choose with --column)" } else { "" };
        let counts = &self.counts;
        let mut rows: Rows = vec![
            row("header", header),
            row("columns", format!("{}{hint}", plain(&self.columns.shown()))),
            row(
                "rows",
                format!(
                    "{}: {} recognised, {} twice, {} not recognised, {} blank, {} header",
                    number(counts.rows),
                    number(counts.recognised),
                    number(counts.twice),
                    number(counts.not_recognised),
                    number(counts.blank),
                    number(counts.header)
                ),
            ),
        ];
        if let Some(list) = &self.list {
            let before =
                if list.before > 0 { format!(", before {}", number(list.before)) } else { String::new() };
            let members = count(list.members, "creator", "creators");
            rows.push(row("list", format!("{:?}: {members}{before}", plain(&list.name))));
        }
        if let Some(report) = &self.report {
            rows.push(row("report", report.clone()));
        }
        aligned(2, &rows)
    }
}
