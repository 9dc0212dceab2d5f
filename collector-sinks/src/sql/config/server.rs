//! What can be set about a database server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

pub use crate::secret::Secret;

/// A store on MySQL 8 or MariaDB (10.6 or newer).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Where it is: `mysql://user@host:port/database`. Neither a password nor options stand in it.
    pub url: String,
    /// The user's password. Empty by default.
    #[serde(default)]
    pub password: Secret,
    /// Whether the connection is encrypted, and what the server's certificate must show. `preferred` by default.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// Certificates to trust instead of the public ones: a PEM file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_ca: Option<PathBuf>,
    /// Connections at most. 8 by default.
    #[serde(default = "default_connections")]
    pub connections: u32,
    /// Longest wait for a connection. 5 s by default.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Duration,
    /// Longest attempt at one call of the store. 30 s by default.
    #[serde(default = "default_call_timeout")]
    pub call_timeout: Duration,
    /// How long a call is repeated while the server cannot be reached. 60 s by default.
    #[serde(default = "default_patience")]
    pub patience: Duration,
    /// Who makes the tables. `auto` by default.
    #[serde(default)]
    pub migrate: Migrate,
}

/// Whether a connection is encrypted, and what the server's certificate must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SslMode {
    /// Never.
    Disabled,
    /// If the server can; any certificate.
    #[default]
    Preferred,
    /// Always; any certificate.
    Required,
    /// Always; the certificate is signed by somebody trusted.
    VerifyCa,
    /// Always; the certificate is also made out to this host.
    VerifyIdentity,
}

/// Who makes the tables of a store on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Migrate {
    /// Whoever opens the store first; its user needs the right to `CREATE` and `INDEX`.
    #[default]
    Auto,
    /// Somebody else: tables that are missing or older are an error.
    Check,
}

fn default_connections() -> u32 {
    8
}

fn default_connect_timeout() -> Duration {
    Duration::from_secs(5)
}

fn default_call_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_patience() -> Duration {
    Duration::from_secs(60)
}

impl ServerConfig {
    /// The store behind this URL, everything else by default.
    pub fn new(url: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self {
            url: url.into(),
            password: password.into(),
            ssl_mode: SslMode::default(),
            ssl_ca: None,
            connections: default_connections(),
            connect_timeout: default_connect_timeout(),
            call_timeout: default_call_timeout(),
            patience: default_patience(),
            migrate: Migrate::default(),
        }
    }

    /// Names every value that cannot be used.
    pub(super) fn faults(&self, faults: &mut Vec<String>) {
        if let Err(fault) = Address::of(&self.url) {
            faults.push(fault);
        }
        if self.ssl_ca.is_some() && self.ssl_mode == SslMode::Disabled {
            faults.push("ssl_ca is of no use with ssl_mode disabled; leave one out".to_owned());
        }
        if !(2..=256).contains(&self.connections) {
            faults.push(format!("connections {} is not between 2 and 256", self.connections));
        }
        for (name, time) in [("connect_timeout", self.connect_timeout), ("call_timeout", self.call_timeout)] {
            if !(Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&time) {
                faults.push(format!("{name} {time:?} is not between 100 ms and 1 h"));
            }
        }
        if self.patience > Duration::from_secs(86_400) {
            faults.push(format!("patience {:?} is more than a day", self.patience));
        }
    }
}

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct Address {
    pub(in crate::sql) user: String,
    pub(in crate::sql) host: String,
    pub(in crate::sql) port: u16,
    pub(in crate::sql) database: String,
}

const FORM: &str = "write mysql://user@host:port/database";
const PORT: u16 = 3306;

impl Address {
    /// Reads a URL. What is wrong with it is said without repeating it: it may hold a password.
    pub(in crate::sql) fn of(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("url cannot be read ({error}); {FORM}"))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(format!("url has the scheme {:?}, not mysql; {FORM}", url.scheme()));
        }
        if url.password().is_some() {
            return Err("url holds a password; put it into `password`, which is never shown".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(
                "url has options; ssl_mode, ssl_ca and the others are settings of their own".to_owned()
            );
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("url names no host; {FORM}"))?;
        let database = decoded(url.path().trim_start_matches('/'));
        if database.is_empty() || database.contains('/') {
            return Err(format!("url names no database; {FORM}"));
        }
        if url.username().is_empty() {
            return Err(format!("url names no user; {FORM}"));
        }
        Ok(Self {
            user: decoded(url.username()),
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            database,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Undoes percent-encoding; what is none stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.first_chunk::<2>().filter(|_| first == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(url: &str) -> String {
        Address::of(url).unwrap_err()
    }

    #[test]
    fn a_url_is_user_host_port_and_database() {
        let address = Address::of("mysql://ann%40home@db.example:3307/our%20data").unwrap();
        assert_eq!((&*address.user, &*address.host, address.port), ("ann@home", "db.example", 3307));
        assert_eq!(address.database, "our data");
        let address = Address::of("mysql://a@[::1]/d").unwrap();
        assert_eq!((&*address.host, address.port), ("::1", 3306));
    }

    #[test]
    fn what_a_url_lacks_is_named_and_its_password_is_not() {
        assert!(fault("mysql://a:hunter2@h/d").contains("password"));
        assert!(!fault("mysql://a:hunter2@h/d").contains("hunter2"));
        assert!(fault("postgres://a@h/d").contains("postgres"));
        assert!(fault("mysql://a@h").contains("database"));
        assert!(fault("mysql://h/d").contains("user"));
        assert!(fault("mysql://a@h/d?ssl-mode=DISABLED").contains("ssl_mode"));
        assert!(fault("nonsense").contains("mysql://user@host"));
    }

    #[test]
    fn nothing_shows_the_password() {
        let config = ServerConfig::new("mysql://a@h/d", "hunter2");
        let written = serde_json::to_string(&config).unwrap();
        assert!(!format!("{config:?} {written}").contains("hunter2"));
        assert!(written.contains("[redacted]"));
    }

    #[test]
    fn an_unknown_key_is_refused_and_a_known_one_is_read() {
        let read = |text: &str| serde_json::from_str::<ServerConfig>(text);
        let config = read(r#"{"url":"mysql://a@h/d","password":"p","ssl_mode":"verify_ca"}"#).unwrap();
        assert_eq!((config.ssl_mode, config.password.expose()), (SslMode::VerifyCa, "p"));
        assert!(read(r#"{"url":"mysql://a@h/d","sslmode":"x"}"#).is_err());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let config = ServerConfig {
            ssl_mode: SslMode::Disabled,
            ssl_ca: Some("ca.pem".into()),
            connections: 1,
            call_timeout: Duration::ZERO,
            ..ServerConfig::new("mysql://h/d", "")
        };
        let mut faults = Vec::new();
        config.faults(&mut faults);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }
}
