//! The live board of a demo: what a person at the terminal sees while it collects.
//!
//! It looks at the store, the index and the vendor's own books from outside, as `status` and `search` do beside a
//! running writer. Nobody looks when nobody sees it.

use std::convert::Infallible;
use std::time::Duration;

use collector_core::context::Context;
use collector_core::search::Query;
use collector_core::store::Counts;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::vendor::{Stats, Vendor};
use crate::compose::{self, AnyStore};
use crate::config::Config;
use crate::output::Output;
use crate::report::{number, took};

/// How often it changes.
const PACE: Duration = Duration::from_millis(250);

/// Columns of a bar.
const BAR: u64 = 24;

/// How much the newest rate counts.
const NEWEST: f64 = 0.3;

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    population: u64,
    creators: u64,
    searchable: u64,
    stats: Stats,
    per_second: f64,
    /// Things still to be asked for.
    open: u64,
    /// Records that wait for their picture, and for the index.
    pictures_owed: u64,
    index_owes: u64,
    elapsed: Duration,
}

/// The board; taken away when it is dropped.
pub(super) struct Board<'a> {
    output: &'a Output,
    lines: Vec<ProgressBar>,
    config: &'a Config,
    vendor: &'a Vendor,
    store: Option<AnyStore>,
    state: State,
    looked: Instant,
}

impl<'a> Board<'a> {
    /// A board that shows nothing yet.
    pub(super) fn new(output: &'a Output, config: &'a Config, vendor: &'a Vendor, population: u32) -> Self {
        let state = State { population: population.into(), ..State::default() };
        Self { output, lines: Vec::new(), config, vendor, store: None, state, looked: Instant::now() }
    }

    /// Keeps it up to date for ever; does nothing when nobody sees it.
    pub(super) async fn follow(&mut self) -> Infallible {
        if self.output.bars().is_hidden() {
            std::future::pending::<Infallible>().await;
        }
        let began = Instant::now();
        loop {
            tokio::time::sleep(PACE).await;
            self.look().await;
            self.state.elapsed = began.elapsed();
            self.show();
        }
    }

    /// Learns what is new. What cannot be read now may be readable at the next look: the board is a courtesy.
    async fn look(&mut self) {
        if let Ok(stats) = self.vendor.stats().await {
            let seconds = self.looked.elapsed().as_secs_f64().max(0.001);
            self.looked = Instant::now();
            let calls = stats.calls.saturating_sub(self.state.stats.calls);
            self.state.per_second += NEWEST * (calls as f64 / seconds - self.state.per_second);
            self.state.stats = stats;
        }
        if self.store.is_none() {
            self.store = compose::open_reader(&self.config.store).await.ok();
        }
        if let Some(store) = &self.store
            && let Ok(counts) = store.counts().await
        {
            self.state.count(&counts);
        }
        if let Some(total) = searchable(self.config).await {
            self.state.searchable = total;
        }
    }

    fn show(&mut self) {
        let texts = self.state.lines();
        while self.lines.len() < texts.len() {
            let line = self.output.bars().add(ProgressBar::new_spinner());
            // As wide as the terminal, and cut there.
            let style = ProgressStyle::with_template("{wide_msg}");
            line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            self.lines.push(line);
        }
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(text);
        }
    }
}

impl Drop for Board<'_> {
    fn drop(&mut self) {
        self.lines.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// How many can be found; `None` when there is no index, or not yet.
pub(super) async fn searchable(config: &Config) -> Option<u64> {
    let index = compose::open_index(config.search.as_ref()?).ok()?;
    let mut query = Query::all();
    query.limit = 1;
    Some(index.search(&Context::detached(), &query).await.ok()?.total)
}

impl State {
    fn count(&mut self, counts: &Counts) {
        let owed = |sink: &str| counts.sinks.get(sink).map_or(0, |sink| sink.pending);
        self.creators = counts.entities;
        self.open = counts.open.values().sum();
        self.pictures_owed = owed("images");
        self.index_owes = owed("search");
    }

    /// The first line is empty: a terminal that shows `^C` pushes the board down, and what stays above is nothing.
    fn lines(&self) -> [String; 7] {
        let row = |label: &str, text: &str| format!("  {label:<12}{text}");
        let part = |amount: u64| {
            format!("{} {} of {}", bar(amount, self.population), number(amount), number(self.population))
        };
        let calls = format!(
            "{}, {:.0} a second, {} units",
            number(self.stats.calls),
            self.per_second,
            number(self.stats.units)
        );
        [
            String::new(),
            format!("collecting for {}", took(self.elapsed)),
            row("creators", &part(self.creators)),
            row("pictures", &part(self.stats.distinct_pictures)),
            row("searchable", &part(self.searchable)),
            row("calls", &calls),
            row("waiting", &self.waiting()),
        ]
    }

    fn waiting(&self) -> String {
        let waiting = [
            (self.open, "to ask for"),
            (self.pictures_owed, "for their picture"),
            (self.index_owes, "for the index"),
        ];
        let texts: Vec<String> = waiting
            .iter()
            .filter(|(amount, _)| *amount > 0)
            .map(|(amount, what)| format!("{} {what}", number(*amount)))
            .collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    }
}

/// A bar that is full only when all is there.
fn bar(amount: u64, all: u64) -> String {
    let full = (amount.min(all) * BAR).checked_div(all).unwrap_or(BAR);
    (0..BAR).map(|at| if at < full { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use collector_core::store::SinkCounts;

    use super::*;

    #[test]
    fn the_board_tells_what_is_there_what_it_costs_and_what_waits() {
        let stats = Stats { calls: 4_310, units: 4_300, distinct_pictures: 2_500, ..Stats::default() };
        let mut state = State { population: 5_000, searchable: 1_250, stats, ..State::default() };
        (state.per_second, state.elapsed) = (311.7, Duration::from_secs(12));
        let owing = |pending| SinkCounts { pending, ..SinkCounts::default() };
        state.count(&Counts {
            entities: 5_000,
            open: BTreeMap::from([("e/a".to_owned(), 7), ("e/b".to_owned(), 1_000)]),
            sinks: BTreeMap::from([("images".to_owned(), owing(3)), ("jsonl".to_owned(), owing(9))]),
            ..Counts::default()
        });
        let lines = state.lines();
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("", "collecting for 12 s"));
        assert_eq!(lines[2], format!("  creators    {} 5,000 of 5,000", "█".repeat(24)));
        assert_eq!(lines[3], format!("  pictures    {}{} 2,500 of 5,000", "█".repeat(12), "░".repeat(12)));
        assert_eq!(lines[4], format!("  searchable  {}{} 1,250 of 5,000", "█".repeat(6), "░".repeat(18)));
        assert_eq!(lines[5], "  calls       4,310, 312 a second, 4,300 units");
        assert_eq!(lines[6], "  waiting     1,007 to ask for, 3 for their picture");
        assert!(State::default().lines()[6].ends_with("nothing"));
    }

    #[test]
    fn a_bar_is_full_when_all_is_there_and_not_before() {
        assert!(bar(4_999, 5_000).ends_with('░'));
        assert!(!bar(5_000, 5_000).contains('░'));
        assert!(!bar(6_000, 5_000).contains('░'));
        assert_eq!(bar(0, 0).chars().count(), 24);
    }
}
