//! Where pictures are kept: by their contents, so that writing one twice changes nothing.

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::{OnceCell, Semaphore};

use super::config::ImagesConfig;
use super::sniff::Kind;
use crate::disk::{FULL, is_full};

/// A key that nothing has, to ask whether anybody answers.
pub(super) const NOBODY: &str = "00/nobody";

/// A place for pictures.
#[derive(Debug)]
pub(super) struct Shelf {
    place: Place,
    opened: OnceCell<Arc<dyn ObjectStore>>,
    /// Writes at once: each takes a blocking thread, and a machine's disk gains nothing from many.
    writers: Semaphore,
}

#[derive(Debug)]
enum Place {
    Folder {
        path: PathBuf,
        durable: bool,
    },
    Given(Arc<dyn ObjectStore>),
    #[cfg(feature = "s3")]
    Bucket {
        store: Arc<dyn ObjectStore>,
        conditional: bool,
    },
}

/// Why a picture is not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// The place fails, so it would with any other.
    Place(Error),
    /// Not this one, for as long.
    #[cfg_attr(
        not(feature = "s3"),
        expect(dead_code, reason = "only a bucket refuses one picture and takes another")
    )]
    Later(Duration, Error),
}

/// A picture with its name.
#[derive(Debug)]
pub(super) struct ToKeep<'a> {
    pub(super) key: &'a str,
    pub(super) media_type: &'static str,
    pub(super) bytes: Bytes,
}

/// What names a picture: its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(blake3::Hash);

impl Name {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }

    pub(super) fn hash(self) -> String {
        self.0.to_hex().to_string()
    }

    /// Below one of 256 folders, so that none grows without bounds.
    pub(super) fn key(self, kind: Kind) -> String {
        let hex = self.0.to_hex();
        let folder: String = hex.chars().take(2).collect();
        format!("{folder}/{hex}.{}", kind.ending())
    }
}

impl Shelf {
    pub(super) fn in_folder(config: &ImagesConfig) -> Self {
        let place = Place::Folder { path: config.folder.clone(), durable: config.durable };
        Self::new(place, config)
    }

    pub(super) fn given(store: Arc<dyn ObjectStore>, config: &ImagesConfig) -> Self {
        Self::new(Place::Given(store), config)
    }

    #[cfg(feature = "s3")]
    pub(super) fn in_bucket(store: Arc<dyn ObjectStore>, conditional: bool, config: &ImagesConfig) -> Self {
        let shelf = Self::new(Place::Bucket { store, conditional }, config);
        // Nothing blocks a thread there: as many are written as are downloaded.
        Self { writers: Semaphore::new(config.in_flight.get()), ..shelf }
    }

    fn new(place: Place, config: &ImagesConfig) -> Self {
        Self { place, opened: OnceCell::new(), writers: Semaphore::new(config.writers.get()) }
    }

    /// The store; a folder is made when it is not there.
    pub(super) async fn open(&self) -> Result<&Arc<dyn ObjectStore>> {
        self.opened
            .get_or_try_init(|| async {
                match &self.place {
                    Place::Given(store) => Ok(Arc::clone(store)),
                    Place::Folder { path, durable } => folder(path, *durable).await,
                    #[cfg(feature = "s3")]
                    Place::Bucket { store, .. } => Ok(Arc::clone(store)),
                }
            })
            .await
    }

    /// Tries the place without writing.
    pub(super) async fn check(&self) -> Result<()> {
        match &self.place {
            Place::Folder { path, .. } => check_folder(path).await,
            Place::Given(store) => answers(&**store).await,
            #[cfg(feature = "s3")]
            Place::Bucket { store, conditional } => super::s3::check(&**store, *conditional).await,
        }
    }

    /// Keeps a picture. A whole file appears, or none; one that is there and old is written anew, so that its age says
    /// when it was last wanted.
    pub(super) async fn put(&self, picture: ToKeep<'_>, now: Timestamp) -> Result<(), NotKept> {
        let store = self.open().await.map_err(NotKept::Place)?;
        let _permit = self.writers.acquire().await;
        #[cfg(feature = "s3")]
        if let Place::Bucket { conditional, .. } = self.place {
            return super::s3::put(&**store, conditional, picture, now).await;
        }
        #[cfg(not(feature = "s3"))]
        let _ = (picture.media_type, now);
        let put = store.put(&Path::from(picture.key), picture.bytes.into()).await;
        put.map(drop).map_err(|error| NotKept::Place(failed(picture.key, error)))
    }
}

async fn folder(path: &FilePath, durable: bool) -> Result<Arc<dyn ObjectStore>> {
    let refused = |cause: &dyn std::fmt::Display| {
        Error::new(ErrorKind::ConfigInvalid, "the pictures' folder cannot be used; choose another")
            .with("folder", path.display())
            .caused_by(cause.to_string())
    };
    tokio::fs::create_dir_all(path).await.map_err(|error| refused(&error))?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| refused(&error))?;
    Ok(Arc::new(store.with_fsync(durable)))
}

/// A folder that is there must be one; where none is, one can be made below the nearest that is.
async fn check_folder(path: &FilePath) -> Result<()> {
    let refused = |why: &str| {
        Error::new(
            ErrorKind::ConfigInvalid,
            format!("the pictures' folder cannot be used: {why}; choose another"),
        )
        .with("folder", path.display())
    };
    for place in path.ancestors() {
        let place = if place.as_os_str().is_empty() { FilePath::new(".") } else { place };
        match tokio::fs::metadata(place).await {
            Ok(found) if found.is_dir() && !found.permissions().readonly() => return Ok(()),
            Ok(found) if found.is_dir() => return Err(refused("it cannot be written to")),
            Ok(_) => return Err(refused("it is no folder")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused("it cannot be looked at").caused_by(error)),
        }
    }
    Err(refused("nothing above it exists"))
}

async fn answers(store: &dyn ObjectStore) -> Result<()> {
    match store.head(&Path::from(NOBODY)).await {
        Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(failed(NOBODY, error)),
    }
}

/// Pictures can be fetched again, so a place that fails stops nothing but this sink. A disk that takes nothing more is
/// somebody's to mend, and ends the run as it does everywhere.
pub(super) fn failed(key: &str, error: object_store::Error) -> Error {
    #[cfg(feature = "s3")]
    if let Some(explained) = super::s3::explain(&error) {
        return if key.is_empty() { explained } else { explained.with("key", key) };
    }
    if let Some(remedy) = disk(&error) {
        let message = format!("the place for pictures takes no more{remedy}");
        return Error::new(ErrorKind::Storage, message).with("key", key).caused_by(error);
    }
    let kind = match &error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            ErrorKind::Unauthorized
        }
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "the place for pictures fails").with("key", key).caused_by(error)
}

/// What a disk needs that lets nothing be written to it.
fn disk(error: &object_store::Error) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.find_map(|cause| match cause.downcast_ref::<io::Error>()?.kind() {
        kind if is_full(kind) => Some(FULL),
        io::ErrorKind::ReadOnlyFilesystem => Some("; its file system can only be read, mount it for writing"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_takes_no_more_is_told_from_a_place_that_fails() {
        let kind = |kind: io::ErrorKind| {
            let error = object_store::Error::Generic {
                store: "LocalFileSystem",
                source: io::Error::from(kind).into(),
            };
            failed("00/a.png", error).kind()
        };
        for full in
            [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::ReadOnlyFilesystem]
        {
            assert_eq!(kind(full), ErrorKind::Storage, "{full}");
        }
        assert_eq!(kind(io::ErrorKind::ConnectionReset), ErrorKind::Unavailable);
    }
}
