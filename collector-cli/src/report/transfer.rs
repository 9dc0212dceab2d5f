//! What `collector transfer` prints.

use std::collections::BTreeMap;
use std::time::Duration;

use collector_sinks::images::Copied;
use collector_sinks::sql::{Moved, MovedTable};
use serde::Serialize;

use super::{Rows, aligned, count, number, plain, took};
use crate::config::StorePlace;
use crate::exit::Exit;

/// What a transfer copied, and whether everything is at the target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TransferReport {
    /// `complete`, or `partial` when something is not at the target.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// The store the rows come from.
    pub from: String,
    /// The store they are in now.
    pub to: String,
    /// Whether an earlier transfer had moved all rows already, so that none was compared at the target.
    pub before: bool,
    /// The tables, in the order of the schema.
    pub tables: Vec<TransferTable>,
    /// The pictures; `null` when they did not have to move.
    pub pictures: Option<TransferPictures>,
    /// Changes that the target's sinks do not have yet, by sink.
    pub pending: BTreeMap<String, u64>,
    /// What is not at the target, and why.
    pub reasons: Vec<String>,
    /// How long it took, in seconds.
    pub took_s: f64,
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TransferTable {
    /// Its name, without prefix.
    pub name: &'static str,
    /// Its rows at the source.
    pub rows: u64,
    /// Those copied by this command; the rest was there.
    pub copied: u64,
    /// Its rows at the target.
    pub target_rows: u64,
    /// Whether both sides have the same rows.
    pub same: bool,
}

impl From<&MovedTable> for TransferTable {
    fn from(table: &MovedTable) -> Self {
        Self {
            name: table.name,
            rows: table.source.rows,
            copied: table.copied,
            target_rows: table.target.rows,
            same: table.is_whole(),
        }
    }
}

/// What became of the pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TransferPictures {
    /// Those at the source.
    pub pictures: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those copied by this command; the rest was there.
    pub copied: u64,
    /// Those that are not at the target.
    pub missing: u64,
    /// Those that are damaged at the source, and are not copied.
    pub damaged: u64,
    /// The first of them.
    pub damaged_keys: Vec<String>,
}

impl From<Copied> for TransferPictures {
    fn from(copied: Copied) -> Self {
        let Copied { pictures, bytes, copied, missing, damaged, damaged_keys, .. } = copied;
        Self { pictures, bytes, copied, missing, damaged, damaged_keys }
    }
}

/// What the target's sinks have got.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) pending: BTreeMap<String, u64>,
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Why nothing could be delivered.
    pub(crate) problem: Option<String>,
}

impl TransferReport {
    pub(crate) fn new(from: &StorePlace, to: &StorePlace, moved: &Moved) -> Self {
        let differs = |table: &&MovedTable| !table.is_whole();
        let reason = |table: &MovedTable| {
            let (here, there) = (number(table.source.rows), number(table.target.rows));
            let name = table.name;
            if here == there {
                format!(
                    "table `{name}` has {there} rows as at the source, and some are different; empty the target and begin anew"
                )
            } else {
                format!(
                    "table `{name}` has {there} rows and {here} at the source; empty the target and begin anew"
                )
            }
        };
        Self {
            exit: Exit::Complete.as_str(),
            code: Exit::Complete.code(),
            from: from.to_string(),
            to: to.to_string(),
            before: moved.before,
            tables: moved.tables.iter().map(TransferTable::from).collect(),
            pictures: None,
            pending: BTreeMap::new(),
            reasons: moved.tables.iter().filter(differs).map(reason).collect(),
            took_s: 0.0,
        }
    }

    /// Adds what the sinks have.
    pub(crate) fn deliver(&mut self, delivered: Delivered) {
        self.reasons.extend(delivered.problem);
        for (sink, rejected) in delivered.rejected {
            self.reasons.push(format!("rejected {}: {sink}", number(rejected)));
        }
        for (sink, pending) in delivered.pending.iter().filter(|(_, pending)| **pending > 0) {
            self.reasons.push(format!("pending {}: {sink}", number(*pending)));
        }
        self.pending = delivered.pending;
    }

    /// Closes the books.
    pub(crate) fn end(&mut self, time: Duration) {
        if let Some(pictures) = self.pictures.as_ref().filter(|pictures| pictures.missing > 0) {
            let (missing, damaged) = (number(pictures.missing), number(pictures.damaged));
            self.reasons.push(format!(
                "pictures that are not at the target: {missing}, damaged at the source: {damaged}"
            ));
        }
        let exit = self.exit();
        (self.exit, self.code) = (exit.as_str(), exit.code());
        self.took_s = (time.as_secs_f64() * 1_000.0).round() / 1_000.0;
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self.reasons.is_empty() { Exit::Complete } else { Exit::Partial }
    }

    /// What people read; `again` is the command that goes on.
    pub fn text(&self, again: &str) -> String {
        let mut text = format!("{} -> {}\n", plain(&self.from), plain(&self.to));
        text.push_str(&aligned(2, &self.rows()));
        if !self.reasons.is_empty() {
            text.push_str("\nnot complete\n");
            for reason in &self.reasons {
                text.push_str(&format!("  - {}\n", plain(reason)));
            }
            text.push_str(&format!("\nnext\n  - {again}\n"));
        }
        text
    }

    fn rows(&self) -> Rows {
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        let mut rows: Rows = Vec::new();
        for table in self.tables.iter().filter(|table| table.rows + table.target_rows > 0) {
            let verdict = if table.same { "the same on both sides" } else { "DIFFERENT" };
            let verdict = if self.before { "moved before" } else { verdict };
            rows.push(row(table.name, format!("{}, {verdict}", count(table.rows, "row", "rows"))));
        }
        if let Some(pictures) = &self.pictures {
            let (all, copied) = (number(pictures.pictures), number(pictures.copied));
            rows.push(row("pictures", format!("{all}, {copied} copied now")));
        }
        for (sink, pending) in &self.pending {
            let state = if *pending == 0 {
                "has everything".to_owned()
            } else {
                format!("{} pending", number(*pending))
            };
            rows.push(row(&format!("sink {}", plain(sink)), state));
        }
        rows.push(row("took", took(Duration::from_secs_f64(self.took_s))));
        rows
    }
}
