//! As much of an HTTP client as the tests here need.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A whole answer.
#[derive(Debug)]
pub(in super::super) struct Got {
    pub(in super::super) status: u16,
    pub(in super::super) headers: Vec<(String, String)>,
    pub(in super::super) body: Bytes,
    /// What `content-length` promised.
    pub(in super::super) promised: usize,
}

pub(in super::super) async fn get(base: &str, target: &str, headers: &str) -> io::Result<Got> {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    read(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "no whole head"))
}

fn read(bytes: &[u8]) -> Option<Got> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> = lines.map(|(name, value)| (name.into(), value.into())).collect();
    let promised = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    Some(Got { status, headers, body: bytes[end + 4..].to_vec().into(), promised })
}
