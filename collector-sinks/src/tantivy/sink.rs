//! [`TantivySink`]: writes batches of changes.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{BatchLimits, Change, Position, Sink, Written};

use super::blocking;
use super::config::TantivyConfig;
use super::error::{foreign, storage};
use super::writer::{self, Writer};
use crate::file_lock::FileLock;

/// A commit costs about as much as a hundred records, and each makes a part of the index to be merged. With this wait and
/// a commit behind it, a change can be found well within two seconds.
const AGE: Duration = Duration::from_millis(800);

/// Changes at once: their records are in memory while they are written.
const ITEMS: usize = 2_000;

/// A sink that writes a search index. See the [module page](super).
#[derive(Debug)]
pub struct TantivySink {
    config: TantivyConfig,
    opened: Arc<Mutex<Option<Opened>>>,
}

/// An opened index.
#[derive(Debug)]
struct Opened {
    /// `None` after a failure: what was uncommitted is unknown, so the index is opened anew.
    writer: Option<Writer>,
    _lock: FileLock,
}

impl TantivySink {
    /// A sink for this index; nothing is touched before it is opened.
    pub fn new(config: TantivyConfig) -> Self {
        Self { config, opened: Arc::default() }
    }
}

fn opened(opened: &Mutex<Option<Opened>>) -> MutexGuard<'_, Option<Opened>> {
    // A write that panicked left no writer behind.
    opened.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Opened {
    fn write(&mut self, config: &TantivyConfig, batch: &[Change<Creator>]) -> Result<Written> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::open(config)?,
        };
        let outcomes = writer.write(batch)?;
        self.writer = Some(writer);
        Ok(Written { outcomes, position: None })
    }
}

#[async_trait]
impl Sink<Creator> for TantivySink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { items: ITEMS, age: AGE, in_flight: 1 }
    }

    async fn open(&self, _cx: &Context, _position: Option<Position>) -> Result<()> {
        let slot = Arc::clone(&self.opened);
        // Opened again: the lock of the first time must go before it can be taken anew.
        blocking(&self.config.path, move || {
            *opened(&slot) = None;
            Ok(())
        })
        .await?;
        make_parent(&self.config.path).await?;
        let lock = FileLock::acquire(&self.config.path).await?;
        let (slot, config) = (Arc::clone(&self.opened), self.config.clone());
        blocking(&self.config.path, move || {
            let writer = Some(Writer::open(&config)?);
            *opened(&slot) = Some(Opened { writer, _lock: lock });
            Ok(())
        })
        .await
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        let path = self.config.path.clone();
        blocking(&self.config.path, move || {
            if path.exists() && !path.is_dir() {
                return Err(foreign(&path));
            }
            writer::verify(&path)
        })
        .await
    }

    async fn write(&self, _cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        if batch.is_empty() {
            return Ok(Written::all_stored(0));
        }
        let (slot, config, batch) = (Arc::clone(&self.opened), self.config.clone(), batch.to_vec());
        blocking(&self.config.path, move || match opened(&slot).as_mut() {
            Some(index) => index.write(&config, &batch),
            None => Err(Error::new(ErrorKind::Unexpected, "the search index is not open")
                .with("folder", config.path.display())),
        })
        .await
    }
}

/// The lock lies beside the folder.
pub(super) async fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => tokio::fs::create_dir_all(parent)
            .await
            .map_err(|error| storage(path, "cannot make the folder of the search index", error)),
        _ => Ok(()),
    }
}
