use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::domain::Day;
use crate::id::Ids;

#[test]
fn the_table_has_every_field_of_a_creator_and_a_creator_every_field_of_the_table() {
    let json = serde_json::to_value(full_creator()).unwrap();
    let written: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let bookkeeping = ["platform", "sources"];
    let table: BTreeSet<&str> = Field::ALL.iter().map(|field| field.name()).chain(bookkeeping).collect();
    assert_eq!(written, table);
}

#[test]
fn every_row_of_the_table_is_complete() {
    for &field in Field::ALL {
        let info = field.info();
        assert!(!info.definition.is_empty(), "{field}");
        assert_eq!(info.unit.is_empty(), info.value != FieldType::Number, "{field}");
        assert_eq!(Field::from_name(info.name), Some(field));
        let json = serde_json::to_value(field).unwrap();
        assert_eq!(json, info.name);
        assert_eq!(serde_json::from_value::<Field>(json).unwrap(), field);
    }
    assert_eq!(Field::from_name("folowers"), None);
}

#[test]
fn a_single_sighting_is_taken_as_it_is() {
    let (item, creator) = (full(), full_creator());
    for &field in Field::STATED {
        assert!(field.stated_by(&item).is_some(), "{field}");
        assert_eq!(field.value_in(&creator), field.stated_by(&item), "{field}");
        assert_eq!(creator.said_by(field).unwrap().as_of, day(0));
    }
    assert_eq!(&*creator.platform, "tiktok");
    assert!(creator.from.is_empty());
    assert_eq!(creator.sources, [SourceAsOf { source: "a".into(), aspect: "profile".into(), as_of: day(0) }]);
}

#[test]
fn nothing_said_makes_a_creator_of_whom_nothing_is_known() {
    let creator = merge(&[]);
    assert_eq!(creator, Creator { platform: "tiktok".into(), ..Creator::default() });
    assert_eq!(serde_json::to_string(&creator).unwrap(), r#"{"platform":"tiktok"}"#);
    assert!(Field::ALL.iter().all(|&field| creator.said_by(field).is_none()));
}

#[test]
fn without_a_precedence_the_youngest_wins() {
    let creator = merge(&[profile("a", 2, named("new")), profile("b", 1, named("old"))]);
    assert_eq!(creator.name.as_deref(), Some("new"));
}

#[test]
fn of_current_values_the_preferred_source_wins() {
    let creators = Creators::default().precedence(["b", "a"]);
    let sightings = [profile("a", 30, named("a")), profile("b", 0, named("b")), profile("c", 30, named("c"))];
    // Exactly as old as a name may be.
    assert_eq!(creators.merge(&sightings, &[]).name.as_deref(), Some("b"));
}

#[test]
fn a_value_past_its_age_gives_way_to_a_younger_one() {
    let creators = Creators::default().precedence(["b", "a"]);
    let sightings = [profile("a", 30, named("a")), profile("b", -1, named("b"))];
    assert_eq!(creators.merge(&sightings, &[]).name.as_deref(), Some("a"));
    let patient = creators.max_age(Field::Name, Some(Duration::from_secs(31 * 86_400)));
    assert_eq!(patient.merge(&sightings, &[]).name.as_deref(), Some("b"));
    let ageless = Creators::default().precedence(["b"]).max_age(Field::Name, None);
    assert_eq!(ageless.merge(&sightings, &[]).name.as_deref(), Some("b"));
}

#[test]
fn if_all_are_past_their_age_the_youngest_wins() {
    let creators = Creators::default().precedence(["b", "a"]);
    let sightings = [
        profile("a", 1, named("a")),
        profile("b", 0, named("b")),
        profile("c", 400, CreatorSighting::default()),
    ];
    assert_eq!(creators.merge(&sightings, &[]).name.as_deref(), Some("a"));
}

#[test]
fn a_field_can_have_a_precedence_of_its_own() {
    let creators = Creators::default().precedence(["a", "b"]).field_precedence(Field::Country, ["b"]);
    let item = |name: &str| CreatorSighting { country: Some(name.into()), ..named(name) };
    let creator = creators.merge(&[profile("a", 0, item("a")), profile("b", 0, item("b"))], &[]);
    assert_eq!((creator.name.as_deref(), creator.country.as_deref()), (Some("a"), Some("b")));
}

#[test]
fn a_newer_sighting_without_the_field_withdraws_it() {
    let both = [
        profile("a", 0, CreatorSighting { bio: Some("gone".into()), ..named("x") }),
        profile("a", 1, named("x")),
    ];
    let creator = merge(&both);
    assert_eq!(creator.bio, None);
    assert_eq!(creator.sources.len(), 1);
    // Another aspect withdraws nothing.
    let row = sighting("a", aspect::LIST_ROW, day(2), CreatorSighting::default());
    let creator = merge(&[profile("a", 1, named("x")), row]);
    assert_eq!(creator.name.as_deref(), Some("x"));
}

#[test]
fn a_profile_knows_counters_best_and_the_youngest_everything_else() {
    let row = sighting("a", aspect::LIST_ROW, day(1), CreatorSighting { followers: Some(2), ..named("row") });
    let shown = profile("a", 0, CreatorSighting { followers: Some(1), ..named("profile") });
    let creator = merge(&[row, shown]);
    assert_eq!((creator.followers, creator.name.as_deref()), (Some(1), Some("row")));
}

#[test]
fn a_counter_past_its_age_gives_way_even_to_a_list() {
    let row = sighting("a", aspect::LIST_ROW, day(8), followed(2));
    assert_eq!(merge(&[row, profile("a", 0, followed(1))]).followers, Some(2));
}

#[test]
fn an_empty_text_says_nothing() {
    let creator = merge(&[profile("a", 1, named("")), profile("b", 0, named("b"))]);
    assert_eq!(creator.name.as_deref(), Some("b"));
    assert_eq!(merge(&[profile("a", 1, named(""))]).name, None);
}

#[test]
fn every_field_knows_its_source() {
    let a = CreatorSighting { followers: Some(1), likes: Some(2), ..named("a") };
    let b = CreatorSighting {
        country: Some("KR".into()),
        extra: [("gmv".into(), 7.into())].into(),
        ..called("b")
    };
    let c = CreatorSighting::default();
    let creator = merge(&[profile("c", 3, c), profile("b", 1, b), profile("a", 2, a)]);
    let names: Vec<&str> = creator.sources.iter().map(|source| &*source.source).collect();
    // Three values each: by name. One that says nothing is listed all the same: it knows the creator.
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(creator.from, BTreeMap::from([(Field::Country, 1), (Field::Handle, 1)]));
    assert_eq!(creator.extra["gmv"], Extra { value: 7.into(), from: 1 });
    let said_by = |field| creator.said_by(field).map(|source| (&*source.source, source.as_of));
    assert_eq!(said_by(Field::Followers), Some(("a", day(2))));
    assert_eq!(said_by(Field::Country), Some(("b", day(1))));
    assert_eq!(said_by(Field::Bio), None);
}

#[test]
fn the_source_that_says_most_comes_first() {
    let b = CreatorSighting { country: Some("KR".into()), ..named("b") };
    let creator = merge(&[profile("a", 1, followed(1)), profile("b", 1, b)]);
    assert_eq!(&*creator.sources[0].source, "b");
    assert_eq!(creator.from, BTreeMap::from([(Field::Followers, 1)]));
    let by_extra =
        CreatorSighting { extra: [("x".into(), 1.into()), ("y".into(), 2.into())].into(), ..named("c") };
    let creator = merge(&[profile("a", 1, followed(1)), profile("c", 1, by_extra)]);
    assert_eq!(&*creator.sources[0].source, "c");
}

#[test]
fn an_index_that_points_nowhere_is_no_source() {
    let creator = Creator { name: Some("x".into()), from: [(Field::Name, 9)].into(), ..Creator::default() };
    assert_eq!(creator.said_by(Field::Name), None);
}

#[test]
fn each_extra_name_is_chosen_by_itself() {
    let extra = |pairs: &[(&str, serde_json::Value)]| CreatorSighting {
        extra: pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
        ..CreatorSighting::default()
    };
    let a = extra(&[("x", 1.into()), ("y", serde_json::Value::Null)]);
    let b = extra(&[("x", 2.into()), ("y", 3.into()), ("z", 4.into())]);
    let creator = Creators::default().precedence(["a"]).merge(&[profile("b", 1, b), profile("a", 0, a)], &[]);
    let values: Vec<(&str, i64, &str)> = creator
        .extra
        .iter()
        .map(|(name, extra)| (&**name, extra.value.as_i64().unwrap(), &*creator.sources[extra.from].source))
        .collect();
    assert_eq!(values, [("x", 1, "a"), ("y", 3, "b"), ("z", 4, "b")]);
}

#[test]
fn a_sighting_tells_who_it_is_about() {
    let about = Creators::default().about(&full()).ids;
    let strong = vec![
        Id::new(id_kind::TIKTOK_UID, "6990000000000000001"),
        Id::new(id_kind::TIKTOK_SEC_UID, "MS4wLjABAAAA"),
    ];
    assert_eq!(about, Ids { strong, weak: vec![Id::new(id_kind::TIKTOK_HANDLE, "soo.beauty")] });
    let (item, creators) = (full(), Creators::default());
    assert_eq!((&*creators.about(&item).aspect, creators.about(&item).as_of), ("profile", Some(day(0))));
    let elsewhere = Creators::of("instagram").about(&called("x")).ids;
    assert_eq!(elsewhere.weak, [Id::new("instagram:handle", "x")]);
}

#[test]
fn an_unknown_id_joins_nobody() {
    for nobody in ["", " ", "0"] {
        let item = CreatorSighting {
            uid: Some(nobody.into()),
            sec_uid: Some(nobody.into()),
            handle: Some(nobody.into()),
            ..CreatorSighting::default()
        };
        assert_eq!(Creators::default().about(&item).ids, Ids::none(), "{nobody:?}");
    }
    assert_eq!(Creators::default().about(&called("@")).ids, Ids::none());
}

#[test]
fn a_handle_is_compared_without_its_sign_and_case() {
    assert_eq!(&*canonical_handle("@Soo.Beauty"), "soo.beauty");
    assert_eq!(&*canonical_handle("ÀB"), "àb");
    assert_eq!(&*canonical_handle("뷰티_1"), "뷰티_1");
}

#[test]
fn measures_come_in_order_and_never_overflow() {
    let creator = merge(&[profile("a", 0, full())]);
    let measures = Creators::default().measures(&creator).unwrap();
    assert_eq!(measures, [Some(12_345), Some(0), Some(i64::MAX), Some(17)]);
    assert_eq!(Creators::default().measures(&Creator::default()).unwrap(), [None; 4]);
}

#[test]
fn other_days_have_the_figures_a_day_is_measured_in() {
    let day = DayFigures { day: 20_000, followers: Some(7), videos: Some(2), ..DayFigures::default() };
    let told = Creators::default().history(&CreatorSighting { history: vec![day], ..Default::default() });
    assert_eq!(told, [Day { day: 20_000, figures: vec![Some(7), None, None, Some(2)] }]);
    assert!(Creators::default().history(&CreatorSighting::default()).is_empty());
}
