//! From what is seen to what is wrong. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use collector_core::alert::{Topic, Trouble};
use collector_core::clock::Timestamp;
use collector_core::error::ErrorKind;
use collector_core::expect::Missed;
use collector_core::metrics::Disk;
use collector_core::schedule::decide;
use collector_core::store::{Counts, Parked, RunEnd, RunState, ScheduleState};

use crate::config::{Config, format_duration};
use crate::report::{count, kept_out, number, plain, when};

/// How long a worker may wait before somebody is told: most outages are shorter.
const WAITS: Duration = Duration::from_secs(120);

/// Within this time leases have to end under running work on two occasions.
const TWICE_WITHIN: Duration = Duration::from_secs(3_600);

/// The longest text of somebody else in a message.
const LONGEST: usize = 300;

/// A planned moment of a job that has come and was not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// The job.
    pub(super) job: String,
    /// The moment.
    pub(super) planned: Timestamp,
}

/// The planned moments that have come and were not acted on.
pub(super) fn due(config: &Config, schedules: &[ScheduleState], now: Timestamp) -> Vec<Due> {
    let due = config.jobs.iter().filter_map(|job| {
        let schedule = &job.timing.as_ref()?.schedule;
        let state = schedules.iter().find(|state| *state.name == *job.name)?;
        let planned = decide(schedule, &state.past(), now).fire?;
        Some(Due { job: job.name.clone(), planned: planned + schedule.delay() })
    });
    due.collect()
}

/// What is the same at every replica.
pub(super) struct Seen<'a> {
    pub(super) now: Timestamp,
    pub(super) config: &'a Config,
    pub(super) counts: &'a Counts,
    pub(super) parked: &'a [Parked],
    /// What jobs did not bring that was expected of them.
    pub(super) missed: &'a BTreeMap<String, Missed>,
    pub(super) due: &'a [Due],
    pub(super) late_after: Duration,
}

impl Seen<'_> {
    pub(super) fn wrong(&self) -> Vec<Trouble> {
        let jobs = self.config.jobs.iter().filter_map(|job| self.job(&job.name));
        let late = self.due.iter().filter_map(|due| self.late(due));
        let accounts = self.parked.iter().map(|park| self.account(park));
        jobs.chain(late).chain(accounts).chain(self.waiting()).collect()
    }

    /// What is wrong with a job's latest run that is over.
    fn job(&self, job: &str) -> Option<Trouble> {
        let mut ended = self.counts.runs.iter().filter(|run| run.job == job && run.ended.is_some());
        let run = ended.find(|run| !matches!(run.ended, Some((_, RunEnd::Cancelled))))?;
        let missed = self.missed.get(job).filter(|missed| missed.run == run.run);
        match run.ended {
            Some((_, RunEnd::Partial)) => Some(partial(run, missed)),
            _ => None,
        }
    }

    fn late(&self, due: &Due) -> Option<Trouble> {
        let late = self.now.since(due.planned);
        if late < self.late_after {
            return None;
        }
        let Due { job, planned } = due;
        // Whole minutes, so that the message reads well.
        let minutes = Duration::from_secs(late.as_secs() / 60 * 60);
        let workers = count(self.counts.workers, "worker is", "workers are");
        Some(
            Trouble::new(Topic::Schedule, job, "late")
                .serious()
                .happened(format!(
                    "{job} was planned for {} and has not begun after {}; {workers} alive",
                    when(*planned),
                    format_duration(minutes)
                ))
                .costs("what it collects grows old; the slot is made up for when it can begin")
                .to_do("collector status"),
        )
    }

    /// An account that is kept out.
    fn account(&self, park: &Parked) -> Trouble {
        let (state, serious) = match park.kind {
            ErrorKind::Unauthorized => ("refused", true),
            ErrorKind::Malformed => ("drifting", true),
            ErrorKind::Blocked => ("blocked", park.until.is_none()),
            _ => ("parked", park.until.is_none()),
        };
        let until = kept_out(park.until, park.tries_at());
        let account = &*park.account;
        let happened = match state {
            "refused" => format!("the credential of {account} was refused"),
            "drifting" => format!("answers on {account} have changed and cannot be read as before"),
            "blocked" => format!("the vendor shuts {account} out"),
            _ => format!("{account} has spent its budget"),
        };
        let next = match (state, serious) {
            ("refused", _) => {
                "renew the credential, try it with collector check, then start the program anew".to_owned()
            }
            ("drifting", _) => {
                format!(
                    "see what changed: collector dead list; mend the mapping, then: collector dead replay; {account} is \
                         tried again when the program starts"
                )
            }
            (_, false) => format!("nothing, it goes on by itself {}", until.replacen("until", "at", 1)),
            _ => format!("{}; then start the program anew", park.kind.advice()),
        };
        let trouble = Trouble::new(Topic::Account, account, state)
            .happened(format!("{happened}; kept out {until}: {}", short(&park.reason)))
            .costs(self.waits_for(account))
            .to_do(next);
        if serious { trouble.serious() } else { trouble }
    }

    /// What waits for an account.
    fn waits_for(&self, account: &str) -> String {
        let of_account = |lane: &str| {
            let source = lane.split_once('/').map_or(lane, |(source, _)| source);
            self.config.sources.get(source).is_some_and(|entry| entry.account == account)
        };
        let open: u64 =
            self.counts.open.iter().filter(|(lane, _)| of_account(lane)).map(|(_, open)| open).sum();
        match open {
            0 => "nothing waits for it yet".to_owned(),
            open => format!("{} for it; nothing is lost", count(open, "task waits", "tasks wait")),
        }
    }

    /// Workers that do not get on, by their reason.
    fn waiting(&self) -> Vec<Trouble> {
        let mut reasons: BTreeMap<String, Trouble> = BTreeMap::new();
        for waiting in self.counts.waiting.values().filter(|waiting| self.now.since(waiting.since) >= WAITS) {
            reasons.entry(waiting.part.clone()).or_insert_with(|| {
                Trouble::new(Topic::Waiting, &waiting.part, &waiting.problem)
                    .serious()
                    .happened(format!("{waiting}: {}", short(&waiting.error)))
                    .costs("nothing new is begun, or nothing is written there; what is stored is safe")
                    .to_do("collector check; it goes on by itself when that is over")
            });
        }
        reasons.into_values().collect()
    }
}

fn partial(run: &RunState, missed: Option<&Missed>) -> Trouble {
    let counts = &run.counts;
    // Nothing came of it at all.
    let failed = counts.done + counts.absent == 0 && counts.dead > 0;
    let state = if failed { "failed" } else { "partial" };
    let mut why = Vec::new();
    if counts.dead > 0 {
        why.push(count(counts.dead, "task was given up", "tasks were given up"));
    }
    if run.pending > 0 {
        why.push(count(run.pending, "change is not in every sink", "changes are not in every sink"));
    }
    why.extend(missed.into_iter().flat_map(|missed| missed.missed.iter().cloned()));
    if why.is_empty() {
        why.push("something was refused for good".to_owned());
    }
    let to_do = match counts.dead {
        0 => "collector status".to_owned(),
        _ => "collector dead list; when it is mended: collector dead replay".to_owned(),
    };
    let trouble = Trouble::new(Topic::Job, &run.job, state)
        .happened(format!("run {} of {} ended {state}: {}", run.run, run.job, why.join("; ")))
        .costs(format!(
            "{} in {} for {}",
            count(counts.cost.units, "unit", "units"),
            count(counts.cost.requests, "call", "calls"),
            count(counts.done + counts.absent, "answer", "answers")
        ))
        .to_do(to_do);
    if failed { trouble.serious() } else { trouble }
}

/// What is wrong with this machine and this process.
pub(super) struct Machine<'a> {
    pub(super) disks: &'a [Disk],
    /// Bytes below which a disk is low.
    pub(super) disk_low: u64,
    /// Occasions within the last hour on which leases ended under running work.
    pub(super) lease_losses: usize,
}

impl Machine<'_> {
    pub(super) fn wrong(&self) -> Vec<Trouble> {
        let low = self.disks.iter().filter_map(|disk| Some((disk, disk.free?)));
        let low = low.filter(|(_, free)| *free < self.disk_low).map(|(disk, free)| {
            Trouble::new(Topic::Disk, disk.place, "low")
                .serious()
                .happened(format!(
                    "the disk of the {} has {} MB left, less than {} MB",
                    disk.place,
                    number(free / 1_000_000),
                    number(self.disk_low / 1_000_000)
                ))
                .costs(format!(
                    "when it is full nothing more is written; the {} takes {} MB",
                    disk.place,
                    number(disk.used / 1_000_000)
                ))
                .to_do("make room, or move it: collector transfer --help")
        });
        let leases = (self.lease_losses >= 2).then(|| {
            Trouble::new(Topic::Lease, "lock", "lost")
                .happened("leases ended under running work twice within an hour")
                .costs("calls under way were dropped and are made again; the vendor may charge them twice")
                .to_do("look at the lock's server and the network to it: collector check")
        });
        low.chain(leases).collect()
    }
}

/// Notes when leases ended under running work. Many at once are one occasion.
pub(super) struct LeaseLosses {
    read: Box<dyn Fn() -> u64 + Send + Sync>,
    known: u64,
    occasions: VecDeque<Timestamp>,
}

/// Losses that lie so close together have one reason.
const OCCASION: Duration = Duration::from_secs(60);

impl LeaseLosses {
    /// `read` tells how many there were so far.
    pub(super) fn new(read: Box<dyn Fn() -> u64 + Send + Sync>) -> Self {
        let known = read();
        Self { read, known, occasions: VecDeque::new() }
    }

    /// Looks again; gives the occasions within the last hour.
    pub(super) fn occasions(&mut self, now: Timestamp) -> usize {
        let total = (self.read)();
        self.occasions.retain(|at| now.since(*at) < TWICE_WITHIN && *at <= now);
        if total > self.known && self.occasions.back().is_none_or(|last| now.since(*last) >= OCCASION) {
            self.occasions.push_back(now);
        }
        self.known = total;
        self.occasions.len()
    }
}

/// Somebody else's text: one line, not long.
fn short(text: &str) -> String {
    let mut short: String = plain(text).chars().take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short
}
