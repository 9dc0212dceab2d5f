//! A page of somebody's posts.

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, PostSeen, aspect};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Malformed, Outcome, Page, Payload, Task};
use serde_json::value::RawValue;

use super::super::kind::param;
use super::super::wire::{OnePost, Posts};
use super::{Reader, following, odd, text};
use crate::values::answer::Fields;
use crate::values::ident;
use crate::values::lenient::{Part, Text};
use crate::values::list::List;
use crate::values::text::{clipped, moment};

/// Hashtags kept of one post, and the longest kept, in characters.
const MOST_TAGS: usize = 50;
const LONGEST_TAG: usize = 150;

pub(super) fn read(reader: &Reader, task: &Task, payload: &Payload) -> Result<Page<CreatorSighting>> {
    let data = match reader.open::<Posts<'_>>(payload)? {
        Ok(data) => data,
        Err(absence) => return reader.absent(payload, absence),
    };
    let mut page = reader.page(payload)?;
    if let List::Odd(found) = data.posts {
        page.malformed.push(odd("data.posts", found));
    }
    let mut seen = CreatorSighting::showing(aspect::OWN_POSTS);
    seen.handle = Some(task.subject().into());
    for (index, raw) in data.posts.rows().iter().enumerate() {
        match post(raw, index, &mut page.malformed) {
            Ok(post) if seen.posts.iter().all(|known| known.id != post.id) => seen.posts.push(post),
            Ok(_) => {}
            Err(malformed) => page.malformed.push(malformed),
        }
    }
    page.items.push(seen);
    if let Part::Value(info) = &data.page_info
        && info.has_more.is_set()
    {
        let sent = task.get(param::CURSOR).and_then(|cursor| cursor.parse::<u64>().ok());
        match info.cursor.value() {
            Some(cursor) if Some(*cursor) != sent => {
                page.follow_ups.extend(following(task, param::CURSOR, *cursor));
            }
            cursor => {
                let error = Error::new(
                    ErrorKind::Malformed,
                    "repeated cursor: the list goes back to a page already read",
                );
                let cursor = cursor.map_or_else(|| "none".to_owned(), u64::to_string);
                page.outcomes = vec![Outcome::Failed(error.with("next", cursor))];
            }
        }
    }
    Ok(page)
}

fn post(raw: &RawValue, index: usize, malformed: &mut Vec<Malformed>) -> Result<PostSeen, Malformed> {
    let place = format!("data.posts[{index}]");
    let broken =
        |part: &str, reason: &str| Malformed { part: format!("{place}{part}"), reason: reason.to_owned() };
    let found: OnePost<'_> = match serde_json::from_str(raw.get()) {
        Ok(Part::Value(found)) => found,
        Ok(Part::Missing | Part::Odd(_)) => return Err(broken("", "expected an object, found none")),
        Err(_) => return Err(broken("", "a key comes twice, or text that cannot be decoded")),
    };
    let id = found.video_id.map(|raw| raw.get().trim_matches('"')).filter(|id| ident::is_post_id(id));
    let id = id.ok_or_else(|| broken(".video_id", "not a post's id"))?.into();
    let mut fields = Fields { place: &place, malformed };
    Ok(PostSeen {
        id,
        created_at: fields.text("create_time", &found.create_time).and_then(when),
        views: fields.copy("video_views", &found.video_views),
        likes: fields.copy("likes", &found.likes),
        comments: fields.copy("comments", &found.comments),
        shares: fields.copy("shares", &found.shares),
        hashtags: hashtags(&found.caption_hashtags),
        pinned: false,
    })
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, or unix time.
fn when(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(number) => moment(number),
        Err(_) => format!("{}Z", text.trim_end_matches('Z').replacen(' ', "T", 1)).parse().ok(),
    }
}

fn hashtags(list: &List<'_>) -> Vec<Box<str>> {
    let name = |raw: &&RawValue| {
        let name: Text<'_> = serde_json::from_str(raw.get()).ok()?;
        let name = clipped(text(&name).trim_start_matches('#'), LONGEST_TAG).to_lowercase();
        (!name.is_empty()).then(|| name.into_boxed_str())
    };
    list.rows().iter().take(MOST_TAGS).filter_map(name).collect()
}
