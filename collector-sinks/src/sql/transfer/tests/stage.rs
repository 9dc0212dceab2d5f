//! Stores to move: on a file, or on the server of the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::error::ErrorKind;
use collector_core::id::Digest;
use collector_core::schedule::{SkipReason, Skipped};
use collector_core::sink::Facts;
use collector_core::store::{
    Budget, Claimed, Fate, FinishedCall, FinishedTask, Fired, Firing, LanePermit, NoLookup, Parked, RunSpec,
    Served, Server, Settled, Store, Verdict, WorkerInfo,
};
use collector_core::task::{Cost, Payload, Task};
use collector_core::testkit::store::{Seen, TestDomain, handle};
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions as _};
use tempfile::TempDir;

use crate::sql::database::Database;
use crate::sql::{SqlConfig, SqlStore};

pub(super) const WORKER: &str = "worker";

/// Seconds into the test.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

pub(super) fn cx() -> Context {
    Context::new(
        tokio_util::sync::CancellationToken::new(),
        Arc::new(collector_core::clock::SystemClock),
        collector_core::context::ByteBudget::new(1 << 20),
    )
}

/// Where a store is; what is there goes with it.
pub(super) enum Home {
    File {
        path: PathBuf,
        _folder: TempDir,
    },
    #[cfg(feature = "mysql")]
    Server(Box<SqlConfig>),
}

impl Home {
    pub(super) fn file() -> Self {
        let folder = TempDir::new().unwrap();
        Self::File { path: folder.path().join("test.db"), _folder: folder }
    }

    /// Tables of a name of their own, unless there is no server.
    #[cfg(feature = "mysql")]
    pub(super) fn server() -> Option<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let url = crate::services::find("COLLECTOR_TEST_MYSQL")?;
        let (scheme, rest) = url.split_once("://").unwrap();
        let (user, place) = rest.rsplit_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let server = crate::sql::ServerConfig::new(format!("{scheme}://{user}@{place}"), password);
        let table_prefix = format!("tr{}_{}_", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Some(Self::Server(Box::new(SqlConfig { table_prefix, ..SqlConfig::on(server) })))
    }

    pub(super) fn config(&self) -> SqlConfig {
        match self {
            Self::File { path, .. } => SqlConfig::new(path),
            #[cfg(feature = "mysql")]
            Self::Server(config) => (**config).clone(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } => path,
            #[cfg(feature = "mysql")]
            Self::Server(_) => panic!("not in a file"),
        }
    }
}

#[cfg(feature = "mysql")]
impl Drop for Home {
    fn drop(&mut self) {
        let Self::Server(config) = self else { return };
        let config = (**config).clone();
        // A runtime of its own: the test's cannot wait here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(drop_tables(&config));
        });
        if dropping.join().is_err() {
            eprintln!("the tables of a test were not dropped");
        }
    }
}

#[cfg(feature = "mysql")]
async fn drop_tables(config: &SqlConfig) {
    let database = Database::open(config).await.unwrap();
    let tx = database.write().await.unwrap();
    let names = super::tables::all().into_iter().map(|table| table.name).chain(["meta"]);
    let names: Vec<String> = names.map(|name| format!("@{name}")).collect();
    tx.define(&format!("DROP TABLE {}", names.join(", "))).await.unwrap();
}

pub(super) async fn open(home: &Home) -> SqlStore<TestDomain> {
    SqlStore::open(&home.config(), Arc::new(TestDomain)).await.unwrap()
}

pub(super) async fn register(store: &SqlStore<TestDomain>, now: Timestamp) {
    let worker = WorkerInfo { id: WORKER.into(), ttl: Duration::from_secs(30) };
    store.open(&worker, &["sink".into()], now).await.unwrap();
}

/// Lets the sink have some of what it is owed.
pub(super) async fn settle(store: &SqlStore<TestDomain>, count: usize) {
    let owed = store.take_pending("sink", &WORKER.into(), count, at(11)).await.unwrap();
    let fate = || Fate::Stored(Facts::new());
    let settled =
        owed.iter().map(|change| Settled { key: change.key(), version: change.version(), fate: fate() });
    store.settle("sink", &WORKER.into(), settled.collect(), None, at(11)).await.unwrap();
}

fn person(number: usize) -> Seen {
    let long = "말".repeat(number % 50);
    Seen::saying(format!("hello {number} {long}")).uid(format!("u{number}")).handle(format!("h{number}"))
}

fn answered(claimed: Claimed, verdict: Verdict, items: Vec<Seen>) -> FinishedCall<TestDomain> {
    let body = serde_json::to_vec(&items).unwrap();
    FinishedCall {
        source: "src".into(),
        fingerprint: Digest::of(&body),
        tasks: vec![FinishedTask { claimed, verdict }],
        payload: Some(Payload::new(body, at(1))),
        items,
        follow_ups: vec![],
        malformed: Vec::new(),
        cost: Cost::units(1),
        refund: None,
    }
}

/// Fills a store through its own methods: people, a dead letter, open tasks, a claimed one, a list, a budget, a parked
/// account. The worker that holds the task is killed.
pub(super) async fn populate(home: &Home, people: usize) {
    let store = open(home).await;
    register(&store, at(0)).await;
    let spec = RunSpec { job: format!("job {people}"), key: Digest::of(b"job"), fresh_for: Duration::ZERO };
    let run = store.begin_run(&spec, at(0)).await.unwrap().run;
    let tasks = (0..people + 5).map(|i| Task::new("src", "profile", format!("{people}-{i}")));
    store.enqueue(run, tasks.collect(), at(1)).await.unwrap();
    let permit = |max| LanePermit { source: "src".into(), kind: "profile".into(), max };
    let claims = store.claim(&WORKER.into(), &[permit(people + 1)], at(1)).await.unwrap();
    let call = |(at, claimed): (usize, Claimed)| match at {
        0 => answered(claimed, Verdict::Dead { kind: ErrorKind::Rejected, message: "no".into() }, vec![]),
        at => answered(claimed, Verdict::Done, vec![person(at - 1)]),
    };
    let mut calls = claims.tasks.into_iter().enumerate().map(call).peekable();
    while calls.peek().is_some() {
        let some = calls.by_ref().take(16).collect();
        store.commit(&WORKER.into(), some, &NoLookup, at(2)).await.unwrap();
    }
    let held = store.claim(&WORKER.into(), &[permit(1)], at(2)).await.unwrap();
    assert_eq!(held.tasks.len(), 1);
    let list = (0..people).map(person_ids).collect::<Vec<_>>();
    store.put_list("some", &list, at(3)).await.unwrap();
    let budget = Budget {
        account: "src".into(),
        units: Some(1_000),
        requests: None,
        window: Duration::from_secs(86_400),
        offset: Duration::ZERO,
    };
    store.reserve(&budget, Cost::units(3), at(3)).await.unwrap();
    let parked = Parked {
        account: "other".into(),
        until: None,
        kind: ErrorKind::Unauthorized,
        reason: "a wrong token".into(),
        since: at(3),
    };
    store.park(&parked).await.unwrap();
    let name = format!("job {people}");
    let served = Served { name: name.as_str().into(), when: "0 3 * * * UTC".into() };
    let server = Server {
        id: WORKER.into(),
        version: "1".into(),
        config: Digest::of(b"config"),
        ttl: Duration::from_secs(30),
    };
    store.enlist(&server, &[served], at(3)).await.unwrap();
    store.pause_schedule(&name, true, at(4)).await.unwrap();
    let skipped = vec![Skipped { first: at(10), last: at(20), reason: SkipReason::Paused }];
    let firing = Firing { schedule: name.as_str().into(), turn: 1, skipped, slot: None };
    assert_eq!(store.fire(&WORKER.into(), &firing, at(21)).await.unwrap(), Fired::Done(None));
}

fn person_ids(number: usize) -> collector_core::id::Ids {
    collector_core::id::Ids { strong: vec![], weak: vec![handle(&format!("h{number}"))] }
}

/// A worker goes on in a moved store: everybody is recognised, its sink is owed everybody, open tasks can be claimed, and new keys are new.
pub(super) async fn continues(store: &SqlStore<TestDomain>, people: u64) {
    let handles: Vec<_> = (0..people).map(|number| handle(&format!("h{number}"))).collect();
    let owners = store.owners(&handles).await.unwrap();
    assert!(owners.iter().all(Option::is_some), "somebody known would be taken for somebody new: {owners:?}");
    register(store, at(200)).await;
    let owed = store.take_pending("sink", &WORKER.into(), 10_000, at(200)).await.unwrap();
    assert_eq!(owed.len() as u64, people);
    let permit = LanePermit { source: "src".into(), kind: "profile".into(), max: 1 };
    let claimed = store.claim(&WORKER.into(), &[permit], at(200)).await.unwrap().tasks.remove(0);
    let call = answered(claimed, Verdict::Done, vec![person(9_999)]);
    store.commit(&WORKER.into(), vec![call], &NoLookup, at(201)).await.unwrap();
    assert_eq!(store.counts().await.unwrap().entities, people + 1);
    store.close(&WORKER.into()).await.unwrap();
}

/// Every row of a file, as `table:values`, in the order of the tables and of their rows.
pub(super) async fn dump(home: &Home) -> Vec<String> {
    let database = Database::open_reader(&home.config()).await.unwrap();
    let tx = database.read().await.unwrap();
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut lines = Vec::new();
    for table in tx.rows(tables, vec![]).await.unwrap() {
        let table = table.text(0).unwrap();
        let columns =
            format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}') ORDER BY cid");
        let columns = tx.rows(&columns, vec![]).await.unwrap();
        let columns: Vec<String> = columns.iter().map(|row| row.text(0).unwrap()).collect();
        let rows = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || ',' || "));
        for row in tx.rows(&rows, vec![]).await.unwrap() {
            lines.push(format!("{table}:{}", row.text(0).unwrap()));
        }
    }
    lines
}

/// Runs a statement on a file, beside whoever has it open.
pub(super) fn execute(path: &Path, statement: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    });
}
