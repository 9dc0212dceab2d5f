//! Entities: what was sighted, compressed, and who owns which identity.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::archive::Archive;
use crate::clock::Timestamp;
use crate::domain::{Day, Domain, Lost, Sighting};
use crate::id::{Digest, Id, IdHash, Ids, Name, RecordKey};
use crate::sink::{Change, Facts, Record};
use crate::store::Known;
use crate::store::ledger::{EntityChange, EntityRow, Joined, Ledger};
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
    rows: HashMap<Halves, u32, BuildHasherDefault<Hashed>>,
}

/// A hash in halves, so that a row is as small as what it holds.
#[derive(PartialEq, Eq)]
struct Halves([u32; 2]);

impl Hash for Halves {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [high, low] = self.0;
        state.write_u64(u64::from(high) << 32 | u64::from(low));
    }
}

impl Owners {
    fn halves(&self, id: &IdHash) -> Halves {
        let hash = self.hasher.hash_one(id);
        Halves([(hash >> 32) as u32, hash as u32])
    }

    fn get(&self, id: &IdHash) -> Option<RecordKey> {
        self.rows.get(&self.halves(id)).map(|key| RecordKey(u64::from(*key)))
    }

    fn remove(&mut self, id: &IdHash) {
        self.rows.remove(&self.halves(id));
    }

    fn insert(&mut self, id: &IdHash, key: RecordKey) {
        self.rows.insert(self.halves(id), u32::try_from(key.0).unwrap_or(u32::MAX));
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
    ids: PackedIds,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    facts: Facts,
    /// Figures by day, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Days,
    /// Source and aspect by number, time, item.
    rows: Vec<R>,
}

type Days = Vec<(i32, Vec<Option<i64>>)>;

type Row<I> = (u32, u32, i64, I);

/// An entity that was erased.
pub(super) struct Gone {
    pub(super) version: u64,
    pub(super) ids: Ids,
    pub(super) lost: Vec<Lost>,
    pub(super) facts: Facts,
    pub(super) sightings: u64,
    pub(super) days: u64,
}

/// Strong and weak identities: kind by number, value.
#[derive(Serialize, Deserialize)]
struct PackedIds(Vec<(u32, Arc<str>)>, Vec<(u32, Arc<str>)>);

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
        keys.filter_map(|key| self.cell::<IgnoredAny>(key).map(|cell| (key, cell.version))).collect()
    }

    /// The version of a living entity.
    pub(super) fn version(&self, key: RecordKey) -> Option<u64> {
        self.cell::<IgnoredAny>(key).map(|cell| cell.version)
    }

    fn cell<I: DeserializeOwned>(&self, key: RecordKey) -> Option<Cell<Row<I>>> {
        let read = self.archive.get(key, |bytes| serde_json::from_slice::<Cell<Row<I>>>(bytes))?;
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

    fn named(&self, at: u32) -> Name {
        self.names.get(at as usize).map_or_else(|| Name::from(""), Arc::clone)
    }

    fn unpack(&self, rows: Vec<Row<D::Item>>) -> Vec<Sighting<D::Item>> {
        rows.into_iter()
            .map(|(source, aspect, at, item)| Sighting {
                source: self.named(source),
                aspect: self.named(aspect),
                seen_at: Timestamp::from_millis(at),
                item,
            })
            .collect()
    }

    fn pack_ids(&mut self, ids: Ids) -> PackedIds {
        let mut pack = |ids: Vec<Id>| ids.into_iter().map(|id| (self.name(&id.kind), id.value)).collect();
        PackedIds(pack(ids.strong), pack(ids.weak))
    }

    fn unpack_ids(&self, PackedIds(strong, weak): PackedIds) -> Ids {
        let unpack = |ids: Vec<(u32, Arc<str>)>| {
            ids.into_iter().map(|(kind, value)| Id { kind: self.named(kind), value }).collect()
        };
        Ids { strong: unpack(strong), weak: unpack(weak) }
    }

    fn row(&self, key: RecordKey) -> Option<EntityRow<D::Item>> {
        Some(self.row_and_days(key)?.0)
    }

    fn row_and_days(&self, key: RecordKey) -> Option<(EntityRow<D::Item>, Days)> {
        let Cell { version, ids, lost, facts, rows, days } = self.cell(key)?;
        let sightings = self.unpack(rows);
        let ids = self.unpack_ids(ids);
        let origins = Vec::new();
        // Made again where it is asked for: to keep it would take a sixth of what a record takes.
        let digest = Digest::default();
        Some((EntityRow { key, version, digest, ids, lost, facts, sightings, origins }, days))
    }

    /// Hands an entity to the ledger, with the digest that it compares with what comes.
    fn hand(domain: &D, ledger: &mut Ledger<'_, D>, mut row: EntityRow<D::Item>) {
        row.digest = domain.digest(&domain.merge(&row.sightings, &row.lost));
        ledger.load_entity(row);
    }

    pub(super) fn load(&self, domain: &D, ledger: &mut Ledger<'_, D>) {
        for id in ledger.identities() {
            if let Some(owner) = self.owners.get(&id) {
                ledger.load_alias(id, owner);
            }
        }
        for row in ledger.owners().into_iter().filter_map(|key| self.row(key)) {
            Self::hand(domain, ledger, row);
        }
    }

    /// Loads those of some records of which a source has said something; gives which.
    pub(super) fn load_shown(
        &self,
        domain: &D,
        ledger: &mut Ledger<'_, D>,
        keys: &[RecordKey],
        source: &str,
    ) -> Vec<RecordKey> {
        let mut shown = Vec::new();
        for row in keys.iter().filter_map(|key| self.row(*key)) {
            if row.sightings.iter().any(|sighting| *sighting.source == *source) {
                shown.push(row.key);
                Self::hand(domain, ledger, row);
            }
        }
        shown
    }

    /// Forgets the owners of identities, as far as they still are.
    pub(super) fn free(&mut self, freed: &[(IdHash, RecordKey)]) {
        for (id, key) in freed {
            if self.owners.get(id) == Some(*key) {
                self.owners.remove(id);
            }
        }
    }

    /// Forgets the figures of the days before one; gives how many.
    pub(super) fn forget_days(&mut self, key: RecordKey, before: i32) -> u64 {
        let Some(mut cell) = self.cell::<Box<RawValue>>(key) else { return 0 };
        let count = cell.days.len();
        cell.days.retain(|(day, _)| *day >= before);
        let gone = (count - cell.days.len()) as u64;
        if gone > 0 {
            self.write(key, &cell);
        }
        gone
    }

    /// Writes entities; gives those that have a past.
    pub(super) fn keep(
        &mut self,
        aliases: Vec<(IdHash, RecordKey)>,
        changes: Vec<EntityChange<D>>,
        joined: Vec<Joined>,
        today: i32,
    ) -> HashSet<RecordKey> {
        let mut with_past = HashSet::new();
        for (hash, key) in aliases {
            self.owners.insert(&hash, key);
        }
        for change in changes {
            let key = change.key;
            if self.put(change, today) {
                with_past.insert(key);
            }
        }
        for joined in joined {
            if let Some(gone) = self.cell::<IgnoredAny>(joined.key) {
                self.archive.remove(joined.key);
                self.living -= 1;
                self.sightings -= gone.rows.len() as u64;
            }
        }
        with_past
    }

    /// Writes an entity; tells whether it has a past.
    fn put(&mut self, change: EntityChange<D>, today: i32) -> bool {
        let before = if change.is_new { None } else { self.cell::<Box<RawValue>>(change.key) };
        let (rows, mut days) = before.map(|cell| (cell.rows, cell.days)).unwrap_or_default();
        keep_days(&mut days, change.measures.map(|figures| (today, figures)), change.history);
        self.living += u64::from(change.is_new);
        self.sightings = self.sightings + change.sightings as u64 - rows.len() as u64;
        let mut kept: Vec<Row<&RawValue>> = Vec::with_capacity(change.sightings);
        for one in &change.written {
            let (source, aspect) = (self.name(&one.source), self.name(&one.aspect));
            kept.push((source, aspect, one.seen_at.as_millis(), &*one.item));
        }
        let replaced = kept.len();
        let dropped: Vec<(u32, u32)> =
            change.dropped.iter().map(|(source, aspect)| (self.name(source), self.name(aspect))).collect();
        for (source, aspect, at, item) in &rows {
            let side = (*source, *aspect);
            if !dropped.contains(&side) && !kept[..replaced].iter().any(|new| (new.0, new.1) == side) {
                kept.push((*source, *aspect, *at, &**item));
            }
        }
        let cell = Cell {
            version: change.version,
            ids: self.pack_ids(change.ids),
            lost: change.lost,
            facts: change.facts,
            days,
            rows: kept,
        };
        self.write(change.key, &cell);
        cell.days.len() > 1
    }

    /// Forgets an entity; gives the version of its deletion, its identities, facts, sightings and days.
    pub(super) fn erase(&mut self, key: RecordKey) -> Option<Gone> {
        let cell = self.cell::<IgnoredAny>(key)?;
        self.archive.remove(key);
        self.living -= 1;
        self.sightings -= cell.rows.len() as u64;
        let (sightings, days) = (cell.rows.len() as u64, cell.days.len() as u64);
        let ids = self.unpack_ids(cell.ids);
        let lost = cell.lost;
        for id in ids.iter().chain(lost.iter().map(|lost| &lost.id)) {
            if self.owners.get(&id.hash()) == Some(key) {
                self.owners.remove(&id.hash());
            }
        }
        Some(Gone { version: cell.version + 1, ids, lost, facts: cell.facts, sightings, days })
    }

    /// Adds what a sink reported; gives the new version when that changed something.
    pub(super) fn add_facts(&mut self, key: RecordKey, facts: Facts) -> Option<u64> {
        let mut cell = self.cell::<Box<RawValue>>(key)?;
        let before = cell.facts.clone();
        cell.facts.extend(facts);
        if cell.facts == before {
            return None;
        }
        cell.version += 1;
        self.write(key, &cell);
        Some(cell.version)
    }

    /// The change to offer a sink: the record as it is now, or its end.
    pub(super) fn change(&self, domain: &D, key: RecordKey, version: u64) -> Change<D::Entity> {
        match self.row_and_days(key) {
            Some((row, days)) => {
                let entity = Arc::new(domain.merge_owned(row.sightings, &row.lost));
                let facts = with_trend(domain, row.facts, days);
                Change::Put(Record { key, version, entity, facts })
            }
            None => Change::Delete { key, version },
        }
    }

    pub(super) fn sighted_since(&self, source: &Name, target: &Target, after: Timestamp) -> bool {
        let Some(cell) = self.owners.get(&target.id.hash()).and_then(|key| self.cell::<IgnoredAny>(key))
        else {
            return false;
        };
        cell.rows.iter().any(|(from, aspect, at, _)| {
            let of = self.named(*from) == *source && self.named(*aspect) == target.aspect;
            of && Timestamp::from_millis(*at) > after
        })
    }

    /// When each living record was last sighted by this (source, aspect); the epoch for those that never were.
    pub(super) fn sighted(&self, (source, side): (&str, &str)) -> Vec<(Timestamp, RecordKey)> {
        let at = |key: RecordKey| {
            let rows = self.cell::<IgnoredAny>(key).map(|cell| cell.rows).unwrap_or_default();
            let mut of = rows
                .iter()
                .filter(|(from, aspect, ..)| &*self.named(*from) == source && &*self.named(*aspect) == side);
            of.next().map_or(0, |(_, _, at, _)| *at)
        };
        self.archive.keys().map(|key| (Timestamp::from_millis(at(key)), key)).collect()
    }

    pub(super) fn ids(&self, key: RecordKey) -> Option<Ids> {
        self.row(key).map(|row| row.ids)
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
        let (row, days) = self.row_and_days(key)?;
        let entity = Arc::new(domain.merge(&row.sightings, &row.lost));
        let facts = with_trend(domain, row.facts, days);
        let record = Record { key: row.key, version: row.version, entity, facts };
        Some(Known { record, ids: row.ids, lost: row.lost, sightings: row.sightings })
    }

    /// The figures of a record by day, oldest first.
    pub(super) fn history(&self, key: RecordKey) -> Vec<Day> {
        as_days(self.cell::<IgnoredAny>(key).map(|cell| cell.days).unwrap_or_default())
    }
}

fn as_days(days: Days) -> Vec<Day> {
    days.into_iter().map(|(day, figures)| Day { day, figures }).collect()
}

/// Facts, with what the days tell; one day alone tells nothing.
fn with_trend<D: Domain>(domain: &D, mut facts: Facts, days: Days) -> Facts {
    if days.len() > 1 {
        facts.extend(domain.trend(&as_days(days)));
    }
    facts
}

/// Writes what was measured today over what was measured earlier today, and fills in days that have nothing.
fn keep_days(days: &mut Days, measured: Option<(i32, Vec<Option<i64>>)>, brought: Vec<Day>) {
    let brought = brought.into_iter().map(|Day { day, figures }| (false, day, figures));
    for (replaces, day, figures) in
        measured.map(|(day, figures)| (true, day, figures)).into_iter().chain(brought)
    {
        match days.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(at) if replaces => days[at].1 = figures,
            Ok(_) => {}
            Err(at) => days.insert(at, (day, figures)),
        }
    }
}
