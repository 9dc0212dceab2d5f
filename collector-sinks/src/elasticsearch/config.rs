//! What can be set about the index and the way to it.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use url::Url;

use crate::secret::Secret;

/// Where the server is, who we are there, and how the index is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticsearchConfig {
    /// Nodes of one cluster, such as `https://search.example:9200`. Requests go to the living ones in turn.
    pub nodes: Vec<Url>,
    /// The alias under which the index is written and asked. Indexes are called `{index}-{format}-{number}`.
    pub index: String,
    /// The sink's name in the store and in reports. `search` by default.
    #[serde(default = "default_name")]
    pub name: String,
    /// The user; needs [`password`](Self::password).
    #[serde(default)]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// An API key in the encoded form the server shows, instead of user and password.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// Certificate authorities to trust besides the public ones, as PEM. The machine's own are not read.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// The longest a question and an administrative request may take. 30 seconds by default.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// The longest a bulk may take. 60 seconds by default.
    #[serde(default = "default_bulk_timeout")]
    pub bulk_timeout: Duration,
    /// Bytes of one bulk, 1,000 to 100,000,000. A larger record goes alone. 8,000,000 by default.
    #[serde(default = "default_bulk_bytes")]
    pub bulk_bytes: usize,
    /// Whether requests are compressed: for a server that is far away. Off by default.
    #[serde(default)]
    pub compress: bool,
    /// Primary shards of an index that is made; one serves millions of creators. 1 by default.
    #[serde(default = "one")]
    pub shards: u32,
    /// Copies of each shard of an index that is made. 0 by default: the store can fill a lost index again.
    #[serde(default)]
    pub replicas: u32,
}

fn default_name() -> String {
    "search".to_owned()
}

const fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

const fn default_bulk_timeout() -> Duration {
    Duration::from_secs(60)
}

const fn default_bulk_bytes() -> usize {
    8_000_000
}

const fn one() -> u32 {
    1
}

impl ElasticsearchConfig {
    /// An index on these nodes, everything else by default.
    pub fn new(nodes: impl IntoIterator<Item = Url>, index: impl Into<String>) -> Self {
        Self {
            nodes: nodes.into_iter().collect(),
            index: index.into(),
            name: default_name(),
            user: None,
            password: None,
            api_key: None,
            ca_pem: None,
            timeout: default_timeout(),
            bulk_timeout: default_bulk_timeout(),
            bulk_bytes: default_bulk_bytes(),
            compress: false,
            shards: one(),
            replicas: 0,
        }
    }

    /// The index a URL names, such as `https://user@search.example:9200/creators`, everything else by default. What
    /// stands before the last part of the path belongs to the node's address.
    ///
    /// # Errors
    /// `ConfigInvalid` for what is no such URL.
    pub fn at(url: &str) -> Result<Self> {
        let mut node = Url::parse(url).map_err(|error| invalid("is no URL", url).caused_by(error))?;
        if node.password().is_some() {
            return Err(invalid(PASSWORD_IN_URL, &shown(&node)));
        }
        let path = node.path().trim_end_matches('/').to_owned();
        let (before, index) = path.rsplit_once('/').unwrap_or(("", ""));
        if index.is_empty() {
            return Err(invalid(NO_INDEX, &shown(&node)));
        }
        let user = Some(node.username()).filter(|user| !user.is_empty()).map(str::to_owned);
        node.set_path(before);
        let mut config = Self::new([node], index);
        config.strip_users();
        Ok(Self { user, ..config })
    }

    /// Who asks belongs to the configuration, not to a node's address.
    fn strip_users(&mut self) {
        for node in &mut self.nodes {
            // Only an address without a host cannot have a user; `validate` refuses those.
            node.set_username("").unwrap_or_default();
        }
    }

    /// Refuses what cannot work, before anything is sent.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the field and what it may be.
    pub fn validate(&self) -> Result<()> {
        if self.nodes.is_empty() {
            return Err(invalid("names no node; one is needed", "nodes"));
        }
        self.nodes.iter().try_for_each(valid_node)?;
        if !is_name(&self.index) {
            return Err(invalid(BAD_INDEX, &self.index));
        }
        match (&self.user, &self.password, &self.api_key) {
            (Some(_), None, _) => return Err(invalid("has no password beside it", "user")),
            (None, Some(_), _) => return Err(invalid("has no user beside it", "password")),
            (Some(_), Some(_), Some(_)) => {
                return Err(invalid("cannot stand beside user and password; give one of them", "api_key"));
            }
            _ => {}
        }
        if self.api_key.as_ref().is_some_and(|key| !is_header(key.expose())) {
            return Err(invalid("is no encoded key: it has none but visible ASCII characters", "api_key"));
        }
        if !(1_000..=100_000_000).contains(&self.bulk_bytes) {
            return Err(invalid(
                "is from 1,000 to 100,000,000",
                &format!("bulk_bytes = {}", self.bulk_bytes),
            ));
        }
        if self.shards == 0 {
            return Err(invalid("is at least 1", "shards = 0"));
        }
        if self.timeout.is_zero() || self.bulk_timeout.is_zero() {
            return Err(invalid("is longer than nothing", "timeout, bulk_timeout"));
        }
        Ok(())
    }
}

const PASSWORD_IN_URL: &str = "holds a password, and addresses are shown; give it as `password`";
const NO_INDEX: &str = "names no index; write https://host:9200/creators";
const BAD_INDEX: &str = "is no name for an index; small letters, digits, `-`, `_` and `.` are possible, a letter or digit \
                         first, at most 150 characters";

fn invalid(what: &str, value: &str) -> Error {
    let value = value.escape_debug();
    Error::new(ErrorKind::ConfigInvalid, format!("search: `{value}` {what}"))
}

fn valid_node(node: &Url) -> Result<()> {
    if !matches!(node.scheme(), "http" | "https") || !node.has_host() {
        return Err(invalid("is no http or https address", &shown(node)));
    }
    if !node.username().is_empty() || node.password().is_some() {
        return Err(invalid("names a user; give `user` and `password` beside the nodes", &shown(node)));
    }
    if node.query().is_some() || node.fragment().is_some() {
        return Err(invalid("ends with more than a path", &shown(node)));
    }
    Ok(())
}

/// An address as it may be shown.
pub(super) fn shown(node: &Url) -> String {
    let host = node.host_str().unwrap_or_default();
    let port = node.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", node.scheme(), node.path().trim_end_matches('/'))
}

fn is_header(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 150
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().all(|byte| is_plain(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_node_user_and_index() {
        let config = ElasticsearchConfig::at("https://mina@search.example:9243/proxy/creators/").unwrap();
        assert_eq!(config.nodes[0].as_str(), "https://search.example:9243/proxy");
        assert_eq!((config.user.as_deref(), config.index.as_str()), (Some("mina"), "creators"));
        for wrong in ["", "search", "https://host:9200", "https://host:9200/", "http://u:pw@host/creators"] {
            let error = ElasticsearchConfig::at(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(!format!("{error:?}").contains("pw"), "{error:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        let good = || ElasticsearchConfig::at("http://localhost:9200/creators").unwrap();
        good().validate().unwrap();
        let wrong = [
            (ElasticsearchConfig { nodes: Vec::new(), ..good() }, "nodes"),
            (ElasticsearchConfig { index: "Creators".into(), ..good() }, "Creators"),
            (ElasticsearchConfig { index: "a/_search".into(), ..good() }, "a/_search"),
            (ElasticsearchConfig { user: Some("u".into()), ..good() }, "user"),
            (ElasticsearchConfig { password: Some("p".into()), ..good() }, "password"),
            (ElasticsearchConfig { api_key: Some("geheim\n".into()), ..good() }, "api_key"),
            (ElasticsearchConfig { bulk_bytes: 1, ..good() }, "bulk_bytes"),
            (ElasticsearchConfig { shards: 0, ..good() }, "shards"),
            (ElasticsearchConfig { nodes: vec!["ftp://host".parse().unwrap()], ..good() }, "ftp://host"),
            (ElasticsearchConfig { nodes: vec!["http://u:geheim@host".parse().unwrap()], ..good() }, "user"),
        ];
        for (config, named) in wrong {
            let error = config.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(error.to_string().contains(named), "{error}");
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown_and_no_key_is_guessed() {
        let json =
            r#"{"nodes": ["https://a:9200"], "index": "creators", "user": "u", "password": "hunter2"}"#;
        let config: ElasticsearchConfig = serde_json::from_str(json).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = serde_json::from_str::<ElasticsearchConfig>(r#"{"node": []}"#).unwrap_err();
        assert!(error.to_string().contains("nodes"), "{error}");
    }
}
