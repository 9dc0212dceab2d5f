//! Giving the sinks of a configuration everything they are owed.

use std::collections::BTreeMap;
use std::time::Duration;

use collector_core::creator::Creators;
use collector_core::error::{Error, ErrorChain, ErrorKind, Result};
use collector_core::pipeline::Handle;
use collector_core::store::Counts;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::idle::Idle;
use crate::compose::{self, AnyStore};
use crate::config::Config;
use crate::report::Delivered;

/// How often what is pending is counted.
const PACE: Duration = Duration::from_millis(500);

/// How long sinks may take nothing before they are given up for now; what a killed worker holds comes free later.
const PATIENCE: Duration = Duration::from_secs(60);

/// Works until every sink of the configuration has everybody, or none of them takes anything any more. No vendor is
/// asked.
pub(super) async fn everything(
    config: &Config,
    stop: &CancellationToken,
    say: &(dyn Fn(u64) + Send + Sync),
) -> Result<Delivered> {
    let store = compose::open_store(&config.store).await?;
    let engine = compose::delivering(config, &store, Idle)?;
    let handle = match engine.start().await {
        Ok(handle) => handle,
        // A sink that is down: it is owed everything from now on, whenever it comes back.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Unauthorized
            ) =>
        {
            return delivered(&store, Some(&error)).await;
        }
        Err(error) => return Err(error),
    };
    let waited = wait(&handle, PATIENCE + config.run.worker_ttl, stop, say).await;
    let shut = handle.shutdown().await;
    waited?;
    shut?;
    delivered(&store, None).await
}

async fn wait(
    handle: &Handle<Creators>,
    patience: Duration,
    stop: &CancellationToken,
    say: &(dyn Fn(u64) + Send + Sync),
) -> Result<()> {
    let (mut least, mut since) = (u64::MAX, Instant::now());
    loop {
        let pending: u64 = pending(&handle.counts().await?).values().sum();
        say(pending);
        if pending == 0 {
            return Ok(());
        }
        if pending < least {
            (least, since) = (pending, Instant::now());
        } else if since.elapsed() > patience {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => {
                return Err(Error::new(ErrorKind::Cancelled, "stopped while sinks were given what they are owed"));
            }
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

fn pending(counts: &Counts) -> BTreeMap<String, u64> {
    counts.sinks.iter().map(|(name, sink)| (name.clone(), sink.pending)).collect()
}

async fn delivered(store: &AnyStore, error: Option<&Error>) -> Result<Delivered> {
    let counts = store.counts().await?;
    let rejected = counts.sinks.iter().map(|(name, sink)| (name.clone(), sink.rejected));
    Ok(Delivered {
        pending: pending(&counts),
        rejected: rejected.filter(|(_, rejected)| *rejected > 0).collect(),
        problem: error.map(|error| ErrorChain(error).to_string()),
    })
}
