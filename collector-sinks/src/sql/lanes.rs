//! Lanes: open tasks by source and kind, counted exactly.

use std::sync::Arc;

use collector_core::error::Result;
use collector_core::id::Name;

use super::session::Session;
use super::statements::Insert;
use super::values::{int, signed, text};

const ADD: Insert =
    Insert { table: "lane", columns: &["id", "source", "kind", "open"], key: &[], update: &[] };

pub(super) struct Lane {
    pub(super) id: u64,
    pub(super) source: Name,
    pub(super) kind: Name,
    open: u64,
    change: i64,
    is_new: bool,
}

/// All lanes, inside one transaction. There are as many as sources have kinds of calls.
pub(super) struct Lanes(Vec<Lane>);

impl Lanes {
    pub(super) async fn load(tx: &Session) -> Result<Self> {
        let rows = tx.rows("SELECT id, source, kind, open FROM @lane ORDER BY id", vec![]).await?;
        let lane = |row: &super::values::Row| {
            let (source, kind) = (row.text(1)?.into(), row.text(2)?.into());
            Ok(Lane { id: row.int(0)?, source, kind, open: row.int(3)?, change: 0, is_new: false })
        };
        Ok(Self(rows.iter().map(lane).collect::<Result<_>>()?))
    }

    pub(super) async fn save(self, tx: &Session) -> Result<()> {
        let (new, known): (Vec<_>, Vec<_>) = self.0.into_iter().partition(|lane| lane.is_new);
        let rows = new.into_iter().map(|lane| {
            let open = int(lane.open.saturating_add_signed(lane.change));
            [int(lane.id), text(&*lane.source), text(&*lane.kind), open]
        });
        tx.insert(&ADD, rows.collect()).await?;
        for lane in known.iter().filter(|lane| lane.change != 0) {
            let values = vec![signed(lane.change), int(lane.id)];
            tx.run("UPDATE @lane SET open = open + ? WHERE id = ?", values).await?;
        }
        Ok(())
    }

    /// Open tasks of a lane.
    pub(super) fn open(&self, id: u64) -> u64 {
        self.get(id).map_or(0, |lane| lane.open.saturating_add_signed(lane.change))
    }

    pub(super) fn get(&self, id: u64) -> Option<&Lane> {
        self.0.iter().find(|lane| lane.id == id)
    }

    pub(super) fn find(&self, source: &str, kind: &str) -> Option<&Lane> {
        self.0.iter().find(|lane| &*lane.source == source && &*lane.kind == kind)
    }

    /// The lane of a source's kind; made when there is none.
    pub(super) fn find_or_add(&mut self, source: &Name, kind: &Name) -> u64 {
        if let Some(lane) = self.find(source, kind) {
            return lane.id;
        }
        let id = self.0.last().map_or(1, |last| last.id + 1);
        let (source, kind) = (Arc::clone(source), Arc::clone(kind));
        self.0.push(Lane { id, source, kind, open: 0, change: 0, is_new: true });
        id
    }

    /// Counts tasks that were opened or ended.
    pub(super) fn count(&mut self, id: u64, change: i64) {
        if let Some(lane) = self.0.iter_mut().find(|lane| lane.id == id) {
            lane.change += change;
        }
    }
}
