//! A new index beside the one in use, filled from outside and swapped in.

use std::time::Duration;

use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{Change, Record, Wrote};
use tokio::time::Instant;

use super::bulk::Bulk;
use super::cluster::Cluster;
use super::config::ElasticsearchConfig;
use super::copy::{self, Part};
use super::index::{Alias, Name};
use super::lease::{Discarded, Lease};

/// How long a lease lasts beyond the longest bulk.
const LEASE: Duration = Duration::from_secs(60);

/// A lease is renewed when it is older than this.
const RENEW: Duration = Duration::from_secs(15);

/// The pause after the cluster took nothing; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often records are sent in vain before the rebuild ends.
const TRIES: u32 = 6;

/// Makes an index anew from records that the caller has: searches use the one there is until [`finish`](Self::finish).
///
/// The index in use takes no changes meanwhile: they stay owed to its sink, and go into the new one. What the sink was
/// told to be stored before is in the store: read it after [`begin`](Self::begin). That records are deleted is taken over from
/// the index in use.
///
/// To be ended by [`finish`](Self::finish) or [`abandon`](Self::abandon). Dropped before, it leaves a lease that runs
/// out within minutes; then the sink, or the next rebuild, puts things right, and the old index goes on.
#[derive(Debug)]
pub struct ElasticsearchRebuild {
    config: ElasticsearchConfig,
    cluster: Cluster,
    bulk: Bulk,
    older: Name,
    lease: Lease,
    renewed: Instant,
}

impl ElasticsearchRebuild {
    /// Begins an empty index, and lets no changes into the one in use.
    ///
    /// # Errors
    /// `Unavailable` while another rebuild is going on, `ConfigInvalid` for a configuration that cannot work or a name
    /// that is taken, `Unauthorized` for a missing right, and what the server says.
    pub async fn begin(cx: &Context, config: ElasticsearchConfig) -> Result<Self> {
        let cluster = Cluster::new(&config)?;
        let bulk = Bulk::new(&config);
        let alias = Alias { cluster: &cluster, config: &config };
        let older = match alias.current(cx).await? {
            // Also one of another format: nothing is read from it.
            Some(name) => name,
            None => alias.ensure(cx).await?,
        };
        alias.free(cx, &older).await?;
        let was_blocked = alias.is_blocked(cx, &older).await?;
        let index = Name::beside(&config.index, &older, cx.now());
        let lease = Lease { index, until: 0, was_blocked };
        let renewed = cx.clock().monotonic();
        let mut begun = Self { config, cluster, bulk, older, lease, renewed };
        if let Err(error) = begun.prepare(cx).await {
            begun.take_back(error.kind()).await;
            return Err(error);
        }
        Ok(begun)
    }

    /// After a beginning that failed. Who may write to an index and not make one may write a lease and not end a rebuild:
    /// the lease alone is taken away then, and nothing was made.
    async fn take_back(&self, failed: ErrorKind) {
        if failed != ErrorKind::Unauthorized {
            self.undo().await;
            return;
        }
        let (cx, alias) = (Context::detached(), self.alias());
        // What was made by who may not do the rest; nothing to speak of where it was not.
        if let Err(error) = alias.discard(&cx, &self.older, &self.lease.index).await {
            tracing::debug!(%error, "no index can be taken away, nor could one be made");
        }
        if let Err(error) = alias.release(&cx, &self.older, &self.lease).await {
            tracing::debug!(%error, "no lease can be taken away, nor could one be written");
        }
    }

    /// The lease comes first: a block without one would stay.
    async fn prepare(&mut self, cx: &Context) -> Result<()> {
        self.write_lease(cx).await?;
        self.alias().make(cx, &self.lease.index).await?;
        self.alias().block_writes(cx, &self.older).await
    }

    /// Adds records; none may come twice. Gives how many the index took: one that it can never take is left out, and
    /// the log names it.
    ///
    /// # Errors
    /// When the server takes none of them for half a minute, and when others ended this rebuild.
    pub async fn add(&mut self, cx: &Context, records: Vec<Record<Creator>>) -> Result<u64> {
        self.fill(cx, records.into_iter().map(Change::Put).collect()).await
    }

    /// Adds that records are deleted, as the index in use knows it: a write that was sent before that and comes late must not
    /// bring one back.
    async fn add_deletions(&mut self, cx: &Context) -> Result<()> {
        self.alias().refresh(cx, &self.older).await?;
        let mut after = None;
        loop {
            let page = copy::read(cx, &self.cluster, &self.older, Part::Deletions, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key());
            self.fill(cx, page).await?;
        }
    }

    async fn fill(&mut self, cx: &Context, mut left: Vec<Change<Creator>>) -> Result<u64> {
        let (mut taken, mut tries, mut pause) = (0, 0, FIRST_PAUSE);
        while !left.is_empty() {
            if cx.clock().monotonic().saturating_duration_since(self.renewed) >= RENEW {
                self.renew(cx).await?;
            }
            let target = self.lease.index.filling();
            let (mut failed, before) = (None, left.len());
            match self.bulk.write(cx, &self.cluster, &target, &left).await {
                Ok(outcomes) => taken += settle(&mut left, outcomes),
                Err(error) if is_passing(&error) => failed = Some(error),
                Err(error) => return Err(error),
            }
            if left.is_empty() {
                break;
            }
            if left.len() < before {
                (tries, pause) = (0, FIRST_PAUSE);
            }
            tries += 1;
            if tries >= TRIES {
                return Err(failed.unwrap_or_else(|| busy(&self.lease.index)));
            }
            // There may be nothing left to write to.
            self.renew(cx).await?;
            let wait = failed.and_then(|error| error.wait()).unwrap_or(pause).min(LONGEST_PAUSE);
            super::cluster::pause(cx, wait).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(taken)
    }

    /// Uses the new index from now on, and removes the old one with everything that was in it.
    ///
    /// # Errors
    /// What the server says, and when others ended this rebuild: then the old one stays in use and takes changes again.
    pub async fn finish(mut self, cx: &Context) -> Result<()> {
        let Err(error) = self.swap(cx).await else { return Ok(()) };
        // The server may have done it, and its answer was lost.
        match self.undo().await {
            Some(Discarded::InUse) => Ok(()),
            Some(Discarded::Gone) | None => Err(error),
        }
    }

    /// Ends without the new index: the old one takes changes again. When the server cannot be reached, that is left to
    /// who writes next.
    pub async fn abandon(self) {
        self.undo().await;
    }

    /// Sent also after the stop signal. `None` when it could not be done.
    async fn undo(&self) -> Option<Discarded> {
        match self.alias().end(&Context::detached(), &self.older, &self.lease).await {
            Ok(done) => Some(done),
            Err(error) => {
                let minutes = self.lease_time().as_secs().div_ceil(60);
                tracing::warn!(
                    %error,
                    minutes,
                    "what a rebuild had begun is still there; who writes to the search index after these minutes ends it"
                );
                None
            }
        }
    }

    async fn swap(&mut self, cx: &Context) -> Result<()> {
        self.renew(cx).await?;
        self.add_deletions(cx).await?;
        self.alias().refresh(cx, &self.lease.index).await?;
        // A large index takes its time.
        self.renew(cx).await?;
        let alias = self.alias();
        if !alias.is_blocked(cx, &self.older).await? {
            return Err(lost(&self.older));
        }
        alias.replace_with(cx, &self.older, &self.lease.index).await
    }

    /// Renews the lease, if it is still there.
    async fn renew(&mut self, cx: &Context) -> Result<()> {
        let found = self.alias().lease(cx, &self.older).await?;
        if found.is_none_or(|found| found.index != self.lease.index) {
            return Err(lost(&self.older));
        }
        self.write_lease(cx).await
    }

    async fn write_lease(&mut self, cx: &Context) -> Result<()> {
        self.renewed = cx.clock().monotonic();
        self.lease.until = (cx.now() + self.lease_time()).as_millis();
        self.alias().write_lease(cx, &self.older, Some(&self.lease)).await
    }

    fn lease_time(&self) -> Duration {
        LEASE + self.config.bulk_timeout
    }

    fn alias(&self) -> Alias<'_> {
        Alias { cluster: &self.cluster, config: &self.config }
    }
}

/// Takes out what is settled; gives how many the index took.
fn settle(left: &mut Vec<Change<Creator>>, outcomes: Vec<Wrote>) -> u64 {
    let mut taken = 0;
    let mut outcomes = outcomes.into_iter();
    left.retain(|change| match outcomes.next() {
        Some(Wrote::Stored(_) | Wrote::Superseded) => {
            taken += 1;
            false
        }
        Some(Wrote::Rejected(reason)) => {
            tracing::warn!(record = %change.key(), reason, "a record is left out of the new search index");
            false
        }
        _ => true,
    });
    taken
}

fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited)
}

fn busy(index: &Name) -> Error {
    let message = "the search cluster has too much to do to fill a new index; try again when it has less";
    Error::new(ErrorKind::Unavailable, message).with("index", index.as_str())
}

fn lost(older: &Name) -> Error {
    let message =
        "this rebuild was taken for dead, or the search index was replaced by others meanwhile; begin again";
    Error::new(ErrorKind::Unavailable, message).with("index", older.as_str())
}
