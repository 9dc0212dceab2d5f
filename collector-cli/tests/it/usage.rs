//! What is refused: with exit code 2, in words, and with nothing written.

use std::process::Stdio;

use crate::harness::{CANARY, Sandbox, config, example};

#[test]
fn without_a_command_it_tells_how_it_is_used() {
    let sandbox = Sandbox::new();
    let done = sandbox.run(&[]).refuses(2, &["Usage: collector", "demo", "run"]);
    assert_eq!(done.stdout, "");
}

#[test]
fn help_and_version_are_data() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]).expect(0);
    assert!(help.stdout.contains("Exit codes: 0 complete, 1 partial") && help.stderr.is_empty(), "{help:?}");
    for command in [
        "run",
        "check",
        "show",
        "status",
        "import",
        "export",
        "dead",
        "init",
        "completions",
        "demo",
        "simulate",
        "config",
    ] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command}");
        let help = sandbox.run(&[command, "--help"]).expect(0);
        assert!(help.stdout.contains("--json"), "{help:?}");
    }
    assert!(sandbox.run(&["--version"]).expect(0).stdout.starts_with("collector "));
}

#[test]
fn what_was_mistyped_is_named_with_the_nearest() {
    let sandbox = Sandbox::new();
    sandbox.run(&["stauts"]).refuses(2, &["stauts", "similar", "status"]);
    sandbox.run(&["run", "--hashtga", "x"]).refuses(2, &["--hashtga", "--hashtag"]);
    sandbox.run(&["run"]).refuses(2, &["required"]);
    sandbox.run(&["run", "job", "--handles", "a"]).refuses(2, &["--handles"]);
    sandbox.run(&["run", "--handles", "a/b"]).refuses(2, &["--handles", "a/b", "no handle"]);
    sandbox.run(&["run", "--hashtag", "x", "--fresh-for", "7"]).refuses(2, &["--fresh-for", "\"7d\""]);
    sandbox.run(&["run", "--hashtag", "x", "--in-flight", "0"]).refuses(2, &["--in-flight"]);
    sandbox.run(&["demo", "--creators", "0"]).refuses(2, &["--creators"]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_missing_configuration_is_named_and_the_demo_offered() {
    let sandbox = Sandbox::new();
    sandbox.run(&["run", "people"]).refuses(2, &["collector.toml", "--config", "collector demo"]);
    sandbox.run(&["check", "--config", "x.toml"]).refuses(2, &["x.toml"]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_refused_configuration_names_every_fault_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "collector.toml",
        "[store]\nurl = \"sqllite:c.db\"\n[sources.ensembledata]\ntoken = { env = \"NOWHERE\" }\nunits_per_dya = 3\n",
    );
    let words = [
        "3 faults",
        "collector.toml:2: store.url: unknown store `sqllite`; did you mean `sqlite`?",
        "collector.toml:4: sources.ensembledata.token: the environment variable `NOWHERE` is not set",
        "collector.toml:5: sources.ensembledata.units_per_dya: unknown key `units_per_dya`; did you mean `units_per_day`?",
    ];
    for args in [&["check"][..], &["run", "people"], &["run", "--hashtag", "x"]] {
        let done = sandbox.run(args).refuses(2, &words);
        assert_eq!(done.stdout, "");
    }
    assert_eq!(sandbox.files(), ["collector.toml"]);
}

#[test]
fn what_only_the_adapter_knows_is_refused_before_anything_is_written() {
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", "[sources.ensembledata]\ntoken = { env = \"SHORT\" }\n");
    let run = |args: &[&str]| {
        let output = sandbox.command(args).env("SHORT", "tooshort").output().unwrap();
        crate::harness::Done::from(output)
    };
    let done = run(&["run", "--hashtag", "x"]).refuses(2, &["token", "ensembledata"]);
    assert!(!done.stderr.contains("tooshort"), "{done:?}");
    run(&["run", "--hashtag", "x", "--source", "ensembeldata"]).refuses(2, &["did you mean `ensembledata`?"]);
    assert_eq!(sandbox.files(), ["collector.toml"]);
}

#[test]
fn an_unknown_job_is_named_with_the_nearest() {
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", &config("http://127.0.0.1:9"));
    sandbox.run(&["run", "poeple"]).refuses(2, &["unknown job `poeple`; did you mean `people`?"]);
    sandbox
        .run(&["run", "people", "--store", "postgres://h/db"])
        .refuses(2, &["--store", "unknown store `postgres`"]);
    sandbox.run(&["run", "people", "--json", "--jsonl", "-"]).refuses(2, &["--json", "--jsonl"]);
    assert_eq!(sandbox.files(), ["collector.toml"]);
}

#[test]
fn a_list_of_handles_names_its_bad_line() {
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", &config("http://127.0.0.1:9"));
    sandbox.write("handles.txt", "@fine\nnot/fine\n");
    sandbox.write("empty.txt", "# nobody\n");
    sandbox
        .run(&["run", "--file", "handles.txt"])
        .refuses(2, &["handles.txt", "row 2", "not/fine", "collector import"]);
    sandbox.run(&["run", "--file", "empty.txt"]).refuses(2, &["nothing to collect"]);
    sandbox.run(&["run", "--file", "gone.txt"]).refuses(2, &["gone.txt"]);
    assert_eq!(sandbox.files(), ["collector.toml", "empty.txt", "handles.txt"]);
}

#[test]
fn reading_commands_need_a_store_and_make_none() {
    let sandbox = Sandbox::new();
    for args in [&["status", "--store", "sqlite:gone.db"][..], &["show", "@a", "--store", "sqlite:gone.db"]] {
        sandbox.run(args).refuses(2, &["gone.db", "no store yet"]);
    }
    sandbox.run(&["show", "a b", "--store", "sqlite:gone.db"]).refuses(2, &["a b"]);
    sandbox.run(&["status", "--store", "memory:"]).refuses(2, &["memory"]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_failure_with_json_is_one_object_on_standard_output() {
    let sandbox = Sandbox::new();
    let done = sandbox.run(&["status", "--store", "sqlite:gone.db", "--json"]).expect(2);
    let json = done.json();
    assert_eq!((json["exit"].as_str(), json["code"].as_u64()), (Some("usage"), Some(2)));
    assert!(json["error"]["message"].as_str().unwrap().contains("gone.db"));
    assert!(json["error"]["advice"].is_string());
}

#[test]
fn no_secret_is_ever_printed() {
    let sandbox = Sandbox::new();
    // Nobody listens there: every part of the command has a reason to complain.
    sandbox.write("collector.toml", &config("http://127.0.0.1:9"));
    sandbox.write("literal.toml", &format!("[sources.ensembledata]\ntoken = \"{CANARY}\"\n"));
    sandbox.write("broken.toml", &format!("[sources.ensembledata]\ntoken = \"{CANARY}\n"));
    let commands: &[&[&str]] = &[
        &["config", "show"],
        &["config", "show", "--json"],
        &["check", "-vvv"],
        &["check", "-vvv", "--json", "--log-format", "json"],
        &["check", "--config", "literal.toml"],
        &["check", "--config", "broken.toml"],
        &["run", "poeple"],
    ];
    for args in commands {
        let done = sandbox.run(args);
        assert!(!done.stdout.contains(CANARY) && !done.stderr.contains(CANARY), "{args:?} {done:#?}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", &config("http://127.0.0.1:9"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = sandbox.command(&["config", "show"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let done = crate::harness::Done::from(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(done.stderr, "");
}

#[test]
fn the_example_configuration_is_understood() {
    let sandbox = Sandbox::new();
    let path = example("laptop.toml");
    let done = sandbox.run(&["config", "show", "--json", "--config", path.to_str().unwrap()]).expect(0);
    let json = done.json();
    assert_eq!(json["jobs"][0]["name"], "k-beauty");
    assert_eq!(json["sources"]["ensembledata"]["units_per_day"], 1_500);
    // What the file calls defaults are the defaults.
    sandbox.write("plain.toml", "[sources.ensembledata]\ntoken = { env = \"TOKEN\" }\n");
    let plain = sandbox.run(&["config", "show", "--json", "--config", "plain.toml"]).expect(0).json();
    assert_eq!(json["run"], plain["run"]);
}
