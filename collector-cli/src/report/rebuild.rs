//! What `collector rebuild` and `collector erase` print.

use std::collections::BTreeMap;
use std::time::Duration;

use collector_core::rebuild::Rebuilt;
use collector_core::store::Erased;
use serde::Serialize;

use super::{Delivered, Rows, aligned, count, number, took};
use crate::exit::Exit;

/// What was made anew.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct RebuildReport {
    /// `complete`, or `partial` when something could not be read or delivered.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// With `--parse`: what was read again.
    pub parse: Option<Rebuilt>,
    /// Dead letters whose answers can be read now.
    pub letters: u64,
    /// With `--search`: records in the new index.
    pub indexed: Option<u64>,
    /// Changes that sinks do not have yet, by sink.
    pub pending: BTreeMap<String, u64>,
    /// What is missing, and why.
    pub reasons: Vec<String>,
    /// How long it took, in seconds.
    pub took_s: f64,
}

impl RebuildReport {
    pub(crate) fn deliver(&mut self, delivered: Delivered) {
        deliver(delivered, &mut self.pending, &mut self.reasons);
    }

    pub(crate) fn end(&mut self, elapsed: Duration) {
        self.took_s = elapsed.as_secs_f64();
        if let Some(Rebuilt { unreadable, without_source, without_tasks, .. }) = &self.parse {
            let reasons = [
                (*unreadable, "cannot be read; collector try SOURCE --from FILE shows why"),
                (*without_source, "are of sources that are not configured"),
                (*without_tasks, "are of an older program and do not say what had been asked"),
            ];
            let told = reasons.into_iter().filter(|(answers, _)| *answers > 0);
            self.reasons.extend(told.map(|(answers, why)| format!("answers {}: {why}", number(answers))));
        }
        let exit = self.exit();
        (self.exit, self.code) = (exit.as_str(), exit.code());
    }

    pub(crate) fn exit(&self) -> Exit {
        if self.reasons.is_empty() { Exit::Complete } else { Exit::Partial }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(done) = &self.parse {
            text.push_str(&format!(
                "{} read again, {} items: {} changed; nothing was bought\n",
                count(done.answers, "answer", "answers"),
                number(done.items),
                count(done.versions, "record", "records"),
            ));
        }
        if let Some(records) = self.indexed {
            text.push_str(&format!("the index was made anew: {}\n", count(records, "record", "records")));
        }
        if self.letters > 0 {
            text.push_str(&format!(
                "{} can be read now: collector dead replay --all --mend-only\n",
                count(self.letters, "dead letter", "dead letters")
            ));
        }
        finish(text, &self.reasons, self.took_s)
    }
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct EraseReport {
    /// `complete`, or `partial` when a sink does not have it yet.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// What was taken out of the store.
    #[serde(flatten)]
    pub erased: Erased,
    /// Lines of the change log that were written over.
    pub lines: u64,
    /// Pictures that were deleted.
    pub pictures: u64,
    /// Deletions that sinks do not have yet, by sink.
    pub pending: BTreeMap<String, u64>,
    /// What is missing, and why.
    pub reasons: Vec<String>,
    /// How long it took, in seconds.
    pub took_s: f64,
}

impl EraseReport {
    pub(crate) fn new(erased: &Erased) -> Self {
        Self { erased: erased.clone(), ..Self::default() }
    }

    pub(crate) fn deliver(&mut self, delivered: Delivered) {
        deliver(delivered, &mut self.pending, &mut self.reasons);
    }

    pub(crate) fn end(&mut self, elapsed: Duration) {
        self.took_s = elapsed.as_secs_f64();
        let exit = self.exit();
        (self.exit, self.code) = (exit.as_str(), exit.code());
    }

    pub(crate) fn exit(&self) -> Exit {
        if self.reasons.is_empty() { Exit::Complete } else { Exit::Partial }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let erased = &self.erased;
        let counts = [
            ("records", erased.records.len() as u64),
            ("sightings", erased.sightings),
            ("days of history", erased.days),
            ("answers removed", erased.answers_removed),
            ("answers rewritten", erased.answers_rewritten),
            ("tasks", erased.tasks),
            ("dead letters", erased.letters),
            ("places on lists", erased.places),
            ("lines of the change log", self.lines),
            ("pictures", self.pictures),
        ];
        let rows: Rows =
            counts.into_iter().map(|(what, count)| vec![what.to_owned(), number(count)]).collect();
        finish(format!("erased, and kept out from now on\n{}", aligned(2, &rows)), &self.reasons, self.took_s)
    }
}

fn deliver(delivered: Delivered, pending: &mut BTreeMap<String, u64>, reasons: &mut Vec<String>) {
    for (sink, count) in delivered.pending.iter().filter(|(_, count)| **count > 0) {
        let why =
            delivered.problem.as_deref().unwrap_or("the sink does not take it; the next run offers it again");
        reasons.push(format!("pending {}: {sink} ({why})", number(*count)));
    }
    *pending = delivered.pending;
}

fn finish(mut text: String, reasons: &[String], seconds: f64) -> String {
    for reason in reasons {
        text.push_str(&format!("partial: {reason}\n"));
    }
    text + &format!("took {}", took(Duration::from_secs_f64(seconds)))
}
