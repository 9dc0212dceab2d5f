//! A page of followers, or of those somebody follows.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::Result;
use collector_core::task::{Malformed, Outcome, Page, Payload, Task};
use serde_json::value::RawValue;

use super::super::kind::{Kind, param};
use super::super::seed;
use super::super::wire::{People, Person};
use super::paging::{self, Next};
use super::videos::odd;
use super::{Reader, clean, text};
use crate::values::lenient::Part;
use crate::values::list::List;
use crate::values::{bio, ident};

pub(super) fn read(
    reader: &Reader,
    kind: Kind,
    task: &Task,
    payload: &Payload,
) -> Result<Page<CreatorSighting>> {
    let opened = reader.open::<People<'_>>(kind, payload)?;
    let data = match reader.without_data(task, payload, opened)? {
        Ok(data) => data,
        Err(page) => return Ok(page),
    };
    let mut page = reader.page(payload)?;
    let (list, name) = match kind {
        Kind::Followers => (&data.user_followers, "data.user_followers"),
        _ => (&data.user_following, "data.user_following"),
    };
    if let List::Odd(found) = list {
        page.malformed.push(odd(name, found));
    }
    for (index, raw) in list.rows().iter().enumerate() {
        match person(raw, reader.keep_email) {
            Ok(person) if page.items.iter().all(|known| known.handle != person.handle) => {
                page.items.push(person);
            }
            Ok(_) => {}
            Err(reason) => {
                page.malformed.push(Malformed { part: format!("{name}[{index}]"), reason: reason.to_owned() })
            }
        }
    }
    let next = Next {
        cursor: &data.cursor,
        has_more: data.has_more.is_set(),
        search_id: None,
        empty: list.rows().is_empty(),
        falls: true,
    };
    match paging::next(task, &next, || paging::begin(task)) {
        Ok(next) => page.follow_ups.extend(next),
        Err(error) => page.outcomes = vec![Outcome::Failed(error)],
    }
    if task.get(param::HYDRATE) != Some("false") {
        let handles = page.items.iter().filter_map(|person| ident::handle(person.handle.as_deref()?));
        page.follow_ups.extend(handles.map(|handle| seed::profile(task.source(), &handle)));
    }
    Ok(page)
}

fn person(raw: &RawValue, keep_email: bool) -> Result<CreatorSighting, &'static str> {
    let row: Person<'_> = match serde_json::from_str(raw.get()) {
        Ok(Part::Value(row)) => row,
        Ok(Part::Missing | Part::Odd(_)) => return Err("expected an object, found none"),
        Err(_) => return Err("a key comes twice, or text that cannot be decoded"),
    };
    let handle = ident::handle(&clean(text(&row.username))).ok_or("username is missing, or not a handle")?;
    let mut seen = CreatorSighting::showing(aspect::LIST_ROW);
    seen.handle = Some(handle.into());
    bio::set_name(&mut seen, &clean(text(&row.display_name)), keep_email);
    Ok(seen)
}
