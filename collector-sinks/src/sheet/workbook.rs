//! A workbook with one sheet. Text is written as text: nothing in it is ever a formula or a link.

use std::borrow::Cow;
use std::io::{Seek, Write};
use std::path::Path;

use collector_core::error::Result;
use collector_core::sheet::Cell;
use rust_xlsxwriter::{Format, Worksheet, XlsxError};

use super::error::{storage, too_large};
use super::writer::Column;

/// What a sheet takes.
const ROWS: u32 = 1_048_576;
const COLUMNS: usize = 16_384;
const CHARACTERS: usize = 32_767;
/// How dates and spans look.
const DATE: &str = "yyyy-mm-dd";
const MOMENT: &str = "yyyy-mm-dd hh:mm:ss";
const SPAN: &str = "[h]:mm:ss";
/// The largest whole number a cell holds exactly.
const EXACT: u64 = 1 << 53;

pub(super) struct Workbook<W> {
    book: rust_xlsxwriter::Workbook,
    out: W,
    next: u32,
    styles: Styles,
}

struct Styles {
    head: Format,
    date: Format,
    moment: Format,
    span: Format,
}

impl<W: Write + Seek + Send> Workbook<W> {
    pub(super) fn new(out: W, columns: &[Column], temporary: &Path) -> Result<Self> {
        if columns.len() > COLUMNS {
            return Err(too_large(format!("{} columns; XLSX takes {COLUMNS}, use CSV", columns.len())));
        }
        let mut book = rust_xlsxwriter::Workbook::new();
        book.set_tempdir(temporary).map_err(storage)?;
        book.add_worksheet_with_constant_memory().map_err(storage)?;
        let styles = Styles {
            head: Format::new().set_bold(),
            date: Format::new().set_num_format(DATE),
            moment: Format::new().set_num_format(MOMENT),
            span: Format::new().set_num_format(SPAN),
        };
        Ok(Self { book, out, next: 0, styles })
    }

    pub(super) fn row(&mut self, cells: &[Cell], head: bool) -> Result<()> {
        if self.next >= ROWS {
            return Err(too_large(format!("more than {ROWS} rows; XLSX takes no more, use CSV")));
        }
        let sheet = self.book.worksheet_from_index(0).map_err(storage)?;
        for (cell, column) in cells.iter().take(COLUMNS).zip(0..) {
            put(sheet, (self.next, column), cell, head, &self.styles).map_err(storage)?;
        }
        self.next += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W> {
        self.book.save_to_writer(&mut self.out).map_err(storage)?;
        self.out.flush().map_err(storage)?;
        Ok(self.out)
    }
}

fn put(
    sheet: &mut Worksheet,
    at: (u32, u16),
    cell: &Cell,
    head: bool,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let (row, column) = at;
    match cell {
        Cell::Empty => return Ok(()),
        Cell::Text(text) if head => {
            sheet.write_string_with_format(row, column, fitting(text), &styles.head)?
        }
        Cell::Text(text) | Cell::Json(text) => sheet.write_string(row, column, fitting(text))?,
        Cell::Flag(flag) => sheet.write_boolean(row, column, *flag)?,
        Cell::Number(number) if number.is_finite() => sheet.write_number(row, column, *number)?,
        Cell::Whole(number) if number.unsigned_abs() <= EXACT => {
            sheet.write_number(row, column, *number as f64)?
        }
        Cell::Date(days) if days.is_finite() => {
            let style = if days.fract() == 0.0 { &styles.date } else { &styles.moment };
            sheet.write_number_with_format(row, column, *days, style)?
        }
        Cell::Span(days) if days.is_finite() => {
            sheet.write_number_with_format(row, column, *days, &styles.span)?
        }
        // A number a cell cannot hold would lose digits.
        other => sheet.write_string(row, column, other.shown())?,
    };
    Ok(())
}

/// At most as many characters as a cell takes; they are counted as UTF-16 has them.
fn fitting(text: &str) -> Cow<'_, str> {
    if text.len() <= CHARACTERS || text.encode_utf16().count() <= CHARACTERS {
        return Cow::Borrowed(text);
    }
    let mut left = CHARACTERS - 1;
    let fits = |c: &char| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let kept: String = text.chars().take_while(fits).collect();
    Cow::Owned(kept + "…")
}
