//! Dead letters: seen, mended from the stored answer, asked for again, forgotten.

use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::creator::Creators;
use collector_core::error::ErrorKind;
use collector_core::id::Digest;
use collector_core::store::{
    FinishedCall, FinishedTask, LanePermit, NoLookup, RunSpec, Store, Verdict, WorkerId, WorkerInfo,
};
use collector_core::task::{Cost, Payload, Task};
use collector_sinks::sql::{SqlConfig, SqlStore};

use crate::harness::{CANARY, Sandbox, Simulator, get};

/// Leaves a letter for each handle: the first one's answer can be read today, the others' are broken.
async fn leave(sandbox: &Sandbox, simulator: &Simulator, handles: &[String]) {
    let path = sandbox.path().join("collector.db");
    let store = SqlStore::open(&SqlConfig::new(path), Arc::new(Creators::default())).await.unwrap();
    let now = Timestamp::from_secs(1_790_000_000);
    let worker: WorkerId = "before".into();
    store
        .open(&WorkerInfo { id: Arc::clone(&worker), ttl: Duration::from_secs(30) }, &[], now)
        .await
        .unwrap();
    let spec =
        RunSpec { job: "before".into(), key: Digest::of(b"before"), fresh_for: Duration::from_secs(60) };
    let run = store.begin_run(&spec, now).await.unwrap().run;
    let tasks = handles.iter().map(|handle| Task::new("ensembledata", "profile", handle.as_str())).collect();
    store.enqueue(run, tasks, now).await.unwrap();
    let lane = LanePermit { source: "ensembledata".into(), kind: "profile".into(), max: 100 };
    for claimed in store.claim(&worker, &[lane], now).await.unwrap().tasks {
        let is_first = claimed.task.subject() == handles[0];
        let query = format!("/ensembledata/tt/user/info?username={}&token={CANARY}", handles[0]);
        let body = if is_first { get(simulator.url(), &query).unwrap() } else { "{".to_owned() };
        let verdict = Verdict::Dead { kind: ErrorKind::Malformed, message: "cannot be read".to_owned() };
        let call: FinishedCall<Creators> = FinishedCall {
            source: "ensembledata".into(),
            fingerprint: Digest::of(body.as_bytes()),
            payload: Some(Payload::new(body, now)),
            tasks: vec![FinishedTask { claimed, verdict }],
            items: vec![],
            follow_ups: vec![],
            malformed: vec![],
            cost: Cost::units(1),
            refund: None,
        };
        store.commit(&worker, vec![call], &NoLookup, now).await.unwrap();
    }
    store.close(&worker).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_mended_by_their_answers_and_only_the_rest_is_bought() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let handles = simulator.handles(3);
    leave(&sandbox, &simulator, &handles).await;
    let calls = simulator.stat("calls");

    let listed = sandbox.run(&["dead", "list"]).expect(0).stdout;
    assert!(listed.contains("3 dead letters") && listed.contains(&handles[1]), "{listed}");
    let letters = sandbox.run(&["dead", "list", "--json"]).expect(0).json();
    let id = |handle: &str| {
        let letters = letters["letters"].as_array().unwrap();
        let letter = letters.iter().find(|letter| letter["task"]["subject"] == *handle).unwrap();
        letter["id"].to_string()
    };
    let shown = sandbox.run(&["dead", "show", &id(&handles[1])]).expect(0).stdout;
    assert!(shown.contains("cannot be read") && shown.contains("1 byte"), "{shown}");
    let raw = sandbox.run(&["dead", "show", &id(&handles[0]), "--raw"]).expect(0).stdout;
    assert!(raw.contains(&handles[0]), "{raw}");
    sandbox.run(&["dead", "show", "999"]).refuses(2, &["999", "dead list"]);

    let json = sandbox.run(&["dead", "replay", "--all", "--mend-only", "--json"]).expect(1).json();
    let told = (&json["revived"], &json["mended"], &json["asked"], &json["units"], &json["left"]);
    assert_eq!(told, (&1.into(), &1.into(), &0.into(), &0.into(), &2.into()), "{json:#}");
    assert_eq!(simulator.stat("calls"), calls, "nothing was bought");
    let show = sandbox.run(&["show", &handles[0], "--json"]).expect(0).json();
    assert_eq!(show["creator"]["sources"][0]["as_of"], "2026-09-21T14:13:20Z", "dated as it came: {show:#}");

    sandbox.run(&["dead", "discard", &id(&handles[2])]).expect(0);
    sandbox.run(&["dead", "discard", &id(&handles[2])]).refuses(2, &["no dead letter"]);
    let mut unasked = sandbox.command(&["dead", "replay", "--all"]);
    let refused = crate::harness::Done::from(unasked.env_remove("COLLECTOR_YES").output().unwrap());
    assert!(refused.code == Some(0) || refused.stderr.contains("--yes"), "{refused:#?}");
    let json = sandbox.run(&["dead", "replay", "--source", "ensembledata", "--json"]).expect(0).json();
    assert_eq!(json["dead"], 0, "{json:#}");
    assert!(simulator.stat("calls") > calls);
    sandbox.run(&["dead", "list"]).expect(0);
    sandbox.run(&["dead", "replay"]).refuses(2, &["--all"]);
    sandbox.run(&["dead", "discard", "--all", "--store", "sqlite:gone.db"]).refuses(2, &["gone.db"]);
}
