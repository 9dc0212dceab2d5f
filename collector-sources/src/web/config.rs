//! Options of this source.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::site::Site;
use crate::http::{Address, Common, HttpOptions, common, unusable};

/// Where TikTok's pages are.
pub(super) const TIKTOK: &str = "https://www.tiktok.com";

/// Largest page read by default: profiles have up to 600 KB.
const LARGEST_PAGE: usize = 8 << 20;

/// Options of one instance: TikTok's profile pages, or a site that is described in a file. In-flight and rate are kept
/// here and applied by the engine.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// The instance's name: lower-case letters, digits, `_` and `-`. Default `web`.
    pub name: String,
    /// How the site's operator can reach you: an `https://` address or an e-mail address. It is sent with every request.
    /// Required.
    pub contact: String,
    /// The site. Default: TikTok's profile pages.
    pub site: Option<Site>,
    /// Where the site is. Default: where its description says, or `https://www.tiktok.com`.
    pub base_url: Option<Address>,
    /// Calls at once. Default 1.
    pub in_flight: u32,
    /// Calls per second. Default: one in 15 s for TikTok, one in 2 s for any other site.
    pub per_second: Option<f64>,
    /// Longest exchange, as text such as `30s`. Default `30s`.
    pub timeout: Duration,
    /// Largest page in bytes, after decompression. Default 8 MiB.
    pub max_body: usize,
    /// Keep e-mail addresses found in names and biographies. When off, only the fact that there is one is kept, and the
    /// address is masked wherever it stands. Default off.
    pub keep_email: bool,
    /// PEM text of certificate authorities to trust besides the machine's own. Default none.
    pub extra_ca: Option<String>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            name: "web".to_owned(),
            contact: String::new(),
            site: None,
            base_url: None,
            in_flight: 1,
            per_second: None,
            timeout: Duration::from_secs(30),
            max_body: LARGEST_PAGE,
            keep_email: false,
            extra_ca: None,
        }
    }
}

/// What was checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) base: Url,
    pub(super) agent: HeaderValue,
}

impl WebConfig {
    /// Calls per second the engine should make.
    pub fn rate(&self) -> f64 {
        self.per_second.unwrap_or(if self.site.is_some() { 0.5 } else { 1.0 / 15.0 })
    }

    /// Checks every option but the site's description.
    ///
    /// # Errors
    /// `ConfigInvalid` naming all options that are wrong.
    pub(super) fn validate(&self) -> Result<Checked> {
        let base = match (&self.base_url, &self.site) {
            (Some(base), _) => base.base("leave it out for the site's own"),
            (None, Some(site)) => match unusable(&site.base_url) {
                None => Ok(site.base_url.clone()),
                Some(fault) => Err(format!("`base_url` {fault}")),
            },
            (None, None) => Address::from(TIKTOK).base("report a bug"),
        };
        let agent = self.agent();
        let faults = agent.as_ref().err().cloned().into_iter().collect();
        let base = self.common().checked(base, faults)?;
        Ok(Checked { base, agent: agent.map_err(|fault| Error::new(ErrorKind::ConfigInvalid, fault))? })
    }

    /// What the HTTP client is built with: redirects are looked at before they are followed.
    pub(super) fn http(&self) -> HttpOptions {
        HttpOptions {
            keep_headers: vec![HeaderName::from_static("location")],
            follow_redirects: false,
            ..self.common().http()
        }
    }

    /// Who we say we are.
    fn agent(&self) -> Result<HeaderValue, String> {
        const REMEDY: &str = "give an `https://` address or an e-mail address under which you can be reached";
        let contact = self.contact.trim();
        let link = Url::parse(contact)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        let address =
            contact.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
        let printable = contact.len() <= 200
            && contact.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'(' | b')'));
        if contact.is_empty() {
            return Err(format!("`contact` is missing: {REMEDY}"));
        }
        if !((link || address) && printable) {
            return Err(format!("`contact` is {contact:?}: {REMEDY}"));
        }
        let plus = if link { "+" } else { "" };
        HeaderValue::from_str(&format!("collector/{} ({plus}{contact})", env!("CARGO_PKG_VERSION")))
            .map_err(|_| format!("`contact` cannot be sent: {REMEDY}"))
    }

    fn common(&self) -> Common<'_> {
        common!(self, burst: None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(contact: &str) -> Result<String> {
        let config = WebConfig { contact: contact.to_owned(), ..WebConfig::default() };
        config.validate().map(|checked| checked.agent.to_str().unwrap().to_owned())
    }

    #[test]
    fn every_request_says_who_asks_and_how_to_reach_them() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            agent("https://team.example/bot").unwrap(),
            format!("collector/{version} (+https://team.example/bot)")
        );
        assert_eq!(agent("bot@team.example").unwrap(), format!("collector/{version} (bot@team.example)"));
        for contact in
            ["", "me", "ftp://x.example", "https://x.example/\r\nX: y", "https://x.example/(a)", "@x.example"]
        {
            let error = agent(contact).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(error.message().contains("`contact`"), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let config = WebConfig {
            contact: "bot@team.example".into(),
            base_url: Some("https://me:hunter2@site.example".into()),
            ..WebConfig::default()
        };
        let error = config.validate().unwrap_err();
        assert!(error.message().contains("`base_url`"), "{error}");
        assert!(!format!("{error:?} {config:?}").contains("hunter2"), "{config:?}");
    }

    #[test]
    fn all_options_that_are_wrong_are_told_at_once() {
        let config = WebConfig {
            name: "Web".into(),
            base_url: Some("ftp://x".into()),
            in_flight: 0,
            per_second: Some(f64::NAN),
            timeout: Duration::ZERO,
            max_body: 0,
            ..WebConfig::default()
        };
        let error = config.validate().unwrap_err();
        for option in ["name", "contact", "base_url", "in_flight", "per_second", "timeout", "max_body"] {
            assert!(error.message().contains(&format!("`{option}`")), "{option}: {error}");
        }
    }
}
