//! From what was counted and what is there to the text.

use std::collections::BTreeMap;

use super::meter::Meter;
use super::table::{self, Metric, TABLE};
use super::text::Text;
use crate::admission::BreakerState;
use crate::clock::Timestamp;
use crate::pipeline::{AccountVitals, Vitals};
use crate::store::{Counts, Parked, Waiting};

/// A place on this machine and how full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Disk {
    /// What is kept there: `store`, `images`, `search`, `jsonl`.
    pub place: &'static str,
    /// Bytes it takes.
    pub used: u64,
    /// Bytes free on its disk, if the machine tells.
    pub free: Option<u64>,
}

/// What is there at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The program's version.
    pub version: String,
    /// When the process began to work.
    pub started: Timestamp,
    /// What the store counts, and the accounts that are kept out; `None` when it did not answer.
    pub store: Option<(Counts, Vec<Parked>)>,
    /// How the engines of this process are.
    pub vitals: Vec<Vitals>,
    /// The disks.
    pub disks: Vec<Disk>,
}

impl Snapshot {
    /// Nothing but a version and a beginning.
    pub fn new(version: &str, started: Timestamp) -> Self {
        Self { version: version.to_owned(), started, ..Self::default() }
    }
}

/// Everything in the [table](TABLE), in the text format that Prometheus reads (`text/plain; version=0.0.4`).
pub fn expose(meter: &Meter, snapshot: &Snapshot) -> String {
    let mut text = Text::default();
    let accounts = accounts(&snapshot.vitals);
    for metric in TABLE {
        text.begin(metric);
        let known = meter.write(&mut text, metric)
            || of_process(&mut text, metric, snapshot)
            || of_accounts(&mut text, metric, snapshot, &accounts)
            || of_store(&mut text, metric, snapshot);
        debug_assert!(known, "nobody writes {}", metric.name());
    }
    text.into_string()
}

/// Accounts by name; what several engines of a process know of the same account is taken together.
fn accounts(vitals: &[Vitals]) -> BTreeMap<String, AccountVitals> {
    let mut accounts: BTreeMap<String, AccountVitals> = BTreeMap::new();
    for account in vitals.iter().flat_map(|vitals| &vitals.accounts) {
        match accounts.get_mut(&account.account) {
            None => drop(accounts.insert(account.account.clone(), account.clone())),
            Some(known) => known.join(account),
        }
    }
    accounts
}

fn of_process(text: &mut Text, metric: &'static Metric, snapshot: &Snapshot) -> bool {
    let yes = |yes: bool| f64::from(u8::from(yes));
    match metric {
        metric if metric == &table::BUILD_INFO => text.sample(metric, &[&snapshot.version], 1.0),
        metric if metric == &table::STARTED => text.sample(metric, &[], epoch(snapshot.started)),
        metric if metric == &table::STORE_UP => text.sample(metric, &[], yes(snapshot.store.is_some())),
        metric if metric == &table::WAITING => {
            match snapshot.vitals.iter().find_map(|vitals| vitals.waiting.as_ref()).map(Waiting::reason) {
                Some(reason) => text.sample(metric, &[&reason], 1.0),
                None => text.sample(metric, &["none"], 0.0),
            }
        }
        metric if metric == &table::DISK_USED => {
            for disk in &snapshot.disks {
                text.sample(metric, &[disk.place], disk.used as f64);
            }
        }
        metric if metric == &table::DISK_FREE => {
            for (place, free) in snapshot.disks.iter().filter_map(|disk| Some((disk.place, disk.free?))) {
                text.sample(metric, &[place], free as f64);
            }
        }
        metric if metric == &table::SINK_LAG => {
            let mut lags: BTreeMap<&str, f64> = BTreeMap::new();
            for sink in snapshot.vitals.iter().flat_map(|vitals| &vitals.sinks) {
                let lag = lags.entry(&sink.sink).or_default();
                *lag = lag.max(sink.lag);
            }
            for (sink, lag) in lags {
                text.sample(metric, &[sink], lag);
            }
        }
        _ => return false,
    }
    true
}

fn of_accounts(
    text: &mut Text,
    metric: &'static Metric,
    snapshot: &Snapshot,
    accounts: &BTreeMap<String, AccountVitals>,
) -> bool {
    let spent = |name: &str| {
        let counts = snapshot.store.as_ref().map(|(counts, _)| counts);
        counts.and_then(|counts| counts.spent.get(name)).copied().unwrap_or_default()
    };
    let left = |limit: Option<u64>, spent: u64| match limit {
        Some(limit) => limit.saturating_sub(spent) as f64,
        None => f64::INFINITY,
    };
    let parked = |name: &str| {
        let parked = snapshot.store.as_ref().map(|(_, parked)| parked.as_slice()).unwrap_or_default();
        parked.iter().find(|park| &*park.account == name)
    };
    let number: &dyn Fn(&str, &AccountVitals) -> f64 = match metric {
        metric if metric == &table::IN_FLIGHT => &|_, account| account.in_flight as f64,
        metric if metric == &table::IN_FLIGHT_LIMIT => &|_, account| account.limit as f64,
        metric if metric == &table::CALL_RATE => &|_, account| account.per_second.unwrap_or(f64::INFINITY),
        metric if metric == &table::PARKED_UNTIL => &|name, _| match parked(name).map(|park| park.until) {
            None => 0.0,
            Some(None) => f64::INFINITY,
            Some(Some(until)) => epoch(until),
        },
        metric if metric == &table::UNITS_SPENT => &|name, _| spent(name).units as f64,
        metric if metric == &table::UNITS_LEFT => &|name, account| left(account.units, spent(name).units),
        metric if metric == &table::REQUESTS_LEFT => {
            &|name, account| left(account.requests, spent(name).requests)
        }
        metric if metric == &table::BREAKER => {
            for (name, account) in accounts {
                for state in BreakerState::ALL {
                    let is = f64::from(u8::from(account.breaker == state));
                    text.sample(metric, &[name, state.as_str()], is);
                }
            }
            return true;
        }
        metric if metric == &table::PARKED => {
            for name in accounts.keys() {
                match parked(name) {
                    Some(park) => text.sample(metric, &[name, park.kind.as_str()], 1.0),
                    None => text.sample(metric, &[name, "none"], 0.0),
                }
            }
            return true;
        }
        _ => return false,
    };
    for (name, account) in accounts {
        text.sample(metric, &[name], number(name, account));
    }
    true
}

fn of_store(text: &mut Text, metric: &'static Metric, snapshot: &Snapshot) -> bool {
    let known = [
        &table::WORKERS,
        &table::TASKS_OPEN,
        &table::DEAD_LETTERS,
        &table::JOB_LAST_END,
        &table::RECORDS,
        &table::SINK_PENDING,
    ];
    if !known.contains(&metric) {
        return false;
    }
    let Some((counts, _)) = &snapshot.store else { return true };
    match metric {
        metric if metric == &table::WORKERS => text.sample(metric, &[], counts.workers as f64),
        metric if metric == &table::RECORDS => text.sample(metric, &[], counts.entities as f64),
        metric if metric == &table::TASKS_OPEN => {
            for (lane, open) in &counts.open {
                let (source, kind) = lane.split_once('/').unwrap_or((lane, ""));
                text.sample(metric, &[source, kind], *open as f64);
            }
        }
        metric if metric == &table::DEAD_LETTERS => {
            for (part, kinds) in &counts.dead_by {
                for (kind, letters) in kinds {
                    text.sample(metric, &[part, kind.as_str()], *letters as f64);
                }
            }
        }
        metric if metric == &table::SINK_PENDING => {
            for (sink, balance) in &counts.sinks {
                text.sample(metric, &[sink], balance.pending as f64);
            }
        }
        metric => {
            // Newest first, so what is there already is later.
            let mut ends: BTreeMap<(&str, &str), f64> = BTreeMap::new();
            for (run, (at, end)) in counts.runs.iter().filter_map(|run| Some((run, run.ended?))) {
                ends.entry((&run.job, end.as_str())).or_insert(epoch(at));
            }
            for ((job, end), at) in ends {
                text.sample(metric, &[job, end], at);
            }
        }
    }
    true
}

fn epoch(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1_000.0
}
