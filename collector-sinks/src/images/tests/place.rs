//! Where the tests keep pictures: a folder, or a bucket.

use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "s3")]
use futures_util::StreamExt;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

#[cfg(feature = "s3")]
use crate::images::s3::{self, BucketAccess, BucketConfig};
use crate::images::{ImagesConfig, ImagesSink};
#[cfg(feature = "s3")]
use crate::services;

/// A place of a test's own.
pub(super) struct Place {
    folder: TempDir,
    /// Where the pictures are, unless in the folder.
    #[cfg(feature = "s3")]
    bucket: Option<(BucketConfig, BucketAccess)>,
}

impl Place {
    pub(super) fn folder() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            #[cfg(feature = "s3")]
            bucket: None,
        }
    }

    /// A prefix in the bucket that this variable names; where there is none, a folder after all.
    #[cfg(feature = "s3")]
    pub(super) fn bucket(variable: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let bucket = services::find(variable).map(|url| {
            let own = folder.path().file_name().unwrap().to_str().unwrap().trim_matches('.').to_owned();
            let config = BucketConfig::at(&format!("{url}/test-{}-{own}", std::process::id())).unwrap();
            let part = |name: &str| services::find(&format!("{variable}_{name}")).unwrap();
            (config, BucketAccess::key(part("ACCESS_KEY"), part("SECRET_KEY")).unwrap())
        });
        Self { folder, bucket }
    }

    pub(super) fn is_folder(&self) -> bool {
        #[cfg(feature = "s3")]
        return self.bucket.is_none();
        #[cfg(not(feature = "s3"))]
        true
    }

    /// Where the pictures are, if they are files.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("pictures")
    }

    /// A folder for anything else.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) fn sink(&self, config: ImagesConfig) -> ImagesSink {
        #[cfg(feature = "s3")]
        if let Some((bucket, access)) = self.bucket.clone() {
            return ImagesSink::in_bucket(bucket, access, config).unwrap();
        }
        ImagesSink::new(ImagesConfig { folder: self.path(), ..config }).unwrap()
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        #[cfg(feature = "s3")]
        if let Some((bucket, access)) = self.bucket.clone() {
            return s3::open(&bucket, access).unwrap();
        }
        std::fs::create_dir_all(self.path()).unwrap();
        Arc::new(LocalFileSystem::new_with_prefix(self.path()).unwrap())
    }

    /// All keys, in order.
    pub(super) async fn keys(&self) -> Vec<String> {
        let mut objects: Vec<_> = self.store().list(None).try_collect().await.unwrap();
        objects.sort_by(|one, other| one.location.cmp(&other.location));
        objects.into_iter().map(|object| object.location.to_string()).collect()
    }

    pub(super) async fn read(&self, key: &str) -> Vec<u8> {
        let found = self.store().get(&Path::from(key)).await.unwrap();
        found.bytes().await.unwrap().to_vec()
    }

    pub(super) async fn has(&self, key: &str) -> bool {
        self.store().head(&Path::from(key)).await.is_ok()
    }
}

/// Leaves nothing in a bucket, which may be somebody's own.
#[cfg(feature = "s3")]
impl Drop for Place {
    fn drop(&mut self) {
        if self.bucket.is_none() {
            return;
        }
        let store = self.store();
        let emptied = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let locations = store.list(None).map_ok(|object| object.location).boxed();
                store.delete_stream(locations).try_collect::<Vec<_>>().await
            })
        });
        let emptied = emptied.join().unwrap();
        assert!(
            std::thread::panicking() || emptied.is_ok(),
            "a bucket is left with a test's pictures: {emptied:?}"
        );
    }
}
