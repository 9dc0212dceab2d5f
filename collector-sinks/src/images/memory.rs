//! What the sink remembers from one write to the next. Losing it costs a download or a question, nothing else.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::id::{Digest, RecordKey};

use super::fact::KeptPicture;

/// Pictures and troubles remembered at most; the oldest are forgotten first.
const MOST: usize = 16_384;

/// How long a picture that was kept is known to be there. Far below the sweep's grace, so that a picture reported out
/// of this memory is still young to a sweep.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// How long a newer link is waited for when nothing shows whether the source was asked.
const ASKED_FOR: Duration = Duration::from_secs(600);

/// Tries at one picture, each a little later, before it counts as unavailable.
const MOST_TRIES: u32 = 4;

/// The first wait between them; each one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What to do about a link that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Ask the source for a newer one.
    Ask,
    /// The source was asked, and what it gave has ended, too.
    GiveUp,
}

/// What to do about a host that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// Try again after this time.
    Again(Duration),
    /// It was tried often enough.
    GiveUp,
}

/// See the [module page](self).
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: Mutex<Bounded<String, (KeptPicture, Timestamp)>>,
    asked: Mutex<Bounded<RecordKey, Asked>>,
    tries: Mutex<Bounded<(RecordKey, Digest), u32>>,
}

/// A question that is open: which link had ended, and when whoever gave it was last heard.
#[derive(Debug, Clone, Copy)]
struct Asked {
    link: Digest,
    heard: Option<Timestamp>,
    since: Timestamp,
}

impl Memory {
    /// Remembers a picture by its whole link, host included: another host may hold another picture there.
    pub(super) fn keep(&self, link: &str, picture: KeptPicture, now: Timestamp) {
        lock(&self.kept).insert(link.to_owned(), (picture, now));
    }

    /// A picture kept a moment ago.
    pub(super) fn kept(&self, link: &str, now: Timestamp) -> Option<KeptPicture> {
        let kept = lock(&self.kept);
        kept.get(&link.to_owned())
            .filter(|(_, at)| now.since(*at) < KEPT_FOR)
            .map(|(picture, _)| picture.clone())
    }

    /// A record's link has ended. `heard` is when its source was last heard about it: a later time, or another link,
    /// is the answer to the question.
    pub(super) fn ended(
        &self,
        key: RecordKey,
        link: &str,
        heard: Option<Timestamp>,
        now: Timestamp,
    ) -> Ended {
        let link = Digest::of(link.as_bytes());
        let mut asked = lock(&self.asked);
        let Some(open) = asked.get(&key).copied() else {
            asked.insert(key, Asked { link, heard, since: now });
            return Ended::Ask;
        };
        if open.link == link && open.heard == heard && now.since(open.since) < ASKED_FOR {
            return Ended::Ask;
        }
        asked.remove(&key);
        Ended::GiveUp
    }

    /// Whether the host of this record's link failed before.
    pub(super) fn has_failed(&self, key: RecordKey, name: &str) -> bool {
        lock(&self.tries).get(&(key, Digest::of(name.as_bytes()))).is_some()
    }

    /// The host of a record's link failed; `name` is the link's name, whatever its signature.
    pub(super) fn failed(&self, key: RecordKey, name: &str, after: Option<Duration>) -> Failed {
        let trouble = (key, Digest::of(name.as_bytes()));
        let mut tries = lock(&self.tries);
        let tried = tries.get(&trouble).copied().unwrap_or(0) + 1;
        if tried >= MOST_TRIES {
            tries.remove(&trouble);
            return Failed::GiveUp;
        }
        tries.insert(trouble, tried);
        Failed::Again((FIRST_WAIT * 2_u32.pow(tried - 1)).max(after.unwrap_or_default()))
    }

    /// Nothing is open about this record any more.
    pub(super) fn settled(&self, key: RecordKey, name: &str) {
        lock(&self.asked).remove(&key);
        lock(&self.tries).remove(&(key, Digest::of(name.as_bytes())));
    }
}

/// A map that forgets its oldest entries.
#[derive(Debug)]
struct Bounded<K, V> {
    entries: HashMap<K, V>,
    /// Keys in the order of their arrival; those that were removed meanwhile stay until they come up.
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, key: &K) {
        self.entries.remove(key);
        if self.entries.is_empty() {
            self.order.clear();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: RecordKey = RecordKey(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn an_ended_link_is_asked_for_until_the_source_was_heard_again() {
        let memory = Memory::default();
        let ended = |link, heard, now| memory.ended(KEY, link, Some(at(heard)), at(now));
        assert_eq!(ended("a", 5, 10), Ended::Ask);
        assert_eq!(ended("a", 5, 15), Ended::Ask, "the source has not answered yet");
        assert_eq!(ended("b", 12, 20), Ended::GiveUp, "it has, and the link has ended again");
        assert_eq!(ended("b", 12, 25), Ended::Ask, "a question of its own");
        assert_eq!(ended("b", 30, 35), Ended::GiveUp, "the same link in a newer answer");
    }

    #[test]
    fn a_source_that_is_never_heard_is_not_waited_for_without_end() {
        let memory = Memory::default();
        let ended = |now| memory.ended(KEY, "a", None, at(now));
        assert_eq!((ended(0), ended(599), ended(600)), (Ended::Ask, Ended::Ask, Ended::GiveUp));
    }

    #[test]
    fn a_host_that_fails_is_tried_a_few_times_ever_later() {
        let memory = Memory::default();
        let fails = || memory.failed(KEY, "a", None);
        let waits: Vec<_> = (0..MOST_TRIES).map(|_| fails()).collect();
        let seconds = |secs| Failed::Again(Duration::from_secs(secs));
        assert_eq!(waits, [seconds(1), seconds(2), seconds(4), Failed::GiveUp]);
        assert_eq!(memory.failed(KEY, "a", Some(Duration::from_secs(9))), seconds(9));
        memory.settled(KEY, "a");
        assert_eq!(fails(), seconds(1));
    }

    #[test]
    fn nothing_grows_without_end() {
        let memory = Memory::default();
        for number in 0..(3 * MOST as u64) {
            memory.ended(RecordKey(number), "a", None, at(0));
            memory.failed(RecordKey(number), "a", None);
            memory.settled(RecordKey(number + 1), "a");
        }
        let asked = lock(&memory.asked);
        assert!(asked.entries.len() <= MOST && asked.order.len() <= MOST);
        assert!(lock(&memory.tries).order.len() <= MOST);
    }
}
