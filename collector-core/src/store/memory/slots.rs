//! Schedules, their slots, and who serves with which configuration.

use std::collections::{BTreeMap, HashMap};

use crate::clock::Timestamp;
use crate::id::{Digest, Name, RunId};
use crate::store::{Firing, SLOTS_KEPT, ScheduleState, Served, Server, SlotRow, WorkerId};

#[derive(Default)]
pub(super) struct Slots {
    schedules: BTreeMap<Name, Row>,
    servers: BTreeMap<WorkerId, Beat>,
    /// How new each configuration is.
    configs: HashMap<Digest, u64>,
}

struct Row {
    state: ScheduleState,
    /// By the first planned moment.
    slots: BTreeMap<Timestamp, SlotRow>,
}

struct Beat {
    server: Server,
    generation: u64,
    at: Timestamp,
}

impl Beat {
    fn is_alive(&self, now: Timestamp) -> bool {
        now.since(self.at) < self.server.ttl
    }
}

impl Slots {
    pub(super) fn enlist(&mut self, server: &Server, schedules: &[Served], now: Timestamp) -> bool {
        let next = self.configs.len() as u64;
        let generation = *self.configs.entry(server.config).or_insert(next);
        self.servers.retain(|_, beat| beat.is_alive(now));
        let beat = Beat { server: server.clone(), generation, at: now };
        self.servers.insert(Name::clone(&server.id), beat);
        let newest = self.is_current(&server.id, now);
        for served in schedules {
            let row = self.schedules.entry(Name::clone(&served.name));
            let row =
                row.or_insert_with(|| Row { state: ScheduleState::new(served, now), slots: BTreeMap::new() });
            if newest {
                row.state.begin_anew(&served.when, now);
            }
        }
        newest
    }

    /// Whether a server is known and nobody alive has a newer configuration.
    pub(super) fn is_current(&self, server: &WorkerId, now: Timestamp) -> bool {
        let Some(own) = self.servers.get(server) else { return false };
        let mut alive = self.servers.values().filter(|beat| beat.is_alive(now));
        alive.all(|beat| beat.generation <= own.generation)
    }

    /// Every schedule; `ended` tells when a run ended, if it has.
    pub(super) fn states(&self, ended: impl Fn(RunId) -> Option<Timestamp>) -> Vec<ScheduleState> {
        let states = self.schedules.values().map(|row| row.state.clone());
        states
            .map(|state| ScheduleState { run: state.run.map(|(run, _)| (run, ended(run))), ..state })
            .collect()
    }

    /// Whether a decision is still about what is known.
    pub(super) fn would_settle(&self, firing: &Firing) -> bool {
        let row = self.schedules.get(&firing.schedule);
        row.is_some_and(|row| row.state.clone().settle(firing, None))
    }

    pub(super) fn settle(&mut self, firing: &Firing, run: Option<RunId>, now: Timestamp) {
        let Some(row) = self.schedules.get_mut(&firing.schedule) else { return };
        row.state.settle(firing, run);
        let before = row.slots.last_key_value().map(|(_, row)| row.clone());
        for slot in SlotRow::of(firing, run, before.as_ref(), now) {
            row.slots.insert(slot.first, slot);
        }
        row.slots = row.slots.split_off(&(now - SLOTS_KEPT));
    }

    pub(super) fn pause(&mut self, name: &str, paused: bool, now: Timestamp) -> bool {
        self.schedules.get_mut(name).is_some_and(|row| row.state.set_paused(paused, now))
    }

    pub(super) fn newest_first(&self, schedule: &str, max: usize) -> Vec<SlotRow> {
        let row = self.schedules.get(schedule);
        row.map_or_else(Vec::new, |row| row.slots.values().rev().take(max).cloned().collect())
    }
}
