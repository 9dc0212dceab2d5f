//! The collector through its library, as an embedder would use it: one run, one report.
//!
//! A binary of its own: what a process carries counts for its memory, and an embedder carries no simulator.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use collector_core::admission::Limits;
use collector_core::creator::Creators;
use collector_core::pipeline::{Engine, Job, Pipeline, SourceOptions};
use collector_core::store::MemoryStore;
use collector_core::task::Query;
use collector_sinks::images::{ImagesConfig, ImagesSink};
use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::{TantivyConfig, TantivySink};
use collector_sources::declarative::{Declarative, DeclarativeConfig, EXAMPLES};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::process::Usage;
use super::roster::Roster;
use super::{Failure, ListSource, StoreKind, fail, print, runtime};

/// The token the simulator takes by default.
pub(super) const TOKEN: &str = "simulated-token1";

/// The store's file and the index's folder, below the folder of a run.
pub(super) const STORE: &str = "collector.db";
pub(super) const INDEX: &str = "search";

#[derive(Debug, Parser)]
#[command(name = "collect", about = "One run of the collector, measured")]
struct Command {
    #[command(flatten)]
    args: Args,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Args {
    /// The folder for the store and the change log.
    #[arg(long)]
    into: PathBuf,
    /// Where the engine keeps its state.
    #[arg(long)]
    store: StoreKind,
    /// The simulator's address.
    #[arg(long)]
    url: String,
    /// Calls at once.
    #[arg(long)]
    in_flight: usize,
    /// The rate the vendor told us.
    #[arg(long)]
    per_second: Option<f64>,
    /// The bucket the vendor told us.
    #[arg(long)]
    burst: Option<u32>,
    /// A file with one handle a line.
    #[arg(long)]
    handles: Option<PathBuf>,
    /// A file with one post id a line.
    #[arg(long)]
    posts: Option<PathBuf>,
    /// Pages of the plain list.
    #[arg(long)]
    pages: Option<u32>,
    /// Who reads the plain list.
    #[arg(long, default_value = "roster")]
    list_source: ListSource,
    /// Rows of a page.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
    /// Keep a search index, too.
    #[arg(long)]
    search: bool,
    /// Keep pictures, too.
    #[arg(long)]
    images: bool,
    /// Seconds an answer stays fresh.
    #[arg(long, default_value_t = 86_400)]
    fresh_for_s: u64,
}

/// Runs it, and prints the report and what it took.
pub fn main() -> ExitCode {
    let Command { args, json } = Command::parse();
    match runtime().and_then(|runtime| runtime.block_on(run(&args))) {
        Ok(figures) => {
            print(&figures, json);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

async fn run(args: &Args) -> Result<Map<String, Value>, Failure> {
    let report = engine(args).await?.run(job(args)?, CancellationToken::new()).await?;
    let usage = Usage::own()?;
    let mut figures = serde_json::to_value(&report)?;
    figures["user_s"] = json!(usage.user_s);
    figures["sys_s"] = json!(usage.sys_s);
    figures["rss_mb"] = json!(usage.rss_mb);
    Ok(figures.as_object().cloned().unwrap_or_default())
}

fn lines(path: &std::path::Path) -> Result<Vec<String>, Failure> {
    Ok(std::fs::read_to_string(path)?.lines().map(str::to_owned).collect())
}

fn job(args: &Args) -> Result<Job, Failure> {
    let mut query = Query::default();
    if let Some(path) = &args.handles {
        query.handles = lines(path)?;
    }
    if let Some(path) = &args.posts {
        query.posts = lines(path)?;
    }
    if let Some(pages) = args.pages {
        // The file has a switch and finds out itself how many pages there are.
        match args.list_source {
            ListSource::Declarative => query.extra.insert("everybody".into(), json!(true)),
            ListSource::Roster => query.extra.insert("pages".into(), json!(pages)),
        };
    }
    Ok(Job::new("bench", query).fresh_for(Duration::from_secs(args.fresh_for_s)))
}

/// Adds what was asked for besides the change log.
fn with_sinks(mut pipeline: Pipeline<Creators>, args: &Args) -> Result<Pipeline<Creators>, Failure> {
    if args.search {
        pipeline = pipeline.sink(TantivySink::new(TantivyConfig::new(args.into.join(INDEX))));
    }
    if args.images {
        let mut config = ImagesConfig::new(args.into.join("images"));
        config.allow = vec![args.url.trim_start_matches("http://").parse()?];
        pipeline = pipeline.sink(ImagesSink::new(config)?);
    }
    Ok(pipeline)
}

async fn engine(args: &Args) -> Result<Engine<Creators>, Failure> {
    let creators = Arc::new(Creators::default());
    let limits = Limits { in_flight: args.in_flight, per_second: args.per_second, burst: args.burst };
    let options = SourceOptions { limits, ..SourceOptions::default() };
    let pipeline = Pipeline::new(Arc::clone(&creators))
        .sink(JsonlSink::new(JsonlConfig::new(args.into.join("creators.jsonl"))));
    let pipeline = with_sinks(pipeline, args)?;
    let pipeline = match args.store {
        StoreKind::Memory => pipeline.store(MemoryStore::new(Arc::clone(&creators))),
        StoreKind::Sqlite => {
            let config = SqlConfig::new(args.into.join(STORE));
            pipeline.store(SqlStore::open(&config, Arc::clone(&creators)).await?)
        }
    };
    let pipeline = match args.pages {
        Some(_) if args.list_source == ListSource::Declarative => {
            pipeline.source_with(described(args)?, options)
        }
        Some(pages) => pipeline.source_with(Roster::new(&args.url, pages, args.page_size)?, options),
        None => {
            let config = EnsembleDataConfig {
                base_url: format!("{}/ensembledata", args.url).into(),
                token: TOKEN.to_owned().into(),
                ..EnsembleDataConfig::default()
            };
            pipeline.source_with(EnsembleData::new(config)?, options)
        }
    };
    Ok(pipeline.build()?)
}

/// The file that describes the plain list: its name and its text.
pub(super) fn described_list() -> Result<(&'static str, &'static str), Failure> {
    let known = EXAMPLES.iter().find(|(name, _)| *name == "roster.toml");
    Ok(*known.ok_or("there is no roster.toml")?)
}

/// The plain list, read by the example's file.
fn described(args: &Args) -> Result<Declarative, Failure> {
    let (file, text) = described_list()?;
    let size = format!("size = {},", args.page_size);
    Ok(Declarative::new(DeclarativeConfig {
        name: "roster".to_owned(),
        file: file.to_owned(),
        text: text.replace("size = 100,", &size),
        base_url: Some(args.url.as_str().into()),
        ..DeclarativeConfig::default()
    })?)
}
