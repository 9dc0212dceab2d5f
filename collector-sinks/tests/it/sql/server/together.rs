//! Many workers on one database at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use collector_core::error::ErrorKind;
use collector_core::id::{Digest, Name, RunId};
use collector_core::store::{
    Budget, Fate, FinishedCall, LanePermit, NoLookup, Reserved, RunSpec, Settled, Store, Verdict, WorkerId,
    WorkerInfo,
};
use collector_core::task::{Cost, Payload, Task};
use collector_core::testkit::store::{Seen, TestDomain, handle, uid};
use collector_sinks::sql::{SqlConfig, SqlStore};
use futures_util::future::try_join_all;

use super::super::stage::{at, call};
use super::{Tables, tables};

const SINKS: [&str; 2] = ["images", "search"];

/// A process: a store of its own, with connections of its own.
struct Process {
    store: SqlStore<TestDomain>,
    id: WorkerId,
}

impl Process {
    async fn start(config: &SqlConfig, number: usize) -> Self {
        let store = SqlStore::open(config, Arc::new(TestDomain)).await.unwrap();
        let id: WorkerId = format!("worker {number}").into();
        let info = WorkerInfo { id: Arc::clone(&id), ttl: Duration::from_secs(30) };
        store.open(&info, &SINKS.map(Name::from), at(0)).await.unwrap();
        Self { store, id }
    }

    async fn run(&self) -> RunId {
        let spec = RunSpec { job: "job".into(), key: Digest::of(b"job"), fresh_for: Duration::ZERO };
        self.store.begin_run(&spec, at(0)).await.unwrap().run
    }

    async fn claim(&self, max: usize) -> Vec<FinishedCall<TestDomain>> {
        let permit = LanePermit { source: "src".into(), kind: "page".into(), max };
        let claims = self.store.claim(&self.id, &[permit], at(1)).await.unwrap();
        claims.tasks.into_iter().map(answer).collect()
    }

    /// Answers pages until none is open; gives the tasks it answered.
    async fn work(&self) -> Vec<String> {
        let mut answered = Vec::new();
        loop {
            let calls = self.claim(4).await;
            if calls.is_empty() {
                let open = self.store.counts().await.unwrap().open;
                if open.is_empty() {
                    return answered;
                }
                continue;
            }
            answered.extend(calls.iter().map(|call| call.tasks[0].claimed.task.subject().to_owned()));
            let committed = self.store.commit(&self.id, calls, &NoLookup, at(2)).await.unwrap();
            assert_eq!(committed.stale, [], "somebody else answered what was claimed");
            self.project("search").await;
        }
    }

    async fn project(&self, sink: &str) {
        let taken = self.store.take_pending(sink, &self.id, 1_000, at(3)).await.unwrap();
        let fate = Fate::Stored(BTreeMap::default());
        let settled = |change: &collector_core::sink::Change<_>| Settled {
            key: change.key(),
            version: change.version(),
            fate: fate.clone(),
        };
        self.store.settle(sink, &self.id, taken.iter().map(settled).collect(), None, at(3)).await.unwrap();
    }
}

/// Page `i` shows ten of the sixty people, so that every person is on several pages; it leads to another page that
/// half of all pages lead to.
fn answer(claimed: collector_core::store::Claimed) -> FinishedCall<TestDomain> {
    let page: usize = claimed.task.subject().parse().unwrap();
    let people = (0..10).map(|i| (page * 7 + i * 5) % 60);
    let items = people.map(|i| Seen::saying("hello").uid(format!("u{i}")).handle(format!("h{i}"))).collect();
    let mut call = call(claimed, items, 2);
    if page < 100 {
        call.follow_ups = vec![Task::new("src", "page", (100 + page / 2).to_string())];
    }
    call
}

async fn rows(tables: &Tables, query: &str) -> i64 {
    use sea_orm::{ConnectionTrait, DbBackend, Statement};
    let query = query.replace('@', &tables.prefix);
    let row =
        tables.raw().await.query_one_raw(Statement::from_string(DbBackend::MySql, query)).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_workers_that_see_the_same_people_lose_and_double_nothing() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let workers: Vec<Process> =
        futures_util::future::join_all((0..6).map(|number| Process::start(&config, number))).await;
    let runs = futures_util::future::join_all(workers.iter().map(Process::run)).await;
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), 1, "one run, whoever begins it");
    // Everybody wants the same pages.
    let pages = || (0..100).map(|page| Task::new("src", "page", page.to_string())).collect::<Vec<_>>();
    let wanted = workers.iter().map(|worker| worker.store.enqueue(runs[0], pages(), at(1)));
    let added = try_join_all(wanted).await.unwrap();
    let new = added.iter().flatten().filter(|one| **one == collector_core::store::Enqueued::New).count();
    assert_eq!(new, 100);

    let answered = futures_util::future::join_all(workers.iter().map(Process::work)).await;
    let answered: Vec<String> = answered.into_iter().flatten().collect();
    assert_eq!(answered.iter().collect::<BTreeSet<_>>().len(), 150);
    assert_eq!(answered.len(), 150, "a page was answered twice");

    for worker in &workers {
        for sink in SINKS {
            worker.project(sink).await;
        }
    }
    let store = &workers[0].store;
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.entities, counts.sightings, counts.workers), (60, 60, 6));
    assert_eq!(counts.tasks, BTreeMap::from([("done".to_owned(), 150)]));
    let state = store.run(runs[0]).await.unwrap().unwrap();
    assert_eq!((state.open, state.counts.done, state.counts.items, state.pending), (0, 150, 1_500, 0));
    assert_eq!(state.counts.items, state.counts.changed + state.counts.unchanged);
    assert_eq!(counts.versions, state.counts.changed);
    for sink in SINKS {
        let balance = &counts.sinks[sink];
        assert!(balance.balances() && balance.pending == 0, "{sink}: {balance:?}");
        assert_eq!(balance.wanted, counts.versions, "{sink}");
    }
    for i in 0..60 {
        let known = store.find(&uid(&format!("u{i}"))).await.unwrap().unwrap();
        let by_handle = store.find(&handle(&format!("h{i}"))).await.unwrap().unwrap();
        assert_eq!(known.record.key, by_handle.record.key);
    }
    let totals = [("entity WHERE merged_into IS NULL", 60), ("alias", 120), ("task", 150), ("payload", 150)];
    for (table, count) in totals {
        assert_eq!(rows(&tables, &format!("SELECT COUNT(*) FROM @{table}")).await, count, "{table}");
    }
    assert_eq!(counts.payloads, 150);
}

#[tokio::test]
async fn what_a_dead_worker_held_is_taken_over_and_its_late_answer_is_kept_as_a_fact_only() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let (dead, alive) = (Process::start(&config, 0).await, Process::start(&config, 1).await);
    let run = dead.run().await;
    let page = Task::new("src", "page", "100");
    dead.store.enqueue(run, vec![page], at(1)).await.unwrap();
    let late = dead.claim(1).await;
    assert_eq!(alive.claim(1).await.len(), 0, "it is claimed");
    let beat = alive.store.heartbeat(&alive.id, at(29)).await.unwrap();
    assert_eq!(beat.taken_over, 0, "silence within the ttl is life");
    let beat = alive.store.heartbeat(&alive.id, at(31)).await.unwrap();
    assert_eq!((beat.taken_over, beat.was_dead), (1, false));
    let again = alive.claim(1).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].tasks[0].claimed.claim > late[0].tasks[0].claimed.claim, "claims grow over workers");

    let committed = dead.store.commit(&dead.id, late, &NoLookup, at(32)).await.unwrap();
    assert_eq!((committed.stale.len(), committed.changed), (1, 10));
    let state = alive.store.run(run).await.unwrap().unwrap();
    assert_eq!((state.open, state.counts.done), (1, 0), "the stale claim ended no task");
    let committed = alive.store.commit(&alive.id, again, &NoLookup, at(33)).await.unwrap();
    assert_eq!((committed.stale.len(), committed.unchanged), (0, 10));
    assert!(dead.store.heartbeat(&dead.id, at(34)).await.unwrap().was_dead);
    assert_eq!(alive.store.counts().await.unwrap().tasks["done"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_shared_to_the_last_unit() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let workers: Vec<Process> =
        futures_util::future::join_all((0..4).map(|number| Process::start(&config, number))).await;
    let budget = Budget {
        account: "a".into(),
        units: Some(50),
        requests: None,
        window: Duration::from_secs(86_400),
        offset: Duration::ZERO,
    };
    let spend = async |worker: &Process| {
        let mut granted = 0;
        while let Reserved::Granted { .. } =
            worker.store.reserve(&budget, Cost::units(1), at(1)).await.unwrap()
        {
            granted += 1;
        }
        granted
    };
    let granted: usize = futures_util::future::join_all(workers.iter().map(spend)).await.into_iter().sum();
    assert_eq!(granted, 50);
}

/// A sink that is new while others commit is owed everything all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_comes_while_others_commit_misses_nobody() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let workers: Vec<Process> =
        futures_util::future::join_all((0..3).map(|number| Process::start(&config, number))).await;
    let run = workers[0].run().await;
    let pages = (0..60).map(|page| Task::new("src", "page", page.to_string())).collect();
    workers[0].store.enqueue(run, pages, at(1)).await.unwrap();
    let late = SqlStore::open(&config, Arc::new(TestDomain)).await.unwrap();
    let info = WorkerInfo { id: "late".into(), ttl: Duration::from_secs(30) };
    let names = ["images", "search", "late"].map(Name::from);
    let (_, opened) = tokio::join!(
        futures_util::future::join_all(workers.iter().map(Process::work)),
        late.open(&info, &names, at(1))
    );
    opened.unwrap();
    let counts = late.counts().await.unwrap();
    let balance = &counts.sinks["late"];
    assert!(balance.balances(), "{balance:?}");
    assert_eq!((counts.entities, balance.pending), (60, 60), "{balance:?}");
}

/// An answer larger than one statement may be goes in several; one larger than the server takes is told with a remedy.
#[tokio::test]
async fn answers_respect_the_servers_packet() {
    let Some(tables) = tables().await else { return };
    let worker = Process::start(&tables.config(), 0).await;
    let run = worker.run().await;
    let pages = (100..112).map(|page| Task::new("src", "page", page.to_string())).collect();
    worker.store.enqueue(run, pages, at(1)).await.unwrap();
    let mut calls = worker.claim(12).await;
    let noise = |seed: u64, length: usize| -> Vec<u8> {
        let next = |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Some((*state >> 56) as u8)
        };
        let mut state = seed;
        std::iter::from_fn(|| next(&mut state)).take(length).collect()
    };
    for (i, call) in calls.iter_mut().enumerate() {
        call.payload = Some(Payload::new(noise(i as u64 + 1, 2 << 20), at(2)));
        call.fingerprint = Digest::of(&[i as u8]);
    }
    let committed = worker.store.commit(&worker.id, calls, &NoLookup, at(2)).await.unwrap();
    assert_eq!(committed.blobs, 12);

    worker.store.enqueue(run, vec![Task::new("src", "page", "200")], at(3)).await.unwrap();
    let mut calls = worker.claim(1).await;
    calls[0].payload = Some(Payload::new(noise(99, 80 << 20), at(3)));
    calls[0].tasks[0].verdict = Verdict::Done;
    let error = worker.store.commit(&worker.id, calls, &NoLookup, at(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("max_allowed_packet"), "{error}");
    worker.store.counts().await.unwrap();
}

/// Whoever is new to all of them is added once, although nobody sees what the others have not committed yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_new_to_several_at_once_is_added_once() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let workers: Vec<Process> =
        futures_util::future::join_all((0..4).map(|number| Process::start(&config, number))).await;
    let run = workers[0].run().await;
    let pages = (100..180).map(|page| Task::new("src", "page", page.to_string())).collect();
    workers[0].store.enqueue(run, pages, at(1)).await.unwrap();
    for round in 0..20 {
        let mut calls = Vec::new();
        for worker in &workers {
            let mut one = worker.claim(1).await;
            let person =
                |i| Seen::saying("hello").uid(format!("{round} u{i}")).handle(format!("{round} h{i}"));
            one[0].items = (0..5).map(person).collect();
            calls.push(one);
        }
        let commits = workers.iter().zip(calls);
        let commits = commits.map(|(worker, calls)| worker.store.commit(&worker.id, calls, &NoLookup, at(2)));
        try_join_all(commits).await.unwrap();
    }
    let counts = workers[0].store.counts().await.unwrap();
    assert_eq!((counts.entities, counts.sightings), (100, 100));
    assert_eq!(rows(&tables, "SELECT COUNT(*) FROM @entity").await, 100);
}
