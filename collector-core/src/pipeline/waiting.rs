//! Why this worker does not get on: one reason at a time, the same in the log and in the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorChain, ErrorKind};
use crate::store::Waiting;

/// What may keep a worker from getting on. In this order: without the lock nothing starts, whatever else is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The lock.
    Lock,
    /// The shared rate.
    Rate,
    /// More changes wait for sinks than may.
    Behind,
    /// The sink of this number.
    Sink(usize),
}

/// What is wrong at present.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    known: Mutex<BTreeMap<Part, Waiting>>,
    /// The reason, or what the last error said, is another one than before.
    pub(super) changed: Notify,
}

impl Troubles {
    /// Notes that a part failed; what it is called stands in the log and in the store. Says in the log when that becomes
    /// the reason to wait.
    pub(super) fn failed(&self, part: Part, name: &str, error: &Error, now: Timestamp) {
        self.note(part, name, problem(error.kind()), ErrorChain(error).to_string(), now);
    }

    /// Notes that more changes wait for a sink than may: nothing is claimed until they are fewer.
    pub(super) fn behind(&self, sink: &str, most: u64, now: Timestamp) {
        let error =
            format!("{most} changes or more are to be written there; nothing new is claimed until then");
        self.note(Part::Behind, sink, "behind", error, now);
    }

    fn note(&self, part: Part, name: &str, problem: &str, error: String, now: Timestamp) {
        let mut known = self.known();
        let before = first(&known);
        match known.get_mut(&part) {
            // Since when it is so does not change; what it says may.
            Some(waiting) if waiting.problem == problem && waiting.error == error => return,
            Some(waiting) => (waiting.problem, waiting.error) = (problem.to_owned(), error),
            None => {
                let waiting =
                    Waiting { part: name.to_owned(), problem: problem.to_owned(), since: now, error };
                known.insert(part, waiting);
            }
        }
        self.tell(before.as_ref(), first(&known).as_ref());
    }

    /// Notes that a part works.
    pub(super) fn works(&self, part: Part) {
        let mut known = self.known();
        let before = first(&known);
        if known.remove(&part).is_some() {
            self.tell(before.as_ref(), first(&known).as_ref());
        }
    }

    /// Whether a part failed when it was last tried.
    pub(super) fn has(&self, part: Part) -> bool {
        self.known().contains_key(&part)
    }

    /// The reason.
    pub(super) fn reason(&self) -> Option<Waiting> {
        first(&self.known())
    }

    fn tell(&self, before: Option<&Waiting>, now: Option<&Waiting>) {
        if before == now {
            return;
        }
        let head = |waiting: Option<&Waiting>| {
            waiting.map(|waiting| (waiting.part.clone(), waiting.problem.clone(), waiting.since))
        };
        if head(before) != head(now) {
            if let Some(before) = before {
                tracing::info!(part = before.part, "no longer {}", before);
            }
            if let Some(now) = now {
                tracing::warn!(part = now.part, error = now.error, "{}", now);
            }
        }
        self.changed.notify_one();
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Part, Waiting>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first(known: &BTreeMap<Part, Waiting>) -> Option<Waiting> {
    known.first_key_value().map(|(_, waiting)| waiting.clone())
}

fn problem(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unavailable | ErrorKind::Timeout => "unreachable",
        _ => "failing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> Error {
        Error::new(ErrorKind::Unavailable, "connection refused")
    }

    fn reason(troubles: &Troubles) -> Option<String> {
        troubles.reason().map(|waiting| waiting.to_string())
    }

    #[test]
    fn there_is_one_reason_and_the_lock_comes_first() {
        let troubles = Troubles::default();
        troubles.failed(Part::Sink(0), "search", &down(), Timestamp::from_secs(1));
        let search = Some("waiting: search unreachable since 1970-01-01T00:00:01Z".to_owned());
        assert_eq!(reason(&troubles), search);
        troubles.failed(Part::Lock, "lock", &down(), Timestamp::from_secs(2));
        let lock = Some("waiting: lock unreachable since 1970-01-01T00:00:02Z".to_owned());
        assert_eq!(reason(&troubles), lock);
        troubles.works(Part::Lock);
        assert_eq!(reason(&troubles), search);
        troubles.works(Part::Sink(0));
        assert_eq!(reason(&troubles), None);
    }

    #[test]
    fn since_when_stays_and_what_it_says_follows() {
        let troubles = Troubles::default();
        troubles.failed(Part::Rate, "rate", &down(), Timestamp::from_secs(1));
        let other = Error::new(ErrorKind::Rejected, "no such command");
        troubles.failed(Part::Rate, "rate", &other, Timestamp::from_secs(9));
        let waiting = troubles.reason().unwrap();
        assert_eq!((waiting.problem.as_str(), waiting.since), ("failing", Timestamp::from_secs(1)));
        assert!(waiting.error.contains("no such command"), "{waiting:?}");
    }
}
