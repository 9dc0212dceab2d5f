//! Watches how answers are filled: what stops being known is how a format that has changed shows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::worker::{Parts, Worker};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::drift::{Drift, FillWatch};
use crate::error::{Error, ErrorKind, Result};
use crate::replay;
use crate::store::Fill;
use crate::task::{Outcome, Page, Payload, Task};
use crate::trace;

/// Days that make what is normal.
const WEEK: i32 = 7;

/// The largest answer that is remembered, to say where in it a field stood.
const SAMPLE_BYTES: usize = 128 << 10;

/// The oldest kept answers that are asked where a field stood, when none is remembered.
const OLDEST: usize = 200;

/// The lanes, by slot and kind.
pub(super) struct Fills(Vec<Vec<Mutex<Lane>>>);

struct Lane {
    watch: FillWatch,
    sample: Option<Sample>,
}

/// An answer in which more was known than in any other.
struct Sample {
    known: u64,
    tasks: Vec<Task>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    at: Timestamp,
}

impl Sample {
    fn payload(&self) -> Payload {
        let mut payload = Payload::new(self.body.clone(), self.at);
        payload.status = self.status;
        payload.headers.clone_from(&self.headers);
        payload
    }
}

impl Fills {
    pub(super) fn new<D: Domain>(parts: &Parts<D>) -> Self {
        let lane = || Mutex::new(Lane { watch: FillWatch::new(parts.domain.fields()), sample: None });
        let slots = parts.slots.iter();
        Self(slots.map(|slot| slot.kinds.iter().map(|_| lane()).collect()).collect())
    }

    fn lane(&self, slot: usize, lane: usize) -> MutexGuard<'_, Lane> {
        self.0[slot][lane].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Domain> Worker<D> {
    /// Takes over what is normal from the store.
    pub(super) async fn learn_fills(&self) -> Result<()> {
        if self.parts.domain.fields().is_empty() {
            return Ok(());
        }
        for fill in self.store().fills(self.now().day() - WEEK).await? {
            for (slot, lane) in self.parts.lanes(&fill.source, &fill.kind) {
                self.fills.lane(slot, lane).watch.learn(&fill);
            }
        }
        Ok(())
    }

    /// Keeps what was counted since the last time; at the end everything that looks normal.
    pub(super) async fn save_fills(&self, end: bool) -> Result<()> {
        let day = self.now().day();
        let mut fills = Vec::new();
        for (at, slot) in self.parts.slots.iter().enumerate() {
            for (lane, (_, kind)) in slot.kinds.iter().enumerate() {
                if let Some((answers, items, filled)) = self.fills.lane(at, lane).watch.unsaved(end) {
                    let (source, kind) = (Arc::clone(&slot.name), Arc::clone(kind));
                    fills.push(Fill { source, kind, day, answers, items, filled });
                }
            }
        }
        if fills.is_empty() { Ok(()) } else { self.store().add_fills(&fills).await }
    }

    /// Counts what an answer says; gives what has changed, with where it was, once.
    pub(super) async fn filled(
        &self,
        (slot, lane): (usize, usize),
        tasks: &[Task],
        payload: &Payload,
        page: &Page<D::Item>,
    ) -> Option<Error> {
        // That there is nothing is an answer, and says nothing about how others are filled.
        if self.parts.domain.fields().is_empty()
            || !page.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Done))
        {
            return None;
        }
        let masks: Vec<u64> = page.items.iter().map(|item| self.parts.domain.filled(item)).collect();
        let known = masks.iter().fold(0, |all, mask| all | mask);
        let (drift, sample) = {
            let mut lane = self.fills.lane(slot, lane);
            let drift = lane.watch.saw(masks);
            let before = lane.sample.as_ref().map_or(0, |sample| sample.known.count_ones());
            if known.count_ones() > before && payload.body.len() <= SAMPLE_BYTES {
                lane.sample = Some(Sample {
                    known,
                    tasks: tasks.to_vec(),
                    status: payload.status,
                    headers: payload.headers.clone(),
                    // A slice of a network buffer would keep the whole buffer alive.
                    body: Bytes::copy_from_slice(&payload.body),
                    at: payload.at,
                });
            }
            let has =
                |sample: &Sample, drift: &Drift| self.bit(drift).is_some_and(|bit| sample.known & bit != 0);
            let sample =
                lane.sample.as_ref().zip(drift.as_ref()).filter(|(sample, drift)| has(sample, drift));
            (drift.clone(), sample.map(|(sample, _)| (sample.tasks.clone(), sample.payload())))
        };
        let drift = drift?;
        let was_at = match sample {
            Some((tasks, payload)) => self.place_in(slot, &drift, &tasks, &payload),
            None => self.place_before(slot, lane, &drift).await,
        };
        Some(self.told(slot, lane, &drift, was_at))
    }

    /// The bit of the field that is missing.
    fn bit(&self, drift: &Drift) -> Option<u64> {
        let at = self.parts.domain.fields().iter().position(|field| Some(*field) == drift.field)?;
        Some(1 << at)
    }

    fn told(&self, slot: usize, lane: usize, drift: &Drift, was_at: Option<String>) -> Error {
        let slot = &self.parts.slots[slot];
        let error = Error::new(ErrorKind::Malformed, format!("drift: {drift}"))
            .with("source", &slot.name)
            .with("kind", &slot.kinds[lane].1);
        let error = match drift.field {
            Some(field) => error.with("field", field),
            None => error,
        };
        match was_at {
            Some(path) => error.with("path", path),
            None => error,
        }
    }

    /// Where in an answer the missing field stood.
    fn place_in(&self, slot: usize, drift: &Drift, tasks: &[Task], payload: &Payload) -> Option<String> {
        let field = drift.field?;
        let found = trace::trace(&*self.parts.slots[slot].source, tasks, payload).ok()?;
        let named = |name: &str| name == field || name.strip_suffix("[]") == Some(field);
        let traced = found.fields.into_iter().find(|traced| named(&traced.field))?;
        (!traced.from.is_empty()).then(|| traced.from.join(", "))
    }

    /// The same, in the oldest answer of this kind that is kept and has it.
    async fn place_before(&self, slot: usize, lane: usize, drift: &Drift) -> Option<String> {
        let bit = self.bit(drift)?;
        let part = &self.parts.slots[slot];
        let kept = self.store().answers(Some(&part.name), None, OLDEST).await.ok()?;
        for answer in kept {
            if answer.tasks.first().is_none_or(|task| *task.kind() != part.kinds[lane].1) {
                continue;
            }
            let payload = replay::payload(answer.payload);
            let read = std::panic::AssertUnwindSafe(|| part.source.parse(&answer.tasks, &payload));
            let Ok(Ok(page)) = std::panic::catch_unwind(read) else { continue };
            if page.items.iter().any(|item| self.parts.domain.filled(item) & bit != 0) {
                return self.place_in(slot, drift, &answer.tasks, &payload);
            }
        }
        None
    }
}
