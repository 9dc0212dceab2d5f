//! Child processes and what they used.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Failure;
use collector_sources::simulator::{Simulator as Server, SimulatorConfig};

/// A folder for one benchmark: temporary, or given and kept.
#[derive(Debug)]
pub(super) enum Scratch {
    Temporary(tempfile::TempDir),
    Given(PathBuf),
}

/// A temporary folder.
pub(super) fn scratch() -> Result<Scratch, Failure> {
    Ok(Scratch::Temporary(tempfile::Builder::new().prefix("collector-bench-").tempdir()?))
}

impl Scratch {
    pub(super) fn given(dir: PathBuf) -> Result<Self, Failure> {
        std::fs::create_dir_all(&dir).map_err(|error| format!("cannot use {}: {error}", dir.display()))?;
        Ok(Self::Given(dir))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Given(dir) => dir,
        }
    }
}

/// What a process used, measured by itself at its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) user_s: f64,
    pub(super) sys_s: f64,
    pub(super) rss_mb: f64,
}

impl Usage {
    /// Of this process so far.
    pub(super) fn own() -> Result<Self, Failure> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Ok(Self {
            user_s: seconds(usage.user_time()),
            sys_s: seconds(usage.system_time()),
            rss_mb: peak_rss_kib()? / 1024.0,
        })
    }
}

/// The most memory this process has had resident. Not what `getrusage` says: that counts what the process which started
/// this one had at that moment.
fn peak_rss_kib() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|rest| rest.split_whitespace().next());
    Ok(kib.ok_or("/proc/self/status has no VmHWM: memory is measured on Linux only")?.parse()?)
}

/// A simulator in a process of its own; killed when dropped.
#[derive(Debug)]
pub(super) struct Simulator {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Simulator {
    /// Starts one with these knobs over its defaults.
    pub(super) async fn start(knobs: Value) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["simulator", &knobs.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the simulator has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let url = line.trim().to_owned();
        if url.is_empty() {
            return Err("the simulator did not start; its message stands above".into());
        }
        Ok(Self { child, url, client: client()? })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The base address of its EnsembleData.
    pub(super) fn ensembledata(&self) -> String {
        format!("{}/ensembledata", self.url)
    }

    pub(super) async fn get(&self, path: &str) -> Result<String, Failure> {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(format!("the simulator answered {status} to {path}: {text}").into())
        }
    }

    /// What it counted.
    pub(super) async fn stats(&self) -> Result<Value, Failure> {
        Ok(serde_json::from_str(&self.get("/stats").await?)?)
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<(), Failure> {
        let answer = self.client.post(format!("{}{path}", self.url)).body(body.to_string()).send().await?;
        let status = answer.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("the simulator answered {status} to {path}").into())
        }
    }

    /// The truth about its creators, one object each.
    pub(super) async fn truth(&self, creators: u32, posts: u32) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::with_capacity(creators as usize);
        for from in (0..creators).step_by(1_000) {
            let text = self.get(&format!("/truth?from={from}&limit=1000&posts={posts}")).await?;
            for line in text.lines().filter(|line| !line.is_empty()) {
                all.push(serde_json::from_str(line)?);
            }
        }
        all.truncate(creators as usize);
        Ok(all)
    }

    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        Ok(())
    }
}

/// A binary of this workspace beside this one, built if it is not there.
pub(super) async fn built(package: &str, name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let folder = own.parent().ok_or("the benchmark has no folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", package, "--bin", name]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let built = build.stdin(Stdio::null()).status().await?;
    let path = folder.join(name);
    if built.success() && path.exists() {
        Ok(path)
    } else {
        Err(format!("cannot build {}: run `cargo build --release -p {package}`", path.display()).into())
    }
}

/// A plain client without TLS: the simulator is on loopback.
pub(super) fn client() -> Result<reqwest::Client, Failure> {
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()?
    .with_root_certificates(roots)
    .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .pool_max_idle_per_host(256)
        .timeout(Duration::from_secs(60))
        .build()?)
}

/// Serves until it is killed.
#[allow(clippy::print_stdout, reason = "the parent reads the address")]
pub(super) async fn serve_simulator(knobs: &str) -> Result<Map<String, Value>, Failure> {
    let config: SimulatorConfig = serde_json::from_str(knobs)?;
    let running = Server::start(config).await?;
    println!("{}", running.url());
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(Map::new())
}

/// A finished measured child: its wall time and what it printed.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) wall_s: f64,
    pub(super) printed: Value,
}

impl Measured {
    pub(super) fn number(&self, name: &str) -> f64 {
        self.printed[name].as_f64().unwrap_or(f64::NAN)
    }
}

/// Starts the collecting process with these arguments beside this one; killed when dropped.
pub(super) async fn collecting(args: &[String]) -> Result<Child, Failure> {
    let mut command = Command::new(built("collector-tests", "collect").await?);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Runs this binary with these arguments, to its end, and reads the JSON it prints.
pub(super) async fn measured(args: &[String]) -> Result<Measured, Failure> {
    run_measured(&std::env::current_exe()?, &with_json(args)).await
}

fn with_json(args: &[String]) -> Vec<String> {
    args.iter().cloned().chain(["--json".to_owned()]).collect()
}

/// The same of the collecting process, which is a binary of its own.
pub(super) async fn collected(args: &[String]) -> Result<Measured, Failure> {
    run_measured(&built("collector-tests", "collect").await?, &with_json(args)).await
}

/// Runs a binary with these arguments, to its end, and reads the JSON it prints.
pub(super) async fn run_measured(binary: &Path, args: &[String]) -> Result<Measured, Failure> {
    let started = tokio::time::Instant::now();
    let output = Command::new(binary)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    let wall_s = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!(
            "`{} {}` ended with {}",
            binary.display(),
            args.first().map_or("", String::as_str),
            output.status
        )
        .into());
    }
    Ok(Measured { wall_s, printed: serde_json::from_slice(&output.stdout)? })
}

/// Rounds for people.
pub(super) fn rounded(value: f64, digits: i32) -> Value {
    let scale = 10f64.powi(digits);
    json!((value * scale).round() / scale)
}

/// The middle of an odd number of values.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
