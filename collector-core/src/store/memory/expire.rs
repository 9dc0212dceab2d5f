//! Dropping what a source gave and nobody may keep any longer.

use super::entities::Entities;
use super::{State, cool, wishes};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::Result;
use crate::id::{Name, RecordKey};
use crate::store::ledger::{Changes, Ledger};
use crate::store::{Expired, FinishedCall, PROMPT, Place, Tidied, WorkerId};

/// Records looked at together.
const RECORDS: usize = 500;

/// Records first, then answers and tasks: as long as there are answers, it is seen that something is left.
pub(super) fn batch<D: Domain>(
    domain: &D,
    (entities, state): (&mut Entities<D>, &mut State<D>),
    worker: &WorkerId,
    (source, before): (&str, Timestamp),
    place: Place,
    now: Timestamp,
) -> Result<Expired> {
    let known = state.expired.entry(Name::from(source)).or_insert(before);
    *known = before.max(*known);
    let keys = entities.keys_after(Some(RecordKey(place.after)), RECORDS);
    let mut ledger = Ledger::new(domain);
    let shown = entities.load_shown(domain, &mut ledger, &keys, source);
    // Which answer a sighting came in is not kept in memory: its own date tells.
    ledger.drop_sightings(|sighting, _| *sighting.source == *source && sighting.seen_at < before);
    let changes = ledger.close(|| entities.next_key())?;
    let mut owed = wishes(&changes);
    let mut removed = Tidied::default();
    let Changes { entities: changed, joined, freed, .. } = changes;
    entities.free(&freed);
    removed.records = joined.len() as u64;
    let sightings = entities.sightings();
    let with_past = entities.keep(Vec::new(), changed, joined, now.day());
    removed.sightings = sightings - entities.sightings();
    cool::<D>(&mut owed, &with_past);
    removed.days = shown.into_iter().map(|key| entities.forget_days(key, before.day())).sum();
    state.commits += u64::from(!owed.is_empty());
    for (key, version, warm) in owed {
        state.outbox.wish(key, version, warm, worker, state.commits, None);
    }
    let next = keys.last().filter(|_| keys.len() == RECORDS).map(|last| Place { stage: 0, after: last.0 });
    removed.done = next.is_none();
    if removed.done {
        (removed.answers, removed.tasks) = state.drop_answers(source, before);
    }
    Ok(Expired { removed, next })
}

impl<D: Domain> State<D> {
    /// Drops old answers of a source, and forgets that its tasks were answered; gives how many.
    fn drop_answers(&mut self, source: &str, before: Timestamp) -> (u64, u64) {
        let gone = self.payloads.drop_old(source, before);
        for letter in self.dead.values_mut() {
            letter.payload = letter.payload.filter(|payload| !gone.contains(payload));
        }
        (gone.len() as u64, self.tasks.forget_answered(source, before))
    }

    /// Whether what came at a moment is among what was dropped of its source.
    pub(super) fn was_dropped(&self, source: &Name, at: Timestamp) -> bool {
        self.expired.get(source).is_some_and(|before| at < *before)
    }

    /// Leaves out of calls what came before the moment of which their source's answers were dropped.
    pub(super) fn keep_dropped(
        &self,
        ledger: &mut Ledger<'_, D>,
        calls: &mut [FinishedCall<D>],
        now: Timestamp,
    ) {
        for (at, call) in calls.iter_mut().enumerate() {
            let Some(payload) = &mut call.payload else { continue };
            if payload.at + PROMPT < now && self.was_dropped(&call.source, payload.at) {
                payload.body = bytes::Bytes::new();
                ledger.leave_out(at);
            }
        }
    }
}
