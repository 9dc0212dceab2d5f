//! Where the tests keep pictures: a folder, or a bucket.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

#[cfg(feature = "s3")]
use crate::images::s3::{self, BucketAccess, BucketConfig};
use crate::images::{ImagesConfig, ImagesSink};

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

    /// A prefix in the bucket of the tests; where there is none, a folder after all.
    #[cfg(feature = "s3")]
    pub(super) fn bucket() -> Self {
        let place = Self::folder();
        let bucket = super::services::find("COLLECTOR_TEST_S3").map(|url| {
            let own = place.folder.path().file_name().unwrap().to_str().unwrap().trim_matches('.').to_owned();
            let key = super::services::find("COLLECTOR_TEST_S3_ACCESS_KEY").unwrap();
            let secret = super::services::find("COLLECTOR_TEST_S3_SECRET_KEY").unwrap();
            let url = format!("{url}/test-{}-{own}", std::process::id());
            (BucketConfig::at(&url).unwrap(), BucketAccess::key(key, secret).unwrap())
        });
        Self { bucket, ..place }
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
