//! Collecting what nobody refers to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{ErrorKind, Result};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::home;
use super::place::Place;
use crate::images::{Swept, sweep};

const GRACE: Duration = Duration::from_secs(86_400);

struct Shelf {
    place: Place,
    store: Arc<dyn ObjectStore>,
    /// Far enough ahead that everything is old, if it is not written meanwhile.
    now: Timestamp,
}

fn key(number: u8) -> String {
    let hash = format!("{number:02x}").repeat(32);
    format!("{number:02x}/{hash}.jpg")
}

impl Shelf {
    async fn with(pictures: impl IntoIterator<Item = u8>) -> Self {
        let place = home();
        let store = place.store();
        for number in pictures {
            store.put(&Path::from(key(number)), vec![number].into()).await.unwrap();
        }
        let any = store.head(&Path::from(key(1))).await.unwrap().last_modified;
        let now = Timestamp::from_millis(any.timestamp_millis()) + GRACE + GRACE;
        Self { place, store, now }
    }

    async fn sweep(&self, at: Timestamp, used: &[u8]) -> Swept {
        self.try_sweep(at, used).await.unwrap()
    }

    async fn try_sweep(&self, at: Timestamp, used: &[u8]) -> Result<Swept> {
        let used: BTreeSet<String> = used.iter().map(|number| key(*number)).collect();
        sweep(&*self.store, at, GRACE, |key| used.contains(key)).await
    }

    async fn has(&self, number: u8) -> bool {
        self.place.has(&key(number)).await
    }

    async fn files(&self) -> usize {
        self.place.keys().await.len()
    }
}

#[tokio::test]
async fn what_nobody_refers_to_is_put_aside_and_deleted_by_a_later_sweep() {
    let shelf = Shelf::with([1, 2, 3]).await;
    let first = shelf.sweep(shelf.now, &[2]).await;
    assert_eq!((first.kept, first.put_aside, first.deleted), (1, 2, 0));
    assert_eq!(
        (shelf.has(1).await, shelf.has(2).await, shelf.has(3).await, shelf.files().await),
        (false, true, false, 3)
    );
    let early = shelf.sweep(shelf.now + GRACE / 2, &[2]).await;
    assert_eq!((early.deleted, shelf.files().await), (0, 3), "they wait for the grace");
    let last = shelf.sweep(shelf.now + GRACE, &[2]).await;
    assert_eq!((last.deleted, last.kept, shelf.files().await), (2, 1, 1));
}

#[tokio::test]
async fn what_is_young_is_left_whoever_refers_to_it() {
    let shelf = Shelf::with([1]).await;
    let swept = shelf.sweep(shelf.now - GRACE - GRACE / 2, &[]).await;
    assert_eq!((swept.kept, swept.put_aside, shelf.has(1).await), (1, 0, true));
}

#[tokio::test]
async fn what_a_record_refers_to_after_all_comes_back() {
    let shelf = Shelf::with([1]).await;
    shelf.sweep(shelf.now, &[]).await;
    assert!(!shelf.has(1).await);
    // A writer had written it in the very moment, and its record refers to it now.
    let later = shelf.sweep(shelf.now + GRACE + GRACE, &[1]).await;
    assert_eq!((later.restored, later.deleted, shelf.has(1).await), (1, 0, true));
    assert_eq!(shelf.place.read(&key(1)).await, [1]);
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let shelf = Shelf::with([1]).await;
    for foreign in ["notes.txt", "01/short.jpg", "aside/soon/x.jpg", "thumbs/01.jpg"] {
        shelf.store.put(&Path::from(foreign), "x".into()).await.unwrap();
    }
    let swept = shelf.sweep(shelf.now, &[1]).await;
    assert_eq!((swept.foreign >= 4, swept.put_aside, swept.deleted, shelf.files().await), (true, 0, 0, 5));
}

#[tokio::test]
async fn sweeping_twice_at_once_is_sweeping_once() {
    let shelf = Shelf::with(1..=20).await;
    for at in [shelf.now, shelf.now + GRACE] {
        let (one, two) = tokio::join!(shelf.try_sweep(at, &[7]), shelf.try_sweep(at, &[7]));
        if shelf.place.is_folder() {
            let (one, two) = (one.unwrap(), two.unwrap());
            assert!(
                one.put_aside + two.put_aside == 19 || one.deleted + two.deleted >= 19,
                "{one:?} {two:?}"
            );
        } else {
            // A server may fail at an object that is taken away at the same moment: the next sweep goes on.
            shelf.sweep(at, &[7]).await;
        }
        assert_eq!((shelf.has(7).await, shelf.files().await), (true, if at == shelf.now { 20 } else { 1 }));
    }
}

#[tokio::test]
async fn a_grace_that_is_no_grace_is_refused() {
    let shelf = Shelf::with([1]).await;
    let refused = sweep(&*shelf.store, shelf.now, Duration::from_secs(60), |_| false).await.unwrap_err();
    assert_eq!((refused.kind(), shelf.has(1).await), (ErrorKind::ConfigInvalid, true));
    assert!(shelf.store.head(&Path::from(key(1))).await.is_ok());
}
