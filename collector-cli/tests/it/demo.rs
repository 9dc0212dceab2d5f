//! The demo: exact figures, a second time for nothing, a crash on the way, and searches that can be pasted.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::Value;

use crate::harness::{CANARY, Done, Sandbox, Simulator, get};

const CREATORS: u64 = 300;

fn demo(sandbox: &Sandbox, more: &[&str]) -> Done {
    sandbox.run(&[&["demo", "--creators", "300", "--dir", "demo", "--latency-ms", "5"], more].concat())
}

/// Everybody and everything is there, once.
#[track_caller]
fn is_exact(json: &Value) {
    let figures = [
        ("/code", 0),
        ("/creators/population", CREATORS),
        ("/creators/stored", CREATORS),
        ("/creators/searchable", CREATORS),
        ("/creators/checked", CREATORS),
        ("/creators/missing", 0),
        ("/creators/incomplete", 0),
        ("/creators/wrong", 0),
        ("/creators/duplicates", 0),
        ("/merge/mixed", 0),
        ("/images/expected", CREATORS),
        ("/images/stored", CREATORS),
        ("/images/missing", 0),
    ];
    for (path, expected) in figures {
        assert_eq!(json.pointer(path), Some(&expected.into()), "{path} {json:#}");
    }
    assert_eq!(json["exit"], "complete", "{json:#}");
    for share in ["identity_f1", "field_accuracy"] {
        assert!(json["merge"][share].as_f64().unwrap() >= 0.995, "{share} {json:#}");
    }
}

/// Of two who are shown under one handle, whoever loses it is asked for once more.
fn asked_once_more(json: &Value) -> u64 {
    2 * json["creators"]["handed_over"].as_u64().unwrap()
}

const VENDORS: [&str; 4] = ["ensembledata", "tiktok", "echotik", "web"];

/// Nobody was asked more than it takes to hear all that each vendor knows.
#[track_caller]
fn is_cheap(json: &Value) {
    for vendor in VENDORS {
        let calls = |name: &str| json["calls"][name].as_u64().unwrap_or_else(|| panic!("{name} {json:#}"));
        let (asked, least) = (calls(vendor), calls(&format!("{vendor}_least")));
        // A token, and the rules of a site.
        let most = least * 102 / 100 + 1 + asked_once_more(json);
        assert!((1..=most).contains(&asked), "{vendor}: {asked} calls, {least} at least: {json:#}");
    }
}

#[test]
fn everybody_is_found_with_pictures_and_a_second_time_costs_nothing() {
    let sandbox = Sandbox::new();
    let first = demo(&sandbox, &["--json"]).expect(0);
    assert_eq!(first.stderr, "");
    let json = first.json();
    is_exact(&json);
    is_cheap(&json);
    assert_eq!(json["again"], false, "{json:#}");
    assert!(json["bought_twice"].as_u64().unwrap() <= asked_once_more(&json), "{json:#}");
    assert!(json["images"]["downloaded"].as_u64().unwrap() >= CREATORS, "{json:#}");
    assert!(json["first_record_s"].as_f64().unwrap() > 0.0, "{json:#}");
    #[cfg(target_os = "linux")]
    assert!(json["peak_rss_mb"].as_f64().unwrap() > 1.0, "{json:#}");
    assert_eq!(json.get("crash"), None);
    let again = demo(&sandbox, &["--json"]).expect(0).json();
    is_exact(&again);
    let spent = (&again["calls"]["total"], &again["units"], &again["images"]["downloaded"], &again["fresh"]);
    assert_eq!(spent, (&0.into(), &0.into(), &0.into(), &CREATORS.into()), "{again:#}");
    assert_eq!(again["again"], true);

    let text = demo(&sandbox, &[]).expect(0);
    assert!(text.stdout.contains("300 creators are here") && text.stdout.contains("try next"), "{text:#?}");
    assert_eq!(text.stderr, "");
}

#[test]
fn what_it_proposes_finds_what_it_says() {
    let sandbox = Sandbox::new();
    let json = demo(&sandbox, &["--json"]).expect(0).json();
    let searches = json["searches"].as_array().unwrap();
    let queries: Vec<&str> = searches.iter().map(|search| search["query"].as_str().unwrap()).collect();
    assert!(queries.iter().any(|query| query.contains("country:") && query.contains("followers:")));
    assert!(queries.iter().any(|query| query.starts_with("who:") && query.ends_with('*')), "{queries:?}");
    assert!(queries.iter().any(|query| query.starts_with('#')), "{queries:?}");
    assert!(queries.iter().any(|query| query.chars().all(|c| matches!(c, '가'..='힣'))), "{queries:?}");
    for (query, search) in queries.iter().zip(searches) {
        let found = sandbox.run(&["search", query, "--json", "--config", "demo/collector.toml"]).expect(0);
        let summary: Value = serde_json::from_str(found.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(summary["total"], search["found"], "{query}");
        assert!(search["found"].as_u64().unwrap() > 0);
        let command = search["command"].as_str().unwrap();
        assert!(
            command.starts_with("collector search ") && command.ends_with("--config demo/collector.toml")
        );
    }
    let handle = format!("@{}", json["example"].as_str().unwrap());
    sandbox.run(&["show", &handle, "--explain", "--config", "demo/collector.toml"]).expect(0);
    sandbox.run(&["status", "--config", "demo/collector.toml"]).expect(0);
}

#[test]
fn a_crash_on_the_way_loses_and_doubles_nothing() {
    let sandbox = Sandbox::new();
    let json = demo(&sandbox, &["--crash", "--json"]).expect(0).json();
    is_exact(&json);
    let crash = |name: &str| json["crash"][name].as_u64().unwrap();
    assert_eq!(crash("kills"), 1, "{json:#}");
    assert!(crash("taken_over") > 0, "the next process took over what the killed one held: {json:#}");
    assert!(crash("bought_again") <= crash("taken_over") + asked_once_more(&json), "{json:#}");
    assert_eq!(json["run"]["resumed"], true, "{json:#}");

    // The log has each version of each creator once, and no torn line.
    let mut seen = std::collections::BTreeSet::new();
    for line in sandbox.lines("demo/creators.jsonl") {
        assert!(seen.insert((line["key"].as_u64(), line["version"].as_u64())), "twice: {line}");
    }

    let again = demo(&sandbox, &["--crash"]).expect(0);
    assert!(again.stdout.contains("killed  0 times"), "nothing is left to be killed at: {again:#?}");
}

#[test]
fn a_crash_is_told_on_screen() {
    let sandbox = Sandbox::new();
    let done = demo(&sandbox, &["--crash"]).expect(0);
    assert!(done.stderr.contains("killed the collecting process"), "{done:#?}");
    assert!(done.stderr.contains("took over"), "{done:#?}");
    assert!(done.stdout.contains("bought again") && done.stdout.contains("0 missing, 0 twice"), "{done:#?}");
}

#[test]
fn the_port_is_kept_and_a_taken_one_breaks_nothing() {
    let sandbox = Sandbox::new();
    demo(&sandbox, &[]).expect(0);
    let marker = sandbox.lines("demo/collector-demo.json").remove(0);
    let port = u16::try_from(marker["port"].as_u64().unwrap()).unwrap();
    let config = std::fs::read_to_string(sandbox.path().join("demo/collector.toml")).unwrap();
    assert!(config.contains(&format!("127.0.0.1:{port}")), "{config}");
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let done = demo(&sandbox, &["--json"]).expect(0);
    assert!(done.stderr.contains(&format!("port {port} is taken")), "{done:#?}");
    is_exact(&done.json());
    assert_eq!(done.json()["images"]["downloaded"], 0);
    assert_eq!(sandbox.lines("demo/collector-demo.json")[0]["port"], port);
}

#[test]
fn links_that_lead_to_another_port_bring_no_picture_twice() {
    let sandbox = Sandbox::new();
    demo(&sandbox, &[]).expect(0);
    demo(&sandbox, &[]).expect(0);
    sandbox.write("demo/token", CANARY);
    let marker = sandbox.lines("demo/collector-demo.json").remove(0);
    let config = std::fs::read_to_string(sandbox.path().join("demo/collector.toml")).unwrap();
    let at = |simulator: &Simulator| {
        let address = simulator.url().strip_prefix("http://").unwrap().to_owned();
        let moved = config.replace(&format!("127.0.0.1:{}", marker["port"]), &address);
        assert_ne!(moved, config);
        sandbox.write("demo/collector.toml", &moved);
        let run = ["run", "demo-again", "--fresh-for", "0s", "--config", "demo/collector.toml", "--json"];
        let json = sandbox.run(&run).expect(0).json();
        // The vendor does not know all whom it lists.
        let count = |name: &str| json["counts"][name].as_u64().unwrap();
        assert_eq!(
            (count("done") + count("absent"), simulator.stat("calls")),
            (CREATORS, CREATORS),
            "{json:#}"
        );
        let stats: Value = serde_json::from_str(&get(simulator.url(), "/stats").unwrap()).unwrap();
        stats["pictures"]["calls"].as_u64().unwrap()
    };
    // A picture that another vendor's link brought has a link of this one's now, which nobody followed before.
    let first = Simulator::start(&["--creators", "300", "--effects"]);
    assert!(at(&first) < CREATORS / 5);
    let second = Simulator::start(&["--creators", "300", "--effects"]);
    assert_eq!(at(&second), 0);
}

#[cfg(unix)]
#[test]
fn a_demo_that_was_stopped_goes_on() {
    let sandbox = Sandbox::new();
    let slow =
        ["demo", "--creators", "300", "--dir", "demo", "--latency-ms", "300", "--in-flight", "2", "--json"];
    let mut running = sandbox.start(&slow);
    let log = sandbox.path().join("demo/creators.jsonl");
    crate::harness::until("the first record", || std::fs::metadata(&log).is_ok_and(|found| found.len() > 0));
    running.signal("INT");
    let stopped = running.wait().expect(1).json();
    assert_eq!(
        (&stopped["exit"], &stopped["run"]["end"]),
        (&"partial".into(), &"stopped".into()),
        "{stopped:#}"
    );
    let done = demo(&sandbox, &["--json"]).expect(0).json();
    is_exact(&done);
    assert_eq!(done["run"]["resumed"], true, "{done:#}");
    assert!(done["bought_twice"].as_u64().unwrap() <= asked_once_more(&done), "{done:#}");
}

#[test]
fn the_demo_refuses_a_folder_of_somebody_else() {
    let sandbox = Sandbox::new();
    sandbox.write("thesis.txt", "x");
    sandbox.run(&["demo", "--dir", "."]).refuses(2, &["not empty", "--dir"]);
    sandbox.run(&["demo", "--dir", "thesis.txt"]).refuses(2, &["thesis.txt"]);
    assert_eq!(sandbox.files(), ["thesis.txt"]);
}

#[test]
fn only_vendors_can_be_dead() {
    Sandbox::new().run(&["demo", "--dead", "nobody"]).refuses(2, &["nobody", "echotik"]);
}

#[test]
fn a_demo_with_a_dead_vendor_ends_by_itself_with_what_the_others_know() {
    let sandbox = Sandbox::new();
    let json = demo(&sandbox, &["--json", "--dead", "ensembledata"]).expect(1).json();
    assert_eq!(json["exit"], "partial", "{json:#}");
    let reasons = json["reasons"].as_array().unwrap();
    let says = |words: &str| reasons.iter().any(|reason| reason.as_str().unwrap().contains(words));
    assert!(says("ensembledata answers nothing") && says("not answered yet"), "{json:#}");
    let stored = json["creators"]["stored"].as_u64().unwrap();
    assert!(stored > CREATORS * 9 / 10 && json["creators"]["searchable"] == stored, "{json:#}");
    assert_eq!((&json["merge"]["mixed"], &json["bought_twice"]), (&0.into(), &0.into()), "{json:#}");
}
