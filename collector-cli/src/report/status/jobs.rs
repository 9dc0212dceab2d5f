//! The jobs: the last run, the one that goes on, the next one, and what keeps it waiting.

use collector_core::clock::Timestamp;
use collector_core::expect::Missed;
use collector_core::id::RunId;
use collector_core::schedule::{Past, Schedule, decide};
use collector_core::store::{Counts, Parked, RunEnd, RunState, ScheduleState};
use serde::Serialize;

use super::kept_out;
use crate::config::Config;
use crate::report::{Rows, number, plain, when};

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// Its name.
    pub job: String,
    /// The run that goes on.
    pub running: Option<RunId>,
    /// Its tasks without an answer.
    pub open: u64,
    /// The last run that is over; of the latest 20 runs in the store.
    pub last: Option<LastRun>,
    /// The next planned moment, of one that is planned.
    pub next: Option<Timestamp>,
    /// Whether its schedule is paused.
    pub paused: bool,
    /// What keeps the run from going on.
    pub parked: Option<JobParked>,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LastRun {
    /// Which.
    pub run: RunId,
    /// How it ended.
    pub end: RunEnd,
    /// When.
    pub at: Timestamp,
    /// What it did not bring that was expected of it.
    pub missed: Vec<String>,
}

/// The account that keeps a job waiting longest.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobParked {
    /// Which.
    pub account: String,
    /// Until when; unknown when a person has to act.
    pub until: Option<Timestamp>,
    /// When the next call is tried, of one that is tried before somebody lets it in.
    pub tries_at: Option<Timestamp>,
    /// Why.
    pub why: String,
}

impl JobStatus {
    /// Whether its last run brought less than expected.
    pub(super) fn is_short(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.missed.is_empty())
    }

    /// With what is planned.
    #[must_use]
    pub(crate) fn planned(
        mut self,
        schedule: &Schedule,
        state: Option<&ScheduleState>,
        now: Timestamp,
    ) -> Self {
        // One that nobody has served yet is planned from now on.
        let past = state.map_or_else(|| Past { since: now, ..Past::default() }, ScheduleState::past);
        self.paused = state.is_some_and(ScheduleState::is_paused);
        let verdict = decide(schedule, &past, now);
        self.next = verdict.fire.or(verdict.look_again);
        self
    }

    /// A job as the store knows it. Without a configuration it is not known which accounts it needs.
    pub(crate) fn new(
        job: &str,
        counts: &Counts,
        parked: &[Parked],
        missed: Option<&Missed>,
        config: Option<&Config>,
    ) -> Self {
        let mut runs = counts.runs.iter().filter(|run| run.job == job);
        let running = runs.clone().find(|run| run.ended.is_none());
        let last = runs.find_map(|run| Some((run, run.ended?)));
        Self {
            job: job.to_owned(),
            running: running.map(|run| run.run),
            open: running.map_or(0, |run| run.open),
            last: last.map(|(run, (at, end))| LastRun {
                run: run.run,
                end,
                at,
                missed: missed
                    .filter(|missed| missed.run == run.run)
                    .map(|missed| missed.missed.clone())
                    .unwrap_or_default(),
            }),
            next: None,
            paused: false,
            parked: running.and_then(|run| keeps_waiting(run, counts, parked, config?)),
        }
    }

    /// What people read: a line, and one for each thing that is wrong.
    pub(crate) fn lines(&self) -> Rows {
        let running = match self.running {
            Some(run) => format!("run {run} goes on, {} open", number(self.open)),
            None => String::new(),
        };
        let last = match &self.last {
            Some(last) => format!("last {} {} (run {})", last.end.as_str(), when(last.at), last.run),
            None => "never finished yet".to_owned(),
        };
        let next = match (self.paused, self.next) {
            (true, _) => "paused".to_owned(),
            (false, Some(next)) => format!("next {}", when(next)),
            (false, None) => String::new(),
        };
        let mut lines = vec![vec![self.job.clone(), last, running, next]];
        let missed = self.last.iter().flat_map(|last| &last.missed);
        lines.extend(missed.map(|missed| vec![String::new(), plain(missed)]));
        if let Some(parked) = &self.parked {
            let until = kept_out(parked.until, parked.tries_at);
            lines.push(vec![
                String::new(),
                format!("parked {until}: {} ({})", parked.account, plain(&parked.why)),
            ]);
        }
        lines
    }
}

/// Of the accounts that are kept out and have open tasks of this job's sources, the one that is let in last.
fn keeps_waiting(run: &RunState, counts: &Counts, parked: &[Parked], config: &Config) -> Option<JobParked> {
    let job = config.jobs.iter().find(|job| job.name == run.job)?;
    let sources = job.discover.iter().chain(&job.enrich);
    let open = |source: &str| {
        counts
            .open
            .iter()
            .any(|(lane, open)| *open > 0 && lane.split_once('/').is_some_and(|(name, _)| name == source))
    };
    let accounts: Vec<&str> = sources
        .filter(|source| open(source))
        .filter_map(|source| Some(config.sources.get(source)?.account.as_str()))
        .collect();
    let kept_out = parked.iter().filter(|park| accounts.contains(&&*park.account));
    let last = kept_out.max_by_key(|park| (park.until.is_none(), park.until))?;
    Some(JobParked {
        account: last.account.to_string(),
        until: last.until,
        tries_at: last.tries_at(),
        why: format!("{}: {}", last.kind, last.reason),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use collector_core::error::ErrorKind;
    use collector_core::store::RunCounts;

    use super::*;

    fn run(number: u64, ended: Option<RunEnd>, open: u64) -> RunState {
        let at = Timestamp::from_secs(1_800_000_000);
        let (run, job, ended) = (RunId(number), "tea".to_owned(), ended.map(|end| (at, end)));
        RunState { run, job, began: at, ended, open, counts: RunCounts::default(), pending: 0 }
    }

    fn config() -> Config {
        let text = "[sources.a]\ntype = \"ensembledata\"\naccount = \"shared\"\ntoken = { env = \"T\" }\n\
                    [[jobs]]\nname = \"tea\"\nquery = { hashtags = [\"tea\"] }\n";
        let env = |_: &str| Some("t0ken-t0ken-t0ken".to_owned());
        Config::parse(Path::new("c.toml"), text, &crate::sources::builtin(), Some(&env)).unwrap()
    }

    #[test]
    fn a_job_tells_its_last_run_the_one_that_goes_on_and_what_keeps_it_waiting() {
        let counts = Counts {
            runs: vec![
                run(9, None, 1_200),
                run(8, Some(RunEnd::Partial), 0),
                run(7, Some(RunEnd::Complete), 0),
            ],
            open: [("a/user".to_owned(), 1_200)].into(),
            ..Counts::default()
        };
        let park = Parked {
            account: "shared".into(),
            until: Some(Timestamp::from_secs(1_800_003_600)),
            kind: ErrorKind::QuotaExhausted,
            reason: "units are spent".to_owned(),
            since: Timestamp::from_secs(0),
        };
        let missed = Missed { run: RunId(8), missed: vec!["expected 500 or more, got 3".to_owned()] };
        let config = config();
        let job = JobStatus::new("tea", &counts, std::slice::from_ref(&park), Some(&missed), Some(&config));
        assert_eq!((job.running, job.open), (Some(RunId(9)), 1_200));
        let text = job.lines().iter().map(|line| line.join("|")).collect::<Vec<_>>();
        assert_eq!(
            text,
            [
                "tea|last partial 2027-01-15 08:00 UTC (run 8)|run 9 goes on, 1,200 open|",
                "|expected 500 or more, got 3",
                "|parked until 2027-01-15 09:00 UTC: shared (quota_exhausted: units are spent)",
            ]
        );
        // What a newer run was not expected to bring is not told any more.
        let old = Missed { run: RunId(7), ..missed };
        let job = JobStatus::new("tea", &counts, &[], Some(&old), Some(&config));
        assert!(job.last.is_some_and(|last| last.missed.is_empty()) && job.parked.is_none());
        // Somebody else's account keeps nobody waiting.
        let other = Parked { account: "other".into(), ..park };
        assert_eq!(JobStatus::new("tea", &counts, &[other], None, Some(&config)).parked, None);
        let never = JobStatus::new("milk", &counts, &[], None, Some(&config));
        assert_eq!(never.lines(), [["milk", "never finished yet", "", ""]]);
    }
}
