//! The progress line of long work; only on a terminal.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use collector_core::id::RunId;
use collector_core::observe::{Event, Observer};
use collector_core::store::RunState;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::compose::AnyStore;
use crate::output::Output;
use crate::report::{number, took};

/// How often the line changes.
const PACE: Duration = Duration::from_millis(500);

/// Learns from the engine which run it is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunWatch(Arc<OnceLock<RunId>>);

impl Observer for RunWatch {
    fn event(&self, event: &Event) {
        if let Event::RunBegan { run, .. } = event {
            // A pipeline of one run begins once.
            self.0.get_or_init(|| *run);
        }
    }
}

/// Shows how any long work gets on, until it is dropped.
pub(crate) struct Line(ProgressBar);

impl Line {
    pub(crate) fn new(output: &Output, name: &str) -> Self {
        Self(bar(output, name))
    }

    pub(crate) fn say(&self, text: &str) {
        self.0.set_message(text.to_owned());
        self.0.tick();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(output: &Output, name: &str) -> ProgressBar {
    let bar = output.bars().add(ProgressBar::new_spinner());
    let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(name.to_owned());
    bar.set_message("starting");
    bar
}

/// Shows how a run gets on, until it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    watch: RunWatch,
}

impl Progress {
    pub(crate) fn new(output: &Output, name: &str, watch: RunWatch) -> Self {
        Self { bar: bar(output, name), watch }
    }

    /// Keeps the line up to date for ever; does nothing when nobody sees it.
    pub(crate) async fn follow(&self, store: &AnyStore) -> Infallible {
        if self.bar.is_hidden() {
            std::future::pending::<Infallible>().await;
        }
        let began = Instant::now();
        let mut first: Option<u64> = None;
        loop {
            tokio::time::sleep(PACE).await;
            let Some(run) = self.watch.0.get() else { continue };
            // The line is a courtesy: what cannot be read now may be readable in half a second.
            let Ok(Some(state)) = store.run(*run).await else { continue };
            let answered = answered(&state);
            let here = answered.saturating_sub(*first.get_or_insert(answered));
            self.bar.set_message(line(&state, here, began.elapsed()));
            self.bar.tick();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn answered(state: &RunState) -> u64 {
    state.counts.done + state.counts.absent
}

/// What is shown: answered, open, given up, rate, cost, time. `here` of the answers came since the line began.
fn line(state: &RunState, here: u64, elapsed: Duration) -> String {
    let counts = &state.counts;
    let rate = here as f64 / elapsed.as_secs_f64().max(0.001);
    let dead = if counts.dead > 0 { format!("  {} given up", number(counts.dead)) } else { String::new() };
    format!(
        "{} done  {} open{dead}  {rate:.0}/s  {} units  {}",
        number(answered(state)),
        number(state.open),
        number(counts.cost.units),
        took(elapsed)
    )
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;
    use collector_core::store::RunCounts;
    use collector_core::task::Cost;

    use super::*;

    #[test]
    fn the_line_tells_done_open_rate_and_cost() {
        let counts = RunCounts {
            done: 1_200,
            absent: 34,
            dead: 2,
            cost: Cost { units: 5_600, requests: 9 },
            ..RunCounts::default()
        };
        let (job, began) = ("j".to_owned(), Timestamp::from_secs(0));
        let state = RunState { run: RunId(1), job, began, ended: None, open: 7, counts, pending: 0 };
        let shown = line(&state, 600, Duration::from_secs(12));
        assert_eq!(shown, "1,234 done  7 open  2 given up  50/s  5,600 units  12 s");
    }
}
