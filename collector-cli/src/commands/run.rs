//! `collector run`: collect what a job, or the command line, asks for.

use std::io::Read;
use std::path::Path;

use collector_core::error::{Error, ErrorKind};
use collector_core::pipeline::{Job as Task, RunReport};
use collector_core::task::Query;
use tokio_util::sync::CancellationToken;

use super::Session;
use crate::args::Run;
use crate::compose;
use crate::config::{Config, Job, JsonlPlace, StorePlace, not_known};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::ids;
use crate::output::Output;
use crate::progress::{Progress, RunWatch};
use crate::report::RunOutcome;

/// The longest list of handles that is read from a file.
const MAX_LIST: u64 = 64 << 20;

pub(super) async fn execute(session: &Session, args: Run) -> Result<Exit> {
    let mut config = session.config(&args.store.file)?;
    apply(&mut config, &args)?;
    if session.output.is_json() && config.jsonl == Some(JsonlPlace::Stdout) {
        return Err(Failure::usage("--json and JSON Lines both want standard output")
            .advise("leave one of them out, or write JSON Lines to a file with --jsonl PATH"));
    }
    let job = job(&config, &args)?;
    let report = match collect(&config, &job, &session.output, session.stop.clone()).await {
        // Who read standard output has seen enough and closed it: the sink calls that cancelled.
        Err(error) if error.kind() == ErrorKind::Cancelled && config.jsonl == Some(JsonlPlace::Stdout) => {
            return Ok(Exit::Partial);
        }
        report => report?,
    };
    let outcome = RunOutcome::new(report, job.fresh_for, &again(&args));
    print(session, &config, &outcome)?;
    Ok(outcome.exit())
}

/// Runs a job with a progress line.
pub(super) async fn collect(
    config: &Config,
    job: &Job,
    output: &Output,
    stop: CancellationToken,
) -> Result<RunReport, Error> {
    compose::rehearse(config, job)?;
    let store = compose::open_store(&config.store).await?;
    let watch = RunWatch::default();
    let engine = compose::engine(config, job, &store, watch.clone())?;
    let progress = Progress::new(output, &job.name, watch);
    let task = Task::new(&job.name, job.query.clone()).fresh_for(job.fresh_for);
    tokio::select! {
        report = engine.run(task, stop) => report,
        never = progress.follow(&store) => match never {},
    }
}

/// Standard output belongs to the data when JSON Lines go there.
fn print(session: &Session, config: &Config, outcome: &RunOutcome) -> Result<()> {
    if config.jsonl == Some(JsonlPlace::Stdout) {
        session.output.aside(&outcome.text());
        return Ok(());
    }
    session.output.print(outcome, RunOutcome::text)
}

/// What was typed goes before what is configured.
fn apply(config: &mut Config, args: &Run) -> Result<()> {
    let here = Path::new("");
    if let Some(url) = &args.store.store {
        config.store =
            StorePlace::parse(here, url).map_err(|wrong| Failure::usage(format!("--store: {wrong}")))?;
    }
    if let Some(path) = &args.jsonl {
        let place = JsonlPlace::new(here, path);
        config.jsonl = Some(place.ok_or_else(|| Failure::usage("--jsonl: the path is empty"))?);
    }
    if let Some(in_flight) = args.in_flight {
        config.run.in_flight = Some(in_flight);
        config.sources.values_mut().for_each(|source| source.keys.in_flight = None);
    }
    Ok(())
}

fn job(config: &Config, args: &Run) -> Result<Job> {
    let job = match &args.job {
        Some(name) => config.job(name).map_err(Failure::usage)?.clone(),
        None => Job::ad_hoc(config, &sources(config, &args.sources)?, query(args)?),
    };
    Ok(Job { fresh_for: args.fresh_for.unwrap_or(job.fresh_for), ..job })
}

fn sources(config: &Config, names: &[String]) -> Result<Vec<String>> {
    for name in names {
        if !config.sources.contains_key(name) {
            let known = config.sources.keys().map(String::as_str);
            return Err(Failure::usage(format!("--source: {}", not_known("source", name, known))));
        }
    }
    Ok(names.to_vec())
}

fn query(args: &Run) -> Result<Query> {
    let mut handles = args.handles.clone();
    if let Some(path) = &args.file {
        handles.extend(read_handles(path)?);
    }
    let query = Query {
        handles,
        hashtags: args.hashtags.clone(),
        max_pages: args.max_pages.map(std::num::NonZeroU32::get),
        ..Query::default()
    };
    if query.is_empty() {
        return Err(Failure::usage("nothing to collect: the list of handles is empty"));
    }
    Ok(query)
}

fn read_handles(path: &Path) -> Result<Vec<String>> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::usage(format!("--file: cannot read {shown}: {error}"));
    let input: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(path).map_err(cannot)?),
    };
    let mut text = String::new();
    let length = input.take(MAX_LIST + 1).read_to_string(&mut text).map_err(cannot)?;
    if length as u64 > MAX_LIST {
        return Err(Failure::usage(format!("--file: {shown} is longer than {MAX_LIST} bytes; split it")));
    }
    ids::handles(&text).map_err(|wrong| Failure::usage(format!("--file: {shown}: {wrong}")))
}

/// The command that goes on with this run.
fn again(args: &Run) -> String {
    match &args.job {
        Some(job) => format!("collector run {job}"),
        None => "the same command once more".to_owned(),
    }
}
