//! Every line of the order in which a page is judged, and every rule for counters.

use collector_core::task::Outcome;
use serde_json::json;

use super::*;
use crate::web::request;

const SEC_UID: &str = "MS4wLjABAAAAmade-up_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST";

fn padded(page: String) -> String {
    format!("<!DOCTYPE html><html><head>{page}</head><body>{}</body></html>", "<p>x</p>".repeat(250))
}

fn universal_page(detail: &Value) -> String {
    let scope = json!({ "__DEFAULT_SCOPE__": { "webapp.app-context": { "region": "DE" }, "webapp.user-detail": detail } });
    padded(format!(
        "<script id=\"__UNIVERSAL_DATA_FOR_REHYDRATION__\" type=\"application/json\">{}</script>",
        scope.to_string().replace('<', "\\u003C")
    ))
}

fn user() -> Value {
    json!({
        "id": "6800000000000000001", "uniqueId": "Mina.K", "secUid": SEC_UID, "nickname": "Mina </script> 민아",
        "signature": "tea\nmina.example.com/me", "verified": true, "privateAccount": false, "secret": false,
        "createTime": 1_600_000_000, "ttSeller": true, "language": "ko", "region": "KR", "roomId": "",
        "bioLink": { "link": "example.com/me", "risk": 0 }, "commerceUserInfo": { "commerceUser": true },
        "avatarLarger": "https://p16.cdn.example/a~c5_1080x1080.jpeg?x-expires=1&x-signature=s", "unknownKey": [1],
    })
}

fn detail(code: i64) -> Value {
    json!({
        "userInfo": {
            "user": user(),
            "stats": { "followerCount": 123_400, "followingCount": 12, "heart": 7_000_000, "heartCount": 7_000_000, "videoCount": 9 },
            "statsV2": { "followerCount": "123432", "followingCount": "12", "heartCount": "7012345", "videoCount": "9", "diggCount": "3", "friendCount": "1" },
            "itemList": [],
        },
        "statusCode": code, "statusMsg": "", "needFix": true,
    })
}

fn ask(page: &str) -> Result<Page<CreatorSighting>> {
    read(
        &request::profile(&"web".into(), "mina.k"),
        page,
        &Url::parse("https://www.tiktok.com/@mina.k").unwrap(),
    )
}

fn kind(page: &str) -> ErrorKind {
    ask(page).map(|page| page.outcomes).unwrap_err().kind()
}

fn absence(page: &str) -> Absence {
    match ask(page).unwrap().outcomes.as_slice() {
        [Outcome::Absent(absence)] => *absence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_page_says_everything() {
    let page = ask(&universal_page(&detail(0))).unwrap();
    assert!(matches!(page.outcomes[..], [Outcome::Done]) && page.malformed.is_empty(), "{page:?}");
    let seen = &page.items[0];
    assert_eq!(seen.uid.as_deref(), Some("6800000000000000001"));
    assert_eq!((seen.sec_uid.as_deref(), seen.handle.as_deref()), (Some(SEC_UID), Some("Mina.K")));
    assert_eq!(seen.name.as_deref(), Some("Mina </script> 민아"));
    assert_eq!(seen.bio.as_deref(), Some("tea\nmina.example.com/me"));
    assert_eq!(&*seen.links[0], "https://example.com/me");
    assert_eq!((seen.language.as_deref(), seen.country.as_deref()), (Some("ko"), Some("KR")));
    assert_eq!((seen.verified, seen.private, seen.has_shop), (Some(true), Some(false), Some(true)));
    assert_eq!(seen.account_type.as_deref(), Some("business"));
    assert_eq!(seen.created_at, Some(Timestamp::from_secs(1_600_000_000)));
    assert_eq!((seen.followers, seen.following), (Some(123_432), Some(12)));
    assert_eq!((seen.likes, seen.videos), (Some(7_012_345), Some(9)));
    assert_eq!(seen.extra.get("likes_given"), Some(&json!(3)));
    assert_eq!(seen.extra.get("live"), Some(&json!(false)));
    assert_eq!(seen.extra.get("rounded"), None);
    assert!(seen.avatar.as_deref().unwrap().contains("1080x1080"));
}

#[test]
fn codes_inside_tell_missing_private_and_withheld_accounts_and_closed_doors_apart() {
    let bare = |code: i64| universal_page(&json!({ "statusCode": code, "statusMsg": "" }));
    for (code, expected) in [
        (10_202, Absence::NotFound),
        (10_221, Absence::NotFound),
        (10_222, Absence::Private),
        (10_223, Absence::Restricted),
        (10_225, Absence::Restricted),
        (10_231, Absence::Restricted),
    ] {
        assert_eq!(absence(&bare(code)), expected, "{code}");
    }
    for (code, expected) in [
        (450, ErrorKind::Unavailable),
        (10_101, ErrorKind::Unavailable),
        (10_111, ErrorKind::Unavailable),
        (10_000, ErrorKind::Blocked),
        (10_113, ErrorKind::Blocked),
        (10_114, ErrorKind::Blocked),
        (10_102, ErrorKind::Blocked),
        (10_119, ErrorKind::Blocked),
        (99, ErrorKind::Rejected),
        (0, ErrorKind::Malformed),
    ] {
        assert_eq!(kind(&bare(code)), expected, "{code}");
    }
}

#[test]
fn a_private_account_shows_what_it_shows() {
    let mut private = detail(10_222);
    private["userInfo"]["stats"] =
        json!({ "followerCount": 0, "followingCount": 0, "heartCount": 0, "videoCount": 0 });
    private["userInfo"]["statsV2"] = json!({ "followerCount": "0", "videoCount": "0" });
    let page = ask(&universal_page(&private)).unwrap();
    assert!(matches!(page.outcomes[..], [Outcome::Done]));
    let seen = &page.items[0];
    assert_eq!((seen.private, seen.followers, seen.videos), (Some(true), None, None));
    assert_eq!(seen.name.as_deref(), Some("Mina </script> 민아"));
    // Sometimes the code comes although everything is shown.
    let seen = ask(&universal_page(&detail(10_222))).unwrap().items.remove(0);
    assert_eq!((seen.private, seen.followers), (Some(true), Some(123_432)));
}

#[test]
fn pages_without_the_profile_are_judged_in_order() {
    let scope = "<script id=\"__UNIVERSAL_DATA_FOR_REHYDRATION__\">{\"__DEFAULT_SCOPE__\":{\"webapp.app-context\":{}}}</script>";
    let challenge =
        "<p>Please wait...</p><p id=\"cs\" class=\"e30=\"></p><p id=\"wci\" class=\"_wafchallengeid\"></p>";
    for (page, expected) in [
        (String::new(), ErrorKind::Blocked),
        ("<html><body>tiny</body></html>".to_owned(), ErrorKind::Blocked),
        (challenge.to_owned(), ErrorKind::Blocked),
        (padded("<div class=captcha_verify_container>".to_owned()), ErrorKind::Blocked),
        (padded("<title>TikTok - Make Your Day</title>".to_owned()), ErrorKind::Blocked),
        (padded("<title></title><script src=webmssdk.js></script>".to_owned()), ErrorKind::Blocked),
        (padded("<title>x</title>The government decided to block 59 apps".to_owned()), ErrorKind::Blocked),
        (padded("<title>A new design</title>".to_owned()), ErrorKind::Malformed),
        (padded(scope.to_owned()), ErrorKind::Blocked),
        (
            padded(
                "<script id=__UNIVERSAL_DATA_FOR_REHYDRATION__>{\"__DEFAULT_SCOPE__\":[}</script>".to_owned(),
            ),
            ErrorKind::Malformed,
        ),
        (
            padded("<script id=__UNIVERSAL_DATA_FOR_REHYDRATION__>{}</script>".to_owned()),
            ErrorKind::Malformed,
        ),
    ] {
        assert_eq!(kind(&page), expected, "{}", page.chars().take(120).collect::<String>());
    }
    let whole = universal_page(&detail(0));
    let cut = whole.split_at(whole.find("statsV2").unwrap()).0;
    assert_eq!(kind(cut), ErrorKind::Unavailable);
    let login = read(
        &request::profile(&"web".into(), "mina.k"),
        &whole,
        &Url::parse("https://www.tiktok.com/login?x").unwrap(),
    );
    assert_eq!(login.unwrap_err().kind(), ErrorKind::Blocked);
}

#[test]
fn somebody_else_on_the_page_is_a_sighting_of_somebody_else() {
    let mut other = detail(0);
    other["userInfo"]["user"]["uniqueId"] = json!("mina.new");
    let page = ask(&universal_page(&other)).unwrap();
    assert_eq!(page.items[0].handle.as_deref(), Some("mina.new"));
    assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]));
    let told = &page.malformed[0].reason;
    assert!(told.contains("mina.k") && told.contains("mina.new"), "{told}");
}

#[test]
fn older_shapes_are_read() {
    let stats = json!({ "followerCount": 1_200_000, "followingCount": 12, "heart": "5000000000", "heartCount": 705_032_704, "videoCount": 9 });
    let sigi = json!({
        "UserModule": { "users": { "mina.k": user() }, "stats": { "MINA.K": stats } },
        "UserPage": { "uniqueId": "mina.k", "statusCode": 0 }, "ItemModule": {},
    });
    let next = json!({ "props": { "pageProps": { "statusCode": 0, "serverCode": 200, "userInfo": { "user": user(), "stats": stats } } } });
    for page in [
        format!(
            "<script id=\"SIGI_STATE\" type=\"application/json\">{}</script>",
            sigi.to_string().replace('<', "\\u003C")
        ),
        format!(
            "<script id=sigi-persisted-data>window['SIGI_STATE']={};window['Y']=1;</script>",
            sigi.to_string().replace('<', "\\u003C")
        ),
        format!(
            "<script id=__NEXT_DATA__ type=application/json>{}</script>",
            next.to_string().replace('<', "\\u003C")
        ),
    ] {
        let seen = ask(&padded(page)).unwrap().items.remove(0);
        assert_eq!(
            (seen.followers, seen.likes, seen.videos),
            (Some(1_200_000), Some(5_000_000_000), Some(9))
        );
        assert_eq!(seen.extra.get("rounded"), Some(&json!(["followers", "likes"])));
        assert_eq!(seen.country.as_deref(), Some("KR"));
    }
    let script = |id: &str, json: Value| padded(format!("<script id={id}>{json}</script>"));
    assert_eq!(
        absence(&script("__NEXT_DATA__", json!({ "props": { "pageProps": { "serverCode": 404 } } }))),
        Absence::NotFound
    );
    assert_eq!(
        absence(&script("SIGI_STATE", json!({ "UserPage": { "statusCode": 10_221 } }))),
        Absence::NotFound
    );
    let wall = json!({ "LoginContextModule": { "redirectUrl": "https://www.tiktok.com/login" } });
    assert_eq!(kind(&script("SIGI_STATE", wall)), ErrorKind::Blocked);
}

#[test]
fn wrapped_hearts_are_unknown_and_never_stored() {
    for (stats, expected) in [
        (json!({ "heart": 11_000_000_000_u64, "heartCount": -1_884_901_888 }), Some(11_000_000_000)),
        (json!({ "heart": 5_000_000_000_u64, "heartCount": 705_032_704 }), Some(5_000_000_000)),
        (json!({ "heartCount": -1_884_901_888 }), None),
        (json!({ "heart": -5, "heartCount": -5 }), None),
        (json!({ "heart": 0, "heartCount": 42 }), Some(42)),
        (json!({ "heart": 0, "heartCount": 0, "followerCount": 10 }), Some(0)),
        (json!({ "heart": 0, "heartCount": 0, "followerCount": 20_000_000 }), None),
        (json!({ "heart": "many", "heartCount": null }), None),
    ] {
        assert_eq!(counters(Node(&stats), Node(&Value::Null), || None).likes, expected, "{stats}");
    }
}

#[test]
fn exact_counters_win_and_rounded_ones_are_marked() {
    let stats =
        json!({ "followerCount": 123_400, "followingCount": 9_999, "heart": 1_200_000, "videoCount": 7 });
    let read = |v2: Value| counters(Node(&stats), Node(&v2), || None);
    let both = read(json!({ "followerCount": "123432", "heartCount": "1234567" }));
    assert_eq!((both.followers, both.likes, both.following), (Some(123_432), Some(1_234_567), Some(9_999)));
    assert!(both.rounded.is_empty());
    let odd = read(json!({ "followerCount": "-1", "heartCount": "x" }));
    assert_eq!((odd.followers, odd.likes), (Some(123_400), Some(1_200_000)));
    assert_eq!(odd.rounded, ["followers", "likes"]);
}

#[test]
fn exact_counters_of_the_pages_other_data_stand_in_when_they_are_about_the_same_person() {
    let mut old = detail(0);
    old["userInfo"]["statsV2"] = Value::Null;
    let linked = |handle: &str| {
        let data = json!({
            "@type": "ProfilePage",
            "mainEntity": { "@type": "Person", "alternateName": handle, "interactionStatistic": [
                { "interactionType": { "@type": "http://schema.org/FollowAction" }, "userInteractionCount": 123_456 },
                { "interactionType": { "@type": "http://schema.org/LikeAction" }, "userInteractionCount": 7_654_321 },
            ] },
        });
        let page = universal_page(&old);
        ask(&page.replace(
            "<head>",
            &format!("<head><script type=\"application/ld+json\" id=\"ProfilePage\">{data}</script>"),
        ))
    };
    let seen = linked("mina.k").unwrap().items.remove(0);
    assert_eq!((seen.followers, seen.likes), (Some(123_456), Some(7_654_321)));
    let seen = linked("somebody.else").unwrap().items.remove(0);
    assert_eq!((seen.followers, seen.likes), (Some(123_400), Some(7_000_000)));
}

#[test]
fn single_values_that_cannot_be_used_are_told_and_the_rest_counts() {
    let mut odd = detail(0);
    odd["userInfo"]["user"]["nickname"] = json!({ "x": 1 });
    odd["userInfo"]["user"]["secUid"] = json!("short");
    odd["userInfo"]["user"]["bioLink"] = json!({ "link": "javascript:alert(1)" });
    odd["userInfo"]["user"]["createTime"] = json!("1600000000");
    let page = ask(&universal_page(&odd)).unwrap();
    let parts: Vec<_> = page.malformed.iter().map(|part| part.part.rsplit('.').next().unwrap()).collect();
    assert_eq!(parts, ["secUid", "nickname", "link"]);
    let seen = &page.items[0];
    assert_eq!((seen.name.as_deref(), seen.sec_uid.as_deref()), (None, None));
    assert_eq!(seen.created_at, Some(Timestamp::from_secs(1_600_000_000)));
    assert_eq!(seen.followers, Some(123_432));
}
