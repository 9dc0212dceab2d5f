//! What may be kept for so long only: a run is refused while the store keeps something older.
//!
//! A store drops nothing by itself, and an answer shows many people; so what a vendor's terms do not let anybody keep for
//! longer is kept in a store of its own, and that store is begun anew in time.

use super::worker::{Parts, Slot};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};

/// Answers that are looked at together.
const LOOKED_AT: usize = 64;

/// Refuses to go on with sources of which the store keeps what is too old.
///
/// # Errors
/// `ConfigInvalid` naming the source, the day of the oldest answer, and what to do; `Storage`.
pub(super) async fn refuse_outdated<D: Domain>(parts: &Parts<D>) -> Result<()> {
    for slot in &parts.slots {
        if let Some((keep_for, at)) = outdated(parts, slot).await? {
            let days = keep_for.as_secs() / 86_400;
            let message = format!(
                "the terms of this source's vendor let nobody keep what it gave for more than {days} days without getting \
                 it anew, and the store keeps an answer from {at}: collect into a new store, and delete this one"
            );
            return Err(Error::new(ErrorKind::ConfigInvalid, message).with("source", &slot.name));
        }
    }
    Ok(())
}

/// The first answer of a source that is too old, by when it was received last.
async fn outdated<D: Domain>(
    parts: &Parts<D>,
    slot: &Slot<D>,
) -> Result<Option<(std::time::Duration, Timestamp)>> {
    let Some(keep_for) = slot.keep_for else { return Ok(None) };
    let oldest = parts.clock.now() - keep_for;
    let mut after = None;
    loop {
        let answers = parts.store.answers(Some(&slot.name), after, LOOKED_AT).await?;
        let Some(last) = answers.last() else { return Ok(None) };
        after = Some(last.payload.id);
        for answer in &answers {
            // They come in the order in which they were first received: what follows is younger.
            if answer.payload.at >= oldest {
                return Ok(None);
            }
            if answer.last_at < oldest {
                return Ok(Some((keep_for, answer.last_at)));
            }
        }
    }
}
