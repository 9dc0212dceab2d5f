//! What a rebuild writes into the index in use: that it takes no writes, for whose sake, and until when.
//!
//! Nobody waits for a rebuild that died. It renews its lease while it lives; who meets one that has run out ends that
//! rebuild. No clock decides whether a change is lost, though. A rebuild takes the old index's place in a request that
//! fails when either index is missing, and who ends it deletes the new one, in a request that fails when the old one is
//! missing, before anything is let into the old one again: of the two, one only can ever succeed.

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{Method, Request};
use super::error::{Fault, refused};
use super::index::{Alias, Name};

/// Where it stands in `_meta`.
const REBUILD: &str = "rebuild";

/// The setting by which an index takes no writes.
const BLOCK: &str = "index.blocks.write";

/// A rebuild's hold on the index in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    /// The index that is being filled. No two rebuilds have the same.
    pub(super) index: Name,
    /// When it ends unless it is renewed, in milliseconds since 1970.
    pub(super) until: i64,
    /// Whether the index in use took no writes before, for somebody else's reason.
    #[serde(default)]
    pub(super) was_blocked: bool,
}

/// What became of an index that was being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discarded {
    /// It is gone, and nothing can put it in use any more.
    Gone,
    /// It had been put in use before.
    InUse,
}

impl Alias<'_> {
    /// The lease on an index.
    pub(super) async fn lease(&self, cx: &Context, name: &Name) -> Result<Option<Lease>> {
        let meta = self.meta(cx, name).await?;
        // What cannot be read is no lease: the next rebuild writes over it.
        Ok(meta.get(REBUILD).and_then(|lease| Lease::deserialize(lease).ok()))
    }

    /// Writes the lease on an index, or takes it away; the rest of what stands there stays.
    pub(super) async fn write_lease(&self, cx: &Context, name: &Name, lease: Option<&Lease>) -> Result<()> {
        let mut meta = self.meta(cx, name).await?;
        match lease {
            Some(lease) => meta.insert(REBUILD.to_owned(), json!(lease)),
            None => meta.remove(REBUILD),
        };
        let request = Request::new(Method::Put, format!("/{}/_mapping", name.as_str()));
        let request = request.json(&json!({ "_meta": meta }));
        self.cluster
            .succeed(cx, "cannot write a rebuild's lease into the search index", &request)
            .await
            .map(drop)
    }

    /// Sees to it that no rebuild holds the index in use: one that died is ended.
    ///
    /// # Errors
    /// `Unavailable` while one is going on, and for a user who may not end one that died.
    pub(super) async fn free(&self, cx: &Context, name: &Name) -> Result<()> {
        let Some(lease) = self.lease(cx, name).await? else { return Ok(()) };
        if lease.until > cx.now().as_millis() {
            return Err(held(name, &lease));
        }
        tracing::warn!(
            index = name.as_str(),
            "a rebuild of the search index did not end; it is given up, and the index goes on as it was"
        );
        match self.end(cx, name, &lease).await {
            Err(error) if error.kind() == ErrorKind::Unauthorized => Err(may_not_end(name).caused_by(error)),
            ended => ended.map(drop),
        }
    }

    /// Ends a rebuild: its index is deleted, then the one in use takes writes again.
    pub(super) async fn end(&self, cx: &Context, name: &Name, lease: &Lease) -> Result<Discarded> {
        if self.discard(cx, name, &lease.index).await? == Discarded::InUse {
            return Ok(Discarded::InUse);
        }
        if self.holds(cx, name, lease).await? {
            if !lease.was_blocked {
                self.allow_writes(cx, name).await?;
            }
            self.write_lease(cx, name, None).await?;
        }
        Ok(Discarded::Gone)
    }

    /// Takes a lease away, if it is still there.
    pub(super) async fn release(&self, cx: &Context, name: &Name, lease: &Lease) -> Result<()> {
        match self.holds(cx, name, lease).await? {
            true => self.write_lease(cx, name, None).await,
            false => Ok(()),
        }
    }

    /// Whether a lease is still there: another may have ended it, and one more begun.
    async fn holds(&self, cx: &Context, name: &Name, lease: &Lease) -> Result<bool> {
        Ok(self.lease(cx, name).await?.is_some_and(|found| found.index == lease.index))
    }

    /// Deletes what was being filled to take an index's place, unless it is in use by now.
    pub(super) async fn discard(&self, cx: &Context, older: &Name, newer: &Name) -> Result<Discarded> {
        // What stands in a lease is read, and not believed.
        if !newer.is_of(self.alias()) || newer == older {
            return Ok(Discarded::Gone);
        }
        // The first action changes nothing: it fails when the older index was replaced.
        let actions = json!({ "actions": [
            { "add": { "index": older.as_str(), "alias": self.alias() } },
            { "remove_index": { "index": newer.as_str() } },
        ] });
        let request = Request::new(Method::Post, "/_aliases").json(&actions);
        let answer = self.cluster.send(cx, &request).await?;
        if answer.is_success() {
            return Ok(Discarded::Gone);
        }
        let what = "cannot delete the search index that a rebuild had begun";
        if !Fault::of_answer(&answer).is("index_not_found_exception") {
            return Err(refused(request.about, what, &answer));
        }
        // One of the two is missing, so that the newer can take the older's place no more.
        if self.current(cx).await?.as_ref() == Some(newer) {
            return Ok(Discarded::InUse);
        }
        let request = Request::new(Method::Delete, format!("/{}", newer.as_str()));
        let answer = self.cluster.send(cx, &request).await?;
        match answer.is_success() || Fault::of_answer(&answer).is("index_not_found_exception") {
            true => Ok(Discarded::Gone),
            false => Err(refused(request.about, what, &answer)),
        }
    }

    async fn allow_writes(&self, cx: &Context, name: &Name) -> Result<()> {
        let request = Request::new(Method::Put, format!("/{}/_settings", name.as_str()));
        let request = request.json(&json!({ BLOCK: null }));
        self.cluster.succeed(cx, "cannot let changes into the search index again", &request).await.map(drop)
    }

    /// Whether an index takes no writes.
    pub(super) async fn is_blocked(&self, cx: &Context, name: &Name) -> Result<bool> {
        let what = "cannot read the settings of the search index";
        let path = format!("/{}/_settings/{BLOCK}?flat_settings=true", name.as_str());
        let answer = self.cluster.succeed(cx, what, &Request::new(Method::Get, path)).await?;
        let found: Value = answer.json(what)?;
        Ok(found[name.as_str()]["settings"][BLOCK].as_str() == Some("true"))
    }
}

/// What only another may put right is no reason not to work.
fn may_not_end(name: &Name) -> Error {
    let message = "the search index takes no changes since a rebuild died, and the user lacks the rights to end that; \
                   `collector rebuild --search` by one who has them does";
    Error::new(ErrorKind::Unavailable, message).with("index", name.as_str())
}

fn held(name: &Name, lease: &Lease) -> Error {
    let message = "the search index is being made anew and takes no changes until that has ended";
    Error::new(ErrorKind::Unavailable, message)
        .with("index", name.as_str())
        .with("it goes on at the latest", Timestamp::from_millis(lease.until))
}
