//! Sinks that fail, hold, refuse, report and ask again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use collector_core::error::ErrorKind;
use collector_core::id::Id;
use collector_core::pipeline::{End, Settings};
use collector_core::sink::{BatchLimits, Change, Facts, Position, Wrote};
use collector_core::store::Store;
use collector_core::task::Task;
use tokio_util::sync::CancellationToken;

use crate::support::*;

type ThingSink = TrickySink<Option<Thing>>;

fn key_of(change: &Change<Option<Thing>>) -> String {
    match change {
        Change::Put(record) => {
            record.entity.as_ref().as_ref().map_or_else(String::new, |thing| thing.key.clone())
        }
        Change::Delete { .. } => String::new(),
    }
}

/// Answers by key; `None` stores.
fn each(batch: &[Change<Option<Thing>>], answer: impl Fn(&str) -> Option<Wrote>) -> Trick {
    Trick::Each(batch.iter().map(|one| answer(&key_of(one)).unwrap_or(Wrote::Stored(Facts::new()))).collect())
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_repeated_whether_it_had_written_or_not() {
    for fault in [|| Trick::FailBefore, || Trick::FailAfter] {
        let world = World::of_things();
        let sink =
            ThingSink::new("tricky", move |write, _| if write % 3 == 0 { Trick::Fine } else { fault() });
        let engine = world.bare().sink(sink.clone()).source(Scripted::willing("api")).build().unwrap();
        let report = run(&engine, many(50)).await;
        assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
        assert_eq!(things_in(&sink.inner).len(), 50);
        let counts = report.sinks["tricky"];
        assert_eq!((counts.wanted, counts.stored + counts.superseded), (50, 50));
        world.assert_left_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_change_is_a_dead_letter_and_its_neighbours_are_stored() {
    let world = World::of_things();
    let sink = ThingSink::new("picky", |_, batch| {
        each(batch, |key| (key == "h013").then(|| Wrote::Rejected("too long".into())))
    });
    let engine = world.bare().sink(sink.clone()).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(30)).await;
    assert_eq!((report.end, report.counts.done, report.counts.dead), (End::Partial, 30, 0));
    assert_eq!((report.sinks["picky"].rejected, things_in(&sink.inner).len()), (1, 29));
    assert!(report.reasons.iter().any(|reason| reason == "rejected 1: picky"), "{:?}", report.reasons);
    let letters = world.store.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), &*letters[0].part, &*letters[0].message), (1, "picky", "too long"));
    assert_eq!(letters[0].kind, ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_cannot_take_now_is_offered_again_not_before_its_time() {
    let world = World::of_things();
    let wait = 6 * SECOND;
    let sink = ThingSink::new("busy", move |write, batch| {
        each(batch, |key| (write == 1 && key == "h000").then_some(Wrote::Retry { after: Some(wait) }))
    })
    .limits(BatchLimits { items: 100, age: Duration::from_secs(5), in_flight: 1 });
    let engine = world.bare().sink(sink.clone()).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(10)).await;
    assert_eq!((report.end, things_in(&sink.inner).len()), (End::Complete, 10));
    assert!(report.took >= wait && report.took < 2 * wait, "{:?}", report.took);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_puts_everything_off_for_ever_does_not_keep_the_run() {
    let world = World::of_things();
    let sink = ThingSink::new("lazy", |_, batch| each(batch, |_| Some(Wrote::Retry { after: None })));
    let engine = world.bare().sink(sink).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(10)).await;
    assert_eq!((report.end, report.counts.done, report.sinks["lazy"].pending), (End::Partial, 10, 10));
    assert!(report.took < 5 * MINUTE, "{:?}", report.took);
    assert!(
        report.reasons.iter().any(|reason| reason.starts_with("pending 10: lazy")),
        "{:?}",
        report.reasons
    );
}

/// A vendor whose links expire: each answer has a newer one. `about` says whom a task is about, as profiles do.
fn signing(about: bool) -> Scripted<Thing> {
    let task = move |key: &str| {
        let task = Task::new("api", "thing", key);
        if about { task.about(thing_id(key), "") } else { task }
    };
    Scripted::new("api", |asked: &Asked| {
        Said::items([Thing::new(asked.subject(), format!("link {}", asked.before))]).into()
    })
    .seeding(move |query| Ok(query.handles.iter().map(|handle| task(handle)).collect()))
    .lookup(move |ids| Some(task(&ids.strongest()?.value)))
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_asks_for_a_newer_version_gets_one_and_the_source_is_asked_once_more() {
    for about in [false, true] {
        let world = World::of_things();
        let api = signing(about);
        let sink = ThingSink::new("images", |_, batch| {
            let expired = |change: &Change<Option<Thing>>| match change {
                Change::Put(record) => record.entity.as_ref().as_ref().unwrap().value == "link 0",
                Change::Delete { .. } => false,
            };
            let answer = |change| match expired(change) {
                true => Wrote::Refresh("the link has expired".into()),
                false => Wrote::Stored(Facts::new()),
            };
            Trick::Each(batch.iter().map(answer).collect())
        });
        let engine = world.bare().sink(sink.clone()).source(api.clone()).build().unwrap();
        let report = run(&engine, many(5)).await;
        assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
        assert_eq!((api.calls(), api.most_asked()), (10, 2), "about somebody: {about}");
        assert!(things_in(&sink.inner).iter().all(|(_, value)| value == "link 1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_stays_expired_is_asked_for_once_in_a_run_and_keeps_nobody_waiting() {
    let world = World::of_things();
    let api = signing(true);
    let sink = ThingSink::new("images", |_, batch| each(batch, |_| Some(Wrote::Refresh("expired".into()))));
    let engine = world.bare().sink(sink).source(api.clone()).build().unwrap();
    let report = run(&engine, many(5)).await;
    assert_eq!((report.end, report.sinks["images"].pending, api.calls()), (End::Partial, 5, 10));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_be_asked_for_again_becomes_a_dead_letter_and_ends_the_run() {
    let world = World::of_things();
    let ended = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&ended);
    let sink = ThingSink::new("images", move |_, batch| {
        each(batch, |key| {
            (key == "h001" && now.load(Ordering::SeqCst)).then(|| Wrote::Refresh("expired".into()))
        })
    });
    let api = signing(true).lookup(|_| None);
    let engine = world.bare().sink(sink.clone()).source(api.clone()).build().unwrap();
    let report = run(&engine, many(3)).await;
    let counts = report.sinks["images"];
    assert_eq!((report.end, report.open, counts.pending, counts.rejected), (End::Partial, 0, 0, 1));
    assert!(report.took < 5 * SECOND, "{:?}", report.took);
    assert!(report.reasons.contains(&"rejected 1: images".to_owned()), "{:?}", report.reasons);
    let letters = world.store.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), &*letters[0].part), (1, "images"));
    assert_eq!(letters[0].message, "expired; no source can be asked for a newer version");
    assert_eq!((things_in(&sink.inner).len(), api.calls()), (2, 3), "its neighbours are stored");

    // Not for ever: the next version is offered anew.
    ended.store(false, Ordering::SeqCst);
    let job = many(3).fresh_for(Duration::ZERO);
    let report = run(&engine, job).await;
    assert_eq!((report.end, things_in(&sink.inner).len()), (End::Complete, 3));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn each_source_is_asked_once_for_a_newer_version_whoever_names_it() {
    let world = World::of_things();
    let (api, slow) = (signing(true), 8 * SECOND);
    // Takes longer than the change is put off, so that the sink asks again while the question is open.
    let more = |name: &str| {
        let own = name.to_owned();
        let said = |asked: &Asked| Said::items([Thing::new(asked.subject(), "link 0")]).into();
        Scripted::new(name, said)
            .takes(slow)
            .lookup(move |ids| Some(Task::new(own.as_str(), "thing", &*ids.strongest()?.value)))
    };
    let (second, names_api) = (more("second"), Scripted::<Thing>::willing("third"));
    let names_api = names_api.lookup(|ids| {
        let key = &*ids.strongest()?.value;
        Some(Task::new("api", "thing", key).about(thing_id(key), ""))
    });
    let sink = ThingSink::new("images", |_, batch| each(batch, |_| Some(Wrote::Refresh("expired".into()))));
    let pipeline = world.bare().sink(sink).source(api.clone());
    let engine = pipeline.enrich(second.clone()).enrich(names_api.clone()).build().unwrap();
    run(&engine, many(4)).await;
    assert_eq!((api.calls(), api.most_asked()), (8, 2), "the first time, and once more");
    assert_eq!((second.calls(), second.most_asked()), (8, 2), "when they were found, and once more");
    assert_eq!(names_api.calls(), 0);
}

/// A sink that is down while the switch is on.
fn switched(name: &'static str, down: &Arc<AtomicBool>) -> ThingSink {
    let down = Arc::clone(down);
    ThingSink::new(
        name,
        move |_, _| if down.load(Ordering::SeqCst) { Trick::FailBefore } else { Trick::Fine },
    )
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_for_the_whole_run_gets_everything_in_the_next_without_a_call() {
    let world = World::of_things();
    let down = Arc::new(AtomicBool::new(true));
    let (images, api) = (switched("images", &down), Scripted::willing("api"));
    let engine = world.pipeline().sink(images.clone()).source(api.clone()).build().unwrap();
    let report = run(&engine, many(50)).await;

    assert_eq!((report.end, report.counts.done, report.open), (End::Partial, 50, 0));
    assert_eq!((report.sinks["images"].pending, report.sinks["sink"].stored), (50, 50));
    let pending = report.reasons.iter().find(|reason| reason.starts_with("pending 50: images")).unwrap();
    assert!(pending.contains("the sink is down"), "{pending}");
    assert!(report.took < MINUTE, "waited {:?} for a sink that is down", report.took);
    assert_eq!(world.stored().len(), 50, "the other sink was held up");
    assert!(images.writes() <= 16, "{} writes to a sink that is down", images.writes());

    down.store(false, Ordering::SeqCst);
    let report = run(&engine, many(50)).await;
    assert_eq!((report.end, report.counts.fresh, api.calls()), (End::Complete, 50, 50));
    assert_eq!((report.sinks["images"].stored, report.sinks["images"].pending), (50, 0));
    assert_eq!(things_in(&images.inner).len(), 50);
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn versions_that_replace_each_other_do_not_hide_a_sink_that_is_down() {
    let world = World::of_things();
    let down = Arc::new(AtomicBool::new(true));
    // The same few things change with every call, faster than the healthy sink writes them.
    let api = Scripted::new("api", |asked: &Asked| {
        Said::items([Thing::new(&format!("t{}", asked.number % 3), asked.number.to_string())]).into()
    });
    let engine = world.pipeline().sink(switched("images", &down)).source(api).build().unwrap();
    let report = run(&engine, many(200)).await;
    assert_eq!((report.end, report.counts.done), (End::Partial, 200));
    assert_eq!((report.sinks["images"].pending, report.sinks["sink"].pending), (3, 0));
    assert!(report.took < MINUTE, "{:?}", report.took);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_while_too_much_waits_for_a_sink() {
    let world = World::of_things();
    let down = Arc::new(AtomicBool::new(true));
    let (images, api) = (switched("images", &down), Scripted::willing("api"));
    let settings = Settings { max_pending: 40, ..Settings::default() };
    let engine = world.bare().sink(images.clone()).source(api.clone()).settings(settings).build().unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(many(300)).await.unwrap();
    tokio::time::sleep(30 * MINUTE).await;
    // What was running and claimed when the limit was reached.
    assert!((40..=40 + 24).contains(&api.calls()), "{} calls", api.calls());
    down.store(false, Ordering::SeqCst);
    let report = within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    assert_eq!((report.end, things_in(&images.inner).len()), (End::Complete, 300));
    handle.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_what_is_really_pending_counts_against_the_limit() {
    let world = World::of_things();
    // A hundred versions of one thing while the sink is busy: one change is pending, not a hundred.
    let api = Scripted::new("api", |asked: &Asked| {
        Said::items([Thing::new("one", asked.number.to_string())]).into()
    });
    let slow = ThingSink::new("slow", |_, _| Trick::Fine).limits(BatchLimits {
        items: 1_000,
        age: 10 * SECOND,
        in_flight: 1,
    });
    let settings = Settings { max_pending: 10, ..Settings::default() };
    let engine = world.bare().sink(slow).source(api.clone()).settings(settings).build().unwrap();
    let report = run(&engine, many(300)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, 300));
    assert!(report.took < 2 * MINUTE, "{:?}", report.took);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_is_given_up_and_repeated() {
    let world = World::of_things();
    let sink = ThingSink::new("hanging", |write, _| if write == 1 { Trick::Hang } else { Trick::Fine });
    let engine = world.bare().sink(sink.clone()).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(10)).await;
    assert_eq!((report.end, things_in(&sink.inner).len()), (End::Complete, 10));
}

#[tokio::test(start_paused = true)]
async fn too_few_outcomes_put_the_whole_batch_in_doubt() {
    let world = World::of_things();
    let sink = ThingSink::new("forgetful", |write, _| if write == 1 { Trick::TooFew } else { Trick::Fine });
    let engine = world.bare().sink(sink.clone()).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(10)).await;
    let counts = report.sinks["forgetful"];
    assert_eq!((report.end, counts.stored + counts.superseded, counts.pending), (End::Complete, 10, 0));

    let world = World::of_things();
    let sink = ThingSink::new("forgetful", |_, _| Trick::TooFew);
    let engine = world.bare().sink(sink).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(10)).await;
    assert_eq!((report.end, report.sinks["forgetful"].pending), (End::Partial, 10));
    let reason = report.reasons.iter().find(|reason| reason.contains("outcomes for 10 changes"));
    assert!(reason.is_some(), "{:?}", report.reasons);
}

#[tokio::test(start_paused = true)]
async fn what_one_sink_reports_reaches_the_other_with_a_higher_version() {
    let world = World::of_things();
    let images = ThingSink::new("images", |_, batch| {
        each(batch, |key| Some(Wrote::Stored(Facts::from([("avatar".into(), format!("{key}.jpg").into())]))))
    });
    let engine = world.pipeline().sink(images).source(Scripted::willing("api")).build().unwrap();
    let report = run(&engine, many(20)).await;
    assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
    for record in world.sink.records() {
        let key = &record.entity.as_ref().as_ref().unwrap().key;
        assert_eq!(record.facts["avatar"], format!("{key}.jpg"));
        assert_eq!(record.version, 2, "the entity, and the fact");
    }
    assert_eq!(report.sinks["images"].wanted, 20, "who reports a fact is not told of it");
}

#[tokio::test(start_paused = true)]
async fn a_sink_gets_its_position_back_when_it_is_opened_again() {
    let world = World::of_things();
    let sink = ThingSink::new("file", |_, _| Trick::Fine).with_positions();
    for round in 0..3 {
        let engine = world.bare().sink(sink.clone()).source(Scripted::willing("api")).build().unwrap();
        let before = sink.writes();
        assert_eq!(run(&engine, handles([format!("round {round}")])).await.end, End::Complete);
        assert!(sink.writes() > before);
        let opened = sink.opened().last().unwrap().clone();
        let expected = (before > 0).then(|| Position(before.to_string()));
        assert_eq!(opened, expected, "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_gets_batches_of_its_size_and_no_more_writes_at_once_than_it_wants() {
    let world = World::of_things();
    let sink = ThingSink::new("limited", |_, batch| {
        assert!(batch.len() <= 7, "a batch of {}", batch.len());
        Trick::Fine
    })
    .limits(BatchLimits { items: 7, age: Duration::from_millis(200), in_flight: 2 });
    let api = Scripted::willing("api").takes(Duration::from_millis(1));
    let engine = world.bare().sink(sink.clone()).source(api).build().unwrap();
    let report = run(&engine, many(300)).await;
    assert_eq!((report.end, things_in(&sink.inner).len(), sink.most_at_once()), (End::Complete, 300, 2));
    let mut offered = sink.offered();
    offered.sort();
    offered.dedup();
    assert_eq!(offered.len(), sink.offered().len(), "a change was offered twice");
}

#[tokio::test(start_paused = true)]
async fn a_new_sink_is_owed_everything_there_is() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    run(&world.pipeline().source(api.clone()).build().unwrap(), many(40)).await;
    let late = ThingSink::new("late", |_, _| Trick::Fine);
    let engine = world.pipeline().sink(late.clone()).source(api.clone()).build().unwrap();
    let report = run(&engine, many(40)).await;
    assert_eq!((report.end, api.calls(), things_in(&late.inner).len()), (End::Complete, 40, 40));
    let id = Id::new("key", "h000");
    assert!(world.store.find(&id).await.unwrap().is_some());
}
