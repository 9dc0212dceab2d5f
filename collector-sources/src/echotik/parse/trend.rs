//! Somebody's figures day by day: with gaps, in any order.

use std::collections::BTreeMap;

use collector_core::creator::{CreatorSighting, DayFigures};
use collector_core::error::Result;
use collector_core::task::{Malformed, Outcome, Page, Task};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::TREND;
use super::super::date::Date;
use super::super::follow;
use super::super::kind::Kind;
use super::super::wire::{self, Row};
use super::{figures, person};
use crate::values::answer::Fields;

pub(super) fn read(tasks: &[Task], data: &RawValue, page: &mut Page<CreatorSighting>) -> Result<()> {
    let rows = wire::rows(data)?;
    // A call for a page has one task.
    let [task] = tasks else { return Ok(()) };
    let mut days: BTreeMap<i32, (DayFigures, Map<String, Value>)> = BTreeMap::new();
    let mut last = None;
    for (index, raw) in rows.iter().enumerate() {
        let place = format!("data[{index}]");
        match day(task, raw, &place, &mut page.malformed) {
            Ok((date, figures, rest)) => {
                last = Some(date.to_string());
                days.insert(date.0, (figures, rest));
            }
            Err((part, reason)) => {
                page.malformed.push(Malformed { part: format!("{place}{part}"), reason: reason.to_owned() });
            }
        }
    }
    if let Some((newest, (figures, rest))) = days.last_key_value() {
        let mut seen = CreatorSighting::showing(TREND);
        seen.uid = Some(task.subject().into());
        seen.as_of = Some(Date(*newest).end());
        (seen.followers, seen.videos) = (figures.followers, figures.videos);
        let mut rest = rest.clone();
        rest.insert("dt".to_owned(), Value::from(Date(*newest).to_string()));
        seen.extra.insert("trend".into(), Value::Object(rest));
        seen.history = days.into_values().map(|(figures, _)| figures).collect();
        page.items.push(seen);
    }
    match follow::next_page(task, Kind::Trend, rows.len(), last.as_deref()) {
        Ok(next) => page.follow_ups.extend(next),
        Err(error) => page.outcomes = vec![Outcome::Failed(error)],
    }
    Ok(())
}

type Day = (Date, DayFigures, Map<String, Value>);

/// One day, or what makes the row unusable.
fn day(
    task: &Task,
    raw: &RawValue,
    place: &str,
    malformed: &mut Vec<Malformed>,
) -> Result<Day, (&'static str, &'static str)> {
    let row = Row::read(raw).map_err(|reason| ("", reason))?;
    let dt = row.text("dt");
    let date = super::said(&dt).and_then(Date::parse).ok_or((".dt", "not a day such as 2026-11-28"))?;
    if person::who(&row).uid.is_some_and(|uid| *uid != *task.subject()) {
        return Err((".user_id", "somebody else than was asked about"));
    }
    let mut fields = Fields { place, malformed };
    let figures = person::day(&row, date.0, &mut fields);
    let mut rest = Map::new();
    figures::add(&mut rest, &row, figures::OF_DAYS, &mut fields);
    Ok((date, figures, rest))
}
