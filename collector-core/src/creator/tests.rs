//! What the tests of the creator domain share.

mod content;
mod explain;
mod handles;
mod merge;
mod posts;
mod properties;

use super::*;
use crate::domain::{Domain, Lost, Sighting};
use crate::id::Id;

/// A moment, in days after one far from the epoch.
fn day(days: i64) -> Timestamp {
    Timestamp::from_secs(1_780_000_000 + days * 86_400)
}

fn sighting(
    source: &str,
    aspect: &'static str,
    at: Timestamp,
    item: CreatorSighting,
) -> Sighting<CreatorSighting> {
    let item = CreatorSighting { aspect: aspect.into(), ..item };
    Sighting { source: source.into(), aspect: aspect.into(), seen_at: at, item }
}

/// A profile as `source` shows it on a day.
fn profile(source: &str, at: i64, item: CreatorSighting) -> Sighting<CreatorSighting> {
    sighting(source, aspect::PROFILE, day(at), item)
}

fn named(name: &str) -> CreatorSighting {
    CreatorSighting { name: Some(name.into()), ..CreatorSighting::default() }
}

fn followed(followers: u64) -> CreatorSighting {
    CreatorSighting { followers: Some(followers), ..CreatorSighting::default() }
}

fn called(handle: &str) -> CreatorSighting {
    CreatorSighting { handle: Some(handle.into()), ..CreatorSighting::default() }
}

fn showing(posts: impl IntoIterator<Item = PostSeen>) -> CreatorSighting {
    CreatorSighting { posts: posts.into_iter().collect(), ..CreatorSighting::default() }
}

fn lost(handle: &str, since: i64) -> Lost {
    Lost { id: Id::new(id_kind::TIKTOK_HANDLE, handle), since: day(since) }
}

fn merge(sightings: &[Sighting<CreatorSighting>]) -> Creator {
    Creators::default().merge(sightings, &[])
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Box<str>> {
    texts.map(Into::into).into()
}

/// A sighting that states everything.
fn full() -> CreatorSighting {
    CreatorSighting {
        uid: Some("6990000000000000001".into()),
        sec_uid: Some("MS4wLjABAAAA".into()),
        handle: Some("Soo.Beauty".into()),
        aspect: aspect::PROFILE.into(),
        as_of: Some(day(0)),
        name: Some("수진 🎀".into()),
        bio: Some("뷰티\u{0} & \"care\"\n".into()),
        links: texts(["https://a.example/?x=1"]),
        language: Some("ko".into()),
        country: Some("KR".into()),
        categories: texts(["beauty", "care"]),
        verified: Some(true),
        private: Some(false),
        account_type: Some("business".into()),
        has_shop: Some(true),
        has_email: Some(true),
        email: Some("soo@a.example".into()),
        created_at: Some(Timestamp::from_millis(-1)),
        followers: Some(12_345),
        following: Some(0),
        likes: Some(u64::MAX),
        videos: Some(17),
        gmv_30d: Some(1_234_500),
        units_30d: Some(321),
        avg_price: Some(1_999),
        currency: Some("USD".into()),
        ec_score: Some(450),
        avatar: Some("https://p16.example/a.jpeg?x-expires=1&x-signature=s".into()),
        posts: vec![PostSeen {
            id: "73".into(),
            created_at: Some(day(-1)),
            views: Some(1_000),
            likes: Some(90),
            comments: Some(9),
            shares: Some(1),
            hashtags: texts(["kbeauty"]),
            pinned: false,
        }],
        history: vec![DayFigures { day: 20_600, followers: Some(12_000), ..DayFigures::default() }],
        extra: [("ec_score".into(), serde_json::json!({"score": 0.1, "of": [1, null, "x"]}))].into(),
    }
}

/// The creator that states everything, with a former handle.
fn full_creator() -> Creator {
    Creators::default().merge(&[profile("a", 0, full())], &[lost("soo", -9)])
}
