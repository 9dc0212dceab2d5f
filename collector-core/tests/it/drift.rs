//! Answers that cannot be read: kept, bounded, and mended later without losing anything.

use collector_core::admission::Limits;
use collector_core::error::ErrorKind;
use collector_core::pipeline::{End, SourceOptions};
use collector_core::store::Store;
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// Readable again from an hour on.
fn drifting() -> Scripted<Thing> {
    Scripted::new("drifting", |asked: &Asked| match asked.at < BEGIN + HOUR {
        true => Reply::Garbage,
        false => Said::items([Thing::new(asked.subject(), "mended")]).into(),
    })
}

#[tokio::test(start_paused = true)]
async fn unreadable_answers_in_a_row_park_their_source_and_nobody_else() {
    let world = World::of_things();
    let (api, fine) = (drifting(), Scripted::willing("fine"));
    let engine = world.pipeline().source(api.clone()).source(fine.clone()).build().unwrap();
    let report = run(&engine, many(100)).await;

    assert_eq!((report.end, report.counts.done), (End::Partial, 100));
    assert_eq!((report.parked[0].kind, &*report.parked[0].account), (ErrorKind::Malformed, "drifting"));
    assert!(report.parked[0].reason.contains("drift"), "{}", report.parked[0].reason);
    // Twenty in a row, and what was running beside the twentieth.
    assert!((20..=27).contains(&api.calls()), "{} calls", api.calls());
    assert_eq!(report.counts.dead as usize, api.calls());
    assert_eq!(report.counts.malformed as usize, api.calls());
}

#[tokio::test(start_paused = true)]
async fn a_slow_source_drifts_like_a_fast_one() {
    let world = World::of_things();
    let api = drifting().takes(5 * SECOND);
    let one =
        SourceOptions { limits: Limits { in_flight: 1, ..Limits::default() }, ..SourceOptions::default() };
    let engine = world.pipeline().source_with(api.clone(), one).build().unwrap();
    let report = run(&engine, many(100)).await;
    assert_eq!((report.end, api.calls()), (End::Partial, 20));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_kept_and_completes_when_the_vendor_is_mended() {
    let world = World::of_things();
    let api = drifting();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let report = run(&engine, many(30)).await;
    assert_eq!(report.end, End::Partial);

    let letters = world.store.dead_letters(100).await.unwrap();
    assert_eq!(letters.len() as u64, report.counts.dead);
    for letter in &letters {
        let task = letter.task.as_ref().unwrap();
        let kept = world.store.payload(letter.payload.unwrap()).await.unwrap().unwrap();
        assert_eq!(&kept.body[..], format!("<html>{}</html>", task.subject()).as_bytes());
        assert_eq!(letter.kind, ErrorKind::Malformed);
    }

    tokio::time::advance(HOUR).await;
    let handle = engine.start().await.unwrap();
    let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    assert_eq!(handle.revive(&ids).await.unwrap(), ids.len() as u64);
    let begun = handle.submit(many(30)).await.unwrap();
    let report = within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    handle.shutdown().await.unwrap();
    assert!(begun.resumed);
    assert_eq!((report.end, report.counts.dead, world.stored().len()), (End::Complete, 0, 30));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_readable_answer_now_and_then_keeps_a_source_in() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.number % 10 {
        0 => Said::items([Thing::new(asked.subject(), "known")]).into(),
        _ => Reply::Garbage,
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(100)).await;
    assert_eq!((report.end, report.counts.done, report.counts.dead), (End::Partial, 10, 90));
    assert!(report.parked.is_empty());
}

#[tokio::test(start_paused = true)]
async fn garbage_by_the_hour_costs_a_try_per_start_and_stops_nobody() {
    let world = World::of_things();
    let (api, fine) =
        (Scripted::<Thing>::new("garbage", |_: &Asked| Reply::Garbage), Scripted::willing("fine"));
    let engine = world.pipeline().source(api.clone()).source(fine.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    for hour in 0..5 {
        let things = (0..40).map(|i| format!("{hour}-{i}"));
        let mut job = handles(things);
        job.name = format!("hour {hour}");
        handle.submit(job).await.unwrap();
        tokio::time::sleep(HOUR).await;
    }
    handle.shutdown().await.unwrap();
    assert!(api.calls() <= 27, "{} calls for garbage", api.calls());
    assert_eq!((fine.calls(), world.stored().len()), (200, 200));
}
