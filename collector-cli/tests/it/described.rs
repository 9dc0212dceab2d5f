//! Sources that a file describes, through the command.

use crate::harness::{Sandbox, Simulator};

const ROSTER: &str = include_str!("../../../examples/configs/sources/roster.toml");

/// A configuration whose only source is described by this text, and asked at this address.
fn described(text: &str, url: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "collector.toml",
        &format!(
            "[store]\nurl = \"sqlite:collector.db\"\n[jsonl]\npath = \"creators.jsonl\"\n[sources.roster]\ntype = \"http\"\n\
             file = \"roster.toml\"\nbase_url = \"{url}\"\n[[jobs]]\nname = \"everybody\"\n\
             query = {{ extra = {{ everybody = true }} }}\n"
        ),
    );
    sandbox.write("roster.toml", text);
    sandbox
}

#[test]
fn a_list_is_collected_by_a_file_and_every_page_is_asked_for_once() {
    let simulator = Simulator::start(&["--creators", "730"]);
    let sandbox = described(ROSTER, simulator.url());
    sandbox.run(&["run", "everybody", "--json"]).expect(0);
    assert_eq!(sandbox.lines("creators.jsonl").len(), 730);
    let report = sandbox.run(&["check", "--json"]).expect(0).json();
    assert_eq!(report["exit"], "complete");
}

#[test]
fn a_path_that_matches_nothing_is_reported_with_what_it_was_tried_on() {
    let simulator = Simulator::start(&["--creators", "30"]);
    let sandbox = described(&ROSTER.replace("\"$.followers\"", "\"$.fans\""), simulator.url());
    let tried = sandbox.run(&["try", "roster", "--kind", "page", "--key", "everybody", "--json"]).expect(0);
    let report = tried.json();
    let lost: Vec<_> =
        report["unmatched"].as_array().unwrap().iter().filter_map(|lost| lost.as_str()).collect();
    let followers = "calls.page.fields.followers: `$.fans` matches nothing in any of 30 items, such as {";
    assert!(lost.iter().any(|lost| lost.starts_with(followers)), "{lost:?}");
    assert_eq!(report["items"], 30);
    let text = sandbox.run(&["try", "roster", "--kind", "page", "--key", "everybody"]).expect(0);
    assert!(text.stdout.contains("`$.fans` matches nothing"), "{}", text.stdout);
}

#[test]
fn a_file_is_tried_on_its_own_answers_by_its_path_or_by_the_sources_name() {
    let sandbox = described(ROSTER, "http://127.0.0.1:9");
    for name in ["roster.toml", "roster"] {
        let report = sandbox.run(&["sources", "test", name, "--json"]).expect(0).json();
        assert_eq!(
            (&report["exit"], &report["examples"][0]["faults"]),
            (&"complete".into(), &serde_json::json!([]))
        );
        assert!(report["spoilt"]["answers"].as_u64().unwrap() > 500);
    }
    let spoilt = ROSTER.replace("followers = 1200, verified", "followers = 7, verified");
    sandbox.write("roster.toml", &spoilt);
    let done = sandbox.run(&["sources", "test", "roster.toml"]).expect(1);
    assert!(done.stdout.contains("creators[0].followers: expected 7, found 1200"), "{}", done.stdout);
    let done = sandbox.run(&["sources", "test", "rooster"]).expect(2);
    assert!(done.stderr.contains("did you mean `roster`?"), "{}", done.stderr);
}

#[test]
fn a_fault_of_a_file_names_file_line_key_and_the_nearest_known() {
    let sandbox = described(&ROSTER.replace("followers = \"$", "folowers = \"$"), "http://127.0.0.1:9");
    for args in [["check"].as_slice(), &["run", "everybody"], &["sources", "test", "roster.toml"]] {
        let done = sandbox.run(args).expect(2);
        let told =
            "roster.toml:19: calls.page.fields.folowers: unknown field `folowers`; did you mean `followers`?";
        assert!(done.stderr.contains(told), "{args:?}: {}", done.stderr);
    }
}
