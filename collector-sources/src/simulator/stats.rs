//! Counts of everything that was asked and answered: the oracle for "never bought twice".

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::answer::{Answer, Endpoint};
use super::clock::wall_millis;
use super::faults::Fault;

/// Distinct subjects remembered at most; beyond it answers still count, but repetitions go unseen.
const MAX_SUBJECTS: usize = 5_000_000;

/// The counters of one simulator.
#[derive(Debug, Default)]
pub(super) struct Stats {
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    in_flight: u64,
    max_in_flight: u64,
    in_flight_twice: u64,
    first_call_ms: Option<u64>,
    last_call_ms: Option<u64>,
    statuses: BTreeMap<u16, u64>,
    faults: BTreeMap<Fault, u64>,
    /// Complete answers that delivered something asked for.
    subjects_distinct: usize,
    subjects_untracked: u64,
    endpoints: BTreeMap<Endpoint, EndpointTally>,
}

#[derive(Debug, Default)]
struct EndpointTally {
    calls: u64,
    units: u64,
    answered: u64,
    bought_again: u64,
    subjects: HashMap<Box<str>, u32>,
    /// Calls on their way that ask for a subject.
    asked: HashMap<Box<str>, u32>,
}

/// A call on its way; counts as in flight until dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    stats: Arc<Stats>,
    endpoint: Endpoint,
    subjects: Vec<String>,
}

impl InFlight {
    /// Notes what is asked for; a subject that another call asks for at this moment is in flight twice.
    pub(super) fn asks_for(&mut self, subjects: &[String]) {
        let mut tally = self.stats.lock();
        let asked = &mut tally.endpoint(self.endpoint).asked;
        let twice = subjects.iter().filter(|subject| {
            let calls = asked.entry(subject.as_str().into()).or_insert(0);
            *calls += 1;
            *calls > 1
        });
        let twice = twice.count() as u64;
        tally.in_flight_twice += twice;
        self.subjects.extend_from_slice(subjects);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut tally = self.stats.lock();
        tally.in_flight = tally.in_flight.saturating_sub(1);
        let asked = &mut tally.endpoint(self.endpoint).asked;
        for subject in &self.subjects {
            if let Some(calls) = asked.get_mut(subject.as_str()) {
                *calls -= 1;
                if *calls == 0 {
                    asked.remove(subject.as_str());
                }
            }
        }
    }
}

impl Stats {
    /// Counts a call that just came in.
    pub(super) fn begin(self: &Arc<Self>, endpoint: Endpoint) -> InFlight {
        let now = wall_millis();
        let mut tally = self.lock();
        tally.calls += 1;
        tally.endpoint(endpoint).calls += 1;
        tally.in_flight += 1;
        tally.max_in_flight = tally.max_in_flight.max(tally.in_flight);
        tally.first_call_ms.get_or_insert(now);
        tally.last_call_ms = Some(now);
        InFlight { stats: Arc::clone(self), endpoint, subjects: Vec::new() }
    }

    /// Counts what a call is answered with. Subjects count only when the whole answer is sent.
    pub(super) fn answered(&self, endpoint: Endpoint, answer: &Answer, fault: Option<Fault>) {
        let mut tally = self.lock();
        *tally.statuses.entry(answer.status).or_default() += 1;
        tally.endpoint(endpoint).units += answer.units;
        if let Some(fault) = fault {
            *tally.faults.entry(fault).or_default() += 1;
        }
        if fault.is_none_or(Fault::delivers) {
            for subject in &answer.subjects {
                tally.deliver(endpoint, subject);
            }
        }
    }

    /// Starts counting anew; calls on their way stay in flight.
    pub(super) fn reset(&self) {
        let mut tally = self.lock();
        let in_flight = tally.in_flight;
        let mut fresh = Tally { in_flight, max_in_flight: in_flight, ..Tally::default() };
        for (endpoint, old) in &mut tally.endpoints {
            fresh.endpoint(*endpoint).asked = std::mem::take(&mut old.asked);
        }
        *tally = fresh;
    }

    /// The counters as JSON, on request with every subject.
    pub(super) fn report(&self, with_subjects: bool) -> Value {
        let tally = self.lock();
        let none = EndpointTally::default();
        let named = || {
            Endpoint::all().map(|endpoint| (endpoint.name(), tally.endpoints.get(&endpoint).unwrap_or(&none)))
        };
        let endpoints: serde_json::Map<_, _> =
            named().map(|(name, counts)| (name, counts.report())).collect();
        let sum = |count: fn(&EndpointTally) -> u64| tally.endpoints.values().map(count).sum::<u64>();
        let statuses: serde_json::Map<_, _> =
            tally.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
        let faults: serde_json::Map<_, _> =
            tally.faults.iter().map(|(fault, count)| (fault.name().to_owned(), json!(count))).collect();
        let mut report = json!({
            "calls": tally.calls,
            "in_flight": tally.in_flight,
            "max_in_flight": tally.max_in_flight,
            "in_flight_twice": tally.in_flight_twice,
            "first_call_ms": tally.first_call_ms,
            "last_call_ms": tally.last_call_ms,
            "rate_limited": tally.statuses.get(&429).copied().unwrap_or_default(),
            "units_charged": sum(|counts| counts.units),
            "subjects_answered": sum(|counts| counts.answered),
            "subjects_distinct": tally.subjects_distinct,
            "subjects_untracked": tally.subjects_untracked,
            "bought_more_than_once": sum(|counts| counts.bought_again),
            "statuses": statuses,
            "faults": faults,
            "endpoints": endpoints,
        });
        if with_subjects {
            let subjects: serde_json::Map<_, _> = named()
                .filter(|(_, counts)| !counts.subjects.is_empty())
                .map(|(name, counts)| (name, json!(counts.subjects)))
                .collect();
            report["subjects"] = Value::Object(subjects);
        }
        report
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn endpoint(&mut self, endpoint: Endpoint) -> &mut EndpointTally {
        self.endpoints.entry(endpoint).or_default()
    }

    fn deliver(&mut self, endpoint: Endpoint, subject: &str) {
        let room = self.subjects_distinct < MAX_SUBJECTS;
        let counts = self.endpoint(endpoint);
        counts.answered += 1;
        if let Some(times) = counts.subjects.get_mut(subject) {
            *times = times.saturating_add(1);
            counts.bought_again += 1;
        } else if room {
            counts.subjects.insert(subject.into(), 1);
            self.subjects_distinct += 1;
        } else {
            self.subjects_untracked += 1;
        }
    }
}

impl EndpointTally {
    fn report(&self) -> Value {
        json!({
            "calls": self.calls,
            "units_charged": self.units,
            "subjects_answered": self.answered,
            "subjects_distinct": self.subjects.len(),
            "bought_more_than_once": self.bought_again,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::vendor::Vendor;
    use super::*;

    const USER_INFO: Endpoint = Endpoint { vendor: Vendor::EnsembleData, path: "/tt/user/info" };
    const HASHTAG_POSTS: Endpoint = Endpoint { vendor: Vendor::EnsembleData, path: "/tt/hashtag/posts" };

    fn profile(subject: &str) -> Answer {
        Answer::json(200, "{}").charged(1, vec![subject.to_owned()])
    }

    #[test]
    fn extra_answers_per_subject_are_counted() {
        let stats = Arc::new(Stats::default());
        for subject in ["a", "b", "a", "a"] {
            stats.answered(USER_INFO, &profile(subject), None);
        }
        // The same word at another endpoint is another subject.
        stats.answered(HASHTAG_POSTS, &profile("a"), None);
        let report = stats.report(true);
        assert_eq!(report["bought_more_than_once"], 2);
        assert_eq!(report["units_charged"], 5);
        assert_eq!(report["subjects_distinct"], 3);
        assert_eq!(report["subjects"]["/tt/user/info"], json!({"a": 3, "b": 1}));
        assert_eq!(stats.report(false).get("subjects"), None);
    }

    #[test]
    fn a_cut_answer_is_charged_but_delivers_nothing() {
        let stats = Stats::default();
        stats.answered(USER_INFO, &profile("a"), Some(Fault::Truncated));
        stats.answered(USER_INFO, &profile("a"), None);
        let report = stats.report(false);
        assert_eq!(report["units_charged"], 2);
        assert_eq!(report["bought_more_than_once"], 0);
        assert_eq!(report["faults"], json!({"truncated": 1}));
    }

    #[test]
    fn calls_in_flight_are_watched_and_survive_a_reset() {
        let stats = Arc::new(Stats::default());
        let (first, second) = (stats.begin(USER_INFO), stats.begin(USER_INFO));
        drop(first);
        let report = stats.report(false);
        assert_eq!((&report["in_flight"], &report["max_in_flight"]), (&json!(1), &json!(2)));
        stats.reset();
        let report = stats.report(false);
        assert_eq!((&report["calls"], &report["in_flight"]), (&json!(0), &json!(1)));
        drop(second);
        assert_eq!(stats.report(false)["in_flight"], 0);
    }

    #[test]
    fn a_subject_asked_for_by_two_calls_at_once_is_seen() {
        let stats = Arc::new(Stats::default());
        let begin = |endpoint, subject: &str| {
            let mut call = stats.begin(endpoint);
            call.asks_for(&[subject.to_owned()]);
            call
        };
        let first = begin(USER_INFO, "a");
        let others = [begin(USER_INFO, "b"), begin(HASHTAG_POSTS, "a")];
        assert_eq!(stats.report(false)["in_flight_twice"], 0);
        stats.reset();
        let second = begin(USER_INFO, "a");
        assert_eq!(stats.report(false)["in_flight_twice"], 1);
        drop((first, second, others));
        drop(begin(USER_INFO, "a"));
        assert_eq!(stats.report(false)["in_flight_twice"], 1, "one after the other is not at once");
    }
}
