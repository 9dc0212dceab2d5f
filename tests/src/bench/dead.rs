//! Broken answers: the run names them and goes on, and once the vendor has mended itself a replay buys only them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Map, Value, json};
use tokio::process::Command;

use super::Failure;
use super::collect::{STORE, TOKEN};
use super::detail::handles;
use super::process::Simulator;
use super::stores::{Rows, read_log};
use super::workers::named;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// How many of them come broken.
    #[arg(long, default_value_t = 200)]
    broken: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: u32,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

const LOG: &str = "creators.jsonl";

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let knobs = json!({ "creators": args.creators, "broken_profiles": args.broken });
    let simulator = Simulator::start(knobs).await?;
    let truth = simulator.truth(args.creators, 0).await?;
    handles(&simulator, args.creators, dir).await?;
    let config = format!(
        "[store]\nurl = \"sqlite:{STORE}\"\n\n[jsonl]\npath = \"{LOG}\"\n\n[sources.ensembledata]\nbase_url = \"{}\"\n\
         token = {{ env = \"BENCH_TOKEN\" }}\nin_flight = {}\n",
        simulator.ensembledata(),
        args.in_flight,
    );
    std::fs::write(dir.join("collector.toml"), config)?;
    let collector = Collector { binary: &binary, dir };

    let ran = collector.say(&["run", "--file", "handles.txt", "--yes"]).await?;
    let report: Value = serde_json::from_slice(&ran.stdout)?;
    let told = collector.say(&["dead", "list", "--max", "1000000"]).await?;
    let told: Value = serde_json::from_slice(&told.stdout)?;
    let letters = told["letters"].as_array().ok_or("the list has no letters")?;
    let text = |letter: &Value, name: &str| letter[name].as_str().unwrap_or_default().to_lowercase();
    let broken = truth.iter().filter(|one| one["broken_profile"] == json!(true));
    let broken: BTreeSet<String> = broken.map(|one| text(one, "handle")).collect();
    let is_named =
        |handle: &String| letters.iter().any(|letter| text(letter, "what").contains(handle.as_str()));
    let found = read_log(&dir.join(LOG))?.handles.len();
    let before = simulator.stats().await?;

    simulator.post("/control", json!({ "broken_profiles": 0 })).await?;
    // Nothing is mended by reading again: the answers themselves are broken.
    let mend = collector.say(&["dead", "replay", "--all", "--mend-only", "--yes"]).await?;
    let between = simulator.stats().await?;
    let replay = collector.say(&["dead", "replay", "--all", "--yes"]).await?;
    let replayed: Value = serde_json::from_slice(&replay.stdout)?;
    let after = simulator.stats().await?;
    simulator.stop().await?;
    let calls = |stats: &Value| stats["calls"].as_i64().unwrap_or(-1);
    let rows = Rows::open(&dir.join(STORE)).await?;
    let figures = json!({
        "workload": "dead",
        "creators": args.creators,
        "broken": broken.len(),
        "exit_code": ran.status.code(),
        "end": report["end"],
        "delivered": found,
        "letters": letters.len(),
        "named": broken.iter().filter(|handle| is_named(handle)).count(),
        "with_reason": letters.iter().filter(|letter| text(letter, "kind") == "malformed" && !text(letter, "message").is_empty()).count(),
        "with_answer": letters.iter().filter(|letter| letter["payload"].is_u64()).count(),
        "reasons": report["reasons"],
        "mend_only_code": mend.status.code(),
        "mend_only_calls": calls(&between) - calls(&before),
        "replay_code": replay.status.code(),
        "replay_calls": calls(&after) - calls(&between),
        "replay_revived": replayed["revived"],
        "delivered_after": read_log(&dir.join(LOG))?.handles.len(),
        "stored_after": rows.count("SELECT COUNT(*) FROM entity WHERE merged_into IS NULL").await?,
        "dead_after": rows.count("SELECT COUNT(*) FROM dead").await?,
        "bought_more_than_once": after["bought_more_than_once"],
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// The real binary in a folder with its configuration.
pub(super) struct Collector<'a> {
    pub(super) binary: &'a Path,
    pub(super) dir: &'a Path,
}

impl Collector<'_> {
    /// Runs a command to its end; it prints JSON.
    pub(super) async fn say(&self, command: &[&str]) -> Result<Output, Failure> {
        let output = Command::new(self.binary)
            .args(command)
            .args(["--config", "collector.toml", "--json"])
            .current_dir(self.dir)
            .env("BENCH_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await?;
        Ok(output)
    }
}
