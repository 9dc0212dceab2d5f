//! Who was erased and is kept out.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::{IdHash, Ids};
use crate::store::ledger::Bar;

/// By the hashes of their identities.
#[derive(Default)]
pub(super) struct Barred(HashMap<IdHash, Bar>);

impl Barred {
    pub(super) fn get(&self, id: &IdHash) -> Option<Bar> {
        self.0.get(id).cloned()
    }

    /// Keeps out whoever shows one of these from now on.
    pub(super) fn add(&mut self, ids: &Ids) {
        let bar = Bar::of(ids);
        for id in ids.iter() {
            self.0.entry(id.hash()).or_insert_with(|| Arc::clone(&bar.0).into());
        }
    }
}
