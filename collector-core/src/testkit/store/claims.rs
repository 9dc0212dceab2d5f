//! Claiming, heartbeats and giving back: contract 4 to 6.

use std::collections::BTreeSet;

use super::clause::Clause;
use super::domain::Seen;
use super::stage::{
    Call, KIND, SOURCE, Stage, TTL, W1, W2, answered, at, back, claim_numbers, in_state, lane, open_tasks,
    profile, profiles, subjects,
};
use super::{Case, StoreHarness};
use crate::store::{Claimed, GiveBack, LanePermit, NoLookup, WorkerInfo};
use crate::task::Task;

/// A claimed task is the one that was added, with nothing tried yet.
pub(super) async fn claim(harness: &dyn StoreHarness) {
    let clause = Case::Claim.clause();
    let stage = Stage::new(harness, &[]).await;
    let page = profile("söme/\u{1f600}").param("cursor", "a&b=%20").priority(-3).per_run();
    let task = page.about(super::uid("1"), "profile").not_before(at(0));
    stage.add(vec![task.clone()]).await;
    let claims = stage.claims(W1, &[lane(KIND, 5)], at(1)).await;
    let expected = Claimed {
        id: task.id(stage.run),
        task,
        run: stage.run,
        claim: clause.some("the task is claimed", claims.tasks.first()).claim,
        attempts: 0,
        first_attempt: None,
        depth: 0,
    };
    clause.same("a claimed task is what was added", claims.tasks, vec![expected]);
    clause.same("a claimed task is still open", claims.open, vec![1]);
    clause.same("nobody waits for a time", claims.next_at, None);
    let counts = stage.counts().await;
    clause.same("it is counted as claimed", (in_state(&counts, "claimed"), open_tasks(&counts)), (1, 1));
    clause.same("a claimed task is open for its run", stage.run_state(stage.run, clause).await.open, 1);
}

/// Lanes are served in the order asked, none beyond its permits, and only those asked for.
pub(super) async fn permits(harness: &dyn StoreHarness) {
    let clause = Case::Permits.clause();
    let stage = Stage::new(harness, &[]).await;
    let other = |i: usize| Task::new("other", KIND, format!("o{i}")).priority(9);
    let mut tasks: Vec<_> = (0..4).map(|i| Task::new(SOURCE, "page", format!("s{i}")).priority(5)).collect();
    tasks.extend(profiles(4));
    tasks.extend((0..3).map(other));
    stage.add(tasks).await;
    let claims = stage.claims(W1, &[lane(KIND, 3), lane("page", 2)], at(1)).await;
    let kinds: Vec<_> = claims.tasks.iter().map(|claimed| claimed.task.kind().to_string()).collect();
    let expected = [KIND, KIND, KIND, "page", "page"].map(String::from).to_vec();
    clause.same("lanes in the order asked, each up to its permits", kinds, expected);
    clause.same("open tasks per lane asked for, claimed ones included", claims.open, vec![4, 4]);
    let claims = stage.claims(W1, &[lane("page", 0), lane(KIND, 5), lane("nothing", 5)], at(1)).await;
    clause.same("a lane without permits gives nothing", subjects(&claims.tasks).len(), 1);
    clause.same("and still tells what is open", claims.open, vec![4, 4, 0]);
    let permit = LanePermit { source: "other".into(), kind: KIND.into(), max: 2 };
    let claims = stage.claims(W1, &[permit], at(1)).await;
    clause.same("a source's lane is its own", (claims.tasks.len(), claims.open), (2, vec![3]));
    clause.same("no lane, no task", stage.claims(W1, &[], at(1)).await.tasks, vec![]);
}

/// Higher priority first, whatever the order they were added in.
pub(super) async fn priority(harness: &dyn StoreHarness) {
    let clause = Case::Priority.clause();
    let stage = Stage::new(harness, &[]).await;
    let ranks = [0, 7, -2, 3, i16::MAX, -2, i16::MIN, 5];
    stage
        .add(ranks.iter().enumerate().map(|(i, rank)| profile(&format!("p{i}")).priority(*rank)).collect())
        .await;
    let first = stage.claim(W1, 3, at(1)).await;
    let rest = stage.claim(W1, 10, at(1)).await;
    let claimed: Vec<_> = first.iter().chain(&rest).map(|claimed| claimed.task.rank()).collect();
    clause.same("higher priority is claimed first", claimed, vec![i16::MAX, 7, 5, 3, 0, -2, -2, i16::MIN]);
}

/// Nothing is claimed before its time, and the next time is told.
pub(super) async fn not_before(harness: &dyn StoreHarness) {
    let clause = Case::NotBefore.clause();
    let stage = Stage::new(harness, &[]).await;
    let waiting = |subject: &str, secs| profile(subject).not_before(at(secs)).priority(9);
    let elsewhere = Task::new("other", KIND, "e").not_before(at(50));
    stage.add(vec![waiting("late", 200), waiting("soon", 100), profile("now"), elsewhere]).await;
    let claims = stage.claims(W1, &[lane(KIND, 10)], at(99)).await;
    clause.same("only what is due is claimed", subjects(&claims.tasks), vec!["now".to_owned()]);
    clause.same("the next time, of the lanes asked for", claims.next_at, Some(at(100)));
    clause.same("waiting tasks are open", claims.open, vec![3]);
    let claims = stage.claims(W1, &[lane(KIND, 10)], at(100)).await;
    clause.same("at its time it is claimed", subjects(&claims.tasks), vec!["soon".to_owned()]);
    clause.same("then the next one's time is told", claims.next_at, Some(at(200)));
    let claims = stage.claims(W1, &[lane(KIND, 10)], at(201)).await;
    clause.same("after its time too", subjects(&claims.tasks), vec!["late".to_owned()]);
    clause.same("nobody waits any more", claims.next_at, None);
}

/// Workers that claim at once never get the same task, and together get them all.
pub(super) async fn claim_once(harness: &dyn StoreHarness) {
    let clause = Case::ClaimOnce.clause();
    let stage = Stage::new(harness, &[]).await;
    let names = ["w-a", "w-b", "w-c", "w-d"];
    for name in names {
        stage.open(name, &[], at(0)).await;
    }
    stage.add(profiles(120)).await;
    let mut all = Vec::new();
    for round in 0..12 {
        let now = at(1 + round);
        let [a, b, c, d] = names;
        let (a, b, c, d) = tokio::join!(
            stage.claim(a, 7, now),
            stage.claim(b, 7, now),
            stage.claim(c, 7, now),
            stage.claim(d, 7, now)
        );
        all.extend([a, b, c, d].into_iter().flatten());
    }
    let distinct: BTreeSet<_> = all.iter().map(|claimed| claimed.id).collect();
    clause.same("no task is given to two workers", all.len(), distinct.len());
    clause.same("and none is forgotten", distinct.len(), 120);
    clause.same("a claimed task is not given again", stage.claim(W1, 10, at(20)).await, vec![]);
}

/// Every claim of a task has a greater number than the one before.
pub(super) async fn claim_numbers_grow(harness: &dyn StoreHarness) {
    let clause = Case::ClaimNumbers.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.open(W2, &[], at(0)).await;
    let mut last = stage.claimed("x", clause).await;
    for round in 0_i64..5 {
        let (from, to) = if round % 2 == 0 { (W1, W2) } else { (W2, W1) };
        stage.give_back(from, back(&last, None, false), at(2 + round)).await;
        let claims = stage.claim(to, 1, at(2 + round)).await;
        let next = clause.some("a task given back is claimed again", claims.first()).clone();
        clause.holds(
            "a later claim of a task has a greater number",
            next.claim > last.claim,
            (last.claim, next.claim),
        );
        last = next;
    }
}

/// A worker that beats keeps what it holds; one that is silent loses it to whoever beats.
pub(super) async fn heartbeat(harness: &dyn StoreHarness) {
    let clause = Case::Heartbeat.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.open(W2, &[], at(0)).await;
    stage.add(profiles(2)).await;
    clause.same("both tasks are claimed", stage.claim(W1, 10, at(1)).await.len(), 2);
    for secs in [20, 40, 60] {
        let (one, two) = (stage.heartbeat(W1, at(secs)).await, stage.heartbeat(W2, at(secs + 15)).await);
        clause.same("a worker that beats is alive", (one.was_dead, two.was_dead), (false, false));
        clause.same("nothing is taken over from it", (one.taken_over, two.taken_over), (0, 0));
    }
    clause.same("its tasks stay its own", stage.claim(W2, 10, at(75)).await, vec![]);
    clause.same("just within its ttl", stage.heartbeat(W2, at(89)).await.taken_over, 0);
    clause.same("beyond its ttl both claims are taken over", stage.heartbeat(W2, at(92)).await.taken_over, 2);
    clause.same("once", stage.heartbeat(W2, at(93)).await.taken_over, 0);
    clause.same("and free for others", stage.claim(W2, 10, at(94)).await.len(), 2);
}

/// A worker that was too long silent is told so, once, and works on.
pub(super) async fn lost_claims(harness: &dyn StoreHarness) {
    let clause = Case::LostClaims.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.open(W2, &[], at(0)).await;
    stage.claimed("x", clause).await;
    stage.heartbeat(W2, at(20)).await;
    stage.heartbeat(W2, at(45)).await;
    let taken = stage.claim(W2, 10, at(46)).await;
    clause.same("the silent worker's task is somebody else's", subjects(&taken), vec!["x".to_owned()]);
    clause.same(
        "the silent worker is told that it was dead",
        stage.heartbeat(W1, at(50)).await.was_dead,
        true,
    );
    clause.same("and is alive again", stage.heartbeat(W1, at(51)).await.was_dead, false);
    clause.same("both workers are registered", stage.counts().await.workers, 2);
    clause.same("its old claim stays lost", stage.claim(W1, 10, at(51)).await, vec![]);
    stage.add(vec![profile("y")]).await;
    let claims = stage.claim(W1, 10, at(52)).await;
    clause.same("it claims anew", subjects(&claims), vec!["y".to_owned()]);
    clause.same("and keeps that while it beats", stage.heartbeat(W2, at(60)).await.taken_over, 0);
    clause.same("for its full ttl", stage.claim(W2, 10, at(60)).await, vec![]);
}

/// A worker that came back is given the time it asked for when it opened the store, no more and no less.
pub(super) async fn alive_again(harness: &dyn StoreHarness) {
    let clause = Case::AliveAgain.clause();
    let stage = Stage::new(harness, &[]).await;
    let patient = WorkerInfo { id: "patient".into(), ttl: TTL * 10 };
    answered("open", stage.store.open(&patient, &[], at(0)).await);
    stage.open(W2, &[], at(400)).await;
    for name in [W1, "patient"] {
        clause.same(format_args!("`{name}` was dead"), stage.heartbeat(name, at(401)).await.was_dead, true);
        stage.add(vec![profile(name)]).await;
        clause.same("it claims anew", stage.claim(name, 10, at(402)).await.len(), 1);
    }
    clause.same("both are alive within their ttl", stage.heartbeat(W2, at(425)).await.taken_over, 0);
    clause.same("the one beyond its ttl is not", stage.heartbeat(W2, at(440)).await.taken_over, 1);
    let claims = stage.claim(W2, 10, at(440)).await;
    clause.same("its task is free", subjects(&claims), vec![W1.to_owned()]);
    stage.heartbeat(W2, at(465)).await;
    let late = stage.heartbeat(W2, at(490)).await;
    clause.same("who asked for more time still has it", (late.taken_over, late.was_dead), (0, false));
    clause.same("and keeps its task", stage.claim(W2, 10, at(490)).await, vec![]);
}

/// What a worker claims, takes and commits after it was declared dead comes free when it dies for good.
pub(super) async fn late_work(harness: &dyn StoreHarness) {
    let clause = Case::LateWork.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("before").uid("1"), 1).await;
    let held = stage.claimed("held", clause).await;
    stage.open(W2, &["a"], at(100)).await;
    clause.same("the task is somebody else's", stage.claim(W2, 10, at(100)).await.len(), 1);
    clause.same("so is the change", stage.drain_as(W2, "a", at(100)).await, 1);

    // W1 has not noticed yet, goes on, and is killed before its next beat.
    let seen = [Seen::saying("late").uid("2")];
    let call = Call::answering(&[held], at(101)).items(seen);
    stage.commit_as(W1, &call, &NoLookup, at(101)).await;
    stage.add(vec![profile("claimed late")]).await;
    stage.claim(W1, 10, at(102)).await;
    stage.take("a", W1, 10, at(102)).await;

    for secs in [120, 140, 160, 180] {
        stage.heartbeat(W2, at(secs)).await;
    }
    let claims = stage.claim(W2, 10, at(181)).await;
    clause.same(
        "what it claimed late is free in the end",
        subjects(&claims),
        vec!["claimed late".to_owned()],
    );
    clause.same("what it committed late is delivered in the end", stage.drain_as(W2, "a", at(181)).await, 1);
    stage.balanced(clause).await;
}

/// What is given back is free at its time; an attempt counts only when it was made.
pub(super) async fn give_back(harness: &dyn StoreHarness) {
    let clause = Case::GiveBack.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.open(W2, &[], at(0)).await;
    let held = stage.claimed("x", clause).await;
    stage.give_back(W1, back(&held, None, false), at(2)).await;
    let held = expect_one(clause, "a task given back is free at once", stage.claim(W2, 5, at(2)).await);
    clause.same("what was not tried does not count", (held.attempts, held.first_attempt), (0, None));
    stage.give_back(W2, back(&held, Some(at(100)), false), at(3)).await;
    let claims = stage.claims(W2, &[lane(KIND, 5)], at(99)).await;
    clause.same(
        "not before the time it was given back for",
        (claims.tasks, claims.next_at),
        (vec![], Some(at(100))),
    );

    let held = expect_one(clause, "at that time it is free", stage.claim(W1, 5, at(100)).await);
    clause.same("still nothing was tried", held.attempts, 0);
    stage.give_back(W1, back(&held, None, true), at(101)).await;
    stage.give_back(W1, back(&held, Some(at(900)), true), at(102)).await;
    let held = expect_one(clause, "giving back twice is giving back once", stage.claim(W1, 5, at(103)).await);
    clause.same("an attempt that was made counts, once", held.attempts, 1);
    clause.holds(
        "and has a time",
        held.first_attempt.is_some_and(|first| first >= at(100) && first <= at(101)),
        held.first_attempt,
    );
    clause.same("a task given back stays open", stage.run_state(stage.run, clause).await.open, 1);
}

/// Under an old claim nothing can be given back.
pub(super) async fn stale_give_back(harness: &dyn StoreHarness) {
    let clause = Case::StaleGiveBack.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.open(W2, &[], at(0)).await;
    let old = stage.claimed("x", clause).await;
    stage.heartbeat(W2, at(20)).await;
    stage.heartbeat(W2, at(45)).await;
    let new = expect_one(clause, "the task is taken over", stage.claim(W2, 5, at(46)).await);
    stage.give_back(W1, back(&old, None, true), at(47)).await;
    clause.same("a stale claim frees nothing", claim_numbers(&stage.claim(W1, 5, at(48)).await), vec![]);
    clause.same("the task stays claimed", in_state(&stage.counts().await, "claimed"), 1);
    stage.give_back(W2, back(&new, None, false), at(49)).await;
    let held = expect_one(clause, "the present claim frees it", stage.claim(W1, 5, at(50)).await);
    clause.same("the stale attempt was not counted", held.attempts, 0);
    stage.commit(&Call::answering(std::slice::from_ref(&held), at(51)), at(51)).await;
    stage.give_back(W1, back(&held, None, false), at(52)).await;
    clause.same("what is answered cannot be given back", stage.claim(W1, 5, at(53)).await, vec![]);
    let unknown =
        GiveBack { id: profile("never").id(stage.run), claim: held.claim, not_before: None, attempted: true };
    stage.give_back(W1, unknown, at(54)).await;
    clause.same("nor what never was", open_tasks(&stage.counts().await), 0);
}

/// The one task, or a failure.
#[track_caller]
fn expect_one(clause: Clause, what: &str, mut claimed: Vec<Claimed>) -> Claimed {
    clause.same(format_args!("{what}: tasks"), claimed.len(), 1);
    clause.some(what, claimed.pop())
}
