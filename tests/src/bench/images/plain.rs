//! The control: a sink that downloads and writes files, with no guard, no look at the bytes, no hash and no facts.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{BatchLimits, Change, Facts, Position, Sink, Written, Wrote};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::super::{Failure, process};
use super::{ChildArgs, DOWNLOADS, WRITERS};

/// Downloads and writes, nothing else.
#[derive(Debug)]
pub(super) struct PlainSink {
    client: reqwest::Client,
    files: Files,
    downloads: Semaphore,
}

impl PlainSink {
    pub(super) fn new(args: &ChildArgs) -> Result<Self, Failure> {
        Ok(Self {
            client: process::client()?,
            files: Files::new(args)?,
            downloads: Semaphore::new(DOWNLOADS),
        })
    }

    async fn picture(&self, cx: &Context, name: u64, link: &str) -> Result<Wrote, Failure> {
        if is_ended(link, cx.now().as_secs()) {
            return Ok(Wrote::Refresh("ended".into()));
        }
        let _permit = self.downloads.acquire().await?;
        let answer = self.client.get(link).send().await?.error_for_status()?;
        self.files.write(name, answer.bytes().await?).await?;
        Ok(Wrote::Stored(Facts::new()))
    }
}

/// Whether the link says that it has ended.
pub(super) fn is_ended(link: &str, now: i64) -> bool {
    let ends = link.split("x-expires=").nth(1).and_then(|rest| rest.split('&').next()?.parse::<i64>().ok());
    ends.is_some_and(|ends| ends <= now)
}

#[async_trait]
impl Sink<Creator> for PlainSink {
    fn name(&self) -> &str {
        "plain"
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { items: 64, in_flight: 4, ..BatchLimits::default() }
    }

    async fn open(&self, _cx: &Context, _position: Option<Position>) -> Result<()> {
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn write(&self, cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        let each = batch.iter().map(async |change| match change {
            Change::Put(record) => match &record.entity.avatar {
                Some(link) => self.picture(cx, record.key.0, link).await,
                None => Ok(Wrote::Stored(Facts::new())),
            },
            Change::Delete { .. } => Ok(Wrote::Stored(Facts::new())),
        });
        let outcomes = join_all(each).await.into_iter().collect::<Result<_, Failure>>();
        let outcomes = outcomes
            .map_err(|error| Error::new(ErrorKind::Unavailable, "plain").caused_by(error.to_string()))?;
        Ok(Written { outcomes, position: None })
    }
}

/// Files in 256 folders, each written beside its place and renamed, by a few blocking threads.
#[derive(Debug)]
pub(super) struct Files {
    folder: Arc<Path>,
    writers: Semaphore,
    durable: bool,
}

impl Files {
    pub(super) fn new(args: &ChildArgs) -> Result<Self, Failure> {
        let folder: PathBuf = args.into.join("plain");
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder: folder.into(), writers: Semaphore::new(WRITERS), durable: !args.not_durable })
    }

    pub(super) async fn write(&self, name: u64, bytes: Bytes) -> Result<(), Failure> {
        let _permit = self.writers.acquire().await?;
        let (folder, durable) = (Arc::clone(&self.folder), self.durable);
        tokio::task::spawn_blocking(move || write(&folder, name, &bytes, durable)).await??;
        Ok(())
    }
}

fn write(folder: &Path, name: u64, bytes: &[u8], durable: bool) -> std::io::Result<()> {
    let folder = folder.join(format!("{:02x}", name % 256));
    let (place, beside) = (folder.join(format!("{name}.img")), folder.join(format!("{name}.part")));
    let mut file = match std::fs::File::create(&beside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(&folder)?;
            std::fs::File::create(&beside)?
        }
        file => file?,
    };
    file.write_all(bytes)?;
    if durable {
        file.sync_all()?;
    }
    std::fs::rename(beside, place)?;
    if durable {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
