//! Rates that several processes share, on a real server.

use std::time::Duration;

use collector_core::admission::{AHEAD, MOST, Rate, SharedRate};
use collector_core::error::ErrorKind;
use collector_sinks::redis::{Redis, RedisConfig, RedisRate};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::server::{self, OwnServer, Stalls};

fn rate_of(config: &RedisConfig) -> RedisRate {
    RedisRate::new(Redis::new(config.clone()).unwrap())
}

/// Asks again and again for a while; gives when calls may start, at the earliest and at the latest by our clock.
async fn drain(rates: RedisRate, rate: Rate, begin: Instant, time: Duration) -> Vec<(f64, f64)> {
    let mut starts = Vec::new();
    while begin.elapsed() < time {
        let asked = begin.elapsed();
        let permits = rates.ask("account", rate, 7).await.unwrap();
        let answered = begin.elapsed();
        assert!(permits.starts.is_sorted() && permits.starts.len() <= 7);
        assert!(permits.starts.iter().all(|start| *start <= AHEAD));
        // The server looked at its clock somewhere in between.
        starts.extend(
            permits
                .starts
                .iter()
                .map(|start| ((asked + *start).as_secs_f64(), (answered + *start).as_secs_f64())),
        );
    }
    starts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_at_once_never_exceed_the_rate_and_use_it_up() {
    let Some(config) = server::given() else { return };
    let (rate, time, begin) = (Rate::new(300.0, 30.0), Duration::from_secs(3), Instant::now());
    let stalls = Stalls::watch();
    let mut limiters = JoinSet::new();
    for _ in 0..4 {
        limiters.spawn(drain(rate_of(&config), rate, begin, time));
    }
    let mut starts: Vec<(f64, f64)> = limiters.join_all().await.concat();
    starts.sort_by(|a, b| a.1.total_cmp(&b.1));
    let took = starts.last().unwrap().1 - starts[0].0;
    // While nobody asks nothing is granted, and the bucket holds no more than a tenth of a second's worth.
    if stalls.longest() < AHEAD {
        assert!(starts.len() as f64 >= 0.9 * took * 300.0, "{} calls in {took} s", starts.len());
    }
    // All calls from one to another began within the earliest and the latest moment that any of them may have had.
    for i in 0..starts.len() {
        let mut earliest = f64::INFINITY;
        for (n, (early, late)) in starts.iter().enumerate().skip(i) {
            earliest = earliest.min(*early);
            let (calls, stretch) = ((n - i + 1) as f64, late - earliest);
            assert!(calls <= stretch * 300.0 + 30.0 + 0.01, "{calls} calls in {stretch} s");
        }
    }
}

#[tokio::test]
async fn a_bucket_is_remembered_for_longer_than_a_call_takes_to_earn() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let (rates, day) = (rate_of(&server.config()), 86_400.0);
    assert_eq!(rates.ask("x", Rate::new(1.0 / day, 1.0), 1).await.unwrap().starts.len(), 1);
    let seconds: f64 = server.cli(&["TTL", "collector:rate:x"]).trim().parse().unwrap();
    assert!(seconds > day && seconds < day + 4_000.0, "{seconds}");
}

#[tokio::test]
async fn a_full_bucket_may_be_emptied_at_once_and_a_new_one_has_one_call() {
    let Some(config) = server::given() else { return };
    let (rates, rate) = (rate_of(&config), Rate::new(1.0, 20.0));
    assert_eq!(rates.ask("a", rate, MOST).await.unwrap().starts, [Duration::ZERO]);
    let quick = Rate::new(10_000.0, 20.0);
    rates.ask("b", quick, 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let granted = rates.ask("b", quick, 25).await.unwrap().starts;
    assert_eq!(granted.len(), 25);
    assert!(granted[..20].iter().all(Duration::is_zero) && !granted[20].is_zero(), "{granted:?}");
    assert!(rates.ask("b", quick, 0).await.unwrap().starts.is_empty());
}

#[tokio::test]
async fn a_server_that_lost_everything_or_whose_clock_was_set_slows_and_never_speeds_up() {
    let Some(mut server) = OwnServer::start(&[]).await else { return };
    let config = server.config().connect_timeout(Duration::from_secs(1));
    let (rates, rate) = (rate_of(&config), Rate::new(1.0, 100.0));
    assert_eq!(rates.ask("x", rate, MOST).await.unwrap().starts.len(), 1);
    server.kill();
    // The connection is found broken by the first call and cannot be made by the second.
    for _ in 0..2 {
        let error = rates.ask("x", rate, MOST).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
    server.restart().await;
    assert_eq!(rates.ask("x", rate, MOST).await.unwrap().starts.len(), 1, "a lost bucket was taken for full");
    // As if the clock had been an hour ahead, and as if somebody else had written there.
    server.cli(&["SET", "collector:rate:x", "9999999999999999"]);
    let next = rates.ask("x", rate, MOST).await.unwrap().next;
    assert!(next <= Duration::from_millis(1_051), "{next:?}");
    for nonsense in ["", "x", "nan"] {
        server.cli(&["SET", "collector:rate:x", nonsense]);
        assert!(rates.ask("x", rate, MOST).await.unwrap().starts.len() <= 1, "{nonsense}");
    }
    server.cli(&["DEL", "collector:rate:x"]);
    server.cli(&["LPUSH", "collector:rate:x", "1"]);
    assert!(rates.ask("x", rate, MOST).await.unwrap().starts.len() <= 1);
}
