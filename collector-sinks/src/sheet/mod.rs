//! Writes tables that people open in a spreadsheet: XLSX, CSV, and JSON Lines.
//!
//! # Collects
//! Nothing by itself: whoever calls hands over rows of [`Cell`]s. [`creators`] makes them out of creators.
//!
//! # Requests and cost
//! Rows are written one after the other. An XLSX file keeps its rows in a temporary file until it is finished, so
//! memory does not grow with it.
//!
//! # Options
//! [`Format`] and [`Column`]s.
//!
//! # Limits
//! XLSX: 1,048,576 rows and 16,384 columns; longer texts than a cell takes (32,767 characters) are cut and end with `…`.
//! CSV is UTF-8 with the mark by which spreadsheets know it, and lines end in CR LF.
//!
//! # Errors
//! `Storage` when the file cannot be written, `ConfigInvalid` for tables beyond the limits.
//!
//! # Formulas
//! Text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, a tab or a line break) is written
//! as text in XLSX and gets an apostrophe in front in CSV. Columns that are [kept as they are](Column::kept) are not
//! touched: for what came out of a CSV file and goes back into one.
//!
//! # Example
//! ```
//! use std::io::Cursor;
//! use collector_sinks::sheet::{Cell, Column, Format, SheetWriter};
//!
//! let columns = vec![Column::new("handle"), Column::new("bio")];
//! let mut sheet = SheetWriter::new(Format::Csv { delimiter: b',' }, Cursor::new(Vec::new()), columns, ".".as_ref())?;
//! sheet.names()?;
//! sheet.row(&[Cell::text("mina"), Cell::text("=1+1")])?;
//! let file = sheet.finish()?.into_inner();
//! assert_eq!(String::from_utf8_lossy(&file), "\u{feff}handle,bio\r\nmina,'=1+1\r\n");
//! # Ok::<(), collector_core::error::Error>(())
//! ```

pub mod creators;
mod error;
mod json_lines;
mod neutral;
mod text;
mod workbook;
mod writer;

pub use collector_core::sheet::Cell;
pub use neutral::neutralised;
pub use writer::{Column, Format, SheetWriter};
