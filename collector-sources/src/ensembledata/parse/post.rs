//! A post to its figures and the sighting of its author.

use std::borrow::Cow;

use collector_core::creator::aspect;
use collector_core::task::Malformed;
use serde_json::value::RawValue;

use super::super::wire::{Part, Post, PostId, Remapped, Stats, Text};
use super::Fields;
use super::row::{Row, RowReader, decode};
use crate::mobile::figures::figures;
use crate::values::ident;

/// What a search's card of a post is marked with.
const POST_CARD: u64 = 1;

/// Reads a post: bare, in a search's card, or in the shape of the web pages. `None` for a card of something else.
///
/// An author whose counters came is a side of its own: the next page without them must not withdraw them.
///
/// # Errors
/// Which part of the row makes it unusable: no post id, no author, no author's identity.
pub(super) fn read(
    reader: &RowReader<'_>,
    raw: &RawValue,
    aspect: &'static str,
    malformed: &mut Vec<Malformed>,
) -> Result<Option<Row>, Malformed> {
    let Some((post, stats)) = find(raw).map_err(|reason| reader.broken("", reason))? else { return Ok(None) };
    let id = post_id(&post.aweme_id).ok_or_else(|| reader.broken(".aweme_id", "not a post's id"))?;
    let Part::Value(user) = &post.author else {
        return Err(reader.broken(".author", "missing, or not an object"));
    };
    let stats = if let Part::Value(stats) = &stats { Some(stats) } else { None };
    let mut author = reader.sighting(user, stats, ".author", aspect, malformed)?;
    if aspect == aspect::POST_AUTHOR && author.followers.is_some() {
        author.aspect = Cow::Borrowed(aspect::COUNTED_AUTHOR);
    }
    let post = figures(id, post, &mut Fields { place: reader.place, malformed });
    Ok(Some(Row { author, post: Some(post) }))
}

/// The post's id of a row that cannot be read as a whole.
pub(super) fn readable_id(raw: &RawValue) -> Option<Box<str>> {
    post_id(&serde_json::from_str::<PostId<'_>>(raw.get()).ok()?.aweme_id)
}

fn post_id(value: &Text<'_>) -> Option<Box<str>> {
    value.value().filter(|id| ident::is_post_id(id)).map(|id| (**id).into())
}

/// The post of a row, and its author's counters when they stand beside it.
fn find(raw: &RawValue) -> Result<Option<(Post<'_>, Part<Stats>)>, &'static str> {
    let post: Post<'_> = decode(raw)?;
    if !post.aweme_id.is_missing() {
        return Ok(Some((post, Part::Missing)));
    }
    if let Some(inner) = post.aweme_info {
        return Ok(Some((decode(inner)?, Part::Missing)));
    }
    if post.card.value().is_some_and(|card| *card != POST_CARD) {
        return Ok(None);
    }
    let remapped: Remapped<'_> = decode(raw)?;
    Ok(Some(if remapped.is_one() { remapped.into_post() } else { (post, Part::Missing) }))
}
