//! The real binary with several accounts, with units that run out, and with answers that come broken.

use std::path::Path;
use std::process::Stdio;

use collector_sources::simulator::{Running, SimulatorConfig};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TOKEN, built, change_log, handles, post, simulator, stats};

const CREATORS: u32 = 300;

struct World {
    vendor: Running,
    folder: TempDir,
}

impl World {
    /// A vendor, and a configuration whose source has these keys besides its address.
    async fn new(config: SimulatorConfig, keys: &str) -> Self {
        let vendor = simulator(SimulatorConfig { creators: CREATORS, ..config }).await;
        let folder = TempDir::new().expect("a folder");
        let handles = handles(&vendor.url(), CREATORS).await;
        std::fs::write(folder.path().join("handles.txt"), handles.join("\n")).expect("the list is written");
        let text = format!(
            "[store]\nurl = \"sqlite:c.db\"\n[jsonl]\npath = \"log.jsonl\"\n[sources.ensembledata]\n\
             base_url = \"{}/ensembledata\"\nin_flight = 16\n{keys}",
            vendor.url()
        );
        std::fs::write(folder.path().join("collector.toml"), text).expect("the configuration is written");
        Self { vendor, folder }
    }

    /// Runs a command to its end; gives its exit code and what it printed.
    async fn say(&self, command: &[&str]) -> (Option<i32>, Value, String) {
        let output = tokio::process::Command::new(built("collector"))
            .args(command)
            .args(["--config", "collector.toml", "--json"])
            .current_dir(self.folder.path())
            .env("GOOD_TOKEN", TOKEN)
            .env("BAD_TOKEN", "revoked-token-00")
            .env("COLLECTOR_YES", "1")
            .stdin(Stdio::null())
            .output()
            .await
            .expect("the program runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code(), printed, stderr)
    }

    async fn run(&self) -> (Option<i32>, Value, String) {
        self.say(&["run", "--file", "handles.txt"]).await
    }

    fn log(&self) -> std::path::PathBuf {
        Path::new(self.folder.path()).join("log.jsonl")
    }

    async fn calls(&self) -> u64 {
        stats(&self.vendor.url()).await["calls"].as_u64().unwrap_or(0)
    }
}

#[tokio::test]
async fn an_account_that_is_refused_leaves_its_share_to_the_others() {
    let keys = "[sources.ensembledata.accounts.bad]\ntoken = { env = \"BAD_TOKEN\" }\n\
                [sources.ensembledata.accounts.good]\ntoken = { env = \"GOOD_TOKEN\" }\n";
    let world = World::new(SimulatorConfig::default(), keys).await;
    let (code, report, stderr) = world.run().await;
    assert_eq!(code, Some(0), "{report}\n{stderr}");
    assert_eq!(change_log(&world.log()).len(), CREATORS as usize);
    assert_eq!(report["parked"][0]["account"], "ensembledata.bad", "{report}");
    assert!(stderr.contains("asks for a person"), "{stderr}");
    assert!(!format!("{report}{stderr}").contains("revoked-token"), "the token is shown");
}

#[tokio::test]
async fn units_that_are_used_up_park_the_run_until_the_reset_and_nothing_is_lost() {
    let world = World::new(
        SimulatorConfig { units_per_day: Some(200), ..SimulatorConfig::default() },
        "token = { env = \"GOOD_TOKEN\" }\nunits_per_day = 200\n",
    )
    .await;
    let (code, report, stderr) = world.run().await;
    assert_eq!(code, Some(4), "{report}\n{stderr}");
    assert_eq!((report["end"].as_str(), report["open"].as_u64()), (Some("parked"), Some(100)), "{report}");
    assert!(report["until"].as_str().is_some_and(|until| until.ends_with("T00:00:00Z")), "{report}");
    assert_eq!(change_log(&world.log()).len(), 200);
    // The same day nothing more is bought.
    let again = world.run().await;
    assert_eq!((again.0, stats(&world.vendor.url()).await["units_charged"].as_u64()), (Some(4), Some(200)));
}

#[tokio::test]
async fn broken_answers_are_named_and_a_replay_buys_only_them() {
    let broken = 15;
    let world = World::new(
        SimulatorConfig { broken_profiles: broken, ..SimulatorConfig::default() },
        "token = { env = \"GOOD_TOKEN\" }\n",
    )
    .await;
    let (code, report, stderr) = world.run().await;
    assert_eq!(code, Some(1), "{report}\n{stderr}");
    let reasons = report["reasons"].to_string();
    assert!(reasons.contains(&format!("dead {broken}: ensembledata malformed")), "{reasons}");
    let (_, list, _) = world.say(&["dead", "list"]).await;
    let letters = list["letters"].as_array().expect("letters");
    assert_eq!(letters.len(), broken as usize);
    for letter in letters {
        assert!(letter["message"].as_str().is_some_and(|message| !message.is_empty()), "{letter}");
        assert!(letter["payload"].is_u64(), "its answer is kept: {letter}");
    }
    assert_eq!(change_log(&world.log()).len(), (CREATORS - broken) as usize);

    let before = world.calls().await;
    let (code, ..) = world.say(&["dead", "replay", "--all"]).await;
    assert_eq!((code, world.calls().await - before), (Some(1), u64::from(broken)), "they are still broken");
    post(&world.vendor.url(), "/control", "{\"broken_profiles\":0}").await;
    let before = world.calls().await;
    let (code, replay, stderr) = world.say(&["dead", "replay", "--all"]).await;
    assert_eq!(code, Some(0), "{replay}\n{stderr}");
    assert_eq!(world.calls().await - before, u64::from(broken), "only they are bought");
    assert_eq!(change_log(&world.log()).len(), CREATORS as usize);
}
