//! `collector run`: collect what a job, or the command line, asks for.

use std::path::Path;
use std::sync::Arc;

use collector_core::creator::id_kind;
use collector_core::error::{Error, ErrorKind};
use collector_core::id::Ids;
use collector_core::known::not_known;
use collector_core::pipeline::{End, Job as Task, RunReport};
use collector_core::store::{Capped, Caps, Used};
use collector_core::task::Query;
use collector_sources::sheet::{Choice, SheetRow, Verdict, import};

use super::{Session, consent, files};
use crate::args::{Run, SheetChoice};
use crate::compose::{self, AnyStore, Setup};
use crate::config::{Config, Job, JsonlPlace, StorePlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::progress::{Progress, RunWatch};
use crate::report::{PlanReport, RunOutcome, count, number};
use crate::upkeep;

/// How many rows of a file are named that nobody is recognised in.
const EXAMPLES: usize = 3;

pub(super) async fn execute(session: &Session, args: Run) -> Result<Exit> {
    let mut config = session.config(&args.store.file)?;
    apply(&mut config, &args)?;
    if session.output.is_json() && config.jsonl == Some(JsonlPlace::Stdout) {
        return Err(Failure::usage("--json and JSON Lines both want standard output")
            .advise("leave one of them out, or write JSON Lines to a file with --jsonl PATH"));
    }
    let job = job(&config, &args)?;
    let caps = Caps { units: args.max_units, people: args.limit.map(std::num::NonZeroUsize::get) };
    let plan = plan(&config, &job, args.max_units, args.dry_run).await?;
    if args.dry_run {
        session.output.print(&plan, PlanReport::text)?;
        return Ok(Exit::Complete);
    }
    consent::agreed(session, &plan, args.yes).await?;
    let collected = collect_within(session, &config, &job, caps, args.wait).await;
    let (mut report, used) = match collected {
        // Who read standard output has seen enough and closed it: the sink calls that cancelled.
        Err(error) if error.kind() == ErrorKind::Cancelled && config.jsonl == Some(JsonlPlace::Stdout) => {
            return Ok(Exit::Partial);
        }
        collected => collected?,
    };
    account_for(&mut report, &plan, caps, used);
    if used.left_out > 0 {
        let people = number(used.people as u64);
        session.output.note(&format!(
            "--limit: {people} creators were asked for; what would lead to more was left out"
        ));
    }
    let outcome = RunOutcome::new(report, job.fresh_for, &again(&args));
    print(session, &config, &outcome)?;
    if !session.stop.is_cancelled() {
        upkeep::pictures(&config, &session.stop).await;
    }
    Ok(outcome.exit())
}

/// Runs a job with a progress line, within limits; says what was used of them.
async fn collect_within(
    session: &Session,
    config: &Config,
    job: &Job,
    caps: Caps,
    waits: bool,
) -> Result<(RunReport, Used), Error> {
    let opened = compose::open_store(&config.store).await?;
    let limited = caps != Caps::default();
    let capped = Arc::new(Capped::new(Arc::clone(&opened), caps));
    let store: AnyStore = if limited { Arc::clone(&capped) as AnyStore } else { opened };
    let clock = Arc::clone(&session.clock);
    let setup =
        Setup { book_calls: caps.units.is_some(), clock: Some(Arc::clone(&clock)), ..Setup::default() };
    let watch = RunWatch::default();
    let engine = compose::engine_with(config, job, &store, watch.clone(), &setup)?;
    let progress = Progress::new(&session.output, &job.name, watch);
    let mut task = Task::new(&job.name, job.query.clone()).fresh_for(job.fresh_for);
    task.refresh = job.refresh.map(Into::into);
    // Who limits a run expects no more of it.
    if !limited {
        task.expect = job.expect.to_engine();
    }
    let told = |report: &RunReport, until| {
        let open = count(report.open, "task", "tasks");
        session.output.aside(&format!("{}: parked with {open} open; goes on at {until}", report.job));
    };
    let run = async {
        if waits {
            engine.run_through(task, session.stop.clone(), &told).await
        } else {
            engine.run(task, session.stop.clone()).await
        }
    };
    let report = tokio::select! {
        report = run => report?,
        never = progress.follow(&store) => match never {},
    };
    upkeep::store(config, &store, &*clock, &session.stop).await;
    Ok((report, capped.used()))
}

/// What the run would ask: planned beside whoever writes to the store, so that nothing is made before somebody agrees.
async fn plan(config: &Config, job: &Job, max_units: Option<u64>, dry: bool) -> Result<PlanReport> {
    let store = match &config.store {
        StorePlace::Sqlite(path) if path.is_file() => match compose::open_reader(&config.store).await {
            // One of an older program: opened for writing it is brought up to date.
            Err(_) if !dry => opened_for(config, job).await?,
            store => store?,
        },
        StorePlace::Server(_) if dry => compose::open_reader(&config.store).await?,
        StorePlace::Server(_) => opened_for(config, job).await?,
        _ => compose::in_memory(),
    };
    consent::plan(config, job, &store, max_units).await
}

/// The store, opened for writing, which may make its tables: nothing is made for a job that cannot be planned.
async fn opened_for(config: &Config, job: &Job) -> Result<AnyStore> {
    compose::rehearse(config, job)?;
    Ok(compose::open_store(&config.store).await?)
}

/// Says in the report what the limits and the list left undone.
fn account_for(report: &mut RunReport, plan: &PlanReport, caps: Caps, used: Used) {
    if let (Some(most), true, true) = (caps.units, used.out_of_units, report.open > 0) {
        if matches!(report.end, End::Parked { .. }) {
            report.end = End::Partial;
        }
        report.parked.retain(|park| park.kind != ErrorKind::QuotaExhausted);
        report.reasons.retain(|reason| !reason.starts_with("parked"));
        let units = number(used.units);
        report.reasons.push(format!(
            "--max-units {most}: {units} units were spent, and the next call may cost more than is left"
        ));
    }
    if plan.unreachable > 0 {
        let left_out = number(plan.unreachable);
        report.reasons.push(format!(
            "left out {left_out}: of these members of the list no source finds anybody by what is known"
        ));
        if report.end == End::Complete {
            report.end = End::Partial;
        }
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
        for source in config.sources.values_mut() {
            source.keys.in_flight = None;
            source.further.iter_mut().for_each(|account| account.keys.in_flight = None);
        }
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
    let mut query = Query {
        handles: args.handles.clone(),
        list: args.list.clone(),
        hashtags: args.hashtags.clone(),
        max_pages: args.max_pages.map(std::num::NonZeroU32::get),
        ..Query::default()
    };
    if let Some(path) = &args.file {
        for ids in read_people(path)? {
            add(&mut query, &ids);
        }
    }
    if query.is_empty() {
        return Err(Failure::usage("nothing to collect: the list of handles is empty"));
    }
    Ok(query)
}

/// Asks for somebody: by the second key, which never moves, else by handle, else by whatever is known.
fn add(query: &mut Query, ids: &Ids) {
    let by_key = ids.strong.iter().find(|id| &*id.kind == id_kind::TIKTOK_SEC_UID);
    match (by_key, ids.get(id_kind::TIKTOK_HANDLE)) {
        (None, Some(handle)) => query.handles.push(handle.to_owned()),
        (id, _) => query.ids.extend(id.or(ids.strongest()).map(ToString::to_string)),
    }
}

/// Everybody a file names. Money is spent on them, so a row that names nobody is refused.
fn read_people(path: &Path) -> Result<Vec<Ids>> {
    let sheet = files::sheet(path, &SheetChoice { sheet: None, columns: Vec::new() })?;
    if sheet.rows.iter().all(SheetRow::is_blank) {
        return Ok(Vec::new());
    }
    let imported = import(&sheet, &Choice::default()).map_err(|error| files::wrong(path, error))?;
    let refused: Vec<String> = imported
        .rows
        .iter()
        .zip(&sheet.rows)
        .filter_map(|(report, row)| match &report.verdict {
            Verdict::NotRecognised { reason } => {
                let shown =
                    imported.columns.used.first().map(|(_, at)| row.cell(*at).shown()).unwrap_or_default();
                let shown: String = shown.chars().take(60).collect();
                Some(format!("row {}: {shown:?}: {reason}", report.row))
            }
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return Ok(imported.members);
    }
    let examples = refused.iter().take(EXAMPLES).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    let shown = path.display();
    let message = format!("--file: {shown}: rows that name nobody: {}\n  {examples}", refused.len());
    Err(Failure::usage(message)
        .advise(format!("correct them, or keep what is recognised as a list: collector import {shown}")))
}

/// The command that goes on with this run.
fn again(args: &Run) -> String {
    match &args.job {
        Some(job) => format!("collector run {job}"),
        None => "the same command once more".to_owned(),
    }
}
