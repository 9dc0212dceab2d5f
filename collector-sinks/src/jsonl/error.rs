//! What a file says, as our error.

use std::io;
use std::path::Path;

use collector_core::error::{Error, ErrorKind};
use collector_core::sink::Position;

use crate::disk::{FULL, is_full};

/// The file or the disk refuses.
pub(super) fn storage(path: &Path, what: &'static str, error: io::Error) -> Error {
    let remedy = match error.kind() {
        kind if is_full(kind) => FULL,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "; check the permissions",
        io::ErrorKind::NotFound => "; check that its folder exists",
        _ => "",
    };
    Error::new(ErrorKind::Storage, format!("{what}{remedy}")).with("file", path.display()).caused_by(error)
}

/// Standard output refuses.
pub(super) fn stdout(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => {
            Error::new(ErrorKind::Cancelled, "the reader of standard output has gone")
        }
        _ => Error::new(ErrorKind::Storage, "cannot write to standard output"),
    }
    .caused_by(error)
}

/// The position is not one of ours.
pub(super) fn position(path: &Path, position: &Position) -> Error {
    let message = format!("the position {:?} is not a file's length; it belongs to another sink", position.0);
    Error::new(ErrorKind::ConfigInvalid, message).with("file", path.display())
}

/// The file lost what was acknowledged.
pub(super) fn shorter(path: &Path, length: u64, acknowledged: u64) -> Error {
    let message = format!(
        "the file has {length} bytes and {acknowledged} were acknowledged; put the whole file back, \
         or move it away to begin a new one"
    );
    Error::new(ErrorKind::Storage, message).with("file", path.display())
}

/// The file is not ours.
pub(super) fn foreign(path: &Path, why: &str) -> Error {
    let message = format!("{why}, so it is not this change log; choose another path or move it away");
    Error::new(ErrorKind::ConfigInvalid, message).with("file", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_told_from_a_failure() {
        assert_eq!(stdout(io::ErrorKind::BrokenPipe.into()).kind(), ErrorKind::Cancelled);
        assert_eq!(stdout(io::ErrorKind::Other.into()).kind(), ErrorKind::Storage);
    }

    #[test]
    fn a_full_disk_is_named() {
        let error = storage(Path::new("a.jsonl"), "cannot write", io::ErrorKind::StorageFull.into());
        assert_eq!((error.kind(), error.to_string().contains("full")), (ErrorKind::Storage, true));
    }
}
