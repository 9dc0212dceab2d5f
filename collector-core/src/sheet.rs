//! Cells of a table: what readers of sheets give and writers take.

/// One cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Text.
    Text(String),
    /// A number with a fraction, or one that was read as such.
    Number(f64),
    /// A whole number.
    Whole(i64),
    /// True or false.
    Flag(bool),
    /// A date, a time, or both: days since 1899-12-30 and their fraction, as spreadsheets count.
    Date(f64),
    /// A span of time, in days.
    Span(f64),
    /// A value as JSON writes it: a number with all of its digits, a list, an object.
    Json(String),
}

impl Cell {
    /// Text, or nothing when it is empty.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// Whether there is nothing to see: empty, or only blanks.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Json(text) => matches!(text.trim(), "" | "null"),
            _ => false,
        }
    }

    /// The cell as text. Numbers have no thousands separators; a number that lost digits shows what is left of it.
    pub fn shown(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Json(text) => text.clone(),
            Self::Number(number) | Self::Span(number) => number.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Flag(true) => "TRUE".to_owned(),
            Self::Flag(false) => "FALSE".to_owned(),
            Self::Date(days) => date(*days),
        }
    }
}

/// Days between 1899-12-30 and 1970-01-01.
const UNIX_EPOCH: f64 = 25_569.0;
const MILLIS_A_DAY: f64 = 86_400_000.0;

/// The cell of a moment.
impl From<crate::clock::Timestamp> for Cell {
    fn from(at: crate::clock::Timestamp) -> Self {
        // Milliseconds of any year people write fit the 53 bits of a float.
        Self::Date(at.as_millis() as f64 / MILLIS_A_DAY + UNIX_EPOCH)
    }
}

/// `2026-11-22`, or `2026-11-22 13:33:00` when there is a time of day; a bare number when it is no date.
fn date(days: f64) -> String {
    let millis = ((days - UNIX_EPOCH) * MILLIS_A_DAY).round();
    if !(-1e15..1e15).contains(&millis) {
        return days.to_string();
    }
    let text = crate::clock::Timestamp::from_millis(millis as i64).to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some("00:00:00") | None) => day.to_owned(),
        (Some(day), Some(time)) => format!("{day} {time}"),
        (None, _) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_moment_survives_as_a_cell_and_reads_as_people_write_it() {
        let cell = Cell::from(Timestamp::from_secs(1_795_354_387));
        assert_eq!(cell.shown(), "2026-11-22 13:33:07");
        assert_eq!(Cell::Date(46_348.0).shown(), "2026-11-22");
        assert_eq!(Cell::Date(f64::NAN).shown(), "NaN");
        assert_eq!(Cell::Date(1e300).shown().len(), 301);
    }

    #[test]
    fn nothing_and_blanks_are_blank() {
        for cell in [Cell::Empty, Cell::text(""), Cell::text(" \u{a0}"), Cell::Json("null".into())] {
            assert!(cell.is_blank(), "{cell:?}");
        }
        assert!(!Cell::Flag(false).is_blank() && !Cell::Whole(0).is_blank());
    }
}
