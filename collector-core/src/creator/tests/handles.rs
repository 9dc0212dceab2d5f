use super::*;

fn merge(sightings: &[Sighting<CreatorSighting>], lost: &[Lost]) -> (Option<Box<str>>, Vec<Box<str>>) {
    // The oldest source is preferred, and still the newest handle is the handle.
    let creator = Creators::default().precedence(["old"]).merge(sightings, lost);
    (creator.handle, creator.former_handles)
}

#[test]
fn the_newest_handle_is_the_handle_and_older_ones_were() {
    let sightings = [
        profile("old", 0, called("first")),
        profile("b", 2, called("Third")),
        profile("c", 1, called("second")),
    ];
    assert_eq!(merge(&sightings, &[]), (Some("Third".into()), texts(["second", "first"])));
}

#[test]
fn a_list_that_is_behind_does_not_take_a_profiles_handle_back() {
    let hours = |hours: i64| Timestamp::from_secs(day(0).as_secs() + hours * 3_600);
    let list = |at| sighting("a", aspect::POST_AUTHOR, hours(at), called("was"));
    let now_is = |sightings: &[Sighting<CreatorSighting>]| merge(sightings, &[]).0.unwrap();
    let profile = profile("a", 0, called("is"));
    assert_eq!(&*now_is(&[profile.clone(), list(1)]), "is");
    assert_eq!(&*now_is(&[profile.clone(), list(-1)]), "is");
    assert_eq!(&*now_is(&[profile, list(13)]), "was", "by then it is news");
}

#[test]
fn another_spelling_is_no_other_handle() {
    let sightings = [profile("old", 0, called("@SOO")), profile("b", 1, called("Soo"))];
    assert_eq!(merge(&sightings, &[]), (Some("Soo".into()), vec![]));
    let sightings =
        [profile("old", 0, called("Was")), profile("b", 1, called("WAS")), profile("c", 2, called("is"))];
    assert_eq!(merge(&sightings, &[]), (Some("is".into()), texts(["WAS"])));
}

#[test]
fn a_lost_handle_is_no_longer_the_handle() {
    let sightings = [profile("a", 1, called("Taken")), profile("b", 0, called("kept"))];
    assert_eq!(merge(&sightings, &[lost("taken", 1)]), (Some("kept".into()), texts(["Taken"])));
    assert_eq!(merge(&sightings[..1], &[lost("taken", 5)]), (None, texts(["Taken"])));
}

#[test]
fn a_handle_shown_again_after_it_was_lost_is_the_handle() {
    let sightings = [profile("a", 2, called("Taken"))];
    assert_eq!(merge(&sightings, &[lost("taken", 1)]), (Some("Taken".into()), vec![]));
}

#[test]
fn a_lost_handle_nobody_shows_any_more_is_remembered() {
    let sightings = [profile("a", 9, called("now"))];
    let lost = [lost("first", 1), lost("second", 5)];
    assert_eq!(merge(&sightings, &lost), (Some("now".into()), texts(["second", "first"])));
}

#[test]
fn other_lost_identities_do_not_matter() {
    let other = Lost { id: Id::new("other:handle", "x"), since: day(9) };
    assert_eq!(merge(&[profile("a", 0, called("x"))], &[other]), (Some("x".into()), vec![]));
}

#[test]
fn former_handles_are_bounded() {
    let lost: Vec<Lost> = (0..100).map(|i| lost(&format!("h{i}"), i)).collect();
    let (_, former) = merge(&[profile("a", 200, called("x"))], &lost);
    assert_eq!((former.len(), &*former[0]), (20, "h99"));
}

#[test]
fn the_handle_knows_its_source() {
    let sightings = [profile("a", 1, called("taken")), profile("b", 0, called("kept"))];
    let creator = Creators::default().merge(&sightings, &[lost("taken", 1)]);
    assert_eq!(&*creator.said_by(Field::Handle).unwrap().source, "b");
}

#[test]
fn what_was_said_of_a_handle_that_moved_may_be_about_its_new_owner() {
    let of_the_handle = CreatorSighting {
        followers: Some(900),
        avatar: Some("https://p.test/b.jpg".into()),
        posts: vec![PostSeen { id: "7".into(), views: Some(70), ..PostSeen::default() }],
        extra: [("color".into(), "red".into())].into(),
        ..called("taken")
    };
    let with_an_id = CreatorSighting { uid: Some("1".into()), followers: Some(7), ..called("taken") };
    let sightings = [profile("a", 1, of_the_handle), profile("b", 0, with_an_id)];
    let creator = |lost: &[Lost]| Creators::default().merge(&sightings, lost);
    let before = creator(&[]);
    assert_eq!((before.followers, before.avatar.is_some()), (Some(900), true));
    assert_eq!((before.posts.is_some(), before.extra.len()), (true, 1));
    let after = creator(&[lost("taken", 1)]);
    assert_eq!((after.followers, after.avatar.as_deref(), after.handle), (Some(7), None, None));
    assert_eq!((after.posts, after.extra.len()), (None, 0));
    assert_eq!(creator(&[lost("taken", 0)]).followers, Some(900), "seen after that, it is theirs again");
}
