//! The index is made anew while it is asked: no search fails or misses anybody, nothing is bought, and what comes out is what
//! an index made on the side has.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use collector_core::context::Context;
use collector_core::creator::Creators;
use collector_core::search::{CreatorIndex, Query};
use collector_core::store::Store;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::{TantivyConfig, TantivyRebuild, TantivySearch};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::collect::{INDEX, STORE};
use super::dead::Collector;
use super::detail::collect;
use super::process::{Simulator, collected, rounded};
use super::workers::named;
use super::{Failure, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators in the index.
    #[arg(long, default_value_t = 50_000)]
    creators: u32,
    /// Who search at once.
    #[arg(long, default_value_t = 4)]
    searchers: usize,
    /// How often the index is made anew.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

const PAGE: u32 = 100;
const FRESH: &str = "fresh";

/// What is asked, again and again, and compared at the end.
const QUERIES: [&str; 6] = [
    "",
    "followers:>10000",
    "country:KR sort:followers",
    "beauty",
    "has_shop:yes",
    "verified:yes sort:followers",
];

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let simulator = Simulator::start(json!({ "creators": args.creators })).await?;
    let mut fill = collect(dir, StoreKind::Sqlite, &simulator, 16);
    fill.extend(["--search".to_owned(), "--pages".into(), args.creators.div_ceil(PAGE).to_string()]);
    collected(&fill).await?;
    let config = format!(
        "[store]\nurl = \"sqlite:{STORE}\"\n\n[search]\nurl = \"tantivy:{INDEX}\"\n\n[sources.ensembledata]\nbase_url = \"{}\"\n\
         token = {{ env = \"BENCH_TOKEN\" }}\n",
        simulator.ensembledata(),
    );
    std::fs::write(dir.join("collector.toml"), config)?;
    let before = simulator.stats().await?;
    let crowd = Crowd::start(dir, args.searchers).await?;
    let collector = Collector { binary: &binary, dir };
    let (mut codes, mut slowest) = (Vec::new(), 0.0_f64);
    for _ in 0..args.rounds {
        let began = Instant::now();
        codes.push(collector.say(&["rebuild", "--search"]).await?.status.code());
        slowest = slowest.max(began.elapsed().as_secs_f64());
    }
    let crowd = crowd.end().await?;
    let after = simulator.stats().await?;
    simulator.stop().await?;
    fresh(dir).await?;
    let (mut compared, mut differences) = (0, Vec::new());
    for query in QUERIES {
        let (one, other) = (all(&dir.join(INDEX), query).await?, all(&dir.join(FRESH), query).await?);
        compared += one.len();
        if one != other {
            differences.push(query);
        }
    }
    let calls = |stats: &Value| stats["calls"].as_i64().unwrap_or(-1);
    let figures = json!({
        "workload": "rebuild",
        "creators": args.creators,
        "exit_codes": codes,
        "rebuild_s": rounded(slowest, 2),
        "vendor_calls": calls(&after) - calls(&before),
        "searches": crowd.searches.load(Ordering::SeqCst),
        "failed": crowd.failed.load(Ordering::SeqCst),
        "short": crowd.short.load(Ordering::SeqCst),
        "slowest_search_ms": crowd.slowest_ms.load(Ordering::SeqCst),
        "compared": compared,
        "equal": differences.is_empty(),
        "differences": differences,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// What the searchers saw.
#[derive(Debug, Default)]
struct Seen {
    searches: AtomicU64,
    failed: AtomicU64,
    /// Searches that found another number than before the index was made anew.
    short: AtomicU64,
    slowest_ms: AtomicU64,
    done: AtomicBool,
}

struct Crowd {
    seen: Arc<Seen>,
    searchers: tokio::task::JoinSet<()>,
}

impl Crowd {
    async fn start(dir: &Path, searchers: usize) -> Result<Self, Failure> {
        let index = Arc::new(TantivySearch::open(dir.join(INDEX))?);
        let mut asks = Vec::new();
        for text in QUERIES {
            let query = parsed(text)?;
            let total = index.search(&Context::detached(), &query).await?.total;
            asks.push((query, total));
        }
        let (seen, asks, mut set) = (Arc::new(Seen::default()), Arc::new(asks), tokio::task::JoinSet::new());
        for _ in 0..searchers {
            let (seen, asks, index) = (Arc::clone(&seen), Arc::clone(&asks), Arc::clone(&index));
            set.spawn(async move {
                let cx = Context::detached();
                while !seen.done.load(Ordering::SeqCst) {
                    for (query, total) in asks.iter() {
                        let began = Instant::now();
                        match index.search(&cx, query).await {
                            Ok(results) if results.total == *total => {}
                            Ok(_) => drop(seen.short.fetch_add(1, Ordering::SeqCst)),
                            Err(error) => {
                                complain(&error.to_string());
                                seen.failed.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                        seen.searches.fetch_add(1, Ordering::SeqCst);
                        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                        seen.slowest_ms.fetch_max(took, Ordering::SeqCst);
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
        Ok(Self { seen, searchers: set })
    }

    async fn end(mut self) -> Result<Arc<Seen>, Failure> {
        self.seen.done.store(true, Ordering::SeqCst);
        while let Some(ended) = self.searchers.join_next().await {
            ended?;
        }
        Ok(self.seen)
    }
}

#[allow(clippy::print_stderr, reason = "a person reads why a search failed")]
fn complain(error: &str) {
    eprintln!("bench: a search failed: {error}");
}

fn parsed(text: &str) -> Result<Query, Failure> {
    Ok(Query::parse(text).map_err(|error| format!("{text:?}: {error}"))?)
}

/// An index made on the side.
async fn fresh(dir: &Path) -> Result<(), Failure> {
    let creators = Arc::new(Creators::default());
    let store = SqlStore::open_reader(&SqlConfig::new(dir.join(STORE)), creators).await?;
    let mut fresh = TantivyRebuild::begin(&TantivyConfig::new(dir.join(FRESH))).await?;
    let mut after = None;
    loop {
        let keys = store.keys(after, 500).await?;
        let Some(last) = keys.last() else { break };
        after = Some(*last);
        fresh.add(store.known(&keys).await?.into_iter().map(|known| known.record).collect()).await?;
    }
    Ok(fresh.finish().await?)
}

/// Everybody a query finds, in order, as they are shown.
async fn all(index: &Path, text: &str) -> Result<Vec<String>, Failure> {
    let index = TantivySearch::open(index)?;
    let (cx, mut query, mut hits) = (Context::detached(), parsed(text)?, Vec::new());
    query.limit = Query::MAX_LIMIT;
    loop {
        let page = index.search(&cx, &query).await?;
        for hit in &page.hits {
            hits.push(serde_json::to_string(hit)?);
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(hits),
        }
    }
}
