//! From a file's bytes to rows.

use collector_core::error::{Error, ErrorKind, Result};

use super::table::Sheet;
use super::{encoding, json_lines, text, workbook};

/// What an old workbook, or one with a password, begins with.
const OLE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// How large a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the file. Default 64 MiB.
    pub file: usize,
    /// Bytes of a workbook after decompression. Default 256 MiB.
    pub unpacked: u64,
    /// Rows. Default 1,048,576, as many as a spreadsheet has.
    pub rows: usize,
    /// Columns. Default 1,024.
    pub columns: usize,
    /// Characters of one cell. Default 32,767, as many as a spreadsheet takes.
    pub cell: usize,
    /// Cells, empty ones between others included. Default 8,388,608.
    pub cells: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 64 << 20,
            unpacked: 256 << 20,
            rows: 1 << 20,
            columns: 1_024,
            cell: 32_767,
            cells: 8 << 20,
        }
    }
}

/// What to read of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// The sheet of a workbook; the first visible one when absent.
    pub sheet: Option<String>,
    /// The limits.
    pub limits: Limits,
}

/// Reads a file's bytes. `name` is the file's name: its ending helps to tell what it is.
///
/// # Errors
/// `Malformed` when it cannot be read or exceeds a limit, `ConfigInvalid` when it has no such sheet.
pub fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Sheet> {
    let limits = &options.limits;
    if bytes.len() > limits.file {
        return Err(malformed(format!(
            "the file has {} bytes, at most {} are read; split it",
            bytes.len(),
            limits.file
        )));
    }
    if bytes.starts_with(&OLE) {
        return Err(malformed(
            "this is an old .xls workbook or one with a password; save it as .xlsx without one",
        ));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return workbook::read(bytes, options);
    }
    if let Some(sheet) = &options.sheet {
        let message = format!("only workbooks have sheets; {sheet:?} cannot be chosen here");
        return Err(Error::new(ErrorKind::ConfigInvalid, message));
    }
    let decoded = encoding::decode(bytes)?;
    match ending(name).as_str() {
        "csv" | "tsv" | "tab" => text::table(&decoded, limits),
        "jsonl" | "ndjson" | "json" => json_lines::read(&decoded.text, limits),
        "xlsx" | "xlsm" => {
            Err(malformed("the file's name says workbook and its contents are none; is it cut?"))
        }
        _ if decoded.text.trim_start().starts_with('{') => json_lines::read(&decoded.text, limits),
        _ => text::table_or_words(&decoded, limits),
    }
}

fn ending(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase())
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// Counts cells while rows are read, and refuses what goes beyond the limits.
#[derive(Debug)]
pub(super) struct Room<'a> {
    limits: &'a Limits,
    cells: usize,
}

impl<'a> Room<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, cells: 0 }
    }

    /// Checks a row's number (from 1) and its cells.
    pub(super) fn row(&mut self, number: u64, cells: usize) -> Result<()> {
        self.cells = self.cells.saturating_add(cells);
        if usize::try_from(number).unwrap_or(usize::MAX) > self.limits.rows {
            return Err(malformed(format!(
                "row {number}: at most {} rows are read; split it",
                self.limits.rows
            )));
        }
        if cells > self.limits.columns {
            let most = self.limits.columns;
            return Err(malformed(format!("row {number} has {cells} columns, at most {most} are read")));
        }
        if self.cells > self.limits.cells {
            return Err(malformed(format!("more than {} cells; split the file", self.limits.cells)));
        }
        Ok(())
    }

    /// Checks one cell's text.
    pub(super) fn cell(&self, number: u64, text: &str) -> Result<()> {
        // Most are shorter in bytes already.
        if text.len() > self.limits.cell && text.chars().count() > self.limits.cell {
            let most = self.limits.cell;
            let hint = "is a quotation mark not closed?";
            return Err(malformed(format!("row {number} has a cell of more than {most} characters; {hint}")));
        }
        Ok(())
    }
}
