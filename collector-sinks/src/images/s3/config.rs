//! Where the bucket is.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use url::Url;

/// A bucket, and how to reach it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketConfig {
    /// The bucket's name.
    pub bucket: String,
    /// Keys begin with this and a slash. Default none.
    pub prefix: String,
    /// The server, without the bucket: `https://minio.example.com:9000`. Default Amazon's of the region.
    pub endpoint: Option<Url>,
    /// The region; most servers that are not Amazon's take any. Default `us-east-1`.
    pub region: String,
    /// Whether the bucket's name is part of the host's name instead of the path; then `endpoint` has it, too. Default
    /// false.
    pub virtual_hosted: bool,
    /// Whether the server knows conditional writes (`If-None-Match`); all that are named in the module page do. Without
    /// them a picture that is there is written again. Default true.
    pub conditional: bool,
    /// Certificates of authorities to trust besides the machine's, as PEM text. Default none.
    pub ca: Option<String>,
    /// Longest wait for a connection. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest request, its answer included. Default 30 s.
    pub timeout: Duration,
}

impl Default for BucketConfig {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            prefix: String::new(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            virtual_hosted: false,
            conditional: true,
            ca: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }
}

impl BucketConfig {
    /// Reads `s3://bucket/prefix`, Amazon's, or `http(s)://host:port/bucket/prefix`, any server's. The rest has its
    /// defaults.
    ///
    /// # Errors
    /// `ConfigInvalid` for anything else, and for a password in it.
    pub fn at(url: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let form =
                "write s3://BUCKET/PREFIX, or https://HOST:PORT/BUCKET/PREFIX for a server of your own";
            Error::new(ErrorKind::ConfigInvalid, format!("the bucket's URL {why}; {form}"))
        };
        let parsed = Url::parse(url).map_err(|cause| wrong("cannot be read").caused_by(cause))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("has a credential in it, where logs would show it; give it as a secret"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("has a part behind ? or #"));
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("has no host"))?;
        let path = parsed.path().trim_matches('/');
        let found = match parsed.scheme() {
            "s3" => Self { bucket: host.to_owned(), prefix: path.to_owned(), ..Self::default() },
            "http" | "https" => {
                let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
                let mut endpoint = parsed.clone();
                endpoint.set_path("");
                let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
                Self { bucket, prefix, endpoint: Some(endpoint), ..Self::default() }
            }
            other => return Err(wrong(&format!("begins with {other}:"))),
        };
        found.validated()
    }

    /// The same, if it can be used.
    ///
    /// # Errors
    /// `ConfigInvalid`, which names the option.
    pub(in crate::images) fn validated(self) -> Result<Self> {
        let wrong = |option: &str, why: &str| {
            Err(Error::new(ErrorKind::ConfigInvalid, format!("`{option}` of the pictures' bucket {why}")))
        };
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if self.bucket.is_empty() || !plain(&self.bucket) {
            return wrong("bucket", "has to be a name of letters, digits, dots and dashes");
        }
        if self.region.is_empty() || !plain(&self.region) {
            return wrong("region", "has to be a name such as eu-central-1");
        }
        if Path::parse(&self.prefix).is_err() {
            return wrong("prefix", "has to be names between slashes, without . and ..");
        }
        match &self.endpoint {
            Some(endpoint) if !matches!(endpoint.scheme(), "http" | "https") => {
                wrong("endpoint", "has to begin with https:// or http://")
            }
            Some(endpoint) if !endpoint.username().is_empty() || endpoint.password().is_some() => {
                wrong("endpoint", "has a credential in it, where logs would show it; give it as a secret")
            }
            _ => Ok(self),
        }
    }

    /// Whether the bucket itself is reached without TLS, which somebody chose by writing `http://`.
    pub(super) fn is_plain(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http")
    }

    /// The host that answers for the bucket.
    pub(super) fn host(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.host_str().unwrap_or_default().to_owned(),
            None if self.virtual_hosted => format!("{}.s3.{}.amazonaws.com", self.bucket, self.region),
            None => format!("s3.{}.amazonaws.com", self.region),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_in_both_forms() {
        let amazon = BucketConfig::at("s3://pics/a/b/").unwrap();
        assert_eq!(
            (amazon.bucket.as_str(), amazon.prefix.as_str(), &amazon.endpoint),
            ("pics", "a/b", &None)
        );
        assert_eq!(amazon.host(), "s3.us-east-1.amazonaws.com");
        let own = BucketConfig::at("http://127.0.0.1:9000/pics").unwrap();
        assert_eq!((own.bucket.as_str(), own.prefix.as_str(), own.is_plain()), ("pics", "", true));
        assert_eq!(
            (own.host().as_str(), own.endpoint.unwrap().as_str()),
            ("127.0.0.1", "http://127.0.0.1:9000/")
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_told() {
        for (url, word) in [
            ("pics", "cannot be read"),
            ("s3:///x", "no host"),
            ("https://host:9000/", "bucket"),
            ("gs://pics", "gs:"),
            ("https://key:hunter2@host/pics", "credential"),
            ("s3://pics?region=x", "behind ?"),
            ("s3://pics/a//b", "prefix"),
        ] {
            let refused = BucketConfig::at(url).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConfigInvalid);
            assert!(refused.to_string().contains(word), "{url}: {refused}");
            assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
        }
    }
}
