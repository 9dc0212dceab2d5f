//! Tasks: open ones in lanes by priority, waiting ones by time, finished ones only as far as freshness needs them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::erase::{Traces, is_about};
use crate::id::{ClaimNo, Name, RunId, TaskId};
use crate::store::{Added, Claimed, Claims, LanePermit, Verdict, WorkerId};
use crate::task::Task;

#[derive(Default)]
pub(super) struct Tasks {
    rows: HashMap<TaskId, Row>,
    lanes: Vec<Lane>,
    waiting: BTreeSet<(Timestamp, u64, TaskId)>,
    claimed: BTreeMap<TaskId, (WorkerId, ClaimNo)>,
    next_seq: u64,
    claims: u64,
}

struct Lane {
    source: Name,
    kind: Name,
    ready: BTreeSet<(Reverse<i16>, u64, TaskId)>,
    open: u64,
}

struct Row {
    run: RunId,
    at: Place,
    /// Runs beside `run` that wait for it.
    joined: Vec<RunId>,
}

enum Place {
    Open(Box<Open>),
    /// When it was answered, and of which lane it was.
    Done(Timestamp, u32),
    Absent(Timestamp, u32),
    Dead,
}

struct Open {
    task: Task,
    lane: usize,
    seq: u64,
    attempts: u32,
    first_attempt: Option<Timestamp>,
    depth: u32,
    waits_until: Option<Timestamp>,
}

impl Tasks {
    pub(super) fn enqueue(
        &mut self,
        run: RunId,
        task: Task,
        depth: u32,
        now: Timestamp,
        fresh_after: Timestamp,
        sighted: impl FnOnce(&Task) -> bool,
    ) -> Added {
        let id = task.id(run);
        match self.rows.get_mut(&id) {
            Some(Row { run: owner, at: Place::Open(_), joined }) => {
                if *owner == run || joined.contains(&run) {
                    return Added::JoinedBefore;
                }
                joined.push(run);
                return Added::JoinedNow;
            }
            Some(Row { run: owner, joined, .. }) if *owner == run || joined.contains(&run) => {
                return Added::AnsweredHere;
            }
            Some(Row { at: Place::Done(at, _) | Place::Absent(at, _), .. }) if *at > fresh_after => {
                return Added::Fresh;
            }
            _ if sighted(&task) => return Added::Fresh,
            _ => {}
        }
        self.open(id, run, task, depth, now);
        Added::New
    }

    /// Opens a task whatever it was answered before; one that is open already is joined.
    pub(super) fn restart(&mut self, run: RunId, task: Task, depth: u32, now: Timestamp) -> Added {
        let id = task.id(run);
        if let Some(Row { at: Place::Done(..) | Place::Absent(..) | Place::Dead, .. }) = self.rows.get(&id) {
            self.rows.remove(&id);
        }
        // Nothing is fresh: the answer is what has to be asked for again.
        self.enqueue(run, task, depth, now, Timestamp::from_millis(i64::MAX), |_| false)
    }

    fn open(&mut self, id: TaskId, run: RunId, task: Task, depth: u32, now: Timestamp) {
        let lane = self.lane(&task);
        self.lanes[lane].open += 1;
        self.next_seq += 1;
        let not_before = task.earliest();
        let open = Open {
            task,
            lane,
            seq: self.next_seq,
            attempts: 0,
            first_attempt: None,
            depth,
            waits_until: None,
        };
        self.rows.insert(id, Row { run, at: Place::Open(Box::new(open)), joined: Vec::new() });
        self.offer(id, not_before, now);
    }

    fn lane(&mut self, task: &Task) -> usize {
        let same = |lane: &Lane| lane.source == *task.source() && lane.kind == *task.kind();
        self.lanes.iter().position(same).unwrap_or_else(|| {
            let (source, kind) = (Arc::clone(task.source()), Arc::clone(task.kind()));
            self.lanes.push(Lane { source, kind, ready: BTreeSet::new(), open: 0 });
            self.lanes.len() - 1
        })
    }

    /// Puts an open task where it can be claimed, now or at its time.
    fn offer(&mut self, id: TaskId, not_before: Option<Timestamp>, now: Timestamp) {
        let Some(Row { at: Place::Open(open), .. }) = self.rows.get_mut(&id) else { return };
        open.waits_until = not_before.filter(|at| *at > now);
        match open.waits_until {
            Some(at) => self.waiting.insert((at, open.seq, id)),
            None => self.lanes[open.lane].ready.insert((Reverse(open.task.rank()), open.seq, id)),
        };
    }

    fn promote(&mut self, now: Timestamp) {
        while let Some((at, _, id)) = self.waiting.first().copied().filter(|(at, ..)| *at <= now) {
            self.waiting.pop_first();
            self.offer(id, Some(at), now);
        }
    }

    pub(super) fn claim(&mut self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Claims {
        self.promote(now);
        self.claims += 1;
        let claim = ClaimNo(self.claims);
        let mut claims = Claims::default();
        for permit in permits {
            let found =
                self.lanes.iter_mut().find(|lane| lane.source == permit.source && lane.kind == permit.kind);
            let Some(lane) = found else {
                claims.open.push(0);
                continue;
            };
            claims.open.push(lane.open);
            for _ in 0..permit.max {
                let Some((_, _, id)) = lane.ready.pop_first() else { break };
                let Some(Row { run, at: Place::Open(open), .. }) = self.rows.get(&id) else { continue };
                self.claimed.insert(id, (Arc::clone(worker), claim));
                claims.tasks.push(Claimed {
                    id,
                    task: open.task.clone(),
                    run: *run,
                    claim,
                    attempts: open.attempts,
                    first_attempt: open.first_attempt,
                    depth: open.depth,
                });
            }
        }
        claims.next_at = self.next_at(permits);
        claims
    }

    fn next_at(&self, permits: &[LanePermit]) -> Option<Timestamp> {
        let asked = |lane: &Lane| {
            permits.iter().any(|permit| permit.source == lane.source && permit.kind == lane.kind)
        };
        let mine = |id: &TaskId| match self.rows.get(id) {
            Some(Row { at: Place::Open(open), .. }) => asked(&self.lanes[open.lane]),
            _ => false,
        };
        self.waiting.iter().find(|(_, _, id)| mine(id)).map(|(at, ..)| *at)
    }

    pub(super) fn is_current(&self, id: TaskId, worker: &WorkerId, claim: ClaimNo) -> bool {
        self.claimed.get(&id).is_some_and(|(holder, number)| holder == worker && *number == claim)
    }

    /// Ends a claim with a verdict; gives the runs that waited for the task.
    pub(super) fn finish(&mut self, id: TaskId, verdict: &Verdict, now: Timestamp) -> Vec<RunId> {
        match verdict {
            Verdict::Later(at) => self.reopen(id, Some(*at), false, now),
            Verdict::Retry { at, .. } => self.reopen(id, Some(*at), true, now),
            Verdict::Done | Verdict::Restart(_) => self.end(id, |lane| Place::Done(now, lane)),
            Verdict::Absent(_) => self.end(id, |lane| Place::Absent(now, lane)),
            Verdict::Dead { .. } => self.end(id, |_| Place::Dead),
        }
        let Some(row) = self.rows.get(&id) else { return Vec::new() };
        std::iter::once(row.run).chain(row.joined.iter().copied()).collect()
    }

    fn end(&mut self, id: TaskId, place: impl FnOnce(u32) -> Place) {
        self.claimed.remove(&id);
        if let Some(Row { at, .. }) = self.rows.get_mut(&id)
            && let Place::Open(open) = at
        {
            let lane = open.lane;
            *at = place(number(lane));
            self.lanes[lane].open -= 1;
        }
    }

    /// Forgets that tasks of a source were answered before a moment; gives how many.
    pub(super) fn forget_answered(&mut self, source: &str, before: Timestamp) -> u64 {
        let count = self.rows.len();
        let lanes = &self.lanes;
        self.rows.retain(|_, row| match row.at {
            Place::Done(at, lane) | Place::Absent(at, lane) => {
                at >= before || lanes.get(lane as usize).is_none_or(|lane| *lane.source != *source)
            }
            _ => true,
        });
        (count - self.rows.len()) as u64
    }

    pub(super) fn reopen(
        &mut self,
        id: TaskId,
        not_before: Option<Timestamp>,
        attempted: bool,
        now: Timestamp,
    ) {
        self.claimed.remove(&id);
        if let Some(Row { at: Place::Open(open), .. }) = self.rows.get_mut(&id)
            && attempted
        {
            open.attempts += 1;
            open.first_attempt.get_or_insert(now);
        }
        self.offer(id, not_before, now);
    }

    pub(super) fn free_claims(&mut self, worker: &WorkerId) -> u64 {
        let held: Vec<TaskId> =
            self.claimed.iter().filter(|(_, (holder, _))| holder == worker).map(|(id, _)| *id).collect();
        for id in &held {
            self.claimed.remove(id);
            self.offer(*id, None, Timestamp::default());
        }
        held.len() as u64
    }

    /// Takes a run off every open task. What nobody else waits for is forgotten, claimed or not.
    pub(super) fn withdraw(&mut self, run: RunId) {
        let mut alone = Vec::new();
        for (id, row) in self.rows.iter_mut().filter(|(_, row)| matches!(row.at, Place::Open(_))) {
            match row.run == run {
                true if row.joined.is_empty() => alone.push(*id),
                true => row.run = row.joined.remove(0),
                false => row.joined.retain(|other| *other != run),
            }
        }
        alone.into_iter().for_each(|id| self.forget(id));
    }

    fn forget(&mut self, id: TaskId) {
        self.claimed.remove(&id);
        let Some(Row { at: Place::Open(open), .. }) = self.rows.remove(&id) else { return };
        let lane = &mut self.lanes[open.lane];
        lane.open -= 1;
        lane.ready.remove(&(Reverse(open.task.rank()), open.seq, id));
        if let Some(at) = open.waits_until {
            self.waiting.remove(&(at, open.seq, id));
        }
    }

    /// Ends every open task that asks about somebody, as if there were nothing; gives the runs that waited for each.
    pub(super) fn end_about(&mut self, traces: &Traces, now: Timestamp) -> Vec<Vec<RunId>> {
        let about = |(id, row): (&TaskId, &Row)| match &row.at {
            Place::Open(open) => is_about(&open.task, traces).then_some((*id, number(open.lane))),
            _ => None,
        };
        let theirs: Vec<(TaskId, u32)> = self.rows.iter().filter_map(about).collect();
        let mut ended = Vec::with_capacity(theirs.len());
        for (id, lane) in theirs {
            if let Some(Row { run, joined, .. }) = self.rows.get(&id) {
                ended.push(std::iter::once(*run).chain(joined.iter().copied()).collect());
            }
            self.forget(id);
            let run = ended.last().and_then(|runs: &Vec<RunId>| runs.first()).copied().unwrap_or(RunId(0));
            self.rows.insert(id, Row { run, at: Place::Absent(now, lane), joined: Vec::new() });
        }
        ended
    }

    /// The run that a task counts for first.
    pub(super) fn owner(&self, id: TaskId) -> Option<RunId> {
        self.rows.get(&id).map(|row| row.run)
    }

    /// Opens a dead task again for the runs that gave it up.
    pub(super) fn revive(&mut self, id: TaskId, task: &Task, now: Timestamp) -> bool {
        let Some(Row { run, at: Place::Dead, .. }) = self.rows.get(&id) else { return false };
        self.open(id, *run, task.clone(), 0, now);
        true
    }

    pub(super) fn by_state(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (id, row) in &self.rows {
            let name = match &row.at {
                Place::Open(_) if self.claimed.contains_key(id) => "claimed",
                Place::Open(open) if open.waits_until.is_some() => "waiting",
                Place::Open(_) => "ready",
                Place::Done(..) => "done",
                Place::Absent(..) => "absent",
                Place::Dead => "dead",
            };
            *counts.entry(name.to_owned()).or_insert(0) += 1;
        }
        counts
    }

    pub(super) fn by_lane(&self) -> BTreeMap<String, u64> {
        let open = self.lanes.iter().filter(|lane| lane.open > 0);
        open.map(|lane| (format!("{}/{}", lane.source, lane.kind), lane.open)).collect()
    }
}

/// Lanes are few: as a small number one stands in the room that a time leaves.
fn number(lane: usize) -> u32 {
    u32::try_from(lane).unwrap_or(u32::MAX)
}
