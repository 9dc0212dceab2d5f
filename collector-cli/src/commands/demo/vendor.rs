//! The made-up vendor, in a process of its own: this command again, with `simulate`.

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

/// What the links in its answers begin with.
const LINKS_BEGIN: &str = "http://pictures.example";

/// How long it may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running vendor.
pub(super) struct Vendor {
    child: Child,
    /// It ends when this is closed, however we end.
    stdin: ChildStdin,
    url: String,
    http: Http,
}

impl Vendor {
    /// Starts it and waits until it listens.
    pub(super) async fn start(creators: u32, latency_ms: u64) -> Result<Self> {
        let mut child = command(creators, latency_ms)?.spawn().map_err(|error| cannot(&error.to_string()))?;
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
        Ok(Self { child, stdin, url: url.to_owned(), http: Http::new(&HttpOptions::default())? })
    }

    /// Where its EnsembleData answers.
    pub(super) fn base_url(&self) -> String {
        format!("{}/ensembledata", self.url)
    }

    /// One of its answers, as JSON.
    pub(super) async fn object(&self, path: &str) -> Result<Value> {
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

fn command(creators: u32, latency_ms: u64) -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| cannot(&error.to_string()))?;
    let mut command = Command::new(program);
    command
        .args(["simulate", "--json", "--until-stdin-closes", "--token", TOKEN])
        // It listens on another port each time; links that change with it would look like news of everybody.
        .args(["--knob", &format!("public_url={LINKS_BEGIN}")])
        .args(["--creators", &creators.to_string(), "--latency-ms", &latency_ms.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
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
