//! What a run came to: fills in its report, with the reasons why it is not complete, and ends it.

use std::collections::BTreeMap;

use super::ending::{LOOK_AGAIN, over};
use super::expecting::missed_by;
use super::handle::Handle;
use super::report::{DeadGroup, End, RunReport, since};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::observe::Event;
use crate::store::{Begun, Parked, RunEnd, RunState, SinkCounts};

/// The most dead letters a report groups.
const LETTERS: usize = 10_000;

fn is_cancelled(state: &RunState) -> bool {
    matches!(state.ended, Some((_, RunEnd::Cancelled)))
}

impl<D: Domain> Handle<D> {
    /// What a run came to that ended like this.
    pub(super) async fn report(
        &self,
        begun: Begun,
        end: End,
        started: tokio::time::Instant,
    ) -> Result<RunReport> {
        let worker = &self.worker;
        let state = worker.store().run(begun.run).await?;
        let state = state.ok_or_else(|| {
            Error::new(ErrorKind::Storage, "the run is not in the store any more").with("run", begun.run)
        })?;
        let end = match end {
            // The stop came too late to keep anything from being done.
            End::Stopped => over(&state).unwrap_or(End::Stopped),
            _ if is_cancelled(&state) => End::Cancelled,
            end => end,
        };
        let known = state.ended.map(|(_, end)| end);
        let counts = worker.store().counts().await?;
        let letters = match state.counts.dead {
            0 => Vec::new(),
            _ => worker.store().dead_letters(LETTERS).await?,
        };
        let mine: Vec<_> = letters.into_iter().filter(|letter| letter.run == Some(begun.run)).collect();
        let sinks: BTreeMap<String, SinkCounts> = worker
            .parts
            .sinks
            .iter()
            .filter_map(|sink| counts.sinks.get_key_value(sink.name()))
            .map(|(name, after)| {
                (name.clone(), since(self.before.get(name).copied().unwrap_or_default(), *after))
            })
            .collect();
        let mut report = RunReport {
            run: begun.run,
            job: state.job,
            resumed: begun.resumed,
            end,
            reasons: Vec::new(),
            counts: state.counts,
            open: state.open,
            sinks,
            parked: worker.parked().await?,
            dead: DeadGroup::of(&mine),
            took: worker.tick().saturating_duration_since(started),
        };
        report.reasons = self.reasons(&report, state.pending);
        if report.open > 0 {
            let strange = counts.open.iter().filter(|(lane, _)| self.slots_of(lane).next().is_none());
            report.reasons.extend(strange.map(|(lane, tasks)| {
                format!("open {tasks}: {lane}, which this pipeline does not have; add its source")
            }));
        }
        if report.open == 0 && matches!(report.end, End::Complete | End::Partial) {
            report.reasons.extend(self.missed(begun.run, &report.job).await?);
        }
        // What was refused for good is missing somewhere, so it is not complete.
        if report.end == End::Complete && !report.reasons.is_empty() {
            report.end = End::Partial;
        }
        match report.end {
            End::Complete => self.end(begun.run, RunEnd::Complete, known).await?,
            // With everything answered there is nothing to resume: the next run tries again what is missing.
            End::Partial if report.open == 0 => self.end(begun.run, RunEnd::Partial, known).await?,
            End::Partial | End::Parked { .. } | End::Stopped | End::Cancelled => {}
        }
        Ok(report)
    }

    /// What a run did not bring that is expected of it. Other workers may have to say first what they saw.
    async fn missed(&self, run: RunId, job: &str) -> Result<Vec<String>> {
        loop {
            match self.worker.missed(run, job).await? {
                Some(missed) if !missed.is_empty() => return Ok(missed),
                // It may have been judged when it ended.
                Some(_) => {
                    let kept = missed_by(self.worker.store(), job).await?;
                    return Ok(kept
                        .filter(|kept| kept.run == run)
                        .map(|kept| kept.missed)
                        .unwrap_or_default());
                }
                None => self.worker.parts.clock.sleep(LOOK_AGAIN).await,
            }
        }
    }

    async fn end(&self, run: RunId, end: RunEnd, known: Option<RunEnd>) -> Result<()> {
        self.worker.expect_no_more(run).await?;
        if known == Some(end) {
            return Ok(());
        }
        self.worker.store().end_run(run, end, self.worker.now()).await?;
        self.worker.observe(&Event::RunEnded { run, end });
        Ok(())
    }

    fn reasons(&self, report: &RunReport, pending: u64) -> Vec<String> {
        let mut reasons = Vec::new();
        if report.end == End::Cancelled {
            reasons.push("cancelled: what was not answered by then is not asked any more".to_owned());
        }
        if report.end == End::Stopped {
            reasons.push("stopped before it was done; run it again to go on".to_owned());
        }
        if report.open > 0 {
            reasons.push(format!("open {}: not answered yet", report.open));
        }
        let accounts = &self.worker.parts.accounts;
        if report.end == End::Partial && report.open > 0 {
            reasons.extend(accounts.iter().filter_map(|account| {
                let silent =
                    self.worker.tick().saturating_duration_since(account.admission().silent_since()?);
                let name = &account.name;
                Some(format!(
                    "silent for {} s: {name} answers nothing; run it again to go on",
                    silent.as_secs()
                ))
            }));
        }
        let ours = |park: &Parked| accounts.iter().any(|account| account.name == park.account);
        let parked = matches!(report.end, End::Parked { .. });
        for park in &report.parked {
            if parked || (park.kind == ErrorKind::Malformed && ours(park)) {
                let until = match (park.until, park.tries_at()) {
                    (Some(at), _) => format!("until {at}"),
                    (None, Some(at)) => {
                        format!("until somebody acts, or one call that is tried {at} is answered")
                    }
                    (None, None) => "until somebody lets it out".to_owned(),
                };
                reasons.push(format!("parked {until}: {} ({})", park.account, park.reason));
            }
        }
        for group in &report.dead {
            reasons.push(format!(
                "dead {}: {} {}, for example {}",
                group.count, group.part, group.kind, group.example
            ));
        }
        for (name, counts) in &report.sinks {
            if counts.rejected > 0 {
                reasons.push(format!("rejected {}: {name}", counts.rejected));
            }
            if counts.pending > 0 && pending > 0 {
                let failure = self.worker.parts.sinks.iter().position(|sink| sink.name() == name);
                let why = failure.and_then(|at| self.worker.outlets[at].failure());
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                reasons.push(format!("pending {}: {name}{why}", counts.pending));
            }
        }
        reasons
    }
}
