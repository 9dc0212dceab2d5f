//! A page of a list of posts or people: who is on it, the next page, and the profiles that follow.

use std::collections::HashSet;

use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::task::{Outcome, Page, Payload, Task};

use super::super::kind::{Kind, Paging, param};
use super::super::wire::Listing;
use super::super::{follow, seed};
use super::paging::{self, Cursors};
use super::row;
use super::{Answer, Reader};
use crate::values::found::Found;
use crate::values::ident;

pub(super) fn read(
    reader: &Reader,
    kind: Kind,
    tasks: &[Task],
    payload: &Payload,
) -> Result<Page<CreatorSighting>> {
    let price = |rows| reader.settings.price(kind, tasks, rows);
    let (listing, beside) = match reader.open::<Listing<'_>>(payload)? {
        Answer::Data { data, next_cursor } => (data, next_cursor),
        Answer::Absent(absence) => return reader.absent(tasks, payload, price(None), absence),
    };
    let mut page = reader.page(tasks, payload, None)?;
    let (mut found, mut others) = (Found::default(), 0);
    for (index, raw) in listing.rows.iter().enumerate() {
        let place = format!("{}[{index}]", listing.place);
        match row::read(kind, raw, &place, reader.keep_email, &mut page.malformed) {
            Ok(Some(row)) => found.add(row.author, row.post),
            Ok(None) => others += 1,
            Err(malformed) => page.malformed.push(malformed),
        }
    }
    page.items = found.into_sightings();
    page.cost = page.cost.or_else(|| price(Some(listing.rows.len() - others)));
    let cursors = Cursors { cursor: listing.next_cursor.or(&beside), page_token: &listing.next_page_token };
    // A call for a page has one task.
    for (task, outcome) in tasks.iter().zip(&mut page.outcomes) {
        let reached = drop_older(task, &mut page.items);
        let paging = if reached { Paging::Whole } else { kind.paging() };
        match paging::next(task, paging, cursors, listing.rows.is_empty()) {
            Ok(next) => page.follow_ups.extend(next),
            Err(error) => *outcome = Outcome::Failed(error),
        }
        if !is_about_one(kind) {
            page.follow_ups.extend(profiles(task, &page.items));
        }
    }
    Ok(page)
}

/// Leaves out posts that are older than was asked for; tells whether the list has come to them. Pinned posts come
/// first and are old: they say nothing about how far the list has come.
fn drop_older(task: &Task, items: &mut [CreatorSighting]) -> bool {
    let Some(since) = follow::since(task) else { return false };
    let mut reached = false;
    for item in items {
        item.posts.retain(|post| {
            let older = post.created_at.is_some_and(|at| at < since);
            reached |= older && !post.pinned;
            !older
        });
    }
    reached
}

/// Whether the list is of one person, whose profile led to it.
fn is_about_one(kind: Kind) -> bool {
    matches!(kind, Kind::UserPosts | Kind::UserPostsBySecUid)
}

/// One task for the profile of each person, by the key that never moves if it is known. Unless the query says
/// otherwise, only of those whom the row did not count: the others have all a profile has.
fn profiles(page: &Task, people: &[CreatorSighting]) -> Vec<Task> {
    let wanted = |person: &&CreatorSighting| match page.get(param::HYDRATE) {
        Some("false") => false,
        Some(_) => true,
        None => person.followers.is_none() || person.videos.is_none(),
    };
    let profile = |person: &CreatorSighting| match (&person.sec_uid, &person.handle) {
        (Some(sec_uid), _) => Some(seed::by_sec_uid(page.source(), sec_uid)),
        (None, Some(handle)) => Some(seed::by_handle(page.source(), &ident::handle(handle)?)),
        (None, None) => None,
    };
    let mut seen = HashSet::new();
    let tasks = people.iter().filter(wanted).filter_map(profile);
    tasks.filter(|task| seen.insert(task.subject().to_owned())).collect()
}
