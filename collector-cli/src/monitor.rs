//! What `/metrics` answers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use collector_core::clock::{Clock, SystemClock, Timestamp};
use collector_core::creator::Creators;
use collector_core::error::{ErrorChain, Result};
use collector_core::metrics::{Meter, Snapshot, expose};
use collector_core::pipeline::{Handle, Vitals};
use collector_core::store::{Counts, Parked};
use tokio::time::Instant;

use crate::compose::AnyStore;
use crate::config::Config;
use crate::disk;

/// How long what the store said stands: it is asked by whoever scrapes, and there may be many.
const STANDS: Duration = Duration::from_secs(5);

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// The type of the answer.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Knows how this process is.
pub(crate) struct Monitor {
    /// The observer of the engines.
    pub(crate) meter: Meter,
    config: Arc<Config>,
    started: Timestamp,
    store: OnceLock<AnyStore>,
    engine: OnceLock<Arc<Handle<Creators>>>,
    /// What the store said, and when.
    said: tokio::sync::Mutex<Option<(Instant, Said)>>,
}

/// What the store said; `None` when it failed.
type Said = Option<(Counts, Vec<Parked>)>;

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Of a process that begins now.
    pub(crate) fn new(config: &Arc<Config>) -> Self {
        Self {
            meter: Meter::default(),
            config: Arc::clone(config),
            started: SystemClock.now(),
            store: OnceLock::new(),
            engine: OnceLock::new(),
            said: tokio::sync::Mutex::default(),
        }
    }

    /// The store was reached.
    pub(crate) fn reached(&self, store: &AnyStore) {
        self.store.get_or_init(|| Arc::clone(store));
    }

    /// The engine that works in this process.
    pub(crate) fn watch(&self, engine: &Arc<Handle<Creators>>) {
        self.engine.get_or_init(|| Arc::clone(engine));
    }

    /// The exposition. A store that does not answer leaves out what only it knows.
    pub(crate) async fn text(&self) -> String {
        let vitals: Option<Vitals> = self.engine.get().map(|engine| engine.vitals());
        let snapshot = Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            store: self.ask().await,
            vitals: vitals.into_iter().collect(),
            disks: self.disks().await,
        };
        expose(&self.meter, &snapshot)
    }

    async fn disks(&self) -> Vec<collector_core::metrics::Disk> {
        let config = Arc::clone(&self.config);
        tokio::task::spawn_blocking(move || disk::of(&config)).await.unwrap_or_default()
    }

    async fn ask(&self) -> Said {
        let store = self.store.get()?;
        let mut said = self.said.lock().await;
        if let Some((at, answer)) = &*said
            && at.elapsed() < STANDS
        {
            return answer.clone();
        }
        let asked: Result<_> = match tokio::time::timeout(PATIENCE, async {
            Ok((store.counts().await?, store.parked().await?))
        })
        .await
        {
            Ok(answer) => answer,
            Err(_) => {
                tracing::warn!("the store does not answer; metrics leave out what only it knows");
                return None;
            }
        };
        let answer = asked
            .inspect_err(|error| {
                tracing::warn!(error = %ErrorChain(error), "the store fails; metrics leave out what only it knows");
            })
            .ok();
        *said = Some((Instant::now(), answer.clone()));
        answer
    }
}
