//! What is kept on this machine, and how much room is left.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use collector_core::metrics::Disk;
use tokio::time::Instant;

use crate::config::{Config, ImagesPlace, JsonlPlace, SearchPlace, StorePlace};

/// How long a folder's size stands: counting millions of pictures takes a while.
const STANDS: Duration = Duration::from_secs(600);

/// Files that are counted in a folder at most; a fuller one is larger than is told.
const MOST_FILES: usize = 2_000_000;

/// The places of a configuration that are on this machine.
pub(crate) fn of(config: &Config) -> Vec<Disk> {
    places(config).into_iter().map(|(place, path)| disk(place, &path)).collect()
}

fn places(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut places = Vec::new();
    if let StorePlace::Sqlite(path) = &config.store {
        places.push(("store", path.clone()));
    }
    if let Some(ImagesPlace::Folder(path)) = config.images.as_ref().map(|images| &images.url) {
        places.push(("images", path.clone()));
    }
    if let Some(SearchPlace::Tantivy(path)) = &config.search {
        places.push(("search", path.clone()));
    }
    if let Some(JsonlPlace::File(path)) = &config.jsonl {
        places.push(("jsonl", path.clone()));
    }
    places
}

fn disk(place: &'static str, path: &Path) -> Disk {
    // What is not there yet will be in the nearest folder that is.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find(|path| path.exists());
    Disk { place, used: used(path), free: there.and_then(|path| fs4::available_space(path).ok()) }
}

/// What a file or a folder takes. A store is a file with others beside it.
fn used(path: &Path) -> u64 {
    if path.is_dir() {
        return remembered(path);
    }
    ["", "-wal", "-shm"]
        .iter()
        .filter_map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            std::fs::metadata(name).ok()
        })
        .map(|metadata| metadata.len())
        .sum()
}

/// Sizes of folders that were counted, and when.
static COUNTED: Mutex<Vec<(PathBuf, Instant, u64)>> = Mutex::new(Vec::new());

fn remembered(path: &Path) -> u64 {
    let now = Instant::now();
    {
        let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|(_, at, _)| now.saturating_duration_since(*at) < STANDS);
        if let Some((_, _, bytes)) = counted.iter().find(|(known, ..)| known == path) {
            return *bytes;
        }
    }
    let bytes = folder(path);
    COUNTED.lock().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), now, bytes));
    bytes
}

fn folder(path: &Path) -> u64 {
    let (mut folders, mut files, mut bytes) = (vec![path.to_owned()], 0, 0);
    while let Some(folder) = folders.pop() {
        // What vanishes meanwhile takes no room.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                (files, bytes) = (files + 1, bytes + metadata.len());
            }
            if files >= MOST_FILES {
                return bytes;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_counted_with_its_log_and_a_folder_with_all_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![b'x'; bytes]).unwrap();
        };
        write("a.db", 1_000);
        write("a.db-wal", 200);
        write("a.dbx", 50);
        write("images/ab/1", 10);
        write("images/cd/2", 30);
        let store = disk("store", &dir.path().join("a.db"));
        assert_eq!((store.used, store.free.is_some_and(|free| free > 0)), (1_200, true));
        assert_eq!(disk("images", &dir.path().join("images")).used, 40);
        let coming = disk("search", &dir.path().join("not/there/yet"));
        assert_eq!((coming.used, coming.free.is_some()), (0, true));
    }
}
