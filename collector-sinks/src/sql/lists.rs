//! Named lists, and reading many records at once.

use std::collections::HashMap;

use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::{Id, Ids, RecordKey};
use collector_core::store::{Known, ListInfo, ListMember, check_list, dated};

use super::session::Session;
use super::sides::Sides;
use super::statements::Insert;
use super::values::{int, json, text, time};
use super::{aliases, entities, history};

const LIST: Insert =
    Insert { table: "list", columns: &["name", "changed"], key: &["name"], update: &["changed"] };

const MEMBER: Insert =
    Insert { table: "list_member", columns: &["list", "place", "ids", "since"], key: &[], update: &[] };

/// Writes a list; without members it is taken away.
pub(super) async fn put(tx: &Session, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
    check_list(name, members)?;
    // Whoever writes the same list waits here.
    tx.rows("SELECT changed FROM @list WHERE name = ?{lock}", vec![text(name)]).await?;
    let members = dated(&members_of(tx, name).await?, members, now);
    tx.run("DELETE FROM @list_member WHERE list = ?", vec![text(name)]).await?;
    if members.is_empty() {
        return tx.run("DELETE FROM @list WHERE name = ?", vec![text(name)]).await;
    }
    tx.insert(&LIST, vec![[text(name), time(now)]]).await?;
    let row = |(place, member): (usize, &ListMember)| {
        Ok([text(name), int(place as u64), json(&member.ids)?, time(member.since)])
    };
    tx.insert(&MEMBER, members.iter().enumerate().map(row).collect::<Result<_>>()?).await
}

/// All lists, by name.
pub(super) async fn all(tx: &Session) -> Result<Vec<ListInfo>> {
    let query = "SELECT name, changed, (SELECT COUNT(*) FROM @list_member m WHERE m.list = l.name) \
                 FROM @list l ORDER BY name";
    let rows = tx.rows(query, vec![]).await?;
    rows.iter()
        .map(|row| Ok(ListInfo { name: row.text(0)?, members: row.int(2)?, changed: row.time(1)? }))
        .collect()
}

/// The members of a list, in order.
pub(super) async fn get(tx: &Session, name: &str) -> Result<Option<Vec<ListMember>>> {
    let members = members_of(tx, name).await?;
    Ok((!members.is_empty()).then_some(members))
}

async fn members_of(tx: &Session, name: &str) -> Result<Vec<ListMember>> {
    let query = "SELECT ids, since FROM @list_member WHERE list = ? ORDER BY place";
    let rows = tx.rows(query, vec![text(name)]).await?;
    rows.iter().map(|row| Ok(ListMember { ids: row.json(0)?, since: row.time(1)? })).collect()
}

/// The records that identities belong to.
pub(super) async fn owners(tx: &Session, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
    let hashes: Vec<_> = ids.iter().map(Id::hash).collect();
    let owners: HashMap<_, _> = aliases::owners(tx, &hashes).await?.into_iter().collect();
    Ok(hashes.iter().map(|hash| owners.get(hash).copied()).collect())
}

/// The keys of living records behind `after`, in order.
pub(super) async fn keys(tx: &Session, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
    let query = "SELECT id FROM @entity WHERE id > ? AND merged_into IS NULL ORDER BY id LIMIT ?";
    // Keys begin with 1.
    let rows = tx.rows(query, vec![int(after.map_or(0, |key| key.0)), int(max as u64)]).await?;
    rows.iter().map(|row| row.int(0).map(RecordKey)).collect()
}

/// Everything known about records, in the order asked.
pub(super) async fn known<D: Domain>(tx: &Session, domain: &D, keys: &[RecordKey]) -> Result<Vec<Known<D>>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut sides = Sides::load(tx).await?;
    let rows = entities::rows::<D>(tx, keys.to_vec(), &mut sides).await?;
    let place: HashMap<RecordKey, usize> =
        keys.iter().enumerate().map(|(place, key)| (*key, place)).collect();
    let mut known: Vec<Known<D>> = rows.into_iter().map(|row| entities::known(domain, row)).collect();
    history::add_to_known(tx, domain, &mut known).await?;
    known.sort_by_key(|known| place.get(&known.record.key).copied());
    Ok(known)
}
