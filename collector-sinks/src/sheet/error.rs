//! Why a table could not be written.

use collector_core::error::{Error, ErrorKind};

/// The file, or the disk behind it, refused.
pub(super) fn storage(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Storage, "the table cannot be written").caused_by(error)
}

/// The table does not fit the format.
pub(super) fn too_large(message: String) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message)
}
