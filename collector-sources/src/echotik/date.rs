//! Days of the calendar, as the vendor writes them.

use collector_core::clock::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date(pub(super) i32);

impl Date {
    /// The day of a moment, in UTC.
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.day())
    }

    /// The day written as `2026-11-28`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == "YYYY-MM-DD".len();
        let start: Timestamp = format!("{text}T00:00:00Z").parse().ok().filter(|_| plain)?;
        Some(Self(start.day()))
    }

    /// The moment it begins.
    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_secs(i64::from(self.0) * DAY)
    }

    /// The moment it is over.
    pub(super) fn end(self) -> Timestamp {
        self.plus(1).start()
    }

    pub(super) fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The Monday of its week.
    fn monday(self) -> Self {
        // The first day of 1970 was a Thursday.
        self.plus(-(self.0 + 3).rem_euclid(7))
    }

    /// The first day of its month.
    fn first_of_month(self) -> Self {
        let text = self.to_string();
        let day: i32 = text.rsplit('-').next().and_then(|day| day.parse().ok()).unwrap_or(1);
        self.plus(1 - day)
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.start().to_string().split('T').next().unwrap_or_default())
    }
}

/// How long a ranking counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Week,
    Month,
}

impl Period {
    /// The first day of the period that ended `back` periods before `now`; the present one has not.
    pub(super) fn before(self, now: Timestamp, back: u32) -> Date {
        let back = i32::try_from(back.min(1_000)).unwrap_or(1_000);
        let today = Date::of(now);
        match self {
            Self::Day => today.plus(-back),
            Self::Week => today.monday().plus(-7 * back),
            Self::Month => (0..back).fold(today.first_of_month(), |first, _| first.plus(-1).first_of_month()),
        }
    }

    /// Whether a period begins on this day.
    pub(super) fn begins(self, day: Date) -> bool {
        match self {
            Self::Day => true,
            Self::Week => day.monday() == day,
            Self::Month => day.first_of_month() == day,
        }
    }

    /// The moment at which the period that begins on `first` is over.
    pub(super) fn end(self, first: Date) -> Timestamp {
        match self {
            Self::Day => first.end(),
            Self::Week => first.plus(7).start(),
            Self::Month => first.plus(31).first_of_month().start(),
        }
    }

    /// The vendor's code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Day => "1",
            Self::Week => "2",
            Self::Month => "3",
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The period with this code.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month].into_iter().find(|period| period.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_they_are_read() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-30"] {
            assert_eq!(Date::parse(text).unwrap().to_string(), text);
        }
        for text in ["2026-02-30", "20261130", "2026-1-3", "", "tomorrow!!"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_period_is_one_that_is_over() {
        // A Monday.
        let now: Timestamp = "2026-11-30T09:00:00Z".parse().unwrap();
        let before = |period: Period, back| period.before(now, back).to_string();
        assert_eq!(before(Period::Day, 1), "2026-11-29");
        assert_eq!(before(Period::Week, 1), "2026-11-23");
        assert_eq!(before(Period::Week, 2), "2026-11-16");
        assert_eq!(
            (before(Period::Month, 1), before(Period::Month, 11)),
            ("2026-10-01".into(), "2025-12-01".into())
        );
        let sunday: Timestamp = "2026-11-29T23:59:59Z".parse().unwrap();
        assert_eq!(Period::Week.before(sunday, 1).to_string(), "2026-11-16");
    }

    #[test]
    fn a_period_ends_where_the_next_begins() {
        let end = |period: Period, day: &str| period.end(Date::parse(day).unwrap()).to_string();
        assert_eq!(end(Period::Day, "2026-11-29"), "2026-11-30T00:00:00Z");
        assert_eq!(end(Period::Week, "2026-11-23"), "2026-11-30T00:00:00Z");
        assert_eq!(end(Period::Month, "2026-02-01"), "2026-03-01T00:00:00Z");
        let begins = |period: Period, day: &str| period.begins(Date::parse(day).unwrap());
        assert!(begins(Period::Week, "2026-11-23") && !begins(Period::Week, "2026-11-24"));
        assert!(begins(Period::Month, "2026-11-01") && !begins(Period::Month, "2026-11-02"));
    }
}
