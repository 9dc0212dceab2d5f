//! A sink in memory with scripted faults.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::RecordKey;
use collector_core::sink::{BatchLimits, Change, MemorySink, Position, Sink, Written, Wrote};

/// What a write does.
pub(crate) enum Trick {
    /// Writes.
    Fine,
    /// Fails, and nothing was written.
    FailBefore,
    /// Writes, and its answer is lost.
    FailAfter,
    /// Never comes back.
    Hang,
    /// Writes, and forgets one outcome.
    TooFew,
    /// Answers this for every change; what is stored is written.
    Each(Vec<Wrote>),
}

type Script<T> = dyn Fn(usize, &[Change<T>]) -> Trick + Send + Sync;

#[derive(Default)]
struct Log {
    writes: usize,
    offered: Vec<(RecordKey, u64)>,
    opened: Vec<Option<Position>>,
    running: usize,
    most_at_once: usize,
}

/// A [`MemorySink`] whose writes go as a closure says: it is given the number of the write, from 1, and the batch.
pub(crate) struct TrickySink<T> {
    pub(crate) inner: MemorySink<T>,
    name: &'static str,
    limits: BatchLimits,
    positions: bool,
    script: Arc<Script<T>>,
    log: Arc<Mutex<Log>>,
}

impl<T> Clone for TrickySink<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            name: self.name,
            limits: self.limits,
            positions: self.positions,
            script: Arc::clone(&self.script),
            log: Arc::clone(&self.log),
        }
    }
}

impl<T: Send + Sync + 'static> TrickySink<T> {
    pub(crate) fn new(
        name: &'static str,
        script: impl Fn(usize, &[Change<T>]) -> Trick + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner: MemorySink::named(name),
            name,
            limits: BatchLimits::default(),
            positions: false,
            script: Arc::new(script),
            log: Arc::default(),
        }
    }

    pub(crate) fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Has it report the number of writes as its position.
    pub(crate) fn with_positions(mut self) -> Self {
        self.positions = true;
        self
    }

    pub(crate) fn writes(&self) -> usize {
        self.log.lock().unwrap().writes
    }

    /// Every change offered: key and version.
    pub(crate) fn offered(&self) -> Vec<(RecordKey, u64)> {
        self.log.lock().unwrap().offered.clone()
    }

    /// The positions it was opened with.
    pub(crate) fn opened(&self) -> Vec<Option<Position>> {
        self.log.lock().unwrap().opened.clone()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.log.lock().unwrap().most_at_once
    }
}

fn down() -> Error {
    Error::new(ErrorKind::Unavailable, "the sink is down")
}

#[async_trait]
impl<T: Send + Sync + 'static> Sink<T> for TrickySink<T> {
    fn name(&self) -> &str {
        self.name
    }

    fn limits(&self) -> BatchLimits {
        self.limits
    }

    async fn open(&self, _cx: &Context, position: Option<Position>) -> Result<()> {
        self.log.lock().unwrap().opened.push(position);
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn write(&self, cx: &Context, batch: &[Change<T>]) -> Result<Written> {
        let number = {
            let mut log = self.log.lock().unwrap();
            log.writes += 1;
            log.offered.extend(batch.iter().map(|change| (change.key(), change.version())));
            log.running += 1;
            log.most_at_once = log.most_at_once.max(log.running);
            log.writes
        };
        cx.clock().sleep(std::time::Duration::from_millis(20)).await;
        self.log.lock().unwrap().running -= 1;
        let mut written = match (self.script)(number, batch) {
            Trick::FailBefore => return Err(down()),
            Trick::Hang => std::future::pending().await,
            Trick::Fine => self.inner.write(cx, batch).await?,
            Trick::FailAfter => {
                self.inner.write(cx, batch).await?;
                return Err(down());
            }
            Trick::TooFew => {
                let mut written = self.inner.write(cx, batch).await?;
                written.outcomes.pop();
                written
            }
            Trick::Each(outcomes) => {
                let stored = |(_, wrote): &(&Change<T>, &Wrote)| matches!(wrote, Wrote::Stored(_));
                let kept: Vec<_> =
                    batch.iter().zip(&outcomes).filter(stored).map(|(change, _)| change.clone()).collect();
                self.inner.write(cx, &kept).await?;
                Written { outcomes, position: None }
            }
        };
        written.position = self.positions.then(|| Position(number.to_string()));
        Ok(written)
    }
}
