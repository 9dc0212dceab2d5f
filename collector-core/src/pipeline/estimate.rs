//! What tasks would cost, before anybody is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Engine;
use super::worker::{Account, Slot};
use crate::domain::{Domain, Sighting};
use crate::error::Result;
use crate::id::{Ids, Name};
use crate::source::{CallSpec, Role};
use crate::store::{Budget, known_of};
use crate::task::{Cost, Task};

/// Tasks that are looked up together.
const CHUNK: usize = 500;

/// What tasks of one source and kind would cost at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneEstimate {
    /// The source.
    pub source: Name,
    /// The kind.
    pub kind: Name,
    /// The account that pays.
    pub account: Name,
    /// Tasks.
    pub tasks: u64,
    /// Those of them that answers to the others lead to, at most.
    pub followed: u64,
    /// Calls that serve them.
    pub calls: u64,
    /// Their worst cost.
    pub cost: Cost,
    /// Whether these calls look for people: then more tasks follow, and how many nobody knows.
    pub leads_on: bool,
}

/// What tasks would cost at most, with what their answers lead to as far as the source can count that
/// ([`Source::follows`](crate::source::Source::follows)). Attempts that fail and are repeated are not in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Estimate {
    /// By source and kind.
    pub lanes: Vec<LaneEstimate>,
    /// The shortest time the calls can take, when each takes as long as was assumed. In seconds.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}

impl Estimate {
    /// Everything added up.
    pub fn cost(&self) -> Cost {
        self.lanes.iter().fold(Cost::none(), |sum, lane| sum + lane.cost)
    }

    /// What each account would pay.
    pub fn by_account(&self) -> BTreeMap<Name, Cost> {
        let mut accounts = BTreeMap::new();
        for lane in &self.lanes {
            let cost = accounts.entry(Name::clone(&lane.account)).or_insert(Cost::none());
            *cost = *cost + lane.cost;
        }
        accounts
    }

    /// Whether more follows that nobody can count yet.
    pub fn leads_on(&self) -> bool {
        self.lanes.iter().any(|lane| lane.leads_on)
    }
}

impl<D: Domain> Engine<D> {
    /// What these tasks would cost at most, and how long they take when a call takes `call`. Asks nobody. Tasks that
    /// nobody here gets are left out.
    pub fn estimate<'a>(&self, tasks: impl IntoIterator<Item = &'a Task>, call: Duration) -> Estimate {
        // Tasks, and what their answers lead to.
        let mut lanes: BTreeMap<(usize, usize), (u64, u64)> = BTreeMap::new();
        for task in tasks {
            let Some(lane) = self.parts.lane(task.source(), task.kind()) else { continue };
            lanes.entry(lane).or_default().0 += 1;
            for (kind, more) in self.parts.slots[lane.0].source.follows(task) {
                if let Some(lane) = self.parts.lane(task.source(), &kind) {
                    lanes.entry(lane).or_default().1 += more;
                }
            }
        }
        let mut calls: BTreeMap<usize, u64> = BTreeMap::new();
        let mut estimate = Estimate::default();
        for ((slot, lane), tasks) in lanes {
            let slot = &self.parts.slots[slot];
            let row = row(slot, &self.parts.accounts[slot.account], lane, tasks);
            *calls.entry(slot.account).or_default() += row.calls;
            estimate.lanes.push(row);
        }
        // Accounts work side by side.
        let times =
            calls.into_iter().map(|(account, calls)| time(&self.parts.accounts[account], calls, call));
        estimate.time = times.max().unwrap_or_default();
        estimate
    }

    /// The budgets of the accounts, as they were configured.
    pub fn budgets(&self) -> impl Iterator<Item = &Budget> {
        self.parts.accounts.iter().filter_map(|account| account.budget.as_ref())
    }
}

fn row<D: Domain>(
    slot: &Slot<D>,
    account: &Account,
    lane: usize,
    (asked, followed): (u64, u64),
) -> LaneEstimate {
    let (spec, kind): &(CallSpec, Name) = &slot.kinds[lane];
    let calls = |tasks: u64| tasks.div_ceil(spec.tasks.max(1) as u64);
    let calls = calls(asked) + calls(followed);
    LaneEstimate {
        source: Name::clone(&slot.name),
        kind: Name::clone(kind),
        account: Name::clone(&account.name),
        tasks: asked + followed,
        followed,
        calls,
        cost: spec.worst_cost.times(calls),
        leads_on: spec.role == Role::Discovery,
    }
}

fn time(account: &Account, calls: u64, call: Duration) -> Duration {
    let limits = account.admission().limits().clone();
    let calls = calls as f64;
    let by_number = call.as_secs_f64() * (calls / limits.in_flight.max(1) as f64).ceil();
    let by_rate = limits.per_second.map_or(0.0, |rate| calls / rate);
    Duration::try_from_secs_f64(by_number.max(by_rate)).unwrap_or(Duration::MAX)
}

impl<D: Domain> Engine<D> {
    /// Those of the tasks whose answer the store does not have yet, or has only from before `fresh_for` ago. What is
    /// fresh for another reason than a sighting of the task's target is not seen here, so this is at most what is asked.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn not_fresh(&self, tasks: Vec<Task>, fresh_for: Duration) -> Result<Vec<Task>> {
        let after = self.parts.clock.now() - fresh_for;
        let mut asked = Vec::with_capacity(tasks.len());
        for chunk in tasks.chunks(CHUNK) {
            let ids = chunk.iter().map(|task| {
                task.target()
                    .map_or_else(Ids::none, |target| Ids { strong: vec![target.id.clone()], weak: vec![] })
            });
            let known = known_of(&*self.parts.store, &ids.collect::<Vec<_>>()).await?;
            for (task, known) in chunk.iter().zip(known) {
                let answers = |one: &Sighting<D::Item>| {
                    one.source == *task.source()
                        && task.target().is_some_and(|target| target.aspect == one.aspect)
                        && one.seen_at > after
                };
                if !known.is_some_and(|known| known.sightings.iter().any(answers)) {
                    asked.push(task.clone());
                }
            }
        }
        Ok(asked)
    }
}
