//! Schedules and their slots: contracts 20 and 21.

use std::time::Duration;

use futures_util::future::join_all;

use super::clause::Clause;
use super::domain::TestDomain;
use super::stage::{HOUR, Stage, TTL, W1, answered, at, profile, subjects};
use super::{Case, StoreHarness};
use crate::id::{Digest, Name};
use crate::schedule::{Pause, SkipReason, Skipped};
use crate::store::{
    Fired, Firing, RunEnd, RunSpec, ScheduleState, Served, Server, Slot, SlotFate, SlotRow, Store,
};

const JOB: &str = "nightly";
const S1: &str = "server-1";
const S2: &str = "server-2";

fn server(name: &str, config: &str, ttl: Duration) -> Server {
    Server { id: name.into(), version: "1.0.0".into(), config: Digest::of(config.as_bytes()), ttl }
}

fn skip(first: i64, last: i64, reason: SkipReason) -> Skipped {
    Skipped { first: at(first), last: at(last), reason }
}

fn row(first: i64, last: i64, fate: SlotFate, when: i64) -> SlotRow {
    SlotRow { first: at(first), last: at(last), fate, at: at(when) }
}

/// A decision that fires nothing.
fn skipping(turn: u64, skipped: Vec<Skipped>) -> Firing {
    Firing { schedule: JOB.into(), turn, skipped, slot: None }
}

/// A decision that fires one slot, whose run asks for `subject`.
fn firing(turn: u64, planned: i64, subject: &str) -> Firing {
    let run = RunSpec { job: JOB.into(), key: Digest::of(JOB.as_bytes()), fresh_for: HOUR };
    let slot = Slot { planned: at(planned), run, roots: vec![profile(subject)] };
    Firing { slot: Some(slot), ..skipping(turn, Vec::new()) }
}

impl Stage {
    async fn enlist(&self, server: &Server, secs: i64) -> bool {
        self.enlist_at(server, "at night", secs).await
    }

    async fn enlist_at(&self, server: &Server, when: &str, secs: i64) -> bool {
        let served = Served { name: JOB.into(), when: when.to_owned() };
        answered("enlist", self.store.enlist(server, &[served], at(secs)).await)
    }

    async fn fire(&self, server: &str, firing: &Firing, secs: i64) -> Fired {
        answered("fire", self.store.fire(&server.into(), firing, at(secs)).await)
    }

    async fn schedule(&self, clause: Clause) -> ScheduleState {
        state(&*self.store, clause).await
    }

    async fn pause(&self, paused: bool, secs: i64) -> bool {
        answered("pause_schedule", self.store.pause_schedule(JOB, paused, at(secs)).await)
    }

    async fn slots(&self, max: usize) -> Vec<SlotRow> {
        answered("slots", self.store.slots(JOB, max).await)
    }
}

async fn state(store: &dyn Store<TestDomain>, clause: Clause) -> ScheduleState {
    let mut states = answered("schedules", store.schedules().await);
    let state = states.pop().filter(|_| states.is_empty());
    clause.some("the one schedule that was enlisted is known", state)
}

/// A slot, its run and what that begins with are there together; also after a kill.
pub(super) async fn slots(harness: &dyn StoreHarness) {
    let clause = Case::Slots.clause();
    let stage = Stage::new(harness, &[]).await;
    clause.same("nothing is scheduled", answered("schedules", stage.store.schedules().await), vec![]);
    let unknown = firing(0, 60, "early");
    clause.same("who is not on the list fires nothing", stage.fire(S1, &unknown, 60).await, Fired::Outdated);
    clause.holds("the first configuration is the newest", stage.enlist(&server(S1, "a", TTL), 10).await, ());
    clause.holds("and stays it", stage.enlist(&server(S1, "a", TTL), 20).await, ());
    let state_now = stage.schedule(clause).await;
    clause.same("a schedule is there from when it was first enlisted", state_now.since, at(10));
    clause.same("nothing of it was decided", (state_now.last, state_now.run), (None, None));
    clause.same("nor is a slot there", stage.slots(10).await, vec![]);

    let fired = stage.fire(S1, &firing(state_now.turn, 60, "root"), 61).await;
    let Fired::Done(Some(begun)) = fired else {
        return clause.holds("a run begins with the slot", false, fired);
    };
    clause.same("it is a new one", begun.resumed, false);
    let run = stage.run_state(begun.run, clause).await;
    clause.same("of that job, with its task", (run.job.as_str(), run.open), (JOB, 1));
    let claims = stage.claim(W1, 10, at(62)).await;
    clause.same("which can be claimed", subjects(&claims), vec!["root".to_owned()]);
    clause.same("for that run", claims.first().map(|claimed| claimed.run), Some(begun.run));
    let state_now = stage.schedule(clause).await;
    let known = (state_now.last, state_now.run);
    clause.same("the schedule knows slot and run", known, (Some(at(60)), Some((begun.run, None))));
    let rows = vec![row(60, 60, SlotFate::Fired(begun.run), 61)];
    clause.same("the slot names its run", stage.slots(10).await, rows.clone());

    answered("end_run", stage.store.end_run(begun.run, RunEnd::Partial, at(63)).await);
    let state_now = stage.schedule(clause).await;
    clause.same("and is told when it ended", state_now.run, Some((begun.run, Some(at(63)))));
    let next = stage.fire(S1, &firing(state_now.turn, 120, "root"), 121).await;
    let Fired::Done(Some(next)) = next else { return clause.holds("the next slot fires", false, next) };
    clause.holds("with a run of its own", !next.resumed && next.run != begun.run, next);
    clause.same(
        "the newest slot comes first",
        stage.slots(1).await,
        vec![row(120, 120, SlotFate::Fired(next.run), 121)],
    );
    let before = stage.schedule(clause).await;
    drop(stage);
    if let Some(store) = harness.reopen().await {
        clause.same("all of it is there after a kill", state(&*store, clause).await, before);
        let found = answered("slots", store.slots(JOB, 10).await);
        clause.same("with the slots", found.get(1..).map(<[_]>::to_vec), Some(rows));
    }
}

/// A slot that somebody has fired is fired by nobody else.
pub(super) async fn slot_once(harness: &dyn StoreHarness) {
    let clause = Case::SlotOnce.clause();
    let stage = Stage::new(harness, &[]).await;
    for name in [S1, S2] {
        stage.enlist(&server(name, "a", TTL), 0).await;
    }
    let turn = stage.schedule(clause).await.turn;
    let decided = firing(turn, 60, "root");
    let first = stage.fire(S1, &decided, 61).await;
    clause.holds("the first one fires it", matches!(first, Fired::Done(Some(_))), first);
    clause.same("the second one is late", stage.fire(S2, &decided, 61).await, Fired::Stale);
    clause.same("and so is the first one", stage.fire(S1, &decided, 62).await, Fired::Stale);
    let other = skipping(turn, vec![skip(120, 180, SkipReason::Missed)]);
    clause.same("what was decided before tells nothing", stage.fire(S2, &other, 200).await, Fired::Stale);
    let runs = stage.counts().await.runs;
    clause.same("one run began", runs.iter().filter(|run| run.job == JOB).count(), 1);
    clause.same("one slot is there", stage.slots(10).await.len(), 1);
    let nobody = Firing { schedule: "other".into(), ..decided };
    clause.same("nor is there a slot of no schedule", stage.fire(S1, &nobody, 61).await, Fired::Stale);
}

/// Many that decide the same at the same moment fire it once.
pub(super) async fn slots_at_once(harness: &dyn StoreHarness) {
    let clause = Case::SlotsAtOnce.clause();
    let stage = Stage::new(harness, &[]).await;
    let names: Vec<Name> = (0..6).map(|i| format!("server-{i}").into()).collect();
    for name in &names {
        stage.enlist(&server(name, "a", TTL), 0).await;
    }
    for minute in 1..=5_i64 {
        let state = stage.schedule(clause).await;
        let subject = format!("m{minute}");
        let decided = firing(state.turn, 60 * minute, &subject);
        let tries = names.iter().map(|name| stage.store.fire(name, &decided, at(60 * minute)));
        let done = join_all(tries).await.into_iter().map(|tried| answered("fire", tried));
        let done: Vec<Fired> = done.filter(|fired| *fired != Fired::Stale).collect();
        clause.same(format_args!("one of six fires minute {minute}"), done.len(), 1);
        if let Some(Fired::Done(Some(begun))) = done.first() {
            answered("end_run", stage.store.end_run(begun.run, RunEnd::Partial, at(60 * minute + 1)).await);
        }
    }
    let runs = stage.counts().await.runs;
    clause.same("five runs began", runs.iter().filter(|run| run.job == JOB).count(), 5);
    clause.same("with a slot each", stage.slots(100).await.len(), 5);
}

/// What was decided once is not decided again, whatever somebody's clock says.
pub(super) async fn slots_forward(harness: &dyn StoreHarness) {
    let clause = Case::SlotsForward.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.enlist(&server(S1, "a", TTL), 100).await;
    let turn = stage.schedule(clause).await.turn;
    let before = stage.fire(S1, &firing(turn, 60, "before it was there"), 110).await;
    clause.same("nothing comes before a schedule was there", before, Fired::Stale);
    stage.fire(S1, &firing(turn, 600, "root"), 600).await;
    let turn = stage.schedule(clause).await.turn;
    for (what, decided) in [
        ("an older slot", firing(turn, 540, "root")),
        ("the same slot", firing(turn, 600, "root")),
        ("an older range", skipping(turn, vec![skip(540, 660, SkipReason::Missed)])),
        ("nothing at all", skipping(turn, Vec::new())),
    ] {
        clause.same(format_args!("{what} is refused"), stage.fire(S1, &decided, 610).await, Fired::Stale);
    }
    clause.same("and the newest stays", stage.schedule(clause).await.last, Some(at(600)));
}

/// Skipped slots keep their reason, in as few rows as tell it.
pub(super) async fn skipped_slots(harness: &dyn StoreHarness) {
    let clause = Case::SkippedSlots.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.enlist(&server(S1, "a", TTL), 0).await;
    let turn = async || stage.schedule(clause).await.turn;
    let all = vec![
        skip(60, 120, SkipReason::Missed),
        skip(180, 180, SkipReason::Paused),
        skip(240, 300, SkipReason::Superseded),
    ];
    let mut decided = firing(turn().await, 360, "root");
    decided.skipped = all;
    let fired = stage.fire(S1, &decided, 361).await;
    let Fired::Done(Some(begun)) = fired else { return clause.holds("the newest fires", false, fired) };
    let overlap = |first, last| vec![skip(first, last, SkipReason::Overlap)];
    for (first, last, secs) in [(420, 420, 421), (480, 540, 541)] {
        let decided = skipping(turn().await, overlap(first, last));
        clause.same("slots are skipped", stage.fire(S1, &decided, secs).await, Fired::Done(None));
    }
    let skipped = |reason| SlotFate::Skipped(reason);
    let expected = vec![
        row(420, 540, skipped(SkipReason::Overlap), 541),
        row(360, 360, SlotFate::Fired(begun.run), 361),
        row(240, 300, skipped(SkipReason::Superseded), 361),
        row(180, 180, skipped(SkipReason::Paused), 361),
        row(60, 120, skipped(SkipReason::Missed), 361),
    ];
    clause.same("each with its reason, newest first", stage.slots(10).await, expected);
    let state = stage.schedule(clause).await;
    let known = (state.last, state.run);
    clause.same("the run of the newest that fired is kept", known, (Some(at(540)), Some((begun.run, None))));
}

/// Only the newest configuration fires, as long as somebody who has it is alive.
pub(super) async fn newest_config(harness: &dyn StoreHarness) {
    let clause = Case::NewestConfig.clause();
    let stage = Stage::new(harness, &[]).await;
    let (old, new) = (server(S1, "old", TTL), server(S2, "new", TTL));
    clause.holds("the only configuration is the newest", stage.enlist(&old, 0).await, ());
    clause.holds("until there is another", stage.enlist(&new, 1).await, ());
    clause.holds("which it hears", !stage.enlist(&old, 2).await, ());
    let turn = stage.schedule(clause).await.turn;
    let refused = stage.fire(S1, &firing(turn, 10, "root"), 11).await;
    clause.same("the old one fires no more", refused, Fired::Outdated);
    clause.holds(
        "nor after it was started again",
        !stage.enlist(&server("server-3", "old", TTL), 12).await,
        (),
    );
    let fired = stage.fire(S2, &firing(turn, 10, "root"), 13).await;
    clause.holds("the new one does", matches!(fired, Fired::Done(Some(_))), fired);
    // The new one was silent for its ttl.
    let later = 1 + i64::try_from(TTL.as_secs()).unwrap_or(0);
    clause.holds(
        "when nobody has the new one, the old one is the newest",
        stage.enlist(&old, later).await,
        (),
    );
    let turn = stage.schedule(clause).await.turn;
    let skipped = skipping(turn, vec![skip(20, 20, SkipReason::Missed)]);
    clause.same("and fires again", stage.fire(S1, &skipped, later).await, Fired::Done(None));
    clause.holds("a beat brings the new one back", stage.enlist(&new, later + 1).await, ());
    clause.holds("and the old one waits", !stage.enlist(&old, later + 2).await, ());
    stage.enlist(&server(S2, "new", Duration::ZERO), later + 3).await;
    clause.holds("who leaves is gone at once", stage.enlist(&old, later + 3).await, ());
}

/// A pause is kept with its times until no slot of it can come.
pub(super) async fn pause_schedule(harness: &dyn StoreHarness) {
    let clause = Case::PauseSchedule.clause();
    let stage = Stage::new(harness, &[]).await;
    clause.same("there is nothing to pause", stage.pause(true, 0).await, false);
    stage.enlist(&server(S1, "a", TTL), 0).await;
    let turn = stage.schedule(clause).await.turn;
    clause.same("a schedule can be paused", stage.pause(true, 100).await, true);
    clause.same("once", stage.pause(true, 110).await, false);
    let state = stage.schedule(clause).await;
    clause.same("since then", state.paused.clone(), vec![Pause { from: at(100), to: None }]);
    let stale = stage.fire(S1, &firing(turn, 60, "root"), 111).await;
    clause.same("what was decided before is not fired", stale, Fired::Stale);
    clause.same("it can go on", stage.pause(false, 200).await, true);
    clause.same("once, too", stage.pause(false, 210).await, false);
    let ended = Pause { from: at(100), to: Some(at(200)) };
    let state = stage.schedule(clause).await;
    clause.same("the times are kept", state.paused, vec![ended]);
    stage.pause(true, 300).await;
    let turn = stage.schedule(clause).await.turn;
    stage.fire(S1, &skipping(turn, vec![skip(60, 199, SkipReason::Paused)]), 310).await;
    let state = stage.schedule(clause).await;
    let both = vec![ended, Pause { from: at(300), to: None }];
    clause.same("while a slot of them may come", state.paused, both.clone());
    let skipped = skipping(state.turn, vec![skip(200, 200, SkipReason::Superseded)]);
    stage.fire(S1, &skipped, 320).await;
    clause.same(
        "and not longer",
        stage.schedule(clause).await.paused,
        both.get(1..).unwrap_or_default().to_vec(),
    );
}

/// With other moments a schedule begins anew; only the newest configuration tells them.
pub(super) async fn moments(harness: &dyn StoreHarness) {
    let clause = Case::Moments.clause();
    let stage = Stage::new(harness, &[]).await;
    let old = server(S1, "old", TTL);
    stage.enlist_at(&old, "at three", 0).await;
    let turn = stage.schedule(clause).await.turn;
    stage.fire(S1, &firing(turn, 10, "root"), 10).await;
    stage.enlist_at(&old, "at three", 20).await;
    let state = stage.schedule(clause).await;
    let known = (state.when.as_str(), state.since, state.last);
    clause.same("with the same moments it goes on", known, ("at three", at(0), Some(at(10))));

    stage.enlist_at(&server(S2, "new", TTL), "at nine", 100).await;
    let changed = stage.schedule(clause).await;
    let known = (changed.when.as_str(), changed.since, changed.last);
    clause.same("with others it begins anew", known, ("at nine", at(100), Some(at(10))));
    let before = stage.fire(S2, &firing(changed.turn, 60, "root"), 101).await;
    clause.same("what they would have been before was never planned", before, Fired::Stale);
    let stale = stage.fire(S2, &firing(state.turn, 110, "root"), 111).await;
    clause.same("what was decided for the old ones is not fired", stale, Fired::Stale);
    stage.enlist_at(&old, "at three", 112).await;
    let kept = stage.schedule(clause).await;
    clause.same("an old configuration changes nothing", kept, changed);
}
