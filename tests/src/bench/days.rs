//! Many simulated days of the same creators with their posts: what is kept of them does not grow, on disk or in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::clock::Clock;
use collector_core::creator::Creators;
use collector_core::pipeline::{End, Engine, Job, Pipeline, SourceOptions};
use collector_core::store::{Payloads, Retention, Store, Tidied};
use collector_core::task::Query;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::{TantivyConfig, TantivySink};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::clock::SharedClock;
use super::collect::{INDEX, STORE, TOKEN};
use super::detail::handles;
use super::process::{Simulator, built, rounded, run_measured};
use super::stores::Rows;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Days.
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Creators, asked for every day with their posts.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// Pages of their own posts, of ten each.
    #[arg(long, default_value_t = 1)]
    posts_pages: u32,
    /// Pages of a hashtag that is searched every day.
    #[arg(long, default_value_t = 20)]
    pages: u32,
    /// Share of creators who change from one day to the next.
    #[arg(long, default_value_t = 0.2)]
    changed_share: f64,
    /// The day to whose disk the last day's is compared.
    #[arg(long, default_value_t = 30)]
    disk_day: u32,
    /// The day to whose memory the last day's is compared.
    #[arg(long, default_value_t = 10)]
    memory_day: u32,
    /// Keep every answer, to see what it costs.
    #[arg(long)]
    keep_all: bool,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    if let Some(day) = [args.disk_day, args.memory_day].into_iter().find(|day| !(1..args.days).contains(day))
    {
        return Err(format!(
            "day {day} is to be compared with the last of {} days: name an earlier one with \
                            --disk-day or --memory-day, or take more --days",
            args.days
        )
        .into());
    }
    let knobs = json!({ "creators": args.creators, "changed_share": args.changed_share });
    let simulator = Simulator::start(knobs).await?;
    handles(&simulator, args.creators, dir).await?;
    let mut child: Vec<String> =
        ["days", "--url", simulator.url(), "--into", &dir.display().to_string()].map(str::to_owned).into();
    for (name, value) in [
        ("--days", args.days.to_string()),
        ("--posts-pages", args.posts_pages.to_string()),
        ("--pages", args.pages.to_string()),
        ("--in-flight", args.in_flight.to_string()),
    ] {
        child.extend([name.to_owned(), value]);
    }
    if args.keep_all {
        child.push("--keep-all".to_owned());
    }
    let ran = run_measured(&built("collector-tests", "clocked").await?, &child).await?;
    let stats = simulator.stats().await?;
    simulator.stop().await?;
    let days = ran.printed["days"].as_array().ok_or("the child tells no days")?;
    let of = |day: u32, name: &str| {
        let at = (day.clamp(1, args.days) - 1) as usize;
        days.get(at).and_then(|day| day[name].as_f64()).unwrap_or(f64::NAN)
    };
    let (disk, last) = (of(args.disk_day, "disk_mb"), of(args.days, "disk_mb"));
    let (memory, end) = (of(args.memory_day, "anon_mb"), of(args.days, "anon_mb"));
    let rows = Rows::open(&dir.join(STORE)).await?;
    let figures = json!({
        "workload": "days",
        "days": args.days,
        "creators": args.creators,
        "stored": rows.count("SELECT COUNT(*) FROM entity WHERE merged_into IS NULL").await?,
        "answers": rows.count("SELECT COUNT(*) FROM payload").await?,
        "tasks": rows.count("SELECT COUNT(*) FROM task").await?,
        "history": rows.count("SELECT COUNT(*) FROM history").await?,
        "calls": stats["calls"],
        // Everybody and their own posts, every day.
        "least_calls": args.days * args.creators * (1 + args.posts_pages),
        "incomplete_days": ran.printed["incomplete"],
        "disk_day": args.disk_day,
        "disk_mb": rounded(disk, 2),
        "disk_end_mb": rounded(last, 2),
        "disk_ratio": rounded(last / disk, 4),
        "memory_day": args.memory_day,
        "anon_mb": rounded(memory, 2),
        "anon_end_mb": rounded(end, 2),
        "anon_ratio": rounded(end / memory, 4),
        "removed": ran.printed["removed"],
        "slowest_batch_ms": ran.printed["slowest_batch_ms"],
        "wall_s": rounded(ran.wall_s, 1),
        "each_day": days,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

#[derive(Debug, clap::Args)]
pub(super) struct ChildArgs {
    #[arg(long)]
    url: String,
    #[arg(long)]
    into: PathBuf,
    #[arg(long)]
    days: u32,
    #[arg(long)]
    posts_pages: u32,
    #[arg(long)]
    pages: u32,
    #[arg(long)]
    in_flight: usize,
    #[arg(long)]
    keep_all: bool,
}

/// One long process, day after day.
pub(super) async fn child(args: &ChildArgs) -> Result<Map<String, Value>, Failure> {
    let clock = Arc::new(SharedClock::new(&args.url)?);
    let creators = Arc::new(Creators::default());
    let store: Arc<dyn Store<Creators>> =
        Arc::new(SqlStore::open(&SqlConfig::new(args.into.join(STORE)), Arc::clone(&creators)).await?);
    let engine = engine(args, &store, Arc::<SharedClock>::clone(&clock), creators)?;
    let payloads = if args.keep_all { Payloads::All } else { Payloads::Latest };
    let keep = Retention { payloads, runs: Some(Duration::from_secs(14 * 86_400)) };
    let (client, stop) = (super::process::client()?, CancellationToken::new());
    let tag = a_hashtag(&client, &args.url).await?;
    let (mut days, mut removed, mut incomplete, mut slowest) =
        (Vec::new(), Tidied::default(), 0, Duration::ZERO);
    for day in 1..=args.days {
        let world = json!({ "generation": day }).to_string();
        client.post(format!("{}/control", args.url)).body(world).send().await?.error_for_status()?;
        for job in [everybody(args)?, hashtag(args, &tag)] {
            let report = engine.run(job, stop.clone()).await?;
            incomplete += u32::from(report.end != End::Complete);
        }
        let timed = Timed { store: &*store, slowest: &mut slowest };
        removed.add(&timed.tidy(&keep, &clock).await?);
        days.push(json!({ "disk_mb": folder_mb(&args.into)?, "anon_mb": anonymous_mb()? }));
        clock.advance(86_400).await?;
    }
    let figures = json!({
        "days": days,
        "incomplete": incomplete,
        "removed": removed,
        "slowest_batch_ms": rounded(slowest.as_secs_f64() * 1e3, 1),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// The upkeep of a day, with its slowest batch.
struct Timed<'a> {
    store: &'a dyn Store<Creators>,
    slowest: &'a mut Duration,
}

impl Timed<'_> {
    async fn tidy(self, keep: &Retention, clock: &SharedClock) -> Result<Tidied, Failure> {
        let mut tidied = Tidied::default();
        while !tidied.done {
            let began = tokio::time::Instant::now();
            tidied.add(&self.store.tidy(keep, clock.now()).await?);
            *self.slowest = (*self.slowest).max(began.elapsed());
        }
        Ok(tidied)
    }
}

fn everybody(args: &ChildArgs) -> Result<Job, Failure> {
    let text = std::fs::read_to_string(args.into.join("handles.txt"))?;
    let options = json!({ "posts_pages": args.posts_pages });
    let query = Query {
        handles: text.lines().map(str::to_owned).collect(),
        options: [("ensembledata".to_owned(), options)].into(),
        ..Query::default()
    };
    Ok(Job::new("everybody", query).fresh_for(Duration::from_secs(20 * 3_600)))
}

/// A search: its pages are asked for anew by every run.
fn hashtag(args: &ChildArgs, tag: &str) -> Job {
    let query = Query { hashtags: vec![tag.to_owned()], max_pages: Some(args.pages), ..Query::default() };
    Job::new("hashtag", query).fresh_for(Duration::from_secs(20 * 3_600))
}

/// A hashtag that somebody uses.
async fn a_hashtag(client: &reqwest::Client, url: &str) -> Result<String, Failure> {
    let text = client.get(format!("{url}/truth?from=0&limit=1")).send().await?.text().await?;
    let first: Value = serde_json::from_str(text.lines().next().unwrap_or_default())?;
    Ok(first["hashtags"][0].as_str().ok_or("the truth names no hashtag")?.to_owned())
}

fn engine(
    args: &ChildArgs,
    store: &Arc<dyn Store<Creators>>,
    clock: Arc<dyn Clock>,
    creators: Arc<Creators>,
) -> Result<Engine<Creators>, Failure> {
    let config = EnsembleDataConfig {
        base_url: format!("{}/ensembledata", args.url).into(),
        token: TOKEN.to_owned().into(),
        ..EnsembleDataConfig::default()
    };
    let limits = Limits { in_flight: args.in_flight, ..Limits::default() };
    Ok(Pipeline::new(creators)
        .clock(clock)
        .store(Arc::clone(store))
        .sink(TantivySink::new(TantivyConfig::new(args.into.join(INDEX))))
        .source_with(EnsembleData::new(config)?, SourceOptions { limits, ..SourceOptions::default() })
        .build()?)
}

/// Everything in a folder.
fn folder_mb(folder: &Path) -> Result<f64, Failure> {
    let (mut bytes, mut open) = (0, vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(about) if about.is_dir() => open.push(entry.path()),
                Ok(about) => bytes += about.len(),
                // An index's files come and go.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(bytes as f64 / 1e6)
}

/// The memory of this process that is no file's.
fn anonymous_mb() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib =
        line.and_then(|rest| rest.split_whitespace().next()).ok_or("/proc/self/status has no RssAnon")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}
