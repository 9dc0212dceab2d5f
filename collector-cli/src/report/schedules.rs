//! What is printed about schedules.

use collector_core::store::{ScheduleState, SlotFate, SlotRow};
use serde::Serialize;

/// All schedules of a store.
#[derive(Debug, Serialize)]
pub(crate) struct SchedulesReport {
    pub(crate) schedules: Vec<ScheduleEntry>,
}

/// One schedule with its newest slots.
#[derive(Debug, Serialize)]
pub(crate) struct ScheduleEntry {
    #[serde(flatten)]
    pub(crate) state: ScheduleState,
    pub(crate) slots: Vec<SlotRow>,
}

impl SchedulesReport {
    pub(crate) fn text(&self) -> String {
        if self.schedules.is_empty() {
            return "no schedule is known; `collector serve` makes those of the configuration known"
                .to_owned();
        }
        let entries: Vec<String> = self.schedules.iter().map(ScheduleEntry::text).collect();
        entries.join("\n")
    }
}

impl ScheduleEntry {
    fn text(&self) -> String {
        let state = &self.state;
        let what = match state.paused.last().filter(|pause| pause.to.is_none()) {
            Some(pause) => format!("paused since {}", pause.from),
            None => match state.run {
                Some((run, None)) => format!("run {run} goes on"),
                Some((run, Some(ended))) => format!("run {run} ended {ended}"),
                None => format!("nothing fired since {}", state.since),
            },
        };
        let mut text = format!("{}: {what}", state.name);
        for slot in &self.slots {
            let when = if slot.first == slot.last {
                slot.first.to_string()
            } else {
                format!("{} to {}", slot.first, slot.last)
            };
            let fate = match slot.fate {
                SlotFate::Fired(run) => format!("run {run}"),
                SlotFate::Skipped(reason) => format!("skipped, {}", reason.as_str()),
            };
            text.push_str(&format!("\n  {when}  {fate}"));
        }
        text
    }
}

/// A schedule that was paused or resumed.
#[derive(Debug, Serialize)]
pub(crate) struct SchedulePaused {
    pub(crate) name: String,
    pub(crate) paused: bool,
    pub(crate) changed: bool,
}

impl SchedulePaused {
    pub(crate) fn text(&self) -> String {
        let state = if self.paused { "paused" } else { "not paused" };
        let since = if self.changed { "now" } else { "already" };
        format!("{} is {since} {state}", self.name)
    }
}
