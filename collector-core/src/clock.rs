//! Wall and monotonic time, injectable: nothing in this workspace asks the operating system directly.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment of wall time: milliseconds since 1970-01-01T00:00:00Z. Written and read as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment `secs` seconds after the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Days since the epoch, in UTC.
    pub const fn day(self) -> i32 {
        self.0.div_euclid(86_400_000) as i32
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => fmt::Display::fmt(&stamp, f),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What lies outside the calendar is written as a number: see `Display`.
        if let Some(millis) = text.strip_suffix("ms").and_then(|millis| millis.parse().ok()) {
            return Ok(Self(millis));
        }
        text.parse::<jiff::Timestamp>().map(|stamp| Self(stamp.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The wall time.
    fn now(&self) -> Timestamp;
    /// Time that never steps, for durations and lease ends.
    fn monotonic(&self) -> tokio::time::Instant;
    /// Waits.
    async fn sleep(&self, time: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// A clock whose wall time follows tokio's, so that paused tests move both together.
#[derive(Debug, Clone)]
pub struct TokioClock {
    start: tokio::time::Instant,
    wall: Timestamp,
}

impl TokioClock {
    /// A clock that says `wall` now. Must be called inside a runtime.
    pub fn starting_at(wall: Timestamp) -> Arc<Self> {
        Arc::new(Self { start: tokio::time::Instant::now(), wall })
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.wall + self.start.elapsed()
    }

    fn monotonic(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_what_it_writes() {
        let stamp = Timestamp::from_millis(1_795_000_000_123);
        let text = serde_json::to_string(&stamp).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), stamp);
        assert!(text.ends_with("Z\""), "{text}");
    }

    #[test]
    fn a_timestamp_outside_the_calendar_reads_what_it_writes() {
        let edge = jiff::Timestamp::MIN.as_millisecond();
        for stamp in [i64::MIN, edge - 1, edge, i64::MAX].map(Timestamp::from_millis) {
            let text = serde_json::to_string(&stamp).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), stamp);
        }
    }

    #[test]
    fn a_time_before_the_epoch_belongs_to_the_day_before() {
        assert_eq!(Timestamp::from_millis(-1).day(), -1);
        assert_eq!(Timestamp::from_millis(0).day(), 0);
    }
}
