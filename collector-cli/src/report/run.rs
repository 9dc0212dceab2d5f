//! What `collector run` prints.

use std::time::Duration;

use collector_core::pipeline::{DeadGroup, End, RunReport};
use collector_core::store::{Parked, SinkCounts};
use serde::Serialize;

use super::{Rows, aligned, count, number, plain, took, when};
use crate::config::format_duration;
use crate::exit::Exit;

/// How a run went, and what to do next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunOutcome {
    /// `complete`, `partial` or `parked`.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// `run`, `job`, `resumed`, `end`, `until`, `reasons`, `counts`, `open`, `sinks`, `parked`, `dead`, `took`
    /// (seconds).
    #[serde(flatten)]
    pub report: RunReport,
    /// How long answers stand, as text.
    pub fresh_for: String,
    /// What to do next, one sentence each.
    pub next: Vec<String>,
}

impl RunOutcome {
    /// `again` is the command that goes on with the run.
    pub(crate) fn new(report: RunReport, fresh_for: Duration, again: &str) -> Self {
        let exit = exit(&report.end);
        let next = next(&report, again);
        Self { exit: exit.as_str(), code: exit.code(), fresh_for: format_duration(fresh_for), next, report }
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        exit(&self.report.end)
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}", self.title(), aligned(2, &self.rows()));
        if !self.report.reasons.is_empty() {
            text.push_str("\nmissing\n");
            self.report.reasons.iter().for_each(|reason| text.push_str(&format!("  - {}\n", plain(reason))));
        }
        if !self.next.is_empty() {
            text.push_str("\nnext\n");
            self.next.iter().for_each(|step| text.push_str(&format!("  - {step}\n")));
        }
        text
    }

    fn title(&self) -> String {
        let report = &self.report;
        let end = match report.end {
            End::Complete => "complete".to_owned(),
            End::Partial => "partial".to_owned(),
            End::Parked { until: Some(until) } => format!("parked until {}", when(until)),
            End::Parked { until: None } => "parked".to_owned(),
            End::Stopped => "stopped".to_owned(),
            End::Cancelled => "cancelled".to_owned(),
        };
        let resumed = if report.resumed { ", went on where it was left" } else { "" };
        format!("{}: {end} after {} (run {}{resumed})", report.job, took(report.took), report.run)
    }

    fn rows(&self) -> Rows {
        let counts = &self.report.counts;
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        let mut rows = vec![
            row(
                "creators",
                format!(
                    "{} seen new or changed, {} unchanged",
                    number(counts.changed),
                    number(counts.unchanged)
                ),
            ),
            row(
                "tasks",
                format!(
                    "{} answered, {} open, {} given up",
                    number(counts.done + counts.absent),
                    number(self.report.open),
                    number(counts.dead)
                ),
            ),
        ];
        if counts.absent > 0 {
            rows.push(row(
                "absent",
                format!("{} of the answers: no such account, private or withheld", number(counts.absent)),
            ));
        }
        if counts.fresh > 0 {
            rows.push(row(
                "fresh",
                format!("{} not asked again: answered within {}", number(counts.fresh), self.fresh_for),
            ));
        }
        if counts.malformed > 0 {
            rows.push(row(
                "malformed",
                format!("{} parts of answers could not be read; they are kept", number(counts.malformed)),
            ));
        }
        let calls = count(counts.cost.requests, "call", "calls");
        let retries =
            if counts.retries > 0 { format!(", {} repeated", number(counts.retries)) } else { String::new() };
        rows.push(row("cost", format!("{} in {calls}{retries}", count(counts.cost.units, "unit", "units"))));
        rows.extend(self.report.sinks.iter().map(|(name, sink)| row(name, sink_text(sink))));
        rows
    }
}

fn sink_text(sink: &SinkCounts) -> String {
    let mut text = format!("{} written", number(sink.stored));
    for (amount, what) in [
        (sink.superseded, "replaced by newer ones"),
        (sink.rejected, "refused"),
        (sink.pending, "still owed"),
    ] {
        if amount > 0 {
            text.push_str(&format!(", {} {what}", number(amount)));
        }
    }
    text
}

fn exit(end: &End) -> Exit {
    match end {
        End::Complete => Exit::Complete,
        End::Partial | End::Stopped | End::Cancelled => Exit::Partial,
        End::Parked { .. } => Exit::Parked,
    }
}

fn next(report: &RunReport, again: &str) -> Vec<String> {
    let mut next = Vec::new();
    if report.end == End::Stopped {
        next.push(format!("go on where it stopped: {again}"));
    }
    next.extend(report.parked.iter().map(|parked| parked_advice(parked, again)));
    next.extend(report.dead.iter().map(dead_advice));
    let pending: u64 = report.sinks.values().map(|sink| sink.pending).sum();
    if pending > 0 && report.end == End::Partial {
        next.push(format!("look at what the sink says, then write what is owed: {again}"));
    } else if report.open > 0 && report.end == End::Partial {
        next.push(format!("ask for what is open: {again}"));
    }
    next
}

fn parked_advice(parked: &Parked, again: &str) -> String {
    let when = parked.until.map_or_else(|| "then".to_owned(), |until| format!("after {}", when(until)));
    format!("{}: {}; {when}: {again}", parked.account, parked.kind.advice())
}

fn dead_advice(group: &DeadGroup) -> String {
    format!("{} {} of {}: {}", number(group.count), group.kind, group.part, group.kind.advice())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use collector_core::clock::Timestamp;
    use collector_core::error::ErrorKind;
    use collector_core::id::RunId;
    use collector_core::store::RunCounts;
    use collector_core::task::Cost;

    use super::*;

    fn report(end: End) -> RunReport {
        RunReport {
            run: RunId(7),
            job: "people".to_owned(),
            resumed: false,
            end,
            reasons: vec![],
            counts: RunCounts {
                done: 4_900,
                absent: 80,
                fresh: 3,
                changed: 4_000,
                unchanged: 900,
                items: 4_900,
                cost: Cost { units: 5_000, requests: 5_100 },
                ..RunCounts::default()
            },
            open: 0,
            sinks: BTreeMap::from([(
                "jsonl".to_owned(),
                SinkCounts { wanted: 4_000, stored: 4_000, ..SinkCounts::default() },
            )]),
            parked: vec![],
            dead: vec![],
            took: Duration::from_millis(12_300),
        }
    }

    fn outcome(report: RunReport) -> RunOutcome {
        RunOutcome::new(report, Duration::from_secs(7 * 86_400), "collector run people")
    }

    #[test]
    fn a_complete_run_reads_short() {
        let outcome = outcome(report(End::Complete));
        assert_eq!(outcome.exit(), Exit::Complete);
        assert_eq!(
            outcome.text(),
            "people: complete after 12 s (run 7)\n  \
             creators  4,000 seen new or changed, 900 unchanged\n  \
             tasks     4,980 answered, 0 open, 0 given up\n  \
             absent    80 of the answers: no such account, private or withheld\n  \
             fresh     3 not asked again: answered within 1w\n  \
             cost      5,000 units in 5,100 calls\n  \
             jsonl     4,000 written\n"
        );
    }

    #[test]
    fn every_end_but_complete_has_a_code_above_0_and_says_what_to_type() {
        let parked = Parked {
            account: "e".into(),
            until: Some(Timestamp::from_secs(0)),
            kind: ErrorKind::QuotaExhausted,
            reason: "units".to_owned(),
            since: Timestamp::from_secs(0),
        };
        let stopped = report(End::Stopped);
        let waiting = RunReport {
            parked: vec![parked.clone()],
            open: 3,
            ..report(End::Parked { until: parked.until })
        };
        let owing = SinkCounts { wanted: 2, pending: 2, ..SinkCounts::default() };
        let partial =
            RunReport { sinks: BTreeMap::from([("jsonl".to_owned(), owing)]), ..report(End::Partial) };
        for (report, code) in [(stopped, 1), (waiting, 4), (partial, 1)] {
            let outcome = outcome(report);
            assert_eq!((outcome.code, outcome.exit().code()), (code, code));
            assert!(
                outcome.next.iter().any(|step| step.contains("collector run people")),
                "{:?}",
                outcome.next
            );
        }
    }

    #[test]
    fn json_has_the_documented_keys() {
        let json = serde_json::json!(outcome(report(End::Parked { until: None })));
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let documented = [
            "code",
            "counts",
            "dead",
            "end",
            "exit",
            "fresh_for",
            "job",
            "next",
            "open",
            "parked",
            "reasons",
            "resumed",
            "run",
            "sinks",
            "took",
            "until",
        ];
        assert_eq!(keys, documented);
        assert_eq!(
            (&json["end"], &json["code"], &json["exit"]),
            (&"parked".into(), &4.into(), &"parked".into())
        );
    }
}
