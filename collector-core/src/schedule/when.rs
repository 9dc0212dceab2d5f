//! The moments of a schedule: a cron line in a time zone, or every so often.
//!
//! A time zone is a row of *stretches* in each of which the clock runs evenly. The wall clock of a stretch begins where
//! that of the one before it ended, so that every wall clock time belongs to exactly one of them: what a change skips
//! is due at its end, what a change repeats is due the first time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use super::line;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// The shortest time between two moments of an interval.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// The longest.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Changes of a zone's clock that one search looks behind; each step leaps to the next match.
const MOST_STEPS: usize = 10_000;
/// More than any clock is ever changed by, in seconds.
const DAYS: i64 = 3 * 86_400;
/// Names that are as near as this to an unknown one are offered.
const NEAR: f64 = 0.5;

/// When a schedule is due.
#[derive(Clone)]
pub struct When(Kind);

#[derive(Clone)]
enum Kind {
    Cron(Arc<Line>),
    Every(i64),
}

struct Line {
    text: String,
    cron: Cron,
    zone: TimeZone,
    name: String,
    /// Whether it fires in every hour of a day: then it follows the clock, not the wall.
    hourly: bool,
}

impl When {
    /// The moments of a cron line of five fields (minute, hour, day of the month, month, day of the week) in a time zone.
    ///
    /// Names of months and days, lists, ranges, steps, `L`, `15W`, `5#2` and `5L` are understood. With both kinds of day
    /// restricted, either is enough, as in cron.
    ///
    /// The clock of a zone is changed now and then. A line that has something in every hour of the day simply follows
    /// the clock. For every other line: what a change skips is due once, at the first moment after the change; what a
    /// change repeats is due once, at its first pass.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the field, the column and a right example, or the nearest zone; also for a line that never
    /// comes due.
    pub fn cron(line: &str, zone: &str) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::ConfigInvalid, message);
        line::check(line).map_err(wrong)?;
        let zone = find(zone)?;
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(line).map_err(|error| {
            wrong(format!("the line cannot be read ({error}); for example {}", line::EXAMPLE))
        })?;
        // The calendar repeats itself after 400 years, and the search goes further than that.
        if cron.find_next_occurrence(&DateTime::constant(2000, 1, 1, 0, 0, 0, 0), true).is_err() {
            return Err(wrong(
                "day of the month, month: no month named has such a day, so it would never come due; for example \
                 `0 3 28 2 *` is the 28th of February at 03:00"
                    .to_owned(),
            ));
        }
        let hourly = cron.pattern.hours.values().len() == 24;
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        Ok(Self(Kind::Cron(Arc::new(Line { text: line.trim().to_owned(), cron, zone, name, hourly }))))
    }

    /// Every so often: at the multiples of this time since 1970-01-01T00:00:00Z, so that everybody has the same moments.
    ///
    /// # Errors
    /// `ConfigInvalid` for less than [`SHORTEST`] or more than [`LONGEST`].
    pub fn every(time: Duration) -> Result<Self> {
        if !(SHORTEST..=LONGEST).contains(&time) {
            let message =
                format!("an interval of {time:?} is out of range: from 1 second to 366 days, such as \"6h\"");
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        Ok(Self(Kind::Every(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))))
    }

    /// Whether there is such a time zone.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the nearest one.
    pub fn check_zone(name: &str) -> Result<()> {
        find(name).map(drop)
    }

    /// The first moment after this one.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Cron(line) => line.after(moment.as_millis().div_euclid(1_000).checked_add(1)?),
            Kind::Every(every) => {
                let before = moment.as_millis().div_euclid(*every);
                before.checked_add(1)?.checked_mul(*every).map(Timestamp::from_millis)
            }
        }
    }

    /// The last moment before this one.
    pub fn before(&self, moment: Timestamp) -> Option<Timestamp> {
        let last = moment.as_millis().checked_sub(1)?;
        match &self.0 {
            Kind::Cron(line) => line.before(last.div_euclid(1_000).checked_add(1)?),
            Kind::Every(every) => last.div_euclid(*every).checked_mul(*every).map(Timestamp::from_millis),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cron(line) => write!(f, "{} {}", line.text, line.name),
            Kind::Every(millis) => {
                let time = Duration::from_millis(millis.unsigned_abs());
                write!(f, "every {time:?}")
            }
        }
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When({self})")
    }
}

impl PartialEq for When {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Cron(a), Kind::Cron(b)) => (&a.text, &a.name) == (&b.text, &b.name),
            (Kind::Every(a), Kind::Every(b)) => a == b,
            _ => false,
        }
    }
}

/// The zone of this name, of the rules that came with the program: every machine of a fleet has the same.
fn find(name: &str) -> Result<TimeZone> {
    let zones = TimeZoneDatabase::bundled();
    if let Ok(zone) = zones.get(name) {
        return Ok(zone);
    }
    let given = name.to_lowercase();
    // People often know the city only.
    let likeness = |zone: &str| {
        let zone = zone.to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or_default().to_owned();
        let whole = strsim::normalized_damerau_levenshtein(&given, &zone);
        whole.max(strsim::normalized_damerau_levenshtein(&given, &city))
    };
    let nearest = zones
        .available()
        .map(|zone| (likeness(zone.as_str()), zone.to_string()))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    let hint = match nearest {
        Some((likeness, zone)) if likeness >= NEAR => format!("did you mean `{zone}`?"),
        _ => "write one such as `Asia/Seoul`, `Europe/Berlin` or `UTC`".to_owned(),
    };
    let shown: String = name.chars().take(60).collect();
    Err(Error::new(ErrorKind::ConfigInvalid, format!("unknown time zone `{shown}`; {hint}")))
}

/// A time in which a zone's clock runs evenly, in seconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    begins: Option<i64>,
    ends: Option<i64>,
    /// What the wall clock is ahead of UTC.
    offset: i64,
    /// What it was ahead before.
    before: i64,
}

impl Line {
    fn stretch_at(&self, second: i64) -> Option<Stretch> {
        let stamp = jiff::Timestamp::from_second(second).ok()?;
        let next = jiff::Timestamp::from_second(second.checked_add(1)?).ok()?;
        let begins = self.zone.preceding(next).next().map(|change| change.timestamp());
        let ends = self.zone.following(stamp).next().map(|change| change.timestamp().as_second());
        let offset = i64::from(self.zone.to_offset(stamp).seconds());
        let before = begins.and_then(|begins| begins.checked_sub(jiff::Span::new().seconds(1)).ok());
        let before = before.map_or(offset, |before| i64::from(self.zone.to_offset(before).seconds()));
        Some(Stretch { begins: begins.map(jiff::Timestamp::as_second), ends, offset, before })
    }

    /// The first wall clock time of a stretch that is its own.
    fn first_of(&self, stretch: &Stretch) -> Option<i64> {
        let ahead = if self.hourly { stretch.offset } else { stretch.before };
        stretch.begins.and_then(|begins| begins.checked_add(ahead))
    }

    /// The first moment from this second on.
    fn after(&self, mut from: i64) -> Option<Timestamp> {
        for _ in 0..MOST_STEPS {
            let stretch = self.stretch_at(from)?;
            let own = self.first_of(&stretch);
            let mut wall = from + stretch.offset;
            if let Some(own) = own {
                wall = if stretch.begins == Some(from) { own } else { wall.max(own) };
            }
            let found = self.next(wall)?;
            let at =
                stretch.begins.map_or(found - stretch.offset, |begins| begins.max(found - stretch.offset));
            match stretch.ends {
                Some(ends) if at >= ends => from = ends.max(found - stretch.offset - DAYS),
                _ => return Some(Timestamp::from_secs(at)),
            }
        }
        None
    }

    /// The last moment before this second.
    fn before(&self, mut until: i64) -> Option<Timestamp> {
        for _ in 0..MOST_STEPS {
            let stretch = self.stretch_at(until.checked_sub(1)?)?;
            let found = self.previous(until + stretch.offset - 1)?;
            let Some((begins, own)) = stretch.begins.zip(self.first_of(&stretch)) else {
                return Some(Timestamp::from_secs(found - stretch.offset));
            };
            if found >= own {
                return Some(Timestamp::from_secs(begins.max(found - stretch.offset)));
            }
            until = begins.min(found - stretch.offset + DAYS);
        }
        None
    }

    /// The first matching wall clock time from this one on.
    fn next(&self, wall: i64) -> Option<i64> {
        self.cron.find_next_occurrence(&civil(wall)?, true).ok().and_then(seconds)
    }

    /// The last matching wall clock time up to this one.
    fn previous(&self, wall: i64) -> Option<i64> {
        self.cron.find_previous_occurrence(&civil(wall)?, true).ok().and_then(seconds)
    }
}

/// A wall clock's seconds as a date and time, and back.
fn civil(wall: i64) -> Option<DateTime> {
    jiff::Timestamp::from_second(wall).ok().map(|stamp| Offset::UTC.to_datetime(stamp))
}

fn seconds(civil: DateTime) -> Option<i64> {
    Offset::UTC.to_timestamp(civil).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron(line: &str, zone: &str) -> When {
        When::cron(line, zone).unwrap()
    }

    /// The moments between two, forwards; the same must come backwards.
    fn between(when: &When, from: &str, to: &str) -> Vec<String> {
        let (from, to) = (stamp(from), stamp(to));
        let forwards: Vec<Timestamp> =
            std::iter::successors(when.after(from), |at| when.after(*at)).take_while(|at| *at < to).collect();
        let mut backwards: Vec<Timestamp> = std::iter::successors(when.before(to), |at| when.before(*at))
            .take_while(|at| *at > from)
            .collect();
        backwards.reverse();
        assert_eq!(forwards, backwards, "{when}");
        forwards.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_daily_line_is_due_at_the_zones_own_time() {
        let when = cron("0 3 * * *", "Asia/Seoul");
        let found = between(&when, "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z");
        assert_eq!(found, ["2026-01-01T18:00:00Z", "2026-01-02T18:00:00Z", "2026-01-03T18:00:00Z"]);
    }

    #[test]
    fn what_a_gap_skips_is_due_once_at_its_end() {
        // 02:00 becomes 03:00 at 2026-03-29T01:00:00Z.
        let quarters = cron("0,15,30 2 * * *", "Europe/Berlin");
        let found = between(&quarters, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00Z"]);
        let daily = cron("30 2,3 * * *", "Europe/Berlin");
        let found = between(&daily, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]);
        let sharp = cron("0 2,3 * * *", "Europe/Berlin");
        let found = between(&sharp, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00Z"], "02:00 and 03:00 are one moment, and one slot");
    }

    #[test]
    fn what_a_fold_repeats_is_due_once_at_the_first_pass() {
        // 03:00 becomes 02:00 at 2026-10-25T01:00:00Z.
        let when = cron("0,30 2,3 * * *", "Europe/Berlin");
        let found = between(&when, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
        assert_eq!(
            found,
            ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"]
        );
    }

    #[test]
    fn a_line_of_every_hour_follows_the_clock() {
        let when = cron("30 * * * *", "Europe/Berlin");
        let fold = between(&when, "2026-10-24T23:59:00Z", "2026-10-25T03:00:00Z");
        assert_eq!(fold, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
        let gap = between(&when, "2026-03-28T23:59:00Z", "2026-03-29T03:00:00Z");
        assert_eq!(gap, ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"]);
    }

    #[test]
    fn a_day_that_a_zone_leaves_out_is_made_up_for_at_its_end() {
        // Samoa had no 30th of December 2011.
        let when = cron("0 3 30 12 *", "Pacific/Apia");
        let found = between(&when, "2011-12-29T00:00:00Z", "2012-01-02T00:00:00Z");
        assert_eq!(found, ["2011-12-30T10:00:00Z"]);
    }

    #[test]
    fn changes_of_half_an_hour_count() {
        // Lord Howe: 02:00 becomes 02:30 at 2026-10-03T15:30:00Z, and back by half an hour at 2026-04-04T15:00:00Z.
        let when = cron("15 2 * * *", "Australia/Lord_Howe");
        let gap = between(&when, "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z");
        assert_eq!(gap, ["2026-10-03T15:30:00Z"]);
        let twice = cron("45 1 * * *", "Australia/Lord_Howe");
        let fold = between(&twice, "2026-04-04T00:00:00Z", "2026-04-05T00:00:00Z");
        assert_eq!(fold, ["2026-04-04T14:45:00Z"]);
    }

    #[test]
    fn rare_days_are_found_in_both_directions() {
        let leap = cron("0 0 29 2 *", "UTC");
        assert_eq!(leap.after(stamp("2026-01-01T00:00:00Z")), Some(stamp("2028-02-29T00:00:00Z")));
        assert_eq!(leap.before(stamp("2026-01-01T00:00:00Z")), Some(stamp("2024-02-29T00:00:00Z")));
        // 2100 is no leap year.
        assert_eq!(leap.after(stamp("2097-01-01T00:00:00Z")), Some(stamp("2104-02-29T00:00:00Z")));
        let zoned = cron("30 2 29 2 *", "America/New_York");
        assert_eq!(zoned.after(stamp("2097-01-01T00:00:00Z")), Some(stamp("2104-02-29T07:30:00Z")));
    }

    #[test]
    fn intervals_are_the_same_for_everybody() {
        let when = When::every(Duration::from_secs(90)).unwrap();
        let found = between(&when, "1970-01-01T00:00:00Z", "1970-01-01T00:05:00Z");
        assert_eq!(found, ["1970-01-01T00:01:30Z", "1970-01-01T00:03:00Z", "1970-01-01T00:04:30Z"]);
        assert_eq!(when.before(Timestamp::from_millis(-1)), Some(Timestamp::from_secs(-90)));
        for wrong in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(367 * 86_400)] {
            assert!(When::every(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_zone_is_answered_with_the_nearest() {
        for (given, meant) in
            [("Asia/Soul", "Asia/Seoul"), ("berlin", "Europe/Berlin"), ("asia/seoull", "Asia/Seoul")]
        {
            let error = When::cron("0 3 * * *", given).unwrap_err();
            assert!(error.message().contains(&format!("did you mean `{meant}`?")), "{error}");
        }
        let error = When::check_zone("").unwrap_err();
        assert!(error.message().contains("`Asia/Seoul`"), "{error}");
        When::check_zone("UTC").unwrap();
    }

    #[test]
    fn a_line_that_never_comes_due_is_refused() {
        for line in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            let error = When::cron(line, "UTC").unwrap_err();
            assert!(error.message().contains("never"), "{line}: {error}");
        }
        let error = When::cron("0 25 * * *", "UTC").unwrap_err();
        assert!(error.message().contains("hour, column 3"), "{error}");
    }

    #[test]
    fn the_ends_of_the_calendar_end_the_search() {
        let when = cron("0 3 * * *", "Europe/Berlin");
        for edge in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            assert_eq!(when.after(Timestamp::from_millis(edge)), None);
            assert_eq!(when.before(Timestamp::from_millis(edge)), None);
        }
        let every = When::every(Duration::from_secs(1)).unwrap();
        assert_eq!(every.after(Timestamp::from_millis(i64::MAX)), None);
        assert_eq!(every.before(Timestamp::from_millis(i64::MIN)), None);
    }
}
