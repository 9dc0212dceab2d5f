//! The one error type at every trait boundary, and the one table that says what each kind leads to.

mod chain;

use std::fmt;
use std::time::Duration;

pub use chain::ErrorChain;

use crate::clock::Timestamp;

/// A [`std::result::Result`] with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for branching; the message is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration or a query cannot be honoured.
    ConfigInvalid,
    /// The credential was refused.
    Unauthorized,
    /// The account's budget is spent until its reset.
    QuotaExhausted,
    /// Too many requests in too short a time.
    RateLimited,
    /// The other side shut us out: captcha, login wall, ban.
    Blocked,
    /// The other side could not answer: connection, 5xx, cut body.
    Unavailable,
    /// No complete answer in time.
    Timeout,
    /// The thing asked for is not there.
    NotFound,
    /// An answer came and cannot be understood.
    Malformed,
    /// The other side understood and refuses what we sent.
    Rejected,
    /// A lease ended while its work was running.
    LockLost,
    /// The caller stopped the work.
    Cancelled,
    /// Our own store of record failed.
    Storage,
    /// Something nobody planned for.
    Unexpected,
}

/// What the engine does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Try the task again, if the retry policy and the retry budget allow.
    Retry,
    /// The thing does not exist: an answer, recorded as absent.
    Absent,
    /// The task becomes a dead letter; its siblings go on.
    FailTask,
    /// The account is parked: nothing of it is claimed until it is let out.
    ParkAccount,
    /// The task goes back untouched: the attempt does not count.
    GiveBack,
    /// The run stops: our own store, disk or configuration is at fault.
    AbortRun,
}

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 14] = [
        Self::ConfigInvalid,
        Self::Unauthorized,
        Self::QuotaExhausted,
        Self::RateLimited,
        Self::Blocked,
        Self::Unavailable,
        Self::Timeout,
        Self::NotFound,
        Self::Malformed,
        Self::Rejected,
        Self::LockLost,
        Self::Cancelled,
        Self::Storage,
        Self::Unexpected,
    ];

    /// The one table: (kind, was the call perhaps charged) to what is done.
    ///
    /// Only our own store and configuration abort; a vendor can at most park its own account. A timeout that
    /// may have been charged is tried again like any other: the answer is still missing, and the charge is
    /// booked when the call was reserved.
    pub fn disposition(self, maybe_charged: bool) -> Disposition {
        match (self, maybe_charged) {
            (Self::RateLimited | Self::Unavailable | Self::Timeout, _) => Disposition::Retry,
            // Uncharged surprises cost nothing to repeat; charged ones would be bought twice.
            (Self::Unexpected, false) => Disposition::Retry,
            (Self::Unexpected, true) => Disposition::FailTask,
            (Self::NotFound, _) => Disposition::Absent,
            (Self::Malformed | Self::Rejected, _) => Disposition::FailTask,
            (Self::Unauthorized | Self::QuotaExhausted | Self::Blocked, _) => Disposition::ParkAccount,
            (Self::LockLost | Self::Cancelled, _) => Disposition::GiveBack,
            (Self::ConfigInvalid | Self::Storage, _) => Disposition::AbortRun,
        }
    }

    /// What a person can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::ConfigInvalid => "correct the configuration; `collector check` names the key",
            Self::Unauthorized => "check the credential and the account with the vendor, then run again",
            Self::QuotaExhausted => "wait for the vendor's reset or raise the plan; nothing is lost",
            Self::RateLimited => "nothing: the engine slows down; lower `per_second` if it repeats",
            Self::Blocked => "the vendor shuts us out; wait, and ask the vendor before going on",
            Self::Unavailable => "nothing: it is tried again; look at the vendor's status if it lasts",
            Self::Timeout => "nothing: it is tried again; raise the kind's timeout if it lasts",
            Self::NotFound => "nothing: the vendor does not know it",
            Self::Malformed => "the answer is kept; mend the mapping and replay the dead letter",
            Self::Rejected => "the vendor refuses the request; look at its message and the task",
            Self::LockLost => "nothing: another worker has it",
            Self::Cancelled => "nothing: run again to go on where it stopped",
            Self::Storage => "look at the disk and the store's own message; acknowledged work is safe",
            Self::Unexpected => "please report it with the log",
        }
    }

    /// The kind's name as configuration, metrics and the store write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigInvalid => "config_invalid",
            Self::Unauthorized => "unauthorized",
            Self::QuotaExhausted => "quota_exhausted",
            Self::RateLimited => "rate_limited",
            Self::Blocked => "blocked",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::NotFound => "not_found",
            Self::Malformed => "malformed",
            Self::Rejected => "rejected",
            Self::LockLost => "lock_lost",
            Self::Cancelled => "cancelled",
            Self::Storage => "storage",
            Self::Unexpected => "unexpected",
        }
    }

    /// The kind with this name, as [`as_str`](Self::as_str) writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error at a trait boundary: kind, message, context, what the vendor asked for, cause.
///
/// `Display` shows this error only; causes stay in [`source`](std::error::Error::source) and are printed by
/// [`ErrorChain`]. It never holds a secret, a body or a header.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
    until: Option<Timestamp>,
    maybe_charged: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; the message says what happened, without a final period.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            retry_after: None,
            until: None,
            maybe_charged: false,
            source: None,
        }))
    }

    /// Names one thing the error is about: a file, a key, a task.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Notes how long the other side asked us to wait; the engine never comes back earlier.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Notes when a parked account may be used again.
    #[must_use]
    pub fn parked_until(mut self, until: Timestamp) -> Self {
        self.0.until = Some(until);
        self
    }

    /// Says that the vendor may have charged the call although no usable answer came.
    #[must_use]
    pub fn maybe_charged(mut self) -> Self {
        self.0.maybe_charged = true;
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The wait the other side asked for.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// When the account this error parks may be used again, if the vendor said so.
    pub fn until(&self) -> Option<Timestamp> {
        self.0.until
    }

    /// Whether the vendor may have charged the failed call.
    pub fn is_maybe_charged(&self) -> bool {
        self.0.maybe_charged
    }

    /// What the engine does about it.
    pub fn disposition(&self) -> Disposition {
        self.0.kind.disposition(self.0.maybe_charged)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (i, (name, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{name}: {value}", if i == 0 { " (" } else { ", " })?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, ErrorChain(self))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn only_our_own_store_and_configuration_abort() {
        for kind in ErrorKind::ALL {
            for charged in [false, true] {
                let ours = matches!(kind, ErrorKind::ConfigInvalid | ErrorKind::Storage);
                assert_eq!(kind.disposition(charged) == Disposition::AbortRun, ours, "{kind}");
            }
            assert_eq!(ErrorKind::from_name(kind.as_str()), Some(kind));
            assert!(!kind.advice().is_empty());
        }
    }

    #[test]
    fn a_charged_surprise_is_not_bought_again() {
        assert_eq!(ErrorKind::Unexpected.disposition(true), Disposition::FailTask);
        assert_eq!(ErrorKind::Unexpected.disposition(false), Disposition::Retry);
    }

    #[test]
    fn display_shows_this_error_and_the_chain_shows_all() {
        let cause = std::io::Error::other("disk on fire");
        let error = Error::new(ErrorKind::Storage, "cannot write").with("file", "a.db").caused_by(cause);
        assert_eq!(error.to_string(), "cannot write (file: a.db)");
        assert_eq!(ErrorChain(&error).to_string(), "cannot write (file: a.db): disk on fire");
        // A server's answer that stands in the error already is not told twice.
        let error = error.with("answer", "disk on fire");
        assert_eq!(ErrorChain(&error).to_string(), "cannot write (file: a.db, answer: disk on fire)");
    }
}
