//! The model's tasks: a handful of subjects that two runs want, again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::World;
use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::id::RunId;
use crate::store::{Claimed, Counts, Enqueued, Verdict};
use crate::task::{Absence, Task};
use crate::testkit::store::stage::{Call, KIND, W1, answered, at, back, in_state, lane, open_tasks, profile};

/// The second run's window.
pub(super) const WINDOW: Duration = Duration::from_secs(15);
/// The first run's window.
const LONG: Duration = crate::testkit::store::stage::HOUR;
const SUBJECTS: usize = 6;

#[derive(Debug)]
pub(super) struct Tasks {
    runs: [RunId; 2],
    rows: BTreeMap<usize, Row>,
    observed: u64,
    held: Vec<Claimed>,
}

#[derive(Debug, Clone)]
struct Row {
    /// The runs that want it.
    runs: BTreeSet<RunId>,
    state: State,
    /// `None` once revived: whether its attempts begin again is the store's affair.
    attempts: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Ready(Option<Timestamp>),
    Claimed,
    /// Answered then, under that run.
    Answered {
        at: Timestamp,
        run: RunId,
        absent: bool,
    },
    Dead,
}

impl State {
    fn is_open(&self) -> bool {
        matches!(self, Self::Ready(_) | Self::Claimed)
    }
}

fn task(subject: usize) -> Task {
    profile(&format!("t{subject}")).priority((subject % 3) as i16)
}

fn subject_of(claimed: &Claimed) -> usize {
    claimed.task.subject().trim_start_matches('t').parse().unwrap_or(SUBJECTS)
}

impl Tasks {
    pub(super) fn new(runs: [RunId; 2]) -> Self {
        Self { runs, rows: BTreeMap::new(), observed: 0, held: Vec::new() }
    }

    pub(super) fn observed(&mut self) {
        self.observed += 1;
    }

    pub(super) fn dead_count(&self) -> u64 {
        self.in_state(|state| *state == State::Dead)
    }

    fn in_state(&self, is: impl Fn(&State) -> bool) -> u64 {
        self.rows.values().filter(|row| is(&row.state)).count() as u64
    }

    /// What `enqueue` must answer; `None` where the contract leaves it open.
    fn expected(&self, subject: usize, run: RunId, now: Timestamp) -> Option<Enqueued> {
        let Some(row) = self.rows.get(&subject) else { return Some(Enqueued::New) };
        let window = if run == self.runs[0] { LONG } else { WINDOW };
        match &row.state {
            state if state.is_open() => Some(Enqueued::Joined),
            State::Answered { run: by, .. } if *by == run => Some(Enqueued::Fresh),
            State::Answered { at, .. } if now.since(*at) < window => Some(Enqueued::Fresh),
            State::Answered { at, .. } if now.since(*at) > window && !row.runs.contains(&run) => {
                Some(Enqueued::New)
            }
            _ => None,
        }
    }
}

impl World {
    pub(super) async fn enqueue(&mut self) {
        self.place.what = "enqueue";
        let run = self.dice.pick(&self.tasks.runs);
        let mut subjects = BTreeSet::new();
        for _ in 0..3 {
            subjects.insert(self.dice.below(SUBJECTS as u64) as usize);
        }
        let now = self.now();
        let asked: Vec<_> = subjects
            .into_iter()
            .filter_map(|s| self.tasks.expected(s, run, now).map(|answer| (s, answer)))
            .collect();
        let wait = self.dice.chance(25).then(|| at(self.now + 7));
        let timed = |subject: usize| match wait {
            Some(at) => task(subject).not_before(at),
            None => task(subject),
        };
        let tasks = asked.iter().map(|(subject, _)| timed(*subject)).collect();
        let answers = self.stage.enqueue(run, tasks, now).await;
        self.same("what enqueue answers", answers, asked.iter().map(|(_, answer)| *answer).collect());
        for (subject, answer) in asked {
            let fresh = Row { runs: BTreeSet::new(), state: State::Ready(wait), attempts: Some(0) };
            match answer {
                Enqueued::Fresh => continue,
                Enqueued::New => {
                    self.tasks.rows.insert(subject, fresh);
                }
                Enqueued::Joined => {}
            }
            self.tasks.rows.entry(subject).and_modify(|row| {
                row.runs.insert(run);
            });
        }
    }

    pub(super) async fn claim(&mut self) {
        self.place.what = "claim";
        let (now, max) = (self.now(), 1 + self.dice.below(4) as usize);
        let claims = self.stage.claims(W1, &[lane(KIND, max)], now).await;
        let due = |state: &State| matches!(state, State::Ready(wait) if wait.is_none_or(|wait| wait <= now));
        let mut ranks: Vec<_> = self
            .tasks
            .rows
            .iter()
            .filter(|(_, row)| due(&row.state))
            .map(|(subject, _)| task(*subject).rank())
            .collect();
        ranks.sort_unstable_by(|a, b| b.cmp(a));
        ranks.truncate(max);
        let seen: Vec<_> = claims.tasks.iter().map(|claimed| claimed.task.rank()).collect();
        self.same("the highest priorities of what is due", seen, ranks);
        let waits = self.tasks.rows.values().filter_map(|row| match row.state {
            State::Ready(Some(wait)) if wait > now => Some(wait),
            _ => None,
        });
        self.same("the next time", claims.next_at, waits.min());
        self.same("open tasks of the lane", claims.open, vec![self.tasks.in_state(State::is_open)]);
        for claimed in claims.tasks {
            let subject = subject_of(&claimed);
            let row = self.tasks.rows.get(&subject).cloned();
            let row = self.clause.some("only what was added is claimed", row);
            self.holds("only what is due is claimed", due(&row.state), &row);
            self.same("attempts", claimed.attempts, row.attempts.unwrap_or(claimed.attempts));
            self.holds("for a run that wants it", row.runs.contains(&claimed.run), claimed.run);
            self.tasks.rows.insert(subject, Row { state: State::Claimed, ..row });
            self.tasks.held.push(claimed);
        }
    }

    /// Finishes what is held, or begins something dead again.
    pub(super) async fn finish(&mut self) {
        while let Some(claimed) = self.tasks.held.pop() {
            self.finish_one(claimed).await;
            if self.dice.chance(40) {
                return;
            }
        }
        self.revive().await;
    }

    async fn finish_one(&mut self, claimed: Claimed) {
        self.place.what = "finish";
        let (now, later) = (self.now(), at(self.now + 6));
        let message = "no".to_owned();
        let verdict = match self.dice.below(8) {
            0 => Some(Verdict::Absent(Absence::NotFound)),
            1 => Some(Verdict::Retry { at: later, kind: ErrorKind::Timeout, message }),
            2 => Some(Verdict::Later(later)),
            3 => Some(Verdict::Dead { kind: ErrorKind::Malformed, message }),
            4 => None,
            _ => Some(Verdict::Done),
        };
        let attempted = self.dice.chance(50);
        match &verdict {
            None => self.stage.give_back(W1, back(&claimed, Some(later), attempted), now).await,
            Some(verdict) => {
                let call = Call::answering(std::slice::from_ref(&claimed), now).verdict(verdict);
                let done = self.stage.commit(&call, now).await;
                self.same("the claim was current", done.stale, vec![]);
            }
        }
        let run = claimed.run;
        let (state, counts) = match verdict {
            None => (State::Ready(Some(later)), attempted),
            Some(Verdict::Retry { .. }) => (State::Ready(Some(later)), true),
            Some(Verdict::Later(_)) => (State::Ready(Some(later)), false),
            Some(Verdict::Dead { .. }) => (State::Dead, true),
            Some(Verdict::Absent(_)) => (State::Answered { at: now, run, absent: true }, true),
            Some(Verdict::Done | Verdict::Restart(_)) => {
                (State::Answered { at: now, run, absent: false }, true)
            }
        };
        self.tasks.rows.entry(subject_of(&claimed)).and_modify(|row| {
            row.state = state;
            row.attempts = row.attempts.map(|attempts| attempts + u32::from(counts));
        });
    }

    async fn revive(&mut self) {
        self.place.what = "revive";
        // Of several runs that wanted it, which ones get it back is the store's affair.
        let alone = |row: &Row| row.state == State::Dead && row.runs.len() == 1;
        let Some(subject) = self.tasks.rows.iter().find(|(_, row)| alone(row)).map(|(subject, _)| *subject)
        else {
            return;
        };
        let letters = self.stage.dead_letters().await;
        let name = task(subject);
        let of = |letter: &&crate::store::DeadLetter| {
            letter.task.as_ref().is_some_and(|dead| dead.subject() == name.subject())
        };
        let letter = self.clause.some("a task given up is a dead letter", letters.iter().find(of));
        let revived = answered("revive", self.stage.store.revive(&[letter.id], self.now()).await);
        self.same("one is revived", revived, 1);
        self.tasks.rows.entry(subject).and_modify(|row| {
            row.state = State::Ready(None);
            row.attempts = None;
        });
    }

    pub(super) async fn compare_tasks(&self, counts: &Counts) {
        let answered = |absent: bool| move |state: &State| matches!(state, State::Answered { absent: a, .. } if *a == absent);
        let expected = [
            self.tasks.in_state(answered(false)) + self.tasks.observed,
            self.tasks.in_state(answered(true)),
            self.tasks.dead_count(),
            self.tasks.in_state(|state| *state == State::Claimed),
        ];
        let seen = ["done", "absent", "dead", "claimed"].map(|state| in_state(counts, state));
        self.same("tasks done, absent, dead, claimed", seen, expected);
        self.same("open tasks", open_tasks(counts), self.tasks.in_state(State::is_open));
        for run in self.tasks.runs {
            let open = |row: &&Row| row.state.is_open() && row.runs.contains(&run);
            let open = self.tasks.rows.values().filter(open).count() as u64;
            self.same(
                format_args!("open tasks of run {run}"),
                self.stage.run_state(run, self.clause).await.open,
                open,
            );
        }
    }
}
