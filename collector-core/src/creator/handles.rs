//! Which handle is a creator's now, and which ones were.

use std::cmp::Reverse;
use std::sync::Arc;

use super::CreatorSighting;
use crate::clock::Timestamp;
use crate::domain::{Lost, Sighting};

/// Who renames daily is not told from who is renamed back and forth by two stale vendors.
const FORMER: usize = 20;

/// A handle as identities are compared: without a leading `@`, in lower case.
pub fn canonical_handle(handle: &str) -> Arc<str> {
    let bare = handle.strip_prefix('@').unwrap_or(handle);
    match bare.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => bare.to_lowercase().into(),
        false => bare.into(),
    }
}

/// The handles among the weak identities a creator has lost.
pub(super) struct LostHandles<'a> {
    lost: Vec<&'a Lost>,
}

impl<'a> LostHandles<'a> {
    /// Those of this kind.
    pub(super) fn new(lost: &'a [Lost], kind: &str) -> Self {
        Self { lost: lost.iter().filter(|lost| *lost.id.kind == *kind).collect() }
    }

    /// Whether the handle that a sighting shows has been somebody else's since.
    pub(super) fn includes(&self, handle: &str, seen_at: Timestamp) -> bool {
        // Most have lost none: then nothing is made lower-case.
        !self.lost.is_empty() && {
            let handle = canonical_handle(handle);
            self.lost.iter().any(|lost| lost.id.value == handle && lost.since >= seen_at)
        }
    }

    /// The handles shown before `present`, latest first.
    pub(super) fn former(
        &self,
        sightings: &[&Sighting<CreatorSighting>],
        present: Option<&str>,
    ) -> Vec<Box<str>> {
        let shown = sightings
            .iter()
            .filter_map(|sighting| Some((sighting.item.handle.as_deref()?, sighting.seen_at)));
        let shown = shown.filter(|(handle, _)| !handle.is_empty() && Some(*handle) != present);
        let lost = self.lost.iter().map(|lost| (&*lost.id.value, lost.since));
        let mut former: Vec<(Arc<str>, bool, Reverse<Timestamp>, &str)> = Vec::new();
        former.extend(shown.map(|(handle, at)| (canonical_handle(handle), false, Reverse(at), handle)));
        former.extend(lost.map(|(handle, at)| (canonical_handle(handle), true, Reverse(at), handle)));
        if let Some(present) = present.filter(|_| !former.is_empty()).map(canonical_handle) {
            former.retain(|(handle, ..)| *handle != present);
        }
        // Of each, as last shown; only then by time.
        former.sort_unstable();
        former.dedup_by(|later, first| later.0 == first.0);
        former.sort_unstable_by(|a, b| (a.2, &a.0).cmp(&(b.2, &b.0)));
        former.into_iter().take(FORMER).map(|(_, _, _, handle)| handle.into()).collect()
    }
}
