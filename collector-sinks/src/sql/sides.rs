//! Sides: the (source, aspect) pairs that sightings show, each with a small number.

use std::sync::Arc;

use collector_core::error::Result;
use collector_core::id::Name;

use super::session::Session;
use super::statements::Insert;
use super::values::{int, text};

const ADD: Insert = Insert { table: "side", columns: &["id", "source", "aspect"], key: &[], update: &[] };

/// All sides, inside one transaction: a few per source.
pub(super) struct Sides {
    pairs: Vec<(Name, Name)>,
    saved: usize,
}

impl Sides {
    pub(super) async fn load(tx: &Session) -> Result<Self> {
        // Numbers are given without gaps, so the order is the number.
        let rows = tx.rows("SELECT source, aspect FROM @side ORDER BY id", vec![]).await?;
        let pairs: Vec<(Name, Name)> =
            rows.iter().map(|row| Ok((row.text(0)?.into(), row.text(1)?.into()))).collect::<Result<_>>()?;
        Ok(Self { saved: pairs.len(), pairs })
    }

    pub(super) async fn save(&mut self, tx: &Session) -> Result<()> {
        let new = self.pairs.iter().enumerate().skip(self.saved);
        let rows =
            new.map(|(id, (source, aspect))| [int(id as u64), text(&**source), text(&**aspect)]).collect();
        self.saved = self.pairs.len();
        tx.insert(&ADD, rows).await
    }

    pub(super) fn find(&self, source: &str, aspect: &str) -> Option<u64> {
        self.pairs.iter().position(|(s, a)| &**s == source && &**a == aspect).map(|at| at as u64)
    }

    /// The numbers of a source's sides.
    pub(super) fn of(&self, source: &str) -> Vec<u64> {
        let numbered = (0..).zip(&self.pairs);
        numbered.filter(|(_, (of, _))| **of == *source).map(|(id, _)| id).collect()
    }

    pub(super) fn find_or_add(&mut self, source: &Name, aspect: &Name) -> u64 {
        self.find(source, aspect).unwrap_or_else(|| {
            self.pairs.push((Arc::clone(source), Arc::clone(aspect)));
            self.pairs.len() as u64 - 1
        })
    }

    pub(super) fn get(&self, id: usize) -> Option<(Name, Name)> {
        self.pairs.get(id).map(|(source, aspect)| (Arc::clone(source), Arc::clone(aspect)))
    }
}
