//! Searching what was collected.

use serde_json::Value;

use crate::harness::{Done, Sandbox, Simulator, config};

pub(crate) fn with_index(simulator: &Simulator) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "collector.toml",
        &format!("[search]\nurl = \"tantivy:found/here\"\n{}", config(simulator.url())),
    );
    sandbox
}

/// The lines of creators, and the last line.
pub(crate) fn lines(done: &Done) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap();
    (lines, summary)
}

#[test]
fn what_was_collected_is_found() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = with_index(&simulator);
    let handles = simulator.handles(30);
    let run = ["run", "--handles", &handles.join(","), "--json"];
    let json = sandbox.run(&run).expect(0).json();
    assert_eq!(json["sinks"]["search"]["stored"], 30, "{json:#}");

    let everybody = sandbox.run(&["search", "--json", "--limit", "100", "--facet", "country"]).expect(0);
    let (creators, summary) = lines(&everybody);
    assert_eq!((creators.len(), &summary["total"], summary.get("next")), (30, &30.into(), None));
    assert_eq!(summary["facets"][0]["field"], "country");
    let followers: Vec<_> = creators.iter().map(|hit| hit["creator"]["followers"].as_u64()).collect();
    assert!(followers.is_sorted_by(|a, b| a >= b), "{followers:?}");

    let one = sandbox.run(&["search", &format!("@{}", handles[0]), "--json"]).expect(0);
    assert_eq!(lines(&one).0[0]["creator"]["handle"], handles[0]);
    let table = sandbox.run(&["search", "--limit", "2"]).expect(0).stdout;
    assert!(
        table.starts_with("handle") && table.contains("30 creators found, 2 shown; more: --after "),
        "{table}"
    );
}

#[test]
fn pages_follow_each_other_and_options_say_what_the_text_says() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = with_index(&simulator);
    sandbox.run(&["run", "--handles", &simulator.handles(25).join(",")]).expect(0);
    let keys = |args: &[&str]| {
        let done = sandbox.run(&[&["search", "--json"], args].concat()).expect(0);
        let (creators, summary) = lines(&done);
        let keys: Vec<u64> = creators.iter().map(|hit| hit["key"].as_u64().unwrap()).collect();
        (keys, summary["next"].as_str().map(str::to_owned))
    };
    let (whole, _) = keys(&["--limit", "100", "sort:followers:asc"]);
    let (mut paged, mut next) = keys(&["--limit", "10", "--sort", "followers:asc"]);
    while let Some(after) = next {
        let page = keys(&["--limit", "10", "--after", &after, "--sort", "followers:asc"]);
        paged.extend(page.0);
        next = page.1;
    }
    assert_eq!((paged.len(), &paged), (25, &whole));
    let typed = keys(&["followers:1k.. -country:us has:bio"]);
    assert_eq!(keys(&["--followers", "1k..", "--has", "bio", "--", "-country:us"]), typed);
}

#[test]
fn a_wrong_query_is_pointed_at() {
    let sandbox = Sandbox::new();
    let wrong = |args: &[&str], words: &[&str]| {
        sandbox.run(&[&["search", "--index", "tantivy:none"], args].concat()).refuses(2, words);
    };
    wrong(
        &["뷰티 folowers:10k"],
        &["character 4", "`folowers`; did you mean `followers`?", "\n       ^^^^^^^^\n"],
    );
    wrong(&["--followers", "1..x"], &["--followers: expected a number", "1..x\n  ^^^^"]);
    wrong(&["--facet", "contry"], &["did you mean `country`?"]);
    wrong(&["--after", "zzz"], &["this is no cursor"]);
    wrong(&["mina"], &["there is no search index yet", "none"]);
    wrong(&["--index", "tantiwy:x"], &["--index"]);
    sandbox.write("collector.toml", &config("http://localhost:1"));
    sandbox.run(&["search", "mina"]).refuses(2, &["has no search index", "[search]"]);
    assert_eq!(sandbox.files(), ["collector.toml"]);
}
