//! What sinks are owed: one row per entity with the wanted version and the sinks still owing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::ErrorKind;
use crate::id::{DeadId, Name, RecordKey};
use crate::sink::{Change, Facts, Position, Record};
use crate::store::{DeadLetter, Fate, Settled, SinkCounts, WorkerId};
use crate::task::Task;

/// Merged entities kept with their rows, so that projecting them soon costs no second merge.
const WARM_ENTITIES: usize = 4_096;

pub(super) struct Outbox<D: Domain> {
    sinks: Vec<Sink>,
    rows: BTreeMap<RecordKey, Row<D>>,
    /// Rows by the commit of their oldest wish, for runs that wait for them.
    since: BTreeMap<u64, u64>,
    active: u64,
    versions: u64,
    warm: usize,
}

struct Sink {
    name: Name,
    counts: SinkCounts,
    position: Option<Position>,
    ready: BTreeSet<RecordKey>,
    waiting: BTreeMap<RecordKey, Timestamp>,
    /// Who has which version.
    taken: HashMap<RecordKey, (WorkerId, u64)>,
}

struct Row<D: Domain> {
    version: u64,
    owed: u64,
    since: u64,
    owner: Option<WorkerId>,
    entity: Option<Arc<D::Entity>>,
}

/// What a settled change leads to elsewhere.
#[derive(Default)]
pub(super) struct Effect {
    pub(super) facts: Option<Facts>,
    pub(super) rejected: Option<DeadLetter>,
    pub(super) ask: Vec<Task>,
}

impl<D: Domain> Default for Outbox<D> {
    fn default() -> Self {
        Self {
            sinks: Vec::new(),
            rows: BTreeMap::new(),
            since: BTreeMap::new(),
            active: 0,
            versions: 0,
            warm: 0,
        }
    }
}

impl<D: Domain> Outbox<D> {
    /// Registers sinks; a new one owes every living entity.
    pub(super) fn register(
        &mut self,
        names: &[Name],
        worker: &WorkerId,
        commit: u64,
        living: Vec<(RecordKey, u64)>,
    ) -> Vec<Option<Position>> {
        self.active = 0;
        let mut positions = Vec::with_capacity(names.len());
        for name in names {
            let at = self.sinks.iter().position(|sink| sink.name == *name);
            let at = at.unwrap_or_else(|| {
                self.sinks.push(Sink {
                    name: Arc::clone(name),
                    counts: SinkCounts::default(),
                    position: None,
                    ready: BTreeSet::new(),
                    waiting: BTreeMap::new(),
                    taken: HashMap::new(),
                });
                let at = self.sinks.len() - 1;
                for (key, version) in &living {
                    self.owe(*key, *version, 1 << at, None, worker, commit);
                }
                at
            });
            self.active |= 1 << at;
            positions.push(self.sinks[at].position.clone());
        }
        positions
    }

    /// Wishes a version of an entity at every sink, or at all but the one that reported it.
    pub(super) fn wish(
        &mut self,
        key: RecordKey,
        version: u64,
        entity: Option<Arc<D::Entity>>,
        worker: &WorkerId,
        commit: u64,
        but: Option<&str>,
    ) {
        self.versions += 1;
        let all = self.sinks.iter().enumerate();
        let mask = all.filter(|(_, sink)| Some(&*sink.name) != but).fold(0, |mask, (at, _)| mask | 1 << at);
        self.owe(key, version, mask, entity, worker, commit);
    }

    /// Owes a record to one sink once more, which may not exist; it is nobody's until a worker beats.
    pub(super) fn owe_again(&mut self, sink: &str, key: RecordKey, version: u64, commit: u64) -> bool {
        let Some(at) = self.index(sink) else { return false };
        let owner = self.rows.get(&key).and_then(|row| row.owner.clone());
        self.owe_to(key, version, 1 << at, None, owner, commit);
        true
    }

    fn owe(
        &mut self,
        key: RecordKey,
        version: u64,
        mask: u64,
        entity: Option<Arc<D::Entity>>,
        worker: &WorkerId,
        commit: u64,
    ) {
        self.owe_to(key, version, mask, entity, Some(Arc::clone(worker)), commit);
    }

    fn owe_to(
        &mut self,
        key: RecordKey,
        version: u64,
        mask: u64,
        entity: Option<Arc<D::Entity>>,
        owner: Option<WorkerId>,
        commit: u64,
    ) {
        let before = self.rows.get(&key).map_or(0, |row| row.owed);
        if before | mask == 0 {
            return;
        }
        for (at, sink) in self.sinks.iter_mut().enumerate() {
            if mask & 1 << at == 0 {
                continue;
            }
            sink.counts.wanted += 1;
            // A wish that is still owed is replaced by the newer one.
            if before & 1 << at != 0 {
                sink.counts.superseded += 1
            } else {
                sink.counts.pending += 1
            }
            sink.waiting.remove(&key);
            if !sink.taken.contains_key(&key) {
                sink.ready.insert(key);
            }
        }
        let entity = entity.filter(|_| self.warm < WARM_ENTITIES);
        self.warm += usize::from(entity.is_some());
        let since = self.rows.get(&key).map_or(commit, |row| row.since);
        let row = Row { version, owed: before | mask, since, owner, entity };
        match self.rows.insert(key, row) {
            Some(old) => self.warm -= usize::from(old.entity.is_some()),
            None => *self.since.entry(since).or_insert(0) += 1,
        }
    }

    fn index(&self, sink: &str) -> Option<usize> {
        self.sinks.iter().position(|known| &*known.name == sink)
    }

    /// Takes what a sink is owed, in order of the keys; `None` when that takes reading records and there is no way to.
    pub(super) fn take(
        &mut self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
        read: Option<&dyn Fn(RecordKey, u64) -> Change<D::Entity>>,
    ) -> Option<Vec<Change<D::Entity>>> {
        let Some(at) = self.index(sink) else { return Some(Vec::new()) };
        let sink = &mut self.sinks[at];
        let due: Vec<RecordKey> =
            sink.waiting.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
        for key in due {
            sink.waiting.remove(&key);
            sink.ready.insert(key);
        }
        let rows = &self.rows;
        let mine = |key: &RecordKey| rows.get(key).filter(|row| row.owner.as_ref() == Some(worker));
        let mut changes = Vec::new();
        let due = sink.ready.iter().filter_map(|key| Some((*key, mine(key)?)));
        for (key, row) in due.take(max) {
            let (version, entity) = (row.version, row.entity.as_ref().map(Arc::clone));
            changes.push(match (entity, read) {
                (Some(entity), _) => Change::Put(Record { key, version, entity, facts: Facts::new() }),
                (None, read) => read?(key, version),
            });
        }
        for change in &changes {
            sink.ready.remove(&change.key());
            sink.taken.insert(change.key(), (Arc::clone(worker), change.version()));
        }
        Some(changes)
    }

    pub(super) fn settle(&mut self, sink: &str, settled: Settled) -> Effect {
        let mut effect = Effect::default();
        let Some(at) = self.index(sink) else { return effect };
        let Settled { key, version, fate } = settled;
        let sink = &mut self.sinks[at];
        // A settlement sent twice must not free the newer version that somebody has taken since.
        if sink.taken.get(&key).is_some_and(|(_, taken)| *taken != version) {
            return effect;
        }
        sink.taken.remove(&key);
        let Some(row) = self.rows.get_mut(&key).filter(|row| row.owed & 1 << at != 0) else { return effect };
        if let Fate::Owed { not_before, ask } = fate {
            sink.waiting.insert(key, not_before);
            // By then it may show a newly signed link, which makes no version: it is made anew.
            self.warm -= usize::from(row.entity.take().is_some());
            effect.ask = ask;
            return effect;
        }
        if row.version != version {
            // A newer version was wished meanwhile; the old one is counted already.
            sink.ready.insert(key);
            return effect;
        }
        sink.counts.pending -= 1;
        match fate {
            Fate::Stored(facts) => {
                sink.counts.stored += 1;
                effect.facts = Some(facts).filter(|facts| !facts.is_empty());
            }
            Fate::Superseded | Fate::Owed { .. } => sink.counts.superseded += 1,
            Fate::Rejected(reason) => {
                sink.counts.rejected += 1;
                effect.rejected = Some(refusal(&sink.name, key, version, reason));
            }
        }
        row.owed &= !(1 << at);
        if row.owed == 0
            && let Some(row) = self.rows.remove(&key)
        {
            self.warm -= usize::from(row.entity.is_some());
            if let Some(count) = self.since.get_mut(&row.since) {
                *count -= 1;
                if *count == 0 {
                    self.since.remove(&row.since);
                }
            }
        }
        effect
    }

    pub(super) fn keep_position(&mut self, sink: &str, position: Position) {
        if let Some(at) = self.index(sink) {
            self.sinks[at].position = Some(position);
        }
    }

    /// Rows owed to a registered sink since that commit or before.
    pub(super) fn pending_since(&self, commit: u64) -> u64 {
        if self.sinks.len() == self.active.count_ones() as usize {
            return self.since.range(..=commit).map(|(_, rows)| rows).sum();
        }
        let owed = |row: &&Row<D>| row.owed & self.active != 0 && row.since <= commit;
        self.rows.values().filter(owed).count() as u64
    }

    fn reassign(&mut self, of: impl Fn(Option<&WorkerId>) -> bool, to: Option<&WorkerId>) {
        for row in self.rows.values_mut().filter(|row| of(row.owner.as_ref())) {
            row.owner = to.cloned();
        }
        for sink in &mut self.sinks {
            let freed: Vec<RecordKey> =
                sink.taken.iter().filter(|(_, (holder, _))| of(Some(holder))).map(|(key, _)| *key).collect();
            for key in freed {
                sink.taken.remove(&key);
                sink.ready.insert(key);
            }
        }
    }

    pub(super) fn move_owner(&mut self, from: &WorkerId, to: &WorkerId) {
        self.reassign(|owner| owner == Some(from), Some(to));
    }

    pub(super) fn disown(&mut self, worker: &WorkerId) {
        self.reassign(|owner| owner == Some(worker), None);
    }

    pub(super) fn adopt(&mut self, worker: &WorkerId) {
        if self.rows.values().any(|row| row.owner.is_none()) {
            self.reassign(|owner| owner.is_none(), Some(worker));
        }
    }

    pub(super) fn versions(&self) -> u64 {
        self.versions
    }

    pub(super) fn balances(&self) -> BTreeMap<String, SinkCounts> {
        self.sinks.iter().map(|sink| (sink.name.to_string(), sink.counts)).collect()
    }
}

fn refusal(sink: &Name, key: RecordKey, version: u64, reason: String) -> DeadLetter {
    DeadLetter {
        id: DeadId(0),
        part: sink.to_string(),
        what: format!("record {key} version {version}"),
        task: None,
        record: Some(key),
        kind: ErrorKind::Rejected,
        message: reason,
        payload: None,
        run: None,
        at: Timestamp::default(),
    }
}
