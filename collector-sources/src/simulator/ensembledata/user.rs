//! User objects: the mobile one (snake case, counters inside) and the merged one of `/tt/user/info`.

use super::super::json::Json;
use super::super::links::Links;
use super::super::population::{Creator, purpose, push_base64};
use super::super::random::hash;
use super::constants;

/// Whether a user object tells its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Counters {
    Real,
    /// All zero, which at this vendor means "not delivered".
    Zero,
    /// No such members.
    Missing,
}

/// One creator as one answer shows it.
#[derive(Debug)]
pub(in super::super) struct Scene<'a> {
    pub(in super::super) creator: &'a Creator,
    pub(in super::super) counters: Counters,
    pub(in super::super) has_ids: bool,
    /// Whether it tells when the account was opened; most objects have 0 there.
    pub(in super::super) dated: bool,
    pub(in super::super) links: &'a Links<'a>,
    /// Unix seconds of the call, which the vendor leaks into the object.
    pub(in super::super) now: u64,
    /// Decides the order of members.
    pub(in super::super) order: u64,
    pub(in super::super) seed: u64,
}

/// Sizes of an avatar: member of the mobile object, mark in the link.
const AVATARS: [(&str, &str); 5] = [
    ("avatar_thumb", "~c5_100x100"),
    ("avatar_168x168", "~c5_168x168"),
    ("avatar_300x300", "~c5_300x300"),
    ("avatar_medium", "~c5_720x720"),
    ("avatar_larger", "~c5_1080x1080"),
];

/// Runs writers in one of a few orders, because the vendor's order is not stable.
pub(in super::super) fn in_some_order(json: &mut Json, order: u64, parts: &[&dyn Fn(&mut Json)]) {
    let start = order as usize % parts.len().max(1);
    let (early, late) = parts.split_at(start);
    if order & 8 == 0 {
        late.iter().chain(early).for_each(|part| part(json));
    } else {
        early.iter().rev().chain(late.iter().rev()).for_each(|part| part(json));
    }
}

/// Writes an image object with the same picture in several formats.
pub(in super::super) fn image(json: &mut Json, links: &Links<'_>, uri: &str, marks: &[&str]) {
    json.open('{').plain_member("uri", uri).key("url_list").open('[');
    for mark in marks {
        links.picture(json, uri, mark);
    }
    json.close(']').raw(r#""width":720,"height":720,"url_prefix":null"#).close('}');
}

fn constant_run(json: &mut Json, run: usize) {
    json.raw(&constants::USER[run]);
}

impl Scene<'_> {
    /// Writes the members of `data` of a profile by handle: `user` and `stats`, in either order.
    pub(in super::super) fn merged_profile(&self, json: &mut Json) {
        let user = |json: &mut Json| {
            json.key("user").open('{');
            self.merged_members(json);
            json.close('}');
        };
        in_some_order(json, self.order, &[&user, &|json| self.stats(json)]);
    }

    /// Writes the members of a mobile user.
    pub(in super::super) fn mobile_members(&self, json: &mut Json) {
        in_some_order(
            json,
            self.order,
            &[
                &|json| self.mobile_identity(json),
                &|json| self.avatars(json),
                &|json| self.shared_members(json),
                &|json| constant_run(json, 0),
                &|json| self.mobile_counters(json),
                &|json| constant_run(json, 1),
                &|json| constant_run(json, 2),
            ],
        );
    }

    fn merged_members(&self, json: &mut Json) {
        in_some_order(
            json,
            self.order,
            &[
                &|json| self.web_members(json),
                &|json| constant_run(json, 2),
                &|json| self.avatars(json),
                &|json| constant_run(json, 0),
                &|json| self.shared_members(json),
                &|json| constant_run(json, 1),
            ],
        );
    }

    fn mobile_identity(&self, json: &mut Json) {
        let creator = self.creator;
        json.plain_member("unique_id", &creator.handle);
        if self.has_ids {
            json.id("uid", creator.uid).plain_member("sec_uid", &creator.sec_uid);
        }
        json.digit("secret", creator.private);
    }

    fn mobile_counters(&self, json: &mut Json) {
        if self.counters == Counters::Missing {
            return;
        }
        let real = |count| if self.counters == Counters::Real { count } else { 0 };
        let creator = self.creator;
        json.int("follower_count", real(creator.followers))
            .int("following_count", real(creator.following))
            .int("total_favorited", real(creator.hearts))
            .int("favoriting_count", real(creator.likes_given))
            .int("aweme_count", real(u64::from(creator.videos)));
    }

    fn web_members(&self, json: &mut Json) {
        let creator = self.creator;
        json.plain_member("uniqueId", &creator.handle);
        if self.has_ids {
            json.id("id", creator.uid).plain_member("secUid", &creator.sec_uid);
        }
        json.flag("verified", creator.verified)
            .flag("privateAccount", creator.private)
            .flag("secret", creator.private)
            .int("favoriting_count", creator.likes_given)
            .raw(r#""ftc":false,"openFavorite":false,"relation":0,"commentSetting":0,"duetSetting":0,"stitchSetting":0"#)
            .text("search_user_name", &creator.name)
            .raw(r#""search_user_desc":"","name_field":"unique_id""#);
        for (member, mark) in [
            ("avatarThumb", "~c5_100x100.webp"),
            ("avatarMedium", "~c5_720x720.webp"),
            ("avatarLarger", "~c5_1080x1080.webp"),
        ] {
            json.key(member);
            self.links.picture(json, &creator.avatar_uri, mark);
        }
    }

    fn stats(&self, json: &mut Json) {
        let creator = self.creator;
        json.key("stats")
            .open('{')
            .int("followerCount", creator.followers)
            .int("followingCount", creator.following)
            .int("heartCount", creator.hearts)
            .int("heart", creator.hearts)
            .int("videoCount", u64::from(creator.videos))
            .int("diggCount", creator.likes_given)
            .close('}');
    }

    /// What both objects have and what differs between creators, with the gaps real accounts have.
    fn shared_members(&self, json: &mut Json) {
        let creator = self.creator;
        let quirk = hash(self.seed, purpose::QUIRK, u64::from(creator.index));
        json.text("nickname", &creator.name).text("signature", &creator.bio);
        json.plain_member("language", creator.language);
        if quirk % 100 >= 2 {
            json.plain_member("region", if quirk % 100 < 5 { "" } else { creator.country });
        }
        self.badges(json, quirk >> 8);
        json.plain_member("ins_id", if (quirk >> 16).is_multiple_of(4) { &creator.handle } else { "" });
        self.channel(json, quirk >> 24);
        json.flag("with_shop_entry", creator.has_shop);
        json.int("account_type", u64::from(creator.has_shop));
        // Rooms of live streams have ids beyond what a double can hold.
        json.int(
            "room_id",
            if (quirk >> 32).is_multiple_of(50) { 7_300_000_000_000_000_000 | (quirk >> 40) } else { 0 },
        );
        let opened = if self.dated { creator.created_at } else { 0 };
        json.int("create_time", opened).int("unique_id_modify_time", self.now);
    }

    /// Badge texts of verified accounts; the number that should say the same is often zero all the same.
    fn badges(&self, json: &mut Json, quirk: u64) {
        let badge = match (self.creator.verified, quirk % 3) {
            (false, _) => "",
            (true, 0) => "Popular creator",
            (true, _) => "Verified account",
        };
        let business = if self.creator.verified && self.creator.has_shop { "verified account" } else { "" };
        json.plain_member("custom_verify", badge)
            .plain_member("enterprise_verify_reason", business)
            .digit("verification_type", self.creator.verified && quirk.is_multiple_of(2));
    }

    fn channel(&self, json: &mut Json, quirk: u64) {
        if quirk.is_multiple_of(7) {
            let mut channel = "UC".to_owned();
            push_base64(&mut channel, hash(quirk, 0, 0), 10);
            push_base64(&mut channel, hash(quirk, 0, 1), 10);
            json.plain_member("youtube_channel_id", &channel)
                .text("youtube_channel_title", &self.creator.name);
        } else {
            json.plain_member("youtube_channel_id", "").plain_member("youtube_channel_title", "");
        }
    }

    fn avatars(&self, json: &mut Json) {
        let uri = self.creator.avatar_uri.as_str();
        json.plain_member("avatar_uri", uri).key("cover_url").raw("[]");
        for (member, size) in AVATARS {
            json.key(member);
            let (webp, jpeg) = (format!("{size}.webp"), format!("{size}.jpeg"));
            image(json, self.links, uri, &[&webp, &jpeg]);
        }
    }
}
