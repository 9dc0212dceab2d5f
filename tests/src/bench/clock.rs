//! A clock that moves ahead together with the simulator's.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::clock::{Clock, SystemClock, Timestamp};
use serde_json::json;
use tokio::time::Instant;

use super::Failure;
use super::process::client;
use super::stores::Rows;

/// Waits shorter than this are waited for; longer ones are jumped over. Nothing the engine does between two calls takes as
/// long.
const JUMP: Duration = Duration::from_secs(60);

/// The machine's clock, moved ahead.
#[derive(Debug)]
pub(super) struct SharedClock {
    ahead: AtomicU64,
    simulator: String,
    client: reqwest::Client,
    watch: Option<Watch>,
}

/// What is noted before each jump.
#[derive(Debug)]
struct Watch {
    store: PathBuf,
    file: PathBuf,
}

impl SharedClock {
    /// A clock that is the simulator's at this address.
    pub(super) fn new(simulator: &str) -> Result<Self, Failure> {
        let client = client()?;
        Ok(Self { ahead: AtomicU64::new(0), simulator: simulator.to_owned(), client, watch: None })
    }

    /// Notes before each jump which accounts are parked in this store, a line for each account and wait.
    pub(super) fn noting_parked(mut self, store: PathBuf, file: PathBuf) -> Self {
        self.watch = Some(Watch { store, file });
        self
    }

    /// Moves both clocks ahead.
    pub(super) async fn advance(&self, seconds: u64) -> Result<(), Failure> {
        let body = json!({ "advance_s": seconds }).to_string();
        let url = format!("{}/control/clock", self.simulator);
        let answer = self.client.post(url).body(body).send().await?;
        if !answer.status().is_success() {
            return Err(format!("the simulator's clock does not move: {}", answer.text().await?).into());
        }
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
        Ok(())
    }

    /// Notes who is parked, and jumps.
    async fn jump(&self, time: Duration) -> Result<(), Failure> {
        if let Some(watch) = &self.watch {
            let parked = "SELECT account || ' ' || since FROM parked ORDER BY account";
            let mut lines = String::new();
            for line in Rows::open(&watch.store).await?.texts(parked).await? {
                writeln!(lines, "{line}")?;
            }
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&watch.file)?;
            file.write_all(lines.as_bytes())?;
        }
        self.advance(time.as_secs() + u64::from(time.subsec_nanos() > 0)).await
    }
}

#[async_trait]
impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.ahead.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Instant {
        SystemClock.monotonic()
    }

    async fn sleep(&self, time: Duration) {
        if time < JUMP {
            return SystemClock.sleep(time).await;
        }
        // A clock that does not move shows: the run it is for never ends.
        if let Err(error) = self.jump(time).await {
            complain(&error);
            SystemClock.sleep(time).await;
        }
    }
}

#[allow(clippy::print_stderr, reason = "a person reads why the benchmark stands still")]
fn complain(error: &Failure) {
    eprintln!("bench: the clock cannot be moved: {error}");
}
