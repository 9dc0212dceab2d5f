use serde_json::json;

use super::*;

fn find<'a>(explanation: &'a Explanation, field: &str) -> &'a Explained {
    explanation
        .fields
        .iter()
        .find(|explained| explained.field == field)
        .unwrap_or_else(|| panic!("no {field}"))
}

#[test]
fn it_says_who_said_it_who_agrees_and_who_does_not() {
    let sightings = [
        profile("c", 3, followed(10)),
        profile("b", 2, followed(12)),
        profile("a", 1, followed(10)),
        profile("d", 0, named("d")),
    ];
    let explanation = Creators::default().precedence(["a", "b"]).explain(&sightings, &[]);
    let expected = json!({
        "field": "followers",
        "value": 10,
        "said_by": { "source": "a", "aspect": "profile", "as_of": day(1) },
        "agree": [{ "source": "c", "aspect": "profile", "as_of": day(3) }],
        "disagree": [{ "value": 12, "source": "b", "aspect": "profile", "as_of": day(2) }],
    });
    assert_eq!(serde_json::to_value(find(&explanation, "followers")).unwrap(), expected);
    assert_eq!(explanation.fields.len(), 2);
}

#[test]
fn it_says_that_a_value_is_past_its_age() {
    let a = CreatorSighting { followers: Some(1), ..called("a") };
    let sightings = [profile("a", 0, a), profile("b", 8, named("b"))];
    let explanation = Creators::default().explain(&sightings, &[]);
    assert!(find(&explanation, "followers").aged);
    assert!(!find(&explanation, "name").aged);
    assert!(!find(&explanation, "handle").aged);

    let younger = CreatorSighting { followers: Some(2), ..named("b") };
    let explanation =
        Creators::default().precedence(["a"]).explain(&[sightings[0].clone(), profile("b", 8, younger)], &[]);
    let followers = find(&explanation, "followers");
    assert_eq!((&followers.value, followers.aged), (&json!(2), false));
    assert!(followers.disagree[0].aged, "why the source that comes first was not taken");
}

#[test]
fn it_shows_a_lost_handle_as_one_that_does_not_hold() {
    let sightings = [profile("a", 1, called("taken")), profile("b", 0, called("kept"))];
    let explanation = Creators::default().explain(&sightings, &[lost("taken", 1)]);
    let handle = find(&explanation, "handle");
    assert_eq!((&handle.value, &*handle.said_by.as_ref().unwrap().source), (&json!("kept"), "b"));
    assert_eq!(handle.disagree[0].value, json!("taken"));
    assert_eq!(find(&explanation, "former_handles").value, json!(["taken"]));

    let explanation = Creators::default().explain(&sightings[..1], &[lost("taken", 1)]);
    let handle = find(&explanation, "handle");
    assert_eq!((&handle.value, &handle.said_by, handle.disagree.len()), (&json!(null), &None, 1));
}

#[test]
fn it_explains_posts_and_what_is_not_modelled() {
    let other =
        CreatorSighting { extra: [("ec_score".into(), json!(5))].into(), ..CreatorSighting::default() };
    let sightings = [profile("a", 1, full()), profile("b", 0, other)];
    let explanation = Creators::default().explain(&sightings, &[]);
    assert_eq!(find(&explanation, "posts").value["seen"], json!(1));
    assert_eq!(&*find(&explanation, "posts").said_by.as_ref().unwrap().source, "a");
    let extra = find(&explanation, "extra.ec_score");
    assert_eq!((extra.value["score"].as_f64(), &extra.disagree[0].value), (Some(0.1), &json!(5)));
}

#[test]
fn nothing_said_needs_no_explanation() {
    assert_eq!(Creators::default().explain(&[], &[]).fields, []);
}
