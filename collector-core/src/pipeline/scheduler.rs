//! Begins the runs of jobs that have a schedule.
//!
//! What becomes of a slot is decided by [`decide`], which is pure; that it happens once is the store's part. Here both are
//! joined to a clock: any number of schedulers may do so on one store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Engine, Handle, Job, expecting, refresh};
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorChain, ErrorKind, Result};
use crate::id::{Name, RunId};
use crate::observe::Event;
use crate::schedule::{Schedule, Skipped, decide};
use crate::store::{Begun, Fired, Firing, ScheduleState, Served, Server, Slot};

/// The longest time between two looks: a clock may be set, and somebody may pause a schedule or let it go on.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The same while a slot waits for the end of a run.
const LOOK_SOON: Duration = Duration::from_millis(500);
/// The shortest.
const BREATH: Duration = Duration::from_millis(20);

/// A job that runs by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// When.
    pub schedule: Schedule,
    /// What.
    pub job: Job,
}

/// What a look at the schedules brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    /// Slots that were fired: the schedule, the planned moment, the run.
    pub fired: Vec<(Name, Timestamp, Begun)>,
    /// Slots that were skipped.
    pub skipped: Vec<(Name, Skipped)>,
    /// Runs of schedules that go on.
    pub running: Vec<RunId>,
    /// Whether a slot waits for the end of such a run.
    pub waits: bool,
    /// When something comes due next, if ever.
    pub look_again: Option<Timestamp>,
}

/// Looks at schedules and begins runs; see the [module page](super).
pub struct Scheduler<D: Domain> {
    engine: Engine<D>,
    server: Server,
    jobs: Vec<Scheduled>,
    /// What kept a schedule from firing, as it was told.
    told: Mutex<BTreeMap<Name, String>>,
}

impl<D: Domain> std::fmt::Debug for Scheduler<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler")
            .field("server", &self.server)
            .field("jobs", &self.jobs.len())
            .finish_non_exhaustive()
    }
}

impl<D: Domain> Engine<D> {
    /// A scheduler for these jobs. The engine need not be started: then others do the work.
    ///
    /// # Errors
    /// `ConfigInvalid` when a job cannot be planned, or two schedules have one name.
    pub fn scheduler(&self, server: Server, jobs: Vec<Scheduled>) -> Result<Scheduler<D>> {
        let mut names: Vec<Name> = Vec::with_capacity(jobs.len());
        for Scheduled { schedule, job } in &jobs {
            if names.contains(&schedule.name) {
                let message =
                    "two schedules have one name: what becomes of their slots could not be told apart";
                return Err(Error::new(ErrorKind::ConfigInvalid, message).with("schedule", &schedule.name));
            }
            names.push(Name::clone(&schedule.name));
            self.refuse_unplannable(job)
                .and_then(|()| self.expects(job))
                .map_err(|error| error.with("job", &job.name))?;
        }
        let engine = Self { parts: std::sync::Arc::clone(&self.parts) };
        Ok(Scheduler { engine, server, jobs, told: Mutex::default() })
    }
}

impl<D: Domain> Scheduler<D> {
    /// Puts this server on the store's list, or keeps it there; tells whether nobody alive has a newer configuration.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn enlist(&self, now: Timestamp) -> Result<bool> {
        let schedules: Vec<Served> = self
            .jobs
            .iter()
            .map(|one| Served { name: Name::clone(&one.schedule.name), when: one.schedule.when.to_string() })
            .collect();
        self.engine.parts.store.enlist(&self.server, &schedules, now).await
    }

    /// Takes this server off the list.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn leave(&self, now: Timestamp) -> Result<()> {
        let gone = Server { ttl: Duration::ZERO, ..self.server.clone() };
        self.engine.parts.store.enlist(&gone, &[], now).await.map(drop)
    }

    /// Decides about every slot that is due at this moment, and begins runs.
    ///
    /// # Errors
    /// `Storage`. What keeps one job from being planned (a list that is gone) is logged, and its slot stays due.
    pub async fn look(&self, now: Timestamp) -> Result<Looked> {
        let mut looked = Looked::default();
        let states = self.engine.parts.store.schedules().await?;
        // Also those of others: whoever began a run may be gone.
        looked.running.extend(states.iter().filter_map(|state| match state.run {
            Some((run, None)) => Some(run),
            _ => None,
        }));
        for scheduled in &self.jobs {
            let state = states.iter().find(|state| state.name == scheduled.schedule.name);
            if let Some(state) = state {
                self.look_at(scheduled, state, now, &mut looked).await?;
            }
        }
        Ok(looked)
    }

    async fn look_at(
        &self,
        Scheduled { schedule, job }: &Scheduled,
        state: &ScheduleState,
        now: Timestamp,
        looked: &mut Looked,
    ) -> Result<()> {
        let verdict = decide(schedule, &state.past(), now);
        looked.waits |= verdict.waits;
        looked.look_again = looked.look_again.into_iter().chain(verdict.look_again).min();
        if verdict.skipped.is_empty() && verdict.fire.is_none() {
            return Ok(());
        }
        let slot = match verdict.fire {
            Some(planned) => match self.slot(job, planned).await {
                Ok(slot) => Some(slot),
                Err(error) if error.kind() == ErrorKind::Storage => return Err(error),
                Err(error) => {
                    self.tell(&schedule.name, Some(&error));
                    return Ok(());
                }
            },
            None => None,
        };
        self.tell(&schedule.name, None);
        let prepared = match (&slot, &job.refresh) {
            (Some(slot), Some(again)) => match self.prepare(slot, job, again, now).await? {
                Some(begun) => Some(begun),
                None => return Ok(()),
            },
            _ => None,
        };
        let name = &schedule.name;
        let firing = Firing { schedule: Name::clone(name), turn: state.turn, skipped: verdict.skipped, slot };
        match self.engine.parts.store.fire(&self.server.id, &firing, now).await? {
            Fired::Done(begun) => {
                for skip in firing.skipped {
                    tracing::info!(schedule = &**name, reason = skip.reason.as_str(), first = %skip.first, last = %skip.last, "slots skipped");
                    let event = Event::Slot { job: Name::clone(name), outcome: skip.reason.as_str() };
                    self.engine.parts.observer.event(&event);
                    looked.skipped.push((Name::clone(name), skip));
                }
                if let (Some(planned), Some(begun)) = (verdict.fire, begun) {
                    let begun = prepared.filter(|prepared| prepared.run == begun.run).unwrap_or(begun);
                    tracing::info!(schedule = &**name, %planned, run = %begun.run, "slot fired");
                    let roots = firing.slot.as_ref().map(|slot| slot.roots.as_slice()).unwrap_or_default();
                    let store = &*self.engine.parts.store;
                    expecting::begin(store, begun.run, &job.expect, roots).await?;
                    for event in [
                        Event::Slot { job: Name::clone(name), outcome: "fired" },
                        Event::RunBegan { run: begun.run, resumed: begun.resumed },
                    ] {
                        self.engine.parts.observer.event(&event);
                    }
                    looked.running.push(begun.run);
                    looked.fired.push((Name::clone(name), planned, begun));
                }
            }
            fired => {
                looked.waits |= fired == Fired::Stale;
                // Of whoever fires the slot; and when that was done already, it ends with what it was given.
                looked.running.extend(prepared.map(|begun| begun.run));
            }
        }
        Ok(())
    }

    /// Begins the run of a slot that asks again, and adds its tasks, before the slot is fired: whom to ask depends on whom the
    /// store finds to be answered already, so the tasks cannot be part of that transaction. Whatever is killed before the slot
    /// is fired has done a part of it: the slot stays due, and who fires it goes on with the same run. `None` while somebody
    /// serves with a newer configuration, who fires it.
    async fn prepare(
        &self,
        slot: &Slot,
        job: &Job,
        again: &refresh::Refresh,
        now: Timestamp,
    ) -> Result<Option<Begun>> {
        if !self.enlist(now).await? {
            return Ok(None);
        }
        let parts = &self.engine.parts;
        let begun = parts.store.begin_run(&slot.run, now).await?;
        refresh::enqueue(parts, begun.run, &job.name, again).await?;
        Ok(Some(begun))
    }

    async fn slot(&self, job: &Job, planned: Timestamp) -> Result<Slot> {
        // Nobody need work here, so what is owed by a drop is owed by whoever does.
        let (roots, _) = self.engine.roots_of(job, None).await?;
        Ok(Slot { planned, run: job.spec(), roots })
    }

    /// Logs what keeps a job from being begun, once.
    fn tell(&self, name: &Name, error: Option<&Error>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match error.map(|error| ErrorChain(error).to_string()) {
            Some(error) if told.get(name) != Some(&error) => {
                tracing::error!(schedule = &**name, error, "a slot is due and its job cannot be begun");
                told.insert(Name::clone(name), error);
            }
            Some(_) => {}
            None => drop(told.remove(name)),
        }
    }

    /// Looks at the schedules until `stop` fires. What is begun is worked on by the handle at once, if there is one; else
    /// by whoever looks for work. A store that is away is waited for: slots stay due.
    pub async fn run(&self, handle: Option<&Handle<D>>, stop: &CancellationToken) {
        let clock = &self.engine.parts.clock;
        let beat = (self.server.ttl / 3).max(BREATH);
        let mut beat_at = clock.monotonic();
        let mut newest = None;
        while !stop.is_cancelled() {
            let wait = match self.turn(handle, &mut beat_at, beat, &mut newest).await {
                Ok(looked) => {
                    let now = clock.now();
                    let most = if looked.waits { LOOK_SOON } else { LOOK_AGAIN };
                    looked.look_again.map_or(most, |at| at.since(now).min(most))
                }
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "schedules could not be looked at; they are looked at again");
                    LOOK_AGAIN
                }
            };
            let until_beat = beat_at.saturating_duration_since(clock.monotonic());
            tokio::select! {
                () = stop.cancelled() => {}
                () = clock.sleep(wait.min(until_beat).max(BREATH)) => {}
            }
        }
    }

    async fn turn(
        &self,
        handle: Option<&Handle<D>>,
        beat_at: &mut tokio::time::Instant,
        beat: Duration,
        newest: &mut Option<bool>,
    ) -> Result<Looked> {
        let clock = &self.engine.parts.clock;
        if clock.monotonic() >= *beat_at {
            let is_newest = self.enlist(clock.now()).await?;
            *beat_at = clock.monotonic() + beat;
            if newest.replace(is_newest) != Some(is_newest) {
                let config = self.server.config.to_string();
                if is_newest {
                    tracing::info!(config, "slots are fired by this configuration");
                } else {
                    tracing::warn!(config, "somebody serves with a newer configuration: it fires the slots");
                }
            }
        }
        let looked = self.look(clock.now()).await?;
        if let Some(handle) = handle {
            handle.look_after(looked.running.iter().copied());
            if !looked.fired.is_empty() {
                handle.wake();
            }
        }
        Ok(looked)
    }
}
