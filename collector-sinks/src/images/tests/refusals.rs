//! A server of buckets that refuses in every way, by script.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::context::{ByteBudget, Context};
use collector_core::creator::Creator;
use collector_core::error::ErrorKind;
use collector_core::sink::{Change, Sink, Wrote};
use collector_core::testkit::fakes::ManualClock;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use tokio_util::sync::CancellationToken;

use super::stage::{NOW, address, picture, record, reported};
use crate::images::s3::{BucketAccess, BucketConfig};
use crate::images::{ImagesConfig, ImagesSink};

const LIST: &str = "<ListBucketResult><Name>pics</Name><Prefix></Prefix><KeyCount>0</KeyCount>\
                    <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>";

/// A host of pictures and a server of buckets.
struct Scene {
    host: ScriptServer,
    server: ScriptServer,
    sink: ImagesSink,
    cx: Context,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut BucketConfig)) -> Self {
        let (host, server) = (ScriptServer::start().await.unwrap(), ScriptServer::start().await.unwrap());
        let mut bucket = BucketConfig::at(&format!("{}/pics", server.url())).unwrap();
        change(&mut bucket);
        let config = ImagesConfig { allow: vec![address(&host)], ..ImagesConfig::default() };
        let access = BucketAccess::key("AKIA", "hunter2").unwrap();
        let sink = ImagesSink::in_bucket(bucket, access, config).unwrap();
        let clock = ManualClock::starting_at(Timestamp::from_secs(NOW));
        let cx = Context::new(CancellationToken::new(), clock, ByteBudget::new(1 << 20));
        Self { host, server, sink, cx }
    }

    /// Writes these pictures while the server answers so.
    async fn write(&self, pictures: u64, answers: impl IntoIterator<Item = Answer>) -> Vec<Wrote> {
        self.server.script(answers);
        let batch: Vec<_> = (1..=pictures)
            .map(|n| {
                self.host.route(format!("/{n}"), picture(&format!("picture {n}")));
                Change::Put(record(n, 1, Some(&format!("{}/{n}", self.host.url()))))
            })
            .collect();
        self.sink.write(&self.cx, &batch).await.unwrap().outcomes
    }

    async fn check(&self, answers: impl IntoIterator<Item = Answer>) -> collector_core::error::Result<()> {
        self.server.script(answers);
        Sink::<Creator>::check(&self.sink, &self.cx).await
    }

    /// The requests' methods, and whether each had the condition.
    fn asked(&self) -> Vec<(String, bool)> {
        let conditional = |seen: &Seen| seen.header("if-none-match") == Some("*");
        self.server.seen().iter().map(|seen| (seen.method.clone(), conditional(seen))).collect()
    }
}

fn refusal(status: u16, code: &str) -> Answer {
    Answer::status(status)
        .body(format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>because</Message></Error>"))
}

fn empty_list() -> Answer {
    Answer::status(200).header("content-type", "application/xml").body(LIST)
}

fn stored() -> Answer {
    Answer::status(200).header("etag", "\"1\"")
}

fn put(conditional: bool) -> (String, bool) {
    ("PUT".to_owned(), conditional)
}

/// A kept object that was written then.
fn written(date: &str) -> Answer {
    Answer::status(200).header("etag", "\"1\"").header("last-modified", date).header("content-length", "0")
}

fn is_kept(wrote: &Wrote) -> bool {
    reported(wrote).is_some_and(|fact| fact.kept().is_some())
}

#[tokio::test]
async fn what_is_new_is_written_once_with_a_condition_and_its_type() {
    let scene = Scene::new().await;
    let wrote = scene.write(1, [stored()]).await;
    assert!(is_kept(&wrote[0]), "{wrote:?}");
    assert_eq!(scene.asked(), [put(true)]);
    let seen = &scene.server.seen()[0];
    assert_eq!(seen.header("content-type"), Some("image/png"));
    assert!(seen.path().starts_with("/pics/"), "{}", seen.path());
    assert!(seen.header("authorization").is_some_and(|text| text.contains("AKIA")), "not signed");
    assert!(!seen.carries("hunter2") && !format!("{:?}", scene.sink).contains("hunter2"));
}

#[tokio::test]
async fn what_is_there_and_young_is_left_and_what_is_old_is_made_young() {
    // The clock stands at 2027-01-15 08:00:00 UTC.
    let young = "Fri, 15 Jan 2027 07:45:00 GMT";
    let old = "Fri, 15 Jan 2027 07:15:00 GMT";
    let head = ("HEAD".to_owned(), false);
    for status in [412, 304] {
        let scene = Scene::new().await;
        let wrote = scene.write(1, [Answer::status(status), written(young)]).await;
        assert!(is_kept(&wrote[0]), "{status}: {wrote:?}");
        assert_eq!(scene.asked(), [put(true), head.clone()]);
        let scene = Scene::new().await;
        let wrote = scene.write(1, [Answer::status(status), written(old), stored()]).await;
        assert!(is_kept(&wrote[0]), "{status}: {wrote:?}");
        assert_eq!(scene.asked(), [put(true), head.clone(), put(false)]);
    }
    // Swept between the two.
    let scene = Scene::new().await;
    let wrote = scene.write(1, [Answer::status(412), Answer::status(404), stored()]).await;
    assert!(is_kept(&wrote[0]), "{wrote:?}");
    assert_eq!(scene.asked(), [put(true), head, put(false)]);
}

#[tokio::test]
async fn a_conflict_is_not_taken_for_success() {
    let conflict = || refusal(409, "ConditionalRequestConflict");
    let scene = Scene::new().await;
    let wrote = scene.write(1, [conflict(), stored()]).await;
    assert!(is_kept(&wrote[0]), "{wrote:?}");
    assert_eq!(scene.asked(), [put(true), put(false)]);
    let scene = Scene::new().await;
    let wrote = scene.write(1, [conflict(), conflict()]).await;
    assert!(matches!(wrote[0], Wrote::Retry { after: Some(_) }), "{wrote:?}");
    assert_eq!(scene.asked().len(), 2, "tried more often than it should");
}

#[tokio::test]
async fn one_picture_that_is_put_off_costs_its_neighbours_nothing() {
    for answer in [
        refusal(503, "SlowDown").header("retry-after", "7"),
        Answer::status(429).header("retry-after", "7"),
        refusal(500, "InternalError").header("retry-after", "7"),
        refusal(400, "RequestTimeout").header("retry-after", "7"),
    ] {
        let scene = Scene::new().await;
        let wrote = scene.write(4, [stored(), answer, stored(), stored()]).await;
        assert_eq!(wrote.iter().filter(|one| is_kept(one)).count(), 3, "{wrote:?}");
        let waits: Vec<_> = wrote
            .iter()
            .filter_map(|one| match one {
                Wrote::Retry { after } => *after,
                _ => None,
            })
            .collect();
        assert!(
            matches!(waits[..], [wait] if (Duration::from_secs(7)..Duration::from_secs(14)).contains(&wait)),
            "{waits:?}"
        );
    }
}

#[tokio::test]
async fn after_a_refusal_the_place_is_asked_before_the_next_download() {
    let scene = Scene::new().await;
    scene.write(1, [refusal(503, "SlowDown")]).await;
    scene.host.script([]);
    scene.server.script([refusal(503, "SlowDown")]);
    let batch = [Change::Put(record(9, 1, Some(&format!("{}/seen", scene.host.url()))))];
    let failed = scene.sink.write(&scene.cx, &batch).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::RateLimited);
    assert!(scene.host.seen().is_empty(), "a picture was downloaded in vain");
}

#[tokio::test]
async fn a_server_that_does_not_answer_ends_in_time() {
    for answer in [
        Answer::hang(),
        Answer::reset(),
        empty_list().header("etag", "\"1\"").drip(Duration::from_millis(50)),
    ] {
        let scene = Scene::with(|bucket| bucket.timeout = Duration::from_millis(200)).await;
        let wrote = scene.write(1, [answer.clone()]).await;
        // What of the answer to a write is not read does not matter.
        assert!(
            is_kept(&wrote[0]) || matches!(wrote[0], Wrote::Retry { after: Some(_) }),
            "{answer:?}: {wrote:?}"
        );
        let failed = scene.check([answer.clone()]).await.unwrap_err();
        assert!(
            matches!(failed.kind(), ErrorKind::Timeout | ErrorKind::Unavailable),
            "{answer:?}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn what_takes_the_whole_place_away_fails_the_batch_and_ends_no_run() {
    for (answer, kind) in [
        (refusal(403, "AccessDenied"), ErrorKind::Unauthorized),
        (refusal(403, "InvalidAccessKeyId"), ErrorKind::Unauthorized),
        (refusal(404, "NoSuchBucket"), ErrorKind::Unavailable),
    ] {
        let scene = Scene::new().await;
        scene.host.route("/1", picture("x"));
        scene.server.script([answer]);
        let batch = [Change::Put(record(1, 1, Some(&format!("{}/1", scene.host.url()))))];
        let failed = scene.sink.write(&scene.cx, &batch).await.unwrap_err();
        assert_eq!(failed.kind(), kind, "{failed:?}");
    }
}

#[tokio::test]
async fn a_check_says_which_part_is_wrong_and_what_to_do() {
    let nothing = || [empty_list(), Answer::status(404)];
    for (answers, kind, words) in [
        (vec![refusal(404, "NoSuchBucket")], ErrorKind::ConfigInvalid, "create it"),
        (vec![refusal(403, "InvalidAccessKeyId")], ErrorKind::Unauthorized, "the access key"),
        (vec![refusal(403, "SignatureDoesNotMatch")], ErrorKind::Unauthorized, "the secret key"),
        (vec![refusal(400, "ExpiredToken")], ErrorKind::Unauthorized, "token has ended"),
        (vec![refusal(403, "RequestTimeTooSkewed")], ErrorKind::Unauthorized, "clock"),
        (vec![refusal(403, "AccessDenied")], ErrorKind::Unauthorized, "s3:ListBucket"),
        (
            vec![refusal(301, "PermanentRedirect").header("x-amz-bucket-region", "eu-west-3")],
            ErrorKind::ConfigInvalid,
            "eu-west-3",
        ),
        (vec![Answer::html("<html>hello</html>")], ErrorKind::ConfigInvalid, "does not speak S3"),
        (vec![Answer::status(404).body("not found")], ErrorKind::ConfigInvalid, "does not speak S3"),
        (
            vec![Answer::status(400).body("HTTP to an HTTPS server")],
            ErrorKind::ConfigInvalid,
            "http or https",
        ),
        (vec![refusal(503, "SlowDown")], ErrorKind::RateLimited, "tried again"),
        (vec![empty_list(), Answer::status(403)], ErrorKind::Unauthorized, "s3:GetObject"),
        (
            nothing().into_iter().chain([refusal(403, "AccessDenied")]).collect(),
            ErrorKind::Unauthorized,
            "s3:PutObject",
        ),
        (
            nothing().into_iter().chain([refusal(501, "NotImplemented")]).collect(),
            ErrorKind::ConfigInvalid,
            "conditional = false",
        ),
        (
            nothing().into_iter().chain([stored(), Answer::status(204)]).collect(),
            ErrorKind::ConfigInvalid,
            "conditional = false",
        ),
    ] {
        let scene = Scene::new().await;
        let asked = answers.len();
        let failed = scene.check(answers).await.unwrap_err();
        let told = failed.to_string();
        assert!(failed.kind() == kind && told.contains(words), "wanted {kind:?} {words}: {failed:?}");
        assert!(!format!("{failed:?}").contains("hunter2"), "{failed:?}");
        assert_eq!(scene.server.seen().len(), asked, "{words}");
    }
}

#[tokio::test]
async fn a_check_of_a_good_bucket_has_no_effect() {
    let good = || vec![empty_list(), Answer::status(404)];
    for last in [Answer::status(412), refusal(404, "NoSuchKey")] {
        let scene = Scene::new().await;
        scene.check(good().into_iter().chain([last])).await.unwrap();
        let seen = scene.server.seen();
        assert!(seen[2].header("if-match").is_some(), "a write without a condition");
    }
    let scene = Scene::with(|bucket| bucket.conditional = false).await;
    scene.check(good()).await.unwrap();
    assert_eq!(scene.asked().len(), 2);
    assert_eq!(scene.write(1, [stored()]).await.iter().filter(|one| is_kept(one)).count(), 1);
    assert_eq!(scene.asked(), [put(false)]);
}

#[tokio::test]
async fn nobody_there_and_no_tls_are_told_apart() {
    let gone = {
        let server = ScriptServer::start().await.unwrap();
        server.url()
    };
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    for (url, words) in [(gone, "cannot be reached"), (tls, "TLS")] {
        let bucket = BucketConfig::at(&format!("{url}/pics")).unwrap();
        let access = BucketAccess::key("AKIA", "hunter2").unwrap();
        let sink = ImagesSink::in_bucket(bucket, access, ImagesConfig::default()).unwrap();
        let failed = Sink::<Creator>::check(&sink, &Context::detached()).await.unwrap_err();
        assert!(failed.to_string().contains(words), "{words}: {failed:?}");
        assert_eq!(failed.kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn a_wrong_authority_is_named() {
    let mut bucket = BucketConfig::at("https://host/pics").unwrap();
    for ca in ["hello", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        bucket.ca = Some(ca.to_owned());
        let access = BucketAccess::key("a", "b").unwrap();
        let refused = ImagesSink::in_bucket(bucket.clone(), access, ImagesConfig::default()).unwrap_err();
        assert!(refused.to_string().contains("`ca`"), "{refused}");
    }
    // Building one installs nothing for the process.
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
