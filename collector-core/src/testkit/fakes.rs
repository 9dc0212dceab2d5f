//! Fakes: a clock moved by hand, a source that answers by script, a sink that keeps a log.

mod clock;
mod sink;
mod source;

pub use clock::ManualClock;
pub use sink::RecordingSink;
pub use source::{Call, Failure, FakeItem, FakeSource};
