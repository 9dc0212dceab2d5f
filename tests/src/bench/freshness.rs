//! From a record's commit to its being searchable, and the same while the image host hangs.
//!
//! One process collects into SQLite, pictures and search; this one only reads. Every few milliseconds it asks the store
//! which records have come, and the index which of those it finds. A record counts as committed when the store was last
//! looked at without it, and as searchable when a search has returned with it: a time is too long by at most a round at
//! each end, never too short.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector_core::context::Context;
use collector_core::creator::Creators;
use collector_core::id::RecordKey;
use collector_core::search::{CreatorIndex, Filter, Query, SearchField, Test};
use collector_core::store::Store;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::TantivySearch;
use serde_json::{Map, Value, json};
use tokio::process::Child;
use tokio::time::Instant;

use super::collect::{INDEX, STORE};
use super::detail::{collect, handles};
use super::process::{Simulator, collecting, rounded};
use super::{Failure, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 6_000)]
    creators: u32,
    /// Creators a second.
    #[arg(long, default_value_t = 200.0)]
    per_second: f64,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Milliseconds between two looks.
    #[arg(long, default_value_t = 10)]
    every_ms: u64,
}

/// How long after the collector's end, or beyond the time it should take, is waited for what is missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is measured: the suffix of its keys, and the share of pictures that are never answered.
const CASES: [(&str, f64); 2] = [("", 0.0), ("_hanging", 1.0)];

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let mut figures = json!({ "workload": "freshness", "creators": args.creators });
    for (suffix, hang_rate) in CASES {
        let into = dir.join(format!("freshness{suffix}"));
        std::fs::create_dir_all(&into)?;
        let seen = measure(args, hang_rate, &into).await?;
        figures[format!("searchable{suffix}")] = json!(seen.times.len());
        figures[format!("per_second{suffix}")] = rounded(seen.rate(), 1);
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("most", 1.0)] {
            figures[format!("{name}{suffix}_s")] = rounded(seen.quantile(share), 3);
        }
        figures[format!("slowest_look{suffix}_s")] = rounded(seen.slowest.as_secs_f64(), 3);
    }
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// Collects once, watched from here.
async fn measure(args: &Args, hang_rate: f64, into: &Path) -> Result<Seen, Failure> {
    let knobs = json!({
        "creators": args.creators,
        "latency_ms": args.latency_ms,
        "pictures": { "hang_rate": hang_rate },
    });
    let simulator = Simulator::start(knobs).await?;
    handles(&simulator, args.creators, into).await?;
    let mut child = collect(into, StoreKind::Sqlite, &simulator, args.in_flight);
    child.extend(["--handles".to_owned(), into.join("handles.txt").display().to_string()]);
    child.extend(["--per-second".to_owned(), args.per_second.to_string(), "--burst".into(), "1".into()]);
    child.extend(["--search".to_owned(), "--images".to_owned()]);
    let mut collector = collecting(&child).await?;
    let seen = watch(args, &mut collector, into).await;
    // What it still does about pictures is not waited for.
    collector.kill().await?;
    simulator.stop().await?;
    seen
}

/// Looks until every creator is searchable, or nothing more can be expected.
async fn watch(args: &Args, collector: &mut Child, into: &Path) -> Result<Seen, Failure> {
    let mut reader = Reader::open(collector, into).await?;
    let expected = Duration::from_secs_f64(f64::from(args.creators) / args.per_second);
    let mut deadline = Instant::now() + 2 * expected + PATIENCE;
    let mut ended = false;
    while reader.seen.times.len() < args.creators as usize && Instant::now() < deadline {
        reader.look().await?;
        if !ended && has_ended(collector)? {
            (ended, deadline) = (true, Instant::now() + PATIENCE);
        }
        tokio::time::sleep(Duration::from_millis(args.every_ms)).await;
    }
    Ok(reader.seen)
}

fn has_ended(collector: &mut Child) -> Result<bool, Failure> {
    match collector.try_wait()? {
        Some(status) if !status.success() => Err(format!("the collector ended with {status}").into()),
        status => Ok(status.is_some()),
    }
}

/// What was seen.
#[derive(Debug)]
struct Seen {
    /// Seconds from commit to searchable, one for each record.
    times: Vec<f64>,
    began: Instant,
    ended: Instant,
    /// The longest look.
    slowest: Duration,
}

impl Seen {
    /// Records a second, from the first that was committed to the last that was found.
    fn rate(&self) -> f64 {
        self.times.len() as f64 / self.ended.duration_since(self.began).as_secs_f64()
    }

    /// The time that this share of records did not exceed.
    fn quantile(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        let place = (times.len() as f64 * share).ceil() as usize;
        times.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }
}

/// Reads beside the collector.
struct Reader {
    cx: Context,
    store: SqlStore<Creators>,
    index: TantivySearch,
    /// The last record that the store has shown.
    last: Option<RecordKey>,
    /// When the store was looked at before.
    looked: Instant,
    /// Records that are not searchable yet, and when the store did not have them yet.
    waiting: BTreeMap<RecordKey, Instant>,
    seen: Seen,
}

impl Reader {
    /// Opens store and index as soon as the collector has made them.
    async fn open(collector: &mut Child, into: &Path) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let creators = Arc::new(Creators::default());
            let store = SqlStore::open_reader(&SqlConfig::new(into.join(STORE)), creators).await;
            let why = match (store, TantivySearch::open(into.join(INDEX))) {
                (Ok(store), Ok(index)) => return Ok(Self::new(store, index)),
                (Err(error), _) | (_, Err(error)) => error,
            };
            if Instant::now() >= deadline || has_ended(collector)? {
                return Err(why.into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn new(store: SqlStore<Creators>, index: TantivySearch) -> Self {
        let now = Instant::now();
        let seen = Seen { times: Vec::new(), began: now, ended: now, slowest: Duration::ZERO };
        let (cx, waiting) = (Context::detached(), BTreeMap::new());
        Self { cx, store, index, last: None, looked: now, waiting, seen }
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        self.look_into_store().await?;
        if !self.waiting.is_empty() {
            self.look_into_index().await?;
        }
        self.looked = now;
        self.seen.slowest = self.seen.slowest.max(now.elapsed());
        Ok(())
    }

    /// Keys grow, so new records stand behind the last one seen.
    async fn look_into_store(&mut self) -> Result<(), Failure> {
        loop {
            let keys = self.store.keys(self.last, Query::MAX_LIMIT).await?;
            if self.last.is_none() && !keys.is_empty() {
                self.seen.began = self.looked;
            }
            self.last = keys.last().copied().or(self.last);
            self.waiting.extend(keys.iter().map(|key| (*key, self.looked)));
            if keys.len() < Query::MAX_LIMIT {
                return Ok(());
            }
        }
    }

    async fn look_into_index(&mut self) -> Result<(), Failure> {
        let keys: BTreeSet<RecordKey> = self.waiting.keys().copied().collect();
        let waiting = Test::Among("waiting".to_owned(), Arc::new(keys));
        let mut query = Query::all().with(Filter::new(SearchField::List, [waiting]));
        query.limit = Query::MAX_LIMIT;
        let found = self.index.search(&self.cx, &query).await?;
        let now = Instant::now();
        for hit in found.hits {
            if let Some(since) = self.waiting.remove(&hit.key) {
                self.seen.times.push(now.duration_since(since).as_secs_f64());
                self.seen.ended = now;
            }
        }
        Ok(())
    }
}
