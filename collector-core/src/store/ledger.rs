//! Who is who, and what is new: the one place where sightings become entities.
//!
//! Pure, so that every store means the same by it: a store loads the rows that the sightings touch, lets the
//! ledger decide, and writes what it says.
//!
//! ```text
//! add(calls) ─▶ identities() ─▶ [store loads aliases] ─▶ load_alias ─▶ owners() ─▶ [store loads entities] ─▶ load_entity ─▶ close()
//! ```
//!
//! # Rules
//! * A strong identity belongs to one entity for ever. The strongest one decides; two values of one strong kind
//!   are never one entity.
//! * A weak identity belongs to whoever showed it last; its former owner loses it and is looked up.
//! * A sighting without strong identities belongs to its weak identity's present owner.
//! * Entities that turn out to be one are joined into the older key; the other is deleted at every sink.
//! * Of each (source, aspect) the latest sighting counts, so the result does not depend on the order of commits.
//! * What may not be kept any longer is [dropped](Ledger::drop_sightings), with the identities that nothing else shows;
//!   an entity of which no sighting is left ends.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::domain::{Day, Domain, Lost, Sighting};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, Id, IdHash, Ids, Name, PayloadId, RecordKey};
use crate::sink::Facts;

/// Weak identities remembered as lost per entity; the newest are kept.
const MAX_LOST: usize = 16;

/// An entity as a store keeps it.
#[derive(Debug)]
pub struct EntityRow<I> {
    /// Its key.
    pub key: RecordKey,
    /// Its version.
    pub version: u64,
    /// What it was when the version was given.
    pub digest: Digest,
    /// Its identities; weak ones are those it owns now.
    pub ids: Ids,
    /// Weak identities it does not show any more.
    pub lost: Vec<Lost>,
    /// What sinks reported.
    pub facts: Facts,
    /// The latest sighting of each (source, aspect).
    pub sightings: Vec<Sighting<I>>,
    /// The answer that each of them came in, as far as that is known; those left out are not.
    pub origins: Vec<Option<PayloadId>>,
}

/// An answer that is kept already and was read again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Its number.
    pub payload: PayloadId,
    /// Whom it showed when it was read before; entities that have ended are left out.
    pub shows: Vec<RecordKey>,
}

/// That somebody with this identity was erased: the kinds of strong identities that were known of them. Whoever shows
/// another value of one of them is somebody else, who has the same handle now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bar(pub Arc<[Arc<str>]>);

impl Bar {
    /// The bar for somebody with these identities.
    pub fn of(ids: &Ids) -> Self {
        Self(ids.strong.iter().map(|id| Arc::clone(&id.kind)).collect())
    }
}

impl From<Arc<[Arc<str>]>> for Bar {
    fn from(kinds: Arc<[Arc<str>]>) -> Self {
        Self(kinds)
    }
}

/// Somebody erased whom a call shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptOut {
    /// The call.
    pub call: usize,
    /// Who they are there: more may be known than when they were erased.
    pub ids: Ids,
}

/// An entity that was touched.
pub struct EntityChange<D: Domain> {
    /// Its key.
    pub key: RecordKey,
    /// Whether no row exists yet.
    pub is_new: bool,
    /// Whether it has a new version: then it is owed to every sink.
    pub changed: bool,
    /// Its version now.
    pub version: u64,
    /// What it is now.
    pub digest: Digest,
    /// Its identities now.
    pub ids: Ids,
    /// Weak identities it does not show any more.
    pub lost: Vec<Lost>,
    /// Whether `ids` or `lost` differ from the row.
    pub identity_changed: bool,
    /// The merged view.
    pub entity: Arc<D::Entity>,
    /// What sinks reported, joined entities' included.
    pub facts: Facts,
    /// The day's figures; only when `changed`.
    pub measures: Option<Vec<Option<i64>>>,
    /// Figures of other days that items brought, by day. What was measured on a day itself stands against them.
    pub history: Vec<Day>,
    /// How many sightings count now.
    pub sightings: usize,
    /// Those of them that are to be written: each replaces the one of its (source, aspect).
    pub written: Vec<Written>,
    /// The (source, aspect) of those that are not kept any longer.
    pub dropped: Vec<(Name, Name)>,
}

/// A sighting as a store keeps it.
#[derive(Debug, Clone)]
pub struct Written {
    /// Who said it.
    pub source: Name,
    /// Which side it shows.
    pub aspect: Name,
    /// When it was true.
    pub seen_at: Timestamp,
    /// The call it came in; `None` for one that was known before and to which something was added.
    pub call: Option<usize>,
    /// The kept answer it came in, if it is no call's.
    pub origin: Option<PayloadId>,
    /// What was said, as JSON.
    pub item: Box<RawValue>,
}

impl<D: Domain> std::fmt::Debug for EntityChange<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EntityChange({} version {}, changed: {})", self.key, self.version, self.changed)
    }
}

/// An entity that turned out to be another, or of which nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The entity that ends; a row of it exists.
    pub key: RecordKey,
    /// The version of its deletion.
    pub version: u64,
    /// The entity that goes on; the one that ends when none does.
    pub into: RecordKey,
}

/// How many items of a call changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCounts {
    /// Items that changed an entity.
    pub changed: u64,
    /// Items that told nothing new.
    pub unchanged: u64,
    /// Items without any identity: nobody to attach them to.
    pub malformed: u64,
}

/// Everything a store has to write.
pub struct Changes<D: Domain> {
    /// Identities and their owners now, by hash: insert or replace.
    pub aliases: Vec<(IdHash, RecordKey)>,
    /// Identities that are nobody's any more, as far as they were this entity's.
    pub freed: Vec<(IdHash, RecordKey)>,
    /// Touched entities, by key.
    pub entities: Vec<EntityChange<D>>,
    /// Ended entities, by key.
    pub joined: Vec<Joined>,
    /// Which entity appears in which call's answer, by key.
    pub links: Vec<(RecordKey, usize)>,
    /// Counts by call.
    pub counts: Vec<CallCounts>,
    /// Entities that lost a weak identity: who they are, and the call that showed it.
    pub moved: Vec<(usize, Ids)>,
    /// Entities about which more identities are known now.
    pub grown: Vec<(usize, Ids)>,
}

impl<D: Domain> std::fmt::Debug for Changes<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes")
            .field("entities", &self.entities)
            .field("joined", &self.joined)
            .finish_non_exhaustive()
    }
}

struct Shown<I> {
    call: usize,
    ids: Ids,
    hashes: Vec<IdHash>,
    /// Whether the item says itself when it was true.
    dated: bool,
    sighting: Sighting<I>,
    /// The item as JSON. Made when it is added: a store decides while others wait for it.
    encoded: Encoded,
}

/// An item as JSON; `None` when it is to be made from the item.
type Encoded = Option<Box<RawValue>>;

/// Where a sighting that is seen comes from.
#[derive(Clone, Copy)]
struct Came {
    call: Option<usize>,
    origin: Option<PayloadId>,
    /// Whether its answer was read again, and what it says is dated by itself: then another answer may have its date.
    again: bool,
    dated: bool,
}

struct Working<I> {
    row: EntityRow<I>,
    is_new: bool,
    touched: bool,
    identity_changed: bool,
    /// Which of the row's sightings are to be written.
    written: Vec<usize>,
    /// The call that each of the row's sightings came in; those left out were known before.
    calls: Vec<Option<usize>>,
    /// Each of the row's sightings as JSON; those left out are made again.
    encoded: Vec<Encoded>,
    grown: Option<usize>,
    history: BTreeMap<i32, Vec<Option<i64>>>,
    /// The sides of sightings that are not kept any longer.
    dropped: Vec<(Name, Name)>,
}

impl<I> Working<I> {
    fn of(row: EntityRow<I>, is_new: bool) -> Self {
        Self {
            row,
            is_new,
            touched: is_new,
            identity_changed: is_new,
            written: Vec::new(),
            calls: Vec::new(),
            encoded: Vec::new(),
            grown: None,
            history: BTreeMap::new(),
            dropped: Vec::new(),
        }
    }

    /// Notes where sighting number `at` came from, and how it is written.
    fn came(&mut self, at: usize, came: Came, encoded: Encoded) {
        put(&mut self.calls, at, came.call);
        put(&mut self.row.origins, at, came.origin);
        put(&mut self.encoded, at, encoded);
    }

    /// Says that sighting number `at` is not what it was encoded from any more.
    fn amended(&mut self, at: usize) {
        put(&mut self.encoded, at, None);
        self.write(at);
    }

    /// The kept answer that sighting number `at` came in, if that is known.
    fn origin(&self, at: usize) -> Option<PayloadId> {
        self.row.origins.get(at).copied().flatten()
    }

    /// Marks the sighting number `at` as one to write.
    fn write(&mut self, at: usize) {
        if !self.written.contains(&at) {
            self.written.push(at);
        }
        self.touched = true;
    }
}

/// Sets an element of a list that is as long as it has to be.
fn put<T>(list: &mut Vec<Option<T>>, at: usize, value: Option<T>) {
    if value.is_some() || at < list.len() {
        if list.len() <= at {
            list.resize_with(at + 1, || None);
        }
        list[at] = value;
    }
}

/// See the [module page](self).
pub struct Ledger<'d, D: Domain> {
    domain: &'d D,
    entries: Vec<Shown<D::Item>>,
    calls: usize,
    /// By call, the kept answer that was read again; those left out are new.
    again: Vec<Option<Arc<Kept>>>,
    aspects: Vec<Name>,
    owners: HashMap<IdHash, RecordKey>,
    /// Identities with another owner than the store knows.
    owned: Vec<IdHash>,
    /// Identities without an owner now, and who had them.
    freed: Vec<(IdHash, RecordKey)>,
    entities: BTreeMap<RecordKey, Working<D::Item>>,
    joins: BTreeMap<RecordKey, RecordKey>,
    counts: Vec<CallCounts>,
    shown: Vec<(RecordKey, usize)>,
    moved: Vec<(usize, RecordKey)>,
}

impl<D: Domain> std::fmt::Debug for Ledger<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({} sightings of {} calls)", self.entries.len(), self.calls)
    }
}

impl<'d, D: Domain> Ledger<'d, D> {
    /// An empty ledger.
    pub fn new(domain: &'d D) -> Self {
        Self {
            domain,
            entries: Vec::new(),
            calls: 0,
            again: Vec::new(),
            aspects: Vec::new(),
            owners: HashMap::new(),
            owned: Vec::new(),
            freed: Vec::new(),
            entities: BTreeMap::new(),
            joins: BTreeMap::new(),
            counts: Vec::new(),
            shown: Vec::new(),
            moved: Vec::new(),
        }
    }

    /// Adds the items of one answer received at `at`; calls are numbered from 0 in the order they are added.
    pub fn add(&mut self, source: &Name, at: Timestamp, items: Vec<D::Item>) {
        let call = self.calls;
        self.calls += 1;
        self.counts.push(CallCounts::default());
        self.entries.reserve(items.len());
        for item in items {
            let about = self.domain.about(&item);
            // A date in the future would win against every later sighting.
            let seen_at = about.as_of.map_or(at, |as_of| as_of.min(at));
            let dated = about.as_of.is_some();
            let (ids, aspect) = (about.ids, about.aspect);
            if ids.strongest().is_none() {
                drop(aspect);
                self.counts[call].malformed += 1;
                continue;
            }
            let aspect = match self.aspects.iter().find(|name| ***name == *aspect) {
                Some(name) => Arc::clone(name),
                None => {
                    let name: Name = Name::from(&*aspect);
                    self.aspects.push(Arc::clone(&name));
                    name
                }
            };
            let hashes = ids.iter().map(Id::hash).collect();
            // What cannot be written is said when it is to be written.
            let encoded = serde_json::value::to_raw_value(&item).ok();
            let sighting = Sighting { source: Arc::clone(source), aspect, seen_at, item };
            self.entries.push(Shown { call, ids, hashes, dated, sighting, encoded });
        }
    }

    /// Adds what an answer says that is kept already and was read again; `at` is when it was received last.
    ///
    /// It replaces what the same answer said before, and what it shows without a strong identity stays with whom it
    /// showed then: a handle may be somebody else's by now.
    pub fn add_again(&mut self, source: &Name, at: Timestamp, items: Vec<D::Item>, kept: Kept) {
        self.again.resize(self.calls, None);
        self.again.push(Some(Arc::new(kept)));
        self.add(source, at, items);
    }

    /// Every identity shown, in order and once: the aliases to load.
    pub fn identities(&self) -> Vec<IdHash> {
        let mut hashes: Vec<IdHash> =
            self.entries.iter().flat_map(|entry| entry.hashes.iter().copied()).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    /// Leaves out whoever was erased; `bar` says whether an identity is theirs. Gives who was left out.
    pub fn keep_out(&mut self, bar: impl Fn(&IdHash) -> Option<Bar>) -> Vec<KeptOut> {
        let mut out = Vec::new();
        self.entries.retain(|entry| {
            let (strong, weak) = entry.hashes.split_at(entry.ids.strong.len());
            let is_other = |bar: &Bar| entry.ids.strong.iter().any(|id| bar.0.contains(&id.kind));
            let theirs = strong.iter().any(|id| bar(id).is_some())
                || weak.iter().filter_map(&bar).any(|bar| !is_other(&bar));
            if theirs {
                out.push(KeptOut { call: entry.call, ids: entry.ids.clone() });
            }
            !theirs
        });
        out
    }

    /// Says who owns an identity.
    pub fn load_alias(&mut self, id: IdHash, owner: RecordKey) {
        self.owners.insert(id, owner);
    }

    /// Every entity that owns one of the identities, in order and once: the entities to load.
    pub fn owners(&self) -> Vec<RecordKey> {
        let shown = self.again.iter().flatten().flat_map(|kept| kept.shows.iter());
        let owners: BTreeSet<RecordKey> = self.owners.values().chain(shown).copied().collect();
        owners.into_iter().collect()
    }

    /// Adds a loaded entity.
    pub fn load_entity(&mut self, row: EntityRow<D::Item>) {
        self.entities.insert(row.key, Working::of(row, false));
    }

    /// Leaves out everything a call says.
    pub fn leave_out(&mut self, call: usize) {
        self.entries.retain(|entry| entry.call != call);
    }

    /// Drops sightings of the loaded entities for which `goes` says so: it is given each with the answer it came in, as far
    /// as that is known. Identities that only these showed are nobody's from then on; where no sighting is left, none is
    /// anybody's.
    pub fn drop_sightings(&mut self, goes: impl Fn(&Sighting<D::Item>, Option<PayloadId>) -> bool) {
        for (key, known) in &mut self.entities {
            let mut origins = std::mem::take(&mut known.row.origins).into_iter();
            let (mut dropped, mut left) = (Vec::new(), Vec::with_capacity(known.row.sightings.len()));
            for sighting in std::mem::take(&mut known.row.sightings) {
                let origin = origins.next().flatten();
                if goes(&sighting, origin) {
                    dropped.push(sighting);
                } else {
                    left.push(sighting);
                    known.row.origins.push(origin);
                }
            }
            known.row.sightings = left;
            if dropped.is_empty() {
                continue;
            }
            known.touched = true;
            let shown = |sightings: &[Sighting<D::Item>]| -> BTreeSet<Id> {
                let ids = sightings.iter().map(|one| self.domain.about(&one.item).ids);
                ids.flat_map(|ids| ids.iter().cloned().collect::<Vec<_>>()).collect()
            };
            let stays = shown(&known.row.sightings);
            let mut freed = shown(&dropped);
            if known.row.sightings.is_empty() {
                freed.extend(known.row.ids.iter().cloned());
                freed.extend(known.row.lost.iter().map(|lost| lost.id.clone()));
            }
            freed.retain(|id| !stays.contains(id));
            let row = &mut known.row;
            let before = (row.ids.strong.len(), row.ids.weak.len(), row.lost.len());
            row.ids.strong.retain(|id| !freed.contains(id));
            row.ids.weak.retain(|id| !freed.contains(id));
            row.lost.retain(|lost| !freed.contains(&lost.id));
            known.identity_changed |= before != (row.ids.strong.len(), row.ids.weak.len(), row.lost.len());
            self.freed.extend(freed.iter().map(|id| (id.hash(), *key)));
            known.dropped.extend(dropped.into_iter().map(|one| (one.source, one.aspect)));
        }
    }

    /// Decides. `next_key` gives surrogate keys that were never given before, in growing order.
    ///
    /// # Errors
    /// `Storage` when an item cannot be written as JSON.
    pub fn close(mut self, mut next_key: impl FnMut() -> RecordKey) -> Result<Changes<D>> {
        // An alias whose entity was not loaded points nowhere; it is as good as unknown.
        let entities = &self.entities;
        self.owners.retain(|_, key| entities.contains_key(key));
        for entry in std::mem::take(&mut self.entries) {
            self.observe(entry, &mut next_key);
        }
        self.finish()
    }

    fn observe(&mut self, entry: Shown<D::Item>, next_key: &mut impl FnMut() -> RecordKey) {
        let Shown { call, ids, hashes, dated, sighting, encoded } = entry;
        let (strong_hashes, weak_hashes) = hashes.split_at(ids.strong.len());
        let shown_before = self.shown_before(call, &ids, sighting.seen_at);
        let mut target = match shown_before.or_else(|| self.identify(&ids, strong_hashes, weak_hashes)) {
            Some(key) => key,
            None => self.create(next_key()),
        };
        for hash in strong_hashes {
            if let Some(other) = self.owner(hash) {
                target = self.join_if_one(target, other, &ids);
            }
        }
        for (id, hash) in ids.weak.iter().zip(weak_hashes) {
            target = self.claim_weak(target, id, *hash, sighting.seen_at, call);
        }
        self.keep_strong(target, &ids, strong_hashes, call);
        self.remember(target, self.domain.history(&sighting.item));
        let origin = self.again.get(call).and_then(Option::as_deref).map(|kept| kept.payload);
        let came = Came { call: Some(call), origin, again: origin.is_some(), dated };
        self.see(target, sighting, came, encoded);
        self.shown.push((target, call));
    }

    /// Whom a kept answer showed under a weak identity when it came.
    fn shown_before(&self, call: usize, ids: &Ids, at: Timestamp) -> Option<RecordKey> {
        let kept = self.again.get(call)?.as_ref()?;
        if !ids.strong.is_empty() {
            return None;
        }
        let theirs = |row: &EntityRow<D::Item>| {
            let had = |id: &Id| row.lost.iter().any(|lost| lost.id == *id && lost.since >= at);
            ids.weak.iter().any(had)
        };
        let owned = |row: &EntityRow<D::Item>| ids.weak.iter().any(|id| row.ids.weak.contains(id));
        let shown = || kept.shows.iter().map(|key| self.survivor(*key));
        let find = |fits: &dyn Fn(&EntityRow<D::Item>) -> bool| {
            shown().find(|key| self.entities.get(key).is_some_and(|known| fits(&known.row)))
        };
        find(&theirs).or_else(|| find(&owned))
    }

    fn owner(&self, hash: &IdHash) -> Option<RecordKey> {
        self.owners.get(hash).map(|key| self.survivor(*key))
    }

    /// Follows joins to the entity that goes on.
    fn survivor(&self, mut key: RecordKey) -> RecordKey {
        while let Some(into) = self.joins.get(&key) {
            key = *into;
        }
        key
    }

    fn identify(&self, ids: &Ids, strong: &[IdHash], weak: &[IdHash]) -> Option<RecordKey> {
        // The strongest identity decides alone, even against a weaker one that says otherwise.
        if let Some(owner) = strong.first().and_then(|hash| self.owner(hash)) {
            return Some(owner);
        }
        let fits =
            |key: &RecordKey| self.entities.get(key).is_some_and(|known| known.row.ids.compatible(ids));
        let others = strong.iter().skip(1).chain(weak).filter_map(|hash| self.owner(hash));
        others.into_iter().find(fits)
    }

    fn create(&mut self, key: RecordKey) -> RecordKey {
        let row = EntityRow {
            key,
            version: 0,
            digest: Digest::default(),
            ids: Ids::none(),
            lost: Vec::new(),
            facts: Facts::new(),
            sightings: Vec::with_capacity(1),
            origins: Vec::new(),
        };
        self.entities.insert(key, Working::of(row, true));
        key
    }

    /// Joins the target with another owner of a shown identity, unless one contradicts the other or what is shown.
    fn join_if_one(&mut self, a: RecordKey, b: RecordKey, shown: &Ids) -> RecordKey {
        if a == b {
            return a;
        }
        let one = match (self.entities.get(&a), self.entities.get(&b)) {
            // A new target has no identities yet, so what is shown has to speak for it.
            (Some(a), Some(b)) => a.row.ids.compatible(&b.row.ids) && shown.compatible(&b.row.ids),
            _ => false,
        };
        if one { self.join(a, b) } else { a }
    }

    /// Makes one of two: the older key goes on.
    fn join(&mut self, a: RecordKey, b: RecordKey) -> RecordKey {
        let (winner, loser) = (a.min(b), a.max(b));
        let Some(gone) = self.entities.get_mut(&loser) else { return winner };
        let ids = std::mem::take(&mut gone.row.ids);
        let lost = std::mem::take(&mut gone.row.lost);
        let facts = std::mem::take(&mut gone.row.facts);
        let history = std::mem::take(&mut gone.history);
        let sightings = std::mem::take(&mut gone.row.sightings);
        let (calls, origins) = (std::mem::take(&mut gone.calls), std::mem::take(&mut gone.row.origins));
        let mut encoded = std::mem::take(&mut gone.encoded).into_iter();
        self.joins.insert(loser, winner);
        for id in ids.iter() {
            self.own(id.hash(), winner);
        }
        for (at, sighting) in sightings.into_iter().enumerate() {
            let (call, origin) = (calls.get(at).copied().flatten(), origins.get(at).copied().flatten());
            let came = Came { call, origin, again: false, dated: false };
            self.see(winner, sighting, came, encoded.next().flatten());
        }
        if let Some(one) = self.entities.get_mut(&winner) {
            for id in ids.strong {
                if one.row.ids.get(&id.kind).is_none() {
                    one.row.ids.strong.push(id);
                }
            }
            for id in ids.weak {
                if !one.row.ids.weak.contains(&id) {
                    one.row.ids.weak.push(id);
                }
            }
            for (name, value) in facts {
                one.row.facts.entry(name).or_insert(value);
            }
            for (day, figures) in history {
                one.history.entry(day).or_insert(figures);
            }
            for lost in lost {
                if !one.row.lost.iter().any(|known| known.id == lost.id) {
                    one.row.lost.push(lost);
                }
            }
            (one.touched, one.identity_changed) = (true, true);
        }
        winner
    }

    fn own(&mut self, hash: IdHash, key: RecordKey) {
        match self.owners.entry(hash) {
            Entry::Occupied(known) if *known.get() == key => return,
            Entry::Occupied(mut known) => *known.get_mut() = key,
            Entry::Vacant(free) => {
                free.insert(key);
            }
        }
        self.owned.push(hash);
    }

    /// Gives a weak identity to whoever showed it last.
    fn claim_weak(
        &mut self,
        target: RecordKey,
        id: &Id,
        hash: IdHash,
        at: Timestamp,
        call: usize,
    ) -> RecordKey {
        let owner = self.owner(&hash).filter(|owner| *owner != target);
        let Some(other) = owner else {
            if self.owner(&hash).is_none() {
                self.own(hash, target);
                self.gain_weak(target, id, call);
            }
            return target;
        };
        // Somebody known by nothing but this identity is whoever shows it.
        if self.entities.get(&other).is_some_and(|other| other.row.ids.strong.is_empty()) {
            return self.join(target, other);
        }
        let last = self.last_shown(other, id);
        if last.is_some_and(|last| last > at) {
            self.lose_weak(target, id, last.unwrap_or(at));
        } else {
            self.own(hash, target);
            self.lose_weak(other, id, at);
            self.gain_weak(target, id, call);
            self.moved.push((call, other));
        }
        target
    }

    /// When an entity last showed a weak identity: in a sighting that counts, or in one it has given up since.
    fn last_shown(&self, key: RecordKey, id: &Id) -> Option<Timestamp> {
        let known = self.entities.get(&key)?;
        let shows = |sighting: &&Sighting<D::Item>| self.domain.about(&sighting.item).ids.weak.contains(id);
        let shown = known.row.sightings.iter().filter(shows).map(|sighting| sighting.seen_at).max();
        let given_up = known.row.lost.iter().find(|lost| lost.id == *id).map(|lost| lost.since);
        shown.max(given_up)
    }

    fn gain_weak(&mut self, key: RecordKey, id: &Id, call: usize) {
        let Some(known) = self.entities.get_mut(&key) else { return };
        known.row.lost.retain(|lost| lost.id != *id);
        if !known.row.ids.weak.contains(id) {
            known.row.ids.weak.push(id.clone());
        }
        known.grown.get_or_insert(call);
        (known.touched, known.identity_changed) = (true, true);
    }

    fn lose_weak(&mut self, key: RecordKey, id: &Id, since: Timestamp) {
        let Some(known) = self.entities.get_mut(&key) else { return };
        known.row.ids.weak.retain(|own| own != id);
        self.note_lost(key, id, since);
    }

    /// Remembers that a weak identity is not shown any more, and when it last may have been theirs.
    fn note_lost(&mut self, key: RecordKey, id: &Id, since: Timestamp) {
        let Some(known) = self.entities.get_mut(&key) else { return };
        match known.row.lost.iter_mut().find(|lost| lost.id == *id) {
            Some(lost) if lost.since >= since => return,
            Some(lost) => lost.since = since,
            None => known.row.lost.push(Lost { id: id.clone(), since }),
        }
        if known.row.lost.len() > MAX_LOST {
            known.row.lost.sort_by_key(|lost| lost.since);
            known.row.lost.remove(0);
        }
        (known.touched, known.identity_changed) = (true, true);
    }

    fn keep_strong(&mut self, target: RecordKey, ids: &Ids, hashes: &[IdHash], call: usize) {
        for (rank, (id, hash)) in ids.strong.iter().zip(hashes).enumerate() {
            let free = self.owner(hash).is_none();
            let Some(known) = self.entities.get_mut(&target) else { return };
            if !free || known.row.ids.strong.iter().any(|own| own.kind == id.kind) {
                continue;
            }
            let at = rank.min(known.row.ids.strong.len());
            known.row.ids.strong.insert(at, id.clone());
            known.grown.get_or_insert(call);
            (known.touched, known.identity_changed) = (true, true);
            self.own(*hash, target);
        }
    }

    /// Keeps what an item says about days gone by, also when a newer one has replaced it. Of two items that tell of one
    /// day, the one added last counts.
    fn remember(&mut self, key: RecordKey, days: Vec<Day>) {
        if let Some(known) = self.entities.get_mut(&key).filter(|_| !days.is_empty()) {
            known.history.extend(days.into_iter().map(|day| (day.day, day.figures)));
            known.touched = true;
        }
    }

    /// Keeps a sighting unless a later one of its (source, aspect) is known; either way, what the older one adds. One
    /// that was read `again` replaces what its own answer said before, and no later answer of the same date.
    fn see(&mut self, key: RecordKey, mut sighting: Sighting<D::Item>, came: Came, encoded: Encoded) {
        let Some(known) = self.entities.get_mut(&key) else { return };
        let same = |old: &Sighting<D::Item>| old.source == sighting.source && old.aspect == sighting.aspect;
        let Some(at) = known.row.sightings.iter().position(same) else {
            known.row.sightings.push(sighting);
            known.came(known.row.sightings.len() - 1, came, encoded);
            known.write(known.row.sightings.len() - 1);
            return;
        };
        // Of a normal call the later commit counts; of kept answers the one that came later.
        let newer = came.again && came.dated && known.origin(at) > came.origin;
        let kept = &mut known.row.sightings[at];
        let late = kept.seen_at > sighting.seen_at || (newer && kept.seen_at == sighting.seen_at);
        if !late {
            std::mem::swap(kept, &mut sighting);
            known.came(at, came, encoded);
            known.write(at);
        }
        let kept = &mut known.row.sightings[at];
        if late && came.again && self.domain.mend(&sighting.item, &mut kept.item) {
            known.amended(at);
        }
        let kept = &mut known.row.sightings[at];
        let old = sighting;
        if self.domain.carry(&old.item, &mut kept.item) {
            known.amended(at);
        }
        let Some(known) = self.entities.get(&key) else { return };
        let newer = self.domain.about(&known.row.sightings[at].item).ids.weak;
        let gone = self.domain.about(&old.item).ids.weak.into_iter().filter(|id| !newer.contains(id));
        for id in gone.collect::<Vec<_>>() {
            let shown = |one: &Sighting<D::Item>| self.domain.about(&one.item).ids.weak.contains(&id);
            if !self.entities.get(&key).is_some_and(|known| known.row.sightings.iter().any(shown)) {
                self.note_lost(key, &id, old.seen_at);
            }
        }
    }

    /// Every identity that has another owner now, in order.
    fn aliases(&mut self) -> Vec<(IdHash, RecordKey)> {
        let mut owned = std::mem::take(&mut self.owned);
        owned.sort_unstable();
        owned.dedup();
        owned.into_iter().filter_map(|hash| Some((hash, self.owner(&hash)?))).collect()
    }

    fn finish(mut self) -> Result<Changes<D>> {
        let mut changes = Changes {
            aliases: self.aliases(),
            freed: std::mem::take(&mut self.freed),
            entities: Vec::with_capacity(self.entities.len()),
            joined: Vec::new(),
            links: self.shown.iter().map(|(key, call)| (self.survivor(*key), *call)).collect(),
            counts: std::mem::take(&mut self.counts),
            moved: Vec::new(),
            grown: Vec::new(),
        };
        for (call, key) in std::mem::take(&mut self.moved) {
            let key = self.survivor(key);
            if let Some(known) = self.entities.get(&key).filter(|known| !known.row.ids.strong.is_empty()) {
                changes.moved.push((call, known.row.ids.clone()));
            }
        }
        let mut changed = BTreeSet::new();
        for (key, known) in std::mem::take(&mut self.entities) {
            if let Some(into) = self.joins.get(&key) {
                if !known.is_new {
                    changes.joined.push(Joined {
                        key,
                        version: known.row.version + 1,
                        into: self.survivor(*into),
                    });
                }
            } else if known.row.sightings.is_empty() && !known.dropped.is_empty() {
                changes.joined.push(Joined { key, version: known.row.version + 1, into: key });
            } else if known.touched {
                let change = self.change(known, &mut changes.grown)?;
                if change.changed {
                    changed.insert(key);
                }
                changes.entities.push(change);
            }
        }
        for (key, call) in &changes.links {
            // The first item of an entity counts for its change, the others repeat it.
            let count = &mut changes.counts[*call];
            if changed.remove(key) { count.changed += 1 } else { count.unchanged += 1 }
        }
        changes.links.sort_unstable();
        changes.links.dedup();
        Ok(changes)
    }

    fn change(&self, known: Working<D::Item>, grown: &mut Vec<(usize, Ids)>) -> Result<EntityChange<D>> {
        let Working { row, is_new, identity_changed, written, calls, grown: grew, history, dropped, .. } =
            known;
        let mut made = known.encoded;
        let EntityRow { key, version, digest: before, ids, lost, facts, sightings, origins } = row;
        if let Some(call) = grew {
            grown.push((call, ids.clone()));
        }
        let mut encoded = |at: usize| {
            let call = calls.get(at).copied().flatten();
            let made = made.get_mut(at).and_then(Option::take);
            encode(&sightings[at], made, call, origins.get(at).copied().flatten())
        };
        let written = written.into_iter().map(&mut encoded).collect::<Result<_>>()?;
        let count = sightings.len();
        let entity = self.domain.merge_owned(sightings, &lost);
        let digest = self.domain.digest(&entity);
        let changed = is_new || digest != before;
        Ok(EntityChange {
            key,
            is_new,
            changed,
            version: version + u64::from(changed),
            digest,
            ids,
            lost,
            identity_changed,
            measures: if changed { self.domain.measures(&entity) } else { None },
            entity: Arc::new(entity),
            facts,
            history: history.into_iter().map(|(day, figures)| Day { day, figures }).collect(),
            sightings: count,
            written,
            dropped,
        })
    }
}

fn encode<I: Serialize>(
    sighting: &Sighting<I>,
    made: Encoded,
    call: Option<usize>,
    origin: Option<PayloadId>,
) -> Result<Written> {
    let item = match made {
        Some(made) => made,
        None => serde_json::value::to_raw_value(&sighting.item).map_err(|error| {
            Error::new(ErrorKind::Storage, "an item cannot be written as JSON")
                .with("source", &sighting.source)
                .caused_by(error)
        })?,
    };
    Ok(Written {
        source: Arc::clone(&sighting.source),
        aspect: Arc::clone(&sighting.aspect),
        seen_at: sighting.seen_at,
        call,
        origin,
        item,
    })
}
