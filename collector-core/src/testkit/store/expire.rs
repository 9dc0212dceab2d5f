//! What may not be kept any longer is dropped: contract 23.

use std::sync::Arc;
use std::time::Duration;

use super::clause::Clause;
use super::domain::{Seen, handle, sec, uid};
use super::stage::{Call, HOUR, KIND, SOURCE, Stage, W1, answered, at, lane, profile};
use super::{Case, StoreHarness};
use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::sink::Change;
use crate::store::{Claimed, Enqueued, KeptAnswer, NoLookup, Place, ReadAgain, Tidied, Verdict};

/// The moment before which things are old, and one behind it.
const EDGE: i64 = 10_000;
const LATER: i64 = 20_000;
/// Another source.
const OTHER: &str = "other";
/// Longer than any case.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Drops what is old of a source, batch by batch.
async fn expire(stage: &Stage, source: &str, clause: Clause) -> Tidied {
    let (mut removed, mut place) = (Tidied::default(), Place::default());
    for _ in 0..1_000 {
        let batch = stage.store.expire(&W1.into(), (source, at(EDGE)), place, at(LATER)).await;
        let batch = answered("expire", batch);
        removed.add(&batch.removed);
        clause.same("it is done where there is no next place", batch.removed.done, batch.next.is_none());
        match batch.next {
            Some(next) => place = next,
            None => return removed,
        }
    }
    clause.holds("dropping comes to an end", false, place);
    removed
}

async fn answers(stage: &Stage) -> Vec<KeptAnswer> {
    answered("answers", stage.store.answers(None, None, 100).await)
}

/// Asks a task of the usual lane in a run of its own, and claims it.
async fn ask(stage: &Stage, subject: &str, now: Timestamp, clause: Clause) -> Claimed {
    let run = stage.begin(&format!("{subject}-{now}"), HOUR, now).await;
    clause.same("it is asked", stage.enqueue(run, vec![profile(subject)], now).await, vec![Enqueued::New]);
    let claimed = stage.claims(W1, &[lane(KIND, 1)], now).await.tasks.pop();
    clause.some("the task can be claimed", claimed)
}

/// What nobody else says is gone everywhere.
pub(super) async fn expire_all(harness: &dyn StoreHarness) {
    let clause = Case::Expire.clause();
    let stage = Stage::new(harness, &["sink"]).await;
    stage.see(Seen::saying("old").uid("1").handle("ana").on_day(19_600, 4), 10).await;
    let held = stage.claimed("broken", clause).await;
    let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: "cannot be read".into() };
    stage.commit(&Call::answering(&[held], at(12)).verdict(&dead), at(12)).await;
    stage.see(Seen::saying("young").uid("2").handle("bo"), LATER - 9).await;
    stage.drain("sink", at(LATER - 8)).await;
    let key = stage.known(&uid("1"), clause).await.record.key;

    let removed = expire(&stage, SOURCE, clause).await;
    let told = (removed.records, removed.sightings, removed.answers, removed.tasks);
    clause.same("records, sightings, answers and tasks", told, (1, 1, 2, 1));
    let gone = stage.drain("sink", at(LATER)).await;
    let deleted = matches!(gone.as_slice(), [Change::Delete { key: told, .. }] if *told == key);
    clause.holds("the sink is told", deleted, &gone);
    for id in [uid("1"), handle("ana")] {
        clause.same("nobody is found", stage.find(&id).await.is_none(), true);
    }
    clause.same("no days", answered("history", stage.store.history(key).await), vec![]);
    let counts = stage.counts().await;
    clause.same("one record and one sighting are left", (counts.entities, counts.sightings), (1, 1));
    let left: Vec<Timestamp> = answers(&stage).await.iter().map(|answer| answer.payload.at).collect();
    clause.same("and one answer", left, vec![at(LATER - 9)]);
    let letters: Vec<_> = stage.dead_letters().await.iter().map(|letter| letter.payload).collect();
    clause.same("the letter stays without its answer", letters, vec![None]);

    let again = expire(&stage, SOURCE, clause).await;
    clause.holds("nothing is left to be dropped", again.is_empty(), again);
    clause.same("nor to be told", stage.drain("sink", at(LATER)).await.len(), 0);
    stage.see(Seen::saying("heir").uid("3").handle("ana"), LATER + 10).await;
    let heir = stage.known(&handle("ana"), clause).await;
    clause.holds("the handle is free", heir.record.key != key && heir.lost.is_empty(), heir.record.key);
    stage.balanced(clause).await;
}

/// Whom others show, too, is merged anew from what they say.
pub(super) async fn expire_shared(harness: &dyn StoreHarness) {
    let clause = Case::ExpireShared.clause();
    let stage = Stage::new(harness, &["sink"]).await;
    let theirs = Seen::saying("theirs").uid("1").count(3);
    stage.observe(OTHER, vec![theirs], at(5), at(5), &NoLookup).await;
    let newer = Seen::saying("newer").uid("1").sec("s").handle("ana").count(9).on_day(19_600, 4);
    stage.see(newer, 10).await;
    stage.drain("sink", at(11)).await;
    let before = stage.known(&uid("1"), clause).await.record;
    clause.same("the newest speaks", before.entity.text.as_str(), "newer");

    let removed = expire(&stage, SOURCE, clause).await;
    let told = (removed.records, removed.sightings, removed.answers);
    clause.same("records, sightings, answers", told, (0, 1, 1));
    let known = stage.known(&uid("1"), clause).await;
    clause.same("it is the same record", known.record.key, before.key);
    clause.same("with a new version", known.record.version, before.version + 1);
    clause.same(
        "the other speaks",
        (known.record.entity.text.as_str(), known.sightings.len()),
        ("theirs", 1),
    );
    let ids: Vec<String> = known.ids.iter().map(ToString::to_string).collect();
    clause.same("with what it shows", ids, vec![uid("1").to_string()]);
    for id in [sec("s"), handle("ana")] {
        clause.same("what only the source showed is nobody's", stage.find(&id).await.is_none(), true);
    }
    let days: Vec<i32> =
        answered("history", stage.store.history(before.key).await).iter().map(|day| day.day).collect();
    clause.same("days before are gone", days, vec![at(0).day()]);
    let told: Vec<_> = stage.drain("sink", at(LATER)).await.iter().map(|change| change.version()).collect();
    clause.same("the sink is told", told, vec![before.version + 1]);
    stage.see(Seen::saying("heir").uid("3").handle("ana"), LATER + 10).await;
    clause.same("the handle is free", stage.known(&handle("ana"), clause).await.ids.strong, vec![uid("3")]);
    stage.balanced(clause).await;
}

/// What came again in time stays, and so does what others said, however old.
pub(super) async fn expire_keeps(harness: &dyn StoreHarness) {
    let clause = Case::ExpireKeeps.clause();
    let stage = Stage::new(harness, &["sink"]).await;
    let ana = || Seen::saying("ana").uid("1").handle("ana");
    for secs in [10, EDGE + 5_000] {
        let held = ask(&stage, "ana", at(secs), clause).await;
        stage.commit(&Call::answering(&[held], at(secs)).items([ana()]), at(secs)).await;
    }
    stage.observe(OTHER, vec![Seen::saying("bo").uid("2")], at(5), at(5), &NoLookup).await;
    stage.drain("sink", at(LATER)).await;
    let removed = expire(&stage, SOURCE, clause).await;
    clause.same("nothing that is seen", (removed.records, removed.sightings, removed.answers), (0, 0, 0));
    for (id, text) in [(uid("1"), "ana"), (uid("2"), "bo")] {
        let known = stage.known(&id, clause).await;
        clause.same("they are who they were", known.record.entity.text.as_str(), text);
    }
    clause.same("both answers", answers(&stage).await.len(), 2);
    clause.same("the sink is told nothing", stage.drain("sink", at(LATER)).await.len(), 0);
    stage.balanced(clause).await;
}

/// What was dropped is asked again and comes in as new; what is older does not come back.
pub(super) async fn expire_anew(harness: &dyn StoreHarness) {
    let clause = Case::ExpireAnew.clause();
    let stage = Stage::new(harness, &["sink"]).await;
    let ana = || Seen::saying("ana").uid("1").handle("ana");
    let held = stage.claimed("ana", clause).await;
    stage.commit(&Call::answering(&[held], at(10)).items([ana()]), at(10)).await;
    let kept = clause.some("the answer is kept", answers(&stage).await.pop());
    let late = stage.claimed("late", clause).await;
    stage.drain("sink", at(20)).await;
    expire(&stage, SOURCE, clause).await;
    stage.drain("sink", at(LATER)).await;

    let bo = Seen::saying("bo").uid("2").handle("bo");
    let call = Call::answering(&[late], at(11)).items([bo]);
    clause.same("what comes late is not said", stage.commit(&call, at(LATER + 1)).await.versions, 0);
    let again = ReadAgain {
        payload: kept.payload.id,
        source: Arc::clone(&kept.payload.source),
        at: kept.last_at,
        items: vec![ana()],
    };
    let read = stage.store.read_again(&W1.into(), vec![again], None, at(LATER + 2)).await;
    clause.same("nor what somebody has read before", answered("read_again", read).versions, 0);
    for id in [uid("1"), uid("2"), handle("ana"), handle("bo")] {
        clause.same("nobody is found", stage.find(&id).await.is_none(), true);
    }
    let bodies: Vec<usize> = answers(&stage).await.iter().map(|answer| answer.payload.body.len()).collect();
    clause.holds("no answer says anything", bodies.iter().all(|bytes| *bytes == 0), &bodies);
    clause.same("nobody is told", stage.drain("sink", at(LATER + 3)).await.len(), 0);

    let next = stage.begin("next", MONTH, at(LATER + 4)).await;
    let asked = stage.enqueue(next, vec![profile("ana")], at(LATER + 4)).await;
    clause.same("it is asked again, whatever was fresh", asked, vec![Enqueued::New]);
    let held = stage.claim(W1, 1, at(LATER + 5)).await;
    let new = stage.commit(&Call::answering(&held, at(LATER + 6)).items([ana()]), at(LATER + 6)).await;
    clause.same("a new answer and a new record", (new.blobs, new.versions), (1, 1));
    clause.same("which is found", stage.known(&handle("ana"), clause).await.sightings.len(), 1);
    stage.balanced(clause).await;
}
