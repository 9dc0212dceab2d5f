//! What the stages share: parts, accounts, gauges, signals; and the heartbeat.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::expecting::{Expecting, Expects};
use super::fetch::Call;
use super::fills::Fills;
use super::vitals::{Marks, Recent};
use super::waiting::Troubles;
use super::watch::Watched;
use super::{Settings, events};
use crate::admission::{Admission, RetryBudget, SharedRate};
use crate::clock::{Clock, Timestamp};
use crate::context::{ByteBudget, Context};
use crate::domain::Domain;
use crate::error::{Error, ErrorChain, ErrorKind, Result};
use crate::id::{Ids, Name};
use crate::lock::{Keeper, LeaseOptions, Lock};
use crate::observe::{Event, Observer};
use crate::retry::RetryPolicy;
use crate::sink::Sink;
use crate::source::{CallSpec, Source};
use crate::store::{Budget, Lookup, Store, WorkerId, WorkerInfo};
use crate::task::{Page, Payload, Task};

/// What the builder hands over.
pub(super) struct Parts<D: Domain> {
    pub(super) domain: Arc<D>,
    pub(super) slots: Vec<Slot<D>>,
    pub(super) accounts: Vec<Account>,
    pub(super) sinks: Vec<Arc<dyn Sink<D::Entity>>>,
    pub(super) store: Arc<dyn Store<D>>,
    pub(super) lock: Arc<dyn Lock>,
    pub(super) lease: LeaseOptions,
    /// Who hands out calls of told rates, if other processes make them too.
    pub(super) rate: Option<Arc<dyn SharedRate>>,
    pub(super) retry: Arc<dyn RetryPolicy>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    /// What is expected of jobs that other processes may begin.
    pub(super) expects: Expects,
}

impl<D: Domain> Parts<D> {
    /// The slot and the lane that get tasks of this source and kind; `None` when nobody here can.
    pub(super) fn lane(&self, source: &str, kind: &str) -> Option<(usize, usize)> {
        self.lanes(source, kind).next()
    }

    /// The same for each account of the source.
    pub(super) fn lanes(&self, source: &str, kind: &str) -> impl Iterator<Item = (usize, usize)> {
        let slots = self.slots.iter().enumerate().filter(move |(_, slot)| &*slot.name == source);
        slots.filter_map(move |(at, slot)| {
            Some((at, slot.kinds.iter().position(|(_, name)| &**name == kind)?))
        })
    }

    /// The sources, each once however many accounts it has.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Slot<D>> {
        self.slots.iter().filter(|slot| !slot.further)
    }

    /// The sources a query is asked of: those that discover, or these of them.
    pub(super) fn asked<'a>(&'a self, sources: Option<&'a [Name]>) -> impl Iterator<Item = &'a Slot<D>> {
        let named = move |slot: &&Slot<D>| sources.is_none_or(|names| names.contains(&slot.name));
        self.slots.iter().filter(|slot| slot.discover).filter(named)
    }

    /// The task that asks a source about one known thing, if it can.
    pub(super) fn lookup(&self, slot: &Slot<D>, ids: &Ids) -> Option<Task> {
        let task = slot.source.lookup(ids)?;
        if self.lane(task.source(), task.kind()).is_none() {
            tracing::error!(source = &*slot.name, %task, "a source would ask what nobody in this pipeline gets");
            return None;
        }
        Some(task)
    }
}

/// A source and how it is used.
pub(super) struct Slot<D: Domain> {
    pub(super) name: Name,
    pub(super) source: Arc<dyn Source<Item = D::Item>>,
    /// Hydration first.
    pub(super) kinds: Vec<(CallSpec, Name)>,
    pub(super) account: usize,
    /// How old what it gave may become.
    pub(super) keep_for: Option<Duration>,
    /// Whether another slot is the source, and this one a further account of it.
    pub(super) further: bool,
    /// Whether it seeds.
    pub(super) discover: bool,
    /// Whether it is asked about everything the others find.
    pub(super) enrich: bool,
}

/// A vendor account.
pub(super) struct Account {
    pub(super) name: Name,
    pub(super) admission: Mutex<Admission>,
    pub(super) budget: Option<Budget>,
    /// Its calls of the last minute.
    pub(super) recent: Recent,
}

impl Account {
    pub(super) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much is where. The worker is idle when all three are zero.
#[derive(Default)]
pub(super) struct Gauges {
    /// Claimed calls that have not started.
    pub(super) waiting: AtomicUsize,
    /// Calls started and not finished, those that wait for room in the window included.
    pub(super) running: AtomicUsize,
    /// Finished calls that are not committed.
    pub(super) finished: AtomicUsize,
}

impl Gauges {
    pub(super) fn idle(&self) -> bool {
        [&self.waiting, &self.running, &self.finished].iter().all(|gauge| gauge.load(Ordering::SeqCst) == 0)
    }
}

/// What a sink's stage and the others tell each other.
pub(super) struct Outlet {
    /// Changes owed, as far as this worker knows.
    pub(super) owed: AtomicU64,
    /// Since when.
    pub(super) marks: Marks,
    /// When the sink first failed in a row.
    failing_since: Mutex<Option<tokio::time::Instant>>,
    failure: Mutex<Option<String>>,
    /// Since when it has put off everything it was offered.
    holding_since: Mutex<Option<tokio::time::Instant>>,
    pub(super) wake: Notify,
}

impl Outlet {
    fn new() -> Self {
        Self {
            owed: AtomicU64::new(0),
            marks: Marks::default(),
            failing_since: Mutex::new(None),
            failure: Mutex::new(None),
            holding_since: Mutex::new(None),
            wake: Notify::new(),
        }
    }

    /// Since when nothing gets through, because the sink fails or because it puts everything off.
    pub(super) fn stuck_since(&self) -> Option<tokio::time::Instant> {
        let failing = *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        failing.or(*self.holding_since.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that a write stored nothing because the sink put all of it off.
    pub(super) fn holds(&self, now: tokio::time::Instant) {
        self.holding_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
    }

    /// Notes that something moved: a change was settled, or a newer one is on its way.
    pub(super) fn moves(&self) {
        *self.holding_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn failed(&self, now: tokio::time::Instant, error: &Error) {
        self.failing_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(ErrorChain(error).to_string());
    }

    pub(super) fn works(&self) {
        *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Something for each lane, by slot and kind.
fn by_lane<D: Domain, T>(parts: &Parts<D>, make: impl Fn() -> T) -> Vec<Vec<T>> {
    parts.slots.iter().map(|slot| slot.kinds.iter().map(|_| make()).collect()).collect()
}

/// Items that weigh as much as a call.
const ITEMS_PER_PLACE: usize = 32;
/// Bytes of an answer that weigh as much as a call: several profiles.
const BYTES_PER_PLACE: usize = 32 << 10;

/// One working process, as its stages see it.
pub(super) struct Worker<D: Domain> {
    pub(super) id: WorkerId,
    pub(super) parts: Arc<Parts<D>>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) cx: Context,
    pub(super) gauges: Gauges,
    pub(super) outlets: Vec<Outlet>,
    /// Calls by account whose worst cost is booked and not corrected yet.
    pub(super) booked: Vec<AtomicUsize>,
    /// Slots of the window between a finished call and its commit.
    pub(super) window: Arc<Semaphore>,
    /// By slot and kind, the places in the window that the last page's items took. A page full of people weighs as much as
    /// many profiles, and so does a long answer: what waits for its commit is bounded in items and in bytes, too.
    pub(super) weights: Vec<Vec<AtomicU32>>,
    pub(super) retries: Mutex<RetryBudget>,
    /// Lanes (by slot and kind) that may have claimable tasks.
    pub(super) wet: Vec<Vec<AtomicBool>>,
    /// Open tasks per lane when it was last asked.
    pub(super) open: Vec<Vec<AtomicU64>>,
    /// How answers are filled.
    pub(super) fills: Fills,
    /// Wakes the claiming stage.
    pub(super) wake: Notify,
    /// Counts what a waiting run may want to look at again.
    pub(super) progress: watch::Sender<u64>,
    /// Held while who is kept out is compared with the store, or changed there: else a beat that looked a moment too early
    /// would let in again who has just been kept out.
    pub(super) parking: tokio::sync::Mutex<()>,
    /// Why it does not get on, if so.
    pub(super) troubles: Troubles,
    /// Runs of which something is expected.
    pub(super) expecting: Expecting,
    /// Runs that were submitted and have not ended.
    pub(super) watched: Watched,
    /// Tells listeners what happens.
    pub(super) events: broadcast::Sender<Event>,
    /// Nothing happens any more.
    pub(super) closed: CancellationToken,
    /// How long running calls may go on after a stop, if whoever stops says so.
    pub(super) drain_for: OnceLock<Duration>,
    /// No new work.
    pub(super) drain: CancellationToken,
    /// No work at all.
    pub(super) abort: CancellationToken,
    /// Everything is settled that will be; the sinks' stages end.
    pub(super) finish: CancellationToken,
    /// Until when the others take this worker for alive, by its last beat.
    alive_until: Mutex<tokio::time::Instant>,
    /// How often it was declared dead or a run was cancelled: what was claimed in an earlier life may belong to others
    /// or to nobody.
    pub(super) life: AtomicU64,
    failed: AtomicBool,
    fatal: Mutex<Option<Error>>,
}

impl<D: Domain> Worker<D> {
    /// A worker that takes no new work once `drain` fires.
    pub(super) fn new(parts: Arc<Parts<D>>, drain: CancellationToken) -> Self {
        let id: WorkerId = format!("{}-{:016x}", std::process::id(), rand::random::<u64>()).into();
        let abort = CancellationToken::new();
        let cx =
            Context::new(abort.clone(), Arc::clone(&parts.clock), ByteBudget::new(parts.settings.body_bytes));
        Self {
            id,
            keeper: Arc::new(Keeper::new(Arc::clone(&parts.lock), parts.lease)),
            cx,
            gauges: Gauges::default(),
            outlets: parts.sinks.iter().map(|_| Outlet::new()).collect(),
            booked: parts.accounts.iter().map(|_| AtomicUsize::new(0)).collect(),
            window: Arc::new(Semaphore::new(parts.settings.commit_window)),
            weights: by_lane(&parts, || AtomicU32::new(1)),
            retries: Mutex::default(),
            wet: by_lane(&parts, || AtomicBool::new(true)),
            open: by_lane(&parts, || AtomicU64::new(0)),
            fills: Fills::new(&parts),
            wake: Notify::new(),
            progress: watch::Sender::new(0),
            parking: tokio::sync::Mutex::default(),
            troubles: Troubles::default(),
            expecting: Expecting::default(),
            watched: Watched::default(),
            events: broadcast::Sender::new(events::ROOM),
            closed: CancellationToken::new(),
            drain_for: OnceLock::new(),
            drain,
            abort,
            finish: CancellationToken::new(),
            alive_until: Mutex::new(parts.clock.monotonic() + parts.settings.worker_ttl),
            life: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            fatal: Mutex::new(None),
            parts,
        }
    }

    pub(super) fn info(&self) -> WorkerInfo {
        WorkerInfo { id: Arc::clone(&self.id), ttl: self.parts.settings.worker_ttl }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(super) fn tick(&self) -> tokio::time::Instant {
        self.parts.clock.monotonic()
    }

    pub(super) fn store(&self) -> &dyn Store<D> {
        &*self.parts.store
    }

    pub(super) fn observe(&self, event: &Event) {
        self.parts.observer.event(event);
        if self.events.receiver_count() > 0 {
            // It fails when the last listener has gone since.
            self.events.send(event.clone()).ok();
        }
    }

    /// How long running calls may go on after a stop.
    pub(super) fn drain_time(&self) -> Duration {
        self.drain_for.get().copied().unwrap_or(self.parts.settings.drain)
    }

    /// Gives back what is claimed and has not started: it may not be wanted any more.
    pub(super) fn shed(&self) {
        self.life.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// The places in the window that an answer gets before it is read: what it weighs, or what its lane's last page did.
    pub(super) fn expected(&self, call: &Call, answer: &Payload) -> u32 {
        let last = self.weights[call.slot][call.lane].load(Ordering::Relaxed);
        last.max(self.places(answer.body.len() / BYTES_PER_PLACE))
    }

    /// Gives an answer that is read the places that it weighs. What it has too many of is free again; what it lacks is
    /// taken only if it is free, because to wait for more with places in hand can wait for ever.
    pub(super) fn weigh(
        &self,
        mut places: OwnedSemaphorePermit,
        call: &Call,
        answer: &Payload,
        page: &Page<D::Item>,
    ) -> OwnedSemaphorePermit {
        let items = self.places(page.items.len() / ITEMS_PER_PLACE);
        self.weights[call.slot][call.lane].store(items, Ordering::Relaxed);
        let weight = items.max(self.places(answer.body.len() / BYTES_PER_PLACE));
        let held = u32::try_from(places.num_permits()).unwrap_or(u32::MAX);
        if let Some(surplus) = held.checked_sub(weight) {
            drop(places.split(surplus as usize));
        } else if let Ok(more) = Arc::clone(&self.window).try_acquire_many_owned(weight - held) {
            places.merge(more);
        }
        places
    }

    /// A call's own place and these, as far as there are so many.
    fn places(&self, more: usize) -> u32 {
        u32::try_from((1 + more).min(self.parts.settings.commit_window)).unwrap_or(u32::MAX)
    }

    pub(super) fn account_of(&self, slot: usize) -> &Account {
        &self.parts.accounts[self.parts.slots[slot].account]
    }

    /// Says that a lane may have something to claim.
    pub(super) fn wet(&self, source: &str, kind: &str) {
        for (slot, lane) in self.parts.lanes(source, kind) {
            self.wet[slot][lane].store(true, Ordering::SeqCst);
        }
    }

    /// Says that any lane may.
    pub(super) fn wet_all(&self) {
        self.wet.iter().flatten().for_each(|lane| lane.store(true, Ordering::SeqCst));
        self.wake.notify_one();
    }

    /// Lets waiting runs look again.
    pub(super) fn progressed(&self) {
        self.progress.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Stops everything because our own side failed.
    pub(super) fn fail(&self, error: Error) {
        match error.kind() {
            ErrorKind::Cancelled => tracing::debug!(error = %ErrorChain(&error), "stopped"),
            _ => tracing::error!(error = %ErrorChain(&error), "stopped by our own side"),
        }
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::SeqCst);
        self.drain.cancel();
        self.abort.cancel();
        self.finish.cancel();
        self.progressed();
    }

    /// Why everything stopped. A copy, because everybody who waits has to hear of it.
    pub(super) fn fatal(&self) -> Option<Error> {
        let fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        fatal.as_ref().map(|error| Error::new(error.kind(), ErrorChain(error).to_string()))
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Changes waiting for sinks, at the sink that waits longest.
    pub(super) fn most_pending(&self) -> u64 {
        self.outlets.iter().map(|outlet| outlet.owed.load(Ordering::SeqCst)).max().unwrap_or(0)
    }

    /// The sink that most changes wait for.
    pub(super) fn furthest_behind(&self) -> Option<&str> {
        let owed = self.outlets.iter().map(|outlet| outlet.owed.load(Ordering::SeqCst));
        let most = owed.zip(&self.parts.sinks).max_by_key(|(owed, _)| *owed);
        most.map(|(_, sink)| sink.name())
    }

    /// Asks the store what sinks are owed. The gauges count versions as they come, and a newer version of a record
    /// replaces one that is still owed, so they can be too high.
    pub(super) async fn recount_owed(&self) -> Result<()> {
        let counts = self.store().counts().await?.sinks;
        for (outlet, sink) in self.outlets.iter().zip(&self.parts.sinks) {
            outlet.owed.store(counts.get(sink.name()).map_or(0, |sink| sink.pending), Ordering::SeqCst);
        }
        Ok(())
    }

    /// Beats until the worker ends, takes over from the dead, and hears of parking by others; tells the store why it does
    /// not get on.
    pub(super) async fn beat(self: Arc<Self>) {
        let pause = self.parts.settings.worker_ttl / 3;
        let mut next = self.tick() + pause;
        loop {
            tokio::select! {
                biased;
                () = self.finish.cancelled() => return,
                () = tokio::time::sleep_until(next) => next = self.tick() + pause,
                () = self.troubles.changed.notified() => {
                    let waiting = self.troubles.reason();
                    if let Err(error) = self.store().waits(&self.id, waiting.as_ref()).await {
                        return self.fail(error);
                    }
                    continue;
                }
            }
            let beaten = async {
                self.beat_once().await?;
                self.save_fills(false).await?;
                self.save_vitals().await?;
                self.keep_tallies().await?;
                self.sync_parking().await
            };
            if let Err(error) = beaten.await {
                return self.fail(error);
            }
            self.wet_all();
        }
    }

    /// Whether the others may have taken over: then nothing claimed may be started before the next beat told.
    pub(super) fn may_be_dead(&self) -> bool {
        self.tick() >= *self.alive_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn beat_once(&self) -> Result<()> {
        let sent = self.tick();
        let beat = self.store().heartbeat(&self.id, self.now()).await?;
        *self.alive_until.lock().unwrap_or_else(PoisonError::into_inner) =
            sent + self.parts.settings.worker_ttl;
        self.heard(beat.was_dead, beat.taken_over);
        Ok(())
    }

    pub(super) fn heard(&self, was_dead: bool, taken_over: u64) {
        if was_dead {
            self.life.fetch_add(1, Ordering::SeqCst);
            tracing::warn!(worker = %self.id, "was silent too long; its claims belong to others now");
            self.observe(&Event::WasDead);
        }
        if taken_over > 0 {
            tracing::warn!(claims = taken_over, "took over from dead workers");
            self.observe(&Event::TookOver { claims: taken_over });
        }
    }
}

/// Asks the sources, inside a commit.
impl<D: Domain> Lookup for Worker<D> {
    fn moved(&self, ids: &Ids) -> Vec<Task> {
        let task = self.parts.sources().find_map(|slot| self.parts.lookup(slot, ids));
        // What is known of them is out of date, however fresh it is.
        task.map(Task::regardless_of_freshness).into_iter().collect()
    }

    fn grown(&self, ids: &Ids) -> Vec<Task> {
        let enrichers = self.parts.sources().filter(|slot| slot.enrich);
        enrichers.filter_map(|slot| self.parts.lookup(slot, ids)).collect()
    }
}
