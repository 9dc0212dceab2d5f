//! Answers: the newest MiB, and those of dead letters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::erase::{Cut, Traces, is_about};
use crate::id::{Digest, Name, PayloadId, RecordKey, TaskId, hash_parts};
use crate::store::{FinishedTask, KeptAnswer, StoredPayload};
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
    answer: KeptAnswer,
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
        tasks: &[FinishedTask],
        source: &Name,
        fingerprint: Digest,
        payload: &Payload,
    ) -> (PayloadId, bool) {
        let mut ids: Vec<TaskId> = tasks.iter().map(|task| task.claimed.id).collect();
        ids.sort_unstable();
        let request = hash_parts(ids.iter().map(|id| id.0.as_slice()));
        if let Some((_, id)) = self.newest.get(&request).filter(|(known, _)| *known == fingerprint) {
            if let Some(kept) = self.kept.get_mut(id) {
                kept.answer.last_at = kept.answer.last_at.max(payload.at);
            }
            return (*id, false);
        }
        let id = PayloadId(self.next);
        self.next += 1;
        self.newest.insert(request, (fingerprint, id));
        self.bytes += payload.body.len();
        let last_at = payload.at;
        let payload = StoredPayload {
            id,
            source: Arc::clone(source),
            status: payload.status,
            headers: payload.headers.clone(),
            // A slice of a network buffer would keep the whole buffer alive.
            body: bytes::Bytes::copy_from_slice(&payload.body),
            at: payload.at,
        };
        let tasks = tasks.iter().map(|task| task.claimed.task.clone()).collect();
        let answer = KeptAnswer { payload, last_at, tasks };
        self.kept.insert(id, Kept { answer, shows: Vec::new() });
        self.evict(id);
        (id, true)
    }

    fn evict(&mut self, newest: PayloadId) {
        while self.bytes > self.limit {
            let oldest = self.kept.keys().find(|id| **id != newest && !self.pinned.contains(id)).copied();
            let Some(gone) = oldest.and_then(|id| self.kept.remove(&id)) else { break };
            self.bytes -= gone.answer.payload.body.len();
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
        self.kept.get(&id).map(|kept| kept.answer.payload.clone())
    }

    /// Answers behind `after`.
    pub(super) fn answers(
        &self,
        source: Option<&str>,
        after: Option<PayloadId>,
        max: usize,
    ) -> Vec<KeptAnswer> {
        let behind = self.kept.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        let answers = behind.map(|(_, kept)| &kept.answer);
        let of = |answer: &&KeptAnswer| source.is_none_or(|source| *answer.payload.source == *source);
        answers.filter(of).take(max).cloned().collect()
    }

    /// Whom an answer shows.
    pub(super) fn shows(&self, id: PayloadId) -> Vec<RecordKey> {
        self.kept.get(&id).map(|kept| kept.shows.clone()).unwrap_or_default()
    }

    /// Drops the answers of a source that came last before a moment; gives which.
    pub(super) fn drop_old(&mut self, source: &str, before: Timestamp) -> BTreeSet<PayloadId> {
        let old = |kept: &Kept| *kept.answer.payload.source == *source && kept.answer.last_at < before;
        let gone: BTreeSet<PayloadId> =
            self.kept.iter().filter(|(_, kept)| old(kept)).map(|(id, _)| *id).collect();
        for id in &gone {
            if let Some(kept) = self.kept.remove(id) {
                self.bytes -= kept.answer.payload.body.len();
            }
            self.pinned.remove(id);
        }
        // The next answer is new, whatever it says.
        self.newest.retain(|_, (_, id)| !gone.contains(id));
        gone
    }

    /// Takes somebody out of every answer; gives those that are gone, and how many were written again.
    pub(super) fn cut(&mut self, traces: &Traces) -> (Vec<PayloadId>, u64) {
        let (mut gone, mut rewritten) = (Vec::new(), 0);
        for (id, kept) in &mut self.kept {
            let asked = kept.answer.tasks.iter().any(|task| is_about(task, traces));
            let body = &mut kept.answer.payload.body;
            match traces.cut(body) {
                _ if asked => gone.push(*id),
                Cut::Untouched => {}
                Cut::Nothing => gone.push(*id),
                Cut::Rest(rest) => {
                    self.bytes = self.bytes - body.len() + rest.len();
                    *body = rest;
                    rewritten += 1;
                }
            }
        }
        for id in &gone {
            if let Some(kept) = self.kept.remove(id) {
                self.bytes -= kept.answer.payload.body.len();
            }
            self.pinned.remove(id);
        }
        (gone, rewritten)
    }
}
