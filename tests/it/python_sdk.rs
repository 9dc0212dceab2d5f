//! EnsembleData's own Python SDK against the simulator: it works unchanged, only its base address is another.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use collector_sources::simulator::SimulatorConfig;
use serde_json::{Value, json};

use crate::support::{TOKEN, get, simulator};

/// The SDK, as PyPI has it.
const PACKAGE: &str = "ensembledata==0.2.11";

const CREATORS: u32 = 400;

fn ran(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(output) } else { Err(format!("{command:?} failed: {said}")) }
}

/// A Python that has the SDK, made beside what cargo builds and kept; or why there is none.
fn python() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.ancestors().nth(3).ok_or("the tests are in no target folder")?;
    let folder = target.join("python-sdk");
    let python = folder.join("bin/python");
    let has_sdk = |python: &Path| ran(Command::new(python).args(["-c", "import ensembledata.api"])).is_ok();
    if !has_sdk(&python) {
        ran(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        ran(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
    }
    Ok(python)
}

/// The Python, or nothing after a line that says why; where every server is required, so is this.
#[allow(clippy::print_stderr, reason = "who reads the tests' output is to know what was not tested")]
fn python_or_skip() -> Option<PathBuf> {
    match python() {
        Ok(python) => Some(python),
        Err(why) => {
            let required = std::env::var("COLLECTOR_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "no Python with {PACKAGE}: {why}");
            eprintln!("skipped: no Python with {PACKAGE}: {why}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_python_sdk_works_unchanged() {
    let Some(python) = python_or_skip() else { return };
    let config = SimulatorConfig { creators: CREATORS, hashtags: Some(5), ..SimulatorConfig::default() };
    let vendor = simulator(config).await;
    let truth = get(&vendor.url(), &format!("/truth?from=0&limit={CREATORS}")).await;
    let truth: Vec<Value> = truth.lines().map(|line| serde_json::from_str(line).expect("a truth")).collect();
    let hashtags = get(&vendor.url(), "/truth/hashtags").await;
    let hashtag: Value = serde_json::from_str(hashtags.lines().next().expect("a hashtag")).expect("JSON");
    let somebody =
        truth.iter().find(|row| row["known"] == true && row["videos"].as_u64() > Some(12)).expect("somebody");

    let mut script = tokio::process::Command::new(python);
    script.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("it/python/sdk.py"));
    script.args([
        format!("{}/ensembledata", vendor.url()).as_str(),
        TOKEN,
        hashtag["name"].as_str().expect("a name"),
        somebody["handle"].as_str().expect("a handle"),
    ]);
    let output = script.output().await.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("one object");

    let expected = json!({
        "status": 200,
        "handle": somebody["handle"],
        "followers": somebody["followers"],
        "uid": somebody["uid"],
        "sec_uid": somebody["sec_uid"],
    });
    assert_eq!(said["profile"], expected);
    assert_eq!(
        (&said["by_key"], &said["async"], &said["own_posts"]),
        (&somebody["handle"], &somebody["handle"], &json!([somebody["handle"]]))
    );
    let real: BTreeSet<&str> = truth.iter().filter_map(|row| row["handle"].as_str()).collect();
    let found = said["hashtag"]["handles"].as_array().expect("handles");
    assert!(
        found.len() > 20 && found.iter().all(|handle| real.contains(handle.as_str().unwrap_or(""))),
        "{said}"
    );
    assert_eq!(said["hashtag"]["posts"], hashtag["posts"]);
    assert_eq!(said["hashtag"]["units"], said["hashtag"]["pages"], "a unit for each page");
    assert_eq!(said["batch"], 10);
    for list in ["people_found", "followers", "comments"] {
        assert!(said[list].as_u64() > Some(0), "{list}: {said}");
    }
    assert!(said["used"]["tiktok"].as_u64() > Some(10), "{said}");
    assert_eq!(said["nobody"], Value::Null);
    assert_eq!(said["wrong_token"]["status"], 491);
}
