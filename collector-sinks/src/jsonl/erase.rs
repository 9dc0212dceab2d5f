//! Taking records out of a change log in place: every later line stays where it is.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::RecordKey;
use serde::Deserialize;

use super::error::storage;
use crate::file_lock::FileLock;

/// The part of a line that says whose it is.
#[derive(Deserialize)]
struct Head {
    key: RecordKey,
    version: u64,
    op: String,
}

/// Writes over the lines of these records what says nothing of them; deletions stay. Gives how many lines.
///
/// # Errors
/// `Storage` when another process writes to the log, and for what the disk refuses.
pub async fn erase(path: &Path, keys: &[RecordKey]) -> Result<u64> {
    if !tokio::fs::try_exists(path).await.unwrap_or(false) {
        return Ok(0);
    }
    let lock = FileLock::acquire(path).await?;
    let (file, keys) = (path.to_owned(), keys.to_vec());
    let work = move || {
        let done =
            blank(&file, &keys).map_err(|error| storage(&file, "cannot write to the change log", error));
        drop(lock);
        done
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => {
            Err(Error::new(ErrorKind::Unexpected, "the change log cannot be read").caused_by(panic))
        }
    }
}

fn blank(path: &Path, keys: &[RecordKey]) -> std::io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut lines = BufReader::new(OpenOptions::new().read(true).open(path)?);
    let (mut at, mut erased, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        let head = serde_json::from_slice::<Head>(&line).ok();
        if let Some(head) = head.filter(|head| head.op == "put" && keys.contains(&head.key)) {
            let rest = format!("{{\"key\":{},\"version\":{},\"op\":\"erased\"}}", head.key, head.version);
            // A line with a record is always longer.
            if rest.len() < length {
                file.seek(SeekFrom::Start(at))?;
                file.write_all(format!("{rest:<width$}", width = length - 1).as_bytes())?;
                erased += 1;
            }
        }
        at += length as u64;
    }
    file.sync_all()?;
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_of_a_record_say_nothing_and_others_stay_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let other = "{\"key\":2,\"version\":1,\"op\":\"put\",\"record\":{\"name\":\"Bo\"}}\n";
        let theirs = "{\"key\":1,\"version\":3,\"op\":\"put\",\"record\":{\"name\":\"Zoe\"}}\n";
        let gone = "{\"key\":1,\"version\":4,\"op\":\"delete\"}\n";
        std::fs::write(&path, format!("{theirs}{other}{theirs}{gone}")).unwrap();
        assert_eq!(erase(&path, &[RecordKey(1)]).await.unwrap(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("Zoe"), "{text}");
        assert_eq!(text.len(), 2 * theirs.len() + other.len() + gone.len());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].trim_end(), "{\"key\":1,\"version\":3,\"op\":\"erased\"}");
        assert_eq!((lines[1], lines[3]), (other.trim_end(), gone.trim_end()));
        assert_eq!(erase(&path, &[RecordKey(1)]).await.unwrap(), 0, "once");
    }
}
