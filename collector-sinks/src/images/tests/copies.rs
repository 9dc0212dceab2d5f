//! Copying all pictures from one place to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use collector_core::clock::SystemClock;
use collector_core::context::{ByteBudget, Context};
use collector_core::error::ErrorKind;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio_util::sync::CancellationToken;

use crate::images::shelf::Name;
use crate::images::sniff::Kind;
use crate::images::{ImagesConfig, ImagesSink};

/// A place, and the sink that keeps pictures there.
struct Place {
    store: Arc<InMemory>,
    sink: ImagesSink,
}

impl Place {
    fn new() -> Self {
        let store = Arc::new(InMemory::new());
        let sink = ImagesSink::into_store(Arc::clone(&store) as _, ImagesConfig::default()).unwrap();
        Self { store, sink }
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        self.store.put(&Path::from(key), bytes.to_vec().into()).await.unwrap();
    }

    async fn with_pictures(count: u32) -> Self {
        let place = Self::new();
        for number in 0..count {
            place.put(&key(number), &picture(number)).await;
        }
        place
    }

    /// Everything that is there.
    async fn all(&self) -> BTreeMap<String, u64> {
        let objects: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        objects.into_iter().map(|object| (object.location.to_string(), object.size)).collect()
    }
}

fn picture(number: u32) -> Vec<u8> {
    format!("picture {number}").into_bytes()
}

fn key(number: u32) -> String {
    let kind = if number.is_multiple_of(2) { Kind::Jpeg } else { Kind::WebP };
    Name::of(&picture(number)).key(kind)
}

#[tokio::test]
async fn every_picture_is_copied_once_and_nothing_else_is() {
    let (from, to) = (Place::with_pictures(600).await, Place::new());
    from.put("notes.txt", b"not ours").await;
    from.put(&format!("aside/1/{}", key(1_000)), b"put aside").await;
    let cx = Context::detached();

    let done = from.sink.copy_to(&to.sink, &cx, &|_| ()).await.unwrap();
    assert_eq!((done.pictures, done.copied, done.missing, done.damaged), (600, 600, 0, 0));
    let mut expected = from.all().await;
    expected.retain(|key, _| !key.starts_with("aside/") && key != "notes.txt");
    assert_eq!(to.all().await, expected);
    assert_eq!(done.bytes, expected.values().sum::<u64>());

    let again = from.sink.copy_to(&to.sink, &cx, &|_| ()).await.unwrap();
    assert_eq!((again.pictures, again.copied, again.is_whole()), (600, 0, true));
}

#[tokio::test]
async fn a_copy_that_was_stopped_goes_on() {
    let (from, to) = (Place::with_pictures(600).await, Place::new());
    let stop = CancellationToken::new();
    let cx = Context::new(stop.clone(), Arc::new(SystemClock), ByteBudget::new(1 << 20));
    let stop_soon = |copied: &crate::images::Copied| {
        if copied.copied > 100 {
            stop.cancel();
        }
    };
    let stopped = from.sink.copy_to(&to.sink, &cx, &stop_soon).await.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    let some = to.all().await.len() as u64;
    assert!(some > 100 && some < 600, "{some}");

    let done = from.sink.copy_to(&to.sink, &Context::detached(), &|_| ()).await.unwrap();
    assert_eq!((done.pictures, done.copied, done.is_whole()), (600, 600 - some, true));
}

#[tokio::test]
async fn a_cut_picture_at_the_target_is_replaced_and_a_damaged_one_is_not_spread() {
    let (from, to) = (Place::with_pictures(3).await, Place::new());
    to.put(&key(0), b"pic").await;
    from.put(&key(1), b"damaged on the disk").await;
    let done = from.sink.copy_to(&to.sink, &Context::detached(), &|_| ()).await.unwrap();
    assert_eq!((done.copied, done.missing, done.damaged), (2, 1, 1));
    assert_eq!(done.damaged_keys, [key(1)]);
    assert!(!done.is_whole());
    assert_eq!(to.all().await.get(&key(0)), Some(&(picture(0).len() as u64)));
}
