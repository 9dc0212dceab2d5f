//! What may be kept for so long only: whatever of it the store keeps for longer is dropped before a run begins.

use tokio_util::sync::CancellationToken;

use super::worker::Parts;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::Result;
use crate::store::{self, WorkerId};

/// Answers that are looked at together.
const LOOKED_AT: usize = 64;

/// Drops what the store keeps of a source and is older than its terms allow; tells whether there was any. The worker owes
/// the changes to the sinks; without one they are owed by whoever works next.
///
/// # Errors
/// `Storage`.
pub(super) async fn drop_outdated<D: Domain>(parts: &Parts<D>, worker: Option<&WorkerId>) -> Result<bool> {
    let (store, clock) = (&*parts.store, &*parts.clock);
    let mut any = false;
    for slot in parts.sources() {
        let Some(keep_for) = slot.keep_for else { continue };
        let before = clock.now() - keep_for;
        if !has_outdated(parts, &slot.name, before).await? {
            continue;
        }
        // Until the end: a run that went on with half of it would look as if it had all.
        let (what, to_the_end) = ((&*slot.name, before), CancellationToken::new());
        let dropped = match worker {
            Some(worker) => store::expire(store, worker, what, clock, &to_the_end).await?,
            None => store::expire_aside(store, what, clock, &to_the_end).await?,
        };
        let days = keep_for.as_secs() / 86_400;
        let store::Tidied { answers, sightings, records, .. } = dropped;
        tracing::info!(
            source = &*slot.name,
            days,
            answers,
            sightings,
            records,
            "dropped what the terms of a source's vendor let nobody keep for longer"
        );
        any = true;
    }
    Ok(any)
}

/// Whether the store keeps an answer of a source that came last before a moment.
async fn has_outdated<D: Domain>(parts: &Parts<D>, source: &str, before: Timestamp) -> Result<bool> {
    let mut after = None;
    loop {
        let answers = parts.store.answers(Some(source), after, LOOKED_AT).await?;
        let Some(last) = answers.last() else { return Ok(false) };
        after = Some(last.payload.id);
        for answer in &answers {
            // They come in the order in which they were first received: what follows is younger.
            if answer.payload.at >= before {
                return Ok(false);
            }
            if answer.last_at < before {
                return Ok(true);
            }
        }
    }
}
