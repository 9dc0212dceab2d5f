//! `collector config show`: the configuration as it is understood.

use serde::Serialize;

use super::Session;
use crate::args::ConfigFile;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

pub(super) fn execute(session: &Session, file: &ConfigFile) -> Result<Exit> {
    let config = session.read_config(&file.config, None)?;
    if session.output.is_json() {
        session.output.print(&config, |_| String::new())?;
    } else {
        let text = as_toml(&config)?;
        session.output.print(&(), |()| text)?;
    }
    Ok(Exit::Complete)
}

fn as_toml(config: &impl Serialize) -> Result<String> {
    toml::to_string_pretty(config).map_err(|error| Failure::aborted(format!("cannot write TOML: {error}")))
}
