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
use super::heard::refuse_unheard;
use super::report::{DeadGroup, End, RunReport, since};
use super::worker::{Outlet, Parts, Slot, Worker};
use super::{Job, commit, project, reconcile, refresh, watch};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{DeadId, Name, RunId};
use crate::observe::Event;
use crate::store::{Begun, Counts, Known, Parked, RunEnd, RunSpec, RunState, SinkCounts, Waiting};
use crate::task::{Query, Task};

/// How often a waiting run looks at the store when nobody tells it anything.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The most dead letters a report groups.
const LETTERS: usize = 10_000;

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
        let mut roots = Vec::new();
        for slice in query.slices() {
            for slot in self.parts.slots.iter().filter(|slot| slot.discover) {
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
        refuse_unheard(&self.parts, query)?;
        if roots.is_empty() && query.list.is_none() {
            return Err(Error::new(
                ErrorKind::ConfigInvalid,
                "no source can do anything with this query: it asks for nothing they know",
            ));
        }
        Ok(roots)
    }

    /// Collects what a job asks for and reports. Returns when everything is answered and in every sink, when what
    /// is left cannot go on now, or when `stop` fires and running work has drained.
    ///
    /// # Errors
    /// `ConfigInvalid` before anything is written; `Storage` and other failures of our own side. A vendor's
    /// failure is never an error: the report tells.
    pub async fn run(&self, job: Job, stop: CancellationToken) -> Result<RunReport> {
        if !job.refreshes()? {
            self.plan(&job.query)?;
        }
        // Of the caller's signal, so that a stop counts at once, whatever is being waited for.
        let handle = self.start_until(stop.child_token()).await?;
        let outcome = async {
            let begun = handle.begin(job).await?;
            handle.settle_run(begun, &stop).await
        }
        .await;
        let shut = handle.shutdown().await;
        let report = outcome?;
        shut.map(|()| report)
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

/// How a run ends that has nothing left to do; `None` while it has.
fn over(state: &RunState) -> Option<End> {
    watch::over(state).map(|end| match end {
        RunEnd::Complete => End::Complete,
        RunEnd::Partial => End::Partial,
        RunEnd::Cancelled => End::Cancelled,
    })
}

fn is_cancelled(state: &RunState) -> bool {
    matches!(state.ended, Some((_, RunEnd::Cancelled)))
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
    worker: Arc<Worker<D>>,
    /// Empty once it was shut down.
    stages: tokio::sync::Mutex<JoinSet<()>>,
    keeper_stop: CancellationToken,
    before: BTreeMap<String, SinkCounts>,
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
    /// [`wait`](Self::wait) for it.
    ///
    /// # Errors
    /// As for [`Engine::roots`]; `Cancelled` once it is shut down.
    pub async fn submit(&self, job: Job) -> Result<Begun> {
        if self.worker.drain.is_cancelled() {
            let message = "the engine is stopping: submit the job to one that is started anew";
            return Err(Error::new(ErrorKind::Cancelled, message).with("job", &job.name));
        }
        let begun = self.begin(job).await?;
        self.worker.watched.add(begun.run);
        Ok(begun)
    }

    async fn begin(&self, job: Job) -> Result<Begun> {
        let worker = &self.worker;
        let engine = Engine { parts: Arc::clone(&worker.parts) };
        let roots = if job.refreshes()? { Vec::new() } else { engine.roots(&job.query).await?.tasks };
        let _enqueueing = self.enqueueing.lock().await;
        let spec = RunSpec { job: job.name.clone(), key: job.key(), fresh_for: job.window() };
        let begun = worker.store().begin_run(&spec, worker.now()).await?;
        worker.observe(&Event::RunBegan { run: begun.run, resumed: begun.resumed });
        for chunk in roots.chunks(Query::MAX_ROOTS) {
            worker.store().enqueue(begun.run, chunk.to_vec(), worker.now()).await?;
        }
        if let Some(again) = &job.refresh {
            refresh::enqueue(worker, begun.run, &job.name, again).await?;
        }
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

    fn failed(&self) -> Result<()> {
        self.worker.fatal().map_or(Ok(()), Err)
    }

    async fn await_end(&self, run: RunId, stop: &CancellationToken) -> Result<End> {
        let worker = &self.worker;
        let mut progress = worker.progress.subscribe();
        let mut look_again = worker.tick() + LOOK_AGAIN;
        loop {
            self.failed()?;
            if stop.is_cancelled() {
                return Ok(End::Stopped);
            }
            progress.mark_unchanged();
            if worker.gauges.idle()
                && let Some(end) = self.look(run).await?
            {
                return Ok(end);
            }
            if worker.tick() >= look_again {
                look_again = worker.tick() + LOOK_AGAIN;
                // Other runs may keep this worker busy for ever.
                let ended = worker.store().run(run).await?.filter(|state| state.ended.is_some());
                if let Some(end) = ended.as_ref().and_then(over) {
                    return Ok(end);
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = progress.changed() => {}
                () = worker.parts.clock.sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Whether an idle worker has anything left to do for a run.
    async fn look(&self, run: RunId) -> Result<Option<End>> {
        let worker = &self.worker;
        let Some(state) = worker.store().run(run).await? else { return Ok(Some(End::Complete)) };
        if let Some(end) = over(&state) {
            return Ok(Some(end));
        }
        if state.open > 0 {
            return self.cannot_go_on().await;
        }
        let patience = worker.parts.settings.sink_patience;
        let tired = |outlet: &Outlet| {
            let since = outlet.stuck_since();
            since.is_some_and(|since| worker.tick().saturating_duration_since(since) >= patience)
        };
        if !worker.outlets.iter().any(tired) {
            return Ok(None);
        }
        worker.recount_owed().await?;
        let mut owing = worker.outlets.iter().filter(|outlet| outlet.owed.load(Ordering::SeqCst) > 0);
        Ok(owing.all(tired).then_some(End::Partial))
    }

    /// How it ends when no open task can be got now: their accounts are parked, or nobody here gets them.
    async fn cannot_go_on(&self) -> Result<Option<End>> {
        let open = self.worker.store().counts().await?.open;
        let mut parked = false;
        for lane in open.keys() {
            // As long as one of the source's accounts may call, it goes on.
            for slot in self.slots_of(lane) {
                match self.worker.account_of(slot).admission().parked() {
                    None => return Ok(None),
                    // A format that has changed does not come back by waiting.
                    Some(park) => parked |= park.kind != ErrorKind::Malformed,
                }
            }
        }
        Ok(match (open.is_empty(), parked) {
            (true, _) => None,
            (false, true) => Some(End::Parked { until: self.first_out() }),
            (false, false) => Some(End::Partial),
        })
    }

    /// The slots that get the tasks of a lane written as `source/kind`: one for each account.
    fn slots_of(&self, lane: &str) -> impl Iterator<Item = usize> {
        let gets =
            move |slot: &Slot<D>| slot.kinds.iter().any(|(_, kind)| format!("{}/{kind}", slot.name) == lane);
        self.worker.parts.slots.iter().enumerate().filter(move |(_, slot)| gets(slot)).map(|(at, _)| at)
    }

    fn first_out(&self) -> Option<Timestamp> {
        let accounts = self.worker.parts.accounts.iter();
        accounts.filter_map(|account| account.admission().parked().and_then(|park| park.until)).min()
    }

    async fn report(&self, begun: Begun, end: End, started: tokio::time::Instant) -> Result<RunReport> {
        let worker = &self.worker;
        let state = worker.store().run(begun.run).await?;
        let state = state.ok_or_else(|| {
            Error::new(ErrorKind::Storage, "the run is not in the store any more").with("run", begun.run)
        })?;
        let end = match end {
            // The stop came too late to keep anything from being done.
            End::Stopped => over(&state).unwrap_or(End::Stopped),
            _ if is_cancelled(&state) => End::Cancelled,
            end => end,
        };
        let known = state.ended.map(|(_, end)| end);
        let counts = worker.store().counts().await?;
        let letters = match state.counts.dead {
            0 => Vec::new(),
            _ => worker.store().dead_letters(LETTERS).await?,
        };
        let mine: Vec<_> = letters.into_iter().filter(|letter| letter.run == Some(begun.run)).collect();
        let sinks: BTreeMap<String, SinkCounts> = worker
            .parts
            .sinks
            .iter()
            .filter_map(|sink| counts.sinks.get_key_value(sink.name()))
            .map(|(name, after)| {
                (name.clone(), since(self.before.get(name).copied().unwrap_or_default(), *after))
            })
            .collect();
        let mut report = RunReport {
            run: begun.run,
            job: state.job,
            resumed: begun.resumed,
            end,
            reasons: Vec::new(),
            counts: state.counts,
            open: state.open,
            sinks,
            parked: worker.parked().await?,
            dead: DeadGroup::of(&mine),
            took: worker.tick().saturating_duration_since(started),
        };
        report.reasons = self.reasons(&report, state.pending);
        if report.open > 0 {
            let strange = counts.open.iter().filter(|(lane, _)| self.slots_of(lane).next().is_none());
            report.reasons.extend(strange.map(|(lane, tasks)| {
                format!("open {tasks}: {lane}, which this pipeline does not have; add its source")
            }));
        }
        // What was refused for good is missing somewhere, so it is not complete.
        if report.end == End::Complete && !report.reasons.is_empty() {
            report.end = End::Partial;
        }
        match report.end {
            End::Complete => self.end(begun.run, RunEnd::Complete, known).await?,
            // With everything answered there is nothing to resume: the next run tries again what is missing.
            End::Partial if report.open == 0 => self.end(begun.run, RunEnd::Partial, known).await?,
            End::Partial | End::Parked { .. } | End::Stopped | End::Cancelled => {}
        }
        Ok(report)
    }

    async fn end(&self, run: RunId, end: RunEnd, known: Option<RunEnd>) -> Result<()> {
        if known == Some(end) {
            return Ok(());
        }
        self.worker.store().end_run(run, end, self.worker.now()).await?;
        self.worker.observe(&Event::RunEnded { run, end });
        Ok(())
    }

    fn reasons(&self, report: &RunReport, pending: u64) -> Vec<String> {
        let mut reasons = Vec::new();
        if report.end == End::Cancelled {
            reasons.push("cancelled: what was not answered by then is not asked any more".to_owned());
        }
        if report.end == End::Stopped {
            reasons.push("stopped before it was done; run it again to go on".to_owned());
        }
        if report.open > 0 {
            reasons.push(format!("open {}: not answered yet", report.open));
        }
        let accounts = &self.worker.parts.accounts;
        let ours = |park: &Parked| accounts.iter().any(|account| account.name == park.account);
        let parked = matches!(report.end, End::Parked { .. });
        for park in &report.parked {
            if parked || (park.kind == ErrorKind::Malformed && ours(park)) {
                let until = match (park.until, park.tries_at()) {
                    (Some(at), _) => format!("until {at}"),
                    (None, Some(at)) => {
                        format!("until somebody acts, or one call that is tried {at} is answered")
                    }
                    (None, None) => "until somebody lets it out".to_owned(),
                };
                reasons.push(format!("parked {until}: {} ({})", park.account, park.reason));
            }
        }
        for group in &report.dead {
            reasons.push(format!(
                "dead {}: {} {}, for example {}",
                group.count, group.part, group.kind, group.example
            ));
        }
        for (name, counts) in &report.sinks {
            if counts.rejected > 0 {
                reasons.push(format!("rejected {}: {name}", counts.rejected));
            }
            if counts.pending > 0 && pending > 0 {
                let failure = self.worker.parts.sinks.iter().position(|sink| sink.name() == name);
                let why = failure.and_then(|at| self.worker.outlets[at].failure());
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                reasons.push(format!("pending {}: {name}{why}", counts.pending));
            }
        }
        reasons
    }
}

impl<D: Domain> Drop for Handle<D> {
    fn drop(&mut self) {
        self.worker.drain.cancel();
        self.worker.abort.cancel();
        self.worker.finish.cancel();
    }
}
