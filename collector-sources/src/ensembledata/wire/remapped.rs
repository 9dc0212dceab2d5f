//! Posts in the shape of the platform's web pages, which reads of a whole hashtag come in.

use serde::Deserialize;

use crate::mobile::{Formats, Hashtags, Image, Post, Statistics, Stats, User};
use crate::values::lenient::{Count, Flag, Part, Text};

/// A post of this shape. Every part of it has a place in the usual one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct Remapped<'a> {
    #[serde(borrow)]
    item_infos: Part<Item<'a>>,
    author_infos: Part<Author<'a>>,
    author_stats: Part<Stats>,
    text_extra: Hashtags<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    text: Text<'a>,
    create_time: Count,
    play_count: Count,
    digg_count: Count,
    comment_count: Count,
    share_count: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Author<'a> {
    #[serde(borrow)]
    user_id: Text<'a>,
    unique_id: Text<'a>,
    sec_uid: Text<'a>,
    nick_name: Text<'a>,
    signature: Text<'a>,
    verified: Flag,
    secret: Flag,
    is_secret: Flag,
    covers_medium: Formats<'a>,
    covers_larger: Formats<'a>,
}

impl<'a> Remapped<'a> {
    /// Whether a row has this shape at all.
    pub(in super::super) fn is_one(&self) -> bool {
        !matches!(self.item_infos, Part::Missing)
    }

    /// The post in the usual shape, and its author's counters.
    pub(in super::super) fn into_post(self) -> (Post<'a>, Part<Stats>) {
        let author = match self.author_infos {
            Part::Value(author) => Part::Value(author.into_user()),
            Part::Missing => Part::Missing,
            Part::Odd(found) => Part::Odd(found),
        };
        let item = match self.item_infos {
            Part::Value(item) => item,
            Part::Missing | Part::Odd(_) => Item::default(),
        };
        let statistics = Statistics {
            play_count: item.play_count,
            digg_count: item.digg_count,
            comment_count: item.comment_count,
            share_count: item.share_count,
        };
        let post = Post {
            aweme_id: item.id,
            create_time: item.create_time,
            desc: item.text,
            author,
            statistics: Part::Value(statistics),
            text_extra: self.text_extra,
            ..Post::default()
        };
        (post, self.author_stats)
    }
}

impl<'a> Author<'a> {
    fn into_user(self) -> User<'a> {
        let picture = |url_list| Part::Value(Image { url_list, ..Image::default() });
        User {
            uid: self.user_id,
            unique_id: self.unique_id,
            sec_uid: self.sec_uid,
            nickname: self.nick_name,
            signature: self.signature,
            verified: self.verified,
            secret: self.secret,
            private_account: self.is_secret,
            avatar_larger: picture(self.covers_larger),
            avatar_medium: picture(self.covers_medium),
            ..User::default()
        }
    }
}
