//! What is sent: a request whose secrets join it only on the way out.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use collector_core::error::{Error, ErrorKind, Result};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::secret::{REDACTED, Secret};

/// Query parameters whose values are never shown, whoever put them into the URL.
const SECRET_PARAMS: [&str; 10] = [
    "access_token",
    "api_key",
    "apikey",
    "client_secret",
    "key",
    "password",
    "secret",
    "signature",
    "token",
    "x-signature",
];

/// One request. Secrets are kept beside the URL and added when it is sent, so that no log or error can show them.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    secret_params: Vec<(Cow<'static, str>, Secret)>,
    timeout: Option<Duration>,
    cut_at: Option<usize>,
    secret_address: bool,
}

impl Request {
    /// A `GET` of `url`.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url, None)
    }

    /// A `POST` of `body`, whose `content_type` is a media type such as `application/json`.
    pub fn post(url: Url, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut request = Self::new(Method::POST, url, Some(body.into()));
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        request
    }

    fn new(method: Method, url: Url, body: Option<Bytes>) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body,
            secret_params: Vec::new(),
            timeout: None,
            cut_at: None,
            secret_address: false,
        }
    }

    /// Adds a query parameter; name and value are encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a query parameter that is never shown.
    #[must_use]
    pub fn secret_query(mut self, name: impl Into<Cow<'static, str>>, value: &Secret) -> Self {
        self.secret_params.push((name.into(), value.clone()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a header that is never shown, such as `Authorization` with a `prefix` of `Bearer `.
    ///
    /// # Errors
    /// `ConfigInvalid` when the secret holds characters no header can carry.
    pub fn secret_header(mut self, name: HeaderName, prefix: &str, value: &Secret) -> Result<Self> {
        let mut header = HeaderValue::from_str(&format!("{prefix}{}", value.expose())).map_err(|_| {
            Error::new(
                ErrorKind::ConfigInvalid,
                "the credential holds characters a header cannot carry: give it anew",
            )
            .with("header", &name)
        })?;
        header.set_sensitive(true);
        self.headers.insert(name, header);
        Ok(self)
    }

    /// Shows of the address nothing but its host: whoever knows the rest may write there, as with a webhook.
    #[must_use]
    pub fn secret_address(mut self) -> Self {
        self.secret_address = true;
        self
    }

    /// Gives the whole exchange up after `timeout`, for callers whose context has no deadline.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Takes the first `bytes` bytes of the body, whatever its length and the client's cap, and leaves the rest.
    #[must_use]
    pub fn cut_at(mut self, bytes: usize) -> Self {
        self.cut_at = Some(bytes);
        self
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The URL without the secret parameters.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL as errors and logs may show it: no credential, no signature.
    pub fn shown(&self) -> String {
        if self.secret_address {
            let host = self.url.host_str().unwrap_or_default();
            return format!("{}://{host}/{REDACTED}", self.url.scheme());
        }
        let mut url = redacted(&self.url);
        for (name, _) in &self.secret_params {
            url.query_pairs_mut().append_pair(name, REDACTED);
        }
        readable(&url)
    }

    /// After how many bytes the body is left.
    pub(super) fn body_cut_at(&self) -> Option<usize> {
        self.cut_at
    }

    /// The request as it goes out.
    pub(super) fn build(self, default_timeout: Duration) -> reqwest::Request {
        let mut url = self.url;
        for (name, secret) in &self.secret_params {
            url.query_pairs_mut().append_pair(name, secret.expose());
        }
        let mut request = reqwest::Request::new(self.method, url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.body.map(Into::into);
        *request.timeout_mut() = Some(self.timeout.unwrap_or(default_timeout));
        request
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.shown())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// The URL with user, password and the values of secret parameters taken out.
pub fn redact(url: &Url) -> String {
    readable(&redacted(url))
}

fn redacted(url: &Url) -> Url {
    let mut shown = url.clone();
    // Both only fail for URLs that cannot have a user, and then there is none to take out.
    if !url.username().is_empty() || url.password().is_some() {
        shown.set_username("").unwrap_or_default();
        shown.set_password(None).unwrap_or_default();
    }
    shown.set_fragment(None);
    if url.query().is_some() {
        shown.query_pairs_mut().clear().extend_pairs(url.query_pairs().map(|(name, value)| {
            let secret = SECRET_PARAMS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
            (name, if secret { REDACTED.into() } else { value })
        }));
    }
    shown
}

/// The text of a URL with the placeholder in its readable spelling.
fn readable(url: &Url) -> String {
    url.as_str().replace("%5Bredacted%5D", REDACTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn of_a_secret_address_only_the_host_is_shown() {
        let request = Request::post(url("https://me:pw@hooks.test/T1/hunter2?k=hunter2#hunter2"), "a/b", "")
            .secret_address();
        assert_eq!(request.shown(), "https://hooks.test/[redacted]");
        assert!(!format!("{request:?}").contains("hunter2"));
        assert_eq!(request.build(Duration::from_secs(1)).url().path(), "/T1/hunter2");
    }

    #[test]
    fn a_secret_parameter_is_sent_and_never_shown() {
        let request = Request::get(url("https://api.test/x"))
            .query("name", "a&b=c/ü")
            .secret_query("token", &Secret::from("hunter2hunter2"));
        assert_eq!(request.shown(), "https://api.test/x?name=a%26b%3Dc%2F%C3%BC&token=[redacted]");
        assert!(!format!("{request:?}").contains("hunter2"));
        let sent = request.build(Duration::from_secs(1));
        assert_eq!(sent.url().query(), Some("name=a%26b%3Dc%2F%C3%BC&token=hunter2hunter2"));
    }

    #[test]
    fn a_secret_header_is_sent_and_never_shown() {
        let name = reqwest::header::AUTHORIZATION;
        let request = Request::get(url("https://api.test/"));
        let request = request.secret_header(name.clone(), "Bearer ", &Secret::from("hunter2")).unwrap();
        assert!(!format!("{request:?}").contains("hunter2"));
        let sent = request.build(Duration::from_secs(1));
        assert_eq!(sent.headers()[&name], "Bearer hunter2");
        assert!(sent.headers()[&name].is_sensitive());
    }

    #[test]
    fn a_secret_no_header_can_carry_is_refused_without_showing_it() {
        let name = reqwest::header::AUTHORIZATION;
        let request = Request::get(url("https://api.test/"));
        let error = request.secret_header(name, "", &Secret::from("hunter2\n")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn redact_takes_credentials_out_of_any_url() {
        let shown = redact(&url("https://me:pass@api.test/p?Token=abc&cursor=20&x-signature=zz#frag"));
        assert_eq!(shown, "https://api.test/p?Token=[redacted]&cursor=20&x-signature=[redacted]");
    }
}
