//! What `collector status` prints.

mod accounts;
mod jobs;

use std::collections::BTreeMap;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::metrics::Disk;
use collector_core::pipeline::{DeadGroup, Seen, SinkVitals};
use collector_core::store::{Counts, Parked, RunState, SinkCounts, Waiting};
use serde::Serialize;

use crate::config::AD_HOC;

use super::{Rows, aligned, count, number, plain, took, when};

pub use accounts::AccountStatus;
pub use jobs::{JobParked, JobStatus, LastRun};

/// Runs that are shown to people; `--json` has them all.
const SHOWN_RUNS: usize = 5;

/// What a store holds, what is open, and what is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StatusReport {
    /// When this was so.
    pub at: Timestamp,
    /// The store.
    pub store: String,
    /// The jobs, in the order of the configuration, or as the store knows them.
    pub jobs: Vec<JobStatus>,
    /// The accounts: what they spend, how they answer, whether they are kept out.
    pub accounts: Vec<AccountStatus>,
    /// How sinks were when a worker last said so: `sink`, `pending`, `lag` (seconds), `worker`, `at`.
    pub sinks: Vec<Seen<SinkVitals>>,
    /// What is kept on this machine: `place`, `used`, `free` (bytes).
    pub disks: Vec<Disk>,
    /// Everything countable: `entities`, `sightings`, `payloads`, `tasks`, `open`, `sinks`, `runs` …
    pub counts: Counts,
    /// Accounts that are kept out.
    pub parked: Vec<ParkedAccount>,
    /// Dead letters by part and reason, the most first.
    pub dead: Vec<DeadGroup>,
}

/// An account that is kept out, and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ParkedAccount {
    /// Which, since and until when, and why.
    #[serde(flatten)]
    pub parked: Parked,
    /// When the next call is tried, of one that is tried before somebody lets it in; in the past while no worker is there.
    pub tries_at: Option<Timestamp>,
    /// What to do about it.
    pub advice: &'static str,
}

impl From<Parked> for ParkedAccount {
    fn from(parked: Parked) -> Self {
        Self { tries_at: parked.tries_at(), advice: parked.kind.advice(), parked }
    }
}

impl ParkedAccount {
    /// One line for people.
    pub(crate) fn line(&self) -> Vec<String> {
        vec![
            self.parked.account.to_string(),
            kept_out(self.parked.until, self.tries_at),
            format!("{}: {}", self.parked.kind, plain(&self.parked.reason)),
        ]
    }
}

/// Until when an account is kept out.
pub(crate) fn kept_out(until: Option<Timestamp>, tries_at: Option<Timestamp>) -> String {
    match (until, tries_at) {
        (Some(until), _) => format!("until {}", when(until)),
        (None, Some(at)) => {
            format!("until somebody acts, or one call that is tried {} is answered", when(at))
        }
        (None, None) => "until somebody lets it in".to_owned(),
    }
}

/// Two lines for people: what was given up, and what to do about it.
fn dead_lines(group: &DeadGroup) -> Rows {
    let blank = String::new;
    vec![
        vec![group.part.clone(), group.kind.to_string(), number(group.count), plain(&group.example)],
        vec![blank(), blank(), blank(), group.kind.advice().to_owned()],
    ]
}

impl StatusReport {
    /// What people read.
    pub fn text(&self) -> String {
        let counts = &self.counts;
        let mut text = aligned(
            0,
            &[
                vec!["store".to_owned(), self.store.clone()],
                vec!["creators".to_owned(), self.holds()],
                vec!["workers".to_owned(), number(counts.workers)],
            ],
        );
        section(&mut text, "jobs", &self.jobs.iter().flat_map(JobStatus::lines).collect::<Rows>());
        section(
            &mut text,
            "runs, newest first",
            &counts.runs.iter().take(SHOWN_RUNS).map(run_line).collect::<Rows>(),
        );
        section(&mut text, "open tasks", &lines(&counts.open));
        section(
            &mut text,
            "sinks",
            &counts.sinks.iter().map(|(name, sink)| self.sink_line(name, sink)).collect::<Rows>(),
        );
        let accounts = self.accounts.iter().map(|account| account.line(self.at));
        section(&mut text, "accounts", &accounts.collect::<Rows>());
        let waiting = |(worker, waiting): (&String, &Waiting)| {
            vec![worker.clone(), waiting.to_string(), plain(&waiting.error)]
        };
        section(&mut text, "waiting workers", &counts.waiting.iter().map(waiting).collect::<Rows>());
        section(&mut text, "parked accounts", &self.parked.iter().map(ParkedAccount::line).collect::<Rows>());
        section(&mut text, "dead letters", &self.dead.iter().flat_map(dead_lines).collect::<Rows>());
        section(&mut text, "disk", &self.disks.iter().map(disk_line).collect::<Rows>());
        text.push_str(&format!("\n{}", self.verdict()));
        text
    }

    fn holds(&self) -> String {
        let counts = &self.counts;
        let sightings = count(counts.sightings, "sighting", "sightings");
        format!(
            "{} ({sightings}, {} kept)",
            number(counts.entities),
            count(counts.payloads, "answer", "answers")
        )
    }

    /// What to do next.
    fn verdict(&self) -> String {
        if let Some(parked) = self.parked.first() {
            return format!("Parked: {}. {}", parked.parked.account, parked.advice);
        }
        if let Some(waiting) = self.counts.waiting.values().next() {
            return format!("{waiting}. It goes on by itself when that is over.");
        }
        let Some(newest) = self.counts.runs.first() else {
            return "Nothing was run yet. Next: collector run JOB".to_owned();
        };
        match self.counts.runs.iter().find(|run| run.ended.is_none()) {
            Some(run) if self.counts.workers > 0 => format!("Run {} ({}) is going on.", run.run, run.job),
            Some(run) => {
                format!("Run {} ({}) was left unfinished. To go on: {}", run.run, run.job, again(&run.job))
            }
            None if self.jobs.iter().any(JobStatus::is_short) => {
                "Finished; less came than expected, as the jobs above tell.".to_owned()
            }
            None if newest.counts.dead > 0 => "Finished; the dead letters above were given up.".to_owned(),
            None => "Everything is in order.".to_owned(),
        }
    }
}

/// The command that goes on with a job's run.
fn again(job: &str) -> String {
    match job {
        AD_HOC => "type the same command once more".to_owned(),
        job => format!("collector run {job}"),
    }
}

fn section(text: &mut String, title: &str, rows: &[Vec<String>]) {
    if !rows.is_empty() {
        text.push_str(&format!("\n{title}\n{}", aligned(2, rows)));
    }
}

fn lines(counts: &BTreeMap<String, u64>) -> Rows {
    counts
        .iter()
        .filter(|(_, amount)| **amount > 0)
        .map(|(name, amount)| vec![name.clone(), number(*amount)])
        .collect()
}

fn run_line(run: &RunState) -> Vec<String> {
    let state = match (&run.ended, run.open) {
        (Some((at, end)), _) => format!("{} {}", end.as_str(), when(*at)),
        (None, open) => format!("{} open", number(open)),
    };
    let counts = &run.counts;
    let did = format!(
        "{} done, {} fresh, {} absent, {} dead, {} units",
        number(counts.done),
        number(counts.fresh),
        number(counts.absent),
        number(counts.dead),
        number(counts.cost.units)
    );
    vec![run.run.to_string(), run.job.clone(), state, did]
}

impl StatusReport {
    fn sink_line(&self, name: &str, sink: &SinkCounts) -> Vec<String> {
        let did = format!(
            "{} stored, {} pending, {} refused",
            number(sink.stored),
            number(sink.pending),
            number(sink.rejected)
        );
        let seen = self.sinks.iter().find(|seen| seen.seen.sink == name && sink.pending > 0);
        let lag = seen.filter(|seen| is_recent(seen.at, self.at)).map(|seen| {
            // It has grown since it was said.
            let lag = Duration::from_secs_f64(seen.seen.lag.max(0.0)) + self.at.since(seen.at);
            format!("the oldest waits for {}", took(lag))
        });
        vec![name.to_owned(), did, lag.unwrap_or_default()]
    }
}

/// Whether what a worker said then tells of now: it is said every few seconds.
fn is_recent(said: Timestamp, now: Timestamp) -> bool {
    now.since(said) < Duration::from_secs(120)
}

fn disk_line(disk: &Disk) -> Vec<String> {
    let megabytes = |bytes: u64| format!("{} MB", number(bytes.div_ceil(1_000_000)));
    let free = disk.free.map(|free| format!("{} free", megabytes(free)));
    vec![disk.place.to_owned(), megabytes(disk.used), free.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;
    use collector_core::error::ErrorKind;
    use collector_core::id::RunId;
    use collector_core::store::{RunCounts, RunEnd};

    use super::*;

    fn status(runs: Vec<RunState>) -> StatusReport {
        let counts = Counts { entities: 5_000, runs, ..Counts::default() };
        StatusReport {
            at: Timestamp::from_secs(0),
            store: "sqlite:a.db".to_owned(),
            jobs: vec![],
            accounts: vec![],
            sinks: vec![],
            disks: vec![],
            counts,
            parked: vec![],
            dead: vec![],
        }
    }

    fn run(ended: Option<(Timestamp, RunEnd)>) -> RunState {
        let (job, counts) = ("people".to_owned(), RunCounts::default());
        RunState { run: RunId(7), job, began: Timestamp::from_secs(0), ended, open: 3, counts, pending: 0 }
    }

    #[test]
    fn what_was_given_up_is_told_with_advice() {
        let group = DeadGroup {
            part: "e".to_owned(),
            kind: ErrorKind::Malformed,
            count: 12,
            example: "profile x: bro\u{1b}ken".to_owned(),
        };
        let text = StatusReport { dead: vec![group], ..status(vec![]) }.text();
        let advice = ErrorKind::Malformed.advice();
        assert!(
            text.contains(&format!(
                "  e  malformed  12  profile x: bro{}ken\n{:20}{advice}\n",
                '\u{fffd}', ""
            )),
            "{text}"
        );
    }

    #[test]
    fn the_last_line_says_what_to_do() {
        assert!(status(vec![]).text().ends_with("Next: collector run JOB"));
        assert!(status(vec![run(None)]).text().ends_with("To go on: collector run people"));
        let ended = Some((Timestamp::from_secs(9), RunEnd::Complete));
        assert!(status(vec![run(ended)]).text().ends_with("Everything is in order."));
        // An older run that was left counts, too.
        assert!(status(vec![run(ended), run(None)]).text().ends_with("To go on: collector run people"));
        let parked = Parked {
            account: "e".into(),
            until: None,
            kind: ErrorKind::Unauthorized,
            reason: "no\u{1b}pe".to_owned(),
            since: Timestamp::from_secs(0),
        };
        let changed = Parked { kind: ErrorKind::Malformed, ..parked.clone() };
        let report = StatusReport { parked: vec![parked.into(), changed.into()], ..status(vec![run(ended)]) };
        assert!(report.text().ends_with(&format!("Parked: e. {}", ErrorKind::Unauthorized.advice())));
        let tried = "until somebody acts, or one call that is tried 1970-01-01 06:00 UTC is answered";
        for line in [
            format!("  e  {tried}  unauthorized: no\u{fffd}pe\n"),
            format!("  e  {:<1$}  malformed: no\u{fffd}pe\n", "until somebody lets it in", tried.len()),
        ] {
            assert!(report.text().contains(&line), "{line} in {}", report.text());
        }
        let json = serde_json::json!(report);
        assert_eq!(json["parked"][0]["tries_at"], "1970-01-01T06:00:00Z");
        assert_eq!(
            json["parked"][1]["tries_at"],
            serde_json::Value::Null,
            "it does not come back by waiting"
        );
    }

    #[test]
    fn a_worker_that_waits_is_named_with_its_reason() {
        let mut report = status(vec![run(None)]);
        let waiting = Waiting {
            part: "lock".to_owned(),
            problem: "unreachable".to_owned(),
            since: Timestamp::from_secs(9),
            error: "connection re\u{1b}fused".to_owned(),
        };
        report.counts.waiting.insert("12-ab".to_owned(), waiting);
        let text = report.text();
        // The words of the metric and of the log.
        let reason = report.counts.waiting["12-ab"].reason();
        assert!(text.contains(&format!("waiting: {reason} since")), "{text}");
        let line =
            "  12-ab  waiting: lock unreachable since 1970-01-01T00:00:09Z  connection re\u{fffd}fused\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.ends_with("waiting: lock unreachable since 1970-01-01T00:00:09Z. It goes on by itself when that is over."),
            "{text}"
        );
        assert_eq!(serde_json::json!(report)["counts"]["waiting"]["12-ab"]["part"], "lock");
    }

    #[test]
    fn json_has_the_documented_keys() {
        let json = serde_json::json!(status(vec![run(None)]));
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["accounts", "at", "counts", "dead", "disks", "jobs", "parked", "sinks", "store"]);
        assert_eq!(json["counts"]["entities"], 5_000);
    }
}
