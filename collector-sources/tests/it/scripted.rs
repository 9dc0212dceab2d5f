//! A server that answers each connection with what it was told to, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What to do with one connection after its request came.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Send these bytes and close.
    Bytes(Vec<u8>),
    /// Send these bytes and reset the connection.
    Reset(Vec<u8>),
    /// Send these bytes, then nothing, and keep the connection open.
    Hang(Vec<u8>),
    /// Send these bytes, then one more every few milliseconds for as long as anybody listens.
    Drip(Vec<u8>),
}

impl Reply {
    /// A whole answer.
    pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut bytes = head(status, headers, body.len());
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }
}

/// Status line and headers of an answer that announces `length` bytes.
pub(crate) fn head(status: &str, headers: &[&str], length: usize) -> Vec<u8> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n")
        .into_bytes()
}

/// A server with one reply per connection; the last one serves all that follow.
#[derive(Debug)]
pub(crate) struct Scripted {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                let reply = replies.get(number).or(replies.last()).cloned();
                open.extend(serve(stream, reply.unwrap()).await);
            }
        });
        Self { address, requests, server }
    }

    /// The address with this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Serves one connection; gives it back when it is to stay open.
async fn serve(mut stream: TcpStream, reply: Reply) -> Option<TcpStream> {
    match reply {
        Reply::Bytes(bytes) => {
            // A client that has had enough goes away in the middle: that is its right.
            stream.write_all(&bytes).await.ok();
            stream.shutdown().await.ok();
            None
        }
        Reply::Reset(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            stream.set_zero_linger().unwrap();
            None
        }
        Reply::Hang(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            Some(stream)
        }
        Reply::Drip(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            while stream.write_all(b"0").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            None
        }
    }
}
