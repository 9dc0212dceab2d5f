//! Which node is asked next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a node that failed is left out at first; doubled with each failure up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// The state of some nodes: who is asked in turn, and who is left out for a while.
#[derive(Debug)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    next: usize,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Since the last answer.
    failures: u32,
    /// Nobody asks it before.
    out_until: Option<Instant>,
}

impl Turns {
    pub(super) fn new(nodes: usize) -> Self {
        Self(Mutex::new(State { next: 0, nodes: vec![Node::default(); nodes] }))
    }

    /// The nodes in the order they should be tried: the living in turn, then those that failed, the one that was
    /// left out the longest first. One whose pause is over is tried by one request, and meanwhile left out for others.
    pub(super) fn order(&self, now: Instant) -> Vec<usize> {
        let mut state = self.state();
        let count = state.nodes.len();
        let first = state.next % count.max(1);
        state.next = first + 1;
        let turn = (0..count).map(|at| (first + at) % count);
        let (mut living, mut out): (Vec<_>, Vec<_>) = turn.partition(|at| state.nodes[*at].is_living(now));
        out.sort_by_key(|at| state.nodes[*at].out_until);
        if let Some(probed) = living.first().and_then(|at| state.nodes.get_mut(*at))
            && probed.out_until.is_some()
        {
            probed.out_until = Some(now + probed.pause());
        }
        living.append(&mut out);
        living
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&self, at: usize) {
        self.set(at, |node| *node = Node::default());
    }

    /// It did not answer.
    pub(super) fn failed(&self, at: usize, now: Instant) {
        self.set(at, |node| {
            node.failures = node.failures.saturating_add(1);
            node.out_until = Some(now + node.pause());
        });
    }

    fn set(&self, at: usize, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.state().nodes.get_mut(at) {
            change(node);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    fn is_living(&self, now: Instant) -> bool {
        self.out_until.is_none_or(|until| until <= now)
    }

    fn pause(&self) -> Duration {
        let doubled = 1u32 << self.failures.saturating_sub(1).min(8);
        (FIRST_PAUSE * doubled).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_living_are_asked_in_turn() {
        let (turns, now) = (Turns::new(3), Instant::now());
        let first: Vec<_> = (0..4).map(|_| turns.order(now)[0]).collect();
        assert_eq!(first, [0, 1, 2, 0]);
        assert_eq!(turns.order(now), [1, 2, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_failed_is_asked_last_until_its_pause_is_over() {
        let (turns, now) = (Turns::new(2), Instant::now());
        turns.failed(0, now);
        for _ in 0..4 {
            assert_eq!(turns.order(now), [1, 0]);
        }
        // One request tries it; the others leave it out until it answered.
        let later = now + FIRST_PAUSE;
        let first: Vec<_> = (0..4).map(|_| turns.order(later)[0]).collect();
        assert_eq!(first.iter().filter(|at| **at == 0).count(), 1, "{first:?}");
        turns.answered(0);
        let first: Vec<_> = (0..4).map(|_| turns.order(later)[0]).collect();
        assert_eq!(first.iter().filter(|at| **at == 0).count(), 2, "{first:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_and_ends() {
        let (turns, now) = (Turns::new(2), Instant::now());
        (0..40).for_each(|_| turns.failed(0, now));
        let is_first = |at: Instant| (0..2).any(|_| turns.order(at)[0] == 0);
        assert!(!is_first(now + LONGEST_PAUSE - Duration::from_secs(1)));
        assert!(is_first(now + LONGEST_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_failed_the_one_that_waited_longest_goes_first() {
        let (turns, now) = (Turns::new(2), Instant::now());
        turns.failed(1, now);
        turns.failed(0, now + Duration::from_secs(1));
        assert_eq!(turns.order(now + Duration::from_secs(2)), [1, 0]);
    }
}
