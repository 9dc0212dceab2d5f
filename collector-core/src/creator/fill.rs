//! Which fields a sighting knows, and how a creator grew.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use super::{CreatorSighting, Field, PostSeen};
use crate::domain::Day;
use crate::sink::Facts;

/// Of posts, by their names in a sighting's JSON.
const POSTS: [&str; 7] = [
    "posts",
    "posts[].created_at",
    "posts[].views",
    "posts[].likes",
    "posts[].comments",
    "posts[].shares",
    "posts[].hashtags",
];

/// Identities, what is stated, posts: as they are called in a sighting's JSON.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let stated = Field::STATED.iter().map(|field| field.name());
    ["uid", "sec_uid"]
        .into_iter()
        .filter(|name| Field::from_name(name).is_none())
        .chain(stated)
        .chain(POSTS)
        .collect()
});

/// The fields, in the order of the bits.
pub(super) fn names() -> &'static [&'static str] {
    &NAMES
}

/// Which of them a sighting knows.
pub(super) fn filled(item: &CreatorSighting) -> u64 {
    let known = |value: &Option<Box<str>>| value.as_deref().is_some_and(|value| !value.is_empty());
    let any = |has: &dyn Fn(&PostSeen) -> bool| item.posts.iter().any(has);
    let ids = [("uid", known(&item.uid)), ("sec_uid", known(&item.sec_uid))];
    let ids = ids.into_iter().filter(|(name, _)| Field::from_name(name).is_none()).map(|(_, known)| known);
    let stated = Field::STATED.iter().map(|field| field.stated_by(item).is_some());
    let posts = [
        !item.posts.is_empty(),
        any(&|post| post.created_at.is_some()),
        any(&|post| post.views.is_some()),
        any(&|post| post.likes.is_some()),
        any(&|post| post.comments.is_some()),
        any(&|post| post.shares.is_some()),
        any(&|post| !post.hashtags.is_empty()),
    ];
    let bits = ids.chain(stated).chain(posts).enumerate().take(64);
    bits.fold(0, |bits, (at, known)| bits | u64::from(known) << at)
}

/// Days over which growth is told, and how many more may lie between the two figures.
const SPANS: [(&str, i32, i32); 3] = [("growth_7d", 7, 7), ("growth_30d", 30, 15), ("growth_90d", 90, 30)];

/// Where in a day's figures the followers are.
const FOLLOWERS: usize = 0;

/// How followers grew over some days, and what that is computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Growth {
    /// The fact's name, such as `growth_7d`.
    pub name: &'static str,
    /// The growth as a share, to six decimals: 0.05 is 5 %. Null when no figure is old enough and not too old, or the
    /// one that is was zero.
    pub share: Option<f64>,
    /// The figure it is compared with: the latest from [`since`](Self::since) at the earliest and
    /// [`until`](Self::until) at the latest.
    pub before: Option<DayCount>,
    /// The latest figure there is.
    pub now: DayCount,
    /// The first day whose figure would do, as [`Timestamp::day`](crate::clock::Timestamp::day) counts them.
    pub since: i32,
    /// The last day whose figure would do.
    pub until: i32,
}

/// Somebody's followers on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayCount {
    /// Days since 1970-01-01 in UTC.
    pub day: i32,
    /// The followers.
    pub count: i64,
}

/// How followers grew until the last day of which their number is known; nothing when it is known of no day.
///
/// Compared is the latest figure from at least so many days before. One that is much older would tell of another
/// time, so then growth is not known.
pub(super) fn growths(history: &[Day]) -> Vec<Growth> {
    let followers = |day: &Day| {
        let count = day.figures.get(FOLLOWERS).copied().flatten()?;
        Some(DayCount { day: day.day, count })
    };
    let Some(now) = history.iter().rev().find_map(followers) else { return Vec::new() };
    let over = |(name, days, slack): (&'static str, i32, i32)| {
        let (since, until) = (now.day - days - slack, now.day - days);
        let earlier = history.iter().rev().filter(|day| (since..=until).contains(&day.day));
        let before = earlier.filter_map(followers).next();
        let share = before.filter(|before| before.count > 0).map(|before| {
            let growth = (now.count - before.count) as f64 / before.count as f64;
            (growth * 1e6).round() / 1e6
        });
        Growth { name, share, before, now, since, until }
    };
    SPANS.map(over).into()
}

/// The growth that is known, as facts.
pub(super) fn growth(history: &[Day]) -> Facts {
    let known = growths(history).into_iter().filter_map(|grown| Some((grown.name, grown.share?)));
    known.map(|(name, share)| (name.to_owned(), Value::from(share))).collect()
}

/// The growth that is among a record's facts.
pub(crate) fn growth_in(facts: &Facts, name: &str) -> Option<f64> {
    facts.get(name).and_then(Value::as_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(figures: &[(i32, i64)]) -> Vec<Day> {
        figures.iter().map(|(day, count)| Day { day: *day, figures: vec![Some(*count), None] }).collect()
    }

    #[test]
    fn growth_compares_with_the_latest_figure_that_is_old_enough_and_not_too_old() {
        let facts = growth(&days(&[(9, 500), (69, 800), (90, 900), (93, 1_000), (100, 1_100)]));
        assert_eq!(growth_in(&facts, "growth_7d"), Some(0.1));
        assert_eq!(growth_in(&facts, "growth_30d"), Some(0.375));
        assert_eq!(growth_in(&facts, "growth_90d"), Some(1.2));
        assert_eq!(growth(&days(&[(100, 5)])), Facts::new());
        assert_eq!(growth(&days(&[(80, 10), (100, 20)])), Facts::new(), "20 days are neither 7 nor 30");
        assert_eq!(growth(&days(&[(93, 0), (100, 20)])), Facts::new(), "from nothing there is no share");
        let shrunk = growth(&days(&[(92, 1_000), (100, 750)]));
        assert_eq!(growth_in(&shrunk, "growth_7d"), Some(-0.25));
    }

    #[test]
    fn growth_says_what_it_is_computed_from_and_which_figures_would_have_done() {
        let grown = growths(&days(&[(9, 500), (93, 1_000), (100, 1_100)]));
        let told: Vec<_> = grown.iter().map(|one| (one.name, one.share, one.before.map(|b| b.day))).collect();
        let expected = [
            ("growth_7d", Some(0.1), Some(93)),
            ("growth_30d", None, None),
            ("growth_90d", Some(1.2), Some(9)),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            (grown[1].since, grown[1].until, grown[1].now),
            (55, 70, DayCount { day: 100, count: 1_100 })
        );
        let from_nothing = growths(&days(&[(93, 0), (100, 20)]));
        assert_eq!((from_nothing[0].share, from_nothing[0].before.map(|b| b.count)), (None, Some(0)));
        assert_eq!(growths(&[]), []);
    }

    #[test]
    fn every_field_has_a_bit_and_a_sighting_tells_which_it_knows() {
        assert!(names().len() <= 64 && names().contains(&"followers") && names().contains(&"uid"));
        let item = CreatorSighting {
            uid: Some("7".into()),
            followers: Some(3),
            posts: vec![PostSeen { views: Some(1), ..PostSeen::default() }],
            ..CreatorSighting::default()
        };
        let known: Vec<&str> = names()
            .iter()
            .enumerate()
            .filter(|(at, _)| filled(&item) >> at & 1 == 1)
            .map(|(_, name)| *name)
            .collect();
        assert_eq!(known, ["uid", "followers", "posts", "posts[].views"]);
    }
}
