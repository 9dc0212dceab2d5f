//! Rates that several processes keep together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Limits;
use crate::clock::{Clock, SystemClock};
use crate::error::Result;

/// How far ahead permits are handed out: few enough that a process which stops wastes nothing worth speaking of, enough
/// that one request serves many calls.
pub const AHEAD: Duration = Duration::from_millis(50);

/// The most permits in one answer.
pub const MOST: usize = 1_000;

/// A rate that was told: a bucket of `burst` calls that earns `per_second`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// A rate above zero and a bucket of at least one call; what is out of range is brought into it.
    pub fn new(per_second: f64, burst: f64) -> Self {
        let per_second = if per_second.is_finite() { per_second.clamp(1e-6, 1e6) } else { 1e6 };
        Self { per_second, burst: if burst.is_finite() { burst.clamp(1.0, 1e6) } else { 1.0 } }
    }

    /// The rate that limits tell, if they do. The bucket holds a tenth of a second's worth when its size is not told,
    /// else a little less than it: calls bunch up on their way.
    pub fn of(limits: &Limits) -> Option<Self> {
        let rate = limits.per_second?;
        Some(Self::new(rate, limits.burst.map_or(rate / 10.0, |burst| f64::from(burst) * 0.95)))
    }

    /// Calls a second.
    pub fn per_second(self) -> f64 {
        self.per_second
    }

    /// Calls at once after a pause.
    pub fn burst(self) -> f64 {
        self.burst
    }
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permits {
    /// When each call may start, counted from the answer: ascending, none later than [`AHEAD`].
    pub starts: Vec<Duration>,
    /// When the first call that was not granted could start. Asking more than [`AHEAD`] before that brings nothing.
    pub next: Duration,
}

/// Hands out the calls that processes may make together.
///
/// # Contract
/// 1. Of one name, in any stretch of time, no more calls start than `per_second` × stretch + `burst`, whoever asks.
/// 2. At most as many are granted as were asked for and [`MOST`], and at least one if it may start within [`AHEAD`].
/// 3. What was granted is gone, used or not.
/// 4. An outage is an `Err`: then nothing is known and nothing may be started.
#[async_trait]
pub trait SharedRate: Send + Sync + 'static {
    /// Asks for up to `most` calls under this name.
    ///
    /// # Errors
    /// `Unavailable` when the service cannot be asked.
    async fn ask(&self, name: &str, rate: Rate, most: usize) -> Result<Permits>;
}

/// A bucket by elapsed time. Pure: time is handed in.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it will be full again, in seconds since an origin; in the past for a full one.
    full_at: f64,
}

impl Bucket {
    /// One with a single call in it: whoever had it before may just have emptied it.
    fn scarce(now: f64, rate: Rate) -> Self {
        Self { full_at: now + slack(rate) }
    }

    fn take(&mut self, now: f64, rate: Rate, most: usize) -> Permits {
        let (spacing, ahead) = (1.0 / rate.per_second, AHEAD.as_secs_f64());
        // No honest history leads further into the future: the rate was told otherwise meanwhile.
        self.full_at = self.full_at.min(now + ahead + slack(rate) + spacing);
        let mut permits = Permits::default();
        loop {
            let start = now.max(self.full_at - slack(rate));
            let wait = Duration::from_secs_f64(start - now);
            if start > now + ahead || permits.starts.len() == most.min(MOST) {
                permits.next = wait;
                return permits;
            }
            permits.starts.push(wait);
            self.full_at = self.full_at.max(start) + spacing;
        }
    }
}

/// How long before it is full a bucket has a call in it.
fn slack(rate: Rate) -> f64 {
    (rate.burst - 1.0) / rate.per_second
}

/// A [`SharedRate`] for the pipelines of one process, and for tests. Clones share their buckets.
#[derive(Clone)]
pub struct MemoryRate {
    clock: Arc<dyn Clock>,
    origin: Instant,
    buckets: Arc<Mutex<HashMap<String, Bucket>>>,
}

impl MemoryRate {
    /// Buckets that earn by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { origin: clock.monotonic(), clock, buckets: Arc::default() }
    }
}

impl Default for MemoryRate {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl fmt::Debug for MemoryRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRate").finish_non_exhaustive()
    }
}

#[async_trait]
impl SharedRate for MemoryRate {
    async fn ask(&self, name: &str, rate: Rate, most: usize) -> Result<Permits> {
        let now = self.clock.monotonic().saturating_duration_since(self.origin).as_secs_f64();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(name.to_owned()).or_insert_with(|| Bucket::scarce(now, rate));
        Ok(bucket.take(now, rate, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for all there is every `step` seconds for `seconds`; gives when calls may start.
    fn drain(rate: Rate, step: f64, seconds: f64) -> Vec<f64> {
        let mut bucket = Bucket::scarce(0.0, rate);
        let mut starts = Vec::new();
        for n in 0..(seconds / step) as u32 {
            let now = f64::from(n) * step;
            let granted = bucket.take(now, rate, MOST).starts;
            starts.extend(granted.iter().map(|wait| now + wait.as_secs_f64()));
        }
        starts
    }

    fn assert_within(starts: &[f64], rate: Rate) {
        for (i, from) in starts.iter().enumerate() {
            for (n, to) in starts.iter().enumerate().skip(i) {
                let allowed = (to - from) * rate.per_second + rate.burst;
                assert!((n - i + 1) as f64 <= allowed + 1e-3, "{} calls in {} s", n - i + 1, to - from);
            }
        }
    }

    #[test]
    fn no_stretch_has_more_than_the_rate_and_a_bucket_and_nothing_is_wasted() {
        for (per_second, burst) in [(300.0, 30.0), (300.0, 1.0), (7.0, 20.0), (0.5, 1.0)] {
            let rate = Rate::new(per_second, burst);
            for step in [0.001, 0.024, 0.05] {
                let starts = drain(rate, step, 4.0);
                assert_within(&starts, rate);
                assert!(starts.len() as f64 >= 3.9 * per_second, "{} of {rate:?}", starts.len());
            }
        }
    }

    #[test]
    fn after_a_pause_the_bucket_is_full_and_not_fuller() {
        let rate = Rate::new(100.0, 10.0);
        let mut bucket = Bucket::scarce(0.0, rate);
        let at_once = |permits: &Permits| permits.starts.iter().filter(|start| start.is_zero()).count();
        assert_eq!(at_once(&bucket.take(0.0, rate, MOST)), 1, "a bucket nobody knew is as good as empty");
        let permits = bucket.take(60.0, rate, MOST);
        assert_eq!(at_once(&permits), 10);
        assert!(permits.starts.is_sorted() && permits.starts.iter().all(|start| *start <= AHEAD));
        assert!(permits.next > AHEAD && permits.next < AHEAD * 2, "{permits:?}");
    }

    #[test]
    fn no_more_is_granted_than_was_asked_for() {
        let rate = Rate::new(1e6, 1e6);
        let mut bucket = Bucket::scarce(0.0, rate);
        assert_eq!(bucket.take(9.0, rate, 3).starts.len(), 3);
        assert_eq!(bucket.take(9.0, rate, usize::MAX).starts.len(), MOST);
        assert_eq!(bucket.take(9.0, rate, 0), Permits::default());
    }

    #[test]
    fn a_rate_told_anew_counts_at_once() {
        let (slow, fast) = (Rate::new(0.001, 1_000.0), Rate::new(100.0, 1.0));
        let mut bucket = Bucket::scarce(0.0, slow);
        assert_eq!(bucket.take(0.0, slow, MOST).starts.len(), 1);
        let permits = bucket.take(0.001, fast, MOST);
        assert!(permits.next <= Duration::from_millis(70), "{permits:?}");
    }

    #[test]
    fn limits_tell_a_rate_or_none() {
        assert_eq!(Rate::of(&Limits::default()), None);
        let told = |burst| Rate::of(&Limits { per_second: Some(300.0), burst, ..Limits::default() }).unwrap();
        assert_eq!((told(None).burst(), told(Some(100)).burst()), (30.0, 95.0));
        assert_eq!(Rate::new(f64::NAN, f64::NAN), Rate::new(1e6, 1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_a_bucket_and_names_do_not() {
        let rates = [MemoryRate::default(); 1];
        let (a, b) = (rates[0].clone(), rates[0].clone());
        let rate = Rate::new(20.0, 1.0);
        assert_eq!(a.ask("x", rate, 9).await.unwrap().starts.len(), 2);
        assert_eq!(b.ask("x", rate, 9).await.unwrap().starts.len(), 0);
        assert_eq!(b.ask("y", rate, 9).await.unwrap().starts.len(), 2);
    }
}
