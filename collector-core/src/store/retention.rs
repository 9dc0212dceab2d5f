//! What a store keeps of what has been replaced or is over, and who sees to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Store, WorkerId};
use crate::clock::{Clock, Timestamp};
use crate::domain::Domain;
use crate::error::Result;
use crate::id::Name;

/// Which answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payloads {
    /// Every one.
    #[default]
    All,
    /// Of each request the latest, as long as it is asked again or some record or dead letter rests on it. What a record
    /// says can be read again from what is kept.
    Latest,
}

/// What a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Answers.
    pub payloads: Payloads,
    /// How long runs that have ended are kept, and tasks that were answered; at least as long as answers stay fresh for any
    /// run, because an answered task is what says so. `None` keeps them for ever.
    pub runs: Option<Duration>,
}

impl Retention {
    /// How long the latest answer to a request is kept that nobody asks any more and nothing rests on.
    pub const UNASKED: Duration = Duration::from_secs(30 * 86_400);

    /// How old figures of a day are before one day of each week stands for the week.
    pub const DAILY: i32 = 35;

    /// How old they are before one of four weeks stands for all of them.
    pub const WEEKLY: i32 = 400;

    /// For how many days it is kept how answers were filled.
    pub const FILLS: i32 = 60;
}

impl Default for Retention {
    fn default() -> Self {
        Self { payloads: Payloads::All, runs: Some(Duration::from_secs(90 * 86_400)) }
    }
}

/// How old what a source gave may become, where its vendor's terms say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The source.
    pub source: Name,
    /// How long what it gave is kept without being got anew.
    pub keep_for: Duration,
}

/// How far [`Store::expire`] has come; what the numbers mean is the store's. The default is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Of what it goes through.
    pub stage: u8,
    /// Behind which number.
    pub after: u64,
}

/// What a batch of [`Store::expire`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Expired {
    /// What is gone.
    pub removed: Tidied,
    /// Where the next batch begins; `None` at the end.
    pub next: Option<Place>,
}

/// How late a call's answer may be committed without being asked whether it is too old by now. Answers are committed within
/// moments, so that nobody has to look.
pub const PROMPT: Duration = Duration::from_secs(10);

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tidied {
    /// Answers.
    pub answers: u64,
    /// Sightings of sources whose terms let nobody keep them.
    pub sightings: u64,
    /// Records of which no sighting is left.
    pub records: u64,
    /// Answered tasks.
    pub tasks: u64,
    /// Ended runs.
    pub runs: u64,
    /// Days of figures.
    pub days: u64,
    /// Whether the store has been gone through.
    pub done: bool,
}

impl Tidied {
    /// Adds another batch.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.sightings += other.sightings;
        self.records += other.records;
        self.tasks += other.tasks;
        self.runs += other.runs;
        self.days += other.days;
        self.done = other.done;
    }

    /// Whether anything was removed.
    pub fn is_empty(&self) -> bool {
        self.answers + self.sightings + self.records + self.tasks + self.runs + self.days == 0
    }
}

/// When the store was gone through last.
const NOTE: &str = "tidied";

/// How long a store is left alone after it was gone through.
const REST: Duration = Duration::from_secs(20 * 3_600);

/// Drops everything a source gave that was got last before a moment, in small batches beside whoever works. A `stop` ends
/// it between two batches; what is gone then is gone, and the next call looks for the rest.
///
/// # Errors
/// `Storage`.
pub async fn expire<D: Domain>(
    store: &dyn Store<D>,
    worker: &WorkerId,
    (source, before): (&str, Timestamp),
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<Tidied> {
    let (mut removed, mut place) = (Tidied::default(), Some(Place::default()));
    while let Some(from) = place
        && !stop.is_cancelled()
    {
        let batch = store.expire(worker, (source, before), from, clock.now()).await?;
        removed.add(&batch.removed);
        place = batch.next;
    }
    removed.done = place.is_none();
    Ok(removed)
}

/// The same in a name of its own, for whoever has no worker: what sinks are owed by it is then owed by whoever works next.
///
/// # Errors
/// `Storage`.
pub(crate) async fn expire_aside<D: Domain>(
    store: &dyn Store<D>,
    what: (&str, Timestamp),
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<Tidied> {
    let worker: WorkerId = format!("upkeep-{}-{:016x}", std::process::id(), rand::random::<u64>()).into();
    let removed = expire(store, &worker, what, clock, stop).await;
    // Without a change it never was on the list.
    let closed = store.close(&worker).await;
    let removed = removed?;
    closed?;
    Ok(removed)
}

/// Removes what `keep` does not keep and drops what `terms` let nobody keep, in small batches beside whoever works, once a
/// day; `None` when it was done within the last hours. A `stop` ends it between two batches, and the next call goes on
/// there.
///
/// # Errors
/// `Storage`.
pub async fn upkeep<D: Domain>(
    store: &dyn Store<D>,
    keep: &Retention,
    terms: &[Terms],
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<Option<Tidied>> {
    let last = store.note(NOTE).await?.and_then(|text| text.parse::<Timestamp>().ok());
    if last.is_some_and(|last| clock.now().since(last) < REST && last <= clock.now()) {
        return Ok(None);
    }
    let mut tidied = Tidied::default();
    for Terms { source, keep_for } in terms {
        let before = clock.now() - *keep_for;
        tidied.add(&expire_aside(store, (&**source, before), clock, stop).await?);
    }
    tidied.done = false;
    while !tidied.done && !stop.is_cancelled() {
        tidied.add(&store.tidy(keep, clock.now()).await?);
    }
    if tidied.done {
        store.put_note(NOTE, Some(&clock.now().to_string())).await?;
    }
    Ok(Some(tidied))
}
