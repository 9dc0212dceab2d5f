//! A server that goes away in the middle of the work and comes back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use collector_core::id::{Digest, Ids, Name};
use collector_core::store::{LanePermit, Lookup, NoLookup, RunSpec, Store, WorkerInfo};
use collector_core::task::Task;
use collector_core::testkit::store::{Seen, TestDomain};
use collector_sinks::sql::{SqlConfig, SqlStore};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::super::stage::{at, call};
use super::{Tables, split, tables};

/// What the proxy does with connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Passes everything on.
    Up,
    /// Cuts those that exist, and new ones at once.
    Cut,
}

/// Stands between the store and the server.
struct Proxy {
    line: watch::Sender<Line>,
    port: u16,
}

impl Proxy {
    async fn before(tables: &Tables) -> Self {
        let (url, _) = split(&tables.url);
        let server = url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, state) = watch::channel(Line::Up);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (mut state, server) = (state.clone(), server.clone());
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = state.wait_for(|line| *line == Line::Cut) => {}
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                    }
                });
            }
        });
        Self { line, port }
    }

    fn config(&self, tables: &Tables) -> SqlConfig {
        let mut config = tables.config();
        let server = config.server.as_mut().unwrap();
        let (user, place) = server.url.split_once('@').unwrap();
        let database = place.split_once('/').unwrap().1;
        server.url = format!("{user}@127.0.0.1:{}/{database}", self.port);
        server.connect_timeout = Duration::from_millis(500);
        config
    }
}

/// Between any two statements of any call the line may go: the work ends complete, and nothing is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_when_the_server_comes_back() {
    let Some(tables) = tables().await else { return };
    let proxy = Proxy::before(&tables).await;
    let store = SqlStore::open(&proxy.config(&tables), Arc::new(TestDomain)).await.unwrap();
    let info = WorkerInfo { id: "worker".into(), ttl: Duration::from_secs(3_600) };
    store.open(&info, &[Name::from("search")], at(0)).await.unwrap();
    let spec = RunSpec { job: "job".into(), key: Digest::of(b"job"), fresh_for: Duration::ZERO };
    let run = store.begin_run(&spec, at(0)).await.unwrap().run;
    let pages = (0..60).map(|page| Task::new("src", "page", page.to_string())).collect();
    store.enqueue(run, pages, at(1)).await.unwrap();

    let line = proxy.line.clone();
    let trouble = tokio::spawn(async move {
        for round in 0..12_u64 {
            tokio::time::sleep(Duration::from_millis(40 + round * 17)).await;
            line.send_replace(Line::Cut);
            tokio::time::sleep(Duration::from_millis(30)).await;
            line.send_replace(Line::Up);
        }
    });
    let permit = LanePermit { source: "src".into(), kind: "page".into(), max: 2 };
    let mut answered = 0;
    while answered < 60 {
        let claims = store.claim(&info.id, std::slice::from_ref(&permit), at(2)).await.unwrap();
        assert!(!claims.tasks.is_empty(), "{answered} are answered, and no more can be claimed");
        answered += claims.tasks.len();
        let calls = claims.tasks.into_iter().map(|claimed| {
            let person = claimed.task.subject().to_owned();
            call(claimed, vec![Seen::saying("hello").uid(&person).handle(format!("h{person}"))], 2)
        });
        store.commit(&info.id, calls.collect(), &NoLookup, at(2)).await.unwrap();
    }
    trouble.await.unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.entities, counts.payloads, counts.versions), (60, 60, 60));
    assert_eq!(counts.tasks, BTreeMap::from([("done".to_owned(), 60)]));
    let state = store.run(run).await.unwrap().unwrap();
    assert_eq!((state.open, state.counts.done, state.counts.items), (0, 60, 60));
    assert_eq!(counts.sinks["search"].pending, 60);
}

/// A server that stays away is waited for as long as it is said, and no call takes for ever.
#[tokio::test]
async fn a_server_that_stays_away_ends_the_wait() {
    let Some(tables) = tables().await else { return };
    let proxy = Proxy::before(&tables).await;
    let mut config = proxy.config(&tables);
    config.server.as_mut().unwrap().patience = Duration::from_millis(800);
    let store = SqlStore::open(&config, Arc::new(TestDomain)).await.unwrap();
    proxy.line.send_replace(Line::Cut);
    let counted = tokio::time::timeout(Duration::from_secs(60), store.counts()).await;
    let error = counted.expect("the wait has an end").unwrap_err();
    assert!(error.to_string().contains("attempts"), "{error}");
    proxy.line.send_replace(Line::Up);
    store.counts().await.unwrap();
}

/// Stands still in the middle of the first transaction that asks it, which has locked its rows by then.
struct Still {
    stands: mpsc::Sender<()>,
    goes_on: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Lookup for Still {
    fn moved(&self, _ids: &Ids) -> Vec<Task> {
        Vec::new()
    }

    fn grown(&self, _ids: &Ids) -> Vec<Task> {
        if let Some(goes_on) = self.goes_on.lock().unwrap().take() {
            self.stands.send(()).unwrap();
            goes_on.recv().unwrap();
        }
        Vec::new()
    }
}

/// A worker that stands still in the middle of a transaction, as a stopped process or a machine that is gone: the others
/// take over all the same, and what it does when it goes on is stale.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_still_in_a_transaction_is_taken_over_from() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let store = SqlStore::open(&config, Arc::new(TestDomain)).await.unwrap();
    let ttl = Duration::from_secs(10);
    let [still, other] = ["still", "other"].map(|id| WorkerInfo { id: id.into(), ttl });
    store.open(&still, &[Name::from("search")], at(0)).await.unwrap();
    let spec = RunSpec { job: "job".into(), key: Digest::of(b"job"), fresh_for: Duration::ZERO };
    let run = store.begin_run(&spec, at(0)).await.unwrap().run;
    let tasks = ["one", "two"].map(|subject| Task::new("src", "page", subject));
    store.enqueue(run, tasks.to_vec(), at(1)).await.unwrap();
    let permit = LanePermit { source: "src".into(), kind: "page".into(), max: 2 };
    let held = store.claim(&still.id, std::slice::from_ref(&permit), at(1)).await.unwrap().tasks;
    store.open(&other, &[Name::from("search")], at(1)).await.unwrap();

    let (stands, is_standing) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel();
    let lookup = Still { stands, goes_on: Mutex::new(Some(goes_on)) };
    let (worker, first) = (Arc::clone(&still.id), held[0].clone());
    // A thread and a runtime of its own: it blocks.
    let standing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = SqlStore::open(&config, Arc::new(TestDomain)).await.unwrap();
            let answer = call(first, vec![Seen::saying("hello").uid("1").handle("h")], 2);
            store.commit(&worker, vec![answer], &lookup, at(2)).await.unwrap()
        })
    });
    tokio::task::spawn_blocking(move || is_standing.recv().unwrap()).await.unwrap();

    let taken = async {
        while store.heartbeat(&other.id, at(60)).await.unwrap().taken_over < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(100), taken).await.expect("nobody takes over from it");
    let again = store.claim(&other.id, &[permit], at(61)).await.unwrap().tasks;
    assert_eq!(again.len(), 2);
    go_on.send(()).unwrap();
    let stale = tokio::task::spawn_blocking(move || standing.join().unwrap()).await.unwrap();
    assert_eq!(stale.stale, [held[0].id], "the work of one that was taken over from counted");
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.tasks, BTreeMap::from([("claimed".to_owned(), 2)]));
    assert_eq!((counts.entities, counts.payloads), (1, 1), "its answer is kept");
}
