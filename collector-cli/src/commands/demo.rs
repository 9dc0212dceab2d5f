//! `collector demo`: collects from a made-up vendor in a process of its own, and compares with the truth.

mod folder;
mod truth;
mod vendor;

use std::time::Duration;

use collector_core::context::Context;
use collector_core::search::Query as SearchQuery;
use serde_json::Value;
use tokio::time::Instant;

use self::folder::Folder;
use self::truth::Score;
use self::vendor::Vendor;
use super::{Session, run};
use crate::args::Demo;
use crate::compose;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{DemoReport, RunOutcome};

/// The job's name in the demo's configuration.
const JOB: &str = "demo";

pub(super) async fn execute(session: &Session, args: Demo) -> Result<Exit> {
    let folder = Folder::prepare(&args.dir, args.creators)?;
    let vendor = Vendor::start(args.creators, args.latency_ms).await?;
    let result = demonstrate(session, &args, &folder, &vendor).await;
    // Ended also after a failure; were we killed, the closed pipe would end it.
    vendor.stop().await;
    let report = result?;
    session.output.print(&report, DemoReport::text)?;
    Ok(report.exit())
}

async fn demonstrate(session: &Session, args: &Demo, folder: &Folder, vendor: &Vendor) -> Result<DemoReport> {
    let hashtags = vendor.lines("/truth/hashtags").await?;
    let hashtags = hashtags.iter().filter_map(|line| line.get("name")?.as_str()).collect::<Vec<_>>();
    let file = folder.write_config(vendor, &hashtags, args.in_flight)?;
    let config = session.read_config(&file, Some(&|_| None))?;
    let job = config.job(JOB).map_err(Failure::aborted)?;

    let began = Instant::now();
    let report = run::collect(&config, job, &session.output, session.stop.clone()).await?;
    let took = began.elapsed();
    let outcome = RunOutcome::new(report, job.fresh_for, &folder.again());
    let score = score(&config, vendor).await?;
    let searchable = searchable(&config).await?;
    let stats = vendor.object("/stats").await?;
    Ok(summary(args, folder, outcome, &score, searchable, &stats, took))
}

async fn score(config: &Config, vendor: &Vendor) -> Result<Score> {
    let store = compose::open_reader(&config.store).await?;
    Score::of(&store, vendor).await
}

/// How many can be found.
async fn searchable(config: &Config) -> Result<u64> {
    let Some(place) = &config.search else { return Ok(0) };
    let index = compose::open_index(place)?;
    Ok(index.search(&Context::detached(), &SearchQuery::all()).await?.total)
}

fn summary(
    args: &Demo,
    folder: &Folder,
    run: RunOutcome,
    score: &Score,
    searchable: u64,
    stats: &Value,
    took: Duration,
) -> DemoReport {
    let stat = |name: &str| stats.get(name).and_then(Value::as_u64).unwrap_or_default();
    let faultless = score.missing + score.incomplete + score.wrong + score.duplicates == 0
        && stat("bought_more_than_once") == 0
        && searchable == score.creators;
    let exit = if run.exit() == Exit::Complete && !faultless { Exit::Partial } else { run.exit() };
    DemoReport {
        exit: exit.as_str(),
        code: exit.code(),
        dir: args.dir.display().to_string(),
        config: folder.config().display().to_string(),
        again: !folder.is_new(),
        population: u64::from(args.creators),
        creators: score.creators,
        searchable,
        checked: score.checked,
        missing: score.missing,
        incomplete: score.incomplete,
        wrong: score.wrong,
        duplicates: score.duplicates,
        bought_twice: stat("bought_more_than_once"),
        calls: stat("calls"),
        units: stat("units_charged"),
        took_s: took.as_secs_f64(),
        example: score.example.clone(),
        run,
    }
}
