//! What holds for any sightings: random ones, from a fixed seed.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

const CASES: usize = 500;

fn maybe<T>(random: &mut StdRng, value: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    random.random_bool(0.6).then(|| value(random))
}

fn text(random: &mut StdRng) -> Box<str> {
    let texts = [
        "",
        "a",
        "A",
        "수진 🎀",
        "\u{0}\u{1f}\"\\",
        "\u{202e}x\u{feff}",
        "0",
        "@a",
        "https://a.example/x?sig=1",
    ];
    match random.random_bool(0.002) {
        true => "긴🎀".repeat(20_000).into(),
        false => (*texts.choose(random).unwrap()).into(),
    }
}

fn list(random: &mut StdRng) -> Vec<Box<str>> {
    (0..random.random_range(0..4)).map(|_| text(random)).collect()
}

fn number(random: &mut StdRng) -> u64 {
    *[0, 1, 7, 1_000, u64::MAX - 1, u64::MAX].choose(random).unwrap()
}

fn time(random: &mut StdRng) -> Timestamp {
    match random.random_bool(0.05) {
        true => Timestamp::from_millis(*[i64::MIN, -1, 0, i64::MAX].choose(random).unwrap()),
        false => day(random.random_range(-40..40)),
    }
}

fn post(random: &mut StdRng) -> PostSeen {
    PostSeen {
        id: random.random_range(0..9).to_string().into(),
        created_at: maybe(random, time),
        views: maybe(random, number),
        likes: maybe(random, number),
        comments: maybe(random, number),
        shares: maybe(random, number),
        hashtags: list(random),
        pinned: random.random_bool(0.2),
    }
}

fn value(random: &mut StdRng) -> Value {
    match random.random_range(0..6) {
        0 => Value::Null,
        1 => number(random).into(),
        2 => i64::MIN.into(),
        3 => (random.random::<f64>() * 1e9).into(),
        4 => (*text(random)).into(),
        _ => serde_json::json!({"a": [random.random::<f64>(), null], "b": {}}),
    }
}

fn item(random: &mut StdRng) -> CreatorSighting {
    CreatorSighting {
        uid: maybe(random, text),
        sec_uid: maybe(random, text),
        handle: maybe(random, text),
        aspect: aspect::PROFILE.into(),
        as_of: maybe(random, time),
        name: maybe(random, text),
        bio: maybe(random, text),
        links: list(random),
        language: maybe(random, text),
        country: maybe(random, text),
        categories: list(random),
        verified: maybe(random, |random| random.random()),
        private: maybe(random, |random| random.random()),
        account_type: maybe(random, text),
        has_shop: maybe(random, |random| random.random()),
        has_email: maybe(random, |random| random.random()),
        email: maybe(random, text),
        created_at: maybe(random, time),
        followers: maybe(random, number),
        following: maybe(random, number),
        likes: maybe(random, number),
        videos: maybe(random, number),
        gmv_30d: maybe(random, number),
        units_30d: maybe(random, number),
        avg_price: maybe(random, number),
        currency: maybe(random, text),
        ec_score: maybe(random, number),
        avatar: maybe(random, text),
        posts: (0..random.random_range(0..5)).map(|_| post(random)).collect(),
        history: (0..random.random_range(0..3))
            .map(|_| DayFigures {
                day: random.random(),
                followers: maybe(random, number),
                ..DayFigures::default()
            })
            .collect(),
        extra: (0..random.random_range(0..3)).map(|_| (text(random), value(random))).collect(),
    }
}

/// The latest of each (source, aspect), with times that often are the same.
fn sightings(random: &mut StdRng) -> Vec<Sighting<CreatorSighting>> {
    let aspects = [aspect::PROFILE, aspect::POST_AUTHOR, aspect::LIST_ROW];
    let sides = ["a", "b", "c", "d"].into_iter().flat_map(|source| aspects.map(|aspect| (source, aspect)));
    let sides: Vec<(&str, &'static str)> = sides.filter(|_| random.random_bool(0.4)).collect();
    let mut all: Vec<_> =
        sides.into_iter().map(|(source, side)| sighting(source, side, time(random), item(random))).collect();
    all.shuffle(random);
    all
}

fn lost_handles(random: &mut StdRng) -> Vec<Lost> {
    (0..random.random_range(0..3))
        .map(|_| lost(["a", "수진 🎀"].choose(random).unwrap(), random.random_range(-40..40)))
        .collect()
}

fn creators(random: &mut StdRng) -> Creators {
    match random.random_bool(0.5) {
        true => Creators::default(),
        false => Creators::default().precedence(["c", "a"]).field_precedence(Field::Followers, ["b"]),
    }
}

fn assert_survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let json = serde_json::to_vec(value).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&json).unwrap(), *value);
}

#[test]
fn the_order_of_sightings_does_not_matter() {
    let random = &mut StdRng::seed_from_u64(11);
    for _ in 0..CASES {
        let (creators, mut latest, mut lost) = (creators(random), sightings(random), lost_handles(random));
        let (creator, explanation) = (creators.merge(&latest, &lost), creators.explain(&latest, &lost));
        latest.shuffle(random);
        lost.shuffle(random);
        assert_eq!(creators.merge(&latest, &lost), creator);
        assert_eq!(creators.explain(&latest, &lost), explanation);
    }
}

#[test]
fn moving_makes_the_same_creator_as_copying() {
    let random = &mut StdRng::seed_from_u64(15);
    for case in 0..CASES {
        let (creators, mut latest) = (creators(random), sightings(random));
        latest.truncate(if case % 2 == 0 { 1 } else { 12 });
        let lost = if case % 3 == 0 { lost_handles(random) } else { Vec::new() };
        let copied = creators.merge(&latest, &lost);
        assert_eq!(creators.merge_owned(latest, &lost), copied);
    }
}

#[test]
fn sightings_and_creators_survive_json() {
    let random = &mut StdRng::seed_from_u64(12);
    for _ in 0..CASES {
        let latest = sightings(random);
        latest.iter().for_each(|sighting| assert_survives(&sighting.item));
        let creator = Creators::default().merge(&latest, &lost_handles(random));
        assert_survives(&creator);
        let read: Creator = serde_json::from_str(&serde_json::to_string(&creator).unwrap()).unwrap();
        assert_eq!(Creators::default().digest(&read), Creators::default().digest(&creator));
    }
    assert_survives(&full());
    assert_survives(&full_creator());
}

#[test]
fn every_value_was_said_by_the_source_it_names() {
    let random = &mut StdRng::seed_from_u64(13);
    for _ in 0..CASES {
        let latest = sightings(random);
        let creator = creators(random).merge(&latest, &lost_handles(random));
        let at = |by: &SourceAsOf| {
            latest.iter().find(|said| said.source == by.source && said.aspect == by.aspect).unwrap()
        };
        for &field in Field::STATED {
            match creator.said_by(field) {
                Some(by) => assert_eq!(field.stated_by(&at(by).item), field.value_in(&creator), "{field}"),
                None => assert_eq!(field.value_in(&creator), None, "{field}"),
            }
        }
        for (name, extra) in &creator.extra {
            assert_eq!(at(&creator.sources[extra.from]).item.extra[name], extra.value);
        }
        assert_eq!(creator.sources.len(), latest.len());
    }
}

#[test]
fn the_explanation_names_what_was_merged() {
    let random = &mut StdRng::seed_from_u64(14);
    for _ in 0..CASES {
        let (creators, latest, lost) = (creators(random), sightings(random), lost_handles(random));
        let (creator, explanation) = (creators.merge(&latest, &lost), creators.explain(&latest, &lost));
        for &field in Field::STATED {
            let explained = explanation.fields.iter().find(|explained| explained.field == field.name());
            let value = field.value_in(&creator).map(|value| serde_json::to_value(value).unwrap());
            assert_eq!(
                explained.map_or(Value::Null, |explained| explained.value.clone()),
                value.unwrap_or_default()
            );
            assert_eq!(
                explained.and_then(|explained| explained.said_by.as_ref()),
                creator.said_by(field),
                "{field}"
            );
        }
    }
}
