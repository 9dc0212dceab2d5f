//! A page of posts: their authors, the next page, the other windows of the span, and the profiles that follow.

use std::collections::BTreeSet;

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, PostSeen, aspect};
use collector_core::error::Result;
use collector_core::id::Name;
use collector_core::task::{Malformed, Outcome, Page, Payload, Task};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::super::day::Window;
use super::super::kind::{Kind, param};
use super::super::request::windows;
use super::super::seed;
use super::super::wire::{Video, VideoTag, Videos};
use super::paging::{self, MOST_EMPTY_PAGES, Next};
use super::{Reader, clean, day_of, text};
use crate::values::answer::Fields;
use crate::values::found::Found;
use crate::values::ident;
use crate::values::lenient::{Count, Lenient, Part, Text};
use crate::values::list::List;
use crate::values::text::{clipped, country, moment};

/// Hashtags and mentions kept of one post, and the longest kept, in characters.
const MOST_TAGS: usize = 50;
const LONGEST_TAG: usize = 150;

/// The mark of posts that were paid for.
const BRANDED: &str = "branded type";

pub(super) fn read(
    reader: &Reader,
    kind: Kind,
    task: &Task,
    payload: &Payload,
) -> Result<Page<CreatorSighting>> {
    let opened = reader.open::<Videos<'_>>(kind, payload)?;
    let data = match reader.without_data(task, payload, opened)? {
        Ok(data) => data,
        Err(page) => return Ok(page),
    };
    let (window, older) = windows(task, day_of(payload))?;
    let mut page = reader.page(payload)?;
    if let List::Odd(found) = data.videos {
        page.malformed.push(odd("data.videos", found));
    }
    let rows = data.videos.rows();
    let (mut found, mut mentions) = (Found::default(), BTreeSet::new());
    for (index, raw) in rows.iter().enumerate() {
        let place = format!("data.videos[{index}]");
        match video(kind, raw, &place, window, &mut page.malformed) {
            Ok(Some(row)) => {
                mentions.extend(row.mentions);
                found.add(row.author, Some(row.post));
            }
            Ok(None) => {}
            Err(malformed) => page.malformed.push(malformed),
        }
    }
    page.items = found.into_sightings();
    let next = Next {
        cursor: &data.cursor,
        has_more: data.has_more.is_set(),
        search_id: Some(text(&data.search_id)).filter(|id| !id.is_empty()),
        empty: rows.is_empty(),
        falls: false,
    };
    let this_window = || without_days(paging::begin(task), window);
    match paging::next(task, &next, this_window) {
        Ok(Some(next)) => page.follow_ups.push(next),
        Ok(None) if next.has_more && next.empty => page.malformed.push(Malformed {
            part: "data.has_more".to_owned(),
            reason: format!("more is promised after {MOST_EMPTY_PAGES} empty pages: taken as the end"),
        }),
        Ok(None) => {}
        Err(error) => page.outcomes = vec![Outcome::Failed(error)],
    }
    if task.get(param::CURSOR).is_none() {
        page.follow_ups.extend(older.into_iter().map(|window| other_window(task, window)));
    }
    page.follow_ups.extend(profiles(kind, task, &page.items, mentions));
    Ok(page)
}

fn without_days(task: Task, window: Window) -> Task {
    let mut fixed = Task::new(Name::clone(task.source()), Name::clone(task.kind()), task.subject())
        .per_run()
        .priority(task.rank());
    for (name, value) in task.params().iter().filter(|(name, _)| name.as_str() != param::DAYS) {
        fixed = fixed.param(name, value);
    }
    seed::within(fixed, window)
}

/// The first page of an older window of the same span.
fn other_window(task: &Task, window: Window) -> Task {
    let task_there = without_days(paging::begin(task), window);
    match task.get(param::PAGES_LEFT) {
        Some(pages) => task_there.param(param::PAGES_LEFT, pages),
        None => task_there,
    }
}

/// One task for the profile of each person. No post shows what a profile does, so only who does not want any gets none.
fn profiles(kind: Kind, task: &Task, people: &[CreatorSighting], mentions: BTreeSet<String>) -> Vec<Task> {
    if kind == Kind::UserVideos || task.get(param::HYDRATE) == Some("false") {
        return Vec::new();
    }
    let authors = people.iter().filter_map(|person| ident::handle(person.handle.as_deref()?));
    let mentions = mentions.into_iter().filter(|_| task.get(param::MENTIONS) == Some("true"));
    let handles: BTreeSet<String> = authors.chain(mentions).collect();
    handles.iter().map(|handle| seed::profile(task.source(), handle)).collect()
}

/// A post that was understood.
struct Row {
    author: CreatorSighting,
    post: PostSeen,
    mentions: Vec<String>,
}

/// Reads a row; `None` for a post of the day beside the window, which belongs to another.
///
/// # Errors
/// Which part of the row makes it unusable: no id, no author.
fn video(
    kind: Kind,
    raw: &RawValue,
    place: &str,
    window: Window,
    malformed: &mut Vec<Malformed>,
) -> Result<Option<Row>, Malformed> {
    let broken =
        |part: &str, reason: &str| Malformed { part: format!("{place}{part}"), reason: reason.to_owned() };
    let video = match serde_json::from_str(raw.get()) {
        Ok(Part::Value(video)) => video,
        Ok(Part::Missing | Part::Odd(_)) => return Err(broken("", "expected an object, found none")),
        Err(error) if error.is_data() => return Err(broken("", "a key comes twice")),
        Err(_) => return Err(broken("", "text that cannot be decoded, or nested too deep")),
    };
    let video: Video<'_> = video;
    let id = digits(video.id)
        .or_else(|| digits(video.video_id))
        .ok_or_else(|| broken(".id", "not a post's id"))?;
    let handle = ident::handle(&clean(text(&video.username)))
        .ok_or_else(|| broken(".username", "missing, or not a handle"))?;
    let mut fields = Fields { place, malformed };
    let created_at = match fields.copy("create_time", &video.create_time).and_then(moment) {
        Some(at) => Some(at),
        // The upper half of an id counts seconds.
        None => id.parse::<u64>().ok().map(|id| Timestamp::from_secs((id >> 32) as i64)),
    };
    if created_at.is_some_and(|at| !window.contains(at)) {
        return Ok(None);
    }
    let shown = if kind == Kind::UserVideos { aspect::OWN_POSTS } else { aspect::POST_AUTHOR };
    let mut author = CreatorSighting::showing(shown);
    author.handle = Some(handle.into());
    author.country = fields.text("region_code", &video.region_code).and_then(country);
    if let Some(tag) = branded(video.video_tag) {
        author.extra.insert("video_tag".into(), tag);
    }
    let post = PostSeen {
        id: id.into(),
        created_at,
        views: counted(&mut fields, "view_count", &video.view_count),
        likes: counted(&mut fields, "like_count", &video.like_count),
        comments: counted(&mut fields, "comment_count", &video.comment_count),
        shares: counted(&mut fields, "share_count", &video.share_count),
        hashtags: hashtags(&video.hashtag_names),
        pinned: false,
    };
    let mentions = texts(&video.video_mention_list, |name| ident::handle(&clean(name)));
    Ok(Some(Row { author, post, mentions }))
}

/// A counter of a post: one that is left out is zero.
fn counted(fields: &mut Fields<'_>, name: &str, count: &Count) -> Option<u64> {
    match count {
        Lenient::Missing => Some(0),
        sent => fields.copy(name, sent),
    }
}

/// A number's digits, however many; also inside quotes.
fn digits(raw: Option<&RawValue>) -> Option<&str> {
    let text = raw?.get().trim_matches('"');
    let good = (2..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then_some(text)
}

fn hashtags(list: &List<'_>) -> Vec<Box<str>> {
    let name = |name: &str| {
        let name = clipped(clean(name).trim_start_matches('#'), LONGEST_TAG).to_lowercase();
        (!name.is_empty()).then(|| name.into_boxed_str())
    };
    let mut names: Vec<Box<str>> = Vec::new();
    for name in texts(list, name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn texts<T>(list: &List<'_>, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let rows = list.rows().iter().take(MOST_TAGS);
    rows.filter_map(|raw| read(text(&serde_json::from_str::<Text<'_>>(raw.get()).ok()?))).collect()
}

/// The mark of a post, when it says that the post was paid for.
fn branded(raw: Option<&RawValue>) -> Option<Value> {
    let tag = match serde_json::from_str::<Part<VideoTag<'_>>>(raw?.get()) {
        Ok(Part::Value(tag)) => tag,
        _ => return None,
    };
    let kind = tag.kind.or(&tag.video_tag_type);
    let number = tag.number.or(&tag.video_tag_number).value().copied();
    let branded = text(kind).eq_ignore_ascii_case(BRANDED) && number.is_some_and(|number| number > 0);
    branded.then(|| serde_json::json!({ "type": clipped(text(kind), LONGEST_TAG), "number": number }))
}

pub(super) fn odd(place: &str, found: &str) -> Malformed {
    Malformed { part: place.to_owned(), reason: format!("expected a list, found {found}") }
}
