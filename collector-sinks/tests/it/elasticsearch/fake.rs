//! A server in this process that answers as a test says.

use std::sync::{Arc, Mutex};

use collector_sinks::elasticsearch::ElasticsearchConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Method and path with query, such as `GET /_alias/creators`.
    pub(super) line: String,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn is_bulk(&self) -> bool {
        self.line.contains("/_bulk")
    }

    /// Action and document of each item of a bulk.
    pub(super) fn items(&self) -> Vec<(Value, Value)> {
        let lines: Vec<Value> = self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.chunks(2).map(|pair| (pair[0]["index"].clone(), pair[1].clone())).collect()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) body: String,
    /// Bytes of the body that are sent before the connection ends.
    pub(super) cut: Option<usize>,
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, kind: "application/json", body: body.to_string(), cut: None }
    }

    pub(super) fn html(status: u16, body: &str) -> Self {
        Self { status, kind: "text/html", body: body.to_owned(), cut: None }
    }

    /// The answer to a bulk with these statuses and kinds of fault.
    pub(super) fn bulk(asked: &Asked, mut judge: impl FnMut(&Value, &Value) -> (u16, &'static str)) -> Self {
        let item = |(action, document): (Value, Value)| {
            let (status, kind) = judge(&action, &document);
            let mut item = json!({ "_id": action["_id"], "status": status });
            if !kind.is_empty() {
                item["error"] = json!({ "type": kind, "reason": "near 'mina@mail.example'" });
            }
            json!({ "index": item })
        };
        let items: Vec<_> = asked.items().into_iter().map(item).collect();
        Self::json(200, json!({ "took": 1, "errors": true, "items": items }))
    }
}

/// A server; it ends when it is dropped.
pub(super) struct Fake {
    url: String,
    accepting: Option<AbortHandle>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// The index of the cluster, once it was made.
    made: Arc<Mutex<Option<String>>>,
}

pub(super) type Respond = dyn Fn(&Asked) -> Answer + Send + Sync;

impl Fake {
    pub(super) async fn start(respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, respond): (Arc<Mutex<Vec<Asked>>>, Arc<Respond>) = (Arc::default(), Arc::new(respond));
        let seen = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&respond)));
            }
        });
        Self { url, accepting: Some(accepting.abort_handle()), asked, made: Arc::default() }
    }

    /// A cluster that has the index and answers bulks like this.
    pub(super) async fn with_index(bulk: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::node(Arc::default(), bulk).await
    }

    /// One more node of this cluster, which answers bulks like this.
    pub(super) async fn beside(&self, bulk: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::node(Arc::clone(&self.made), bulk).await
    }

    async fn node(
        made: Arc<Mutex<Option<String>>>,
        bulk: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let index = Arc::clone(&made);
        let node = Self::start(move |asked| {
            if asked.is_bulk() {
                return bulk(asked);
            }
            let mut made = made.lock().unwrap();
            match (asked.line.split_once(' ').unwrap(), &*made) {
                (("PUT", path), _) => {
                    *made = Some(path.trim_start_matches('/').to_owned());
                    Answer::json(200, json!({ "acknowledged": true }))
                }
                (_, Some(name)) => Answer::json(200, json!({ name: { "aliases": { "creators": {} } } })),
                (_, None) => Answer::json(404, json!({ "error": "alias [creators] missing", "status": 404 })),
            }
        })
        .await;
        node.with(index)
    }

    fn with(mut self, made: Arc<Mutex<Option<String>>>) -> Self {
        self.made = made;
        self
    }

    /// An address where nobody listens.
    pub(super) async fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, accepting: None, asked: Arc::default(), made: Arc::default() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn config(&self) -> ElasticsearchConfig {
        ElasticsearchConfig::at(&format!("{}/creators", self.url)).unwrap()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn bulks(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(Asked::is_bulk).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.iter().for_each(AbortHandle::abort);
    }
}

pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: Arc<Mutex<Vec<Asked>>>,
    respond: Arc<Respond>,
) {
    let Some(request) = read(&mut stream).await else { return };
    asked.lock().unwrap().push(request.clone());
    let Answer { status, kind, body, cut } = respond(&request);
    // Never answers.
    if status == 0 {
        return std::future::pending().await;
    }
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let sent = &body.as_bytes()[..cut.unwrap_or(body.len()).min(body.len())];
    if stream.write_all(head.as_bytes()).await.is_ok() && stream.write_all(sent).await.is_ok() {
        stream.shutdown().await.unwrap_or_default();
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let first = String::from_utf8_lossy(&bytes[..end]).lines().next()?.to_owned();
    let line = first.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, body: String::from_utf8(bytes.split_off(end)).ok()? })
}
