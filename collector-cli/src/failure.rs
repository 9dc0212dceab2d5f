//! Why a command could not do its work.

use std::fmt;

use collector_core::error::{Error, ErrorChain};

use crate::config::Faults;
use crate::exit::Exit;

/// A [`std::result::Result`] with [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command could not do its work: the exit code, what happened, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    advice: Option<String>,
}

impl Failure {
    /// The command line or the configuration cannot be honoured.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), advice: None }
    }

    /// Our own disk, store or process failed.
    pub fn aborted(message: impl Into<String>) -> Self {
        Self { exit: Exit::Aborted, message: message.into(), advice: None }
    }

    /// What was asked for is not there.
    pub fn partial(message: impl Into<String>) -> Self {
        Self { exit: Exit::Partial, message: message.into(), advice: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            exit: Exit::of_error(error.kind()),
            message: ErrorChain(&error).to_string(),
            advice: Some(error.kind().advice().to_owned()),
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let count = faults.faults().len();
        let verdict = if count == 1 { "1 fault" } else { &format!("{count} faults") };
        Self::usage(format!("the configuration has {verdict}; nothing was written\n{faults}"))
    }
}
