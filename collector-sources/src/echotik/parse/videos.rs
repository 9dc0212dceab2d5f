//! A page of what somebody posted, as far as the database has it.

use collector_core::creator::{CreatorSighting, PostSeen};
use collector_core::error::Result;
use collector_core::task::{Malformed, Outcome, Page, Payload, Task};
use serde_json::value::RawValue;

use super::super::kind::Kind;
use super::super::wire::{self, Row};
use super::super::{DATABASE_POSTS, follow};
use super::{Reader, person};
use crate::mobile::figures::in_caption;
use crate::values::answer::Fields;
use crate::values::found::Found;
use crate::values::ident;
use crate::values::text::moment;

pub(super) fn read(
    _reader: &Reader,
    tasks: &[Task],
    payload: &Payload,
    data: &RawValue,
    page: &mut Page<CreatorSighting>,
) -> Result<()> {
    let rows = wire::rows(data)?;
    // A call for a page has one task.
    let [task] = tasks else { return Ok(()) };
    let (mut found, mut last) = (Found::default(), None);
    for (index, raw) in rows.iter().enumerate() {
        let place = format!("data[{index}]");
        match video(raw, &place, &mut page.malformed) {
            Ok((mut author, post)) => {
                author.as_of = Some(super::as_of(payload.at));
                last = Some(post.id.clone());
                found.add(author, Some(post));
            }
            Err((part, reason)) => {
                page.malformed.push(Malformed { part: format!("{place}{part}"), reason: reason.to_owned() });
            }
        }
    }
    page.items = found.into_sightings();
    match follow::next_page(task, Kind::Videos, rows.len(), last.as_deref()) {
        Ok(next) => page.follow_ups.extend(next),
        Err(error) => page.outcomes = vec![Outcome::Failed(error)],
    }
    Ok(())
}

/// Who posted what, or what makes the row unusable.
fn video(
    raw: &RawValue,
    place: &str,
    malformed: &mut Vec<Malformed>,
) -> Result<(CreatorSighting, PostSeen), (&'static str, &'static str)> {
    let row = Row::read(raw).map_err(|reason| ("", reason))?;
    let id = row.text("video_id");
    let id = super::said(&id).filter(|id| ident::is_post_id(id)).ok_or((".video_id", "not a video's id"))?;
    let who = person::who(&row);
    if who.uid.is_none() && who.handle.is_none() {
        return Err(("", "no identity: user_id or unique_id"));
    }
    let mut fields = Fields { place, malformed };
    let mut count = |name: &str| fields.copy(name, &row.count(name));
    let (created, views) = (count("create_time"), count("total_views_cnt"));
    let (likes, comments, shares) =
        (count("total_digg_cnt"), count("total_comments_cnt"), count("total_shares_cnt"));
    let caption = row.text("video_desc");
    let post = PostSeen {
        id: id.into(),
        created_at: created.and_then(moment),
        views,
        likes,
        comments,
        shares,
        hashtags: in_caption(super::said(&caption).unwrap_or_default()),
        pinned: false,
    };
    let mut author = CreatorSighting::showing(DATABASE_POSTS);
    (author.uid, author.handle) = (who.uid, who.handle);
    Ok((author, post))
}
