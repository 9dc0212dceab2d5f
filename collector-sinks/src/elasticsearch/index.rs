//! Which index is in use: an alias leads to one index, whose name says of what format it is. A new one is made beside
//! it and takes the alias over.

use std::collections::BTreeMap;

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cluster::{Answer, Cluster, Method, Request};
use super::config::ElasticsearchConfig;
use super::error::{Fault, refused};
use super::mapping::{self, fingerprint};

/// How often it is looked again after another process was faster.
const TRIES: usize = 3;

const MAKING: &str = "cannot make the search index";

/// The name of one index: alias, format, number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Name(String);

impl Name {
    /// The name after `older` for an index of this program's format. Processes that make it at once make the same.
    fn after(alias: &str, older: Option<&Self>) -> Self {
        let number = older.map_or(0, |older| older.number(alias)) + 1;
        Self(format!("{alias}-{}-{number}", fingerprint()))
    }

    /// A name beside `older` that no index had before: what was meant for one that is gone must not meet another.
    pub(super) fn beside(alias: &str, older: &Self, now: Timestamp) -> Self {
        let number = (older.number(alias) + 1).max(u64::try_from(now.as_millis()).unwrap_or_default());
        Self(format!("{alias}-{}-{number}", fingerprint()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The alias under which the index is filled before it is in use. A bulk to it fails when the index was deleted; one
    /// to the index's name would make an index of that name.
    pub(super) fn filling(&self) -> String {
        format!("{}-rebuild", self.0)
    }

    /// Whether an index of this name is of this program's format.
    pub(super) fn is_current(&self, alias: &str) -> bool {
        self.parts(alias).is_some_and(|(format, _)| format == fingerprint())
    }

    /// Whether a sink made the index.
    pub(super) fn is_of(&self, alias: &str) -> bool {
        self.parts(alias).is_some()
    }

    /// Format and number; `None` for an index that no sink made.
    fn parts(&self, alias: &str) -> Option<(&str, u64)> {
        let (format, number) = self.0.strip_prefix(alias)?.strip_prefix('-')?.rsplit_once('-')?;
        let is_format = format.len() == 32 && format.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_format.then(|| number.parse().ok().map(|number| (format, number))).flatten()
    }

    fn number(&self, alias: &str) -> u64 {
        self.parts(alias).map_or(0, |(_, number)| number)
    }
}

/// An alias on a cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alias<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) config: &'a ElasticsearchConfig,
}

impl Alias<'_> {
    pub(super) fn alias(&self) -> &str {
        &self.config.index
    }

    /// The index in use; `None` when there is none yet.
    ///
    /// # Errors
    /// `ConfigInvalid` for an alias that is somebody else's, and what the server says.
    pub(super) async fn current(&self, cx: &Context) -> Result<Option<Name>> {
        let what = "cannot look which search index is in use";
        let request = Request::new(Method::Get, format!("/_alias/{}", self.alias()));
        let answer = self.cluster.send(cx, &request).await?;
        if answer.status == 404 && is_about_alias(&answer) {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(refused(request.about, what, &answer));
        }
        let found: BTreeMap<String, Value> = answer.json(what)?;
        let mut names = found.into_keys().map(Name);
        match (names.next(), names.next()) {
            (Some(name), None) if name.is_of(self.alias()) => Ok(Some(name)),
            (Some(name), _) => Err(foreign(self.alias(), name.as_str())),
            (None, _) => Ok(None),
        }
    }

    /// The index in use. Makes one where there is none; one of another format is made anew beside it, from what it
    /// keeps, and takes its place.
    ///
    /// # Errors
    /// As for [`current`](Self::current); `Unavailable` while a rebuild is going on.
    pub(super) async fn ensure(&self, cx: &Context) -> Result<Name> {
        let mut tries = 0;
        loop {
            let current = self.current(cx).await?;
            let made = match &current {
                Some(name) => match self.free(cx, name).await {
                    Ok(()) if name.is_current(self.alias()) => return Ok(name.clone()),
                    Ok(()) => self.replace(cx, name).await,
                    Err(error) => Err(error),
                },
                None => self.create(cx).await,
            };
            tries += 1;
            match made {
                // Another process was faster, or ends what this one began; the alias tells.
                Err(_) if tries < TRIES && self.current(cx).await? != current => {}
                Err(error) => return Err(error),
                Ok(()) if tries >= TRIES => return Err(restless(self.alias())),
                Ok(()) => {}
            }
        }
    }

    async fn create(&self, cx: &Context) -> Result<()> {
        let name = Name::after(self.alias(), None);
        let mut body = mapping::index(self.config);
        body["aliases"] = json!({ self.alias(): {} });
        self.put(cx, &name, &body).await
    }

    async fn replace(&self, cx: &Context, older: &Name) -> Result<()> {
        let newer = Name::after(self.alias(), Some(older));
        match self.copy_over(cx, older, &newer).await {
            Ok(copied) => {
                let index = newer.as_str();
                tracing::info!(
                    index,
                    records = copied,
                    "the search index has a new format and was made anew"
                );
                Ok(())
            }
            Err(error) => {
                self.give_up(cx, older, &newer).await;
                Err(error)
            }
        }
    }

    /// Fills an index with what an older one keeps, and lets it take its place; gives how many records it has.
    async fn copy_over(&self, cx: &Context, older: &Name, newer: &Name) -> Result<u64> {
        let filling = newer.filling();
        self.put(cx, newer, &mapping::index(self.config)).await?;
        // By itself: one that is there already may have been left before it had this alias. The first action changes nothing:
        // it fails when another was faster, and the newer index is in use by now.
        let actions = [
            json!({ "add": { "index": older.as_str(), "alias": self.alias() } }),
            json!({ "add": { "index": newer.as_str(), "alias": filling } }),
        ];
        self.change(cx, MAKING, &actions).await?;
        // Nothing may be written behind the copy's back. What is offered meanwhile stays owed.
        self.block_writes(cx, older).await?;
        let copied = super::copy::copy(cx, self.cluster, self.config, older, &filling).await?;
        self.refresh(cx, newer).await?;
        self.replace_with(cx, older, newer).await?;
        Ok(copied)
    }

    /// Deletes an index that cannot take an older one's place any more, because a rebuild does or did. Otherwise it stays:
    /// others may be filling it, and who comes next goes on with it.
    async fn give_up(&self, cx: &Context, older: &Name, newer: &Name) {
        let lost = match self.current(cx).await {
            Ok(Some(current)) if current == *older => {
                self.lease(cx, older).await.is_ok_and(|lease| lease.is_some())
            }
            Ok(Some(current)) => current != *newer,
            _ => false,
        };
        if lost && let Err(error) = self.discard(cx, older, newer).await {
            tracing::warn!(index = newer.as_str(), %error, "an index that was half made is left over; delete it");
        }
    }

    /// Makes an index. One of that name that is there already was left behind by a process that ended, or is being
    /// filled by another: records go into it by version, so it can be filled by any number of them.
    async fn put(&self, cx: &Context, name: &Name, body: &Value) -> Result<()> {
        let request = Request::new(Method::Put, format!("/{}", name.as_str())).json(body);
        let answer = self.cluster.send(cx, &request).await?;
        let fault = Fault::of_answer(&answer);
        if answer.is_success() || fault.is("resource_already_exists_exception") {
            return Ok(());
        }
        if fault.is("invalid_alias_name_exception") {
            return Err(foreign(self.alias(), self.alias()));
        }
        Err(refused(request.about, MAKING, &answer))
    }

    /// Makes an index that is not there yet, to be filled.
    pub(super) async fn make(&self, cx: &Context, name: &Name) -> Result<()> {
        let mut body = mapping::index(self.config);
        body["aliases"] = json!({ name.filling(): {} });
        let request = Request::new(Method::Put, format!("/{}", name.as_str())).json(&body);
        self.cluster.succeed(cx, MAKING, &request).await.map(drop)
    }

    pub(super) async fn block_writes(&self, cx: &Context, name: &Name) -> Result<()> {
        let request = Request::new(Method::Put, format!("/{}/_block/write", name.as_str()));
        self.cluster.succeed(cx, "cannot end writing to the older search index", &request).await.map(drop)
    }

    /// In one step for everybody who asks. The newer index loses the alias it was filled under.
    pub(super) async fn replace_with(&self, cx: &Context, older: &Name, newer: &Name) -> Result<()> {
        let actions = [
            json!({ "add": { "index": newer.as_str(), "alias": self.alias() } }),
            json!({ "remove": { "index": newer.as_str(), "alias": newer.filling() } }),
            json!({ "remove_index": { "index": older.as_str() } }),
        ];
        self.change(cx, "cannot replace the older search index", &actions).await
    }

    /// Changes aliases, all or none.
    async fn change(&self, cx: &Context, what: &'static str, actions: &[Value]) -> Result<()> {
        let request = Request::new(Method::Post, "/_aliases").json(&json!({ "actions": actions }));
        self.cluster.succeed(cx, what, &request).await.map(drop)
    }

    /// Makes what was written visible now.
    pub(super) async fn refresh(&self, cx: &Context, name: &Name) -> Result<()> {
        let request = Request::new(Method::Post, format!("/{}/_refresh", name.as_str()));
        self.cluster.succeed(cx, "cannot refresh the search index", &request).await.map(drop)
    }

    /// The format an index says it has.
    pub(super) async fn format(&self, cx: &Context, name: &Name) -> Result<Option<String>> {
        Ok(self.meta(cx, name).await?.get("format").and_then(Value::as_str).map(str::to_owned))
    }

    /// What stands in an index besides its fields.
    pub(super) async fn meta(&self, cx: &Context, name: &Name) -> Result<Map<String, Value>> {
        let what = "cannot read the fields of the search index";
        let request = Request::new(Method::Get, format!("/{}/_mapping", name.as_str()));
        let answer = self.cluster.succeed(cx, what, &request).await?;
        let mut found: BTreeMap<String, IndexInfo> = answer.json(what)?;
        Ok(found.remove(name.as_str()).unwrap_or_default().mappings.meta)
    }
}

#[derive(Deserialize, Default)]
struct IndexInfo {
    #[serde(default)]
    mappings: Mappings,
}

#[derive(Deserialize, Default)]
struct Mappings {
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

/// A cluster says what is missing; another server's 404 is a page, or JSON of its own.
fn is_about_alias(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["error"].as_str().is_some_and(|text| text.starts_with("alias"))
}

fn foreign(alias: &str, index: &str) -> Error {
    let message =
        "the name of the search index is taken by an index that the sink did not make; choose another name";
    Error::new(ErrorKind::ConfigInvalid, message).with("name", alias).with("index", index)
}

fn restless(alias: &str) -> Error {
    let message = "the search index is replaced over and over; do programs of two versions write to it?";
    Error::new(ErrorKind::ConfigInvalid, message).with("name", alias)
}

/// Somebody asks and there is nothing yet.
pub(super) fn missing(alias: &str) -> Error {
    let message = "there is no search index yet; `collector run` with a [search] section makes it";
    Error::new(ErrorKind::ConfigInvalid, message).with("name", alias)
}

/// The index is of a format that only its writer may replace.
pub(super) fn other_format(alias: &str, index: &str) -> Error {
    let message =
        "the search index is of another version's format; `collector run` of this version makes it anew";
    Error::new(ErrorKind::ConfigInvalid, message).with("name", alias).with("index", index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_format_and_number() {
        let first = Name::after("creators", None);
        assert!(first.is_current("creators") && first.number("creators") == 1);
        let older = Name("creators-0123456789abcdef0123456789abcdef-7".into());
        assert!(!older.is_current("creators"));
        assert_eq!(Name::after("creators", Some(&older)).number("creators"), 8);
        let beside = Name::beside("creators", &older, Timestamp::from_millis(1_795_000_000_123));
        assert!(beside.is_current("creators") && beside.number("creators") == 1_795_000_000_123);
        let later = Name::beside("creators", &beside, Timestamp::from_millis(5));
        assert_eq!(later.number("creators"), 1_795_000_000_124, "a clock that went back");
        for foreign in ["creators", "creators-1", "creators-x-1", "other-0123456789abcdef0123456789abcdef-1"]
        {
            assert_eq!(Name(foreign.into()).parts("creators"), None, "{foreign}");
        }
        // Names of another alias that begins alike.
        assert_eq!(Name("creators-b-0123456789abcdef0123456789abcdef-1".into()).parts("creators"), None);
    }
}
