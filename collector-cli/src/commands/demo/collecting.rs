//! The collecting process of a demo: an ordinary run, which tells the process that started it how it gets on.
//!
//! It is a process of its own so that it can be killed like one, and so that its memory is its own.

use std::sync::atomic::{AtomicBool, Ordering};

use collector_core::context::Context;
use collector_core::creator::Creators;
use collector_core::observe::{Event, Observer};
use collector_core::pipeline::{Engine, Job, RunReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::folder::{self, LIST};
use super::memory;
use crate::args::{ConfigFile, Demo};
use crate::commands::{Session, simulate};
use crate::compose::{self, AnyStore};
use crate::config::Job as JobConfig;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::RunOutcome;

/// A larger pool is not kept as a list: its second demo searches anew.
const MOST_LISTED: u64 = 100_000;

/// Records read at once.
const PAGE: usize = 1_000;

/// Events that may wait to be told; each happens about once.
const UNTOLD: usize = 16;

/// What a collecting process tells, one line of JSON each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// The first record is in a sink.
    FirstRecord,
    /// Claims of a process that died were taken over.
    TookOver {
        /// How many.
        claims: u64,
    },
    /// The run is over.
    Ended(Box<Ended>),
}

/// How the run went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// The exit code of such a run.
    pub(super) code: u8,
    /// Tasks that were fresh and not asked.
    pub(super) fresh: u64,
    /// What is missing and why.
    pub(super) reasons: Vec<String>,
    /// The most memory the process had, where that is known.
    pub(super) peak_rss_mb: Option<f64>,
    /// The run, as `collector run --json` prints it.
    pub(super) run: Value,
}

impl Ended {
    /// How such a run ends a command.
    pub(super) fn exit(&self) -> Exit {
        let ends = [Exit::Complete, Exit::Partial, Exit::Parked];
        ends.into_iter().find(|exit| exit.code() == self.code).unwrap_or(Exit::Aborted)
    }
}

/// Runs a job of the demo's configuration, until it is done or standard input is closed.
pub(super) async fn execute(session: &Session, args: &Demo, job: &str) -> Result<Exit> {
    let config = session.config(&ConfigFile { config: folder::config_in(&args.dir) })?;
    let job = config.job(job).map_err(Failure::aborted)?;
    compose::rehearse(&config, job)?;
    let store = compose::open_store(&config.store).await?;
    let (teller, mut told) = mpsc::channel(UNTOLD);
    let engine =
        compose::engine(&config, job, &store, Teller { to: teller, has_record: AtomicBool::new(false) })?;
    let report = run(session, engine, job, &mut told).await?;
    let peak_rss_mb = memory::peak_mb("self");
    let outcome = RunOutcome::new(report, job.fresh_for, &folder::again(&args.dir));
    if outcome.exit() == Exit::Complete && job.name == super::JOB {
        remember(&store).await?;
    }
    say(session, &Said::Ended(Box::new(ended(&outcome, peak_rss_mb)?)))?;
    Ok(Exit::Complete)
}

async fn run(
    session: &Session,
    engine: Engine<Creators>,
    job: &JobConfig,
    told: &mut mpsc::Receiver<Said>,
) -> Result<RunReport> {
    let task = Job::new(&job.name, job.query.clone()).fresh_for(job.fresh_for);
    let run = engine.run(task, session.stop.clone());
    let orphaned = simulate::stdin_closed();
    tokio::pin!(run, orphaned);
    loop {
        tokio::select! {
            report = &mut run => {
                while let Ok(said) = told.try_recv() {
                    say(session, &said)?;
                }
                return Ok(report?);
            }
            Some(said) = told.recv() => say(session, &said)?,
            () = &mut orphaned, if !session.stop.is_cancelled() => session.stop.cancel(),
        }
    }
}

fn say(session: &Session, said: &Said) -> Result<()> {
    let line = serde_json::to_string(said)
        .map_err(|error| Failure::aborted(format!("cannot write JSON: {error}")))?;
    session.output.data(&line)
}

fn ended(outcome: &RunOutcome, peak_rss_mb: Option<f64>) -> Result<Ended> {
    let run = serde_json::to_value(outcome)
        .map_err(|error| Failure::aborted(format!("cannot write JSON: {error}")))?;
    Ok(Ended {
        code: outcome.code,
        fresh: outcome.report.counts.fresh,
        reasons: outcome.report.reasons.clone(),
        peak_rss_mb,
        run,
    })
}

/// Keeps everybody as a list, so that the next demo asks for these people instead of searching again.
async fn remember(store: &AnyStore) -> Result<()> {
    if store.counts().await?.entities > MOST_LISTED {
        return Ok(());
    }
    let (mut members, mut after) = (Vec::new(), None);
    loop {
        let keys = store.keys(after, PAGE).await?;
        let Some(last) = keys.last() else { break };
        after = Some(*last);
        for key in keys {
            members.extend(store.ids(key).await?);
        }
    }
    Ok(store.put_list(LIST, &members, Context::detached().now()).await?)
}

/// Passes on what the process that started us wants to know.
#[derive(Debug)]
struct Teller {
    to: mpsc::Sender<Said>,
    has_record: AtomicBool,
}

impl Observer for Teller {
    fn event(&self, event: &Event) {
        let said = match event {
            Event::Settled { stored: 1.., .. } if !self.has_record.swap(true, Ordering::Relaxed) => {
                Said::FirstRecord
            }
            Event::TookOver { claims } => Said::TookOver { claims: *claims },
            _ => return,
        };
        // A closed channel has no reader, and a full one has more to tell than anybody asked for.
        drop(self.to.try_send(said));
    }
}
