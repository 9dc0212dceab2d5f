//! Spending: what is shown before it, who has to agree, and the limits that always hold.

use std::process::Command;

use crate::harness::{Done, Sandbox, Simulator};

/// The command as a script runs it: nobody at the terminal, nobody agreed.
fn unasked(sandbox: &Sandbox, args: &[&str]) -> Done {
    let mut command: Command = sandbox.command(args);
    Done::from(command.env_remove("COLLECTOR_YES").output().unwrap())
}

#[test]
fn max_units_is_never_exceeded_however_many_calls_run_at_once() {
    let simulator = Simulator::start(&["--creators", "300", "--latency-ms", "5"]);
    let sandbox = Sandbox::with_config(&simulator);
    let tag = simulator.hashtag();
    let run = ["run", "--hashtag", &tag, "--in-flight", "32", "--json", "--max-units"];
    for most in [0, 1, 7, 20] {
        let spent = simulator.stat("units_charged");
        let json = sandbox.run(&[&run[..], &[&most.to_string()]].concat()).expect(1).json();
        let charged = simulator.stat("units_charged") - spent;
        assert!(charged <= most, "{charged} of {most}: {json:#}");
        assert!(most < 7 || charged + 2 >= most, "the limit is used: {charged} of {most}");
        assert!(json["reasons"].to_string().contains("--max-units"), "{json:#}");
        assert_eq!(json["exit"], "partial");
    }
    assert_eq!(simulator.stat("bought_more_than_once"), 0);
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["parked"].as_array().unwrap().len(), 0, "others may go on: {status:#}");
    sandbox.run(&["run", "--hashtag", &tag, "--json"]).expect(0);
}

#[test]
fn a_limit_of_creators_is_a_limit_of_profiles() {
    let simulator = Simulator::start(&["--creators", "300"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(9).join(",");
    let json = sandbox.run(&["run", "--handles", &list, "--limit", "4", "--json"]).expect(0).json();
    assert_eq!((&json["counts"]["done"], simulator.stat("calls")), (&4.into(), 4), "{json:#}");
    let run =
        ["run", "--hashtag", &simulator.hashtag(), "--limit", "3", "--store", "sqlite:other.db", "--json"];
    let done = sandbox.run(&run).expect(0);
    let counts = &done.json()["counts"];
    assert!(counts["tasks"].as_u64().unwrap() <= 5, "3 profiles and a page or two: {done:#?}");
    assert!(done.stderr.contains("--limit: 3 creators"), "{done:#?}");
}

#[test]
fn a_dry_run_tells_tasks_units_and_time_and_writes_nothing() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let list = simulator.handles(5).join(",");
    let json = unasked(&sandbox, &["run", "--handles", &list, "--dry-run", "--json"]).expect(0).json();
    let lane = &json["estimate"]["lanes"][0];
    assert_eq!(
        (&lane["kind"], &lane["tasks"], &lane["calls"]),
        (&"profile".into(), &5.into(), &5.into()),
        "{json:#}"
    );
    assert!(
        lane["cost"]["units"].as_u64().unwrap() >= 5
            && json["agree"][0].as_str().unwrap().contains("first run")
    );
    assert_eq!((sandbox.files(), simulator.stat("calls")), (vec!["collector.toml".to_owned()], 0));

    sandbox.run(&["run", "--handles", &list]).expect(0);
    let more = simulator.handles(7).join(",");
    let text = sandbox.run(&["run", "--handles", &more, "--dry-run"]).expect(0).stdout;
    for words in ["2 tasks", "5 not asked again", "at most 2 units", "time"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(simulator.stat("calls"), 5);
}

#[test]
fn a_script_is_not_left_waiting_and_nothing_is_spent_unasked() {
    let simulator = Simulator::start(&["--creators", "120"]);
    let sandbox = Sandbox::with_config(&simulator);
    let toml = std::fs::read_to_string(sandbox.path().join("collector.toml")).unwrap();
    let toml = toml.replace("[[jobs]]", "units_per_day = 250\n[[jobs]]");
    sandbox.write("collector.toml", &toml);
    let handles = simulator.handles(60);
    let one = ["run", "--handles", &handles[0]];
    let done = unasked(&sandbox, &one).refuses(2, &["first run", "--yes", "--dry-run", "1 task"]);
    assert_eq!(
        (done.stdout.as_str(), sandbox.files(), simulator.stat("calls")),
        ("", vec!["collector.toml".to_owned()], 0)
    );
    unasked(&sandbox, &[&one[..], &["--yes"]].concat()).expect(0);
    unasked(&sandbox, &["run", "--handles", &handles[1]]).expect(0);
    let many = handles[2..].join(",");
    unasked(&sandbox, &["run", "--handles", &many]).refuses(2, &["58 of the 250 units", "--yes"]);
    unasked(&sandbox, &["run", "--handles", &many, "--max-units", "4"]).expect(1);
    unasked(&sandbox, &["run", "--hashtag", &simulator.hashtag()]).refuses(2, &["leads on", "--max-units"]);
    assert!(simulator.stat("units_charged") <= 6);
}
