//! Moments and days as people and machines write them.

use collector_core::clock::Timestamp;
use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// Longer texts are no dates.
const LONGEST: usize = 64;

/// The order of day and month in `03/04/2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `2026-04-03` and other forms that can be read in one way only.
    Plain,
    /// Day first: most of the world.
    DayFirst,
    /// Month first: the United States.
    MonthFirst,
}

/// Names of months: the first three letters tell them apart.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The moment a text names; a day without a time is its beginning in UTC, and so is a time without a zone.
pub(super) fn moment(text: &str, order: Order) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(moment.as_millisecond()));
    }
    if let Ok(moment) = rfc2822::DateTimeParser::new().parse_timestamp(text) {
        return Some(Timestamp::from_millis(moment.as_millisecond()));
    }
    // Without a zone: `2026-01-31 12:30:00`, `2026-01-31T12:30`.
    if let Ok(moment) = text.parse::<jiff::civil::DateTime>() {
        let moment = moment.to_zoned(TimeZone::UTC).ok()?;
        return Some(Timestamp::from_millis(moment.timestamp().as_millisecond()));
    }
    let day = day(text, order)?.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(day.timestamp().as_millisecond()))
}

/// A moment in seconds since 1970; 0 is unknown.
pub(super) fn unix(number: i64, millis: bool) -> Option<Timestamp> {
    let moment = if millis { Timestamp::from_millis(number) } else { Timestamp::from_secs(number) };
    // The last moment that can be written as RFC 3339: 9999-12-30T22:00:00Z.
    (number > 0 && moment.as_millis() <= 253_402_207_200_000).then_some(moment)
}

/// `2026.1.31`, `2026/01/31`, `20260131`, `2026년 1월 31일`, `Jan 31, 2026`, `31 January 2026`; `31/01/2026` when the
/// order is told.
fn day(text: &str, order: Order) -> Option<Date> {
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric() || "년월일年月日".contains(c))
        .filter(|part| !part.is_empty())
        .collect();
    if let [whole] = parts.as_slice()
        && whole.len() == 8
        && whole.bytes().all(|byte| byte.is_ascii_digit())
    {
        return date(whole.get(..4)?, number(whole.get(4..6)?)?, whole.get(6..)?);
    }
    let [a, b, c] = parts.as_slice() else { return None };
    match (month(a), month(b)) {
        (Some(named), None) => date(c, named, ordinal(b)),
        (None, Some(named)) => date(c, named, ordinal(a)),
        _ if a.len() == 4 => date(a, number(b)?, c),
        _ => match order {
            Order::Plain => None,
            Order::DayFirst => date(c, number(b)?, a),
            Order::MonthFirst => date(c, number(a)?, b),
        },
    }
}

fn date(year: &str, month: i16, day: &str) -> Option<Date> {
    let year = Some(year).filter(|year| year.len() == 4).and_then(number)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(number(day)?).ok()?).ok()
}

fn number(text: &str) -> Option<i16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `1st` as `1`.
fn ordinal(text: &str) -> &str {
    ["st", "nd", "rd", "th"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text)
}

fn month(text: &str) -> Option<i16> {
    let named = |name: &str| text.len() >= 3 && (name.starts_with(text) || text == "sept");
    let at = MONTHS.iter().position(|name| named(name) && (text != "sept" || *name == "september"))?;
    i16::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Order) -> Option<String> {
        moment(text, order).map(|moment| moment.to_string())
    }

    #[test]
    fn moments_are_read_in_every_form_that_has_one_meaning() {
        for (text, expected) in [
            ("2026-01-31T12:30:00Z", "2026-01-31T12:30:00Z"),
            ("2026-01-31T12:30:00.5+09:00", "2026-01-31T03:30:00.5Z"),
            ("2026-01-31 12:30:00", "2026-01-31T12:30:00Z"),
            ("2026-01-31T12:30", "2026-01-31T12:30:00Z"),
            ("Sat, 31 Jan 2026 12:30:00 GMT", "2026-01-31T12:30:00Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026/1/31", "2026-01-31T00:00:00Z"),
            ("2026. 1. 31.", "2026-01-31T00:00:00Z"),
            ("20260131", "2026-01-31T00:00:00Z"),
            ("2026년 1월 31일", "2026-01-31T00:00:00Z"),
            ("2026年1月31日", "2026-01-31T00:00:00Z"),
            ("Jan 31, 2026", "2026-01-31T00:00:00Z"),
            ("31st January 2026", "2026-01-31T00:00:00Z"),
            ("Sept 1 2026", "2026-09-01T00:00:00Z"),
        ] {
            assert_eq!(read(text, Order::Plain).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn day_and_month_are_told_apart_only_when_the_order_is_told() {
        assert_eq!(read("03/04/2026", Order::Plain), None);
        assert_eq!(read("03/04/2026", Order::DayFirst).as_deref(), Some("2026-04-03T00:00:00Z"));
        assert_eq!(read("03/04/2026", Order::MonthFirst).as_deref(), Some("2026-03-04T00:00:00Z"));
        assert_eq!(read("2026-04-03", Order::DayFirst).as_deref(), Some("2026-04-03T00:00:00Z"));
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "yesterday",
            "2026",
            "2026-13-01",
            "32/01/2026",
            "1 2 3",
            "Mai 2026",
            "31 31 2026",
            "ja 1 2026",
        ] {
            assert_eq!(read(text, Order::DayFirst), None, "{text}");
        }
        assert_eq!(unix(0, false), None);
        assert_eq!(unix(i64::MAX, false), None);
        assert_eq!(unix(1_700_000_000, false), unix(1_700_000_000_000, true));
    }
}
