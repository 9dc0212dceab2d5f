//! Reads lists of people out of the files people have: XLSX, CSV and TSV in whatever encoding, JSON Lines, plain text.
//!
//! # Collects
//! [`read`] turns the bytes of a file into rows of [`Cell`]s. [`import`] finds the header and the columns, recognises
//! creators however they are written (`@x`, links to profiles and posts, numbers, second keys) and accounts for every
//! row: recognised, twice, or not recognised and why.
//!
//! # Requests and cost
//! None: nothing here opens a file or asks anybody. A whole sheet is held in memory, within [`Limits`].
//!
//! # Options
//! [`ReadOptions`] chooses a sheet and the limits, [`Choice`] names columns.
//!
//! # Limits
//! Files are hostile until read: sizes are bounded before and after decompression, cells in length and number. Old
//! `.xls` workbooks and workbooks with a password are refused and named. Cell formats, formulas and further sheets of
//! a workbook are not kept; a formula's cell has its last value.
//!
//! # Errors
//! `ConfigInvalid` for what the caller can choose otherwise (a sheet, a column), `Malformed` for a file that cannot be
//! read or is larger than the limits. Messages name the row or cell.
//!
//! # Example
//! ```
//! use collector_sources::sheet::{Choice, ReadOptions, import, read};
//!
//! let csv = "name,account\nMina,@Mina.K\nJo,https://www.tiktok.com/@jo?lang=ko\nEve,eve@example.com\n";
//! let sheet = read("list.csv", csv.as_bytes(), &ReadOptions::default())?;
//! let imported = import(&sheet, &Choice::default())?;
//! assert_eq!(imported.members.len(), 2);
//! assert_eq!(imported.counts().not_recognised, 1);
//! # Ok::<(), collector_core::error::Error>(())
//! ```

mod columns;
mod encoding;
mod guard;
mod import;
mod json_lines;
mod read;
mod recognise;
mod table;
mod text;
mod workbook;

pub use collector_core::sheet::Cell;
pub use columns::{Choice, Columns, Role};
pub use import::{Imported, RowCounts, RowReport, Verdict, import};
pub use read::{Limits, ReadOptions, read};
pub use recognise::{NotRecognised, recognise};
pub use table::{Form, Sheet, SheetRow};
