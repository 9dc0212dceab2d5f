//! What the server was asked.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

const MAX_HEAD: usize = 64 << 10;
const MAX_BODY: usize = 16 << 20;

/// A request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Seen {
    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }

    /// The decoded value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        pair(self.target.split_once('?')?.1, name)
    }

    /// The value of a parameter, wherever it is sent: in the query, in a form, or in a JSON body as a member of the
    /// outermost object, where what is no text is given as JSON.
    pub fn param(&self, name: &str) -> Option<String> {
        self.query(name).or_else(|| {
            if self.is_form() {
                return pair(&String::from_utf8_lossy(&self.body), name);
            }
            let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
            let member = body.get(name)?;
            Some(member.as_str().map_or_else(|| member.to_string(), str::to_owned))
        })
    }

    fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.contains("form-urlencoded"))
    }

    /// Whether path, query or body carry this text as a server would read them: a `+` in a query is a space.
    pub fn carries(&self, text: &str) -> bool {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let body = String::from_utf8_lossy(&self.body);
        let body = if self.is_form() { decoded(&body, true) } else { body.into_owned() };
        let quoted = serde_json::Value::from(text).to_string();
        let in_json = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        decoded(path, false).contains(text)
            || decoded(query, true).contains(text)
            || body.contains(text)
            || body.contains(in_json)
    }
}

/// The decoded value of `name` in `name=value&…`.
fn pair(pairs: &str, name: &str) -> Option<String> {
    let pairs = pairs.split('&').filter_map(|pair| pair.split_once('='));
    let mut pairs = pairs.map(|(key, value)| (decoded(key, true), decoded(value, true)));
    pairs.find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Percent-decodes, and reads `+` as a space where forms do.
fn decoded(text: &str, form: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        let escaped = (byte == b'%').then(|| two_digits(rest.as_slice())).flatten();
        match (byte, escaped) {
            (_, Some(escaped)) => {
                bytes.push(escaped);
                rest.nth(1);
            }
            (b'+', None) if form => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn two_digits(rest: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

/// Reads one request; `None` when the client went away before it was whole.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > MAX_HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(head_end + 4);
    let Some(mut seen) = parse_head(&String::from_utf8_lossy(&bytes)) else { return Ok(None) };
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0usize);
    while body.len() < length.min(MAX_BODY) {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    seen.body = body.into();
    Ok(Some(seen))
}

fn parse_head(head: &str) -> Option<Seen> {
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Seen { method, target, headers, body: Bytes::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_every_encoding() {
        let text = "a&=+/% é\"";
        let seen = |target: &str, body: &str| Seen {
            method: "GET".into(),
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::from(body.to_owned()),
        };
        assert!(seen("/x?cursor=a%26%3D%2B%2F%25%20%C3%A9%22", "").carries(text));
        assert!(seen("/x?cursor=a%26%3d%2b/%25+%c3%a9%22", "").carries(text));
        assert!(seen("/x", r#"{"cursor":"a&=+/% é\""}"#).carries(text));
        // What was not escaped does not arrive as it was meant.
        assert!(!seen("/x?cursor=a%26%3D+%2F%25%20%C3%A9%22", "").carries(text));
        assert_eq!(seen("/x?a=1&b=%41+b", "").query("b").as_deref(), Some("A b"));
        assert_eq!(seen("/x?a=1", r#"{"b":[7]}"#).param("b").as_deref(), Some("[7]"));
        let mut form = seen("/x", "a=1&b=%41+b");
        form.headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
        assert_eq!(form.param("b").as_deref(), Some("A b"));
    }
}
