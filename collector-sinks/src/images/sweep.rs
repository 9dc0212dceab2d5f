//! Collecting pictures that no record refers to.

use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use futures_util::TryStreamExt;
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
    for key in unused(store, now, grace, &is_used, &mut swept).await? {
        let aside = format!("{ASIDE}/{}/{key}", now.as_secs());
        swept.put_aside += u64::from(rename(store, &key, &aside).await?);
    }
    Ok(swept)
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
    for object in waiting.iter().filter(|object| object.location.as_ref() != NOTE) {
        let Some((since, key)) = put_aside(object.location.as_ref()) else {
            swept.foreign += 1;
            continue;
        };
        if is_used(key) {
            swept.restored += u64::from(rename(store, object.location.as_ref(), key).await?);
        } else if now.since(since) >= grace {
            let gone = store.delete(&object.location).await;
            gone.or_else(missing_is_fine).map_err(|error| failed(key, error))?;
            swept.deleted += 1;
        }
    }
    Ok(())
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

fn missing_is_fine(error: object_store::Error) -> object_store::Result<()> {
    match error {
        object_store::Error::NotFound { .. } => Ok(()),
        error => Err(error),
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
