//! `collector check`: does every part work? Writes nothing.

use std::path::Path;

use collector_core::error::{Error, ErrorKind};
use collector_core::observe::Silent;
use collector_core::pipeline::{Checked, PartKind};
use collector_core::task::Query;
use collector_sinks::redis::Redis;

use super::Session;
use crate::args::ConfigFile;
use crate::compose;
use crate::config::{Config, Job, LockPlace, StorePlace};
use crate::exit::Exit;
use crate::failure::Result;
use crate::report::{CheckReport, PartCheck};

pub(super) async fn execute(session: &Session, file: &ConfigFile) -> Result<Exit> {
    let config = session.config(file)?;
    for job in &config.jobs {
        compose::rehearse(&config, job).map_err(|error| error.with("job", &job.name))?;
    }
    let mut parts = vec![PartCheck::new("store", config.store.to_string(), check_store(&config.store).await)];
    // Every source, whatever the jobs use.
    let everything = Job::ad_hoc(&config, &[], Query::default());
    let engine = compose::engine(&config, &everything, &compose::in_memory(), Silent)?;
    for Checked { kind, name, result, .. } in engine.check().await {
        let (part, name, found) = match kind {
            PartKind::Source => ("source", name, result.map(|()| String::new())),
            PartKind::Lock => ("lock", config.lock.url.to_string(), lock(&config.lock.url, result).await),
            PartKind::Rate => {
                ("rate", config.lock.url.to_string(), result.map(|()| "shared by all processes".to_owned()))
            }
            _ => ("sink", name, result.map(|()| String::new())),
        };
        parts.push(PartCheck::new(part, name, found));
    }
    // The store comes first, then what keeps processes apart, then the rest as it was asked.
    parts.sort_by_key(|part| {
        ["store", "lock", "rate"].iter().position(|name| *name == part.part).unwrap_or(3)
    });
    let exit = CheckReport::exit(&parts);
    let report = report(&config, exit, parts);
    session.output.print(&report, CheckReport::text)?;
    Ok(exit)
}

fn report(config: &Config, exit: Exit, parts: Vec<PartCheck>) -> CheckReport {
    CheckReport {
        exit: exit.as_str(),
        config: config.file.display().to_string(),
        jobs: config.jobs.iter().map(|job| job.name.clone()).collect(),
        parts,
        warnings: config.warnings.clone(),
    }
}

/// What is unwise about a lock that works.
async fn lock(
    place: &LockPlace,
    tried: std::result::Result<(), Error>,
) -> std::result::Result<String, Error> {
    match place {
        LockPlace::Memory => tried.map(|()| "in this process".to_owned()),
        LockPlace::Redis(server) => {
            let warnings = Redis::new((**server).clone())?.check().await?;
            tried?;
            Ok(if warnings.is_empty() { "answers".to_owned() } else { warnings.join("; ") })
        }
    }
}

/// A store that exists is read; one that does not is not made, but its folder is looked at.
async fn check_store(place: &StorePlace) -> std::result::Result<String, Error> {
    match place {
        StorePlace::Sqlite(path) if path.exists() => {
            let counts = compose::open_reader(place).await?.counts().await?;
            Ok(format!("{} creators", crate::report::number(counts.entities)))
        }
        StorePlace::Sqlite(path) => {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let message = "the store's folder does not exist; make it, or correct `store.url`";
            let error = || Error::new(ErrorKind::ConfigInvalid, message).with("folder", folder.display());
            if folder.is_dir() { Ok("will be made by the first run".to_owned()) } else { Err(error()) }
        }
        StorePlace::Server(_) => {
            let counts = compose::open_reader(place).await?.counts().await?;
            Ok(format!("{} creators", crate::report::number(counts.entities)))
        }
        StorePlace::Memory => Ok("ends with its command".to_owned()),
    }
}
