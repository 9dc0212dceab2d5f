//! What happens in a pipeline, as typed events for metrics and progress. Never a body, a secret or a person's data.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::id::{Name, RunId};
use crate::store::RunEnd;
use crate::task::Cost;

/// Something happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A run began or goes on.
    RunBegan {
        /// The run.
        run: RunId,
        /// Whether it was unfinished.
        resumed: bool,
    },
    /// A run ended for good.
    RunEnded {
        /// The run.
        run: RunId,
        /// How.
        end: RunEnd,
    },
    /// Tasks were claimed.
    Claimed {
        /// The source.
        source: Name,
        /// The kind.
        kind: Name,
        /// How many.
        tasks: usize,
    },
    /// A call ended.
    Called {
        /// The source.
        source: Name,
        /// The kind.
        kind: Name,
        /// Tasks it served.
        tasks: usize,
        /// How long it took.
        took: Duration,
        /// What went wrong, if the whole call did.
        failed: Option<ErrorKind>,
        /// What it cost.
        cost: Cost,
    },
    /// Calls were committed.
    Committed {
        /// How many calls.
        calls: usize,
        /// Tasks answered for good.
        tasks: usize,
        /// Tasks that became dead letters.
        dead: usize,
        /// Items that changed an entity.
        changed: u64,
        /// Items that told nothing new.
        unchanged: u64,
        /// Follow-up tasks opened.
        opened: u64,
        /// How long the transaction took.
        took: Duration,
    },
    /// Verdicts on tasks of one source and kind were committed.
    Answered {
        /// The source.
        source: Name,
        /// The kind.
        kind: Name,
        /// Tasks that were answered.
        done: usize,
        /// Tasks that were answered: there is nothing.
        absent: usize,
        /// Tasks that were given up.
        dead: usize,
        /// Tasks that are asked again later.
        again: usize,
    },
    /// A planned firing of a schedule was decided.
    Slot {
        /// The job.
        job: Name,
        /// `fired`, or why it was skipped: a word of a closed set.
        outcome: &'static str,
    },
    /// A sink settled a batch.
    Settled {
        /// The sink.
        sink: Name,
        /// Stored.
        stored: usize,
        /// Refused.
        rejected: usize,
        /// To be offered again.
        owed: usize,
    },
    /// An account is kept out.
    Parked {
        /// The account.
        account: Name,
        /// Why.
        kind: ErrorKind,
        /// Until when, if known.
        until: Option<Timestamp>,
    },
    /// A vendor counted more than was booked: somebody else spends with the same credential.
    SpentElsewhere {
        /// The account.
        account: Name,
        /// How many units that were not ours.
        units: u64,
    },
    /// A sink failed as a whole and is tried again.
    SinkPaused {
        /// The sink.
        sink: Name,
        /// Why.
        kind: ErrorKind,
        /// For how long.
        pause: Duration,
    },
    /// Claims of dead workers were taken over.
    TookOver {
        /// How many.
        claims: u64,
    },
    /// This worker was silent too long and lost what it held.
    WasDead,
}

/// Is told what happens; called on the engine's tasks, so it must be quick and must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Both are told, in order.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn event(&self, event: &Event) {
        self.0.event(event);
        self.1.event(event);
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: &Event) {}
}
