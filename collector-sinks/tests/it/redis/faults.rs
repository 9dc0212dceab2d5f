//! What the network and the server can do to a lock.

use std::sync::Arc;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::lock::{Acquired, Keeper, Lease, LeaseOptions, Lock, LockKey, Released, Renewed};
use collector_core::testkit::proxy::{Path, TcpProxy};
use collector_sinks::redis::{Redis, RedisConfig, RedisLock};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::server::{self, OwnServer, Stalls};

const MINUTE: LeaseOptions = LeaseOptions { ttl: Duration::from_secs(60), min_hold: Duration::ZERO };
/// Long enough for a busy machine, short enough to wait for.
const QUICK: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);

fn keys(count: usize) -> Vec<LockKey> {
    (0..count).map(|n| LockKey(format!("demo:s:profile:{n}").into())).collect()
}

fn granted(answers: Vec<Acquired>) -> Vec<Lease> {
    answers
        .into_iter()
        .filter_map(|answer| match answer {
            Acquired::Granted(lease) => Some(lease),
            Acquired::Held { .. } => None,
        })
        .collect()
}

async fn take(lock: &RedisLock, count: usize, options: LeaseOptions) -> Vec<Lease> {
    granted(lock.try_acquire_many(&keys(count), options).await.unwrap())
}

async fn behind_proxy(server: &OwnServer) -> (RedisConfig, TcpProxy) {
    let proxy = TcpProxy::to(server.address()).await.unwrap();
    let config = RedisConfig::parse(&format!("redis://{}", proxy.address())).unwrap();
    (config.response_timeout(QUICK).connect_timeout(QUICK), proxy)
}

fn is_outage(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable && error.to_string().contains("redis://127.0.0.1:")
}

#[tokio::test]
async fn keys_whose_grant_nobody_heard_of_are_given_back_by_the_next_call() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (config, proxy) = behind_proxy(&server).await;
    let lock = server::lock(&config);
    assert_eq!(take(&lock, 1, MINUTE).await.len(), 1);
    proxy.set(Path::Mute);
    let error = lock.try_acquire_many(&keys(40), MINUTE).await.unwrap_err();
    assert!(is_outage(&error), "{error:?}");
    proxy.set(Path::Open);
    let other = server::lock(&server.config());
    assert_eq!(take(&other, 40, MINUTE).await.len(), 0, "the server took them, and nobody knows");
    assert_eq!(take(&lock, 40, MINUTE).await.len(), 39, "all but the one that is held");
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_no_orphans_either() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (config, proxy) = behind_proxy(&server).await;
    let lock = server::lock(&config.response_timeout(Duration::from_secs(60)));
    assert_eq!(take(&lock, 1, MINUTE).await.len(), 1);
    proxy.set(Path::Mute);
    tokio::time::timeout(QUICK, lock.try_acquire_many(&keys(40), MINUTE)).await.unwrap_err();
    proxy.set(Path::Open);
    assert_eq!(take(&lock, 40, MINUTE).await.len(), 39);
}

#[tokio::test]
async fn a_request_that_is_carried_out_after_it_was_given_back_is_given_back_again() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (config, proxy) = behind_proxy(&server).await;
    let (lock, other) = (server::lock(&config), server::lock(&server.config()));
    assert_eq!(take(&lock, 1, MINUTE).await.len(), 1);
    proxy.hold();
    lock.try_acquire_many(&keys(40), MINUTE).await.unwrap_err();
    // A new connection: the keys are given back although the server never heard that they were wanted.
    let elsewhere = [LockKey("demo:elsewhere".into())];
    lock.try_acquire_many(&elsewhere, MINUTE).await.unwrap();
    proxy.let_go();
    until(|| async { take(&other, 40, MINUTE).await.is_empty() }).await;
    until(|| async {
        lock.try_acquire_many(&elsewhere, MINUTE).await.unwrap();
        take(&other, 40, MINUTE).await.len() == 39
    })
    .await;
}

/// Waits for something that has to come about.
async fn until<F: Future<Output = bool>>(mut met: impl FnMut() -> F) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !met().await {
        assert!(Instant::now() < limit, "it did not come about");
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn a_min_hold_is_kept_although_the_answer_to_the_release_was_lost() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (config, proxy) = behind_proxy(&server).await;
    let (lock, other) = (server::lock(&config), server::lock(&server.config()));
    let options = LeaseOptions { min_hold: Duration::from_secs(3_600), ..MINUTE };
    let leases = take(&lock, 3, options).await;
    // The release does not even arrive.
    proxy.set(Path::Hang);
    let error = lock.release_many(leases.clone()).await.unwrap_err();
    assert!(is_outage(&error), "{error:?}");
    proxy.cut();
    proxy.set(Path::Open);
    lock.try_acquire_many(&[LockKey("demo:another".into())], MINUTE).await.unwrap();
    for answer in other.try_acquire_many(&keys(3), MINUTE).await.unwrap() {
        let Acquired::Held { remaining: Some(rest) } = answer else { panic!("{answer:?}") };
        assert!(rest > Duration::from_secs(3_000), "{rest:?} left of an hour");
    }
    assert_eq!(lock.renew_many(&leases).await.unwrap(), [Renewed::Lost; 3], "a released key was renewed");
    assert_eq!(lock.release_many(leases).await.unwrap(), [Released::NotOurs; 3]);
}

#[tokio::test]
async fn every_fault_is_an_outage_in_bounded_time_and_passes() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (config, proxy) = behind_proxy(&server).await;
    for path in [Path::Refuse, Path::Hang, Path::Mute] {
        let lock = server::lock(&config);
        let leases = take(&lock, 5, MINUTE).await;
        assert_eq!(leases.len(), 5);
        proxy.set(path);
        proxy.cut();
        let started = Instant::now();
        for _ in 0..2 {
            let error = lock.renew_many(&leases).await.unwrap_err();
            assert!(is_outage(&error), "{path:?}: {error:?}");
        }
        assert!(started.elapsed() < QUICK * 20, "{path:?} took {:?}", started.elapsed());
        proxy.set(Path::Open);
        // What was refused or hung is cut, so that the path is really new.
        proxy.cut();
        let renewed = async {
            loop {
                if let Ok(renewed) = lock.renew_many(&leases).await {
                    return renewed;
                }
                tokio::task::yield_now().await;
            }
        };
        let renewed = tokio::time::timeout(Duration::from_secs(20), renewed).await.unwrap();
        assert_eq!(renewed, [Renewed::Held; 5], "{path:?}");
        lock.release_many(leases).await.unwrap();
    }
}

#[tokio::test]
async fn slow_answers_are_waited_for_and_their_time_is_not_ours() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (config, proxy) = behind_proxy(&server).await;
    let lock = server::lock(&config.response_timeout(Duration::from_secs(60)));
    take(&lock, 1, MINUTE).await;
    proxy.set(Path::Slow(QUICK));
    let asked = Instant::now();
    let leases = take(&lock, 2, MINUTE).await;
    assert_eq!(leases.len(), 1);
    assert!(asked.elapsed() >= 2 * QUICK);
    // Of the ttl 1 % is taken off.
    let latest = asked + MINUTE.ttl - MINUTE.ttl / 100 + QUICK;
    assert!(leases[0].valid_until() < latest, "the wait was counted as ours");
}

#[tokio::test]
async fn loss_is_told_before_the_lease_ends_when_renewals_are_cut() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let told_late = |path| {
        let server = &server;
        async move {
            // Nobody is told anything in time by a process that stands still: then it is tried again.
            for _ in 0..5 {
                let stalls = Stalls::watch();
                let late = cut_off(server, path).await;
                if late == 0 || stalls.longest() < Duration::from_millis(100) {
                    return late;
                }
            }
            panic!("this machine stands still all the time");
        }
    };
    let late = tokio::join!(told_late(Path::Refuse), told_late(Path::Hang), told_late(Path::Mute));
    assert_eq!(late, (0, 0, 0), "of 100 each, refused, hanging and mute");
}

/// Cuts renewals off; gives how many of 100 leases were told of it too late.
async fn cut_off(server: &OwnServer, path: Path) -> usize {
    let (config, proxy) = behind_proxy(server).await;
    let lock = server::lock(&config.prefix(format!("collector:{:?}", proxy.address())));
    let options = LeaseOptions { ttl: Duration::from_secs(6), min_hold: Duration::ZERO };
    let keeper = Arc::new(Keeper::new(Arc::new(lock), options));
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&keeper).run(stop.clone()));
    let leases = granted(keeper.acquire(keys(100)).await.unwrap());
    assert_eq!(leases.len(), 100);
    proxy.set(path);
    proxy.cut();
    for lease in &leases {
        lease.lost().cancelled().await;
    }
    let told = Instant::now();
    assert_eq!(keeper.watched(), 0);
    stop.cancel();
    running.await.unwrap();
    leases.iter().filter(|lease| told > lease.valid_until()).count()
}

#[tokio::test]
async fn a_server_that_comes_back_empty_loses_leases_and_brings_none_back() {
    let Some(mut server) = OwnServer::start(&[]).await else { return };
    let config = server.config().response_timeout(QUICK).connect_timeout(QUICK);
    let (lock, other) = (server::lock(&config), server::lock(&config));
    let leases = take(&lock, 10, MINUTE).await;
    server.kill();
    let error = lock.renew_many(&leases).await.unwrap_err();
    assert!(is_outage(&error), "{error:?}");
    let error = lock.try_acquire_many(&keys(1), MINUTE).await.unwrap_err();
    assert!(is_outage(&error) && error.to_string().contains("nothing listens there"), "{error:?}");
    server.restart().await;
    assert_eq!(lock.renew_many(&leases).await.unwrap(), [Renewed::Lost; 10]);
    assert_eq!(take(&other, 10, MINUTE).await.len(), 10, "a renewal set a lost key again");
    assert_eq!(lock.release_many(leases).await.unwrap(), [Released::NotOurs; 10]);
}

#[tokio::test]
async fn a_connection_that_ended_while_nobody_asked_is_made_anew() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let lock = server::lock(&server.config());
    let leases = take(&lock, 3, MINUTE).await;
    let killed = server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert_eq!(killed.trim(), "1");
    // Until the end has arrived here.
    tokio::time::sleep(PAUSE).await;
    assert_eq!(lock.renew_many(&leases).await.unwrap(), [Renewed::Held; 3]);
}

#[tokio::test]
async fn a_server_that_stands_still_is_an_outage_and_leaves_no_orphans() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let config = server.config().response_timeout(QUICK).connect_timeout(QUICK);
    let lock = server::lock(&config);
    assert_eq!(take(&lock, 1, MINUTE).await.len(), 1);
    server.stand_still(true);
    for _ in 0..3 {
        let error = lock.try_acquire_many(&keys(40), MINUTE).await.unwrap_err();
        assert!(is_outage(&error), "{error:?}");
    }
    server.stand_still(false);
    // What the server reads only now may be carried out after it was given back: then it is given back again.
    let patient = server::lock(&server.config());
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let leases = granted(lock.try_acquire_many(&keys(40), MINUTE).await.unwrap_or_default());
        if leases.len() == 39 {
            return;
        }
        lock.release_many(leases).await.unwrap();
        let held = 40 - take(&patient, 0, MINUTE).await.len();
        assert!(Instant::now() < limit, "{held} keys stay taken");
        tokio::time::sleep(QUICK).await;
    }
}

#[tokio::test]
async fn scripts_the_server_forgot_are_loaded_again() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let lock = server::lock(&server.config());
    let leases = take(&lock, 40, MINUTE).await;
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(lock.renew_many(&leases).await.unwrap(), [Renewed::Held; 40]);
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(lock.release_many(leases).await.unwrap(), [Released::Freed; 40]);
}

#[tokio::test]
async fn keys_are_grouped_as_a_cluster_wants_them() {
    let Some(server) = OwnServer::start(&["--cluster-enabled", "yes"]).await else { return };
    server.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let lock = server::lock(&server.config());
    let limit = Instant::now() + Duration::from_secs(20);
    while let Err(error) = lock.try_acquire_many(&[LockKey("up".into())], MINUTE).await {
        assert!(error.kind() == ErrorKind::Unavailable && Instant::now() < limit, "{error:?}");
        tokio::time::sleep(QUICK).await;
    }
    let leases = take(&lock, 600, MINUTE).await;
    assert_eq!(leases.len(), 600);
    assert!(lock.renew_many(&leases).await.unwrap().iter().all(|answer| *answer == Renewed::Held));
    assert!(lock.release_many(leases).await.unwrap().iter().all(|answer| *answer == Released::Freed));
    Redis::new(server.config()).unwrap().check().await.unwrap();
}
