//! What `collector demo` prints.

use std::time::Duration;

use serde::Serialize;

use super::{RunOutcome, aligned, count, number, took};
use crate::exit::Exit;

/// What the demo collected, compared with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DemoReport {
    /// `complete`, `partial` or `parked`.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// The folder.
    pub dir: String,
    /// Its configuration, for `--config`.
    pub config: String,
    /// Whether a demo ran here before.
    pub again: bool,
    /// Creators the made-up vendor has.
    pub population: u64,
    /// Creators in the store.
    pub creators: u64,
    /// Creators in the search index.
    pub searchable: u64,
    /// Creators compared with the truth one by one.
    pub checked: u64,
    /// Of those: not in the store.
    pub missing: u64,
    /// Of those: found in a list and not looked up yet.
    pub incomplete: u64,
    /// Of those: with another handle or another number of followers.
    pub wrong: u64,
    /// In the store twice.
    pub duplicates: u64,
    /// Things bought more than once, as the vendor counts it.
    pub bought_twice: u64,
    /// Calls, as the vendor counts them.
    pub calls: u64,
    /// Units, as the vendor counts them.
    pub units: u64,
    /// Seconds it took.
    pub took_s: f64,
    /// Somebody to look at.
    pub example: Option<String>,
    /// The run, as `collector run --json` prints it.
    pub run: RunOutcome,
}

impl DemoReport {
    /// How the command ends.
    pub fn exit(&self) -> Exit {
        match self.run.exit() {
            Exit::Complete if self.code != 0 => Exit::Partial,
            exit => exit,
        }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n{}", self.title(), aligned(2, &self.rows()));
        for reason in &self.run.report.reasons {
            text.push_str(&format!("  - {}\n", super::plain(reason)));
        }
        text.push_str(&format!(
            "\nin {}: collector.db (the store), search (the index), creators.jsonl (every change)\n",
            self.dir
        ));
        text.push_str(&format!("\ntry next\n{}", aligned(2, &self.suggestions())));
        text
    }

    fn title(&self) -> String {
        let creators = count(self.creators, "creator", "creators");
        let spent = took(Duration::from_secs_f64(self.took_s.max(0.0)));
        let fresh = self.run.report.counts.fresh;
        if self.run.exit() != Exit::Complete {
            return format!("Not done: {creators} after {spent}. The same command goes on where it stopped.");
        }
        if self.again {
            let fresh = count(fresh, "lookup was", "lookups were");
            return format!("{creators} are here; {fresh} fresh and not bought again. It took {spent}.");
        }
        let rate = self.creators as f64 / self.took_s.max(0.001);
        format!("Collected {creators} of a made-up vendor in {spent} ({rate:.0} a second).")
    }

    fn rows(&self) -> super::Rows {
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        vec![
            row("searchable", number(self.searchable)),
            row("missing", format!("{} of {}", number(self.missing), number(self.checked))),
            row(
                "wrong",
                format!("{} with another handle or follower count than the truth", number(self.wrong)),
            ),
            row("duplicates", number(self.duplicates)),
            row("bought twice", format!("{}, by the vendor's own count", number(self.bought_twice))),
            row(
                "cost",
                format!("{} in {}", count(self.units, "unit", "units"), count(self.calls, "call", "calls")),
            ),
        ]
    }

    fn suggestions(&self) -> super::Rows {
        let row = |command: String, what: &str| vec![command, what.to_owned()];
        let mut rows = Vec::new();
        if let Some(handle) = &self.example {
            rows.push(row(
                format!("collector show @{handle} --explain --config {}", self.config),
                "who said what",
            ));
        }
        rows.push(row(
            format!("collector search 'followers:10k.. has:bio sort:er' --config {}", self.config),
            "find creators",
        ));
        rows.push(row(format!("collector status --config {}", self.config), "what the store holds"));
        let same = format!("collector demo --creators {} --dir {}", self.population, self.dir);
        rows.push(row(same, "once more: nothing fresh is bought again"));
        rows
    }
}
