//! `collector sources list`: what there is to ask, what it needs, and what it costs. `test`: whether a source that a file
//! describes reads its own answers. `new`: one more source. All of them ask nobody.

mod new;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use collector_core::known::not_known;
use collector_sources::declarative::{Declarative, DeclarativeConfig};

use super::{Session, read_text};
use crate::args::{ConfigFile, NewSource, TestSource};
use crate::compose;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{SourceReport, SourcesReport, TestReport, TypeReport};
use crate::sources::read_description;

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

pub(super) fn test(session: &Session, args: &TestSource) -> Result<Exit> {
    let path = described_by(args)?;
    let (file, text) = read_description(&path)?;
    let name =
        path.file_stem().map_or_else(|| "source".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let config = DeclarativeConfig { name, file, text, ..DeclarativeConfig::default() };
    let source = Declarative::unsigned(config)?;
    let report = TestReport::new(&path, source.examples(), source.spoilt());
    let exit = report.exit();
    session.output.print(&report, TestReport::text)?;
    Ok(exit)
}

/// The file that is meant: by its name, or by that of a source in the configuration, whose secrets are left alone.
fn described_by(args: &TestSource) -> Result<PathBuf> {
    let given = Path::new(&args.source);
    if given.extension().is_some_and(|ending| ending == "toml") || given.is_file() {
        return Ok(given.to_owned());
    }
    let config: toml::Table = toml::from_str(&read_text(&args.file.config)?)
        .map_err(|error| Failure::usage(format!("{}: {}", args.file.config.display(), error.message())))?;
    let sources = config.get("sources").and_then(toml::Value::as_table);
    let names = || sources.into_iter().flat_map(toml::Table::keys).map(String::as_str);
    let Some(table) = sources.and_then(|sources| sources.get(&args.source)) else {
        return Err(Failure::usage(not_known("source", &args.source, names())));
    };
    match table
        .get("file")
        .and_then(toml::Value::as_str)
        .filter(|_| table.get("type").and_then(toml::Value::as_str) == Some("http"))
    {
        Some(file) => Ok(args.file.config.parent().unwrap_or(Path::new("")).join(file)),
        None => Err(Failure::usage(format!(
            "{} is no source that a file describes: its `type` has to be \"http\", with a `file`",
            args.source
        ))),
    }
}
