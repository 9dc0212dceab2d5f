//! Copying every picture of one place into another.
//!
//! A picture's name is the hash of its bytes, so one that is there in the right size is not copied again: stopped
//! anywhere, the next attempt goes on. Pictures lie in 256 folders, and memory holds the names of a few at a time.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::shelf::{Name, NotKept, ToKeep, failed};
use super::sink::ImagesSink;
use super::sniff::Kind;
use super::sweep::is_ours;

/// Folders that are worked on at once.
const FOLDERS: usize = 8;

/// Pictures on their way at once, of each.
const AT_ONCE: usize = 8;

/// Attempts for one picture at a place that fails for now.
const ATTEMPTS: u32 = 5;

/// The first wait between two attempts; it doubles with each.
const WAIT: Duration = Duration::from_millis(500);

/// How many damaged pictures are named.
const NAMED: usize = 20;

/// What became of the pictures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Copied {
    /// Pictures at the source.
    pub pictures: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that were copied this time.
    pub copied: u64,
    /// Those that are not at the target in the same size, after copying.
    pub missing: u64,
    /// Pictures at the source whose bytes are not those their name stands for. They are not copied.
    pub damaged: u64,
    /// The first of them.
    pub damaged_keys: Vec<String>,
}

impl Copied {
    /// Whether the target has every picture.
    pub fn is_whole(&self) -> bool {
        self.missing == 0
    }

    fn note_damaged(&mut self, key: String) {
        self.damaged += 1;
        if self.damaged_keys.len() < NAMED {
            self.damaged_keys.push(key);
        }
    }

    /// Adds another folder's.
    fn add(&mut self, other: Self) {
        self.pictures += other.pictures;
        self.bytes += other.bytes;
        self.copied += other.copied;
        self.missing += other.missing;
        self.damaged += other.damaged;
        self.damaged_keys.extend(other.damaged_keys);
        self.damaged_keys.truncate(NAMED);
    }
}

impl ImagesSink {
    /// Copies every picture that `target` does not have, and looks whether all are there. What is put aside by a sweep
    /// and what is no picture stays. `watch` hears how it gets on.
    ///
    /// # Errors
    /// `Unavailable`, `Unauthorized` or `ConfigInvalid` when a place fails, also after some attempts; `Cancelled` when
    /// `cx` is stopped. What was copied stays, and copying again goes on.
    pub async fn copy_to(
        &self,
        target: &Self,
        cx: &Context,
        watch: &(dyn Fn(&Copied) + Send + Sync),
    ) -> Result<Copied> {
        let mut copied = Copied::default();
        let folders = (0..=u8::MAX).map(|folder| format!("{folder:02x}"));
        let copies = stream::iter(folders).map(|folder| self.copy_folder(folder, target, cx));
        let mut copies = pin!(copies.buffer_unordered(FOLDERS));
        while let Some(folder) = cx.guard(copies.try_next()).await? {
            copied.add(folder);
            watch(&copied);
        }
        Ok(copied)
    }

    async fn copy_folder(&self, folder: String, target: &Self, cx: &Context) -> Result<Copied> {
        let (from, to) = (&**self.place().await?, &**target.place().await?);
        let here = pictures(from, &folder).await?;
        let mut copied =
            Copied { pictures: here.len() as u64, bytes: here.values().sum(), ..Copied::default() };
        let there = if here.is_empty() { HashMap::new() } else { pictures(to, &folder).await? };
        let lacking = here.iter().filter(|(key, size)| there.get(*key) != Some(size));
        let lacking: Vec<String> = lacking.map(|(key, _)| key.clone()).collect();
        if lacking.is_empty() {
            return Ok(copied);
        }
        let mut copies =
            stream::iter(lacking).map(|key| copy(from, target, key, cx)).buffer_unordered(AT_ONCE);
        while let Some(done) = copies.try_next().await? {
            match done {
                Done::Copied => copied.copied += 1,
                Done::Damaged(key) => copied.note_damaged(key),
            }
        }
        let there = pictures(to, &folder).await?;
        copied.missing = here.iter().filter(|(key, size)| there.get(*key) != Some(size)).count() as u64;
        Ok(copied)
    }
}

enum Done {
    Copied,
    Damaged(String),
}

/// The pictures in a folder, with their sizes.
async fn pictures(store: &dyn ObjectStore, folder: &str) -> Result<HashMap<String, u64>> {
    let mut found = HashMap::new();
    let prefix = Path::from(folder);
    let mut objects = store.list(Some(&prefix));
    while let Some(object) = objects.try_next().await.map_err(|error| failed(folder, error))? {
        if is_ours(object.location.as_ref()) {
            found.insert(object.location.as_ref().to_owned(), object.size);
        }
    }
    Ok(found)
}

async fn copy(from: &dyn ObjectStore, target: &ImagesSink, key: String, cx: &Context) -> Result<Done> {
    let bytes = patiently(cx, || get(from, &key)).await?;
    // Sizes were compared, names promise the rest.
    let ending = key.rsplit_once('.').and_then(|(_, ending)| Kind::of_ending(ending));
    let Some(kind) = ending.filter(|kind| Name::of(&bytes).key(*kind) == key) else {
        return Ok(Done::Damaged(key));
    };
    let put = || async {
        let picture = ToKeep { key: &key, media_type: kind.media_type(), bytes: bytes.clone() };
        target.put_copy(picture, cx).await
    };
    patiently(cx, put).await?;
    Ok(Done::Copied)
}

async fn get(from: &dyn ObjectStore, key: &str) -> Result<Bytes> {
    let found = from.get(&Path::from(key)).await.map_err(|error| failed(key, error))?;
    found.bytes().await.map_err(|error| failed(key, error))
}

impl ImagesSink {
    async fn put_copy(&self, picture: ToKeep<'_>, cx: &Context) -> Result<()> {
        self.shelf().put(picture, cx.now()).await.map_err(|error| match error {
            NotKept::Place(error) => error,
            NotKept::Later(wait, error) => error.retry_after(wait),
        })
    }
}

/// Makes a call again while the place fails for now.
async fn patiently<T, F: Future<Output = Result<T>>>(cx: &Context, call: impl Fn() -> F) -> Result<T> {
    let mut wait = WAIT;
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => pause(cx, &error, wait).await,
            done => return done,
        }
        wait *= 2;
    }
    call().await
}

async fn pause(cx: &Context, error: &Error, wait: Duration) {
    tracing::debug!(%error, "the place for pictures fails, trying again");
    cx.clock().sleep(wait.max(error.wait().unwrap_or_default())).await;
}
