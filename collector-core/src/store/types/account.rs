//! Accounts: what they may spend, and why they are kept out.

use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::id::Name;
use crate::task::Cost;

/// A limit of an account for a window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// The account.
    pub account: Name,
    /// Units a window, if limited.
    pub units: Option<u64>,
    /// Requests a window, if limited.
    pub requests: Option<u64>,
    /// The window's length; windows are counted from `offset` after the epoch.
    pub window: Duration,
    /// The time of day (for a window of a day) at which the vendor resets.
    pub offset: Duration,
}

impl Budget {
    /// The window that `now` lies in: its first moment.
    pub fn window_at(&self, now: Timestamp) -> Timestamp {
        let length = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX).max(1);
        let offset = i64::try_from(self.offset.as_millis()).unwrap_or(0);
        let into = (now.as_millis() - offset).rem_euclid(length);
        Timestamp::from_millis(now.as_millis() - into)
    }

    /// The first moment of the window after the one `now` lies in.
    pub fn reset_after(&self, now: Timestamp) -> Timestamp {
        self.window_at(now) + self.window
    }

    /// How many calls of `cost` fit after `spent`.
    pub fn fits(&self, spent: Cost, cost: Cost) -> u64 {
        let units = match (self.units, cost.units) {
            (Some(limit), per) if per > 0 => limit.saturating_sub(spent.units) / per,
            _ => u64::MAX,
        };
        let requests = match (self.requests, cost.requests) {
            (Some(limit), per) if per > 0 => limit.saturating_sub(spent.requests) / per,
            _ => u64::MAX,
        };
        units.min(requests)
    }
}

/// The answer to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Booked in the window that begins at this time.
    Granted {
        /// The window's first moment.
        window: Timestamp,
    },
    /// It does not fit; the window ends at this time.
    Until(Timestamp),
}

/// An account that is kept out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parked {
    /// The account.
    pub account: Name,
    /// Until when; `None` until somebody lets it in.
    pub until: Option<Timestamp>,
    /// Why, as a kind.
    pub kind: ErrorKind,
    /// Why, in words.
    pub reason: String,
    /// Since when; since the last time it was tried, if it was.
    pub since: Timestamp,
}

impl Parked {
    /// How long an account that waits for a person stays out before it is tried with one call: vendors whose reset nobody
    /// knows may have had it by then.
    pub const TRY_AFTER: Duration = Duration::from_secs(6 * 3_600);

    /// When an account whose reset is not known is tried with one call. `None` for one that knows its time, and for a
    /// format that has changed: that does not come back by waiting.
    pub fn tries_at(&self) -> Option<Timestamp> {
        let waits = self.until.is_none() && self.kind != ErrorKind::Malformed;
        waits.then(|| self.since + Self::TRY_AFTER)
    }
}
