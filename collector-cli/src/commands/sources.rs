//! `collector sources`: what there is to ask, what it needs, and what it costs; and one more. Asks nobody.

mod new;

use std::io::ErrorKind;

use super::Session;
use crate::args::{ConfigFile, NewSource};
use crate::compose;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::Result;
use crate::report::{SourceReport, SourcesReport, TypeReport};

pub(super) fn list(session: &Session, file: &ConfigFile) -> Result<Exit> {
    let types = session.registry.shapes().map(|(name, shape)| TypeReport::new(name, &shape)).collect();
    // Without a configuration there is still something to say.
    let exists =
        !matches!(std::fs::metadata(&file.config), Err(error) if error.kind() == ErrorKind::NotFound);
    let config = if exists { Some(session.config(file)?) } else { None };
    let instances = config.as_ref().map(instances).unwrap_or_default();
    let exit =
        if instances.iter().all(|source| source.error.is_none()) { Exit::Complete } else { Exit::Usage };
    let config = exists.then(|| file.config.display().to_string());
    let report = SourcesReport { config, types, instances };
    session.output.print(&report, SourcesReport::text)?;
    Ok(exit)
}

pub(super) fn new(session: &Session, args: &NewSource) -> Result<Exit> {
    new::execute(session, args)
}

fn instances(config: &Config) -> Vec<SourceReport> {
    let report = |(name, entry): (&String, _)| SourceReport::new(name, entry, compose::source(config, name));
    config.sources.iter().map(report).collect()
}
