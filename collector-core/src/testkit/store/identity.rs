//! Who is who: contract 7, joins, moved handles and the order of sightings.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::clause::Clause;
use super::domain::{Person, Seen, TestDomain, handle, sec, uid};
use super::stage::{SOURCE, Stage, W1, answered, at, lane, profile, subjects};
use super::{Case, StoreHarness};
use crate::clock::Timestamp;
use crate::domain::Lost;
use crate::id::{Id, Ids, RecordKey};
use crate::sink::Change;
use crate::store::{Known, Lookup, NoLookup};
use crate::task::Task;

/// A lookup that asks for one task a reason, and remembers whom it was asked about.
#[derive(Debug, Default)]
struct Asking {
    moved: Mutex<Vec<Ids>>,
    grown: Mutex<Vec<Ids>>,
}

impl Asking {
    fn note(list: &Mutex<Vec<Ids>>, ids: &Ids) {
        match list.lock() {
            Ok(mut list) => list.push(ids.clone()),
            Err(poisoned) => poisoned.into_inner().push(ids.clone()),
        }
    }

    fn told(list: &Mutex<Vec<Ids>>) -> Vec<Ids> {
        match list.lock() {
            Ok(mut list) => std::mem::take(&mut *list),
            Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
        }
    }

    fn task(reason: &str, ids: &Ids) -> Task {
        let subject = ids.strongest().map(Id::to_string).unwrap_or_default();
        profile(&format!("{reason} {subject} {}", ids.strong.len()))
    }
}

impl Lookup for Asking {
    fn moved(&self, ids: &Ids) -> Vec<Task> {
        Self::note(&self.moved, ids);
        vec![Self::task("moved", ids)]
    }

    fn grown(&self, ids: &Ids) -> Vec<Task> {
        Self::note(&self.grown, ids);
        vec![Self::task("grown", ids)]
    }
}

fn put(changes: &[Change<Person>], key: RecordKey) -> Option<(u64, Person)> {
    changes.iter().find_map(|change| match change {
        Change::Put(record) if record.key == key => Some((record.version, record.entity.as_ref().clone())),
        _ => None,
    })
}

fn deleted(changes: &[Change<Person>]) -> Vec<(RecordKey, u64)> {
    let gone = |change: &Change<Person>| match change {
        Change::Delete { key, version } => Some((*key, *version)),
        Change::Put(_) => None,
    };
    changes.iter().filter_map(gone).collect()
}

/// Two records turn out to be one: the loser is deleted at every sink, its sightings count for the winner.
pub(super) async fn join(harness: &dyn StoreHarness) {
    let clause = Case::Join.clause();
    let stage = Stage::new(harness, &["a", "b"]).await;
    stage.observe("one", vec![Seen::saying("by number").uid("1")], at(1), at(1), &NoLookup).await;
    stage.observe("two", vec![Seen::saying("by key").sec("s").handle("h")], at(2), at(2), &NoLookup).await;
    let number = stage.known(&uid("1"), clause).await.record;
    let key = stage.known(&sec("s"), clause).await.record;
    clause.holds("nothing shows yet that both are one", number.key != key.key, (number.key, key.key));
    for sink in ["a", "b"] {
        clause.same("both are stored", stage.drain(sink, at(3)).await.len(), 2);
    }
    let both = Seen::saying("both").uid("1").sec("s");
    let done = stage.observe("three", vec![both], at(4), at(4), &NoLookup).await;
    clause.same("the item changed an entity", (done.changed, done.unchanged), (1, 0));
    let winner = stage.known(&uid("1"), clause).await;
    clause.same(
        "both identities lead to one record",
        stage.known(&sec("s"), clause).await.record.key,
        winner.record.key,
    );
    clause.same(
        "and so does one that only the loser has shown",
        stage.known(&handle("h"), clause).await.record.key,
        winner.record.key,
    );
    clause.same("one entity is left", stage.counts().await.entities, 1);
    let ids = async |key| answered("ids", stage.store.ids(key).await);
    clause.same("whose identities both are", ids(winner.record.key).await.as_ref(), Some(&winner.ids));
    clause.same("by number and by key", winner.ids.strong.clone(), vec![uid("1"), sec("s")]);
    let sources: BTreeSet<_> = winner.sightings.iter().map(|s| s.source.to_string()).collect();
    let expected: BTreeSet<_> = ["one", "three", "two"].map(String::from).into();
    clause.same("all sightings count for it", sources, expected);
    let told: BTreeSet<_> = winner.record.entity.seen.iter().map(|(source, _)| source.clone()).collect();
    clause.same("in the merged view too", told.len(), 3);

    let loser = if winner.record.key == number.key { &key } else { &number };
    let former = if winner.record.key == number.key { &number } else { &key };
    clause.holds(
        "the winner is one of the two",
        [number.key, key.key].contains(&winner.record.key),
        winner.record.key,
    );
    clause.same("the loser has none any more", ids(loser.key).await, None);
    for sink in ["a", "b"] {
        let taken = stage.drain(sink, at(5)).await;
        let gone = deleted(&taken);
        clause.same(
            format_args!("`{sink}` deletes the loser"),
            gone.iter().map(|g| g.0).collect(),
            vec![loser.key],
        );
        clause.holds("under a newer version than it has", gone.iter().all(|g| g.1 > loser.version), gone);
        let (version, _) =
            clause.some(format_args!("`{sink}` gets the winner"), put(&taken, winner.record.key));
        clause.holds("under a newer version than it has", version > former.version, version);
        clause.same("and nothing else", taken.len(), 2);
    }
    stage.see(Seen::saying("new").uid("9"), 6).await;
    let next = stage.known(&uid("9"), clause).await.record.key;
    clause.holds("a key is never given again", next != loser.key && next != winner.record.key, next);
    stage.balanced(clause).await;
}

/// A join before the sinks knew of the loser leaves them with the winner alone.
pub(super) async fn join_unsettled(harness: &dyn StoreHarness) {
    let clause = Case::JoinUnsettled.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("1").uid("1"), 1).await;
    stage.see(Seen::saying("s").sec("s").aspect("row"), 2).await;
    let held = stage.take("a", W1, 1, at(3)).await;
    stage.see(Seen::saying("both").uid("1").sec("s"), 4).await;
    stage
        .settle("a", held.iter().map(|c| super::stage::settled(c, super::stage::stored())).collect(), at(5))
        .await;
    let mut world = std::collections::BTreeMap::new();
    for change in held {
        apply(&mut world, &change);
    }
    for secs in 6..9 {
        for change in stage.drain("a", at(secs)).await {
            apply(&mut world, &change);
        }
    }
    let winner = stage.known(&uid("1"), clause).await.record;
    let living: Vec<_> =
        world.into_iter().filter_map(|(key, (_, text))| text.map(|text| (key, text))).collect();
    clause.same("the sink ends with the winner alone", living, vec![(winner.key, "both".to_owned())]);
    clause.same("nothing is pending", stage.counts().await.sinks.get("a").map(|sink| sink.pending), Some(0));
    stage.balanced(clause).await;
}

/// What a sink does: newer versions win, a deletion is a version.
fn apply(world: &mut std::collections::BTreeMap<RecordKey, (u64, Option<String>)>, change: &Change<Person>) {
    let text = match change {
        Change::Put(record) => Some(record.entity.text.clone()),
        Change::Delete { .. } => None,
    };
    let entry = world.entry(change.key()).or_insert((0, None));
    if change.version() >= entry.0 {
        *entry = (change.version(), text);
    }
}

/// A handle belongs to whoever showed it last; the former owner loses it and is looked up.
pub(super) async fn moved(harness: &dyn StoreHarness) {
    let clause = Case::Moved.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("first").uid("1").handle("h"), 1).await;
    stage.drain("a", at(2)).await;
    let former = stage.known(&uid("1"), clause).await.record;
    clause.same("the first owner has the handle", former.entity.handle.as_deref(), Some("h"));
    let asking = Asking::default();
    stage.observe(SOURCE, vec![Seen::saying("second").uid("2").handle("h")], at(10), at(11), &asking).await;

    let (one, two) = (stage.known(&uid("1"), clause).await, stage.known(&uid("2"), clause).await);
    clause.holds(
        "two numbers are two people",
        one.record.key != two.record.key,
        (one.record.key, two.record.key),
    );
    clause.same("the first stays who it was", one.record.key, former.key);
    clause.same(
        "the handle leads to the second",
        stage.known(&handle("h"), clause).await.record.key,
        two.record.key,
    );
    clause.same("who shows it", two.record.entity.handle.as_deref(), Some("h"));
    clause.same("the first has lost it", one.record.entity.handle.clone(), None);
    clause.same(
        "since the second was seen with it",
        one.lost.clone(),
        vec![Lost { id: handle("h"), since: at(10) }],
    );
    clause.holds("it is none of its identities any more", !one.ids.weak.contains(&handle("h")), &one.ids);
    let taken = stage.drain("a", at(12)).await;
    let (version, person) = clause.some("the sink is told of the first", put(&taken, one.record.key));
    clause.same("without handle", person.handle, None);
    clause.holds("as a newer version", version > former.version, version);
    clause.holds("and of the second", put(&taken, two.record.key).is_some(), taken.len());

    let told = Asking::told(&asking.moved);
    clause.same("the former owner is looked up once", told.len(), 1);
    clause.same("by its strong identity", told.first().map(|ids| ids.strong.clone()), Some(vec![uid("1")]));
    let open = subjects(&stage.claims(W1, &[lane("profile", 10)], at(13)).await.tasks);
    clause.holds("the task is open with the commit", open.contains(&"moved t:uid:1 1".to_owned()), open);

    stage.see(Seen::saying("back").uid("1").handle("h"), 20).await;
    let (one, two) = (stage.known(&uid("1"), clause).await, stage.known(&uid("2"), clause).await);
    clause.same("it can move back", stage.known(&handle("h"), clause).await.record.key, one.record.key);
    clause.same("to who has it", one.record.entity.handle.as_deref(), Some("h"));
    clause.same("and no longer misses it", one.lost, vec![]);
    clause.same("from who loses it", (two.record.entity.handle.clone(), two.lost.len()), (None, 1));
    stage.balanced(clause).await;
}

/// Who has more identities than before is asked about again, in the same transaction; others are not.
pub(super) async fn grown(harness: &dyn StoreHarness) {
    let clause = Case::Grown.clause();
    let stage = Stage::new(harness, &[]).await;
    let asking = Asking::default();
    let see = |seen: Seen, secs| stage.observe(SOURCE, vec![seen], at(secs), at(secs), &asking);
    see(Seen::saying("x").uid("1"), 1).await;
    Asking::told(&asking.grown);
    stage.claims(W1, &[lane("profile", 10)], at(2)).await;

    see(Seen::saying("x").uid("1"), 3).await;
    clause.same("who shows nothing new is not asked about", Asking::told(&asking.grown), vec![]);
    see(Seen::saying("y").uid("1"), 4).await;
    clause.same("nor who says something new about the same identities", Asking::told(&asking.grown), vec![]);
    see(Seen::saying("y").uid("1").sec("s"), 5).await;
    let told = Asking::told(&asking.grown);
    clause.same("who has a new strong identity is asked about once", told.len(), 1);
    let strong = told.first().map(|ids| ids.strong.clone());
    clause.same("with all identities, strongest first", strong, Some(vec![uid("1"), sec("s")]));
    let open = subjects(&stage.claims(W1, &[lane("profile", 10)], at(6)).await.tasks);
    clause.same("the task is open with the commit", open, vec!["grown t:uid:1 2".to_owned()]);
    clause.same("nobody moved", Asking::told(&asking.moved), vec![]);
}

/// Two values of one strong kind are two people, whatever else they share.
pub(super) async fn conflict(harness: &dyn StoreHarness) {
    let clause = Case::Conflict.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("one").uid("1").sec("s1").handle("h"), 1).await;
    stage.see(Seen::saying("two").uid("2").sec("s2").handle("h"), 2).await;
    stage.see(Seen::saying("mixed").uid("1").sec("s2"), 3).await;
    stage.see(Seen::saying("third").uid("3").sec("s1"), 4).await;
    let mut keys = BTreeSet::new();
    for value in ["1", "2", "3"] {
        let known = stage.known(&uid(value), clause).await;
        keys.insert(known.record.key);
        let kinds: BTreeSet<_> = known.ids.strong.iter().map(|id| id.kind.to_string()).collect();
        clause.same("nobody has two values of a strong kind", kinds.len(), known.ids.strong.len());
        let numbers = known.ids.strong.iter().filter(|id| &*id.kind == "t:uid").count();
        clause.same("and everybody has their own number", numbers, 1);
    }
    clause.same("three numbers are three people", keys.len(), 3);
    clause.same("no more", stage.counts().await.entities, 3);
    clause.same("nobody is deleted", deleted(&stage.drain("a", at(5)).await), vec![]);
    stage.balanced(clause).await;
}

/// Somebody known by handle alone stays one record when the number comes; without number a handle's owner is meant.
pub(super) async fn handle_only(harness: &dyn StoreHarness) {
    let clause = Case::HandleOnly.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.observe("one", vec![Seen::saying("by handle").handle("h")], at(1), at(1), &NoLookup).await;
    let before = stage.known(&handle("h"), clause).await.record.key;
    stage.drain("a", at(2)).await;
    stage.observe("two", vec![Seen::saying("number").uid("1").handle("h")], at(3), at(3), &NoLookup).await;
    let known = stage.known(&uid("1"), clause).await;
    clause.same(
        "who gets a number stays one record",
        (known.record.key, stage.counts().await.entities),
        (before, 1),
    );
    clause.same("with both sightings", known.sightings.len(), 2);
    clause.same("nobody is deleted", deleted(&stage.drain("a", at(4)).await), vec![]);

    stage.observe("three", vec![Seen::saying("again").handle("h")], at(5), at(5), &NoLookup).await;
    let known = stage.known(&uid("1"), clause).await;
    let seen = (known.record.entity.text.as_str(), stage.counts().await.entities);
    clause.same("a sighting without number is of the handle's owner", seen, ("again", 1));

    stage.see(Seen::saying("other").uid("2").handle("h"), 6).await;
    stage.observe("four", vec![Seen::saying("whose?").handle("h")], at(7), at(7), &NoLookup).await;
    let (one, two) = (stage.known(&uid("1"), clause).await, stage.known(&uid("2"), clause).await);
    let texts = (one.record.entity.text.as_str(), two.record.entity.text.as_str());
    clause.same("of its present owner", texts, ("again", "whose?"));
    clause.same("two people", stage.counts().await.entities, 2);
    stage.balanced(clause).await;
}

/// An older sighting that comes late never replaces a newer one, and a newer one of another aspect speaks.
pub(super) async fn older_sighting(harness: &dyn StoreHarness) {
    let clause = Case::OlderSighting.clause();
    let stage = Stage::new(harness, &["a"]).await;
    stage.see(Seen::saying("new").uid("1").count(5), 100).await;
    let late = Seen::saying("old").uid("1").count(9);
    let done = stage.observe(SOURCE, vec![late], at(50), at(101), &NoLookup).await;
    clause.same(
        "an older sighting told nothing new",
        (done.changed, done.unchanged, done.versions),
        (0, 1, 0),
    );
    let known = stage.known(&uid("1"), clause).await;
    let seen = (known.record.entity.text.as_str(), known.record.entity.count, known.record.entity.as_of);
    clause.same("the newer one speaks", seen, ("new", 5, at(100)));
    let latest: Vec<_> = known.sightings.iter().map(|s| (s.seen_at, s.item.text.as_str())).collect();
    clause.same("the latest of each (source, aspect) is kept", latest, vec![(at(100), "new")]);
    let late = Seen::saying("old row").uid("1").aspect("row");
    let done = stage.observe(SOURCE, vec![late], at(60), at(102), &NoLookup).await;
    clause.same("an older sighting of another aspect adds to it", (done.changed, done.versions), (1, 1));
    let known = stage.known(&uid("1"), clause).await;
    let seen = (known.record.entity.text.as_str(), known.record.entity.seen.len(), known.sightings.len());
    clause.same("and does not speak", seen, ("new", 2, 2));
    stage.balanced(clause).await;
}

/// The same sightings make the same people, in whatever order they come.
pub(super) async fn any_order(harness: &dyn StoreHarness) {
    let clause = Case::AnyOrder.clause();
    let sightings: [(&str, i64, Seen); 5] = [
        ("s", 10, Seen::saying("early").uid("1").handle("h")),
        ("s", 20, Seen::saying("later").uid("2").handle("h").count(4)),
        ("s", 30, Seen::saying("moved on").uid("1").sec("k").handle("g")),
        ("z", 15, Seen::saying("by key").sec("k").count(2)),
        ("s", 5, Seen::saying("before all").uid("2").handle("g").aspect("row")),
    ];
    let orders = [
        [0, 1, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [1, 0, 3, 4, 2],
        [2, 4, 0, 3, 1],
        [3, 2, 1, 0, 4],
        [1, 2, 4, 0, 3],
    ];
    let mut first: Option<Vec<Told>> = None;
    for order in orders {
        let stage = Stage::new(harness, &["a"]).await;
        for (step, index) in order.iter().enumerate() {
            let (source, secs, seen) = &sightings[*index];
            let now = at(100 + step as i64);
            stage.observe(source, vec![seen.clone()], at(*secs), now, &NoLookup).await;
        }
        let mut people = Vec::new();
        for id in [uid("1"), uid("2")] {
            people.push(told(&stage.known(&id, clause).await));
        }
        clause.same(format_args!("people after the order {order:?}"), stage.counts().await.entities, 2);
        match &first {
            None => first = Some(people),
            Some(first) => {
                clause.same(format_args!("who they are after the order {order:?}"), &people, first)
            }
        }
        for (value, owner) in [("h", "2"), ("g", "1")] {
            let (has, should) =
                (stage.known(&handle(value), clause).await, stage.known(&uid(owner), clause).await);
            let what = format_args!("`{value}` belongs to who showed it last after the order {order:?}");
            clause.same(what, has.record.key, should.record.key);
        }
        stage.balanced(clause).await;
    }
    let people = first.unwrap_or_default();
    let handles: Vec<_> = people.iter().map(|told| told.entity.handle.as_deref()).collect();
    clause.same("each shows the handle that is theirs", handles, vec![Some("g"), Some("h")]);
}

/// A handle's history survives a rename: who showed it last keeps it, also when an older claim comes late.
pub(super) async fn renamed(harness: &dyn StoreHarness) {
    let clause = Case::Renamed.clause();
    let sightings = [
        (5, Seen::saying("before").uid("2").handle("h")),
        (10, Seen::saying("owner").uid("1").handle("h")),
        (30, Seen::saying("renamed").uid("1").handle("g")),
    ];
    for order in [[0, 1, 2], [1, 2, 0], [1, 0, 2], [2, 1, 0], [0, 2, 1], [2, 0, 1]] {
        let stage = Stage::new(harness, &[]).await;
        for (step, index) in order.into_iter().enumerate() {
            let (secs, seen) = &sightings[index];
            stage.observe(SOURCE, vec![seen.clone()], at(*secs), at(100 + step as i64), &NoLookup).await;
        }
        let (one, two) = (stage.known(&uid("1"), clause).await, stage.known(&uid("2"), clause).await);
        let handles = (one.record.entity.handle.as_deref(), two.record.entity.handle.as_deref());
        let what = format_args!("the handles of both after the order {order:?}");
        clause.same(what, handles, (Some("g"), None));
    }
}

/// Everything about a person that must not depend on the order: not key nor version.
#[derive(Debug, PartialEq)]
struct Told {
    entity: Person,
    strong: Vec<Id>,
    lost: Vec<(Id, Timestamp)>,
    sightings: Vec<(String, String, Timestamp, String)>,
}

fn told(known: &Known<TestDomain>) -> Told {
    let line = |s: &crate::domain::Sighting<Seen>| {
        (s.source.to_string(), s.aspect.to_string(), s.seen_at, s.item.text.clone())
    };
    let mut sightings: Vec<_> = known.sightings.iter().map(line).collect();
    sightings.sort();
    let mut lost: Vec<_> = known.lost.iter().map(|lost| (lost.id.clone(), lost.since)).collect();
    lost.sort();
    Told { entity: known.record.entity.as_ref().clone(), strong: known.ids.strong.clone(), lost, sightings }
}

/// Several items of one answer about one person: counted each, merged once.
pub(super) async fn one_answer(harness: &dyn StoreHarness) {
    let clause = Case::OneAnswer.clause();
    let stage = Stage::new(harness, &["a"]).await;
    let items = vec![
        Seen::saying("profile").uid("1"),
        Seen::saying("row").uid("1").sec("s").aspect("row"),
        Seen::saying("key").sec("s").aspect("key"),
        Seen::saying("other").uid("2").handle("h"),
        Seen::saying("same").handle("h").aspect("row"),
    ];
    let done = stage.observe(SOURCE, items.clone(), at(1), at(1), &NoLookup).await;
    clause.same("every item is counted", done.changed + done.unchanged, 5);
    clause.same("two people", stage.counts().await.entities, 2);
    clause.same("each owed once", stage.drain("a", at(2)).await.len(), 2);
    let one = stage.known(&uid("1"), clause).await;
    clause.same("all sides of the first", one.record.entity.seen.len(), 3);
    clause.same("all sides of the second", stage.known(&uid("2"), clause).await.record.entity.seen.len(), 2);
    let done = stage.observe(SOURCE, items, at(3), at(3), &NoLookup).await;
    clause.same("the same again is unchanged", (done.changed, done.unchanged, done.versions), (0, 5, 0));
    stage.balanced(clause).await;
}

/// Nobody by that name.
pub(super) async fn nobody(harness: &dyn StoreHarness) {
    let clause: Clause = Case::Nobody.clause();
    let stage = Stage::new(harness, &[]).await;
    stage.see(Seen::saying("x").uid("1").handle("2"), 1).await;
    for id in [uid("2"), sec("1"), handle("1"), Id::new("other", "1"), uid("")] {
        let found = stage.find(&id).await.map(|known| known.record.key);
        clause.same(format_args!("{id} is nobody"), found, None);
    }
}
