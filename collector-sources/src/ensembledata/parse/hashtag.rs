//! A page of a hashtag's posts: authors, the next page, and the profiles that follow.

use std::collections::HashSet;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Outcome, Page, Payload, Task};

use super::super::request::{Kind, param};
use super::super::wire::{Count, Lenient, Posts};
use super::super::{ident, seed};
use super::post::{self, Authors};
use super::{Answer, Reader};

/// Empty pages in a row after which a list that still has a cursor is at its end.
const MOST_EMPTY_PAGES: u32 = 3;

pub(super) fn read(reader: &Reader, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
    let cost = Kind::Hashtag.cost(0);
    let (posts, beside) = match reader.open::<Posts<'_>>(payload)? {
        Answer::Data { data, next_cursor } => (data, next_cursor),
        Answer::Absent(absence) => return reader.absent(tasks, payload, cost, absence),
    };
    let mut page = reader.page(tasks, payload, cost)?;
    let mut authors = Authors::default();
    for (index, raw) in posts.rows.iter().enumerate() {
        let place = format!("{}[{index}]", posts.place);
        match post::read(raw, &place, reader.keep_email, &mut page.malformed) {
            Ok(row) => authors.add(row),
            Err(malformed) => page.malformed.push(malformed),
        }
    }
    page.items = authors.into_sightings();
    // A call for a page has one task.
    for (task, outcome) in tasks.iter().zip(&mut page.outcomes) {
        match next(task, posts.next_cursor.or(&beside), posts.rows.is_empty()) {
            Ok(next) => page.follow_ups.extend(next),
            Err(error) => *outcome = Outcome::Failed(error),
        }
        if task.get(param::HYDRATE) != Some("false") {
            page.follow_ups.extend(profiles(task, &page.items));
        }
    }
    Ok(page)
}

/// The next page; `None` at the end: no cursor, the cursor just sent, or too many empty pages in a row.
///
/// # Errors
/// `Malformed` when the cursor is unreadable, or leads back to pages already read.
fn next(task: &Task, cursor: &Count, empty: bool) -> Result<Option<Task>> {
    let sent = number(task, param::CURSOR);
    let cursor = match *cursor {
        Lenient::Missing => return Ok(None),
        Lenient::Value(cursor) if cursor == sent => return Ok(None),
        // The cursor is an offset into the list: one that goes back would go round for ever.
        Lenient::Value(cursor) if cursor < sent => return Err(repeated(sent, cursor)),
        Lenient::Value(cursor) => cursor,
        Lenient::Odd(found) => {
            return Err(Error::new(ErrorKind::Malformed, "the next page's cursor cannot be used")
                .with("found", found));
        }
    };
    let empty = if empty { u32::try_from(number(task, param::EMPTY)).unwrap_or(0) + 1 } else { 0 };
    Ok(if empty >= MOST_EMPTY_PAGES { None } else { seed::next_page(task, cursor, empty) })
}

fn number(task: &Task, name: &str) -> u64 {
    task.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn repeated(sent: u64, cursor: u64) -> Error {
    Error::new(ErrorKind::Malformed, "repeated cursor: the list goes back to a page already read")
        .with("sent", sent)
        .with("next", cursor)
}

/// One task for the profile of each author, by the key that never moves if it is known.
fn profiles(page: &Task, authors: &[CreatorSighting]) -> Vec<Task> {
    let mut seen = HashSet::new();
    let profile = |author: &CreatorSighting| match (&author.sec_uid, &author.handle) {
        (Some(sec_uid), _) => Some(seed::by_sec_uid(page.source(), sec_uid)),
        (None, Some(handle)) => Some(seed::by_handle(page.source(), &ident::handle(handle)?)),
        (None, None) => None,
    };
    authors.iter().filter_map(profile).filter(|task| seen.insert(task.subject().to_owned())).collect()
}
