//! Cancelled runs: contract 2.

use super::domain::{Seen, uid};
use super::stage::{
    Call, HOUR, KIND, Stage, W1, answered, at, back, in_state, lane, open_tasks, profile, subjects,
};
use super::{Case, StoreHarness};
use crate::id::RunId;
use crate::store::{Enqueued, RunEnd, Verdict};

impl Stage {
    async fn cancel(&self, run: RunId, secs: i64) {
        answered("end_run", self.store.end_run(run, RunEnd::Cancelled, at(secs)).await);
    }
}

/// Whatever state a task of the run is in, it is gone, and a late answer opens nothing.
pub(super) async fn cancel(harness: &dyn StoreHarness) {
    let clause = Case::Cancel.clause();
    let stage = Stage::new(harness, &["sink"]).await;
    let run = stage.begin("given up", HOUR, at(0)).await;
    let tasks = ["under way", "given back", "ready"].map(profile).into_iter();
    stage.enqueue(run, tasks.chain([profile("waiting").not_before(at(900))]).collect(), at(0)).await;
    stage.enqueue(stage.run, vec![profile("of another run")], at(0)).await;
    let claims = stage.claim(W1, 2, at(1)).await;
    clause.same("two are claimed", subjects(&claims), vec!["given back".to_owned(), "under way".to_owned()]);

    stage.cancel(run, 2).await;
    let state = stage.run_state(run, clause).await;
    clause.same("it has ended, cancelled", state.ended, Some((at(2), RunEnd::Cancelled)));
    clause.same(
        "nothing of it is open, what was added stays counted",
        (state.open, state.counts.tasks),
        (0, 4),
    );
    let counts = stage.counts().await;
    clause.same("its tasks are gone, in every state", open_tasks(&counts), 1);
    clause.same("and counted in no lane", counts.open.values().sum::<u64>(), 1);
    let (held, given) = (&claims[0], &claims[1]);
    stage.give_back(W1, back(given, None, false), at(3)).await;
    let call = Call::answering(std::slice::from_ref(held), at(3));
    let call = call.items([Seen::saying("bought").uid("1")]).follow_ups([profile("next")]);
    let done = stage.commit(&call, at(3)).await;
    clause.same("an answer that comes late opens nothing", (done.stale, done.enqueued), (vec![held.id], 0));
    let text = stage.known(&uid("1"), clause).await.record.entity.text.clone();
    clause.same("but it was paid for and is kept", text, "bought".to_owned());
    let left = stage.claims(W1, &[lane(KIND, 10)], at(1_000)).await;
    clause.same("nothing of it can be claimed", subjects(&left.tasks), vec!["of another run".to_owned()]);
    clause.same("and none of it is waited for", left.next_at, None);

    answered("end_run", stage.store.end_run(run, RunEnd::Complete, at(4)).await);
    let ended = stage.run_state(run, clause).await.ended;
    clause.same("a cancelled run stays cancelled", ended, Some((at(2), RunEnd::Cancelled)));
    let next = stage.begin("given up", HOUR, at(1_001)).await;
    clause.holds("it is not resumed", next != run, next);
    let answers = stage.enqueue(next, vec![profile("ready")], at(1_001)).await;
    clause.same("what was never asked can be asked by the next run", answers, vec![Enqueued::New]);
    stage.balanced(clause).await;
}

/// Tasks of two runs go on for the one that is left, whichever opened them.
pub(super) async fn cancel_shared(harness: &dyn StoreHarness) {
    let clause = Case::CancelShared.clause();
    let stage = Stage::new(harness, &[]).await;
    let other = stage.begin("other", HOUR, at(0)).await;
    stage.add(vec![profile("ours")]).await;
    stage.enqueue(other, ["held", "theirs", "ours", "alone"].map(profile).to_vec(), at(0)).await;
    stage.add(["held", "theirs"].map(profile).to_vec()).await;
    let mut claims = stage.claim(W1, 10, at(1)).await;
    claims.retain(|claimed| claimed.task.subject() != "alone");
    for given in claims.extract_if(.., |claimed| claimed.task.subject() != "held") {
        stage.give_back(W1, back(&given, None, false), at(1)).await;
    }

    stage.cancel(other, 2).await;
    let (mine, theirs) = (stage.run_state(stage.run, clause).await, stage.run_state(other, clause).await);
    clause.same("the run that is left still waits for all it asked", (mine.open, theirs.open), (3, 0));
    clause.same("what only the cancelled one asked is gone", open_tasks(&stage.counts().await), 3);
    let held = &claims[0];
    let done = stage.commit(&Call::answering(&claims, at(3)).follow_ups([profile("next")]), at(3)).await;
    clause.same("a claim of a shared task stays current", (done.stale.is_empty(), done.enqueued), (true, 1));
    clause.same("whoever opened it", held.run, other);
    let mine = stage.run_state(stage.run, clause).await;
    clause.same("what follows is for the run that is left", (mine.open, mine.counts.answers), (3, 1));
    let next = stage.claim(W1, 10, at(4)).await;
    clause.same("with its run", next.iter().map(|claimed| claimed.run).collect(), vec![stage.run; 3]);
    let dead = Verdict::Dead { kind: crate::error::ErrorKind::Malformed, message: "no sense".into() };
    stage.commit(&Call::answering(&next, at(5)).verdict(&dead), at(5)).await;
    let theirs = stage.run_state(other, clause).await;
    clause.same("the cancelled run is told nothing more", (theirs.open, theirs.counts.dead), (0, 0));

    stage.cancel(stage.run, 6).await;
    clause.same("nothing open is left", open_tasks(&stage.counts().await), 0);
    stage.cancel(RunId(u64::from(u32::MAX)), 7).await;
    let dead = in_state(&stage.counts().await, "dead");
    clause.same("what was answered or given up is not taken back", dead, 3);
}
