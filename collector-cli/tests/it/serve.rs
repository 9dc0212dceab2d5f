//! `collector serve` and `collector schedules`: what is refused before anything is written.

use crate::harness::{Sandbox, Simulator, config};

/// A configuration with these lines in its job.
fn with(lines: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = config("http://127.0.0.1:9");
    let text = format!("{}{lines}\n", text.replace("[jsonl]\n", "[store]\nurl = \"sqlite:c.db\"\n[jsonl]\n"));
    sandbox.write("collector.toml", &text);
    sandbox
}

fn refused(lines: &str, words: &[&str]) {
    let sandbox = with(lines);
    sandbox.run(&["serve"]).refuses(2, words);
    assert_eq!(sandbox.files(), ["collector.toml"], "nothing was written for {lines}");
}

#[test]
fn an_impossible_cron_line_is_refused_with_its_place_and_an_example() {
    refused(
        "schedule = \"0 25 * * *\"",
        &["collector.toml:11", "jobs[0].schedule", "hour, column 3", "at most 23", "for example `0 3 * * *`"],
    );
    refused("schedule = \"0 3 * *\"", &["the day of the week is missing", "MON-FRI"]);
    refused("schedule = \"0 3 30 2 *\"", &["jobs[0].schedule", "never come due", "for example"]);
}

#[test]
fn an_unknown_zone_is_refused_with_the_nearest() {
    refused(
        "schedule = \"0 3 * * *\"\ntimezone = \"Asia/Soul\"",
        &[
            "collector.toml:12",
            "jobs[0].timezone",
            "unknown time zone `Asia/Soul`",
            "did you mean `Asia/Seoul`?",
        ],
    );
    // Both are told at once.
    refused(
        "schedule = \"0 24 * * *\"\ntimezone = \"Mars\"",
        &["jobs[0].schedule", "jobs[0].timezone", "2 faults"],
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    refused("schedule = \"0 3 * * *\"\nevery = \"6h\"", &["jobs[0].every", "not both"]);
    refused("every = \"6h\"\ntimezone = \"UTC\"", &["jobs[0].timezone", "no time zone"]);
    refused("every = \"10ms\"", &["jobs[0].every", "from 1 second"]);
    refused("overlap = \"queue\"", &["jobs[0].overlap", "every = \"6h\""]);
    refused("every = \"6h\"\noverlap = \"queu\"", &["jobs[0].overlap", "did you mean `queue`?"]);
    refused("every = \"6h\"\ncatch_up = \"all\"", &["jobs[0].catch_up", "known: none, latest"]);
    refused("every = \"6h\"\njitter = \"2d\"", &["jobs[0].jitter", "at most 24h"]);
}

#[test]
fn a_job_without_a_source_is_refused() {
    refused(
        "every = \"6h\"\nenrich = [\"ensembledata\"]",
        &["jobs[0].enrich", "no source is left", "discover"],
    );
    refused("every = \"6h\"\ndiscover = []", &["jobs[0].discover", "the list is empty"]);
    let sandbox = Sandbox::new();
    sandbox.write(
        "collector.toml",
        "[[jobs]]\nname = \"a\"\nquery = { hashtags = [\"tea\"] }\nevery = \"6h\"\n",
    );
    sandbox.run(&["serve"]).refuses(2, &["no source is configured"]);
}

#[test]
fn serving_nothing_is_refused() {
    refused("", &["no job has a schedule", "schedule = \"0 3 * * *\""]);
    let sandbox = with("every = \"6h\"");
    sandbox.run(&["serve", "--roles", "admin"]).refuses(2, &["--roles", "serves nothing"]);
    sandbox.run(&["serve", "--roles", "wroker"]).refuses(2, &["wroker", "worker"]);
    sandbox.run(&["serve", "--drain", "5"]).refuses(2, &["--drain", "a duration such as"]);
    assert_eq!(sandbox.files(), ["collector.toml"]);
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sandbox = with("every = \"6h\"");
    sandbox.run(&["serve", "--admin", &address]).refuses(2, &["--admin", &address, "127.0.0.1:0"]);
    assert_eq!(sandbox.files(), ["collector.toml"]);
}

#[cfg(unix)]
#[test]
fn a_schedule_is_paused_and_resumed_by_name() {
    let simulator = Simulator::start(&[]);
    let sandbox = Sandbox::with_config(&simulator);
    let text = config(simulator.url());
    let text = format!("[store]\nurl = \"sqlite:c.db\"\n{text}every = \"300d\"\n");
    sandbox.write("collector.toml", &text);
    let mut serving = sandbox.start(&["serve", "--admin", "127.0.0.1:0"]);
    serving.await_stderr("people: every");
    serving.signal("TERM");
    serving.wait().expect(0);

    sandbox.run(&["schedules", "pause", "peple"]).refuses(2, &["did you mean `people`?"]);
    let paused = sandbox.run(&["schedules", "pause", "people", "--json"]).expect(0).json();
    assert_eq!((&paused["paused"], &paused["changed"]), (&true.into(), &true.into()));
    let again = sandbox.run(&["schedules", "pause", "people"]).expect(0);
    assert!(again.stdout.contains("already paused"), "{again:?}");
    let shown = sandbox.run(&["schedules"]).expect(0);
    assert!(shown.stdout.contains("people: paused since"), "{shown:?}");
    sandbox.run(&["schedules", "resume", "people"]).expect(0);
    let shown = sandbox.run(&["schedules", "--json"]).expect(0).json();
    assert_eq!(shown["schedules"][0]["name"], "people", "{shown}");
    assert!(shown["schedules"][0]["paused"][0]["to"].is_string(), "{shown}");
}
