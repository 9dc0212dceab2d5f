//! Pictures: every creator's, a share of them behind links that have ended, through the collector and through controls
//! in the same run.
//!
//! | child | what it does |
//! | --- | --- |
//! | `images` | the collector: profiles, pictures through the guarded sink, facts |
//! | `plain` | the control: the same collection with a sink that only downloads and writes files |
//! | `bare` | no collector: a client loop that reads the same answers and writes the same files |
//! | `files` | nothing but the writing of as many files of that size |

mod bare;
mod plain;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector_core::admission::Limits;
use collector_core::creator::{Creators, id_kind};
use collector_core::id::Id;
use collector_core::pipeline::{Job, Pipeline, SourceOptions};
use collector_core::store::Store;
use collector_core::task::Query;
use collector_sinks::images::{ImagesConfig, ImagesSink, PictureFact};
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::collect::TOKEN;
use super::detail::handles;
use super::process::{Measured, Simulator, Usage, measured, median, rounded};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators, each with a picture.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// Share of profiles whose links have ended.
    #[arg(long, default_value_t = 0.3)]
    expired_share: f64,
    /// Bytes of a picture.
    #[arg(long, default_value_t = 16_384)]
    bytes: usize,
    /// The vendor's and the image host's latency in milliseconds.
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Whether pictures may be in the machine's memory only when they are reported.
    #[arg(long)]
    not_durable: bool,
    /// How often each is measured in turn; medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What a child is told.
#[derive(Debug, clap::Args)]
pub(super) struct ChildArgs {
    /// Which child.
    #[arg(long)]
    role: Role,
    /// The folder for everything it keeps.
    #[arg(long)]
    into: PathBuf,
    /// The simulator's address.
    #[arg(long)]
    url: String,
    /// A file with one handle a line.
    #[arg(long)]
    handles: PathBuf,
    /// Calls at once.
    #[arg(long)]
    in_flight: usize,
    /// Bytes of a picture.
    #[arg(long)]
    bytes: usize,
    /// See the workload.
    #[arg(long)]
    not_durable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    Images,
    Plain,
    Bare,
    Files,
}

impl Role {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Images, "images"), (Self::Plain, "plain"), (Self::Bare, "bare"), (Self::Files, "files")];
}

/// Writers at once, the same for all.
const WRITERS: usize = 2;

/// Downloads at once, the same for all.
const DOWNLOADS: usize = 32;

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let mut rounds: [Vec<Measured>; 4] = Default::default();
    let mut last = Map::new();
    for round in 0..args.rounds {
        for ((role, name), measured) in Role::ALL.into_iter().zip(&mut rounds) {
            let into = dir.join(format!("round-{round}-{name}"));
            let (one, found) = measure(args, role, name, &into).await?;
            measured.push(one);
            if role == Role::Images {
                last = found;
            }
        }
    }
    let of = |at: usize, name: &str| median(rounds[at].iter().map(|one| one.number(name)).collect());
    let ratio = |at: usize, name: &str| rounded(of(0, name) / of(at, name), 3);
    let mut figures = last;
    for ((_, name), at) in Role::ALL.into_iter().zip(0..) {
        for (figure, digits) in [("user_s", 3), ("sys_s", 3), ("rss_mb", 1)] {
            figures.insert(format!("{name}_{figure}"), rounded(of(at, figure), digits));
        }
        let wall = median(rounds[at].iter().map(|one| one.wall_s).collect());
        figures.insert(format!("{name}_wall_s"), rounded(wall, 3));
    }
    figures.insert("user_ratio".into(), ratio(1, "user_s"));
    figures.insert("user_ratio_bare".into(), ratio(2, "user_s"));
    figures.insert("sys_ratio".into(), ratio(1, "sys_s"));
    figures.insert("sys_ratio_files".into(), ratio(3, "sys_s"));
    Ok(figures)
}

/// Runs one child against a simulator of its own, so that each finds every link as it was at first.
async fn measure(
    args: &Args,
    role: Role,
    name: &str,
    into: &Path,
) -> Result<(Measured, Map<String, Value>), Failure> {
    std::fs::create_dir_all(into)?;
    let pictures =
        json!({ "expired_share": args.expired_share, "bytes": args.bytes, "latency_ms": args.latency_ms });
    let knobs = json!({ "creators": args.creators, "latency_ms": args.latency_ms, "pictures": pictures });
    let simulator = Simulator::start(knobs).await?;
    let handles = handles(&simulator, args.creators, into).await?;
    let text = |path: PathBuf| path.display().to_string();
    let mut child = vec!["pictures".to_owned(), "--role".into(), name.to_owned()];
    child.extend(["--into".into(), text(into.to_owned()), "--url".into(), simulator.url().to_owned()]);
    child.extend(["--handles".into(), text(into.join("handles.txt"))]);
    child.extend([
        "--in-flight".into(),
        args.in_flight.to_string(),
        "--bytes".into(),
        args.bytes.to_string(),
    ]);
    if args.not_durable {
        child.push("--not-durable".into());
    }
    let one = measured(&child).await?;
    let found =
        if role == Role::Images { findings(args, &simulator, into, &handles).await? } else { Map::new() };
    simulator.stop().await?;
    Ok((one, found))
}

/// What is in the folder, in the store, and in the simulator's books.
async fn findings(
    args: &Args,
    simulator: &Simulator,
    into: &Path,
    handles: &[String],
) -> Result<Map<String, Value>, Failure> {
    let stats: Value = serde_json::from_str(&simulator.get("/stats?subjects=true").await?)?;
    let none = Map::new();
    let asked = stats["subjects"]["/tt/user/info"].as_object().unwrap_or(&none);
    let times = |times: u64| asked.values().filter(|asked| asked.as_u64() == Some(times)).count();
    let by_key = stats["subjects"]["/tt/user/info-from-secuid"].as_object().map_or(0, Map::len);
    let store =
        SqlStore::open_reader(&SqlConfig::new(into.join("collector.db")), Arc::new(Creators::default()))
            .await?;
    let (mut with_facts, mut keys) = (0, std::collections::BTreeSet::new());
    for handle in handles {
        let known = store.find(&Id::new(id_kind::TIKTOK_HANDLE, handle.as_str())).await?;
        let fact = known.and_then(|known| PictureFact::of(&known.record.facts));
        if let Some(kept) = fact.as_ref().and_then(PictureFact::kept) {
            with_facts += 1;
            keys.insert(into.join("images").join(&kept.key));
        }
    }
    let present = keys.iter().filter(|path| path.is_file()).count();
    let pictures = &stats["pictures"];
    let figures = json!({
        "workload": "images",
        "creators": args.creators,
        "with_picture": with_facts,
        "files": present,
        "served": pictures["served"],
        "served_more_than_once": pictures["served_more_than_once"],
        "ended_links_asked": pictures["refused"],
        "refreshed_once": times(2) + by_key,
        "asked_more_often": asked.len() - times(1) - times(2),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// Runs one child.
pub(super) async fn child(args: &ChildArgs) -> Result<Map<String, Value>, Failure> {
    let done = match args.role {
        Role::Images => collect(args, images(args)?).await?,
        Role::Plain => collect(args, plain::PlainSink::new(args)?).await?,
        Role::Bare => bare::run(args).await?,
        Role::Files => bare::only_files(args).await?,
    };
    let usage = Usage::own()?;
    let mut figures = serde_json::to_value(usage)?;
    figures["done"] = json!(done);
    Ok(figures.as_object().cloned().unwrap_or_default())
}

fn images(args: &ChildArgs) -> Result<ImagesSink, Failure> {
    let mut config = ImagesConfig::new(args.into.join("images"));
    config.allow = vec![args.url.trim_start_matches("http://").parse()?];
    config.per_host = config.in_flight;
    config.durable = !args.not_durable;
    Ok(ImagesSink::new(config)?)
}

async fn collect(
    args: &ChildArgs,
    sink: impl collector_core::sink::Sink<collector_core::creator::Creator>,
) -> Result<String, Failure> {
    let creators = Arc::new(Creators::default());
    let config = EnsembleDataConfig {
        base_url: format!("{}/ensembledata", args.url).into(),
        token: TOKEN.to_owned().into(),
        ..EnsembleDataConfig::default()
    };
    let limits = Limits { in_flight: args.in_flight, per_second: None, burst: None };
    let options = SourceOptions { limits, ..SourceOptions::default() };
    let store =
        SqlStore::open(&SqlConfig::new(args.into.join("collector.db")), Arc::clone(&creators)).await?;
    let engine = Pipeline::new(creators)
        .store(store)
        .sink(sink)
        .source_with(EnsembleData::new(config)?, options)
        .build()?;
    let query = Query { handles: read_handles(args)?, ..Query::default() };
    let report = engine.run(Job::new("bench", query), CancellationToken::new()).await?;
    Ok(format!("{:?}: {}", report.end, report.reasons.join("; ")))
}

fn read_handles(args: &ChildArgs) -> Result<Vec<String>, Failure> {
    Ok(std::fs::read_to_string(&args.handles)?.lines().map(str::to_owned).collect())
}
