//! What is still to be looked for outside the store, kept until it is done: an erasure may be killed half way, or a place
//! be away.

use std::collections::BTreeSet;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Ids, RecordKey};
use collector_core::sink::Facts;
use collector_core::store::{Erased, Store};
use serde::{Deserialize, Serialize};

use crate::compose::AnyStore;

/// The name of the store's note.
const NOTE: &str = "erase";

/// Records that were erased, and may stand in files yet.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Unfinished {
    pub(super) records: Vec<RecordKey>,
    /// What sinks had reported about them.
    pub(super) facts: Vec<Facts>,
}

impl Unfinished {
    /// What earlier erasures left to be done.
    pub(super) async fn load(store: &AnyStore) -> Result<Self> {
        let Some(note) = store.note(NOTE).await? else { return Ok(Self::default()) };
        serde_json::from_str(&note).map_err(|error| {
            let message =
                "the store's note about an unfinished erasure cannot be read; was it changed by hand?";
            Error::new(ErrorKind::Storage, message).with("note", NOTE).caused_by(error)
        })
    }

    /// Adds the records that will be erased with these identities, and keeps that.
    pub(super) async fn expect(&mut self, store: &AnyStore, who: &Ids) -> Result<()> {
        for id in who.iter() {
            if let Some(known) = store.find(id).await? {
                self.add(&[known.record.key], &[known.record.facts]);
            }
        }
        self.save(store).await
    }

    /// Adds what was erased, and leaves out who is still known: an erasure may have been cut off before the store forgot.
    pub(super) async fn erased(&mut self, store: &AnyStore, erased: &Erased) -> Result<()> {
        self.add(&erased.records, &erased.facts);
        let known = store.known(&self.records).await?;
        let living: BTreeSet<RecordKey> = known.iter().map(|known| known.record.key).collect();
        self.records.retain(|key| !living.contains(key));
        self.save(store).await
    }

    /// Nothing is left.
    pub(super) async fn done(store: &AnyStore) -> Result<()> {
        Self::default().save(store).await
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn add(&mut self, records: &[RecordKey], facts: &[Facts]) {
        self.records.extend(records);
        self.records.sort_unstable();
        self.records.dedup();
        self.facts.extend(facts.iter().filter(|facts| !facts.is_empty()).cloned());
    }

    /// Nothing is kept when nothing is left.
    async fn save(&self, store: &AnyStore) -> Result<()> {
        let note = serde_json::to_string(self).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "what is to be erased cannot be written down").caused_by(error)
        })?;
        store.put_note(NOTE, (!self.is_empty()).then_some(&*note)).await
    }
}
