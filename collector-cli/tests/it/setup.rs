//! Beginning: a configuration, its values' origins, completions.

use crate::harness::{CANARY, Done, Sandbox};

#[test]
fn init_writes_a_configuration_that_is_understood_and_never_replaces_one() {
    let sandbox = Sandbox::new();
    let unasked =
        |args: &[&str]| Done::from(sandbox.command(args).env_remove("COLLECTOR_YES").output().unwrap());
    unasked(&["init"]).refuses(2, &["--yes"]);
    assert!(sandbox.files().is_empty());
    let json = unasked(&["init", "--yes", "--json"]).expect(0).json();
    assert_eq!(json["config"], "collector.toml");
    assert_eq!(sandbox.files(), ["collector.schema.json", "collector.toml"]);
    let token =
        |args: &[&str]| Done::from(sandbox.command(args).env("ENSEMBLEDATA_TOKEN", CANARY).output().unwrap());
    let plan = token(&["run", "first", "--dry-run"]).expect(0).stdout;
    assert!(plan.contains("ensembledata/hashtag") && plan.contains("lead to"), "{plan}");
    sandbox.write("collector.toml", "mine");
    sandbox.run(&["init", "--yes"]).refuses(2, &["collector.toml", "already"]);
    assert_eq!(std::fs::read_to_string(sandbox.path().join("collector.toml")).unwrap(), "mine");
}

#[test]
fn every_value_of_a_configuration_has_an_origin() {
    let sandbox = Sandbox::new();
    sandbox.run(&["init", "--yes"]).expect(0);
    let text = sandbox.run(&["config", "show"]).expect(0).stdout;
    for (key, origin) in [
        ("store.url ", "collector.toml:"),
        ("run.retry.cap ", "collector.toml:"),
        ("sources.ensembledata.token ", "collector.toml:"),
        ("sources.ensembledata.account ", "default"),
        ("jobs[0].discover ", "default"),
    ] {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {text}"));
        assert!(line.contains(&format!("# {origin}")), "{line}");
    }
}

#[test]
fn completions_name_the_commands_of_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("import") && script.contains("--max-units") || shell == "fish", "{shell}");
        assert!(script.contains("replay"), "{shell}");
    }
    sandbox.run(&["completions", "tcsh"]).refuses(2, &["tcsh", "bash"]);
}
