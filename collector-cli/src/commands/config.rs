//! `collector config show`: every value of the configuration, and where it comes from.

use serde::Serialize;

use super::Session;
use crate::args::ConfigFile;
use crate::config::{Config, Setting, settings};
use crate::exit::Exit;
use crate::failure::Result;
use crate::report::{aligned, plain};

/// The configuration as it is understood, and its values one by one.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    config: &'a Config,
    settings: Vec<Setting>,
}

pub(super) fn execute(session: &Session, file: &ConfigFile) -> Result<Exit> {
    let text = super::read_text(&file.config)?;
    let config = session.parse_config(&file.config, &text, None)?;
    let shown = Shown { settings: settings(&config, &text), config: &config };
    session.output.print(&shown, |shown| as_text(&shown.settings))?;
    Ok(Exit::Complete)
}

fn as_text(settings: &[Setting]) -> String {
    let row = |setting: &Setting| {
        let value = plain(&setting.value.to_string());
        vec![setting.key.clone(), format!("= {value}"), format!("# {}", setting.origin)]
    };
    aligned(0, &settings.iter().map(row).collect::<Vec<_>>())
}
