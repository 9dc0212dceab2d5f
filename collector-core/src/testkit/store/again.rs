//! Reading answers again, what is counted and remembered beside them, and erasing: contracts 17 to 19.

use super::domain::{Seen, handle, uid};
use super::stage::{Call, HOUR, Stage, W1, answered, at};
use super::{Case, StoreHarness};
use crate::id::{Ids, PayloadId};
use crate::sink::Change;
use crate::store::{Fill, KeptAnswer, ReadAgain};

async fn answers(stage: &Stage) -> Vec<KeptAnswer> {
    answered("answers", stage.store.answers(None, None, 100).await)
}

/// What a kept answer says again replaces what it said, and nothing that came later.
pub(super) async fn read_again(harness: &dyn StoreHarness) {
    let clause = Case::ReadAgain.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.see(Seen::saying("misread").uid("1").handle("ana"), 1).await;
    let kept = answers(&stage).await;
    clause.same("one answer is kept", kept.len(), 1);
    clause.same(
        "with what had been asked, and when it came",
        (kept[0].tasks.len(), kept[0].last_at),
        (1, at(1)),
    );
    let again = async |payload: PayloadId, secs, seen: Seen| {
        let said =
            ReadAgain { payload, source: kept[0].payload.source.clone(), at: at(secs), items: vec![seen] };
        answered("read_again", stage.store.read_again(&W1.into(), vec![said], None, at(50)).await)
    };
    let first = kept[0].payload.id;
    let right = Seen::saying("right").uid("1").handle("ana");
    clause.same("what it says now counts", again(first, 1, right.clone()).await.versions, 1);
    clause.same("once", again(first, 1, right.clone()).await.versions, 0);
    clause.same("words", stage.known(&uid("1"), clause).await.record.entity.text.clone(), "right".to_owned());

    stage.see(Seen::saying("later").uid("1").handle("ana"), 5).await;
    clause.same("it replaces nothing that came later", again(first, 1, right).await.versions, 0);
    stage.see(Seen::saying("other").uid("2").handle("ana"), 9).await;
    again(first, 1, Seen::saying("handle only").handle("ana").aspect("row")).await;
    let other = stage.known(&uid("2"), clause).await;
    clause.same("a handle that moved since is not its new owner's", other.sightings.len(), 1);
    let theirs = stage.known(&uid("1"), clause).await;
    clause.same("but of whom the answer showed", theirs.sightings.len(), 2);
    clause.same("nothing is opened", super::stage::open_tasks(&stage.counts().await), 0);
    clause.same("and no answer added", answers(&stage).await.len(), 3);
    let behind = answered("answers", stage.store.answers(None, Some(first), 1).await);
    clause.holds("answers come in their order", behind.len() == 1 && behind[0].payload.id > first, &behind);
    let none = answered("answers", stage.store.answers(Some("nobody"), None, 9).await);
    clause.same("of one source alone", none, vec![]);
}

/// Notes are kept until they are replaced or taken away.
pub(super) async fn notes(harness: &dyn StoreHarness) {
    let clause = Case::Notes.clause();
    let stage = Stage::new(harness, &[]).await;
    let note = async |name: &str| answered("note", stage.store.note(name).await);
    clause.same("none is there", note("a").await, None);
    for text in ["1", "{\"후\": 2}"] {
        answered("put_note", stage.store.put_note("a", Some(text)).await);
        clause.same("the last one is kept", note("a").await.as_deref(), Some(text));
    }
    answered("read_again", stage.store.read_again(&W1.into(), vec![], Some(("b", "3")), at(1)).await);
    clause.same("one that came with an answer, too", note("b").await.as_deref(), Some("3"));
    answered("put_note", stage.store.put_note("a", None).await);
    clause.same("gone", (note("a").await, note("b").await.is_some()), (None, true));
}

/// Fills add up by source, kind and day.
pub(super) async fn fills(harness: &dyn StoreHarness) {
    let clause = Case::Fills.clause();
    let stage = Stage::new(harness, &[]).await;
    let fill = |source: &str, day, answers, name: &str| Fill {
        source: source.into(),
        kind: "profile".into(),
        day,
        answers,
        items: 2 * answers,
        filled: [(name.to_owned(), answers)].into(),
    };
    let add = async |fills: &[Fill]| answered("add_fills", stage.store.add_fills(fills).await);
    add(&[fill("a", 7, 3, "name"), fill("b", 7, 1, "name"), fill("a", 7, 2, "bio")]).await;
    add(&[fill("a", 7, 5, "name"), fill("a", 9, 1, "name")]).await;
    let since = async |day| answered("fills", stage.store.fills(day).await);
    let mut sum = fill("a", 7, 8, "name");
    sum.add(&fill("a", 7, 2, "bio"));
    clause.same("the sums", since(7).await, vec![sum, fill("a", 9, 1, "name"), fill("b", 7, 1, "name")]);
    clause.same("since a day", since(8).await, vec![fill("a", 9, 1, "name")]);
    answered("forget_fills", stage.store.forget_fills("a").await);
    clause.same("forgotten for one source", since(0).await, vec![fill("b", 7, 1, "name")]);
}

/// Nothing is left of somebody who was erased, and nothing brings them back.
pub(super) async fn erase(harness: &dyn StoreHarness) {
    const BOTH: &str =
        "{\"rows\":[{\"uid\":\"1111111\",\"handle\":\"ana_1\"},{\"uid\":\"2222222\",\"handle\":\"bo_2\"}]}";
    let clause = Case::Erase.clause();
    let stage = Stage::new(harness, &["sink"]).await;
    let ana = || Seen::saying("ana").uid("1111111").handle("ana_1");
    let bo = || Seen::saying("bo").uid("2222222").handle("bo_2");
    let show = async |subject: &str, secs| {
        let held = stage.claimed(subject, clause).await;
        stage.commit(&Call::answering(&[held], at(secs)).body(BOTH).items([ana(), bo()]), at(secs)).await;
    };
    show("page", 2).await;
    stage.drain("sink", at(3)).await;
    let ids = |number: &str| Ids { strong: vec![uid(number)], weak: vec![] };
    let put = stage.store.put_list("both", &[ids("1111111"), ids("2222222")], at(3)).await;
    answered("put_list", put);
    let key = stage.known(&uid("1111111"), clause).await.record.key;

    let who = Ids { strong: vec![uid("1111111")], weak: vec![handle("ana_1")] };
    let erased = answered("erase", stage.store.erase(&W1.into(), &who, at(4)).await);
    clause.same("the record", erased.records.clone(), vec![key]);
    clause.same("an answer that shows others is written again", erased.answers_rewritten, 1);
    let gone = stage.drain("sink", at(5)).await;
    clause.holds(
        "the sink is told",
        matches!(gone.as_slice(), [Change::Delete { key: told, .. }] if *told == key),
        &gone,
    );
    let check = async |when: &str| {
        clause.same(when, stage.find(&uid("1111111")).await.is_none(), true);
        clause.same(when, stage.find(&handle("ana_1")).await.is_none(), true);
        clause.same(
            "others stay",
            stage.known(&uid("2222222"), clause).await.record.entity.text.clone(),
            "bo".to_owned(),
        );
        clause.same("one is left", stage.counts().await.entities, 1);
        for answer in answers(&stage).await {
            let body = String::from_utf8_lossy(&answer.payload.body).into_owned();
            let traces = body.contains("1111111") || body.contains("ana_1");
            clause.holds("no answer shows them", !traces && body.contains("bo_2"), &body);
        }
    };
    check("nobody is found").await;
    let members = clause.some("the list", answered("list", stage.store.list("both").await));
    clause.same("is others'", members.len(), 1);
    clause.same("no days", answered("history", stage.store.history(key).await), vec![]);

    stage.begin("next", HOUR, at(6)).await;
    show("another page", 7).await;
    check("nobody comes back").await;
    clause.same("nor by the handle alone", stage.see(Seen::saying("x").handle("ana_1"), 8).await.versions, 0);
    stage.see(Seen::saying("heir").uid("3333333").handle("ana_1"), 9).await;
    let heir = stage.find(&uid("3333333")).await.is_some();
    clause.same("somebody else may have the handle", heir, true);
    stage.balanced(clause).await;
}
