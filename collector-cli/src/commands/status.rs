//! `collector status`: what the store holds, what is open, what is wrong.

use std::collections::BTreeSet;

use collector_core::clock::{Clock, SystemClock};
use collector_core::error::Error;
use collector_core::pipeline::{DeadGroup, account_seen, missed_by, sink_seen, spent_elsewhere};
use collector_core::store::{Counts, Parked};

use super::Session;
use crate::args::StoreChoice;
use crate::compose::{self, AnyStore};
use crate::config::Config;
use crate::disk;
use crate::exit::Exit;
use crate::failure::Result;
use crate::report::{AccountStatus, JobStatus, ParkedAccount, StatusReport};

/// The newest dead letters that are grouped; the total is counted apart.
const LETTERS: usize = 10_000;

pub(super) async fn execute(session: &Session, choice: &StoreChoice) -> Result<Exit> {
    // A store that is named needs no configuration; then it is not known what is planned.
    let config = match &choice.store {
        Some(_) => None,
        None => Some(session.places(&choice.file)?),
    };
    let place = match &config {
        Some(config) => config.store.clone(),
        None => session.store(choice)?,
    };
    let store = compose::open_reader(&place).await?;
    let report = report(&store, place.to_string(), config.as_ref()).await?;
    session.output.print(&report, StatusReport::text)?;
    Ok(Exit::Complete)
}

async fn report(
    store: &AnyStore,
    place: String,
    config: Option<&Config>,
) -> std::result::Result<StatusReport, Error> {
    let now = SystemClock.now();
    let (counts, parked) = (store.counts().await?, store.parked().await?);
    let schedules = store.schedules().await?;
    let mut jobs = Vec::new();
    for job in job_names(&counts, config) {
        let missed = missed_by(&**store, &job).await?;
        let status = JobStatus::new(&job, &counts, &parked, missed.as_ref(), config);
        let timing = config.and_then(|config| config.job(&job).ok()?.timing.as_ref());
        let state = schedules.iter().find(|state| *state.name == *job);
        jobs.push(match timing {
            Some(timing) => status.planned(&timing.schedule, state, now),
            None => status,
        });
    }
    let mut accounts = Vec::new();
    for account in account_names(&counts, &parked, config) {
        let park = parked.iter().find(|park| *park.account == *account).cloned();
        let spent = counts.spent.get(&account).copied().unwrap_or_default();
        let elsewhere = spent_elsewhere(&**store, &account).await?;
        // Of a window that is over it tells nothing.
        let elsewhere = elsewhere.filter(|elsewhere| now.since(elsewhere.window) < compose::DAY);
        let seen = account_seen(&**store, &account).await?;
        let limits = limits(&account, config);
        accounts.push(AccountStatus::new(
            &account,
            (spent, elsewhere),
            limits,
            park.map(ParkedAccount::from),
            seen,
        ));
    }
    let mut sinks = Vec::new();
    for sink in counts.sinks.keys() {
        sinks.extend(sink_seen(&**store, sink).await?);
    }
    Ok(StatusReport {
        at: now,
        store: place,
        jobs,
        accounts,
        sinks,
        disks: config.map(disk::of).unwrap_or_default(),
        parked: parked.into_iter().map(ParkedAccount::from).collect(),
        dead: DeadGroup::of(&store.dead_letters(LETTERS).await?),
        counts,
    })
}

/// The configured jobs; without a configuration those that were run.
fn job_names(counts: &Counts, config: Option<&Config>) -> Vec<String> {
    match config {
        Some(config) => config.jobs.iter().map(|job| job.name.clone()).collect(),
        None => counts.runs.iter().map(|run| run.job.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

/// The configured accounts, and those that spent or are kept out.
fn account_names(counts: &Counts, parked: &[Parked], config: Option<&Config>) -> BTreeSet<String> {
    let configured = config.into_iter().flat_map(|config| config.sources.values());
    let configured = configured.map(|source| source.account.clone());
    let parked = parked.iter().map(|park| park.account.to_string());
    configured.chain(counts.spent.keys().cloned()).chain(parked).collect()
}

/// Units and requests a window that the configuration allows.
fn limits(account: &str, config: Option<&Config>) -> (Option<u64>, Option<u64>) {
    let mut sources = config.into_iter().flat_map(|config| config.sources.values());
    let keys = sources.find(|source| source.account == account).map(|source| &source.keys);
    keys.map_or((None, None), |keys| (keys.units_per_day, keys.requests_per_day))
}
