use serde_json::{Value, json};

use super::super::SimulatorConfig;
use super::super::testing::{Bench, Reply};
use super::*;

/// Where a link into the host leads, without the host.
fn path_of<'a>(bench: &Bench, link: &'a str) -> &'a str {
    link.strip_prefix(&bench.url()).unwrap()
}

async fn avatar(bench: &Bench, creator: u32) -> String {
    let truth = bench.truth(creator, 1).await.remove(0);
    let handle = truth["handle"].as_str().unwrap();
    let profile = bench.vendor(&format!("/tt/user/info?username={handle}")).await.json();
    profile["data"]["user"]["avatarLarger"].as_str().unwrap().to_owned()
}

async fn picture(bench: &Bench, link: &str) -> Reply {
    bench.get(path_of(bench, link)).await
}

async fn with(knobs: Value) -> Bench {
    let pictures = serde_json::from_value(knobs).unwrap();
    Bench::start(SimulatorConfig { creators: 200, pictures, ..SimulatorConfig::default() }).await
}

#[tokio::test]
async fn every_creator_has_a_picture_of_their_own_and_it_never_changes() {
    let bench = with(json!({})).await;
    let mut seen = HashSet::new();
    for creator in 0..40 {
        let link = avatar(&bench, creator).await;
        let first = picture(&bench, &link).await;
        assert_eq!((first.status, first.complete, first.body.len() >= 8_192), (200, true, true));
        assert_eq!(first.body, picture(&bench, &avatar(&bench, creator).await).await.body);
        assert!(seen.insert(first.body));
    }
    let report = &bench.stats().await["pictures"];
    assert_eq!((&report["served"], &report["distinct"]), (&json!(80), &json!(40)));
    assert_eq!(report["served_more_than_once"], 40);
}

#[tokio::test]
async fn all_three_formats_are_served_whatever_the_link_says() {
    let bench = with(json!({ "bytes": 0 })).await;
    let mut starts = HashSet::new();
    for creator in 0..40 {
        let link = avatar(&bench, creator).await;
        let handle = bench.truth(creator, 1).await.remove(0)["handle"].as_str().unwrap().to_owned();
        let profile = bench.vendor(&format!("/tt/user/info?username={handle}")).await.json();
        let jpeg = profile["data"]["user"]["avatar_larger"]["url_list"][1].as_str().unwrap().to_owned();
        for link in [link, jpeg] {
            let body = picture(&bench, &link).await.body;
            assert!(body.len() < 1_000, "{} bytes", body.len());
            starts.insert(body[..2].to_vec());
        }
    }
    assert_eq!(starts, HashSet::from([b"RI".to_vec(), b"\xff\xd8".to_vec(), b"\x89P".to_vec()]));
}

#[tokio::test]
async fn a_link_works_as_it_was_signed_and_until_it_ends() {
    let bench = with(json!({})).await;
    let link = avatar(&bench, 3).await;
    assert_eq!(picture(&bench, &link).await.status, 200);
    for (from, to) in
        [("c5_1080x1080", "c5_9999x9999"), ("x-expires=1", "x-expires=2"), ("%3D", ""), ("%3D", "a%3D")]
    {
        let forged = link.replace(from, to);
        assert_ne!(forged, link);
        assert_eq!(picture(&bench, &forged).await.status, 403, "{forged}");
    }
    assert_eq!(picture(&bench, link.split('?').next().unwrap()).await.status, 403);
    bench.post("/control/clock", &json!({ "advance_s": 49 * 3_600 }).to_string()).await;
    assert_eq!(picture(&bench, &link).await.status, 403);
    assert_eq!(picture(&bench, &avatar(&bench, 3).await).await.status, 200);
}

#[tokio::test]
async fn a_share_of_profiles_carries_ended_links_the_first_time() {
    let bench = with(json!({ "expired_share": 0.3 })).await;
    let (mut ended, mut ended_again) = (0, 0);
    for creator in 0..100 {
        let first = picture(&bench, &avatar(&bench, creator).await).await.status;
        let second = picture(&bench, &avatar(&bench, creator).await).await.status;
        ended += u32::from(first == 403);
        ended_again += u32::from(second != 200);
    }
    assert!((20..=40).contains(&ended), "{ended}");
    assert_eq!(ended_again, 0);
    assert_eq!(bench.stats().await["pictures"]["refused"], ended);
}

#[tokio::test]
async fn failures_happen_on_purpose() {
    for (knobs, status, complete) in [
        (json!({ "gone_share": 1 }), 404, true),
        (json!({ "error_rate": 1 }), 503, true),
        (json!({ "cut_share": 1 }), 200, false),
        (json!({ "wrong_type_share": 1 }), 200, true),
    ] {
        let bench = with(knobs.clone()).await;
        let reply = picture(&bench, &avatar(&bench, 1).await).await;
        assert_eq!((reply.status, reply.complete), (status, complete), "{knobs}");
        assert_eq!(bench.stats().await["pictures"]["served"], 0);
    }
    let bench = with(json!({ "hang_rate": 1 })).await;
    let link = avatar(&bench, 1).await;
    let hung = tokio::time::timeout(Duration::from_millis(300), picture(&bench, &link)).await;
    assert!(hung.is_err());
}

#[test]
fn pictures_are_as_large_as_asked_for() {
    for size in [0, 1_000, 70_000, 200_001] {
        let pattern = Pattern::new(7);
        for bytes in [jpeg::encode(&pattern, size), png::encode(&pattern, size), webp::encode(&pattern, size)]
        {
            assert!(bytes.len() >= size && bytes.len() < size + 1_500, "{} for {size}", bytes.len());
        }
    }
}
