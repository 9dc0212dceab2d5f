//! Counts of what the image host was asked and answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// Distinct pictures remembered at most.
const MOST_PICTURES: usize = 5_000_000;

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// The whole picture.
    Served,
    /// The link was not signed here, or has ended.
    Refused,
    Gone,
    WrongType,
    Cut,
    Error,
    Hung,
}

impl Outcome {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Served, "served"),
        (Self::Refused, "refused"),
        (Self::Gone, "gone"),
        (Self::WrongType, "wrong_type"),
        (Self::Cut, "cut"),
        (Self::Error, "errors"),
        (Self::Hung, "hung"),
    ];
}

#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    outcomes: BTreeMap<Outcome, u64>,
    served: HashMap<Box<str>, u32>,
    again: u64,
}

impl Tally {
    /// Counts a call; gives its number.
    pub(super) fn begin(&self) -> u64 {
        let mut counts = self.lock();
        counts.calls += 1;
        counts.calls
    }

    /// Counts what it came to.
    pub(super) fn end(&self, outcome: Outcome, path: &str) {
        let mut counts = self.lock();
        *counts.outcomes.entry(outcome).or_default() += 1;
        if outcome != Outcome::Served {
            return;
        }
        if let Some(times) = counts.served.get_mut(path) {
            *times = times.saturating_add(1);
            counts.again += 1;
        } else if counts.served.len() < MOST_PICTURES {
            counts.served.insert(path.into(), 1);
        }
    }

    pub(super) fn reset(&self) {
        *self.lock() = Counts::default();
    }

    pub(super) fn report(&self) -> Value {
        let counts = self.lock();
        let mut report = json!({
            "calls": counts.calls,
            "distinct": counts.served.len(),
            "served_more_than_once": counts.again,
        });
        for (outcome, name) in Outcome::ALL {
            report[name] = json!(counts.outcomes.get(&outcome).copied().unwrap_or_default());
        }
        report
    }

    pub(super) fn subjects(&self) -> Value {
        json!(self.lock().served)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
