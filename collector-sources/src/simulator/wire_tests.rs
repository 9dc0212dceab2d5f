//! The whole simulator over real connections: every endpoint, every quirk of the fact sheets and every knob once.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::testing::{Bench, send};
use super::{
    AccountState, LastCursor, ListLocation, ProfileShape, RetryAfter, Simulator, SimulatorConfig,
    SimulatorError, Truncation, UnknownUser,
};

fn base() -> SimulatorConfig {
    SimulatorConfig { creators: 300, ..SimulatorConfig::default() }
}

fn handle(truth: &Value) -> &str {
    truth["handle"].as_str().unwrap()
}

fn user_info(truth: &Value) -> String {
    format!("/tt/user/info?username={}", handle(truth))
}

/// Drops what differs between two answers about the same thing: times of the call and signatures of links.
fn settled(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| name != "unique_id_modify_time")
            .map(|(name, value)| (name, settled(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::String(text) if text.starts_with("http") && text.contains("/videos/") => "video".into(),
        Value::String(text) if text.contains("?x-expires=") => text.split('?').next().unwrap().into(),
        other => other,
    }
}

// ---- profiles ----

#[tokio::test]
async fn a_profile_by_handle_is_merged_and_true() {
    let bench = Bench::start(base()).await;
    let truth = &bench.truth(7, 1).await[0];
    let reply = bench.vendor(&user_info(truth)).await;
    assert_eq!((reply.status, reply.header("units_charged")), (200, Some("1")));
    assert!((5_000..9_000).contains(&reply.body.len()), "{} bytes", reply.body.len());
    let data = reply.json()["data"].clone();
    let (user, stats) = (&data["user"], &data["stats"]);
    assert_eq!(user["id"], truth["uid"]);
    assert_eq!(user["secUid"], truth["sec_uid"]);
    assert_eq!(user["uniqueId"], truth["handle"]);
    assert_eq!((&user["nickname"], &user["signature"]), (&truth["name"], &truth["bio"]));
    assert_eq!(stats["followerCount"], truth["followers"]);
    assert_eq!((&stats["heartCount"], &stats["heart"]), (&truth["hearts"], &truth["hearts"]));
    assert_eq!(stats["videoCount"], truth["videos"]);
    assert_eq!(user["favoriting_count"], stats["diggCount"]);
    assert!(user["secret"].is_boolean() && user["verified"].is_boolean());
    for mobile in
        ["uid", "unique_id", "sec_uid", "follower_count", "following_count", "aweme_count", "total_favorited"]
    {
        assert_eq!(user.get(mobile), None, "{mobile}");
    }
    let avatar = user["avatarLarger"].as_str().unwrap();
    assert!(
        avatar.starts_with(&format!("{}/images/{}~", bench.url(), truth["avatar_uri"].as_str().unwrap())),
        "{avatar}"
    );
    assert_eq!(user["avatar_larger"]["uri"], truth["avatar_uri"]);
    bench.stop().await;
}

#[tokio::test]
async fn a_profile_by_sec_uid_is_mobile_with_counters_inside() {
    let bench = Bench::start(base()).await;
    let truth = &bench.truth(8, 1).await[0];
    let path = format!("/tt/user/info-from-secuid?secUid={}", truth["sec_uid"].as_str().unwrap());
    let data = bench.vendor(&path).await.json()["data"].clone();
    let user = &data["user"];
    assert_eq!(data.get("stats"), None);
    assert_eq!((&user["uid"], &user["sec_uid"]), (&truth["uid"], &truth["sec_uid"]));
    assert_eq!((&user["follower_count"], &user["total_favorited"]), (&truth["followers"], &truth["hearts"]));
    assert!(user["secret"].is_u64());
    assert_eq!(user.get("category"), None);
    let richer = bench.vendor(&format!("{path}&alternative_method=True")).await.json();
    assert_eq!(richer["data"]["user"]["category"], "Beauty");
}

#[tokio::test]
async fn answers_differ_in_order_signature_and_time_only() {
    let bench = Bench::start(base()).await;
    let truth = &bench.truth(9, 1).await[0];
    let mut texts = HashSet::new();
    let mut orders = HashSet::new();
    let mut values = Vec::new();
    for _ in 0..24 {
        let reply = bench.vendor(&user_info(truth)).await;
        let text = reply.text();
        orders.insert((
            text.find("\"stats\":") < text.find("\"user\":"),
            text.find("\"uniqueId\":") < text.find("\"nickname\":"),
        ));
        texts.insert(text.to_owned());
        values.push(settled(reply.json()));
    }
    assert_eq!(texts.len(), 24, "signatures are new each time");
    assert!(orders.len() >= 3, "key order varies: {orders:?}");
    assert!(values.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_new_generation_changes_its_share() {
    let bench = Bench::start(SimulatorConfig { changed_share: 0.25, ..base() }).await;
    let before = bench.truth(0, 300).await;
    bench.control(r#"{"generation":1}"#).await;
    let after = bench.truth(0, 300).await;
    let changed: Vec<usize> = (0..300).filter(|at| before[*at]["bio"] != after[*at]["bio"]).collect();
    assert!((50..100).contains(&changed.len()), "{}", changed.len());
    let index = changed[0];
    let now = bench.vendor(&user_info(&after[index])).await.json();
    assert_eq!(now["data"]["stats"]["followerCount"], after[index]["followers"]);
    assert_ne!(before[index]["followers"], after[index]["followers"]);
}

#[tokio::test]
async fn profiles_come_in_every_shape() {
    let bench = Bench::start(SimulatorConfig { profile_shape: ProfileShape::Mobile, ..base() }).await;
    let truth = &bench.truth(3, 1).await[0];
    let mobile = bench.vendor(&user_info(truth)).await.json();
    assert_eq!(mobile["data"]["user"]["follower_count"], truth["followers"]);
    bench.control(r#"{"profile_shape":"flat"}"#).await;
    let flat = bench.vendor(&user_info(truth)).await.json();
    assert_eq!(flat["data"]["uid"], truth["uid"]);
}

#[tokio::test]
async fn nobody_is_answered_in_every_dialect_and_charged() {
    let bench = Bench::start(base()).await;
    let dialects = [
        (UnknownUser::Null, 200, json!({"data": null})),
        (UnknownUser::UserNull, 200, json!({"data": {"user": null}})),
        (UnknownUser::Empty, 200, json!({"data": {}})),
        (UnknownUser::Invalid, 463, json!({"detail": "Invalid username or user id."})),
        (UnknownUser::NotFound, 473, json!({"detail": "User not found."})),
    ];
    for (dialect, status, body) in dialects {
        bench.control(&json!({ "unknown_user": dialect }).to_string()).await;
        for path in ["/tt/user/info?username=nobody", "/tt/user/info-from-secuid?secUid=nobody"] {
            let reply = bench.vendor(path).await;
            assert_eq!(
                (reply.status, reply.json(), reply.header("units_charged")),
                (status, body.clone(), Some("1"))
            );
        }
    }
    bench.control(r#"{"unknown_user":"near_miss"}"#).await;
    let near = bench.vendor("/tt/user/info?username=nobody").await.json();
    assert_ne!(near["data"]["user"]["uniqueId"], "nobody");
    assert!(near["data"]["user"]["id"].is_string());
}

#[tokio::test]
async fn broken_profiles_are_as_many_as_asked() {
    let bench = Bench::start(SimulatorConfig { broken_profiles: 3, ..base() }).await;
    let broken: Vec<Value> =
        bench.truth(0, 300).await.into_iter().filter(|truth| truth["broken_profile"] == true).collect();
    assert_eq!(broken.len(), 3);
    let reply = bench.vendor(&user_info(&broken[0])).await;
    assert_eq!((reply.status, reply.header("units_charged")), (200, Some("1")));
    assert!(!reply.json()["data"]["user"].is_object());
}

// ---- effects ----

#[tokio::test]
async fn renamed_reused_unknown_and_without_ids_as_seen_by_a_client() {
    let config = SimulatorConfig {
        renamed_share: 0.1,
        reused_share: 0.05,
        unknown_share: 0.1,
        no_id_share: 0.1,
        ..base()
    };
    let bench = Bench::start(config).await;
    let truths = bench.truth(0, 300).await;
    let pick = |matches: &dyn Fn(&Value) -> bool| {
        truths.iter().find(|truth| matches(truth) && truth["broken_profile"] == false).unwrap().clone()
    };
    let ask = |handle: Value| bench_user(&bench, handle.as_str().unwrap().to_owned());

    let known = |truth: &Value| truth["known"] == true && truth["has_ids"] == true;
    let renamed = pick(&|truth| {
        known(truth)
            && truth["renamed"] == true
            && truth["handle"] != truth["first_handle"]
            && truth["first_handle_taken_by"].is_null()
    });
    assert!(ask(renamed["first_handle"].clone()).await.is_null());
    assert_eq!(ask(renamed["handle"].clone()).await["id"], renamed["uid"]);
    let by_sec_uid = bench
        .vendor(&format!("/tt/user/info-from-secuid?secUid={}", renamed["sec_uid"].as_str().unwrap()))
        .await;
    assert_eq!(by_sec_uid.json()["data"]["user"]["unique_id"], renamed["handle"]);

    let known_uids: HashSet<_> =
        truths.iter().filter(|truth| known(truth)).map(|truth| truth["uid"].clone()).collect();
    let reused = pick(&|truth| known(truth) && known_uids.contains(&truth["first_handle_taken_by"]));
    assert_eq!(ask(reused["first_handle"].clone()).await["id"], reused["first_handle_taken_by"]);
    assert_eq!(ask(reused["handle"].clone()).await["id"], reused["uid"]);

    let unknown = pick(&|truth| truth["known"] == false);
    assert!(ask(unknown["handle"].clone()).await.is_null());
    let gone = format!("/tt/post/multi-info?ids={}", unknown["posts"][0]["id"].as_str().unwrap());
    assert_eq!(bench.vendor(&gone).await.json(), json!({"data": []}));

    let without = pick(&|truth| truth["known"] == true && truth["has_ids"] == false);
    let user = ask(without["handle"].clone()).await;
    assert_eq!((user.get("id"), user.get("secUid"), &user["uniqueId"]), (None, None, &without["handle"]));

    // Lists go on showing people under the first handle; the plain one knows others than the vendor.
    let rows = bench.get("/list/creators?size=300").await.json()["items"].clone();
    let listed: Vec<&Value> = truths.iter().filter(|truth| truth["in_list"] == true).collect();
    assert_eq!(rows.as_array().unwrap().len(), listed.len());
    assert!(listed.len() < 300 && listed.iter().any(|truth| truth["known"] == false));
    for (row, truth) in rows.as_array().unwrap().iter().zip(listed) {
        assert_eq!(row["handle"], truth["first_handle"]);
        assert_eq!(row.get("id").is_some(), truth["row_has_id"] == true);
        assert_eq!(row.get("as_of"), None, "it is not behind");
    }
}

async fn bench_user(bench: &Bench, handle: String) -> Value {
    let reply = bench.vendor(&format!("/tt/user/info?username={handle}")).await.json();
    reply["data"].get("user").cloned().unwrap_or(Value::Null)
}

// ---- hashtag pages ----

/// Walks a hashtag's list until it has no cursor; gives the pages as lists of posts and the cursors sent.
async fn walk(bench: &Bench, name: &str) -> (Vec<Vec<Value>>, Vec<u64>) {
    let (mut pages, mut cursors, mut cursor) = (Vec::new(), Vec::new(), 0);
    loop {
        assert!(cursors.len() < 200, "the list has no end: {cursors:?}");
        cursors.push(cursor);
        let answer = bench.vendor(&format!("/tt/hashtag/posts?name={name}&cursor={cursor}")).await.json();
        pages.push(answer["data"]["data"].as_array().unwrap().clone());
        match answer["data"]["nextCursor"].as_u64().filter(|next| *next != cursor) {
            Some(next) => cursor = next,
            None => return (pages, cursors),
        }
    }
}

#[tokio::test]
async fn hashtag_pages_hold_bare_posts_with_unknown_counters() {
    let bench = Bench::start(SimulatorConfig { creators: 1_000, hashtags: Some(2), ..base() }).await;
    let reply = bench.vendor("/tt/hashtag/posts?name=kbeauty").await;
    assert_eq!(reply.header("units_charged"), Some("1"));
    let data = reply.json()["data"].clone();
    assert_eq!(data["nextCursor"], 20);
    let posts = data["data"].as_array().unwrap();
    assert_eq!(posts.len(), 20);
    assert!((6_000 * 20..20_000 * 20).contains(&reply.body.len()), "{} bytes a post", reply.body.len() / 20);
    let post = &posts[0];
    let author = &post["author"];
    assert_eq!(
        author["uid"].as_str().unwrap().parse::<u64>().unwrap(),
        post["author_user_id"].as_u64().unwrap()
    );
    assert!(post["author_user_id"].as_u64().unwrap() > 1 << 53);
    for counter in ["follower_count", "following_count", "aweme_count", "total_favorited", "favoriting_count"]
    {
        assert_eq!(author[counter], 0, "{counter}");
    }
    let truth = bench.truth(0, 1_000).await;
    let truth = truth.iter().find(|truth| truth["uid"] == author["uid"]).unwrap();
    assert_eq!((&author["unique_id"], &author["nickname"]), (&truth["handle"], &truth["name"]));
    let shown =
        truth["posts"].as_array().unwrap().iter().find(|shown| shown["id"] == post["aweme_id"]).unwrap();
    assert_eq!(post["statistics"]["play_count"], shown["views"]);
    assert_eq!(post["create_time"], shown["created_at"]);
    assert!(post["music"]["id"].as_u64().unwrap() > 1 << 53);
    assert!(serde_json::from_str::<Value>(post["video"]["meta"].as_str().unwrap()).unwrap().is_object());
    assert!(post["music_volume"].is_string());

    bench.control(r#"{"zero_counters":false}"#).await;
    let again = bench.vendor("/tt/hashtag/posts?name=KBeauty").await.json();
    let same = again["data"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|same| same["aweme_id"] == post["aweme_id"])
        .unwrap();
    assert_eq!(same["author"]["follower_count"], truth["followers"]);
}

#[tokio::test]
async fn the_lists_together_show_everybody_and_lists_may_be_null() {
    let bench = Bench::start(base()).await;
    let mut seen = BTreeSet::new();
    let (mut null_lists, mut null_extras, mut photos) = (0, 0, 0);
    let names: Vec<Value> = bench
        .get("/truth/hashtags")
        .await
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(names.len(), 12);
    for hashtag in names {
        let (pages, _) = walk(&bench, &percent(hashtag["name"].as_str().unwrap())).await;
        assert_eq!(pages.iter().map(Vec::len).sum::<usize>() as u64, hashtag["posts"].as_u64().unwrap());
        for post in pages.iter().flatten() {
            seen.insert(post["author"]["uid"].as_str().unwrap().to_owned());
            null_lists += usize::from(post["cha_list"].is_null());
            null_extras += usize::from(post["text_extra"].is_null());
            photos += usize::from(post["image_post_info"]["images"].is_array());
            assert!(!(post["cha_list"].is_null() && post["text_extra"].is_null()));
            check_offsets(post);
        }
    }
    assert_eq!(seen.len(), 300);
    assert!(null_lists > 0 && null_extras > 0 && photos > 0);
}

fn percent(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The offsets of a hashtag, in UTF-16 units, cut the tag with its sign out of the caption.
fn check_offsets(post: &Value) {
    let Some(extra) = post["text_extra"].get(0) else { return };
    let units: Vec<u16> = post["desc"].as_str().unwrap().encode_utf16().collect();
    let (start, end) = (extra["start"].as_u64().unwrap() as usize, extra["end"].as_u64().unwrap() as usize);
    let tag = String::from_utf16(&units[start..end]).unwrap();
    assert_eq!(tag, format!("#{}", extra["hashtag_name"].as_str().unwrap()));
}

#[tokio::test]
async fn an_unknown_hashtag_and_a_cursor_past_the_end_are_empty_and_charged() {
    let bench = Bench::start(base()).await;
    for query in
        ["name=nothing", "name=", "name=kbeauty&cursor=99999", "name=kbeauty&cursor=9223372036854775807"]
    {
        let reply = bench.vendor(&format!("/tt/hashtag/posts?{query}")).await;
        assert_eq!(
            (reply.json(), reply.header("units_charged")),
            (json!({"data": {"data": []}}), Some("1")),
            "{query}"
        );
    }
    let negative = bench.vendor("/tt/hashtag/posts?name=kbeauty&cursor=-5").await.json();
    assert_eq!(negative["data"]["nextCursor"], 20);
}

#[tokio::test]
async fn the_last_cursor_is_absent_null_or_repeated() {
    let bench = Bench::start(SimulatorConfig { creators: 24, last_cursor: LastCursor::Null, ..base() }).await;
    let null = bench.vendor("/tt/hashtag/posts?name=kbeauty").await.json();
    assert!(null["data"].as_object().unwrap()["nextCursor"].is_null());
    bench.control(r#"{"last_cursor":"same"}"#).await;
    let same = bench.vendor("/tt/hashtag/posts?name=kbeauty&cursor=3").await.json();
    assert_eq!(same["data"]["nextCursor"], 3);
    bench.control(r#"{"last_cursor":"absent"}"#).await;
    let absent = bench.vendor("/tt/hashtag/posts?name=kbeauty").await.json();
    assert_eq!(absent["data"].get("nextCursor"), None);
}

#[tokio::test]
async fn empty_pages_lie_in_the_middle_and_lose_nothing() {
    let config = SimulatorConfig { creators: 200, hashtags: Some(2), ..base() };
    let bench = Bench::start(config).await;
    let (plain, _) = walk(&bench, "kbeauty").await;
    assert!(plain.iter().all(|page| !page.is_empty()));
    bench.control(r#"{"empty_pages":2}"#).await;
    let (gapped, cursors) = walk(&bench, "kbeauty").await;
    let empty: Vec<usize> = (0..gapped.len()).filter(|at| gapped[*at].is_empty()).collect();
    assert_eq!(empty.len(), 2);
    assert!(empty[0] > 0 && empty[1] == empty[0] + 1 && empty[1] < gapped.len() - 1);
    assert!(cursors.windows(2).all(|pair| pair[0] < pair[1]));
    let ids = |pages: &[Vec<Value>]| {
        pages.iter().flatten().map(|post| post["aweme_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&gapped), ids(&plain));
}

#[tokio::test]
async fn pages_can_repeat_posts_of_the_page_before() {
    let bench =
        Bench::start(SimulatorConfig { creators: 200, hashtags: Some(2), duplicates: 4, ..base() }).await;
    let (pages, _) = walk(&bench, "kbeauty").await;
    let ids = |page: &[Value]| page.iter().map(|post| post["aweme_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&pages[0]).len(), 20);
    assert_eq!(ids(&pages[1])[..4], ids(&pages[0])[16..]);
    let all: Vec<Value> = pages.iter().flat_map(|page| ids(page)).collect();
    let distinct: HashSet<_> = all.iter().collect();
    assert_eq!(all.len() - distinct.len(), 4 * (pages.len() - 1));
}

#[tokio::test]
async fn posts_sit_where_the_knob_says() {
    let bench =
        Bench::start(SimulatorConfig { list_location: ListLocation::Data, creators: 900, ..base() }).await;
    let top = bench.vendor("/tt/hashtag/posts?name=kbeauty").await.json();
    assert_eq!((top["data"].as_array().unwrap().len(), &top["nextCursor"]), (20, &json!(20)));
    bench.control(r#"{"list_location":"data_posts"}"#).await;
    let named = bench.vendor("/tt/hashtag/posts?name=kbeauty").await.json();
    assert_eq!(
        (named["data"]["posts"].as_array().unwrap().len(), &named["data"]["nextCursor"]),
        (20, &json!(20))
    );
}

// ---- posts by id ----

#[tokio::test]
async fn multi_info_leaves_out_what_is_missing_and_charges_what_it_returns() {
    let bench = Bench::start(base()).await;
    let truths = bench.truth(0, 4).await;
    let id = |at: usize| truths[at]["posts"][0]["id"].as_str().unwrap().to_owned();
    let knobs = json!({ "missing_posts": [id(1)], "broken_posts": [id(2)] });
    bench.control(&knobs.to_string()).await;
    let asked = format!("{};{};{};{};7;abc;{}", id(0), id(1), id(2), id(3), id(0));
    let reply = bench.vendor(&format!("/tt/post/multi-info?ids={asked}")).await;
    let answer = reply.json();
    let posts = answer["data"].as_array().unwrap();
    let returned: BTreeSet<_> =
        posts.iter().map(|post| post["aweme_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(returned, BTreeSet::from([id(0), id(2), id(3)]));
    assert_eq!(reply.header("units_charged"), Some("6"));
    let broken = posts.iter().find(|post| post["aweme_id"] == id(2)).unwrap();
    assert!(!broken["author"].is_object());
    let whole = posts.iter().find(|post| post["aweme_id"] == id(0)).unwrap();
    assert_eq!(whole["author"]["uid"], truths[0]["uid"]);
    assert_eq!(whole["author"]["follower_count"], 0);
}

#[tokio::test]
async fn multi_info_refuses_more_than_a_hundred_ids() {
    let bench = Bench::start(base()).await;
    let hundred = vec!["7000000000000000000"; 100].join(";");
    let reply = bench.vendor(&format!("/tt/post/multi-info?ids={hundred}")).await;
    assert_eq!((reply.status, reply.json(), reply.header("units_charged")), (200, json!({"data": []}), None));
    let reply = bench.vendor(&format!("/tt/post/multi-info?ids={hundred};7")).await;
    assert_eq!(reply.status, 464);
    assert_eq!(reply.json()["detail"], "Number of passed IDs are more than the maximum allowed.");
    assert_eq!(bench.stats().await["units_charged"], 0);
}

#[tokio::test]
async fn the_new_version_is_lighter_and_can_bring_the_download() {
    let bench = Bench::start(base()).await;
    let id = bench.truth(0, 1).await[0]["posts"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/tt/post/multi-info?ids={id}");
    let full = bench.vendor(&path).await;
    let light = bench.vendor(&format!("{path}&new_version=true&download_video=true")).await;
    assert!(light.body.len() + 2_000 < full.body.len());
    let (light, full) = (light.json()["data"][0].clone(), full.json()["data"][0].clone());
    assert_eq!(light["statistics"], full["statistics"]);
    assert!(light["video"]["cookie_download"].is_string());
    assert_eq!(full["video"].get("cookie_download"), None);
}

// ---- checks, account and units ----

#[tokio::test]
async fn checks_come_in_the_vendors_order() {
    let bench =
        Bench::start(SimulatorConfig { units_per_day: Some(0), account: AccountState::Expired, ..base() })
            .await;
    // Everything is wrong at once; each mended fault shows the next one.
    let invalid = bench.get("/ensembledata/tt/user/info?username=&token=another-token-01").await;
    assert_eq!(invalid.status, 422);
    assert_eq!(invalid.json()["detail"][0]["loc"], json!(["query", "username"]));
    let stranger = bench.get("/ensembledata/tt/user/info?username=a&token=another-token-01").await;
    assert_eq!(stranger.status, 491);
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 493);
    bench.control(r#"{"account":"email_unverified"}"#).await;
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 492);
    bench.control(r#"{"account":"token_unknown"}"#).await;
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 491);
    bench.control(r#"{"account":"active"}"#).await;
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 495);
    bench.control(r#"{"units_per_day":null}"#).await;
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 200);
    assert_eq!(bench.stats().await["units_charged"], 1);
    assert_eq!(bench.vendor("/tt/nothing/here?a=b").await.status, 404);
    assert_eq!(bench.post("/ensembledata/tt/user/info", "").await.status, 405);
}

#[tokio::test]
async fn the_days_units_run_out_and_come_back_at_midnight() {
    let bench = Bench::start(SimulatorConfig { units_per_day: Some(3), ..base() }).await;
    for expected in [200, 200, 200, 495, 495] {
        assert_eq!(bench.vendor("/tt/hashtag/posts?name=nothing").await.status, expected);
    }
    let moved = bench.post("/control/clock", r#"{"advance_s":86400}"#).await.json();
    let today = moved["today"].as_str().unwrap();
    assert_eq!(bench.vendor("/tt/hashtag/posts?name=nothing").await.status, 200);
    let used = bench.vendor(&format!("/customer/get-used-units?date={today}")).await;
    assert_eq!((used.json()["data"]["tiktok"].as_u64(), used.header("units_charged")), (Some(1), None));
    let undashed = bench.vendor(&format!("/customer/get-used-units?date={}", today.replace('-', ""))).await;
    assert_eq!(undashed.json()["data"]["tiktok"], 1);
    let history = bench.vendor("/customer/get-history?days=3").await.json();
    let days: Vec<_> =
        history["data"].as_array().unwrap().iter().map(|day| day["tiktok"].as_u64().unwrap()).collect();
    assert_eq!(days, [1, 3, 0], "newest first");
    assert_eq!(history["data"][0]["date"], today);
}

#[tokio::test]
async fn calls_side_by_side_never_pass_the_days_limit() {
    let bench = Bench::start(SimulatorConfig { units_per_day: Some(10), latency_ms: 5, ..base() }).await;
    let url = bench.url();
    let path = format!("/ensembledata/tt/user/info?username=nobody&token={}", bench.token);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (url, path) = (url.clone(), path.clone());
        calls.spawn(async move { send(&url, "GET", &path, "").await.status });
    }
    let statuses = calls.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 495).count(), 30);
}

#[tokio::test]
async fn the_units_header_can_be_missing_and_data_can_come_with_an_error_status() {
    let bench = Bench::start(SimulatorConfig { units_header: false, success_status: 404, ..base() }).await;
    let truth = &bench.truth(0, 1).await[0];
    let reply = bench.vendor(&user_info(truth)).await;
    assert_eq!((reply.status, reply.header("units_charged")), (404, None));
    assert_eq!(reply.json()["data"]["user"]["id"], truth["uid"]);
    assert_eq!(bench.stats().await["units_charged"], 1);
}

// ---- limits and faults ----

#[tokio::test]
async fn beyond_the_rate_the_answer_is_a_free_429_in_every_dialect() {
    let bench =
        Bench::start(SimulatorConfig { per_second: Some(0.5), burst: Some(2.0), latency_ms: 1, ..base() })
            .await;
    for expected in [200, 200, 429] {
        assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, expected);
    }
    let wait =
        bench.vendor("/tt/user/info?username=a").await.header("retry-after").unwrap().parse::<u64>().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    bench.control(&json!({ "retry_after": RetryAfter::HttpDate }).to_string()).await;
    let date = bench.vendor("/tt/user/info?username=a").await.header("retry-after").unwrap().to_owned();
    assert!(date.ends_with(" GMT") && date.contains(", "), "{date}");
    bench.control(&json!({ "retry_after": RetryAfter::Body }).to_string()).await;
    let body = bench.vendor("/tt/user/info?username=a").await;
    assert_eq!(body.header("retry-after"), None);
    assert!(body.json()["retry_after"].as_u64().unwrap() >= 1);
    bench.control(&json!({ "retry_after": RetryAfter::Absent }).to_string()).await;
    let absent = bench.vendor("/tt/user/info?username=a").await;
    assert_eq!(
        (absent.header("retry-after"), absent.json()),
        (None, json!({"detail": "Rate limit exceeded."}))
    );
    let stats = bench.stats().await;
    assert_eq!(
        (&stats["rate_limited"], &stats["units_charged"], &stats["calls"]),
        (&json!(5), &json!(2), &json!(7))
    );
    assert!(stats["bucket"]["ensembledata"]["next_token_ms"].as_u64().unwrap() > 0);
    // Another vendor has a limit of its own.
    assert_eq!(bench.get("/list/creators").await.status, 200);
}

#[tokio::test]
async fn a_refused_call_does_not_wait() {
    let config = SimulatorConfig { per_second: Some(0.01), latency_ms: 3_000, ..base() };
    let bench = Bench::start(config).await;
    bench.control(r#"{"latency_ms":0}"#).await;
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 200);
    bench.control(r#"{"latency_ms":60000}"#).await;
    assert_eq!(bench.vendor("/tt/user/info?username=a").await.status, 429);
}

#[tokio::test]
async fn latency_and_jitter_delay_an_answer() {
    let bench = Bench::start(SimulatorConfig { latency_ms: 120, jitter_ms: 30, ..base() }).await;
    #[expect(clippy::disallowed_methods, reason = "measures real time over a real connection")]
    let started = Instant::now();
    bench.vendor("/tt/user/info?username=a").await;
    assert!(started.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn errors_and_pages_of_a_proxy_cost_nothing() {
    let bench = Bench::start(SimulatorConfig { error_rate: 1.0, ..base() }).await;
    let error = bench.vendor("/tt/user/info?username=a").await;
    assert_eq!((error.status, error.json()), (500, json!({"detail": "Internal error."})));
    assert_eq!(
        bench.vendor("/tt/user/info?username=").await.status,
        422,
        "wrong parameters never get that far"
    );
    assert_eq!(bench.get("/list/creators").await.status, 500);
    for (knobs, mark) in [
        (r#"{"error_rate":0,"html_rate":1}"#, "Temporarily unavailable"),
        (r#"{"html_rate":0,"captcha_rate":1}"#, "captcha"),
    ] {
        bench.control(knobs).await;
        let page = bench.vendor("/tt/user/info?username=a").await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(page.text().contains(mark));
    }
    let stats = bench.stats().await;
    assert_eq!(stats["units_charged"], 0);
    assert_eq!(stats["faults"], json!({"error": 2, "html": 1, "captcha": 1}));
    let day =
        bench.post("/control/clock", r#"{"advance_s":0}"#).await.json()["today"].as_str().unwrap().to_owned();
    bench.control(r#"{"captcha_rate":0}"#).await;
    let used = bench.vendor(&format!("/customer/get-used-units?date={day}")).await.json();
    assert_eq!(used["data"]["tiktok"], 0, "a failed call gives its unit back");
}

#[tokio::test]
async fn errors_hit_their_share_of_calls() {
    let bench = Bench::start(SimulatorConfig { error_rate: 0.2, ..base() }).await;
    for _ in 0..100 {
        bench.vendor("/tt/user/info?username=a").await;
    }
    let errors = bench.stats().await["statuses"]["500"].as_u64().unwrap();
    assert!((19..=21).contains(&errors), "{errors}");
}

#[tokio::test]
async fn a_cut_answer_ends_the_connection_or_the_document() {
    let bench = Bench::start(SimulatorConfig { truncate_rate: 1.0, ..base() }).await;
    let truth = &bench.truth(0, 1).await[0];
    let cut = bench.vendor(&user_info(truth)).await;
    let announced: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert!(
        !cut.complete && !cut.body.is_empty() && cut.body.len() < announced,
        "{} of {announced}",
        cut.body.len()
    );
    bench.control(&json!({ "truncate": Truncation::Json }).to_string()).await;
    let half = bench.vendor(&user_info(truth)).await;
    assert!(half.complete && serde_json::from_slice::<Value>(&half.body).is_err());
    bench.control(r#"{"truncate_rate":0}"#).await;
    bench.vendor(&user_info(truth)).await;
    let stats = bench.stats().await;
    assert_eq!((&stats["units_charged"], &stats["bought_more_than_once"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn a_slow_body_trickles_and_counts_as_in_flight() {
    let bench = Bench::start(SimulatorConfig { slow_rate: 1.0, slow_body_ms: 300, ..base() }).await;
    let truth = &bench.truth(0, 1).await[0];
    #[expect(clippy::disallowed_methods, reason = "measures real time over a real connection")]
    let started = Instant::now();
    let path = user_info(truth);
    let (slow, during) = tokio::join!(bench.vendor(&path), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.stats().await
    });
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(slow.complete && slow.json()["data"]["user"].is_object());
    assert_eq!(during["in_flight"], 1);
    assert_eq!(bench.stats().await["in_flight"], 0);
}

#[tokio::test]
async fn answers_can_be_too_big_too_deep_or_of_other_types() {
    let config = SimulatorConfig { oversize_rate: 1.0, oversize_bytes: 3_000_000, ..base() };
    let bench = Bench::start(config).await;
    let truth = &bench.truth(0, 1).await[0];
    let big = bench.vendor(&user_info(truth)).await;
    assert!((3_000_000..3_000_010).contains(&big.body.len()), "{}", big.body.len());
    assert_eq!(big.json()["data"]["user"]["id"], truth["uid"]);
    bench.control(r#"{"oversize_rate":0,"deep_rate":1}"#).await;
    let deep = bench.vendor(&user_info(truth)).await;
    let refused = serde_json::from_slice::<Value>(&deep.body).unwrap_err().to_string();
    assert!(refused.contains("recursion"), "{refused}");
    bench.control(r#"{"deep_rate":0,"mistyped_rate":1}"#).await;
    let swapped = bench.vendor(&user_info(truth)).await.json();
    assert_eq!(swapped["data"]["user"]["id"].as_u64().unwrap().to_string(), truth["uid"].as_str().unwrap());
    assert_eq!(swapped["data"]["stats"]["followerCount"], truth["followers"].to_string());
}

#[tokio::test]
async fn fields_are_renamed_from_now_on() {
    let bench = Bench::start(base()).await;
    let truth = &bench.truth(0, 1).await[0];
    bench.control(r#"{"renamed_fields":{"followerCount":"fanCount","handle":"account"}}"#).await;
    let stats = bench.vendor(&user_info(truth)).await.json()["data"]["stats"].clone();
    assert_eq!((stats.get("followerCount"), &stats["fanCount"]), (None, &truth["followers"]));
    let row = bench.get("/list/creators?size=1").await.json()["items"][0].clone();
    assert_eq!((row.get("handle"), &row["account"]), (None, &truth["handle"]));
}

// ---- list ----

#[tokio::test]
async fn the_list_shows_everybody_once_and_ends() {
    let bench = Bench::start(SimulatorConfig { creators: 250, ..base() }).await;
    let truths = bench.truth(0, 250).await;
    let (mut page, mut rows) = (json!(1), Vec::new());
    loop {
        let reply = bench.get(&format!("/list/creators?page={page}&size=100")).await;
        assert_eq!(reply.header("units_charged"), None);
        let answer = reply.json();
        rows.extend(answer["items"].as_array().unwrap().iter().cloned());
        match answer.get("next") {
            Some(next) if next.as_u64() <= Some(9) => page = next.clone(),
            Some(next) => panic!("three pages go on to {next}"),
            None => break,
        }
    }
    assert_eq!((rows.len(), page), (250, json!(3)));
    for (row, truth) in rows.iter().zip(&truths) {
        assert_eq!(
            (&row["id"], &row["handle"], &row["bio"]),
            (&truth["uid"], &truth["handle"], &truth["bio"])
        );
        assert_eq!((&row["followers"], &row["likes"]), (&truth["followers"], &truth["hearts"]));
    }
    let size = bench.get("/list/creators").await.body.len() / 100;
    assert!((450..650).contains(&size), "{size} bytes a row");
    let beyond = bench.get("/list/creators?page=9").await.json();
    assert_eq!(beyond, json!({"items": [], "total": 250}));
    for wrong in ["page=0", "page=x", "size=0", "size=1001", "page=-1", "page=99999999999"] {
        assert_eq!(bench.get(&format!("/list/creators?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_list_that_is_behind_says_so_and_shows_the_generation_before() {
    let knobs = json!({ "generation": 1, "changed_share": 1.0, "stale_days": 3 });
    let bench = Bench::start(base()).await;
    let first = bench.get("/list/creators?size=5").await.json()["items"].clone();
    bench.control(&knobs.to_string()).await;
    let rows = bench.get("/list/creators?size=5").await.json()["items"].clone();
    let truths = bench.truth(0, 5).await;
    for ((row, before), truth) in rows.as_array().unwrap().iter().zip(first.as_array().unwrap()).zip(truths) {
        assert_eq!(row["followers"], before["followers"]);
        assert_ne!(row["followers"], truth["followers"]);
        let as_of: jiff::Timestamp = row["as_of"].as_str().unwrap().parse().unwrap();
        let days = jiff::Timestamp::now().duration_since(as_of).as_hours() / 24;
        assert_eq!(days, 3);
    }
}

#[tokio::test]
async fn listed_rows_follow_the_generation() {
    let bench = Bench::start(SimulatorConfig { changed_share: 1.0, ..base() }).await;
    let before = bench.get("/list/creators").await.json();
    assert_eq!(bench.get("/list/creators").await.json(), before);
    bench.control(r#"{"generation":1}"#).await;
    let after = bench.get("/list/creators").await.json();
    assert_ne!(after["items"][0]["followers"], before["items"][0]["followers"]);
}

// ---- statistics, control, life ----

#[tokio::test]
async fn statistics_know_what_was_bought_twice() {
    let bench = Bench::start(base()).await;
    let truth = &bench.truth(0, 1).await[0];
    for _ in 0..3 {
        bench.vendor(&user_info(truth)).await;
    }
    bench.vendor("/tt/hashtag/posts?name=kbeauty").await;
    bench.vendor("/tt/hashtag/posts?name=kbeauty&cursor=20").await;
    bench.get("/list/creators").await;
    let stats = bench.get("/stats?subjects=true").await.json();
    assert_eq!((&stats["calls"], &stats["units_charged"]), (&json!(6), &json!(5)));
    assert_eq!((&stats["bought_more_than_once"], &stats["subjects_distinct"]), (&json!(2), &json!(4)));
    assert_eq!(stats["endpoints"]["/tt/user/info"]["bought_more_than_once"], 2);
    assert_eq!(stats["subjects"]["/tt/user/info"][handle(truth)], 3);
    assert_eq!(stats["subjects"]["/tt/hashtag/posts"], json!({"kbeauty#0": 1, "kbeauty#20": 1}));
    assert_eq!(stats["subjects"]["/list/creators"], json!({"1": 1}));
    assert!(stats["first_call_ms"].as_u64().unwrap() <= stats["last_call_ms"].as_u64().unwrap());
    assert_eq!(bench.post("/stats/reset", "").await.status, 200);
    let stats = bench.stats().await;
    assert_eq!((&stats["calls"], &stats["first_call_ms"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn a_client_that_goes_away_has_paid_all_the_same() {
    let bench = Bench::start(SimulatorConfig { latency_ms: 60_000, ..base() }).await;
    let call = bench.vendor("/tt/user/info?username=a");
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    let stats = bench.stats().await;
    assert_eq!((&stats["units_charged"], &stats["max_in_flight"]), (&json!(1), &json!(1)));
    // The server notices the closed connection and lets go of the call.
    for _ in 0..100 {
        if bench.stats().await["in_flight"] == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the call is still in flight");
}

#[tokio::test]
async fn knobs_are_told_and_wrong_ones_refused() {
    let bench = Bench::start(base()).await;
    bench.control(r#"{"latency_ms":3}"#).await;
    assert_eq!(bench.get("/control").await.json()["latency_ms"], 3);
    let unknown = bench.post("/control", r#"{"eror_rate":0.1,"latency_ms":9}"#).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.json()["error"].as_str().unwrap().contains("error_rate"));
    assert_eq!(bench.get("/control").await.json()["latency_ms"], 3, "a refused change changes nothing");
    assert_eq!(bench.post("/control/clock", r#"{"advance_s":99999999999}"#).await.status, 400);
    let huge = "x".repeat(300_000);
    assert_eq!(bench.post("/control", &huge).await.status, 413);
}

#[tokio::test]
async fn hostile_calls_are_answered() {
    let bench = Bench::start(base()).await;
    let long = format!("/ensembledata/tt/user/info?username={}", "x".repeat(9_000));
    assert_eq!(bench.get(&long).await.status, 414);
    for path in [
        "/ensembledata/tt/user/info?username=%00%ff%fe&token=simulated-token1",
        "/ensembledata/tt/user/info?%&=&&==%zz",
        "/ensembledata/tt/post/multi-info?ids=;;;;;;&token=simulated-token1",
        "/ensembledata/tt/post/multi-info?ids=-1;18446744073709551615;99999999999999999999&token=simulated-token1",
        "/ensembledata/tt/user/info-from-secuid?secUid=MS4wLjABAAAA____________&token=simulated-token1",
        "/ensembledata/customer/get-history?days=-7&token=simulated-token1",
        "/ensembledata/customer/get-history?days=9223372036854775807&token=simulated-token1",
        "/ensembledata/customer/get-used-units?date=0000-99-99&token=simulated-token1",
        "/truth?from=4294967295&limit=4294967295",
        "/list/creators?page=4294967295&size=1000",
    ] {
        let status = bench.get(path).await.status;
        assert!(status == 200 || status == 422, "{path}: {status}");
    }
}

#[tokio::test]
async fn stopping_frees_the_address_and_wrong_starts_are_explained() {
    let bench = Bench::default().await;
    let url = bench.url();
    let address: std::net::SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let taken = Simulator::start(SimulatorConfig { bind: address, ..base() }).await.unwrap_err();
    assert!(matches!(taken, SimulatorError::Bind { .. }) && taken.to_string().contains(&address.to_string()));
    bench.stop().await;
    let again = Simulator::start(SimulatorConfig { bind: address, ..base() }).await.unwrap();
    again.stop().await;
    let invalid = Simulator::start(SimulatorConfig { creators: 0, ..base() }).await.unwrap_err();
    assert!(invalid.to_string().contains("creators"));
}

#[tokio::test]
async fn a_stop_lets_calls_on_their_way_finish() {
    let bench = Bench::start(SimulatorConfig { latency_ms: 300, ..base() }).await;
    let (url, path) = (bench.url(), format!("/ensembledata/tt/user/info?username=a&token={}", bench.token));
    let call = tokio::spawn(async move { send(&url, "GET", &path, "").await.status });
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.stop().await;
    assert_eq!(call.await.unwrap(), 200);
}

#[tokio::test]
async fn a_dropped_simulator_takes_no_more_calls() {
    let running = Simulator::start(base()).await.unwrap();
    let address = running.url().strip_prefix("http://").unwrap().to_owned();
    drop(running);
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{address} still answers");
}

#[tokio::test]
async fn links_begin_with_the_public_address_when_there_is_one() {
    let config = SimulatorConfig { public_url: Some("http://simulator:8080".to_owned()), ..base() };
    let bench = Bench::start(config).await;
    let row = bench.get("/list/creators?size=1").await.json()["items"][0].clone();
    assert!(row["avatar"].as_str().unwrap().starts_with("http://simulator:8080/images/"));
}

#[tokio::test]
async fn two_million_creators_start_at_once() {
    #[expect(clippy::disallowed_methods, reason = "measures real time")]
    let started = Instant::now();
    let bench = Bench::start(SimulatorConfig { creators: 2_000_000, ..base() }).await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let last = bench.get("/list/creators?page=20000").await.json();
    assert_eq!((last["items"].as_array().unwrap().len(), last.get("next")), (100, None));
    let truth = &bench.truth(1_999_999, 1).await[0];
    let profile = bench.vendor(&user_info(truth)).await.json();
    assert_eq!(profile["data"]["user"]["id"], truth["uid"]);
}
