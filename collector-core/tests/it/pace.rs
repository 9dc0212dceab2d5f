//! How fast a vendor is asked: waits it asks for, rates that are told, rates that are learned.

use std::sync::Mutex;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::clock::Timestamp;
use collector_core::error::ErrorKind;
use collector_core::pipeline::{End, SourceOptions};

use crate::support::*;

fn on_host(account: &str, host: &str, in_flight: usize) -> SourceOptions {
    SourceOptions {
        account: Some(account.into()),
        host: Some(host.into()),
        limits: Limits { in_flight, ..Limits::default() },
        ..SourceOptions::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_asked_for_holds_every_account_of_the_host_and_costs_no_attempt() {
    let world = World::of_things();
    let refusing = Scripted::new("refusing", |asked: &Asked| match asked.number {
        5 => Reply::slow_down(7 * SECOND),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let (sibling, stranger) = (Scripted::willing("sibling"), Scripted::willing("stranger"));
    let engine = world
        .pipeline()
        .source_with(refusing.clone(), on_host("a", "host", 1))
        .source_with(sibling.clone(), on_host("b", "host", 1))
        .source_with(stranger.clone(), on_host("c", "elsewhere", 1));
    let report = run(&engine.build().unwrap(), many(40)).await;

    assert_eq!((report.end, report.counts.done), (End::Complete, 120));
    assert_eq!((report.counts.retries, refusing.calls()), (0, 41), "the refused task lost an attempt");
    let refused = refusing.made()[4].at + Duration::from_millis(100);
    let held = |at: &Timestamp| *at > refused && *at < refused + 7 * SECOND;
    for source in [&refusing, &sibling] {
        let early: Vec<_> = source.made().into_iter().filter(|made| held(&made.at)).collect();
        assert!(early.is_empty(), "asked during the wait: {early:?}");
    }
    assert!(stranger.made().iter().any(|made| held(&made.at)), "another host was held too");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_a_failing_vendor_is_kept_too() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.number {
        1 => Reply::Fail(
            collector_core::error::Error::new(ErrorKind::Unavailable, "maintenance").retry_after(3 * MINUTE),
        ),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let engine = world.pipeline().source_with(api.clone(), on_host("a", "h", 1)).build().unwrap();
    assert_eq!(run(&engine, many(5)).await.end, End::Complete);
    let made = api.made();
    let gap = made[1].at.since(made[0].at);
    assert!(gap >= 3 * MINUTE && gap < 4 * MINUTE, "asked again after {gap:?}");
}

/// The most calls that began within any stretch of this length.
fn most_within(source: &Scripted<Thing>, stretch: Duration) -> usize {
    let starts: Vec<Timestamp> = source.made().iter().map(|made| made.at).collect();
    let within =
        |from: &Timestamp| starts.iter().filter(|at| **at >= *from && at.since(*from) < stretch).count();
    starts.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_told_rate_is_used_up_and_never_exceeded() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let limits = Limits { in_flight: 64, per_second: Some(20.0), burst: Some(10) };
    let options = SourceOptions { limits, ..SourceOptions::default() };
    let report = run(&world.pipeline().source_with(api.clone(), options).build().unwrap(), many(400)).await;
    assert_eq!(report.end, End::Complete);
    for seconds in [1, 2, 5, 10] {
        let (most, allowed) = (most_within(&api, seconds * SECOND), 20 * seconds as usize + 10);
        assert!(most <= allowed, "{most} calls within {seconds} s, {allowed} are allowed");
    }
    let made = api.made();
    let took = made.last().unwrap().at.since(made[0].at);
    assert!(took < 21 * SECOND, "{took:?} for 400 calls at 20 a second");
}

#[tokio::test(start_paused = true)]
async fn an_untold_rate_is_learned_from_a_few_refusals() {
    let world = World::of_things();
    // The vendor's own bucket: 50 a second, 50 at once.
    let bucket = Mutex::new((50.0_f64, BEGIN));
    let api = Scripted::new("api", move |asked: &Asked| {
        let mut bucket = bucket.lock().unwrap();
        let earned = asked.at.since(bucket.1).as_secs_f64() * 50.0;
        *bucket = ((bucket.0 + earned).min(50.0), asked.at);
        if bucket.0 < 1.0 {
            return Reply::slow_down(SECOND);
        }
        bucket.0 -= 1.0;
        Said::items([Thing::new(asked.subject(), "known")]).into()
    });
    let options =
        SourceOptions { limits: Limits { in_flight: 32, ..Limits::default() }, ..SourceOptions::default() };
    let report = run(&world.pipeline().source_with(api.clone(), options).build().unwrap(), many(1_500)).await;
    assert_eq!((report.end, report.counts.retries), (End::Complete, 0));
    let refused = api.calls() - 1_500;
    assert!(refused <= 150, "{refused} refusals for 1,500 answers");
    let made = api.made();
    let took = made.last().unwrap().at.since(made[0].at);
    assert!(took < 60 * SECOND, "{took:?} for 29 s of tokens");
}
