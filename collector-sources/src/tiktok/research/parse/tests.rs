use collector_core::clock::Timestamp;
use collector_core::creator::aspect;
use serde_json::{Value, json};

use super::*;

/// 2026-11-30T12:00:00Z
const AT: i64 = 1_796_040_000;

fn reader() -> Reader {
    Reader::new(["made-up-key".into(), "made-up-secret".into()], false)
}

fn payload(status: u16, body: &Value) -> Payload {
    let mut payload = Payload::new(body.to_string(), Timestamp::from_secs(AT));
    payload.status = status;
    payload.headers.push((note::DAY.to_owned(), "20261130".to_owned()));
    payload.headers.push((note::TOKEN.to_owned(), "kept".to_owned()));
    payload
}

fn well(data: &Value) -> Value {
    json!({ "data": data, "error": { "code": "ok", "message": "ok.", "log_id": "L" } })
}

fn ill(code: &str, message: &str) -> Value {
    json!({ "data": {}, "error": { "code": code, "message": message, "log_id": "L" } })
}

fn read(task: &Task, body: &Value) -> Page<CreatorSighting> {
    read_with(200, task, body).unwrap()
}

fn read_with(status: u16, task: &Task, body: &Value) -> Result<Page<CreatorSighting>> {
    reader().read(Kind::from_name(task.kind()).unwrap(), task, &payload(status, body))
}

fn hashtag() -> Task {
    Task::new("t", "hashtag", "tea").per_run().param("days", "30")
}

fn profile() -> Task {
    Task::new("t", "profile", "mina")
}

fn shown(page: &Page<CreatorSighting>) -> Vec<String> {
    page.follow_ups.iter().map(Task::to_string).collect()
}

/// A post of 2026-11-29.
fn video(id: u64, username: &str) -> Value {
    json!({ "id": id, "username": username, "create_time": AT - 86_400 })
}

#[test]
fn a_post_shows_its_author_and_its_figures() {
    let mut video = video(7_300_000_000_000_000_001, "mi\u{0}na");
    for (name, value) in [
        ("region_code", json!("KR")),
        ("hashtag_names", json!(["KBeauty", "kbeauty", "뷰티", ""])),
        ("view_count", json!(1_234)),
        ("like_count", json!("12")),
        ("video_tag", json!({ "type": "Branded Type", "number": 1 })),
        ("video_mention_list", json!(["Jo", "not a handle"])),
        ("something_new", json!([{}])),
    ] {
        video[name] = value;
    }
    let data = json!({ "videos": [video], "cursor": 1, "has_more": false, "search_id": "7" });
    let page = read(&hashtag().param("mentions", "true"), &well(&data));
    let [author] = page.items.as_slice() else { panic!("{:?}", page.items) };
    assert_eq!((author.handle.as_deref(), author.country.as_deref()), (Some("mina"), Some("KR")));
    assert_eq!(author.aspect, aspect::POST_AUTHOR);
    assert_eq!(author.extra["video_tag"], json!({ "type": "Branded Type", "number": 1 }));
    let post = &author.posts[0];
    assert_eq!((&*post.id, post.views, post.likes), ("7300000000000000001", Some(1_234), Some(12)));
    assert_eq!((post.comments, post.shares), (Some(0), Some(0)), "what is left out of a post is zero");
    assert_eq!(post.hashtags.join(" "), "kbeauty 뷰티");
    assert_eq!(shown(&page), ["t/profile jo", "t/profile mina"]);
    assert!(page.malformed.is_empty(), "{:?}", page.malformed);
}

#[test]
fn ids_beyond_64_bits_and_in_the_other_place_are_kept() {
    let body = r#"{"data":{"videos":[
        {"video_id":99999999999999999999,"username":"a","create_time":1795953600},
        {"id":7300000000000000001,"username":"b"},
        {"id":"7","username":"c"},{"id":7300000000000000002},17]},"error":{"code":"ok"}}"#;
    let mut answer = payload(200, &json!({}));
    answer.body = body.to_owned().into();
    let task = hashtag().param("since", "20231001").param("until", "20261130");
    let page = reader().read(Kind::Hashtag, &task, &answer).unwrap();
    assert_eq!(&*page.items[0].posts[0].id, "99999999999999999999");
    assert_eq!(page.items.len(), 1, "the id says that the other is of another window");
    let parts: Vec<&str> = page.malformed.iter().map(|malformed| &*malformed.part).collect();
    assert_eq!(parts, ["data.videos[2].id", "data.videos[3].username", "data.videos[4]"]);
}

#[test]
fn the_next_page_keeps_the_window_and_the_search() {
    let data = json!({ "videos": [video(7_300_000_000_000_000_001, "a")], "cursor": 100, "has_more": true, "search_id": "77" });
    let task = hashtag().param("hydrate", "false").param("regions", "KR");
    let page = read(&task, &well(&data));
    let next = "t/hashtag tea cursor=100 hydrate=false regions=KR search_id=77 since=20261101 until=20261130";
    assert_eq!(shown(&page), [next]);
    // The number of the search is the newest that was given.
    let last = json!({ "videos": [], "cursor": 200, "has_more": true });
    let page = read(&page.follow_ups[0], &well(&last));
    assert_eq!(
        shown(&page),
        [
            "t/hashtag tea cursor=200 empty=1 hydrate=false regions=KR search_id=77 since=20261101 until=20261130"
        ]
    );
}

#[test]
fn a_long_span_goes_on_in_other_windows_once() {
    let task = Task::new("t", "hashtag", "tea").per_run().param("days", "70").param("pages_left", "2");
    let data = json!({ "videos": [], "cursor": 100, "has_more": true, "search_id": "7" });
    let page = read(&task, &well(&data));
    assert_eq!(
        shown(&page),
        [
            "t/hashtag tea cursor=100 empty=1 pages_left=1 search_id=7 since=20261101 until=20261130",
            "t/hashtag tea pages_left=2 since=20261002 until=20261031",
            "t/hashtag tea pages_left=2 since=20260922 until=20261001",
        ]
    );
    let second = read(&page.follow_ups[0], &well(&json!({ "cursor": 100 })));
    assert!(second.follow_ups.is_empty(), "{:?}", second.follow_ups);
}

#[test]
fn a_cursor_that_does_not_move_and_pages_without_end_are_noticed() {
    let stuck = json!({ "videos": [], "cursor": 100, "has_more": true });
    for (task, data) in [
        (hashtag().param("cursor", "100"), &stuck),
        (hashtag(), &json!({ "videos": [], "has_more": true })),
        (hashtag(), &json!({ "videos": [], "has_more": true, "cursor": [] })),
        (
            Task::new("t", "followers", "mina").param("cursor", "100"),
            &json!({ "cursor": 101, "has_more": true }),
        ),
        (Task::new("t", "following", "mina"), &json!({ "cursor": 0, "has_more": true })),
    ] {
        let page = read(&task, &well(data));
        let [Outcome::Failed(error)] = page.outcomes.as_slice() else { panic!("{:?}", page.outcomes) };
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
    let page = read(&hashtag().param("empty", "9"), &well(&stuck));
    assert!(page.follow_ups.is_empty() && page.malformed.len() == 1, "{page:?}");
}

#[test]
fn a_lost_search_is_asked_for_later_and_later_then_anew_then_given_up() {
    let lost = ill("invalid_params", "Search Id 77 is invalid or expired");
    let mut task = hashtag().param("days", "30");
    let first = json!({ "videos": [], "cursor": 300, "has_more": true, "search_id": "77" });
    task = read(&task.param("pages_left", "9"), &well(&first)).follow_ups.remove(0);
    let mut waits = Vec::new();
    let mut restarted = Vec::new();
    loop {
        let page = read_with(400, &task, &lost).unwrap();
        match page.outcomes.into_iter().next().unwrap() {
            Outcome::Restart(again) => {
                match again.earliest() {
                    Some(at) => waits.push(at.as_secs() - AT),
                    None => restarted.push(again.to_string()),
                }
                task = again;
            }
            Outcome::Failed(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [5, 10, 15, 20, 25].repeat(3));
    assert_eq!(
        restarted,
        [
            "t/hashtag tea anew=1 pages_left=11 since=20261101 until=20261130",
            "t/hashtag tea anew=2 pages_left=11 since=20261101 until=20261130",
        ]
    );
    // A search that was begun anew has pages of its own.
    let page = read(&hashtag().param("anew", "1"), &well(&first));
    assert_eq!(page.follow_ups[0].get("anew"), Some("1"));
}

#[test]
fn a_profile_is_whose_was_asked_for() {
    let data = json!({
        "display_name": "미나 🌸", "bio_description": "hi mina@mail.example.com\u{0}\nshop.example.com/a",
        "bio_url": "linktr.ee/mina", "avatar_url": "https://p.example/a.jpeg", "is_verified": true,
        "follower_count": 3_000_000_000_u64, "likes_count": 5_000_000_000_u64, "video_count": 0,
    });
    let page = read(&profile(), &well(&data));
    let seen = &page.items[0];
    assert_eq!((seen.handle.as_deref(), seen.name.as_deref()), (Some("mina"), Some("미나 🌸")));
    assert_eq!(seen.bio.as_deref(), Some("hi [e-mail]\nshop.example.com/a"));
    assert_eq!((seen.has_email, &seen.email), (Some(true), &None));
    assert_eq!(seen.links.join(" "), "https://linktr.ee/mina https://shop.example.com/a");
    assert_eq!(
        (seen.followers, seen.likes, seen.videos, seen.following),
        (Some(3_000_000_000), Some(5_000_000_000), Some(0), None),
        "what is left out of a profile is not known"
    );
    // Some come whole with a status that says otherwise.
    assert_eq!(read_with(500, &profile(), &well(&data)).unwrap().items.len(), 1);
    assert_eq!(read_with(500, &profile(), &well(&json!({}))).unwrap_err().kind(), ErrorKind::Unavailable);
    let odd = read(&profile(), &well(&json!({ "display_name": "x", "follower_count": "many" })));
    assert_eq!(odd.malformed[0].part, "data.follower_count");
    assert_eq!(read_with(200, &profile(), &well(&json!({}))).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn people_of_a_list_are_rows_and_the_cursor_is_a_time() {
    let task = Task::new("t", "followers", "mina").per_run().param("pages_left", "2");
    let data = json!({
        "user_followers": [{ "username": "A.b", "display_name": "AB" }, { "username": "a.b" }, { "display_name": "x" }],
        "cursor": 1_790_000_000, "has_more": true,
    });
    let page = read(&task, &well(&data));
    assert_eq!(page.items.len(), 1);
    assert_eq!((&*page.items[0].aspect, page.items[0].name.as_deref()), (aspect::LIST_ROW, Some("AB")));
    assert_eq!(page.malformed[0].part, "data.user_followers[2]");
    assert_eq!(shown(&page), ["t/followers mina cursor=1790000000 pages_left=1", "t/profile a.b"]);
}

#[test]
fn a_dead_token_and_missing_people_are_no_failures() {
    let dead = read_with(401, &profile(), &ill("access_token_invalid", "")).unwrap();
    assert!(matches!(dead.outcomes[..], [Outcome::Later { .. }]), "{:?}", dead.outcomes);
    let gone = ill("invalid_params", "`username: mina` is invalid: cannot find the user");
    let gone = read_with(400, &profile(), &gone).unwrap();
    assert!(matches!(gone.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{:?}", gone.outcomes);
}

#[test]
fn two_answers_that_differ_in_what_says_nothing_are_the_same() {
    let data = |search: &str| json!({ "videos": [], "cursor": 0, "has_more": false, "search_id": search });
    let same = [read(&hashtag(), &well(&data("1"))), read(&hashtag(), &well(&data("2")))];
    assert_eq!(same[0].fingerprint, same[1].fingerprint);
}
