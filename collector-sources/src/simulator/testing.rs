//! A tiny HTTP client for tests: one call per connection, read to its end.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Running, Simulator, SimulatorConfig};

/// What came back, however broken.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the body ended as announced.
    pub(super) complete: bool,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A simulator with shorthands for calling it.
pub(super) struct Bench {
    running: Running,
    pub(super) token: String,
}

impl Bench {
    pub(super) async fn start(config: SimulatorConfig) -> Self {
        let token = config.token.clone();
        Self { running: Simulator::start(config).await.unwrap(), token }
    }

    pub(super) async fn default() -> Self {
        Self::start(SimulatorConfig::default()).await
    }

    pub(super) fn url(&self) -> String {
        self.running.url()
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        send(&self.running.url(), "GET", path, "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        send(&self.running.url(), "POST", path, body).await
    }

    /// Calls an EnsembleData endpoint with the token.
    pub(super) async fn vendor(&self, path_and_query: &str) -> Reply {
        self.get(&format!("/ensembledata{path_and_query}&token={}", self.token)).await
    }

    pub(super) async fn control(&self, knobs: &str) {
        let reply = self.post("/control", knobs).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    pub(super) async fn stats(&self) -> Value {
        self.get("/stats").await.json()
    }

    /// The truth about creators `from..from + limit`.
    pub(super) async fn truth(&self, from: u32, limit: u32) -> Vec<Value> {
        let reply = self.get(&format!("/truth?from={from}&limit={limit}&posts=3")).await;
        reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Sends one request and reads whatever comes until the connection closes.
pub(super) async fn send(url: &str, method: &str, path: &str, body: &str) -> Reply {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A cut connection is a reset, which is not this client's failure.
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    let _cut = read.expect("an answer within 20 seconds");
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &bytes[end + 4..];
    let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (body, complete) = if value("transfer-encoding") == Some("chunked") {
        unchunk(rest)
    } else {
        let announced: usize = value("content-length").map_or(rest.len(), |length| length.parse().unwrap());
        (rest.to_vec(), rest.len() == announced)
    };
    Reply { status, headers, body, complete }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let size =
            std::str::from_utf8(&rest[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        match size {
            Some(0) => return (body, true),
            Some(size) if rest.len() >= line + 2 + size + 2 => {
                body.extend_from_slice(&rest[line + 2..line + 2 + size]);
                rest = &rest[line + 2 + size + 2..];
            }
            _ => return (body, false),
        }
    }
}
