//! The suite itself is tested: stores that break one promise each, and the cases that must notice.

mod broken;
mod warped;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;

use self::broken::Broken;
use super::{Case, StoreHarness, TestDomain};
use crate::store::{MemoryStore, Store};

/// The in-memory store as it is.
#[derive(Default)]
pub(super) struct InMemory(Mutex<Option<Arc<dyn Store<TestDomain>>>>);

#[async_trait]
impl StoreHarness for InMemory {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> {
        let store: Arc<dyn Store<TestDomain>> = Arc::new(MemoryStore::new(TestDomain));
        *self.0.lock().unwrap() = Some(Arc::clone(&store));
        store
    }

    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> {
        // The next worker finds the same memory: what the next process would find on a disk.
        self.0.lock().unwrap().clone()
    }
}

/// The in-memory store behind a wrapper with one fault, or with none.
#[derive(Debug, Default)]
struct Twin {
    fault: Option<Fault>,
    last: Mutex<Option<Arc<Broken>>>,
}

impl Twin {
    fn with(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }
}

#[async_trait]
impl StoreHarness for Twin {
    async fn store(&self) -> Arc<dyn Store<TestDomain>> {
        let store = Arc::new(Broken::new(self.fault));
        *self.last.lock().unwrap() = Some(Arc::clone(&store));
        store
    }

    async fn reopen(&self) -> Option<Arc<dyn Store<TestDomain>>> {
        if self.fault == Some(Fault::LosesAllWhenKilled) {
            return Some(self.store().await);
        }
        self.last.lock().unwrap().clone().map(|store| store as Arc<dyn Store<TestDomain>>)
    }

    async fn fail_next_commit(&self) -> bool {
        self.last.lock().unwrap().as_ref().is_some_and(|store| store.fail_next_commit())
    }

    fn seeds(&self) -> u64 {
        25
    }
}

macro_rules! faults {
    ($($fault:ident => $($case:ident),+;)*) => {
        /// One promise that is broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Fault { $($fault),* }

        /// Every fault with the cases that must notice it.
        const FAULTS: &[(Fault, &[Case])] = &[$((Fault::$fault, &[$(Case::$case),+])),*];
    };
}

faults! {
    // Opening and runs.
    CountsOneWorker => Open;
    WaitsForEver => Waits;
    NeverWaits => Waits;
    ForgetsPosition => Position, Reopen;
    SwapsPositions => Position;
    NeverTakesOver => TakeOver, TakeOverChanges, Heartbeat, LostClaims, LateWork, StaleGiveBack, StaleCommit, Killed;
    ForgetsToClose => Close;
    ForgetsNewSinks => NewSink;
    NeverResumes => Resume, Reopen, Killed;
    ForgetsTheEnd => Resume, Cancel;
    CancelsInName => Cancel, CancelShared;
    ListsOldestRuns => Runs;
    // Tasks.
    AnswersNewAlways => Enqueue, EnqueueWaiting, JoinedRuns, Fresh, FreshByTarget, Model;
    WelcomesUnknownRuns => UnknownRun;
    ForgetsTarget => FreshByTarget, Claim;
    ForgetsJoins => JoinedRuns, Model;
    FreshForEver => Fresh, FreshByTarget, Unchanged, Model;
    DeadIsAnswered => DeadIsNotFresh;
    // Claims.
    ForgetsPriority => Priority, Claim, FollowUps, Model;
    ForgetsNotBefore => NotBefore, GiveBack, Retry, Later, Batch, EnqueueWaiting, Model;
    ForgetsNextTime => NotBefore, GiveBack, Retry, Later, Reopen, Model;
    ClaimsTwice => ClaimOnce, TakeOver;
    ClaimsBeyondPermits => Permits, Model;
    ClaimsLanesBackwards => Permits;
    CountsOpenWithoutClaimed => Claim, Permits, Model;
    ClaimNumbersStand => ClaimNumbers, TakeOver, Close, Reopen;
    ForgetsBeats => Heartbeat, AliveAgain;
    NeverSaysDead => LostClaims;
    GiveBackCountsAlways => GiveBack, Model;
    GiveBackCountsNever => GiveBack, Model;
    GiveBackAtOnce => GiveBack, Model;
    GivesBackTwice => GiveBack;
    AcceptsStaleGiveBack => StaleGiveBack;
    // Commit.
    AcceptsStaleClaims => StaleCommit;
    DropsStaleAnswers => StaleCommit;
    LosesFollowUp => Commit, Restart, FollowUps;
    LosesItem => Batch, RunCounts, OneAnswer, Atomic;
    LosesMalformed => RunCounts;
    FollowUpsAtTheTop => FollowUps;
    FirstVerdictForAll => Batch, MixedRuns;
    HalfCommits => Atomic;
    CommitsAgain => CommitTwice;
    RefundsAgain => CommitTwice;
    TimesAreChanges => Unchanged, OneAnswer, StaleCommit, Model;
    WritesEveryBlob => Unchanged, CommitTwice;
    NeverSeenAgain => Unchanged, FreshByTarget, Model;
    RetryIsNoAttempt => Retry, Batch, Model;
    LaterIsAnAttempt => Later, Model;
    ForgetsFirstAttempt => Retry, GiveBack;
    AbsentIsDone => Absent, TaskStates, Model;
    RestartIsDone => Restart;
    CostPerTask => Batch;
    ForgetsRefund => Refund;
    DeadWithoutAnswer => DeadLetter, DeadLetters;
    CutsBytes => DeadLetter, DeadLetters;
    ForgetsHeaders => DeadLetter;
    OldestDeadFirst => DeadLetters;
    TooManyDead => DeadLetters;
    CountsItemsTwice => RunCounts, Balance, Model;
    PendingIsNobodys => RunCounts;
    WaitingIsNoState => TaskStates, Model;
    // Identity.
    NeverJoins => Join, JoinUnsettled, Model;
    ForgetsDeletes => Join, JoinUnsettled, Expire, Model;
    HandlesJoin => Moved, HandleOnly, AnyOrder, Model;
    SecondKeyDecides => Conflict, Commit, Model;
    HandlesAreNobodys => Moved, HandleOnly, AnyOrder, Renamed, Commit, Model;
    KeepsLostHandles => Moved, Renamed, Model;
    AsksNobody => Moved, Grown;
    AsksAlways => Grown;
    ArrivalDecides => OlderSighting, AnyOrder, ExpireAnew, Model;
    OneSidePerSource => OlderSighting, OneAnswer, Model;
    ForgetsIds => Join;
    FindsAnybody => Nobody;
    // Outbox.
    TakesTooMany => TakePending, Model;
    TakesTwice => TakeOnce, TakePending, Model;
    TakesEarly => PendingNotBefore, Refresh, Model;
    TakesOldVersions => TakePending, Commit, SettleOld, Facts, Model;
    ForgetsSettling => Settle, Rejected, NewSink, Model;
    SettlesAnyVersion => SettleOld, Model;
    SupersededIsStored => Settle;
    OwedIsSettled => PendingNotBefore, Refresh, Model;
    AsksNothing => Refresh;
    ForgetsFacts => Facts, Model;
    ForgetsRefusals => Rejected, Balance, Model;
    Unbalanced => Settle, Balance, Model;
    // Money.
    OneUnitTooMany => Budget, BudgetAtOnce, Refund, SettleCost;
    LateClocksReset => LateClock;
    CountsNoRequests => Budget;
    BooksRefusals => Budget, BudgetAtOnce;
    OnePurse => Budget, SettleCost;
    NeverResets => BudgetReset, SettleCost;
    ResetsAtMidnight => BudgetReset;
    KeepsOverbooking => SettleCost;
    RefundsAnyWindow => SettleCost;
    ForgetsParks => Park, Reopen;
    ForgetsUnparking => Park;
    // Recovery.
    RevivesInWords => Revive, MixedRuns;
    RevivesTwice => Revive;
    LosesAllWhenKilled => Reopen, Killed;
    RefusesForEver => ReviveRecord;
    DiscardsInWords => Discard;
    // Lists and reading many.
    AddsToLists => Lists;
    SortsLists => Lists;
    RedatesMembers => Lists;
    KeepsEmptyLists => Lists;
    OwnersOfNobody => Many;
    KeysBeyondMax => Many;
    KnownInKeyOrder => Many;
    StaleByKey => Stale;
    StaleOnceSeen => Stale;
    // Daily figures.
    NewestDayFirst => History;
    ForgetsOtherDays => History;
    MeasuresNothing => History;
    // Reading again, counting, erasing.
    ReadsInWords => ReadAgain, Notes;
    AnswersWithoutTasks => ReadAgain;
    ForgetsNotes => Notes;
    FillsOfOneDay => Fills;
    ErasesInWords => Erase;
    ExpiresInWords => Expire, ExpireShared, ExpireAnew;
    ExpiresTheNew => Expire, ExpireKeeps;
    ExpiresOthers => ExpireShared, ExpireKeeps;
    ExpiresUntold => Expire, ExpireShared;
    // Schedules.
    FiresWithoutTasks => Slots;
    SchedulesAnew => Slots;
    FiresAgain => SlotOnce, SlotsAtOnce, SlotsForward;
    MissesEverything => SkippedSlots;
    RowPerDecision => SkippedSlots;
    AnyConfigFires => NewestConfig, Moments;
    ForgetsMoments => Moments;
    ForgetsPauses => PauseSchedule;
}

/// What a case says about a store; `None` when it is content.
async fn complaint(case: Case, harness: &Twin) -> Option<String> {
    let failure = AssertUnwindSafe(case.run(harness)).catch_unwind().await.err()?;
    let words = failure.downcast_ref::<String>().cloned();
    Some(words.or_else(|| failure.downcast_ref::<&str>().map(|&words| words.to_owned())).unwrap_or_default())
}

#[tokio::test]
async fn every_fault_is_noticed_by_the_cases_that_check_it() {
    let mut unnoticed = Vec::new();
    for (fault, cases) in FAULTS {
        for case in *cases {
            match complaint(*case, &Twin::with(*fault)).await {
                None => unnoticed.push(format!("{case} does not notice {fault:?}")),
                Some(words) if words.contains(" of Store is broken [") => {}
                Some(words) => unnoticed.push(format!("{case} stumbles over {fault:?}: {words}")),
            }
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[tokio::test]
async fn the_wrapper_without_a_fault_breaks_nothing() {
    let mut complaints = Vec::new();
    for case in Case::ALL {
        complaints.extend(complaint(*case, &Twin::default()).await);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_case_has_a_fault_it_notices() {
    let checked: BTreeSet<Case> = FAULTS.iter().flat_map(|(_, cases)| cases.iter().copied()).collect();
    let idle: Vec<_> = Case::ALL.iter().filter(|case| !checked.contains(case)).collect();
    assert!(idle.is_empty(), "no broken store shows that these cases can fail: {idle:?}");
}

#[tokio::test]
async fn a_declared_exception_is_not_run() {
    let twin = Twin::with(Fault::NeverResumes);
    Case::Resume.run_unless(&[(Case::Resume, "runs are never resumed by design")], &twin).await;
}

#[tokio::test]
#[should_panic(expected = "gives no reason")]
async fn an_exception_without_a_reason_is_refused() {
    Case::Resume.run_unless(&[(Case::Resume, " ")], &Twin::default()).await;
}
