//! Where a list goes on, and where it ends.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Task;

use super::super::follow::{self, Next};
use super::super::kind::{Paging, param};
use super::super::wire::{Count, Lenient, Text};

/// Empty pages in a row after which a list that still has a cursor is at its end.
const MOST_EMPTY_PAGES: u32 = 3;

/// The cursors an answer came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursors<'a> {
    pub(super) cursor: &'a Count,
    pub(super) page_token: &'a Text<'a>,
}

/// The next page; `None` at the end: no cursor, the cursor just sent, too many empty pages in a row, or the asked
/// number of pages.
///
/// # Errors
/// `Malformed` when the cursor is unreadable, or leads back to pages already read.
pub(super) fn next(task: &Task, paging: Paging, cursors: Cursors<'_>, empty: bool) -> Result<Option<Task>> {
    let sent = number(task, param::CURSOR);
    let cursor = match *cursors.cursor {
        Lenient::Missing => return Ok(None),
        Lenient::Value(cursor) if cursor == sent => return Ok(None),
        // A cursor that turns round would go round for ever.
        Lenient::Value(cursor) if turns_round(paging, sent, cursor) => return Err(repeated(sent, cursor)),
        Lenient::Value(cursor) => cursor,
        Lenient::Odd(found) => {
            return Err(Error::new(ErrorKind::Malformed, "the next page's cursor cannot be used")
                .with("found", found));
        }
    };
    let empty = if empty { u32::try_from(number(task, param::EMPTY)).unwrap_or(0) + 1 } else { 0 };
    if paging == Paging::Whole || empty >= MOST_EMPTY_PAGES {
        return Ok(None);
    }
    let page_token = cursors.page_token.value().map(|token| token.to_string());
    Ok(follow::next_page(task, &Next { cursor, page_token, empty }))
}

/// Offsets grow; times fall from page to page, and the first page is asked for with 0.
fn turns_round(paging: Paging, sent: u64, cursor: u64) -> bool {
    match paging {
        Paging::Whole => false,
        Paging::Offset => cursor < sent,
        Paging::Time => sent != 0 && cursor > sent,
    }
}

fn number(task: &Task, name: &str) -> u64 {
    task.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn repeated(sent: u64, cursor: u64) -> Error {
    Error::new(ErrorKind::Malformed, "repeated cursor: the list goes back to a page already read")
        .with("sent", sent)
        .with("next", cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sent: &str, paging: Paging, cursor: u64) -> Result<Option<String>> {
        let task = Task::new("e", "k", "x").param(param::CURSOR, sent);
        let (cursor, token) = (Count::Value(cursor), Text::Missing);
        let cursors = Cursors { cursor: &cursor, page_token: &token };
        next(&task, paging, cursors, false).map(|next| next?.get(param::CURSOR).map(str::to_owned))
    }

    #[test]
    fn offsets_grow_and_times_fall() {
        assert_eq!(after("20", Paging::Offset, 40).unwrap().as_deref(), Some("40"));
        assert_eq!(after("0", Paging::Time, 1_790_000_000).unwrap().as_deref(), Some("1790000000"));
        assert_eq!(after("1790000000", Paging::Time, 1_780_000_000).unwrap().as_deref(), Some("1780000000"));
        for (sent, paging, cursor) in
            [("40", Paging::Offset, 20), ("1780000000", Paging::Time, 1_790_000_000)]
        {
            assert_eq!(after(sent, paging, cursor).unwrap_err().kind(), ErrorKind::Malformed, "{paging:?}");
            assert_eq!(
                after(sent, paging, sent.parse().unwrap()).unwrap(),
                None,
                "the cursor just sent ends it"
            );
        }
        assert_eq!(after("0", Paging::Whole, 40).unwrap(), None);
        // The largest is no number any counter holds without overflow; it is only passed on.
        assert_eq!(after("0", Paging::Offset, u64::MAX).unwrap().as_deref(), Some("18446744073709551615"));
    }
}
