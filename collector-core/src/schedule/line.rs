//! What is wrong with a cron line, and where: checked item by item, so that the message can name the field and the column.

use std::fmt::Write as _;

/// One of the five fields.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of values, from `least` on.
    names: &'static [&'static str],
    /// Forms that only this field takes.
    special: Special,
    /// What would be right, with what it means.
    example: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    /// `L`, `LW` and `15W`.
    DayOfMonth,
    /// `5#2` and `5L`.
    DayOfWeek,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
        special: Special::None,
        example: "`*/15 * * * *` is every quarter of an hour",
    },
    Field {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
        special: Special::None,
        example: "`0 3 * * *` is every day at 03:00",
    },
    Field {
        name: "day of the month",
        least: 1,
        most: 31,
        names: &[],
        special: Special::DayOfMonth,
        example: "`0 3 1,15 * *` is the 1st and the 15th at 03:00, `0 3 L * *` the last day of each month",
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: MONTHS,
        special: Special::None,
        example: "`0 3 1 JAN,JUL *` is the 1st of January and of July at 03:00",
    },
    Field {
        name: "day of the week",
        least: 0,
        most: 7,
        names: DAYS,
        special: Special::DayOfWeek,
        example: "`0 3 * * MON-FRI` is every working day at 03:00",
    },
];

/// The example for a line as a whole.
pub(super) const EXAMPLE: &str = "`0 3 * * *` is every day at 03:00";

/// A piece of the line and the column it begins in, from 1.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    column: usize,
}

impl<'a> Piece<'a> {
    /// The pieces between separators.
    fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut column = self.column;
        self.text.split(separator).map(move |text| {
            let piece = Self { text, column };
            column += text.chars().count() + 1;
            piece
        })
    }

    /// What stands before and behind the first separator.
    fn cut(self, separator: char) -> Option<(Self, Self)> {
        let (before, behind) = self.text.split_once(separator)?;
        let column = self.column + before.chars().count() + 1;
        Some((Self { text: before, column: self.column }, Self { text: behind, column }))
    }
}

fn fields(line: &str) -> Vec<Piece<'_>> {
    let whole = Piece { text: line, column: 1 };
    // White space of any kind separates; every one of its characters is one column.
    let mut column = whole.column;
    let mut fields = Vec::new();
    for text in line.split(char::is_whitespace) {
        if !text.is_empty() {
            fields.push(Piece { text, column });
        }
        column += text.chars().count() + 1;
    }
    fields
}

/// Whether a line has five fields that each make sense.
///
/// # Errors
/// The field, the column, what is wrong and a right example.
pub(super) fn check(line: &str) -> Result<(), String> {
    let found = fields(line);
    if let Some(first) = found.first()
        && first.text.starts_with('@')
    {
        return Err(format!(
            "column {}: `{}` is no cron line, which has five fields; for example {EXAMPLE}",
            first.column, first.text
        ));
    }
    if let Some(extra) = found.get(FIELDS.len()) {
        return Err(format!(
            "column {}: `{}` is one field too many: a line has five, without seconds and years; for example {EXAMPLE}",
            extra.column, extra.text
        ));
    }
    for (at, field) in FIELDS.iter().enumerate() {
        let Some(piece) = found.get(at) else {
            let mut message = "a cron line has five fields: ".to_owned();
            for (at, field) in FIELDS.iter().enumerate() {
                // Writing to a String cannot fail.
                write!(message, "{}{}", if at == 0 { "" } else { ", " }, field.name).unwrap_or_default();
            }
            let column = line.trim_end().chars().count() + 1;
            return Err(format!(
                "column {column}: the {} is missing; {message}; for example {}",
                field.name, field.example
            ));
        };
        for item in piece.split(',') {
            field.check(item).map_err(|(column, wrong)| field.wrong(column, &wrong))?;
        }
    }
    Ok(())
}

/// A column and what is wrong there.
type Wrong = (usize, String);

impl Field {
    fn wrong(&self, column: usize, wrong: &str) -> String {
        format!("{}, column {column}: {wrong}; for example {}", self.name, self.example)
    }

    fn check(&self, item: Piece<'_>) -> Result<(), Wrong> {
        if item.text.is_empty() {
            return Err((item.column, "there is nothing between two commas or at the end".to_owned()));
        }
        let Some((base, step)) = item.cut('/') else {
            return self.check_base(item).map(drop);
        };
        let is_span = self.check_base(base)?;
        if !is_span {
            let message = format!("a step needs `*` or a range before it, such as `*/{}`", step.text);
            return Err((base.column, message));
        }
        match step.text.parse::<u32>() {
            Ok(number) if number >= 1 && number <= self.most - self.least && digits(step.text) => Ok(()),
            _ => {
                let most = self.most - self.least;
                Err((step.column, format!("`{}` is no step; one is from 1 to {most}", step.text)))
            }
        }
    }

    /// Whether what stands before a step is many values.
    fn check_base(&self, base: Piece<'_>) -> Result<bool, Wrong> {
        if base.text == "*" {
            return Ok(true);
        }
        if self.is_special(base)? {
            return Ok(false);
        }
        let Some((from, to)) = base.cut('-') else {
            return self.value(base).map(|_| false);
        };
        let (first, mut last) = (self.value(from)?, self.value(to)?);
        // A week may end with its Sunday.
        if self.special == Special::DayOfWeek && last == 0 && first > 0 {
            last = 7;
        }
        if first > last {
            let message = format!("`{}` goes backwards; write it as two items with a comma", base.text);
            return Err((base.column, message));
        }
        Ok(true)
    }

    fn is_special(&self, base: Piece<'_>) -> Result<bool, Wrong> {
        let upper = base.text.to_ascii_uppercase();
        match self.special {
            Special::None => Ok(false),
            Special::DayOfMonth => match upper.strip_suffix('W') {
                _ if upper == "L" || upper == "LW" => Ok(true),
                Some(day) => self.value(Piece { text: day, column: base.column }).map(|_| true),
                None => Ok(false),
            },
            Special::DayOfWeek => {
                if let Some((_, nth)) = base.cut('#') {
                    if !matches!(nth.text, "1" | "2" | "3" | "4" | "5") {
                        let message = format!("`{}` is no week of a month; one is from 1 to 5", nth.text);
                        return Err((nth.column, message));
                    }
                    let day = upper.split('#').next().unwrap_or_default();
                    return self.value(Piece { text: day, column: base.column }).map(|_| true);
                }
                match upper.strip_suffix('L') {
                    Some(day) => self.value(Piece { text: day, column: base.column }).map(|_| true),
                    None => Ok(false),
                }
            }
        }
    }

    fn value(&self, piece: Piece<'_>) -> Result<u32, Wrong> {
        let upper = piece.text.to_ascii_uppercase();
        if let Some(at) = self.names.iter().position(|name| *name == upper) {
            return Ok(self.least + u32::try_from(at).unwrap_or_default());
        }
        let (least, most) = (self.least, self.most);
        let number = if digits(piece.text) { piece.text.parse::<u32>().ok() } else { None };
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            Some(number) => {
                let side = if number > most { "at most" } else { "at least" };
                let bound = if number > most { most } else { least };
                Err((piece.column, format!("{number} is out of range: {side} {bound}")))
            }
            None => {
                let names = match self.names {
                    [] => String::new(),
                    [first, .., last] => format!(" or {first} to {last}"),
                    [only] => format!(" or {only}"),
                };
                let shown: String = piece.text.chars().take(20).collect();
                Err((piece.column, format!("`{shown}` is no number from {least} to {most}{names}")))
            }
        }
    }
}

fn digits(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cron_understands_is_accepted() {
        for line in [
            "* * * * *",
            "0 3 * * *",
            "  */15   0-6/2,12 1,15 JAN-MAR mon-fri ",
            "0 0 29 2 *",
            "0 0 L * *",
            "0 0 LW * *",
            "0 0 15W * *",
            "0 0 * * 5#2",
            "0 0 * * friL",
            "0 0 * * FRI-SUN",
            "0 0 * * 7",
            "0\t3\t*\t*\t*",
        ] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field_and_column() {
        for (line, place, what) in [
            ("60 * * * *", "minute, column 1:", "at most 59"),
            ("0 25 * * *", "hour, column 3:", "at most 23"),
            ("0 3,99 * * *", "hour, column 5:", "at most 23"),
            ("0 3 0 * *", "day of the month, column 5:", "at least 1"),
            ("0 3 32 * *", "day of the month, column 5:", "at most 31"),
            ("0 3 * 13 *", "month, column 7:", "at most 12"),
            ("0 3 * JANUARY *", "month, column 7:", "JAN to DEC"),
            ("0 3 * * 8", "day of the week, column 9:", "at most 7"),
            ("0 3 * * SAT-MON", "day of the week, column 9:", "backwards"),
            ("MON 3 * * *", "minute, column 1:", "no number"),
            ("0 5/2 * * *", "hour, column 3:", "a step needs"),
            ("*/0 * * * *", "minute, column 3:", "no step"),
            ("*/99 * * * *", "minute, column 3:", "no step"),
            ("1,,2 * * * *", "minute, column 3:", "nothing"),
            ("0 3 * * 5#6", "day of the week, column 11:", "week of a month"),
            ("0 3 * *", "column 8: the day of the week is missing", "five fields"),
            ("", "column 1: the minute is missing", "five fields"),
            ("0 0 3 * * *", "column 11:", "one field too many"),
            ("@daily", "column 1:", "no cron line"),
            ("0 ３ * * *", "hour, column 3:", "no number"),
            ("0 3 L L *", "month, column 7:", "no number"),
            ("0 3 * * ?", "day of the week, column 9:", "no number"),
            ("0 +3 * * *", "hour, column 3:", "no number"),
        ] {
            let wrong = check(line).unwrap_err();
            assert!(wrong.contains(place), "{line}: {wrong}");
            assert!(wrong.contains(what), "{line}: {wrong}");
            assert!(wrong.contains("for example `"), "{line}: {wrong}");
        }
    }
}
