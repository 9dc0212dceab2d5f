//! A store on a file, with short words for long calls.

#[cfg(feature = "sqlite")]
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
#[cfg(feature = "sqlite")]
use collector_core::error::Result;
use collector_core::id::{Digest, Name, RunId};
use collector_core::sink::{Change, Facts};
use collector_core::store::{
    Claimed, Counts, Fate, FinishedCall, FinishedTask, LanePermit, NoLookup, RunSpec, Settled, Store,
    Verdict, WorkerInfo,
};
use collector_core::task::{Cost, Payload, Task};
use collector_core::testkit::store::{Person, Seen, TestDomain};
use collector_sinks::sql::{SqlConfig, SqlStore};
#[cfg(feature = "sqlite")]
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
#[cfg(feature = "sqlite")]
use sea_orm::{ConnectionTrait, DatabaseConnection, SqlxSqliteConnector};
#[cfg(feature = "sqlite")]
use tempfile::TempDir;

#[cfg(feature = "mysql")]
use super::server::Tables;

pub(super) const WORKER: &str = "worker";

/// Seconds into the test.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

#[cfg(feature = "sqlite")]
pub(super) fn config(path: &Path) -> SqlConfig {
    SqlConfig::new(path)
}

#[cfg(feature = "sqlite")]
pub(super) async fn open(path: &Path) -> Result<SqlStore<TestDomain>> {
    SqlStore::open(&config(path), Arc::new(TestDomain)).await
}

/// The file as any program sees it.
#[cfg(feature = "sqlite")]
pub(super) async fn raw(path: &Path) -> DatabaseConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}

/// Runs a statement on the file, beside whoever has it open.
#[cfg(feature = "sqlite")]
pub(super) async fn execute(path: &Path, statement: &str) {
    let database = raw(path).await;
    database.execute_unprepared(statement).await.unwrap();
    database.close().await.unwrap();
}

/// Where a store is; what is there goes with it.
pub(super) enum Home {
    #[cfg(feature = "sqlite")]
    File { path: PathBuf, _folder: TempDir },
    #[cfg(feature = "mysql")]
    Server(Tables),
}

impl Home {
    #[cfg(feature = "sqlite")]
    pub(super) fn file() -> Self {
        let folder = TempDir::new().unwrap();
        Self::File { path: folder.path().join("test.db"), _folder: folder }
    }

    pub(super) fn config(&self) -> SqlConfig {
        match self {
            #[cfg(feature = "sqlite")]
            Self::File { path, .. } => config(path),
            #[cfg(feature = "mysql")]
            Self::Server(tables) => tables.config(),
        }
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } => path,
            #[cfg(feature = "mysql")]
            Self::Server(_) => panic!("not in a file"),
        }
    }
}

/// Plays each scene on a file and on the server of the tests.
macro_rules! on_each {
    ($($scene:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod in_a_file {
            $(#[tokio::test]
            async fn $scene() {
                super::$scene(super::super::stage::Home::file()).await;
            })*
        }

        #[cfg(feature = "mysql")]
        mod on_a_server {
            $(#[tokio::test]
            async fn $scene() {
                let Some(tables) = super::super::server::tables().await else { return };
                super::$scene(super::super::stage::Home::Server(tables)).await;
            })*
        }
    };
}
pub(super) use on_each;

/// A store with one worker and one run.
pub(super) struct Stage {
    pub(super) store: SqlStore<TestDomain>,
    pub(super) run: RunId,
    pub(super) home: Home,
}

impl Stage {
    #[cfg(feature = "sqlite")]
    pub(super) async fn new(sinks: &[&str]) -> Self {
        Self::at(Home::file()).await.start(sinks).await
    }

    /// A store in which nobody has begun to work.
    pub(super) async fn at(home: Home) -> Self {
        let store = SqlStore::open(&home.config(), Arc::new(TestDomain)).await.unwrap();
        Self { store, run: RunId(0), home }
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn path(&self) -> &Path {
        self.home.path()
    }

    /// Lets the worker open the store and go on with its run.
    pub(super) async fn start(mut self, sinks: &[&str]) -> Self {
        let worker = WorkerInfo { id: WORKER.into(), ttl: Duration::from_secs(30) };
        let sinks: Vec<Name> = sinks.iter().copied().map(Name::from).collect();
        self.store.open(&worker, &sinks, at(0)).await.unwrap();
        let spec = RunSpec { job: "job".into(), key: Digest::of(b"job"), fresh_for: Duration::ZERO };
        self.run = self.store.begin_run(&spec, at(0)).await.unwrap().run;
        self
    }

    /// The next process: this one is killed, and another finds what it left. On a server it is told that its
    /// namesake is dead, where it would wait for its silence.
    pub(super) async fn restart(self, sinks: &[&str]) -> Self {
        let Self { store, home, .. } = self;
        drop(store);
        let next = Self::at(home).await;
        #[cfg(feature = "mysql")]
        if matches!(next.home, Home::Server(_)) {
            next.store.close(&WORKER.into()).await.unwrap();
        }
        next.start(sinks).await
    }

    pub(super) async fn claim(&self, task: Task) -> Claimed {
        self.store.enqueue(self.run, vec![task], at(1)).await.unwrap();
        let permit = LanePermit { source: "src".into(), kind: "profile".into(), max: 1 };
        let claims = self.store.claim(&WORKER.into(), &[permit], at(1)).await.unwrap();
        claims.tasks.into_iter().next().unwrap()
    }

    /// Commits an answer that shows these people.
    pub(super) async fn see(&self, subject: &str, items: Vec<Seen>, secs: i64) {
        let claimed = self.claim(Task::new("src", "profile", subject)).await;
        self.store
            .commit(&WORKER.into(), vec![call(claimed, items, secs)], &NoLookup, at(secs))
            .await
            .unwrap();
    }

    pub(super) async fn take(&self, sink: &str, max: usize, secs: i64) -> Vec<Change<Person>> {
        self.store.take_pending(sink, &WORKER.into(), max, at(secs)).await.unwrap()
    }

    pub(super) async fn settle(&self, sink: &str, changes: &[Change<Person>], fate: &Fate) {
        let settled = changes.iter().map(|change| Settled {
            key: change.key(),
            version: change.version(),
            fate: fate.clone(),
        });
        self.store.settle(sink, &WORKER.into(), settled.collect(), None, at(2)).await.unwrap();
    }

    pub(super) async fn counts(&self) -> Counts {
        let counts = self.store.counts().await.unwrap();
        for (sink, balance) in &counts.sinks {
            assert!(balance.balances(), "{sink}: {balance:?}");
        }
        counts
    }
}

pub(super) fn stored() -> Fate {
    Fate::Stored(Facts::new())
}

/// `count` people nobody has seen before.
pub(super) fn people(count: usize) -> Vec<Seen> {
    (0..count).map(|i| Seen::saying("hello").uid(format!("u{i}")).handle(format!("h{i}"))).collect()
}

/// A finished call that answers one task.
pub(super) fn call(claimed: Claimed, items: Vec<Seen>, secs: i64) -> FinishedCall<TestDomain> {
    let body = serde_json::to_vec(&items).unwrap();
    FinishedCall {
        source: "src".into(),
        fingerprint: Digest::of(&body),
        tasks: vec![FinishedTask { claimed, verdict: Verdict::Done }],
        payload: Some(Payload::new(body, at(secs))),
        items,
        follow_ups: Vec::new(),
        malformed: Vec::new(),
        cost: Cost::units(1),
        refund: None,
    }
}
