//! The model's people: who they are by definition, however slowly that is computed.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::clock::Timestamp;
use crate::domain::{Domain, Lost, Sighting};
use crate::id::{Id, RecordKey};
use crate::sink::Facts;
use crate::store::{Counts, NoLookup};
use crate::testkit::store::domain::{Person, Seen, TestDomain, handle, sec, uid};
use crate::testkit::store::stage::at;

#[derive(Debug, Default)]
pub(super) struct People {
    living: Vec<Being>,
    /// Who showed a handle last.
    owners: BTreeMap<String, RecordKey>,
}

#[derive(Debug, Clone)]
struct Being {
    key: RecordKey,
    version: u64,
    facts: Facts,
    strong: BTreeSet<Id>,
    shown: BTreeSet<String>,
    latest: BTreeMap<(String, String), (Timestamp, Seen)>,
}

impl Being {
    fn see(&mut self, source: &str, when: Timestamp, seen: &Seen) {
        self.strong.extend(strong(seen));
        self.shown.extend(seen.handle.clone());
        let side = (source.to_owned(), seen.aspect.clone());
        match self.latest.get(&side) {
            Some((last, _)) if *last > when => {}
            _ => {
                self.latest.insert(side, (when, seen.clone()));
            }
        }
    }

    fn absorb(&mut self, other: Being) {
        self.strong.extend(other.strong);
        self.shown.extend(other.shown);
        for ((source, _), (when, seen)) in other.latest {
            self.see(&source, when, &seen);
        }
    }
}

fn strong(seen: &Seen) -> Vec<Id> {
    seen.uid.as_deref().map(uid).into_iter().chain(seen.sec.as_deref().map(sec)).collect()
}

impl People {
    fn position(&self, key: RecordKey) -> Option<usize> {
        self.living.iter().position(|being| being.key == key)
    }

    /// Whom the sighting is about: everybody who has one of its strong identities, somebody known by its handle
    /// alone, or without strong identities the handle's owner.
    fn meant(&self, seen: &Seen) -> BTreeSet<RecordKey> {
        let ids = strong(seen);
        let has = |being: &&Being| ids.iter().any(|id| being.strong.contains(id));
        let mut keys: BTreeSet<_> = self.living.iter().filter(has).map(|being| being.key).collect();
        let owner = seen.handle.as_ref().and_then(|handle| self.owners.get(handle)).copied();
        let owner = owner.and_then(|key| self.position(key)).map(|at| &self.living[at]);
        keys.extend(owner.filter(|owner| ids.is_empty() || owner.strong.is_empty()).map(|owner| owner.key));
        keys
    }

    fn lost(&self, being: &Being) -> BTreeSet<Id> {
        let gone = |shown: &&String| self.owners.get(*shown) != Some(&being.key);
        being.shown.iter().filter(gone).map(|shown| handle(shown)).collect()
    }

    fn person(&self, being: &Being) -> Person {
        let sighting =
            |((source, aspect), (seen_at, item)): (&(String, String), &(Timestamp, Seen))| Sighting {
                source: source.as_str().into(),
                aspect: aspect.as_str().into(),
                seen_at: *seen_at,
                item: item.clone(),
            };
        let latest: Vec<_> = being.latest.iter().map(sighting).collect();
        let since = Timestamp::from_millis(i64::MAX);
        let lost: Vec<_> = self.lost(being).into_iter().map(|id| Lost { id, since }).collect();
        TestDomain.merge(&latest, &lost)
    }

    fn digests(&self) -> BTreeMap<RecordKey, crate::id::Digest> {
        self.living.iter().map(|being| (being.key, TestDomain.digest(&self.person(being)))).collect()
    }

    pub(super) fn version(&self, key: RecordKey) -> Option<u64> {
        self.position(key).map(|at| self.living[at].version)
    }

    /// Adds facts; whether that changed the record.
    pub(super) fn report(&mut self, key: RecordKey, facts: &Facts) -> bool {
        let Some(at) = self.position(key) else { return false };
        let being = &mut self.living[at];
        let before = being.facts.clone();
        being.facts.extend(facts.clone());
        let changed = before != being.facts;
        being.version += u64::from(changed);
        changed
    }
}

impl World {
    /// Commits one sighting of one of five people and follows what it means.
    pub(super) async fn observe(&mut self) {
        self.place.what = "observe";
        let (source, seen, when) = self.random_sighting();
        let before = self.stage.counts().await;
        let done = self.stage.observe(source, vec![seen.clone()], when, self.now(), &NoLookup).await;
        self.tasks.observed();
        let given = self.stage.counts().await.versions - before.versions;
        self.same("every item is counted", done.changed + done.unchanged, 1);
        self.same("versions given", done.versions, given);

        let meant = self.people.meant(&seen);
        let digests = self.people.digests();
        let id = strong(&seen).into_iter().next().or(seen.handle.as_deref().map(handle));
        let id = self.clause.some("a sighting shows who it is", id);
        let found = self.stage.known(&id, self.clause).await.record;
        if meant.is_empty() {
            let new = self.people.living.iter().all(|being| being.key != found.key);
            self.holds(format_args!("{id} is somebody new"), new, found.key);
        } else {
            self.holds(format_args!("{id} is one of {meant:?}"), meant.contains(&found.key), found.key);
        }
        self.unite(found.key, &meant, source, when, &seen);
        let changed = self.follow_versions(&digests, meant.len() > 1, found.key).await;
        if meant.len() <= 1 {
            self.same(
                "whether the item changed somebody",
                done.changed,
                u64::from(changed.contains(&found.key)),
            );
            self.same("one version for each who changed", given, changed.len() as u64);
        }
    }

    fn random_sighting(&mut self) -> (&'static str, Seen, Timestamp) {
        let person = self.dice.below(5);
        let mut seen = Seen::saying(self.dice.pick(&["red", "green"]))
            .aspect(self.dice.pick(&["profile", "row"]))
            .count(self.dice.below(2));
        let source = self.dice.pick(&["src", "vendor"]);
        let shape = self.dice.below(8);
        // Handles move only forward in time here; a late old handle is another case's business.
        if !matches!(shape, 3 | 4) {
            seen = seen.uid(format!("u{person}"));
        }
        if matches!(shape, 1..=3) {
            seen = seen.sec(format!("s{person}"));
        }
        if matches!(shape, 2 | 4..=6) {
            seen = seen.handle(self.dice.pick(&["h", "g", "k"]));
        }
        let late = seen.handle.is_none() && self.dice.chance(40);
        // Never two sightings of one moment: half a second tells the late ones apart.
        let when = if late { at(self.now - 20 * self.dice.below(3) as i64) } else { self.now() };
        let when =
            if late { when - std::time::Duration::from_millis(u64::from(self.place.step)) } else { when };
        (source, seen, when)
    }

    /// Joins everybody meant into the one the store chose, and adds the sighting.
    fn unite(
        &mut self,
        key: RecordKey,
        meant: &BTreeSet<RecordKey>,
        source: &str,
        when: Timestamp,
        seen: &Seen,
    ) {
        let at = self.people.position(key).unwrap_or_else(|| {
            let (facts, strong, shown) = (Facts::new(), BTreeSet::new(), BTreeSet::new());
            self.people.living.push(Being { key, version: 0, facts, strong, shown, latest: BTreeMap::new() });
            self.people.living.len() - 1
        });
        let mut being = self.people.living[at].clone();
        for loser in meant.iter().filter(|loser| **loser != key) {
            let Some(gone) = self.people.position(*loser) else { continue };
            being.absorb(self.people.living.remove(gone));
            self.people.owners.values_mut().filter(|owner| **owner == *loser).for_each(|owner| *owner = key);
            self.outbox.wish(*loser, None, None);
        }
        being.see(source, when, seen);
        if let Some(handle) = &seen.handle {
            self.people.owners.insert(handle.clone(), key);
        }
        if let Some(at) = self.people.position(key) {
            self.people.living[at] = being;
        }
    }

    /// Reads the versions that were given; fails when somebody has one without a change, or none after it.
    async fn follow_versions(
        &mut self,
        before: &BTreeMap<RecordKey, crate::id::Digest>,
        joined: bool,
        target: RecordKey,
    ) -> BTreeSet<RecordKey> {
        let after = self.people.digests();
        let mut given = BTreeSet::new();
        for at in 0..self.people.living.len() {
            let (key, version, id) = {
                let being = &self.people.living[at];
                let id = being.strong.first().cloned();
                let owned = self.people.owners.iter().find(|(_, owner)| **owner == being.key);
                (being.key, being.version, id.or(owned.map(|(shown, _)| handle(shown))))
            };
            let Some(id) = id else { continue };
            let record = self.stage.known(&id, self.clause).await.record;
            let changed = before.get(&key) != after.get(&key);
            // A join may add facts as well, so only its lower bound is known.
            let fits = match (joined && key == target, changed) {
                (true, true) => record.version > version,
                (true, false) => record.version >= version,
                (false, _) => record.version == version + u64::from(changed),
            };
            let what = format_args!("the version of {key} after {version}, changed: {changed}");
            self.holds(what, fits, record.version);
            if record.version != version {
                given.insert(key);
                self.outbox.wish(key, Some(record.version), None);
            }
            self.people.living[at].version = record.version;
            if joined && key == target {
                self.people.living[at].facts = record.facts;
            }
        }
        given
    }

    pub(super) async fn compare_people(&self, counts: &Counts) {
        self.same("people", counts.entities, self.people.living.len() as u64);
        for being in &self.people.living {
            let owned = self.people.owners.iter().filter(|(_, owner)| **owner == being.key);
            let handles: Vec<_> = owned.map(|(shown, _)| handle(shown)).collect();
            for id in being.strong.iter().chain(&handles) {
                let known = self.stage.known(id, self.clause).await;
                self.same(format_args!("who {id} is"), known.record.key, being.key);
            }
            let Some(id) = being.strong.first().or(handles.first()) else { continue };
            let known = self.stage.known(id, self.clause).await;
            let expected = (being.version, self.people.person(being), being.facts.clone());
            let seen = (known.record.version, known.record.entity.as_ref().clone(), known.record.facts);
            self.same(format_args!("the record of {id}"), seen, expected);
            let ids: BTreeSet<_> = known.ids.strong.into_iter().collect();
            self.same(format_args!("strong identities of {id}"), &ids, &being.strong);
            // One that was given up and taken by nobody still finds its last owner.
            let moved = known.lost.into_iter().map(|lost| lost.id).filter(|id| !handles.contains(id));
            let lost: BTreeSet<_> = moved.collect();
            self.same(format_args!("handles that {id} lost"), lost, self.people.lost(being));
            let side =
                |s: Sighting<Seen>| ((s.source.to_string(), s.aspect.to_string()), (s.seen_at, s.item));
            let latest: BTreeMap<_, _> = known.sightings.into_iter().map(side).collect();
            self.same(format_args!("sightings of {id}"), &latest, &being.latest);
        }
    }
}
