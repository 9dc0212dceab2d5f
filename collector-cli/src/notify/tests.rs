use std::path::Path;

use collector_core::error::ErrorKind;
use collector_core::expect::Missed;
use collector_core::id::RunId;
use collector_core::metrics::Disk;
use collector_core::store::{Counts, Parked, RunCounts, RunEnd, RunState, Waiting};
use collector_core::task::Cost;
use collector_core::testkit::fakes::ManualClock;
use collector_core::testkit::server::{Answer, ScriptServer};

use super::causes::Due;
use super::*;
use crate::compose;

const SECRET: &str = "h00k-5ecret";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A configuration whose receivers are these.
fn config(webhook: Option<&ScriptServer>, slack: Option<&ScriptServer>) -> Arc<Config> {
    let mut text = String::from(
        "[store]\nurl = \"memory:\"\n[sources.ensembledata]\ntoken = { env = \"TOKEN\" }\n\
         [[jobs]]\nname = \"tea\"\nquery = { hashtags = [\"tea\"] }\n[notify]\n",
    );
    let address =
        |server: Option<&ScriptServer>| server.map(|server| format!("{}/T1/{SECRET}", server.url()));
    for (key, server) in [("webhook", webhook), ("slack", slack)] {
        if server.is_some() {
            text.push_str(&format!("{key} = {{ env = \"{key}\" }}\n"));
        }
    }
    let env = |name: &str| match name {
        "webhook" => address(webhook),
        "slack" => address(slack),
        _ => Some("t0ken-t0ken-t0ken".to_owned()),
    };
    let config = Config::parse(Path::new("c.toml"), &text, &crate::sources::builtin(), Some(&env)).unwrap();
    Arc::new(config)
}

struct Stage {
    clock: Arc<ManualClock>,
    store: AnyStore,
    notifier: Notifier,
}

impl Stage {
    fn new(config: &Arc<Config>, store: AnyStore) -> Self {
        let clock = ManualClock::starting_at(at(0));
        let mut notifier = Notifier::new(config, Arc::clone(&store), None, || 0).unwrap();
        notifier.clock = Arc::<ManualClock>::clone(&clock);
        // However full this machine is.
        notifier.options.disk_low_mb = 0;
        Self { clock, store, notifier }
    }

    async fn look(&mut self, later: u64) {
        self.clock.advance(secs(later));
        self.notifier.look().await.unwrap();
    }
}

fn park(kind: ErrorKind, until: Option<Timestamp>) -> Parked {
    Parked { account: "ensembledata".into(), until, kind, reason: "as it said".to_owned(), since: at(0) }
}

fn texts(server: &ScriptServer) -> Vec<String> {
    server.seen().iter().map(|seen| seen.param("text").unwrap()).collect()
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(secs(20), work).await {
        Ok(done) => done,
        Err(_) => panic!("not within 20 s: {what}"),
    }
}

#[tokio::test]
async fn each_change_is_told_once_to_everybody_in_their_form() {
    let (webhook, slack) = (ScriptServer::start().await.unwrap(), ScriptServer::start().await.unwrap());
    webhook.respond(|_| Answer::status(200));
    slack.respond(|_| Answer::status(200));
    let mut stage = Stage::new(&config(Some(&webhook), Some(&slack)), compose::in_memory());
    let sending = stage.notifier.receivers.start();
    stage.look(0).await;
    stage.store.park(&park(ErrorKind::QuotaExhausted, Some(at(9_000)))).await.unwrap();
    for _ in 0..5 {
        stage.look(15).await;
    }
    stage.store.park(&park(ErrorKind::Unauthorized, None)).await.unwrap();
    stage.look(15).await;
    stage.store.unpark("ensembledata").await.unwrap();
    for _ in 0..50 {
        stage.look(15).await;
    }
    within("three messages each", async { tokio::join!(webhook.until_seen(3), slack.until_seen(3)) }).await;
    stage.notifier.receivers.finish(sending).await;
    let told = texts(&webhook);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with(
        "[parked] account ensembledata: ensembledata has spent its budget; kept out until 2027-"
    ));
    assert!(
        told[1].starts_with("[refused] account ensembledata:")
            && told[1].contains("\nNext: renew the credential, try it with collector check"),
        "{}",
        told[1]
    );
    assert!(told[2].starts_with("[resolved] account ensembledata: no longer refused"), "{}", told[2]);
    assert_eq!(texts(&slack), told);
    let first = &webhook.seen()[0];
    assert_eq!((first.path(), first.method.as_str()), (format!("/T1/{SECRET}").as_str(), "POST"));
    assert_eq!(first.param("cause").as_deref(), Some("account/ensembledata"));
    assert_eq!(first.param("resolved").as_deref(), Some("false"));
    let slack: serde_json::Value = serde_json::from_slice(&slack.seen()[0].body).unwrap();
    assert_eq!(slack.as_object().unwrap().len(), 1, "Slack refuses what it does not know: {slack}");
}

#[tokio::test]
async fn a_flapping_account_does_not_flood() {
    let webhook = ScriptServer::start().await.unwrap();
    webhook.respond(|_| Answer::status(200));
    let mut stage = Stage::new(&config(Some(&webhook), None), compose::in_memory());
    let sending = stage.notifier.receivers.start();
    for round in 0..960 {
        // Three minutes kept out, three minutes let in, for a day.
        match (round / 2) % 2 {
            0 => stage.store.park(&park(ErrorKind::Blocked, Some(at(90_000)))).await.unwrap(),
            _ => stage.store.unpark("ensembledata").await.unwrap(),
        }
        stage.look(90).await;
    }
    stage.notifier.receivers.finish(sending).await;
    let told = texts(&webhook);
    assert!((1..=6).contains(&told.len()), "{} messages: {told:#?}", told.len());
}

#[tokio::test]
async fn a_receiver_that_hangs_stops_nothing() {
    let (webhook, slack) = (ScriptServer::start().await.unwrap(), ScriptServer::start().await.unwrap());
    webhook.respond(|_| Answer::status(200));
    slack.respond(|_| Answer::hang());
    let mut stage = Stage::new(&config(Some(&webhook), Some(&slack)), compose::in_memory());
    let sending = stage.notifier.receivers.start();
    within("all looks", async {
        for kind in [ErrorKind::QuotaExhausted, ErrorKind::Blocked, ErrorKind::Unauthorized] {
            stage.store.park(&park(kind, Some(at(90_000)))).await.unwrap();
            stage.look(30_000).await;
            stage.look(400).await;
        }
    })
    .await;
    within("the other one is told", webhook.until_seen(3)).await;
    assert_eq!(slack.seen().len(), 1, "one message is on its way");
    within("the end", stage.notifier.receivers.finish(sending)).await;
    assert_eq!(stage.notifier.receivers.unsent("@alerts")["slack"].len(), 3);
}

#[tokio::test]
async fn what_was_not_sent_before_a_restart_is_sent_after_it_and_nothing_twice() {
    let (webhook, slack) = (ScriptServer::start().await.unwrap(), ScriptServer::start().await.unwrap());
    webhook.respond(|_| Answer::status(200));
    slack.respond(|_| Answer::hang());
    let (config, store) = (config(Some(&webhook), Some(&slack)), compose::in_memory());
    let mut before = Stage::new(&config, Arc::clone(&store));
    let sending = before.notifier.receivers.start();
    store.park(&park(ErrorKind::Unauthorized, None)).await.unwrap();
    before.look(0).await;
    within("the webhook", webhook.until_seen(1)).await;
    within("sent", before.notifier.receivers.sent()).await;
    before.look(1).await;
    drop(sending);

    slack.respond(|_| Answer::status(200));
    let mut after = Stage::new(&config, store);
    let sending = after.notifier.receivers.start();
    after.look(60).await;
    within("Slack", slack.until_seen(1)).await;
    within("sent", after.notifier.receivers.sent()).await;
    after.look(15).await;
    after.notifier.receivers.finish(sending).await;
    assert_eq!((webhook.seen().len(), slack.seen().len()), (1, 1));
    let note = after.store.note("@alerts").await.unwrap().unwrap();
    assert!(note.contains("\"unsent\":{}"), "{note}");
    assert!(!note.contains(SECRET) && !format!("{:?}", config.notify).contains(SECRET));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_what_is_refused_is_not() {
    let webhook = ScriptServer::start().await.unwrap();
    webhook.script([Answer::status(503), Answer::status(200), Answer::status(404), Answer::status(200)]);
    let mut stage = Stage::new(&config(Some(&webhook), None), compose::in_memory());
    let sending = stage.notifier.receivers.start();
    for kind in [ErrorKind::QuotaExhausted, ErrorKind::Blocked, ErrorKind::Unauthorized] {
        stage.store.park(&park(kind, Some(at(90_000)))).await.unwrap();
        stage.look(30_000).await;
        stage.look(400).await;
    }
    within("four attempts", webhook.until_seen(4)).await;
    stage.notifier.receivers.finish(sending).await;
    let states: Vec<String> = webhook.seen().iter().map(|seen| seen.param("state").unwrap()).collect();
    assert_eq!(states, ["parked", "parked", "blocked", "refused"]);
    assert!(stage.notifier.receivers.unsent("@alerts").is_empty());
}

#[tokio::test]
async fn too_many_messages_drop_the_oldest_and_say_so() {
    let webhook = ScriptServer::start().await.unwrap();
    let config = config(Some(&webhook), None);
    let receivers = Receivers::new(&config.notify, &Http::new(&HttpOptions::default()).unwrap());
    let trouble = Trouble::new(collector_core::alert::Topic::Job, "tea", "partial");
    for number in 0..150 {
        let (cause, at) = (number.to_string(), at(0));
        receivers.tell("n", &Message { cause, resolved: false, at, since: at, trouble: trouble.clone() });
    }
    assert_eq!(receivers.unsent("n")["webhook"].len(), 100);
    webhook.respond(|_| Answer::status(200));
    let sending = receivers.start();
    within("a hundred", webhook.until_seen(100)).await;
    receivers.finish(sending).await;
    let told = texts(&webhook);
    assert!(told[0].ends_with("(50 older messages could not be sent and were dropped)"), "{}", told[0]);
    assert!(!told[1].contains("dropped"), "{}", told[1]);
}

#[tokio::test]
async fn the_heart_beats_while_all_is_well() {
    let server = ScriptServer::start().await.unwrap();
    server.respond(|_| Answer::status(200));
    let mut options = NotifyOptions { heartbeat_every: Duration::from_millis(1), ..NotifyOptions::default() };
    options.heartbeat_method = crate::config::Method::Post;
    let address = config(Some(&server), None).notify.webhook.clone().unwrap();
    let heart = Heartbeat::new(address, &options, Http::new(&HttpOptions::default()).unwrap());
    let beating = heart.start();
    heart.say(false);
    heart.say(true);
    within("three beats", server.until_seen(3)).await;
    assert!(server.seen().iter().all(|seen| seen.method == "POST" && seen.body.is_empty()));
    beating.stop().await;
}

#[tokio::test]
async fn the_heart_stands_still_until_it_is_known_that_all_is_well() {
    let server = ScriptServer::start().await.unwrap();
    server.respond(|_| Answer::status(200));
    let address = config(Some(&server), None).notify.webhook.clone().unwrap();
    let http = Http::new(&HttpOptions::default()).unwrap();
    let heart = Heartbeat::new(address, &NotifyOptions::default(), http.clone());
    let beating = heart.start();
    heart.say(false);
    // Another exchange with the same server: a beat would have been on its way before.
    let url = format!("{}/other", server.url()).parse().unwrap();
    let cx = collector_core::context::Context::detached();
    http.exchange(&cx, collector_sources::http::Request::get(url)).await.unwrap();
    let paths: Vec<String> = server.seen().iter().map(|seen| seen.path().to_owned()).collect();
    assert_eq!(paths, ["/other"]);
    heart.say(true);
    within("the first beat", server.until_seen(2)).await;
    beating.stop().await;
}

fn run(number: u64, end: RunEnd, counts: RunCounts) -> RunState {
    let ended = Some((at(-10), end));
    let (job, began) = ("tea".to_owned(), at(-100));
    RunState { run: RunId(number), job, began, ended, open: 0, counts, pending: 0 }
}

/// What is wrong, as topic, state, and whether somebody has to act.
fn wrong(counts: &Counts, parked: &[Parked], missed: Option<Missed>, due: &[Due]) -> Vec<(Trouble, String)> {
    let config = config(None, None);
    let missed = missed.map(|missed| ("tea".to_owned(), missed)).into_iter().collect();
    let seen =
        Seen { now: at(0), config: &config, counts, parked, missed: &missed, due, late_after: secs(900) };
    let short = |trouble: &Trouble| {
        format!("{} {} {} {:?}", trouble.topic.as_str(), trouble.about, trouble.state, trouble.severity)
    };
    seen.wrong().into_iter().map(|trouble| (trouble.clone(), short(&trouble))).collect()
}

#[test]
fn of_a_job_its_latest_run_counts() {
    let spent = Cost { units: 120, requests: 100 };
    let bad = RunCounts { done: 90, dead: 10, cost: spent, ..RunCounts::default() };
    let nothing = RunCounts { dead: 10, ..RunCounts::default() };
    let good = RunCounts { done: 100, ..RunCounts::default() };
    let counts = |runs| Counts { runs, ..Counts::default() };
    let partial = wrong(&counts(vec![run(2, RunEnd::Partial, bad.clone())]), &[], None, &[]);
    assert_eq!(partial[0].1, "job tea partial Warning");
    assert_eq!(partial[0].0.happened, "run 2 of tea ended partial: 10 tasks were given up");
    assert_eq!(partial[0].0.cost, "120 units in 100 calls for 90 answers");
    assert!(partial[0].0.to_do.contains("collector dead list"));
    let failed = wrong(&counts(vec![run(2, RunEnd::Partial, nothing)]), &[], None, &[]);
    assert_eq!(failed[0].1, "job tea failed Error");
    let mended = [run(3, RunEnd::Complete, good.clone()), run(2, RunEnd::Partial, bad.clone())];
    assert_eq!(wrong(&counts(mended.to_vec()), &[], None, &[]), []);
    let cancelled = [run(3, RunEnd::Cancelled, good.clone()), run(2, RunEnd::Partial, bad)];
    assert_eq!(wrong(&counts(cancelled.to_vec()), &[], None, &[]).len(), 1, "a cancelled one says nothing");
    let missed = Missed { run: RunId(4), missed: vec!["expected 500 or more, got 3".to_owned()] };
    let run = run(4, RunEnd::Partial, good);
    let told = wrong(&counts(vec![run]), &[], Some(missed), &[]);
    assert_eq!(told[0].0.happened, "run 4 of tea ended partial: expected 500 or more, got 3");
}

#[test]
fn accounts_are_kept_out_for_four_reasons() {
    let counts = Counts {
        open: [("ensembledata/user".to_owned(), 12), ("x/y".to_owned(), 9)].into(),
        ..Counts::default()
    };
    for (kind, until, said, again) in [
        (ErrorKind::QuotaExhausted, Some(at(60)), "account ensembledata parked Warning", "until 2"),
        (ErrorKind::QuotaExhausted, None, "account ensembledata parked Error", "one call that is tried"),
        (ErrorKind::Blocked, Some(at(60)), "account ensembledata blocked Warning", "until 2"),
        (ErrorKind::Malformed, None, "account ensembledata drifting Error", "until somebody lets it in"),
        (ErrorKind::Unauthorized, None, "account ensembledata refused Error", "one call that is tried"),
    ] {
        let told = wrong(&counts, &[park(kind, until)], None, &[]);
        assert_eq!(told[0].1, said);
        assert!(told[0].0.happened.contains(again), "{}", told[0].0.happened);
        assert!(told[0].0.cost.starts_with("12 tasks wait for it"), "{}", told[0].0.cost);
        assert!(!told[0].0.to_do.is_empty() && told[0].0.happened.contains("as it said"), "{:?}", told[0].0);
    }
}

#[test]
fn a_job_is_late_when_its_time_is_long_past() {
    let due = |ago: i64| [Due { job: "tea".to_owned(), planned: at(-ago) }];
    assert_eq!(wrong(&Counts::default(), &[], None, &due(600)), []);
    let late = wrong(&Counts::default(), &[], None, &due(1_000));
    assert_eq!(late[0].1, "schedule tea late Error");
    assert!(
        late[0].0.happened.ends_with("has not begun after 16m; 0 workers are alive"),
        "{}",
        late[0].0.happened
    );
}

#[test]
fn who_waits_long_is_told_with_the_reason_of_log_and_metric() {
    let waiting = |ago: i64, part: &str| Waiting {
        part: part.to_owned(),
        problem: "unreachable".to_owned(),
        since: at(-ago),
        error: "refused".to_owned(),
    };
    let workers = [
        ("a".to_owned(), waiting(500, "lock")),
        ("b".to_owned(), waiting(700, "lock")),
        ("c".to_owned(), waiting(5, "search")),
    ];
    let counts = Counts { waiting: workers.into(), ..Counts::default() };
    let told = wrong(&counts, &[], None, &[]);
    assert_eq!(
        told.iter().map(|(_, short)| short.as_str()).collect::<Vec<_>>(),
        ["waiting lock unreachable Error"]
    );
    assert!(told[0].0.happened.contains(&waiting(500, "lock").reason()), "{}", told[0].0.happened);
}

#[test]
fn a_machine_tells_of_its_disks_and_leases() {
    let disks = [
        Disk { place: "store", used: 5_000_000, free: Some(900_000_000) },
        Disk { place: "images", used: 5, free: Some(9_000_000_000) },
        Disk { place: "search", used: 5, free: None },
    ];
    let machine = |lease_losses| Machine { disks: &disks, disk_low: 1_000_000_000, lease_losses };
    let states = |troubles: Vec<Trouble>| -> Vec<String> {
        troubles.iter().map(|trouble| format!("{} {}", trouble.about, trouble.state)).collect()
    };
    assert_eq!(states(machine(1).wrong()), ["store low"]);
    assert_eq!(states(machine(2).wrong()), ["store low", "lock lost"]);
}

#[test]
fn many_leases_lost_at_once_are_one_occasion() {
    let total = Arc::new(std::sync::atomic::AtomicU64::new(5));
    let read = Arc::clone(&total);
    let mut losses = LeaseLosses::new(Box::new(move || read.load(std::sync::atomic::Ordering::SeqCst)));
    let lose = |count| total.fetch_add(count, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(losses.occasions(at(0)), 0, "what was lost before counts no more");
    lose(8);
    assert_eq!(losses.occasions(at(15)), 1);
    lose(8);
    assert_eq!(losses.occasions(at(30)), 1);
    assert_eq!(losses.occasions(at(300)), 1);
    lose(1);
    assert_eq!(losses.occasions(at(600)), 2);
    assert_eq!(losses.occasions(at(3_700)), 1);
    assert_eq!(losses.occasions(at(9_000)), 0);
}
