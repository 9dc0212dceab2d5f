//! Entities: loading what the ledger needs, writing what it decides, table by table.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::domain::{Day, Domain, Sighting};
use collector_core::error::Result;
use collector_core::id::{Digest, Id, IdHash, PayloadId, RecordKey};
use collector_core::sink::Record;
use collector_core::store::Known;
use collector_core::store::ledger::{Changes, EntityRow, Ledger};
use sea_orm::Value;

use super::aliases;
use super::counters::Counter;
use super::error::unreadable;
use super::outbox::Wish;
use super::session::Session;
use super::sides::Sides;
use super::statements::Insert;
use super::values::{
    Packed, from_json, from_json_or_none, hash, int, int_or_null, ints, json, signed, text, text_or_null,
    time,
};
use super::write::Write;

const ENTITY: Insert = Insert {
    table: "entity",
    columns: &["id", "version", "merged_into", "digest", "ids", "lost", "facts"],
    key: &["id"],
    update: &["version", "merged_into", "digest", "ids", "lost", "facts"],
};

const SIGHTING: Insert = Insert {
    table: "sighting",
    columns: &["entity", "side", "seen_at", "payload", "item"],
    key: &["entity", "side"],
    update: &["seen_at", "payload", "item"],
};

const HISTORY: Insert = Insert {
    table: "history",
    columns: &["entity", "day", "figures"],
    key: &["entity", "day"],
    update: &["figures"],
};

/// What was measured on a day itself, or brought before, stands.
const OTHER_DAYS: Insert = Insert { update: &[], ..HISTORY };

const LINK: Insert = Insert {
    table: "payload_entity",
    columns: &["payload", "entity"],
    key: &["payload", "entity"],
    update: &[],
};

/// What was there before.
#[derive(Default)]
pub(super) struct Loaded {
    /// How many sightings each loaded entity had.
    sightings: HashMap<RecordKey, usize>,
    /// Identities that had an owner.
    aliases: HashSet<IdHash>,
}

impl Loaded {
    /// How many sightings there were.
    pub(super) fn sightings(&self) -> u64 {
        self.sightings.values().map(|count| *count as u64).sum()
    }
}

/// Loads into the ledger what its sightings touch.
pub(super) async fn load<D: Domain>(
    tx: &Session,
    ledger: &mut Ledger<'_, D>,
    sides: &mut Sides,
) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    for (id, owner) in aliases::owners_to_change(tx, &ledger.identities()).await? {
        loaded.aliases.insert(id);
        ledger.load_alias(id, owner);
    }
    let owners = ledger.owners();
    load_these(tx, ledger, owners, sides, &mut loaded).await?;
    Ok(loaded)
}

/// Loads these entities into the ledger.
pub(super) async fn load_these<D: Domain>(
    tx: &Session,
    ledger: &mut Ledger<'_, D>,
    keys: Vec<RecordKey>,
    sides: &mut Sides,
    loaded: &mut Loaded,
) -> Result<()> {
    for row in rows::<D>(tx, keys, sides).await? {
        loaded.sightings.insert(row.key, row.sightings.len());
        if tx.dialect().is_shared() {
            // Also those that nobody shows now: they go over to another when two turn out to be one.
            loaded.aliases.extend(row.ids.iter().map(Id::hash));
        }
        ledger.load_entity(row);
    }
    Ok(())
}

/// Key, version, digest, identities, lost ones, facts.
type PackedEntity = (u64, u64, Packed, String, Option<String>, Option<String>);
/// Entity, side, time, answer, item.
type PackedSighting = (u64, usize, i64, Option<u64>, String);

/// Entities with their sightings, by key; unknown ones and those that are gone are left out. In a transaction that
/// writes they are about to be changed.
pub(super) async fn rows<D: Domain>(
    tx: &Session,
    keys: Vec<RecordKey>,
    sides: &mut Sides,
) -> Result<Vec<EntityRow<D::Item>>> {
    let keys = ints(keys.into_iter().map(|key| key.0));
    let columns = ["id", "version", "hex(digest)", "ids", "lost", "facts"];
    let from = "FROM @entity WHERE merged_into IS NULL AND id IN (?*){lock id}";
    let found: Vec<PackedEntity> = tx.packed_in(&columns, from, &keys).await?;
    let mut entities = Vec::with_capacity(found.len());
    let mut at = HashMap::with_capacity(found.len());
    for (key, version, digest, ids, lost, facts) in found {
        at.insert(key, entities.len());
        entities.push(EntityRow {
            key: RecordKey(key),
            version,
            digest: Digest(digest.0),
            ids: from_json(&ids)?,
            lost: from_json_or_none(lost.as_deref())?,
            facts: from_json_or_none(facts.as_deref())?,
            sightings: Vec::new(),
            origins: Vec::new(),
        });
    }
    let columns = ["entity", "side", "seen_at", "payload", "item"];
    let from = "FROM @sighting WHERE entity IN (?*)";
    let shown: Vec<PackedSighting> = tx.packed_in(&columns, from, &keys).await?;
    if shown.iter().any(|(_, side, ..)| sides.get(*side).is_none()) {
        // Somebody added one after these were loaded, and before the entities were locked.
        *sides = Sides::load(tx).await?;
    }
    for (key, side, seen_at, payload, item) in shown {
        let Some(entity) = at.get(&key).and_then(|at| entities.get_mut(*at)) else { continue };
        let (source, aspect) = sides.get(side).ok_or_else(|| unreadable("a sighting's side", side))?;
        let seen_at = Timestamp::from_millis(seen_at);
        entity.origins.push(payload.map(PayloadId));
        entity.sightings.push(Sighting { source, aspect, seen_at, item: from_json(&item)? });
    }
    Ok(entities)
}

/// Locks entities before anything that hangs on them, as commits do.
pub(super) async fn lock(tx: &Session, keys: &[Value]) -> Result<()> {
    if tx.dialect().is_shared() {
        tx.rows_in("SELECT id FROM @entity WHERE id IN (?*){lock id}", &[], keys).await?;
    }
    Ok(())
}

/// Everything known about an entity, made anew from its sightings.
pub(super) fn known<D: Domain>(domain: &D, row: EntityRow<D::Item>) -> Known<D> {
    let entity = Arc::new(domain.merge(&row.sightings, &row.lost));
    let record = Record { key: row.key, version: row.version, entity, facts: row.facts };
    Known { record, ids: row.ids, lost: row.lost, sightings: row.sightings }
}

/// Writes what the ledger decided, each table in the order of its key; gives what the sinks are owed.
///
/// `payloads` has the answer of each call.
pub(super) async fn save<D: Domain>(
    write: &mut Write,
    changes: &mut Changes<D>,
    loaded: &Loaded,
    sides: &mut Sides,
    payloads: &[Option<u64>],
    commit: u64,
    now: Timestamp,
) -> Result<Vec<Wish>> {
    let written = sighting_rows(changes, sides, payloads);
    let dropped = dropped_rows(changes, sides);
    let (changes, tx) = (&*changes, &write.tx);
    let gone = ints(changes.joined.iter().map(|joined| joined.key.0));
    // Written one after the other on the one connection; while one table is written, the rows of the next are made.
    tokio::try_join!(
        async {
            aliases::add(tx, &changes.aliases, &loaded.aliases).await?;
            if changes.freed.is_empty() { Ok(()) } else { aliases::free(tx, &changes.freed).await }
        },
        async { tx.insert(&ENTITY, entity_rows(changes)?).await },
        async {
            sides.save(tx).await?;
            tx.insert(&SIGHTING, written).await?;
            for (side, entities) in &dropped {
                let drop = "DELETE FROM @sighting WHERE side = ? AND entity IN (?*)";
                tx.run_in(drop, &[int(*side)], entities).await?;
            }
            tx.run_in("DELETE FROM @sighting WHERE entity IN (?*)", &[], &gone).await
        },
        async {
            tx.insert(&HISTORY, history_rows(changes, now)?).await?;
            tx.insert(&OTHER_DAYS, other_days(changes)?).await
        },
        async { tx.insert(&LINK, link_rows(changes, payloads)).await },
    )?;
    aliases::settle(write, changes.aliases.len()).await?;
    count(write, changes, loaded);
    Ok(wishes(changes, commit))
}

fn entity_rows<D: Domain>(changes: &Changes<D>) -> Result<Vec<[Value; 7]>> {
    let mut rows = Vec::with_capacity(changes.entities.len() + changes.joined.len());
    let written = changes.entities.iter().filter(|change| change.changed || change.identity_changed);
    for change in written {
        rows.push([
            int(change.key.0),
            int(change.version),
            int_or_null(None),
            hash(change.digest.0),
            json(&change.ids)?,
            if change.lost.is_empty() { text_or_null(None) } else { json(&change.lost)? },
            if change.facts.is_empty() { text_or_null(None) } else { json(&change.facts)? },
        ]);
    }
    for joined in &changes.joined {
        rows.push([
            int(joined.key.0),
            int(joined.version),
            int(joined.into.0),
            hash(Digest::default().0),
            text("{}"),
            text_or_null(None),
            text_or_null(None),
        ]);
    }
    Ok(rows)
}

fn sighting_rows<D: Domain>(
    changes: &mut Changes<D>,
    sides: &mut Sides,
    payloads: &[Option<u64>],
) -> Vec<[Value; 5]> {
    let mut rows = Vec::with_capacity(changes.entities.len());
    for change in &mut changes.entities {
        for sighting in change.written.drain(..) {
            let side = sides.find_or_add(&sighting.source, &sighting.aspect);
            let payload = match sighting.call {
                Some(call) => payloads.get(call).copied().flatten(),
                None => sighting.origin.map(|origin| origin.0),
            };
            let (seen_at, item) = (time(sighting.seen_at), Box::<str>::from(sighting.item));
            rows.push([int(change.key.0), int(side), seen_at, int_or_null(payload), text(item)]);
        }
    }
    rows
}

/// Sightings that are not kept any longer, as entities by side.
fn dropped_rows<D: Domain>(changes: &Changes<D>, sides: &Sides) -> BTreeMap<u64, Vec<Value>> {
    let mut rows: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for change in &changes.entities {
        for side in change.dropped.iter().filter_map(|(source, aspect)| sides.find(source, aspect)) {
            rows.entry(side).or_default().push(int(change.key.0));
        }
    }
    rows
}

fn history_rows<D: Domain>(changes: &Changes<D>, now: Timestamp) -> Result<Vec<[Value; 3]>> {
    let day = i64::from(now.day());
    let measured = changes.entities.iter().filter_map(|change| Some((change.key, change.measures.as_ref()?)));
    measured.map(|(key, figures)| Ok([int(key.0), signed(day), json(figures)?])).collect()
}

fn other_days<D: Domain>(changes: &Changes<D>) -> Result<Vec<[Value; 3]>> {
    let days = changes.entities.iter().flat_map(|change| change.history.iter().map(|day| (change.key, day)));
    days.map(|(key, day)| Ok([int(key.0), signed(i64::from(day.day)), json(&day.figures)?])).collect()
}

/// The figures of a record by day, oldest first.
pub(super) async fn history(tx: &Session, key: RecordKey) -> Result<Vec<Day>> {
    let query = "SELECT h.day, h.figures FROM @history h JOIN @entity e ON e.id = h.entity \
                 WHERE h.entity = ? AND e.merged_into IS NULL ORDER BY h.day";
    let days = tx.rows(query, vec![int(key.0)]).await?;
    days.iter().map(|row| Ok(Day { day: row.small(0)?, figures: row.json(1)? })).collect()
}

fn link_rows<D: Domain>(changes: &Changes<D>, payloads: &[Option<u64>]) -> Vec<[Value; 2]> {
    let mut links: Vec<(u64, u64)> = changes
        .links
        .iter()
        .filter_map(|(key, call)| Some((payloads.get(*call).copied().flatten()?, key.0)))
        .collect();
    links.sort_unstable();
    links.dedup();
    links.into_iter().map(|(payload, key)| [int(payload), int(key)]).collect()
}

fn count<D: Domain>(write: &mut Write, changes: &Changes<D>, loaded: &Loaded) {
    let had = |key: &RecordKey| loaded.sightings.get(key).copied().unwrap_or(0) as u64;
    for change in &changes.entities {
        write.counters.add(Counter::Entities, u64::from(change.is_new));
        write.counters.add(Counter::Versions, u64::from(change.changed));
        write.counters.add(Counter::Sightings, change.sightings as u64);
        write.counters.take(Counter::Sightings, had(&change.key));
    }
    for joined in &changes.joined {
        write.counters.take(Counter::Entities, 1);
        write.counters.add(Counter::Versions, 1);
        write.counters.take(Counter::Sightings, had(&joined.key));
    }
}

fn wishes<D: Domain>(changes: &Changes<D>, since: u64) -> Vec<Wish> {
    let changed = changes.entities.iter().filter(|change| change.changed);
    let put = changed.map(|change| Wish {
        key: change.key,
        version: change.version,
        is_new: change.is_new,
        mask: u64::MAX,
        since,
    });
    let gone = changes.joined.iter().map(|joined| Wish {
        key: joined.key,
        version: joined.version,
        is_new: false,
        mask: u64::MAX,
        since,
    });
    let mut wishes: Vec<Wish> = put.chain(gone).collect();
    wishes.sort_unstable_by_key(|wish| wish.key);
    wishes
}
