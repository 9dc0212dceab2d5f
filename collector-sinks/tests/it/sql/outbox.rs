//! How owed changes are found: at hand, by scanning, after a time, after somebody went away in the middle.

use std::collections::BTreeSet;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use collector_core::sink::{Change, Facts};
use collector_core::store::{Fate, NoLookup, Settled, Store};
use collector_core::task::Task;
use collector_core::testkit::store::{Person, Seen};

use super::stage::{Home, Stage, WORKER, at, call, on_each, people, stored};

on_each!(
    a_backlog_is_handed_out_once_and_in_order,
    a_record_at_hand_and_one_made_anew_are_the_same,
    a_postponed_change_waits_for_its_time_also_in_the_next_process,
    a_newer_version_does_not_wait_for_what_the_older_one_waited_for,
    a_call_that_is_given_up_half_way_leaves_nothing_stuck,
);

fn keys(changes: &[Change<Person>]) -> Vec<u64> {
    changes.iter().map(|change| change.key().0).collect()
}

async fn a_backlog_is_handed_out_once_and_in_order(home: Home) {
    let stage = Stage::at(home).await.start(&["one"]).await;
    stage.see("x", people(100), 2).await;
    // A sink that comes later owes everything, and nothing of that is at hand.
    let stage = stage.restart(&["one", "two"]).await;
    let mut seen = Vec::new();
    loop {
        let taken = stage.take("two", 7, 3).await;
        if taken.is_empty() {
            break;
        }
        seen.extend(keys(&taken));
        // Every other batch stays in flight and must not come again.
        if seen.len() % 2 == 0 {
            stage.settle("two", &taken, &stored()).await;
        }
    }
    let ordered: Vec<u64> = seen.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!((seen.len(), &seen), (100, &ordered));
    assert_eq!(stage.take("one", 1_000, 3).await.len(), 100, "the first sink is owed all of it too");
}

async fn a_record_at_hand_and_one_made_anew_are_the_same(home: Home) {
    let stage = Stage::at(home).await.start(&["one", "two"]).await;
    stage.see("x", people(3), 2).await;
    let at_hand = stage.take("one", 10, 3).await;
    stage.settle("one", &at_hand, &Fate::Stored(Facts::from([("avatar".into(), "key".into())]))).await;
    let warm = stage.take("two", 10, 3).await;
    let stage = stage.restart(&["one", "two"]).await;
    let cold = stage.take("two", 10, 3).await;
    let show = |changes: &[Change<Person>]| -> Vec<String> {
        changes
            .iter()
            .map(|change| match change {
                Change::Put(record) => {
                    format!("{} {} {:?} {:?}", record.key, record.version, record.entity, record.facts)
                }
                Change::Delete { .. } => panic!("nobody was deleted"),
            })
            .collect()
    };
    assert_eq!(show(&warm), show(&cold));
    assert!(show(&cold)[0].contains("avatar"));
}

async fn a_postponed_change_waits_for_its_time_also_in_the_next_process(home: Home) {
    let stage = Stage::at(home).await.start(&["one", "two"]).await;
    stage.see("x", people(2), 2).await;
    let taken = stage.take("one", 10, 2).await;
    stage.settle("one", &taken[..1], &Fate::Owed { not_before: at(100), ask: vec![] }).await;
    stage.settle("one", &taken[1..], &Fate::Owed { not_before: at(200), ask: vec![] }).await;
    assert_eq!(keys(&stage.take("one", 10, 99).await), [] as [u64; 0]);
    assert_eq!(stage.take("two", 10, 99).await.len(), 2, "another sink does not wait");
    let stage = stage.restart(&["one", "two"]).await;
    assert_eq!(keys(&stage.take("one", 10, 99).await), [] as [u64; 0]);
    assert_eq!(keys(&stage.take("one", 10, 100).await), keys(&taken[..1]));
    assert_eq!(keys(&stage.take("one", 10, 200).await), keys(&taken[1..]));
}

async fn a_newer_version_does_not_wait_for_what_the_older_one_waited_for(home: Home) {
    let stage = Stage::at(home).await.start(&["one"]).await;
    stage.see("x", people(1), 2).await;
    let taken = stage.take("one", 10, 2).await;
    stage.settle("one", &taken, &Fate::Owed { not_before: at(1_000), ask: vec![] }).await;
    stage.see("y", vec![Seen::saying("news").uid("u0")], 3).await;
    let newer = stage.take("one", 10, 4).await;
    assert_eq!(newer.first().map(Change::version), Some(2));
    // Nor when it must be searched.
    let stage = stage.restart(&["one"]).await;
    let newer = stage.take("one", 10, 4).await;
    assert_eq!(newer.first().map(Change::version), Some(2));
    stage.settle("one", &newer, &stored()).await;
    assert_eq!(keys(&stage.take("one", 10, 2_000).await), [] as [u64; 0]);
}

/// A caller may go away between any two steps of a call: the call happened or did not, and nothing is stuck.
async fn a_call_that_is_given_up_half_way_leaves_nothing_stuck(home: Home) {
    let stage = Stage::at(home).await.start(&["one"]).await;
    let (store, worker) = (&stage.store, WORKER.into());
    for steps in 0..60 {
        let subject = format!("s{steps}");
        let person = Seen::saying("hello").uid(&subject);
        let claimed = stage.claim(Task::new("src", "profile", subject)).await;
        let calls = || vec![call(claimed.clone(), vec![person.clone()], 2)];
        give_up(store.commit(&worker, calls(), &NoLookup, at(2)), steps).await;
        store.commit(&worker, calls(), &NoLookup, at(2)).await.unwrap();

        let mut taken = Vec::new();
        if let Some(handed_over) = give_up(store.take_pending("one", &worker, 10, at(2)), steps % 20).await {
            taken.extend(handed_over.unwrap());
        }
        taken.extend(stage.take("one", 10, 2).await);
        assert_eq!(taken.len(), 1, "after {steps} steps");
        let settled = || {
            let (key, version) = (taken[0].key(), taken[0].version());
            vec![Settled { key, version, fate: stored() }]
        };
        give_up(store.settle("one", &worker, settled(), None, at(2)), steps).await;
        store.settle("one", &worker, settled(), None, at(2)).await.unwrap();
    }
    let counts = stage.counts().await;
    assert_eq!((counts.entities, counts.versions), (60, 60));
    assert_eq!((counts.sinks["one"].stored, counts.sinks["one"].pending), (60, 0));
    assert_eq!(counts.tasks.get("done"), Some(&60));
}

/// Polls a future so many times, with room for others in between, and drops it.
async fn give_up<T>(future: impl Future<Output = T>, steps: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..steps {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return Some(done);
        }
        // The store's own thread needs a moment to get anywhere.
        tokio::task::yield_now().await;
    }
    None
}
