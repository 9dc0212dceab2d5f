//! Entities: what was sighted, compressed, and who owns which identity.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::archive::Archive;
use crate::clock::Timestamp;
use crate::domain::{Domain, Lost, Sighting};
use crate::id::{Digest, Id, IdHash, Ids, Name, RecordKey};
use crate::sink::{Change, Facts, Record};
use crate::store::Known;
use crate::store::ledger::{Changes, EntityChange, EntityRow, Ledger};
use crate::task::Target;

pub(super) struct Entities<D: Domain> {
    archive: Archive,
    owners: Owners,
    names: Vec<Name>,
    keys_given: u64,
    living: u64,
    sightings: u64,
    scratch: Vec<u8>,
    domain: PhantomData<fn() -> D>,
}

/// Who owns which identity. Most of what the store in memory holds are these rows, so they are small: 64 bits of a
/// hash with a key of this process, which nobody outside can aim at.
#[derive(Default)]
struct Owners {
    hasher: RandomState,
    rows: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
}

impl Owners {
    fn get(&self, id: &IdHash) -> Option<RecordKey> {
        self.rows.get(&self.hasher.hash_one(id)).map(|key| RecordKey(u64::from(*key)))
    }

    fn insert(&mut self, id: &IdHash, key: RecordKey) {
        self.rows.insert(self.hasher.hash_one(id), u32::try_from(key.0).unwrap_or(u32::MAX));
    }
}

/// Takes what is a hash already as it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An entity as it is archived, with its sightings as JSON behind it.
#[derive(Serialize, Deserialize)]
struct Cell<R> {
    version: u64,
    digest: [u8; 16],
    /// Its identities, when they are more than its sightings show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ids: Option<Ids>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    facts: Facts,
    /// Source and aspect by number, time, item.
    rows: Vec<R>,
}

type Row<I> = (u32, u32, i64, I);

impl<D: Domain> Default for Entities<D> {
    fn default() -> Self {
        Self {
            archive: Archive::default(),
            owners: Owners::default(),
            names: Vec::new(),
            keys_given: 0,
            living: 0,
            sightings: 0,
            scratch: Vec::new(),
            domain: PhantomData,
        }
    }
}

impl<D: Domain> Entities<D> {
    pub(super) fn next_key(&mut self) -> RecordKey {
        self.keys_given += 1;
        RecordKey(self.keys_given)
    }

    pub(super) fn living(&self) -> u64 {
        self.living
    }

    pub(super) fn sightings(&self) -> u64 {
        self.sightings
    }

    /// Every living entity and its version.
    pub(super) fn keys(&self) -> Vec<(RecordKey, u64)> {
        let keys = self.archive.keys();
        keys.filter_map(|key| self.cell(key).map(|cell| (key, cell.version))).collect()
    }

    fn cell(&self, key: RecordKey) -> Option<Cell<Row<D::Item>>> {
        let read = self.archive.get(key, |bytes| serde_json::from_slice::<Cell<Row<D::Item>>>(bytes))?;
        read.inspect_err(|error| tracing::error!(%error, "an item does not read back as it was written")).ok()
    }

    fn write(&mut self, key: RecordKey, cell: &Cell<impl Serialize>) {
        self.scratch.clear();
        match serde_json::to_writer(&mut self.scratch, cell) {
            Ok(()) => self.archive.put(key, &self.scratch),
            Err(error) => tracing::error!(%error, "an item cannot be written as JSON and is lost"),
        }
    }

    fn name(&mut self, name: &Name) -> u32 {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(Arc::clone(name));
            self.names.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn unpack(&self, rows: Vec<Row<D::Item>>) -> Vec<Sighting<D::Item>> {
        let name = |at: u32| self.names.get(at as usize).map_or_else(|| Name::from(""), Arc::clone);
        rows.into_iter()
            .map(|(source, aspect, at, item)| Sighting {
                source: name(source),
                aspect: name(aspect),
                seen_at: Timestamp::from_millis(at),
                item,
            })
            .collect()
    }

    /// The identities that the sightings themselves show.
    fn shown(domain: &D, sightings: &[Sighting<D::Item>]) -> Ids {
        let mut ids = Ids::none();
        for sighting in sightings {
            let about = domain.about(&sighting.item).ids;
            for id in about.strong {
                if ids.get(&id.kind).is_none() {
                    ids.strong.push(id);
                }
            }
            for id in about.weak {
                if !ids.weak.contains(&id) {
                    ids.weak.push(id);
                }
            }
        }
        ids
    }

    fn row(&self, domain: &D, key: RecordKey) -> Option<EntityRow<D::Item>> {
        let Cell { version, digest, ids, lost, facts, rows } = self.cell(key)?;
        let sightings = self.unpack(rows);
        let ids = ids.unwrap_or_else(|| Self::shown(domain, &sightings));
        Some(EntityRow { key, version, digest: Digest(digest), ids, lost, facts, sightings })
    }

    pub(super) fn load(&self, domain: &D, ledger: &mut Ledger<'_, D>) {
        for id in ledger.identities() {
            if let Some(owner) = self.owners.get(&id) {
                ledger.load_alias(id, owner);
            }
        }
        for key in ledger.owners() {
            if let Some(row) = self.row(domain, key) {
                ledger.load_entity(row);
            }
        }
    }

    pub(super) fn keep(&mut self, domain: &D, changes: Changes<D>) {
        for (hash, key) in changes.aliases {
            self.owners.insert(&hash, key);
        }
        for change in changes.entities {
            self.put(domain, change);
        }
        for joined in changes.joined {
            if let Some(gone) = self.cell(joined.key) {
                self.archive.remove(joined.key);
                self.living -= 1;
                self.sightings -= gone.rows.len() as u64;
            }
        }
    }

    fn put(&mut self, domain: &D, change: EntityChange<D>) {
        let before = if change.is_new { None } else { self.cell(change.key).map(|cell| cell.rows.len()) };
        self.living += u64::from(before.is_none());
        self.sightings = self.sightings + change.sightings.len() as u64 - before.unwrap_or(0) as u64;
        let ids = (Self::shown(domain, &change.sightings) != change.ids).then_some(change.ids);
        let rows = change
            .sightings
            .iter()
            .map(|one| (self.name(&one.source), self.name(&one.aspect), one.seen_at.as_millis(), &one.item))
            .collect();
        let cell = Cell {
            version: change.version,
            digest: change.digest.0,
            ids,
            lost: change.lost,
            facts: change.facts,
            rows,
        };
        self.write(change.key, &cell);
    }

    /// Adds what a sink reported; gives the new version when that changed something.
    pub(super) fn add_facts(&mut self, key: RecordKey, facts: Facts) -> Option<u64> {
        let mut cell = self.cell(key)?;
        let before = cell.facts.clone();
        cell.facts.extend(facts);
        if cell.facts == before {
            return None;
        }
        cell.version += 1;
        self.write(key, &cell);
        Some(cell.version)
    }

    /// The change to offer a sink: the record as it is now, or its end. A merged entity that is still at hand, of a
    /// record without facts, saves reading it.
    pub(super) fn change(
        &self,
        domain: &D,
        key: RecordKey,
        version: u64,
        entity: Option<Arc<D::Entity>>,
    ) -> Change<D::Entity> {
        if let Some(entity) = entity {
            return Change::Put(Record { key, version, entity, facts: Facts::new() });
        }
        match self.row(domain, key) {
            Some(row) => {
                let entity = Arc::new(domain.merge(&row.sightings, &row.lost));
                Change::Put(Record { key, version, entity, facts: row.facts })
            }
            None => Change::Delete { key, version },
        }
    }

    pub(super) fn sighted_since(&self, source: &Name, target: &Target, after: Timestamp) -> bool {
        let Some(cell) = self.owners.get(&target.id.hash()).and_then(|key| self.cell(key)) else {
            return false;
        };
        let of = |one: &Sighting<D::Item>| one.source == *source && one.aspect == target.aspect;
        self.unpack(cell.rows).iter().any(|one| of(one) && one.seen_at > after)
    }

    pub(super) fn ids(&self, domain: &D, key: RecordKey) -> Option<Ids> {
        self.row(domain, key).map(|row| row.ids)
    }

    pub(super) fn find(&self, domain: &D, id: &Id) -> Option<Known<D>> {
        self.known(domain, self.owners.get(&id.hash())?)
    }

    /// The living record an identity belongs to.
    pub(super) fn owner(&self, id: &Id) -> Option<RecordKey> {
        self.owners.get(&id.hash()).filter(|key| self.archive.get(*key, |_| ()).is_some())
    }

    /// The keys of living records behind `after`.
    pub(super) fn keys_after(&self, after: Option<RecordKey>, max: usize) -> Vec<RecordKey> {
        self.archive.keys().filter(|key| after.is_none_or(|after| *key > after)).take(max).collect()
    }

    /// Everything known about a record.
    pub(super) fn known(&self, domain: &D, key: RecordKey) -> Option<Known<D>> {
        let row = self.row(domain, key)?;
        let entity = Arc::new(domain.merge(&row.sightings, &row.lost));
        let record = Record { key: row.key, version: row.version, entity, facts: row.facts };
        Some(Known { record, ids: row.ids, lost: row.lost, sightings: row.sightings })
    }
}
