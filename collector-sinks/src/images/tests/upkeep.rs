//! Sweeping once a day, whatever happens in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use collector_core::clock::Timestamp;
use collector_core::context::{ByteBudget, Context};
use collector_core::creator::Creators;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::store::MemoryStore;
use collector_core::testkit::fakes::ManualClock;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio_util::sync::CancellationToken;

use super::place::Place;
use crate::images::ImagesConfig;
use crate::images::sweep::NOTE;
use crate::images::upkeep::{Upkeep, tidy};
use crate::images::used::{Used, short};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn key(number: u8) -> String {
    let hash = format!("{number:02x}").repeat(32);
    format!("{number:02x}/{hash}.jpg")
}

fn used(numbers: &[u8]) -> Used {
    Used::of(numbers.iter().filter_map(|number| short(&key(*number))).collect())
}

/// A folder whose pictures are two days old by the test's clock.
struct Folder {
    home: Place,
    place: Arc<dyn ObjectStore>,
    clock: Arc<ManualClock>,
    cx: Context,
    /// How often records were read.
    read: AtomicUsize,
}

impl Folder {
    async fn with(pictures: impl IntoIterator<Item = u8>) -> Self {
        let home = super::home();
        let place = home.store();
        for number in pictures {
            place.put(&Path::from(key(number)), vec![number].into()).await.unwrap();
        }
        let written = place.head(&Path::from(key(1))).await.unwrap().last_modified;
        let clock = ManualClock::starting_at(Timestamp::from_millis(written.timestamp_millis()) + 2 * DAY);
        let stop = CancellationToken::new();
        let cx = Context::new(stop, Arc::<ManualClock>::clone(&clock), ByteBudget::new(1 << 20));
        Self { home, place, clock, cx, read: AtomicUsize::new(0) }
    }

    async fn tidy_by(&self, name: &str, used: Result<Used>) -> Result<Upkeep> {
        let reads = async {
            self.read.fetch_add(1, Ordering::SeqCst);
            used
        };
        tidy(&*self.place, &self.cx, name, reads).await
    }

    /// Put aside, restored, deleted; `None` when nothing was due.
    async fn tidy(&self, numbers: &[u8]) -> Option<(u64, u64, u64)> {
        match self.tidy_by("c.db", Ok(used(numbers))).await.unwrap() {
            Upkeep::Swept(swept) => {
                assert_eq!(swept.foreign, 0, "the note is ours");
                Some((swept.put_aside, swept.restored, swept.deleted))
            }
            Upkeep::NotDue => None,
            Upkeep::Shared(stores) => panic!("shared by {stores:?}"),
        }
    }

    async fn has(&self, number: u8) -> bool {
        self.home.has(&key(number)).await
    }
}

#[tokio::test]
async fn a_day_lies_between_two_sweeps_and_the_second_deletes() {
    let folder = Folder::with([1, 2]).await;
    assert_eq!(folder.tidy(&[2]).await, Some((1, 0, 0)));
    folder.clock.advance(DAY - HOUR);
    assert_eq!(folder.tidy(&[2]).await, None);
    assert_eq!(folder.read.load(Ordering::SeqCst), 1, "records are only read when it is due");
    folder.clock.advance(HOUR);
    assert_eq!(folder.tidy(&[2]).await, Some((0, 0, 1)));
    assert_eq!((folder.has(1).await, folder.has(2).await), (false, true));
}

#[tokio::test]
async fn the_day_is_remembered_in_the_folder() {
    let folder = Folder::with([1]).await;
    let sink = || folder.home.sink(ImagesConfig::default());
    let store = MemoryStore::<Creators>::new(Creators::default());
    let first = sink().upkeep(&folder.cx, "c.db", &store).await.unwrap();
    assert!(matches!(first, Upkeep::Swept(swept) if swept.put_aside == 1), "{first:?}");
    assert_eq!(sink().upkeep(&folder.cx, "c.db", &store).await.unwrap(), Upkeep::NotDue);
}

#[tokio::test]
async fn a_clock_that_was_wrong_does_not_keep_it_from_sweeping() {
    let folder = Folder::with([1]).await;
    let now = folder.cx.now();
    folder.clock.set_wall(now + 400 * DAY);
    assert_eq!(folder.tidy(&[1]).await, Some((0, 0, 0)));
    folder.clock.set_wall(now);
    assert_eq!(folder.tidy(&[1]).await, Some((0, 0, 0)));
    assert_eq!(folder.tidy(&[1]).await, None);
}

#[tokio::test]
async fn what_a_writer_keeps_while_records_are_read_stays() {
    let folder = Folder::with([1, 2]).await;
    // A writer downloads the picture anew and its record is written, after the page with it was read.
    // Only a file can be given a date.
    if !folder.home.is_folder() {
        return;
    }
    let path = folder.home.path().join(key(2));
    let written = async {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let now = u64::try_from(folder.cx.now().as_secs()).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(now)).unwrap();
        // Reading takes longer than a picture has to be old.
        folder.clock.advance(3 * DAY);
        Ok(used(&[1]))
    };
    tidy(&*folder.place, &folder.cx, "c.db", written).await.unwrap();
    assert!(folder.has(2).await, "it is referred to by now");
}

#[tokio::test]
async fn a_place_that_two_stores_use_is_left_alone() {
    let folder = Folder::with([1, 2]).await;
    assert_eq!(folder.tidy(&[1, 2]).await, Some((0, 0, 0)));
    folder.clock.advance(DAY);
    for name in ["other.db", "c.db"] {
        let shared = folder.tidy_by(name, Ok(used(&[]))).await.unwrap();
        assert_eq!(shared, Upkeep::Shared(vec!["c.db".to_owned(), "other.db".to_owned()]));
    }
    assert!(folder.has(1).await && folder.has(2).await);
}

#[tokio::test]
async fn records_that_cannot_be_read_cost_no_picture_and_no_day() {
    let folder = Folder::with([1]).await;
    let refused = folder.tidy_by("c.db", Err(Error::new(ErrorKind::Storage, "locked"))).await.unwrap_err();
    assert_eq!((refused.kind(), folder.has(1).await), (ErrorKind::Storage, true));
    assert_eq!(folder.tidy(&[1]).await, Some((0, 0, 0)));

    let stopped = CancellationToken::new();
    stopped.cancel();
    let cx = Context::new(stopped, Arc::<ManualClock>::clone(&folder.clock), ByteBudget::new(1));
    let store = MemoryStore::<Creators>::new(Creators::default());
    folder.clock.advance(DAY);
    let sink = folder.home.sink(ImagesConfig::default());
    let refused = sink.upkeep(&cx, "c.db", &store).await.unwrap_err();
    assert_eq!((refused.kind(), folder.has(1).await), (ErrorKind::Cancelled, true));
}

#[tokio::test]
async fn a_note_that_cannot_be_read_is_named_and_nothing_is_swept() {
    for note in [Bytes::from_static(b"{"), Bytes::from(vec![b' '; 1 << 20])] {
        let folder = Folder::with([1]).await;
        folder.place.put(&Path::from(NOTE), note.into()).await.unwrap();
        let refused = folder.tidy_by("c.db", Ok(used(&[]))).await.unwrap_err();
        assert_eq!((refused.kind(), folder.has(1).await), (ErrorKind::ConfigInvalid, true));
        assert!(refused.to_string().contains(NOTE), "{refused}");
    }
}
