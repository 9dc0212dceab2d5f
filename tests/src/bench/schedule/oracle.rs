//! What should become of every slot, found naively: the local wall clock is read minute by minute, a cron line is five lists
//! of numbers, and slots are gone through one after the other. Nothing of the scheduler is used.

use std::collections::{BTreeMap, BTreeSet};

use collector_core::schedule::{CatchUp, Overlap};
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::race::Race;
use crate::bench::Failure;

/// What is on time, in seconds.
const ON_TIME: i64 = 60;

/// What should become of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Fired,
    Missed,
    Superseded,
    Overlap,
    /// Nobody has looked at it yet, or it waits for a run.
    Open,
}

/// A cron line as lists of numbers.
struct Numbers {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    days: BTreeSet<i8>,
    months: BTreeSet<i8>,
    weekdays: BTreeSet<i8>,
    any_day: bool,
    any_weekday: bool,
}

impl Numbers {
    fn of(line: &str) -> Result<Self, Failure> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else { return Err("five fields".into()) };
        Ok(Self {
            minutes: numbers(minutes, 0, 59)?,
            hours: numbers(hours, 0, 23)?,
            days: numbers(days, 1, 31)?,
            months: numbers(months, 1, 12)?,
            weekdays: numbers(weekdays, 0, 6)?,
            any_day: days == "*",
            any_weekday: weekdays == "*",
        })
    }

    fn has(&self, wall: DateTime) -> bool {
        let day = self.days.contains(&wall.day());
        let weekday = self.weekdays.contains(&wall.weekday().to_sunday_zero_offset());
        let on_day = match (self.any_day, self.any_weekday) {
            (false, false) => day || weekday,
            _ => day && weekday,
        };
        on_day
            && self.minutes.contains(&wall.minute())
            && self.hours.contains(&wall.hour())
            && self.months.contains(&wall.month())
    }
}

fn numbers(field: &str, least: i8, most: i8) -> Result<BTreeSet<i8>, Failure> {
    let mut found = BTreeSet::new();
    for item in field.split(',') {
        let (span, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match (span, span.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => (from.parse()?, to.parse()?),
            (one, None) => (one.parse()?, one.parse()?),
        };
        found.extend((from..=to).step_by(step.parse()?));
    }
    Ok(found)
}

fn wall(zone: &TimeZone, second: i64) -> Result<DateTime, Failure> {
    Ok(zone.to_datetime(jiff::Timestamp::from_second(second)?))
}

/// The slots of a line after one moment and before another. A line with something in every hour goes by the clock. For any
/// other the wall clock counts, and only where it is further than ever before: what it leaves out is due at once, what it
/// shows again is not.
fn slots(zone: &TimeZone, line: &str, after: i64, before: i64) -> Result<Vec<i64>, Failure> {
    let numbers = Numbers::of(line)?;
    let by_the_clock = numbers.hours.len() == 24;
    // A day and more before: then the highest wall clock is known.
    let mut second = (after - 48 * 3_600).div_euclid(60) * 60;
    let mut highest = wall(zone, second)?;
    let mut slots = Vec::new();
    loop {
        second += 60;
        if second >= before {
            return Ok(slots);
        }
        let shown = wall(zone, second)?;
        let mut due = false;
        if by_the_clock {
            due = numbers.has(shown);
        } else {
            while highest < shown {
                highest = highest.checked_add(jiff::Span::new().minutes(1))?;
                due |= numbers.has(highest);
            }
        }
        if due && second > after {
            slots.push(second);
        }
    }
}

/// What should become of every slot of a schedule in a race.
pub(super) fn fates(
    zone: &str,
    line: &str,
    catch_up: CatchUp,
    overlap: Overlap,
    race: &Race,
    schedule: usize,
) -> Result<BTreeMap<i64, Expected>, Failure> {
    let zone = TimeZoneDatabase::bundled().get(zone)?;
    let slots = slots(&zone, line, race.since(), race.to)?;
    let mut fates: BTreeMap<i64, Expected> = slots.iter().map(|slot| (*slot, Expected::Open)).collect();
    let mut moments: BTreeSet<i64> = race.arrivals().chain(slots).collect();
    let mut run_until = i64::MIN;
    while let Some(now) = moments.pop_first() {
        if now >= race.to || !race.is_served(now) {
            continue;
        }
        let due: Vec<i64> = fates
            .iter()
            .filter(|(at, fate)| **at <= now && **fate == Expected::Open)
            .map(|(at, _)| *at)
            .collect();
        let Some(newest) = due.last().copied() else { continue };
        for slot in due {
            let overlaps = slot < run_until;
            let fate = if overlaps && overlap == Overlap::Skip {
                Expected::Overlap
            } else if slot < newest {
                if catch_up == CatchUp::Latest || overlaps { Expected::Superseded } else { Expected::Missed }
            } else if now < run_until {
                Expected::Open
            } else if catch_up == CatchUp::None && now - slot.max(run_until) >= ON_TIME {
                Expected::Missed
            } else {
                run_until = now + race.run_takes(schedule, slot);
                moments.insert(run_until);
                Expected::Fired
            };
            fates.insert(slot, fate);
        }
    }
    Ok(fates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_itself_knows_the_changes_everybody_knows() {
        let berlin = TimeZoneDatabase::bundled().get("Europe/Berlin").expect("the zone");
        let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_second();
        let gap = slots(&berlin, "30 2 * * *", at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z"));
        assert_eq!(gap.expect("slots"), [at("2026-03-29T01:00:00Z")]);
        let fold = slots(&berlin, "30 2 * * *", at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z"));
        assert_eq!(fold.expect("slots"), [at("2026-10-25T00:30:00Z")]);
        let hourly = slots(&berlin, "30 * * * *", at("2026-10-24T23:59:00Z"), at("2026-10-25T02:00:00Z"));
        assert_eq!(hourly.expect("slots"), [at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")]);
    }
}
