//! What the index says, as our error.

use std::io;
use std::path::Path;

use collector_core::error::{Error, ErrorKind};
use tantivy::TantivyError;

use crate::disk::{FULL, is_full};

/// The index refuses.
pub(super) fn index(path: &Path, what: &str, error: TantivyError) -> Error {
    let remedy = match &error {
        TantivyError::IoError(error) => io_remedy(error.kind()),
        // What made it stop is not told on; the log of what was acknowledged is whole.
        TantivyError::ErrorInThread(_) => STOPPED,
        TantivyError::LockFailure(..) => "; another process writes to it: stop that one",
        TantivyError::IncompatibleIndex(_) => {
            "; it was made by another version: move the folder away and rebuild it"
        }
        _ => DAMAGED,
    };
    Error::new(ErrorKind::Storage, format!("{what}{remedy}")).with("folder", path.display()).caused_by(error)
}

/// The folder or the disk refuses.
pub(super) fn storage(path: &Path, what: &str, error: io::Error) -> Error {
    let message = format!("{what}{}", io_remedy(error.kind()));
    Error::new(ErrorKind::Storage, message).with("folder", path.display()).caused_by(error)
}

/// What is in the index is not what was put there.
pub(super) fn damaged(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Storage, format!("{what}{DAMAGED}")).with("folder", path.display())
}

/// The folder is somebody else's.
pub(super) fn foreign(path: &Path) -> Error {
    let message = "the folder holds something else than a search index; choose another one or move it away";
    Error::new(ErrorKind::ConfigInvalid, message).with("folder", path.display())
}

/// There is nothing to search.
pub(super) fn missing(path: &Path) -> Error {
    let message = "there is no search index yet; `collector run` with a [search] section makes it";
    Error::new(ErrorKind::ConfigInvalid, message).with("folder", path.display())
}

const STOPPED: &str = "; its writer stopped: look whether the disk is full, then start again";
const DAMAGED: &str = "; the index is damaged: move the folder away and rebuild it, the store has everything";

fn io_remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        kind if is_full(kind) => FULL,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "; check the permissions",
        _ => DAMAGED,
    }
}

/// The index is of a format that only its writer may replace.
pub(super) fn other_format(path: &Path) -> Error {
    let message =
        "the search index is of another version's format; `collector run` of this version makes it anew";
    Error::new(ErrorKind::ConfigInvalid, message).with("folder", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_taken_for_a_damaged_index() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let errors = [
            index(Path::new("i"), "cannot write", TantivyError::ErrorInThread("killed".to_owned())),
            index(Path::new("i"), "cannot write", TantivyError::IoError(full().into())),
            storage(Path::new("i"), "cannot write", full()),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.contains("disk is full") && !text.contains("damaged"), "{text}");
        }
    }
}
