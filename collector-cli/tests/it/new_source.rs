//! `collector sources new`: what it writes is a crate that builds, passes its own suite and runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{CANARY, Sandbox};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Runs cargo in the new crate: nothing is downloaded, and what this workspace has built is not built again.
fn cargo(folder: &Path, args: &[&str]) -> Command {
    let target = Path::new(env!("CARGO_BIN_EXE_collector")).ancestors().nth(2).unwrap();
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.current_dir(folder).args(args).args(["--offline", "--target-dir"]).arg(target);
    command.args(["--config", "profile.dev.debug='line-tables-only'"]);
    command.args(["--config", "profile.dev.package.'*'.debug=false"]);
    command.env("ACME_PEOPLE_TOKEN", CANARY).env("COLLECTOR_YES", "1");
    command
}

/// What it said, if it ended well.
fn ran(mut command: Command) -> String {
    let output = command.output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{complained}");
    said.into_owned()
}

#[test]
fn a_new_source_builds_passes_the_hostile_suite_and_runs() {
    let sandbox = Sandbox::new();
    let workspace = workspace();
    let checkout = workspace.to_str().unwrap();
    let done = sandbox.run(&["sources", "new", "acme-people", "--collector", checkout, "--json"]).expect(0);
    assert_eq!(done.json()["dir"], "acme-people");
    let folder = sandbox.path().join("acme-people");
    let main = std::fs::read_to_string(folder.join("src/main.rs")).unwrap();
    assert_eq!(main.lines().count(), 5, "{main}");
    // The versions this workspace was built with; without them cargo would look for newer ones.
    std::fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();

    let tests = ran(cargo(&folder, &["test"]));
    assert!(tests.contains("test result: ok. 21 passed"), "{tests}");
    let page = ran({
        let mut command = cargo(&folder, &["run", "--quiet"]);
        let fixture = ["--from", "fixtures/page-1.json", "--json"];
        command.args(["--", "try", "acme-people", "--kind", "search", "--key", "tea"]).args(fixture);
        command
    });
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!((&page["items"], &page["outcome"]), (&3.into(), &"done".into()), "{page}");
    assert!(
        page["trace"]["fields"].as_array().unwrap().iter().any(|field| field["value"] == "ana.example"),
        "{page}"
    );
    let listed = ran({
        let mut command = cargo(&folder, &["run", "--quiet"]);
        command.args(["--", "sources", "list", "--json"]);
        command
    });
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["instances"][0]["type"], "acme-people");
}

#[test]
fn a_new_source_replaces_nothing_and_needs_a_good_name() {
    let sandbox = Sandbox::new();
    let workspace = workspace();
    let new = |args: &[&str]| {
        let checkout = workspace.to_str().unwrap();
        sandbox.run(&[["sources", "new", "--collector", checkout].as_slice(), args].concat())
    };
    new(&["Acme"]).refuses(2, &["\"Acme\"", "small letters"]);
    new(&["ensembledata"]).refuses(2, &["ensembledata", "already"]);
    std::fs::create_dir(sandbox.path().join("mine")).unwrap();
    sandbox.write("mine/notes.txt", "mine");
    new(&["acme", "--dir", "mine"]).refuses(2, &["mine", "already", "--dir"]);
    sandbox.run(&["sources", "new", "acme"]).refuses(2, &["sources", "--collector DIR"]);
    sandbox
        .run(&["sources", "new", "acme", "--collector", "mine"])
        .refuses(2, &["in mine", "--collector DIR"]);
    assert_eq!(sandbox.files(), ["mine"]);
    new(&["acme", "--dir", "deep/er"]).expect(0);
    assert!(sandbox.path().join("deep/er/src/main.rs").is_file());
}
