//! What the database has about ten people: the answer leaves out whom it does not have, in an order of its own.

use std::collections::HashMap;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Absence, Malformed, Outcome, Page, Payload, Task};
use serde_json::value::RawValue;

use super::super::config::RealTime;
use super::super::kind::Kind;
use super::super::wire::{self, Row};
use super::super::{DATABASE, follow, seed};
use super::Reader;
use super::person::{self, TOTALS};
use crate::values::answer::Fields;
use crate::values::ident;

pub(super) fn read(
    reader: &Reader,
    kind: Kind,
    tasks: &[Task],
    payload: &Payload,
    data: &RawValue,
    page: &mut Page<CreatorSighting>,
) -> Result<()> {
    let rows = wire::rows(data)?;
    super::all(page, || Outcome::Absent(Absence::NotFound));
    let asked: HashMap<&str, usize> =
        tasks.iter().enumerate().map(|(index, task)| (task.subject(), index)).collect();
    let mut seen: Vec<(Option<usize>, CreatorSighting)> = Vec::new();
    let mut nameless = Vec::new();
    for (index, raw) in rows.into_iter().enumerate() {
        let place = format!("data[{index}]");
        let row = match Row::read(raw) {
            Ok(row) => row,
            Err(reason) => {
                nameless.push(Malformed { part: place, reason: reason.to_owned() });
                continue;
            }
        };
        let task = key(kind, &row).and_then(|key| asked.get(&*key).copied());
        match creator(reader, payload, &row, &place, &mut page.malformed) {
            Ok(Found::Somebody(somebody)) => seen.push((task, *somebody)),
            Ok(Found::Gone) => {
                if let Some(outcome) = task.and_then(|task| page.outcomes.get_mut(task)) {
                    *outcome = Outcome::Absent(Absence::Deleted);
                }
            }
            Err(malformed) => match task.and_then(|task| page.outcomes.get_mut(task)) {
                Some(outcome) => *outcome = Outcome::Failed(failure(malformed)),
                None => nameless.push(malformed),
            },
        }
    }
    answer(kind, tasks, seen, page);
    blame(nameless, page);
    for (task, outcome) in tasks.iter().zip(&page.outcomes) {
        let missing = matches!(outcome, Outcome::Absent(Absence::NotFound));
        if missing && kind == Kind::DetailsByHandle && reader.settings.real_time != RealTime::Off {
            page.follow_ups.push(seed::live_profile(task.source(), task.subject()));
        }
    }
    follow_up(reader, tasks, payload, page);
    Ok(())
}

/// What a row shows.
enum Found {
    Somebody(Box<CreatorSighting>),
    /// An account that is not there any more.
    Gone,
}

fn creator(
    reader: &Reader,
    payload: &Payload,
    row: &Row<'_>,
    place: &str,
    malformed: &mut Vec<Malformed>,
) -> Result<Found, Malformed> {
    if row.count("off_mark").value().is_some_and(|mark| *mark > 0) {
        return Ok(Found::Gone);
    }
    let mut seen = person::sighting(row, DATABASE, TOTALS, reader.keep_email, place, malformed)?;
    person::add_extra(&mut seen, row, &mut Fields { place, malformed });
    seen.as_of = Some(super::as_of(payload.at));
    Ok(Found::Somebody(Box::new(seen)))
}

/// What a row answers, in the words it was asked in.
fn key(kind: Kind, row: &Row<'_>) -> Option<Box<str>> {
    let who = person::who(row);
    match kind {
        Kind::Details => who.uid,
        _ => ident::handle(&who.handle?).map(Into::into),
    }
}

/// Gives each task its creator. A row that does not show its handle is whose it can only be.
fn answer(
    kind: Kind,
    tasks: &[Task],
    seen: Vec<(Option<usize>, CreatorSighting)>,
    page: &mut Page<CreatorSighting>,
) {
    for task in seen.iter().filter_map(|(task, _)| *task) {
        if let Some(outcome) = page.outcomes.get_mut(task) {
            *outcome = Outcome::Done;
        }
    }
    let without: Vec<usize> = page
        .outcomes
        .iter()
        .enumerate()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Absent(Absence::NotFound)))
        .map(|(index, _)| index)
        .collect();
    let unnamed = seen.iter().filter(|(task, one)| task.is_none() && one.handle.is_none()).count();
    for (task, mut one) in seen {
        if let (None, None, [only], 1, Kind::DetailsByHandle) =
            (task, &one.handle, &without[..], unnamed, kind)
            && let (Some(task), Some(outcome)) = (tasks.get(*only), page.outcomes.get_mut(*only))
        {
            one.handle = Some(task.subject().into());
            *outcome = Outcome::Done;
        }
        page.items.push(one);
    }
}

/// Rows that do not say whose they are may be anybody's who is still without an answer: none of these is told to be
/// unknown.
fn blame(nameless: Vec<Malformed>, page: &mut Page<CreatorSighting>) {
    let Some(first) = nameless.first() else { return };
    for outcome in &mut page.outcomes {
        if matches!(outcome, Outcome::Absent(Absence::NotFound)) {
            *outcome = Outcome::Failed(
                Error::new(ErrorKind::Malformed, "a row cannot be read, and this may be it")
                    .with("at", &first.part)
                    .with("found", &first.reason),
            );
        }
    }
    page.malformed.extend(nameless);
}

/// What else is asked about those who were found.
fn follow_up(reader: &Reader, tasks: &[Task], payload: &Payload, page: &mut Page<CreatorSighting>) {
    let Page { items, outcomes, follow_ups, malformed, .. } = page;
    for (task, outcome) in tasks.iter().zip(outcomes) {
        if !matches!(outcome, Outcome::Done) {
            continue;
        }
        let of_task = |one: &&CreatorSighting| {
            let handle = one.handle.as_deref().and_then(ident::handle);
            one.uid.as_deref() == Some(task.subject()) || handle.as_deref() == Some(task.subject())
        };
        let Some(seen) = items.iter().find(of_task) else { continue };
        if reader.settings.pictures {
            follow_ups.extend(follow::picture(task, seen));
        }
        if reader.settings.real_time == RealTime::Always
            && let Some(handle) = seen.handle.as_deref().and_then(ident::handle)
        {
            follow_ups.push(seed::live_profile(task.source(), &handle));
        }
        let (lists, missing) = follow::lists(task, seen, payload.at);
        follow_ups.extend(lists);
        if let Some(key) = missing {
            let reason = "missing: what else was asked for cannot be had without it";
            malformed.push(Malformed { part: format!("data.{key}"), reason: reason.to_owned() });
        }
    }
}

fn failure(malformed: Malformed) -> Error {
    Error::new(ErrorKind::Malformed, malformed.reason).with("at", malformed.part)
}
