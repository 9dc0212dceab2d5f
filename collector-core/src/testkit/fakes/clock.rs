//! A clock moved by hand.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};

/// A [`Clock`] that stands still until it is moved.
///
/// [`advance`](Self::advance) moves wall and monotonic time together and wakes who slept long enough;
/// [`set_wall`](Self::set_wall) steps the wall time alone, as a corrected system clock does. Timers of tokio know
/// nothing of it: pause tokio's time instead where code waits by those.
pub struct ManualClock {
    start: Instant,
    wall: Mutex<Timestamp>,
    passed: watch::Sender<Duration>,
    sleepers: watch::Sender<usize>,
}

impl ManualClock {
    /// A clock that says `wall`.
    pub fn starting_at(wall: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            wall: Mutex::new(wall),
            passed: watch::Sender::new(Duration::ZERO),
            sleepers: watch::Sender::new(0),
        })
    }

    /// Moves wall and monotonic time forward.
    pub fn advance(&self, time: Duration) {
        {
            let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
            *wall = *wall + time;
        }
        self.passed.send_modify(|passed| *passed += time);
    }

    /// Steps the wall time, forward or back; monotonic time and sleepers do not notice.
    pub fn set_wall(&self, wall: Timestamp) {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner) = wall;
    }

    /// How many are asleep.
    pub fn sleepers(&self) -> usize {
        *self.sleepers.borrow()
    }

    /// Waits until at least so many are asleep: then moving the clock reaches them all.
    pub async fn until_asleep(&self, count: usize) {
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.sleepers.subscribe().wait_for(|sleepers| *sleepers >= count).await);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).field("sleepers", &self.sleepers()).finish()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monotonic(&self) -> Instant {
        self.start + *self.passed.borrow()
    }

    async fn sleep(&self, time: Duration) {
        let mut passed = self.passed.subscribe();
        let end = *passed.borrow() + time;
        let _asleep = Asleep::new(&self.sleepers);
        drop(passed.wait_for(|passed| *passed >= end).await);
    }
}

/// Counts one sleeper, also when its sleep is given up.
struct Asleep<'a>(&'a watch::Sender<usize>);

impl<'a> Asleep<'a> {
    fn new(sleepers: &'a watch::Sender<usize>) -> Self {
        sleepers.send_modify(|count| *count += 1);
        Self(sleepers)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_their_time_has_come_and_not_before() {
        let clock = ManualClock::starting_at(Timestamp::from_secs(100));
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        clock.until_asleep(1).await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.sleepers(), 0);
        assert_eq!(clock.now(), Timestamp::from_secs(110));
    }

    #[tokio::test]
    async fn a_step_of_the_wall_time_is_no_passing_of_time() {
        let clock = ManualClock::starting_at(Timestamp::from_secs(100));
        let before = clock.monotonic();
        clock.set_wall(Timestamp::from_secs(5));
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp::from_secs(5), before));
    }

    #[tokio::test]
    async fn a_sleep_that_is_given_up_is_not_counted() {
        let clock = ManualClock::starting_at(Timestamp::from_secs(0));
        let sleep = clock.sleep(Duration::from_secs(1));
        tokio::select! {
            biased;
            () = sleep => panic!("nobody moved the clock"),
            () = clock.until_asleep(1) => {}
        }
        assert_eq!(clock.sleepers(), 0);
    }
}
