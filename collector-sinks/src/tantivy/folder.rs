//! Where an index is kept: a folder with one index, and a file that says which. A new index is made beside the old one
//! and becomes the one by replacing that file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use collector_core::error::{Error, Result};

use super::error::{damaged, foreign, storage};

/// The file that names the index in use.
const CURRENT: &str = "current";

/// How names of indexes begin.
const PREFIX: &str = "index-";

/// The longest name; a longer file is not ours.
const MAX_NAME: u64 = 128;

/// The folder of an index.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// One index in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// The name after `older` for an index with this fingerprint.
    pub(super) fn after(older: Option<&Self>, fingerprint: &str) -> Self {
        let number = older.map_or(0, Self::number) + 1;
        Self(format!("{PREFIX}{fingerprint}-{number}"))
    }

    /// Whether an index of this name has this fingerprint.
    pub(super) fn has(&self, fingerprint: &str) -> bool {
        self.0
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.rsplit_once('-'))
            .is_some_and(|(is, _)| is == fingerprint)
    }

    fn number(&self) -> u64 {
        self.0.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
    }

    /// A name that stays inside the folder.
    fn read(text: &str) -> Option<Self> {
        let name = text.trim_end();
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (name.starts_with(PREFIX) && is_plain).then(|| Self(name.to_owned()))
    }
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where an index of this name is.
    pub(super) fn index(&self, name: &Name) -> PathBuf {
        self.0.join(&name.0)
    }

    /// The index in use; `None` when there is none yet.
    pub(super) fn current(&self) -> Result<Option<Name>> {
        let file = self.0.join(CURRENT);
        match fs::metadata(&file) {
            Ok(found) if found.len() > MAX_NAME => return Err(self.unreadable()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("cannot look into the search index", error)),
        }
        let text = fs::read_to_string(&file)
            .map_err(|error| self.failed("cannot read which index is in use", error))?;
        Name::read(&text).map(Some).ok_or_else(|| self.unreadable())
    }

    /// Makes the folder, and refuses one that holds something else.
    pub(super) fn prepare(&self) -> Result<()> {
        fs::create_dir_all(&self.0)
            .map_err(|error| self.failed("cannot make the folder of the search index", error))?;
        if self.current()?.is_none() && !self.others(None)?.iter().all(|path| is_index(path)) {
            return Err(foreign(&self.0));
        }
        Ok(())
    }

    /// Makes an empty folder for an index.
    pub(super) fn make(&self, name: &Name) -> Result<PathBuf> {
        let path = self.index(name);
        let failed = |error| self.failed("cannot make a search index", error);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(failed)?;
        }
        fs::create_dir(&path).map_err(failed)?;
        Ok(path)
    }

    /// Makes this index the one in use, durably.
    pub(super) fn use_index(&self, name: &Name) -> Result<()> {
        let replace = || {
            let next = self.0.join("current.next");
            let mut file = File::create(&next)?;
            writeln!(file, "{}", name.0)?;
            file.sync_all()?;
            fs::rename(&next, self.0.join(CURRENT))?;
            sync_folder(&self.0)
        };
        replace().map_err(|error| self.failed("cannot write which index is in use", error))
    }

    /// Removes indexes that are not in use: a crash can leave one behind.
    pub(super) fn tidy(&self, used: &Name) -> Result<()> {
        for path in self.others(Some(used))?.iter().filter(|path| is_index(path)) {
            // Somebody may still read it where open files cannot be removed; it goes the next time.
            if let Err(error) = fs::remove_dir_all(path) {
                tracing::warn!(folder = %path.display(), %error, "an index that is not used cannot be removed");
            }
        }
        Ok(())
    }

    fn others(&self, used: Option<&Name>) -> Result<Vec<PathBuf>> {
        let failed = |error| self.failed("cannot look into the search index", error);
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if used.is_none_or(|used| path != self.index(used)) {
                others.push(path);
            }
        }
        Ok(others)
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        storage(&self.0, what, error)
    }

    fn unreadable(&self) -> Error {
        damaged(&self.0, "the file `current` does not name an index")
    }
}

fn is_index(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX) || name == "current.next")
}

/// Makes a new name durable.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Folders cannot be synchronised here; the file system does it by itself.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
