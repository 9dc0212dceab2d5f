//! Named lists of people, and whom they mean.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Known, Store};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Id, IdHash, Ids, RecordKey};

/// The most members a list has.
pub const MAX_MEMBERS: usize = 1_000_000;
/// The longest name of a list, in characters.
pub const MAX_LIST_NAME: usize = 100;
/// Members that are looked up together.
const CHUNK: usize = 500;

/// A list as an overview shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListInfo {
    /// Its name.
    pub name: String,
    /// How many are on it.
    pub members: u64,
    /// When it was last written.
    pub changed: Timestamp,
}

/// Somebody on a list. The place is the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListMember {
    /// Who it is.
    pub ids: Ids,
    /// Since when they are on it.
    pub since: Timestamp,
}

/// Checks a list before it is written.
///
/// # Errors
/// `ConfigInvalid` for a name that is empty, too long or holds control characters, for too many members, and for a
/// member without identity.
pub fn check_list(name: &str, members: &[Ids]) -> Result<()> {
    let wrong = |message: String| Err(Error::new(ErrorKind::ConfigInvalid, message));
    if name.trim().is_empty() || name.chars().count() > MAX_LIST_NAME || name.chars().any(char::is_control) {
        let shown: String = name.chars().take(MAX_LIST_NAME).collect();
        return wrong(format!(
            "{shown:?} is no name for a list; use 1 to {MAX_LIST_NAME} characters on one line"
        ));
    }
    if members.len() > MAX_MEMBERS {
        return wrong(format!("a list has at most {MAX_MEMBERS} members, this one has {}", members.len()));
    }
    match members.iter().position(|ids| ids.strongest().is_none()) {
        Some(place) => wrong(format!("member {} of the list {name:?} has no identity", place + 1)),
        None => Ok(()),
    }
}

/// The members of a list that is written: whoever was on it before, under any of their identities, keeps the time.
pub fn dated(before: &[ListMember], members: &[Ids], now: Timestamp) -> Vec<ListMember> {
    let mut since: HashMap<IdHash, Timestamp> = HashMap::new();
    for member in before {
        for id in member.ids.iter() {
            since.entry(id.hash()).and_modify(|at| *at = member.since.min(*at)).or_insert(member.since);
        }
    }
    let earliest = |ids: &Ids| ids.iter().filter_map(|id| since.get(&id.hash()).copied()).min();
    members.iter().map(|ids| ListMember { since: earliest(ids).unwrap_or(now), ids: ids.clone() }).collect()
}

/// The records these identities belong to, one answer per entry, in order. The strongest identity decides that
/// anybody has.
///
/// # Errors
/// `Storage`.
pub async fn owners_of<D: Domain>(store: &dyn Store<D>, who: &[Ids]) -> Result<Vec<Option<RecordKey>>> {
    let mut owners = Vec::with_capacity(who.len());
    for chunk in who.chunks(CHUNK) {
        let ids: Vec<Id> = chunk.iter().flat_map(|ids| ids.iter().cloned()).collect();
        let mut found = store.owners(&ids).await?.into_iter();
        for one in chunk {
            let keys: Vec<_> = found.by_ref().take(one.iter().count()).collect();
            owners.push(keys.into_iter().flatten().next());
        }
    }
    Ok(owners)
}

/// Everything known about these people, one answer per entry, in order. Read in steps: memory holds what is asked for.
///
/// # Errors
/// `Storage`.
pub async fn known_of<D: Domain>(store: &dyn Store<D>, who: &[Ids]) -> Result<Vec<Option<Known<D>>>> {
    let owners = owners_of(store, who).await?;
    let mut all = Vec::with_capacity(who.len());
    for chunk in owners.chunks(CHUNK) {
        let keys: Vec<RecordKey> = chunk.iter().flatten().copied().collect();
        let mut found: HashMap<RecordKey, Vec<Known<D>>> = HashMap::new();
        for known in store.known(&keys).await? {
            found.entry(known.record.key).or_default().push(known);
        }
        all.extend(chunk.iter().map(|key| key.and_then(|key| found.get_mut(&key)?.pop())));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(strong: &[&str], weak: &[&str]) -> Ids {
        Ids {
            strong: strong.iter().map(|value| Id::new("uid", *value)).collect(),
            weak: weak.iter().map(|value| Id::new("handle", *value)).collect(),
        }
    }

    #[test]
    fn whoever_was_on_a_list_keeps_the_time_under_any_identity() {
        let at = Timestamp::from_secs;
        let before = [
            ListMember { ids: ids(&["1"], &["mina"]), since: at(5) },
            ListMember { ids: ids(&[], &["jo"]), since: at(7) },
        ];
        let members = [ids(&[], &["new"]), ids(&["9"], &["jo"]), ids(&["1"], &["renamed"])];
        let since: Vec<_> =
            dated(&before, &members, at(100)).into_iter().map(|member| member.since).collect();
        assert_eq!(since, [at(100), at(7), at(5)]);
    }

    #[test]
    fn a_list_needs_a_name_and_members_an_identity() {
        assert!(check_list("spring", &[ids(&["1"], &[])]).is_ok());
        for name in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert_eq!(check_list(name, &[]).unwrap_err().kind(), ErrorKind::ConfigInvalid, "{name:?}");
        }
        let message = check_list("spring", &[ids(&["1"], &[]), Ids::none()]).unwrap_err().to_string();
        assert!(message.contains("member 2"), "{message}");
    }
}
