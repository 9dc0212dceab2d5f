//! Options of this source.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use url::Url;

use crate::http::{Address, Common, HttpOptions, Secret, common, credential_fault};

/// Which of TikTok's own APIs is asked. There is no default: each is only for those whom TikTok approved for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// The Research API.
    Research,
    /// TikTok One, part of the API for Business.
    One,
}

impl Mode {
    fn base_url(self) -> &'static str {
        match self {
            Self::Research => "https://open.tiktokapis.com",
            Self::One => "https://business-api.tiktok.com/open_api/v1.3",
        }
    }
}

/// How old what the Research API gave may become, by its terms.
const LONGEST_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What is said when no mode is chosen.
const NO_MODE: &str = "`mode` is missing, and there is no default: `mode = \"research\"` is TikTok's Research API, for \
    approved non-commercial researchers only, who refresh or drop what they keep after 30 days; `mode = \"one\"` is TikTok \
    One, for approved partners; everybody else uses another source, such as `ensembledata`";

/// Options of one TikTok instance. Budget, rate and in-flight are kept here and applied by the engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TikTokConfig {
    /// The instance's name: lower-case letters, digits, `_` and `-`. Default `tiktok`.
    pub name: String,
    /// Which API is asked: `research`, for approved non-commercial researchers, or `one`, for partners. Required.
    pub mode: Option<Mode>,
    /// The address all paths are appended to. Default `https://open.tiktokapis.com` for `research`,
    /// `https://business-api.tiktok.com/open_api/v1.3` for `one`.
    pub base_url: Option<Address>,
    /// The research project's client key. Required for `research`.
    pub client_key: Secret,
    /// The research project's client secret. Required for `research`.
    pub client_secret: Secret,
    /// The partner's long-lived access token. Required for `one`.
    pub access_token: Secret,
    /// The partner's TikTok One account, `tto_tcm_account_id`. Required for `one`.
    pub account_id: String,
    /// Units a day, which ends at 00:00 UTC: a request other than for followers is one. Default 1,000 for `research`,
    /// none for `one`.
    pub units_per_day: Option<u64>,
    /// Calls at once. Default 4.
    pub in_flight: u32,
    /// Calls per second. Default 5 for `research`, 2 for `one`; neither limit is published.
    pub per_second: Option<f64>,
    /// Calls that may come at once after a pause. Default: a tenth of a second's worth.
    pub burst: Option<u32>,
    /// Longest call, as text such as `30s`. Default `30s`.
    #[serde(with = "crate::duration")]
    pub timeout: Duration,
    /// Largest answer in bytes, after decompression. Default 33,554,432.
    pub max_body: usize,
    /// Keep e-mail addresses found in biographies. When off, only the fact that there is one is kept, and the address is
    /// masked wherever it stands. Default off.
    pub keep_email: bool,
    /// PEM text of certificate authorities to trust besides the machine's own. Default none.
    pub extra_ca: Option<String>,
}

impl Default for TikTokConfig {
    fn default() -> Self {
        Self {
            name: "tiktok".to_owned(),
            mode: None,
            base_url: None,
            client_key: Secret::default(),
            client_secret: Secret::default(),
            access_token: Secret::default(),
            account_id: String::new(),
            units_per_day: None,
            in_flight: 4,
            per_second: None,
            burst: None,
            timeout: Duration::from_secs(30),
            max_body: HttpOptions::default().max_body,
            keep_email: false,
            extra_ca: None,
        }
    }
}

impl TikTokConfig {
    /// Checks every option and gives back the mode and the base address.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all options that are wrong, never a credential.
    pub fn validate(&self) -> Result<(Mode, Url)> {
        let invalid = |text: String| Error::new(ErrorKind::ConfigInvalid, text).with("source", &self.name);
        let mode = self.mode.ok_or_else(|| invalid(NO_MODE.to_owned()))?;
        let base = match &self.base_url {
            Some(base) => base.base("leave it out for the vendor's own"),
            None => Address::from(mode.base_url()).base("report a bug"),
        };
        let base = self.common().checked(base, self.credential_faults(mode))?;
        Ok((mode, base))
    }

    /// Calls per second, where nothing was chosen what the mode bears.
    pub fn rate(&self) -> Option<f64> {
        self.per_second.or(match self.mode {
            Some(Mode::Research) => Some(5.0),
            Some(Mode::One) => Some(2.0),
            None => None,
        })
    }

    /// Units a day, where nothing was chosen what the vendor allows.
    pub fn units(&self) -> Option<u64> {
        self.units_per_day.or((self.mode == Some(Mode::Research)).then_some(1_000))
    }

    /// How old what it gave may become: the terms of the Research API ask everybody to refresh what they keep within 30
    /// days, and to drop what is not given any more. For the engine, as
    /// [`SourceOptions::keep_for`](collector_core::pipeline::SourceOptions::keep_for).
    pub fn keep_for(&self) -> Option<Duration> {
        (self.mode == Some(Mode::Research)).then_some(LONGEST_KEPT)
    }

    /// What the HTTP client is built with.
    pub(super) fn http(&self) -> HttpOptions {
        self.common().http()
    }

    fn common(&self) -> Common<'_> {
        common!(self, burst: self.burst)
    }

    /// Which credentials are missing, unusable, or of the other mode.
    fn credential_faults(&self, mode: Mode) -> Vec<String> {
        let research = mode == Mode::Research;
        let parts = [
            ("client_key", self.client_key.expose(), research),
            ("client_secret", self.client_secret.expose(), research),
            ("access_token", self.access_token.expose(), !research),
            ("account_id", self.account_id.as_str(), !research),
        ];
        let name = if research { "research" } else { "one" };
        let fault = |(key, value, wanted): (&str, &str, bool)| match (value.is_empty(), wanted) {
            (true, true) => Some(format!("`{key}` is missing: `mode = \"{name}\"` needs it")),
            (false, false) => Some(format!("`{key}` is of no use with `mode = \"{name}\"`: leave it out")),
            (false, true) => credential_fault(key, value, |c| c.is_ascii_graphic()),
            (true, false) => None,
        };
        parts.into_iter().filter_map(fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn research() -> TikTokConfig {
        TikTokConfig {
            mode: Some(Mode::Research),
            client_key: "made-up-key".into(),
            client_secret: "made-up-secret".into(),
            ..TikTokConfig::default()
        }
    }

    fn refused(config: &TikTokConfig) -> String {
        let error = config.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(!format!("{error:?} {config:?}").contains("made-up"), "{error:?}");
        error.message().to_owned()
    }

    #[test]
    fn without_a_mode_both_are_named_and_what_to_use_instead() {
        let message = refused(&TikTokConfig { mode: None, ..research() });
        for words in
            ["non-commercial researchers only", "after 30 days", "\"one\"", "partners", "`ensembledata`"]
        {
            assert!(message.contains(words), "{words:?} in {message}");
        }
    }

    #[test]
    fn each_mode_has_its_address_its_limits_and_its_credentials() {
        assert_eq!(research().validate().unwrap().1.as_str(), "https://open.tiktokapis.com/");
        assert_eq!((research().units(), research().rate()), (Some(1_000), Some(5.0)));
        let one = TikTokConfig {
            mode: Some(Mode::One),
            access_token: "made-up-token".into(),
            account_id: "71".into(),
            ..TikTokConfig::default()
        };
        assert_eq!(one.validate().unwrap().1.as_str(), "https://business-api.tiktok.com/open_api/v1.3");
        assert_eq!((one.units(), one.rate()), (None, Some(2.0)));
        let message = refused(&TikTokConfig { mode: Some(Mode::One), ..research() });
        for words in ["`client_key` is of no use", "`access_token` is missing", "`account_id` is missing"] {
            assert!(message.contains(words), "{words:?} in {message}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let message = refused(&TikTokConfig {
            name: "A b".into(),
            base_url: Some("https://me:hunter2@host.test/".into()),
            client_secret: "made-up-secret\n".into(),
            in_flight: 0,
            per_second: Some(f64::NAN),
            burst: Some(0),
            timeout: Duration::ZERO,
            max_body: 0,
            ..research()
        });
        for option in
            ["name", "base_url", "client_secret", "in_flight", "per_second", "burst", "timeout", "max_body"]
        {
            assert!(message.contains(&format!("`{option}`")), "{option} is missing in: {message}");
        }
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn unknown_options_and_modes_are_refused() {
        let read = serde_json::from_str::<TikTokConfig>;
        assert!(read("{\"modus\":\"one\"}").unwrap_err().to_string().contains("modus"));
        let error = read("{\"mode\":\"display\"}").unwrap_err().to_string();
        assert!(error.contains("`research`") && error.contains("`one`"), "{error}");
    }
}
