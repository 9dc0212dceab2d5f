//! Rows of a list of posts: each to the figures of the post and the sighting of its author.

use std::borrow::Cow;
use std::collections::HashMap;

use collector_core::creator::{CreatorSighting, PostSeen, aspect};
use collector_core::task::Malformed;
use serde_json::value::RawValue;

use super::super::ident;
use super::super::wire::{Part, Post, PostId, Statistics, Text};
use super::{Fields, person};

/// Hashtags kept of one post, and the longest kept, in characters.
const MOST_HASHTAGS: usize = 50;
const LONGEST_HASHTAG: usize = 150;

/// A row that was understood.
pub(super) struct Row {
    pub(super) post: PostSeen,
    pub(super) author: CreatorSighting,
}

/// Reads a row. Single values that cannot be used are noted in `malformed`; the rest of the row goes on.
///
/// # Errors
/// Which part of the row makes it unusable: no post id, no author, no author's identity.
pub(super) fn read(
    raw: &RawValue,
    row: &str,
    keep_email: bool,
    malformed: &mut Vec<Malformed>,
) -> Result<Row, Malformed> {
    let broken =
        |part: &str, reason: &str| Malformed { part: format!("{row}{part}"), reason: reason.to_owned() };
    let post = decode(raw).map_err(|reason| broken("", reason))?;
    let id = post_id(&post.aweme_id).ok_or_else(|| broken(".aweme_id", "not a post's id"))?;
    let Part::Value(user) = &post.author else {
        return Err(broken(".author", "missing, or not an object"));
    };
    let known = malformed.len();
    let place = format!("{row}.author");
    let author = person::sighting(
        user,
        None,
        aspect::POST_AUTHOR,
        keep_email,
        &mut Fields { place: &place, malformed },
    );
    if author.uid.is_none() && author.sec_uid.is_none() && author.handle.is_none() {
        // The row is told once, as a whole.
        malformed.truncate(known);
        return Err(broken(".author", "no identity: uid, sec_uid or unique_id"));
    }
    Ok(Row { post: figures(id, post, &mut Fields { place: row, malformed }), author })
}

fn figures(id: Box<str>, post: Post<'_>, fields: &mut Fields<'_>) -> PostSeen {
    let none = Statistics::default();
    let statistics = fields.part("statistics", &post.statistics).unwrap_or(&none);
    let caption = fields.text("desc", &post.desc).unwrap_or_default();
    PostSeen {
        id,
        created_at: fields.copy("create_time", &post.create_time).and_then(person::moment),
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

fn decode(raw: &RawValue) -> Result<Post<'_>, &'static str> {
    let post = decode_bare(raw)?;
    match post.aweme_info {
        Some(inner) if post.aweme_id.is_missing() => decode_bare(inner),
        _ => Ok(post),
    }
}

fn decode_bare(raw: &RawValue) -> Result<Post<'_>, &'static str> {
    match serde_json::from_str(raw.get()) {
        Ok(Part::Value(post)) => Ok(post),
        Ok(Part::Missing | Part::Odd(_)) => Err("expected a post, found no object"),
        Err(error) if error.is_data() => Err("a key comes twice"),
        Err(_) => Err("text that cannot be decoded, or nested too deep"),
    }
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
        let name =
            person::clipped(name.trim_start_matches('#'), LONGEST_HASHTAG).to_lowercase().into_boxed_str();
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

/// The authors of a list, each once with all posts, in the order they were first seen.
#[derive(Default)]
pub(super) struct Authors {
    seen: Vec<CreatorSighting>,
    places: HashMap<Box<str>, usize>,
}

impl Authors {
    pub(super) fn add(&mut self, row: Row) {
        let Row { post, author } = row;
        let key = author.uid.as_ref().or(author.sec_uid.as_ref()).or(author.handle.as_ref());
        let place = *self.places.entry(key.cloned().unwrap_or_default()).or_insert(self.seen.len());
        if place == self.seen.len() {
            self.seen.push(author);
        }
        if let Some(author) = self.seen.get_mut(place)
            && author.posts.iter().all(|known| known.id != post.id)
        {
            author.posts.push(post);
        }
    }

    pub(super) fn into_sightings(self) -> Vec<CreatorSighting> {
        self.seen
    }
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
