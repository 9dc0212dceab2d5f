//! The one table of exit codes.

use std::process::ExitCode;

use collector_core::error::ErrorKind;

/// How the command ended, for whoever called it.
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | complete: everything asked for is answered and everywhere; "no such account" and "private" are answers |
/// | 1 | partial: something is missing, and the report says what, why and what to do |
/// | 2 | usage or configuration: nothing was written |
/// | 3 | aborted: our own store, disk or lock, or another writer has the store |
/// | 4 | parked: an account waits for its reset or for a person; run again then |
/// | 130, 143 | a second SIGINT or SIGTERM ended it at once |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Everything asked for is answered and everywhere.
    Complete,
    /// Something is missing.
    Partial,
    /// The command line or the configuration cannot be honoured.
    Usage,
    /// Our own store, disk or lock failed.
    Aborted,
    /// An account waits.
    Parked,
    /// A second signal ended it.
    Signalled(Signal),
}

/// The signals that stop the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGINT: the user pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: the system asks.
    Terminate,
}

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Partial => 1,
            Self::Usage => 2,
            Self::Aborted => 3,
            Self::Parked => 4,
            // 128 plus the signal's number, as shells report a process that a signal ended.
            Self::Signalled(Signal::Interrupt) => 130,
            Self::Signalled(Signal::Terminate) => 143,
        }
    }

    /// Its name in JSON output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Usage => "usage",
            Self::Aborted => "aborted",
            Self::Parked => "parked",
            Self::Signalled(_) => "signalled",
        }
    }

    /// How a command ends that could not do its work because of an error of this kind.
    pub const fn of_error(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConfigInvalid => Self::Usage,
            ErrorKind::Unauthorized | ErrorKind::QuotaExhausted | ErrorKind::Blocked => Self::Parked,
            _ => Self::Aborted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        let table = [
            (Exit::Complete, 0),
            (Exit::Partial, 1),
            (Exit::Usage, 2),
            (Exit::Aborted, 3),
            (Exit::Parked, 4),
            (Exit::Signalled(Signal::Interrupt), 130),
            (Exit::Signalled(Signal::Terminate), 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn no_error_ends_as_complete_or_partial() {
        for kind in ErrorKind::ALL {
            assert!(Exit::of_error(kind).code() >= 2, "{kind}");
        }
        assert_eq!(Exit::of_error(ErrorKind::ConfigInvalid), Exit::Usage);
        assert_eq!(Exit::of_error(ErrorKind::Storage), Exit::Aborted);
        assert_eq!(Exit::of_error(ErrorKind::QuotaExhausted), Exit::Parked);
    }
}
