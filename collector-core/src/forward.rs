//! Pointers to parts are parts: typed and boxed ones enter the same builder.
//!
//! A method missing here would take its default and lose what the inner part does, so none may be missing.

#![deny(clippy::missing_trait_methods, reason = "a wrapper that forgets a method changes the part it wraps")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::admission::{Permits, Rate, SharedRate};
use crate::clock::Timestamp;
use crate::context::Context;
use crate::domain::{Day, Domain};
use crate::error::Result;
use crate::id::{DeadId, Id, Ids, Name, PayloadId, RecordKey, RunId};
use crate::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey, Released, Renewed};
use crate::retry::{Attempt, Decision, RetryPolicy};
use crate::sink::{BatchLimits, Change, Position, Sink, Written};
use crate::source::{CallSpec, Source};
use crate::store::{
    Begun, Budget, Claims, Committed, Counts, DeadLetter, Enqueued, Erased, Expired, Fill, FinishedCall,
    Fired, Firing, GiveBack, Heartbeat, KeptAnswer, Known, LanePermit, ListInfo, ListMember, Lookup, Opened,
    Parked, Place, ReadAgain, Reserved, Retention, RunEnd, RunSpec, RunState, ScheduleState, Served, Server,
    Settled, SlotRow, Stale, Store, StoredPayload, Tidied, Waiting, WorkerId, WorkerInfo,
};
use crate::task::{Cost, Page, Payload, Query, Task};

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<S: Source + ?Sized> Source for $pointer<S> {
            type Item = S::Item;

            fn name(&self) -> &str {
                (**self).name()
            }

            fn kinds(&self) -> Vec<Name> {
                (**self).kinds()
            }

            fn call(&self, kind: &str) -> CallSpec {
                (**self).call(kind)
            }

            fn seed(&self, query: &Query) -> Result<Vec<Task>> {
                (**self).seed(query)
            }

            fn lookup(&self, ids: &Ids) -> Option<Task> {
                (**self).lookup(ids)
            }

            fn follows(&self, task: &Task) -> Vec<(Name, u64)> {
                (**self).follows(task)
            }

            async fn used(&self, cx: &Context) -> Result<Option<Cost>> {
                (**self).used(cx).await
            }

            async fn check(&self, cx: &Context) -> Result<()> {
                (**self).check(cx).await
            }

            async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
                (**self).fetch(cx, tasks).await
            }

            fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<Self::Item>> {
                (**self).parse(tasks, payload)
            }
        }

        #[async_trait]
        impl<T: Send + Sync + 'static, S: Sink<T> + ?Sized> Sink<T> for $pointer<S> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn limits(&self) -> BatchLimits {
                (**self).limits()
            }

            async fn open(&self, cx: &Context, position: Option<Position>) -> Result<()> {
                (**self).open(cx, position).await
            }

            async fn check(&self, cx: &Context) -> Result<()> {
                (**self).check(cx).await
            }

            async fn write(&self, cx: &Context, batch: &[Change<T>]) -> Result<Written> {
                (**self).write(cx, batch).await
            }
        }

        #[async_trait]
        impl<L: Lock + ?Sized> Lock for $pointer<L> {
            async fn try_acquire_many(
                &self,
                keys: &[LockKey],
                options: LeaseOptions,
            ) -> Result<Vec<Acquired>> {
                (**self).try_acquire_many(keys, options).await
            }

            async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
                (**self).renew_many(leases).await
            }

            async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
                (**self).release_many(leases).await
            }
        }

        #[async_trait]
        impl<R: SharedRate + ?Sized> SharedRate for $pointer<R> {
            async fn ask(&self, name: &str, rate: Rate, most: usize) -> Result<Permits> {
                (**self).ask(name, rate, most).await
            }
        }

        impl<P: RetryPolicy + ?Sized> RetryPolicy for $pointer<P> {
            fn decide(&self, attempt: &Attempt<'_>) -> Decision {
                (**self).decide(attempt)
            }

            fn cap(&self) -> Duration {
                (**self).cap()
            }
        }

        #[async_trait]
        impl<D: Domain, S: Store<D> + ?Sized> Store<D> for $pointer<S> {
            async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened> {
                (**self).open(worker, sinks, now).await
            }

            async fn close(&self, worker: &WorkerId) -> Result<()> {
                (**self).close(worker).await
            }

            async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
                (**self).begin_run(spec, now).await
            }

            async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
                (**self).end_run(run, end, now).await
            }

            async fn run(&self, run: RunId) -> Result<Option<RunState>> {
                (**self).run(run).await
            }

            async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>> {
                (**self).enqueue(run, tasks, now).await
            }

            async fn claim(
                &self,
                worker: &WorkerId,
                permits: &[LanePermit],
                now: Timestamp,
            ) -> Result<Claims> {
                (**self).claim(worker, permits, now).await
            }

            async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat> {
                (**self).heartbeat(worker, now).await
            }

            async fn waits(&self, worker: &WorkerId, waiting: Option<&Waiting>) -> Result<()> {
                (**self).waits(worker, waiting).await
            }

            async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
                (**self).give_back(worker, tasks, now).await
            }

            async fn commit(
                &self,
                worker: &WorkerId,
                calls: Vec<FinishedCall<D>>,
                lookup: &dyn Lookup,
                now: Timestamp,
            ) -> Result<Committed> {
                (**self).commit(worker, calls, lookup, now).await
            }

            async fn take_pending(
                &self,
                sink: &str,
                worker: &WorkerId,
                max: usize,
                now: Timestamp,
            ) -> Result<Vec<Change<D::Entity>>> {
                (**self).take_pending(sink, worker, max, now).await
            }

            async fn settle(
                &self,
                sink: &str,
                worker: &WorkerId,
                settled: Vec<Settled>,
                position: Option<Position>,
                now: Timestamp,
            ) -> Result<()> {
                (**self).settle(sink, worker, settled, position, now).await
            }

            async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
                (**self).reserve(budget, cost, now).await
            }

            async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()> {
                (**self).settle_cost(account, window, over).await
            }

            async fn park(&self, park: &Parked) -> Result<()> {
                (**self).park(park).await
            }

            async fn unpark(&self, account: &str) -> Result<()> {
                (**self).unpark(account).await
            }

            async fn revive(&self, dead: &[DeadId], now: Timestamp) -> Result<u64> {
                (**self).revive(dead, now).await
            }

            async fn discard(&self, dead: &[DeadId]) -> Result<u64> {
                (**self).discard(dead).await
            }

            async fn parked(&self) -> Result<Vec<Parked>> {
                (**self).parked().await
            }

            async fn counts(&self) -> Result<Counts> {
                (**self).counts().await
            }

            async fn find(&self, id: &Id) -> Result<Option<Known<D>>> {
                (**self).find(id).await
            }
            async fn ids(&self, key: RecordKey) -> Result<Option<Ids>> {
                (**self).ids(key).await
            }

            async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>> {
                (**self).dead_letters(max).await
            }

            async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>> {
                (**self).payload(id).await
            }

            async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
                (**self).put_list(name, members, now).await
            }

            async fn lists(&self) -> Result<Vec<ListInfo>> {
                (**self).lists().await
            }

            async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>> {
                (**self).list(name).await
            }

            async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
                (**self).owners(ids).await
            }

            async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
                (**self).keys(after, max).await
            }

            async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<D>>> {
                (**self).known(keys).await
            }

            async fn answers(
                &self,
                source: Option<&str>,
                after: Option<PayloadId>,
                max: usize,
            ) -> Result<Vec<KeptAnswer>> {
                (**self).answers(source, after, max).await
            }

            async fn read_again(
                &self,
                worker: &WorkerId,
                answers: Vec<ReadAgain<D>>,
                note: Option<(&str, &str)>,
                now: Timestamp,
            ) -> Result<Committed> {
                (**self).read_again(worker, answers, note, now).await
            }

            async fn note(&self, name: &str) -> Result<Option<String>> {
                (**self).note(name).await
            }

            async fn put_note(&self, name: &str, text: Option<&str>) -> Result<()> {
                (**self).put_note(name, text).await
            }

            async fn add_fills(&self, fills: &[Fill]) -> Result<()> {
                (**self).add_fills(fills).await
            }

            async fn fills(&self, since: i32) -> Result<Vec<Fill>> {
                (**self).fills(since).await
            }

            async fn forget_fills(&self, source: &str) -> Result<()> {
                (**self).forget_fills(source).await
            }

            async fn stale(
                &self,
                side: (&str, &str),
                before: Timestamp,
                after: Option<(Timestamp, RecordKey)>,
                max: usize,
            ) -> Result<Vec<Stale>> {
                (**self).stale(side, before, after, max).await
            }

            async fn tidy(&self, keep: &Retention, now: Timestamp) -> Result<Tidied> {
                (**self).tidy(keep, now).await
            }

            async fn expire(
                &self,
                worker: &WorkerId,
                what: (&str, Timestamp),
                place: Place,
                now: Timestamp,
            ) -> Result<Expired> {
                (**self).expire(worker, what, place, now).await
            }

            async fn erase(&self, worker: &WorkerId, ids: &Ids, now: Timestamp) -> Result<Erased> {
                (**self).erase(worker, ids, now).await
            }

            async fn history(&self, key: RecordKey) -> Result<Vec<Day>> {
                (**self).history(key).await
            }

            async fn enlist(&self, server: &Server, schedules: &[Served], now: Timestamp) -> Result<bool> {
                (**self).enlist(server, schedules, now).await
            }

            async fn schedules(&self) -> Result<Vec<ScheduleState>> {
                (**self).schedules().await
            }

            async fn fire(&self, server: &WorkerId, firing: &Firing, now: Timestamp) -> Result<Fired> {
                (**self).fire(server, firing, now).await
            }

            async fn pause_schedule(&self, name: &str, paused: bool, now: Timestamp) -> Result<bool> {
                (**self).pause_schedule(name, paused, now).await
            }

            async fn slots(&self, schedule: &str, max: usize) -> Result<Vec<SlotRow>> {
                (**self).slots(schedule, max).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::creator::CreatorSighting;
    use crate::domain::{Keyed, LastWins};
    use crate::error::{Error, ErrorKind};
    use crate::lock::MemoryLock;

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Video {
        id: String,
    }

    impl Keyed for Video {
        fn key(&self) -> Cow<'_, str> {
            Cow::Borrowed(&self.id)
        }
    }

    /// Compiles only while every trait can be used as an object.
    #[allow(dead_code, reason = "only has to compile")]
    fn objects(
        _: &dyn Source<Item = CreatorSighting>,
        _: &dyn Sink<u8>,
        _: &dyn Store<LastWins<Video>>,
        _: &dyn Lock,
        _: &dyn RetryPolicy,
    ) {
    }

    /// Compiles only while pointers to objects are parts themselves.
    #[allow(dead_code, reason = "only has to compile")]
    fn pointers(
        source: Arc<dyn Source<Item = CreatorSighting>>,
        sink: Box<dyn Sink<u8>>,
        store: Arc<dyn Store<LastWins<Video>>>,
        lock: Box<dyn Lock>,
        retry: Arc<dyn RetryPolicy>,
    ) {
        fn parts<T: Send + Sync + 'static, D: Domain>(
            _: impl Source,
            _: impl Sink<T>,
            _: impl Store<D>,
            _: impl Lock,
            _: impl RetryPolicy,
        ) {
        }
        parts::<u8, LastWins<Video>>(source, sink, store, lock, retry);
    }

    struct Never;

    impl RetryPolicy for Never {
        fn decide(&self, _attempt: &Attempt<'_>) -> Decision {
            Decision::GiveUp("never".into())
        }

        fn cap(&self) -> Duration {
            Duration::from_secs(7)
        }
    }

    #[test]
    fn a_boxed_policy_decides_like_the_policy() {
        fn decide(policy: impl RetryPolicy) -> (Decision, Duration) {
            let error = Error::new(ErrorKind::Timeout, "late");
            let attempt = Attempt { number: 1, elapsed: Duration::ZERO, error: &error, random: 0.5 };
            (policy.decide(&attempt), policy.cap())
        }
        let boxed: Box<dyn RetryPolicy> = Box::new(Arc::new(Never));
        assert_eq!(decide(boxed), decide(Never));
    }

    #[tokio::test]
    async fn a_boxed_lock_is_the_same_lock() {
        let lock = MemoryLock::new();
        let boxed: Box<dyn Lock> = Box::new(Arc::new(lock.clone()));
        let keys = [LockKey("k".into())];
        let first = boxed.try_acquire_many(&keys, LeaseOptions::default()).await.unwrap();
        assert!(matches!(first[0], Acquired::Granted(_)));
        let second = lock.try_acquire_many(&keys, LeaseOptions::default()).await.unwrap();
        assert!(matches!(second[0], Acquired::Held { .. }));
    }
}
