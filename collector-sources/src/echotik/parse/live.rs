//! What the platform itself says, passed on by the vendor: its own objects, with statuses of its own.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Absence, Malformed, Outcome, Page, Task};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::follow;
use super::super::kind::param;
use super::super::wire::{self, LiveProfile, LiveVideos};
use super::Reader;
use crate::mobile::figures::figures;
use crate::mobile::{Post, person};
use crate::values::answer::{Fields, misshapen};
use crate::values::found::Found;
use crate::values::ident;
use crate::values::lenient::{Lenient, Part};
use crate::values::list::List;

/// Words with which the platform says that there is nobody, in lower case.
const NOBODY: [&str; 4] = ["not exist", "doesn't exist", "not found", "no user"];

/// What becomes of tasks that were refused with a code nobody has documented: they are asked once more. Then it is an
/// answer if it reads like one.
pub(super) fn refused(tasks: &[Task], error: Error) -> Vec<Outcome> {
    let text = error.to_string().to_lowercase();
    let nobody = NOBODY.iter().any(|words| text.contains(words)) || text.contains("code: 404");
    let mut error = Some(error);
    let outcome = |task: &Task| match task.get(param::AGAIN) {
        _ if nobody => Outcome::Absent(Absence::NotFound),
        None => Outcome::Restart(follow::changed(task, param::AGAIN, Some("true"))),
        Some(_) => Outcome::Failed(
            error.take().unwrap_or_else(|| Error::new(ErrorKind::Rejected, "the request was refused")),
        ),
    };
    tasks.iter().map(outcome).collect()
}

/// What the platform's status says of an account; `None` when all is well.
fn absence(status: u64) -> Option<Absence> {
    match status {
        0 => None,
        10_222 => Some(Absence::Private),
        10_223..=10_230 => Some(Absence::Restricted),
        _ => Some(Absence::NotFound),
    }
}

fn decode<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<Option<T>> {
    match serde_json::from_str(data.get()) {
        Ok(Part::Value(value)) => Ok(Some(value)),
        Ok(Part::Missing) => Ok(None),
        // A list without entries is one of the vendor's ways to say that there is nothing.
        Ok(Part::Odd(_)) if wire::rows(data).is_ok_and(|rows| rows.is_empty()) => Ok(None),
        _ => Err(misshapen("data", "an object")),
    }
}

/// A profile.
pub(super) fn profile(
    reader: &Reader,
    tasks: &[Task],
    data: &RawValue,
    page: &mut Page<CreatorSighting>,
) -> Result<()> {
    let profile: LiveProfile<'_> = decode(data)?.unwrap_or_default();
    let status = profile.status_code.value().copied().unwrap_or(0);
    let user = match (absence(status), &profile.user) {
        (Some(absence), _) => {
            super::all(page, || Outcome::Absent(absence));
            return Ok(());
        }
        (None, Part::Value(user)) => user,
        (None, Part::Missing) => {
            super::all(page, || Outcome::Absent(Absence::NotFound));
            return Ok(());
        }
        (None, Part::Odd(_)) => return Err(misshapen("data.user", "an object")),
    };
    if user.user_canceled.is_set() {
        super::all(page, || Outcome::Absent(Absence::Deleted));
        return Ok(());
    }
    let mut fields = Fields { place: "data.user", malformed: &mut page.malformed };
    let mut seen = person::sighting(user, None, aspect::PROFILE, reader.keep_email, &mut fields);
    if !person::says_anything(&seen) {
        return Err(misshapen("data.user", "a user"));
    }
    if !person::has_counters(user, &Part::Missing) {
        fields.refuse::<()>("follower_count", "no counter at all, though profiles have them");
    }
    // A call for a profile has one task.
    for (task, outcome) in tasks.iter().zip(&mut page.outcomes) {
        match seen.handle.as_deref().and_then(ident::handle) {
            // Somebody else's profile is a sighting of theirs, and no answer.
            Some(handle) if *handle != *task.subject() => *outcome = Outcome::Absent(Absence::NotFound),
            Some(_) => {}
            None if seen.uid.is_none() && seen.sec_uid.is_none() => seen.handle = Some(task.subject().into()),
            None => {}
        }
    }
    page.items.push(seen);
    Ok(())
}

/// A page of somebody's own posts.
pub(super) fn videos(
    reader: &Reader,
    tasks: &[Task],
    data: &RawValue,
    page: &mut Page<CreatorSighting>,
) -> Result<()> {
    let Some(videos) = decode::<LiveVideos<'_>>(data)? else {
        super::all(page, || Outcome::Absent(Absence::NotFound));
        return Ok(());
    };
    if let Some(absence) = absence(videos.status_code.value().copied().unwrap_or(0)) {
        super::all(page, || Outcome::Absent(absence));
        return Ok(());
    }
    let mut found = Found::default();
    let missing = match videos.aweme_list {
        List::Odd(found) => return Err(misshapen("data.aweme_list", "a list").with("found", found)),
        // Every page has the member, be it empty: without it this is another answer.
        List::Missing => videos.has_more.is_missing(),
        List::Rows(_) => false,
    };
    if missing {
        return Err(misshapen("data.aweme_list", "a list"));
    }
    for (index, raw) in videos.aweme_list.rows().iter().enumerate() {
        let place = format!("data.aweme_list[{index}]");
        if let Err(malformed) = post(reader, raw, &place, &mut found, &mut page.malformed) {
            page.malformed.push(malformed);
        }
    }
    page.items = found.into_sightings();
    for (task, outcome) in tasks.iter().zip(&mut page.outcomes) {
        match next(task, &videos) {
            Ok(next) => page.follow_ups.extend(next),
            Err(error) => *outcome = Outcome::Failed(error),
        }
    }
    Ok(())
}

/// The next page: the cursor is the time of the last row, so it falls.
fn next(task: &Task, videos: &LiveVideos<'_>) -> Result<Option<Task>> {
    if videos.has_more.value().is_none_or(|more| *more == 0) {
        return Ok(None);
    }
    let sent: u64 = task.get(param::CURSOR).and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    match videos.max_cursor {
        Lenient::Value(cursor) if cursor > 0 && (sent == 0 || cursor < sent) => {
            Ok(follow::next_cursor(task, cursor))
        }
        Lenient::Value(cursor) => {
            let message = "repeated cursor: the list goes back to a page already read";
            Err(Error::new(ErrorKind::Malformed, message).with("sent", sent).with("next", cursor))
        }
        Lenient::Missing | Lenient::Odd(_) => {
            Err(Error::new(ErrorKind::Malformed, "there is more, and no cursor to ask for it with"))
        }
    }
}

fn post(
    reader: &Reader,
    raw: &RawValue,
    place: &str,
    found: &mut Found,
    malformed: &mut Vec<Malformed>,
) -> Result<(), Malformed> {
    let broken =
        |part: &str, reason: &str| Malformed { part: format!("{place}{part}"), reason: reason.to_owned() };
    let post: Post<'_> = match serde_json::from_str(raw.get()) {
        Ok(Part::Value(post)) => post,
        Ok(_) => return Err(broken("", "expected an object, found none")),
        Err(_) => return Err(broken("", "text that cannot be decoded")),
    };
    let id: Box<str> = match post.aweme_id.value().filter(|id| ident::is_post_id(id)) {
        Some(id) => (**id).into(),
        None => return Err(broken(".aweme_id", "not a post's id")),
    };
    let Part::Value(user) = &post.author else { return Err(broken(".author", "missing, or not an object")) };
    let author_place = format!("{place}.author");
    let mut fields = Fields { place: &author_place, malformed };
    let author = person::sighting(user, None, aspect::OWN_POSTS, reader.keep_email, &mut fields);
    if author.uid.is_none() && author.sec_uid.is_none() && author.handle.is_none() {
        return Err(broken(".author", "no identity: uid, sec_uid or unique_id"));
    }
    let post = figures(id, post, &mut Fields { place, malformed });
    found.add(author, Some(post));
    Ok(())
}
