//! How a working engine is: what only the process knows, for metrics, and for `status` in another process.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::worker::Worker;
use crate::admission::BreakerState;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{ErrorKind, Result};
use crate::store::{Store, Waiting, WorkerId};

/// Half of the time over which calls are counted.
const HALF: Duration = Duration::from_secs(30);

/// Commits whose changes are told apart; older ones are taken together.
const MARKS: usize = 256;

/// The longest name of a note that every store takes.
const LONGEST_NOTE: usize = 200;

/// How an account is, as one worker sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccountVitals {
    /// Its name.
    pub account: String,
    /// Calls that are running.
    pub in_flight: usize,
    /// Calls that may run at once at present.
    pub limit: usize,
    /// Calls a second that are kept to, told or learned.
    pub per_second: Option<f64>,
    /// The breaker.
    pub breaker: BreakerState,
    /// Calls a minute, of the last minute.
    pub calls: f64,
    /// Those of them that failed.
    pub failed: f64,
    /// Units that may be spent in a window.
    pub units: Option<u64>,
    /// Requests that may be sent in a window.
    pub requests: Option<u64>,
    /// When the next window begins.
    pub reset: Option<Timestamp>,
}

impl AccountVitals {
    /// Takes over what another engine of the same process says of the same account.
    pub(crate) fn join(&mut self, other: &Self) {
        self.in_flight += other.in_flight;
        self.limit += other.limit;
        self.calls += other.calls;
        self.failed += other.failed;
        if self.breaker == BreakerState::Closed {
            self.breaker = other.breaker;
        }
    }
}

/// How a sink is, as one worker sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SinkVitals {
    /// Its name.
    pub sink: String,
    /// Changes it does not have yet.
    pub pending: u64,
    /// Seconds since the oldest of them was committed, as far as this worker knows.
    pub lag: f64,
}

/// How a worker is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Vitals {
    /// Its name.
    pub worker: WorkerId,
    /// The accounts it calls on.
    pub accounts: Vec<AccountVitals>,
    /// The sinks it writes to.
    pub sinks: Vec<SinkVitals>,
    /// Why it does not get on, if so.
    pub waiting: Option<Waiting>,
}

/// What a worker kept about an account or a sink, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Seen<T> {
    /// Which worker.
    pub worker: String,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub seen: T,
}

/// The name of the note about an account; `None` for one whose name is too long for a note.
fn account_note(account: &str) -> Option<String> {
    let name = format!("@account/{account}");
    (name.len() <= LONGEST_NOTE).then_some(name)
}

fn sink_note(sink: &str) -> Option<String> {
    let name = format!("@sink/{sink}");
    (name.len() <= LONGEST_NOTE).then_some(name)
}

/// How an account was when a worker last said so; of several workers the latest.
///
/// # Errors
/// `Storage`.
pub async fn account_seen<D: Domain>(
    store: &dyn Store<D>,
    account: &str,
) -> Result<Option<Seen<AccountVitals>>> {
    let Some(name) = account_note(account) else { return Ok(None) };
    // A later version may have written it: what cannot be read is not known.
    Ok(store.note(&name).await?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// How a sink was when a worker last said so.
///
/// # Errors
/// `Storage`.
pub async fn sink_seen<D: Domain>(store: &dyn Store<D>, sink: &str) -> Result<Option<Seen<SinkVitals>>> {
    let Some(name) = sink_note(sink) else { return Ok(None) };
    Ok(store.note(&name).await?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// How many calls there were in the last minute, and how many failed.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    began: Option<Instant>,
    before: [u64; 2],
    now: [u64; 2],
}

impl Halves {
    fn turn(&mut self, now: Instant) -> Duration {
        let age = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        if self.began.is_none() || age >= HALF * 2 {
            *self = Self { began: Some(now), ..Self::default() };
            Duration::ZERO
        } else if age >= HALF {
            *self = Self { began: self.began.map(|began| began + HALF), before: self.now, now: [0; 2] };
            age - HALF
        } else {
            age
        }
    }
}

impl Recent {
    /// Notes a call. One that somebody stopped says nothing about the vendor.
    pub(super) fn saw(&self, now: Instant, failed: Option<ErrorKind>) {
        if matches!(failed, Some(ErrorKind::Cancelled | ErrorKind::LockLost)) {
            return;
        }
        let mut halves = self.halves();
        halves.turn(now);
        halves.now[0] += 1;
        halves.now[1] += u64::from(failed.is_some());
    }

    /// Calls and failures a minute.
    fn a_minute(&self, now: Instant) -> [f64; 2] {
        let mut halves = self.halves();
        let age = halves.turn(now);
        // Of the half before as much as lies within the last minute's other half.
        let span = (HALF + age).as_secs_f64() / 60.0;
        [0, 1].map(|at| (halves.before[at] + halves.now[at]) as f64 / span)
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Since when changes wait for a sink: how many were committed when, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<VecDeque<(Instant, u64)>>);

impl Marks {
    /// So many changes were committed.
    pub(super) fn committed(&self, now: Instant, changes: u64) {
        let mut marks = self.marks();
        if changes > 0 {
            marks.push_back((now, changes));
        }
        if marks.len() > MARKS {
            // Two and two together: the oldest stays exact, the others look older by a commit at most.
            let all: Vec<_> = marks.drain(..).collect();
            marks
                .extend(all.chunks(2).map(|pair| (pair[0].0, pair.iter().map(|(_, changes)| changes).sum())));
        }
    }

    /// So many changes were settled: the oldest, as they are handed out in about that order.
    pub(super) fn settled(&self, mut changes: u64) {
        let mut marks = self.marks();
        while let Some((_, waiting)) = marks.front_mut() {
            if *waiting > changes {
                *waiting -= changes;
                return;
            }
            changes -= *waiting;
            marks.pop_front();
        }
    }

    /// How long the oldest change waits; nothing does when nothing is `owed`.
    pub(super) fn lag(&self, now: Instant, owed: u64) -> Duration {
        let mut marks = self.marks();
        if owed == 0 {
            // Versions that newer ones replaced are never settled themselves.
            marks.clear();
        }
        marks.front().map_or(Duration::ZERO, |(since, _)| now.saturating_duration_since(*since))
    }

    fn marks(&self) -> MutexGuard<'_, VecDeque<(Instant, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Domain> Worker<D> {
    /// How this worker is.
    pub(super) fn vitals(&self) -> Vitals {
        let (now, tick) = (self.now(), self.tick());
        let accounts = self.parts.accounts.iter().map(|account| {
            let [calls, failed] = account.recent.a_minute(tick);
            let budget = account.budget.as_ref();
            let admission = account.admission();
            AccountVitals {
                account: account.name.to_string(),
                in_flight: admission.running(),
                limit: admission.limit(),
                per_second: admission.per_second(),
                breaker: admission.breaker(),
                calls,
                failed,
                units: budget.and_then(|budget| budget.units),
                requests: budget.and_then(|budget| budget.requests),
                reset: budget.map(|budget| budget.reset_after(now)),
            }
        });
        let sinks = self.outlets.iter().zip(&self.parts.sinks).map(|(outlet, sink)| {
            let pending = outlet.owed.load(Ordering::SeqCst);
            let lag = outlet.marks.lag(tick, pending).as_secs_f64();
            SinkVitals { sink: sink.name().to_owned(), pending, lag }
        });
        Vitals {
            worker: WorkerId::clone(&self.id),
            accounts: accounts.collect(),
            sinks: sinks.collect(),
            waiting: self.troubles.reason(),
        }
    }

    /// Keeps how it is where other processes can read it.
    pub(super) async fn save_vitals(&self) -> Result<()> {
        let Vitals { accounts, sinks, .. } = self.vitals();
        for account in accounts {
            if let Some(note) = account_note(&account.account) {
                self.keep(&note, account).await?;
            }
        }
        for sink in sinks {
            if let Some(note) = sink_note(&sink.sink) {
                self.keep(&note, sink).await?;
            }
        }
        Ok(())
    }

    async fn keep<T: Serialize>(&self, note: &str, seen: T) -> Result<()> {
        let seen = Seen { worker: self.id.to_string(), at: self.now(), seen };
        match serde_json::to_string(&seen) {
            Ok(text) => self.store().put_note(note, Some(&text)).await,
            // A number that JSON has not: nothing is known then.
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_minute() {
        let (recent, begin) = (Recent::default(), Instant::now());
        let second = Duration::from_secs(1);
        for at in 0..120 {
            let failed = (at % 4 == 0).then_some(ErrorKind::Timeout);
            recent.saw(begin + second * at, failed);
            recent.saw(begin + second * at, Some(ErrorKind::Cancelled));
        }
        let [calls, failed] = recent.a_minute(begin + second * 119);
        assert!((calls - 60.0).abs() < 2.0 && (failed - 15.0).abs() < 2.0, "{calls} {failed}");
        assert_eq!(
            recent.a_minute(begin + second * 400),
            [0.0, 0.0],
            "and none when nothing was called since"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_lag_is_that_of_the_oldest_change() {
        let (marks, begin) = (Marks::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(marks.lag(begin, 0), Duration::ZERO);
        marks.committed(begin, 10);
        marks.committed(begin + second * 5, 10);
        assert_eq!(marks.lag(begin + second * 7, 20), second * 7);
        marks.settled(9);
        assert_eq!(marks.lag(begin + second * 7, 11), second * 7);
        marks.settled(1);
        assert_eq!(marks.lag(begin + second * 7, 10), second * 2);
        for at in 0..10_000 {
            marks.committed(begin + second * (10 + at), 1);
        }
        assert!(marks.marks().len() <= MARKS);
        assert_eq!(marks.lag(begin + second * 6, 5), second, "the oldest stays exact");
        assert_eq!(marks.lag(begin + second * 6, 0), Duration::ZERO, "nothing waits when nothing is owed");
        assert_eq!(marks.lag(begin + second * 60, 3), Duration::ZERO, "and what was replaced is forgotten");
    }
}
