//! One object a line; empty cells are left out.

use std::io::Write;

use collector_core::error::Result;
use collector_core::sheet::Cell;
use serde_json::{Value, json};

use super::error::storage;
use super::writer::Column;

pub(super) struct JsonLines<W: Write> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    pub(super) fn row(&mut self, cells: &[Cell], columns: &[Column]) -> Result<()> {
        let mut line = String::from("{");
        let known = cells.iter().zip(columns).filter(|(cell, _)| **cell != Cell::Empty);
        for (at, (cell, column)) in known.enumerate() {
            if at > 0 {
                line.push(',');
            }
            line.push_str(&Value::from(column.name.as_str()).to_string());
            line.push(':');
            line.push_str(&written(cell));
        }
        line.push_str("}\n");
        self.out.write_all(line.as_bytes()).map_err(storage)
    }

    pub(super) fn finish(mut self) -> Result<W> {
        self.out.flush().map_err(storage)?;
        Ok(self.out)
    }
}

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "null".to_owned(),
        Cell::Json(json) => json.clone(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Whole(number) => number.to_string(),
        // What is no number becomes null.
        Cell::Number(number) | Cell::Span(number) => json!(number).to_string(),
        Cell::Text(_) | Cell::Date(_) => Value::from(cell.shown()).to_string(),
    }
}
