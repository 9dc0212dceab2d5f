//! A new index beside the one in use, filled from outside and swapped in.

use std::path::PathBuf;

use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{Change, Record};

use super::blocking;
use super::config::TantivyConfig;
use super::writer::Fresh;
use crate::file_lock::FileLock;

/// Makes an index anew from records that the caller has: searches use the one there is until [`finish`](Self::finish).
///
/// Dropped before, it leaves the old index in use; what it wrote is removed when the index is next opened.
#[derive(Debug)]
pub struct TantivyRebuild {
    path: PathBuf,
    /// `None` after a failure.
    fresh: Option<Fresh>,
    _lock: FileLock,
}

impl TantivyRebuild {
    /// Begins an empty index.
    ///
    /// # Errors
    /// `Storage` when another process writes to the index (the message says which), and for what folder and disk
    /// refuse.
    pub async fn begin(config: &TantivyConfig) -> Result<Self> {
        super::sink::make_parent(&config.path).await?;
        let lock = FileLock::acquire(&config.path).await?;
        let of = config.clone();
        let fresh = Some(blocking(&config.path, move || Fresh::begin(&of)).await?);
        Ok(Self { path: config.path.clone(), fresh, _lock: lock })
    }

    /// Adds records; none may come twice.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn add(&mut self, records: Vec<Record<Creator>>) -> Result<()> {
        let fresh = self.fresh()?;
        let add = move || {
            for record in records {
                fresh.add(&Change::Put(record))?;
            }
            Ok(fresh)
        };
        self.fresh = Some(blocking(&self.path, add).await?);
        Ok(())
    }

    /// Uses the new index from now on, and removes the old one with everything that was in it.
    ///
    /// # Errors
    /// `Storage`: then the old one stays in use.
    pub async fn finish(mut self) -> Result<()> {
        let fresh = self.fresh()?;
        blocking(&self.path, move || fresh.finish()).await
    }

    fn fresh(&mut self) -> Result<Fresh> {
        self.fresh.take().ok_or_else(|| {
            Error::new(ErrorKind::Storage, "the new index failed before; begin it anew")
                .with("folder", self.path.display())
        })
    }
}
