//! A user object to a sighting.

use std::borrow::Cow;

use collector_core::clock::Timestamp;
use collector_core::creator::CreatorSighting;
use serde_json::Value;

use super::super::ident;
use super::super::wire::{Count, Flag, Lenient, Part, Stats, Text, User};
use super::{Fields, bio};

/// Longest texts kept, in characters; the platform's own limits are far below.
const LONGEST_NAME: usize = 200;
const LONGEST_BIO: usize = 5_000;

/// Longest link to a picture kept, in bytes.
const LONGEST_LINK: usize = 2_048;

/// Counters of an account, and the rule that tells "none" from "not delivered".
#[derive(Default)]
struct Counters {
    followers: Option<u64>,
    following: Option<u64>,
    likes: Option<u64>,
    videos: Option<u64>,
    likes_given: Option<u64>,
}

impl Counters {
    /// Many endpoints deliver all counters as zero: then none of them is a value.
    fn unless_all_zero(self) -> Self {
        let all = [self.followers, self.following, self.likes, self.videos, self.likes_given];
        if all.iter().all(|count| count.unwrap_or(0) == 0) { Self::default() } else { self }
    }
}

/// What a user object says, as the side `aspect` of a creator.
pub(super) fn sighting(
    user: User<'_>,
    stats: Option<Stats>,
    aspect: &'static str,
    keep_email: bool,
    fields: &mut Fields<'_>,
) -> CreatorSighting {
    let mut seen = CreatorSighting::showing(aspect);
    seen.uid = id(fields, "uid", user.uid.or(user.id), ident::is_uid);
    seen.sec_uid = id(fields, "sec_uid", user.sec_uid.or(user.web_sec_uid), ident::is_sec_uid);
    seen.handle =
        id(fields, "unique_id", user.unique_id.or(user.web_unique_id), |text| ident::handle(text).is_some());
    set_texts(&mut seen, fields, user.nickname, user.signature, keep_email);
    let elsewhere = [
        channel(fields, "ins_id", user.ins_id, "https://www.instagram.com/"),
        twitter(fields, user.twitter_id),
        channel(fields, "youtube_channel_id", user.youtube_channel_id, "https://www.youtube.com/channel/"),
    ];
    seen.links.extend(elsewhere.into_iter().flatten());
    seen.language = text(fields, "language", user.language).as_deref().and_then(language);
    seen.country = text(fields, "region", user.region).as_deref().and_then(country);

    let badges = [
        text(fields, "custom_verify", user.custom_verify),
        text(fields, "enterprise_verify_reason", user.enterprise_verify_reason),
    ];
    let kind = fields.take("verification_type", user.verification_type);
    let flag = fields.take("verified", user.verified);
    seen.verified = verified(flag, &badges, kind);
    seen.private = any(
        fields,
        [
            ("secret", user.secret),
            ("privateAccount", user.private_account),
            ("is_private_account", user.is_private_account),
        ],
    );
    seen.has_shop = any(
        fields,
        [
            ("with_commerce_entry", user.with_commerce_entry),
            ("with_shop_entry", user.with_shop_entry),
            ("with_fusion_shop_entry", user.with_fusion_shop_entry),
        ],
    );
    seen.created_at = fields.take("create_time", user.create_time).and_then(moment);

    let own = [
        user.follower_count,
        user.following_count,
        user.total_favorited,
        user.aweme_count,
        user.favoriting_count,
    ];
    let counters = counters(fields, own, stats.unwrap_or_default()).unless_all_zero();
    (seen.followers, seen.following) = (counters.followers, counters.following);
    (seen.likes, seen.videos) = (counters.likes, counters.videos);

    let mut avatar = Avatar::default();
    avatar.offer_image(fields.part("avatar_larger", user.avatar_larger));
    avatar.offer_image(fields.part("avatar_medium", user.avatar_medium));
    avatar.offer_link(text(fields, "avatarLarger", user.web_avatar_larger));
    avatar.offer_link(text(fields, "avatarMedium", user.web_avatar_medium));
    seen.avatar = avatar.link;
    let uri = avatar
        .uri
        .or_else(|| text(fields, "avatar_uri", user.avatar_uri).map(|uri| clipped(&uri, LONGEST_NAME)));

    let level = fields.take("commerce_user_level", user.commerce_user_level).filter(|level| *level > 0);
    let badge = badges.into_iter().flatten().next().map(|badge| clipped(&badge, LONGEST_NAME));
    for (key, value) in [
        ("avatar_uri", uri.map(|uri| Value::from(&*uri))),
        ("badge", badge.map(|badge| Value::from(&*badge))),
        ("commerce_user_level", level.map(Value::from)),
        ("likes_given", counters.likes_given.map(Value::from)),
    ] {
        seen.extra.extend(value.map(|value| (key.into(), value)));
    }
    seen
}

/// Counters inside the user (followers, following, likes, videos, likes given), else those beside it.
fn counters(fields: &mut Fields<'_>, own: [Count; 5], stats: Stats) -> Counters {
    let [followers, following, likes, videos, likes_given] = own;
    Counters {
        followers: fields.take("follower_count", followers.or(stats.follower_count)),
        following: fields.take("following_count", following.or(stats.following_count)),
        likes: fields.take("total_favorited", likes.or(stats.heart_count).or(stats.heart)),
        videos: fields.take("aweme_count", videos.or(stats.video_count)),
        likes_given: fields.take("favoriting_count", likes_given.or(stats.digg_count)),
    }
}

fn set_texts(
    seen: &mut CreatorSighting,
    fields: &mut Fields<'_>,
    name: Text<'_>,
    about: Text<'_>,
    keep_email: bool,
) {
    if let Some(name) = text(fields, "nickname", name) {
        let name = bio::mask(&clipped(&name, LONGEST_NAME), keep_email);
        seen.has_email = name.has_email.then_some(true);
        seen.email = name.email.map(Into::into);
        seen.name = Some(name.text.into());
    }
    // An empty biography is known to be empty; only a missing one is unknown.
    if let Some(about) = fields.take("signature", about) {
        let about = bio::mask(&clipped(&about, LONGEST_BIO), keep_email);
        seen.has_email = (about.has_email || seen.has_email == Some(true)).then_some(true);
        seen.email = about.email.map(Into::into).or(seen.email.take());
        seen.links = bio::links(&about.text);
        seen.bio = Some(about.text.into());
    }
}

/// The vendor's flag alone is often missing and the type is often 0 for verified accounts: any sign counts.
fn verified(flag: Option<bool>, badges: &[Option<Cow<'_, str>>], kind: Option<u64>) -> Option<bool> {
    let signed =
        flag == Some(true) || badges.iter().any(Option::is_some) || kind.is_some_and(|kind| kind > 0);
    if signed { Some(true) } else { flag.or(kind.map(|_| false)) }
}

fn any<const N: usize>(fields: &mut Fields<'_>, flags: [(&str, Flag); N]) -> Option<bool> {
    flags.into_iter().filter_map(|(name, flag)| fields.take(name, flag)).reduce(|a, b| a || b)
}

/// A text that says something.
fn text<'a>(fields: &mut Fields<'_>, name: &str, value: Text<'a>) -> Option<Cow<'a, str>> {
    fields.take(name, value).filter(|text| !text.trim().is_empty())
}

/// An identity: one that cannot be one is noted; `""` and `0` stand for none.
fn id(fields: &mut Fields<'_>, name: &str, value: Text<'_>, fits: impl Fn(&str) -> bool) -> Option<Box<str>> {
    let value = text(fields, name, value).filter(|value| value != "0")?;
    let value = value.trim();
    let value = value.strip_prefix('@').unwrap_or(value);
    if fits(value) { Some(value.into()) } else { fields.refuse(name, "not an identity of this kind") }
}

/// A link to the account's page elsewhere, when its name there can stand in a link.
fn channel(fields: &mut Fields<'_>, name: &str, value: Text<'_>, base: &str) -> Option<Box<str>> {
    let value = text(fields, name, value)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (value.len() <= 64 && value.bytes().all(good)).then(|| [base, &*value].concat().into())
}

/// Twitter accounts come as a number or as a name.
fn twitter(fields: &mut Fields<'_>, value: Text<'_>) -> Option<Box<str>> {
    let number = matches!(&value, Lenient::Value(id) if id.bytes().all(|byte| byte.is_ascii_digit()));
    let base = if number { "https://x.com/i/user/" } else { "https://x.com/" };
    channel(fields, "twitter_id", value, base).filter(|link| !link.ends_with("/0"))
}

/// ISO 639-1 from a language tag; `un` means unknown here.
fn language(tag: &str) -> Option<Box<str>> {
    let language = tag.split(['-', '_']).next()?.to_ascii_lowercase();
    let known =
        language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase()) && language != "un";
    known.then(|| language.into())
}

/// ISO 3166 from the vendor's code, which also says UK.
fn country(code: &str) -> Option<Box<str>> {
    let code = code.trim().to_ascii_uppercase();
    let known = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    known.then(|| if code == "UK" { "GB".into() } else { code.into() })
}

/// A moment in unix seconds or milliseconds; 0 means unknown.
pub(super) fn moment(number: u64) -> Option<Timestamp> {
    let number = i64::try_from(number).ok()?;
    match number {
        0 => None,
        // In seconds this would be the year 5138.
        100_000_000_000.. => Some(Timestamp::from_millis(number)),
        _ => Some(Timestamp::from_secs(number)),
    }
}

/// The picture to take: the first that is offered.
#[derive(Default)]
struct Avatar {
    link: Option<Box<str>>,
    uri: Option<Box<str>>,
}

impl Avatar {
    fn offer_image(&mut self, image: Option<super::super::wire::Image<'_>>) {
        let Some(image) = image else { return };
        self.offer_link(image.url_list.best());
        if self.uri.is_none() {
            self.uri = image.uri.value().filter(|uri| !uri.is_empty()).map(|uri| clipped(&uri, LONGEST_NAME));
        }
    }

    fn offer_link(&mut self, link: Option<Cow<'_, str>>) {
        let usable = |link: &Cow<'_, str>| link.starts_with("http") && link.len() <= LONGEST_LINK;
        if self.link.is_none() {
            self.link = link.filter(usable).map(|link| (*link).into());
        }
    }
}

/// The first `most` characters.
pub(super) fn clipped(text: &str, most: usize) -> Box<str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

/// Whether an answer shows a profile at all: somebody, or anything about somebody.
pub(super) fn says_anything(seen: &CreatorSighting) -> bool {
    seen.uid.is_some()
        || seen.sec_uid.is_some()
        || seen.handle.is_some()
        || seen.name.is_some()
        || seen.followers.is_some()
}

/// Whether the user object has any counter, be it zero.
pub(super) fn has_counters(user: &User<'_>, stats: &Part<Stats>) -> bool {
    let own = [&user.follower_count, &user.following_count, &user.total_favorited, &user.aweme_count];
    let beside = match stats {
        Part::Value(stats) => !stats.follower_count.is_missing() || !stats.heart_count.is_missing(),
        Part::Missing | Part::Odd(_) => false,
    };
    beside || own.iter().any(|count| !count.is_missing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sign_makes_an_account_verified() {
        let badge = || Some(Cow::Borrowed("Verified account"));
        assert_eq!(verified(None, &[badge(), None], Some(0)), Some(true));
        assert_eq!(verified(Some(false), &[None, badge()], None), Some(true));
        assert_eq!(verified(Some(true), &[None, None], Some(0)), Some(true));
        assert_eq!(verified(None, &[None, None], Some(2)), Some(true));
        assert_eq!(verified(Some(false), &[None, None], None), Some(false));
        assert_eq!(verified(None, &[None, None], Some(0)), Some(false));
        assert_eq!(verified(None, &[None, None], None), None);
    }

    #[test]
    fn codes_become_iso() {
        assert_eq!(country("uk").as_deref(), Some("GB"));
        assert_eq!(country("KR").as_deref(), Some("KR"));
        assert_eq!([country("KOR"), country("1A"), country("한국")], [None, None, None]);
        assert_eq!(language("zh-Hant").as_deref(), Some("zh"));
        assert_eq!([language("un"), language("한"), language("eng")], [None, None, None]);
    }

    #[test]
    fn moments_are_seconds_or_milliseconds() {
        assert_eq!(moment(0), None);
        assert_eq!(moment(1_700_000_000), Some(Timestamp::from_secs(1_700_000_000)));
        assert_eq!(moment(1_700_000_000_000), Some(Timestamp::from_secs(1_700_000_000)));
        assert_eq!(moment(u64::MAX), None);
    }

    #[test]
    fn texts_are_clipped_between_characters() {
        assert_eq!(&*clipped("뷰티풀", 2), "뷰티");
        assert_eq!(&*clipped("ab", 2), "ab");
    }
}
