//! Runs and their counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{Digest, RunId};
use crate::store::ledger::CallCounts;
use crate::store::{Added, Begun, RunCounts, RunEnd, RunSpec, RunState, Verdict};
use crate::task::Cost;

#[derive(Default)]
pub(super) struct Runs(BTreeMap<RunId, Row>);

pub(super) struct Row {
    job: String,
    key: Digest,
    pub(super) fresh_for: Duration,
    began: Timestamp,
    ended: Option<(Timestamp, RunEnd)>,
    open: u64,
    counts: RunCounts,
    pub(super) last_commit: u64,
}

impl Row {
    pub(super) fn state(&self, run: RunId, pending: u64) -> RunState {
        RunState {
            run,
            job: self.job.clone(),
            began: self.began,
            ended: self.ended,
            open: self.open,
            counts: self.counts.clone(),
            pending,
        }
    }
}

impl Runs {
    /// `commits` is the number of the last commit: a run waits for what was owed when it began, too.
    pub(super) fn begin(&mut self, spec: &RunSpec, commits: u64, now: Timestamp) -> Begun {
        if let Some((run, row)) =
            self.0.iter_mut().rev().find(|(_, row)| row.key == spec.key && row.ended.is_none())
        {
            (row.fresh_for, row.last_commit) = (spec.fresh_for, commits);
            return Begun { run: *run, resumed: true };
        }
        let run = RunId(self.0.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        let row = Row {
            job: spec.job.clone(),
            key: spec.key,
            fresh_for: spec.fresh_for,
            began: now,
            ended: None,
            open: 0,
            counts: RunCounts::default(),
            last_commit: commits,
        };
        self.0.insert(run, row);
        Begun { run, resumed: false }
    }

    pub(super) fn end(&mut self, run: RunId, end: RunEnd, now: Timestamp) {
        if let Some(row) = self.0.get_mut(&run)
            && !matches!(row.ended, Some((_, RunEnd::Cancelled)))
        {
            row.ended = Some((now, end));
        }
    }

    /// Ends an unfinished run whose open tasks were taken off it; tells whether it was one.
    pub(super) fn cancel(&mut self, run: RunId, now: Timestamp) -> bool {
        match self.0.get_mut(&run) {
            Some(row) if row.ended.is_none() => {
                (row.ended, row.open) = (Some((now, RunEnd::Cancelled)), 0);
                true
            }
            _ => false,
        }
    }

    pub(super) fn get(&self, run: RunId) -> Option<&Row> {
        self.0.get(&run)
    }

    /// When a run ended, if it has; one that is not there any more ended at the beginning of time.
    pub(super) fn ended(&self, run: RunId) -> Option<Timestamp> {
        self.0.get(&run).map_or(Some(Timestamp::default()), |row| row.ended.map(|(at, _)| at))
    }

    pub(super) fn newest(&self) -> Option<RunId> {
        self.0.last_key_value().map(|(run, _)| *run)
    }

    pub(super) fn newest_first(&self, max: usize, pending: impl Fn(u64) -> u64) -> Vec<RunState> {
        self.0.iter().rev().take(max).map(|(run, row)| row.state(*run, pending(row.last_commit))).collect()
    }

    fn with(&mut self, run: RunId, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.0.get_mut(&run) {
            change(row);
        }
    }

    pub(super) fn count_enqueued(&mut self, run: RunId, added: Added) {
        self.with(run, |row| match added {
            Added::New | Added::JoinedNow => {
                row.open += 1;
                row.counts.tasks += 1;
            }
            Added::Fresh => row.counts.fresh += 1,
            Added::JoinedBefore | Added::AnsweredHere => {}
        });
    }

    pub(super) fn count_revived(&mut self, run: RunId) {
        self.with(run, |row| {
            row.open += 1;
            row.counts.dead = row.counts.dead.saturating_sub(1);
        });
    }

    /// Counts a verdict for every run that waited for the task.
    pub(super) fn count_finished(&mut self, runs: &[RunId], verdict: &Verdict) {
        for run in runs {
            self.with(*run, |row| {
                let counts = &mut row.counts;
                match verdict {
                    Verdict::Done | Verdict::Restart(_) => counts.done += 1,
                    Verdict::Absent(_) => counts.absent += 1,
                    Verdict::Dead { .. } => counts.dead += 1,
                    Verdict::Retry { .. } => {
                        counts.retries += 1;
                        return;
                    }
                    Verdict::Later(_) => return,
                }
                row.open = row.open.saturating_sub(1);
            });
        }
    }

    pub(super) fn count_call(&mut self, run: RunId, answered: bool, malformed: u64, cost: Cost) {
        self.with(run, |row| {
            row.counts.answers += u64::from(answered);
            row.counts.malformed += malformed;
            row.counts.items += malformed;
            row.counts.cost = row.counts.cost + cost;
        });
    }

    pub(super) fn count_items(&mut self, run: RunId, counts: CallCounts, commit: u64) {
        self.with(run, |row| {
            row.counts.changed += counts.changed;
            row.counts.unchanged += counts.unchanged;
            row.counts.malformed += counts.malformed;
            row.counts.items += counts.changed + counts.unchanged + counts.malformed;
            row.last_commit = commit;
        });
    }
}
