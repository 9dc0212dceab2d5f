//! Scripted faults around any sink.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::{BatchLimits, Change, Position, Sink, Written, Wrote};

/// Holds writes until it is opened. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    state: watch::Sender<GateState>,
}

#[derive(Debug, Clone, Copy, Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { state: watch::Sender::new(GateState::default()) }
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// How many wait at it.
    pub fn waiting(&self) -> usize {
        self.state.borrow().waiting
    }

    /// Waits until at least so many wait at it.
    pub async fn until_waiting(&self, count: usize) {
        drop(self.state.subscribe().wait_for(|state| state.waiting >= count).await);
    }

    async fn pass(&self) {
        let _waiting = Waiting::new(&self.state);
        drop(self.state.subscribe().wait_for(|state| state.open).await);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts one who waits, also when the wait is given up.
struct Waiting<'a>(&'a watch::Sender<GateState>);

impl<'a> Waiting<'a> {
    fn new(state: &'a watch::Sender<GateState>) -> Self {
        state.send_modify(|state| state.waiting += 1);
        Self(state)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.waiting -= 1);
    }
}

/// What happens to one write. An index counts changes of the batch; one beyond its end means nothing.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// This change is rejected; its neighbours are written.
    Reject(usize),
    /// This change is to be offered again, after this time; its neighbours are written.
    Retry(usize, Option<Duration>),
    /// This change is out of date at its source; its neighbours are written.
    Refresh(usize),
    /// Nothing is written and the write fails.
    FailBefore(ErrorKind),
    /// Everything is written and the answer is lost.
    FailAfter(ErrorKind),
    /// Nothing is written before the gate opens.
    Hold(Gate),
    /// The write takes this much longer, by the call's clock.
    Slow(Duration),
    /// The write panics before anything is written.
    Panic,
}

/// A sink with scripted faults: each write takes the next one, then [`otherwise`](Self::otherwise).
///
/// Clones of it (for a sink that can be cloned) share the script, so a test keeps one and gives one away.
#[derive(Clone)]
pub struct FaultySink<S> {
    inner: S,
    script: Arc<Mutex<Script>>,
}

struct Script {
    next: VecDeque<Fault>,
    otherwise: Fault,
}

impl<S> FaultySink<S> {
    /// `inner` without a fault.
    pub fn new(inner: S) -> Self {
        let script = Script { next: VecDeque::new(), otherwise: Fault::Pass };
        Self { inner, script: Arc::new(Mutex::new(script)) }
    }

    /// Adds a fault for one write.
    #[must_use]
    pub fn then(self, fault: Fault) -> Self {
        self.push(fault);
        self
    }

    /// Adds a fault for one write, while it is in use.
    pub fn push(&self, fault: Fault) {
        self.script().next.push_back(fault);
    }

    /// What happens to every write for which no fault was added; [`Fault::Pass`] at first.
    pub fn otherwise(&self, fault: Fault) {
        self.script().otherwise = fault;
    }

    /// Faults that were added and not used yet.
    pub fn unused(&self) -> usize {
        self.script().next.len()
    }

    /// The sink inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Fault {
        let mut script = self.script();
        script.next.pop_front().unwrap_or_else(|| script.otherwise.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for FaultySink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultySink").field("inner", &self.inner).field("unused", &self.unused()).finish()
    }
}

#[async_trait]
impl<T: Send + Sync + 'static, S: Sink<T>> Sink<T> for FaultySink<S> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn limits(&self) -> BatchLimits {
        self.inner.limits()
    }

    async fn open(&self, cx: &Context, position: Option<Position>) -> Result<()> {
        self.inner.open(cx, position).await
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.inner.check(cx).await
    }

    async fn write(&self, cx: &Context, batch: &[Change<T>]) -> Result<Written> {
        match self.next() {
            Fault::Pass => {}
            Fault::Reject(index) => {
                return write_but(&self.inner, cx, batch, index, Wrote::Rejected("by script".into())).await;
            }
            Fault::Retry(index, after) => {
                return write_but(&self.inner, cx, batch, index, Wrote::Retry { after }).await;
            }
            Fault::Refresh(index) => {
                return write_but(&self.inner, cx, batch, index, Wrote::Refresh("by script".into())).await;
            }
            Fault::FailBefore(kind) => return Err(Error::new(kind, "the write failed, by script")),
            Fault::FailAfter(kind) => {
                self.inner.write(cx, batch).await?;
                return Err(Error::new(kind, "the answer to the write was lost, by script"));
            }
            Fault::Hold(gate) => gate.pass().await,
            Fault::Slow(time) => cx.clock().sleep(time).await,
            Fault::Panic => panic!("the write panics, by script"),
        }
        self.inner.write(cx, batch).await
    }
}

/// Writes the batch without one change, which gets this outcome.
async fn write_but<T: Send + Sync + 'static>(
    sink: &impl Sink<T>,
    cx: &Context,
    batch: &[Change<T>],
    index: usize,
    outcome: Wrote,
) -> Result<Written> {
    let others = batch.iter().enumerate().filter(|(n, _)| *n != index);
    let others: Vec<_> = others.map(|(_, change)| change.clone()).collect();
    let mut written = sink.write(cx, &others).await?;
    if index < batch.len() && index <= written.outcomes.len() {
        written.outcomes.insert(index, outcome);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::id::RecordKey;
    use crate::sink::{Facts, Record};
    use crate::testkit::fakes::RecordingSink;

    fn batch(keys: std::ops::Range<u64>) -> Vec<Change<u8>> {
        let record = |n| Record { key: RecordKey(n), version: 1, entity: Arc::new(0), facts: Facts::new() };
        keys.map(|n| Change::Put(record(n))).collect()
    }

    fn faulty() -> FaultySink<RecordingSink<u8>> {
        FaultySink::new(RecordingSink::named("log"))
    }

    fn kept(sink: &FaultySink<RecordingSink<u8>>) -> Vec<u64> {
        sink.inner().records().iter().map(|record| record.key.0).collect()
    }

    #[tokio::test]
    async fn faults_come_in_order_and_then_what_is_said_for_all() {
        let sink = faulty().then(Fault::Pass).then(Fault::FailBefore(ErrorKind::Unavailable));
        sink.otherwise(Fault::FailAfter(ErrorKind::Timeout));
        let cx = Context::detached();
        assert!(sink.write(&cx, &batch(0..1)).await.is_ok());
        assert_eq!(sink.write(&cx, &batch(1..2)).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(kept(&sink), [0]);
        assert_eq!(sink.write(&cx, &batch(2..3)).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(kept(&sink), [0, 2]);
        assert_eq!(sink.unused(), 0);
    }

    #[tokio::test]
    async fn one_change_fails_and_its_neighbours_are_written() {
        let sink = faulty().then(Fault::Reject(1)).then(Fault::Retry(0, None)).then(Fault::Refresh(9));
        let cx = Context::detached();
        let written = sink.write(&cx, &batch(0..3)).await.unwrap();
        assert!(matches!(written.outcomes[..], [Wrote::Stored(_), Wrote::Rejected(_), Wrote::Stored(_)]));
        let written = sink.write(&cx, &batch(3..5)).await.unwrap();
        assert!(matches!(written.outcomes[..], [Wrote::Retry { after: None }, Wrote::Stored(_)]));
        let written = sink.write(&cx, &batch(5..7)).await.unwrap();
        assert!(matches!(written.outcomes[..], [Wrote::Stored(_), Wrote::Stored(_)]));
        assert_eq!(kept(&sink), [0, 2, 4, 5, 6]);
    }

    #[tokio::test]
    async fn a_held_write_waits_for_its_gate() {
        let gate = Gate::new();
        let sink = faulty().then(Fault::Hold(gate.clone()));
        let held = tokio::spawn({
            let sink = sink.clone();
            async move { sink.write(&Context::detached(), &batch(0..1)).await }
        });
        gate.until_waiting(1).await;
        assert_eq!(kept(&sink), Vec::<u64>::new());
        gate.open();
        held.await.unwrap().unwrap();
        assert_eq!((kept(&sink), gate.waiting()), (vec![0], 0));
    }

    #[tokio::test]
    async fn a_panic_is_a_panic() {
        let sink = faulty().then(Fault::Panic);
        let cx = Context::detached();
        let written = std::panic::AssertUnwindSafe(sink.write(&cx, &batch(0..1))).catch_unwind().await;
        assert!(written.is_err());
        assert_eq!(kept(&sink), Vec::<u64>::new());
    }
}
