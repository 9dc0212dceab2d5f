//! Logs: on standard error, quiet unless asked.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::{Common, LogFormat};
use crate::output::{Output, colours};

/// Our own crates; what others log is only worth reading at the loudest.
const OURS: [&str; 4] = ["collector_core", "collector_sources", "collector_sinks", "collector_cli"];

/// Installs the process's subscriber. Called once; a second call changes nothing.
pub(crate) fn init(common: &Common, output: &Output) {
    let writer = AroundBars { bars: output.bars().clone() };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter(common.verbose)))
        .with_writer(writer)
        .with_ansi(colours());
    let installed = match common.log_format {
        LogFormat::Text => builder.with_target(common.verbose > 1).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Somebody who embeds the command may have a subscriber of their own: theirs stays.
    drop(installed);
}

fn filter(verbose: u8) -> String {
    let (ours, others) = match verbose {
        0 => ("warn", "error"),
        1 => ("info", "warn"),
        2 => ("debug", "info"),
        _ => ("trace", "debug"),
    };
    OURS.iter().fold(others.to_owned(), |filter, name| format!("{filter},{name}={ours}"))
}

/// Writes lines above the progress lines instead of through them.
struct AroundBars {
    bars: indicatif::MultiProgress,
}

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { bars: &self.bars }
    }
}

struct Line<'a> {
    bars: &'a indicatif::MultiProgress,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| io::stderr().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_ours_are_the_default() {
        assert!(filter(0).starts_with("error,collector_core=warn"));
        assert!(filter(1).contains("collector_sinks=info"));
        assert!(EnvFilter::try_new(filter(3)).is_ok());
    }
}
