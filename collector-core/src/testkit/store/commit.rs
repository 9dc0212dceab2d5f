//! The one transaction: contract 7, without what happens to identities.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clause::Clause;
use super::domain::{Seen, uid};
use super::stage::{
    Call, HOUR, KIND, SOURCE, Stage, W1, W2, answered, at, in_state, lane, open_tasks, profile, profiles,
    subjects,
};
use super::{Case, StoreHarness};
use crate::error::ErrorKind;
use crate::sink::Change;
use crate::store::{
    Budget, Claimed, Committed, Enqueued, NoLookup, Reserved, RunCounts, SinkCounts, Verdict,
};
use crate::task::{Absence, Cost, Payload, Task};

/// One answer: task done, person known, change owed to every sink.
pub(super) async fn commit(harness: &dyn StoreHarness) {
    let clause = Case::Commit.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    let held = stage.claimed("x", clause).await;
    let seen = Seen::saying("héllo \u{1f600}").uid("1").sec("s").handle("h").count(u64::MAX >> 1);
    let call = Call::answering(&[held], at(2))
        .items([seen.clone()])
        .follow_ups([profile("next")])
        .cost(Cost::units(3));
    let done = stage.commit(&call, at(3)).await;
    let expected = Committed { changed: 1, versions: 1, enqueued: 1, blobs: 1, ..Committed::default() };
    clause.same("what the commit did", done, expected);

    let known = stage.known(&uid("1"), clause).await;
    clause.same(
        "the item is kept as it was said",
        known.sightings.first().map(|s| s.item.clone()),
        Some(seen.clone()),
    );
    let told = known.sightings.first().map(|s| (s.source.to_string(), s.aspect.to_string(), s.seen_at));
    clause.same(
        "by whom, of what, and when the answer came",
        told,
        Some((SOURCE.into(), "profile".into(), at(2))),
    );
    clause.same("the entity is the merged view", known.record.entity.text.clone(), seen.text);
    let ids: Vec<_> = known.ids.iter().cloned().collect();
    let expected = vec![uid("1"), super::domain::sec("s"), super::domain::handle("h")];
    clause.same("its identities, strongest first", ids, expected);

    for sink in ["a", "b"] {
        let taken = stage.take(sink, W1, 10, at(4)).await;
        let put = taken.iter().find_map(|change| match change {
            Change::Put(record) => Some(record.clone()),
            Change::Delete { .. } => None,
        });
        let record = clause.some(format_args!("sink `{sink}` is owed the record"), put);
        let seen = (taken.len(), record.key, record.version, record.entity.as_ref().clone());
        let expected = (1, known.record.key, known.record.version, known.record.entity.as_ref().clone());
        clause.same("once, as it can be found", seen, expected);
    }
    let counts = stage.counts().await;
    let seen =
        (counts.entities, counts.versions, counts.sightings, counts.payloads, in_state(&counts, "done"));
    clause.same("entities, versions, sightings, payloads, done tasks", seen, (1, 1, 1, 1, 1));
    let claims = stage.claim(W1, 10, at(5)).await;
    clause.same("only the follow-up is open", subjects(&claims), vec!["next".to_owned()]);
    stage.balanced(clause).await;
}

/// A call that serves a hundred tasks decides about each of them.
pub(super) async fn batch(harness: &dyn StoreHarness) {
    let clause = Case::Batch.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.add(profiles(100)).await;
    let claims = stage.claim(W1, 100, at(1)).await;
    clause.same("all are claimed", claims.len(), 100);
    let failed = claims[37].task.subject().to_owned();
    let retry = Verdict::Retry { at: at(50), kind: ErrorKind::Unavailable, message: "no row".into() };
    let items =
        claims.iter().filter(|c| c.task.subject() != failed).map(|c| Seen::saying("x").uid(c.task.subject()));
    let call = Call::answering(&claims, at(2)).items(items).verdict_of(37, retry).cost(Cost::units(10));
    let done = stage.commit(&call, at(3)).await;
    clause.same("one answer, 99 people", (done.changed, done.versions, done.blobs), (99, 99, 1));
    let state = stage.run_state(stage.run, clause).await;
    let seen = (state.open, state.counts.done, state.counts.retries, state.counts.answers, state.counts.cost);
    clause.same("open, done, retries, answers, cost of one call", seen, (1, 99, 1, 1, Cost::units(10)));
    clause.same("99 tasks are done", in_state(&stage.counts().await, "done"), 99);
    clause.same("the failed one waits", stage.claim(W1, 10, at(49)).await, vec![]);
    clause.same("and is tried again", subjects(&stage.claim(W1, 10, at(50)).await), vec![failed]);
    stage.balanced(clause).await;
}

/// A call can serve tasks of two runs: each run counts its own, and a dead letter knows its own run.
pub(super) async fn mixed_runs(harness: &dyn StoreHarness) {
    let clause = Case::MixedRuns.clause();
    let stage = Stage::new(harness, &[]).await;
    let other = stage.begin("other", HOUR, at(0)).await;
    stage.add(vec![profile("list").per_run()]).await;
    stage.enqueue(other, vec![profile("list").per_run()], at(0)).await;
    let mut claims = stage.claim(W1, 10, at(1)).await;
    claims.sort_by_key(|claimed| claimed.run);
    clause.same(
        "a list is a task of each run",
        claims.iter().map(|c| c.run).collect(),
        vec![stage.run, other],
    );
    let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: "no sense".into() };
    stage.commit(&Call::answering(&claims, at(2)).verdict_of(1, dead), at(2)).await;
    let (one, two) = (stage.run_state(stage.run, clause).await, stage.run_state(other, clause).await);
    clause.same("the first run: open, done, dead", (one.open, one.counts.done, one.counts.dead), (0, 1, 0));
    clause.same("the second run: open, done, dead", (two.open, two.counts.done, two.counts.dead), (0, 0, 1));
    let letters = stage.dead_letters().await;
    clause.same(
        "the dead letter is of the second run",
        letters.iter().map(|l| l.run).collect(),
        vec![Some(other)],
    );
    let revived = answered("revive", stage.store.revive(&[letters[0].id], at(3)).await);
    clause.same("and can be revived", revived, 1);
    let claims = stage.claim(W1, 10, at(4)).await;
    clause.same("for that run", claims.iter().map(|c| c.run).collect(), vec![other]);
}

/// A commit that fails leaves nothing behind, and can be repeated; nobody ever sees half of one.
pub(super) async fn atomic(harness: &dyn StoreHarness) {
    let clause = Case::Atomic.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    stage.see(Seen::saying("before").uid("1").handle("h"), 1).await;
    let held = stage.claimed("x", clause).await;
    let items = [Seen::saying("after").uid("1"), Seen::saying("new").uid("2").handle("h")];
    let call = Call::answering(&[held], at(2)).items(items).follow_ups([profile("next")]).malformed(1);
    if harness.fail_next_commit().await {
        let before = stage.counts().await;
        let failed = stage.try_commit(W1, &call, &NoLookup, at(3)).await;
        clause.same(
            "a commit that fails in mid-transaction says so",
            failed.err().map(|e| e.kind()),
            Some(ErrorKind::Storage),
        );
        clause.same("and has written nothing", stage.counts().await, before);
        let text = stage.known(&uid("1"), clause).await.record.entity.text.clone();
        clause.same("no sighting either", text, "before".to_owned());
        clause.same("nobody new", stage.find(&uid("2")).await.map(|known| known.record.key), None);
        clause.same("the task is still held", stage.claim(W1, 10, at(4)).await, vec![]);
    }
    let done = stage.commit(&call, at(5)).await;
    clause.same("repeated, it writes everything", (done.changed, done.enqueued, done.stale), (2, 1, vec![]));
    never_half(&stage, clause).await;
    stage.balanced(clause).await;
}

/// Reads counts while commits run: at every moment they fit each other.
async fn never_half(stage: &Stage, clause: Clause) {
    let writer = async {
        for i in 0..12 {
            stage.see(Seen::saying("w").uid(format!("w{i}")), 10 + i).await;
            tokio::task::yield_now().await;
        }
    };
    let reader = async {
        for _ in 0..24 {
            let counts = stage.counts().await;
            for balance in counts.sinks.values() {
                let fits = balance.balances() && balance.wanted == counts.versions;
                clause.holds("what is owed always fits the versions given", fits, (counts.versions, balance));
            }
            let run = counts.runs.iter().find(|run| run.run == stage.run).map(|run| &run.counts);
            let run = clause.some("the run is listed", run);
            clause.same("items always add up", run.items, run.changed + run.unchanged + run.malformed);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writer, reader);
}

/// The answer to a commit was lost, so it is sent again: nothing happens twice.
pub(super) async fn commit_twice(harness: &dyn StoreHarness) {
    let clause = Case::CommitTwice.clause();
    let stage = Stage::new(harness, &["a"]).await;
    let budget = day_budget(10);
    answered("reserve", stage.store.reserve(&budget, Cost { units: 10, requests: 1 }, at(0)).await);
    stage.add(vec![profile("x"), profile("y")]).await;
    let claims = stage.claim(W1, 10, at(1)).await;
    let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: "no sense in it".into() };
    let call = Call::answering(&claims, at(2))
        .verdict_of(1, dead)
        .items([Seen::saying("x").uid("1").handle("h")])
        .follow_ups([profile("next")])
        .malformed(2)
        .cost(Cost::units(6))
        .refund("acct", budget.window_at(at(0)), Cost { units: 4, requests: 0 });
    stage.commit(&call, at(3)).await;
    let first = (stage.counts().await, stage.dead_letters().await);
    let again = stage.commit(&call, at(3)).await;
    clause.same("the second time nothing changes", (again.changed, again.versions, again.blobs), (0, 0, 0));
    clause.same("no follow-up is new", again.enqueued, 0);
    let second = (stage.counts().await, stage.dead_letters().await);
    clause.same("nothing more is counted, owed, refunded or given up", second, first);
    clause.same("the sink gets it once", stage.drain("a", at(5)).await.len(), 1);
    stage.commit(&call, at(6)).await;
    clause.same("also after it was stored", stage.drain("a", at(7)).await.len(), 0);
    stage.balanced(clause).await;
}

pub(super) fn day_budget(units: u64) -> Budget {
    Budget {
        account: "acct".into(),
        units: Some(units),
        requests: None,
        window: Duration::from_secs(86_400),
        offset: Duration::ZERO,
    }
}

/// A worker that lost its claim changes no task, and its paid-for answer is kept.
pub(super) async fn stale_commit(harness: &dyn StoreHarness) {
    let clause = Case::StaleCommit.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.open(W2, &["a"], at(0)).await;
    stage.add(vec![profile("x"), profile("y")]).await;
    let old = stage.claim(W1, 10, at(1)).await;
    stage.heartbeat(W2, at(20)).await;
    stage.heartbeat(W2, at(45)).await;
    let new = stage.claim(W2, 10, at(46)).await;
    clause.same("both are taken over", new.len(), 2);

    let dead = Verdict::Dead { kind: ErrorKind::Timeout, message: "gave up".into() };
    let seen = Seen::saying("paid for").uid("1");
    let call = Call::answering(&old, at(47)).items([seen.clone()]).verdict_of(1, dead);
    let done = stage.commit_as(W1, &call, &NoLookup, at(47)).await;
    let (mut stale, mut both) = (done.stale, old.iter().map(|c| c.id).collect::<Vec<_>>());
    stale.sort();
    both.sort();
    clause.same("it is told which claims were stale", stale, both);
    let counts = stage.counts().await;
    clause.same("the tasks stay with their new owner", in_state(&counts, "claimed"), 2);
    clause.same("nothing is given up", (counts.dead, in_state(&counts, "dead")), (0, 0));
    clause.same("the answer is kept", counts.payloads, 1);
    clause.same(
        "so is what it said",
        stage.known(&uid("1"), clause).await.record.entity.text.clone(),
        "paid for".to_owned(),
    );
    clause.same("and owed to the sink", stage.take("a", W1, 10, at(48)).await.len(), 1);

    let call = Call::answering(&new, at(49)).items([seen]);
    let done = stage.commit_as(W2, &call, &NoLookup, at(49)).await;
    clause.same("the owner's commit counts", (done.stale, done.unchanged, done.versions), (vec![], 1, 0));
    clause.same("both tasks are done", in_state(&stage.counts().await, "done"), 2);
    clause.same("nothing is open", stage.run_state(stage.run, clause).await.open, 0);
    stage.balanced(clause).await;
}

/// The same answer again: no blob, no version, nothing owed; and yet it was seen again.
pub(super) async fn unchanged(harness: &dyn StoreHarness) {
    let clause = Case::Unchanged.clause();
    let stage = Stage::new(harness, &["a"]).await;
    let seen = || [Seen::saying("same").uid("1").handle("h")];
    let mut before = None;
    for round in 0_i64..3 {
        let now = at(round * 10_000);
        let run = stage.begin(&format!("round {round}"), HOUR, now).await;
        let added = stage.enqueue(run, vec![profile("x")], now).await;
        clause.same("beyond the window it is asked again", added, vec![Enqueued::New]);
        let claims = stage.claim(W1, 1, now).await;
        // The signature in a link is new each time; the fingerprint leaves it out.
        let call =
            Call::answering(&claims, now).body(format!("signature {round}")).fingerprint("x").items(seen());
        let done = stage.commit(&call, now).await;
        let first = u64::from(round == 0);
        let seen = (done.changed, done.unchanged, done.versions, done.blobs);
        clause.same("changed, unchanged, versions, blobs", seen, (first, 1 - first, first, first));
        clause.same("owed to the sink", stage.drain("a", now).await.len() as u64, first);
        let counts = stage.counts().await;
        let kept = (counts.versions, counts.payloads, counts.sightings, counts.sinks.clone());
        clause.same("nothing more is kept", before.get_or_insert_with(|| kept.clone()).clone(), kept);
        let known = stage.known(&uid("1"), clause).await;
        clause.same("it was seen again", known.sightings.first().map(|s| s.seen_at), Some(now));
        clause.same("and is told as of now", known.record.entity.as_of, now);
    }
    let done = stage.see(Seen::saying("same").uid("1").handle("h"), 40_000).await;
    clause.same("another answer is another blob, not another version", (done.blobs, done.versions), (1, 0));
    let done = stage.see(Seen::saying("different").uid("1").handle("h"), 40_001).await;
    clause.same("what changed is a version", (done.changed, done.versions), (1, 1));
    stage.balanced(clause).await;
}

/// A failed attempt is counted, waits and is tried again.
pub(super) async fn retry(harness: &dyn StoreHarness) {
    let clause = Case::Retry.clause();
    let stage = Stage::new(harness, &[]).await;
    let mut held = stage.claimed("x", clause).await;
    let mut first = None;
    for attempt in 1..=3_u32 {
        let now = at(i64::from(attempt) * 100);
        let retry = Verdict::Retry { at: now + HOUR, kind: ErrorKind::Timeout, message: "slow".into() };
        stage.commit(&Call::answering(&[held], now).without_answer().verdict(&retry), now).await;
        let claims = stage.claims(W1, &[lane(KIND, 1)], now + HOUR - Duration::from_secs(1)).await;
        clause.same("it waits for its time", (claims.tasks, claims.next_at), (vec![], Some(now + HOUR)));
        held = clause.some("at its time it is tried again", stage.claim(W1, 1, now + HOUR).await.pop());
        clause.same("the attempt is counted", held.attempts, attempt);
        let since = clause.some("the first attempt has a time", held.first_attempt);
        clause.same("which stays", *first.get_or_insert(since), since);
        if attempt < 3 {
            stage.give_back(W1, super::stage::back(&held, None, false), now + HOUR).await;
            held = clause.some("given back untried it is free", stage.claim(W1, 1, now + HOUR).await.pop());
        }
    }
    clause.holds(
        "the first attempt lies between claim and commit",
        first.is_some_and(|t| t >= at(1) && t <= at(100)),
        first,
    );
    let state = stage.run_state(stage.run, clause).await;
    clause.same(
        "open, retries, answers",
        (state.open, state.counts.retries, state.counts.answers),
        (1, 3, 0),
    );
    clause.same("no answer, no payload", stage.counts().await.payloads, 0);
}

/// An answer that is not ready is no attempt.
pub(super) async fn later(harness: &dyn StoreHarness) {
    let clause = Case::Later.clause();
    let stage = Stage::new(harness, &[]).await;
    let held = stage.claimed("x", clause).await;
    let id = held.id;
    stage.commit(&Call::answering(&[held], at(2)).verdict(&Verdict::Later(at(100))), at(2)).await;
    let claims = stage.claims(W1, &[lane(KIND, 1)], at(99)).await;
    clause.same("not before its time", (claims.tasks, claims.next_at), (vec![], Some(at(100))));
    let held = clause.some("at its time it is asked again", stage.claim(W1, 1, at(100)).await.pop());
    clause.same("the same task, and no attempt", (held.id, held.attempts, held.first_attempt), (id, 0, None));
    let state = stage.run_state(stage.run, clause).await;
    clause.same("open, retries, done", (state.open, state.counts.retries, state.counts.done), (1, 0, 0));
}

/// "There is nothing" is an answer.
pub(super) async fn absent(harness: &dyn StoreHarness) {
    let clause = Case::Absent.clause();
    let stage = Stage::new(harness, &[]).await;
    let held = stage.claimed("x", clause).await;
    stage.commit(&Call::answering(&[held], at(2)).verdict(&Verdict::Absent(Absence::Private)), at(2)).await;
    let state = stage.run_state(stage.run, clause).await;
    let seen = (state.open, state.counts.absent, state.counts.dead, state.counts.retries);
    clause.same("open, absent, dead, retries", seen, (0, 1, 0, 0));
    let counts = stage.counts().await;
    clause.same("the task's state says so", (in_state(&counts, "absent"), counts.dead), (1, 0));
    clause.same("it is not asked again", stage.claim(W1, 5, at(1_000)).await, vec![]);
}

/// An expired cursor: another task begins again, even one that this run has answered.
pub(super) async fn restart(harness: &dyn StoreHarness) {
    let clause = Case::Restart.clause();
    let stage = Stage::new(harness, &[]).await;
    let root = profile("list").per_run();
    let second = profile("list").param("cursor", "2").per_run();
    stage.add(vec![root.clone()]).await;
    let claims = stage.claim(W1, 5, at(1)).await;
    stage.commit(&Call::answering(&claims, at(2)).follow_ups([second]), at(2)).await;
    let claims = stage.claim(W1, 5, at(3)).await;
    clause.same("the second page follows", claims.len(), 1);
    let call = Call::answering(&claims, at(4)).verdict(&Verdict::Restart(root.clone()));
    stage.commit(&call, at(4)).await;
    let claims = stage.claim(W1, 5, at(5)).await;
    let open: Vec<_> = claims.iter().map(|claimed| claimed.task.clone()).collect();
    clause.same(
        "the other task begins again although it was answered, the expired one is over",
        open,
        vec![root],
    );
    let run = claims.first().map(|claimed| claimed.run);
    clause.same("for the same run", run, Some(stage.run));
    let state = stage.run_state(stage.run, clause).await;
    clause.same("open, retries, dead", (state.open, state.counts.retries, state.counts.dead), (1, 0, 0));

    let fresh = profile("other list").per_run();
    let call = Call::answering(&claims, at(6)).verdict(&Verdict::Restart(fresh.clone()));
    stage.commit(&call, at(6)).await;
    let open: Vec<_> = stage.claim(W1, 5, at(7)).await.into_iter().map(|claimed| claimed.task).collect();
    clause.same("a task nobody asked yet begins too", open, vec![fresh]);
}

/// What was given up is kept with its answer, byte for byte.
pub(super) async fn dead_letter(harness: &dyn StoreHarness) {
    let clause = Case::DeadLetter.clause();
    let stage = Stage::new(harness, &[]).await;
    let bytes: Vec<u8> = (0..=255_u8).chain([0, 0xff, 0xfe, b'\r', b'\n']).cycle().take(100_000).collect();
    let mut answer = Payload::new(bytes.clone(), at(2));
    answer.status = 503;
    answer.headers =
        vec![("content-type".into(), "text/plain; q=\"ü\"".into()), ("retry-after".into(), "7".into())];
    let held = stage.claimed("x", clause).await;
    let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: "no page: 3 attempts".into() };
    let call = Call::answering(std::slice::from_ref(&held), at(2)).payload(answer.clone()).verdict(&dead);
    stage.commit(&call, at(3)).await;

    let letters = stage.dead_letters().await;
    clause.same("one dead letter", letters.len(), 1);
    let letter = clause.some("which is listed", letters.first());
    let seen = (letter.part.as_str(), letter.kind, letter.message.as_str(), letter.run, letter.at);
    clause.same(
        "part, kind, message, run, time",
        seen,
        (SOURCE, ErrorKind::Malformed, "no page: 3 attempts", Some(stage.run), at(3)),
    );
    clause.same("the task, to try it again", letter.task.clone(), Some(held.task));
    let id = clause.some("the answer that could not be used", letter.payload);
    let kept = clause.some("which can be read", answered("payload", stage.store.payload(id).await));
    clause.holds("its bytes as received", kept.body == bytes, kept.body.len());
    let seen = (kept.id, &*kept.source, kept.status, kept.headers, kept.at);
    clause.same("id, source, status, headers, time", seen, (id, SOURCE, 503, answer.headers, at(2)));

    let unknown = answered("payload", stage.store.payload(crate::id::PayloadId(u64::from(u32::MAX))).await);
    clause.same("an unknown payload is none", unknown, None);
    let state = stage.run_state(stage.run, clause).await;
    clause.same("open, dead, done", (state.open, state.counts.dead, state.counts.done), (0, 1, 0));
    let counts = stage.counts().await;
    clause.same("dead letters, dead tasks", (counts.dead, in_state(&counts, "dead")), (1, 1));
    clause.same("it is not claimed", stage.claim(W1, 5, at(1_000)).await, vec![]);
}

/// The newest dead letters come first, no more than asked for, each with its own answer or none.
pub(super) async fn dead_letters(harness: &dyn StoreHarness) {
    let clause = Case::DeadLetters.clause();
    let stage = Stage::new(harness, &[]).await;
    for i in 0..6_i64 {
        let held = stage.claimed(&format!("x{i}"), clause).await;
        let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: format!("m{i}") };
        let call = Call::answering(&[held], at(10 + i)).body(format!("body {i}")).verdict(&dead);
        let call = if i % 2 == 0 { call } else { call.without_answer() };
        stage.commit(&call, at(10 + i)).await;
    }
    let newest = answered("dead_letters", stage.store.dead_letters(4).await);
    let messages: Vec<_> = newest.iter().map(|letter| letter.message.as_str()).collect();
    clause.same("the newest first, as many as asked", messages, vec!["m5", "m4", "m3", "m2"]);
    for letter in stage.dead_letters().await {
        let expected = match letter.message.as_str() {
            "m0" | "m2" | "m4" => Some(letter.message.replace('m', "body ").into_bytes()),
            _ => None,
        };
        let body = match letter.payload {
            Some(id) => answered("payload", stage.store.payload(id).await).map(|kept| kept.body.to_vec()),
            None => None,
        };
        clause.same(format_args!("the answer of `{}`", letter.message), body, expected);
    }
}

/// A run's counts say what its calls brought.
pub(super) async fn run_counts(harness: &dyn StoreHarness) {
    let clause = Case::RunCounts.clause();
    let stage = Stage::new(harness, &["a"]).await;
    let person = |id: &str| Seen::saying("x").uid(id);
    stage.add(vec![profile("one"), profile("two")]).await;
    let claims = stage.claim(W1, 10, at(1)).await;
    let (one, two) = (std::slice::from_ref(&claims[0]), std::slice::from_ref(&claims[1]));
    let call =
        Call::answering(one, at(2)).items(["1", "2", "3"].map(person)).malformed(2).cost(Cost::units(5));
    stage.commit(&call, at(2)).await;
    let call =
        Call::answering(two, at(3)).items(["2", "4", "3"].map(person)).malformed(1).cost(Cost::units(2));
    let done = stage.commit(&call, at(3)).await;
    clause.same("items that changed or told nothing new", (done.changed, done.unchanged), (1, 2));
    let state = stage.run_state(stage.run, clause).await;
    let expected = RunCounts {
        tasks: 2,
        done: 2,
        answers: 2,
        items: 9,
        changed: 4,
        unchanged: 2,
        malformed: 3,
        cost: Cost { units: 7, requests: 2 },
        ..RunCounts::default()
    };
    clause.same("the run's counts", state.counts.clone(), expected);
    clause.same("nothing is open", state.open, 0);
    clause.holds("changes it caused are pending", state.pending > 0, state.pending);
    stage.drain("a", at(4)).await;
    clause.same("until every sink has them", stage.run_state(stage.run, clause).await.pending, 0);
    let listed = stage.counts().await.runs.first().map(|run| run.counts.clone());
    clause.same("the list of runs says the same", listed, Some(state.counts));
    let other = stage.begin("other", HOUR, at(5)).await;
    clause.same(
        "another run counts for itself",
        stage.run_state(other, clause).await.counts,
        RunCounts::default(),
    );
    stage.balanced(clause).await;
}

/// What follows belongs to the same run, one step deeper, once.
pub(super) async fn follow_ups(harness: &dyn StoreHarness) {
    let clause = Case::FollowUps.clause();
    let stage = Stage::new(harness, &[]).await;
    let run = stage.begin("mine", HOUR, at(0)).await;
    stage.add(vec![profile("elsewhere")]).await;
    stage.enqueue(run, vec![profile("root")], at(0)).await;
    let claims = stage.claim(W1, 10, at(1)).await;
    let root: Vec<Claimed> = claims.iter().filter(|c| c.task.subject() == "root").cloned().collect();
    let follow =
        [profile("a"), profile("b").priority(4).not_before(at(50)), profile("elsewhere"), profile("a")];
    let done = stage.commit(&Call::answering(&root, at(2)).follow_ups(follow), at(2)).await;
    clause.same("new ones are open, the rest was", (done.enqueued, done.skipped), (2, 2));
    let state = stage.run_state(run, clause).await;
    clause.same("what another run has open is now open for this one too", state.open, 3);

    let claims = stage.claim(W1, 10, at(3)).await;
    let a = clause.some("a follow-up is claimed", claims.first()).clone();
    clause.same("subject, run, depth", (a.task.subject(), a.run, a.depth), ("a", run, 1));
    let deeper = [profile("c").priority(9), profile("root")];
    let done = stage.commit(&Call::answering(&[a], at(4)).follow_ups(deeper), at(4)).await;
    clause.same("what is answered is not asked again", (done.enqueued, done.skipped), (1, 1));
    let claims = stage.claim(W1, 10, at(50)).await;
    let seen: Vec<_> = claims.iter().map(|c| (c.task.subject(), c.run, c.depth)).collect();
    clause.same("by priority, each with run and depth", seen, vec![("c", run, 2), ("b", run, 1)]);
    for claimed in &claims {
        stage.commit(&Call::answering(std::slice::from_ref(claimed), at(51)), at(51)).await;
    }
    clause.same("only what the other run holds is open", open_tasks(&stage.counts().await), 1);
}

/// Answers without tasks' success still leave the store countable: every task state adds up.
pub(super) async fn task_states(harness: &dyn StoreHarness) {
    let clause = Case::TaskStates.clause();
    let stage = Stage::new(harness, &[]).await;
    let page = |i: usize| Task::new(SOURCE, "page", format!("page {i}"));
    stage.add(profiles(8).into_iter().chain((0..2).map(page)).collect()).await;
    let claims = stage.claim(W1, 6, at(1)).await;
    let failed = |at| Verdict::Retry { at, kind: ErrorKind::Unavailable, message: "down".into() };
    let dead = Verdict::Dead { kind: ErrorKind::Rejected, message: "refused".into() };
    let verdicts =
        [Verdict::Done, Verdict::Absent(Absence::Deleted), failed(at(90)), Verdict::Later(at(91)), dead];
    for (claimed, verdict) in claims.iter().zip(&verdicts) {
        stage.commit(&Call::answering(std::slice::from_ref(claimed), at(2)).verdict(verdict), at(2)).await;
    }
    let counts = stage.counts().await;
    let sum: u64 = counts.tasks.values().sum();
    clause.same("every task is in one state", sum, 10);
    let seen = ["claimed", "done", "absent", "dead"].map(|state| in_state(&counts, state));
    clause.same("claimed, done, absent, dead", seen, [1, 1, 1, 1]);
    clause.same("the rest is ready or waiting", open_tasks(&counts), 7);
    let lanes = BTreeMap::from([("src/page".to_owned(), 2), ("src/profile".to_owned(), 5)]);
    clause.same("open tasks by lane", counts.open, lanes);
    clause.same("open tasks of the run", stage.run_state(stage.run, clause).await.open, 7);
}

/// A refund corrects the reservation of the account in the same transaction.
pub(super) async fn refund(harness: &dyn StoreHarness) {
    let clause = Case::Refund.clause();
    let stage = Stage::new(harness, &["a"]).await;
    let budget = day_budget(10);
    let units = |units| Cost { units, requests: 1 };
    let reserve = |cost| stage.store.reserve(&budget, cost, at(1));
    let window = budget.window_at(at(1));
    clause.same(
        "worst cost is booked",
        answered("reserve", reserve(units(10)).await),
        Reserved::Granted { window },
    );
    let held = stage.claimed("x", clause).await;
    let call =
        Call::answering(&[held], at(2)).cost(units(3)).refund("acct", window, Cost { units: 7, requests: 0 });
    stage.commit(&call, at(2)).await;
    let full = Reserved::Until(budget.reset_after(at(1)));
    clause.same("8 do not fit", answered("reserve", reserve(units(8)).await), full);
    clause.same(
        "7 were not spent",
        answered("reserve", reserve(units(7)).await),
        Reserved::Granted { window },
    );
    clause.same("and no more", answered("reserve", reserve(units(1)).await), full);
    let nothing = stage.counts().await.sinks.get("a").copied();
    clause.same("money owes nothing to sinks", nothing, Some(SinkCounts::default()));
}
