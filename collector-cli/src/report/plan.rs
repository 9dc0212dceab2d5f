//! What a run would ask and cost, before it does.

use std::collections::BTreeMap;

use collector_core::pipeline::Estimate;
use collector_core::task::Cost;
use serde::Serialize;

use super::{Rows, aligned, count, number, took};

/// What a run would ask and cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanReport {
    /// `complete`.
    pub exit: &'static str,
    /// 0.
    pub code: u8,
    /// The job's name.
    pub job: String,
    /// By source and kind: `source`, `kind`, `account`, `tasks`, those of them that answers lead to (`followed`), `calls`,
    /// `cost` at most, `leads_on`; and the `time`.
    pub estimate: Estimate,
    /// Tasks that are not asked: their answer is fresh.
    pub fresh: u64,
    /// Members of the list that no source can be asked about.
    pub unreachable: u64,
    /// Open tasks that earlier runs left: they are asked, too.
    pub left_over: BTreeMap<String, u64>,
    /// By account: what may be spent a day, and what was spent today.
    pub budgets: BTreeMap<String, BudgetReport>,
    /// The most this run may spend, if it is limited.
    pub max_units: Option<u64>,
    /// Why somebody has to agree to it; empty when nobody has to.
    pub agree: Vec<String>,
}

/// An account's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetReport {
    /// Units a day, if they are limited.
    pub units_per_day: Option<u64>,
    /// Spent today.
    pub spent: Cost,
}

impl PlanReport {
    /// What people read.
    pub fn text(&self) -> String {
        let mut text = format!("{} would ask\n{}", self.job, aligned(2, &self.lanes()));
        let rows = self.rows();
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&aligned(2, &rows));
        }
        text
    }

    fn lanes(&self) -> Rows {
        let mut rows: Rows = Vec::new();
        for lane in &self.estimate.lanes {
            let leads = if lane.leads_on { ", and what these lead to" } else { "" };
            let most = if lane.followed > 0 { "up to " } else { "" };
            rows.push(vec![
                format!("{}/{}", lane.source, lane.kind),
                format!("{most}{}", count(lane.tasks, "task", "tasks")),
                count(lane.calls, "call", "calls"),
                format!("at most {}{leads}", count(lane.cost.units, "unit", "units")),
            ]);
        }
        if rows.is_empty() {
            rows.push(vec!["nothing: everything is fresh".to_owned()]);
        }
        rows
    }

    fn rows(&self) -> Rows {
        let mut rows: Rows = Vec::new();
        let mut row = |label: &str, text: String| rows.push(vec![label.to_owned(), text]);
        if self.estimate.cost().requests > 0 {
            row("time", format!("about {}, if a call takes 2 s", took(self.estimate.time)));
        }
        if self.fresh > 0 {
            row("fresh", format!("{} not asked again", number(self.fresh)));
        }
        if self.unreachable > 0 {
            row(
                "left out",
                format!("{} of the list: no source finds them by what is known", number(self.unreachable)),
            );
        }
        for (lane, tasks) in &self.left_over {
            row(
                "left over",
                format!("{} of {lane} from before, asked as well", count(*tasks, "task", "tasks")),
            );
        }
        for (account, budget) in &self.budgets {
            let limit = match budget.units_per_day {
                Some(units) => format!("of {} units a day", number(units)),
                None => "and no `units_per_day` limits it".to_owned(),
            };
            row(
                "budget",
                format!("{account}: {} spent today {limit}", count(budget.spent.units, "unit", "units")),
            );
        }
        if let Some(units) = self.max_units {
            row("limit", format!("never more than {}", count(units, "unit", "units")));
        }
        rows
    }
}

impl BudgetReport {
    pub(crate) fn new(units_per_day: Option<u64>, spent: Cost) -> Self {
        Self { units_per_day, spent }
    }
}
