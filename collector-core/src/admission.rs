//! Who may call now: breaker, parking, hold, in-flight limit and rate, per account, asked before anything is claimed.
//!
//! Pure state machines over a time that is handed in; the pipeline asks and waits.

mod breaker;
mod pace;
mod pool;
mod retry_budget;
mod shared;
mod throttle;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use breaker::{Breaker, BreakerState};
pub use pace::Pace;
pub use retry_budget::RetryBudget;
pub use shared::{AHEAD, MOST, MemoryRate, Permits, Rate, SharedRate};

use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::store::Parked;
use pool::Pool;
use throttle::Throttle;

/// Malformed answers in a row after which a source is taken to have drifted from what we can read.
pub const DRIFT_AFTER: u32 = 20;

/// What an account may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Calls at once; the adaptive limit starts here and never exceeds it.
    pub in_flight: usize,
    /// Calls a second the vendor allows, if it tells.
    pub per_second: Option<f64>,
    /// Calls the vendor takes at once after a pause; a tenth of a second's worth when absent.
    pub burst: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: 8, per_second: None, burst: None }
    }
}

/// How a call went, as far as admission cares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// Answered.
    Answered,
    /// Answered, and nothing in it could be read.
    Unreadable,
    /// Refused as too fast, with the wait asked for.
    TooFast(Option<Duration>),
    /// No answer: 5xx, timeout, connection; with the wait asked for.
    Overloaded(Option<Duration>),
    /// Ended for reasons that say nothing about the vendor.
    Neutral,
}

/// The answer to "may I call?".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    /// Yes; the call is counted.
    Go,
    /// Not before that moment.
    Wait(Instant),
    /// Not before a running call ends.
    Full,
    /// Not before the account is let out.
    Parked,
}

/// Why an account is kept out.
#[derive(Debug, Clone, PartialEq)]
pub struct Park {
    /// Until when; `None` until a person acts.
    pub until: Option<Timestamp>,
    /// Why, as a kind.
    pub kind: ErrorKind,
    /// Why, in words.
    pub reason: String,
}

impl From<&Parked> for Park {
    fn from(parked: &Parked) -> Self {
        Self { until: parked.until, kind: parked.kind, reason: parked.reason.clone() }
    }
}

/// A wait that a host asked for; shared by all accounts on it.
#[derive(Debug, Clone, Default)]
pub struct HostHold(Arc<Mutex<Option<Instant>>>);

impl HostHold {
    /// Holds the host until `at`, or longer if it is held longer.
    pub fn until(&self, at: Instant) {
        let mut hold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *hold = Some(hold.map_or(at, |known| known.max(at)));
    }

    /// The end of the hold, if it lies after `now`.
    pub fn get(&self, now: Instant) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).filter(|at| *at > now)
    }
}

/// The state of one account.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    host: HostHold,
    breaker: Breaker,
    throttle: Throttle,
    park: Option<Park>,
    /// Let in for one call that has not been answered yet.
    trial: bool,
    /// That call was answered, and nobody has been told.
    passed: bool,
    limit: usize,
    running: usize,
    clean: usize,
    since_cut: usize,
    unreadable: u32,
}

impl Admission {
    /// An account that has not called yet.
    pub fn new(limits: Limits, host: HostHold) -> Self {
        let pace = match limits.per_second {
            Some(rate) => Pace::told(rate, limits.burst.map(f64::from)),
            None => Pace::untold(),
        };
        Self::throttled(limits, host, Throttle::Own(pace))
    }

    /// An account whose rate, if it was told, is kept together with other processes: somebody has to
    /// [ask](Self::permits_wanted) for permits.
    pub fn sharing(limits: Limits, host: HostHold) -> Self {
        match Rate::of(&limits) {
            Some(rate) => Self::throttled(limits, host, Throttle::Shared(Pool::new(rate))),
            None => Self::new(limits, host),
        }
    }

    fn throttled(limits: Limits, host: HostHold, throttle: Throttle) -> Self {
        let limit = limits.in_flight.max(1);
        // No cut was made yet, so the first one is due whenever it is deserved.
        Self {
            limits,
            host,
            breaker: Breaker::default(),
            throttle,
            park: None,
            trial: false,
            passed: false,
            limit,
            running: 0,
            clean: 0,
            since_cut: usize::MAX,
            unreadable: 0,
        }
    }

    /// What the account may do at most.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The rate in calls a second that is kept to at present, told or learned, if there is one.
    pub fn per_second(&self) -> Option<f64> {
        self.throttle.rate()
    }

    /// The present in-flight limit.
    pub fn limit(&self) -> usize {
        match self.breaker.state() {
            BreakerState::Closed => self.limit,
            BreakerState::Open | BreakerState::HalfOpen => 1,
        }
    }

    /// Calls running.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Why it is kept out, if it is.
    pub fn parked(&self) -> Option<&Park> {
        self.park.as_ref()
    }

    /// Keeps it out.
    pub fn park(&mut self, park: Park) {
        self.park = Some(park);
        (self.trial, self.passed) = (false, false);
    }

    /// Lets it in again; of an account that is not kept out it changes nothing.
    pub fn unpark(&mut self) {
        if self.park.take().is_some() {
            self.unreadable = 0;
        }
    }

    /// Lets it in again for one call, which shows whether more may follow.
    pub fn try_again(&mut self) {
        self.unpark();
        self.breaker = Breaker::half_open();
        (self.trial, self.passed) = (true, false);
    }

    /// Whether it was let in for one call that has not been answered yet.
    pub fn on_trial(&self) -> bool {
        self.trial
    }

    /// Tells, once, that the call for which it was let in was answered.
    pub fn take_passed(&mut self) -> bool {
        std::mem::take(&mut self.passed)
    }

    /// Lets it in if its time has come; tells whether it did.
    pub fn unpark_due(&mut self, now: Timestamp) -> bool {
        let due = self.park.as_ref().is_some_and(|park| park.until.is_some_and(|until| until <= now));
        if due {
            self.unpark();
        }
        due
    }

    /// The state of the breaker.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Since when the vendor has answered nothing, if so.
    pub fn silent_since(&self) -> Option<Instant> {
        self.breaker.silent_since()
    }

    /// Calls worth claiming tasks for, over and above those running: never more than can start within 2 s, so
    /// that nothing claimed waits long.
    pub fn room(&mut self, now: Instant) -> usize {
        if self.park.is_some() {
            return 0;
        }
        let soon = now + Duration::from_secs(2);
        let opens = [self.host.get(now), self.breaker.opens_at(now)];
        if opens.into_iter().flatten().any(|at| at > soon) || !self.throttle.opens_by(soon, now) {
            return 0;
        }
        if self.trial {
            return 1;
        }
        let limit = self.limit();
        match self.throttle.rate() {
            // One limit's worth ahead keeps calls starting while the next claim is made.
            None => limit * 2,
            Some(rate) => limit.min(2 + (rate * 2.0).min(1e6) as usize) * 2,
        }
    }

    /// Asks for a call; `Go` counts it as running.
    pub fn admit(&mut self, now: Instant) -> Gate {
        if self.park.is_some() {
            return Gate::Parked;
        }
        if let Some(at) = self.host.get(now) {
            return Gate::Wait(at);
        }
        if let Some(at) = self.breaker.opens_at(now) {
            return Gate::Wait(at);
        }
        if self.running >= self.limit() {
            return Gate::Full;
        }
        if let Err(at) = self.throttle.take(now) {
            return Gate::Wait(at);
        }
        self.breaker.started(now);
        self.running += 1;
        Gate::Go
    }

    /// How many permits to ask a shared rate for, when so many calls wait; `None` when it is not time to ask. Whoever
    /// is told a number asks, and then says what was [granted](Self::permits_granted) or that it
    /// [failed](Self::permits_failed).
    pub fn permits_wanted(&mut self, now: Instant, waiting: usize) -> Option<(Rate, usize)> {
        let held =
            self.park.is_some() || self.host.get(now).is_some() || self.breaker.opens_at(now).is_some();
        let free = if held { 0 } else { self.limit().saturating_sub(self.running) };
        let Throttle::Shared(pool) = &mut self.throttle else { return None };
        Some((pool.rate(), pool.want(now, waiting, free)?))
    }

    /// Takes the permits that were granted of the `asked` ones. `random`, from 0 to 1, keeps processes from asking in
    /// step. Tells whether the last attempt had failed.
    pub fn permits_granted(&mut self, now: Instant, asked: usize, permits: &Permits, random: f64) -> bool {
        match &mut self.throttle {
            Throttle::Own(_) => false,
            Throttle::Shared(pool) => pool.granted(now, asked, permits, random),
        }
    }

    /// Notes that the shared rate could not be asked: nothing starts until it can. Tells whether that is news.
    pub fn permits_failed(&mut self, now: Instant) -> bool {
        match &mut self.throttle {
            Throttle::Own(_) => false,
            Throttle::Shared(pool) => pool.failed(now),
        }
    }

    /// Notes that nobody waits for the answer any more.
    pub fn permits_forgotten(&mut self) {
        if let Throttle::Shared(pool) = &mut self.throttle {
            pool.forgotten();
        }
    }

    /// Says how a call ended. Returns `true` when the source is now taken to have drifted.
    pub fn finished(&mut self, now: Instant, signal: Signal) -> bool {
        self.running = self.running.saturating_sub(1);
        match signal {
            Signal::Neutral => self.breaker.neutral(now),
            Signal::Answered => {
                self.unreadable = 0;
                self.answered(now);
            }
            Signal::Unreadable => {
                self.answered(now);
                self.unreadable += 1;
                return self.unreadable >= DRIFT_AFTER;
            }
            Signal::TooFast(wait) => {
                self.breaker.neutral(now);
                // Only the first refusal of a crowd begins a new episode.
                if self.host.get(now).is_none() {
                    let hold = wait.unwrap_or(Duration::from_secs(1));
                    self.host.until(now + hold);
                    self.throttle.refused(now, hold);
                } else if let Some(wait) = wait {
                    self.host.until(now + wait);
                }
                self.cut();
            }
            Signal::Overloaded(wait) => {
                if let Some(wait) = wait {
                    self.host.until(now + wait);
                }
                self.breaker.failed(now);
                self.cut();
            }
        }
        false
    }

    fn answered(&mut self, now: Instant) {
        self.passed |= std::mem::take(&mut self.trial);
        self.breaker.answered();
        self.throttle.answered(now);
        self.since_cut = self.since_cut.saturating_add(1);
        self.clean += 1;
        if self.clean >= self.limit {
            self.clean = 0;
            self.limit = (self.limit + 1).min(self.limits.in_flight.max(1));
        }
    }

    /// Halves the limit, once per window: the calls that were running when it was cut say nothing new.
    fn cut(&mut self) {
        self.clean = 0;
        if self.since_cut >= self.limit {
            self.limit = (self.limit / 2).max(1);
            self.since_cut = 0;
        } else {
            self.since_cut += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(in_flight: usize) -> Admission {
        Admission::new(Limits { in_flight, ..Limits::default() }, HostHold::default())
    }

    fn fill(account: &mut Admission, now: Instant) -> usize {
        std::iter::repeat_with(|| account.admit(now)).take_while(|gate| *gate == Gate::Go).count()
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_the_limit_at_once() {
        let now = Instant::now();
        let mut account = account(4);
        assert_eq!(fill(&mut account, now), 4);
        assert_eq!(account.admit(now), Gate::Full);
        account.finished(now, Signal::Answered);
        assert_eq!(fill(&mut account, now), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_its_shared_rate_nothing_is_claimed_for_an_account() {
        let now = Instant::now();
        let limits = Limits { per_second: Some(100.0), ..Limits::default() };
        let mut account = Admission::sharing(limits, HostHold::default());
        assert!(account.room(now) > 0);
        let (_, asked) = account.permits_wanted(now, 5).unwrap();
        assert!(account.permits_failed(now));
        assert_eq!(account.room(now + Duration::from_secs(60)), 0);
        let permits = Permits { starts: vec![Duration::ZERO; asked], next: Duration::ZERO };
        account.permits_wanted(now + Duration::from_secs(60), 0).unwrap();
        assert!(account.permits_granted(now, asked, &permits, 0.5));
        assert!(account.room(now) > 0);
        assert_eq!(fill(&mut account, now), asked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_failures_halves_once_and_clean_windows_grow_by_one() {
        let now = Instant::now();
        let mut account = account(16);
        fill(&mut account, now);
        for _ in 0..8 {
            account.finished(now, Signal::Overloaded(None));
        }
        assert_eq!(account.limit, 8, "eight failures of one window cut once");
        for _ in 0..8 {
            account.finished(now, Signal::Answered);
        }
        assert_eq!(account.limit, 9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_holds_every_account_of_the_host_and_never_ends_early() {
        let now = Instant::now();
        let host = HostHold::default();
        let mut a = Admission::new(Limits::default(), host.clone());
        let mut b = Admission::new(Limits::default(), host);
        assert_eq!(a.admit(now), Gate::Go);
        a.finished(now, Signal::TooFast(Some(Duration::from_secs(7))));
        let end = now + Duration::from_secs(7);
        assert_eq!(b.admit(now), Gate::Wait(end));
        assert_eq!(b.admit(end - Duration::from_millis(1)), Gate::Wait(end));
        assert_eq!(b.admit(end), Gate::Go);
        assert_eq!(a.room(now), 0, "nothing is claimed for a wait of more than two seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn unreadable_answers_in_a_row_are_drift_and_a_readable_one_breaks_the_row() {
        let now = Instant::now();
        let mut account = account(100);
        for _ in 1..DRIFT_AFTER {
            assert!(!account.finished(now, Signal::Unreadable));
        }
        account.finished(now, Signal::Answered);
        for _ in 1..DRIFT_AFTER {
            assert!(!account.finished(now, Signal::Unreadable));
        }
        assert!(account.finished(now, Signal::Unreadable));
    }

    #[tokio::test(start_paused = true)]
    async fn letting_in_who_is_in_does_not_break_the_row() {
        let now = Instant::now();
        let mut account = account(100);
        for _ in 1..DRIFT_AFTER {
            assert!(!account.finished(now, Signal::Unreadable));
            account.unpark();
        }
        assert!(account.finished(now, Signal::Unreadable));
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_on_trial_makes_one_call_until_it_is_answered() {
        let now = Instant::now();
        let mut account = account(8);
        account.try_again();
        assert_eq!(fill(&mut account, now), 1);
        account.finished(now, Signal::Neutral);
        assert_eq!(fill(&mut account, now), 1, "a call that told nothing lets nobody in");
        account.finished(now, Signal::Answered);
        assert_eq!(fill(&mut account, now), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_parked_account_is_let_in_at_its_time() {
        let now = Instant::now();
        let mut account = account(1);
        let until = Timestamp::from_secs(100);
        account.park(Park { until: Some(until), kind: ErrorKind::QuotaExhausted, reason: "spent".into() });
        assert_eq!(account.admit(now), Gate::Parked);
        assert!(!account.unpark_due(Timestamp::from_secs(99)));
        assert!(account.unpark_due(until));
        assert_eq!(account.admit(now), Gate::Go);
    }
}
