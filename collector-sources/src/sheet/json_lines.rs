//! One JSON value a line.

use std::collections::HashMap;
use std::fmt;

use collector_core::error::Result;
use collector_core::sheet::Cell;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::read::{Limits, Room, malformed};
use super::table::{Form, Sheet, SheetRow};

/// The column of a line that is a bare text.
const BARE: &str = "value";

/// An object's members in their order, with every digit of their numbers.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Reads lines; the columns are the members' names, in the order in which they first occur.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Sheet> {
    let mut room = Room::new(limits);
    let mut columns = Columns::default();
    let mut rows = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let cells = cells(line, number, &mut columns)?;
        room.row(number, cells.len())?;
        for cell in &cells {
            if let Cell::Text(text) | Cell::Json(text) = cell {
                room.cell(number, text)?;
            }
        }
        rows.push(SheetRow { number, cells });
    }
    Ok(Sheet { form: Form::JsonLines, names: columns.names, rows })
}

#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Columns {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }
}

fn cells(line: &str, number: u64, columns: &mut Columns) -> Result<Vec<Cell>> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |error: serde_json::Error| malformed(format!("line {number} is no JSON")).caused_by(error);
    let members = match line.starts_with('{') {
        true => serde_json::from_str::<Members<'_>>(line).map_err(wrong)?.0,
        false => vec![(BARE.to_owned(), serde_json::from_str::<&RawValue>(line).map_err(wrong)?)],
    };
    let mut cells = Vec::new();
    for (name, value) in members {
        let place = columns.place(&name);
        if cells.len() <= place {
            cells.resize(place + 1, Cell::Empty);
        }
        cells[place] = cell(value).map_err(wrong)?;
    }
    Ok(cells)
}

/// Text as text, everything else as it is written.
fn cell(value: &RawValue) -> Result<Cell, serde_json::Error> {
    match value.get().starts_with('"') {
        // An empty text is not nothing: it was written.
        true => serde_json::from_str(value.get()).map(Cell::Text),
        false => Ok(Cell::Json(value.get().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_columns_and_numbers_keep_their_digits() {
        let text = "{\"h\":\"@a\",\"id\":7012345678901234567}\n\n\"@b\"\n{\"x\":[1, 2],\"h\":null}\n";
        let sheet = read(text, &Limits::default()).unwrap();
        assert_eq!(sheet.names, ["h", "id", "value", "x"]);
        assert_eq!(sheet.rows[0].cells, [Cell::Text("@a".into()), Cell::Json("7012345678901234567".into())]);
        assert!(sheet.rows[1].is_blank());
        assert_eq!(sheet.rows[2].cell(2), &Cell::Text("@b".into()));
        assert_eq!(sheet.rows[3].cell(3), &Cell::Json("[1, 2]".into()));
        assert!(sheet.rows[3].cell(0).is_blank());
    }

    #[test]
    fn a_broken_line_is_named() {
        for text in ["{\"a\":1}\n{\"a\":", "{\"a\":1}\nwords", &format!("{{}}\n{}", "[".repeat(5_000))] {
            assert!(read(text, &Limits::default()).unwrap_err().to_string().contains("line 2"), "{text}");
        }
        let wide: String = (0..2_000).map(|i| format!("{{\"k{i}\":1}}\n")).collect();
        assert!(read(&wide, &Limits::default()).unwrap_err().to_string().contains("columns"));
    }
}
