//! Options of this source.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use collector_core::error::Result;
use serde::Deserialize;
use url::Url;

use super::kind::Settings;
use crate::http::{Address, Common, HttpOptions, Secret, common, credential_fault};

/// Where the vendor answers.
const BASE_URL: &str = "https://open.echotik.live";

/// Options of one EchoTik instance. Budget, rate and in-flight are kept here and applied by the engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EchoTikConfig {
    /// The instance's name: lower-case letters, digits, `_` and `-`. Default `echotik`.
    pub name: String,
    /// The address all paths are appended to. Default `https://open.echotik.live`.
    pub base_url: Address,
    /// The user name of the account's API key. Required.
    pub username: Secret,
    /// The password of the account's API key. Required.
    pub password: Secret,
    /// Calls at once. Default 4, which the vendor's database takes; give an instance that asks the platform 1.
    pub in_flight: u32,
    /// Calls per second. Default: not limited; the vendor publishes no limit.
    pub per_second: Option<f64>,
    /// Calls that may come at once after a pause. Default: a tenth of a second's worth.
    pub burst: Option<u32>,
    /// Longest call, as text such as `30s`. Default `30s`.
    #[serde(with = "crate::duration")]
    pub timeout: Duration,
    /// Largest answer in bytes, after decompression. Default 33,554,432.
    pub max_body: usize,
    /// Keep e-mail addresses. When off, only the fact that there is one is kept, and the address is masked wherever it
    /// stands. Default off.
    pub keep_email: bool,
    /// Converts links to pictures, which the vendor's store refuses to serve otherwise: a call for each ten creators.
    /// Default off.
    pub pictures: bool,
    /// Units a converted picture may cost. Default 0, as documented; some accounts were charged one.
    pub picture_units: u32,
    /// Whose profile is asked of the platform itself, a call each, besides the vendor's database. Default nobody's.
    pub real_time: RealTime,
    /// PEM text of certificate authorities to trust besides the machine's own. Default none.
    pub extra_ca: Option<String>,
}

/// Whose profile is asked of the platform itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RealTime {
    /// Nobody's.
    #[default]
    Off,
    /// Theirs whom the database does not have.
    Missing,
    /// Everybody's who is asked for.
    Always,
}

impl Default for EchoTikConfig {
    fn default() -> Self {
        Self {
            name: "echotik".to_owned(),
            base_url: BASE_URL.into(),
            username: Secret::default(),
            password: Secret::default(),
            in_flight: 4,
            per_second: None,
            burst: None,
            timeout: Duration::from_secs(30),
            max_body: HttpOptions::default().max_body,
            keep_email: false,
            pictures: false,
            picture_units: 0,
            real_time: RealTime::Off,
            extra_ca: None,
        }
    }
}

impl EchoTikConfig {
    /// Checks every option and gives back the base address.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all options that are wrong, never a credential.
    pub fn validate(&self) -> Result<Url> {
        let base = self.base_url.base(&format!("use {BASE_URL}"));
        let faults = [
            key_fault("username", &self.username),
            key_fault("password", &self.password),
            // Everything behind the first colon would be taken for the password.
            self.username.expose().contains(':').then(|| "`username` must not hold a colon".to_owned()),
        ];
        self.common().checked(base, faults.into_iter().flatten().collect())
    }

    /// What the HTTP client is built with.
    pub(super) fn http(&self) -> HttpOptions {
        self.common().http()
    }

    /// What calls depend on.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            timeout: self.timeout,
            pictures: self.pictures,
            picture_units: self.picture_units,
            real_time: self.real_time,
        }
    }

    /// The credentials as they are sent.
    pub(super) fn basic(&self) -> Secret {
        STANDARD.encode(format!("{}:{}", self.username.expose(), self.password.expose())).into()
    }

    fn common(&self) -> Common<'_> {
        common!(self, burst: self.burst)
    }
}

fn key_fault(name: &str, secret: &Secret) -> Option<String> {
    match secret.is_empty() {
        true => Some(format!("`{name}` is missing: the account's API keys have a user name and a password")),
        false => credential_fault(name, secret.expose(), |c| !c.is_control()),
    }
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;

    use super::*;

    fn good() -> EchoTikConfig {
        EchoTikConfig {
            username: "made-up".into(),
            password: "s3cret-canary".into(),
            ..EchoTikConfig::default()
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once_and_no_credential() {
        assert!(good().validate().is_ok());
        let bad = EchoTikConfig {
            name: "Echo".into(),
            base_url: "https://u:pw-in-url@x.test/".into(),
            username: "a:b".into(),
            password: "s3cret-canary\n".into(),
            in_flight: 0,
            per_second: Some(f64::NAN),
            burst: Some(0),
            timeout: Duration::ZERO,
            max_body: 0,
            ..EchoTikConfig::default()
        };
        let error = bad.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        let text = format!("{error:?}");
        for part in [
            "`name`",
            "`base_url`",
            "`username`",
            "`password`",
            "`in_flight`",
            "`per_second`",
            "`burst`",
            "`timeout`",
            "`max_body`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("pw-in-url") && !format!("{text}{bad:?}").contains("s3cret"), "{text}");
        let none = EchoTikConfig::default().validate().unwrap_err().to_string();
        assert!(none.contains("`username` is missing") && none.contains("`password` is missing"), "{none}");
    }

    #[test]
    fn credentials_are_sent_as_documented() {
        let config = EchoTikConfig { username: "Aladdin".into(), password: "open sesame".into(), ..good() };
        assert_eq!(config.basic().expose(), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
