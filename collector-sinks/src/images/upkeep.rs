//! Collecting unreferenced pictures without anybody thinking of it: whoever comes first on a day sweeps.

use std::collections::BTreeSet;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::domain::Domain;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::store::Store;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::shelf::failed;
use super::sink::ImagesSink;
use super::sweep::{NOTE, Swept, sweep};
use super::used::Used;

/// The time between two sweeps, and how long nobody must have wanted a picture: so one is deleted on the second day
/// after its last record has gone at the earliest.
const DAY: Duration = Duration::from_secs(86_400);

/// The most that a note of ours is long.
const MAX_NOTE: u64 = 64 << 10;

/// What [`ImagesSink::upkeep`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upkeep {
    /// It swept.
    Swept(Swept),
    /// Somebody swept less than a day ago.
    NotDue,
    /// Several stores have pictures here, by these names, and none knows what the others refer to: nothing is swept.
    Shared(Vec<String>),
}

/// What is remembered in the place itself.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    /// When somebody swept last.
    swept: Option<Timestamp>,
    /// The stores whose records have pictures here.
    stores: BTreeSet<String>,
}

impl ImagesSink {
    /// Collects the pictures that no record of `store` refers to, if nobody did so for a day. `name` stands for the
    /// store: a place that stores of two names use is left alone. See [`sweep`] for what is done; memory holds eight
    /// bytes a picture and some hundred records.
    ///
    /// Safe beside a running writer, and beside somebody else who does the same. What a writer keeps while the records
    /// are read is young, and what a sweep finds unused it only puts aside: a later one deletes it, or brings it back
    /// if a record refers to it after all.
    ///
    /// # Errors
    /// `Storage` from the store; `Unavailable` or `Unauthorized` when the place fails; `ConfigInvalid` when its note of
    /// the last sweep cannot be read; `Cancelled` when `cx` is stopped. Nothing is lost, the next call goes on.
    pub async fn upkeep<D: Domain>(&self, cx: &Context, name: &str, store: &dyn Store<D>) -> Result<Upkeep> {
        tidy(&**self.place().await?, cx, name, Used::by(cx, store)).await
    }
}

/// [`ImagesSink::upkeep`] with `used` telling what is referred to, once it is needed.
pub(super) async fn tidy(
    place: &dyn ObjectStore,
    cx: &Context,
    name: &str,
    used: impl Future<Output = Result<Used>>,
) -> Result<Upkeep> {
    // Before the records are read: whatever is kept from now on is too young to be put aside.
    let now = cx.now();
    let mut note = read(place).await?;
    if note.stores.insert(name.to_owned()) {
        write(place, &note).await?;
    }
    if note.stores.len() > 1 {
        return Ok(Upkeep::Shared(note.stores.into_iter().collect()));
    }
    // A date that lies ahead was written by a clock that went wrong.
    if note.swept.is_some_and(|swept| swept <= now && now.since(swept) < DAY) {
        return Ok(Upkeep::NotDue);
    }
    let used = used.await?;
    let swept = cx.guard(sweep(place, now, DAY, |key| used.has(key))).await?;
    // Another store may have come meanwhile.
    let note = Note { swept: Some(now), ..read(place).await? };
    write(place, &note).await?;
    Ok(Upkeep::Swept(swept))
}

async fn read(place: &dyn ObjectStore) -> Result<Note> {
    let path = Path::from(NOTE);
    let wrong = |cause: String| {
        let message = "the note of who uses this place and when it was swept cannot be read; delete it if only one \
                       store has pictures here";
        Error::new(ErrorKind::ConfigInvalid, message).with("file", NOTE).caused_by(cause)
    };
    let found = match place.get(&path).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(Note::default()),
        found => found.map_err(|error| failed(NOTE, error))?,
    };
    if found.meta.size > MAX_NOTE {
        return Err(wrong(format!("it has {} bytes", found.meta.size)));
    }
    let bytes = found.bytes().await.map_err(|error| failed(NOTE, error))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

async fn write(place: &dyn ObjectStore, note: &Note) -> Result<()> {
    let text = serde_json::to_vec(note)
        .map_err(|error| Error::new(ErrorKind::Unexpected, "a note cannot be written").caused_by(error))?;
    place.put(&Path::from(NOTE), text.into()).await.map(drop).map_err(|error| failed(NOTE, error))
}
