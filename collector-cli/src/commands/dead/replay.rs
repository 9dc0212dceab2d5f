//! `collector dead replay`: stored answers are read again, and only what that does not mend is asked for again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use collector_core::id::{DeadId, RunId};
use collector_core::observe::Silent;
use collector_core::pipeline::Handle;
use collector_core::replay::Answers;
use collector_core::store::{Begun, DeadLetter};
use collector_core::task::{Query, Task};

use super::super::{Session, consent};
use super::chosen;
use crate::args::DeadReplay;
use crate::compose::{self, AnyStore, Setup};
use crate::config::{Config, Job, StorePlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::ReplayReport;

pub(super) async fn execute(session: &Session, args: &DeadReplay) -> Result<Exit> {
    let mut config = session.config(&args.store.file)?;
    if let Some(url) = &args.store.store {
        let parsed = StorePlace::parse(std::path::Path::new(""), url);
        config.store = parsed.map_err(|wrong| Failure::usage(format!("--store: {wrong}")))?;
    }
    // Looked at first: a store that is not there is not made.
    drop(compose::open_reader(&config.store).await?);
    let store = compose::open_store(&config.store).await?;
    let mut letters = chosen(&store, &args.letters).await?;
    let answers = Arc::new(Answers::new());
    let mended = gather(&config, &store, &answers, &letters).await?;
    let left = if args.mend_only {
        let before = letters.len();
        letters.retain(|letter| letter.task.is_none() || mended.contains(&letter.id));
        (before - letters.len()) as u64
    } else {
        0
    };
    let setup = Setup { answers: Some(Arc::clone(&answers)), ..Setup::default() };
    let job = Job::ad_hoc(&config, &[], Query::default());
    let engine = compose::engine_with(&config, &job, &store, Silent, &setup)?;
    let bought: Vec<Task> = letters
        .iter()
        .filter(|letter| !mended.contains(&letter.id))
        .filter_map(|letter| letter.task.clone())
        .collect();
    let mut plan = consent::of_tasks(&engine, &bought, &store, None).await?;
    plan.job = "replay".to_owned();
    consent::agreed(session, &plan, args.yes).await?;

    let before = units(&store, &letters).await?;
    let handle = engine.start().await?;
    let waited = wait(session, &handle, &letters).await;
    handle.shutdown().await?;
    let revived = waited?;
    let report = ReplayReport {
        exit: "",
        code: 0,
        revived,
        mended: mended.len() as u64 - answers.len() as u64,
        asked: bought.len() as u64,
        units: units(&store, &letters).await?.saturating_sub(before),
        left,
        dead: store.counts().await?.dead,
    };
    let exit = report.exit();
    let report = ReplayReport { exit: exit.as_str(), code: exit.code(), ..report };
    session.output.print(&report, ReplayReport::text)?;
    Ok(exit)
}

/// Keeps the stored answers that can be read now; gives whose they are.
async fn gather(
    config: &Config,
    store: &AnyStore,
    answers: &Answers,
    letters: &[DeadLetter],
) -> Result<HashSet<DeadId>> {
    let mut mended = HashSet::new();
    for name in config.sources.keys() {
        let (source, _) = compose::source(config, name)?;
        mended.extend(answers.gather(&*source, &**store, letters).await?);
    }
    Ok(mended)
}

/// Opens the letters again and waits until their runs are over.
async fn wait(
    session: &Session,
    handle: &Handle<collector_core::creator::Creators>,
    letters: &[DeadLetter],
) -> Result<u64> {
    let ids: Vec<DeadId> = letters.iter().map(|letter| letter.id).collect();
    let revived = handle.revive(&ids).await?;
    let runs: BTreeSet<RunId> = letters.iter().filter_map(|letter| letter.run).collect();
    for run in runs {
        handle.wait(Begun { run, resumed: true }, &session.stop).await?;
    }
    Ok(revived)
}

/// What the letters' runs have spent.
async fn units(store: &AnyStore, letters: &[DeadLetter]) -> Result<u64> {
    let mut spent = BTreeMap::new();
    for run in letters.iter().filter_map(|letter| letter.run) {
        if let Some(state) = store.run(run).await? {
            spent.insert(run, state.counts.cost.units);
        }
    }
    Ok(spent.values().sum())
}
