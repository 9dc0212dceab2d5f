//! Entities: what was sighted, compressed, and who owns which identity.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::{Domain, Lost, Sighting};
use crate::id::{Digest, Id, IdHash, Ids, Name, RecordKey};
use crate::sink::{Change, Facts, Record};
use crate::store::Known;
use crate::store::ledger::{Changes, EntityChange, EntityRow, Ledger};
use crate::task::Target;

/// Field names and link prefixes repeat from sighting to sighting; the first ones seen serve as dictionary.
const DICTIONARY_BYTES: usize = 2048;

pub(super) struct Entities<D: Domain> {
    /// By key, from 1.
    cells: Vec<Option<Cell>>,
    owners: HashMap<IdHash, RecordKey>,
    names: Vec<Name>,
    dictionary: Vec<u8>,
    keys_given: u64,
    living: u64,
    sightings: u64,
    domain: PhantomData<fn() -> D>,
}

struct Cell {
    version: u64,
    digest: Digest,
    sightings: Box<[u8]>,
    count: u32,
    dictionary: u32,
    extra: Option<Box<Extra>>,
}

/// What most entities do not have.
#[derive(Default, PartialEq)]
struct Extra {
    /// Its identities, when they are more than its sightings show.
    ids: Option<Ids>,
    lost: Vec<Lost>,
    facts: Facts,
}

impl<D: Domain> Default for Entities<D> {
    fn default() -> Self {
        Self {
            cells: vec![None],
            owners: HashMap::new(),
            names: Vec::new(),
            dictionary: Vec::new(),
            keys_given: 0,
            living: 0,
            sightings: 0,
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
        let cells = self.cells.iter().enumerate();
        cells
            .filter_map(|(key, cell)| cell.as_ref().map(|cell| (RecordKey(key as u64), cell.version)))
            .collect()
    }

    fn cell(&self, key: RecordKey) -> Option<&Cell> {
        self.cells.get(usize::try_from(key.0).ok()?)?.as_ref()
    }

    fn name(&mut self, name: &Name) -> u32 {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(Arc::clone(name));
            self.names.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn pack(&mut self, sightings: &[Sighting<D::Item>]) -> (Box<[u8]>, u32) {
        let rows: Vec<_> = sightings
            .iter()
            .map(|one| (self.name(&one.source), self.name(&one.aspect), one.seen_at.as_millis(), &one.item))
            .collect();
        let plain = match serde_json::to_vec(&rows) {
            Ok(plain) => plain,
            Err(error) => {
                tracing::error!(%error, "an item cannot be written as JSON and is lost");
                b"[]".to_vec()
            }
        };
        let dictionary = self.dictionary.len();
        let packed = lz4_flex::block::compress_prepend_size_with_dict(&plain, &self.dictionary);
        if dictionary < DICTIONARY_BYTES {
            self.dictionary.extend_from_slice(&plain);
        }
        (packed.into_boxed_slice(), u32::try_from(dictionary).unwrap_or(u32::MAX))
    }

    fn unpack(&self, cell: &Cell) -> Vec<Sighting<D::Item>> {
        // The dictionary only grows at its end, so its beginning is what it was.
        let dictionary = self.dictionary.get(..cell.dictionary as usize).unwrap_or(&self.dictionary);
        let rows: Result<Vec<(u32, u32, i64, D::Item)>, _> =
            match lz4_flex::block::decompress_size_prepended_with_dict(&cell.sightings, dictionary) {
                Ok(plain) => serde_json::from_slice(&plain),
                Err(error) => Err(serde::de::Error::custom(error)),
            };
        let rows = rows.unwrap_or_else(|error| {
            tracing::error!(%error, "an item does not read back as it was written");
            Vec::new()
        });
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
        let cell = self.cell(key)?;
        let sightings = self.unpack(cell);
        let extra = cell.extra.as_deref();
        let ids =
            extra.and_then(|extra| extra.ids.clone()).unwrap_or_else(|| Self::shown(domain, &sightings));
        Some(EntityRow {
            key,
            version: cell.version,
            digest: cell.digest,
            ids,
            lost: extra.map(|extra| extra.lost.clone()).unwrap_or_default(),
            facts: extra.map(|extra| extra.facts.clone()).unwrap_or_default(),
            sightings,
        })
    }

    pub(super) fn load(&self, domain: &D, ledger: &mut Ledger<'_, D>) {
        for id in ledger.identities() {
            if let Some(owner) = self.owners.get(&id) {
                ledger.load_alias(id, *owner);
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
            self.owners.insert(hash, key);
        }
        for change in changes.entities {
            self.put(domain, change);
        }
        for joined in changes.joined {
            if let Some(gone) = usize::try_from(joined.key.0)
                .ok()
                .and_then(|at| self.cells.get_mut(at))
                .and_then(Option::take)
            {
                self.living -= 1;
                self.sightings -= u64::from(gone.count);
            }
        }
    }

    fn put(&mut self, domain: &D, change: EntityChange<D>) {
        let Ok(at) = usize::try_from(change.key.0) else { return };
        if self.cells.len() <= at {
            self.cells.resize_with(at + 1, || None);
        }
        let (sightings, dictionary) = self.pack(&change.sightings);
        let ids = (Self::shown(domain, &change.sightings) != change.ids).then_some(change.ids);
        let extra = Extra { ids, lost: change.lost, facts: change.facts };
        let extra = (extra != Extra::default()).then(|| Box::new(extra));
        let count = u32::try_from(change.sightings.len()).unwrap_or(u32::MAX);
        let cell =
            Cell { version: change.version, digest: change.digest, sightings, count, dictionary, extra };
        let before = self.cells[at].replace(cell);
        self.sightings =
            self.sightings + u64::from(count) - before.as_ref().map_or(0, |old| u64::from(old.count));
        self.living += u64::from(before.is_none());
    }

    /// Adds what a sink reported; gives the new version when that changed something.
    pub(super) fn add_facts(&mut self, key: RecordKey, facts: Facts) -> Option<u64> {
        let at = usize::try_from(key.0).ok()?;
        let cell = self.cells.get_mut(at)?.as_mut()?;
        let extra = cell.extra.get_or_insert_default();
        let mut changed = false;
        for (name, value) in facts {
            if extra.facts.get(&name) != Some(&value) {
                extra.facts.insert(name, value);
                changed = true;
            }
        }
        if !changed {
            return None;
        }
        cell.version += 1;
        Some(cell.version)
    }

    /// The change to offer a sink: the record as it is now, or its end.
    pub(super) fn change(
        &self,
        domain: &D,
        key: RecordKey,
        version: u64,
        entity: Option<Arc<D::Entity>>,
    ) -> Change<D::Entity> {
        let Some(cell) = self.cell(key) else { return Change::Delete { key, version } };
        let extra = cell.extra.as_deref();
        let entity = entity.unwrap_or_else(|| {
            let lost = extra.map(|extra| extra.lost.as_slice()).unwrap_or_default();
            Arc::new(domain.merge(&self.unpack(cell), lost))
        });
        let facts = extra.map(|extra| extra.facts.clone()).unwrap_or_default();
        Change::Put(Record { key, version, entity, facts })
    }

    pub(super) fn sighted_since(&self, source: &Name, target: &Target, after: Timestamp) -> bool {
        let Some(cell) = self.owners.get(&target.id.hash()).and_then(|key| self.cell(*key)) else {
            return false;
        };
        self.unpack(cell)
            .iter()
            .any(|one| one.source == *source && one.aspect == target.aspect && one.seen_at > after)
    }

    pub(super) fn ids(&self, domain: &D, key: RecordKey) -> Option<Ids> {
        self.row(domain, key).map(|row| row.ids)
    }

    pub(super) fn find(&self, domain: &D, id: &Id) -> Option<Known<D>> {
        let row = self.row(domain, *self.owners.get(&id.hash())?)?;
        let entity = Arc::new(domain.merge(&row.sightings, &row.lost));
        let record = Record { key: row.key, version: row.version, entity, facts: row.facts };
        Some(Known { record, ids: row.ids, lost: row.lost, sightings: row.sightings })
    }
}
