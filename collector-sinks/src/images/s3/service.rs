//! The bucket's requests, with what object stores' errors leave out: the server's own word, its wish for a pause, and who
//! was asked.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use reqwest::Client;

use crate::images::download::waiting;

/// As much of a refusal as is read.
const MOST_SAID: usize = 16 << 10;

/// As much of the server's message as is shown.
const SHOWN: usize = 200;

/// The right to list.
const LIST: &str = "s3:ListBucket";

/// Who was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The server that has the bucket.
    Bucket,
    /// The service that gives credentials.
    Credentials,
}

/// A complete answer that is none of those an object store has words for.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) part: Part,
    pub(super) status: u16,
    /// The server's word for it, such as `AccessDenied`; empty when it gave none.
    pub(super) code: String,
    pub(super) message: String,
    /// The right that the request needs.
    pub(super) right: &'static str,
    pub(super) wait: Option<Duration>,
    /// The region it names.
    pub(super) region: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answers {}", self.status)?;
        for text in [&self.code, &self.message] {
            if !text.is_empty() {
                write!(f, " {text}")?;
            }
        }
        Ok(())
    }
}

impl StdError for Refusal {}

/// No complete answer.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub(super) struct Lost {
    pub(super) part: Part,
    pub(super) kind: HttpErrorKind,
    #[source]
    error: HttpError,
}

/// Hands one client to every part of the object store.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) client: Client,
    /// The host of the bucket: whatever is asked elsewhere is about credentials.
    pub(super) host: String,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|allowed| allowed == "true");
        Ok(HttpClient::new(Service { client: self.client.clone(), host: self.host.clone(), plain }))
    }
}

#[derive(Debug)]
struct Service {
    client: Client,
    host: String,
    /// Whether it may be asked without TLS.
    plain: bool,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let part = if request.uri().host() == Some(&*self.host) { Part::Bucket } else { Part::Credentials };
        if !self.plain && request.uri().scheme_str() != Some("https") {
            return Err(HttpError::new(HttpErrorKind::Unknown, NoTls));
        }
        let right = right(&request);
        let response = self.client.call(request).await.map_err(|error| lost(part, error))?;
        let status = response.status().as_u16();
        if matches!(status, 200..=299 | 304 | 412) && !is_other_list(right, &response) {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let said = beginning(body).await;
        let text = String::from_utf8_lossy(&said);
        let code = between(&text, "Code");
        // What is not there is an answer, if S3 gives it: an object's, not the bucket's.
        if status == 404 && part == Part::Bucket && (code == "NoSuchKey" || text.is_empty()) {
            return Ok(HttpResponse::from_parts(head, said.into()));
        }
        Err(HttpError::new(
            HttpErrorKind::Unknown,
            Refusal {
                part,
                status,
                message: between(&text, "Message"),
                right,
                wait: waiting(&head.headers),
                region: head
                    .headers
                    .get("x-amz-bucket-region")
                    .and_then(|name| name.to_str().ok())
                    .map(shown),
                code,
            },
        ))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("credentials are not fetched without TLS")]
struct NoTls;

fn lost(part: Part, error: HttpError) -> HttpError {
    HttpError::new(error.kind(), Lost { part, kind: error.kind(), error })
}

/// The right that a request needs, as policies name it.
fn right(request: &HttpRequest) -> &'static str {
    match request.method().as_str() {
        "PUT" if request.headers().contains_key("x-amz-copy-source") => "s3:PutObject and s3:GetObject",
        "PUT" => "s3:PutObject",
        "DELETE" => "s3:DeleteObject",
        "GET" if request.uri().query().is_some_and(|query| query.contains("list-type")) => LIST,
        _ => "s3:GetObject",
    }
}

/// Whether a list came from something else than S3, whose lists are XML; a page for people can be read as an empty list.
fn is_other_list(right: &str, response: &HttpResponse) -> bool {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    right == LIST && !kind.is_some_and(|kind| kind.contains("xml"))
}

/// The beginning of a body; a part that does not come is left out.
async fn beginning(body: HttpResponseBody) -> Bytes {
    let (mut said, mut parts) = (BytesMut::new(), body.bytes_stream());
    while let Some(Ok(part)) = parts.next().await {
        let room = MOST_SAID.saturating_sub(said.len());
        said.extend_from_slice(part.get(..room).unwrap_or(&part));
        if part.len() >= room {
            break;
        }
    }
    said.freeze()
}

/// The text of an element, short and printable.
fn between(text: &str, name: &str) -> String {
    let inside = text
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")))
        .map_or("", |(inside, _)| inside);
    shown(inside)
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}
