//! Collecting pictures that no record refers to.

use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::shelf::failed;

/// Where pictures wait to be deleted: `aside/<unix seconds>/<key>`.
const ASIDE: &str = "aside";

/// Where it is noted who uses the place and when it was swept.
pub(super) const NOTE: &str = "aside/sweeps.json";

/// The shortest grace: far longer than a picture takes from its file to the record that refers to it.
const SHORTEST_GRACE: Duration = Duration::from_secs(3_600);

/// Pictures put aside by one sweep at most; the next one goes on.
const MOST: usize = 100_000;

/// Moves and deletions at once: a bucket takes some time for each.
const AT_ONCE: usize = 16;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Swept {
    /// Pictures that records refer to, and those too young to tell.
    pub kept: u64,
    /// Pictures put aside: the next sweep after the grace deletes them.
    pub put_aside: u64,
    /// Pictures brought back because a record refers to them after all.
    pub restored: u64,
    /// Pictures deleted.
    pub deleted: u64,
    /// Files that are none of ours; they are left alone.
    pub foreign: u64,
}

/// Puts aside the pictures that no record refers to, deletes those an earlier sweep put aside, and brings back what is
/// referred to again.
///
/// `is_used` knows every [key](super::KeptPicture::key) that a record referred to when the sweep began: the caller
/// reads them, in one snapshot, before it. `grace` is how long nobody must have wanted a picture; at least an hour.
///
/// It is safe beside a running writer. A writer that wants a picture writes it, which makes it young, before a record
/// refers to it. If it does so in the moment between the look at a file's age and the putting aside, the picture is
/// missing until the next sweep finds the reference and brings it back; nothing is deleted by the sweep that finds
/// it unused.
///
/// # Errors
/// `ConfigInvalid` for a grace below an hour, `Unavailable` or `Unauthorized` when the place fails. What was done is
/// whole; sweeping again goes on.
pub async fn sweep(
    store: &dyn ObjectStore,
    now: Timestamp,
    grace: Duration,
    is_used: impl Fn(&str) -> bool,
) -> Result<Swept> {
    if grace < SHORTEST_GRACE {
        let message = format!("a grace of {grace:?} is too short: at least {SHORTEST_GRACE:?}");
        return Err(Error::new(ErrorKind::ConfigInvalid, message));
    }
    let mut swept = Swept::default();
    end_what_waits(store, now, grace, &is_used, &mut swept).await?;
    let unused = unused(store, now, grace, &is_used, &mut swept).await?;
    let moves = unused.into_iter().map(|key| async move {
        let aside = format!("{ASIDE}/{}/{key}", now.as_secs());
        rename(store, &key, &aside).await.map(u64::from)
    });
    swept.put_aside = sum(moves).await?;
    Ok(swept)
}

/// Runs these, some at a time, and adds up what they did.
async fn sum(moves: impl Iterator<Item = impl Future<Output = Result<u64>>>) -> Result<u64> {
    stream::iter(moves).buffer_unordered(AT_ONCE).try_fold(0, |sum, more| async move { Ok(sum + more) }).await
}

/// Deletes or brings back what earlier sweeps put aside.
async fn end_what_waits(
    store: &dyn ObjectStore,
    now: Timestamp,
    grace: Duration,
    is_used: &impl Fn(&str) -> bool,
    swept: &mut Swept,
) -> Result<()> {
    let root = Path::from(ASIDE);
    let waiting: Vec<ObjectMeta> =
        store.list(Some(&root)).try_collect().await.map_err(|error| failed(ASIDE, error))?;
    let (mut back, mut over) = (Vec::new(), Vec::new());
    for object in waiting.iter().filter(|object| object.location.as_ref() != NOTE) {
        match put_aside(object.location.as_ref()) {
            None => swept.foreign += 1,
            Some((_, key)) if is_used(key) => back.push((object.location.to_string(), key.to_owned())),
            Some((since, _)) if now.since(since) >= grace => over.push(object.location.clone()),
            Some(_) => {}
        }
    }
    swept.restored = sum(back
        .into_iter()
        .map(|(aside, key)| async move { rename(store, &aside, &key).await.map(u64::from) }))
    .await?;
    swept.deleted = sum(over.into_iter().map(|path| async move { delete(store, &path).await })).await?;
    Ok(())
}

/// Deletes an object, which somebody else may do at the same time.
async fn delete(store: &dyn ObjectStore, path: &Path) -> Result<u64> {
    match store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(1),
        Err(error) => Err(failed(path.as_ref(), error)),
    }
}

/// Keys of old pictures that nobody refers to.
async fn unused(
    store: &dyn ObjectStore,
    now: Timestamp,
    grace: Duration,
    is_used: &impl Fn(&str) -> bool,
    swept: &mut Swept,
) -> Result<Vec<String>> {
    let mut unused = Vec::new();
    let mut objects = store.list(None);
    while let Some(object) = objects.try_next().await.map_err(|error| failed("", error))? {
        let key = object.location.as_ref();
        if key == NOTE || put_aside(key).is_some() {
            continue;
        }
        if !is_ours(key) {
            swept.foreign += 1;
        } else if is_used(key) || now.since(age(&object)) < grace || unused.len() >= MOST {
            swept.kept += 1;
        } else {
            unused.push(key.to_owned());
        }
    }
    Ok(unused)
}

fn age(object: &ObjectMeta) -> Timestamp {
    Timestamp::from_millis(object.last_modified.timestamp_millis())
}

/// Moves an object; `false` when it is gone meanwhile.
async fn rename(store: &dyn ObjectStore, from: &str, to: &str) -> Result<bool> {
    match store.rename(&Path::from(from), &Path::from(to)).await {
        Ok(()) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(failed(from, error)),
    }
}

/// When a picture was put aside, and the key it had.
fn put_aside(path: &str) -> Option<(Timestamp, &str)> {
    let (since, key) = path.strip_prefix(ASIDE)?.strip_prefix('/')?.split_once('/')?;
    let since = since.parse().ok().filter(|_| is_ours(key))?;
    Some((Timestamp::from_secs(since), key))
}

/// `ab/ab…64 digits.ending`.
pub(super) fn is_ours(key: &str) -> bool {
    let Some((folder, (hash, ending))) =
        key.split_once('/').and_then(|(folder, file)| Some((folder, file.split_once('.')?)))
    else {
        return false;
    };
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    hash.len() == 64
        && hash.bytes().all(is_hex)
        && folder.len() == 2
        && hash.starts_with(folder)
        && matches!(ending, "jpg" | "png" | "webp" | "gif" | "avif" | "heic")
}
