//! Bounds retries to a share of all calls.

use std::time::Duration;

use tokio::time::Instant;

/// Retries earned per answered call.
const SHARE: f64 = 0.1;
/// Retries earned per second, so that a small run can retry at all.
const TRICKLE: f64 = 1.0;
/// The most that can be saved up.
const MOST: f64 = 50.0;

/// A budget of retries: a tenth of the answered calls and one a second.
///
/// A retry that is not covered is not refused but postponed until it is: the debt is paid off in order.
#[derive(Debug)]
pub struct RetryBudget {
    balance: f64,
    at: Option<Instant>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { balance: MOST, at: None }
    }
}

impl RetryBudget {
    fn trickle(&mut self, now: Instant) {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.balance = (self.balance + passed.as_secs_f64() * TRICKLE).min(MOST);
        self.at = Some(now);
    }

    /// Earns for an answered call.
    pub fn answered(&mut self, now: Instant) {
        self.trickle(now);
        self.balance = (self.balance + SHARE).min(MOST);
    }

    /// Spends one retry; gives how long it has to wait until it is covered.
    pub fn spend(&mut self, now: Instant) -> Duration {
        self.trickle(now);
        self.balance -= 1.0;
        Duration::from_secs_f64((-self.balance / TRICKLE).clamp(0.0, 3600.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_beyond_the_budget_wait_for_their_turn() {
        let now = Instant::now();
        let mut budget = RetryBudget::default();
        for _ in 0..MOST as usize {
            assert_eq!(budget.spend(now), Duration::ZERO);
        }
        assert_eq!(budget.spend(now), Duration::from_secs(1));
        assert_eq!(budget.spend(now), Duration::from_secs(2));
        (0..20).for_each(|_| budget.answered(now));
        assert!(budget.spend(now) <= Duration::from_secs(2), "twenty answers earn two retries");
    }
}
