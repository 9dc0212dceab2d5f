//! A workbook's sheet, cell by cell: a sheet with one cell in its last corner must not cost memory for all before it.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sheet::Cell;

use super::guard;
use super::read::{ReadOptions, Room, malformed};
use super::table::{Form, Sheet, SheetRow};

/// Days between the two epochs spreadsheets count from: 1899-12-30 and 1904-01-01.
const EPOCH_1904: f64 = 1_462.0;

/// Reads one sheet.
pub(super) fn read(bytes: &[u8], options: &ReadOptions) -> Result<Sheet> {
    guard::check(bytes, options.limits.unpacked)?;
    // The reader has seen fewer hostile files than it will meet here.
    catch_unwind(AssertUnwindSafe(|| sheet(bytes, options)))
        .unwrap_or_else(|_| Err(malformed("the workbook is damaged: its reader gave up; save it anew")))
}

fn sheet(bytes: &[u8], options: &ReadOptions) -> Result<Sheet> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let is_1904 = book.has_1904_epoch();
    let (name, others) = choose(&book, options.sheet.as_deref())?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(damaged)?;
    let mut rows = Rows { room: Room::new(&options.limits), rows: Vec::new() };
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (row, column) = cell.get_position();
        let value = read_cell(cell.get_value(), is_1904);
        if value != Cell::Empty {
            rows.put(row, column, value)?;
        }
    }
    Ok(Sheet { form: Form::Xlsx { sheet: name, others }, names: Vec::new(), rows: rows.rows })
}

fn damaged(error: XlsxError) -> Error {
    let message = match error {
        XlsxError::Password => "the workbook has a password; save it without one",
        _ => "the workbook cannot be read; open it, save it as a new .xlsx and try again",
    };
    malformed(message).caused_by(error)
}

/// The sheet to read and the names of the others.
fn choose(book: &Xlsx<Cursor<&[u8]>>, wanted: Option<&str>) -> Result<(String, Vec<String>)> {
    let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let (mut shown, mut all) = (None, Vec::new());
    for sheet in sheets {
        if sheet.visible == SheetVisible::Visible && shown.is_none() {
            shown = Some(sheet.name.clone());
        }
        all.push(sheet.name.clone());
    }
    let chosen = match wanted {
        None => shown.or_else(|| all.first().cloned()),
        Some(wanted) => {
            let same = |name: &&String| name.trim().to_lowercase() == wanted.trim().to_lowercase();
            all.iter().find(|name| *name == wanted).or_else(|| all.iter().find(same)).cloned()
        }
    };
    let known = all.join(", ");
    let chosen = chosen.ok_or_else(|| match wanted {
        Some(wanted) => {
            Error::new(ErrorKind::ConfigInvalid, format!("there is no sheet {wanted:?}; there are: {known}"))
        }
        None => malformed("the workbook has no sheet with cells"),
    })?;
    all.retain(|name| *name != chosen);
    Ok((chosen, all))
}

fn read_cell(value: &DataRef<'_>, is_1904: bool) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(number) => Cell::Whole(*number),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cell::text(text.as_str())
        }
        DataRef::SharedString(text) => Cell::text(*text),
        DataRef::Bool(flag) => Cell::Flag(*flag),
        DataRef::DateTime(at) => time(*at, is_1904),
        DataRef::Error(error) => Cell::text(error.to_string()),
    }
}

fn time(at: ExcelDateTime, is_1904: bool) -> Cell {
    match (at.is_duration(), is_1904) {
        (true, _) => Cell::Span(at.as_f64()),
        (false, false) => Cell::Date(at.as_f64()),
        (false, true) => Cell::Date(at.as_f64() + EPOCH_1904),
    }
}

struct Rows<'a> {
    room: Room<'a>,
    rows: Vec<SheetRow>,
}

impl Rows<'_> {
    /// Puts a cell in its place; rows come in any order in damaged files, and such are refused.
    fn put(&mut self, row: u32, column: u32, value: Cell) -> Result<()> {
        let number = u64::from(row) + 1;
        let column = column as usize;
        let last = self.rows.last().map_or(0, |row| row.number);
        if number < last {
            return Err(malformed(format!("the workbook is damaged: row {number} comes after row {last}")));
        }
        self.room.row(number, 0)?;
        for blank in last + 1..=number {
            self.room.row(blank, 1)?;
            self.rows.push(SheetRow { number: blank, cells: Vec::new() });
        }
        if let Cell::Text(text) = &value {
            self.room.cell(number, text)?;
        }
        let Some(SheetRow { cells, .. }) = self.rows.last_mut() else { return Ok(()) };
        self.room.row(number, (column + 1).saturating_sub(cells.len()))?;
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        cells[column] = value;
        Ok(())
    }
}
