//! Where the server is, who we are to it, and how long it may take.

use std::fmt;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use url::Url;

const FORM: &str = "write redis://HOST:PORT or rediss://HOST:PORT (TLS), with /DATABASE if it is not 0";

/// How a Redis or Valkey server is reached. Holds the password; its `Debug` shows the address alone.
#[derive(Clone)]
pub struct RedisConfig {
    host: String,
    port: u16,
    tls: bool,
    login: RedisConnectionInfo,
    ca: Option<Vec<u8>>,
    prefix: String,
    connect_timeout: Duration,
    response_timeout: Duration,
}

impl RedisConfig {
    /// Reads `redis://[user[:password]@]host[:port][/database]`; `rediss://` speaks TLS, and `valkey://` and
    /// `valkeys://` mean the same. A password may stand in the URL and is never shown.
    ///
    /// # Errors
    /// `ConfigInvalid` for anything else. The message does not repeat the text: it may hold a password.
    pub fn parse(url: &str) -> Result<Self> {
        let invalid =
            |why: &str| Error::new(ErrorKind::ConfigInvalid, format!("the Redis URL {why}; {FORM}"));
        let url = Url::parse(url).map_err(|cause| invalid("cannot be read").caused_by(cause))?;
        let tls = match url.scheme() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            other => return Err(invalid(&format!("begins with `{other}://`"))),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(
                "has a `?` or `#` part, which means nothing here (write %3F or %23 in a password)",
            ));
        }
        let plain = plain(&url).ok_or_else(|| invalid("names no host"))?;
        let info =
            plain.into_connection_info().map_err(|cause| invalid("cannot be used").caused_by(cause))?;
        let ConnectionAddr::Tcp(host, port) = info.addr().clone() else {
            return Err(invalid("names no host"));
        };
        Ok(Self {
            host,
            port,
            tls,
            // Naming the client would need one more right, and nobody looks there for us.
            login: info.redis_settings().clone().set_skip_set_lib_name(),
            ca: None,
            prefix: "collector".to_owned(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(2),
        })
    }

    /// Logs in as this user of the server's access list; `default` when nobody is named.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.login = self.login.set_username(user);
        self
    }

    /// Logs in with this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.login = self.login.set_password(password);
        self
    }

    /// Trusts these certificate authorities (PEM) too; only `rediss://` uses them.
    #[must_use]
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// What every key begins with. `collector` by default.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long connecting and logging in may take. Two seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long an answer may take. Two seconds by default; keep it below a sixth of the lease's ttl, so that two
    /// tries of a renewal fit.
    #[must_use]
    pub fn response_timeout(mut self, limit: Duration) -> Self {
        self.response_timeout = limit;
        self
    }

    /// The address without user and password, for people.
    pub fn address(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}/{}", self.port, self.login.db())
    }

    pub(super) fn endpoint(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }

    pub(super) fn authorities(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }

    pub(super) fn login(&self) -> &RedisConnectionInfo {
        &self.login
    }

    pub(super) fn key_prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn connect_limit(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) fn response_limit(&self) -> Duration {
        self.response_timeout
    }
}

/// The URL as the client crate reads it: TLS is our own affair.
fn plain(url: &Url) -> Option<Url> {
    let mut plain = url.clone();
    plain.set_scheme("redis").ok()?;
    url.host_str().is_some_and(|host| !host.is_empty()).then_some(plain)
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig").field("address", &self.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_who_and_whether_tls() {
        for (url, address) in [
            ("redis://h", "redis://h:6379/0"),
            ("valkey://h:7/3", "redis://h:7/3"),
            ("rediss://u:p@h:7", "rediss://h:7/0"),
            ("valkeys://[::1]:7", "rediss://[::1]:7/0"),
        ] {
            assert_eq!(RedisConfig::parse(url).unwrap().address(), address);
        }
        let config = RedisConfig::parse("redis://who:p%40ss%2F@h").unwrap();
        assert_eq!((config.login.username(), config.login.password()), (Some("who"), Some("p@ss/")));
    }

    #[test]
    fn what_is_no_such_url_is_refused_without_repeating_it() {
        for url in [
            "hunter2",
            "http://u:hunter2@h",
            "redis://:hunter2@",
            "redis://u:hunter2@h/x",
            "rediss://u:hunter2@h#insecure",
            "redis://u:hunter2@h?protocol=resp3",
            "unix:///hunter2",
            "redis://u:hunter2@0.0.0.0",
        ] {
            let error = RedisConfig::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{url}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn debug_shows_neither_user_nor_password() {
        let config =
            RedisConfig::parse("redis://somebody:hunter2@h").unwrap().password("hunter3").ca("hunter4");
        let shown = format!("{config:?} {config:#?}");
        assert!(!shown.contains("hunter") && !shown.contains("somebody"), "{shown}");
        assert!(shown.contains("redis://h:6379/0"), "{shown}");
    }
}
