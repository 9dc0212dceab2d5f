//! The conformance suite for [`Store`].
//!
//! An author of a store implements [`StoreHarness`] and calls [`store_conformance!`](crate::store_conformance)
//! in a test module: each promise of the trait's contract becomes a test of its own, and a failure names the
//! number that was broken, what was expected and what was seen. Times are handed in, so nothing sleeps.
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use collector_core::store::{MemoryStore, Store};
//! use collector_core::testkit::store::{StoreHarness, TestDomain};
//!
//! struct InMemory;
//!
//! #[async_trait]
//! impl StoreHarness for InMemory {
//!     async fn store(&self) -> Arc<dyn Store<TestDomain>> {
//!         Arc::new(MemoryStore::new(TestDomain))
//!     }
//!
//!     async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> {
//!         None
//!     }
//! }
//!
//! mod memory_store {
//!     use super::InMemory;
//!     collector_core::store_conformance!(InMemory);
//! }
//! # fn main() {}
//! ```

mod again;
mod budgets;
mod cancelling;
mod claims;
mod clause;
mod commit;
mod domain;
mod expire;
mod history;
mod identity;
mod lists;
mod model;
mod outbox;
mod recovery;
mod slots;
mod stage;
mod tasks;
#[cfg(test)]
mod twins;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use domain::{Person, Seen, TestDomain, handle, sec, uid};

use clause::Clause;

use crate::store::Store;

/// Gives the suite the store to check.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// A fresh, empty store; a case may ask for several, one after the other.
    async fn store(&self) -> Arc<dyn Store<TestDomain>>;

    /// The store given last, as the next process finds it after this one was killed: nothing was closed.
    /// `None` for a store that does not persist.
    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>>;

    /// Makes the next `commit` of the store given last fail in the middle of its transaction; `false` when the
    /// harness cannot.
    async fn fail_next_commit(&self) -> bool {
        false
    }

    /// How many random sequences [`Case::Model`] plays, each on a fresh store.
    fn seeds(&self) -> u64 {
        200
    }
}

/// Calls a macro with every case: contract number, case, module and function, description.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { $($with)* cases:
            1 Open tasks::open "`open` registers the worker and the sinks.";
            1 Position tasks::position "`open` gives each sink's last position, in the order asked.";
            1 TakeOver tasks::take_over "`open` takes over claims of dead workers.";
            1 TakeOverChanges tasks::take_over_changes "`open` takes over changes that dead workers had taken.";
            1 Close tasks::close "What a closed worker held is free at once.";
            1 NewSink tasks::new_sink "A new sink owes every record that exists.";
            2 Resume tasks::resume "An unfinished run goes on; a finished one does not.";
            2 Cancel cancelling::cancel "A cancelled run's open tasks are forgotten; what was bought is kept.";
            2 CancelShared cancelling::cancel_shared "What another run waits for goes on for that run.";
            2 Runs tasks::runs "The newest runs come first; an unknown one is none.";
            3 Enqueue tasks::enqueue "New or joined, in order; counted once.";
            3 UnknownRun tasks::unknown_run "Nothing is added to a run that is not there.";
            3 EnqueueWaiting tasks::enqueue_waiting "A task added with a time waits for it.";
            3 JoinedRuns tasks::joined_runs "A task two runs want is open for both and asked once.";
            3 Fresh tasks::fresh "An answer stands for the asking run's window, and for its own run.";
            3 DeadIsNotFresh tasks::dead_is_not_fresh "A task given up is asked again by the next run.";
            3 FreshByTarget tasks::fresh_by_target "A fresh sighting of the target's aspect is an answer.";
            4 Claim claims::claim "A claimed task is what was added.";
            4 Permits claims::permits "Lanes in the order asked, none beyond its permits.";
            4 Priority claims::priority "Higher priority first.";
            4 NotBefore claims::not_before "Nothing before its time; the next time is told.";
            4 ClaimOnce claims::claim_once "Workers at once never get one task twice.";
            4 ClaimNumbers claims::claim_numbers_grow "Claim numbers of a task grow.";
            5 Heartbeat claims::heartbeat "Beating keeps claims; silence loses them.";
            5 LostClaims claims::lost_claims "A worker that was declared dead is told so and works on.";
            5 AliveAgain claims::alive_again "A worker that came back has its own ttl again.";
            5 LateWork claims::late_work "What a worker does after it was declared dead is not stuck with it.";
            6 GiveBack claims::give_back "A task given back is free at its time; attempts as said.";
            6 StaleGiveBack claims::stale_give_back "A stale claim gives nothing back.";
            7 Commit commit::commit "Answer, verdict, follow-up, sighting, entity and outbox together.";
            7 Batch commit::batch "One call decides about each of its tasks.";
            7 MixedRuns commit::mixed_runs "A call for tasks of two runs counts for each.";
            7 Atomic commit::atomic "A failed commit leaves nothing; nobody sees half of one.";
            7 CommitTwice commit::commit_twice "The same commit twice changes nothing more.";
            7 StaleCommit commit::stale_commit "A stale claim changes no task and keeps the answer.";
            7 Unchanged commit::unchanged "The same answer writes no blob, version or outbox row.";
            7 Retry commit::retry "A failed attempt is counted, waits and is tried again.";
            7 Later commit::later "An answer that is not ready is no attempt.";
            7 Absent commit::absent "There is nothing: an answer.";
            7 Restart commit::restart "Another task begins again, also one that was answered.";
            7 DeadLetter commit::dead_letter "What was given up is kept with its answer, byte for byte.";
            7 DeadLetters commit::dead_letters "The newest dead letters come first, each with its own answer.";
            7 RunCounts commit::run_counts "A run's counts say what its calls brought.";
            7 FollowUps commit::follow_ups "Follow-ups inherit the run, one step deeper.";
            7 TaskStates commit::task_states "Every task is in one state, every open one in one lane.";
            7 Refund commit::refund "A refund corrects its reservation.";
            7 Join identity::join "Two records that are one are joined; the loser is deleted.";
            7 JoinUnsettled identity::join_unsettled "A join while changes are under way ends with the winner.";
            7 Moved identity::moved "A handle moves; its former owner loses it and is looked up.";
            7 Grown identity::grown "Whose strong identities grow is asked about again.";
            7 Conflict identity::conflict "Two values of a strong kind are two people.";
            7 HandleOnly identity::handle_only "A handle alone means its present owner.";
            7 OlderSighting identity::older_sighting "An older sighting never replaces a newer one.";
            7 AnyOrder identity::any_order "The same sightings make the same people in any order.";
            7 Renamed identity::renamed "Who showed a handle last keeps it, also after a rename.";
            7 OneAnswer identity::one_answer "Several items of one answer about one person.";
            7 Nobody identity::nobody "An identity nobody has is nobody's.";
            8 TakePending outbox::take_pending "Newest versions, as many as asked, per sink.";
            8 TakeOnce outbox::take_once "A change is with one caller until it is settled.";
            8 PendingNotBefore outbox::pending_not_before "An owed change waits for its time.";
            9 Refresh outbox::refresh "What mends an owed change is asked for the newest run.";
            9 Settle outbox::settle "What is settled is owed no more, counted once.";
            9 SettleOld outbox::settle_old "Settling an old version leaves the newer one owed.";
            9 Facts outbox::facts_spread "Facts raise the version and are owed to the other sinks.";
            9 Rejected outbox::rejected "A refusal becomes a dead letter.";
            9 Balance outbox::balance_holds "The balance holds after every step.";
            10 Budget budgets::budget "Never beyond a budget, not by 1.";
            10 BudgetAtOnce budgets::budget_at_once "Reservations at once share a budget exactly.";
            10 BudgetReset budgets::budget_reset "A new window begins at the reset hour.";
            10 LateClock budgets::late_clock "A clock that is late brings no second budget.";
            10 SettleCost budgets::settle_cost "What was not spent can be spent in its window.";
            10 Park budgets::park "A parked account is kept with its reason until let out.";
            11 Revive recovery::revive "Dead letters become open tasks, once.";
            11 ReviveRecord recovery::revive_record "What a sink refused is owed to it again.";
            11 Discard lists::discard "Discarded letters are gone, once; the next run asks again.";
            12 Reopen recovery::reopen "Everything committed is there after a kill.";
            12 Killed recovery::killed "A job killed at every step ends as if nothing had happened.";
            12 Model model::model "Random sequences agree with a naive model after each step.";
            13 Lists lists::lists "A list is its members in order; who stays keeps the time.";
            14 Many lists::many "Owners, keys and records of many at once.";
            20 Stale lists::stale "Whose sighting of a side is old or missing, the oldest first.";
            15 History history::history "Figures by day: measured ones, and those brought for other days.";
            16 Waits tasks::waits "Why a worker does not get on is told until it does.";
            17 ReadAgain again::read_again "What a kept answer says again replaces what it said.";
            17 Notes again::notes "Notes are kept until they are replaced or taken away.";
            18 Fills again::fills "Fills add up by source, kind and day.";
            19 Erase again::erase "Nothing is left of somebody who was erased, nor comes back.";
            20 Slots slots::slots "A slot, its run and its tasks are there together.";
            20 SlotOnce slots::slot_once "A slot that somebody has fired is fired by nobody else.";
            20 SlotsAtOnce slots::slots_at_once "Many that decide the same at once fire it once.";
            20 SlotsForward slots::slots_forward "A schedule never goes back.";
            20 SkippedSlots slots::skipped_slots "Skipped slots keep their reason, in few rows.";
            20 Moments slots::moments "With other moments a schedule begins anew.";
            20 NewestConfig slots::newest_config "Only the newest configuration among those alive fires.";
            21 PauseSchedule slots::pause_schedule "A pause keeps its times while they matter.";
            23 Expire expire::expire_all "What nobody else says is gone everywhere.";
            23 ExpireShared expire::expire_shared "Whom others show is merged anew from what they say.";
            23 ExpireKeeps expire::expire_keeps "What came again, and what others said, stays.";
            23 ExpireAnew expire::expire_anew "What was dropped comes in as new, and not as it was.";
        }
    };
}

macro_rules! case_enum {
    (cases: $($number:literal $case:ident $module:ident::$function:ident $doc:literal;)*) => {
        /// One case of the suite.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Case { $(#[doc = $doc] $case,)* }

        impl Case {
            /// Every case, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The number in the contract it checks first.
            pub const fn number(self) -> u8 {
                match self { $(Self::$case => $number,)* }
            }

            const fn name(self) -> &'static str {
                match self { $(Self::$case => stringify!($case),)* }
            }

            /// Runs the case.
            ///
            /// # Panics
            /// When the store breaks its contract; the message tells number, case, expected and seen.
            pub async fn run(self, harness: &dyn StoreHarness) {
                // Boxed, so that the largest case does not make the future of every case large.
                match self { $(Self::$case => Box::pin($module::$function(harness)).await,)* }
            }
        }
    };
}

__store_cases!([case_enum]);

impl Case {
    const fn clause(self) -> Clause {
        Clause::new(self.number(), self.name())
    }

    /// Runs the case unless it is declared an exception; then the reason is printed.
    ///
    /// # Panics
    /// As [`run`](Self::run), and when a declared exception gives no reason.
    pub async fn run_unless(self, exceptions: &[(Self, &str)], harness: &dyn StoreHarness) {
        match exceptions.iter().find(|(case, _)| *case == self) {
            None => self.run(harness).await,
            Some((_, reason)) => {
                assert!(!reason.trim().is_empty(), "the exception {self} of the store suite gives no reason");
                eprintln!("store contract {} [{self}] is not checked: {reason}", self.number());
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Makes a `#[tokio::test]` of every [`Case`](crate::testkit::store::Case).
///
/// The argument is an expression that gives a [`StoreHarness`](crate::testkit::store::StoreHarness); it is
/// evaluated in each test and may `.await`, or `return` to skip. Known exceptions are declared with a reason:
/// `store_conformance!(harness, without: { Reopen: "keeps nothing by design" })`.
///
/// The calling crate needs `tokio` with its `macros` feature.
#[macro_export]
macro_rules! store_conformance {
    ($harness:expr $(,)?) => {
        $crate::store_conformance!($harness, without: {});
    };
    ($harness:expr, without: { $($exception:ident: $reason:expr),* $(,)? } $(,)?) => {
        const EXCEPTIONS: &[($crate::testkit::store::Case, &str)] =
            &[$(($crate::testkit::store::Case::$exception, $reason)),*];
        $crate::__store_cases! { [$crate::__store_tests] harness: $harness; }
    };
}

/// The tests of [`store_conformance!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    (harness: $harness:expr;
     cases: $($number:literal $case:ident $module:ident::$function:ident $doc:literal;)*) => {
        $($crate::__store_test! { $harness; $case $function $doc })*
    };
}

/// One test of [`store_conformance!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __store_test {
    ($harness:expr; $case:ident $function:ident $doc:literal) => {
        #[doc = $doc]
        #[tokio::test]
        async fn $function() {
            let harness = $harness;
            $crate::testkit::store::Case::$case.run_unless(EXCEPTIONS, &harness).await;
        }
    };
}

#[cfg(test)]
mod memory {
    use super::twins::InMemory;

    crate::store_conformance!(InMemory::default());
}
