//! What is owed to sinks: contract 8 and 9.

use std::collections::BTreeSet;

use super::clause::Clause;
use super::domain::{Person, Seen, uid};
use super::stage::{Call, HOUR, Stage, W1, W2, at, facts, in_state, profile, settled, stored, subjects};
use super::{Case, StoreHarness};
use crate::error::ErrorKind;
use crate::sink::{Change, Facts};
use crate::store::{Fate, NoLookup, Settled, SinkCounts};

fn record(changes: &[Change<Person>]) -> Option<(u64, String, Facts)> {
    match changes {
        [Change::Put(record)] => Some((record.version, record.entity.text.clone(), record.facts.clone())),
        _ => None,
    }
}

async fn balance(stage: &Stage, sink: &str, clause: Clause) -> SinkCounts {
    clause.some(format_args!("sink `{sink}` is counted"), stage.counts().await.sinks.get(sink).copied())
}

/// Changes are handed out as they are now, a few at a time, per sink.
pub(super) async fn take_pending(harness: &dyn StoreHarness) {
    let clause = Case::TakePending.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    clause.same("nothing is owed yet", stage.take("a", W1, 10, at(0)).await.len(), 0);
    for (secs, round) in [(1, "one"), (2, "two"), (3, "last")] {
        for id in ["1", "2", "3", "4", "5"] {
            stage.see(Seen::saying(round).uid(id), secs).await;
        }
    }
    clause.same("no more than asked for", stage.take("a", W1, 0, at(4)).await.len(), 0);
    let mut taken = stage.take("a", W1, 2, at(4)).await;
    clause.same("a first part", taken.len(), 2);
    taken.extend(stage.take("a", W1, 100, at(4)).await);
    let keys: BTreeSet<_> = taken.iter().map(Change::key).collect();
    clause.same("each person once", (taken.len(), keys.len()), (5, 5));
    for change in &taken {
        let (version, text, _) = clause.some("a living person is put", record(std::slice::from_ref(change)));
        clause.same("the newest version only", text, "last".to_owned());
        clause.holds("its number has grown", version >= 3, version);
    }
    clause.same("another sink is owed on its own", stage.take("b", W1, 100, at(4)).await.len(), 5);
    let owed = balance(&stage, "a", clause).await;
    clause.same("taken is still pending", owed.pending, 5);
    clause.same("replaced wishes are superseded", owed.superseded, owed.wanted - 5);
    clause.same("an unknown sink is owed nothing", stage.take("nobody", W1, 10, at(4)).await.len(), 0);
    let later = stage.begin("later", HOUR, at(5)).await;
    let waits_for = stage.run_state(later, clause).await.pending;
    clause.same("a run waits for what was owed when it began", waits_for, 5);
    stage.balanced(clause).await;
}

/// Workers that take at once never get the same change; one that is taken is not given again.
pub(super) async fn take_once(harness: &dyn StoreHarness) {
    let clause = Case::TakeOnce.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.open(W2, &["a"], at(0)).await;
    // A store may keep what a worker committed for that worker, so both commit half.
    stage.add(vec![profile("half-1"), profile("half-2")]).await;
    for (half, name) in [W1, W2].into_iter().enumerate() {
        let claims = stage.claim(name, 1, at(1)).await;
        let people = (0..15).map(|i| Seen::saying("x").uid(format!("{half}-{i}")));
        let call = Call::answering(&claims, at(1)).items(people);
        stage.commit_as(name, &call, &NoLookup, at(1)).await;
    }
    let mut all = Vec::new();
    for secs in 2..12 {
        let (one, two) = tokio::join!(stage.take("a", W1, 4, at(secs)), stage.take("a", W2, 4, at(secs)));
        all.extend(one.into_iter().chain(two));
    }
    let keys: BTreeSet<_> = all.iter().map(Change::key).collect();
    clause.same("no change is given to two callers, none is forgotten", (all.len(), keys.len()), (30, 30));
    clause.same("what is taken is not given again", stage.take("a", W1, 10, at(13)).await.len(), 0);
    let half: Vec<_> = all.iter().take(15).map(|change| settled(change, stored())).collect();
    stage.settle("a", half, at(14)).await;
    clause.same("what is settled neither", stage.take("a", W2, 10, at(15)).await.len(), 0);
    clause.same("the rest is still owed", balance(&stage, "a", clause).await.pending, 15);
    stage.balanced(clause).await;
}

/// What is still owed is offered again at its time, not before.
pub(super) async fn pending_not_before(harness: &dyn StoreHarness) {
    let clause = Case::PendingNotBefore.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    stage.see(Seen::saying("y").uid("2"), 2).await;
    let taken = stage.take("a", W1, 10, at(3)).await;
    let owed = |secs| Fate::Owed { not_before: at(secs), ask: vec![] };
    stage.settle("a", vec![settled(&taken[0], owed(100)), settled(&taken[1], owed(3))], at(3)).await;
    let offered = stage.take("a", W1, 10, at(99)).await;
    clause.same("before its time only the other is offered", keys(&offered), vec![taken[1].key()]);
    let offered = stage.take("a", W1, 10, at(100)).await;
    clause.same("at its time it is offered", keys(&offered), vec![taken[0].key()]);
    clause.same("the same version", offered[0].version(), taken[0].version());
    clause.same("it was pending all the time", balance(&stage, "a", clause).await.pending, 2);
    stage.balanced(clause).await;
}

fn keys(changes: &[Change<Person>]) -> Vec<crate::id::RecordKey> {
    changes.iter().map(Change::key).collect()
}

/// An expired link: the change stays owed and the tasks that mend it are open.
pub(super) async fn refresh(harness: &dyn StoreHarness) {
    let clause = Case::Refresh.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("expired").uid("1"), 1).await;
    let newest = stage.begin("newest", super::stage::HOUR, at(2)).await;
    let taken = stage.take("a", W1, 10, at(3)).await;
    let fate = Fate::Owed { not_before: at(60), ask: vec![profile("ask again")] };
    stage.settle("a", vec![settled(&taken[0], fate)], at(4)).await;
    let claims = stage.claim(W1, 10, at(5)).await;
    clause.same("what mends it is asked", subjects(&claims), vec!["ask again".to_owned()]);
    clause.same("for the newest run", claims[0].run, newest);
    clause.same("whose open task it is", stage.run_state(newest, clause).await.open, 1);
    clause.same("until then nothing is offered", stage.take("a", W1, 10, at(59)).await.len(), 0);
    clause.same("and it stays owed", balance(&stage, "a", clause).await.pending, 1);
    stage.balanced(clause).await;
}

/// What is stored is owed no more; what is replaced by the sink's own newer version neither.
pub(super) async fn settle(harness: &dyn StoreHarness) {
    let clause = Case::Settle.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    for id in ["1", "2", "3"] {
        stage.see(Seen::saying("x").uid(id), 1).await;
    }
    let taken = stage.take("a", W1, 10, at(2)).await;
    let mut fates: Vec<_> = taken.iter().map(|change| settled(change, stored())).collect();
    fates[2].fate = Fate::Superseded;
    let unknown = Settled { key: crate::id::RecordKey(u64::from(u32::MAX)), version: 1, fate: stored() };
    fates.push(unknown);
    stage.settle("a", fates.clone(), at(3)).await;
    let expected = SinkCounts { wanted: 3, stored: 2, superseded: 1, ..SinkCounts::default() };
    clause.same("stored and superseded are counted", balance(&stage, "a", clause).await, expected);
    clause.same("the other sink is owed all the same", balance(&stage, "b", clause).await.pending, 3);
    stage.settle("a", fates, at(4)).await;
    clause.same("settling twice counts once", balance(&stage, "a", clause).await, expected);
    clause.same("nothing is offered again", stage.take("a", W1, 10, at(1_000)).await.len(), 0);
    stage.balanced(clause).await;
}

/// A newer version that came while the older one was written stays owed.
pub(super) async fn settle_old(harness: &dyn StoreHarness) {
    let clause = Case::SettleOld.clause();
    for fate in [stored(), Fate::Superseded, Fate::Owed { not_before: at(2), ask: vec![] }] {
        let stage = Stage::new(harness, &["a"]).await;
        stage.see(Seen::saying("old").uid("1"), 1).await;
        let old = stage.take("a", W1, 10, at(2)).await;
        stage.see(Seen::saying("new").uid("1"), 3).await;
        let before = balance(&stage, "a", clause).await;
        clause.same("both were wanted, one is pending", (before.wanted, before.pending), (2, 1));
        stage.settle("a", vec![settled(&old[0], fate.clone())], at(4)).await;
        let after = balance(&stage, "a", clause).await;
        let what = format_args!("after {fate:?} of the old version the newer one");
        clause.same(format_args!("{what} is still owed"), (after.pending, after.rejected), (1, 0));
        let offered = stage.take("a", W1, 10, at(5)).await;
        let (version, text, _) = clause.some(format_args!("{what} is offered"), record(&offered));
        clause.same("as it is", text, "new".to_owned());
        clause.holds("under its own number", version > old[0].version(), version);
        stage.settle("a", vec![settled(&old[0], stored())], at(6)).await;
        clause.same("an old settlement again clears nothing", balance(&stage, "a", clause).await.pending, 1);
        let again = stage.take("a", W1, 10, at(6)).await.len();
        clause.same("nor gives it what is taken to a second caller", again, 0);
        stage.settle("a", vec![settled(&offered[0], stored())], at(7)).await;
        clause.same("its own settlement clears it", balance(&stage, "a", clause).await.pending, 0);
        stage.balanced(clause).await;
    }
}

/// What a sink reports becomes part of the record, as a new version for the others.
pub(super) async fn facts_spread(harness: &dyn StoreHarness) {
    let clause = Case::Facts.clause();
    let stage = Stage::new(harness, &["images", "search"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    let taken = stage.take("images", W1, 10, at(2)).await;
    stage.drain("search", at(2)).await;
    let picture = Fate::Stored(facts("avatar", "key-1"));
    stage.settle("images", vec![settled(&taken[0], picture.clone())], at(3)).await;
    clause.same(
        "the reporting sink is not owed its own facts",
        stage.take("images", W1, 10, at(4)).await.len(),
        0,
    );
    let offered = stage.take("search", W1, 10, at(4)).await;
    let (version, text, seen) = clause.some("the other sink is owed the record again", record(&offered));
    clause.same("with the facts", (text.as_str(), seen), ("x", facts("avatar", "key-1")));
    clause.holds("as a newer version", version > taken[0].version(), version);
    let known = stage.known(&uid("1"), clause).await.record;
    clause.same(
        "which the record has",
        (known.version, known.facts.clone()),
        (version, facts("avatar", "key-1")),
    );
    clause.same("the sink that reported has stored it", balance(&stage, "images", clause).await.stored, 1);

    let other = Fate::Stored(facts("language", "ko"));
    stage.settle("search", vec![settled(&offered[0], other)], at(5)).await;
    let both: Facts = facts("avatar", "key-1").into_iter().chain(facts("language", "ko")).collect();
    let offered = stage.take("images", W1, 10, at(6)).await;
    let (version, _, seen) = clause.some("facts of the other sink are owed to the first", record(&offered));
    clause.same("facts of both sinks stand side by side", seen, both.clone());
    stage.settle("images", vec![settled(&offered[0], picture)], at(7)).await;
    clause.same(
        "the same facts again are no version",
        stage.known(&uid("1"), clause).await.record.version,
        version,
    );
    clause.same("and owed to nobody", stage.take("search", W1, 10, at(8)).await.len(), 0);

    stage.see(Seen::saying("changed").uid("1"), 9).await;
    let offered = stage.take("search", W1, 10, at(10)).await;
    let (_, text, seen) = clause.some("a change of the entity is owed", record(&offered));
    clause.same("facts stay with the record", (text.as_str(), seen), ("changed", both));
    stage.balanced(clause).await;
}

/// A refusal is a dead letter and owed no more, until the record changes.
pub(super) async fn rejected(harness: &dyn StoreHarness) {
    let clause = Case::Rejected.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    stage.see(Seen::saying("x").uid("1"), 1).await;
    let taken = stage.take("a", W1, 10, at(2)).await;
    let refused = vec![settled(&taken[0], Fate::Rejected("field `text` is too long".into()))];
    stage.settle("a", refused.clone(), at(3)).await;
    let expected = SinkCounts { wanted: 1, rejected: 1, ..SinkCounts::default() };
    clause.same("a refusal is counted", balance(&stage, "a", clause).await, expected);
    clause.same("the other sink is owed all the same", balance(&stage, "b", clause).await.pending, 1);
    let letters = stage.dead_letters().await;
    clause.same("it is a dead letter", letters.len(), 1);
    let letter = clause.some("which is listed", letters.first());
    clause.same(
        "of the sink, without task",
        (letter.part.as_str(), letter.task.clone(), letter.at),
        ("a", None, at(3)),
    );
    clause.same("as a refusal", letter.kind, ErrorKind::Rejected);
    let tells = letter.message.contains("field `text` is too long");
    clause.holds("with the sink's reason", tells, &letter.message);
    let counts = stage.counts().await;
    clause.same("it is counted, and no task is dead", (counts.dead, in_state(&counts, "dead")), (1, 0));
    stage.settle("a", refused, at(4)).await;
    clause.same("twice is once", stage.counts().await.dead, 1);
    clause.same("it is not offered again", stage.take("a", W1, 10, at(1_000)).await.len(), 0);
    stage.see(Seen::saying("shorter").uid("1"), 1_001).await;
    let offered = stage.take("a", W1, 10, at(1_002)).await;
    let (_, text, _) = clause.some("a newer version is offered", record(&offered));
    clause.same("as it is", text, "shorter".to_owned());
    stage.balanced(clause).await;
}

/// The balance holds after every step, also for several sinks with several fates.
pub(super) async fn balance_holds(harness: &dyn StoreHarness) {
    let clause = Case::Balance.clause();
    let stage = Stage::new(harness, &["a", "b", "idle"]).await;
    for round in 0..6_i64 {
        let now = 10 * round;
        for i in 0..4 + round {
            stage.see(Seen::saying(format!("round {round}")).uid(format!("{i}")), now + 1).await;
            stage.balanced(clause).await;
        }
        for sink in ["a", "b"] {
            let taken = stage.take(sink, W1, 3, at(now + 2)).await;
            for (i, change) in taken.iter().enumerate() {
                let fate = match (i + usize::from(sink == "b")) % 4 {
                    0 => stored(),
                    1 => Fate::Superseded,
                    2 => Fate::Rejected("no".into()),
                    _ => Fate::Owed { not_before: at(now + 5), ask: vec![] },
                };
                stage.settle(sink, vec![settled(change, fate)], at(now + 3)).await;
                stage.balanced(clause).await;
            }
        }
    }
    let counts = stage.counts().await;
    let idle = balance(&stage, "idle", clause).await;
    clause.same("every version is owed to every sink", idle.wanted, counts.versions);
    clause.same("what nobody took is pending, once a person", idle.pending, counts.entities);
    for sink in ["a", "b"] {
        let owed = balance(&stage, sink, clause).await;
        clause.same("also to those that settle", owed.wanted, counts.versions);
        clause.holds("refusals are counted", owed.rejected > 0, owed);
    }
    let dead = counts.sinks.values().map(|sink| sink.rejected).sum();
    clause.same("a refusal is a dead letter", counts.dead, dead);
}
