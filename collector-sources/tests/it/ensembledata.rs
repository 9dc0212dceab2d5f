//! The EnsembleData adapter on recorded answers and against a scripted server.

use std::sync::LazyLock;

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind};
use collector_core::source::Source;
use collector_core::task::{Absence, Cost, Outcome, Page, Payload, Query, Task};
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::json;

const TOKEN: &str = "canary0123456789";
const MINA: &str = "MS4wLjABAAAAmadeUp_-minaKwon0000000000000000000000000000000000000000000";
const ANA: &str = "MS4wLjABAAAAmadeUp_-ana0000000000000";
const BEN: &str = "MS4wLjABAAAAmadeUp_-ben0000000000000";

/// 2026-11-22T14:59:59Z
const AT: Timestamp = Timestamp::from_secs(1_795_359_599);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../fixtures/ensembledata/", $name))
    };
}

fn config() -> EnsembleDataConfig {
    EnsembleDataConfig { token: TOKEN.into(), ..EnsembleDataConfig::default() }
}

/// One for all tests: making one reads the machine's trust roots.
fn source() -> &'static EnsembleData {
    static SOURCE: LazyLock<EnsembleData> = LazyLock::new(|| EnsembleData::new(config()).unwrap());
    &SOURCE
}

fn task(kind: &str, subject: &str) -> Task {
    Task::new("ensembledata", kind, subject)
}

fn answer(status: u16, body: &str) -> Payload {
    let mut payload = Payload::new(body.to_owned(), AT);
    payload.status = status;
    payload
}

fn parse(task: &Task, body: &str) -> Page<CreatorSighting> {
    source().parse(std::slice::from_ref(task), &answer(200, body)).unwrap()
}

fn refused(status: u16, body: &str) -> Error {
    source().parse(&[task("profile", "mina.kwon")], &answer(status, body)).unwrap_err()
}

fn absence(page: &Page<CreatorSighting>) -> Option<Absence> {
    match page.outcomes[..] {
        [Outcome::Absent(absence)] => Some(absence),
        _ => None,
    }
}

fn shown(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(Task::to_string).collect()
}

mod profile {
    use super::*;

    fn check(task: Task, body: &str, avatar: &str, handle: &str) {
        let page = parse(&task, body);
        assert!(matches!(page.outcomes[..], [Outcome::Done]), "{:?}", page.outcomes);
        assert_eq!(page.malformed, []);
        assert_eq!(page.cost, Some(Cost::units(1)));
        assert!(page.follow_ups.is_empty());
        let [mina] = &page.items[..] else { panic!("{:?}", page.items) };
        let link = |text: &str| Box::<str>::from(text);
        let extra = json!({"avatar_uri": "tos-example/mina", "commerce_user_level": 1, "likes_given": 77});
        let expected = CreatorSighting {
            uid: Some("7012345678901234567".into()),
            sec_uid: Some(MINA.into()),
            handle: Some(handle.into()),
            name: Some("민아 ✨".into()),
            bio: Some("뷰티 & skin\n문의: [e-mail]\nlinktr.ee/minakwon".into()),
            links: vec![
                link("https://linktr.ee/minakwon"),
                link("https://www.instagram.com/mina.k"),
                link("https://www.youtube.com/channel/UCmadeup_0-1"),
            ],
            language: Some("ko".into()),
            country: Some("KR".into()),
            verified: mina.verified,
            private: Some(false),
            has_shop: Some(true),
            has_email: Some(true),
            followers: Some(125_000),
            following: Some(310),
            likes: Some(5_000_000_000),
            videos: Some(412),
            avatar: Some(avatar.into()),
            extra: extra.as_object().unwrap().iter().map(|(k, v)| (k.as_str().into(), v.clone())).collect(),
            ..CreatorSighting::showing("profile")
        };
        assert_eq!(*mina, expected);
    }

    const JPEG: &str = "https://p77-sign.example.net/obj/mina~c5_1080x1080.jpeg?x-expires=1795600000&x-signature=abc%2Fdef%3D";

    #[test]
    fn the_merged_shape_is_read() {
        let body = fixture!("profile-merged.json");
        check(task("profile", "mina.kwon"), body, JPEG, "Mina.Kwon");
        assert_eq!(parse(&task("profile", "mina.kwon"), body).items[0].verified, Some(true));
    }

    #[test]
    fn the_mobile_shape_is_read() {
        let body = fixture!("profile-by-secuid.json");
        check(task("profile_by_secuid", MINA), body, JPEG, "mina.kwon");
        assert_eq!(parse(&task("profile_by_secuid", MINA), body).items[0].verified, Some(false));
    }

    #[test]
    fn the_flat_shape_is_read() {
        check(task("profile", "mina.kwon"), fixture!("profile-flat.json"), JPEG, "mina.kwon");
    }

    #[test]
    fn values_of_other_types_are_read_and_impossible_ones_cost_themselves_only() {
        let page = parse(
            &task("profile_by_secuid", "MS4wLjABAAAAmadeUp_-joUk00000000000"),
            fixture!("profile-quirks.json"),
        );
        let jo = &page.items[0];
        assert_eq!(jo.uid.as_deref(), Some("7012345678901234567"));
        assert_eq!((jo.followers, jo.following, jo.likes, jo.videos), (Some(1_200), Some(0), None, Some(7)));
        assert_eq!((jo.country.as_deref(), jo.language.as_deref()), (Some("GB"), None));
        assert_eq!((jo.verified, jo.private, jo.bio.as_deref()), (Some(true), Some(true), Some("")));
        assert_eq!(jo.created_at, Some(Timestamp::from_secs(1_600_000_000)));
        assert_eq!(jo.links, ["https://x.com/i/user/12345".into()]);
        assert_eq!(jo.avatar.as_deref(), Some("https://p16-sign.example.net/jo.webp?x-expires=1"));
        assert_eq!(jo.extra.get("badge"), Some(&json!("Popular creator")));
        let mut parts: Vec<_> = page.malformed.iter().map(|malformed| malformed.part.as_str()).collect();
        parts.sort();
        assert_eq!(parts, ["data.user.avatar_medium", "data.user.favoriting_count", "data.user.nickname"]);
        assert!(matches!(page.outcomes[..], [Outcome::Done]));
    }

    #[test]
    fn an_address_is_kept_only_when_asked() {
        let keeping = EnsembleData::new(EnsembleDataConfig { keep_email: true, ..config() }).unwrap();
        let body = fixture!("profile-merged.json");
        let kept = keeping.parse(&[task("profile", "mina.kwon")], &answer(200, body)).unwrap();
        assert_eq!(kept.items[0].email.as_deref(), Some("mina.kwon+biz@example.com"));
        assert!(kept.items[0].bio.as_deref().unwrap().contains("mina.kwon+biz@example.com"));
        let masked = parse(&task("profile", "mina.kwon"), body);
        assert!(!serde_json::to_string(&masked.items).unwrap().contains("@example.com"));
    }

    #[test]
    fn every_way_to_say_nobody_is_not_found() {
        for (status, body) in [
            (200, "{\"data\":null}"),
            (200, "{\"data\":{\"user\":null}}"),
            (200, "{\"data\":{\"user\":null,\"stats\":null}}"),
            (200, "{\"data\": { } }"),
            (463, "{\"detail\":\"Invalid username or user id.\"}"),
            (463, "{\"data\":null}"),
            (473, "{\"detail\":\"gone\"}"),
            (200, "{\"detail\":\"Invalid username or user id.\"}"),
            (200, "{\"code\":473}"),
        ] {
            let page = source().parse(&[task("profile", "nobody")], &answer(status, body)).unwrap();
            assert_eq!(absence(&page), Some(Absence::NotFound), "{status} {body}");
            assert!(page.items.is_empty());
            assert_eq!(page.cost, Some(Cost::units(1)), "nobody is charged too");
        }
    }

    #[test]
    fn other_absences_are_told_apart() {
        for (status, expected) in [
            (472, Absence::Private),
            (471, Absence::Restricted),
            (474, Absence::Restricted),
            (520, Absence::Restricted),
        ] {
            let page =
                source().parse(&[task("profile", "x")], &answer(status, "{\"detail\":\"no\"}")).unwrap();
            assert_eq!(absence(&page), Some(expected), "{status}");
        }
        let canceled = "{\"data\":{\"user\":{\"uid\":\"71\",\"unique_id\":\"x\",\"user_canceled\":true}}}";
        let page = parse(&task("profile", "x"), canceled);
        assert_eq!((absence(&page), page.items.len()), (Some(Absence::Deleted), 0));
    }

    #[test]
    fn somebody_with_a_similar_handle_is_seen_but_is_no_answer() {
        let page = parse(&task("profile", "mina.kwan"), fixture!("profile-merged.json"));
        assert_eq!(absence(&page), Some(Absence::NotFound));
        assert_eq!(page.items[0].handle.as_deref(), Some("Mina.Kwon"));
        let page = parse(&task("profile_by_secuid", ANA), fixture!("profile-by-secuid.json"));
        assert_eq!((absence(&page), page.items.len()), (Some(Absence::NotFound), 1));
    }

    #[test]
    fn an_answer_that_names_nobody_is_about_whom_was_asked_for() {
        let body = "{\"data\":{\"user\":{\"nickname\":\"X\",\"follower_count\":5}}}";
        let by_handle = parse(&task("profile", "x.y"), body);
        assert_eq!(by_handle.items[0].handle.as_deref(), Some("x.y"));
        let by_key = parse(&task("profile_by_secuid", ANA), body);
        assert_eq!((by_key.items[0].sec_uid.as_deref(), &by_key.items[0].handle), (Some(ANA), &None));
        assert!(matches!(by_key.outcomes[..], [Outcome::Done]));
    }

    #[test]
    fn all_counters_zero_means_not_delivered_and_no_counters_are_a_fault() {
        let zero = "{\"data\":{\"user\":{\"unique_id\":\"x\",\"follower_count\":0,\"following_count\":0}}}";
        let page = parse(&task("profile", "x"), zero);
        assert_eq!((page.items[0].followers, page.items[0].following), (None, None));
        assert_eq!(page.malformed, []);
        let renamed = "{\"data\":{\"user\":{\"unique_id\":\"x\",\"followers_total\":5}}}";
        assert_eq!(parse(&task("profile", "x"), renamed).malformed[0].part, "data.user.follower_count");
    }

    #[test]
    fn a_private_account_is_an_answer() {
        let body = "{\"data\":{\"user\":{\"uniqueId\":\"x\",\"privateAccount\":true,\"secret\":false},\"stats\":{\"followerCount\":1}}}";
        let page = parse(&task("profile", "x"), body);
        assert!(matches!(page.outcomes[..], [Outcome::Done]));
        assert_eq!(page.items[0].private, Some(true));
    }

    #[test]
    fn identities_that_cannot_be_are_left_out_and_told() {
        let body = "{\"data\":{\"user\":{\"uid\":\"7;drop\",\"unique_id\":\"a b\",\"sec_uid\":\"0\",\"nickname\":\"N\",\"follower_count\":1}}}";
        let page = parse(&task("profile", "x"), body);
        assert_eq!((&page.items[0].uid, &page.items[0].sec_uid), (&None, &None));
        assert_eq!(page.malformed.len(), 2);
    }

    #[test]
    fn the_fingerprint_sees_what_is_said_and_not_how() {
        let print = |body: &str| parse(&task("profile", "mina.kwon"), body).fingerprint;
        let first = fixture!("profile-merged.json");
        let value: serde_json::Value = serde_json::from_str(first).unwrap();
        let again =
            value.to_string().replace("1795359599", "1795359999").replace("x-expires=1", "x-expires=2");
        assert_eq!(print(first), print(&again));
        assert_ne!(print(first), print(&first.replace("125000", "125001")));
    }
}

mod hashtag {
    use super::*;

    fn page(task: &Task, cursor: &str, rows: &str) -> Page<CreatorSighting> {
        parse(task, &format!("{{\"data\":{{\"nextCursor\":{cursor},\"data\":{rows}}}}}"))
    }

    #[test]
    fn authors_come_once_with_all_their_posts() {
        let page = parse(&task("hashtag", "kbeauty").per_run(), fixture!("hashtag-page.json"));
        let [ana, ben, noid] = &page.items[..] else { panic!("{:?}", page.items) };
        assert_eq!((ana.handle.as_deref(), ana.aspect.as_ref()), (Some("ana.v"), "post_author"));
        assert_eq!(
            ben.aspect.as_ref(),
            "counted_author",
            "a later page without counters must not withdraw them"
        );
        let ids =
            |seen: &CreatorSighting| seen.posts.iter().map(|post| post.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(ana), ["7300000000000000001", "7300000000000000003"]);
        assert_eq!(ids(ben), ["7300000000000000002", "7300000000000000006"]);
        assert_eq!((ana.followers, ana.videos), (None, None), "all zero means not delivered");
        assert_eq!((ben.followers, ben.following, ben.videos), (Some(0), Some(5), Some(9)), "a real zero");
        assert_eq!((noid.handle.as_deref(), &noid.uid, &noid.sec_uid), (Some("no.ids"), &None, &None));

        let first = &ana.posts[0];
        assert_eq!(first.created_at, Some(Timestamp::from_secs(1_795_000_000)));
        assert_eq!(
            (first.views, first.likes, first.comments, first.shares),
            (Some(1_000), Some(100), Some(10), Some(1))
        );
        assert_eq!((first.hashtags.join(" "), first.pinned), ("kbeauty 뷰티".to_owned(), false));
        assert_eq!((ana.posts[1].views, ana.posts[1].likes), (Some(2_000), None));
        assert_eq!(ana.posts[1].hashtags.join(" "), "glassskin");
        assert!(ben.posts[0].pinned);
    }

    #[test]
    fn a_broken_row_is_told_with_its_place_and_costs_itself_only() {
        let page = parse(&task("hashtag", "kbeauty").per_run(), fixture!("hashtag-page.json"));
        let parts: Vec<_> = page.malformed.iter().map(|malformed| malformed.part.as_str()).collect();
        assert_eq!(parts, ["data.data[4].author", "data.data[5]", "data.data[8].aweme_id"]);
        assert!(matches!(page.outcomes[..], [Outcome::Done]));
    }

    #[test]
    fn the_next_page_and_a_profile_of_each_author_follow() {
        let root = task("hashtag", "kbeauty").per_run();
        let page = parse(&root.clone().param("hydrate", "true"), fixture!("hashtag-page.json"));
        assert_eq!(
            shown(&page.follow_ups),
            [
                "ensembledata/hashtag kbeauty cursor=20 hydrate=true".to_owned(),
                format!("ensembledata/profile_by_secuid {ANA}"),
                format!("ensembledata/profile_by_secuid {BEN}"),
                "ensembledata/profile no.ids".to_owned(),
            ]
        );
        let about = page.follow_ups[1].target().unwrap();
        assert_eq!(
            (about.id.to_string(), about.aspect.as_ref()),
            (format!("tiktok:sec_uid:{ANA}"), "profile")
        );
        assert_eq!(page.cost, Some(Cost::units(1)));
        let by_default = shown(&parse(&root, fixture!("hashtag-page.json")).follow_ups);
        assert_eq!(by_default.len(), 3, "whom the page counted needs no profile: {by_default:?}");
        assert!(!by_default[2].contains(BEN));
        let unhydrated = parse(&root.param("hydrate", "false"), fixture!("hashtag-page.json"));
        assert_eq!(shown(&unhydrated.follow_ups), ["ensembledata/hashtag kbeauty cursor=20 hydrate=false"]);
    }

    #[test]
    fn all_places_of_the_list_are_known() {
        let rows: serde_json::Value = serde_json::from_str(fixture!("hashtag-page.json")).unwrap();
        let rows = &rows["data"]["data"];
        for (body, place) in [
            (json!({"data": {"posts": rows, "nextCursor": 20}}), "data.posts[5]"),
            (json!({"data": {"aweme_list": rows, "nextCursor": "20"}}), "data.aweme_list[5]"),
            (json!({"data": rows, "nextCursor": 20}), "data[5]"),
        ] {
            let page = parse(&task("hashtag", "kbeauty").per_run(), &body.to_string());
            assert_eq!(page.items.len(), 3, "{place}");
            assert!(page.malformed.iter().any(|malformed| malformed.part == place));
            assert_eq!(page.follow_ups[0].get("cursor"), Some("20"), "{place}");
        }
    }

    #[test]
    fn a_list_ends_without_a_cursor_or_with_the_one_just_sent() {
        let second = task("hashtag", "x").per_run().param("cursor", "20");
        for body in [
            "{\"data\":{\"data\":[]}}",
            "{\"data\":{\"data\":[],\"nextCursor\":null}}",
            "{\"data\":{\"data\":null,\"nextCursor\":\"\"}}",
            "{\"data\":{\"data\":[],\"nextCursor\":20}}",
            "{\"data\":[]}",
            "{\"data\":{}}",
        ] {
            let page = parse(&second, body);
            assert!(page.follow_ups.is_empty() && matches!(page.outcomes[..], [Outcome::Done]), "{body}");
        }
        assert_eq!(absence(&parse(&second, "{\"data\":null}")), Some(Absence::NotFound));
    }

    #[test]
    fn a_cursor_that_goes_back_or_cannot_be_read_fails_the_task_and_keeps_the_page() {
        let third = task("hashtag", "x").per_run().param("cursor", "40");
        let rows = json!([{"aweme_id": "7300000000000000001", "author": {"unique_id": "ana.v"}}]).to_string();
        for (cursor, message) in
            [("20", "repeated cursor"), ("{}", "cannot be used"), ("-1", "cannot be used")]
        {
            let page = page(&third, cursor, &rows);
            let [Outcome::Failed(error)] = &page.outcomes[..] else {
                panic!("{cursor}: {:?}", page.outcomes)
            };
            assert_eq!(error.kind(), ErrorKind::Malformed);
            assert!(error.message().contains(message), "{error}");
            assert_eq!(page.items.len(), 1);
        }
    }

    #[test]
    fn an_empty_page_with_a_cursor_is_not_the_end_but_three_in_a_row_are() {
        let mut at = task("hashtag", "x").per_run();
        for empty in ["1", "2"] {
            let page = page(
                &at,
                &(at.get("cursor").map_or(0, |c| c.parse::<u64>().unwrap()) + 20).to_string(),
                "[]",
            );
            at = page.follow_ups[0].clone();
            assert_eq!(at.get("empty"), Some(empty));
        }
        assert!(page(&at, "60", "[]").follow_ups.is_empty());
        let rows = json!([{"aweme_id": "7300000000000000001", "author": {"unique_id": "ana.v"}}]).to_string();
        assert_eq!(
            page(&at, "60", &rows).follow_ups[0].get("empty"),
            None,
            "a page with posts begins the count anew"
        );
    }

    #[test]
    fn the_asked_number_of_pages_is_the_limit() {
        let query = Query { hashtags: vec!["x".into()], max_pages: Some(2), ..Query::default() };
        let root = source().seed(&query).unwrap().remove(0);
        let second = page(&root, "20", "[]").follow_ups.remove(0);
        assert!(page(&second, "40", "[]").follow_ups.is_empty());
    }

    #[test]
    fn an_object_without_a_list_is_not_an_empty_page() {
        let error = source()
            .parse(
                &[task("hashtag", "x").per_run()],
                &answer(200, "{\"data\":{\"nextCursor\":20,\"items\":[]}}"),
            )
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains("at: data"), "{error}");
    }

    #[test]
    fn more_rows_than_any_page_has_are_refused() {
        let body = format!("{{\"data\":[{}{{}}]}}", "{},".repeat(5_000));
        let error = source().parse(&[task("hashtag", "x").per_run()], &answer(200, &body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

mod posts {
    use super::*;

    #[test]
    fn each_task_has_the_outcome_of_its_own_post() {
        let tasks =
            ["7300000000000000001", "7300000000000000008", "7300000000000000004", "7300000000000000002"]
                .map(|id| task("posts", id));
        let page = source().parse(&tasks, &answer(200, fixture!("posts.json"))).unwrap();
        let [Outcome::Done, Outcome::Absent(Absence::NotFound), Outcome::Failed(error), Outcome::Done] =
            &page.outcomes[..]
        else {
            panic!("{:?}", page.outcomes)
        };
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains("data[2].author"), "{error}");
        assert_eq!(page.malformed.iter().map(|m| m.part.as_str()).collect::<Vec<_>>(), ["data[3]"]);
        let posts: Vec<_> =
            page.items.iter().map(|seen| (seen.handle.as_deref().unwrap(), seen.posts.len())).collect();
        assert_eq!(posts, [("ben_s", 1), ("ana.v", 2)], "what was paid for is kept, asked for or not");
        assert_eq!(page.cost, Some(Cost::units(10)));
        assert!(page.follow_ups.is_empty());
    }

    #[test]
    fn no_data_is_an_answer_for_all() {
        let tasks = ["7300000000000000001", "7300000000000000002"].map(|id| task("posts", id));
        for body in ["{\"data\":[]}", "{\"data\":null}"] {
            let page = source().parse(&tasks, &answer(200, body)).unwrap();
            assert!(
                page.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Absent(Absence::NotFound)))
            );
            assert_eq!(page.outcomes.len(), 2);
        }
    }

    #[test]
    fn a_restriction_of_one_is_not_taken_for_all() {
        let tasks = ["7300000000000000001", "7300000000000000002"].map(|id| task("posts", id));
        let refused = answer(520, "{\"detail\":\"restricted\"}");
        assert_eq!(source().parse(&tasks, &refused).unwrap_err().kind(), ErrorKind::Rejected);
        assert_eq!(absence(&source().parse(&tasks[..1], &refused).unwrap()), Some(Absence::Restricted));
    }
}

mod answers {
    use super::*;

    #[test]
    fn data_decides_before_the_status() {
        for status in [200, 404, 422, 495, 500] {
            let body = fixture!("profile-merged.json");
            let page = source().parse(&[task("profile", "mina.kwon")], &answer(status, body)).unwrap();
            assert_eq!(page.items.len(), 1, "{status}");
        }
    }

    #[test]
    fn null_beside_a_failure_is_the_failure() {
        assert_eq!(refused(495, "{\"data\":null,\"detail\":\"spent\"}").kind(), ErrorKind::QuotaExhausted);
        assert_eq!(refused(429, "{\"data\":null}").kind(), ErrorKind::RateLimited);
        assert_eq!(refused(200, "{\"data\":null,\"code\":493}").kind(), ErrorKind::Unauthorized);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let half = &fixture!("profile-merged.json")[..900];
        let deep = format!("{{\"data\":{{\"user\":{}", "[".repeat(400));
        let nested = format!("{{\"n\":{}{},\"data\":null}}", "[".repeat(300), "]".repeat(300));
        for (body, kind, says) in [
            ("", ErrorKind::Unavailable, "empty"),
            ("  \n", ErrorKind::Unavailable, "empty"),
            ("<html><h1>502 Bad Gateway</h1>", ErrorKind::Unavailable, "no JSON"),
            ("upstream timed out", ErrorKind::Unavailable, "no JSON"),
            (half, ErrorKind::Unavailable, "cut short"),
            ("<!DOCTYPE html><div id=\"CAPTCHA_container\">", ErrorKind::Blocked, "captcha"),
            ("{\"data\":{\"user\"}}", ErrorKind::Malformed, "broken JSON"),
            (&deep, ErrorKind::Unavailable, "cut short"),
            (&nested, ErrorKind::Malformed, "deeper"),
            ("[1,2]", ErrorKind::Malformed, "documented shape"),
            ("{\"data\":\"text\"}", ErrorKind::Malformed, "documented shape"),
            ("{\"data\":{\"user\":[17]}}", ErrorKind::Malformed, "documented shape"),
            ("{\"data\":{\"user\":{\"x\":1}}}", ErrorKind::Malformed, "documented shape"),
            ("{\"ok\":true}", ErrorKind::Malformed, "no data"),
            ("{\"detail\":\"something new\"}", ErrorKind::Rejected, "no data"),
        ] {
            let error = refused(200, body);
            assert_eq!(error.kind(), kind, "{body}: {error}");
            assert!(error.message().contains(says), "{body}: {error}");
        }
        let error = refused(200, "{\"data\":{\"user\":[17]}}");
        assert!(error.to_string().contains("at: data.user"), "{error}");
    }

    #[test]
    fn units_come_from_the_header_and_else_from_the_price_list() {
        let mut payload = answer(200, fixture!("profile-merged.json"));
        payload.headers.push(("units_charged".into(), "2".into()));
        let page = source().parse(&[task("profile", "mina.kwon")], &payload).unwrap();
        assert_eq!(page.cost, Some(Cost::units(2)));
        payload.headers[0].1 = "many".into();
        let page = source().parse(&[task("profile", "mina.kwon")], &payload).unwrap();
        assert_eq!(page.cost, Some(Cost::units(1)));
    }

    #[test]
    fn no_cut_and_no_changed_byte_of_an_answer_makes_it_panic() {
        let tasks = [
            task("profile", "mina.kwon"),
            task("hashtag", "x").per_run(),
            task("posts", "7300000000000000001"),
        ];
        let source = source();
        let whole = [fixture!("profile-merged.json"), fixture!("hashtag-page.json"), fixture!("posts.json")];
        for (task, whole) in tasks.iter().zip(whole) {
            let compact = serde_json::from_str::<serde_json::Value>(whole).unwrap().to_string().into_bytes();
            for at in (0..compact.len()).step_by(31) {
                let mut changed = compact.clone();
                changed[at] = b"\"{}[],:0n\xff"[at % 10];
                for body in [compact[..at].to_vec(), changed] {
                    // Errors are fine here; only a panic is not.
                    drop(source.parse(std::slice::from_ref(task), &Payload::new(body, AT)));
                }
            }
        }
    }
}

mod calls {
    use super::*;

    async fn serving(answers: Vec<Answer>) -> (ScriptServer, EnsembleData) {
        let server = ScriptServer::start().await.unwrap();
        server.script(answers);
        let base_url = format!("{}/apis/", server.url()).into();
        (server, EnsembleData::new(EnsembleDataConfig { base_url, ..config() }).unwrap())
    }

    #[tokio::test]
    async fn one_exchange_per_call_with_the_token_and_nothing_shown() {
        let nobody = Answer::status(200).header("units_charged", "1").body("{\"data\":null}");
        let (server, source) = serving(vec![nobody]).await;
        let tasks = [task("profile", "mina.kwon")];
        let payload = source.fetch(&Context::detached(), &tasks).await.unwrap();
        assert_eq!((payload.status, payload.cost), (200, Some(Cost::units(1))));
        let [sent] = &server.seen()[..] else { panic!("{:?}", server.seen()) };
        let target = format!("/apis/tt/user/info?username=mina.kwon&token={TOKEN}");
        assert_eq!((&*sent.method, &sent.target), ("GET", &target));
        assert!(!format!("{source:?} {payload:?} {tasks:?}").contains(TOKEN));
    }

    #[tokio::test]
    async fn a_failing_vendor_is_an_answer_of_fetch_and_an_error_of_parse() {
        let failing = Answer::status(500).body("{\"detail\":\"Internal error.\"}");
        let (_server, source) = serving(vec![failing]).await;
        let tasks = [task("profile", "x")];
        let payload = source.fetch(&Context::detached(), &tasks).await.unwrap();
        assert_eq!(payload.cost, Some(Cost::units(0)), "failures of the vendor are not charged");
        assert_eq!(source.parse(&tasks, &payload).unwrap_err().kind(), ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn data_with_a_failure_status_is_paid_for() {
        let body = fixture!("profile-merged.json");
        let (_server, source) = serving(vec![Answer::status(422).body(body)]).await;
        let tasks = [task("profile", "mina.kwon")];
        let payload = source.fetch(&Context::detached(), &tasks).await.unwrap();
        assert_eq!(payload.cost, None, "only reading the answer tells");
        assert_eq!(source.parse(&tasks, &payload).unwrap().cost, Some(Cost::units(1)));
    }

    #[tokio::test]
    async fn a_vendor_that_repeats_the_token_does_not_get_it_into_an_error() {
        let body = format!("{{\"detail\":\"bad token {TOKEN}\"}}");
        let (_server, source) = serving(vec![Answer::status(400).body(body)]).await;
        let tasks = [task("profile", "x")];
        let payload = source.fetch(&Context::detached(), &tasks).await.unwrap();
        let error = source.parse(&tasks, &payload).unwrap_err();
        assert!(error.to_string().contains("bad token [redacted]"), "{error:?}");
        assert!(!format!("{error:?}").contains(TOKEN));
    }

    #[tokio::test]
    async fn check_asks_for_the_units_used_and_reports_a_refused_token() {
        let used = Answer::status(200).body("{\"data\":{\"tiktok\":12,\"instagram\":3,\"new\":null}}");
        let refused = Answer::status(491).body("{\"detail\":\"Token not found\"}");
        let (server, source) = serving(vec![used.clone(), used, refused]).await;
        let cx = Context::detached();
        source.check(&cx).await.unwrap();
        assert_eq!(source.used_units(&cx).await.unwrap(), 15);
        let error = source.check(&cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(!format!("{error:?}").contains(TOKEN));
        assert!(server.seen()[0].target.starts_with("/apis/customer/get-used-units?date=20"));
    }

    #[tokio::test]
    async fn a_call_with_an_unknown_kind_sends_nothing() {
        let (server, source) = serving(vec![Answer::status(200).body("{}")]).await;
        let error = source.fetch(&Context::detached(), &[task("followers", "x")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(server.seen().is_empty());
    }
}
