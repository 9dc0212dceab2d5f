//! CSV as spreadsheets read it.

use std::io::Write;

use collector_core::error::Result;
use collector_core::sheet::Cell;
use csv::{Terminator, WriterBuilder};

use super::error::storage;
use super::neutral::neutralised;
use super::writer::Column;

/// Without it spreadsheets take the text for the machine's old code page.
const MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) struct Text<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Text<W> {
    pub(super) fn new(mut out: W, delimiter: u8) -> Result<Self> {
        out.write_all(MARK).map_err(storage)?;
        let mut builder = WriterBuilder::new();
        builder.delimiter(delimiter).flexible(true).terminator(Terminator::CRLF);
        Ok(Self { writer: builder.from_writer(out) })
    }

    pub(super) fn row(&mut self, cells: &[Cell], columns: &[Column]) -> Result<()> {
        let written = columns.iter().enumerate().map(|(at, column)| {
            let text = cells.get(at).unwrap_or(&Cell::Empty).shown();
            if column.kept { text } else { neutralised(&text).into_owned() }
        });
        self.writer.write_record(written).map_err(storage)
    }

    pub(super) fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(|error| storage(error.into_error()))
    }
}
