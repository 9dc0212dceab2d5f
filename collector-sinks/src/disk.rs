//! What to do about a disk that takes nothing more, in the words of every message that ends with it.

use std::io;

/// The end of a message about a disk, or about what somebody may use of it, that is full.
pub(crate) const FULL: &str = "; the disk is full, make room";

/// Whether it is.
pub(crate) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
