//! Walks through with creators: who is who, seen from the sinks.

use collector_core::creator::{Creator, CreatorSighting, Creators, aspect, id_kind};
use collector_core::id::Id;
use collector_core::pipeline::End;
use collector_core::sink::Record;
use collector_core::store::Store;
use collector_core::task::{Query, Task};

use crate::support::*;

fn handle_id(handle: &str) -> Id {
    Id::new(id_kind::TIKTOK_HANDLE, handle)
}

fn sec_uid_id(sec_uid: &str) -> Id {
    Id::new(id_kind::TIKTOK_SEC_UID, sec_uid)
}

fn text(value: &str) -> Option<Box<str>> {
    Some(value.into())
}

/// A profile: number, second key and handle belong together.
fn profile(uid: &str, handle: &str, followers: u64) -> CreatorSighting {
    CreatorSighting {
        uid: text(uid),
        sec_uid: text(&format!("sec{uid}")),
        handle: text(handle),
        followers: Some(followers),
        ..CreatorSighting::showing(aspect::PROFILE)
    }
}

/// What a list shows of somebody.
fn row(uid: &str, handle: &str) -> CreatorSighting {
    CreatorSighting { followers: None, ..profile(uid, handle, 0) }.showing_as_row()
}

trait Row {
    fn showing_as_row(self) -> Self;
}

impl Row for CreatorSighting {
    fn showing_as_row(mut self) -> Self {
        self.aspect = aspect::LIST_ROW.into();
        self
    }
}

fn by_handle(handle: &str) -> Task {
    Task::new("api", "thing", handle).about(handle_id(handle), aspect::PROFILE)
}

fn by_sec_uid(sec_uid: &str) -> Task {
    Task::new("api", "thing", sec_uid).about(sec_uid_id(sec_uid), aspect::PROFILE)
}

/// A vendor that is asked by handle and looks people up by their second key.
fn vendor(
    script: impl Fn(&Asked) -> Reply<CreatorSighting> + Send + Sync + 'static,
) -> Scripted<CreatorSighting> {
    Scripted::new("api", script)
        .seeding(|query: &Query| {
            let people = query.handles.iter().map(|handle| by_handle(handle));
            let tags = query.hashtags.iter().map(|tag| Task::new("api", "page", tag.as_str()).per_run());
            Ok(people.chain(tags).collect())
        })
        .lookup(|ids| Some(by_sec_uid(ids.get(id_kind::TIKTOK_SEC_UID)?)))
}

fn find<'a>(records: &'a [Record<Creator>], uid: &str) -> &'a Creator {
    let found = records.iter().find(|record| record.entity.uid.as_deref() == Some(uid));
    &found.unwrap_or_else(|| panic!("nobody has the number {uid}")).entity
}

#[tokio::test(start_paused = true)]
async fn a_hashtag_page_shows_seventeen_people_and_leads_to_their_profiles() {
    let world = World::of(Creators::default());
    let api = vendor(|asked: &Asked| match asked.kind.as_str() {
        "page" => Said::items((0..17).map(|i| row(&format!("{}", 100 + i), &format!("user{i}"))))
            .then((0..17).map(|i| by_handle(&format!("user{i}"))))
            .into(),
        _ => {
            let i: u64 = asked.subject().trim_start_matches("user").parse().unwrap();
            Said::items([profile(&format!("{}", 100 + i), asked.subject(), 1_000 * i)]).into()
        }
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), hashtag("kbeauty")).await;

    assert_eq!((report.end, report.counts.done, api.calls()), (End::Complete, 18, 18));
    assert_eq!((report.counts.items, report.counts.changed), (34, 34));
    let counts = world.counts().await;
    assert_eq!((counts.entities, counts.payloads, counts.sightings), (17, 18, 34));
    let records = world.sink.records();
    assert_eq!(records.len(), 17);
    for i in 0..17 {
        let creator = find(&records, &format!("{}", 100 + i));
        assert_eq!(creator.handle.as_deref(), Some(&*format!("user{i}")));
        assert_eq!(creator.followers, Some(1_000 * i));
        assert_eq!(creator.sources.len(), 2, "the row and the profile");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_moved_is_taken_from_its_former_owner_who_is_looked_up() {
    let world = World::of(Creators::default());
    let api = vendor(|asked: &Asked| match (asked.subject(), asked.before) {
        ("star", 0) => Said::items([profile("1", "star", 500)]).into(),
        // A day later the handle is somebody else's, and its former owner has a new one.
        ("star", _) => Said::items([profile("2", "star", 7)]).into(),
        ("sec1", _) => Said::items([profile("1", "star_official", 501)]).into(),
        (other, _) => panic!("nobody asks for {other}"),
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["star"]).fresh_for(HOUR)).await;
    tokio::time::advance(DAY).await;
    let report = run(&engine, handles(["star"]).fresh_for(HOUR)).await;

    assert_eq!((report.end, api.asked_for("sec1"), api.calls()), (End::Complete, 1, 3));
    let records = world.sink.records();
    assert_eq!(records.len(), 2);
    assert_eq!(find(&records, "2").handle.as_deref(), Some("star"));
    let former = find(&records, "1");
    assert_eq!(former.handle.as_deref(), Some("star_official"));
    assert_eq!(&*former.former_handles, [Box::from("star")]);
    let owner = world.store.find(&handle_id("star")).await.unwrap().unwrap();
    assert_eq!(owner.ids.get(id_kind::TIKTOK_UID), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_former_owner_is_looked_up_however_fresh_their_profile_is() {
    let world = World::of(Creators::default());
    let api = vendor(|asked: &Asked| match asked.subject() {
        "star" => Said::items([profile("1", "star", 500)]).into(),
        "thief" => Said::items([profile("2", "star", 7)]).into(),
        _ => Said::items([profile("1", "star_official", 501)]).into(),
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["star"])).await;
    tokio::time::advance(HOUR).await;
    // Well inside the window of a day.
    run(&engine, handles(["thief"])).await;
    assert_eq!(api.asked_for("sec1"), 1);
    assert_eq!(find(&world.sink.records(), "1").handle.as_deref(), Some("star_official"));
}

#[tokio::test(start_paused = true)]
async fn two_vendors_that_disagree_about_a_handle_do_not_ask_each_other_for_ever() {
    let world = World::of(Creators::default());
    // Whoever is asked about one of the two shows them with the handle.
    let api = vendor(|asked: &Asked| match asked.subject() {
        "a" | "sec1" => Said::items([profile("1", "shared", 10)]).into(),
        _ => Said::items([profile("2", "shared", 20)]).into(),
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["a", "b"])).await;
    assert_eq!(report.end, End::Complete);
    assert!(api.calls() <= 4, "{} calls", api.calls());
    assert_eq!(world.sink.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_was_first_known_by_handle_alone_stays_one_record_when_the_number_comes() {
    let world = World::of(Creators::default());
    let api = vendor(|asked: &Asked| {
        let mut seen = profile("9", "quiet", 3);
        if asked.before == 0 {
            (seen.uid, seen.sec_uid) = (None, None);
        }
        Said::items([seen]).into()
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["quiet"])).await;
    let first = world.sink.records();
    assert_eq!((first.len(), first[0].entity.uid.as_deref()), (1, None));

    tokio::time::advance(2 * DAY).await;
    run(&engine, handles(["quiet"])).await;
    let second = world.sink.records();
    assert_eq!((second.len(), second[0].key, second[0].version), (1, first[0].key, 2));
    assert_eq!(find(&second, "9").handle.as_deref(), Some("quiet"));
}

#[tokio::test(start_paused = true)]
async fn two_records_that_turn_out_to_be_one_are_one_in_the_sink() {
    let world = World::of(Creators::default());
    let api = vendor(|asked: &Asked| {
        let mut seen = profile("5", "both", 1);
        match asked.subject() {
            "by number" => (seen.sec_uid, seen.handle) = (None, text("old")),
            "by key" => (seen.uid, seen.handle) = (None, text("new")),
            _ => {}
        }
        Said::items([seen]).into()
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["by number", "by key"])).await;
    assert_eq!(world.sink.len(), 2);
    let report = run(&engine, handles(["both"])).await;
    assert_eq!((report.end, world.sink.len(), world.counts().await.entities), (End::Complete, 1, 1));
    let sink = report.sinks["sink"];
    assert_eq!((sink.wanted, sink.stored), (2, 2), "the one that goes on, and the end of the other");
    let one = world.store.find(&sec_uid_id("sec5")).await.unwrap().unwrap();
    assert_eq!(one.record.key, world.store.find(&handle_id("old")).await.unwrap().unwrap().record.key);
}

#[tokio::test(start_paused = true)]
async fn a_profile_known_by_handle_is_not_asked_for_again_by_its_key_inside_the_window() {
    let world = World::of(Creators::default());
    let api = vendor(|asked: &Asked| match asked.kind.as_str() {
        // The list knows people by their second key only.
        "page" => Said::nothing().then([by_sec_uid("sec7")]).into(),
        _ => Said::items([profile("7", "known", 70)]).into(),
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["known"])).await;
    let report = run(&engine, hashtag("tag")).await;
    assert_eq!((report.end, report.counts.fresh, api.asked_for("sec7")), (End::Complete, 1, 0));
    tokio::time::advance(2 * DAY).await;
    run(&engine, hashtag("tag")).await;
    assert_eq!(api.asked_for("sec7"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sighting_without_any_identity_is_counted_and_kept_from_nobody() {
    let world = World::of(Creators::default());
    let api = vendor(|_: &Asked| {
        let nobody = CreatorSighting { followers: Some(1), ..CreatorSighting::showing(aspect::PROFILE) };
        Said::items([nobody, profile("1", "somebody", 2)]).into()
    });
    let report = run(&world.pipeline().source(api).build().unwrap(), handles(["x"])).await;
    assert_eq!((report.counts.items, report.counts.changed, report.counts.malformed), (2, 1, 1));
    assert_eq!(world.sink.len(), 1);
}
