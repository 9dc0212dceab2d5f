use collector_core::clock::Timestamp;
use collector_core::creator::aspect;
use serde_json::{Value, json};

use super::*;

fn payload(body: &Value) -> Payload {
    Payload::new(body.to_string(), Timestamp::from_secs(1_796_040_000))
}

fn read(task: &Task, data: &Value) -> Page<CreatorSighting> {
    let body = json!({ "code": 0, "message": "OK", "request_id": "R", "data": data });
    let reader = Reader::new("made-up".into(), false);
    reader.read(Kind::from_name(task.kind()).unwrap(), task, &payload(&body)).unwrap()
}

fn shown(page: &Page<CreatorSighting>) -> Vec<String> {
    page.follow_ups.iter().map(Task::to_string).collect()
}

fn search() -> Task {
    Task::new("t", "discover", "KR").per_run().param("keyword_search", "tea")
}

#[test]
fn a_row_has_counters_and_the_country_of_the_search() {
    let creators = json!([
        { "handle_name": "Mina", "followers_count": "12", "videos_count": 3, "creator_price": "120", "currency": "USD" },
        { "handle_name": "jo", "followers_count": 1, "bio": "", "country_code": "JP" },
        { "handle_name": "mina" },
        7,
    ]);
    let info = json!({ "page": 1, "page_size": 200, "total_number": 400, "total_page": 2 });
    let page = read(&search(), &json!({ "creators": creators, "page_info": info }));
    let [mina, jo] = page.items.as_slice() else { panic!("{:?}", page.items) };
    assert_eq!(
        (mina.followers, mina.country.as_deref(), &*mina.aspect),
        (Some(12), Some("KR"), aspect::LIST_ROW)
    );
    assert_eq!(
        (&mina.extra["creator_price"], &mina.extra["creator_price_currency"]),
        (&json!("120"), &json!("USD"))
    );
    assert_eq!(jo.country.as_deref(), Some("JP"));
    assert_eq!(page.malformed[0].part, "data.creators[3]");
    // Who shows a biography needs no looking up.
    assert_eq!(shown(&page), ["t/discover KR keyword_search=tea page=2", "t/creator mina"]);
}

#[test]
fn a_search_that_is_cut_off_is_divided_by_followers() {
    let info = json!({ "page": 1, "total_number": 250, "total_page": 2 });
    let halves = |task: &Task| shown(&read(task, &json!({ "creators": [], "page_info": info })));
    assert_eq!(
        halves(&search()),
        [
            "t/discover KR keyword_search=tea max_followers=29999",
            "t/discover KR keyword_search=tea min_followers=30000",
        ]
    );
    let bounded = search().param("min_followers", "100").param("max_followers", "9999");
    assert_eq!(
        halves(&bounded),
        [
            "t/discover KR keyword_search=tea max_followers=998 min_followers=100",
            "t/discover KR keyword_search=tea max_followers=9999 min_followers=999",
        ]
    );
    let narrow = search().param("min_followers", "100").param("max_followers", "101");
    assert_eq!(
        halves(&narrow),
        ["t/discover KR keyword_search=tea max_followers=101 min_followers=100 page=2"],
        "what cannot be divided is read as far as it goes"
    );
}

#[test]
fn a_page_that_is_another_is_refused() {
    let info = json!({ "page": 1, "total_page": 9 });
    let page = read(&search().param("page", "2"), &json!({ "creators": [], "page_info": info }));
    assert!(matches!(&page.outcomes[..], [Outcome::Failed(error)] if error.kind() == ErrorKind::Malformed));
}

#[test]
fn a_creator_has_labels_and_what_is_not_modelled() {
    let task = Task::new("t", "creator", "mina");
    let data = json!({
        "creator_id": "71", "handle_name": "mina", "display_name": "Mina", "bio": "b@c.example", "median_views": "900",
        "engagement_rate": "3.2%", "content_labels": [{ "label_id": "1", "label_name": "Beauty" }], "industry_labels": ["Food"],
    });
    let page = read(&task, &data);
    let seen = &page.items[0];
    assert_eq!(
        (seen.uid.as_deref(), &seen.extra["creator_id"]),
        (None, &json!("71")),
        "no id of the platform"
    );
    assert_eq!((&seen.extra["median_views"], &seen.extra["engagement_rate"]), (&json!(900), &json!("3.2%")));
    assert_eq!(seen.categories.join(" "), "Beauty Food");
    assert_eq!((seen.bio.as_deref(), seen.has_email), (Some("[e-mail]"), Some(true)));
    let other = read(&task, &json!({ "handle_name": "somebody" }));
    assert!(matches!(other.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{:?}", other.outcomes);
    assert_eq!(other.items.len(), 1, "it is a sighting of somebody");
}

#[test]
fn posts_have_their_time_in_text_and_the_list_goes_on() {
    let task = Task::new("t", "creator_videos", "mina").per_run().param("pages_left", "2");
    let post = json!({
        "video_id": "7300000000000000001", "create_time": "2026-10-31 12:00:00", "video_views": "90", "likes": 3,
        "caption_hashtags": ["#Tea"],
    });
    let data = json!({ "posts": [post, {}], "page_info": { "has_more": true, "cursor": 50 } });
    let page = read(&task, &data);
    let seen = &page.items[0].posts[0];
    assert_eq!(seen.created_at.unwrap().to_string(), "2026-10-31T12:00:00Z");
    assert_eq!(
        (seen.views, seen.likes, seen.comments, seen.hashtags.join("")),
        (Some(90), Some(3), None, "tea".into())
    );
    assert_eq!(page.malformed[0].part, "data.posts[1].video_id");
    assert_eq!(shown(&page), ["t/creator_videos mina cursor=50 pages_left=1"]);
    let stuck = read(&page.follow_ups[0], &data);
    assert!(matches!(&stuck.outcomes[..], [Outcome::Failed(error)] if error.kind() == ErrorKind::Malformed));
}

#[test]
fn a_part_of_what_was_asked_is_an_answer() {
    let reader = Reader::new("made-up".into(), false);
    assert!(reader.check(&payload(&json!({ "code": 20001, "message": "", "data": {} }))).is_ok());
    let refused = reader.check(&payload(&json!({ "code": 40105, "message": "bad made-up" }))).unwrap_err();
    assert!(
        refused.kind() == ErrorKind::Unauthorized && !refused.to_string().contains("made-up"),
        "{refused}"
    );
}
