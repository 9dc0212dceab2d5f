//! Opening a bucket and writing to it.

use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    RetryConfig,
};

use super::access::BucketAccess;
use super::config::BucketConfig;
use super::error::{is_conflict, is_passing};
use super::service::Connector;
use crate::images::client;
use crate::images::shelf::{NotKept, ToKeep, failed};

/// A picture that was written within this time is young to any sweep, even with a clock that is a little wrong: the
/// shortest grace is an hour, and what was kept is remembered for ten minutes.
const YOUNG: Duration = Duration::from_secs(1_800);

/// The first wait after an answer that passes; the server's own wish, if it has one, goes before.
const WAIT: Duration = Duration::from_secs(1);

/// The store of a bucket. No request is made.
///
/// # Errors
/// `ConfigInvalid`.
pub(in crate::images) fn open(config: &BucketConfig, access: BucketAccess) -> Result<Arc<dyn ObjectStore>> {
    let client = client::for_bucket(config)?;
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_virtual_hosted_style_request(config.virtual_hosted)
        .with_conditional_put(if config.conditional {
            S3ConditionalPut::ETagMatch
        } else {
            S3ConditionalPut::Disabled
        })
        // One by one they are judged one by one, and every server can do it.
        .with_disable_bulk_delete(true)
        // Only the engine retries.
        .with_retry(RetryConfig {
            max_retries: 0,
            retry_timeout: config.timeout,
            backoff: BackoffConfig::default(),
        })
        .with_client_options(ClientOptions::new().with_allow_http(config.is_plain()))
        .with_http_connector(Connector { client, host: config.host() });
    let builder = match &config.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.as_str().trim_end_matches('/')),
        None => builder,
    };
    let store = access.apply(builder).build().map_err(|error| {
        Error::new(ErrorKind::ConfigInvalid, "the pictures' bucket cannot be used as it is configured")
            .with("bucket", &config.bucket)
            .caused_by(error.to_string())
    })?;
    if config.prefix.is_empty() {
        return Ok(Arc::new(store));
    }
    Ok(Arc::new(PrefixStore::new(store, config.prefix.as_str())))
}

/// Keeps a picture. One that is there and young is left as it is; an old one is written anew, which makes it young.
pub(in crate::images) async fn put(
    store: &dyn ObjectStore,
    conditional: bool,
    picture: ToKeep<'_>,
    now: Timestamp,
) -> Result<(), NotKept> {
    let path = Path::from(picture.key);
    let done = if conditional {
        create(store, &path, &picture, now).await
    } else {
        write(store, &path, &picture, PutMode::Overwrite).await
    };
    done.map_err(|error| not_kept(picture.key, error))
}

async fn create(
    store: &dyn ObjectStore,
    path: &Path,
    picture: &ToKeep<'_>,
    now: Timestamp,
) -> object_store::Result<()> {
    match write(store, path, picture, PutMode::Create).await {
        Err(object_store::Error::AlreadyExists { .. }) if is_young(store, path, now).await? => Ok(()),
        Err(object_store::Error::AlreadyExists { .. }) => {
            write(store, path, picture, PutMode::Overwrite).await
        }
        // Neither writer may have got through. A name is the hash of its bytes, so whoever is last is right.
        Err(error) if is_conflict(&error) => write(store, path, picture, PutMode::Overwrite).await,
        done => done,
    }
}

async fn is_young(store: &dyn ObjectStore, path: &Path, now: Timestamp) -> object_store::Result<bool> {
    match store.head(path).await {
        Ok(found) => Ok(now.since(Timestamp::from_millis(found.last_modified.timestamp_millis())) < YOUNG),
        // Swept in this very moment.
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn write(
    store: &dyn ObjectStore,
    path: &Path,
    picture: &ToKeep<'_>,
    mode: PutMode,
) -> object_store::Result<()> {
    let attributes = Attributes::from_iter([(Attribute::ContentType, picture.media_type)]);
    let options = PutOptions { mode, attributes, ..PutOptions::default() };
    store.put_opts(path, picture.bytes.clone().into(), options).await.map(drop)
}

fn not_kept(key: &str, error: object_store::Error) -> NotKept {
    let passing = is_passing(&error);
    let error = failed(key, error);
    if passing {
        let wait = error.wait().unwrap_or_default().max(WAIT);
        return NotKept::Later(spread(wait, key), error);
    }
    NotKept::Place(error)
}

/// Up to twice the wait, by the key's own hash: pictures that were refused together come back one by one.
fn spread(wait: Duration, key: &str) -> Duration {
    let hash =
        key.split_once('/').and_then(|(_, file)| u32::from_str_radix(file.get(2..6)?, 16).ok()).unwrap_or(0);
    wait + wait * hash / 0x1_0000
}
