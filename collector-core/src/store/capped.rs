//! A store that lets one process spend only so much, and ask for only so many.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    Begun, Budget, Claims, Committed, Counts, DeadLetter, Enqueued, Erased, Expired, Fill, FinishedCall,
    Fired, Firing, GiveBack, Heartbeat, KeptAnswer, Known, LanePermit, ListInfo, ListMember, Lookup, Opened,
    Parked, Place, ReadAgain, Reserved, Retention, RunEnd, RunSpec, RunState, ScheduleState, Served, Server,
    Settled, SlotRow, Stale, Store, StoredPayload, Tidied, Waiting, WorkerId, WorkerInfo,
};
use crate::clock::Timestamp;
use crate::domain::{Day, Domain};
use crate::error::{ErrorKind, Result};
use crate::id::{DeadId, Id, IdHash, Ids, Name, PayloadId, RecordKey, RunId};
use crate::sink::{Change, Position};
use crate::task::{Cost, Task};

/// What a [`Capped`] store allows. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// Units that may be spent, over all accounts.
    pub units: Option<u64>,
    /// People that may be asked for: tasks that say whom they are [about](Task::about), each identity once.
    pub people: Option<usize>,
}

/// What was used of the [`Caps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Units spent; while calls are under way, at their worst cost.
    pub units: u64,
    /// Whether a call was held back for want of units.
    pub out_of_units: bool,
    /// People asked for.
    pub people: usize,
    /// Tasks that were not added because enough people had been asked for.
    pub left_out: u64,
}

/// A store in front of another that keeps one process within [`Caps`].
///
/// Units are booked at the worst cost before a call is made and corrected when it is committed, so the sum is never
/// exceeded, however many calls run at once. This needs an engine that reserves: every account has to have a
/// [`Budget`], if only one without limits. An account that is out of units is kept out for this process and not
/// parked in the store: others may go on.
///
/// When enough people have been asked for, further ones and whatever would find more are not added; the run ends
/// complete. The count begins with the process, not with the run.
pub struct Capped<D: Domain> {
    inner: Arc<dyn Store<D>>,
    caps: Caps,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    used: Used,
    people: HashSet<IdHash>,
    /// Accounts that this process keeps out.
    parked: BTreeMap<Name, Parked>,
}

impl<D: Domain> std::fmt::Debug for Capped<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capped").field("caps", &self.caps).field("used", &self.used()).finish_non_exhaustive()
    }
}

impl<D: Domain> Capped<D> {
    /// The store `inner` within `caps`.
    pub fn new(inner: Arc<dyn Store<D>>, caps: Caps) -> Self {
        Self { inner, caps, book: Mutex::default() }
    }

    /// What was used so far.
    pub fn used(&self) -> Used {
        self.book().used
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books units; tells whether they fit.
    fn take(&self, units: u64) -> bool {
        let mut book = self.book();
        let after = book.used.units.saturating_add(units);
        if self.caps.units.is_some_and(|most| after > most) {
            book.used.out_of_units = true;
            return false;
        }
        book.used.units = after;
        true
    }

    fn give(&self, units: u64) {
        let mut book = self.book();
        book.used.units = book.used.units.saturating_sub(units);
    }

    /// Whether a task may be added.
    fn admits(&self, task: &Task) -> bool {
        let Some(most) = self.caps.people else { return true };
        let mut book = self.book();
        let admitted = match task.target().map(|target| target.id.hash()) {
            Some(person) => {
                book.people.contains(&person) || (book.people.len() < most && book.people.insert(person))
            }
            None => book.people.len() < most,
        };
        book.used.people = book.people.len();
        book.used.left_out += u64::from(!admitted);
        admitted
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a wrapper that forgets a method changes the store it wraps")]
impl<D: Domain> Store<D> for Capped<D> {
    async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>> {
        let admitted: Vec<bool> = tasks.iter().map(|task| self.admits(task)).collect();
        let kept = tasks.into_iter().zip(&admitted).filter_map(|(task, keep)| keep.then_some(task)).collect();
        let mut answers = self.inner.enqueue(run, kept, now).await?.into_iter();
        // What is left out needs no answer, like what is fresh.
        let answer =
            |keep: bool| if keep { answers.next().unwrap_or(Enqueued::Fresh) } else { Enqueued::Fresh };
        Ok(admitted.into_iter().map(answer).collect())
    }

    async fn commit(
        &self,
        worker: &WorkerId,
        mut calls: Vec<FinishedCall<D>>,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed> {
        for call in &mut calls {
            call.follow_ups.retain(|task| self.admits(task));
        }
        let refunds: u64 =
            calls.iter().filter_map(|call| call.refund.as_ref()).map(|(_, _, over)| over.units).sum();
        let committed = self.inner.commit(worker, calls, lookup, now).await?;
        self.give(refunds);
        Ok(committed)
    }

    async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
        if !self.take(cost.units) {
            return Ok(Reserved::Until(budget.reset_after(now)));
        }
        let reserved = self.inner.reserve(budget, cost, now).await;
        if !matches!(reserved, Ok(Reserved::Granted { .. })) {
            self.give(cost.units);
        }
        reserved
    }

    async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()> {
        self.inner.settle_cost(account, window, over).await?;
        self.give(over.units);
        Ok(())
    }

    async fn park(&self, park: &Parked) -> Result<()> {
        // Our own limit is nobody else's: the account is not out of units, this process is.
        if park.kind == ErrorKind::QuotaExhausted && self.used().out_of_units {
            self.book().parked.insert(Name::clone(&park.account), park.clone());
            return Ok(());
        }
        self.inner.park(park).await
    }

    async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened> {
        self.inner.open(worker, sinks, now).await
    }

    async fn close(&self, worker: &WorkerId) -> Result<()> {
        self.inner.close(worker).await
    }

    async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
        self.inner.begin_run(spec, now).await
    }

    async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
        self.inner.end_run(run, end, now).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunState>> {
        self.inner.run(run).await
    }

    async fn claim(&self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Result<Claims> {
        self.inner.claim(worker, permits, now).await
    }

    async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat> {
        self.inner.heartbeat(worker, now).await
    }

    async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
        self.inner.give_back(worker, tasks, now).await
    }

    async fn take_pending(
        &self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Change<D::Entity>>> {
        self.inner.take_pending(sink, worker, max, now).await
    }

    async fn settle(
        &self,
        sink: &str,
        worker: &WorkerId,
        settled: Vec<Settled>,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<()> {
        self.inner.settle(sink, worker, settled, position, now).await
    }

    async fn unpark(&self, account: &str) -> Result<()> {
        self.book().parked.remove(account);
        self.inner.unpark(account).await
    }

    async fn waits(&self, worker: &WorkerId, waiting: Option<&Waiting>) -> Result<()> {
        self.inner.waits(worker, waiting).await
    }

    async fn revive(&self, dead: &[DeadId], now: Timestamp) -> Result<u64> {
        self.inner.revive(dead, now).await
    }

    async fn discard(&self, dead: &[DeadId]) -> Result<u64> {
        self.inner.discard(dead).await
    }

    async fn parked(&self) -> Result<Vec<Parked>> {
        let mut parked = self.inner.parked().await?;
        let known: HashSet<Name> = parked.iter().map(|park| Name::clone(&park.account)).collect();
        let own = self
            .book()
            .parked
            .values()
            .filter(|park| !known.contains(&park.account))
            .cloned()
            .collect::<Vec<_>>();
        parked.extend(own);
        Ok(parked)
    }

    async fn counts(&self) -> Result<Counts> {
        self.inner.counts().await
    }

    async fn find(&self, id: &Id) -> Result<Option<Known<D>>> {
        self.inner.find(id).await
    }

    async fn ids(&self, key: RecordKey) -> Result<Option<Ids>> {
        self.inner.ids(key).await
    }

    async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>> {
        self.inner.dead_letters(max).await
    }

    async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>> {
        self.inner.payload(id).await
    }

    async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
        self.inner.put_list(name, members, now).await
    }

    async fn lists(&self) -> Result<Vec<ListInfo>> {
        self.inner.lists().await
    }

    async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>> {
        self.inner.list(name).await
    }

    async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
        self.inner.owners(ids).await
    }

    async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
        self.inner.keys(after, max).await
    }

    async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<D>>> {
        self.inner.known(keys).await
    }

    async fn answers(
        &self,
        source: Option<&str>,
        after: Option<PayloadId>,
        max: usize,
    ) -> Result<Vec<KeptAnswer>> {
        self.inner.answers(source, after, max).await
    }

    async fn read_again(
        &self,
        worker: &WorkerId,
        answers: Vec<ReadAgain<D>>,
        note: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<Committed> {
        self.inner.read_again(worker, answers, note, now).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        self.inner.note(name).await
    }

    async fn put_note(&self, name: &str, text: Option<&str>) -> Result<()> {
        self.inner.put_note(name, text).await
    }

    async fn add_fills(&self, fills: &[Fill]) -> Result<()> {
        self.inner.add_fills(fills).await
    }

    async fn fills(&self, since: i32) -> Result<Vec<Fill>> {
        self.inner.fills(since).await
    }

    async fn forget_fills(&self, source: &str) -> Result<()> {
        self.inner.forget_fills(source).await
    }

    async fn stale(
        &self,
        side: (&str, &str),
        before: Timestamp,
        after: Option<(Timestamp, RecordKey)>,
        max: usize,
    ) -> Result<Vec<Stale>> {
        self.inner.stale(side, before, after, max).await
    }

    async fn tidy(&self, keep: &Retention, now: Timestamp) -> Result<Tidied> {
        self.inner.tidy(keep, now).await
    }

    async fn expire(
        &self,
        worker: &WorkerId,
        what: (&str, Timestamp),
        place: Place,
        now: Timestamp,
    ) -> Result<Expired> {
        self.inner.expire(worker, what, place, now).await
    }

    async fn erase(&self, worker: &WorkerId, ids: &Ids, now: Timestamp) -> Result<Erased> {
        self.inner.erase(worker, ids, now).await
    }

    async fn history(&self, key: RecordKey) -> Result<Vec<Day>> {
        self.inner.history(key).await
    }

    async fn enlist(&self, server: &Server, schedules: &[Served], now: Timestamp) -> Result<bool> {
        self.inner.enlist(server, schedules, now).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleState>> {
        self.inner.schedules().await
    }

    async fn fire(&self, server: &WorkerId, firing: &Firing, now: Timestamp) -> Result<Fired> {
        self.inner.fire(server, firing, now).await
    }

    async fn pause_schedule(&self, name: &str, paused: bool, now: Timestamp) -> Result<bool> {
        self.inner.pause_schedule(name, paused, now).await
    }

    async fn slots(&self, schedule: &str, max: usize) -> Result<Vec<SlotRow>> {
        self.inner.slots(schedule, max).await
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::domain::{Keyed, LastWins};
    use crate::id::Digest;
    use crate::store::MemoryStore;

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Word(String);

    impl Keyed for Word {
        fn key(&self) -> Cow<'_, str> {
            Cow::Borrowed(&self.0)
        }
    }

    type Words = LastWins<Word>;

    fn capped(caps: Caps) -> Capped<Words> {
        Capped::new(Arc::new(MemoryStore::new(Words::new())), caps)
    }

    fn budget(units: Option<u64>) -> Budget {
        Budget {
            account: "a".into(),
            units,
            requests: None,
            window: Duration::from_secs(86_400),
            offset: Duration::ZERO,
        }
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[tokio::test]
    async fn reservations_at_once_never_exceed_the_cap() {
        let store = capped(Caps { units: Some(25), people: None });
        let budget = budget(None);
        let asks = (0..40).map(|_| store.reserve(&budget, Cost { units: 2, requests: 1 }, NOW));
        let answers = futures_util::future::join_all(asks).await;
        let granted = answers.iter().filter(|answer| matches!(answer, Ok(Reserved::Granted { .. }))).count();
        assert_eq!((granted, store.used().units, store.used().out_of_units), (12, 24, true));
        store.settle_cost("a", Timestamp::from_secs(0), Cost { units: 4, requests: 2 }).await.unwrap();
        let again = store.reserve(&budget, Cost::units(5), NOW).await.unwrap();
        assert!(matches!(again, Reserved::Granted { .. }), "what was not spent can be spent");
        assert_eq!(store.used().units, 25);
    }

    #[tokio::test]
    async fn what_the_account_refuses_is_not_booked_here() {
        let store = capped(Caps { units: Some(100), people: None });
        for granted in [true, false, false] {
            let answer = store.reserve(&budget(Some(3)), Cost::units(2), NOW).await.unwrap();
            assert_eq!(matches!(answer, Reserved::Granted { .. }), granted);
        }
        assert_eq!((store.used().units, store.used().out_of_units), (2, false));
    }

    #[tokio::test]
    async fn an_account_out_of_our_units_is_parked_for_us_alone() {
        let inner: Arc<dyn Store<Words>> = Arc::new(MemoryStore::new(Words::new()));
        let store = Capped::new(Arc::clone(&inner), Caps { units: Some(0), people: None });
        let park =
            |kind| Parked { account: "a".into(), until: None, kind, reason: String::new(), since: NOW };
        store.park(&park(ErrorKind::QuotaExhausted)).await.unwrap();
        assert_eq!(
            inner.parked().await.unwrap().len(),
            1,
            "as long as nothing was held back it is the vendor's word"
        );
        store.unpark("a").await.unwrap();
        store.reserve(&budget(None), Cost::units(1), NOW).await.unwrap();
        store.park(&park(ErrorKind::QuotaExhausted)).await.unwrap();
        assert_eq!((inner.parked().await.unwrap().len(), store.parked().await.unwrap().len()), (0, 1));
        store.park(&park(ErrorKind::Unauthorized)).await.unwrap();
        assert_eq!((inner.parked().await.unwrap().len(), store.parked().await.unwrap().len()), (1, 1));
    }

    #[tokio::test]
    async fn enough_people_are_enough_and_nobody_counts_twice() {
        let store = capped(Caps { units: None, people: Some(2) });
        let spec = RunSpec { job: "j".into(), key: Digest::of(b"j"), fresh_for: Duration::from_secs(1) };
        let run = store.begin_run(&spec, NOW).await.unwrap().run;
        let about = |who: &str| Task::new("s", "profile", who).about(Id::new("handle", who), "profile");
        let tasks =
            vec![Task::new("s", "page", "1"), about("a"), about("a"), about("b"), about("c"), about("b")];
        let answers = store.enqueue(run, tasks, NOW).await.unwrap();
        use Enqueued::{Fresh, Joined, New};
        assert_eq!(answers, [New, New, Joined, New, Fresh, Joined]);
        let page = store.enqueue(run, vec![Task::new("s", "page", "2")], NOW).await.unwrap();
        assert_eq!(page, [Fresh], "nobody more is looked for");
        assert_eq!((store.used().people, store.used().left_out), (2, 2));
        assert_eq!(store.counts().await.unwrap().tasks["ready"], 3);
    }
}
