//! Whether every part of a pipeline works.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::handle::Engine;
use crate::admission::Rate;
use crate::context::{ByteBudget, Context};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Acquired, LeaseOptions, Lock, LockKey, Released, Renewed};

/// How long one part may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How long what a trial leaves behind lives, if it cannot be taken back.
const TRIAL: Duration = Duration::from_secs(10);

/// What kind of part was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartKind {
    /// A source.
    Source,
    /// A sink.
    Sink,
    /// The lock.
    Lock,
    /// The rate that processes share.
    Rate,
}

/// A part that was checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checked {
    /// What it is.
    pub kind: PartKind,
    /// The name of a source or sink; `lock` and `rate` for those.
    pub name: String,
    /// Whether it works.
    pub result: Result<()>,
}

impl<D: Domain> Engine<D> {
    /// Asks every source and sink whether it works, and tries the lock and the shared rate on a name of their own.
    /// Nothing is written that stays. One answer per part.
    pub async fn check(&self) -> Vec<Checked> {
        let parts = &self.parts;
        let cx = Context::new(
            CancellationToken::new(),
            Arc::clone(&parts.clock),
            ByteBudget::new(parts.settings.body_bytes),
        );
        let mut answers = Vec::new();
        let mut answer = |kind, name: &str, result| {
            answers.push(Checked { kind, name: name.to_owned(), result });
        };
        for slot in &parts.slots {
            let account = Arc::clone(&parts.accounts[slot.account].name);
            let cx = cx.for_call(account, CancellationToken::new(), LIMIT);
            let account = &parts.accounts[slot.account].name;
            let several = parts.slots.iter().filter(|other| other.name == slot.name).count() > 1;
            let name = if several { format!("{} ({account})", slot.name) } else { slot.name.to_string() };
            answer(PartKind::Source, &name, cx.guard(slot.source.check(&cx)).await);
        }
        for sink in &parts.sinks {
            answer(PartKind::Sink, sink.name(), cx.guard(sink.check(&cx)).await);
        }
        let trial = format!("{}:check:{:016x}", parts.settings.namespace, rand::random::<u64>());
        answer(PartKind::Lock, "lock", in_time("lock", try_lock(&*parts.lock, &trial)).await);
        if let Some(rate) = &parts.rate {
            let asked = async { rate.ask(&trial, Rate::new(1.0, 1.0), 1).await.map(drop) };
            answer(PartKind::Rate, "rate", in_time("rate", asked).await);
        }
        answers
    }
}

async fn in_time(part: &str, trial: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(LIMIT, trial).await.unwrap_or_else(|_| {
        let message = "no answer in time; look whether its server is up and can be reached from here";
        Err(Error::new(ErrorKind::Unavailable, message)
            .with("part", part)
            .with("waited", format!("{LIMIT:?}")))
    })
}

/// Takes a key, keeps it, is refused a second time, and gives it back.
async fn try_lock(lock: &dyn Lock, name: &str) -> Result<()> {
    let (key, options) = (LockKey(name.into()), LeaseOptions { ttl: TRIAL, min_hold: Duration::ZERO });
    let taken = lock.try_acquire_many(std::slice::from_ref(&key), options).await?;
    let Some(Acquired::Granted(lease)) = taken.into_iter().next() else {
        return Err(wrong("a key that nobody can hold is held"));
    };
    let again = lock.try_acquire_many(&[key], options).await?;
    if matches!(again.first(), Some(Acquired::Granted(_))) {
        return Err(wrong("a key was granted twice"));
    }
    if lock.renew_many(std::slice::from_ref(&lease)).await? != [Renewed::Held] {
        return Err(wrong("a key that was just granted cannot be renewed"));
    }
    if lock.release_many(vec![lease]).await? != [Released::Freed] {
        return Err(wrong("a key that was just granted cannot be given back"));
    }
    Ok(())
}

fn wrong(what: &str) -> Error {
    let message = format!("{what}: look whether something else uses the lock's keys, or deletes them");
    Error::new(ErrorKind::Unexpected, message)
}
