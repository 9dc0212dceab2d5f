//! A profile: merged web and mobile object, mobile object, or the mobile object without a wrapper.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::Result;
use collector_core::id::Digest;
use collector_core::task::{Absence, Outcome, Page, Payload, Task};
use serde_json::value::RawValue;

use super::super::follow;
use super::super::kind::Kind;
use super::super::wire::{Part, Profile, Slot, Stats, User};
use super::{Answer, Fields, Reader, misshapen};
use crate::mobile::person;

pub(super) fn read(
    reader: &Reader,
    kind: Kind,
    tasks: &[Task],
    payload: &Payload,
) -> Result<Page<CreatorSighting>> {
    let found = match find(reader, payload)? {
        Ok(found) => found,
        Err(absence) => {
            return reader.absent(tasks, payload, reader.settings.price(kind, tasks, None), absence);
        }
    };
    let mut page = Reader::page_of(tasks, payload, reader.settings.price(kind, tasks, Some(1)), found.print)?;
    if found.user.user_canceled.is_set() {
        page.outcomes.fill_with(|| Outcome::Absent(Absence::Deleted));
        return Ok(page);
    }
    let mut fields = Fields { place: found.place, malformed: &mut page.malformed };
    if !person::has_counters(&found.user, &found.stats) {
        fields.refuse::<()>("follower_count", "no counter at all, though profiles have them");
    }
    let stats = fields.part("stats", &found.stats);
    let mut seen = person::sighting(&found.user, stats, aspect::PROFILE, reader.keep_email, &mut fields);
    if !person::says_anything(&seen) {
        return Err(misshapen(found.place, "a user"));
    }
    // A call for a profile has one task.
    for task in tasks {
        if !is_asked_for(kind, task, &mut seen) {
            page.outcomes.fill_with(|| Outcome::Absent(Absence::NotFound));
            continue;
        }
        let (lists, missing) = follow::lists(task, &seen);
        page.follow_ups.extend(lists);
        if let Some(key) = missing {
            fields.refuse::<()>(key, "missing: lists of this person cannot be asked for without it");
        }
    }
    page.items.push(seen);
    Ok(page)
}

/// A user and where it was found.
struct Found<'a> {
    user: User<'a>,
    stats: Part<Stats>,
    place: &'static str,
    /// The fingerprint of the whole answer.
    print: Option<Digest>,
}

/// The user of an answer, or why there is none.
fn find<'a>(reader: &Reader, payload: &'a Payload) -> Result<Result<Found<'a>, Absence>> {
    let (answer, print) = reader.open_and_compare::<Part<Profile<'_>>>(payload)?;
    let profile = match answer {
        Answer::Data { data: Part::Value(profile), .. } => profile,
        Answer::Data { .. } => return Err(misshapen("data", "an object")),
        Answer::Absent(absence) => return Ok(Err(absence)),
    };
    let stats = profile.stats;
    match profile.user {
        Slot::Value(Part::Value(user)) => Ok(Ok(Found { user, stats, place: "data.user", print })),
        Slot::Value(Part::Odd(_)) => Err(misshapen("data.user", "an object")),
        Slot::Value(Part::Missing) | Slot::Null => Ok(Err(Absence::NotFound)),
        Slot::Missing => {
            let user = unwrapped(payload)?;
            Ok(user.map(|user| Found { user, stats, place: "data", print }).ok_or(Absence::NotFound))
        }
    }
}

/// The data as a user; `None` when it is `{}`.
fn unwrapped(payload: &Payload) -> Result<Option<User<'_>>> {
    #[derive(serde::Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let read = |data: &RawValue| data.get().bytes().any(|byte| !b"{} \t\r\n".contains(&byte));
    let wrong = |_| misshapen("data", "a user");
    let outer: Outer<'_> = serde_json::from_slice(super::body(payload)).map_err(wrong)?;
    if read(outer.data) { serde_json::from_str(outer.data.get()).map(Some).map_err(wrong) } else { Ok(None) }
}

/// Whether the answer is about whom was asked for. The vendor's lookup by handle goes through a search, and what
/// comes back may be somebody with a similar handle: that is a sighting of that somebody, and no answer to the task.
///
/// An answer that names nobody is about whom was asked for, and takes the name from there.
fn is_asked_for(kind: Kind, task: &Task, seen: &mut CreatorSighting) -> bool {
    let by_handle = kind == Kind::Profile;
    let named = if by_handle { &seen.handle } else { &seen.sec_uid };
    if let Some(named) = named {
        return if by_handle {
            named.eq_ignore_ascii_case(task.subject())
        } else {
            **named == *task.subject()
        };
    }
    if seen.uid.is_none() && seen.sec_uid.is_none() && seen.handle.is_none() {
        let slot = if by_handle { &mut seen.handle } else { &mut seen.sec_uid };
        *slot = Some(task.subject().into());
    }
    true
}
