//! Counts what happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::table::{self, Metric};
use super::text::Text;
use crate::error::ErrorKind;
use crate::id::Name;
use crate::observe::{Event, Observer};

/// Buckets of a histogram, besides the one for everything.
const BOUNDS: usize = 10;

/// Bounds of the buckets of calls, in seconds: from a vendor next door to one that is about to time out.
const CALLS: [f64; BOUNDS] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The same of commits.
const COMMITS: [f64; BOUNDS] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// A source and a kind.
type Lane = (Name, Name);

/// Counts what happens in any number of pipelines of a process; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    calls: BTreeMap<(Lane, &'static str), u64>,
    seconds: BTreeMap<Lane, Histogram>,
    units: BTreeMap<Lane, u64>,
    requests: BTreeMap<Lane, u64>,
    tasks: BTreeMap<(Lane, &'static str), u64>,
    runs: BTreeMap<&'static str, u64>,
    slots: BTreeMap<(Name, &'static str), u64>,
    items: BTreeMap<&'static str, u64>,
    commits: Histogram,
    changes: BTreeMap<(Name, &'static str), u64>,
    failures: BTreeMap<(Name, &'static str), u64>,
    taken_over: u64,
    declared_dead: u64,
    leases_lost: u64,
}

#[derive(Debug, Default)]
struct Histogram {
    below: [u64; BOUNDS],
    sum: f64,
    count: u64,
}

impl Histogram {
    fn saw(&mut self, bounds: &[f64; BOUNDS], took: Duration) {
        let seconds = took.as_secs_f64();
        for (below, bound) in self.below.iter_mut().zip(bounds) {
            *below += u64::from(seconds <= *bound);
        }
        self.sum += seconds;
        self.count += 1;
    }

    fn write(&self, text: &mut Text, metric: &Metric, labels: &[&str], bounds: &[f64; BOUNDS]) {
        let buckets = bounds.iter().copied().zip(self.below);
        text.buckets(metric, labels, buckets, (self.sum, self.count));
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, more: u64) {
    *counts.entry(key).or_default() += more;
}

impl Observer for Meter {
    fn event(&self, event: &Event) {
        let mut counted = self.counted();
        match event {
            Event::Called { source, kind, took, failed, cost, .. } => {
                let lane = (Arc::clone(source), Arc::clone(kind));
                let outcome = failed.map_or("answered", ErrorKind::as_str);
                counted.leases_lost += u64::from(*failed == Some(ErrorKind::LockLost));
                add(&mut counted.calls, (lane.clone(), outcome), 1);
                add(&mut counted.units, lane.clone(), cost.units);
                add(&mut counted.requests, lane.clone(), cost.requests);
                counted.seconds.entry(lane).or_default().saw(&CALLS, *took);
            }
            Event::Answered { source, kind, done, absent, dead, again } => {
                for (outcome, tasks) in [("done", done), ("absent", absent), ("dead", dead), ("again", again)]
                {
                    let lane = (Arc::clone(source), Arc::clone(kind));
                    add(&mut counted.tasks, (lane, outcome), *tasks as u64);
                }
            }
            Event::Committed { changed, unchanged, took, .. } => {
                add(&mut counted.items, "changed", *changed);
                add(&mut counted.items, "unchanged", *unchanged);
                counted.commits.saw(&COMMITS, *took);
            }
            Event::RunEnded { end, .. } => add(&mut counted.runs, end.as_str(), 1),
            Event::Slot { job, outcome } => add(&mut counted.slots, (Arc::clone(job), outcome), 1),
            Event::Settled { sink, stored, rejected, owed } => {
                for (outcome, changes) in [("stored", stored), ("rejected", rejected), ("owed", owed)] {
                    add(&mut counted.changes, (Arc::clone(sink), outcome), *changes as u64);
                }
            }
            Event::SinkPaused { sink, kind, .. } => {
                add(&mut counted.failures, (Arc::clone(sink), kind.as_str()), 1);
            }
            Event::TookOver { claims } => counted.taken_over += claims,
            Event::WasDead => counted.declared_dead += 1,
            Event::RunBegan { .. }
            | Event::Claimed { .. }
            | Event::Parked { .. }
            | Event::SpentElsewhere { .. } => {}
        }
    }
}

impl Meter {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls that ended because their lease was lost.
    pub fn leases_lost(&self) -> u64 {
        self.counted().leases_lost
    }

    /// Writes what a metric of the table has counted; `false` when it is not counted here.
    pub(super) fn write(&self, text: &mut Text, metric: &'static Metric) -> bool {
        let counted = self.counted();
        let by_lane = |text: &mut Text, counts: &BTreeMap<Lane, u64>| {
            for ((source, kind), count) in counts {
                text.sample(metric, &[source, kind], *count as f64);
            }
        };
        let by_lane_and_word = |text: &mut Text, counts: &BTreeMap<(Lane, &'static str), u64>| {
            for (((source, kind), word), count) in counts {
                text.sample(metric, &[source, kind, word], *count as f64);
            }
        };
        let by_name_and_word = |text: &mut Text, counts: &BTreeMap<(Name, &'static str), u64>| {
            for ((name, word), count) in counts {
                text.sample(metric, &[name, word], *count as f64);
            }
        };
        let by_word = |text: &mut Text, counts: &BTreeMap<&'static str, u64>| {
            for (word, count) in counts {
                text.sample(metric, &[word], *count as f64);
            }
        };
        match metric.name {
            name if name == table::CALLS.name => by_lane_and_word(text, &counted.calls),
            name if name == table::CALL_SECONDS.name => {
                for ((source, kind), seconds) in &counted.seconds {
                    seconds.write(text, metric, &[source, kind], &CALLS);
                }
            }
            name if name == table::UNITS.name => by_lane(text, &counted.units),
            name if name == table::REQUESTS.name => by_lane(text, &counted.requests),
            name if name == table::TASKS.name => by_lane_and_word(text, &counted.tasks),
            name if name == table::RUNS.name => by_word(text, &counted.runs),
            name if name == table::SLOTS.name => by_name_and_word(text, &counted.slots),
            name if name == table::ITEMS.name => by_word(text, &counted.items),
            name if name == table::COMMIT_SECONDS.name => counted.commits.write(text, metric, &[], &COMMITS),
            name if name == table::SINK_CHANGES.name => by_name_and_word(text, &counted.changes),
            name if name == table::SINK_FAILURES.name => by_name_and_word(text, &counted.failures),
            name if name == table::TAKEN_OVER.name => text.sample(metric, &[], counted.taken_over as f64),
            name if name == table::DECLARED_DEAD.name => {
                text.sample(metric, &[], counted.declared_dead as f64)
            }
            _ => return false,
        }
        true
    }
}
