//! Text with columns, and plain lists of names.

use collector_core::error::Result;
use collector_core::sheet::Cell;
use csv::{ByteRecord, ReaderBuilder};

use super::encoding::Decoded;
use super::read::{Limits, Room, malformed};
use super::table::{Form, Sheet, SheetRow};

/// What may stand between columns, likeliest first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// How much of a file is looked at to tell what stands between its columns.
const SAMPLE_BYTES: usize = 64 << 10;
const SAMPLE_ROWS: usize = 200;

/// Reads a table; with one column if nothing stands between columns.
pub(super) fn table(decoded: &Decoded<'_>, limits: &Limits) -> Result<Sheet> {
    let (told, skip) = told(&decoded.text);
    let delimiter = told.or_else(|| guess(&decoded.text)).unwrap_or(b',');
    rows(decoded, delimiter, skip, limits)
}

/// Reads a table when there are columns in it, else every word as a row of its own.
pub(super) fn table_or_words(decoded: &Decoded<'_>, limits: &Limits) -> Result<Sheet> {
    let (told, skip) = told(&decoded.text);
    // Commas and semicolons separate names, too; tabs come from a spreadsheet.
    match told.or_else(|| guess(&decoded.text).filter(|delimiter| *delimiter == b'\t')) {
        Some(delimiter) => rows(decoded, delimiter, skip, limits),
        None => words(decoded, limits),
    }
}

/// What a first line such as `sep=;` says, which some programs write for others; and how long it is.
fn told(text: &str) -> (Option<u8>, usize) {
    let line = text.split_inclusive('\n').next().unwrap_or_default();
    let delimiter = line.trim_end().strip_prefix("sep=").map(str::as_bytes);
    match delimiter {
        Some([delimiter]) if DELIMITERS.contains(delimiter) => (Some(*delimiter), line.len()),
        _ => (None, 0),
    }
}

/// What stands between columns: what cuts most rows into the same number of cells, more than one.
fn guess(text: &str) -> Option<u8> {
    let end = (0..=SAMPLE_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at))?;
    let sample = text.get(..end)?;
    let scored = DELIMITERS.into_iter().map(|delimiter| (score(sample, delimiter), delimiter));
    // The first of equals: the likeliest.
    scored
        .filter(|(score, _)| *score > 0)
        .rev()
        .max_by_key(|(score, _)| *score)
        .map(|(_, delimiter)| delimiter)
}

/// How many rows of a sample have the commonest number of cells, in thousandths; 0 when that is one.
fn score(sample: &str, delimiter: u8) -> usize {
    let mut counts = [0_usize; 64];
    let mut rows = 0;
    let mut reader = reader(sample.as_bytes(), delimiter);
    let mut record = ByteRecord::new();
    while rows < SAMPLE_ROWS && reader.read_byte_record(&mut record).unwrap_or(false) {
        rows += 1;
        counts[record.len().min(counts.len() - 1)] += 1;
    }
    let Some((cells, most)) = counts.into_iter().enumerate().max_by_key(|(_, count)| *count) else {
        return 0;
    };
    if cells < 2 { 0 } else { most * 1_000 / rows.max(1) }
}

fn reader(bytes: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes)
}

fn rows(decoded: &Decoded<'_>, delimiter: u8, skip: usize, limits: &Limits) -> Result<Sheet> {
    let text = decoded.text.get(skip..).unwrap_or_default();
    let mut room = Room::new(limits);
    let mut rows: Vec<SheetRow> = Vec::new();
    let mut number = u64::from(skip > 0);
    let mut reader = reader(text.as_bytes(), delimiter);
    let mut record = ByteRecord::new();
    loop {
        let start = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let more = reader.read_byte_record(&mut record);
        if !more.map_err(|error| malformed("the table cannot be read").caused_by(error))? {
            break;
        }
        for _ in 0..blank_lines(text.as_bytes(), start) {
            number += 1;
            room.row(number, 0)?;
            rows.push(SheetRow { number, cells: Vec::new() });
        }
        number += 1;
        room.row(number, record.len())?;
        let mut cells = Vec::with_capacity(record.len());
        for field in &record {
            // Cut at ASCII characters, so still UTF-8.
            let field =
                std::str::from_utf8(field).map_err(|error| malformed("broken text").caused_by(error))?;
            room.cell(number, field)?;
            cells.push(Cell::text(field));
        }
        rows.push(SheetRow { number, cells });
    }
    let delimiter = char::from(delimiter);
    let form = Form::Csv { encoding: decoded.encoding, delimiter, unreadable: decoded.unreadable };
    Ok(Sheet { form, names: Vec::new(), rows })
}

/// How many line breaks stand at `start`, where a record ends: the reader passes blank lines over in silence.
fn blank_lines(bytes: &[u8], start: usize) -> usize {
    let mut rest = bytes.get(start..).unwrap_or_default();
    // The second half of the line break that ended the record before.
    if start > 0 && bytes.get(start - 1) == Some(&b'\r') {
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    let mut lines = 0;
    while let Some(next) =
        rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r"))
    {
        rest = next;
        lines += 1;
    }
    lines
}

/// Every name a row; a line may end in a comment after ` #`.
fn words(decoded: &Decoded<'_>, limits: &Limits) -> Result<Sheet> {
    let mut room = Room::new(limits);
    let mut rows = Vec::new();
    for (line, number) in decoded.text.lines().zip(1..) {
        let line =
            if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
        let mut words = line.split([',', ' ', '\t', ';']).filter(|word| !word.trim().is_empty()).peekable();
        if words.peek().is_none() {
            room.row(number, 0)?;
            rows.push(SheetRow { number, cells: Vec::new() });
        }
        for word in words {
            room.row(number, 1)?;
            room.cell(number, word)?;
            rows.push(SheetRow { number, cells: vec![Cell::text(word)] });
        }
    }
    Ok(Sheet { form: Form::Words { encoding: decoded.encoding }, names: Vec::new(), rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Sheet {
        let decoded = Decoded { text: text.into(), encoding: "UTF-8", unreadable: 0 };
        table(&decoded, &Limits::default()).unwrap()
    }

    fn shown(sheet: &Sheet) -> Vec<(u64, Vec<String>)> {
        let cells = |row: &SheetRow| row.cells.iter().map(Cell::shown).collect();
        sheet.rows.iter().map(|row| (row.number, cells(row))).collect()
    }

    #[test]
    fn the_delimiter_is_the_one_that_cuts_rows_alike() {
        for (delimiter, text) in [
            (',', "a,b\n1,\"x;y;z\"\n2,p;q\n"),
            (';', "a;b\n1;2,5\n2;3,5\n"),
            ('\t', "a\tb, c\n1\t2\n"),
            ('|', "a|b\n1|2\n"),
            (';', "sep=;\na,b;c\n"),
            (',', "alone\nalso alone\n"),
        ] {
            let Form::Csv { delimiter: found, .. } = read(text).form else { panic!("{text}") };
            assert_eq!(found, delimiter, "{text}");
        }
    }

    #[test]
    fn every_line_has_its_number_blank_ones_and_quoted_breaks_included() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["", "a,b", "", "", "1,\"x y\"", ",", "2,3", ""].join(end);
            let rows = shown(&read(&text));
            let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7], "{end:?}");
            assert_eq!(rows[4].1, ["1", "x y"]);
            assert_eq!(rows[6].1, ["2", "3"]);
        }
        let rows = shown(&read("a,\"x\ny\"\n1,2\n"));
        assert_eq!(rows[0].1, ["a", "x\ny"]);
        assert_eq!((rows.len(), rows[1].0), (2, 2), "a row of a spreadsheet may be two lines");
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_told_with_its_row() {
        let text = format!("a,b\n1,\"open\n{}", "x,y\n".repeat(20_000));
        let decoded = Decoded { text: text.into(), encoding: "UTF-8", unreadable: 0 };
        let error = table(&decoded, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains("row 2") && error.contains("quotation mark"), "{error}");
    }

    #[test]
    fn a_plain_list_is_read_word_by_word_and_a_pasted_sheet_as_a_table() {
        let decoded = |text: &'static str| Decoded { text: text.into(), encoding: "UTF-8", unreadable: 0 };
        let list = decoded("@one, two\r\n# a comment\n\nTWO three # said twice\n");
        let sheet = table_or_words(&list, &Limits::default()).unwrap();
        let words: Vec<String> =
            sheet.rows.iter().filter_map(|row| row.cells.first()).map(Cell::shown).collect();
        assert_eq!(words, ["@one", "two", "TWO", "three"]);
        assert_eq!(sheet.rows.last().unwrap().number, 4);
        let pasted = decoded("name\taccount\nMina\t@mina\n");
        assert_eq!(table_or_words(&pasted, &Limits::default()).unwrap().width(), 2);
    }

    #[test]
    fn limits_hold() {
        let small = Limits { rows: 2, columns: 2, cell: 3, cells: 4, ..Limits::default() };
        for (text, word) in
            [("a\nb\nc\n", "rows"), ("a,b,c\n", "columns"), ("abcd\n", "characters"), ("\n\n\n", "")]
        {
            let decoded = Decoded { text: text.into(), encoding: "UTF-8", unreadable: 0 };
            match table(&decoded, &small) {
                Err(error) => assert!(error.to_string().contains(word), "{error}"),
                Ok(sheet) => assert!(word.is_empty() && sheet.rows.is_empty(), "{sheet:?}"),
            }
        }
    }
}
