//! The accounts: rate, errors, budget, breaker.

use collector_core::admission::BreakerState;
use collector_core::clock::Timestamp;
use collector_core::pipeline::{AccountVitals, Elsewhere, Seen};
use collector_core::task::Cost;
use serde::Serialize;

use super::{ParkedAccount, is_recent, kept_out};
use crate::report::{number, took};

/// A vendor account.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AccountStatus {
    /// Its name.
    pub account: String,
    /// What was spent in the present window, all replicas together; what others spent with the same credential is in it as
    /// far as there was room.
    pub spent: Cost,
    /// What others spent in that window with the same credential, as the vendor's own count shows: `window`, `units`, `at`.
    pub elsewhere: Option<Elsewhere>,
    /// Units that may be spent in a window.
    pub units: Option<u64>,
    /// Requests that may be sent in a window.
    pub requests: Option<u64>,
    /// When the next window begins.
    pub reset: Option<Timestamp>,
    /// Why and until when it is kept out, if it is.
    pub parked: Option<ParkedAccount>,
    /// How a worker last saw it: `in_flight`, `limit`, `per_second`, `breaker`, `calls` and `failed` a minute, `worker`, `at`.
    pub seen: Option<Seen<AccountVitals>>,
}

impl AccountStatus {
    /// An account as the store knows it, and as a worker last saw it. `limits` are those of the configuration.
    pub(crate) fn new(
        account: &str,
        (spent, elsewhere): (Cost, Option<Elsewhere>),
        limits: (Option<u64>, Option<u64>),
        parked: Option<ParkedAccount>,
        seen: Option<Seen<AccountVitals>>,
    ) -> Self {
        let vitals = seen.as_ref().map(|seen| &seen.seen);
        Self {
            account: account.to_owned(),
            spent,
            elsewhere,
            units: limits.0.or(vitals.and_then(|vitals| vitals.units)),
            requests: limits.1.or(vitals.and_then(|vitals| vitals.requests)),
            reset: vitals.and_then(|vitals| vitals.reset),
            parked,
            seen,
        }
    }

    /// One line for people.
    pub(super) fn line(&self, now: Timestamp) -> Vec<String> {
        let recent = self.seen.as_ref().filter(|seen| is_recent(seen.at, now));
        let rate = match recent.map(|seen| &seen.seen) {
            Some(seen) => {
                let told =
                    seen.per_second.map(|rate| format!(", {rate:.1} a second allowed")).unwrap_or_default();
                format!("{:.0} calls a minute, {:.0} failed{told}", seen.calls, seen.failed)
            }
            None => "no worker calls".to_owned(),
        };
        let breaker = match recent.map(|seen| seen.seen.breaker) {
            Some(BreakerState::Open) => "breaker open",
            Some(BreakerState::HalfOpen) => "breaker half open",
            Some(BreakerState::Closed) | None => "",
        };
        let parked = self.parked.as_ref();
        let parked = parked.map(|park| format!("parked {}", kept_out(park.parked.until, park.tries_at)));
        let state = parked.unwrap_or_else(|| breaker.to_owned());
        vec![self.account.clone(), self.budget(now), rate, state]
    }

    fn budget(&self, now: Timestamp) -> String {
        if self.units.is_none() && self.requests.is_none() && self.spent == Cost::default() {
            return "no limit, nothing is counted".to_owned();
        }
        let of = |spent: u64, limit: Option<u64>, what: &str| match limit {
            Some(limit) => format!("{} of {} {what}", number(spent), number(limit)),
            None => format!("{} {what}", number(spent)),
        };
        let mut text = of(self.spent.units, self.units, "units");
        if let Some(elsewhere) = &self.elsewhere {
            text.push_str(&format!(" (others spent {})", number(elsewhere.units)));
        }
        text.push_str(&format!(", {}", of(self.spent.requests, self.requests, "requests")));
        if let Some(reset) = self.reset.filter(|reset| *reset > now) {
            text.push_str(&format!(", anew in {}", took(reset.since(now))));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;
    use collector_core::store::Parked;

    use super::*;

    fn seen(at: i64) -> Seen<AccountVitals> {
        let json = serde_json::json!({
            "worker": "1-a", "at": Timestamp::from_secs(at), "account": "e", "in_flight": 3, "limit": 8,
            "per_second": 5.0, "breaker": "half_open", "calls": 61.6, "failed": 4.0, "units": 1_500, "requests": null,
            "reset": Timestamp::from_secs(7_260),
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_account_tells_budget_rate_errors_and_what_keeps_it() {
        let now = Timestamp::from_secs(60);
        let spent = Cost { units: 1_200, requests: 1_100 };
        let line = |parked, seen| {
            AccountStatus::new("e", (spent, None), (None, None), parked, seen).line(now).join("|")
        };
        assert_eq!(
            line(None, Some(seen(50))),
            "e|1,200 of 1,500 units, 1,100 requests, anew in 2 h 0 m|62 calls a minute, 4 failed, 5.0 a second allowed|breaker half open"
        );
        let parked = Parked {
            account: "e".into(),
            until: None,
            kind: ErrorKind::Unauthorized,
            reason: String::new(),
            since: now,
        };
        assert!(line(Some(parked.into()), Some(seen(50))).ends_with(
            "|parked until somebody acts, or one call that is tried 1970-01-01 06:01 UTC is answered"
        ));
        // What was said long ago tells nothing of now.
        assert_eq!(
            line(None, Some(seen(-100))),
            "e|1,200 of 1,500 units, 1,100 requests, anew in 2 h 0 m|no worker calls|"
        );
        assert_eq!(line(None, None), "e|1,200 units, 1,100 requests|no worker calls|");
        let others = serde_json::json!({ "window": now, "units": 1_050, "at": now });
        let others: Elsewhere = serde_json::from_value(others).unwrap();
        let status = AccountStatus::new("e", (spent, Some(others)), (Some(1_500), None), None, None);
        assert_eq!(
            status.line(now).join("|"),
            "e|1,200 of 1,500 units (others spent 1,050), 1,100 requests|no worker calls|"
        );
        assert_eq!(serde_json::json!(status)["elsewhere"]["units"], 1_050);
    }
}
