//! Permits of a shared rate that are in hand, and when to ask for more.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::shared::{AHEAD, MOST, Permits, Rate};

/// How long a permit may be used after its moment; then it has waited so long that using it could be a burst.
const STALE: Duration = Duration::from_millis(100);
/// How long to wait for an answer before looking again whether there is one.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after a failure the service is asked again: so long that calls which wait for it are given back.
const DOWN: Duration = Duration::from_secs(3);

/// What an account has of a rate that it shares. Pure: time and chance are handed in.
#[derive(Debug)]
pub(super) struct Pool {
    rate: Rate,
    /// When calls may start.
    permits: VecDeque<Instant>,
    /// Whether an answer is awaited.
    asking: bool,
    /// When it may be asked again.
    ask_at: Option<Instant>,
    down: bool,
    /// Calls started in this stretch of [`AHEAD`] and in the last one: as many will start in the next.
    started: (usize, usize),
    stretch: Option<Instant>,
}

impl Pool {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            permits: VecDeque::new(),
            asking: false,
            ask_at: None,
            down: false,
            started: (0, 0),
            stretch: None,
        }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether the service could not be asked the last time.
    pub(super) fn is_down(&self) -> bool {
        self.down
    }

    /// Uses a permit.
    ///
    /// # Errors
    /// The moment to look again at the latest.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.drop_stale(now);
        match self.permits.front() {
            Some(start) if *start <= now => {
                self.permits.pop_front();
                self.count(now);
                Ok(())
            }
            Some(start) => Err(*start),
            None if self.asking => Err(now + PATIENCE),
            None => Err(self.ask_at.map_or(now, |at| at.max(now))),
        }
    }

    /// How many permits to ask for, for so many calls that wait and places that are free; `None` when it is not time
    /// to ask. Whoever is told a number asks and says what came of it.
    pub(super) fn want(&mut self, now: Instant, waiting: usize, free: usize) -> Option<usize> {
        if self.asking || self.ask_at.is_some_and(|at| at > now) {
            return None;
        }
        self.drop_stale(now);
        self.turn(now);
        let soon = (self.rate.per_second() * AHEAD.as_secs_f64()) as usize + 1;
        // Places that become free meanwhile want permits too: about as many as did lately.
        let usable = if free == 0 { 0 } else { free + self.started.0.max(self.started.1) };
        let wanted = waiting.min(usable).min(soon).min(MOST);
        let probe = usize::from(self.down);
        // Not for every single call: half of what is wanted may be used up first.
        if wanted.max(probe) <= self.permits.len() * 2 {
            return None;
        }
        self.asking = true;
        Some(wanted.saturating_sub(self.permits.len()).max(1))
    }

    /// So many were asked for and this was granted. `random`, from 0 to 1, keeps processes from asking in step, which
    /// would leave nothing for all but the first. Tells whether the service was down.
    pub(super) fn granted(&mut self, now: Instant, asked: usize, permits: &Permits, random: f64) -> bool {
        self.asking = false;
        self.permits.extend(permits.starts.iter().map(|start| now + *start));
        let all = permits.starts.len() >= asked;
        let pause = (AHEAD / 4).mul_f64(1.0 + 2.0 * random.clamp(0.0, 1.0));
        self.ask_at = (!all).then(|| now + pause.max(permits.next.saturating_sub(AHEAD)));
        std::mem::take(&mut self.down)
    }

    /// It could not be asked. Tells whether that is news.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.asking = false;
        self.ask_at = Some(now + DOWN);
        !std::mem::replace(&mut self.down, true)
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forgotten(&mut self) {
        self.asking = false;
    }

    /// The vendor refused a call as too fast: what is in hand was granted for another rate than it has.
    pub(super) fn refused(&mut self) {
        self.permits.clear();
    }

    fn drop_stale(&mut self, now: Instant) {
        while self.permits.front().is_some_and(|start| *start + STALE < now) {
            self.permits.pop_front();
        }
    }

    fn count(&mut self, now: Instant) {
        self.turn(now);
        self.started.0 += 1;
    }

    /// Begins a new stretch when the present one is over.
    fn turn(&mut self, now: Instant) {
        let over = now.saturating_duration_since(*self.stretch.get_or_insert(now));
        if over >= AHEAD {
            self.started = (0, if over < 2 * AHEAD { self.started.0 } else { 0 });
            self.stretch = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn permits(starts: &[u64], next: u64) -> Permits {
        let millis = |at: &u64| Duration::from_millis(*at);
        Permits { starts: starts.iter().map(millis).collect(), next: millis(&next) }
    }

    fn pool() -> Pool {
        Pool::new(Rate::new(100.0, 10.0))
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_is_used_at_its_moment_and_not_long_after() {
        let (mut pool, now) = (pool(), Instant::now());
        assert_eq!(pool.take(now), Err(now), "it is time to ask");
        assert_eq!(pool.want(now, 9, 9), Some(6));
        assert_eq!(pool.want(now, 9, 9), None, "an answer is awaited");
        assert_eq!(pool.take(now), Err(now + PATIENCE));
        pool.granted(now, 6, &permits(&[0, 10, 20], 30), 0.5);
        assert_eq!(pool.take(now), Ok(()));
        assert_eq!(pool.take(now), Err(now + 10 * MS));
        assert_eq!(pool.take(now + 10 * MS), Ok(()));
        assert_eq!(pool.take(now + 20 * MS + STALE + MS), Err(now + 121 * MS), "it was kept too long");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_that_could_not_be_used() {
        let (mut pool, now) = (pool(), Instant::now());
        assert_eq!(pool.want(now, 0, 9), None);
        assert_eq!(pool.want(now, 9, 0), None);
        assert_eq!(pool.want(now, 9, 2), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_serves_several_calls() {
        let (mut pool, mut now) = (Pool::new(Rate::new(400.0, 40.0)), Instant::now());
        let (mut asked, mut calls) = (0, 0);
        // Eight places, a call of 20 ms each: 400 calls a second, and always somebody waiting.
        while calls < 400 {
            if let Some(most) = pool.want(now, 50, 1) {
                asked += 1;
                let starts = vec![0; most];
                pool.granted(now, most, &permits(&starts, 60), 0.5);
            }
            calls += usize::from(pool.take(now).is_ok());
            now += Duration::from_micros(2_500);
        }
        assert!(asked <= calls / 5, "{asked} requests for {calls} calls");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_got_less_waits_before_asking_again() {
        let (mut pool, now) = (pool(), Instant::now());
        assert_eq!(pool.want(now, 9, 9), Some(6));
        pool.granted(now, 6, &permits(&[], 90), 0.0);
        assert_eq!(pool.take(now), Err(now + 40 * MS), "before that nothing can be had");
        assert_eq!(pool.want(now + 39 * MS, 9, 9), None);
        assert_eq!(pool.want(now + 40 * MS, 9, 9), Some(6));
        pool.granted(now, 6, &permits(&[0], 51), 0.0);
        assert!(pool.ask_at.unwrap() >= now + AHEAD / 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_down_is_news_once_and_probed_without_demand() {
        let (mut pool, now) = (pool(), Instant::now());
        assert_eq!(pool.want(now, 9, 9), Some(6));
        assert!(pool.failed(now));
        assert!(pool.is_down());
        assert_eq!(pool.take(now), Err(now + DOWN));
        assert_eq!(pool.want(now + DOWN, 0, 0), Some(1));
        assert!(!pool.failed(now + DOWN));
        assert_eq!(pool.want(now + 2 * DOWN, 0, 0), Some(1));
        assert!(pool.granted(now + 2 * DOWN, 1, &permits(&[0], 0), 0.5));
        assert!(!pool.is_down());
    }
}
