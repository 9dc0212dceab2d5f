//! Dead letters made alive, and a store that is opened again: contract 11 and 12.

use super::clause::Clause;
use super::domain::{Seen, TestDomain, handle, sec, uid};
use super::stage::{
    Call, HOUR, Stage, TTL, W1, W2, answered, at, facts, in_state, lane, profile, profiles, settled, stored,
    subjects, worker,
};
use super::{Case, StoreHarness};
use crate::error::ErrorKind;
use crate::id::{DeadId, Digest, Name};
use crate::sink::Position;
use crate::store::{Fate, Parked, Reserved, RunSpec, Store, Verdict};
use crate::task::{Cost, Payload};

/// Dead letters become open tasks, once.
pub(super) async fn revive(harness: &dyn StoreHarness) {
    let clause = Case::Revive.clause();
    let stage = Stage::new(harness, &[]).await;
    for subject in ["a", "b", "c"] {
        let held = stage.claimed(subject, clause).await;
        let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: subject.into() };
        stage.commit(&Call::answering(&[held], at(2)).verdict(&dead), at(2)).await;
    }
    let letters = stage.dead_letters().await;
    clause.same("three were given up", letters.len(), 3);
    let chosen: Vec<DeadId> =
        letters.iter().filter(|letter| letter.message != "b").map(|letter| letter.id).collect();
    let unknown = DeadId(u64::from(u32::MAX));
    let asked = [chosen[0], chosen[1], chosen[0], unknown];
    clause.same("two are revived", answered("revive", stage.store.revive(&asked, at(3)).await), 2);
    clause.same(
        "the same again revives nobody",
        answered("revive", stage.store.revive(&asked, at(3)).await),
        0,
    );
    clause.same("none is none", answered("revive", stage.store.revive(&[], at(3)).await), 0);
    let left: Vec<_> = stage.dead_letters().await.into_iter().map(|letter| letter.message).collect();
    clause.same("the rest is still given up", left, vec!["b".to_owned()]);
    let counts = stage.counts().await;
    clause.same("dead letters, dead tasks", (counts.dead, in_state(&counts, "dead")), (1, 1));
    clause.same("the revived are open for their run", stage.run_state(stage.run, clause).await.open, 2);
    let claims = stage.claim(W1, 10, at(4)).await;
    clause.same("and can be claimed", subjects(&claims), vec!["a".to_owned(), "c".into()]);
    for claimed in &claims {
        let done = stage.commit(&Call::answering(std::slice::from_ref(claimed), at(5)), at(5)).await;
        clause.same("and answered", done.stale, vec![]);
    }
    clause.same("then nothing is open", stage.run_state(stage.run, clause).await.open, 0);
}

/// A record that a sink refused is owed to that sink again, as it is now, and to no other.
pub(super) async fn revive_record(harness: &dyn StoreHarness) {
    let clause = Case::ReviveRecord.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    stage.drain("b", at(2)).await;
    let taken = stage.take("a", W1, 10, at(2)).await;
    let refused = Fate::Rejected("too long".into());
    stage.settle("a", vec![settled(&taken[0], refused.clone())], at(3)).await;
    let letters = stage.dead_letters().await;
    let letter = clause.some("a refusal is a dead letter", letters.first());
    clause.same("of the record", letter.record, Some(taken[0].key()));
    let revive = async |now| answered("revive", stage.store.revive(&[letter.id, letter.id], now).await);
    clause.same("it is revived once", revive(at(4)).await, 1);
    clause.same("and then it is no letter", (stage.dead_letters().await.len(), revive(at(4)).await), (0, 0));
    // What is owed to nobody alive is taken over by who beats.
    answered("heartbeat", stage.store.heartbeat(&worker(W1).id, at(5)).await);
    let offered = stage.take("a", W1, 10, at(5)).await;
    let offered: Vec<_> = offered.iter().map(|change| (change.key(), change.version())).collect();
    clause.same("the sink is owed it again", offered, vec![(taken[0].key(), taken[0].version())]);
    clause.same("the other sink is not", stage.take("b", W1, 10, at(5)).await.len(), 0);
    stage.settle("a", vec![settled(&taken[0], stored())], at(6)).await;
    stage.balanced(clause).await;
    stage.see(Seen::saying("y").uid("1"), 7).await;
    let newer = stage.take("a", W1, 10, at(8)).await;
    stage.settle("a", vec![settled(&newer[0], refused)], at(8)).await;
    let letters = stage.dead_letters().await;
    let letter = clause.some("refused once more", letters.first());
    stage.see(Seen::saying("z").uid("1"), 9).await;
    clause.same(
        "revived beside a newer wish",
        answered("revive", stage.store.revive(&[letter.id], at(9)).await),
        1,
    );
    answered("heartbeat", stage.store.heartbeat(&worker(W1).id, at(10)).await);
    let offered = stage.take("a", W1, 10, at(10)).await;
    clause.same("it is offered once", offered.len(), 1);
    clause.holds("at the newest version", offered[0].version() > newer[0].version(), offered[0].version());
    stage.balanced(clause).await;
}

/// Everything committed is there after the process was killed and the store is opened again.
pub(super) async fn reopen(harness: &dyn StoreHarness) {
    let clause = Case::Reopen.clause();
    let mut stage = Stage::new(harness, &["images", "search"]).await;
    let held = fill(&stage, clause).await;
    let before = Told::of(&*stage.store).await;
    let Some(store) = harness.reopen().await else { return };
    stage.store = store;
    let after = Told::of(&*stage.store).await;
    clause.same("every count", after.counts, before.counts);
    clause.same("everybody", after.people, before.people);
    clause.same(
        "every dead letter with its answer",
        (after.letters, after.bodies),
        (before.letters, before.bodies),
    );
    clause.same("every parked account", (after.parked.len(), after.parked), (1, before.parked));
    work_goes_on(&stage, &held, clause).await;
}

/// Puts something of everything into the store; gives a task that stays claimed.
async fn fill(stage: &Stage, clause: Clause) -> crate::store::Claimed {
    stage
        .observe("one", vec![Seen::saying("x").uid("1").handle("h")], at(1), at(1), &crate::store::NoLookup)
        .await;
    stage.see(Seen::saying("y").sec("s"), 2).await;
    stage.see(Seen::saying("z").uid("2").sec("s").handle("h"), 3).await;
    let taken = stage.take("images", W1, 1, at(4)).await;
    let report = vec![settled(&taken[0], Fate::Stored(facts("avatar", "key")))];
    stage.settle_at("images", report, Some(Position("offset 7".into())), at(4)).await;
    stage.take("search", W1, 1, at(5)).await;

    let held = stage.claimed("dead", clause).await;
    let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: "no sense".into() };
    let call =
        Call::answering(&[held], at(6)).payload(Payload::new(vec![0_u8, 255, 7], at(6))).verdict(&dead);
    stage.commit(&call, at(6)).await;
    let park = Parked {
        account: "acct".into(),
        until: Some(at(900)),
        kind: ErrorKind::QuotaExhausted,
        reason: "used up".into(),
        since: at(6),
    };
    answered("park", stage.store.park(&park).await);
    let budget = super::commit::day_budget(10);
    answered("reserve", stage.store.reserve(&budget, Cost { units: 9, requests: 1 }, at(6)).await);
    let held = stage.claimed("held", clause).await;
    stage.add(vec![profile("ready"), profile("waiting").not_before(at(500))]).await;
    held
}

/// What the next process finds is good to work with.
async fn work_goes_on(stage: &Stage, held: &crate::store::Claimed, clause: Clause) {
    let budget = super::commit::day_budget(10);
    let full = Reserved::Until(budget.reset_after(at(8)));
    let spent =
        answered("reserve", stage.store.reserve(&budget, Cost { units: 2, requests: 1 }, at(8)).await);
    clause.same("what was booked is booked", spent, full);
    let spec = RunSpec { job: "main".into(), key: Digest::of(b"main"), fresh_for: HOUR };
    let begun = answered("begin_run", stage.store.begin_run(&spec, at(8)).await);
    clause.same("the run goes on", (begun.run, begun.resumed), (stage.run, true));

    let soon = stage.open(W2, &["images", "search"], at(9)).await;
    let place = Some(Position("offset 7".into()));
    clause.same("the sinks' places", (soon.positions, soon.taken_over), (vec![place, None], 0));
    let claims = stage.claims(W2, &[lane("profile", 10)], at(10)).await;
    clause.same("what is held is held, what waits waits", subjects(&claims.tasks), vec!["ready".to_owned()]);
    clause.same("until its time", claims.next_at, Some(at(500)));
    let late = at(10) + TTL + TTL;
    let opened = answered("open", stage.store.open(&worker("worker-4"), &[Name::from("search")], late).await);
    clause.holds("the dead process's claim is taken over", opened.taken_over >= 1, opened.taken_over);
    let claims = stage.claim("worker-4", 10, late).await;
    let again = clause.some("and can be claimed", claims.iter().find(|claimed| claimed.id == held.id));
    clause.holds("under a greater number", again.claim > held.claim, again.claim);
    let pending = stage.counts().await.sinks.get("search").map(|sink| sink.pending);
    let offered = stage.take("search", "worker-4", 100, late).await.len() as u64;
    clause.same("the change it had taken is owed again, with the rest", Some(offered), pending);
    stage.balanced(clause).await;
}

/// Everything a store tells.
struct Told {
    counts: crate::store::Counts,
    people: Vec<String>,
    letters: Vec<crate::store::DeadLetter>,
    bodies: Vec<Vec<u8>>,
    parked: Vec<Parked>,
}

impl Told {
    async fn of(store: &dyn Store<TestDomain>) -> Self {
        let mut people = Vec::new();
        for id in [uid("1"), uid("2"), sec("s"), handle("h")] {
            let known = answered("find", store.find(&id).await);
            let whole = known.map(|mut known| {
                known.sightings.sort_by(|a, b| (&a.source, &a.aspect).cmp(&(&b.source, &b.aspect)));
                format!("{:?} {:?} {:?} {:?}", known.record, known.ids, known.lost, known.sightings)
            });
            people.push(format!("{id}: {whole:?}"));
        }
        let letters = answered("dead_letters", store.dead_letters(100).await);
        let mut bodies = Vec::new();
        for id in letters.iter().filter_map(|letter| letter.payload) {
            let kept = answered("payload", store.payload(id).await);
            bodies.push(kept.map(|kept| kept.body.to_vec()).unwrap_or_default());
        }
        let counts = answered("counts", store.counts().await);
        Self { counts, people, letters, bodies, parked: answered("parked", store.parked().await) }
    }
}

/// Killed between any two steps of a small job and begun again, it ends as if nothing had happened.
pub(super) async fn killed(harness: &dyn StoreHarness) {
    let clause = Case::Killed.clause();
    let mut stage = Stage::new(harness, &["a"]).await;
    for round in 0_i64..8 {
        let name = format!("process-{round}");
        let now = round * 100;
        stage.open(&name, &["a"], at(now)).await;
        stage.run = stage.begin("main", HOUR * 24, at(now)).await;
        stage.add(profiles(6)).await;
        let claims = stage.claim(&name, 2, at(now + 1)).await;
        if let Some(first) = claims.first() {
            let seen = Seen::saying("x").uid(first.task.subject());
            let call = Call::answering(std::slice::from_ref(first), at(now + 2)).items([seen]);
            stage.commit_as(&name, &call, &crate::store::NoLookup, at(now + 2)).await;
        }
        let taken = stage.take("a", &name, 2, at(now + 3)).await;
        if let Some(first) = taken.first() {
            let outcome = vec![settled(first, stored())];
            answered(
                "settle",
                stage.store.settle("a", &name.as_str().into(), outcome, None, at(now + 3)).await,
            );
        }
        // Here the process dies, with a claim and a taken change in its hands.
        if let Some(store) = harness.reopen().await {
            stage.store = store;
        }
        stage.balanced(clause).await;
    }
    let state = stage.run_state(stage.run, clause).await;
    let seen = (state.open, state.counts.done, state.counts.answers, state.pending);
    clause.same("open, done, answers, pending", seen, (0, 6, 6, 0));
    let owed = stage.counts().await.sinks.get("a").copied().unwrap_or_default();
    clause.same("each person was stored once", (owed.wanted, owed.stored), (6, 6));
    let name = "process-8";
    stage.open(name, &["a"], at(2_000)).await;
    clause.same("nothing is left to do", stage.claim(name, 10, at(2_001)).await, vec![]);
}
