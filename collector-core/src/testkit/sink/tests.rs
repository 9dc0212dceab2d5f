//! The suite itself: a right sink passes every case, and every case fails for a sink that breaks its promise.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::{BatchLimits, Change, Facts, MemorySink, Position, Written, Wrote};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Sound,
    OutcomeMissing,
    OutcomeExtra,
    NoLimits,
    CutsAtNul,
    Doubles,
    NotDurable,
    KeepsCopies,
    FirstOfBatchWins,
    LastWriteWins,
    OlderWinsInBatch,
    IgnoresDelete,
    ForgetsDelete,
    OldDeleteWins,
    EmptyFails,
    EmptyHasOutcome,
    LimitTooHigh,
    RejectsAll,
    RejectsWrongOne,
    LosesNeighbours,
    LosesWriters,
    IgnoresPosition,
    CutsTooMuch,
    UnavailableIsUnexpected,
    DownIsStored,
    RefusalIsUnavailable,
}

use Flaw::*;

/// Which cases must catch which flaw.
const CAUGHT: &[(Flaw, &[Case])] = &[
    (OutcomeMissing, &[Case::Outcomes]),
    (OutcomeExtra, &[Case::Outcomes]),
    (NoLimits, &[Case::Outcomes]),
    (CutsAtNul, &[Case::RoundTrip]),
    (Doubles, &[Case::RoundTrip]),
    (NotDurable, &[Case::RoundTrip]),
    (KeepsCopies, &[Case::Twice]),
    (FirstOfBatchWins, &[Case::Twice]),
    (LastWriteWins, &[Case::OlderVersion, Case::Delete]),
    (OlderWinsInBatch, &[Case::OlderVersion]),
    (IgnoresDelete, &[Case::Delete]),
    (ForgetsDelete, &[Case::Delete]),
    (OldDeleteWins, &[Case::Delete]),
    (EmptyFails, &[Case::Empty]),
    (EmptyHasOutcome, &[Case::Empty]),
    (LimitTooHigh, &[Case::Limit]),
    (RejectsAll, &[Case::RejectedOne]),
    (RejectsWrongOne, &[Case::RejectedOne]),
    (LosesNeighbours, &[Case::RejectedOne]),
    (LosesWriters, &[Case::Parallel]),
    (IgnoresPosition, &[Case::Position]),
    (CutsTooMuch, &[Case::Position]),
    (UnavailableIsUnexpected, &[Case::Down]),
    (DownIsStored, &[Case::Down]),
    (RefusalIsUnavailable, &[Case::Down]),
];

const REFUSED: &str = "refuse me";

#[derive(Debug, Clone)]
struct Line {
    key: RecordKey,
    version: u64,
    value: Option<Value>,
}

/// A journal of changes: its position is its length.
struct Place {
    flaw: Flaw,
    lines: Mutex<Vec<Line>>,
    backend: Mutex<Backend>,
}

struct Journal {
    place: Arc<Place>,
    backend: Backend,
    buffered: Mutex<Vec<Line>>,
}

impl Journal {
    fn has(&self, flaw: Flaw) -> bool {
        self.place.flaw == flaw
    }

    fn reach(&self) -> Result<()> {
        let kind = match (self.backend, self.place.flaw) {
            (Backend::Works, _) | (_, DownIsStored) => return Ok(()),
            (Backend::Down, UnavailableIsUnexpected) => ErrorKind::Unexpected,
            (Backend::Refuses, flaw) if flaw != RefusalIsUnavailable => ErrorKind::Unauthorized,
            _ => ErrorKind::Unavailable,
        };
        Err(Error::new(kind, "no backend"))
    }

    fn line(&self, change: &Change<Value>) -> Line {
        let value = match change {
            Change::Put(record) => Some(self.keep((*record.entity).clone())),
            Change::Delete { .. } => None,
        };
        Line { key: change.key(), version: change.version(), value }
    }

    fn keep(&self, mut value: Value) -> Value {
        if self.has(CutsAtNul)
            && let Some(text) = value["text"].as_str()
        {
            value["text"] = json!(text.split('\0').next());
        }
        if self.has(Doubles) {
            value["number"] = json!(value["number"].as_f64());
        }
        value
    }

    fn newest(&self, key: RecordKey) -> Option<u64> {
        let lines = self.place.lines.lock().unwrap();
        lines.iter().filter(|line| line.key == key).map(|line| line.version).max()
    }

    fn admits(&self, line: &Line, batch: &[Line]) -> bool {
        let known = self.newest(line.key);
        let before = || batch.iter().filter(|other| other.key == line.key);
        match self.place.flaw {
            LastWriteWins | KeepsCopies => true,
            FirstOfBatchWins if before().next().is_some() => false,
            OlderWinsInBatch => known.is_none_or(|version| version < line.version),
            IgnoresDelete if line.value.is_none() => false,
            ForgetsDelete if known.is_some() => self.forgetting(line),
            OldDeleteWins if line.value.is_none() => true,
            _ => before().map(|other| other.version).chain(known).all(|version| version < line.version),
        }
    }

    /// A deletion takes all lines of the key away, and with them the memory of its version.
    fn forgetting(&self, line: &Line) -> bool {
        if self.newest(line.key).is_some_and(|version| version >= line.version) {
            return false;
        }
        if line.value.is_none() {
            self.place.lines.lock().unwrap().retain(|other| other.key != line.key);
        }
        line.value.is_some()
    }

    fn append(&self, kept: Vec<Line>) {
        let mut lines = self.place.lines.lock().unwrap();
        if self.has(NotDurable) {
            lines.extend(std::mem::replace(&mut *self.buffered.lock().unwrap(), kept));
        } else {
            lines.extend(kept);
        }
    }
}

#[async_trait]
impl Sink<Value> for Journal {
    fn name(&self) -> &str {
        "journal"
    }

    fn limits(&self) -> BatchLimits {
        let items = if self.has(NoLimits) { 0 } else { 100 };
        BatchLimits { items, age: Duration::ZERO, in_flight: 4 }
    }

    async fn open(&self, _cx: &Context, position: Option<Position>) -> Result<()> {
        self.reach()?;
        if let Some(Position(length)) = position {
            let length: usize = length.parse().unwrap();
            let length = match self.place.flaw {
                IgnoresPosition => usize::MAX,
                CutsTooMuch => length.saturating_sub(1),
                _ => length,
            };
            self.place.lines.lock().unwrap().truncate(length);
        }
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        self.reach()
    }

    async fn write(&self, _cx: &Context, batch: &[Change<Value>]) -> Result<Written> {
        self.reach()?;
        if self.has(EmptyFails) && batch.is_empty() {
            return Err(Error::new(ErrorKind::Rejected, "nothing to write"));
        }
        if self.has(LimitTooHigh) && batch.len() >= self.limits().items {
            return Err(Error::new(ErrorKind::Rejected, "too much"));
        }
        let stale = self.place.lines.lock().unwrap().clone();
        let mut kept: Vec<Line> = Vec::new();
        let mut outcomes = Vec::new();
        for change in batch {
            let line = self.line(change);
            if line.value.as_ref().is_some_and(|value| value["text"] == REFUSED) {
                outcomes.push(Wrote::Rejected("it says so".into()));
            } else if self.admits(&line, &kept) {
                kept.push(line);
                outcomes.push(Wrote::Stored(Facts::new()));
            } else {
                outcomes.push(Wrote::Superseded);
            }
        }
        spoil(self.place.flaw, &mut outcomes, &mut kept);
        if self.has(LosesWriters) {
            tokio::task::yield_now().await;
            *self.place.lines.lock().unwrap() = stale;
        }
        self.append(kept);
        let position = Some(Position(self.place.lines.lock().unwrap().len().to_string()));
        Ok(Written { outcomes, position })
    }
}

fn spoil(flaw: Flaw, outcomes: &mut Vec<Wrote>, kept: &mut Vec<Line>) {
    let refused = outcomes.iter().any(|wrote| matches!(wrote, Wrote::Rejected(_)));
    match flaw {
        OutcomeMissing => drop(outcomes.pop()),
        OutcomeExtra => outcomes.push(Wrote::Superseded),
        EmptyHasOutcome if outcomes.is_empty() => outcomes.push(Wrote::Superseded),
        RejectsAll if refused => outcomes.fill(Wrote::Rejected("a neighbour was bad".into())),
        RejectsWrongOne if refused => outcomes.reverse(),
        LosesNeighbours if refused => kept.clear(),
        _ => {}
    }
}

struct Twin(Arc<Place>);

impl Twin {
    fn with(flaw: Flaw) -> Self {
        Self(Arc::new(Place { flaw, lines: Mutex::default(), backend: Mutex::new(Backend::Works) }))
    }
}

fn value(sample: &Sample) -> Value {
    json!({ "n": sample.n, "text": sample.text, "number": sample.number, "maybe": sample.maybe })
}

#[async_trait]
impl SinkHarness for Twin {
    type Entity = Value;

    async fn sink(&self) -> Arc<dyn Sink<Value>> {
        let backend = *self.0.backend.lock().unwrap();
        Arc::new(Journal { place: Arc::clone(&self.0), backend, buffered: Mutex::default() })
    }

    fn make(&self, sample: &Sample) -> Value {
        value(sample)
    }

    fn shown(&self, value: &Value) -> Value {
        value.clone()
    }

    async fn read_back(&self) -> Vec<Found> {
        let mut lines = self.0.lines.lock().unwrap().clone();
        if self.0.flaw != KeepsCopies {
            let mut newest = std::collections::BTreeMap::new();
            for line in lines {
                // Only what was admitted is in the journal, so the last line of a key counts.
                newest.insert(line.key, line);
            }
            lines = newest.into_values().collect();
        }
        lines
            .into_iter()
            .filter_map(|line| line.value.map(|value| Found::new(line.key, line.version, value)))
            .collect()
    }

    fn refused(&self) -> Option<Value> {
        Some(json!({ "text": REFUSED }))
    }

    async fn backend(&self, does: Backend) -> bool {
        *self.0.backend.lock().unwrap() = does;
        true
    }
}

struct InMemory(MemorySink<Value>);

#[async_trait]
impl SinkHarness for InMemory {
    type Entity = Value;

    async fn sink(&self) -> Arc<dyn Sink<Value>> {
        Arc::new(self.0.clone())
    }

    fn make(&self, sample: &Sample) -> Value {
        value(sample)
    }

    fn shown(&self, value: &Value) -> Value {
        value.clone()
    }

    async fn read_back(&self) -> Vec<Found> {
        let records = self.0.records();
        records
            .iter()
            .map(|record| Found::new(record.key, record.version, (*record.entity).clone()))
            .collect()
    }
}

mod memory {
    use super::{InMemory, MemorySink};
    crate::sink_conformance!(
        InMemory(MemorySink::new()),
        without: {
            RejectedOne: "it refuses nothing",
            Position: "it keeps no place",
            Down: "it lives in this process",
        }
    );
}

mod twin {
    use super::{Flaw, Twin};
    crate::sink_conformance!(Twin::with(Flaw::Sound));
}

#[tokio::test]
async fn every_flaw_is_caught_by_its_cases() {
    for (flaw, cases) in CAUGHT {
        for case in *cases {
            assert!(case.check(&Twin::with(*flaw)).await.is_err(), "{case:?} does not notice {flaw:?}");
        }
    }
}

#[test]
fn every_case_fails_for_some_flaw() {
    for case in Case::ALL {
        assert!(CAUGHT.iter().any(|(_, cases)| cases.contains(case)), "no sink breaks {case:?}");
    }
}

#[tokio::test]
async fn what_a_harness_cannot_do_is_not_passed_silently() {
    let harness = InMemory(MemorySink::new());
    for case in [Case::RejectedOne, Case::Position, Case::Down] {
        assert!(case.check(&harness).await.is_err(), "{case:?} passed for a sink that cannot show it");
    }
}

#[test]
fn all_kinds_of_text_and_number_are_among_the_samples() {
    let samples: Vec<_> = (0..24).map(Sample::number).collect();
    assert!(samples.iter().any(|sample| sample.text.contains('\0')));
    assert!(samples.iter().any(|sample| sample.text.contains('👍')));
    assert!(samples.iter().any(|sample| sample.text.is_empty()));
    assert!(samples.iter().any(|sample| sample.text.len() > 10_000));
    assert!(samples.iter().any(|sample| sample.number.to_string().len() == 19));
    assert!(samples.iter().any(|sample| sample.maybe.is_none()) && samples.iter().any(|s| s.maybe.is_some()));
}
