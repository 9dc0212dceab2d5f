//! Named lists.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::erase::Traces;
use crate::error::Result;
use crate::id::Ids;
use crate::store::{ListInfo, ListMember, check_list, dated};

#[derive(Default)]
pub(super) struct Lists(BTreeMap<String, (Timestamp, Vec<ListMember>)>);

impl Lists {
    /// Writes a list; without members it is taken away.
    pub(super) fn put(&mut self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
        check_list(name, members)?;
        let before = self.0.remove(name).map(|(_, members)| members).unwrap_or_default();
        if !members.is_empty() {
            self.0.insert(name.to_owned(), (now, dated(&before, members, now)));
        }
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<ListInfo> {
        let info = |(name, (changed, members)): (&String, &(Timestamp, Vec<ListMember>))| ListInfo {
            name: name.clone(),
            members: members.len() as u64,
            changed: *changed,
        };
        self.0.iter().map(info).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<Vec<ListMember>> {
        self.0.get(name).map(|(_, members)| members.clone())
    }

    /// Takes somebody off every list; gives how many places they had.
    pub(super) fn erase(&mut self, traces: &Traces) -> u64 {
        let mut places = 0;
        for (_, members) in self.0.values_mut() {
            let before = members.len();
            members.retain(|member| !member.ids.iter().any(|id| traces.is(&id.value)));
            places += (before - members.len()) as u64;
        }
        self.0.retain(|_, (_, members)| !members.is_empty());
        places
    }
}
