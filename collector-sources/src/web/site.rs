//! A site as a person describes it in a file: which pages it has, and where on them everything stands.

use std::collections::BTreeMap;
use std::fmt;

use collector_core::error::{Error, ErrorKind, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::http::{Shown, Unusable};
use crate::values::Filter;

/// A site's description.
///
/// An address of a page may hold `{handle}`, `{uid}`, `{keyword}`, `{hashtag}` and `{page}`; what stands for them is
/// encoded. It counts from [`base_url`](Self::base_url).
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Where the site is, such as `https://ranking.example`. Addresses of its pages count from here. Required.
    #[serde(deserialize_with = "address")]
    pub base_url: Url,
    /// Further hosts of the site that links and redirects may lead to. Default none; `www.` makes no difference.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The page about one creator, if the site has one.
    pub profile: Option<ProfilePage>,
    /// Pages with several creators each, by name.
    #[serde(default)]
    pub lists: BTreeMap<String, ListPage>,
}

/// An address. What is none is not repeated: it may have a password in it.
fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    Url::parse(&text).map_err(|cause| D::Error::custom(format!("`base_url` {}", Unusable::NoAddress(cause))))
}

/// An address that was not checked yet may have a password in it.
impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_url, hosts, profile, lists } = self;
        f.debug_struct("Site")
            .field("base_url", &Shown(base_url))
            .field("hosts", hosts)
            .field("profile", profile)
            .field("lists", lists)
            .finish()
    }
}

/// A page about one creator.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfilePage {
    /// Its address, with `{handle}` or `{uid}`. Required.
    pub url: String,
    /// What fills the fields that nothing else does: `jsonld` (a person's data in schema.org's words) and `meta` (Open
    /// Graph and description), in this order. Default none.
    #[serde(default)]
    pub standard: Vec<Standard>,
    /// A selector that finds something exactly when there is nobody of that name. Default: only the status says so.
    pub absent: Option<String>,
    /// A creator who has a page for sure, for `check` to try the description on. Default none: `check` tries lists only.
    pub example: Option<String>,
    /// Where each field stands, by the field's name.
    #[serde(default)]
    pub fields: BTreeMap<String, Extractor>,
}

/// A page with several creators.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPage {
    /// Its address. With `{page}` the pages are counted; with `{keyword}` or `{hashtag}` it is a search. Required.
    pub url: String,
    /// The number of the first page. Default 1.
    #[serde(default = "one")]
    pub first_page: u64,
    /// By how much the number grows from page to page. Default 1.
    #[serde(default = "one")]
    pub step: u64,
    /// Pages read at most. Default 100.
    #[serde(default = "hundred")]
    pub max_pages: u32,
    /// Where the address of the next page stands. Default: the pages are counted, or there is one.
    pub next: Option<Extractor>,
    /// A selector that finds one element for each creator. Required.
    pub rows: String,
    /// A selector that finds something exactly when the list has no creators. Default none: then a first page without
    /// rows, or one that a link led to, is a page that was not understood, and so is a counted one without the element that
    /// rows stood in on the page before.
    pub empty: Option<String>,
    /// Where in a row the address of the creator's own page stands. Default none: then it is made of the handle.
    pub profile: Option<Extractor>,
    /// Where in a row each field stands, by the field's name; `handle`, `uid` or `sec_uid` is needed. Required.
    pub fields: BTreeMap<String, Extractor>,
}

/// Where a value stands, and what is made of it. One of `css`, `meta`, `jsonld`, `script`, `value` and `address`; with
/// `attr` alone it is the row's own attribute.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extractor {
    /// A selector; the first element counts, in a list page within the row.
    pub css: Option<String>,
    /// The attribute to take instead of the text. Links are made complete.
    pub attr: Option<String>,
    /// Takes all elements, as a list. Default off.
    pub all: bool,
    /// The name or property of a `meta` tag; `title` and `canonical` name the title and the page's address.
    pub meta: Option<String>,
    /// A path in the data about the person or organization the page is about, such as `address.addressCountry`.
    pub jsonld: Option<String>,
    /// A selector of a `script` whose text is JSON.
    pub script: Option<String>,
    /// A JSON pointer into that script, such as `/user/stats/followers`.
    pub pointer: Option<String>,
    /// A value that stands nowhere.
    pub value: Option<String>,
    /// Takes the address of the page.
    pub address: bool,
    /// A regular expression; its first group counts, or all of it when it has none.
    pub pattern: Option<String>,
    /// What is made of the value, one after the other. Default `["trim"]` for text.
    pub filters: Option<Vec<Filter>>,
    /// Whether it may be missing. Otherwise a page without it is reported. Default off.
    pub optional: bool,
    /// Where else it may stand: the first place with a value counts.
    #[serde(rename = "else")]
    pub otherwise: Vec<Extractor>,
}

/// A vocabulary that pages of many sites share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// JSON-LD in schema.org's words.
    Jsonld,
    /// Open Graph and other `meta` tags.
    Meta,
}

fn one() -> u64 {
    1
}

fn hundred() -> u32 {
    100
}

impl Site {
    /// Reads a description; `file` is how errors call it.
    ///
    /// # Errors
    /// `ConfigInvalid` naming file, line, key and value.
    pub fn from_toml(text: &str, file: &str) -> Result<Self> {
        let site: Self = toml::from_str(text).map_err(|error| {
            // Of the line only the key: an address may have a password in it.
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let (number, line) =
                (before.matches('\n').count(), before.rsplit('\n').next().unwrap_or_default());
            let message = format!("the site's description cannot be read: {}", error.message().trim_end());
            let refused =
                Error::new(ErrorKind::ConfigInvalid, message).with("file", file).with("line", number + 1);
            match line.split_once('=') {
                Some((key, _)) => refused.with("key", key.trim()),
                None => refused,
            }
        })?;
        // Everything else that can be wrong is found by compiling it.
        super::plan::Plan::new(&site, None).map_err(|error| error.with("file", file))?;
        Ok(site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_address_only_when_no_secret_can_be_in_it() {
        let site = |base: &str| toml::from_str::<Site>(&format!("base_url = \"{base}\"\n")).unwrap();
        let shown = |base: &str| format!("{:?}", site(base));
        assert!(shown("https://ranking.example").contains("\"https://ranking.example/\""));
        let secret = shown("https://me:hunter2@ranking.example");
        assert!(secret.contains("base_url: [redacted]") && !secret.contains("hunter2"), "{secret}");
    }

    #[test]
    fn a_wrong_address_is_named_and_not_repeated() {
        for base in
            ["https://me:hunter2@ranking.example", "https://me:hunter2@", "ftp://me:hunter2@x.example"]
        {
            let text = format!(
                "# ours\nbase_url = \"{base}\"\n[profile]\nurl = \"/@{{handle}}\"\nstandard = [\"jsonld\"]\n"
            );
            let error = Site::from_toml(&text, "site.toml").unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("site.toml") && shown.contains("`base_url`"), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let pages = [
            ("profile", "standard = [\"jsonld\"]"),
            ("lists.top", "rows = \"li\"\nfields.handle.css = \"a\""),
        ];
        for (page, rest) in pages {
            for url in
                ["https://me:hunter2@ranking.example/{nobody}", "//me:hunter2@ranking.example/{handle}"]
            {
                let text =
                    format!("base_url = \"https://ranking.example\"\n[{page}]\nurl = \"{url}\"\n{rest}\n");
                let error = Site::from_toml(&text, "site.toml").unwrap_err();
                let shown = format!("{error} {error:?}");
                assert!(shown.contains(&format!("`{page}.url` must not have a user")), "{shown}");
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
        let error = Site::from_toml("# ours\nbase_url = 7\n", "site.toml").unwrap_err();
        assert!(error.to_string().contains("line: 2"), "{error}");
    }
}
