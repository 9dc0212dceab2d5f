//! The made-up vendor, in a process of its own: this command again, with `simulate`.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind};
use collector_sources::http::{Http, HttpOptions, Request};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use url::Url;

use crate::failure::{Failure, Result};

/// What the vendor takes for a credential; as long as a real one.
pub(super) const TOKEN: &str = "simulated-token1";

/// How long it may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running vendor.
pub(super) struct Vendor {
    child: Child,
    /// It ends when this is closed, however we end.
    stdin: ChildStdin,
    url: String,
    address: SocketAddr,
    http: Http,
}

/// What it counted since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stats {
    /// Calls, all of them charged.
    pub(super) calls: u64,
    /// Units.
    pub(super) units: u64,
    /// Things that were asked for and answered.
    pub(super) answered: u64,
    /// Answers beyond the first about a thing.
    pub(super) bought_twice: u64,
    /// Calls on their way.
    pub(super) in_flight: u64,
    /// Pictures handed out.
    pub(super) pictures: u64,
    /// The same, each picture counted once.
    pub(super) distinct_pictures: u64,
}

impl Stats {
    fn of(report: &Value) -> Self {
        let number = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        Self {
            calls: number("/calls"),
            units: number("/units_charged"),
            answered: number("/subjects_distinct"),
            bought_twice: number("/bought_more_than_once"),
            in_flight: number("/in_flight"),
            pictures: number("/pictures/served"),
            distinct_pictures: number("/pictures/distinct"),
        }
    }

    /// Calls beyond one for each thing that was answered: those whose answer did not come to be used.
    pub(super) fn bought_again(self) -> u64 {
        self.calls.saturating_sub(self.answered)
    }
}

impl Vendor {
    /// Starts it and waits until it listens: at this port if that is free, else at another one.
    pub(super) async fn start(creators: u32, latency_ms: u64, port: Option<u16>) -> Result<Self> {
        if let Some(port) = port
            && let Ok(vendor) = Self::start_at(creators, latency_ms, port).await
        {
            return Ok(vendor);
        }
        Self::start_at(creators, latency_ms, 0).await
    }

    async fn start_at(creators: u32, latency_ms: u64, port: u16) -> Result<Self> {
        let mut child =
            command(creators, latency_ms, port)?.spawn().map_err(|error| cannot(&error.to_string()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(cannot("it has no pipes"));
        };
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        match tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await {
            Ok(Ok(length)) if length > 0 => {}
            Ok(Ok(_)) => return Err(cannot("it ended at once")),
            Ok(Err(error)) => return Err(cannot(&error.to_string())),
            Err(_) => return Err(cannot("it does not listen in time")),
        }
        let said: Value = serde_json::from_str(&line).map_err(|error| cannot(&error.to_string()))?;
        let url = said.get("url").and_then(Value::as_str).ok_or_else(|| cannot("it says no address"))?;
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| cannot("its address cannot be read"))?;
        Ok(Self { child, stdin, url: url.to_owned(), address, http: Http::new(&HttpOptions::default())? })
    }

    /// Where it listens; its links to pictures lead there.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counted.
    pub(super) async fn stats(&self) -> Result<Stats> {
        Ok(Stats::of(&self.object("/stats").await?))
    }

    /// Where its EnsembleData answers.
    pub(super) fn base_url(&self) -> String {
        format!("{}/ensembledata", self.url)
    }

    /// One of its answers, as JSON.
    async fn object(&self, path: &str) -> Result<Value> {
        let body = self.get(path).await?;
        Ok(serde_json::from_slice(&body).map_err(|error| unreadable(path, error))?)
    }

    /// One of its answers, as JSON Lines.
    pub(super) async fn lines(&self, path: &str) -> Result<Vec<Value>> {
        let body = self.get(path).await?;
        let lines = serde_json::Deserializer::from_slice(&body).into_iter();
        Ok(lines.collect::<std::result::Result<_, _>>().map_err(|error| unreadable(path, error))?)
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let url = Url::parse(&format!("{}{path}", self.url)).map_err(|error| unreadable(path, error))?;
        let payload = self.http.exchange(&Context::detached(), Request::get(url)).await?;
        if payload.status != 200 {
            return Err(unreadable(path, format!("status {}", payload.status)).into());
        }
        Ok(payload.body.to_vec())
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
            // It is killed when it is dropped, too.
            drop(child.kill().await);
        }
    }
}

fn command(creators: u32, latency_ms: u64, port: u16) -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| cannot(&error.to_string()))?;
    let mut command = Command::new(program);
    command
        .args(["simulate", "--json", "--until-stdin-closes", "--token", TOKEN, "--port", &port.to_string()])
        .args(["--creators", &creators.to_string(), "--latency-ms", &latency_ms.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    // A taken port is nothing to complain about: another one will do.
    if port != 0 {
        command.stderr(Stdio::null());
    }
    // Ctrl-C goes to a whole group; the vendor has to be there while running calls end.
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

fn cannot(why: &str) -> Failure {
    Failure::aborted(format!("cannot start the made-up vendor: {why}"))
}

fn unreadable(path: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unexpected, format!("the made-up vendor's answer cannot be used: {why}"))
        .with("path", path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_without_a_used_answer_are_counted() {
        let stats = Stats::of(&json!({
            "calls": 12, "units_charged": 11, "subjects_distinct": 9, "bought_more_than_once": 1,
            "in_flight": 2, "pictures": { "served": 4, "distinct": 3 },
        }));
        assert_eq!((stats.calls, stats.units, stats.in_flight), (12, 11, 2));
        assert_eq!((stats.pictures, stats.distinct_pictures), (4, 3));
        assert_eq!(stats.bought_again(), 3);
        assert_eq!(Stats::of(&json!({})), Stats::default());
    }
}
