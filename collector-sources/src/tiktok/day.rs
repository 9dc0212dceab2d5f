//! UTC days: how they are written, and how a span of them is cut into windows.

use std::fmt;
use std::str::FromStr;

use collector_core::clock::Timestamp;

/// Days of one window: a search may begin at most 30 days before its `end_date`, and that is the day after.
const WINDOW: i32 = 30;

/// A UTC day, counted from 1970-01-01. Written `YYYYMMDD` to the vendor and in tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i32);

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.day())
    }

    pub(super) fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(i32::try_from(days).unwrap_or(i32::MAX)).max(0))
    }

    /// The first moment of it.
    pub(super) fn begin(self) -> Timestamp {
        Timestamp::from_secs(i64::from(self.0) * 86_400)
    }

    /// A day as people write it: `2026-01-31`, from 1970 on.
    pub(super) fn written(text: &str) -> Option<Self> {
        let plain = text.len() == "YYYY-MM-DD".len();
        let start: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
        (plain && start.as_millis() >= 0).then_some(Self::of(start))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.begin().to_string();
        text.chars().take("YYYY-MM-DD".len()).filter(|c| *c != '-').try_for_each(|c| write!(f, "{c}"))
    }
}

impl FromStr for Day {
    type Err = ();

    /// Reads `YYYYMMDD`.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != "YYYYMMDD".len() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let part = |range| text.get(range).ok_or(());
        Self::written(&format!("{}-{}-{}", part(0..4)?, part(4..6)?, part(6..8)?)).ok_or(())
    }
}

/// Days from `since` to `until`, both included, that fit one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) since: Day,
    pub(super) until: Day,
}

impl Window {
    /// The windows of a span, the newest first; at least one.
    pub(super) fn all(since: Day, until: Day) -> Vec<Self> {
        let mut windows = Vec::new();
        let mut end = until;
        loop {
            let begin = since.max(Day(end.0 - (WINDOW - 1)));
            windows.push(Self { since: begin, until: end });
            if begin <= since {
                return windows;
            }
            end = Day(begin.0 - 1);
        }
    }

    /// The `end_date` to send. Whether the vendor counts that day is not known, so it is the day after; but no day to
    /// come.
    pub(super) fn end_date(self, today: Day) -> Day {
        Day(self.until.0 + 1).min(today.max(self.until))
    }

    /// Whether this moment lies in it.
    pub(super) fn contains(self, at: Timestamp) -> bool {
        (self.since..=self.until).contains(&Day::of(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_read_and_written() {
        assert_eq!(Day::written("2026-01-31").unwrap().to_string(), "20260131");
        assert_eq!(day("19700101"), Day(0));
        for garbage in ["", "2026-01-31", "20261301", "2026013", "2026013x", "19691231"] {
            assert!(garbage.parse::<Day>().is_err(), "{garbage}");
        }
        assert_eq!(Day::written("yesterday"), None);
        assert_eq!(day("20260101").minus(1).to_string(), "20251231");
    }

    #[test]
    fn a_span_is_cut_into_windows_without_gap_or_overlap() {
        let windows = |since, until| {
            let windows = Window::all(day(since), day(until));
            windows.iter().map(|window| format!("{}-{}", window.since, window.until)).collect::<Vec<_>>()
        };
        assert_eq!(windows("20260101", "20260130"), ["20260101-20260130"]);
        assert_eq!(windows("20260101", "20260131"), ["20260102-20260131", "20260101-20260101"]);
        assert_eq!(
            windows("20260101", "20260401"),
            ["20260303-20260401", "20260201-20260302", "20260102-20260131", "20260101-20260101"]
        );
        assert_eq!(windows("20260102", "20260101"), ["20260102-20260101"], "nothing to split");
    }

    #[test]
    fn the_end_sent_is_the_day_after_but_never_to_come() {
        let window = Window { since: day("20260101"), until: day("20260130") };
        assert_eq!(window.end_date(day("20260301")).to_string(), "20260131");
        assert_eq!(window.end_date(day("20260130")).to_string(), "20260130");
        assert!(window.contains(day("20260130").begin()) && !window.contains(day("20260131").begin()));
    }
}
