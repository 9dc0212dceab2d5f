//! `collector transfer` of the real binary: a file to servers and back to another file, killed on the way. Everybody is
//! compared as `collector show --json` shows them, and the program itself is asked about some.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use collector_core::creator::Creators;
use collector_core::store::Store;
use collector_sinks::sql::{SqlConfig, SqlStore};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::collect::TOKEN;
use super::detail::handles;
use super::process::{Simulator, rounded};
use super::servers::{Knobs, Servers};
use super::workers::named;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to collect and move.
    #[arg(long, default_value_t = 50_000)]
    creators: u32,
    /// How often the transfer is killed, over both ways.
    #[arg(long, default_value_t = 2)]
    kills: u32,
    /// Creators the program itself is asked about on both sides.
    #[arg(long, default_value_t = 50)]
    asked: usize,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Records read at once.
const CHUNK: usize = 500;

/// The binary over a folder.
struct Program {
    binary: PathBuf,
    dir: PathBuf,
    secrets: Vec<(&'static str, String)>,
}

impl Program {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(args)
            .current_dir(&self.dir)
            .envs(self.secrets.iter().map(|(name, value)| (name, value)))
            .env("COLLECTOR_YES", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command
    }

    async fn json(&self, args: &[&str]) -> Result<Value, Failure> {
        let output = self.command(args).output().await?;
        if !output.status.success() {
            return Err(format!("`collector {}` ended with {}", args.join(" "), output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Moves everything, killed so often on the way at random moments; gives how often it was, and the report.
    async fn transfer(
        &self,
        from: &str,
        to: &str,
        kills: u32,
        random: &mut StdRng,
    ) -> Result<(u32, Value), Failure> {
        let args = ["transfer", "--config", from, "--to", to, "--json"];
        let mut killed = 0;
        while killed < kills {
            let mut child = self.command(&args).stdout(Stdio::null()).spawn()?;
            let moment = Duration::from_millis(random.random_range(1_500..6_000));
            tokio::select! {
                ended = child.wait() => {
                    return Err(format!("a transfer ended ({}) before it was killed: take more creators", ended?).into());
                }
                () = sleep(moment) => child.kill().await?,
            }
            killed += 1;
        }
        Ok((killed, self.json(&args).await?))
    }
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let simulator = Simulator::start(json!({ "creators": args.creators })).await?;
    let handles = handles(&simulator, args.creators, dir).await?;
    let servers = Servers::find()?;
    let program = Program { binary, dir: dir.to_owned(), secrets: servers.secrets() };
    let vendor = simulator.ensembledata();
    let knobs = Knobs { ttl_s: 30, in_flight: 64, commit_window: 64, per_second: None, units_per_day: None };
    std::fs::write(dir.join("servers.toml"), servers.config(&vendor, &knobs))?;
    for side in ["first", "last"] {
        let text = format!(
            "[store]\nurl = \"sqlite:{side}.db\"\n\n[search]\nurl = \"tantivy:{side}-search\"\n\n\
             [sources.ensembledata]\nbase_url = \"{vendor}\"\ntoken = {{ env = \"BENCH_TOKEN\" }}\nin_flight = 64\n"
        );
        std::fs::write(dir.join(format!("{side}.toml")), text)?;
    }
    debug_assert!(program.secrets.iter().any(|(_, value)| value == TOKEN));
    let began = Instant::now();
    program.json(&["run", "--config", "first.toml", "--file", "handles.txt", "--json"]).await?;
    let collected = began.elapsed();
    let calls = simulator.stats().await?["calls"].clone();
    let mut random = StdRng::seed_from_u64(args.seed);
    let began = Instant::now();
    let (there, up) =
        program.transfer("first.toml", "servers.toml", args.kills.div_ceil(2), &mut random).await?;
    let up_s = began.elapsed();
    let began = Instant::now();
    let (back, down) = program.transfer("servers.toml", "last.toml", args.kills / 2, &mut random).await?;
    let down_s = began.elapsed();
    let (first, last) = (everybody(&dir.join("first.db")).await?, everybody(&dir.join("last.db")).await?);
    let differ = first.iter().filter(|(key, shown)| last.get(*key) != Some(*shown)).count();
    let mut differ_asked = 0;
    for _ in 0..args.asked.min(handles.len()) {
        let handle = format!("@{}", handles[random.random_range(0..handles.len())]);
        let shown = |config: &'static str| {
            let handle = handle.clone();
            let program = &program;
            async move { program.json(&["show", &handle, "--json", "--explain", "--config", config]).await }
        };
        let before = shown("first.toml").await?;
        differ_asked += usize::from(before != shown("servers.toml").await?);
        differ_asked += usize::from(before != shown("last.toml").await?);
    }
    let expected = handles.len();
    let rows = servers.rows().await?;
    let figures = json!({
        "workload": "transfer",
        "creators": expected,
        "kills": there + back,
        "reasons": { "up": up["reasons"], "down": down["reasons"] },
        "at_the_servers": rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?,
        "searchable_at_the_servers": servers.documents().await?,
        "first": first.len(),
        "last": last.len(),
        "differ": differ + first.len().abs_diff(last.len()),
        "asked_of_the_program": args.asked.min(expected),
        "differ_when_asked": differ_asked,
        "vendor_calls": simulator.stats().await?["calls"].as_u64().unwrap_or(u64::MAX) - calls.as_u64().unwrap_or(0),
        "collected_s": rounded(collected.as_secs_f64(), 1),
        "up_s": rounded(up_s.as_secs_f64(), 1),
        "down_s": rounded(down_s.as_secs_f64(), 1),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// What is known of everybody in a file, as text.
async fn everybody(file: &Path) -> Result<BTreeMap<u64, String>, Failure> {
    let store = SqlStore::open_reader(&SqlConfig::new(file), Arc::new(Creators::default())).await?;
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let keys = store.keys(after, CHUNK).await?;
        let Some(last) = keys.last().copied() else { return Ok(all) };
        for known in store.known(&keys).await? {
            // What `show --explain` is made of: record, facts, identities, and where each value is from.
            let record = &known.record;
            let sightings: Vec<Value> = known
                .sightings
                .iter()
                .map(|seen| json!([seen.source, seen.aspect, seen.seen_at, seen.item]))
                .collect();
            let shown = json!({
                "version": record.version,
                "creator": *record.entity,
                "facts": record.facts,
                "ids": known.ids,
                "sightings": sightings,
            });
            all.insert(record.key.0, shown.to_string());
        }
        after = Some(last);
    }
}
