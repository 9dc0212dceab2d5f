//! [`JsonlSink`]: appends batches of changes.

use std::io::SeekFrom;
use std::path::Path;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{BatchLimits, Change, Facts, Position, Sink, Written, Wrote};
use serde::Serialize;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::config::JsonlConfig;
use super::error::{foreign, position as bad_position, shorter, stdout, storage};
use super::line;
use crate::file_lock::FileLock;

/// The buffer is kept between batches up to this size; an unusually large batch does not hold its memory for ever.
const KEEP_BUFFER: usize = 4 << 20;

/// A sink that appends changes as JSON Lines. See the [module page](super).
#[derive(Debug)]
pub struct JsonlSink {
    config: JsonlConfig,
    log: Mutex<Option<Log>>,
}

impl JsonlSink {
    /// A sink for this log; nothing is touched before it is opened.
    pub fn new(config: JsonlConfig) -> Self {
        Self { config, log: Mutex::new(None) }
    }
}

/// An opened log.
#[derive(Debug)]
struct Log {
    out: Out,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Out {
    Stdout(tokio::io::Stdout),
    File(LogFile),
}

#[derive(Debug)]
struct LogFile {
    file: File,
    /// Bytes that are durable and whole.
    length: u64,
    /// Whether something may stand behind `length`: a write failed or was given up half-way.
    torn: bool,
    _lock: FileLock,
}

#[async_trait]
impl<T: Serialize + Send + Sync + 'static> Sink<T> for JsonlSink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    async fn open(&self, _cx: &Context, position: Option<Position>) -> Result<()> {
        let mut log = self.log.lock().await;
        // Opened again: the lock of the first time must go before it can be taken anew.
        *log = None;
        let out = if self.config.is_stdout() {
            Out::Stdout(tokio::io::stdout())
        } else {
            Out::File(LogFile::open(&self.config.path, position).await?)
        };
        *log = Some(Log { out, buffer: Vec::new() });
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        if self.config.is_stdout() {
            return Ok(());
        }
        let path = &self.config.path;
        match tokio::fs::metadata(path).await {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(foreign(path, "it is no file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => check_folder(path).await,
            Err(error) => Err(storage(path, "cannot look at the change log", error)),
        }
    }

    async fn write(&self, _cx: &Context, batch: &[Change<T>]) -> Result<Written> {
        let mut log = self.log.lock().await;
        let log = log.as_mut().ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "the change log is not open")
                .with("file", self.config.path.display())
        })?;
        log.buffer.clear();
        log.buffer.shrink_to(KEEP_BUFFER);
        let outcomes = batch.iter().map(|change| outcome(line::push(&mut log.buffer, change))).collect();
        let position = log.out.append(&self.config.path, &log.buffer).await?;
        Ok(Written { outcomes, position })
    }
}

fn outcome(written: serde_json::Result<()>) -> Wrote {
    match written {
        Ok(()) => Wrote::Stored(Facts::new()),
        Err(error) => Wrote::Rejected(format!("the record cannot be written as JSON: {error}")),
    }
}

async fn check_folder(path: &Path) -> Result<()> {
    let folder = folder(path);
    let found = tokio::fs::metadata(folder).await;
    match found.map_err(|error| storage(path, "cannot look at the change log's folder", error))?.is_dir() {
        true => Ok(()),
        false => Err(foreign(path, "its folder is no folder")),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

impl Out {
    /// Appends bytes and makes them durable; gives where the log stands then.
    async fn append(&mut self, path: &Path, bytes: &[u8]) -> Result<Option<Position>> {
        match self {
            Self::Stdout(out) => {
                out.write_all(bytes).await.map_err(stdout)?;
                out.flush().await.map_err(stdout)?;
                Ok(None)
            }
            Self::File(file) => {
                file.append(bytes)
                    .await
                    .map_err(|error| storage(path, "cannot write the change log", error))?;
                Ok(Some(Position(file.length.to_string())))
            }
        }
    }
}

impl LogFile {
    async fn open(path: &Path, position: Option<Position>) -> Result<Self> {
        let failed = |error| storage(path, "cannot open the change log", error);
        let acknowledged = match &position {
            Some(at) => at.0.parse::<u64>().map_err(|_| bad_position(path, at))?,
            None => 0,
        };
        let lock = FileLock::acquire(path).await?;
        let is_new = !tokio::fs::try_exists(path).await.map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).await.map_err(failed)?;
        let mut length = acknowledged;
        if is_new {
            sync_folder(path).await.map_err(failed)?;
            if acknowledged > 0 {
                tracing::warn!(file = %path.display(), acknowledged, "the change log is gone; a new one begins");
                length = 0;
            }
        }
        verify(&mut file, path, length).await?;
        let mut log = Self { file, length, torn: true, _lock: lock };
        log.mend().await.map_err(failed)?;
        Ok(log)
    }

    async fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.torn {
            self.mend().await?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        // Until the synchronisation has succeeded, also when this future is dropped.
        self.torn = true;
        self.file.write_all(bytes).await?;
        self.file.flush().await?;
        self.file.sync_data().await?;
        self.length += bytes.len() as u64;
        self.torn = false;
        Ok(())
    }

    /// Cuts off whatever stands behind the last durable line.
    async fn mend(&mut self) -> std::io::Result<()> {
        if self.file.metadata().await?.len() > self.length {
            self.file.set_len(self.length).await?;
            self.file.sync_data().await?;
        }
        self.file.seek(SeekFrom::Start(self.length)).await?;
        self.torn = false;
        Ok(())
    }
}

/// Refuses a file that lost acknowledged bytes, and one whose contents are not ours: it is about to be cut.
async fn verify(file: &mut File, path: &Path, acknowledged: u64) -> Result<()> {
    let failed = |error| storage(path, "cannot read the change log", error);
    let length = file.metadata().await.map_err(failed)?.len();
    if length < acknowledged {
        return Err(shorter(path, length, acknowledged));
    }
    let mut start = Vec::new();
    (&mut *file).take(line::START.len() as u64).read_to_end(&mut start).await.map_err(failed)?;
    // A first line that was torn may be shorter.
    if !line::START.starts_with(&start) {
        return Err(foreign(path, "the file does not begin like a change"));
    }
    if acknowledged > 0 {
        file.seek(SeekFrom::Start(acknowledged - 1)).await.map_err(failed)?;
        if file.read_u8().await.map_err(failed)? != b'\n' {
            return Err(foreign(path, "no line ends where the last acknowledged one did"));
        }
    }
    Ok(())
}

/// Makes a new file's name durable.
#[cfg(unix)]
async fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder(path)).await?.sync_all().await
}

/// Folders cannot be synchronised here; the file system does it by itself.
#[cfg(not(unix))]
async fn sync_folder(_path: &Path) -> std::io::Result<()> {
    std::future::ready(Ok(())).await
}
