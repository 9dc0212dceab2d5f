//! A circuit breaker with a half-open state.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row, without an answer between them, that open the breaker.
const OPEN_AFTER: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing.
    Open,
    /// One call, to see.
    HalfOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in metrics and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Stops calling a vendor that does not answer, and finds out with single calls when it does again.
///
/// The pause doubles from 2 s to 5 min. Only failures in a row count: a vendor that answers half of the calls is
/// slow, not down, and the in-flight limit sees to that.
#[derive(Debug)]
pub struct Breaker {
    state: BreakerState,
    failures: u32,
    pause: Duration,
    opens_at: Option<Instant>,
    silent_since: Option<Instant>,
    probing: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            failures: 0,
            pause: FIRST_PAUSE,
            opens_at: None,
            silent_since: None,
            probing: false,
        }
    }
}

impl Breaker {
    /// A breaker that lets one call through, to see.
    pub fn half_open() -> Self {
        Self { state: BreakerState::HalfOpen, ..Self::default() }
    }

    /// The state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Since when it has not been closed: the vendor has answered nothing in that time.
    pub fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// The moment before which nothing may start, if there is one after `now`.
    pub fn opens_at(&mut self, now: Instant) -> Option<Instant> {
        match self.state {
            BreakerState::Closed => None,
            BreakerState::Open => match self.opens_at.filter(|at| *at > now) {
                Some(at) => Some(at),
                None => {
                    self.state = BreakerState::HalfOpen;
                    None
                }
            },
            // The probe's own end decides; a look once a pause is the net for a probe that never ends.
            BreakerState::HalfOpen => self.probing.then(|| now + FIRST_PAUSE),
        }
    }

    /// A call begins.
    pub fn started(&mut self, _now: Instant) {
        self.probing = self.state == BreakerState::HalfOpen;
    }

    /// A call was answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call ended without telling anything about the vendor.
    pub fn neutral(&mut self, _now: Instant) {
        self.probing = false;
    }

    /// A call was not answered.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let open = match self.state {
            BreakerState::Closed => self.failures >= OPEN_AFTER,
            BreakerState::HalfOpen => {
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                true
            }
            // Calls that were running when it opened.
            BreakerState::Open => false,
        };
        if open {
            self.state = BreakerState::Open;
            self.opens_at = Some(now + self.pause);
            self.silent_since.get_or_insert(now);
        }
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..OPEN_AFTER).for_each(|_| breaker.failed(now));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_only() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(now);
            breaker.answered();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(opened(now).state(), BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn lets_one_call_through_after_the_pause_and_doubles_it_when_that_fails() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.opens_at(now), Some(now + FIRST_PAUSE));
        let then = now + FIRST_PAUSE;
        assert_eq!(breaker.opens_at(then), None);
        breaker.started(then);
        assert!(breaker.opens_at(then).is_some(), "a second call beside the probe");
        breaker.failed(then);
        assert_eq!(breaker.opens_at(then), Some(then + FIRST_PAUSE * 2));
        assert_eq!(breaker.silent_since(), Some(now), "a probe that fails begins no new silence");
        let later = then + FIRST_PAUSE * 2;
        assert_eq!(breaker.opens_at(later), None);
        breaker.started(later);
        breaker.answered();
        assert_eq!((breaker.state(), breaker.silent_since()), (BreakerState::Closed, None));
    }
}
