//! What the server answers.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// One scripted answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers besides length and connection.
    pub headers: Vec<(String, String)>,
    /// The body; with [`cut_after`](Self::cut_after) less of it is sent than its length promises.
    pub body: Bytes,
    pub(super) delivery: Delivery,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delivery {
    Whole,
    Cut(usize),
    /// Pieces of so many bytes, with a pause before each.
    Pieces(usize, Duration),
    Hang,
    /// So many bytes of the body, then nothing, with the connection open.
    Stall(usize),
    Reset,
    Closed,
    /// So many bytes of the body, then a reset.
    ResetAfter(usize),
}

impl Answer {
    /// A whole answer with this status and a short text.
    pub fn status(status: u16) -> Self {
        let headers = vec![("content-type".into(), "text/plain".into())];
        Self { status, headers, body: Bytes::from_static(b"by script"), delivery: Delivery::Whole }
    }

    /// 200 with this JSON.
    pub fn json(value: &Value) -> Self {
        Self::status(200).header("content-type", "application/json").body(value.to_string())
    }

    /// 200 with this page: a captcha, a login wall.
    pub fn html(page: impl Into<Bytes>) -> Self {
        Self::status(200).header("content-type", "text/html; charset=utf-8").body(page)
    }

    /// 200 with JSON that ends after `keep` bytes although the transfer is complete.
    pub fn truncated(value: &Value, keep: usize) -> Self {
        let mut whole = Self::json(value);
        whole.body.truncate(keep);
        whole
    }

    /// 200 with JSON arrays in each other, `depth` deep.
    pub fn nested(depth: usize) -> Self {
        Self::json(&Value::Null).body(["[".repeat(depth), "]".repeat(depth)].concat())
    }

    /// 200 with a JSON string of `bytes` bytes.
    pub fn big(bytes: usize) -> Self {
        Self::json(&Value::Null).body(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))))
    }

    /// Takes the request and never answers.
    pub fn hang() -> Self {
        Self { delivery: Delivery::Hang, ..Self::status(200) }
    }

    /// Takes the request and resets the connection.
    pub fn reset() -> Self {
        Self { delivery: Delivery::Reset, ..Self::status(200) }
    }

    /// Takes the request and closes the connection without a byte.
    pub fn closed() -> Self {
        Self { delivery: Delivery::Closed, ..Self::status(200) }
    }

    /// With this header instead of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends so many bytes of the body and closes, although its length promises all.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.delivery = Delivery::Cut(bytes);
        self
    }

    /// Sends so many bytes of the body and resets the connection.
    #[must_use]
    pub fn reset_after(mut self, bytes: usize) -> Self {
        self.delivery = Delivery::ResetAfter(bytes);
        self
    }

    /// Sends so many bytes of the body, then nothing more, and keeps the connection open.
    #[must_use]
    pub fn stall_after(mut self, bytes: usize) -> Self {
        self.delivery = Delivery::Stall(bytes);
        self
    }

    /// Sends the body byte by byte, one each `every`.
    #[must_use]
    pub fn drip(self, every: Duration) -> Self {
        self.in_pieces(1, every)
    }

    /// Sends the body in pieces of `bytes` bytes, one each `every`.
    #[must_use]
    pub fn in_pieces(mut self, bytes: usize, every: Duration) -> Self {
        self.delivery = Delivery::Pieces(bytes.max(1), every);
        self
    }

    fn head(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (status, length) = (self.status, self.body.len());
        format!(
            "HTTP/1.1 {status} scripted\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        )
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes_until(usize::MAX)
    }

    /// The head and so many bytes of the body.
    pub(super) fn bytes_until(&self, after: usize) -> Vec<u8> {
        [self.head().as_bytes(), &self.body[..after.min(self.body.len())]].concat()
    }
}
