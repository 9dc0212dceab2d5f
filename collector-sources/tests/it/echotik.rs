//! EchoTik's answers, made up from its documentation, with everything that is odd about them.

use collector_core::clock::Timestamp;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::id::{Id, Ids, RunId};
use collector_core::source::Source;
use collector_core::task::{Absence, Cost, Outcome, Page, Payload, Query, Task};
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};
use serde_json::{Value, json};

const DETAILS: &str = include_str!("../fixtures/echotik/details.json");
const RANKING: &str = include_str!("../fixtures/echotik/ranking.json");
const TREND: &str = include_str!("../fixtures/echotik/trend.json");
const VIDEOS: &str = include_str!("../fixtures/echotik/videos.json");
const LIVE_PROFILE: &str = include_str!("../fixtures/echotik/live-profile.json");

const MINA: &str = "7000000000000000001";

fn with(options: EchoTikConfig) -> EchoTik {
    EchoTik::new(EchoTikConfig { username: "made-up".into(), password: "up-made".into(), ..options }).unwrap()
}

fn source() -> EchoTik {
    with(EchoTikConfig::default())
}

/// 2026-11-30T12:00:00Z, a Monday.
fn answer(body: &str) -> Payload {
    Payload::new(body.to_owned(), "2026-11-30T12:00:00Z".parse().unwrap())
}

fn read(source: &EchoTik, tasks: &[Task], body: &str) -> Page<CreatorSighting> {
    source.parse(tasks, &answer(body)).unwrap()
}

fn task(kind: &str, subject: &str) -> Task {
    Task::new("echotik", kind, subject)
}

fn details(uids: &[&str]) -> Vec<Task> {
    uids.iter().map(|uid| task("details", uid)).collect()
}

fn texts(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(Task::to_string).collect()
}

fn data(rows: Value) -> String {
    json!({ "code": 0, "message": "ok", "data": rows, "requestId": "x" }).to_string()
}

#[test]
fn details_become_one_sighting_each_whatever_their_order() {
    let asked =
        [MINA, "7000000000000000002", "7000000000000000003", "7000000000000000004", "7000000000000000005"];
    let page = read(&source(), &details(&asked), DETAILS);
    assert!(matches!(
        page.outcomes[..],
        [
            Outcome::Done,
            Outcome::Done,
            Outcome::Absent(Absence::Deleted),
            Outcome::Done,
            Outcome::Absent(Absence::NotFound)
        ]
    ));
    assert_eq!(page.cost, Some(Cost::units(1)));
    assert_eq!(page.items.len(), 3);
    let mina = page.items.iter().find(|one| one.uid.as_deref() == Some(MINA)).unwrap();
    assert_eq!(mina.handle.as_deref(), Some("Mina.Made.Up"));
    assert_eq!(mina.name.as_deref(), Some("미나 🌷"));
    assert_eq!(mina.bio.as_deref(), Some("tea & skin mail me: [e-mail]  https://shop.example/mina"));
    assert_eq!(mina.links, ["https://shop.example/mina".into()]);
    assert_eq!((mina.has_email, &mina.email), (Some(true), &None));
    assert_eq!((mina.country.as_deref(), mina.language.as_deref()), (Some("US"), Some("en")));
    assert_eq!(mina.categories, ["Beauty".into()]);
    assert_eq!(
        (mina.followers, mina.following, mina.likes, mina.videos),
        (Some(123_456), Some(321), Some(3_200_000), Some(210))
    );
    assert_eq!((mina.gmv_30d, mina.units_30d, mina.avg_price), (Some(123_456), Some(75), Some(1_646)));
    assert_eq!(
        (mina.currency.as_deref(), mina.ec_score, mina.has_shop),
        (Some("USD"), Some(437), Some(true))
    );
    assert_eq!(mina.avatar, None, "nobody can fetch it");
    assert_eq!(mina.as_of.unwrap().to_string(), "2026-11-29T12:00:00Z");
    let extra = |name: &str| mina.extra.get(name).cloned().unwrap_or_default();
    assert_eq!(extra("total_digg_cnt"), 800_000);
    assert_eq!(extra("total_followers_1d_cnt"), -12);
    assert_eq!(extra("total_followers_90d_cnt"), 4_500);
    assert_eq!(extra("total_views_cnt"), 9_876_543_210_123_u64);
    assert_eq!(extra("interaction_rate"), 0.0421);
    assert_eq!(extra("most_category_product")[0]["category_id"], "601450");
    assert_eq!(extra("product_category_list")[1], "601739-842888-601740:2");
    assert_eq!(extra("influencer_video_duration_level")["15s-30s"], 5);
    for name in ["total_followers_30d_cnt", "gender", "most_views_video", "influencer_video_publish_week"] {
        assert!(!mina.extra.contains_key(name), "{name} says nothing");
    }
}

#[test]
fn what_is_empty_zero_or_broken_is_not_a_value() {
    let page = read(&source(), &details(&["7000000000000000002"]), DETAILS);
    let fresh = page.items.iter().find(|one| one.handle.as_deref() == Some("just.found")).unwrap();
    assert_eq!(fresh.uid.as_deref(), Some("7000000000000000002"), "a number is an id, too");
    assert_eq!((&fresh.name, fresh.bio.as_deref(), fresh.country.as_deref()), (&None, Some(""), Some("GB")));
    assert_eq!((fresh.followers, fresh.following, fresh.videos, fresh.gmv_30d), (None, None, None, None));
    assert_eq!((fresh.ec_score, &fresh.currency, fresh.has_shop), (None, &None, Some(false)));
    assert!(fresh.avatar.as_deref().unwrap().starts_with("https://p16.cdn.example/"), "not copied yet");
    assert_eq!(fresh.extra["product_category_list"], json!([{ "category_id": "7" }]));
    let broken: Vec<&str> = page.malformed.iter().map(|one| one.part.as_str()).collect();
    assert_eq!(broken, ["data[3].influencer_video_publish_hour"]);
}

#[test]
fn prices_and_pieces_stand_beside_turnover_only_where_they_can() {
    let page = read(&source(), &details(&["7000000000000000004"]), DETAILS);
    let seller = page.items.iter().find(|one| one.uid.as_deref() == Some("7000000000000000004")).unwrap();
    assert_eq!((seller.gmv_30d, seller.avg_price, seller.units_30d), (Some(10_000), None, None));
    assert_eq!(seller.extra["avg_30d_price"], 250_000);
    assert_eq!(seller.extra["total_video_sale_30d_cnt"], 9);
    assert_eq!((seller.followers, seller.has_shop), (Some(4_321), Some(true)));
}

#[test]
fn handles_are_matched_without_case_and_a_row_without_one_is_whose_it_can_only_be() {
    let asked = [
        task("details_by_handle", "mina.made.up"),
        task("details_by_handle", "just.found"),
        task("details_by_handle", "gone.away"),
        task("details_by_handle", "nobody.else"),
    ];
    let page = read(&source(), &asked, DETAILS);
    assert!(matches!(
        page.outcomes[..],
        [Outcome::Done, Outcome::Done, Outcome::Absent(Absence::Deleted), Outcome::Done]
    ));
    let found = page.items.iter().find(|one| one.uid.as_deref() == Some("7000000000000000004")).unwrap();
    assert_eq!(found.handle.as_deref(), Some("nobody.else"));
    let two = [asked[0].clone(), asked[3].clone(), task("details_by_handle", "somebody.else")];
    let page = read(&source(), &two, DETAILS);
    assert!(
        matches!(page.outcomes[1..], [Outcome::Absent(_), Outcome::Absent(_)]),
        "whose it is, is not said"
    );
    assert!(page.items.iter().any(|one| one.handle.is_none()), "and it is kept all the same");
}

#[test]
fn a_row_that_names_nobody_fails_whoever_is_left_and_nobody_else() {
    let row = |uid: &str| json!({ "user_id": uid, "unique_id": "x", "total_followers_cnt": 5 });
    let uids = ["7000001", "7000002", "7000003"];
    for broken in [json!("<unserializable>"), json!(null), json!({ "user_id": [] })] {
        let page = read(&source(), &details(&uids), &data(json!([row("7000003"), broken, row("7000001")])));
        let [Outcome::Done, Outcome::Failed(error), Outcome::Done] = &page.outcomes[..] else {
            panic!("{:?}", page.outcomes)
        };
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains("data[1]"), "{error}");
        assert_eq!((page.items.len(), page.malformed.len()), (2, 1));
    }
}

#[test]
fn nothing_found_comes_in_every_form() {
    for nothing in ["[]", "{}", "null", "\"\"", "{\"list\":[]}"] {
        let body = format!("{{\"code\":\"0\",\"msg\":null,\"data\":{nothing}}}");
        let page = read(&source(), &details(&["7000001"]), &body);
        assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{nothing}");
        assert_eq!(page.cost, Some(Cost::units(1)), "an answer is an answer");
    }
    for wrong in ["{\"code\":0}", "{\"data\":[]}", "{\"code\":0,\"data\":\"US\"}", "[]", "7"] {
        let error = source().parse(&details(&["7000001"]), &answer(wrong)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{wrong}");
    }
}

#[test]
fn addresses_are_kept_only_when_asked() {
    let keeping = with(EchoTikConfig { keep_email: true, ..EchoTikConfig::default() });
    let page = read(&keeping, &details(&[MINA]), DETAILS);
    let mina = page.items.iter().find(|one| one.uid.as_deref() == Some(MINA)).unwrap();
    assert_eq!(mina.email.as_deref(), Some("work@mina.example"));
    let page = read(&source(), &details(&[MINA]), DETAILS);
    assert!(!serde_json::to_string(&page.items).unwrap().contains("mina.example"));
}

#[test]
fn the_same_answer_again_has_one_fingerprint() {
    let again = DETAILS.replace("0c0c0c0c", "ffffffff").replace('\n', " ");
    let first = read(&source(), &details(&[MINA]), DETAILS).fingerprint;
    assert_eq!(first, read(&source(), &details(&[MINA]), &again).fingerprint);
    let other = DETAILS.replace("123456", "123457");
    assert_ne!(first, read(&source(), &details(&[MINA]), &other).fingerprint);
}

#[test]
fn pictures_are_converted_by_a_task_of_their_own() {
    let source = with(EchoTikConfig { pictures: true, ..EchoTikConfig::default() });
    let asked = details(&[MINA, "7000000000000000002"]);
    let follow_ups = read(&source, &asked, DETAILS).follow_ups;
    let name = "https://echosell-images.tos-ap-southeast-1.volces.com/user-avatar/7/MS4wLjABAAAAmade-up_0123456789.jpg";
    assert_eq!(texts(&follow_ups), [format!("echotik/pictures {name} uid={MINA}")]);
    let again = [task("details", MINA).regardless_of_freshness()];
    let asked_again = read(&source, &again, DETAILS).follow_ups;
    let ids = [&follow_ups[0], &asked_again[0]].map(|task| (task.id(RunId(1)), task.id(RunId(2))));
    assert_eq!(ids[0].0, ids[0].1, "what is fresh is not asked for again");
    assert_ne!(ids[1].0, ids[1].1, "unless somebody says that the link has ended");

    let missing = follow_ups[0].clone().param("n", "2");
    let tasks = [follow_ups[0].clone(), missing];
    let link = "https://signed.example/a.jpg?X-Tos-Signature=1";
    for shape in [
        json!({ name: link }),
        json!([{ name: link }]),
        json!([{ "source_cover_url": name, "dest_cover_url": link }]),
    ] {
        let body = json!({ "code": 0, "message": "success", "data": shape }).to_string();
        let page = read(&source, &tasks[..1], &body);
        assert!(matches!(page.outcomes[..], [Outcome::Done]), "{shape}");
        let [seen] = &page.items[..] else { panic!("{shape}") };
        assert_eq!((seen.avatar.as_deref(), seen.uid.as_deref(), seen.as_of), (Some(link), Some(MINA), None));
        assert_eq!(page.cost, Some(Cost::units(0)));
    }
    for unconverted in [json!([]), json!(null), json!({ name: name }), json!({ name: "javascript:x" })] {
        let body = json!({ "code": 0, "data": unconverted }).to_string();
        let page = read(&source, &tasks[..1], &body);
        assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{unconverted}");
    }
}

#[test]
fn a_ranking_tells_growth_from_totals_and_says_the_rank() {
    let root = task("ranking", "US")
        .per_run()
        .param("rank_type", "2")
        .param("influencer_rank_field", "2")
        .param("back", "1");
    let page = read(&source(), &[root.clone().param("page", "3")], RANKING);
    let second = &page.items[1];
    assert_eq!((second.followers, second.videos, second.ec_score), (Some(5_002), Some(77), Some(250)));
    assert_eq!(second.as_of.unwrap().to_string(), "2026-11-30T00:00:00Z", "the week is over");
    let ranking = &second.extra["ranking"];
    assert_eq!(
        (&ranking["rank"], &ranking["by"], &ranking["period"]),
        (&json!(22), &json!("sales"), &json!("week"))
    );
    assert_eq!((&ranking["date"], &ranking["total_followers_cnt"]), (&json!("2026-11-23"), &json!(-5)));
    assert_eq!(ranking["total_sale_gmv_amt"], 812.5);
    assert_eq!(
        texts(&page.follow_ups),
        ["echotik/details 7000000000000000001", "echotik/details 7000000000000000002"]
    );

    // A full page is followed by one of the same week, whenever that is read.
    let rows: Vec<Value> = (0..10)
        .map(|n| json!({ "user_id": format!("700000{n}"), "total_followers_history_cnt": 5 }))
        .collect();
    let next = read(&source(), &[root.clone().param("hydrate", "false")], &data(json!(rows))).follow_ups;
    assert_eq!(
        texts(&next),
        [
            "echotik/ranking US after=7000009 date=2026-11-23 hydrate=false influencer_rank_field=2 page=2 rank_type=2"
        ]
    );

    // The latest is not there yet: the one before it is looked at, three times.
    let mut looked = vec![root];
    for back in ["2", "3"] {
        let page = read(&source(), &looked[looked.len() - 1..], &data(json!([])));
        assert_eq!(page.follow_ups[0].get("back"), Some(back));
        looked.extend(page.follow_ups);
    }
    assert!(read(&source(), &looked[2..], &data(json!([]))).follow_ups.is_empty());
}

#[test]
fn a_trend_fills_days_in_and_says_how_things_were_on_the_newest() {
    let page = read(&source(), &[task("trend", MINA)], TREND);
    let [seen] = &page.items[..] else { panic!("{:?}", page.items) };
    let days: Vec<_> = seen.history.iter().map(|day| (day.day, day.followers, day.videos)).collect();
    let day = |date: &str| format!("{date}T00:00:00Z").parse::<Timestamp>().unwrap().day();
    assert_eq!(
        days,
        [
            (day("2026-11-24"), None, Some(210)),
            (day("2026-11-27"), Some(123_400), Some(210)),
            (day("2026-11-29"), Some(123_456), Some(210)),
        ]
    );
    assert_eq!(
        (seen.followers, seen.likes),
        (Some(123_456), None),
        "likes of a part of the videos are no likes"
    );
    assert_eq!(seen.as_of.unwrap().to_string(), "2026-11-30T00:00:00Z");
    assert_eq!(seen.extra["trend"]["total_sale_gmv_1d_amt"], 31);
    assert_eq!(page.malformed[0].part, "data[2].dt");
    let other = read(&source(), &[task("trend", "7000009")], TREND);
    assert!(other.items.is_empty(), "somebody else's days are not theirs");
}

#[test]
fn videos_are_read_out_of_texts() {
    let page = read(&source(), &[task("videos", MINA)], VIDEOS);
    let [seen] = &page.items[..] else { panic!("{:?}", page.items) };
    assert_eq!((seen.uid.as_deref(), seen.posts.len()), (Some(MINA), 2));
    let post = &seen.posts[0];
    assert_eq!(
        (post.views, post.likes, post.comments, post.shares),
        (Some(1_000), Some(100), Some(5), Some(2))
    );
    assert_eq!(post.created_at, Some(Timestamp::from_secs(1_795_000_000)));
    assert_eq!(post.hashtags, ["tea".into(), "녹차".into()]);
    assert_eq!(page.malformed[0].part, "data[2].video_id");
    assert!(page.follow_ups.is_empty(), "a page that is not full is the last");
}

#[test]
fn a_page_that_comes_twice_is_noticed_and_the_asked_number_is_kept() {
    let rows: Vec<Value> = (0..10)
        .map(|n| json!({ "user_id": format!("700000{n}"), "unique_id": "x", "total_followers_cnt": 5 }))
        .collect();
    let body = data(json!(rows));
    let list = task("list", "US").per_run().param("pages_left", "2");
    let page = read(&source(), &[list], &body);
    assert_eq!(texts(&page.follow_ups), ["echotik/list US after=7000009 page=2 pages_left=1"]);
    let page = read(&source(), &page.follow_ups, &body);
    let [Outcome::Failed(error)] = &page.outcomes[..] else { panic!("{:?}", page.outcomes) };
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(page.follow_ups.is_empty() && page.items.len() == 10);
    let last = [task("list", "US").per_run().param("page", "10000")];
    assert!(read(&source(), &last, &body).follow_ups.is_empty(), "there is no page 10,001");
}

#[test]
fn more_is_asked_about_those_whose_keys_are_known_now() {
    let source = with(EchoTikConfig { real_time: RealTime::Always, ..EchoTikConfig::default() });
    let asked = task("details_by_handle", "mina.made.up")
        .param("trend_days", "30")
        .param("videos_pages", "2")
        .param("live_videos_pages", "1");
    let page = read(
        &source,
        &[asked.clone(), task("details_by_handle", "nobody.else"), task("details_by_handle", "x")],
        DETAILS,
    );
    assert_eq!(
        texts(&page.follow_ups),
        [
            "echotik/live_profile nobody.else",
            "echotik/live_profile x",
            "echotik/live_profile mina.made.up",
            &format!("echotik/videos {MINA} pages_left=2"),
            "echotik/live_videos mina.made.up pages_left=1",
            &format!("echotik/trend {MINA} from=2026-10-31 to=2026-11-29"),
        ]
    );
    assert!(read(&self::source(), &[task("details_by_handle", "x")], &data(json!([]))).follow_ups.is_empty());
}

#[test]
fn a_profile_of_the_platform_is_read_like_its_other_ones() {
    let page = read(&source(), &[task("live_profile", "mina.made.up")], LIVE_PROFILE);
    let [seen] = &page.items[..] else { panic!("{:?}", page.items) };
    assert_eq!(
        (seen.aspect.as_ref(), seen.followers, seen.likes),
        ("profile", Some(124_000), Some(3_210_000))
    );
    assert_eq!((seen.verified, seen.private), (Some(true), Some(false)));
    assert!(seen.avatar.as_deref().unwrap().contains(".jpeg") && seen.as_of.is_none());
    let page = read(&source(), &[task("live_profile", "mina")], LIVE_PROFILE);
    assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]) && page.items.len() == 1);
}

#[test]
fn the_platform_says_nobody_in_many_ways() {
    let live = [task("live_profile", "mina")];
    let absence = |body: Value| match read(&source(), &live, &body.to_string()).outcomes.remove(0) {
        Outcome::Absent(absence) => absence,
        other => panic!("{body}: {other:?}"),
    };
    let of = |data: Value| json!({ "msg": "success", "code": 0, "data": data });
    for nobody in [
        of(json!({ "status_code": 10202, "status_msg": "user doesn't exist" })),
        of(json!({ "status_code": 0, "user": null })),
        of(json!({ "status_code": 0 })),
        of(json!(null)),
        of(json!([])),
        json!({ "msg": "user not found", "code": 40_400, "data": null }),
    ] {
        assert_eq!(absence(nobody), Absence::NotFound);
    }
    assert_eq!(absence(of(json!({ "status_code": 10222 }))), Absence::Private);
    assert_eq!(absence(of(json!({ "status_code": 10225 }))), Absence::Restricted);
    assert_eq!(absence(of(json!({ "user": { "uid": "7000001", "user_canceled": true } }))), Absence::Deleted);
}

#[test]
fn a_refusal_of_the_platform_is_tried_once_more() {
    let refused = json!({ "msg": "strange", "code": 17, "data": null }).to_string();
    let page = read(&source(), &[task("live_profile", "mina")], &refused);
    assert_eq!(page.cost, Some(Cost::units(0)));
    let [Outcome::Restart(again)] = &page.outcomes[..] else { panic!("{:?}", page.outcomes) };
    let page = read(&source(), std::slice::from_ref(again), &refused);
    let [Outcome::Failed(error)] = &page.outcomes[..] else { panic!("{:?}", page.outcomes) };
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let risk = json!({ "msg": "risk control", "code": 500, "data": null }).to_string();
    let error = source().parse(&[task("live_profile", "mina")], &answer(&risk)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "the engine waits and tries again");
}

#[test]
fn videos_of_the_platform_go_on_by_their_cursor() {
    let page = |more: u8, cursor: u64| {
        let post = json!({ "aweme_id": "7300000000000000001", "create_time": 1, "desc": "",
            "author": { "uid": MINA, "unique_id": "mina", "follower_count": 5 }, "is_top": 1 });
        json!({ "code": 0, "msg": "success", "data": { "status_code": 0, "has_more": more, "max_cursor": cursor,
            "aweme_list": [post, { "aweme_id": "x" }] } })
        .to_string()
    };
    let first = [task("live_videos", "mina").param("pages_left", "3")];
    let got = read(&source(), &first, &page(1, 1_794_000_000_000));
    assert_eq!((got.items.len(), got.items[0].posts[0].pinned, got.malformed.len()), (1, true, 1));
    assert_eq!(texts(&got.follow_ups), ["echotik/live_videos mina cursor=1794000000000 pages_left=2"]);
    let again = read(&source(), &got.follow_ups, &page(1, 1_794_000_000_000));
    assert!(matches!(again.outcomes[..], [Outcome::Failed(_)]), "it would go round for ever");
    assert!(read(&source(), &first, &page(0, 5)).follow_ups.is_empty());
}

#[test]
fn broken_json_is_the_lines_fault_and_a_page_the_gateways() {
    for body in ["{\"code\":0,\"data\":[", "{\"code\":0,,}", "<html>503</html>", ""] {
        let error = source().parse(&details(&["7000001"]), &answer(body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
    }
}

#[test]
fn people_who_are_known_somewhere_are_looked_up_by_number_or_handle() {
    let source = source();
    let ids = |strong: &[(&str, &str)], weak: &[(&str, &str)]| {
        let ids = |ids: &[(&str, &str)]| ids.iter().map(|(kind, value)| Id::new(*kind, *value)).collect();
        Ids { strong: ids(strong), weak: ids(weak) }
    };
    let lookup = source.lookup(&ids(&[("tiktok:uid", MINA)], &[("tiktok:handle", "mina")])).unwrap();
    assert_eq!(
        (lookup.to_string(), source.call(lookup.kind()).tasks),
        (format!("echotik/details {MINA}"), 10)
    );
    let lookup = source.lookup(&ids(&[("tiktok:sec_uid", "MS4w")], &[("tiktok:handle", "mina")])).unwrap();
    assert_eq!(lookup.to_string(), "echotik/details_by_handle mina");
    assert!(source.lookup(&ids(&[("tiktok:sec_uid", "MS4w")], &[])).is_none());
    let query = Query { handles: (0..1_000).map(|n| format!("made.up{n}")).collect(), ..Query::default() };
    assert_eq!(source.seed(&query).unwrap().len(), 1_000);
}
