//! The made-up vendors, in a process of their own: this command again, with `simulate`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind};
use collector_sources::http::{Http, HttpOptions, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use url::Url;

use crate::args::Demo;
use crate::failure::{Failure, Result};

/// What the vendor takes for a credential; as long as a real one.
pub(super) const TOKEN: &str = "simulated-token1";

/// What else they take for credentials.
pub(super) const CLIENT_KEY: &str = "simulated-client-key";
pub(super) const USER: &str = "simulated";
pub(super) const PASSWORD: &str = "simulated-password1";

/// The vendors that are asked.
pub(super) const VENDORS: [&str; 4] = ["ensembledata", "tiktok", "echotik", "web"];

/// A made-up organisation has a larger quota than real ones.
const QUOTA: &str = r#"tiktok={"requests_per_day":4000000000}"#;

/// Where an answer may say nothing about anybody: a refusal of somebody unknown, a token, the rules of a site.
const NOT_ABOUT_SOMEBODY: [&str; 3] =
    ["/tiktok/v2/research/user/info/", "/tiktok/v2/oauth/token/", "/web/robots.txt"];

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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stats {
    /// Calls.
    pub(super) calls: u64,
    /// The same by vendor.
    pub(super) by_vendor: BTreeMap<&'static str, u64>,
    /// Calls beyond one for each thing that was answered: those whose answer did not come to be used.
    pub(super) bought_again: u64,
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
        let none = serde_json::Map::new();
        let endpoints = report.get("endpoints").and_then(Value::as_object).unwrap_or(&none);
        let of = |counts: &Value, name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or_default();
        let mut by_vendor: BTreeMap<&'static str, u64> = VENDORS.map(|vendor| (vendor, 0)).into();
        let mut bought_again = 0;
        for (path, counts) in endpoints {
            let calls = of(counts, "calls");
            if let Some(sum) = vendor_of(path).and_then(|vendor| by_vendor.get_mut(vendor)) {
                *sum += calls;
            }
            bought_again += match NOT_ABOUT_SOMEBODY.contains(&path.as_str()) {
                true => of(counts, "bought_more_than_once"),
                false => calls.saturating_sub(of(counts, "subjects_distinct")),
            };
        }
        Self {
            calls: number("/calls"),
            by_vendor,
            bought_again,
            units: number("/units_charged"),
            answered: number("/subjects_distinct"),
            bought_twice: number("/bought_more_than_once"),
            in_flight: number("/in_flight"),
            pictures: number("/pictures/served"),
            distinct_pictures: number("/pictures/distinct"),
        }
    }
}

/// Whose path this is in the statistics: the first vendor there was has its paths without its name.
fn vendor_of(path: &str) -> Option<&'static str> {
    let name = path.split('/').nth(1)?;
    let of = |name: &str| VENDORS.into_iter().find(|vendor| *vendor == name);
    if matches!(name, "tt" | "customer") { of("ensembledata") } else { of(name) }
}

impl Vendor {
    /// Starts it and waits until it listens: at this port if that is free, else at another one.
    pub(super) async fn start(args: &Demo, port: Option<u16>) -> Result<Self> {
        if let Some(port) = port
            && let Ok(vendor) = Self::start_at(args, port).await
        {
            return Ok(vendor);
        }
        Self::start_at(args, 0).await
    }

    async fn start_at(args: &Demo, port: u16) -> Result<Self> {
        let mut child = command(args, port)?.spawn().map_err(|error| cannot(&error.to_string()))?;
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

    /// Where one of the vendors answers.
    pub(super) fn base_url(&self, vendor: &str) -> String {
        format!("{}/{vendor}", self.url)
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

fn command(args: &Demo, port: u16) -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| cannot(&error.to_string()))?;
    let mut command = Command::new(program);
    command
        .args(["simulate", "--json", "--until-stdin-closes", "--token", TOKEN, "--port", &port.to_string()])
        .args(["--creators", &args.creators.to_string(), "--latency-ms", &args.latency_ms.to_string()])
        .args(["--effects", "--knob", QUOTA, "--knob"])
        .arg(format!("dead={}", json!(args.dead)))
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
    Failure::aborted(format!("cannot start the made-up vendors: {why}"))
}

fn unreadable(path: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unexpected, format!("an answer of the made-up vendors cannot be used: {why}"))
        .with("path", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_vendor_and_those_without_a_used_answer() {
        let stats = Stats::of(&json!({
            "calls": 12, "units_charged": 11, "subjects_distinct": 9, "bought_more_than_once": 1,
            "in_flight": 2, "pictures": { "served": 4, "distinct": 3 },
            "endpoints": {
                "/tt/user/info": { "calls": 5, "subjects_distinct": 3 },
                "/web/creators": { "calls": 2, "subjects_distinct": 1 },
                "/tiktok/v2/research/user/info/": { "calls": 4, "subjects_distinct": 1 },
                "/list/creators": { "calls": 1, "subjects_distinct": 1 },
            },
        }));
        assert_eq!(stats.by_vendor, [("ensembledata", 5), ("tiktok", 4), ("echotik", 0), ("web", 2)].into());
        assert_eq!((stats.calls, stats.units, stats.in_flight), (12, 11, 2));
        assert_eq!((stats.pictures, stats.distinct_pictures), (4, 3));
        assert_eq!(stats.bought_again, 3, "who is refused is not bought");
        assert_eq!(Stats::of(&json!({})).calls, 0);
    }
}
