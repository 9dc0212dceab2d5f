//! A user object to a sighting.

use collector_core::creator::CreatorSighting;
use serde_json::Value;

use super::{Stats, User};
use crate::values::answer::Fields;
use crate::values::lenient::{Part, Text};
use crate::values::text::{clipped, country, language, moment};
use crate::values::{bio, ident};

/// Longest texts kept, in characters; the platform's own limits are far below.
const LONGEST_NAME: usize = 200;

/// Longest link to a picture kept, in bytes.
const LONGEST_LINK: usize = 2_048;

/// What a user object says, as the side `aspect` of a creator.
pub(crate) fn sighting(
    user: &User<'_>,
    stats: Option<&Stats>,
    aspect: &'static str,
    keep_email: bool,
    fields: &mut Fields<'_>,
) -> CreatorSighting {
    let mut seen = CreatorSighting::showing(aspect);
    seen.uid = id(fields, "uid", user.uid.or(&user.id), ident::is_uid);
    seen.sec_uid = id(fields, "sec_uid", user.sec_uid.or(&user.web_sec_uid), ident::is_sec_uid);
    let is_handle = |text: &str| ident::handle(text).is_some();
    seen.handle = id(fields, "unique_id", user.unique_id.or(&user.web_unique_id), is_handle);
    set_texts(&mut seen, user, keep_email, fields);
    set_links(&mut seen, user, fields);
    set_signs(&mut seen, user, fields);
    set_counters(&mut seen, user, stats, fields);
    set_avatar(&mut seen, user, fields);
    seen
}

fn set_texts(seen: &mut CreatorSighting, user: &User<'_>, keep_email: bool, fields: &mut Fields<'_>) {
    if let Some(name) = fields.text("nickname", &user.nickname) {
        bio::set_name(seen, name, keep_email);
    }
    // An empty biography is known to be empty; only a missing one is unknown.
    if let Some(about) = fields.take("signature", &user.signature) {
        bio::set_bio(seen, about, keep_email);
    }
    seen.language = fields.text("language", &user.language).and_then(language);
    seen.country = fields.text("region", &user.region).and_then(country);
}

/// Accounts elsewhere, besides the links of the biography.
fn set_links(seen: &mut CreatorSighting, user: &User<'_>, fields: &mut Fields<'_>) {
    let twitter = fields.text("twitter_id", &user.twitter_id).filter(|id| *id != "0");
    let number = twitter.is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    let channels = [
        ("https://www.instagram.com/", fields.text("ins_id", &user.ins_id)),
        (if number { "https://x.com/i/user/" } else { "https://x.com/" }, twitter),
        ("https://www.youtube.com/channel/", fields.text("youtube_channel_id", &user.youtube_channel_id)),
    ];
    seen.links.extend(channels.into_iter().filter_map(|(base, name)| channel(base, name?)));
}

/// Flags, badges and dates.
fn set_signs(seen: &mut CreatorSighting, user: &User<'_>, fields: &mut Fields<'_>) {
    let badges = [
        fields.text("custom_verify", &user.custom_verify),
        fields.text("enterprise_verify_reason", &user.enterprise_verify_reason),
    ];
    let kind = fields.copy("verification_type", &user.verification_type);
    seen.verified = verified(fields.copy("verified", &user.verified), &badges, kind);
    seen.private = any([
        fields.copy("secret", &user.secret),
        fields.copy("privateAccount", &user.private_account),
        fields.copy("is_private_account", &user.is_private_account),
    ]);
    seen.has_shop = any([
        fields.copy("with_commerce_entry", &user.with_commerce_entry),
        fields.copy("with_shop_entry", &user.with_shop_entry),
        fields.copy("with_fusion_shop_entry", &user.with_fusion_shop_entry),
    ]);
    seen.created_at = fields.copy("create_time", &user.create_time).and_then(moment);
    let badge = badges.into_iter().flatten().next();
    add(seen, "badge", badge.map(|badge| Value::from(&*clipped(badge, LONGEST_NAME))));
    let level = fields.copy("commerce_user_level", &user.commerce_user_level).filter(|level| *level > 0);
    add(seen, "commerce_user_level", level.map(Value::from));
    seen.categories =
        fields.text("category", &user.category).map(|name| clipped(name, LONGEST_NAME)).into_iter().collect();
}

/// Counters inside the user, else those beside it. Many endpoints deliver all of them as zero: then none is a value.
fn set_counters(seen: &mut CreatorSighting, user: &User<'_>, stats: Option<&Stats>, fields: &mut Fields<'_>) {
    let none = Stats::default();
    let stats = stats.unwrap_or(&none);
    let counters = [
        ("follower_count", user.follower_count.or(&stats.follower_count)),
        ("following_count", user.following_count.or(&stats.following_count)),
        ("total_favorited", user.total_favorited.or(&stats.heart_count).or(&stats.heart)),
        ("aweme_count", user.aweme_count.or(&stats.video_count)),
        ("favoriting_count", user.favoriting_count.or(&stats.digg_count)),
    ]
    .map(|(name, count)| fields.copy(name, count));
    if counters.iter().all(|count| count.unwrap_or(0) == 0) {
        return;
    }
    let likes_given;
    [seen.followers, seen.following, seen.likes, seen.videos, likes_given] = counters;
    add(seen, "likes_given", likes_given.map(Value::from));
}

fn set_avatar(seen: &mut CreatorSighting, user: &User<'_>, fields: &mut Fields<'_>) {
    let images = [
        fields.part("avatar_larger", &user.avatar_larger),
        fields.part("avatar_medium", &user.avatar_medium),
    ];
    let links = [
        fields.text("avatarLarger", &user.web_avatar_larger),
        fields.text("avatarMedium", &user.web_avatar_medium),
    ];
    let usable = |link: &&str| link.starts_with("http") && link.len() <= LONGEST_LINK;
    let from_images = images.iter().flatten().filter_map(|image| image.url_list.best());
    seen.avatar = from_images.chain(links.into_iter().flatten()).find(usable).map(Into::into);

    let uris = images.iter().flatten().filter_map(|image| image.uri.value()).map(|uri| &**uri);
    let uri = uris.chain(fields.text("avatar_uri", &user.avatar_uri)).find(|uri| !uri.is_empty());
    add(seen, "avatar_uri", uri.map(|uri| Value::from(&*clipped(uri, LONGEST_NAME))));
}

fn add(seen: &mut CreatorSighting, key: &str, value: Option<Value>) {
    seen.extra.extend(value.map(|value| (key.into(), value)));
}

/// The vendor's flag alone is often missing and the type is often 0 for verified accounts: any sign counts.
fn verified(flag: Option<bool>, badges: &[Option<&str>], kind: Option<u64>) -> Option<bool> {
    let signed =
        flag == Some(true) || badges.iter().any(Option::is_some) || kind.is_some_and(|kind| kind > 0);
    if signed { Some(true) } else { flag.or(kind.map(|_| false)) }
}

/// Whether any flag is set; `None` when none was sent.
fn any(flags: [Option<bool>; 3]) -> Option<bool> {
    flags.into_iter().flatten().reduce(|a, b| a || b)
}

/// An identity: one that cannot be one is noted; `""` and `0` stand for none.
fn id(
    fields: &mut Fields<'_>,
    name: &str,
    value: &Text<'_>,
    fits: impl Fn(&str) -> bool,
) -> Option<Box<str>> {
    let value = fields.text(name, value)?.trim();
    let value = value.strip_prefix('@').unwrap_or(value);
    match value {
        "0" => None,
        value if fits(value) => Some(value.into()),
        _ => fields.refuse(name, "not an identity of this kind"),
    }
}

/// A link to the account's page elsewhere, when its name there can stand in a link.
fn channel(base: &str, name: &str) -> Option<Box<str>> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (name.len() <= 64 && name.bytes().all(good)).then(|| [base, name].concat().into())
}

/// Whether an answer shows a profile at all: somebody, or anything about somebody.
pub(crate) fn says_anything(seen: &CreatorSighting) -> bool {
    seen.uid.is_some()
        || seen.sec_uid.is_some()
        || seen.handle.is_some()
        || seen.name.is_some()
        || seen.followers.is_some()
}

/// Whether the user object has any counter, be it zero.
pub(crate) fn has_counters(user: &User<'_>, stats: &Part<Stats>) -> bool {
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
        let badge = || Some("Verified account");
        assert_eq!(verified(None, &[badge(), None], Some(0)), Some(true));
        assert_eq!(verified(Some(false), &[None, badge()], None), Some(true));
        assert_eq!(verified(Some(true), &[None, None], Some(0)), Some(true));
        assert_eq!(verified(None, &[None, None], Some(2)), Some(true));
        assert_eq!(verified(Some(false), &[None, None], None), Some(false));
        assert_eq!(verified(None, &[None, None], Some(0)), Some(false));
        assert_eq!(verified(None, &[None, None], None), None);
    }
}
