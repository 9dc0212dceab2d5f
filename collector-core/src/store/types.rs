//! What goes into a store and comes out of it.

mod account;
mod kept;
mod run;
mod sink;
mod task;
mod worker;

pub use account::{Budget, Parked, Reserved};
pub use kept::{Counts, DeadLetter, Erased, Fill, KeptAnswer, Known, ReadAgain, Stale, StoredPayload};
pub use run::{Begun, RunCounts, RunEnd, RunSpec, RunState};
pub use sink::{Fate, Settled, SinkCounts};
pub use task::{
    Added, Claimed, Claims, Committed, Enqueued, FinishedCall, FinishedTask, GiveBack, LanePermit, Verdict,
};
pub use worker::{Heartbeat, Opened, Waiting, WorkerId, WorkerInfo};
