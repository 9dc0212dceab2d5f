//! The store of record: tasks, answers, sightings, entities, outbox, budgets, dead letters.

mod capped;
pub mod ledger;
mod lists;
mod memory;
mod retention;
mod slots;
mod types;

use async_trait::async_trait;

pub use capped::{Capped, Caps, Used};
pub use lists::{ListInfo, ListMember, MAX_LIST_NAME, MAX_MEMBERS, check_list, dated, known_of, owners_of};
pub use memory::MemoryStore;
pub(crate) use retention::expire_aside;
pub use retention::{Expired, PROMPT, Payloads, Place, Retention, Terms, Tidied, expire, upkeep};
pub use slots::{Fired, Firing, SLOTS_KEPT, ScheduleState, Served, Server, Slot, SlotFate, SlotRow};
pub use types::*;

use crate::clock::Timestamp;
use crate::domain::{Day, Domain};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{DeadId, Id, Ids, Name, PayloadId, RecordKey, RunId};
use crate::sink::{Change, Position};
use crate::task::{Cost, Task};

/// Which tasks to ask when a commit shows that somebody should be looked up: pure, so that the tasks become
/// part of the transaction that found the reason.
pub trait Lookup: Send + Sync {
    /// A weak identity of these moved to somebody else: ask where they are now.
    fn moved(&self, ids: &Ids) -> Vec<Task>;
    /// More is known about who this is: ask the sources that add to it.
    fn grown(&self, ids: &Ids) -> Vec<Task>;
}

/// Asks nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn moved(&self, _ids: &Ids) -> Vec<Task> {
        Vec::new()
    }

    fn grown(&self, _ids: &Ids) -> Vec<Task> {
        Vec::new()
    }
}

/// What `enqueue` answers for a run that is not there: for stores.
pub fn no_such_run(run: RunId) -> Error {
    Error::new(
        ErrorKind::Storage,
        "the run is not in the store: begin it, or look at `runs` for those there are",
    )
    .with("run", run)
}

/// The store of record.
///
/// Every method is one transaction and safe to repeat. Times are handed in, so that a store has no clock.
///
/// # Contract
/// Checked by `testkit::store`; the case's name stands in brackets.
/// 1. `open` registers the worker and the sinks, gives each sink's last position, and takes over what dead
///    workers held \[`Open`, `TakeOver`\]. New sinks owe every record that exists \[`NewSink`\].
/// 2. `begin_run` gives an unfinished run of the same key back instead of beginning a second one \[`Resume`\].
///    `end_run` as cancelled also forgets the run's open tasks, claimed ones included, as far as no other run waits
///    for them \[`Cancel`, `CancelShared`\].
/// 3. `enqueue` answers per task: new, joined (open already, now for this run too) or fresh (answered inside the
///    run's window, or by this run, or its target's aspect was sighted inside the window) \[`Enqueue`, `Fresh`,
///    `FreshByTarget`\]. An unknown run is an error, and nothing is added \[`UnknownRun`\].
/// 4. `claim` gives each open task to one worker, hydration lanes first as asked, higher priority first, never
///    before `not_before`, never beyond a lane's permits; claim numbers grow \[`Claim`, `Priority`, `NotBefore`,
///    `ClaimOnce`\].
/// 5. `heartbeat` keeps the worker alive, takes over from those whose beat is older than their ttl, and tells a
///    worker that was declared dead itself: all its claims are lost \[`Heartbeat`, `LostClaims`\].
/// 6. `give_back` returns claimed tasks; what counts as an attempt is said per task; a claim that is not current
///    changes nothing \[`GiveBack`, `StaleGiveBack`\].
/// 7. `commit` writes answers, verdicts, follow-ups, sightings, entities, history and outbox atomically
///    \[`Commit`, `Atomic`\]; the same commit twice changes nothing more \[`CommitTwice`\]; a stale claim changes no
///    task but keeps answer and sightings \[`StaleCommit`\]; an unchanged answer writes no blob, version or outbox
///    row \[`Unchanged`\]; entities follow [`ledger`]: joins, moved weak identities \[`Join`, `Moved`\].
/// 8. `take_pending` hands out each owed change to one caller until it is settled, newest version only, not
///    before its time \[`TakePending`, `TakeOnce`, `PendingNotBefore`\].
/// 9. `settle` clears what was stored at that version only; keeps the position; facts raise the version and
///    are owed to the other sinks; a refusal becomes a dead letter \[`Settle`, `SettleOld`, `Facts`, `Rejected`\]. Per
///    sink, always: `wanted = stored + superseded + rejected + pending` \[`Balance`\].
/// 10. `reserve` never grants beyond a budget, not by 1, and says until when to wait; `settle_cost` corrects it
///     \[`Budget`, `BudgetReset`\]. `park` keeps an account out until its time \[`Park`\].
/// 11. `revive` makes dead letters open tasks again \[`Revive`\], and a record that a sink refused is owed to that sink
///     again, at its present version \[`ReviveRecord`\]; `discard` forgets them, and the next run may ask again
///     \[`Discard`\].
/// 12. Everything committed is there after the store is opened again \[`Reopen`, stores that persist\].
/// 13. `put_list` makes a list exactly these members, in this order; whoever stays on it keeps the time; without
///     members there is no list. `lists` and `list` give them back \[`Lists`\].
/// 14. `owners` tells whose an identity is, `keys` goes through all records in order, `known` reads many
///     \[`Many`\].
/// 15. Of each day on which a record changed its figures are kept as they were at the last change. Figures that an item
///     brings for other days fill in days that have none, whether or not the item is the newest \[`History`\]. What
///     the days tell ([`Domain::trend`]) is among a record's facts wherever it is read or handed to a sink.
/// 16. `waits` keeps why a worker does not get on until it says otherwise, closes or is dead; `counts` tells it
///     \[`Waits`\].
/// 17. `answers` goes through the answers that are kept, with what had been asked. `read_again` writes what one says
///     when it is read again as if it had come when it came: it asks nobody, answers no task, and an entity of which
///     it tells nothing new keeps its version \[`ReadAgain`\]. `put_note` keeps a text until it is replaced; one that
///     is handed to `read_again` is kept with it or not at all \[`Notes`\].
/// 18. `add_fills` adds up how answers were filled, by source, kind and day; `fills` gives it back, `forget_fills`
///     forgets it for a source \[`Fills`\].
/// 19. `erase` leaves no trace of somebody: neither record nor sightings, history, answers, tasks, letters or places on
///     lists; others keep theirs \[`Erase`\]. Nothing that comes later brings them back: what it shows of them is cut
///     out before anything is kept. Somebody else may have the handle.
/// 20. `stale` gives whose sighting of a side is old or missing, the oldest first, page by page \[`Stale`\].
/// 21. `enlist` makes schedules known from that moment on, and with other moments anew \[`Moments`\]. `fire` writes what was decided about a schedule's slots
///     together with the run that one of them begins and its tasks, once, however many decided the same: the turn tells
///     \[`Slots`, `SlotOnce`, `SlotsAtOnce`\]. A schedule never goes back \[`SlotsForward`\]; skipped slots keep their
///     reason, and those that follow each other with the same one are one row \[`SkippedSlots`\]. Only servers with the
///     newest configuration among those alive fire; a configuration is as new as its first server \[`NewestConfig`\].
/// 22. `pause_schedule` begins and ends a pause, whose times are kept until no slot of it can come any more
///     \[`PauseSchedule`\].
/// 23. `expire` drops what a source gave and that was got last before a moment, place by place until there is no next one:
///     its answers, what was said in them, that its tasks were answered, and the figures of the days before of everybody it
///     shows, because nobody can tell whose a day's figures are. A dead letter stays without its answer. Who is left is
///     merged anew and owed to every sink when that is a change; of whom nobody else says anything is deleted at every sink,
///     and their identities are free \[`Expire`, `ExpireShared`\]. An answer that came again since stays, others' stay
///     \[`ExpireKeeps`\]. What was dropped is asked again and comes in as new; what is older does not come back, neither
///     committed late nor read again \[`ExpireAnew`\].
#[async_trait]
pub trait Store<D: Domain>: Send + Sync + 'static {
    /// Makes the store ready for a worker.
    ///
    /// # Errors
    /// `Storage`, or `ConfigInvalid` when the store cannot be used as configured.
    async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened>;

    /// Takes the worker off the list; what it still holds becomes free.
    ///
    /// # Errors
    /// `Storage`.
    async fn close(&self, worker: &WorkerId) -> Result<()>;

    /// Begins a run, or goes on with an unfinished one of the same key.
    ///
    /// # Errors
    /// `Storage`.
    async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun>;

    /// Marks a run as ended. A cancelled one stays cancelled; one that has ended cannot be cancelled any more.
    ///
    /// # Errors
    /// `Storage`.
    async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()>;

    /// A run's counts; `None` for an unknown run.
    ///
    /// # Errors
    /// `Storage`.
    async fn run(&self, run: RunId) -> Result<Option<RunState>>;

    /// Adds tasks to a run.
    ///
    /// # Errors
    /// `Storage`, also when there is no such run: see [`no_such_run`].
    async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>>;

    /// Claims open tasks, lane by lane in the order given.
    ///
    /// # Errors
    /// `Storage`.
    async fn claim(&self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Result<Claims>;

    /// Says that the worker is alive.
    ///
    /// # Errors
    /// `Storage`.
    async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat>;

    /// Notes why a worker does not get on, or with `None` that it does.
    ///
    /// # Errors
    /// `Storage`.
    async fn waits(&self, worker: &WorkerId, waiting: Option<&Waiting>) -> Result<()>;

    /// Returns claimed tasks.
    ///
    /// # Errors
    /// `Storage`.
    async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()>;

    /// Writes finished calls.
    ///
    /// # Errors
    /// `Storage`: then nothing of it is written.
    async fn commit(
        &self,
        worker: &WorkerId,
        calls: Vec<FinishedCall<D>>,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed>;

    /// Takes changes owed to a sink.
    ///
    /// # Errors
    /// `Storage`.
    async fn take_pending(
        &self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Change<D::Entity>>>;

    /// Writes what became of taken changes.
    ///
    /// # Errors
    /// `Storage`.
    async fn settle(
        &self,
        sink: &str,
        worker: &WorkerId,
        settled: Vec<Settled>,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<()>;

    /// Books a cost before it arises.
    ///
    /// # Errors
    /// `Storage`.
    async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved>;

    /// Corrects a booking: `over` of what was reserved in that window was not spent.
    ///
    /// # Errors
    /// `Storage`.
    async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()>;

    /// Keeps an account out until `park.until` (until somebody lets it in, when that is `None`).
    ///
    /// # Errors
    /// `Storage`.
    async fn park(&self, park: &Parked) -> Result<()>;

    /// Lets an account in again.
    ///
    /// # Errors
    /// `Storage`.
    async fn unpark(&self, account: &str) -> Result<()>;

    /// Makes dead letters open tasks again; gives the number revived.
    ///
    /// # Errors
    /// `Storage`.
    async fn revive(&self, dead: &[DeadId], now: Timestamp) -> Result<u64>;

    /// Forgets dead letters; gives how many there were. A task stays given up until a run asks for it again.
    ///
    /// # Errors
    /// `Storage`.
    async fn discard(&self, dead: &[DeadId]) -> Result<u64>;

    /// Accounts that are parked.
    ///
    /// # Errors
    /// `Storage`.
    async fn parked(&self) -> Result<Vec<Parked>>;

    /// Everything countable.
    ///
    /// # Errors
    /// `Storage`.
    async fn counts(&self) -> Result<Counts>;

    /// Everything known about the thing with this identity.
    ///
    /// # Errors
    /// `Storage`.
    async fn find(&self, id: &Id) -> Result<Option<Known<D>>>;

    /// The identities of a record; `None` when there is no such record any more.
    ///
    /// # Errors
    /// `Storage`.
    async fn ids(&self, key: RecordKey) -> Result<Option<Ids>>;

    /// The newest dead letters.
    ///
    /// # Errors
    /// `Storage`.
    async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>>;

    /// A stored answer.
    ///
    /// # Errors
    /// `Storage`.
    async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>>;

    /// Writes a named list.
    ///
    /// # Errors
    /// `Storage`, or what [`check_list`] says.
    async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()>;

    /// All lists, by name.
    ///
    /// # Errors
    /// `Storage`.
    async fn lists(&self) -> Result<Vec<ListInfo>>;

    /// The members of a list, in order; `None` when there is no such list.
    ///
    /// # Errors
    /// `Storage`.
    async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>>;

    /// The records that identities belong to, one answer each, in order.
    ///
    /// # Errors
    /// `Storage`.
    async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>>;

    /// The keys of living records behind `after`, in order, at most `max`.
    ///
    /// # Errors
    /// `Storage`.
    async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>>;

    /// Everything known about these records, in the order asked; those that are gone are left out.
    ///
    /// # Errors
    /// `Storage`.
    async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<D>>>;

    /// Stored answers behind `after`, in the order in which they were stored; of one source when one is named. At most
    /// `max`, and no more than a few MiB unless one alone is larger.
    ///
    /// # Errors
    /// `Storage`.
    async fn answers(
        &self,
        source: Option<&str>,
        after: Option<PayloadId>,
        max: usize,
    ) -> Result<Vec<KeptAnswer>>;

    /// Writes what stored answers say when they are read again, and a note with it.
    ///
    /// # Errors
    /// `Storage`: then nothing of it is written.
    async fn read_again(
        &self,
        worker: &WorkerId,
        answers: Vec<ReadAgain<D>>,
        note: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<Committed>;

    /// The text that was kept under this name.
    ///
    /// # Errors
    /// `Storage`.
    async fn note(&self, name: &str) -> Result<Option<String>>;

    /// Keeps a text under a name of at most 200 bytes; `None` takes it away.
    ///
    /// # Errors
    /// `Storage`.
    async fn put_note(&self, name: &str, text: Option<&str>) -> Result<()>;

    /// Adds how answers were filled to what is known of the same source, kind and day.
    ///
    /// # Errors
    /// `Storage`.
    async fn add_fills(&self, fills: &[Fill]) -> Result<()>;

    /// How answers were filled since a day, that day included; by source, kind and day.
    ///
    /// # Errors
    /// `Storage`.
    async fn fills(&self, since: i32) -> Result<Vec<Fill>>;

    /// Forgets how a source's answers were filled.
    ///
    /// # Errors
    /// `Storage`.
    async fn forget_fills(&self, source: &str) -> Result<()>;

    /// The figures of a living record by day, oldest first: what was measured, and what items brought for other days.
    ///
    /// # Errors
    /// `Storage`.
    async fn history(&self, key: RecordKey) -> Result<Vec<Day>>;

    /// Living records whose sighting of this (source, aspect) is older than `before`, or that have none: the oldest first,
    /// those of one time by key. Behind `after` when it is given, at most `max`.
    ///
    /// # Errors
    /// `Storage`.
    async fn stale(
        &self,
        side: (&str, &str),
        before: Timestamp,
        after: Option<(Timestamp, RecordKey)>,
        max: usize,
    ) -> Result<Vec<Stale>>;

    /// Removes a small batch of what has been replaced or is over, as far as `keep` allows: one bounded transaction, beside
    /// whoever works. Called again until it says that it is done; then a later call begins anew. [`upkeep`] does so.
    ///
    /// A store whose contents end with its process need not do anything, which is the default.
    ///
    /// # Errors
    /// `Storage`.
    async fn tidy(&self, _keep: &Retention, _now: Timestamp) -> Result<Tidied> {
        Ok(Tidied { done: true, ..Tidied::default() })
    }

    /// Drops a small batch of what a source gave and that was got last before a moment, `what` being both: one bounded transaction, beside
    /// whoever works. Begins at the default place, and goes on where the batch before says. The worker owes the changes to
    /// the sinks. [`expire`](expire()) goes all the way.
    ///
    /// # Errors
    /// `Storage`: then nothing of the batch is gone.
    async fn expire(
        &self,
        worker: &WorkerId,
        what: (&str, Timestamp),
        place: Place,
        now: Timestamp,
    ) -> Result<Expired>;

    /// Takes everything about whoever these identities mean out of the store, and keeps them out from now on.
    ///
    /// # Errors
    /// `Storage`: then it may be half done, and is done by the same call once more.
    async fn erase(&self, worker: &WorkerId, ids: &Ids, now: Timestamp) -> Result<Erased>;

    /// Says that a process serves these schedules until it has been silent for its ttl; one of zero takes it off the list.
    /// Tells whether nobody alive has a newer configuration.
    ///
    /// # Errors
    /// `Storage`.
    async fn enlist(&self, server: &Server, schedules: &[Served], now: Timestamp) -> Result<bool>;

    /// All schedules that were ever enlisted, by name.
    ///
    /// # Errors
    /// `Storage`.
    async fn schedules(&self) -> Result<Vec<ScheduleState>>;

    /// Writes what was decided about slots, and begins the run of the one that is fired. An unfinished run of the same
    /// key goes on instead, as with [`begin_run`](Self::begin_run).
    ///
    /// # Errors
    /// `Storage`: then nothing of it is written.
    async fn fire(&self, server: &WorkerId, firing: &Firing, now: Timestamp) -> Result<Fired>;

    /// Pauses a schedule or lets it go on; tells whether there is one that this changed.
    ///
    /// # Errors
    /// `Storage`.
    async fn pause_schedule(&self, name: &str, paused: bool, now: Timestamp) -> Result<bool>;

    /// What became of a schedule's slots, newest first.
    ///
    /// # Errors
    /// `Storage`.
    async fn slots(&self, schedule: &str, max: usize) -> Result<Vec<SlotRow>>;
}
