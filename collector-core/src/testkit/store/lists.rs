//! Lists, reading many at once, and letters that are forgotten: contract 11, 13, 14 and 20.

use super::domain::{Seen, handle, uid};
use super::stage::{Call, HOUR, SOURCE, Stage, answered, at, in_state, profile};
use super::{Case, StoreHarness};
use crate::error::ErrorKind;
use crate::id::{DeadId, Id, Ids, RecordKey};
use crate::store::{Enqueued, ListInfo, Stale, Verdict};

fn strong(value: &str) -> Ids {
    Ids { strong: vec![uid(value)], weak: vec![] }
}

fn both(number: &str, name: &str) -> Ids {
    Ids { strong: vec![uid(number)], weak: vec![handle(name)] }
}

/// A list is its members in order; who stays on it keeps the time; without members there is none.
pub(super) async fn lists(harness: &dyn StoreHarness) {
    let clause = Case::Lists.clause();
    let stage = Stage::new(harness, &[]).await;
    let put = async |name: &str, members: &[Ids], secs| {
        answered("put_list", stage.store.put_list(name, members, at(secs)).await);
    };
    let get = async |name: &str| answered("list", stage.store.list(name).await);
    clause.same("no list is there", answered("lists", stage.store.lists().await), vec![]);
    clause.same("an unknown list is none", get("spring").await, None);

    let many: Vec<Ids> = (0..700).map(|i| strong(&format!("{}", 9_000 - i))).collect();
    put("many", &many, 1).await;
    let read = clause.some("a list of 700", get("many").await);
    clause.same(
        "every member, in order",
        read.into_iter().map(|member| member.ids).collect::<Vec<_>>(),
        many,
    );

    put("봄 2026", &[both("2", "zoe"), strong("1"), strong("3")], 2).await;
    put("봄 2026", &[strong("3"), strong("4"), both("2", "renamed")], 5).await;
    let members = clause.some("the list", get("봄 2026").await);
    let told: Vec<_> = members.into_iter().map(|member| (member.ids, member.since)).collect();
    let expected = vec![(strong("3"), at(2)), (strong("4"), at(5)), (both("2", "renamed"), at(2))];
    clause.same("the new members in the new order, with their times", told, expected);
    let info = |name: &str, members, secs| ListInfo { name: name.to_owned(), members, changed: at(secs) };
    let all = answered("lists", stage.store.lists().await);
    clause.same("both are listed by name", all, vec![info("many", 700, 1), info("봄 2026", 3, 5)]);

    put("many", &[], 6).await;
    clause.same("without members it is gone", get("many").await, None);
    clause.same("from the overview, too", answered("lists", stage.store.lists().await).len(), 1);
    for (name, members) in [("", vec![strong("1")]), ("x", vec![Ids::none()])] {
        let refused = stage.store.put_list(name, &members, at(7)).await.err().map(|error| error.kind());
        clause.same("what is no list is refused", refused, Some(ErrorKind::ConfigInvalid));
    }
}

/// Owners, keys and records of many at once.
pub(super) async fn many(harness: &dyn StoreHarness) {
    let clause = Case::Many.clause();
    let stage = Stage::new(harness, &[]).await;
    for (i, name) in ["ana", "bo", "cy", "di"].into_iter().enumerate() {
        stage.see(Seen::saying(name).uid(format!("{i}")).handle(name), i as i64 + 1).await;
    }
    let ids: Vec<Id> = vec![handle("di"), uid("77"), uid("0"), handle("bo"), uid("1")];
    let owners = answered("owners", stage.store.owners(&ids).await);
    clause.same("one answer per identity", owners.len(), ids.len());
    clause.same("whose is nobody's", owners[1], None);
    clause.holds("a handle and a number of one person meet", owners[3] == owners[4], &owners);
    clause.holds("others are others", owners[0] != owners[2] && owners[2] != owners[3], &owners);

    let keys = async |after, max| answered("keys", stage.store.keys(after, max).await);
    let all = keys(None, 10).await;
    clause.same("every record", all.len(), 4);
    clause.holds("in order", all.is_sorted(), &all);
    let first = keys(None, 3).await;
    clause.same("as many as asked", &first[..], &all[..3]);
    clause.same("then the rest", keys(first.last().copied(), 3).await, vec![all[3]]);
    clause.same("then none", keys(all.last().copied(), 3).await, vec![]);

    let asked = [all[2], RecordKey(u64::from(u32::MAX)), all[0]];
    let known = answered("known", stage.store.known(&asked).await);
    let told: Vec<_> =
        known.iter().map(|known| (known.record.key, known.record.entity.text.clone())).collect();
    let expected = vec![(all[2], "cy".to_owned()), (all[0], "ana".to_owned())];
    clause.same("those that live, in the order asked", told, expected);
    clause.same("nothing of nobody", answered("known", stage.store.known(&[]).await).len(), 0);
    clause.same("no owner of nothing", answered("owners", stage.store.owners(&[]).await).len(), 0);
}

/// Discarded letters are gone, once; the next run asks again.
pub(super) async fn discard(harness: &dyn StoreHarness) {
    let clause = Case::Discard.clause();
    let stage = Stage::new(harness, &[]).await;
    for subject in ["a", "b"] {
        let held = stage.claimed(subject, clause).await;
        let dead = Verdict::Dead { kind: ErrorKind::Malformed, message: subject.into() };
        stage.commit(&Call::answering(&[held], at(2)).verdict(&dead), at(2)).await;
    }
    let letters = stage.dead_letters().await;
    let chosen: Vec<DeadId> =
        letters.iter().filter(|letter| letter.message == "a").map(|letter| letter.id).collect();
    let asked = [chosen[0], DeadId(u64::from(u32::MAX))];
    let discard = async |ids: &[DeadId]| answered("discard", stage.store.discard(ids).await);
    clause.same("the one that exists is discarded", discard(&asked).await, 1);
    clause.same("once", discard(&asked).await, 0);
    clause.same("nothing discards nothing", discard(&[]).await, 0);
    let left: Vec<_> = stage.dead_letters().await.into_iter().map(|letter| letter.message).collect();
    clause.same("the other is kept", left, vec!["b".to_owned()]);
    let counts = stage.counts().await;
    clause.same("its task stays given up", (counts.dead, in_state(&counts, "dead")), (1, 2));
    let next = stage.begin("next", HOUR, at(3)).await;
    let again = stage.enqueue(next, vec![profile("a")], at(3)).await;
    clause.same("the next run asks again", again, vec![Enqueued::New]);
}

/// Whose sighting of a side is old or missing, the oldest first, page by page.
pub(super) async fn stale(harness: &dyn StoreHarness) {
    let clause = Case::Stale.clause();
    let stage = Stage::new(harness, &[]).await;
    for (number, name, secs) in [("1", "ana", 50), ("2", "bo", 20), ("3", "cy", 30), ("4", "di", 20)] {
        stage.see(Seen::saying("x").uid(number).handle(name), secs).await;
    }
    // Known, but not from this side.
    stage.see(Seen::saying("x").uid("5").handle("el").aspect("list"), 25).await;
    // Seen again, so not stale any more.
    stage.see(Seen::saying("y").uid("3").handle("cy"), 60).await;
    let ask = async |before, after, max| {
        let told = stage.store.stale((SOURCE, "profile"), at(before), after, max).await;
        answered("stale", told)
    };
    let names = |stale: &[Stale]| -> Vec<String> {
        stale.iter().filter_map(|one| one.ids.get("t:handle").map(str::to_owned)).collect()
    };
    let all = ask(51, None, 10).await;
    clause.same(
        "nobody's word first, then the oldest, of one time by key",
        names(&all),
        words("el bo di ana"),
    );
    let times: Vec<_> = all.iter().map(|one| one.seen_at.as_millis()).collect();
    let expected = vec![0, at(20).as_millis(), at(20).as_millis(), at(50).as_millis()];
    clause.same("with the time of the last word", times, expected);
    clause.same("only what is older", names(&ask(50, None, 10).await), words("el bo di"));
    let first = ask(51, None, 2).await;
    clause.same("as many as asked", names(&first), words("el bo"));
    let after = first.last().map(|last| (last.seen_at, last.key));
    clause.same("then the rest", names(&ask(51, after, 10).await), words("di ana"));
    let other = answered("stale", stage.store.stale(("other", "profile"), at(1), None, 10).await);
    clause.same("of a source that said nothing everybody is asked", other.len(), 5);
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
