//! Where a list goes on, where it ends, and what to do when the vendor has lost it.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::id::Name;
use collector_core::task::{Outcome, Payload, Task};

use super::super::kind::param;
use super::super::request::PAGE;
use crate::values::lenient::{Count, Lenient};

/// Empty pages in a row after which a list that says there is more is at its end.
pub(super) const MOST_EMPTY_PAGES: u32 = 10;

/// How often a page that was refused as expired is asked for again, each time a step later than before.
const AGAIN: u32 = 5;
const STEP: Duration = Duration::from_secs(5);

/// How often a search is begun anew because of that.
const ANEW: u32 = 2;

/// What an answer says about where its list goes on.
#[derive(Debug)]
pub(super) struct Next<'a> {
    pub(super) cursor: &'a Count,
    pub(super) has_more: bool,
    pub(super) search_id: Option<&'a str>,
    /// Whether the page had nobody on it.
    pub(super) empty: bool,
    /// Whether cursors are times, which fall, or count what was read.
    pub(super) falls: bool,
}

/// The next page; `None` at the end: the vendor says so, too many empty pages in a row, or the asked number of pages.
///
/// # Errors
/// `Malformed` when the cursor is unreadable or leads back to pages already read.
pub(super) fn next(task: &Task, found: &Next<'_>, anew: impl Fn() -> Task) -> Result<Option<Task>, Error> {
    if !found.has_more {
        return Ok(None);
    }
    let sent = task.get(param::CURSOR).and_then(|cursor| cursor.parse::<u64>().ok());
    let cursor = match found.cursor {
        Lenient::Value(cursor) => *cursor,
        Lenient::Missing => return Err(unusable("nothing")),
        Lenient::Odd(found) => return Err(unusable(found)),
    };
    let moves = match (found.falls, sent) {
        (true, Some(sent)) => cursor < sent,
        (true, None) => cursor > 0,
        (false, sent) => cursor > sent.unwrap_or(0),
    };
    if !moves {
        let message = "repeated cursor: the list goes back to a page already read";
        return Err(Error::new(ErrorKind::Malformed, message)
            .with("sent", sent.unwrap_or(0))
            .with("next", cursor));
    }
    let empty = if found.empty { number(task, param::EMPTY) + 1 } else { 0 };
    if empty >= MOST_EMPTY_PAGES {
        return Ok(None);
    }
    let left = match task.get(param::PAGES_LEFT).and_then(|left| left.parse::<u32>().ok()) {
        Some(0 | 1) => return Ok(None),
        left => left.map(|left| left - 1),
    };
    let mut next = anew().param(param::CURSOR, cursor.to_string());
    if let Some(id) = found.search_id.or(task.get(param::SEARCH_ID)) {
        next = next.param(param::SEARCH_ID, id);
    }
    if empty > 0 {
        next = next.param(param::EMPTY, empty.to_string());
    }
    if let Some(left) = left {
        next = next.param(param::PAGES_LEFT, left.to_string());
    }
    if let Some(anew) = task.get(param::ANEW) {
        next = next.param(param::ANEW, anew);
    }
    Ok(Some(next))
}

/// The list of `task` from its beginning: what was asked, and nothing of where it had come to.
pub(super) fn begin(task: &Task) -> Task {
    let dropped =
        [param::CURSOR, param::SEARCH_ID, param::EMPTY, param::PAGES_LEFT, param::AGAIN, param::ANEW];
    rebuilt(task, |name| !dropped.contains(&name))
}

fn rebuilt(task: &Task, keeps: impl Fn(&str) -> bool) -> Task {
    let mut again = Task::new(Name::clone(task.source()), Name::clone(task.kind()), task.subject())
        .per_run()
        .priority(task.rank());
    for (name, value) in task.params().iter().filter(|(name, _)| keeps(name)) {
        again = again.param(name, value);
    }
    if let Some(target) = task.target() {
        again = again.about(target.id.clone(), Name::clone(&target.aspect));
    }
    again
}

/// What to do with a page that was refused although it was asked for rightly: the same page a little later, and when
/// that does not help, the whole search anew. Posts that come twice count once.
pub(super) fn again(task: &Task, payload: &Payload) -> Outcome {
    let refused = number(task, param::AGAIN) + 1;
    if refused <= AGAIN {
        let again = rebuilt(task, |name| name != param::AGAIN).param(param::AGAIN, refused.to_string());
        return Outcome::Restart(again.not_before(payload.at + STEP * refused));
    }
    let anew = number(task, param::ANEW) + 1;
    if anew > ANEW {
        let message = "the vendor loses this search again and again";
        return Outcome::Failed(Error::new(ErrorKind::Unavailable, message).with("begun", anew));
    }
    let mut root = begin(task);
    if let Some(left) = task.get(param::PAGES_LEFT).and_then(|left| left.parse::<u64>().ok()) {
        // Cursors of searches count what was read; those pages come again.
        let read =
            task.get(param::SEARCH_ID).and(task.get(param::CURSOR)).and_then(|read| read.parse::<u64>().ok());
        let pages = left.saturating_add(read.unwrap_or(0) / u64::from(PAGE));
        root = root.param(param::PAGES_LEFT, pages.to_string());
    }
    Outcome::Restart(root.param(param::ANEW, anew.to_string()))
}

fn number(task: &Task, name: &str) -> u32 {
    task.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn unusable(found: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, "there is more, but the next page's cursor cannot be used")
        .with("found", found)
}
