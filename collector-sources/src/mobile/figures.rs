//! A post to its figures.

use std::borrow::Cow;

use collector_core::creator::PostSeen;

use super::post::{Post, Statistics};
use crate::values::answer::Fields;
use crate::values::text::{clipped, moment};

/// Hashtags kept of one post, and the longest kept, in characters.
const MOST_HASHTAGS: usize = 50;
const LONGEST_HASHTAG: usize = 150;

/// What a post says of itself.
pub(crate) fn figures(id: Box<str>, post: Post<'_>, fields: &mut Fields<'_>) -> PostSeen {
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

/// The hashtags a caption shows, for posts that come without a list of them.
pub(crate) fn in_caption(caption: &str) -> Vec<Box<str>> {
    hashtags(Vec::new(), Vec::new(), caption)
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
