//! A post to its figures and the sighting of its author.

use std::borrow::Cow;

use collector_core::creator::{PostSeen, aspect};
use collector_core::task::Malformed;
use serde_json::value::RawValue;

use super::super::wire::{Part, Post, PostId, Remapped, Statistics, Stats, Text};
use super::Fields;
use super::row::{Row, RowReader, decode};
use crate::values::ident;
use crate::values::text::{clipped, moment};

/// Hashtags kept of one post, and the longest kept, in characters.
const MOST_HASHTAGS: usize = 50;
const LONGEST_HASHTAG: usize = 150;

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

fn figures(id: Box<str>, post: Post<'_>, fields: &mut Fields<'_>) -> PostSeen {
    let none = Statistics::default();
    let statistics = fields.part("statistics", &post.statistics).unwrap_or(&none);
    let caption = fields.text("desc", &post.desc).unwrap_or_default();
    PostSeen {
        id,
        created_at: fields.copy("create_time", &post.create_time).and_then(moment),
        views: fields.copy("statistics.play_count", &statistics.play_count),
        likes: fields.copy("statistics.digg_count", &statistics.digg_count),
        comments: fields.copy("statistics.comment_count", &statistics.comment_count),
        shares: fields.copy("statistics.share_count", &statistics.share_count),
        hashtags: hashtags(post.text_extra.0, post.cha_list.0, caption),
        pinned: fields.copy("is_top", &post.is_top).unwrap_or(false),
    }
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

/// The names the vendor tells apart in the caption, else the post's list, else what the caption shows.
fn hashtags(in_caption: Vec<Cow<'_, str>>, of_post: Vec<Cow<'_, str>>, caption: &str) -> Vec<Box<str>> {
    let names = if !in_caption.is_empty() {
        in_caption
    } else if !of_post.is_empty() {
        of_post
    } else {
        written(caption)
    };
    let mut hashtags: Vec<Box<str>> = Vec::with_capacity(names.len());
    for name in names {
        let name = clipped(name.trim_start_matches('#'), LONGEST_HASHTAG).to_lowercase().into_boxed_str();
        if !name.is_empty() && hashtags.len() < MOST_HASHTAGS && !hashtags.contains(&name) {
            hashtags.push(name);
        }
    }
    hashtags
}

fn written(caption: &str) -> Vec<Cow<'_, str>> {
    let name = |text: &'_ str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let named = |text| str::get(text, ..name(text)).map(Cow::Borrowed);
    caption.split('#').skip(1).take(MOST_HASHTAGS).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashtags_come_from_the_best_list_there_is() {
        let list = |names: &[&'static str]| names.iter().map(|name| Cow::Borrowed(*name)).collect::<Vec<_>>();
        let shown = |tags: Vec<Box<str>>| tags.join(" ");
        assert_eq!(
            shown(hashtags(list(&["KBeauty", "kbeauty", "뷰티"]), list(&["x"]), "#y")),
            "kbeauty 뷰티"
        );
        assert_eq!(shown(hashtags(list(&[]), list(&["x"]), "#y")), "x");
        assert_eq!(shown(hashtags(list(&[]), list(&[]), "no # hi #Y_1,#뷰티! #")), "y_1 뷰티");
        assert_eq!(hashtags(vec![], vec![], &"#a".repeat(5_000)).len(), 1);
    }
}
