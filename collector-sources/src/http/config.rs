//! Options that every source with a vendor has, and what may be wrong with them.

use std::fmt;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use url::Url;

use super::HttpOptions;
use super::secret::REDACTED;

/// An address in a configuration, as it was written. It may hold a password until it was checked, so `Debug` shows scheme,
/// host and path at most.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that paths are appended to, or what is wrong with it. `remedy` follows when it is no address at all.
    pub(crate) fn base(&self, remedy: &str) -> Result<Url, String> {
        plain(&self.0).map_err(|fault| match fault {
            Unusable::NoAddress(_) => format!("`base_url` {fault}: {remedy}"),
            fault => format!("`base_url` {fault}"),
        })
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            Ok(url) => Shown(&url).fmt(f),
            Err(_) if self.0.is_empty() => f.write_str("\"\""),
            // Nobody knows where in it the secret is.
            Err(_) => f.write_str(REDACTED),
        }
    }
}

/// An address for `Debug`: one that has more than scheme, host and path may have a secret in it.
pub(crate) struct Shown<'u>(pub(crate) &'u Url);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match unusable(self.0) {
            None => write!(f, "{:?}", self.0.as_str()),
            Some(_) => f.write_str(REDACTED),
        }
    }
}

/// What is wrong with an address. It is not repeated: a password in it is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    NoAddress(url::ParseError),
    NoHost,
    NotPlain,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress(cause) => write!(f, "is no address ({cause})"),
            Self::NoHost => f.write_str("needs `https://` or `http://` and a host"),
            Self::NotPlain => f.write_str("must not have a user, a query or a fragment"),
        }
    }
}

/// An address of the web with nothing but scheme, host and path.
pub(crate) fn plain(text: &str) -> Result<Url, Unusable> {
    let url = Url::parse(text).map_err(Unusable::NoAddress)?;
    match unusable(&url) {
        None => Ok(url),
        Some(fault) => Err(fault),
    }
}

/// Whether an address has neither user, query nor fragment: nothing in which a secret is kept.
pub(crate) fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// What an address has that one to which paths are appended must not have, or lacks.
pub(crate) fn unusable(url: &Url) -> Option<Unusable> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Some(Unusable::NoHost)
    } else {
        (!is_plain(url)).then_some(Unusable::NotPlain)
    }
}

/// What is wrong with a credential that is there: a character it cannot have, most often the line break of the file it was
/// read from. It is not repeated.
pub(crate) fn credential_fault(key: &str, value: &str, may_hold: impl Fn(char) -> bool) -> Option<String> {
    (!value.chars().all(may_hold)).then(|| {
        format!("`{key}` holds white space or characters it cannot have: look for a line break at its end")
    })
}

/// Options that every source has.
pub(crate) struct Common<'c> {
    pub(crate) name: &'c str,
    pub(crate) in_flight: u32,
    pub(crate) per_second: Option<f64>,
    pub(crate) burst: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) max_body: usize,
    pub(crate) extra_ca: Option<&'c str>,
}

/// These of one source's options, which are a type of their own; and how many calls may come at once after a pause, which not
/// every source leaves open.
macro_rules! common {
    ($options:expr, burst: $burst:expr) => {
        $crate::http::Common {
            name: &$options.name,
            in_flight: $options.in_flight,
            per_second: $options.per_second,
            burst: $burst,
            timeout: $options.timeout,
            max_body: $options.max_body,
            extra_ca: $options.extra_ca.as_deref(),
        }
    };
}
pub(crate) use common;

impl Common<'_> {
    /// What the HTTP client is built with, as far as they say it.
    pub(crate) fn http(&self) -> HttpOptions {
        HttpOptions {
            timeout: self.timeout,
            idle_timeout: self.timeout,
            max_body: self.max_body,
            extra_ca: self.extra_ca.map(|pem| pem.as_bytes().to_vec()),
            ..HttpOptions::default()
        }
    }

    /// What is wrong with them.
    pub(crate) fn faults(&self) -> Vec<String> {
        let faults = [
            self.name_fault(),
            (self.in_flight == 0).then(|| "`in_flight` is 0: choose at least 1".to_owned()),
            self.per_second
                .filter(|rate| !(rate.is_finite() && *rate > 0.0))
                .map(|rate| format!("`per_second` is {rate}: choose a positive number")),
            (self.burst == Some(0)).then(|| "`burst` is 0: choose at least 1".to_owned()),
            self.timeout.is_zero().then(|| "`timeout` is 0: choose for example \"30s\"".to_owned()),
            (self.max_body == 0).then(|| "`max_body` is 0: choose at least a few megabytes".to_owned()),
        ];
        faults.into_iter().flatten().collect()
    }

    /// Names stand in lock keys, metrics and columns.
    fn name_fault(&self) -> Option<String> {
        let good =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        let fits = (1..=64).contains(&self.name.len()) && self.name.bytes().all(good);
        (!fits)
            .then(|| format!("`name` is {:?}: use 1 to 64 lower-case letters, digits, `_` or `-`", self.name))
    }

    /// What was checked, if nothing is wrong with it or with anything else.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all options that are wrong.
    pub(crate) fn checked<T>(&self, checked: Result<T, String>, others: Vec<String>) -> Result<T> {
        let mut faults = self.faults();
        let checked = checked.map_err(|fault| faults.push(fault));
        faults.extend(others);
        match checked {
            Ok(checked) if faults.is_empty() => Ok(checked),
            _ => Err(Error::new(ErrorKind::ConfigInvalid, faults.join("; ")).with("source", self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_scheme_host_and_path_and_nothing_else() {
        let base = |text: &str| Address::from(text).base("leave it out");
        assert_eq!(base("https://api.example/v1").unwrap().as_str(), "https://api.example/v1");
        for (text, told) in [
            ("api.example", "`base_url` is no address (relative URL without a base): leave it out"),
            ("ftp://api.example", "`base_url` needs `https://` or `http://` and a host"),
            ("https://me:hunter2@api.example", "`base_url` must not have a user, a query or a fragment"),
            ("https://me@api.example", "`base_url` must not have a user, a query or a fragment"),
            ("https://api.example/?token=hunter2", "`base_url` must not have a user, a query or a fragment"),
            ("https://api.example/#a", "`base_url` must not have a user, a query or a fragment"),
        ] {
            assert_eq!(base(text).unwrap_err(), told, "{text}");
        }
    }

    #[test]
    fn debug_shows_an_address_only_when_no_secret_can_be_in_it() {
        let shown = |text: &str| format!("{:?}", Address::from(text));
        assert_eq!(shown("https://api.example/v1"), "\"https://api.example/v1\"");
        assert_eq!(shown(""), "\"\"");
        for text in [
            "https://me:hunter2@api.example",
            "https://api.example/?token=hunter2",
            "me:hunter2@api.example",
            "http//me:hunter2@api.example",
            "ftp://hunter2@api.example",
        ] {
            assert_eq!(shown(text), "[redacted]", "{text}");
        }
    }

    #[test]
    fn a_credential_with_a_line_break_is_refused_and_not_repeated() {
        let fault = credential_fault("token", "hunter2\n", |c| !c.is_control()).unwrap();
        assert!(fault.contains("`token`") && fault.contains("line break") && !fault.contains("hunter2"));
        assert_eq!(credential_fault("password", "two words", |c| !c.is_control()), None);
        assert!(credential_fault("token", "two words", |c| c.is_ascii_graphic()).is_some());
    }
}
