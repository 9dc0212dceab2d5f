//! Standard output and standard error: data here, words for people there.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// Where a command writes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    bars: MultiProgress,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        // Hides itself when standard error is no terminal.
        Self { json, bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The progress lines; anything else on standard error goes through [`aside`](Self::aside), around them.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Prints `value` as one line of JSON, or what `text` makes of it.
    pub(crate) fn print<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let printed = if self.json {
            serde_json::to_string(value)
                .map_err(|error| Failure::aborted(format!("cannot write JSON: {error}")))?
        } else {
            text(value)
        };
        self.bars.suspend(|| write_all(&mut io::stdout().lock(), &printed))
    }

    /// Prints lines of data on standard output as they are.
    pub(crate) fn data(&self, lines: &str) -> Result<()> {
        self.bars.suspend(|| write_all(&mut io::stdout().lock(), lines))
    }

    /// Says something to a person, on standard error.
    pub(crate) fn note(&self, text: &str) {
        self.aside(&format!("collector: {text}"));
    }

    /// Says why the command could not do its work, and how it ends.
    pub(crate) fn failure(&self, failure: &Failure) -> Exit {
        let mut text = format!("error: {failure}");
        if let Some(advice) = failure.advice() {
            text.push_str(&format!("\n  what to do: {advice}"));
        }
        self.aside(&text);
        if self.json {
            let object = json!({
                "exit": failure.exit().as_str(),
                "code": failure.exit().code(),
                "error": { "message": failure.to_string(), "advice": failure.advice() },
            });
            // The error was said on standard error; there is nobody left to tell if this fails, too.
            drop(self.print(&object, ToString::to_string));
        }
        failure.exit()
    }

    /// Prints on standard error.
    pub(crate) fn aside(&self, text: &str) {
        self.bars.suspend(|| {
            // When standard error is gone, nobody is listening.
            drop(writeln!(io::stderr().lock(), "{}", text.trim_end()));
        });
    }
}

/// Writes a line; a reader that has gone away ends it quietly.
fn write_all(out: &mut dyn Write, text: &str) -> Result<()> {
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::aborted(format!("cannot write to standard output: {error}"))),
    }
}

/// Whether colours are wanted on standard error.
pub(crate) fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        struct Fails(io::ErrorKind);
        impl Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(write_all(&mut Fails(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert_eq!(write_all(&mut Fails(io::ErrorKind::StorageFull), "x").unwrap_err().exit(), Exit::Aborted);
    }
}
