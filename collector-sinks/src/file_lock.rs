//! One writing process per file: an advisory lock on a file beside it, which says who holds it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use collector_core::clock::{Clock, SystemClock};
use collector_core::error::{Error, ErrorKind, Result};

/// The most a holder's note can say; a longer file is not ours.
const MAX_NOTE: u64 = 256;

/// Held until dropped. The operating system releases it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks `<path>-lock`.
    ///
    /// # Errors
    /// `Storage`: somebody else holds it (the message says who and since when), or the file cannot be written.
    pub(crate) async fn acquire(path: &Path) -> Result<Self> {
        let beside = beside(path);
        let failed = |what: &'static str, error: std::io::Error| {
            Error::new(ErrorKind::Storage, what).with("file", beside.display()).caused_by(error)
        };
        // Not truncated: the note of the present holder must stay readable.
        let mut options = tokio::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&beside).await.map_err(|error| failed("cannot open the lock file", error))?;
        let mut file = file.into_std().await;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed("cannot lock the lock file", error)),
        }
        note(&mut file).map_err(|error| failed("cannot write the lock file", error))?;
        Ok(Self { _file: file })
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    PathBuf::from(name)
}

fn note(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} since {}", std::process::id(), SystemClock.now())
}

fn held(path: &Path, file: &mut File) -> Error {
    let mut holder = String::new();
    // A note that cannot be read (another platform's locks forbid it) only costs the name.
    let read = file.take(MAX_NOTE).read_to_string(&mut holder).is_ok();
    let holder = if read && !holder.trim().is_empty() { holder.trim() } else { "another process" };
    Error::new(ErrorKind::Storage, format!("{holder} is writing to it; stop that one or choose another file"))
        .with("file", path.display())
}
