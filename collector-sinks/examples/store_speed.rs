//! How fast the SQL store is on this machine, through its trait, and where the time goes.
//!
//! ```sh
//! cargo run --release -p collector-sinks --features full --example store_speed [folder]
//! cargo run --release -p collector-sinks --features full --example store_speed -- \
//!     --url mysql://user@host/database --password-file file
//! ```
//!
//! Three loads, each on a fresh file in the folder (a temporary one by default), or on fresh tables `speed…` of an
//! empty database of a server, which stay there:
//!
//! * *lists*: commits of ten calls with 100 new creators each, every change taken and settled for one sink;
//! * *lists again*: the same answers a second time, so that nothing changes;
//! * *profiles*: single-item calls whose answers have 7 KB, committed in batches of 16 and of 64.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::domain::{About, Domain, Lost, Sighting};
use collector_core::error::Result;
use collector_core::id::{Digest, Id, Ids, Name, RunId};
use collector_core::sink::{Change, Facts};
use collector_core::store::{
    Claimed, Fate, FinishedCall, FinishedTask, LanePermit, NoLookup, RunSpec, Settled, Store, Verdict,
    WorkerInfo,
};
use collector_core::task::{Cost, Payload, Task};
use collector_sinks::sql::{ServerConfig, SqlConfig, SqlStore};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Creators of the list load.
const CREATORS: usize = 100_000;
/// Calls of the profile load.
const PROFILES: usize = 5_000;
const SINK: &str = "search";

/// Somebody as a list row shows them: two identities, about 400 bytes of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    uid: u64,
    handle: String,
    name: String,
    bio: String,
    followers: u64,
}

impl Row {
    fn number(i: usize) -> Self {
        let uid = 6_800_000_000_000_000_000 + i as u64 * 7_919;
        Self {
            uid,
            handle: format!("creator.{i}"),
            name: format!("Creator Number {i}"),
            bio: format!("{i} {}", "A few words on beauty, food and far places. ".repeat(6)),
            followers: uid % 1_000_003,
        }
    }
}

/// The latest row is the creator.
struct Rows;

impl Domain for Rows {
    type Item = Row;
    type Entity = Option<Row>;

    fn about<'a>(&self, item: &'a Row) -> About<'a> {
        let strong = vec![Id::new("tiktok:uid", item.uid.to_string())];
        let weak = vec![Id::new("tiktok:handle", item.handle.as_str())];
        About { ids: Ids { strong, weak }, aspect: "list_row".into(), as_of: None }
    }

    fn carry(&self, _older: &Row, _newer: &mut Row) -> bool {
        false
    }

    fn merge(&self, latest: &[Sighting<Row>], _lost: &[Lost]) -> Option<Row> {
        latest.iter().max_by_key(|sighting| sighting.seen_at).map(|latest| latest.item.clone())
    }

    fn digest(&self, entity: &Option<Row>) -> Digest {
        Digest::of_json(entity)
    }

    fn measures(&self, entity: &Option<Row>) -> Option<Vec<Option<i64>>> {
        entity.as_ref().map(|row| vec![i64::try_from(row.followers).ok()])
    }
}

/// A store with one worker, one run, and the time each method took.
struct Load {
    store: SqlStore<Rows>,
    worker: WorkerInfo,
    run: RunId,
    now: Timestamp,
    spent: [(&'static str, Duration); 5],
}

impl Load {
    async fn on(config: &SqlConfig) -> Result<Self> {
        let store = SqlStore::open(config, Arc::new(Rows)).await?;
        let worker = WorkerInfo { id: "speed".into(), ttl: Duration::from_secs(3_600) };
        let now = Timestamp::from_secs(1_795_000_000);
        store.open(&worker, &[Name::from(SINK)], now).await?;
        let spec = RunSpec { job: "speed".into(), key: Digest::of(b"1"), fresh_for: Duration::from_secs(1) };
        let run = store.begin_run(&spec, now).await?.run;
        let spent =
            ["enqueue", "claim", "commit", "take_pending", "settle"].map(|name| (name, Duration::ZERO));
        Ok(Self { store, worker, run, now, spent })
    }

    fn note(&mut self, method: &str, since: Instant) {
        if let Some((_, spent)) = self.spent.iter_mut().find(|(name, _)| *name == method) {
            *spent += since.elapsed();
        }
    }

    async fn claim(&mut self, tasks: Vec<Task>) -> Result<Vec<Claimed>> {
        let (from, count) = (Instant::now(), tasks.len());
        self.store.enqueue(self.run, tasks, self.now).await?;
        self.note("enqueue", from);
        let from = Instant::now();
        let permit = LanePermit { source: "vendor".into(), kind: "page".into(), max: count };
        let claims = self.store.claim(&self.worker.id, &[permit], self.now).await?;
        self.note("claim", from);
        Ok(claims.tasks)
    }

    async fn commit(&mut self, calls: Vec<FinishedCall<Rows>>) -> Result<u64> {
        let from = Instant::now();
        let committed = self.store.commit(&self.worker.id, calls, &NoLookup, self.now).await?;
        self.note("commit", from);
        Ok(committed.changed)
    }

    /// Brings every owed change to the sink.
    async fn project(&mut self) -> Result<usize> {
        let mut projected = 0;
        loop {
            let from = Instant::now();
            let taken = self.store.take_pending(SINK, &self.worker.id, 1_000, self.now).await?;
            self.note("take_pending", from);
            if taken.is_empty() {
                return Ok(projected);
            }
            projected += taken.len();
            let from = Instant::now();
            let settled = taken.iter().map(stored).collect();
            self.store.settle(SINK, &self.worker.id, settled, None, self.now).await?;
            self.note("settle", from);
        }
    }

    fn call(&self, claimed: Claimed, items: Vec<Row>) -> FinishedCall<Rows> {
        let body = serde_json::to_vec(&items).unwrap_or_default();
        FinishedCall {
            source: "vendor".into(),
            fingerprint: Digest::of(&body),
            tasks: vec![FinishedTask { claimed, verdict: Verdict::Done }],
            payload: Some(Payload::new(body, self.now)),
            items,
            follow_ups: Vec::new(),
            malformed: Vec::new(),
            cost: Cost::units(1),
            refund: None,
        }
    }

    /// A call whose answer is as long as a profile's, and shrinks as little.
    fn profile(&self, claimed: Claimed, row: Row) -> FinishedCall<Rows> {
        let mut body = serde_json::to_vec(&row).unwrap_or_default();
        let mut state = row.uid;
        while body.len() < 7_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Half of it repeats, as keys in JSON do.
            body.extend_from_slice(b"\"some_key\":");
            body.extend_from_slice(format!("{state:011x},").as_bytes());
        }
        let payload = Payload::new(body, self.now);
        FinishedCall { payload: Some(payload), ..self.call(claimed, vec![row]) }
    }

    /// Pages of 100 creators, ten pages a commit.
    async fn lists(&mut self, round: u64, creators: usize) -> Result<()> {
        self.now = self.now + Duration::from_secs(60);
        for first in (0..creators).step_by(1_000) {
            let tasks = (0..10).map(|page| Task::new("vendor", "page", format!("{round}/{first}/{page}")));
            let claims = self.claim(tasks.collect()).await?;
            let calls = claims.into_iter().enumerate().map(|(page, claimed)| {
                let from = first + page * 100;
                self.call(claimed, (from..from + 100).map(Row::number).collect())
            });
            let calls = calls.collect();
            self.commit(calls).await?;
            self.project().await?;
        }
        Ok(())
    }

    /// One creator a call.
    async fn profiles(&mut self, batch: usize) -> Result<()> {
        let tasks = (0..PROFILES).map(|i| Task::new("vendor", "page", format!("profile {batch} {i}")));
        let mut claims = self.claim(tasks.collect()).await?.into_iter().enumerate();
        loop {
            let calls: Vec<_> = claims
                .by_ref()
                .take(batch)
                .map(|(i, claimed)| self.profile(claimed, Row::number(i)))
                .collect();
            if calls.is_empty() {
                return Ok(());
            }
            self.commit(calls).await?;
            self.project().await?;
        }
    }

    fn report(&mut self, what: &str, count: usize, from: Instant, cpu: Cpu) {
        let (wall, cpu) = (from.elapsed(), Cpu::now().since(cpu));
        let rate = count as f64 / wall.as_secs_f64();
        say(&format!("{what:<24} {count:>7} in {:>6.2} s = {rate:>7.0}/s, {cpu}", wall.as_secs_f64()));
        for (method, spent) in &mut self.spent {
            say(&format!("    {method:<20} {:>6.2} s", spent.as_secs_f64()));
            *spent = Duration::ZERO;
        }
    }
}

fn stored(change: &Change<Option<Row>>) -> Settled {
    Settled { key: change.key(), version: change.version(), fate: Fate::Stored(Facts::new()) }
}

/// What the process has used, as Linux tells; nothing elsewhere.
#[derive(Clone, Copy, Default)]
struct Cpu {
    user: f64,
    system: f64,
    peak_mib: f64,
}

impl Cpu {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name in parentheses may contain spaces; ticks are hundredths of a second on every Linux.
        let fields: Vec<f64> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
            .unwrap_or_default();
        let ticks = |at: usize| fields.get(at).copied().unwrap_or(0.0) / 100.0;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
        Self { user: ticks(11), system: ticks(12), peak_mib: kib / 1024.0 }
    }

    fn since(self, before: Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system, peak_mib: self.peak_mib }
    }
}

impl std::fmt::Display for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "user {:.2} s, system {:.2} s, peak {:.0} MiB", self.user, self.system, self.peak_mib)
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn say(line: &str) {
    println!("{line}");
}

/// Where the stores are made.
enum Place {
    Folder(PathBuf),
    Server { config: SqlConfig, prefix: String },
}

impl Place {
    fn of(
        mut words: impl Iterator<Item = String>,
        temporary: PathBuf,
    ) -> std::result::Result<Self, Box<dyn std::error::Error>> {
        let (mut url, mut password) = (None, String::new());
        while let Some(word) = words.next() {
            match word.as_str() {
                "--url" => url = words.next(),
                "--password-file" => {
                    let file = words.next().ok_or("--password-file needs a file")?;
                    password = std::fs::read_to_string(file)?.trim_end().to_owned();
                }
                folder => return Ok(Self::Folder(folder.into())),
            }
        }
        Ok(match url {
            None => Self::Folder(temporary),
            Some(url) => Self::Server {
                config: SqlConfig::on(ServerConfig::new(url, password)),
                prefix: format!("speed{}_", std::process::id()),
            },
        })
    }

    fn config(&self, name: &str) -> SqlConfig {
        match self {
            Self::Folder(folder) => SqlConfig::new(folder.join(format!("{name}.db"))),
            Self::Server { config, prefix } => {
                SqlConfig { table_prefix: format!("{prefix}{name}_"), ..config.clone() }
            }
        }
    }

    fn creators(&self) -> usize {
        match self {
            Self::Folder(_) => CREATORS,
            Self::Server { .. } => CREATORS / 4,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::TempDir::new()?;
    let place = Place::of(std::env::args().skip(1), temporary.path().to_owned())?;
    say(&format!("at the beginning: {}", Cpu::now()));

    let mut load = Load::on(&place.config("lists")).await?;
    for (round, what) in [(1, "lists"), (2, "lists again")] {
        let (from, cpu) = (Instant::now(), Cpu::now());
        load.lists(round, place.creators()).await?;
        load.report(what, place.creators(), from, cpu);
    }
    for batch in [16, 64] {
        let mut load = Load::on(&place.config(&format!("profiles{batch}"))).await?;
        let (from, cpu) = (Instant::now(), Cpu::now());
        load.profiles(batch).await?;
        load.report(&format!("profiles by {batch}"), PROFILES, from, cpu);
    }
    Ok(())
}
