//! Answers: the newest few MiB, and those of dead letters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::id::{Digest, Name, PayloadId, RecordKey, TaskId, hash_parts};
use crate::store::StoredPayload;
use crate::task::Payload;

pub(super) struct Payloads {
    limit: usize,
    bytes: usize,
    kept: BTreeMap<PayloadId, Kept>,
    pinned: BTreeSet<PayloadId>,
    newest: HashMap<[u8; 16], (Digest, PayloadId)>,
    next: u64,
}

struct Kept {
    payload: StoredPayload,
    shows: Vec<RecordKey>,
}

impl Payloads {
    pub(super) fn bounded(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            kept: BTreeMap::new(),
            pinned: BTreeSet::new(),
            newest: HashMap::new(),
            next: 1,
        }
    }

    /// Keeps an answer unless the newest one to the same request says the same; tells whether it is new.
    pub(super) fn keep(
        &mut self,
        mut tasks: Vec<TaskId>,
        source: &Name,
        fingerprint: Digest,
        payload: &Payload,
    ) -> (PayloadId, bool) {
        tasks.sort_unstable();
        let request = hash_parts(tasks.iter().map(|id| id.0.as_slice()));
        if let Some((_, id)) = self.newest.get(&request).filter(|(known, _)| *known == fingerprint) {
            return (*id, false);
        }
        let id = PayloadId(self.next);
        self.next += 1;
        self.newest.insert(request, (fingerprint, id));
        self.bytes += payload.body.len();
        let payload = StoredPayload {
            id,
            source: Arc::clone(source),
            status: payload.status,
            headers: payload.headers.clone(),
            // A slice of a network buffer would keep the whole buffer alive.
            body: bytes::Bytes::copy_from_slice(&payload.body),
            at: payload.at,
        };
        self.kept.insert(id, Kept { payload, shows: Vec::new() });
        self.evict(id);
        (id, true)
    }

    fn evict(&mut self, newest: PayloadId) {
        while self.bytes > self.limit {
            let oldest = self.kept.keys().find(|id| **id != newest && !self.pinned.contains(id)).copied();
            let Some(gone) = oldest.and_then(|id| self.kept.remove(&id)) else { break };
            self.bytes -= gone.payload.body.len();
        }
    }

    pub(super) fn pin(&mut self, id: PayloadId) {
        self.pinned.insert(id);
    }

    pub(super) fn link(&mut self, id: PayloadId, key: RecordKey) {
        if let Some(kept) = self.kept.get_mut(&id) {
            kept.shows.push(key);
        }
    }

    pub(super) fn blobs(&self) -> u64 {
        self.next - 1
    }

    pub(super) fn get(&self, id: PayloadId) -> Option<StoredPayload> {
        self.kept.get(&id).map(|kept| kept.payload.clone())
    }
}
