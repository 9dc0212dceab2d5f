//! Tells somebody: looks at what is there, finds out what is wrong, and sends what is new of it.
//!
//! What is wrong with jobs and accounts is the same at every replica, so one of them tells it: whoever holds the lease. What
//! is wrong with a machine each tells for itself. What was told, and what is not sent yet, is kept in the store, so that a
//! restart says nothing twice and forgets nothing.

mod causes;
mod heartbeat;
mod leader;
mod send;

use std::sync::Arc;
use std::time::Duration;

use collector_core::alert::{Alerts, Message, Trouble};
use collector_core::clock::{Clock, SystemClock, Timestamp};
use collector_core::error::{Error, ErrorChain, Result};
use collector_core::lock::Lock;
use collector_core::pipeline::missed_by;
use collector_sources::http::{Http, HttpOptions};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::compose::AnyStore;
use crate::config::{Config, NotifyOptions};
use crate::disk;

use causes::{LeaseLosses, Machine, Seen, due};
use heartbeat::Heartbeat;
use leader::Leader;
use send::Receivers;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(15);

/// What a notifier works with.
pub(crate) struct Notifier {
    options: NotifyOptions,
    config: Arc<Config>,
    store: AnyStore,
    clock: Arc<dyn Clock>,
    receivers: Receivers,
    heartbeat: Option<Heartbeat>,
    leader: Leader,
    shared: Told,
    own: Told,
    leases: LeaseLosses,
}

/// What was told under one note of the store.
struct Told {
    note: String,
    alerts: Alerts,
    /// Whether the store was asked what had been told before.
    loaded: bool,
    /// What was last kept.
    kept: String,
}

/// What is kept in the store.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    alerts: Alerts,
    /// Messages that are not sent yet, by receiver.
    unsent: std::collections::BTreeMap<String, Vec<Message>>,
}

impl Told {
    fn new(note: String) -> Self {
        Self { note, alerts: Alerts::default(), loaded: false, kept: String::new() }
    }

    /// Hears what was told before, once.
    async fn load(&mut self, store: &AnyStore, receivers: &Receivers) -> Result<()> {
        if self.loaded {
            return Ok(());
        }
        if let Some(text) = store.note(&self.note).await? {
            // What another version wrote may be unreadable: then everything open is told once more.
            let kept: Kept = serde_json::from_str(&text).unwrap_or_default();
            self.alerts = kept.alerts;
            for (receiver, messages) in kept.unsent {
                receivers.restore(&receiver, &self.note, messages);
            }
            self.kept = text;
        }
        self.loaded = true;
        Ok(())
    }

    /// Tells what is new.
    async fn tell(
        &mut self,
        store: &AnyStore,
        receivers: &Receivers,
        now: Timestamp,
        wrong: &[Trouble],
    ) -> Result<()> {
        self.load(store, receivers).await?;
        for message in self.alerts.look(now, wrong) {
            let (cause, state) = (&message.cause, &message.trouble.state);
            match message.resolved {
                true => tracing::info!(cause, state, "over"),
                false => {
                    tracing::warn!(cause, state, happened = message.trouble.happened, "somebody is told")
                }
            }
            receivers.tell(&self.note, &message);
        }
        self.keep(store, receivers).await
    }

    async fn keep(&mut self, store: &AnyStore, receivers: &Receivers) -> Result<()> {
        let kept = Kept { alerts: self.alerts.clone(), unsent: receivers.unsent(&self.note) };
        let Ok(text) = serde_json::to_string(&kept) else { return Ok(()) };
        if text != self.kept {
            store.put_note(&self.note, Some(&text)).await?;
            self.kept = text;
        }
        Ok(())
    }
}

impl Notifier {
    /// A notifier for a process that serves. `lock` is what keeps replicas apart, if there can be any; `leases` tells how
    /// many leases ended under running work.
    ///
    /// # Errors
    /// `ConfigInvalid` when the private authority's certificates cannot be read.
    pub(crate) fn new(
        config: &Arc<Config>,
        store: AnyStore,
        lock: Option<Arc<dyn Lock>>,
        leases: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Self> {
        let options = config.notify.clone();
        let http = Http::new(&HttpOptions { extra_ca: options.ca.clone(), ..HttpOptions::default() })?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let receivers = Receivers::new(&options, &http);
        let heartbeat = options.heartbeat.clone().map(|address| Heartbeat::new(address, &options, http));
        Ok(Self {
            leader: Leader::new(lock, &config.store.to_string()),
            config: Arc::clone(config),
            store,
            receivers,
            heartbeat,
            shared: Told::new("@alerts".to_owned()),
            own: Told::new(format!("@alerts/{}", this_machine())),
            leases: LeaseLosses::new(Box::new(leases)),
            options,
            clock,
        })
    }

    /// Looks and tells until `stop` fires; then sends what there is, for a moment.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let sending = self.receivers.start();
        let heart = self.heartbeat.as_ref().map(Heartbeat::start);
        loop {
            let looked = self.look().await;
            if let Err(error) = &looked {
                tracing::warn!(error = %ErrorChain(error), "cannot look for what is wrong; it is tried again");
            }
            if let Some(heartbeat) = &self.heartbeat {
                let serious = self.shared.alerts.is_serious() || self.own.alerts.is_serious();
                heartbeat.say(looked.is_ok() && !serious);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep(EVERY) => {}
                () = self.receivers.sent() => {}
            }
        }
        if let Some(heart) = heart {
            heart.stop().await;
        }
        self.receivers.finish(sending).await;
        for told in [&mut self.shared, &mut self.own] {
            if told.loaded
                && let Err(error) = told.keep(&self.store, &self.receivers).await
            {
                tracing::warn!(error = %ErrorChain(&error), "cannot keep what was told; some of it may be told again");
            }
        }
        self.leader.resign().await;
    }

    /// One look at everything.
    async fn look(&mut self) -> Result<()> {
        let now = self.clock.now();
        // Folders may be large.
        let config = Arc::clone(&self.config);
        let disks = tokio::task::spawn_blocking(move || disk::of(&config)).await.unwrap_or_default();
        let machine = Machine {
            disks: &disks,
            disk_low: self.options.disk_low_mb.saturating_mul(1_000_000),
            lease_losses: self.leases.occasions(now),
        };
        let own = machine.wrong();
        self.own.tell(&self.store, &self.receivers, now, &own).await?;
        if !self.leader.leads().await {
            // Another replica tells, and what it told is heard anew if this one takes over.
            self.shared.loaded = false;
            return Ok(());
        }
        let (counts, parked) = (self.store.counts().await?, self.store.parked().await?);
        let mut missed = std::collections::BTreeMap::new();
        for job in &self.config.jobs {
            if let Some(why) = missed_by(&*self.store, &job.name).await? {
                missed.insert(job.name.clone(), why);
            }
        }
        let due = due(&self.config, &self.store.schedules().await?, now);
        let seen = Seen {
            now,
            config: &self.config,
            counts: &counts,
            parked: &parked,
            missed: &missed,
            due: &due,
            late_after: self.options.late_after,
        };
        self.shared.tell(&self.store, &self.receivers, now, &seen.wrong()).await
    }
}

/// A name that tells this machine's messages from those of others.
fn this_machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    let name: String = name.unwrap_or_default().trim().chars().take(60).collect();
    if name.is_empty() { "this machine".to_owned() } else { name }
}

/// What a receiver that does not work says of itself: never its address.
fn named(error: Error, receiver: &str) -> Error {
    error.with("receiver", receiver)
}

#[cfg(test)]
mod tests;
