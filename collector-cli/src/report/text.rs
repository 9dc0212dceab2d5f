//! Words, numbers and columns for people.

use std::time::Duration;

use collector_core::clock::Timestamp;

/// Rows of cells.
pub(crate) type Rows = Vec<Vec<String>>;

/// A number with its thousands apart: `12,345`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 creator`, `2 creators`.
pub(crate) fn count(amount: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(amount), if amount == 1 { one } else { many })
}

/// A time span for people: `0.4 s`, `12 s`, `3 m 5 s`.
pub(crate) fn took(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        secs @ 10..60 => format!("{secs} s"),
        secs @ 60..3_600 => format!("{} m {} s", secs / 60, secs % 60),
        secs => format!("{} h {} m", secs / 3_600, secs / 60 % 60),
    }
}

/// A moment for people: `2026-11-22 13:33 UTC`.
pub(crate) fn when(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16).zip(text.get(..10)) {
        Some((minute, day)) => format!("{day} {} UTC", minute.get(11..).unwrap_or_default()),
        None => text,
    }
}

/// Text of others, safe to print: one line, and nothing that moves the cursor or turns the writing round.
pub(crate) fn plain(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let readable = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || turns(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(readable).collect()
}

/// Cells in columns under a common indent; the last column is as wide as it is.
pub(crate) fn aligned(indent: usize, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(1, "creator", "creators"), "1 creator");
        assert_eq!(count(0, "creator", "creators"), "0 creators");
        let spans = [412, 12_400, 185_000, 7_260_000].map(|ms| took(Duration::from_millis(ms)));
        assert_eq!(spans, ["0.4 s", "12 s", "3 m 5 s", "2 h 1 m"]);
        assert_eq!(when(Timestamp::from_secs(1_795_354_387)), "2026-11-22 13:33 UTC");
    }

    #[test]
    fn columns_are_aligned_and_have_no_trailing_space() {
        let rows = [
            vec!["a".to_owned(), "1".into()],
            vec!["long".into(), "22".into(), "x".into()],
            vec!["x".into()],
        ];
        assert_eq!(aligned(2, &rows), "  a     1\n  long  22  x\n  x\n");
        assert_eq!(aligned(2, &[]), "");
    }

    #[test]
    fn text_of_others_cannot_play_with_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d뷰"), "a\u{fffd}[2Jb c\u{fffd}d뷰");
    }
}
