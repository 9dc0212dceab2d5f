//! Trying a bucket without changing it.

use collector_core::error::{Error, ErrorKind, Result};
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

use crate::images::shelf::{NOBODY, failed};

/// The version that no object has.
const NO_VERSION: &str = "\"00000000000000000000000000000000\"";

/// Tries to list, to read and to write, in this order: whatever is wrong with host, key or bucket shows in the first, and
/// only it gets a reason with its refusal. The write is for a version that does not exist.
pub(in crate::images) async fn check(store: &dyn ObjectStore, conditional: bool) -> Result<()> {
    let nobody = Path::from(NOBODY);
    let listed = store.list(Some(&nobody)).try_next().await;
    listed.map_err(listing)?;
    match store.head(&nobody).await {
        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(failed(NOBODY, error)),
    }
    if !conditional {
        return Ok(());
    }
    let version = UpdateVersion { e_tag: Some(NO_VERSION.to_owned()), version: None };
    let options = PutOptions { mode: PutMode::Update(version), ..PutOptions::default() };
    match store.put_opts(&nobody, PutPayload::new(), options).await {
        Err(object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(failed(NOBODY, error)),
        Ok(_) => Err(wrote(store, &nobody).await),
    }
}

/// A list that cannot be read came from something else.
fn listing(error: object_store::Error) -> Error {
    if super::explain(&error).is_some() {
        return failed("", error);
    }
    let message = "what answers at `endpoint` does not speak S3: correct host, port and http or https";
    Error::new(ErrorKind::ConfigInvalid, message).caused_by(error)
}

/// The server took no notice of the condition: what it wrote is taken away again.
async fn wrote(store: &dyn ObjectStore, nobody: &Path) -> Error {
    let message = "the server takes no notice of conditions: set `conditional = false`";
    let error = Error::new(ErrorKind::ConfigInvalid, message);
    match store.delete(nobody).await {
        Ok(()) => error,
        Err(failed) => error.with("left behind", nobody).caused_by(failed),
    }
}
