//! Opening, runs and enqueueing: contract 1 to 3.

use std::time::Duration;

use super::domain::{Seen, handle, uid};
use super::stage::{
    Call, HOUR, KIND, SOURCE, Stage, TTL, W1, W2, W3, answered, at, lane, open_tasks, profile, worker,
};
use super::stage::{back, in_state, settled, stored, subjects};
use super::{Case, StoreHarness};
use crate::id::{Digest, RunId};
use crate::sink::{Change, Position};
use crate::store::{Enqueued, RunEnd, RunSpec, SinkCounts, Verdict, Waiting};
use crate::task::{Absence, Task};

/// A worker and two sinks are registered once, however often the store is opened.
pub(super) async fn open(harness: &dyn StoreHarness) {
    let clause = Case::Open.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    let again = stage.open(W1, &["a", "b"], at(1)).await;
    clause.same("a new sink has no position yet", again.positions, vec![None, None]);
    clause.same("nothing is taken over from the living", again.taken_over, 0);
    let counts = stage.counts().await;
    clause.same("a worker that opens twice is one worker", counts.workers, 1);
    let sinks: Vec<_> = counts.sinks.into_iter().collect();
    let nothing = SinkCounts::default();
    clause.same(
        "each sink is registered once, owed nothing",
        sinks,
        vec![("a".into(), nothing), ("b".into(), nothing)],
    );
    stage.open(W2, &["a", "b"], at(2)).await;
    clause.same("a second worker is registered too", stage.counts().await.workers, 2);
}

/// The last position comes back in the order asked for.
pub(super) async fn position(harness: &dyn StoreHarness) {
    let clause = Case::Position.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    let taken = stage.take("a", W1, 10, at(2)).await;
    let outcome = taken.iter().map(|change| settled(change, stored())).collect();
    let place = Some(Position("offset 42".into()));
    stage.settle_at("a", outcome, place.clone(), at(2)).await;
    let opened = stage.open(W2, &["a", "b"], at(3)).await;
    clause.same("open gives the position that was settled", opened.positions, vec![place.clone(), None]);

    stage.see(Seen::saying("y").uid("1"), 4).await;
    stage.drain("a", at(5)).await;
    let opened = stage.open(W2, &["b", "a"], at(6)).await;
    clause.same(
        "a settle without position keeps the last one; order as asked",
        opened.positions,
        vec![None, place],
    );
    let later = Some(Position("offset 99".into()));
    stage.see(Seen::saying("z").uid("1"), 7).await;
    let taken = stage.take("a", W1, 10, at(8)).await;
    stage.settle_at("a", vec![settled(&taken[0], stored())], later.clone(), at(8)).await;
    let opened = stage.open(W2, &["a"], at(9)).await;
    clause.same("the last position wins", opened.positions, vec![later]);
}

/// What a silent worker held is free for the one that opens the store after its time to live.
pub(super) async fn take_over(harness: &dyn StoreHarness) {
    let clause = Case::TakeOver.clause();
    let stage = Stage::new(harness, &[]).await;
    let held = stage.claimed("x", clause).await;
    let alive = stage.open(W2, &[], at(TTL.as_secs() as i64 - 1)).await;
    clause.same("a worker within its ttl keeps its claim", alive.taken_over, 0);
    clause.same("its task is not given away", stage.claim(W2, 10, at(29)).await, vec![]);
    let opened = stage.open(W3, &[], at(100)).await;
    clause.same("the claim of a worker silent for longer than its ttl is taken over", opened.taken_over, 1);
    let claims = stage.claim(W3, 10, at(100)).await;
    clause.same("the task taken over can be claimed", subjects(&claims), vec!["x".to_owned()]);
    clause.holds(
        "the new claim number is greater than the old one",
        claims[0].claim > held.claim,
        claims[0].claim,
    );
    clause.same(
        "a crash is no failed attempt by itself",
        stage.run_state(stage.run, clause).await.counts.dead,
        0,
    );
}

/// Changes that a silent worker had taken are owed again.
pub(super) async fn take_over_changes(harness: &dyn StoreHarness) {
    let clause = Case::TakeOverChanges.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    clause.same("the change is taken", stage.take("a", W1, 10, at(2)).await.len(), 1);
    stage.open(W2, &["a"], at(20)).await;
    clause.same("a living worker keeps what it took", stage.take("a", W2, 10, at(20)).await.len(), 0);
    stage.open(W3, &["a"], at(200)).await;
    clause.same("what a dead worker took is offered again", stage.take("a", W3, 10, at(200)).await.len(), 1);
    stage.balanced(clause).await;
}

/// What a worker holds is free as soon as it closes.
pub(super) async fn close(harness: &dyn StoreHarness) {
    let clause = Case::Close.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    let held = stage.claimed("t", clause).await;
    clause.same("the change is taken", stage.take("a", W1, 10, at(2)).await.len(), 1);
    stage.open(W2, &["a"], at(3)).await;
    answered("close", stage.store.close(&W1.into()).await);
    answered("close", stage.store.close(&W1.into()).await);
    clause.same("a closed worker is off the list", stage.counts().await.workers, 1);
    let claims = stage.claim(W2, 10, at(4)).await;
    clause.same("its claim is free at once", subjects(&claims), vec!["t".to_owned()]);
    clause.holds("under a greater claim number", claims[0].claim > held.claim, claims[0].claim);
    // A store may hand it over when the next worker beats.
    stage.heartbeat(W2, at(5)).await;
    clause.same("its taken change is free for who beats", stage.take("a", W2, 10, at(5)).await.len(), 1);
    answered("close", stage.store.close(&W2.into()).await);
    stage.open(W3, &["a"], at(6)).await;
    clause.same("or opens the store", stage.take("a", W3, 10, at(6)).await.len(), 1);
    stage.balanced(clause).await;
}

/// A sink that comes later is owed every living record, once.
pub(super) async fn new_sink(harness: &dyn StoreHarness) {
    let clause = Case::NewSink.clause();
    let stage = Stage::new(harness, &["a"]).await;
    for (i, id) in ["1", "2", "3"].into_iter().enumerate() {
        stage.see(Seen::saying("first").uid(id), 1 + i as i64).await;
    }
    stage.see(Seen::saying("second").uid("2"), 5).await;
    stage.see(Seen::saying("sec only").sec("s"), 6).await;
    stage.see(Seen::saying("both").uid("3").sec("s"), 7).await;
    stage.drain("a", at(8)).await;
    stage.open(W1, &["a", "late"], at(9)).await;
    let balance = stage.counts().await.sinks.get("late").copied();
    let owed = SinkCounts { wanted: 3, pending: 3, ..SinkCounts::default() };
    clause.same("a new sink is owed every record that exists, and no deleted one", balance, Some(owed));
    let mut texts: Vec<_> = stage.drain("late", at(10)).await.iter().map(text_of).collect();
    texts.sort();
    clause.same(
        "it gets each record as it is now",
        texts,
        vec!["both".to_owned(), "first".into(), "second".into()],
    );
    stage.open(W1, &["a", "late"], at(11)).await;
    clause.same("opening again owes it nothing again", stage.take("late", W1, 10, at(11)).await.len(), 0);
    clause.same("nor the sink that was there", stage.take("a", W1, 10, at(11)).await.len(), 0);
    stage.see(Seen::saying("third").uid("2"), 12).await;
    clause.same("from then on it is owed what changes", stage.take("late", W1, 10, at(13)).await.len(), 1);
    stage.balanced(clause).await;
}

fn text_of(change: &Change<super::Person>) -> String {
    match change {
        Change::Put(record) => record.entity.text.clone(),
        Change::Delete { .. } => "deleted".into(),
    }
}

/// An unfinished run goes on; a finished one does not.
pub(super) async fn resume(harness: &dyn StoreHarness) {
    let clause = Case::Resume.clause();
    let stage = Stage::new(harness, &[]).await;
    let spec = |key: &str| RunSpec { job: "job".into(), key: Digest::of(key.as_bytes()), fresh_for: HOUR };
    let first = answered("begin_run", stage.store.begin_run(&spec("k"), at(1)).await);
    clause.same("a run of a new key is not resumed", first.resumed, false);
    clause.holds("it has a number of its own", first.run != stage.run, first.run);
    stage.enqueue(first.run, vec![profile("x")], at(1)).await;
    let again = answered("begin_run", stage.store.begin_run(&spec("k"), at(50)).await);
    clause.same("an unfinished run of the same key goes on", (again.run, again.resumed), (first.run, true));
    let state = stage.run_state(first.run, clause).await;
    let seen = (state.job.as_str(), state.began, state.ended, state.open, state.counts.tasks);
    clause.same("it keeps job, beginning, end, open and counted tasks", seen, ("job", at(1), None, 1, 1));
    let other = answered("begin_run", stage.store.begin_run(&spec("other"), at(51)).await);
    clause.holds("another key is another run", other.run != first.run && !other.resumed, other);

    answered("end_run", stage.store.end_run(first.run, RunEnd::Complete, at(60)).await);
    let state = stage.run_state(first.run, clause).await;
    clause.same("an ended run says when and how", state.ended, Some((at(60), RunEnd::Complete)));
    let next = answered("begin_run", stage.store.begin_run(&spec("k"), at(61)).await);
    clause.holds("a finished run is not resumed", next.run != first.run && !next.resumed, next);
}

/// The newest runs are listed first, at most 20; an unknown run is none.
pub(super) async fn runs(harness: &dyn StoreHarness) {
    let clause = Case::Runs.clause();
    let stage = Stage::new(harness, &[]).await;
    let mut begun = Vec::new();
    for i in 0..24 {
        begun.push(stage.begin(&format!("k{i}"), HOUR, at(i + 1)).await);
    }
    let listed: Vec<_> = stage.counts().await.runs.iter().map(|run| run.run).collect();
    let newest: Vec<_> = begun.iter().rev().take(20).copied().collect();
    clause.same("the newest 20 runs, newest first", listed, newest);
    let unknown = answered("run", stage.store.run(RunId(u64::from(u32::MAX))).await);
    clause.same("an unknown run is none", unknown.map(|run| run.run), None);
}

/// New, joined; once per task however often it is added.
pub(super) async fn enqueue(harness: &dyn StoreHarness) {
    let clause = Case::Enqueue.clause();
    let stage = Stage::new(harness, &[]).await;
    let tasks = || vec![profile("a"), profile("b"), profile("a"), profile("a").param("page", "2")];
    use Enqueued::{Joined, New};
    clause.same("each task is answered in order", stage.add(tasks()).await, vec![New, New, Joined, New]);
    let state = stage.run_state(stage.run, clause).await;
    clause.same("a run counts its tasks once", (state.open, state.counts.tasks), (3, 3));
    clause.same("the same call again joins what is open", stage.add(tasks()).await, vec![Joined; 4]);
    let state = stage.run_state(stage.run, clause).await;
    clause.same("and adds nothing to the run", (state.open, state.counts.tasks), (3, 3));
    let counts = stage.counts().await;
    clause.same("the store counts them once", open_tasks(&counts), 3);
    clause.same("and by lane", counts.open.get("src/profile").copied(), Some(3));
    clause.same("no tasks is fine", stage.add(vec![]).await, vec![]);
    let claims = stage.claim(W1, 10, at(1)).await;
    clause.same(
        "all of them can be claimed, once",
        subjects(&claims),
        vec!["a".to_owned(), "a".into(), "b".into()],
    );
}

/// Nothing is added to a run that is not there, and the caller hears of it.
pub(super) async fn unknown_run(harness: &dyn StoreHarness) {
    let clause = Case::UnknownRun.clause();
    let stage = Stage::new(harness, &[]).await;
    let unknown = RunId(stage.run.0 + 1_000);
    let answer = stage.store.enqueue(unknown, vec![profile("a")], at(1)).await;
    clause.holds("an unknown run is an error", answer.is_err(), &answer);
    clause.same("nothing was added", open_tasks(&stage.counts().await), 0);
    clause.same(
        "the run that is there has nothing",
        stage.run_state(stage.run, clause).await.counts.tasks,
        0,
    );
}

/// Why a worker does not get on is told until it says otherwise, closes, or is dead.
pub(super) async fn waits(harness: &dyn StoreHarness) {
    let clause = Case::Waits.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.open(W2, &[], at(1)).await;
    let waiting = |part: &str, since| Waiting {
        part: part.to_owned(),
        problem: "unreachable".to_owned(),
        since: at(since),
        error: "connection refused".to_owned(),
    };
    let says = async |name: &str, waiting: Option<&Waiting>| {
        answered("waits", stage.store.waits(&worker(name).id, waiting).await);
    };
    let told = async || {
        let told = stage.counts().await.waiting;
        told.into_iter().map(|(worker, why)| (worker, why.part, why.since)).collect::<Vec<_>>()
    };
    clause.same("nobody waits", told().await, vec![]);
    says(W1, Some(&waiting("lock", 2))).await;
    says(W2, Some(&waiting("search", 3))).await;
    let (one, two) = ((W1.to_owned(), "lock".to_owned(), at(2)), (W2.to_owned(), "search".to_owned(), at(3)));
    clause.same("each with its reason", told().await, vec![one, two.clone()]);
    says(W1, Some(&waiting("rate", 4))).await;
    let one = (W1.to_owned(), "rate".to_owned(), at(4));
    clause.same("the last word counts", told().await, vec![one.clone(), two]);
    answered("close", stage.store.close(&worker(W2).id).await);
    clause.same("who has closed waits for nothing", told().await, vec![one]);
    says(W1, None).await;
    clause.same("who gets on is not listed", told().await, vec![]);
    says(W1, Some(&waiting("lock", 5))).await;
    stage.open(W3, &[], at(6) + TTL).await;
    clause.same("nor is who is dead", told().await, vec![]);
}

/// A task that two runs want is asked once and open for both until it is answered.
pub(super) async fn joined_runs(harness: &dyn StoreHarness) {
    let clause = Case::JoinedRuns.clause();
    let stage = Stage::new(harness, &[]).await;
    let other = stage.begin("other", HOUR, at(1)).await;
    stage.add(vec![profile("both"), profile("mine")]).await;
    let answers = stage.enqueue(other, vec![profile("both"), profile("theirs")], at(1)).await;
    clause.same("what is open in another run is joined", answers, vec![Enqueued::Joined, Enqueued::New]);
    clause.same("open counts it for the first run", stage.run_state(stage.run, clause).await.open, 2);
    clause.same("and for the second", stage.run_state(other, clause).await.open, 2);
    clause.same("in the store it is one task", open_tasks(&stage.counts().await), 3);

    let claims = stage.claim(W1, 10, at(2)).await;
    clause.same("it is claimed once", claims.len(), 3);
    let (mut mine, mut theirs) = (2, 2);
    for claimed in &claims {
        stage.commit(&Call::answering(std::slice::from_ref(claimed), at(3)), at(3)).await;
        let subject = claimed.task.subject();
        mine -= u64::from(subject != "theirs");
        theirs -= u64::from(subject != "mine");
        let open = (stage.run_state(stage.run, clause).await.open, stage.run_state(other, clause).await.open);
        clause.same(format_args!("`{subject}` is answered for each run that wants it"), open, (mine, theirs));
    }
}

/// An answer stands for the window of the run that asks, and for its own run for ever.
pub(super) async fn fresh(harness: &dyn StoreHarness) {
    let clause = Case::Fresh.clause();
    let stage = Stage::new(harness, &[]).await;
    let own = stage.begin("own", Duration::ZERO, at(0)).await;
    stage.enqueue(own, vec![profile("x"), profile("gone"), profile("page").per_run()], at(0)).await;
    let claims = stage.claim(W1, 10, at(5)).await;
    for claimed in &claims {
        let absent = Verdict::Absent(Absence::NotFound);
        let verdict = if claimed.task.subject() == "gone" { absent } else { Verdict::Done };
        stage.commit(&Call::answering(std::slice::from_ref(claimed), at(10)).verdict(&verdict), at(10)).await;
    }
    let tasks = || vec![profile("x"), profile("gone")];
    use Enqueued::{Fresh, New};
    let answers = stage.enqueue(own, vec![profile("x"), profile("page").per_run()], at(90_000)).await;
    clause.same("what this run has answered stays answered, whatever its window", answers, vec![Fresh; 2]);

    let near = stage.begin("near", HOUR, at(3_600)).await;
    let answers = stage.enqueue(near, tasks(), at(3_600)).await;
    clause.same("inside the window it is fresh, also when nothing was there", answers, vec![Fresh; 2]);
    let state = stage.run_state(near, clause).await;
    clause.same("fresh tasks are counted and not open", (state.open, state.counts.fresh), (0, 2));
    let answers = stage.enqueue(near, vec![profile("page").per_run()], at(3_600)).await;
    clause.same("a task of one run is new in the next", answers, vec![New]);
    clause.same(
        "fresh tasks are not claimed",
        subjects(&stage.claim(W1, 10, at(3_600)).await),
        vec!["page".to_owned()],
    );

    let strict = stage.begin("strict", Duration::from_secs(60), at(3_601)).await;
    let answers = stage.enqueue(strict, vec![profile("gone")], at(3_601)).await;
    clause.same("it is the asking run's window that counts", answers, vec![New]);
    let far = stage.begin("far", HOUR, at(3_700)).await;
    clause.same(
        "beyond the window it is asked again",
        stage.enqueue(far, vec![profile("x")], at(3_700)).await,
        vec![New],
    );
    clause.same(
        "and can be claimed",
        subjects(&stage.claim(W1, 10, at(3_700)).await),
        vec!["gone".to_owned(), "x".into()],
    );
}

/// A task that was given up is not answered: the next run asks again.
pub(super) async fn dead_is_not_fresh(harness: &dyn StoreHarness) {
    let clause = Case::DeadIsNotFresh.clause();
    let stage = Stage::new(harness, &[]).await;
    let held = stage.claimed("x", clause).await;
    let dead = Verdict::Dead { kind: crate::error::ErrorKind::Timeout, message: "gave up".into() };
    stage.commit(&Call::answering(&[held], at(2)).without_answer().verdict(&dead), at(2)).await;
    let next = stage.begin("next", HOUR, at(10)).await;
    clause.same(
        "a task given up is new in the next run",
        stage.enqueue(next, vec![profile("x")], at(10)).await,
        vec![Enqueued::New],
    );
    clause.same("and can be claimed", stage.claim(W1, 10, at(11)).await.len(), 1);
}

/// A fresh sighting of the target's aspect makes a task superfluous, however it was found.
pub(super) async fn fresh_by_target(harness: &dyn StoreHarness) {
    let clause = Case::FreshByTarget.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.see(Seen::saying("x").uid("1").handle("h"), 10).await;
    let about = |subject: &str, id, aspect: &str| vec![profile(subject).about(id, aspect)];
    let run = stage.begin("near", HOUR, at(3_600)).await;
    use Enqueued::{Fresh, New};
    let ask = |run, tasks, secs| stage.enqueue(run, tasks, at(secs));
    clause.same(
        "sighted inside the window",
        ask(run, about("a", uid("1"), "profile"), 3_600).await,
        vec![Fresh],
    );
    clause.same("the same by handle", ask(run, about("b", handle("h"), "profile"), 3_600).await, vec![Fresh]);
    clause.same(
        "another aspect was not sighted",
        ask(run, about("c", uid("1"), "row"), 3_600).await,
        vec![New],
    );
    clause.same(
        "somebody else was not sighted",
        ask(run, about("d", uid("2"), "profile"), 3_600).await,
        vec![New],
    );
    clause.same("a task about nobody is asked", ask(run, vec![profile("e")], 3_600).await, vec![New]);
    let late = stage.begin("late", HOUR, at(3_700)).await;
    clause.same(
        "beyond the window it is asked",
        ask(late, about("f", uid("1"), "profile"), 3_700).await,
        vec![New],
    );
    let permits = [lane(KIND, 10)];
    let claims = stage.claims(W1, &permits, at(3_700)).await.tasks;
    let expected: Vec<String> = ["c", "d", "e", "f"].map(String::from).into();
    clause.same("only what is not fresh is claimed", subjects(&claims), expected);

    stage
        .observe(
            SOURCE,
            vec![Seen::saying("x").uid("1").handle("h")],
            at(3_710),
            at(3_710),
            &crate::store::NoLookup,
        )
        .await;
    let soon = stage.begin("soon", Duration::from_secs(60), at(3_720)).await;
    let answers = ask(soon, about("g", uid("1"), "profile"), 3_720).await;
    clause.same("an unchanged sighting is a new sighting", answers, vec![Fresh]);
}

/// A task that waits for its time when it is added is open, told of, and not handed out.
pub(super) async fn enqueue_waiting(harness: &dyn StoreHarness) {
    let clause = Case::EnqueueWaiting.clause();
    let stage = Stage::new(harness, &[]).await;
    let task = Task::new(SOURCE, KIND, "later").not_before(at(100));
    clause.same("a waiting task is new", stage.add(vec![task.clone()]).await, vec![Enqueued::New]);
    clause.same("added again it is joined", stage.add(vec![task.clone()]).await, vec![Enqueued::Joined]);
    clause.same("it is open for its run", stage.run_state(stage.run, clause).await.open, 1);
    clause.same("before its time it is not handed out", stage.claim(W1, 10, at(99)).await, vec![]);
    clause.same("nor counted as claimed", in_state(&stage.counts().await, "claimed"), 0);
    let claims = stage.claim(W1, 10, at(100)).await;
    clause.same("at its time it can be claimed", subjects(&claims), vec!["later".to_owned()]);
    clause.same("as it was added", claims[0].task.clone(), task);
    stage.give_back(W1, back(&claims[0], None, false), at(101)).await;
    clause.same("given back it is free at once", stage.claim(W1, 10, at(101)).await.len(), 1);
}
