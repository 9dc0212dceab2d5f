use serde_json::{Value, json};

use super::*;
use crate::id::Digest;

fn digest(creator: &Creator) -> Digest {
    Creators::default().digest(creator)
}

/// The same creator with another value in one place.
fn changed(creator: &Creator, pointer: &str) -> Creator {
    let mut json = serde_json::to_value(creator).unwrap();
    let place = json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    *place = match place.take() {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => (at + std::time::Duration::from_secs(1)).to_string().into(),
            Err(_) => text.replacen(|c: char| c.is_alphanumeric(), "other", 1).into(),
        },
        Value::Bool(flag) => (!flag).into(),
        Value::Number(number) => match number.as_u64() {
            Some(number) => (number ^ 1).into(),
            None => (number.as_f64().unwrap() + 0.5).into(),
        },
        Value::Array(mut elements) => {
            elements.push(elements[0].clone());
            elements.into()
        }
        other => panic!("{pointer} is {other}"),
    };
    serde_json::from_value(json).unwrap()
}

#[test]
fn every_field_counts() {
    let creator = full_creator();
    let parts = |object: &str| {
        let json = serde_json::to_value(&creator).unwrap();
        json[object].as_object().unwrap().keys().map(|key| format!("/{object}/{key}")).collect::<Vec<_>>()
    };
    let places = Field::ALL.iter().flat_map(|field| match field {
        Field::Posts => parts("posts"),
        Field::Extra => vec!["/extra/ec_score/value/score".into(), "/extra/ec_score/value/of".into()],
        field => vec![format!("/{field}")],
    });
    let places: Vec<String> = places.chain(["/platform".into(), "/sources/0/source".into()]).collect();
    assert_eq!(places.len(), Field::ALL.len() + 11);
    for place in places {
        let other = changed(&creator, &place);
        assert_ne!(other, creator, "{place}");
        assert_ne!(digest(&other), digest(&creator), "{place}");
    }
}

#[test]
fn a_field_that_is_withdrawn_counts() {
    let creator = full_creator();
    for &field in Field::ALL {
        let mut json = serde_json::to_value(&creator).unwrap();
        json.as_object_mut().unwrap().remove(field.name()).unwrap();
        let less: Creator = serde_json::from_value(json).unwrap();
        assert_ne!(digest(&less), digest(&creator), "{field}");
    }
}

#[test]
fn times_of_sightings_do_not_count() {
    let later = Creators::default().merge(&[profile("a", 3, full())], &[lost("soo", -9)]);
    assert_ne!(later, full_creator());
    assert_eq!(digest(&later), digest(&full_creator()));
}

#[test]
fn the_signature_of_the_avatar_does_not_count_and_its_address_does() {
    let with = |link: &str| digest(&Creator { avatar: Some(link.into()), ..full_creator() });
    assert_eq!(
        with("https://p16.example/a.jpeg?x-signature=1"),
        with("https://p16.example/a.jpeg?x-signature=2")
    );
    assert_ne!(
        with("https://p16.example/a.jpeg?x-signature=1"),
        with("https://p16.example/b.jpeg?x-signature=1")
    );
}

#[test]
fn the_query_of_a_creators_own_link_counts() {
    let with = |link: &str| digest(&Creator { links: texts([link]), ..full_creator() });
    assert_ne!(with("https://shop.example/?id=1"), with("https://shop.example/?id=2"));
}

#[test]
fn which_of_several_that_agree_was_believed_does_not_count() {
    let both = |a: i64, b: i64| merge(&[profile("a", a, full()), profile("b", b, full())]);
    let (one, other) = (both(0, 1), both(1, 0));
    assert_ne!(one.sources[0].source, other.sources[0].source);
    assert_eq!(digest(&one), digest(&other));
    // That a second source knows the creator does.
    assert_ne!(digest(&one), digest(&merge(&[profile("a", 0, full())])));
    // That the same source shows another side does not.
    let row = sighting("a", aspect::LIST_ROW, day(0), CreatorSighting::default());
    assert_eq!(digest(&merge(&[profile("a", 0, full()), row])), digest(&merge(&[profile("a", 0, full())])));
}

#[test]
fn fields_do_not_run_into_each_other() {
    let name = merge(&[profile("a", 0, named("x"))]);
    let bio =
        merge(&[profile("a", 0, CreatorSighting { bio: Some("x".into()), ..CreatorSighting::default() })]);
    assert_ne!(digest(&name), digest(&bio));
    let extra = |value: Value| {
        let item = CreatorSighting { extra: [("a".into(), value)].into(), ..CreatorSighting::default() };
        digest(&merge(&[profile("a", 0, item)]))
    };
    assert_ne!(extra(json!(1)), extra(json!("1")));
}
