//! The cases: one function each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use serde_json::Value;

use super::super::case::{Checked, Violation, ensure};
use super::{Backend, Found, Sample, SinkHarness};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::id::RecordKey;
use crate::sink::{Change, Facts, Position, Record, Sink, Written, Wrote};

/// Samples in a case that needs all kinds of text and number.
const MANY: u64 = 48;

/// Enough to show that a limit is honoured; a larger one is tried up to here.
const LARGEST: usize = 10_000;

/// Changes per writer and writers at once.
const PER_WRITER: u64 = 5;
const WRITERS: usize = 8;

pub(super) async fn outcomes<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let (name, limits) = (stage.sink.name().to_owned(), stage.sink.limits());
    ensure!(!name.is_empty(), "the sink has no name");
    ensure!(limits.items >= 1 && limits.in_flight >= 1, "limits below 1: {limits:?}");
    let mut batch = stage.puts(0..7, 1);
    batch.insert(3, Change::Delete { key: RecordKey(99), version: 1 });
    stage.write(&batch).await?;
    ensure!(stage.sink.name() == name && stage.sink.limits() == limits, "name or limits changed");
    stage.holds((0..7).map(|n| (n, 1))).await
}

pub(super) async fn round_trip<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let shown: Vec<_> = (0..2).map(|n| harness.shown(&harness.make(&Sample::number(n)))).collect();
    ensure!(shown[0] != shown[1], "the harness makes the same value of different samples");
    let mut stage = Stage::open(harness).await?;
    stage.write_all_stored(&stage.puts(0..MANY, 1)).await?;
    stage.holds((0..MANY).map(|n| (n, 1))).await?;
    stage.restart().await?;
    stage.holds((0..MANY).map(|n| (n, 1))).await
}

pub(super) async fn twice<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let mut stage = Stage::open(harness).await?;
    let batch = stage.puts(0..5, 1);
    stage.write_all_stored(&batch).await?;
    stage.write(&batch).await?;
    stage.restart().await?;
    stage.write(&batch).await?;
    stage.holds((0..5).map(|n| (n, 1))).await?;
    stage.write(&[stage.put(0, 2), stage.put(1, 2), stage.put(0, 3), stage.put(1, 2)]).await?;
    stage.holds([(0, 3), (1, 2), (2, 1), (3, 1), (4, 1)]).await
}

pub(super) async fn older_version<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let mut stage = Stage::open(harness).await?;
    stage.write(&[stage.put(0, 5), stage.put(1, 5)]).await?;
    stage.write(&[stage.put(0, 3), stage.put(1, 6)]).await?;
    stage.holds([(0, 5), (1, 6)]).await?;
    stage.write(&[stage.put(2, 5), stage.put(2, 4)]).await?;
    stage.holds([(0, 5), (1, 6), (2, 5)]).await?;
    stage.restart().await?;
    stage.write(&[stage.put(1, 5), stage.put(2, 4)]).await?;
    stage.holds([(0, 5), (1, 6), (2, 5)]).await
}

pub(super) async fn delete<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let mut stage = Stage::open(harness).await?;
    let delete = |n, version| Change::Delete { key: key_of(n), version };
    stage.write(&[stage.put(0, 1), stage.put(1, 1), stage.put(2, 3), stage.put(3, 1)]).await?;
    stage.write(&[delete(0, 2), delete(2, 2), delete(4, 4)]).await?;
    stage.holds([(1, 1), (2, 3), (3, 1)]).await?;
    // Late writes of what was there before the deletion; also of a key whose deletion came first.
    stage.write(&[stage.put(0, 1), stage.put(4, 3)]).await?;
    stage.holds([(1, 1), (2, 3), (3, 1)]).await?;
    stage.restart().await?;
    stage.write(&[stage.put(0, 1), stage.put(4, 3)]).await?;
    stage.holds([(1, 1), (2, 3), (3, 1)]).await?;
    stage.write(&[stage.put(0, 3), stage.put(3, 2), delete(3, 3)]).await?;
    stage.holds([(0, 3), (1, 1), (2, 3)]).await
}

pub(super) async fn empty<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    stage.write(&[]).await?;
    stage.holds([]).await?;
    stage.write(&stage.puts(0..2, 1)).await?;
    stage.write(&[]).await?;
    stage.holds([(0, 1), (1, 1)]).await
}

pub(super) async fn limit<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let count = stage.sink.limits().items.min(LARGEST) as u64;
    stage.write_all_stored(&stage.puts(0..count, 1)).await?;
    stage.holds((0..count).map(|n| (n, 1))).await
}

pub(super) async fn rejected_one<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let bad =
        harness.refused().ok_or_else(|| Violation::new("the harness knows no value that is refused"))?;
    let record = Record { key: key_of(50), version: 1, entity: Arc::new(bad), facts: Facts::new() };
    let batch = [stage.put(0, 1), stage.put(1, 1), Change::Put(record), stage.put(3, 1)];
    let written = stage.write(&batch).await?;
    let rejected: Vec<_> = written.outcomes.iter().map(|wrote| matches!(wrote, Wrote::Rejected(_))).collect();
    ensure!(
        rejected == [false, false, true, false],
        "only change 2 must be rejected: {:?}",
        written.outcomes
    );
    for wrote in written.outcomes {
        match wrote {
            Wrote::Rejected(reason) => ensure!(!reason.trim().is_empty(), "a rejection gives no reason"),
            wrote => ensure!(matches!(wrote, Wrote::Stored(_)), "a good neighbour was not stored: {wrote:?}"),
        }
    }
    stage.holds([(0, 1), (1, 1), (3, 1)]).await
}

pub(super) async fn parallel<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let writers = stage.sink.limits().in_flight.min(WRITERS) as u64;
    // All but the first write at once: each its own keys, and a newer version of one key all share.
    let batch = |writer: u64| {
        let own = stage.puts(100 * (writer + 1)..100 * (writer + 1) + PER_WRITER, 1);
        own.into_iter().chain([stage.put(0, writer + 1)]).collect::<Vec<_>>()
    };
    let batches: Vec<_> = (0..writers).rev().map(batch).collect();
    for written in join_all(batches.iter().map(|batch| stage.write(batch))).await {
        written?;
    }
    let own = (0..writers).flat_map(|writer| (0..PER_WRITER).map(move |n| (100 * (writer + 1) + n, 1)));
    stage.holds(own.chain([(0, writers)])).await
}

pub(super) async fn position<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    let mut stage = Stage::open(harness).await?;
    let settled = stage.write(&stage.puts(0..4, 1)).await?.position;
    let settled = settled.ok_or_else(|| Violation::new("the sink reports no position; declare it"))?;
    stage.write(&stage.puts(2..8, 2)).await?;
    stage.restart_at(Some(settled.clone())).await?;
    stage.holds((0..4).map(|n| (n, 1))).await?;
    // What was taken away is owed, and offered again.
    stage.write(&stage.puts(2..8, 2)).await?;
    let again = (0..2).map(|n| (n, 1)).chain((2..8).map(|n| (n, 2)));
    stage.holds(again.clone()).await?;
    stage.restart().await?;
    stage.holds(again).await?;
    stage.restart_at(Some(settled)).await?;
    stage.holds((0..4).map(|n| (n, 1))).await
}

pub(super) async fn down<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    Stage::open(harness).await?;
    let checked = both_faults(harness).await;
    harness.backend(Backend::Works).await;
    checked?;
    let stage = Stage::open(harness).await?;
    stage.write_all_stored(&stage.puts(0..1, 1)).await
}

async fn both_faults<H: SinkHarness + ?Sized>(harness: &H) -> Checked {
    ensure!(harness.backend(Backend::Down).await, "the harness cannot take the backend down; declare it");
    must_fail(harness, &[ErrorKind::Unavailable, ErrorKind::Timeout]).await?;
    ensure!(harness.backend(Backend::Refuses).await, "the harness cannot refuse the credential; declare it");
    must_fail(harness, &[ErrorKind::Unauthorized]).await
}

/// `check` and the way to a write must both fail with one of these kinds.
async fn must_fail<H: SinkHarness + ?Sized>(harness: &H, kinds: &[ErrorKind]) -> Checked {
    let (cx, sink) = (Context::detached(), harness.sink().await);
    must_be(kinds, "check", sink.check(&cx).await)?;
    let change = put(harness, 0, 1);
    let written = match sink.open(&cx, None).await {
        Ok(()) => sink.write(&cx, std::slice::from_ref(&change)).await.map(drop),
        Err(error) => Err(error),
    };
    must_be(kinds, "write", written)
}

fn must_be(kinds: &[ErrorKind], call: &str, answer: Result<(), Error>) -> Checked {
    match answer {
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        other => Err(Violation::new(format!("{call} must fail with one of {kinds:?}, said {other:?}"))),
    }
}

/// An opened sink, and the position a store would hand it after a restart.
struct Stage<'a, H: SinkHarness + ?Sized> {
    harness: &'a H,
    sink: Arc<dyn Sink<H::Entity>>,
    cx: Context,
    settled: Mutex<Option<Position>>,
}

impl<'a, H: SinkHarness + ?Sized> Stage<'a, H> {
    async fn open(harness: &'a H) -> Checked<Self> {
        let (sink, cx) = (harness.sink().await, Context::detached());
        sink.check(&cx).await.map_err(|error| failed("check", &error))?;
        sink.open(&cx, None).await.map_err(|error| failed("open", &error))?;
        Ok(Self { harness, sink, cx, settled: Mutex::new(None) })
    }

    /// The next process goes on where the last settled write ended.
    async fn restart(&mut self) -> Checked {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.restart_at(settled).await
    }

    async fn restart_at(&mut self, position: Option<Position>) -> Checked {
        // The process before is gone, and with it what it locked, before the next one opens.
        self.sink = Arc::new(crate::sink::MemorySink::new());
        self.sink = self.harness.sink().await;
        *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = position.clone();
        self.sink.open(&self.cx, position).await.map_err(|error| failed("open", &error))
    }

    fn put(&self, n: u64, version: u64) -> Change<H::Entity> {
        put(self.harness, n, version)
    }

    fn puts(&self, numbers: std::ops::Range<u64>, version: u64) -> Vec<Change<H::Entity>> {
        numbers.map(|n| self.put(n, version)).collect()
    }

    async fn write(&self, batch: &[Change<H::Entity>]) -> Checked<Written> {
        let written = self.sink.write(&self.cx, batch).await.map_err(|error| failed("write", &error))?;
        let (count, answers) = (batch.len(), written.outcomes.len());
        ensure!(answers == count, "{count} changes, {answers} outcomes");
        if let Some(position) = &written.position {
            *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = Some(position.clone());
        }
        Ok(written)
    }

    async fn write_all_stored(&self, batch: &[Change<H::Entity>]) -> Checked {
        let written = self.write(batch).await?;
        let other = written.outcomes.iter().enumerate().find(|(_, wrote)| !matches!(wrote, Wrote::Stored(_)));
        ensure!(other.is_none(), "a new record was not stored: {other:?}");
        Ok(())
    }

    /// The place must hold exactly these records, by number and version.
    async fn holds(&self, expected: impl IntoIterator<Item = (u64, u64)>) -> Checked {
        let mut missing: BTreeMap<RecordKey, (u64, Value)> = expected
            .into_iter()
            .map(|(n, version)| (key_of(n), (version, self.harness.shown(&make(self.harness, n, version)))))
            .collect();
        for Found { key, version, shown } in self.harness.read_back().await {
            let Some((wanted, value)) = missing.remove(&key) else {
                return Err(Violation::new(format!("record {key} is there twice or should not be there")));
            };
            ensure!(version == wanted, "record {key} has version {version}, not {wanted}");
            ensure!(shown == value, "record {key} came back changed: wrote {value}, read {shown}");
        }
        ensure!(missing.is_empty(), "records are missing: {:?}", missing.keys().collect::<Vec<_>>());
        Ok(())
    }
}

fn key_of(n: u64) -> RecordKey {
    // Keys are larger than a double holds exactly.
    RecordKey(9_007_199_254_740_992 + n)
}

/// Every version says something else, so that a mixture of two shows.
fn make<H: SinkHarness + ?Sized>(harness: &H, n: u64, version: u64) -> H::Entity {
    let sample = Sample::number(n);
    let text =
        if version == 1 { sample.text.clone() } else { format!("{} in version {version}", sample.text) };
    harness.make(&sample.saying(text))
}

fn put<H: SinkHarness + ?Sized>(harness: &H, n: u64, version: u64) -> Change<H::Entity> {
    let entity = Arc::new(make(harness, n, version));
    Change::Put(Record { key: key_of(n), version, entity, facts: Facts::new() })
}

fn failed(call: &str, error: &Error) -> Violation {
    Violation::new(format!("{call} failed: {error:?}"))
}
