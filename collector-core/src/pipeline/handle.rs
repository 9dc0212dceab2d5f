//! Starts, waits and stops.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::dispatch::Dispatcher;
use super::events::Events;
use super::expecting;
use super::heard::refuse_unheard;
use super::report::RunReport;
use super::vitals::Vitals;
use super::worker::{Outlet, Parts, Worker};
use super::{Job, commit, project, reconcile, refresh, watch};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{DeadId, Name, RunId};
use crate::observe::Event;
use crate::store::{Begun, Counts, Known, RunEnd, RunState, SinkCounts, Waiting};
use crate::task::{Query, Task};

/// A pipeline that was checked and can run.
pub struct Engine<D: Domain> {
    pub(super) parts: Arc<Parts<D>>,
}

impl<D: Domain> std::fmt::Debug for Engine<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources = self.parts.slots.iter().map(|slot| &*slot.name).collect::<Vec<_>>();
        f.debug_struct("Engine").field("sources", &sources).finish_non_exhaustive()
    }
}

impl<D: Domain> Engine<D> {
    pub(super) fn new(parts: Parts<D>) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The tasks a query begins with; asks nobody and writes nothing. A list of the store is not looked into: see
    /// [`roots`](Self::roots).
    ///
    /// # Errors
    /// `ConfigInvalid` when a source cannot honour its part of the query, or none makes use of a part of it.
    pub fn plan(&self, query: &Query) -> Result<Vec<Task>> {
        self.plan_with(query, None)
    }

    /// The same, asking these sources only.
    pub(super) fn plan_with(&self, query: &Query, sources: Option<&[Name]>) -> Result<Vec<Task>> {
        let unknown = |name: &&Name| !self.parts.asked(None).any(|slot| slot.name == **name);
        if let Some(name) = sources.unwrap_or_default().iter().find(unknown) {
            let message =
                "a job begins with a source that this pipeline does not have, or only enriches with";
            return Err(Error::new(ErrorKind::ConfigInvalid, message).with("source", name));
        }
        let mut roots = Vec::new();
        for slice in query.slices() {
            for slot in self.parts.asked(sources) {
                let tasks = slot.source.seed(&slice).map_err(|error| error.with("source", &slot.name))?;
                if tasks.len() > Query::MAX_ROOTS {
                    let message = format!(
                        "a source seeded {} tasks for one slice of a query, at most {} may be",
                        tasks.len(),
                        Query::MAX_ROOTS
                    );
                    return Err(Error::new(ErrorKind::ConfigInvalid, message).with("source", &slot.name));
                }
                if let Some(task) =
                    tasks.iter().find(|task| self.parts.lane(task.source(), task.kind()).is_none())
                {
                    let message = "a source seeds a task of a kind that nobody in this pipeline gets";
                    return Err(Error::new(ErrorKind::ConfigInvalid, message)
                        .with("task", task)
                        .with("source", &slot.name));
                }
                roots.extend(tasks);
            }
        }
        refuse_unheard(&self.parts, query, sources)?;
        if roots.is_empty() && query.list.is_none() {
            return Err(Error::new(
                ErrorKind::ConfigInvalid,
                "no source can do anything with this query: it asks for nothing they know",
            ));
        }
        Ok(roots)
    }

    /// Refuses a job that cannot be planned, before anything is written or asked.
    pub(super) fn refuse_unplannable(&self, job: &Job) -> Result<()> {
        match job.refreshes()? {
            true => Ok(()),
            false => self.plan_with(&job.query, job.sources.as_deref()).map(drop),
        }
    }

    /// Collects what a job asks for and reports. Returns when everything is answered and in every sink, when what
    /// is left cannot go on now, or when `stop` fires and running work has drained.
    ///
    /// # Errors
    /// `ConfigInvalid` before anything is written; `Storage` and other failures of our own side. A vendor's
    /// failure is never an error: the report tells.
    pub async fn run(&self, job: Job, stop: CancellationToken) -> Result<RunReport> {
        job.expect.check(self.parts.domain.fields())?;
        // Nobody works here yet: what is owed by a drop is owed by the worker that starts now.
        let (roots, _) = self.roots_of(&job, None).await?;
        // Of the caller's signal, so that a stop counts at once, whatever is being waited for.
        let handle = self.start_until(stop.child_token()).await?;
        let outcome = async {
            let begun = handle.begin(job, roots).await?;
            handle.settle_run(begun, &stop).await
        }
        .await;
        let shut = handle.shutdown().await;
        let report = outcome?;
        shut.map(|()| report)
    }

    /// Says what is expected of a job whose runs somebody else may begin: see [`Job::expect`].
    ///
    /// # Errors
    /// `ConfigInvalid` when it cannot be expected.
    pub fn expects(&self, job: &Job) -> Result<()> {
        job.expect.check(self.parts.domain.fields())?;
        self.parts.expects.note(&job.name, &job.expect);
        Ok(())
    }

    /// Starts working and gives a handle. What the store still has open is worked on at once.
    ///
    /// # Errors
    /// `Storage`, or what a sink says when it is opened.
    pub async fn start(&self) -> Result<Handle<D>> {
        self.start_until(CancellationToken::new()).await
    }

    /// Starts working; takes no new work once `drain` fires.
    async fn start_until(&self, drain: CancellationToken) -> Result<Handle<D>> {
        let worker = Arc::new(Worker::new(Arc::clone(&self.parts), drain));
        let names: Vec<Name> = self.parts.sinks.iter().map(|sink| Name::from(sink.name())).collect();
        let opened = worker.store().open(&worker.info(), &names, worker.now()).await?;
        for (sink, position) in self.parts.sinks.iter().zip(opened.positions) {
            if let Err(error) = sink.open(&worker.cx, position).await {
                worker.store().close(&worker.id).await?;
                return Err(error.with("sink", sink.name()));
            }
        }
        worker.heard(false, opened.taken_over);
        worker.lift_parking().await?;
        worker.sync_parking().await?;
        worker.recount_owed().await?;
        worker.learn_fills().await?;
        let before = worker.store().counts().await?.sinks;
        let mut stages = JoinSet::new();
        let (send, receive) = mpsc::unbounded_channel();
        stages.spawn(guarded(&worker, Dispatcher::new(Arc::clone(&worker), send).run()));
        stages.spawn(guarded(&worker, commit::run(Arc::clone(&worker), receive)));
        for at in 0..worker.outlets.len() {
            stages.spawn(guarded(&worker, project::run(Arc::clone(&worker), at)));
        }
        stages.spawn(guarded(&worker, watch::run(Arc::clone(&worker))));
        stages.spawn(guarded(&worker, reconcile::run(Arc::clone(&worker))));
        stages.spawn(guarded(&worker, Arc::clone(&worker).beat()));
        let keeper_stop = CancellationToken::new();
        stages.spawn(Arc::clone(&worker.keeper).run(keeper_stop.clone()));
        let enqueueing = tokio::sync::Mutex::new(());
        let stages = tokio::sync::Mutex::new(stages);
        Ok(Handle { worker, stages, keeper_stop, before, enqueueing })
    }
}

/// A stage that panics is a fault of ours: it stops the worker instead of leaving the others waiting.
fn guarded<D: Domain>(
    worker: &Arc<Worker<D>>,
    stage: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let worker = Arc::clone(worker);
    async move {
        if AssertUnwindSafe(stage).catch_unwind().await.is_err() {
            worker.fail(Error::new(ErrorKind::Unexpected, "a stage of the engine panicked"));
        }
    }
}

/// A started engine.
///
/// Every method takes `&self`, so that one in an [`Arc`] serves a whole web service. Dropping it stops everything at
/// once, as a crash would: nothing is lost.
///
/// ```
/// # use collector_core::error::Result;
/// # use collector_core::pipeline::{Engine, Job};
/// # use collector_core::domain::Domain;
/// # use collector_core::observe::Event;
/// # use std::time::Duration;
/// # async fn serve<D: Domain>(engine: Engine<D>, job: Job) -> Result<()> {
/// let handle = engine.start().await?;
/// let mut events = handle.events();
/// let run = handle.submit(job).await?.run;
/// while let Some(event) = events.next().await {
///     if let Event::Called { source, failed: Some(kind), .. } = event {
///         eprintln!("{source}: {kind}");
///     }
///     if handle.status(run).await?.is_none_or(|state| state.open == 0) {
///         break;
///     }
/// }
/// handle.shutdown_within(Duration::from_secs(5)).await
/// # }
/// ```
pub struct Handle<D: Domain> {
    pub(super) worker: Arc<Worker<D>>,
    /// Empty once it was shut down.
    stages: tokio::sync::Mutex<JoinSet<()>>,
    keeper_stop: CancellationToken,
    pub(super) before: BTreeMap<String, SinkCounts>,
    /// Held while tasks are added to a run, so that none comes after its cancellation.
    enqueueing: tokio::sync::Mutex<()>,
}

impl<D: Domain> std::fmt::Debug for Handle<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("worker", &self.worker.id).finish_non_exhaustive()
    }
}

impl<D: Domain> Handle<D> {
    /// Begins a run, or goes on with an unfinished one of the same job. It goes on and ends by itself; nobody has to
    /// [`wait`](Self::wait) for it. What the store keeps longer than a source's vendor allows is dropped first (see
    /// [`SourceOptions::keep_for`](super::SourceOptions::keep_for)).
    ///
    /// # Errors
    /// As for [`Engine::roots`]; `Cancelled` once it is shut down.
    pub async fn submit(&self, job: Job) -> Result<Begun> {
        if self.worker.drain.is_cancelled() {
            let message = "the engine is stopping: submit the job to one that is started anew";
            return Err(Error::new(ErrorKind::Cancelled, message).with("job", &job.name));
        }
        let engine = Engine { parts: Arc::clone(&self.worker.parts) };
        job.expect.check(engine.parts.domain.fields())?;
        let (roots, dropped) = engine.roots_of(&job, Some(&self.worker.id)).await?;
        if dropped {
            self.worker.recount_owed().await?;
            self.worker.outlets.iter().for_each(|outlet| outlet.wake.notify_one());
        }
        let begun = self.begin(job, roots).await?;
        self.worker.watched.add(begun.run);
        Ok(begun)
    }

    /// Begins a run that was planned.
    async fn begin(&self, job: Job, roots: Vec<Task>) -> Result<Begun> {
        let worker = &self.worker;
        let _enqueueing = self.enqueueing.lock().await;
        let spec = job.spec();
        let begun = worker.store().begin_run(&spec, worker.now()).await?;
        worker.observe(&Event::RunBegan { run: begun.run, resumed: begun.resumed });
        worker.parts.expects.note(&job.name, &job.expect);
        for chunk in roots.chunks(Query::MAX_ROOTS) {
            worker.store().enqueue(begun.run, chunk.to_vec(), worker.now()).await?;
        }
        if let Some(again) = &job.refresh {
            refresh::enqueue(&worker.parts, begun.run, &job.name, again).await?;
        }
        expecting::begin(worker.store(), begun.run, &job.expect, &roots).await?;
        worker.wet_all();
        Ok(begun)
    }

    /// Waits for a run until it is over or `stop` fires, and reports. Other runs go on.
    ///
    /// # Errors
    /// Failures of our own side.
    pub async fn wait(&self, begun: Begun, stop: &CancellationToken) -> Result<RunReport> {
        let started = self.worker.tick();
        let end = self.await_end(begun.run, stop).await?;
        self.report(begun, end, started).await
    }

    /// [`wait`](Self::wait), then drains: for one run that is all there is.
    async fn settle_run(&self, begun: Begun, stop: &CancellationToken) -> Result<RunReport> {
        let started = self.worker.tick();
        let end = self.await_end(begun.run, stop).await?;
        self.drain().await?;
        self.flush(begun.run).await?;
        self.report(begun, end, started).await
    }

    /// Sees to it that these runs end when they have nothing left to do, whoever began them.
    pub fn look_after(&self, runs: impl IntoIterator<Item = RunId>) {
        runs.into_iter().for_each(|run| self.worker.watched.add(run));
    }

    /// Looks for work at once: somebody else added some.
    pub fn wake(&self) {
        self.worker.wet_all();
    }

    /// Waits until our own side fails; then nothing is worked on any more, and this is why.
    pub async fn failure(&self) -> Error {
        loop {
            self.worker.abort.cancelled().await;
            if let Some(error) = self.worker.fatal() {
                return error;
            }
            // It was shut down, and calls that would not end were dropped.
            std::future::pending::<()>().await;
        }
    }

    /// The name its claims are made under.
    pub fn worker(&self) -> &Name {
        &self.worker.id
    }

    /// What happens from now on, for as many listeners as like.
    pub fn events(&self) -> Events {
        Events::new(self.worker.events.subscribe(), self.worker.closed.clone())
    }

    /// Gives an unfinished run up; tells whether there was one. What nobody else waits for is not asked any more, calls
    /// under way end, and their answers are kept and delivered. The next run of the same job begins anew.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn cancel(&self, run: RunId) -> Result<bool> {
        let worker = &self.worker;
        let _nothing_is_added = self.enqueueing.lock().await;
        if worker.store().run(run).await?.is_none_or(|state| state.ended.is_some()) {
            return Ok(false);
        }
        worker.store().end_run(run, RunEnd::Cancelled, worker.now()).await?;
        worker.observe(&Event::RunEnded { run, end: RunEnd::Cancelled });
        worker.shed();
        worker.progressed();
        Ok(true)
    }

    /// A run's counts; `None` for an unknown run.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn status(&self, run: RunId) -> Result<Option<RunState>> {
        self.worker.store().run(run).await
    }

    /// Why nothing gets on at this moment, if so: the lock, the shared rate or a sink cannot be reached.
    pub fn waiting(&self) -> Option<Waiting> {
        self.worker.troubles.reason()
    }

    /// How this worker is: its accounts, its sinks, and why it does not get on, if so.
    pub fn vitals(&self) -> Vitals {
        self.worker.vitals()
    }

    /// Everything countable in the store.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn counts(&self) -> Result<Counts> {
        self.worker.store().counts().await
    }

    /// Everything known about the thing with this identity.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn find(&self, id: &crate::id::Id) -> Result<Option<Known<D>>> {
        self.worker.store().find(id).await
    }

    /// Opens dead letters again; gives the number opened.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn revive(&self, dead: &[DeadId]) -> Result<u64> {
        let revived = self.worker.store().revive(dead, self.worker.now()).await?;
        self.worker.wet_all();
        Ok(revived)
    }

    /// [`shutdown`](Self::shutdown), with a time of its own for running calls instead of that of the settings.
    ///
    /// # Errors
    /// Failures of our own side.
    pub async fn shutdown_within(&self, drain: Duration) -> Result<()> {
        // Of several shutdowns the first one counts.
        self.worker.drain_for.get_or_init(|| drain);
        self.shutdown().await
    }

    /// Stops claiming, lets running calls end (for at most the drain time of the settings), commits what came, gives
    /// back the rest. What sinks do not have yet is theirs at the next start. From then on nothing can be submitted;
    /// what is stored can still be asked.
    ///
    /// # Errors
    /// Failures of our own side.
    pub async fn shutdown(&self) -> Result<()> {
        let mut stages = self.stages.lock().await;
        if stages.is_empty() {
            return self.failed();
        }
        let drained = self.drain().await;
        self.worker.finish.cancel();
        let keeper = self.keeper_stop.clone();
        // The keeper ends last: leases are released through it.
        let others = stages.len().saturating_sub(1);
        for _ in 0..others {
            stages.join_next().await;
        }
        keeper.cancel();
        while stages.join_next().await.is_some() {}
        // Also after a failure: nobody should have to wait until this worker is taken for dead.
        let saved = self.worker.save_fills(true).await;
        let saved = saved.and(self.worker.keep_tallies().await);
        let closed = self.worker.store().close(&self.worker.id).await;
        self.worker.closed.cancel();
        drained.and(self.failed()).and(saved).and(closed)
    }

    async fn drain(&self) -> Result<()> {
        let worker = &self.worker;
        worker.drain.cancel();
        worker.wake.notify_one();
        let mut progress = worker.progress.subscribe();
        while !worker.gauges.idle() && !worker.has_failed() {
            tokio::select! {
                _ = progress.changed() => {}
                () = worker.parts.clock.sleep(Duration::from_millis(20)) => {}
            }
        }
        self.failed()
    }

    /// Lets sinks that work have what is committed, within the drain time.
    async fn flush(&self, run: RunId) -> Result<()> {
        let worker = &self.worker;
        let owes = async || Ok(worker.store().run(run).await?.is_some_and(|run| run.pending > 0));
        if !owes().await? {
            return self.failed();
        }
        worker.recount_owed().await?;
        let deadline = worker.tick() + worker.drain_time();
        let mut progress = worker.progress.subscribe();
        let works =
            |outlet: &Outlet| outlet.owed.load(Ordering::SeqCst) > 0 && outlet.stuck_since().is_none();
        while worker.outlets.iter().any(works) && worker.tick() < deadline && owes().await? {
            self.failed()?;
            worker.outlets.iter().for_each(|outlet| outlet.wake.notify_one());
            tokio::select! {
                _ = progress.changed() => {}
                () = worker.parts.clock.sleep(Duration::from_millis(50)) => {}
            }
        }
        self.failed()
    }

    pub(super) fn failed(&self) -> Result<()> {
        self.worker.fatal().map_or(Ok(()), Err)
    }
}

impl<D: Domain> Drop for Handle<D> {
    fn drop(&mut self) {
        self.worker.drain.cancel();
        self.worker.abort.cancel();
        self.worker.finish.cancel();
    }
}
