//! Makes one call, reads the answer, and passes judgement on each task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::commit::Landing;
use super::worker::Worker;
use crate::admission::Signal;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Disposition, Error, ErrorChain, ErrorKind, Result};
use crate::id::Digest;
use crate::lock::Lease;
use crate::observe::Event;
use crate::retry::{Attempt, Decision};
use crate::source::CallSpec;
use crate::store::{Claimed, FinishedCall, FinishedTask, Verdict};
use crate::task::{Absence, Cost, Malformed, Outcome, Page, Payload, Task};

/// The soonest a task is asked again whose answer says "later": a moment in the past would be a hot loop.
const SOONEST: Duration = Duration::from_secs(1);

/// Claimed tasks that are one call.
pub(super) struct Call {
    pub(super) slot: usize,
    pub(super) lane: usize,
    pub(super) tasks: Vec<Claimed>,
    pub(super) leases: Vec<Lease>,
    /// The budget window its worst cost is booked in.
    pub(super) window: Option<Timestamp>,
    /// The worker's life it was claimed in.
    pub(super) life: u64,
}

/// A call's place at its account. One that is dropped in the middle, with its worker, gives the place back: the
/// account outlives the worker.
pub(super) struct Seat<D: Domain> {
    worker: Arc<Worker<D>>,
    slot: usize,
    taken: bool,
}

impl<D: Domain> Seat<D> {
    /// The place of a call that was admitted.
    pub(super) fn taken(worker: Arc<Worker<D>>, slot: usize) -> Self {
        Self { worker, slot, taken: true }
    }

    /// Gives it back and says how the call went; tells whether the source has drifted.
    fn leave(mut self, signal: Signal) -> bool {
        self.taken = false;
        self.worker.account_of(self.slot).admission().finished(self.worker.tick(), signal)
    }
}

impl<D: Domain> Drop for Seat<D> {
    fn drop(&mut self) {
        if self.taken {
            self.worker.account_of(self.slot).admission().finished(self.worker.tick(), Signal::Neutral);
        }
    }
}

/// Makes the call and lands it in the commit window.
pub(super) async fn run_call<D: Domain>(
    worker: Arc<Worker<D>>,
    call: Call,
    seat: Seat<D>,
    landings: mpsc::UnboundedSender<Landing<D>>,
) {
    let started = worker.tick();
    let tasks: Vec<Task> = call.tasks.iter().map(|claimed| claimed.task.clone()).collect();
    let fetched = exchange(&worker, &call, &tasks).await;
    let took = worker.tick().saturating_duration_since(started);
    // The account's slot is kept until there is room for the result: otherwise results could pile up without bound. It is
    // read only then, because what an answer says is larger than the answer.
    let expected = fetched.as_ref().map_or(1, |answer| worker.expected(&call, answer));
    let slot = Arc::clone(&worker.window).acquire_many_owned(expected).await;
    let answer = read(&worker, &call, &tasks, fetched);
    let slot = slot.map(|slot| match &answer {
        Answer { payload: Some(payload), page: Ok(page) } => worker.weigh(slot, &call, payload, page),
        _ => slot,
    });
    let judged = judge(&worker, (&call, &tasks), seat, answer, took).await;
    let booked = call.window.map(|_| worker.parts.slots[call.slot].account);
    let Call { leases, .. } = call;
    worker.gauges.finished.fetch_add(1, Ordering::SeqCst);
    worker.gauges.running.fetch_sub(1, Ordering::SeqCst);
    worker.wake.notify_one();
    // The stage that commits ends after this one, so somebody listens; a closed window means a failed worker.
    if let (Ok(slot), Ok(call)) = (slot, judged)
        && landings.send(Landing { call, leases, booked, slot }).is_ok()
    {
        return;
    }
    worker.gauges.finished.fetch_sub(1, Ordering::SeqCst);
}

/// What came of a call: an answer and what it says, or why there is none.
struct Answer<I> {
    payload: Option<Payload>,
    page: Result<Page<I>>,
}

/// Makes the exchange; an error says why there is no answer.
async fn exchange<D: Domain>(worker: &Worker<D>, call: &Call, tasks: &[Task]) -> Result<Payload> {
    let slot = &worker.parts.slots[call.slot];
    let spec = &slot.kinds[call.lane].0;
    let stop = worker.abort.child_token();
    let cx = worker.cx.for_call(Arc::clone(&worker.account_of(call.slot).name), stop.clone(), spec.timeout);
    let now = worker.tick();
    if call.leases.iter().all(|lease| !lease.is_held(now)) {
        return Err(lost("the lease ended before the call began"));
    }
    let fetched = AssertUnwindSafe(cx.guard(slot.source.fetch(&cx, tasks))).catch_unwind();
    let fetched = tokio::select! {
        biased;
        fetched = fetched => fetched.unwrap_or_else(|_| Err(panicked("fetch", tasks))),
        () = all_lost(&call.leases) => {
            stop.cancel();
            Err(lost("the lease ended while the call was running").maybe_charged())
        }
    };
    fetched.map_err(|error| {
        // Nobody heard whether the vendor has counted it.
        if stop.is_cancelled() { error.maybe_charged() } else { own_accord(error) }
    })
}

/// Reads an answer.
fn read<D: Domain>(
    worker: &Worker<D>,
    call: &Call,
    tasks: &[Task],
    fetched: Result<Payload>,
) -> Answer<D::Item> {
    let payload = match fetched {
        Ok(payload) => payload,
        Err(error) => return Answer { payload: None, page: Err(error) },
    };
    let source = &worker.parts.slots[call.slot].source;
    let page = std::panic::catch_unwind(AssertUnwindSafe(|| source.parse(tasks, &payload)));
    let page = page.unwrap_or_else(|_| Err(panicked("parse", tasks)));
    let page = page.map_err(own_accord).and_then(|page| checked(page, tasks));
    Answer { payload: Some(payload), page }
}

fn lost(message: &str) -> Error {
    Error::new(ErrorKind::LockLost, message)
}

/// A call that nobody stopped and that gave up by itself has failed: handed back, it would be repeated for ever.
fn own_accord(error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::LockLost) {
        return error;
    }
    let charged = error.is_maybe_charged();
    let failed =
        Error::new(ErrorKind::Unexpected, "the source gave up a call that nobody stopped").caused_by(error);
    if charged { failed.maybe_charged() } else { failed }
}

fn panicked(what: &str, tasks: &[Task]) -> Error {
    let error = Error::new(ErrorKind::Unexpected, format!("the source panicked in {what}")).maybe_charged();
    match tasks.first() {
        Some(task) => error.with("task", task),
        None => error,
    }
}

/// Refuses pages that break the contract in ways that would lose something silently.
fn checked<I>(page: Page<I>, tasks: &[Task]) -> Result<Page<I>> {
    if page.outcomes.len() != tasks.len() {
        let message = format!(
            "{} outcomes for {} tasks: the source must give one per task",
            page.outcomes.len(),
            tasks.len()
        );
        return Err(Error::new(ErrorKind::Malformed, message));
    }
    Ok(page)
}

async fn all_lost(leases: &[Lease]) {
    for lease in leases {
        CancellationToken::cancelled(lease.lost()).await;
    }
}

async fn judge<D: Domain>(
    worker: &Worker<D>,
    (call, tasks): (&Call, &[Task]),
    seat: Seat<D>,
    answer: Answer<D::Item>,
    took: Duration,
) -> Result<FinishedCall<D>, ()> {
    let slot = &worker.parts.slots[call.slot];
    let (spec, kind) = &slot.kinds[call.lane];
    let now = worker.now();
    let signal = signal(&answer);
    let drifted = seat.leave(signal);
    worker.passed_trial(slot.account).await.map_err(|error| worker.fail(error))?;
    if matches!(signal, Signal::Answered) {
        worker.retries.lock().unwrap_or_else(PoisonError::into_inner).answered(worker.tick());
    }
    let cost = cost(&answer, spec);
    let failed = answer.page.as_ref().err().map(Error::kind);
    worker.account_of(call.slot).recent.saw(worker.tick(), failed);
    worker.observe(&Event::Called {
        source: Arc::clone(&slot.name),
        kind: Arc::clone(kind),
        tasks: call.tasks.len(),
        took,
        failed,
        cost,
    });
    let Answer { payload, page } = answer;
    if let (Some(payload), Ok(page)) = (&payload, &page)
        && let Some(error) = worker.filled((call.slot, call.lane), tasks, payload, page).await
    {
        worker.park(slot.account, &error).await.map_err(|error| worker.fail(error))?;
    }
    if let Err(error) = &page {
        tracing::debug!(source = &*slot.name, kind = &**kind, error = %ErrorChain(error), "call failed");
        react(worker, call.slot, error, drifted).await?;
    } else if drifted {
        let error = Error::new(
            ErrorKind::Malformed,
            "nothing could be read in many answers in a row: the format has changed",
        );
        react(worker, call.slot, &error, true).await?;
    }
    let mut finished = FinishedCall {
        source: Arc::clone(&slot.name),
        tasks: Vec::with_capacity(call.tasks.len()),
        fingerprint: payload.as_ref().map_or_else(Digest::default, |payload| Digest::of(&payload.body)),
        payload,
        items: Vec::new(),
        follow_ups: Vec::new(),
        malformed: Vec::new(),
        cost,
        refund: call.window.map(|window| {
            (Arc::clone(&worker.account_of(call.slot).name), window, spec.worst_cost.less(cost))
        }),
    };
    match page {
        Ok(page) => fill(worker, call, page, &mut finished, now).await?,
        Err(error) => {
            if error.kind() == ErrorKind::Malformed {
                finished.malformed.push(Malformed { part: String::new(), reason: error.to_string() });
            }
            for claimed in &call.tasks {
                let verdict = verdict(worker, call.slot, claimed, &error, now);
                finished.tasks.push(FinishedTask { claimed: claimed.clone(), verdict });
            }
        }
    }
    Ok(finished)
}

/// Takes over what a page says.
async fn fill<D: Domain>(
    worker: &Worker<D>,
    call: &Call,
    page: Page<D::Item>,
    finished: &mut FinishedCall<D>,
    now: Timestamp,
) -> Result<(), ()> {
    finished.fingerprint = page.fingerprint;
    finished.items = page.items;
    finished.malformed = page.malformed;
    let loops = bounded(worker, call, page.follow_ups, &mut finished.follow_ups);
    for (claimed, outcome) in call.tasks.iter().zip(page.outcomes) {
        let verdict = match (outcome, &loops) {
            (Outcome::Done, Some(reason)) => {
                finished.malformed.push(Malformed { part: claimed.task.to_string(), reason: reason.clone() });
                Verdict::Dead { kind: ErrorKind::Malformed, message: reason.clone() }
            }
            (Outcome::Done, None) => Verdict::Done,
            (Outcome::Absent(why), _) => Verdict::Absent(why),
            (Outcome::Later { at }, _) => Verdict::Later(at.max(now + SOONEST)),
            (Outcome::Restart(task), _) => restart(worker, call, claimed, task),
            (Outcome::Failed(error), _) => {
                let error = own_accord(error);
                if error.kind() == ErrorKind::Malformed {
                    finished
                        .malformed
                        .push(Malformed { part: claimed.task.to_string(), reason: error.to_string() });
                }
                if matches!(error.disposition(), Disposition::ParkAccount | Disposition::AbortRun) {
                    react(worker, call.slot, &error, false).await?;
                }
                verdict(worker, call.slot, claimed, &error, now)
            }
        };
        finished.tasks.push(FinishedTask { claimed: claimed.clone(), verdict });
    }
    Ok(())
}

/// A task that begins again as itself would go round for ever.
fn restart<D: Domain>(worker: &Worker<D>, call: &Call, claimed: &Claimed, task: Task) -> Verdict {
    let reason = if task.id(claimed.run) == claimed.id {
        Some("the source restarts a task as itself; it would never end".to_owned())
    } else {
        dead_end(worker, call, &task)
    };
    match reason {
        Some(message) => Verdict::Dead { kind: ErrorKind::Malformed, message },
        None => Verdict::Restart(task),
    }
}

/// Keeps follow-ups that lead on; gives the reason when one leads nowhere.
fn bounded<D: Domain>(
    worker: &Worker<D>,
    call: &Call,
    follow_ups: Vec<Task>,
    kept: &mut Vec<Task>,
) -> Option<String> {
    let mut reason = None;
    for task in follow_ups {
        match dead_end(worker, call, &task) {
            Some(why) => reason = Some(why),
            None => kept.push(task),
        }
    }
    reason
}

/// Why a task that follows from a call leads nowhere; `None` when it leads on.
fn dead_end<D: Domain>(worker: &Worker<D>, call: &Call, task: &Task) -> Option<String> {
    let max_depth = worker.parts.settings.max_depth;
    let (source, kind) = (task.source(), task.kind());
    if call.tasks.iter().any(|claimed| claimed.id == task.id(claimed.run)) {
        Some(format!("repeated cursor: the page leads to itself ({task})"))
    } else if call.tasks.iter().any(|claimed| claimed.depth >= max_depth) {
        Some(format!("more than {max_depth} pages in a row; raise `max_depth` if that is right"))
    } else if worker.parts.lane(source, kind).is_none() {
        Some(format!("a follow-up is of the kind `{source}/{kind}`, which this pipeline does not have"))
    } else {
        None
    }
}

fn signal<I>(answer: &Answer<I>) -> Signal {
    match &answer.page {
        Ok(page) => {
            let unreadable = |outcome: &Outcome| matches!(outcome, Outcome::Failed(error) if error.kind() == ErrorKind::Malformed);
            let nothing = page.items.is_empty() && !page.outcomes.is_empty();
            if nothing && page.outcomes.iter().all(unreadable) {
                Signal::Unreadable
            } else {
                Signal::Answered
            }
        }
        Err(error) => match error.kind() {
            ErrorKind::RateLimited => Signal::TooFast(error.wait()),
            ErrorKind::Unavailable | ErrorKind::Timeout => Signal::Overloaded(error.wait()),
            ErrorKind::Malformed => Signal::Unreadable,
            ErrorKind::NotFound | ErrorKind::Rejected => Signal::Answered,
            _ => Signal::Neutral,
        },
    }
}

fn cost<I>(answer: &Answer<I>, spec: &CallSpec) -> Cost {
    let told = answer.payload.as_ref().and_then(|payload| payload.cost);
    match &answer.page {
        Ok(page) => page.cost.or(told).unwrap_or(spec.worst_cost),
        Err(_) if told.is_some() => told.unwrap_or_default(),
        Err(error) if error.is_maybe_charged() => spec.worst_cost,
        Err(error) => match error.kind() {
            // An answer that was understood as an answer is charged.
            ErrorKind::NotFound | ErrorKind::Malformed => spec.worst_cost,
            _ => Cost { units: 0, requests: 1 },
        },
    }
}

/// What an error means for the account or the whole worker.
async fn react<D: Domain>(worker: &Worker<D>, slot: usize, error: &Error, drifted: bool) -> Result<(), ()> {
    let account = worker.parts.slots[slot].account;
    let parked = if drifted {
        let drift = Error::new(ErrorKind::Malformed, "drift: nothing could be read in many answers in a row")
            .with("source", &worker.parts.slots[slot].name)
            .with("last", error.message());
        worker.park(account, &drift).await
    } else {
        match error.disposition() {
            Disposition::ParkAccount => worker.park(account, error).await,
            Disposition::AbortRun => Err(Error::new(error.kind(), ErrorChain(error).to_string())),
            _ => Ok(()),
        }
    };
    parked.map_err(|error| worker.fail(error))
}

/// What a failed task becomes.
fn verdict<D: Domain>(
    worker: &Worker<D>,
    slot: usize,
    claimed: &Claimed,
    error: &Error,
    now: Timestamp,
) -> Verdict {
    let kind = error.kind();
    let message = ErrorChain(error).to_string();
    match error.disposition() {
        Disposition::Absent => Verdict::Absent(Absence::NotFound),
        Disposition::FailTask => Verdict::Dead { kind, message },
        // Nothing of the account is claimed until it is let out.
        Disposition::ParkAccount | Disposition::GiveBack | Disposition::AbortRun => Verdict::Later(now),
        // A refusal for speed is the account's fault, not the task's: the hold and the pace answer for it.
        Disposition::Retry if kind == ErrorKind::RateLimited => {
            Verdict::Later(now + error.wait().unwrap_or_default())
        }
        Disposition::Retry => {
            let number = claimed.attempts + 1;
            let elapsed = claimed.first_attempt.map_or(Duration::ZERO, |first| now.since(first));
            let attempt = Attempt { number, elapsed, error, random: rand::random::<f64>() };
            match worker.parts.retry.decide(&attempt) {
                Decision::Retry(wait) => {
                    let turn =
                        worker.retries.lock().unwrap_or_else(PoisonError::into_inner).spend(worker.tick());
                    Verdict::Retry { at: now + wait.max(turn), kind, message }
                }
                Decision::GiveUp(limit) => {
                    let source = &worker.parts.slots[slot].name;
                    let message = format!(
                        "given up after {number} attempts in {:.1} s ({limit}) at {source}: {message}",
                        elapsed.as_secs_f64()
                    );
                    Verdict::Dead { kind, message }
                }
            }
        }
    }
}
