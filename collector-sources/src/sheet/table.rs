//! A sheet in memory.

use std::fmt;

use collector_core::sheet::Cell;
use serde::Serialize;

/// How a file was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "format")]
#[non_exhaustive]
pub enum Form {
    /// A workbook.
    Xlsx {
        /// The sheet that was read.
        sheet: String,
        /// Its other sheets.
        others: Vec<String>,
    },
    /// Text with columns.
    Csv {
        /// The encoding's name.
        encoding: &'static str,
        /// What stands between columns.
        delimiter: char,
        /// Bytes that are no text in this encoding; they stand as `\u{fffd}`.
        unreadable: usize,
    },
    /// One JSON value a line.
    JsonLines,
    /// Names, separated by blanks, commas or line breaks.
    Words {
        /// The encoding's name.
        encoding: &'static str,
    },
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xlsx { sheet, others } if others.is_empty() => write!(f, "XLSX, sheet {sheet:?}"),
            Self::Xlsx { sheet, others } => {
                write!(f, "XLSX, sheet {sheet:?} (others: {})", others.join(", "))
            }
            Self::Csv { encoding, delimiter, unreadable } => {
                let delimiter = match delimiter {
                    '\t' => "tabs".to_owned(),
                    other => format!("`{other}`"),
                };
                write!(f, "text in {encoding} with {delimiter} between columns")?;
                if *unreadable > 0 { write!(f, "; {unreadable} characters unreadable") } else { Ok(()) }
            }
            Self::JsonLines => f.write_str("JSON Lines"),
            Self::Words { encoding } => write!(f, "names in {encoding}"),
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetRow {
    /// The row's number as a spreadsheet or an editor shows it, from 1.
    pub number: u64,
    /// Its cells; those missing at the end are empty.
    pub cells: Vec<Cell>,
}

impl SheetRow {
    /// Whether nothing is in it.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(Cell::is_blank)
    }

    /// The cell in this column; empty when the row is shorter.
    pub fn cell(&self, column: usize) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }
}

/// A sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// How the file was understood.
    pub form: Form,
    /// Names of the columns, for files whose rows name them (JSON Lines).
    pub names: Vec<String>,
    /// Every row between the first and the last with anything in it; blank ones are there, too.
    pub rows: Vec<SheetRow>,
}

impl Sheet {
    /// How many columns the widest row has.
    pub fn width(&self) -> usize {
        self.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(self.names.len())
    }
}

/// A column's letters in a spreadsheet: `A`, `B` … `Z`, `AA`.
pub(super) fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// The column with these letters.
pub(super) fn column(letters: &str) -> Option<usize> {
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let digit = |byte: u8| usize::from(byte.to_ascii_uppercase() - b'A') + 1;
    Some(letters.bytes().fold(0, |column, byte| column * 26 + digit(byte)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_spreadsheets_do() {
        for (number, name) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (16_383, "XFD")] {
            assert_eq!((letters(number).as_str(), column(name)), (name, Some(number)));
        }
        assert_eq!((column(""), column("A1"), column("ABCD"), column("b")), (None, None, None, Some(1)));
    }
}
