//! One vendor is dead all along: how long do the creators of the others take, beside the time they take alone?

use std::path::Path;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::creator::{Creator, Creators};
use collector_core::pipeline::{Job, Pipeline, Settings, SourceOptions};
use collector_core::sink::MemorySink;
use collector_core::task::Query;
use collector_sources::echotik::{EchoTik, EchoTikConfig};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::collect::TOKEN;
use super::process::{Measured, Simulator, Usage, measured, median, rounded};
use super::roster::Roster;

/// What EchoTik takes for credentials at the simulator.
const USER: &str = "simulated";
const PASSWORD: &str = "simulated-password1";

/// Rows of a page of the plain list.
const PAGE: u32 = 100;

/// How long the run goes on trying when the others are done: it ends by itself.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators in the population.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// Milliseconds the vendors take for an answer.
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// Calls at once, of each vendor.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// How often both are measured in turn; medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// One run, in a process of its own.
#[derive(Debug, clap::Args)]
pub(super) struct ChildArgs {
    #[arg(long)]
    url: String,
    #[arg(long)]
    creators: u32,
    #[arg(long)]
    in_flight: usize,
    /// Creators that the others bring: the time until they are all in the sink is taken. Without it, as many as there are at
    /// the end.
    #[arg(long)]
    expect: Option<usize>,
    /// Ask the dead vendor, too.
    #[arg(long)]
    dead: bool,
    /// What is searched.
    #[arg(long, value_delimiter = ',')]
    hashtags: Vec<String>,
    /// Where.
    #[arg(long, value_delimiter = ',')]
    regions: Vec<String>,
}

pub(super) async fn run(args: &Args, _dir: &Path) -> Result<Map<String, Value>, Failure> {
    let knobs = json!({ "creators": args.creators, "latency_ms": args.latency_ms, "dead": ["ensembledata"] });
    let simulator = Simulator::start(knobs).await?;
    let names = |lines: String, key: &str| -> Result<Vec<String>, Failure> {
        let mut names = std::collections::BTreeSet::new();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let one: Value = serde_json::from_str(line)?;
            names.extend(one[key].as_str().map(str::to_owned));
        }
        Ok(names.into_iter().collect())
    };
    let hashtags = names(simulator.get("/truth/hashtags").await?, "name")?;
    let people = simulator.truth(args.creators, 0).await?;
    let regions: std::collections::BTreeSet<&str> =
        people.iter().filter_map(|one| one["country"].as_str()).collect();
    let child = |dead: bool, expect: Option<usize>| {
        let mut words: Vec<String> =
            ["dead-vendor-child", "--url", simulator.url()].map(str::to_owned).into();
        words.extend(["--creators".into(), args.creators.to_string()]);
        words.extend(["--in-flight".into(), args.in_flight.to_string()]);
        words.extend(["--hashtags".into(), hashtags.join(",")]);
        words.extend(["--regions".into(), regions.iter().copied().collect::<Vec<_>>().join(",")]);
        words.extend(expect.into_iter().flat_map(|expect| ["--expect".into(), expect.to_string()]));
        words.extend(dead.then(|| "--dead".to_owned()));
        words
    };
    // The first run tells how many there are, and renders what the simulator keeps rendered.
    let expect = measured(&child(false, None)).await?.number("delivered") as usize;
    let (mut alone, mut beside): (Vec<Measured>, Vec<Measured>) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        // Each goes first as often as the other: machines get warm.
        for dead in [round % 2 == 1, round % 2 == 0] {
            let one = measured(&child(dead, Some(expect))).await?;
            if dead { beside.push(one) } else { alone.push(one) }
        }
    }
    simulator.stop().await?;
    let of = |rounds: &[Measured], name: &str| median(rounds.iter().map(|one| one.number(name)).collect());
    let ratios =
        alone.iter().zip(&beside).map(|(alone, beside)| beside.number("all_s") / alone.number("all_s"));
    let least = alone.iter().chain(&beside).map(|one| one.number("delivered") as u64).min();
    let figures = json!({
        "workload": "dead-vendor",
        "creators": args.creators,
        "expected": expect,
        "delivered": least,
        "alone_s": rounded(of(&alone, "all_s"), 3),
        "beside_s": rounded(of(&beside, "all_s"), 3),
        "ratio": rounded(median(ratios.collect()), 4),
        "alone_user_s": rounded(of(&alone, "user_s"), 3),
        "beside_user_s": rounded(of(&beside, "user_s"), 3),
        "ended_s": rounded(of(&beside, "ended_s"), 3),
        "open": beside.iter().map(|one| one.number("open") as u64).min(),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

pub(super) async fn child(args: &ChildArgs) -> Result<Map<String, Value>, Failure> {
    let options = || SourceOptions {
        limits: Limits { in_flight: args.in_flight, ..Limits::default() },
        ..SourceOptions::default()
    };
    let sink: MemorySink<Creator> = MemorySink::new();
    let echotik = EchoTik::new(EchoTikConfig {
        base_url: format!("{}/echotik", args.url).into(),
        username: USER.into(),
        password: PASSWORD.into(),
        ..EchoTikConfig::default()
    })?;
    let mut pipeline = Pipeline::new(Creators::default())
        .settings(Settings { vendor_patience: PATIENCE, ..Settings::default() })
        .sink(sink.clone())
        .source_with(echotik, options())
        .source_with(Roster::new(&args.url, args.creators.div_ceil(PAGE), PAGE)?, options());
    if args.dead {
        let dead = EnsembleDataConfig {
            base_url: format!("{}/ensembledata", args.url).into(),
            token: TOKEN.into(),
            ..EnsembleDataConfig::default()
        };
        pipeline = pipeline.source_with(EnsembleData::new(dead)?, options());
    }
    let query = Query {
        hashtags: if args.dead { args.hashtags.clone() } else { Vec::new() },
        regions: args.regions.clone(),
        extra: [("listings".to_owned(), json!([{}]))].into(),
        ..Query::default()
    };
    let began = Instant::now();
    let handle = pipeline.build()?.start().await?;
    let mut events = handle.events();
    let begun = handle.submit(Job::new("dead-vendor", query)).await?;
    let stop = CancellationToken::new();
    let all = async {
        while args.expect.is_none_or(|expect| sink.len() < expect) {
            if events.next().await.is_none() {
                break;
            }
        }
        began.elapsed()
    };
    let (all, report) = match args.expect {
        Some(_) => {
            let all = all.await;
            (all, handle.wait(begun, &stop).await?)
        }
        None => {
            let report = handle.wait(begun, &stop).await?;
            (began.elapsed(), report)
        }
    };
    let ended = began.elapsed();
    handle.shutdown().await?;
    let usage = Usage::own()?;
    let figures = json!({
        "all_s": all.as_secs_f64(),
        "ended_s": ended.as_secs_f64(),
        "delivered": sink.len(),
        "open": report.open,
        "user_s": usage.user_s,
        "sys_s": usage.sys_s,
        "rss_mb": usage.rss_mb,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}
