//! What stands behind a field's colon.

use std::ops::Range;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::SyntaxError;
use crate::clock::Timestamp;
use crate::known::mistyped;
use crate::search::query::{Bound, Test};
use crate::search::{FieldKind, SearchField};

/// A value as it was written.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) is_quoted: bool,
    pub(super) span: Range<usize>,
}

/// The first and last value a text can mean: a day has many moments.
type Span = (Bound, Bound);

/// What a value of this field must be.
pub(super) fn test(field: SearchField, value: &Value) -> Result<Test, SyntaxError> {
    let wrong = |message: String| SyntaxError::new(value.span.clone(), message);
    match field.kind() {
        FieldKind::Keyword | FieldKind::List | FieldKind::Text => Ok(Test::Is(value.text.clone())),
        FieldKind::Flag => match value.text.to_lowercase().as_str() {
            "yes" | "true" => Ok(Test::from(true)),
            "no" | "false" => Ok(Test::from(false)),
            other => Err(wrong(mistyped("value", other, ["yes", "no"]) + "; yes and no are known")),
        },
        FieldKind::Number | FieldKind::Rate | FieldKind::Time if value.is_quoted => {
            Err(wrong(format!("`{field}` is compared with {}; leave the quotes out", form(field))))
        }
        FieldKind::Number | FieldKind::Rate | FieldKind::Time => {
            let within = range(&value.text, |text| span(field, text))
                .ok_or_else(|| wrong(format!("expected {}", form(field))))?;
            match within {
                (Some(Bound::At(from)), Some(Bound::At(to))) if from > to => {
                    Err(wrong("the range is upside down: the smaller end goes first".to_owned()))
                }
                (Some(Bound::Ago(from)), Some(Bound::Ago(to))) if from < to => {
                    Err(wrong("the range is upside down: the shorter time goes first".to_owned()))
                }
                (from, to) => Ok(Test::Within(from, to)),
            }
        }
    }
}

fn form(field: SearchField) -> &'static str {
    match field.kind() {
        FieldKind::Rate => "a share or a range of shares, such as 3%.. or 1%..5% or >0.03",
        FieldKind::Time => "a time, such as <30d or 7d..30d or 2024-05 or >=2024-05-01",
        _ => "a number or a range of numbers, such as 10k..100k or >=5000",
    }
}

/// The ends of `a..b`, `>=a`, `a` and so on.
fn range(text: &str, span: impl Fn(&str) -> Option<Span>) -> Option<(Option<Bound>, Option<Bound>)> {
    if let Some((from, to)) = text.split_once("..") {
        let end = |text: &str| if text.is_empty() { Some(None) } else { span(text).map(Some) };
        let ends = (end(from)?, end(to)?);
        return match ends {
            (None, None) => None,
            // Ages count backwards: the shorter time is the later moment.
            (Some((_, Bound::Ago(short))), None) => Some((None, Some(Bound::Ago(short)))),
            (None, Some((Bound::Ago(long), _))) => Some((Some(Bound::Ago(long)), None)),
            (Some((_, Bound::Ago(short))), Some((Bound::Ago(long), _))) => {
                Some((Some(Bound::Ago(long)), Some(Bound::Ago(short))))
            }
            (Some((_, Bound::Ago(_))), Some(_)) | (Some(_), Some((Bound::Ago(_), _))) => None,
            (from, to) => Some((from.map(|(first, _)| first), to.map(|(_, last)| last))),
        };
    }
    let comparison = text.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(text.len());
    let (comparison, value) = text.split_at(comparison);
    let (first, last) = span(value)?;
    match (comparison, first) {
        // An instant more or less makes no difference to an age.
        ("<" | "<=", Bound::Ago(_)) => Some((Some(first), None)),
        (">" | ">=", Bound::Ago(_)) => Some((None, Some(first))),
        ("", Bound::Ago(_)) => Some((Some(first), None)),
        ("" | "=", Bound::At(_)) => Some((Some(first), Some(last))),
        (">=", Bound::At(_)) => Some((Some(first), None)),
        ("<=", Bound::At(_)) => Some((None, Some(last))),
        (">", Bound::At(_)) => Some((Some(next(last)?), None)),
        ("<", Bound::At(_)) => Some((None, Some(previous(first)?))),
        _ => None,
    }
}

fn next(bound: Bound) -> Option<Bound> {
    match bound {
        Bound::At(value) => value.checked_add(1).map(Bound::At),
        Bound::Ago(_) => None,
    }
}

fn previous(bound: Bound) -> Option<Bound> {
    match bound {
        Bound::At(value) => value.checked_sub(1).map(Bound::At),
        Bound::Ago(_) => None,
    }
}

fn span(field: SearchField, text: &str) -> Option<Span> {
    let exactly = |value: i64| (Bound::At(value), Bound::At(value));
    match field.kind() {
        FieldKind::Rate => share(text).map(exactly),
        FieldKind::Time => match ago(text) {
            Some(ago) => Some((Bound::Ago(ago), Bound::Ago(ago))),
            None => moment(text),
        },
        _ => count(text).map(exactly),
    }
}

/// `1500`, `1.5k`, `10_000`, `3만`.
fn count(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_')).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let zeros = match unit.to_lowercase().as_str() {
        "" => 0,
        "k" | "천" => 3,
        "만" => 4,
        "m" => 6,
        "억" => 8,
        "b" => 9,
        _ => return None,
    };
    decimal(digits, zeros)
}

/// `3%`, `3.5%`, `0.03`, as millionths. Without `%` at most 1: `er:3` is a slip.
fn share(text: &str) -> Option<i64> {
    match text.strip_suffix('%') {
        Some(percent) => decimal(percent, 4),
        None => decimal(text, 6).filter(|share| *share <= 1_000_000),
    }
}

/// A decimal number times a power of ten; `None` when that is no whole number.
fn decimal(text: &str, zeros: usize) -> Option<i64> {
    let digits = text.replace('_', "");
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let part = part.trim_end_matches('0');
    if whole.is_empty() || part.len() > zeros || !is_number(whole) || !is_number(part) {
        return None;
    }
    format!("{whole}{part:0<zeros$}").parse().ok()
}

/// `30d`.
fn ago(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let minutes = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        "w" => 7 * 24 * 60,
        "y" => 365 * 24 * 60,
        _ => return None,
    };
    // More than a million years is no age.
    let number = number.parse::<u64>().ok().filter(|number| *number <= 1_000_000)?;
    Some(Duration::from_secs(number * minutes * 60))
}

/// The first and the last moment of a year, a month, a day, or one moment.
fn moment(text: &str) -> Option<Span> {
    let numbers: Vec<&str> = text.split('-').collect();
    let number = |text: &str, digits: usize| {
        text.parse::<i16>()
            .ok()
            .filter(|_| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let date = |year: &str, month: &str, day: &str| {
        let (month, day) = (i8::try_from(number(month, 2)?).ok()?, i8::try_from(number(day, 2)?).ok()?);
        Date::new(number(year, 4)?, month, day).ok()
    };
    let (first, end) = match numbers[..] {
        [year] if year.len() == 4 => {
            let first = date(year, "01", "01")?;
            (first, first.checked_add(1.year()))
        }
        [year, month] => {
            let first = date(year, month, "01")?;
            (first, first.checked_add(1.month()))
        }
        [year, month, day] if day.len() == 2 => {
            let first = date(year, month, day)?;
            (first, first.checked_add(1.day()))
        }
        _ => {
            let at = text.parse::<Timestamp>().ok().filter(|_| text.contains('T'))?.as_millis();
            return Some((Bound::At(at), Bound::At(at)));
        }
    };
    let start =
        |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond());
    Some((Bound::At(start(first)?), Bound::At(start(end.ok()?)? - 1)))
}
