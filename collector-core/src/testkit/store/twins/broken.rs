//! The in-memory store behind a wrapper that breaks one promise.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use super::Fault;
use super::warped::Warped;
use crate::clock::Timestamp;
use crate::domain::Day;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ClaimNo, DeadId, Digest, Id, Ids, Name, PayloadId, RecordKey, RunId, TaskId};
use crate::schedule::SkipReason;
use crate::sink::{Change, Facts, Position};
use crate::store::{
    Begun, Budget, Claimed, Claims, Committed, Counts, DeadLetter, Enqueued, Erased, Expired, Fate, Fill,
    FinishedCall, Fired, Firing, GiveBack, Heartbeat, KeptAnswer, Known, LanePermit, ListInfo, ListMember,
    Lookup, MemoryStore, NoLookup, Opened, Parked, Place, ReadAgain, Reserved, RunEnd, RunSpec, RunState,
    ScheduleState, Served, Server, Settled, SlotFate, SlotRow, Stale, Store, StoredPayload, Tidied, Verdict,
    Waiting, WorkerId, WorkerInfo,
};
use crate::task::{Cost, Task};
use crate::testkit::store::domain::{Person, TestDomain};
use crate::testkit::store::stage::at;

const YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);

#[derive(Debug)]
pub(super) struct Broken {
    inner: MemoryStore<Warped>,
    fault: Option<Fault>,
    notes: Mutex<Notes>,
}

/// What a fault needs to remember to be wrong.
#[derive(Debug, Default)]
struct Notes {
    serial: u64,
    fail_next: bool,
    claims: HashMap<TaskId, (WorkerId, ClaimNo)>,
    given: Vec<(WorkerId, Claimed)>,
    committed: HashSet<(TaskId, ClaimNo)>,
    returned: HashSet<(TaskId, ClaimNo)>,
    wanted: HashMap<TaskId, RunId>,
    dead: HashSet<TaskId>,
    sighted: HashSet<String>,
    taken: Vec<(String, Change<Person>)>,
    revived: HashSet<DeadId>,
    window: Option<Timestamp>,
}

impl Broken {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        Self { inner: MemoryStore::new(Warped(fault)), fault, notes: Mutex::default() }
    }

    pub(super) fn fail_next_commit(&self) -> bool {
        self.notes().fail_next = true;
        true
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    fn serial(&self) -> u64 {
        let mut notes = self.notes();
        notes.serial += 1;
        notes.serial
    }

    /// The time as this store believes it.
    fn beat(&self, now: Timestamp) -> Timestamp {
        if self.is(Fault::NeverTakesOver) { at(0) } else { now }
    }

    fn task(&self, task: Task) -> Task {
        let target = task.target().cloned().filter(|_| !self.is(Fault::ForgetsTarget));
        let rank = if self.is(Fault::ForgetsPriority) { 0 } else { task.rank() };
        let plain = Task::new(task.source().as_ref(), task.kind().as_ref(), task.subject()).priority(rank);
        let plain = task.params().iter().fold(plain, |plain, (name, value)| plain.param(name, value));
        let plain = if task.scope() == crate::task::Scope::Run { plain.per_run() } else { plain };
        let plain = task.earliest().map_or_else(|| plain.clone(), |at| plain.clone().not_before(at));
        match target {
            Some(target) => plain.about(target.id, target.aspect),
            None => plain,
        }
    }

    /// The call as this store understands it.
    fn call(
        &self,
        worker: &WorkerId,
        call: FinishedCall<TestDomain>,
        now: Timestamp,
    ) -> FinishedCall<Warped> {
        let FinishedCall { source, tasks, payload, fingerprint, items, follow_ups, malformed, cost, refund } =
            call;
        let follow_ups = follow_ups.into_iter().map(|task| self.task(task)).collect();
        let mut call =
            FinishedCall { source, tasks, payload, fingerprint, items, follow_ups, malformed, cost, refund };
        let mut again = false;
        let mut stale = false;
        for task in &mut call.tasks {
            let mut notes = self.notes();
            let real = notes.claims.get(&task.claimed.id).cloned();
            if self.is(Fault::ClaimNumbersStand) || self.is(Fault::AcceptsStaleClaims) {
                task.claimed.claim = real.as_ref().map_or(task.claimed.claim, |(_, claim)| *claim);
            }
            again |= !notes.committed.insert((task.claimed.id, task.claimed.claim));
            stale |= real != Some((Arc::clone(worker), task.claimed.claim));
            if matches!(task.verdict, Verdict::Dead { .. }) {
                notes.dead.insert(task.claimed.id);
            }
            task.verdict = self.verdict(std::mem::replace(&mut task.verdict, Verdict::Done));
        }
        self.warp(&mut call, again, stale, now);
        call
    }

    fn warp(&self, call: &mut FinishedCall<Warped>, again: bool, stale: bool, now: Timestamp) {
        match self.fault {
            Some(Fault::DropsStaleAnswers) if stale => (call.payload, call.items) = (None, Vec::new()),
            Some(Fault::LosesFollowUp) => {
                call.follow_ups.pop();
            }
            Some(Fault::LosesItem) if call.items.len() > 1 => {
                call.items.pop();
            }
            Some(Fault::LosesMalformed) => call.malformed.clear(),
            Some(Fault::FirstVerdictForAll) => {
                let first = call.tasks[0].verdict.clone();
                call.tasks.iter_mut().for_each(|task| task.verdict = first.clone());
            }
            Some(Fault::CommitsAgain) if again => call.items.iter_mut().for_each(|item| item.count += 1),
            Some(Fault::WritesEveryBlob) => call.fingerprint = Digest::of(&self.serial().to_le_bytes()),
            Some(Fault::CostPerTask) => call.cost = call.cost.times(call.tasks.len() as u64),
            Some(Fault::ForgetsRefund) => call.refund = None,
            Some(Fault::ArrivalDecides) => {
                if let Some(payload) = &mut call.payload {
                    payload.at = now;
                }
            }
            Some(Fault::NeverSeenAgain) => {
                let mut notes = self.notes();
                call.items.retain(|item| notes.sighted.insert(format!("{}{item:?}", call.source)));
            }
            _ => {}
        }
    }

    fn verdict(&self, verdict: Verdict) -> Verdict {
        match (self.fault, verdict) {
            (Some(Fault::RetryIsNoAttempt), Verdict::Retry { at, .. }) => Verdict::Later(at),
            (Some(Fault::LaterIsAnAttempt), Verdict::Later(at)) => {
                Verdict::Retry { at, kind: ErrorKind::Unavailable, message: "not ready".into() }
            }
            (Some(Fault::AbsentIsDone), Verdict::Absent(_)) => Verdict::Done,
            (Some(Fault::RestartIsDone), Verdict::Restart(_)) => Verdict::Done,
            (_, verdict) => verdict,
        }
    }

    fn claimed(&self, worker: &WorkerId, claimed: &mut Claimed, now: Timestamp) {
        let mut notes = self.notes();
        notes.claims.insert(claimed.id, (Arc::clone(worker), claimed.claim));
        match self.fault {
            Some(Fault::ClaimNumbersStand) => claimed.claim = ClaimNo(1),
            Some(Fault::FollowUpsAtTheTop) => claimed.depth = 0,
            Some(Fault::ForgetsFirstAttempt) => claimed.first_attempt = claimed.first_attempt.map(|_| now),
            _ => {}
        }
        notes.given.push((Arc::clone(worker), claimed.clone()));
    }

    fn run_state(&self, mut run: RunState) -> RunState {
        match self.fault {
            Some(Fault::CountsItemsTwice) => run.counts.items *= 2,
            Some(Fault::PendingIsNobodys) => run.pending = 0,
            _ => {}
        }
        run
    }

    fn fate(&self, fate: Fate) -> Fate {
        let stored = Fate::Stored(Facts::new());
        match (self.fault, fate) {
            (Some(Fault::SupersededIsStored), Fate::Superseded) => stored,
            (Some(Fault::OwedIsSettled), Fate::Owed { .. }) => stored,
            (Some(Fault::ForgetsFacts), Fate::Stored(_)) => stored,
            (Some(Fault::ForgetsRefusals), Fate::Rejected(_)) => stored,
            (Some(Fault::AsksNothing), Fate::Owed { not_before, .. }) => {
                Fate::Owed { not_before, ask: vec![] }
            }
            (_, fate) => fate,
        }
    }

    /// Settles whatever version of these records is owed.
    async fn settle_newer(
        &self,
        sink: &str,
        worker: &WorkerId,
        keys: &[RecordKey],
        now: Timestamp,
    ) -> Result<()> {
        let taken = self.inner.take_pending(sink, worker, usize::MAX, now + YEARS).await?;
        let fate = |key| match keys.contains(&key) {
            true => Fate::Stored(Facts::new()),
            false => Fate::Owed { not_before: now, ask: vec![] },
        };
        let taken = taken.iter().map(|c| Settled { key: c.key(), version: c.version(), fate: fate(c.key()) });
        self.inner.settle(sink, worker, taken.collect(), None, now).await
    }

    /// Clears what a new sink is owed.
    async fn forget_new(&self, worker: &WorkerId, before: &Counts, now: Timestamp) -> Result<()> {
        for sink in self.inner.counts().await?.sinks.keys().filter(|sink| !before.sinks.contains_key(*sink)) {
            let taken = self.inner.take_pending(sink, worker, usize::MAX, now).await?;
            let keys: Vec<_> = taken.iter().map(Change::key).collect();
            let stored =
                |c: &Change<_>| Settled { key: c.key(), version: c.version(), fate: Fate::Superseded };
            self.inner.settle(sink, worker, taken.iter().map(stored).collect(), None, now).await?;
            self.settle_newer(sink, worker, &keys, now).await?;
        }
        Ok(())
    }
}

fn straightened(known: Known<Warped>) -> Known<TestDomain> {
    let Known { record, ids, lost, sightings } = known;
    Known { record, ids, lost, sightings }
}

/// A lookup that asks about everybody whose identities were committed.
async fn ask_always(store: &MemoryStore<Warped>, lookup: &dyn Lookup, ids: Vec<Id>) -> Result<()> {
    for id in ids {
        if let Some(known) = store.find(&id).await? {
            lookup.grown(&known.ids);
        }
    }
    Ok(())
}

#[async_trait]
impl Store<TestDomain> for Broken {
    async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened> {
        let before = self.inner.counts().await?;
        let mut opened = self.inner.open(worker, sinks, self.beat(now)).await?;
        if self.is(Fault::SwapsPositions) {
            opened.positions.reverse();
        }
        if self.is(Fault::ForgetsNewSinks) {
            self.forget_new(&worker.id, &before, now).await?;
        }
        Ok(opened)
    }

    async fn close(&self, worker: &WorkerId) -> Result<()> {
        if self.is(Fault::ForgetsToClose) { Ok(()) } else { self.inner.close(worker).await }
    }

    async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
        let mut spec = spec.clone();
        if self.is(Fault::NeverResumes) {
            spec.key = Digest::of(&self.serial().to_le_bytes());
        }
        self.inner.begin_run(&spec, now).await
    }

    async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
        match end {
            _ if self.is(Fault::ForgetsTheEnd) => Ok(()),
            RunEnd::Cancelled if self.is(Fault::CancelsInName) => {
                self.inner.end_run(run, RunEnd::Partial, now).await
            }
            end => self.inner.end_run(run, end, now).await,
        }
    }

    async fn run(&self, run: RunId) -> Result<Option<RunState>> {
        Ok(self.inner.run(run).await?.map(|run| self.run_state(run)))
    }

    async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>> {
        if self.is(Fault::WelcomesUnknownRuns) && self.inner.run(run).await?.is_none() {
            return Ok(vec![Enqueued::Fresh; tasks.len()]);
        }
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks.into_iter().map(|task| self.task(task)) {
            let id = task.id(run);
            let first = *self.notes().wanted.entry(id).or_insert(run);
            let dead = self.notes().dead.contains(&id);
            let answer = match self.fault {
                Some(Fault::ForgetsJoins) if first != run => Enqueued::Joined,
                Some(Fault::DeadIsAnswered) if dead => Enqueued::Fresh,
                Some(Fault::FreshForEver) => self.inner.enqueue(run, vec![task], now.min(at(12))).await?[0],
                _ => self.inner.enqueue(run, vec![task], now).await?[0],
            };
            answers.push(if self.is(Fault::AnswersNewAlways) { Enqueued::New } else { answer });
        }
        Ok(answers)
    }

    async fn claim(&self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Result<Claims> {
        let mut permits = permits.to_vec();
        if self.is(Fault::ClaimsLanesBackwards) {
            permits.reverse();
        }
        if self.is(Fault::ClaimsBeyondPermits) {
            permits.iter_mut().for_each(|permit| permit.max += 1);
        }
        let when = if self.is(Fault::ForgetsNotBefore) { now + YEARS } else { now };
        let mut claims = self.inner.claim(worker, &permits, when).await?;
        if self.is(Fault::ClaimsTwice) {
            let mut notes = self.notes();
            let others =
                notes.given.iter().filter(|(holder, _)| holder != worker).map(|(_, claimed)| claimed.clone());
            claims.tasks.extend(others.collect::<Vec<_>>());
            notes.given.clear();
        }
        if self.is(Fault::ForgetsNextTime) {
            claims.next_at = None;
        }
        if self.is(Fault::CountsOpenWithoutClaimed) {
            let taken = claims.tasks.len() as u64;
            claims.open.iter_mut().for_each(|open| *open = open.saturating_sub(taken));
        }
        claims.tasks.iter_mut().for_each(|claimed| self.claimed(worker, claimed, now));
        Ok(claims)
    }

    async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat> {
        if self.is(Fault::ForgetsBeats) {
            return Ok(Heartbeat::default());
        }
        let mut beat = self.inner.heartbeat(worker, self.beat(now)).await?;
        beat.was_dead &= !self.is(Fault::NeverSaysDead);
        Ok(beat)
    }

    async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
        for mut back in tasks {
            let mut holder = Arc::clone(worker);
            let real = self.notes().claims.get(&back.id).cloned();
            let again = !self.notes().returned.insert((back.id, back.claim));
            match (self.fault, real) {
                (Some(Fault::GiveBackCountsAlways), _) => back.attempted = true,
                (Some(Fault::GiveBackCountsNever), _) => back.attempted = false,
                (Some(Fault::GiveBackAtOnce), _) => back.not_before = None,
                (Some(Fault::ClaimNumbersStand | Fault::AcceptsStaleGiveBack), Some(real)) => {
                    (holder, back.claim) = real
                }
                (Some(Fault::GivesBackTwice), _) if again => {
                    let lane = LanePermit { source: "src".into(), kind: "profile".into(), max: 1 };
                    for claimed in self.inner.claim(worker, &[lane], now).await?.tasks {
                        back.claim = claimed.claim;
                    }
                }
                _ => {}
            }
            self.inner.give_back(&holder, vec![back], now).await?;
        }
        Ok(())
    }

    async fn commit(
        &self,
        worker: &WorkerId,
        calls: Vec<FinishedCall<TestDomain>>,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed> {
        let fails = std::mem::take(&mut self.notes().fail_next);
        let error = || Error::new(ErrorKind::Storage, "the disk failed in mid-transaction");
        if fails && !self.is(Fault::HalfCommits) {
            return Err(error());
        }
        let mut holder = Arc::clone(worker);
        let first = calls.first().and_then(|call| call.tasks.first()).map(|task| task.claimed.id);
        if let Some(real) = first.and_then(|id| self.notes().claims.get(&id).cloned())
            && self.is(Fault::AcceptsStaleClaims)
        {
            holder = real.0;
        }
        let refunds: Vec<_> = calls.iter().filter_map(|call| call.refund.clone()).collect();
        let calls: Vec<_> = calls.into_iter().map(|call| self.call(worker, call, now)).collect();
        let items = calls.iter().flat_map(|call| &call.items);
        let ids = items.filter_map(|item| item.uid.as_deref().map(super::super::uid)).collect();
        let lookup = if self.is(Fault::AsksNobody) { &NoLookup } else { lookup };
        let done = self.inner.commit(&holder, calls, lookup, now).await?;
        if self.is(Fault::RefundsAgain) {
            for (account, window, over) in refunds {
                self.inner.settle_cost(&account, window, over).await?;
            }
        }
        if self.is(Fault::AsksAlways) {
            ask_always(&self.inner, lookup, ids).await?;
        }
        if fails { Err(error()) } else { Ok(done) }
    }

    async fn take_pending(
        &self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Change<Person>>> {
        let max = if self.is(Fault::TakesTooMany) { max + 1 } else { max };
        let when = if self.is(Fault::TakesEarly) { now + YEARS } else { now };
        let mut taken = self.inner.take_pending(sink, worker, max, when).await?;
        match self.fault {
            Some(Fault::ForgetsDeletes) => taken.retain(|change| matches!(change, Change::Put(_))),
            Some(Fault::TakesOldVersions) => taken.iter_mut().for_each(|change| match change {
                Change::Put(record) => record.version -= 1,
                Change::Delete { version, .. } => *version -= 1,
            }),
            Some(Fault::TakesTwice) => {
                let mut notes = self.notes();
                let before: Vec<_> = notes
                    .taken
                    .iter()
                    .filter(|(of, _)| of == sink)
                    .map(|(_, change)| change.clone())
                    .collect();
                notes.taken.extend(taken.iter().map(|change| (sink.to_owned(), change.clone())));
                taken.extend(before);
            }
            _ => {}
        }
        Ok(taken)
    }

    async fn settle(
        &self,
        sink: &str,
        worker: &WorkerId,
        settled: Vec<Settled>,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<()> {
        if self.is(Fault::ForgetsSettling) {
            return Ok(());
        }
        let position = position.filter(|_| !self.is(Fault::ForgetsPosition));
        let keys: Vec<_> = settled.iter().map(|one| one.key).collect();
        let settled = settled.into_iter().map(|one| Settled { fate: self.fate(one.fate), ..one }).collect();
        self.inner.settle(sink, worker, settled, position, now).await?;
        if self.is(Fault::SettlesAnyVersion) {
            self.settle_newer(sink, worker, &keys, now).await?;
        }
        Ok(())
    }

    async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
        let mut budget = budget.clone();
        match self.fault {
            Some(Fault::OneUnitTooMany) => budget.units = budget.units.map(|units| units + 1),
            Some(Fault::CountsNoRequests) => budget.requests = None,
            Some(Fault::OnePurse) => budget.account = "purse".into(),
            Some(Fault::ResetsAtMidnight) => budget.offset = Duration::ZERO,
            _ => {}
        }
        let late = self.notes().window.filter(|window| budget.window_at(now) < *window);
        if let Some(window) = late.filter(|_| self.is(Fault::LateClocksReset)) {
            let all = Cost { units: u64::MAX, requests: u64::MAX };
            self.inner.settle_cost(&budget.account, window, all).await?;
        }
        let now = if self.is(Fault::NeverResets) { *self.notes().window.get_or_insert(now) } else { now };
        let answer = self.inner.reserve(&budget, cost, now).await?;
        match answer {
            Reserved::Until(_) if self.is(Fault::BooksRefusals) => {
                self.inner.reserve(&Budget { units: None, requests: None, ..budget }, cost, now).await?;
            }
            Reserved::Granted { window } if !self.is(Fault::NeverResets) => {
                self.notes().window = Some(window);
            }
            _ => {}
        }
        Ok(answer)
    }

    async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()> {
        let account = if self.is(Fault::OnePurse) { "purse" } else { account };
        let real = self.notes().window;
        let window = if self.is(Fault::RefundsAnyWindow) { real.unwrap_or(window) } else { window };
        if self.is(Fault::KeepsOverbooking) {
            return Ok(());
        }
        self.inner.settle_cost(account, window, over).await
    }

    async fn park(&self, park: &Parked) -> Result<()> {
        if self.is(Fault::ForgetsParks) { Ok(()) } else { self.inner.park(park).await }
    }

    async fn unpark(&self, account: &str) -> Result<()> {
        if self.is(Fault::ForgetsUnparking) { Ok(()) } else { self.inner.unpark(account).await }
    }

    async fn waits(&self, worker: &WorkerId, waiting: Option<&Waiting>) -> Result<()> {
        match (self.fault, waiting) {
            (Some(Fault::NeverWaits), Some(_)) | (Some(Fault::WaitsForEver), None) => Ok(()),
            _ => self.inner.waits(worker, waiting).await,
        }
    }

    async fn revive(&self, dead: &[DeadId], now: Timestamp) -> Result<u64> {
        if self.is(Fault::RefusesForEver) {
            let letters = self.inner.dead_letters(usize::MAX).await?;
            let tasks = letters.iter().filter(|letter| letter.task.is_some()).map(|letter| letter.id);
            let tasks: Vec<DeadId> = tasks.filter(|id| dead.contains(id)).collect();
            return self.inner.revive(&tasks, now).await;
        }
        if self.is(Fault::RevivesInWords) {
            return Ok(dead.iter().filter(|id| id.0 < 1_000).collect::<HashSet<_>>().len() as u64);
        }
        let revived = self.inner.revive(dead, now).await?;
        let again = dead.iter().filter(|id| !self.notes().revived.insert(**id)).count() as u64;
        Ok(if self.is(Fault::RevivesTwice) { revived + again } else { revived })
    }

    async fn discard(&self, dead: &[DeadId]) -> Result<u64> {
        if self.is(Fault::DiscardsInWords) { Ok(dead.len() as u64) } else { self.inner.discard(dead).await }
    }

    async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
        let mut members = members.to_vec();
        match self.fault {
            Some(Fault::AddsToLists) => {
                let before = self.inner.list(name).await?.unwrap_or_default();
                members.extend(before.into_iter().map(|member| member.ids));
            }
            Some(Fault::SortsLists) => members.sort_by_key(|ids| ids.strongest().cloned()),
            Some(Fault::RedatesMembers) => self.inner.put_list(name, &[], now).await?,
            Some(Fault::KeepsEmptyLists) if members.is_empty() => return Ok(()),
            _ => {}
        }
        self.inner.put_list(name, &members, now).await
    }

    async fn lists(&self) -> Result<Vec<ListInfo>> {
        self.inner.lists().await
    }

    async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>> {
        self.inner.list(name).await
    }

    async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
        let mut owners = self.inner.owners(ids).await?;
        if self.is(Fault::OwnersOfNobody) {
            owners.retain(Option::is_some);
        }
        Ok(owners)
    }

    async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
        self.inner.keys(after, if self.is(Fault::KeysBeyondMax) { max + 1 } else { max }).await
    }

    async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<TestDomain>>> {
        let mut known = self.inner.known(keys).await?;
        if self.is(Fault::KnownInKeyOrder) {
            known.sort_by_key(|known| known.record.key);
        }
        Ok(known.into_iter().map(straightened).collect())
    }

    async fn history(&self, key: RecordKey) -> Result<Vec<Day>> {
        let mut days = self.inner.history(key).await?;
        if self.is(Fault::NewestDayFirst) {
            days.reverse();
        }
        Ok(days)
    }

    async fn stale(
        &self,
        side: (&str, &str),
        before: Timestamp,
        after: Option<(Timestamp, RecordKey)>,
        max: usize,
    ) -> Result<Vec<Stale>> {
        let mut stale = self.inner.stale(side, before, after, max).await?;
        match self.fault {
            Some(Fault::StaleByKey) => stale.sort_by_key(|one| one.key),
            Some(Fault::StaleOnceSeen) => stale.retain(|one| one.seen_at.as_millis() > 0),
            _ => {}
        }
        Ok(stale)
    }

    async fn parked(&self) -> Result<Vec<Parked>> {
        self.inner.parked().await
    }

    async fn counts(&self) -> Result<Counts> {
        let mut counts = self.inner.counts().await?;
        counts.runs = counts.runs.into_iter().map(|run| self.run_state(run)).collect();
        match self.fault {
            Some(Fault::CountsOneWorker) => counts.workers = 1,
            Some(Fault::ListsOldestRuns) => counts.runs.reverse(),
            Some(Fault::Unbalanced) => {
                counts.sinks.values_mut().for_each(|sink| sink.stored += sink.stored / 2)
            }
            Some(Fault::WaitingIsNoState) => {
                counts.tasks.remove("waiting");
            }
            _ => {}
        }
        Ok(counts)
    }

    async fn find(&self, id: &Id) -> Result<Option<Known<TestDomain>>> {
        let mut known = self.inner.find(id).await?;
        if known.is_none() && self.is(Fault::FindsAnybody) {
            let other = Id::new("t:uid", "1");
            known = self.inner.find(&other).await?;
        }
        Ok(known.map(straightened))
    }

    async fn ids(&self, key: RecordKey) -> Result<Option<Ids>> {
        Ok(self.inner.ids(key).await?.filter(|_| !self.is(Fault::ForgetsIds)))
    }

    async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>> {
        let max = if self.is(Fault::TooManyDead) { max + 1 } else { max };
        let mut letters = self.inner.dead_letters(max).await?;
        match self.fault {
            Some(Fault::OldestDeadFirst) => letters.reverse(),
            Some(Fault::DeadWithoutAnswer) => letters.iter_mut().for_each(|letter| letter.payload = None),
            _ => {}
        }
        Ok(letters)
    }

    async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>> {
        let mut kept = self.inner.payload(id).await?;
        if let Some(kept) = &mut kept {
            match self.fault {
                Some(Fault::CutsBytes) => kept.body.truncate(kept.body.len() - 1),
                Some(Fault::ForgetsHeaders) => kept.headers.clear(),
                _ => {}
            }
        }
        Ok(kept)
    }

    async fn answers(
        &self,
        source: Option<&str>,
        after: Option<PayloadId>,
        max: usize,
    ) -> Result<Vec<KeptAnswer>> {
        let mut answers = self.inner.answers(source, after, max).await?;
        if self.is(Fault::AnswersWithoutTasks) {
            answers.iter_mut().for_each(|answer| answer.tasks.clear());
        }
        Ok(answers)
    }

    async fn read_again(
        &self,
        worker: &WorkerId,
        answers: Vec<ReadAgain<TestDomain>>,
        note: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<Committed> {
        if self.is(Fault::ReadsInWords) {
            return Ok(Committed::default());
        }
        let warped = |one: ReadAgain<TestDomain>| {
            let ReadAgain { payload, source, at, items } = one;
            ReadAgain::<Warped> { payload, source, at, items }
        };
        self.inner.read_again(worker, answers.into_iter().map(warped).collect(), note, now).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        Ok(self.inner.note(name).await?.filter(|_| !self.is(Fault::ForgetsNotes)))
    }

    async fn put_note(&self, name: &str, text: Option<&str>) -> Result<()> {
        self.inner.put_note(name, text).await
    }

    async fn add_fills(&self, fills: &[Fill]) -> Result<()> {
        self.inner.add_fills(fills).await
    }

    async fn fills(&self, since: i32) -> Result<Vec<Fill>> {
        let mut fills = self.inner.fills(since).await?;
        if self.is(Fault::FillsOfOneDay) {
            fills.truncate(1);
        }
        Ok(fills)
    }

    async fn forget_fills(&self, source: &str) -> Result<()> {
        self.inner.forget_fills(source).await
    }

    async fn expire(
        &self,
        worker: &WorkerId,
        (source, before): (&str, Timestamp),
        place: Place,
        now: Timestamp,
    ) -> Result<Expired> {
        let before = if self.is(Fault::ExpiresTheNew) { before + YEARS } else { before };
        match self.fault {
            Some(Fault::ExpiresInWords) => {
                let removed = Tidied { done: true, ..Tidied::default() };
                return Ok(Expired { removed, next: None });
            }
            Some(Fault::ExpiresOthers) => {
                self.inner.expire(worker, ("other", before), place, now).await?;
            }
            _ => {}
        }
        let expired = self.inner.expire(worker, (source, before), place, now).await?;
        if self.is(Fault::ExpiresUntold) {
            for sink in self.inner.counts().await?.sinks.keys() {
                let taken = self.inner.take_pending(sink, worker, usize::MAX, now).await?;
                let keys: Vec<_> = taken.iter().map(Change::key).collect();
                let back = |c: &Change<_>| Settled {
                    key: c.key(),
                    version: c.version(),
                    fate: Fate::Owed { not_before: now, ask: vec![] },
                };
                self.inner.settle(sink, worker, taken.iter().map(back).collect(), None, now).await?;
                self.settle_newer(sink, worker, &keys, now).await?;
            }
        }
        Ok(expired)
    }

    async fn erase(&self, worker: &WorkerId, ids: &Ids, now: Timestamp) -> Result<Erased> {
        if self.is(Fault::ErasesInWords) {
            return Ok(Erased::default());
        }
        self.inner.erase(worker, ids, now).await
    }

    async fn enlist(&self, server: &Server, schedules: &[Served], now: Timestamp) -> Result<bool> {
        let mut server = server.clone();
        if self.is(Fault::AnyConfigFires) {
            server.config = Digest::default();
        }
        let mut schedules = schedules.to_vec();
        if self.is(Fault::ForgetsMoments) {
            schedules.iter_mut().for_each(|served| served.when.clear());
        }
        self.inner.enlist(&server, &schedules, now).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleState>> {
        let mut states = self.inner.schedules().await?;
        if self.is(Fault::SchedulesAnew) {
            states.iter_mut().for_each(|state| state.since = state.last.unwrap_or(state.since) + YEARS);
        }
        Ok(states)
    }

    async fn fire(&self, server: &WorkerId, firing: &Firing, now: Timestamp) -> Result<Fired> {
        let mut firing = firing.clone();
        if let Some(slot) = firing.slot.as_mut().filter(|_| self.is(Fault::FiresWithoutTasks)) {
            slot.roots.clear();
        }
        let fired = self.inner.fire(server, &firing, now).await?;
        Ok(if fired == Fired::Stale && self.is(Fault::FiresAgain) { Fired::Done(None) } else { fired })
    }

    async fn pause_schedule(&self, name: &str, paused: bool, now: Timestamp) -> Result<bool> {
        if self.is(Fault::ForgetsPauses) {
            return Ok(self.inner.schedules().await?.iter().any(|state| *state.name == *name));
        }
        self.inner.pause_schedule(name, paused, now).await
    }

    async fn slots(&self, schedule: &str, max: usize) -> Result<Vec<SlotRow>> {
        let mut rows = self.inner.slots(schedule, max).await?;
        match self.fault {
            Some(Fault::MissesEverything) => rows.iter_mut().for_each(|row| {
                if matches!(row.fate, SlotFate::Skipped(_)) {
                    row.fate = SlotFate::Skipped(SkipReason::Missed);
                }
            }),
            Some(Fault::RowPerDecision) => {
                if let Some(first) = rows.first().cloned() {
                    rows.insert(0, first);
                }
            }
            _ => {}
        }
        Ok(rows)
    }
}
