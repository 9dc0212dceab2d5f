//! How fast an account may call: told by the configuration, or learned from refusals.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Waits shorter than a timer's grain are not worth sleeping for: tokens accumulate instead.
const GRAIN: Duration = Duration::from_millis(1);
/// While searching, the rate grows by this factor per step without a refusal.
const SEARCH_FACTOR: f64 = 1.4;
const SEARCH_STEP: Duration = Duration::from_millis(200);
/// Once found, it grows by this much per step, to notice a limit that was raised.
const CREEP_FACTOR: f64 = 1.005;
const CREEP_STEP: Duration = Duration::from_secs(1);
/// The slowest rate that is tried: below it, waiting for a token would teach nothing.
const SLOWEST: f64 = 1.0;
/// Steps remembered to estimate a rate from.
const STEPS: usize = 64;

/// A token bucket whose rate is told or learned.
///
/// Tokens are handed out by elapsed time, not one sleep per token: timers have millisecond grain and a limiter
/// that sleeps per token loses a fifth at 300 calls a second.
///
/// Learning: the vendor is taken to keep a token bucket. The first refusal shows how many calls its full bucket
/// takes; until the next one the rate is searched upwards from what is certain. What was accepted in any stretch of
/// time, less a full bucket, is a lower bound of what the bucket earns; at the second refusal the best of these
/// bounds is the rate. From then on it creeps.
#[derive(Debug)]
pub struct Pace {
    rate: Option<f64>,
    burst: f64,
    tokens: f64,
    at: Option<Instant>,
    told: bool,
    searching: bool,
    step_from: Option<Instant>,
    accepted: f64,
    since: Option<Instant>,
    /// When each step since the last refusal began, and what had been accepted by then.
    steps: VecDeque<(Instant, f64)>,
}

impl Pace {
    /// A rate that is known. `burst` is a tenth of a second's worth when absent.
    pub fn told(rate: f64, burst: Option<f64>) -> Self {
        let rate = if rate.is_finite() { rate.max(1e-6) } else { f64::MAX };
        // Calls bunch up on their way; a little less than the vendor's own bucket absorbs that.
        let burst = burst.map_or(rate / 10.0, |burst| burst * 0.95).max(1.0);
        Self { rate: Some(rate), burst, tokens: burst, told: true, ..Self::untold() }
    }

    /// No limit until the vendor refuses a call.
    pub fn untold() -> Self {
        Self {
            rate: None,
            burst: 1.0,
            tokens: 0.0,
            at: None,
            told: false,
            searching: false,
            step_from: None,
            accepted: 0.0,
            since: None,
            steps: VecDeque::new(),
        }
    }

    /// The present rate in calls a second, if there is one.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    fn refill(&mut self, now: Instant) {
        let Some(rate) = self.rate else { return };
        if let Some(at) = self.at {
            let earned = now.saturating_duration_since(at).as_secs_f64() * rate;
            self.tokens = (self.tokens + earned).min(self.burst);
        }
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    /// When the next token will be there; `now` if there is one.
    pub fn next(&mut self, now: Instant) -> Instant {
        self.refill(now);
        match self.rate {
            Some(rate) if self.tokens < 1.0 => {
                let missing = (1.0 - self.tokens) / rate;
                now + Duration::from_secs_f64(missing.min(86_400.0)).max(GRAIN)
            }
            _ => now,
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// The moment at which there will be one.
    pub fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.grow(now);
        let at = self.next(now);
        if at > now {
            return Err(at);
        }
        self.tokens -= 1.0;
        Ok(())
    }

    fn grow(&mut self, now: Instant) {
        let (Some(rate), false) = (self.rate, self.told) else { return };
        let (step, factor) =
            if self.searching { (SEARCH_STEP, SEARCH_FACTOR) } else { (CREEP_STEP, CREEP_FACTOR) };
        let from = *self.step_from.get_or_insert(now);
        let steps = (now.saturating_duration_since(from).as_secs_f64() / step.as_secs_f64()).floor();
        if steps >= 1.0 {
            self.rate = Some(rate * factor.powf(steps.min(100.0)));
            self.step_from = Some(now);
            if self.steps.len() == STEPS {
                self.steps.pop_front();
            }
            self.steps.push_back((now, self.accepted));
        }
    }

    /// A call was accepted.
    pub fn answered(&mut self, now: Instant) {
        if self.searching && self.since.is_some_and(|resume| now < resume) {
            // It was sent before the refusal and took longer: the bucket held one more.
            self.burst += 1.0;
            self.tokens += 0.9;
            return;
        }
        self.since.get_or_insert(now);
        self.accepted += 1.0;
    }

    /// A call was refused and nothing is sent for `hold`.
    pub fn refused(&mut self, now: Instant, hold: Duration) {
        if self.told {
            // The vendor knows better than the configuration for the moment: begin again with an empty bucket.
            self.tokens = 0.0;
            self.at = Some(now + hold);
            return;
        }
        let certain = self.earned_since(self.since.unwrap_or(now), 0.0, now + hold);
        let rate = match self.rate {
            None => {
                (self.burst, self.searching) = (self.accepted.max(1.0), true);
                certain
            }
            Some(rate) => {
                self.searching = false;
                let stretches = self
                    .steps
                    .iter()
                    .map(|(from, before)| self.earned_since(*from, before + self.burst, now));
                stretches.fold(certain, f64::max).min(rate)
            }
        };
        let rate = rate.max(SLOWEST);
        self.rate = Some(rate);
        // The vendor's bucket fills up while nothing is sent.
        self.tokens = self.burst.min(rate * hold.as_secs_f64()) * 0.9;
        self.steps.clear();
        let resume = now + hold;
        (self.at, self.since, self.step_from) = (Some(resume), Some(resume), Some(resume));
        self.accepted = 0.0;
    }

    /// Calls a second accepted from `from` to `to`, less `before` of the count.
    fn earned_since(&self, from: Instant, before: f64, to: Instant) -> f64 {
        let seconds = to.saturating_duration_since(from).as_secs_f64();
        (self.accepted - before).max(0.0) / seconds.max(0.05)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's bucket.
    struct Vendor {
        rate: f64,
        burst: f64,
        tokens: f64,
        at: Instant,
    }

    impl Vendor {
        fn accepts(&mut self, now: Instant) -> bool {
            let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
            self.tokens = (self.tokens + earned).min(self.burst);
            self.at = now;
            let accepted = self.tokens >= 1.0;
            self.tokens -= f64::from(u8::from(accepted));
            accepted
        }
    }

    /// Sends `calls` calls as fast as the pace allows, at most `most` a second; gives seconds and refusals.
    fn drive(pace: &mut Pace, vendor: &mut Vendor, calls: usize, most: f64) -> (f64, usize) {
        let start = vendor.at;
        let (mut now, mut done, mut refused) = (start, 0, 0);
        while done < calls {
            match pace.take(now) {
                Err(at) => now = at,
                Ok(()) if vendor.accepts(now) => {
                    pace.answered(now);
                    done += 1;
                    now += Duration::from_secs_f64(1.0 / most);
                }
                Ok(()) => {
                    refused += 1;
                    pace.refused(now, Duration::from_secs(1));
                    now += Duration::from_secs(1);
                }
            }
        }
        (now.saturating_duration_since(start).as_secs_f64(), refused)
    }

    #[tokio::test(start_paused = true)]
    async fn a_told_rate_is_reached_and_never_exceeded() {
        let mut vendor = Vendor { rate: 300.0, burst: 30.0, tokens: 30.0, at: Instant::now() };
        let (seconds, refused) = drive(&mut Pace::told(300.0, None), &mut vendor, 3_000, 1e5);
        assert_eq!(refused, 0);
        assert!(seconds < 9.9 * 1.02, "{seconds} s for 9.9 s of tokens");
    }

    #[tokio::test(start_paused = true)]
    async fn an_untold_rate_is_found_with_few_refusals() {
        for (burst, most_slower) in [(300.0, 1.15), (100.0, 1.25), (30.0, 1.35)] {
            let mut vendor = Vendor { rate: 300.0, burst, tokens: burst, at: Instant::now() };
            let (seconds, refused) = drive(&mut Pace::untold(), &mut vendor, 3_000, 3_000.0);
            let bound = (3_000.0 - burst) / 300.0;
            assert!(refused <= 5, "{refused} refusals with a burst of {burst}");
            assert!(seconds <= bound * most_slower, "{seconds:.1} s, bound {bound:.1} s, burst {burst}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_refusals_nothing_is_limited() {
        let mut vendor = Vendor { rate: 1e9, burst: 1e9, tokens: 1e9, at: Instant::now() };
        let (_, refused) = drive(&mut Pace::untold(), &mut vendor, 1_000, 1e6);
        assert_eq!(refused, 0);
    }
}
