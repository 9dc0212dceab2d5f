//! Options of this source.

use std::time::Duration;

use collector_core::error::Result;
use serde::Deserialize;
use url::Url;

use super::cost::Settings;
use crate::http::{Address, Common, HttpOptions, Secret, common, credential_fault};

/// Where the vendor answers.
const BASE_URL: &str = "https://ensembledata.com/apis";

/// Lengths of a token that the vendor accepts; with any other it answers 422, not 491.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 15..=17;

/// Deeper calls for somebody's posts would run into the timeout, and what they brought would be lost.
const DEEPEST: u32 = 100;

/// Options of one EnsembleData instance. Budget, rate and in-flight are kept here and applied by the engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleDataConfig {
    /// The instance's name: lower-case letters, digits, `_` and `-`. Default `ensembledata`.
    pub name: String,
    /// The address all paths are appended to. Default `https://ensembledata.com/apis`.
    pub base_url: Address,
    /// The account's token, 15 to 17 characters. Required.
    pub token: Secret,
    /// Units the plan allows per day; the day ends at 00:00 UTC. Default: not limited here.
    pub units_per_day: Option<u64>,
    /// Calls at once. Default 8.
    pub in_flight: u32,
    /// Calls per second. Default: not limited; the vendor publishes no limit.
    pub per_second: Option<f64>,
    /// Calls that may come at once after a pause. Default: a tenth of a second's worth.
    pub burst: Option<u32>,
    /// Longest call, as text such as `30s`. Default `30s`.
    #[serde(with = "crate::duration")]
    pub timeout: Duration,
    /// Whether calls are made on which the vendor works for minutes: all posts of a keyword or of a hashtag. Default off.
    pub long_calls: bool,
    /// Longest of these calls, as text such as `15m`. Default `15m`.
    #[serde(with = "crate::duration")]
    pub long_timeout: Duration,
    /// Pages of ten of somebody's own posts that one call reads, a unit each; 1 to 100. Default 2, which the figures
    /// over the latest twelve posts need.
    pub depth: u32,
    /// Asks keyword searches for their authors' counters, a unit for each post; their profiles need not be fetched
    /// then. Default off.
    pub author_stats: bool,
    /// Asks for profiles by `secUid` in the vendor's other way, which also tells the account's category. Default off.
    pub alternative_method: bool,
    /// Largest answer in bytes, after decompression. Default 33,554,432.
    pub max_body: usize,
    /// Keep e-mail addresses found in biographies. When off, only the fact that there is one is kept, and the
    /// address is masked wherever it stands. Default off.
    pub keep_email: bool,
    /// PEM text of certificate authorities to trust besides the machine's own. Default none.
    pub extra_ca: Option<String>,
}

impl Default for EnsembleDataConfig {
    fn default() -> Self {
        Self {
            name: "ensembledata".to_owned(),
            base_url: BASE_URL.into(),
            token: Secret::default(),
            units_per_day: None,
            in_flight: 8,
            per_second: None,
            burst: None,
            timeout: Duration::from_secs(30),
            long_calls: false,
            long_timeout: Duration::from_secs(15 * 60),
            depth: 2,
            author_stats: false,
            alternative_method: false,
            max_body: HttpOptions::default().max_body,
            keep_email: false,
            extra_ca: None,
        }
    }
}

impl EnsembleDataConfig {
    /// Checks every option and gives back the base address.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all options that are wrong, never the token.
    pub fn validate(&self) -> Result<Url> {
        let base = self.base_url.base(&format!("use {BASE_URL}"));
        let faults = [
            self.token_fault(),
            (self.long_timeout < self.timeout)
                .then(|| "`long_timeout` is below `timeout`: choose for example \"15m\"".to_owned()),
            (!(1..=DEEPEST).contains(&self.depth))
                .then(|| format!("`depth` is {}: choose 1 to {DEEPEST}", self.depth)),
        ];
        self.common().checked(base, faults.into_iter().flatten().collect())
    }

    /// What the HTTP client is built with.
    pub(super) fn http(&self) -> HttpOptions {
        // The call's own timeout is the limit; a shorter silence is no failure of a slow vendor.
        let idle_timeout = if self.long_calls { self.long_timeout } else { self.timeout };
        HttpOptions { idle_timeout, ..self.common().http() }
    }

    /// What calls depend on.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            timeout: self.timeout,
            long_timeout: self.long_timeout,
            long_calls: self.long_calls,
            depth: self.depth,
            author_stats: self.author_stats,
            alternative_method: self.alternative_method,
        }
    }

    fn common(&self) -> Common<'_> {
        common!(self, burst: self.burst)
    }

    fn token_fault(&self) -> Option<String> {
        let token = self.token.expose();
        let length = token.chars().count();
        if self.token.is_empty() {
            Some("`token` is missing: give the account's token".to_owned())
        } else if let Some(fault) = credential_fault("token", token, |c| c.is_ascii_graphic()) {
            Some(fault)
        } else if !TOKEN_LENGTH.contains(&length) {
            Some(format!("`token` has {length} characters: EnsembleData's tokens have 15 to 17"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;

    use super::*;

    fn with_token(token: &str) -> EnsembleDataConfig {
        EnsembleDataConfig { token: token.into(), ..EnsembleDataConfig::default() }
    }

    #[test]
    fn the_defaults_only_lack_a_token() {
        assert_eq!(with_token("sixteen-letters!").validate().unwrap().as_str(), BASE_URL);
        let error = EnsembleDataConfig::default().validate().unwrap_err();
        assert_eq!(error.message(), "`token` is missing: give the account's token");
    }

    #[test]
    fn a_token_of_another_length_is_refused_without_being_shown() {
        for (token, length) in [("x7Kq2mWp9RtY4z", 14), ("x7Kq2mWp9RtY4zA1bQ", 18)] {
            let config = with_token(token);
            let error = config.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(error.message().contains(&format!("{length} characters")), "{error}");
            assert!(!format!("{error:?} {config:?}").contains("x7Kq"));
        }
        assert!(with_token("0123456789abcde").validate().is_ok());
        assert!(with_token("0123456789abcdefg").validate().is_ok());
        // Sixteen characters and the line break of the file it was read from.
        let error = with_token("0123456789abcdef\n").validate().unwrap_err();
        assert!(error.message().contains("line break"), "{error}");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let config = EnsembleDataConfig {
            name: "A b".into(),
            base_url: "ftp://x".into(),
            in_flight: 0,
            per_second: Some(f64::NAN),
            burst: Some(0),
            timeout: Duration::ZERO,
            depth: 0,
            max_body: 0,
            ..EnsembleDataConfig::default()
        };
        let message = config.validate().unwrap_err().message().to_owned();
        for option in
            ["name", "base_url", "token", "in_flight", "per_second", "burst", "timeout", "depth", "max_body"]
        {
            assert!(message.contains(&format!("`{option}`")), "{option} is missing in: {message}");
        }
    }

    #[test]
    fn a_long_call_may_not_be_shorter_than_others() {
        let long_timeout = Duration::from_secs(29);
        let error =
            EnsembleDataConfig { long_timeout, ..with_token("0123456789abcdef") }.validate().unwrap_err();
        assert!(error.message().contains("`long_timeout` is below `timeout`"), "{error}");
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let config = EnsembleDataConfig {
            base_url: "https://me:hunter2@ensembledata.com/apis".into(),
            ..with_token("0123456789abcdef")
        };
        let error = config.validate().unwrap_err();
        assert!(!format!("{error:?} {config:?}").contains("hunter2"), "{config:?}");
    }

    #[test]
    fn unknown_options_are_refused_and_durations_are_text() {
        let read = serde_json::from_str::<EnsembleDataConfig>;
        assert!(read("{\"unit_per_day\":5}").unwrap_err().to_string().contains("unit_per_day"));
        assert_eq!(read("{\"timeout\":\"5m\"}").unwrap().timeout, Duration::from_secs(300));
        assert!(read("{\"timeout\":30}").is_err());
    }
}
