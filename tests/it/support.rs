//! What these suites share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use collector_sources::simulator::{Running, Simulator, SimulatorConfig};
use serde_json::Value;

/// The token the simulator takes by default.
pub(crate) const TOKEN: &str = "simulated-token1";

/// A program of this workspace, built by the same `cargo test --workspace` as this one.
pub(crate) fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let folder = own.parent().and_then(Path::parent).expect("the target folder");
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: run the tests with `cargo test --workspace`", path.display());
    path
}

/// Waits for a state, looking often; fails with what was missing.
pub(crate) async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if reached().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 30 s in vain for: {what}");
}

/// A simulator in this process.
pub(crate) async fn simulator(config: SimulatorConfig) -> Running {
    Simulator::start(config).await.expect("the simulator starts")
}

/// The source that asks this simulator.
pub(crate) fn ensembledata(vendor: &Running) -> EnsembleData {
    let config = EnsembleDataConfig {
        base_url: format!("{}/ensembledata", vendor.url()).into(),
        token: TOKEN.to_owned().into(),
        ..EnsembleDataConfig::default()
    };
    EnsembleData::new(config).expect("a source")
}

/// One answer of the simulator's own endpoints, through a plain connection.
pub(crate) async fn get(url: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = url.strip_prefix("http://").expect("a plain address");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the simulator listens");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the answer is read");
    let answer = String::from_utf8(answer).expect("the answer is text");
    answer.split_once("\r\n\r\n").expect("a header ends").1.to_owned()
}

/// Sends JSON to one of the simulator's own endpoints.
pub(crate) async fn post(url: &str, path: &str, body: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = url.strip_prefix("http://").expect("a plain address");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the simulator listens");
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the answer is read");
    assert!(answer.starts_with("HTTP/1.0 2") || answer.starts_with("HTTP/1.1 2"), "{answer}");
}

/// What the simulator counted.
pub(crate) async fn stats(url: &str) -> Value {
    serde_json::from_str(&get(url, "/stats").await).expect("the counts are JSON")
}

/// The present handles of all creators.
pub(crate) async fn handles(url: &str, creators: u32) -> Vec<String> {
    let truth = get(url, &format!("/truth?from=0&limit={creators}")).await;
    let rows = truth.lines().map(|line| serde_json::from_str::<Value>(line).expect("a truth is JSON"));
    rows.filter_map(|row| row["handle"].as_str().map(str::to_owned)).collect()
}

/// Starts a program in a folder, quietly.
pub(crate) fn start(program: &Path, dir: &Path, args: &[&str]) -> Child {
    Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("COLLECTOR_TEST_TOKEN", TOKEN)
        .env("COLLECTOR_YES", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// The records alive at the end of a change log, by key; fails on a torn line or a repeated (key, version).
pub(crate) fn change_log(path: &Path) -> BTreeMap<u64, Value> {
    let text = std::fs::read_to_string(path).expect("the change log");
    let mut seen = std::collections::BTreeSet::new();
    let mut latest: BTreeMap<u64, (u64, Option<Value>)> = BTreeMap::new();
    for line in text.lines() {
        let mut row: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("torn line {line:?}: {error}"));
        let (key, version) =
            (row["key"].as_u64().expect("a key"), row["version"].as_u64().expect("a version"));
        assert!(seen.insert((key, version)), "key {key} version {version} is in the log twice");
        let record = (row["op"] == "put").then(|| row["record"].take());
        if latest.get(&key).is_none_or(|(known, _)| *known < version) {
            latest.insert(key, (version, record));
        }
    }
    latest.into_iter().filter_map(|(key, (_, record))| Some((key, record?))).collect()
}
