//! Collecting from a simulator: what is written, what is bought, how it ends.

use std::collections::BTreeSet;
use std::process::Stdio;

use crate::harness::{Done, Sandbox, Simulator, until};

/// Calls that last as long as a test may.
const FOR_EVER: [&str; 2] = ["--latency-ms", "600000"];

#[test]
fn handles_are_collected_shown_and_not_bought_again() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let handles = simulator.handles(5);
    let list = handles.join(",");

    let done = sandbox.run(&["run", "--handles", &list, "--json"]).expect(0);
    let json = done.json();
    assert_eq!(
        (&json["exit"], &json["end"], &json["code"]),
        (&"complete".into(), &"complete".into(), &0.into()),
        "{json:#}"
    );
    assert_eq!((&json["counts"]["done"], &json["counts"]["changed"]), (&5.into(), &5.into()), "{json:#}");
    assert_eq!(json["counts"]["cost"]["units"], simulator.stat("units_charged"), "{json:#}");
    assert_eq!(json["sinks"]["jsonl"]["stored"], 5, "{json:#}");
    assert_eq!((done.stderr.as_str(), json["reasons"].as_array().unwrap().len()), ("", 0));
    assert_eq!(sandbox.lines("creators.jsonl").len(), 5);

    let calls = simulator.stat("calls");
    let again = sandbox.run(&["run", "--handles", &list, "--json"]).expect(0).json();
    assert_eq!((&again["counts"]["fresh"], simulator.stat("calls")), (&5.into(), calls), "{again:#}");

    let shown = sandbox.run(&["show", &format!("@{}", handles[0]), "--json"]).expect(0).json();
    assert_eq!(shown["creator"]["handle"], handles[0]);
    let uid = shown["creator"]["uid"].as_str().unwrap();
    assert_eq!(sandbox.run(&["show", uid, "--json"]).expect(0).json()["key"], shown["key"]);
    let explained = sandbox.run(&["show", &handles[0], "--explain"]).expect(0).stdout;
    assert!(explained.contains("followers") && explained.contains("ensembledata profile"), "{explained}");
    sandbox
        .run(&["show", "@nobody.of.that.name"])
        .refuses(1, &["tiktok:handle:nobody.of.that.name", "collector run --handles"]);

    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(
        (&status["counts"]["entities"], &status["counts"]["workers"]),
        (&5.into(), &0.into()),
        "{status:#}"
    );
    assert_eq!(status["counts"]["runs"].as_array().unwrap().len(), 2);
    let status = sandbox.run(&["status"]).expect(0).stdout;
    assert!(status.contains("Everything is in order."), "{status}");
}

#[test]
fn a_hashtag_discovers_and_hydrates_and_the_window_can_be_shortened() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let run = ["run", "--hashtag", &simulator.hashtag(), "--store", "sqlite:other.db", "--json"];
    let json = sandbox.run(&run).expect(0).json();
    let collected = json["counts"]["changed"].as_u64().unwrap();
    assert!(collected >= 5, "{json:#}");
    assert_eq!(simulator.stat("bought_more_than_once"), 0);
    assert!(
        sandbox.files().contains(&"other.db".to_owned())
            && !sandbox.files().contains(&"collector.db".to_owned())
    );

    let keys: BTreeSet<String> =
        sandbox.lines("creators.jsonl").iter().map(|line| line["key"].to_string()).collect();
    let status = sandbox.run(&["status", "--store", "sqlite:other.db", "--json"]).expect(0).json();
    assert_eq!(status["counts"]["entities"], keys.len());
}

#[test]
fn an_account_nobody_knows_is_an_answer() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let json = sandbox.run(&["run", "people", "--json"]).expect(0).json();
    assert_eq!((&json["counts"]["absent"], &json["counts"]["dead"]), (&1.into(), &0.into()), "{json:#}");
}

#[test]
fn json_lines_on_standard_output_are_the_only_thing_there() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(3).join(",");
    let done = sandbox.run(&["run", "--handles", &list, "--jsonl", "-", "--store", "memory:"]).expect(0);
    assert_eq!(done.stdout.lines().count(), 3, "{done:#?}");
    for line in done.stdout.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
    }
    assert!(done.stderr.contains("complete"), "the report goes aside: {done:#?}");
    assert_eq!(sandbox.files(), ["collector.toml"]);
}

#[test]
fn a_reader_of_json_lines_may_go_away() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(5).join(",");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sandbox.command(&["run", "--handles", &list, "--jsonl", "-", "--store", "memory:"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    // Not everything was written, so it is not complete; but nobody did anything wrong.
    let done = Done::from(child.wait_with_output().unwrap()).expect(1);
    assert!(!done.stderr.contains("what to do"), "{done:#?}");
}

#[test]
fn a_spent_budget_parks_and_says_so() {
    let simulator = Simulator::start(&["--creators", "60", "--units-per-day", "2"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(6).join(",");
    let done = sandbox.run(&["run", "--handles", &list, "--in-flight", "1", "--json"]).expect(4);
    let json = done.json();
    assert_eq!((&json["exit"], &json["end"]), (&"parked".into(), &"parked".into()), "{json:#}");
    assert_eq!(json["parked"][0]["account"], "ensembledata");
    assert_eq!(json["parked"][0]["kind"], "quota_exhausted");
    assert!(json["next"][0].as_str().unwrap().contains("once more"), "{json:#}");
    let status = sandbox.run(&["status"]).expect(0).stdout;
    assert!(status.contains("parked accounts") && status.contains("quota_exhausted"), "{status}");
}

#[test]
fn a_refused_credential_parks_and_check_tells_what_to_do() {
    let simulator = Simulator::start(&["--creators", "60", "--knob", "account=token_unknown"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(1).join(",");
    let json = sandbox.run(&["run", "--handles", &list, "--json"]).expect(4).json();
    assert_eq!(json["parked"][0]["kind"], "unauthorized", "{json:#}");

    let done = sandbox.run(&["check", "--json"]).expect(1);
    let json = done.json();
    let source =
        json["parts"].as_array().unwrap().iter().find(|part| part["part"] == "source").unwrap().clone();
    assert_eq!((&source["ok"], &source["kind"]), (&false.into(), &"unauthorized".into()), "{json:#}");
    assert!(source["advice"].as_str().unwrap().contains("credential"));
}

#[test]
fn check_asks_every_part_and_writes_nothing() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let done = sandbox.run(&["check"]).expect(0);
    for line in ["store", "lock", "source", "sink"] {
        assert!(
            done.stdout.lines().any(|found| found.trim_start().starts_with(line) && found.contains(" ok")),
            "{done:#?}"
        );
    }
    assert!(done.stdout.contains("Next: collector run people"), "{done:#?}");
    assert_eq!(sandbox.files(), ["collector.toml"]);
    assert_eq!(simulator.stat("units_charged"), 0);

    drop(simulator);
    sandbox.run(&["check"]).expect(1);
}

#[cfg(unix)]
#[test]
fn a_second_writer_is_refused_and_the_first_drains_at_the_first_signal() {
    let simulator = Simulator::start(&["--creators", "60", "--latency-ms", "1500"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(30).join(",");
    let mut first = sandbox.start(&["run", "--handles", &list, "--in-flight", "2", "--json"]);
    until("the first run calls", || simulator.stat("calls") > 0);

    sandbox.run(&["run", "people"]).refuses(3, &["collector.db"]);
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["counts"]["workers"], 1, "reading works beside a writer: {status:#}");

    first.signal("INT");
    let done = first.wait().expect(1);
    let json = done.json();
    assert_eq!((&json["exit"], &json["end"]), (&"partial".into(), &"stopped".into()), "{json:#}");
    assert!(json["open"].as_u64().unwrap() > 0 && json["counts"]["done"].as_u64().unwrap() > 0, "{json:#}");
    assert!(
        done.stderr.contains("stopping") && json["next"][0].as_str().unwrap().contains("go on"),
        "{done:#?}"
    );
    assert_eq!(simulator.stat("bought_more_than_once"), 0);
}

#[cfg(unix)]
#[test]
fn the_second_signal_ends_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let simulator = Simulator::start(&[&["--creators", "60"][..], &FOR_EVER].concat());
        let sandbox = Sandbox::with_config(&simulator);
        let list = simulator.handles(1).join(",");
        let mut run = sandbox.start(&["run", "--handles", &list]);
        until("the run calls", || simulator.stat("calls") > 0);
        run.signal(signal);
        run.await_stderr("stopping");
        run.signal(signal);
        run.wait().expect(code);
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let simulator = Simulator::start(&["--creators", "60", "--latency-ms", "300"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(20).join(",");
    let args = ["run", "--handles", &list, "--in-flight", "2", "--json"];
    let mut first = sandbox.start(&args);
    until("the first run calls", || simulator.stat("calls") > 2);
    first.signal("TERM");
    let stopped = first.wait().expect(1).json();

    let json = sandbox.run(&args).expect(0).json();
    assert_eq!((&json["resumed"], &json["run"]), (&true.into(), &stopped["run"]), "{json:#}");
    assert_eq!((&json["counts"]["done"], &json["open"]), (&20.into(), &0.into()), "{json:#}");
    assert_eq!((simulator.stat("bought_more_than_once"), simulator.stat("subjects_distinct")), (0, 20));
}
